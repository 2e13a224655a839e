//! The listener rules that lead to a service. This is their one owner: weights are ECS's during a shift, so an
//! existing rule is changed in its conditions and priority only, never in its actions.

use std::{collections::BTreeMap, time::Duration};

use aws_sdk_elasticloadbalancingv2::types::{
    Action, ActionTypeEnum, HostHeaderConditionConfig, HttpHeaderConditionConfig, PathPatternConditionConfig,
    RedirectActionConfig, RedirectActionStatusCodeEnum, Rule, RuleCondition, RulePriorityPair,
};
use aws_smithy_types::retry::RetryConfig;
use runner_core::{
    plan::{Fault, ListenerRule, PutRule},
    report::{Changed, Fact},
};
use serde_json::{Value as Json, json};

use super::{Emit, list, means, text};
use crate::aws::{Clients, Code, fault, secret_value};

/// How often a rule's creation is tried.
const ATTEMPTS: u64 = 4;

/// The ARNs of the rules that lead to a service.
pub struct Leading {
    /// The one by which users come.
    pub users: String,
    /// The one on the test listener.
    pub tests: Option<String>,
}

/// Makes the rules as `put` says.
pub async fn put_rules(clients: &Clients, put: &PutRule, emit: Emit<'_>) -> Result<Leading, Fault> {
    let mut seen: BTreeMap<&str, Vec<Rule>> = BTreeMap::new();
    for listener in put.rules.iter().map(|rule| text(rule, "ListenerArn")) {
        if !seen.contains_key(listener) {
            seen.insert(listener, describe(clients, &put.service, listener).await?);
        }
    }
    let rules = with_secrets(clients, &put.rules).await?;
    let (mut users, mut tests) = (None, None);
    for wanted in &rules {
        let listener = text(wanted, "ListenerArn");
        let there = seen.get(listener).map(Vec::as_slice).unwrap_or_default();
        let arn = put_rule(clients, put, listener, wanted, there, emit).await?;
        let place = if put.is_for_tests(wanted) { &mut tests } else { &mut users };
        place.get_or_insert(arn);
    }
    Ok(Leading { users: users.unwrap_or_default(), tests })
}

/// The rules with the values of the headers that are asked for: they stand in no plan and no fingerprint, and go from
/// here to the load balancer alone.
async fn with_secrets(clients: &Clients, rules: &[Json]) -> Result<Vec<Json>, Fault> {
    let mut rules = rules.to_vec();
    for rule in &mut rules {
        for condition in rule["Conditions"].as_array_mut().into_iter().flatten() {
            let Some(config) = condition.get_mut("HttpHeaderConfig") else { continue };
            let value = secret_value(clients, text(config, "Secret")).await?;
            config["Values"] = json!([value.expose()]);
        }
    }
    Ok(rules)
}

pub(super) async fn describe(clients: &Clients, service: &str, listener: &str) -> Result<Vec<Rule>, Fault> {
    let mut rules = Vec::new();
    let mut marker = None;
    loop {
        let answer = clients
            .elbv2()
            .describe_rules()
            .listener_arn(listener)
            .set_marker(marker)
            .send()
            .await
            .map_err(|error| fault(format!("looking at the listener rules for {service} ({listener})"), &error))?;
        rules.extend(answer.rules.unwrap_or_default());
        marker = answer.next_marker;
        if marker.is_none() {
            return Ok(rules);
        }
    }
}

