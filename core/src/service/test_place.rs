//! Where a new version of a service is tried, before it has traffic of users.

use crate::{
    infra::{cdn, edge},
    workflow::{Environment, LoadBalancer, Outputs, Service, Value},
};

/// The address on the test listener, in words; none where the service does not answer there, or its name is not known.
pub fn test_place(env: &Environment, service: &Service, outputs: &impl Outputs) -> Option<String> {
    if !env.is_tested(service) {
        return None;
    }
    let LoadBalancer::Managed { test_listener: Some(test), .. } = &env.load_balancer else {
        // Its port is not in its ARN.
        let host = service.host.as_ref().map(|host| format!(" as {host}")).unwrap_or_default();
        return Some(format!("the load balancer's test listener{host}"));
    };
    let balancer = outputs.output(edge::KEY, &edge::LOAD_BALANCER_DNS_NAME.name);
    let balancer = balancer.as_ref().and_then(Value::known);
    let scheme = if env.domain.is_some() { "https" } else { "http" };
    let name = service.host.as_deref().or(balancer)?;
    let url = format!("{scheme}://{name}:{}", test.port);
    // The name leads to CloudFront, which knows no such port.
    match (cdn::wanted(env), balancer) {
        (Some((_, behind)), Some(balancer)) if behind.name == service.name => {
            Some(format!("{url} by curl --connect-to ::{balancer}:"))
        }
        _ => Some(url),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::environment;

    const SHOP: &str = r#"
app: shop
region: us-east-1
environments: { test: { domain: shop.example, load-balancer: { test-listener: { port: 8443, allow-from: [203.0.113.0/24] } } } }
services:
  web: { build: ., port: 80, host: "www.${domain}", deploy: { strategy: blue-green } }
  api: { build: ., port: 80, host: "api.${domain}", deploy: { strategy: rolling } }
"#;

    /// Of all stacks the edge's is made.
    struct Edge;

    impl Outputs for Edge {
        fn output(&self, stack: &str, output: &str) -> Option<Value> {
            ((stack, output) == ("edge", "LoadBalancerDnsName")).then(|| "main-1.elb.amazonaws.com".into())
        }
    }

    fn place(text: &str, service: &str) -> Option<String> {
        let env = environment(text, "test");
        test_place(&env, &env.services[service], &Edge)
    }

    #[test]
    fn a_new_version_is_tried_under_its_host_on_the_port_of_the_test_listener() {
        assert_eq!(place(SHOP, "web").as_deref(), Some("https://www.shop.example:8443"));
        assert_eq!(place(SHOP, "api"), None);
        let plain = SHOP.replace("domain: shop.example, ", "").replace("host: \"www.${domain}\", ", "");
        let plain = plain.lines().filter(|line| !line.contains("api:")).collect::<Vec<_>>().join("\n");
        assert_eq!(place(&plain, "web").as_deref(), Some("http://main-1.elb.amazonaws.com:8443"));
    }

    #[test]
    fn a_name_that_leads_to_the_cdn_is_led_past_it() {
        let cdn = SHOP.replace("services:\n", "cdn: { service: web }\nservices:\n");
        let wanted = "https://www.shop.example:8443 by curl --connect-to ::main-1.elb.amazonaws.com:";
        assert_eq!(place(&cdn, "web").as_deref(), Some(wanted));
    }

    #[test]
    fn the_port_of_a_listener_that_is_there_already_is_not_known() {
        let listener =
            |id: &str| format!("\"arn:aws:elasticloadbalancing:us-east-1:111122223333:listener/app/a/0/{id}\"");
        let existing = format!(
            "existing: {{ listener: {}, security-group: sg-0a, test-listener: {} }}",
            listener("1"),
            listener("2")
        );
        let text = SHOP.replace("test-listener: { port: 8443, allow-from: [203.0.113.0/24] }", &existing);
        assert_eq!(place(&text, "web").as_deref(), Some("the load balancer's test listener as www.shop.example"));
    }
}
