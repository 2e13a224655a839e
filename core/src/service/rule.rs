//! The listener rules that lead to a service, as CreateRule takes them.
//! <https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_CreateRule.html>

use serde_json::{Value as Json, json};

use super::{Facts, Rendered, Writer, stack_key};
use crate::workflow::{Environment, LoadBalancer, Service};

/// The service's own rule first, then one that redirects its other hosts, then the one on the test listener. Empty where no
/// load balancer leads to it.
pub fn rules(env: &Environment, service: &Service, facts: &impl Facts) -> Rendered {
    let mut writer = Writer::new(facts);
    if !service.is_routed() {
        return writer.rendered(json!([]));
    }
    let (listener, test_listener) = match &env.load_balancer {
        LoadBalancer::Existing { listener, test_listener, .. } => (listener.clone(), test_listener.clone()),
        LoadBalancer::Managed { .. } => (writer.output("edge", "ListenerArn"), None),
    };
    let condition = match &service.host {
        Some(host) => host_condition(std::slice::from_ref(host)),
        None => json!({ "Field": "path-pattern", "PathPatternConfig": { "Values": ["/*"] } }),
    };
    let group = writer.output(&stack_key(&service.name), "TargetGroupArn");
    let mut conditions = vec![condition.clone()];
    if let Some(origin) = writer.facts.origin(&service.name) {
        let (secret, version) = (writer.value(origin.secret), writer.value(origin.version));
        // Not CreateRule's shape: `Values` takes their place when the rule is written.
        let config = json!({ "HttpHeaderName": origin.header, "Secret": secret, "SecretVersion": version });
        conditions.push(json!({ "Field": "http-header", "HttpHeaderConfig": config }));
    }
    let mut rules = vec![json!({
        "ListenerArn": listener,
        "Priority": service.priority,
        "Conditions": conditions,
        "Actions": [{ "Type": "forward", "TargetGroupArn": group }],
    })];
    if let (false, Some(host)) = (service.redirect_from.is_empty(), &service.host) {
        rules.push(json!({
            "ListenerArn": listener,
            "Priority": service.priority + 1,
            "Conditions": [host_condition(&service.redirect_from)],
            "Actions": [{
                "Type": "redirect",
                "RedirectConfig": { "Host": host, "StatusCode": "HTTP_301" },
            }],
        }));
    }
    if env.is_tested(service) {
        // Where users come from has no say there: whoever tests is let in by address, and cannot show the CDN's secret.
        let listener = test_listener.unwrap_or_else(|| writer.output("test-listener", "TestListenerArn"));
        rules.push(json!({
            "ListenerArn": listener,
            "Priority": service.priority,
            "Conditions": [condition],
            "Actions": [{ "Type": "forward", "TargetGroupArn": group }],
        }));
    }
    writer.rendered(Json::Array(rules))
}

fn host_condition(hosts: &[String]) -> Json {
    json!({ "Field": "host-header", "HostHeaderConfig": { "Values": hosts } })
}