async fn put_rule(
    clients: &Clients,
    put: &PutRule,
    listener: &str,
    wanted: &Json,
    seen: &[Rule],
    emit: Emit<'_>,
) -> Result<String, Fault> {
    let (named, priority) = (named(put, wanted), priority(wanted));
    let conditions: Vec<RuleCondition> = list(wanted, "Conditions").iter().map(condition).collect();
    let doing = |verb: &str| format!("{verb} the {named}");
    let Some(rule) = seen.iter().find(|rule| is_same(rule, wanted, &put.groups)) else {
        return create(clients, put, listener, wanted, emit).await;
    };
    let arn = rule.rule_arn.clone().unwrap_or_default();
    let mut changed = false;
    if rule.priority() != Some(&priority.to_string()) {
        let pair = RulePriorityPair::builder().rule_arn(&arn).priority(priority).build();
        clients
            .elbv2()
            .set_rule_priorities()
            .rule_priorities(pair)
            .send()
            .await
            .map_err(|error| fault(doing("moving"), &error))?;
        changed = true;
    }
    if values(rule.conditions()) != values(&conditions) {
        clients
            .elbv2()
            .modify_rule()
            .rule_arn(&arn)
            .set_conditions(Some(conditions))
            .send()
            .await
            .map_err(|error| fault(doing("changing the conditions of"), &error))?;
        changed = true;
    }
    if changed {
        emit(Fact::Changed(Changed::new("updated", named)));
    }
    Ok(arn)
}

/// Creates a rule. CreateRule has no token, so a call whose answer was lost is not sent again before a look whether it
/// was done.
async fn create(
    clients: &Clients,
    put: &PutRule,
    listener: &str,
    wanted: &Json,
    emit: Emit<'_>,
) -> Result<String, Fault> {
    let service = put.service.as_str();
    let (named, priority) = (named(put, wanted), priority(wanted));
    let doing = format!("creating the {named}");
    let once = aws_sdk_elasticloadbalancingv2::config::Builder::new().retry_config(RetryConfig::disabled());
    let mut attempt = 1;
    loop {
        let answer = clients
            .elbv2()
            .create_rule()
            .listener_arn(listener)
            .priority(priority)
            .set_conditions(Some(list(wanted, "Conditions").iter().map(condition).collect()))
            .set_actions(Some(list(wanted, "Actions").iter().map(action).collect()))
            .customize()
            .config_override(once.clone())
            .send()
            .await;
        let said = || emit(Fact::Changed(Changed::new("created", named.clone())));
        let mut fault = match answer {
            Ok(answer) => {
                said();
                let arn = answer.rules.unwrap_or_default().into_iter().next().and_then(|rule| rule.rule_arn);
                return arn.ok_or_else(|| Fault::new(doing, "the answer names no rule"));
            }
            Err(error) => fault(&doing, &error),
        };
        let taken = means(&fault, Code::AlreadyExists);
        let passing = fault.code.is_none() || means(&fault, Code::Throttled) || means(&fault, Code::Server);
        if !taken && !passing {
            return Err(fault);
        }
        let rules = describe(clients, service, listener).await?;
        if let Some(arn) =
            rules.iter().find(|rule| is_same(rule, wanted, &put.groups)).and_then(|rule| rule.rule_arn.clone())
        {
            said();
            return Ok(arn);
        }
        if taken {
            fault.hint = Some(format!("another rule has that priority: give services.{service}.priority another"));
        }
        if taken || attempt == ATTEMPTS {
            return Err(fault);
        }
        tokio::time::sleep(Duration::from_millis(500 * attempt)).await;
        attempt += 1;
    }
}

/// How a rule is called.
fn named(put: &PutRule, wanted: &Json) -> String {
    let kind = if put.is_for_tests(wanted) { "test listener rule" } else { "listener rule" };
    format!("{kind} for {} (priority {})", put.service, priority(wanted))
}

fn priority(wanted: &Json) -> i32 {
    wanted["Priority"].as_i64().and_then(|number| i32::try_from(number).ok()).unwrap_or_default()
}

