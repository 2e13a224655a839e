//! What differs between what ECS has and what it shall have, property by property.

use serde_json::Value as Json;

use super::{Change, Replacement};
use crate::{
    infra::Holds,
    service::{ANSWERED_ONLY, SECRET_VERSIONS_LABEL},
    workflow::{Environment, Service},
};

/// What differs between the newest revision of a family (DescribeTaskDefinition's answer) and a definition.
pub fn definition_changes(env: &Environment, service: &Service, before: Option<&Json>, after: &Json) -> Vec<Change> {
    let mut all = changes(env, service, "task definition", before, after, &["family", "tags"]);
    let gone = before.map(|before| gone(before, after)).unwrap_or_default();
    all.extend(
        gone.into_iter().map(|(path, before)| change(env, service, "task definition", path, Some(before), None)),
    );
    all
}

/// Fields of a definition and of its containers that a later one does not have: registering leaves nothing of the one
/// before. What an answer alone has, and what ECS fills in, is no loss.
fn gone(before: &Json, after: &Json) -> Vec<(String, Json)> {
    let fields = |path: &str, before: &Json, after: &Json| -> Vec<(String, Json)> {
        let filled_in = |key: &str| {
            ANSWERED_ONLY.contains(&key)
                || key == "essential"
                || (key == "user" && before.get("firelensConfiguration").is_some() && before["user"] == "0")
        };
        let all = before.as_object().into_iter().flatten();
        all.filter(|(key, value)| after.get(key.as_str()).is_none() && !filled_in(key) && !is_unsaid(value))
            .flat_map(|(key, value)| match value.as_object().filter(|_| key == "dockerLabels") {
                // One by one, so that a version among them is seen to be one.
                Some(labels) => labels
                    .iter()
                    .map(|(label, value)| (format!("{}.{label}", join(path, key)), value.clone()))
                    .collect::<Vec<_>>(),
                None => vec![(join(path, key), value.clone())],
            })
            .collect()
    };
    let containers = |json: &Json| json["containerDefinitions"].as_array().cloned().unwrap_or_default();
    let others = containers(after);
    let mut found = fields("", before, after);
    for container in containers(before) {
        let name = name_of(&container);
        if let Some(other) = others.iter().find(|other| name_of(other) == name) {
            found.extend(fields(&format!("containerDefinitions.{name}"), &container, other));
        }
    }
    found
}

/// What differs between a service (DescribeServices' answer) and CreateService's or UpdateService's input.
pub fn service_changes(env: &Environment, service: &Service, before: Option<&Json>, input: &Json) -> Vec<Change> {
    changes(env, service, "service", before, input, &["cluster", "service", "serviceName"])
}

/// Whether an update of this property starts a deployment. The others (deployment configuration, counts, capacity,
/// grace period, ECS Exec, tags) do not, and a follower would wait for a deployment that never comes.
/// <https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_UpdateService.html>
pub fn starts_deployment(property: &str) -> bool {
    matches!(
        property.split('.').next().unwrap_or_default(),
        "taskDefinition"
            | "networkConfiguration"
            | "loadBalancers"
            | "serviceRegistries"
            | "platformVersion"
            | "forceNewDeployment"
    )
}

fn changes(
    env: &Environment,
    service: &Service,
    subject: &str,
    before: Option<&Json>,
    after: &Json,
    skipped: &[&str],
) -> Vec<Change> {
    let change = |property, before, after| change(env, service, subject, property, before, after);
    let Some(before) = before else {
        let name = after.get("family").or_else(|| after.get("serviceName")).cloned().unwrap_or(Json::Null);
        return vec![change(String::new(), None, Some(name))];
    };
    let mut found = Vec::new();
    compare(String::new(), before, after, &mut found);
    found
        .into_iter()
        .filter(|(path, ..)| !skipped.contains(&path.split('.').next().unwrap_or_default()))
        .map(|(path, before, after)| change(path, before, after))
        .collect()
}

fn change(
    env: &Environment,
    service: &Service,
    subject: &str,
    property: String,
    before: Option<Json>,
    after: Option<Json>,
) -> Change {
    Change {
        span: env.origins.find(&format!("services.{}.{}", service.name, key_of(service, &property))),
        scope: service.name.clone(),
        subject: subject.to_owned(),
        kind: String::new(),
        property,
        before,
        after,
        replacement: Replacement::No,
        holds: Holds::Nothing,
    }
}

/// What its absence from the list that it is in takes away: nothing that ECS fills in by itself.
const TAKEN_AWAY: &str = "testListenerRule";

