//! The web ACL in front of the load balancer.

use serde_json::{Value as Json, json};

use super::{Resource, Template, attribute, cdn, network, reference};
use crate::workflow::{Environment, Waf};

/// AWS's rule groups: together 1,125 of the 1,500 capacity units that cost nothing extra.
/// <https://docs.aws.amazon.com/waf/latest/developerguide/aws-managed-rule-groups-list.html>
const MANAGED: &[&str] = &[
    "AWSManagedRulesAmazonIpReputationList",
    "AWSManagedRulesCommonRuleSet",
    "AWSManagedRulesKnownBadInputsRuleSet",
    "AWSManagedRulesSQLiRuleSet",
];

/// Adds the web ACL and puts it before the load balancer.
pub fn add(template: &mut Template, env: &Environment, waf: &Waf) {
    let mut rules = Vec::new();
    rules.extend(own_addresses(template, env));
    rules.push(rate_limit(env, waf));
    rules.extend(MANAGED.iter().map(|name| managed(name, waf.block)));
    template.add(
        "WebAcl",
        Resource::new(
            "AWS::WAFv2::WebACL",
            json!({
                "Scope": "REGIONAL",
                "DefaultAction": { "Allow": {} },
                "Rules": numbered(rules),
                "VisibilityConfig": visibility(&env.prefix()),
            }),
        )
        .origin("load-balancer.waf"),
    );
    template.add(
        "WebAclAssociation",
        Resource::new(
            "AWS::WAFv2::WebACLAssociation",
            json!({ "ResourceArn": reference("LoadBalancer"), "WebACLArn": attribute("WebAcl", "Arn") }),
        )
        .origin("load-balancer.waf"),
    );
}

/// Services that call each other by their public names come from our own NAT gateways, all from the same few addresses:
/// the rate limit would take them for one busy client.
fn own_addresses(template: &mut Template, env: &Environment) -> Option<Json> {
    if !network::has_nat(env) {
        return None;
    }
    let addresses = template.import(&network::NAT_ADDRESSES);
    template.add(
        "OwnAddresses",
        Resource::new(
            "AWS::WAFv2::IPSet",
            json!({ "Scope": "REGIONAL", "IPAddressVersion": "IPV4", "Addresses": addresses }),
        ),
    );
    Some(json!({
        "Name": "own-addresses",
        "Action": { "Allow": {} },
        "Statement": { "IPSetReferenceStatement": { "Arn": attribute("OwnAddresses", "Arn") } },
        "VisibilityConfig": visibility("own-addresses"),
    }))
}

/// The rate limit counts by the address of the last hop; the first one in X-Forwarded-For is the client's to forge. So
/// what comes through the CDN, which its secret header shows, is left to the CDN's own web ACL, which sees the client.
/// <https://docs.aws.amazon.com/waf/latest/developerguide/waf-rule-statement-type-rate-based.html>
fn rate_limit(env: &Environment, waf: &Waf) -> Json {
    let mut rule = by_address(waf);
    if cdn::wanted(env).is_some() {
        let from_cdn = json!({
            "ByteMatchStatement": {
                "FieldToMatch": { "SingleHeader": { "Name": cdn::HEADER } },
                "PositionalConstraint": "EXACTLY",
                "SearchString": cdn::secret_value(&attribute(cdn::SECRET, "Id")),
                "TextTransformations": [{ "Priority": 0, "Type": "NONE" }],
            },
        });
        rule["Statement"]["RateBasedStatement"]["ScopeDownStatement"] =
            json!({ "NotStatement": { "Statement": from_cdn } });
    }
    rule
}

/// A rule that blocks an address above the limit.
pub(super) fn by_address(waf: &Waf) -> Json {
    let statement = json!({ "Limit": waf.rate_limit, "AggregateKeyType": "IP", "EvaluationWindowSec": 300 });
    json!({
        "Name": "rate-limit",
        "Action": { "Block": {} },
        "Statement": { "RateBasedStatement": statement },
        "VisibilityConfig": visibility("rate-limit"),
    })
}

/// Numbers the rules in their order.
pub(super) fn numbered(mut rules: Vec<Json>) -> Vec<Json> {
    for (rule, priority) in rules.iter_mut().zip(0..) {
        rule["Priority"] = json!(priority);
    }
    rules
}

