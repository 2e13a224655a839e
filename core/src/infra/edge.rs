//! The edge: load balancer, listeners, and the web ACL where one is wanted.
//!
//! The rules that send a host to a service are not here. A shift of traffic rewrites their weights, which any touch by
//! CloudFormation would put back: the deployment owns them.

use serde_json::{Value as Json, json};

use super::{
    Export, Holds, Resource, StackDesired, Template, attribute, cdn, certificate, firewall, network, reference,
};
use crate::workflow::{Environment, LoadBalancer};

/// The stack's key.
pub const KEY: &str = "edge";
/// The load balancer.
pub const LOAD_BALANCER_ARN: Export = Export::one(KEY, "LoadBalancerArn", "The load balancer");
/// Its name as CloudWatch and ARNs write it: `app/…/…`.
pub const LOAD_BALANCER_FULL_NAME: Export =
    Export::one(KEY, "LoadBalancerFullName", "Name of the load balancer in metrics");
/// Its DNS name.
pub const LOAD_BALANCER_DNS_NAME: Export = Export::one(KEY, "LoadBalancerDnsName", "DNS name of the load balancer");
/// The hosted zone that its DNS name is in, for alias records.
pub const LOAD_BALANCER_ZONE: Export =
    Export::one(KEY, "LoadBalancerHostedZoneId", "Hosted zone of the load balancer's DNS name");
/// The listener on 80.
pub const HTTP_LISTENER_ARN: Export = Export::one(KEY, "HttpListenerArn", "Listener on 80");
/// The listener on 443; only with a certificate.
pub const HTTPS_LISTENER_ARN: Export = Export::one(KEY, "HttpsListenerArn", "Listener on 443");
/// The listener that carries the services' rules.
pub const LISTENER_ARN: Export = Export::one(KEY, "ListenerArn", "Listener of the services' rules");

/// The secret whose value the CDN sends with every request; only where there is a CDN.
pub const ORIGIN_SECRET_ARN: Export =
    Export::one(KEY, "OriginSecretArn", "Secret that the CDN shows the load balancer");

/// The edge's stack, where a service is routed and the listener is ours.
pub fn stacks(env: &Environment) -> Vec<StackDesired> {
    let LoadBalancer::Managed { waf, .. } = &env.load_balancer else { return Vec::new() };
    if env.routed().next().is_none() {
        return Vec::new();
    }
    let mut template = Template::new(format!("{}: load balancer", env.prefix()));
    load_balancer(&mut template, env);
    listeners(&mut template, env);
    cdn::origin_secret(&mut template, env);
    if let Some(waf) = waf {
        firewall::add(&mut template, env, waf);
    }
    vec![StackDesired::new(KEY, template)]
}

fn load_balancer(template: &mut Template, env: &Environment) {
    let subnets = template.import(&network::PUBLIC_SUBNET_IDS);
    let group = template.import(&network::LOAD_BALANCER_GROUP);
    let protection = if env.protected { template.protect() } else { json!("false") };
    template.add(
        "LoadBalancer",
        Resource::new(
            "AWS::ElasticLoadBalancingV2::LoadBalancer",
            json!({
                "Type": "application",
                "Scheme": "internet-facing",
                "Subnets": subnets,
                "SecurityGroups": [group],
                "LoadBalancerAttributes": [
                    { "Key": "deletion_protection.enabled", "Value": protection },
                    // Headers a server might read in two ways do not reach it.
                    // https://docs.aws.amazon.com/elasticloadbalancing/latest/application/application-load-balancers.html
                    { "Key": "routing.http.drop_invalid_header_fields.enabled", "Value": "true" },
                ],
            }),
        )
        .holds(Holds::Traffic)
        .origin("load-balancer"),
    );
    template.export(&LOAD_BALANCER_ARN, reference("LoadBalancer"));
    template.export(&LOAD_BALANCER_FULL_NAME, attribute("LoadBalancer", "LoadBalancerFullName"));
    template.export(&LOAD_BALANCER_DNS_NAME, attribute("LoadBalancer", "DNSName"));
    template.export(&LOAD_BALANCER_ZONE, attribute("LoadBalancer", "CanonicalHostedZoneID"));
}