/// Not every endpoint tells of it, and it is sent with the create.
const UNTOLD: &str = "availabilityZoneRebalancing";

type Found = Vec<(String, Option<Json>, Option<Json>)>;

/// What the API fills in by itself (zeros, empty lists) is no difference; lists of named things are compared by name.
fn compare(path: String, before: &Json, after: &Json, found: &mut Found) {
    match (before, after) {
        (Json::Object(old), Json::Object(new)) => {
            for (key, after) in new {
                let path = join(&path, key);
                match old.get(key) {
                    Some(before) => compare(path, before, after, found),
                    None if is_nothing(after) || path == UNTOLD => {}
                    None => found.push((path, None, Some(after.clone()))),
                }
            }
            if let Some(gone) = old.get(TAKEN_AWAY).filter(|gone| !new.contains_key(TAKEN_AWAY) && !is_nothing(gone)) {
                found.push((join(&path, TAKEN_AWAY), Some(gone.clone()), None));
            }
        }
        (Json::Array(old), Json::Array(new)) if named(old) && named(new) => {
            for after in new {
                let path = join(&path, name_of(after));
                match old.iter().find(|before| name_of(before) == name_of(after)) {
                    Some(before) => compare(path, before, after, found),
                    None => found.push((path, None, Some(after.clone()))),
                }
            }
            let mut gone: Vec<&Json> =
                old.iter().filter(|before| new.iter().all(|after| name_of(after) != name_of(before))).collect();
            // ECS does not keep their order, and a plan's id shall not hang on it.
            gone.sort_by_key(|item| name_of(item));
            for gone in gone {
                found.push((join(&path, name_of(gone)), Some(gone.clone()), None));
            }
        }
        (Json::Array(old), Json::Array(new)) if old.len() == new.len() && !old.iter().all(Json::is_string) => {
            for (index, (before, after)) in old.iter().zip(new).enumerate() {
                compare(join(&path, &index.to_string()), before, after, found);
            }
        }
        (Json::Array(old), Json::Array(new)) => {
            if sorted(old) != sorted(new) {
                found.push((path, Some(before.clone()), Some(after.clone())));
            }
        }
        (before, after) if before == after || same_number(before, after) => {}
        (before, after) => found.push((path, Some(before.clone()), Some(after.clone()))),
    }
}

fn join(path: &str, key: &str) -> String {
    if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") }
}

pub(super) fn named(list: &[Json]) -> bool {
    list.iter().all(|item| item.get("name").is_some_and(Json::is_string))
}

pub(super) fn name_of(item: &Json) -> &str {
    item.get("name").and_then(Json::as_str).unwrap_or_default()
}

/// What an answer has for a field that was never said.
pub(super) fn is_unsaid(value: &Json) -> bool {
    is_nothing(value) || value == ""
}

fn is_nothing(value: &Json) -> bool {
    match value {
        Json::Null | Json::Bool(false) => true,
        Json::Array(items) => items.is_empty(),
        Json::Object(map) => map.is_empty(),
        Json::Number(number) => number.as_f64() == Some(0.0),
        Json::String(_) | Json::Bool(true) => false,
    }
}

/// The SDKs write a percent as 10 or 10.0.
pub(super) fn same_number(before: &Json, after: &Json) -> bool {
    matches!((before.as_f64(), after.as_f64()), (Some(a), Some(b)) if a == b)
}

fn sorted(items: &[Json]) -> Vec<String> {
    let mut texts: Vec<String> = items.iter().map(Json::to_string).collect();
    texts.sort();
    texts
}

/// The key of the file behind a property of ECS's.
fn key_of(service: &Service, property: &str) -> String {
    let own = format!("containerDefinitions.{}.", service.name);
    let property = property.strip_prefix(&own).unwrap_or(property);
    let mut parts = property.split('.');
    match (parts.next().unwrap_or_default(), parts.next()) {
        ("environment", Some(name)) => format!("environment.{name}"),
        ("secrets", Some(name)) => format!("secrets.{name}"),
        ("dockerLabels", _) => "secrets".to_owned(),
        ("loadBalancers", _) if property.ends_with(TAKEN_AWAY) => "deploy.test-listener".to_owned(),
        ("portMappings", _) | ("loadBalancers", _) => "port".to_owned(),
        ("stopTimeout", _) => "stop-timeout".to_owned(),
        ("healthCheck", _) | ("healthCheckGracePeriodSeconds", _) => "health-check".to_owned(),
        ("runtimePlatform", _) => "platform".to_owned(),
        ("ephemeralStorage", _) => "ephemeral-storage".to_owned(),
        ("deploymentConfiguration", _) => "deploy".to_owned(),
        ("capacityProviderStrategy", _) => "capacity".to_owned(),
        ("enableExecuteCommand", _) => "execute-command".to_owned(),
        ("desiredCount", _) => "desired-count".to_owned(),
        ("image", _) => "build".to_owned(),
        ("containerDefinitions", Some(sidecar)) => format!("sidecars.{sidecar}"),
        (key, _) => key.to_owned(),
    }
}