pub(super) fn managed(name: &str, block: bool) -> Json {
    let mut group = json!({ "VendorName": "AWS", "Name": name });
    if name == "AWSManagedRulesCommonRuleSet" {
        // A load balancer shows WAF the first 8 KB of a body, and this rule blocks every longer one: uploads.
        // https://docs.aws.amazon.com/waf/latest/developerguide/waf-oversize-request-components.html
        group["RuleActionOverrides"] = json!([{ "Name": "SizeRestrictions_BODY", "ActionToUse": { "Count": {} } }]);
    }
    let action = if block { json!({ "None": {} }) } else { json!({ "Count": {} }) };
    json!({
        "Name": name,
        "OverrideAction": action,
        "Statement": { "ManagedRuleGroupStatement": group },
        "VisibilityConfig": visibility(name),
    })
}

pub(super) fn visibility(metric: &str) -> Json {
    json!({ "CloudWatchMetricsEnabled": true, "SampledRequestsEnabled": true, "MetricName": metric })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::infra::edge;
    use crate::infra::testing::{environment, only};
    use crate::workflow::LoadBalancer;

    fn rules(env: &Environment) -> Vec<Json> {
        only(edge::stacks(env)).resources["WebAcl"].properties["Rules"].as_array().unwrap().clone()
    }

    fn named(rules: &[Json], name: &str) -> Json {
        rules.iter().find(|rule| rule["Name"] == name).unwrap_or_else(|| panic!("no rule {name}")).clone()
    }

    #[test]
    fn r17_managed_rules_count_first_and_block_when_the_file_says_so() {
        let mut env = environment("staging");
        assert_eq!(named(&rules(&env), "AWSManagedRulesSQLiRuleSet")["OverrideAction"], json!({ "Count": {} }));
        env.load_balancer =
            LoadBalancer::Managed { waf: Some(Waf { block: true, rate_limit: 500 }), test_listener: None };
        let rules = rules(&env);
        assert_eq!(named(&rules, "AWSManagedRulesSQLiRuleSet")["OverrideAction"], json!({ "None": {} }));
        assert_eq!(named(&rules, "rate-limit")["Statement"]["RateBasedStatement"]["Limit"], 500);
        let common = named(&rules, "AWSManagedRulesCommonRuleSet");
        assert_eq!(
            common["Statement"]["ManagedRuleGroupStatement"]["RuleActionOverrides"][0]["ActionToUse"],
            json!({ "Count": {} })
        );
    }

    #[test]
    fn r17_our_own_addresses_pass_before_the_rate_limit() {
        let rules = rules(&environment("staging"));
        assert_eq!((&rules[0]["Name"], &rules[1]["Name"]), (&json!("own-addresses"), &json!("rate-limit")));
        let priorities: Vec<u64> = rules.iter().map(|rule| rule["Priority"].as_u64().unwrap()).collect();
        assert_eq!(priorities, (0..rules.len() as u64).collect::<Vec<_>>());
    }

    #[test]
    fn r17_the_rate_limit_leaves_what_shows_the_cdns_secret_to_the_cdn() {
        let rule = named(&rules(&environment("production")), "rate-limit");
        let not = &rule["Statement"]["RateBasedStatement"]["ScopeDownStatement"]["NotStatement"]["Statement"];
        let header = &not["ByteMatchStatement"];
        assert_eq!(header["FieldToMatch"]["SingleHeader"]["Name"], cdn::HEADER);
        assert_eq!(header["SearchString"], cdn::secret_value(&attribute("OriginSecret", "Id")));
        // Letters are compared as they are: the secret has both cases.
        assert_eq!(header["TextTransformations"], json!([{ "Priority": 0, "Type": "NONE" }]));
        let staging = named(&rules(&environment("staging")), "rate-limit");
        assert_eq!(staging["Statement"]["RateBasedStatement"].get("ScopeDownStatement"), None);
    }

    #[test]
    fn r17_there_is_no_web_acl_unless_the_file_asks_for_one() {
        let mut env = environment("staging");
        env.load_balancer = LoadBalancer::Managed { waf: None, test_listener: None };
        assert!(only(edge::stacks(&env)).resources.values().all(|it| !it.kind.starts_with("AWS::WAFv2")));
    }
}