/// With a certificate 80 sends everyone to 443, which carries the rules; without one 80 carries them.
fn listeners(template: &mut Template, env: &Environment) {
    let balancer = reference("LoadBalancer");
    if env.domain.is_none() {
        let http = of_rules(template, env, balancer, 80);
        template.add("HttpListener", http);
        template.export(&HTTP_LISTENER_ARN, reference("HttpListener"));
        template.export(&LISTENER_ARN, reference("HttpListener"));
        return;
    }
    let to_https = json!([{
        "Type": "redirect",
        "RedirectConfig": { "Protocol": "HTTPS", "Port": "443", "StatusCode": "HTTP_301" },
    }]);
    let https = of_rules(template, env, balancer.clone(), 443);
    template.add("HttpListener", listener(balancer, "HTTP", 80, to_https));
    template.add("HttpsListener", https);
    template.export(&HTTP_LISTENER_ARN, reference("HttpListener"));
    template.export(&HTTPS_LISTENER_ARN, reference("HttpsListener"));
    template.export(&LISTENER_ARN, reference("HttpsListener"));
}

/// A listener that carries the services' rules: with TLS where there is a certificate. What no rule claims is answered by
/// the load balancer itself.
pub(super) fn of_rules(template: &mut Template, env: &Environment, balancer: Json, port: u16) -> Resource {
    let nothing_here = json!([{
        "Type": "fixed-response",
        "FixedResponseConfig": { "StatusCode": "404", "ContentType": "text/plain", "MessageBody": "not found" },
    }]);
    if env.domain.is_none() {
        return listener(balancer, "HTTP", port, nothing_here);
    }
    let certificate = template.import(&certificate::CERTIFICATE_ARN);
    let mut https = listener(balancer, "HTTPS", port, nothing_here);
    https.properties.insert("Certificates".into(), json!([{ "CertificateArn": certificate }]));
    // TLS 1.2 at least, 1.3 where the client has it; the default policy of a template is from 2016.
    // https://docs.aws.amazon.com/elasticloadbalancing/latest/application/describe-ssl-policies.html
    https.properties.insert("SslPolicy".into(), "ELBSecurityPolicy-TLS13-1-2-2021-06".into());
    https
}

fn listener(balancer: Json, protocol: &str, port: u16, actions: Json) -> Resource {
    Resource::new(
        "AWS::ElasticLoadBalancingV2::Listener",
        json!({
            "LoadBalancerArn": balancer,
            "Protocol": protocol,
            "Port": port,
            "DefaultActions": actions,
        }),
    )
    .holds(Holds::Traffic)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::infra::testing::{environment, only};

    #[test]
    fn r5_http_redirects_to_https_where_tls_ends() {
        let template = only(stacks(&environment("staging")));
        let http = &template.resources["HttpListener"].properties;
        assert_eq!(http["Port"], 80);
        assert_eq!(
            http["DefaultActions"][0]["RedirectConfig"],
            json!({ "Protocol": "HTTPS", "Port": "443", "StatusCode": "HTTP_301" })
        );
        let https = &template.resources["HttpsListener"].properties;
        assert_eq!((&https["Port"], &https["Protocol"]), (&json!(443), &json!("HTTPS")));
        assert_eq!(https["Certificates"], json!([{ "CertificateArn": reference("CertificateArn") }]));
        assert_eq!(template.outputs["ListenerArn"].value, reference("HttpsListener"));
    }

    #[test]
    fn r5_without_a_domain_http_carries_the_rules() {
        let mut env = environment("staging");
        env.domain = None;
        let template = only(stacks(&env));
        assert!(
            !template.resources.contains_key("HttpsListener") && !template.outputs.contains_key("HttpsListenerArn")
        );
        assert_eq!(template.resources["HttpListener"].properties["DefaultActions"][0]["Type"], "fixed-response");
        assert_eq!(template.outputs["ListenerArn"].value, reference("HttpListener"));
    }

    #[test]
    fn r5_the_load_balancer_is_public_and_protected_once_it_is_made() {
        let protection = |name| {
            let it = only(stacks(&environment(name))).resources["LoadBalancer"].properties.clone();
            assert_eq!((&it["Scheme"], &it["Subnets"]), (&json!("internet-facing"), &reference("PublicSubnetIds")));
            it["LoadBalancerAttributes"][0]["Value"].clone()
        };
        assert_eq!(protection("staging"), "false");
        assert_eq!(protection("production"), reference("Protect"));
    }

    #[test]
    fn no_rule_of_a_service_is_in_a_template() {
        for stack in crate::infra::stacks(&environment("production")) {
            let template = stack.to_json().to_string();
            assert!(!template.contains("ListenerRule\""), "{}", stack.key);
        }
    }

    #[test]
    fn there_is_no_edge_without_a_route_or_with_a_listener_of_the_users() {
        let mut env = environment("staging");
        env.load_balancer =
            LoadBalancer::Existing { listener: "arn".into(), security_group: "sg-1".into(), test_listener: None };
        assert_eq!(stacks(&env), []);
        let mut env = environment("staging");
        for service in env.services.values_mut() {
            service.host = None;
        }
        assert_eq!(stacks(&env), []);
    }
}
