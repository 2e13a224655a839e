//! `ListenerRule`: a rule of a load balancer's listener as it was seen.

use serde::Serialize;

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

#[cfg(test)]
mod tests {
    use super::*;

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
