//! The test listener: where a new version is reached before it has traffic of users.
//!
//! In a stack of its own, though it hangs on the edge's load balancer: a run makes the edge before it touches services,
//! and to take this listener away there would take its rules from deployments that still shift by them. So it goes as
//! whatever left the file goes, by `--prune`, behind everything that a run does; its port is closed at once.

use serde_json::Value as Json;

use super::{Export, StackDesired, Template, edge, groups::Rule, reference};
use crate::workflow::Environment;

/// The stack's key.
pub const KEY: &str = "test-listener";
/// The listener.
pub const LISTENER_ARN: Export = Export::one(KEY, "TestListenerArn", "Listener of new versions");

/// The listener's stack, where some service answers there.
pub fn stacks(env: &Environment) -> Vec<StackDesired> {
    let Some(test) = env.test_listener() else { return Vec::new() };
    let mut template = Template::new(format!("{}: test listener", env.prefix()));
    let balancer = template.import(&edge::LOAD_BALANCER_ARN);
    let listener = edge::of_rules(&mut template, env, balancer, test.port);
    template.add("TestListener", listener.origin("load-balancer.test-listener"));
    template.export(&LISTENER_ARN, reference("TestListener"));
    vec![StackDesired::new(KEY, template)]
}

/// What the load balancer's group lets in for it: its port, from those that the file names and from nobody else. What
/// answers there is not released, and nothing stands before it: no CDN, no secret header.
pub(super) fn ingress(env: &Environment) -> impl Iterator<Item = Rule> {
    env.test_listener().into_iter().flat_map(|test| {
        let rule = |range: &String| Rule::range(Json::from(range.as_str()), test.port, "test traffic");
        test.allow_from.iter().map(rule)
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::infra::testing::{self, environment, only};
    use crate::infra::{Holds, Source, network};
    use crate::workflow::Strategy;

    fn tested(name: &str) -> Environment {
        testing::tested(environment(name))
    }

    fn open_ports(env: &Environment) -> Vec<(u64, String)> {
        let group = only(network::stacks(env)).resources["LoadBalancerSecurityGroup"].properties.clone();
        let rules = group["SecurityGroupIngress"].as_array().unwrap().clone();
        let of = |rule: &Json| (rule["FromPort"].as_u64().unwrap(), rule["CidrIp"].as_str().unwrap().to_owned());
        rules.iter().map(of).collect()
    }

    #[test]
    fn it_has_the_certificate_and_tls_of_the_listener_that_users_come_to() {
        let env = tested("staging");
        let template = only(stacks(&env));
        let edge = only(edge::stacks(&env));
        let (test, users) = (&template.resources["TestListener"], &edge.resources["HttpsListener"]);
        for property in ["Protocol", "Certificates", "SslPolicy", "DefaultActions"] {
            assert_eq!(test.properties[property], users.properties[property], "{property}");
        }
        assert_eq!((&test.properties["Port"], test.holds), (&json!(9443), Holds::Traffic));
        assert_eq!(test.properties["DefaultActions"][0]["FixedResponseConfig"]["StatusCode"], "404");
        let Source::Output { stack, output } = &template.parameters["LoadBalancerArn"].source else { panic!() };
        assert_eq!((stack.as_str(), output.as_str()), ("edge", "LoadBalancerArn"));
        assert_eq!(template.outputs["TestListenerArn"].value, reference("TestListener"));
    }

    #[test]
    fn without_a_domain_it_speaks_http() {
        let mut env = tested("staging");
        env.domain = None;
        let template = only(stacks(&env));
        assert_eq!(template.resources["TestListener"].properties["Protocol"], "HTTP");
        assert_eq!(template.resources["TestListener"].properties.get("Certificates"), None);
    }

    #[test]
    fn its_port_is_open_to_those_that_the_file_names_and_to_nobody_else() {
        let mut env = tested("production");
        let own = |open: Vec<(u64, String)>| -> Vec<_> { open.into_iter().filter(|(port, _)| *port == 9443).collect() };
        let named = ["203.0.113.0/24", "198.51.100.7/32"].map(|range| (9443, range.to_owned()));
        assert_eq!(own(open_ports(&env)), named);
        // Nobody answers there: nothing is made and nothing is open.
        env.services.get_mut("api").unwrap().deploy.test_listener = false;
        assert_eq!(own(open_ports(&env)), []);
        assert_eq!(stacks(&env), []);
    }

    #[test]
    fn a_rolling_service_needs_none() {
        let mut env = tested("staging");
        env.services.get_mut("api").unwrap().deploy.strategy = Strategy::Rolling;
        assert_eq!(stacks(&env), []);
        env.services.get_mut("api").unwrap().deploy.alternate_target_group = true;
        assert_eq!(stacks(&env).len(), 1, "a strategy that changes back would take the rule from the service");
    }
}