impl Change {
    /// Whether it is about a version of an image, secret or revision: such changes are shown, but have no say in a
    /// plan's id, which must hold from before a merge to after it.
    pub fn is_version(&self) -> bool {
        self.kind.is_empty()
            && (self.property.ends_with(".image")
                || self.property.ends_with(SECRET_VERSIONS_LABEL)
                || self.property == "taskDefinition")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn paths(before: Json, after: Json) -> Vec<String> {
        let mut found = Vec::new();
        compare(String::new(), &before, &after, &mut found);
        found.into_iter().map(|(path, ..)| path).collect()
    }

    #[test]
    fn what_the_api_fills_in_is_no_difference() {
        let before = json!({ "cpu": "256", "volumes": [], "containerDefinitions": [
            { "name": "api", "cpu": 0, "mountPoints": [], "image": "a", "environment": [{ "name": "A", "value": "1" }] }
        ]});
        let after = json!({ "cpu": "256", "containerDefinitions": [
            { "name": "api", "image": "a", "secrets": [], "environment": [{ "name": "A", "value": "1" }] }
        ]});
        assert!(paths(before, after).is_empty());
    }

    #[test]
    fn a_field_that_the_definition_no_longer_has_is_a_difference_and_what_ecs_fills_in_is_none() {
        let before = json!({ "revision": 7, "status": "ACTIVE", "ephemeralStorage": { "sizeInGiB": 40 }, "volumes": [],
        "containerDefinitions": [
            { "name": "api", "command": ["work"], "essential": true, "cpu": 0, "portMappings": [], "user": "" },
            { "name": "proxy", "command": ["old"] },
            { "name": "log", "user": "0", "firelensConfiguration": {}, "dockerLabels": { SECRET_VERSIONS_LABEL: "1" } },
        ]});
        let after =
            json!({ "containerDefinitions": [{ "name": "api" }, { "name": "log", "firelensConfiguration": {} }] });
        let paths: Vec<String> = gone(&before, &after).into_iter().map(|(path, _)| path).collect();
        let label = format!("containerDefinitions.log.dockerLabels.{SECRET_VERSIONS_LABEL}");
        assert_eq!(paths, ["ephemeralStorage", "containerDefinitions.api.command", &label]);
    }

    #[test]
    fn named_things_are_compared_by_name() {
        let before = json!({ "environment": [{ "name": "A", "value": "1" }, { "name": "B", "value": "2" }] });
        let after = json!({ "environment": [{ "name": "B", "value": "3" }, { "name": "C", "value": "4" }] });
        assert_eq!(paths(before, after), ["environment.B.value", "environment.C", "environment.A"]);
    }

    #[test]
    fn a_test_rule_that_is_not_wanted_any_more_is_a_difference_and_deploys() {
        let of = |rules: Json| json!({ "loadBalancers": [{ "advancedConfiguration": rules }] });
        let both = json!({ "productionListenerRule": "a", "testListenerRule": "b" });
        let found = paths(of(both), of(json!({ "productionListenerRule": "a" })));
        assert_eq!(found, ["loadBalancers.0.advancedConfiguration.testListenerRule"]);
        assert!(starts_deployment(&found[0]));
    }

    #[test]
    fn the_order_of_subnets_is_no_difference() {
        assert!(paths(json!({ "subnets": ["b", "a"] }), json!({ "subnets": ["a", "b"] })).is_empty());
        assert_eq!(paths(json!({ "subnets": ["a"] }), json!({ "subnets": ["a", "b"] })), ["subnets"]);
    }

    #[test]
    fn only_some_settings_start_a_deployment() {
        for property in
            ["taskDefinition", "networkConfiguration.awsvpcConfiguration.subnets", "loadBalancers.0.containerPort"]
        {
            assert!(starts_deployment(property), "{property}");
        }
        for property in ["desiredCount", "deploymentConfiguration.bakeTimeInMinutes", "enableExecuteCommand"] {
            assert!(!starts_deployment(property), "{property}");
        }
    }
}
