//! `ListenerRule`: a rule of a load balancer's listener as it was seen.

use serde::Serialize;

use super::World;
use crate::{
    infra::{edge, test_listener},
    workflow::{Environment, LoadBalancer},
};

/// A rule. <https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_Rule.html>
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct ListenerRule {
    /// Its ARN.
    pub arn: String,
    /// Its priority; none for the listener's default.
    pub priority: Option<u32>,
    /// Hosts that it is for.
    pub hosts: Vec<String>,
    /// Paths that it is for.
    pub paths: Vec<String>,
    /// Fields of conditions that we never set.
    pub other_conditions: Vec<String>,
    /// Target groups that it forwards to.
    pub groups: Vec<String>,
    /// The host that it redirects to.
    pub redirect: Option<String>,
}

impl ListenerRule {
    /// The rules of a listener that belong to a service, by its target groups: redirects to its hosts first, then what
    /// forwards to it. So whoever deletes them in this order can be stopped in the middle.
    pub fn of_service<'a>(all: &'a [Self], groups: &[String]) -> Vec<&'a Self> {
        let forwards: Vec<&Self> = all
            .iter()
            .filter(|rule| rule.priority.is_some() && rule.groups.iter().any(|group| groups.contains(group)))
            .collect();
        let leads = |host: &String| forwards.iter().any(|rule| rule.hosts.contains(host));
        let redirects = all.iter().filter(|rule| rule.priority.is_some() && rule.redirect.as_ref().is_some_and(leads));
        redirects.chain(forwards.iter().copied()).collect()
    }
}

/// Whether a rule is one of a listener's: `…:listener-rule/app/NAME/ID/LISTENER/RULE` of `…:listener/app/NAME/ID/LISTENER`.
pub fn is_rule_of(rule: &str, listener: &str) -> bool {
    let of = listener.replacen(":listener/", ":listener-rule/", 1);
    rule.strip_prefix(&of).is_some_and(|rest| rest.starts_with('/'))
}

impl World {
    /// The listener that leads users to services, where it is known.
    pub fn listener(&self, env: &Environment) -> Option<String> {
        match &env.load_balancer {
            LoadBalancer::Existing { listener, .. } => Some(listener.clone()),
            LoadBalancer::Managed { .. } => {
                self.output(env, edge::KEY, &edge::LISTENER_ARN.name).known().map(str::to_owned)
            }
        }
    }

    /// The test listener, where it is known: also one that stands though it left the file.
    pub fn test_listener(&self, env: &Environment) -> Option<String> {
        match &env.load_balancer {
            LoadBalancer::Existing { test_listener, .. } => test_listener.clone(),
            LoadBalancer::Managed { .. } => {
                let output = self.output(env, test_listener::KEY, &test_listener::LISTENER_ARN.name);
                output.known().map(str::to_owned)
            }
        }
    }

    /// Every listener that may have rules of services, the users' first.
    pub fn listeners(&self, env: &Environment) -> Vec<String> {
        self.listener(env).into_iter().chain(self.test_listener(env)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rule_is_of_the_listener_whose_arn_it_begins_with() {
        let rule = "arn:aws:elasticloadbalancing:us-east-1:1:listener-rule/app/main/50dc/f2f7/9683";
        assert!(is_rule_of(rule, "arn:aws:elasticloadbalancing:us-east-1:1:listener/app/main/50dc/f2f7"));
        assert!(!is_rule_of(rule, "arn:aws:elasticloadbalancing:us-east-1:1:listener/app/main/50dc/f2f"));
        assert!(!is_rule_of(rule, "arn:aws:elasticloadbalancing:us-east-1:1:listener/app/main/50dc/0467"));
    }

    #[test]
    fn a_services_rules_are_those_that_lead_to_it() {
        let rule = |arn: &str, host: &str, group: Option<&str>, redirect: Option<&str>| ListenerRule {
            arn: arn.into(),
            priority: Some(1),
            hosts: vec![host.into()],
            groups: group.map(str::to_owned).into_iter().collect(),
            redirect: redirect.map(str::to_owned),
            ..ListenerRule::default()
        };
        let all = [
            rule("web", "www.x", Some("tg-web"), None),
            rule("bare", "x", None, Some("www.x")),
            rule("api", "api.x", Some("tg-api"), None),
            rule("foreign", "y", None, Some("other.x")),
            ListenerRule { priority: None, groups: vec!["tg-web".into()], ..ListenerRule::default() },
        ];
        let arns = |groups: &[&str]| {
            let groups: Vec<String> = groups.iter().map(|group| (*group).to_owned()).collect();
            ListenerRule::of_service(&all, &groups).iter().map(|rule| rule.arn.clone()).collect::<Vec<_>>()
        };
        assert_eq!(arns(&["tg-web"]), ["bare", "web"]);
        assert_eq!(arns(&["tg-api"]), ["api"]);
        assert_eq!(arns(&[]), Vec::<String>::new());
    }
}
