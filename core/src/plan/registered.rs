//! What was registered, from what ECS tells of it: the answer has more than the input had.

use serde_json::{Map, Value as Json};

use super::{
    made_from::take_label,
    service_changes::{is_unsaid, name_of, named, same_number},
};
use crate::service::ANSWERED_ONLY;

/// What a revision may have been registered from, without versions, given DescribeTaskDefinition's answer and the
/// definition that comes after it, which has none either: with all that the answer has, and with only what the later one
/// has a place for, since ECS fills in more than zeros (a host's port, a health check's interval). A digest has to prove
/// one of them.
pub fn as_registered(answer: &Json, after: &Json) -> [Json; 2] {
    let mut answer = answer.clone();
    if let Some(map) = answer.as_object_mut() {
        map.retain(|key, _| !ANSWERED_ONLY.contains(&key.as_str()));
    }
    without_versions(&mut answer, after);
    [stripped(&answer, after, false), stripped(&answer, after, true)]
}

/// Images that we push become those of the container of the same name; one that the file refers to is no version of ours.
fn without_versions(answer: &mut Json, after: &Json) {
    take_label(answer);
    let containers = |json: &Json| json["containerDefinitions"].as_array().cloned().unwrap_or_default();
    let wanted = containers(after);
    for container in answer.get_mut("containerDefinitions").and_then(Json::as_array_mut).into_iter().flatten() {
        let other = wanted.iter().find(|other| name_of(other) == name_of(container)).map(|other| &other["image"]);
        if let Some(image) = other.filter(|image| image.as_str().is_some_and(|image| image.starts_with("${image."))) {
            container["image"] = image.clone();
        }
    }
}

fn stripped(answer: &Json, after: &Json, wholly: bool) -> Json {
    match (answer, after) {
        (Json::Object(answer), Json::Object(after)) => {
            let kept = answer.iter().filter_map(|(key, value)| match after.get(key) {
                Some(after) => Some((key.clone(), stripped(value, after, wholly))),
                None => (!wholly && !is_unsaid(value)).then(|| (key.clone(), value.clone())),
            });
            Json::Object(kept.collect::<Map<_, _>>())
        }
        (Json::Array(answer), Json::Array(after)) if named(answer) && named(after) => {
            // ECS does not keep the order of what has names, such as variables; of containers the service's own is the first.
            let place = |item: &Json| after.iter().position(|other| name_of(other) == name_of(item));
            let mut items: Vec<&Json> = answer.iter().collect();
            let are_containers = answer.iter().any(|item| item.get("image").is_some());
            match !are_containers && after.is_sorted_by_key(name_of) {
                true => items.sort_by_key(|item| name_of(item)),
                false => items.sort_by_key(|item| place(item).unwrap_or(after.len())),
            }
            let item = |item: &Json| match place(item) {
                Some(at) => stripped(item, &after[at], wholly),
                // A container that is gone: what ECS filled in is gone with it.
                None if item.get("image").is_some() => stripped(item, &Json::Object(Map::new()), false),
                None => item.clone(),
            };
            Json::Array(items.into_iter().map(item).collect())
        }
        (Json::Array(answer), Json::Array(after)) if answer.len() == after.len() => {
            Json::Array(answer.iter().zip(after).map(|(answer, after)| stripped(answer, after, wholly)).collect())
        }
        (answer, after) if same_number(answer, after) => after.clone(),
        (answer, _) => answer.clone(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::service::SECRET_VERSIONS_LABEL;

    #[test]
    fn what_ecs_fills_in_and_versions_are_taken_off() {
        let input = |image: &str, value: &str| {
            json!({ "family": "a", "cpu": "256", "containerDefinitions": [{
                "name": "api", "image": image, "portMappings": [{ "containerPort": 80 }],
                "environment": [{ "name": "A", "value": value }],
                "dockerLabels": { SECRET_VERSIONS_LABEL: image },
            }]})
        };
        let mut answer = input("api@sha256:1", "1");
        for (key, value) in [("revision", json!(7)), ("status", "ACTIVE".into()), ("volumes", json!([]))] {
            answer[key] = value;
        }
        let filled = &mut answer["containerDefinitions"][0];
        filled["cpu"] = 0.into();
        filled["mountPoints"] = json!([]);
        let mut before = input("${image.api}", "1");
        take_label(&mut before);
        let [all, _] = as_registered(&answer, &input("${image.api}", "2"));
        assert_eq!(all, before);

        answer["containerDefinitions"][0]["portMappings"][0]["hostPort"] = 80.into();
        let [all, placed] = as_registered(&answer, &input("${image.api}", "2"));
        assert_ne!(all, before, "nobody knows whether the port was said");
        assert_eq!(placed, before);
    }

    #[test]
    fn what_has_names_comes_in_the_order_in_which_it_is_written() {
        let of = |names: &[&str]| -> Json { names.iter().map(|name| json!({ "name": name })).collect() };
        let variables = |names: &[&str]| json!({ "environment": of(names) });
        let [all, _] = as_registered(&variables(&["C", "A", "B"]), &variables(&["A", "C"]));
        assert_eq!(all, variables(&["A", "B", "C"]));
        let containers = |names: &[&str]| json!({ "containerDefinitions": of(names) });
        let mut after = containers(&["web", "proxy"]);
        after["containerDefinitions"][0]["image"] = "web".into();
        let [all, _] = as_registered(&containers(&["proxy", "web"]), &after);
        assert_eq!(name_of(&all["containerDefinitions"][0]), "web");
        let gone = json!({ "containerDefinitions": [
            { "name": "web", "image": "a" }, { "name": "proxy", "image": "p", "cpu": 0, "mountPoints": [] },
        ]});
        let [all, _] = as_registered(&gone, &json!({ "containerDefinitions": [{ "name": "web", "image": "a" }] }));
        assert_eq!(all["containerDefinitions"][1], json!({ "name": "proxy", "image": "p" }));
    }

    #[test]
    fn what_the_later_one_has_no_place_for_is_in_the_first() {
        let [all, placed] = as_registered(&json!({ "command": ["a"], "cpu": 256.0 }), &json!({ "cpu": 256 }));
        assert_eq!((all, placed), (json!({ "command": ["a"], "cpu": 256 }), json!({ "cpu": 256 })));
    }
}