/// A rule is ours if it forwards to one of the service's target groups, or, for a redirect, if it leads to the same
/// host. After a shift the other of two target groups may be the live one, alone or in a forward with weights.
fn is_same(rule: &Rule, wanted: &Json, groups: &[String]) -> bool {
    list(wanted, "Actions").iter().any(|wanted| {
        rule.actions().iter().any(|action| match text(wanted, "Type") {
            "forward" => {
                let wanted = text(wanted, "TargetGroupArn");
                let is_ours = |group: &str| group == wanted || groups.iter().any(|ours| ours == group);
                action.target_group_arn().is_some_and(is_ours)
                    || action.forward_config().is_some_and(|config| {
                        config.target_groups().iter().filter_map(|tuple| tuple.target_group_arn()).any(is_ours)
                    })
            }
            _ => action
                .redirect_config()
                .is_some_and(|config| config.host() == wanted.pointer("/RedirectConfig/Host").and_then(Json::as_str)),
        })
    })
}

fn condition(json: &Json) -> RuleCondition {
    let builder = RuleCondition::builder().field(text(json, "Field"));
    let values = |config: &str| -> Vec<String> {
        list(&json[config], "Values").iter().filter_map(Json::as_str).map(str::to_owned).collect()
    };
    match text(json, "Field") {
        "host-header" => builder
            .host_header_config(
                HostHeaderConditionConfig::builder().set_values(Some(values("HostHeaderConfig"))).build(),
            )
            .build(),
        "http-header" => builder
            .http_header_config(
                HttpHeaderConditionConfig::builder()
                    .http_header_name(text(&json["HttpHeaderConfig"], "HttpHeaderName"))
                    .set_values(Some(values("HttpHeaderConfig")))
                    .build(),
            )
            .build(),
        _ => builder
            .path_pattern_config(
                PathPatternConditionConfig::builder().set_values(Some(values("PathPatternConfig"))).build(),
            )
            .build(),
    }
}

fn action(json: &Json) -> Action {
    match text(json, "Type") {
        "redirect" => {
            let config = RedirectActionConfig::builder()
                .set_host(json.pointer("/RedirectConfig/Host").and_then(Json::as_str).map(str::to_owned))
                .status_code(RedirectActionStatusCodeEnum::Http301)
                .build();
            Action::builder().r#type(ActionTypeEnum::Redirect).redirect_config(config).build()
        }
        _ => Action::builder().r#type(ActionTypeEnum::Forward).target_group_arn(text(json, "TargetGroupArn")).build(),
    }
}

/// A rule in our words.
pub(super) fn seen(rule: &Rule) -> ListenerRule {
    let mut seen = ListenerRule {
        arn: rule.rule_arn.clone().unwrap_or_default(),
        priority: rule.priority().and_then(|priority| priority.parse().ok()),
        ..ListenerRule::default()
    };
    for (field, values) in values(rule.conditions()) {
        match field.as_str() {
            "host-header" => seen.hosts.extend(values),
            "path-pattern" => seen.paths.extend(values),
            _ => seen.other_conditions.push(field),
        }
    }
    for action in rule.actions() {
        seen.groups.extend(action.target_group_arn.clone());
        let tuples = action.forward_config().map(|config| config.target_groups()).unwrap_or_default();
        seen.groups.extend(tuples.iter().filter_map(|tuple| tuple.target_group_arn.clone()));
        seen.redirect = action.redirect_config().and_then(|config| config.host.clone()).or(seen.redirect);
    }
    seen.groups.sort();
    seen.groups.dedup();
    seen
}

/// Field and values of conditions, in an order of their own: the older `Values` and the newer configs say the same.
fn values(conditions: &[RuleCondition]) -> Vec<(String, Vec<String>)> {
    let mut all: Vec<_> = conditions
        .iter()
        .map(|condition| {
            let configured = condition
                .host_header_config()
                .map(|config| config.values())
                .or_else(|| condition.path_pattern_config().map(|config| config.values()))
                .or_else(|| condition.http_header_config().map(|config| config.values()))
                .filter(|values| !values.is_empty());
            let mut values = configured.unwrap_or_else(|| condition.values()).to_vec();
            values.sort();
            (condition.field().unwrap_or_default().to_owned(), values)
        })
        .collect();
    all.sort();
    all
}
