//! What a template's values refer to.

use std::collections::BTreeSet;

use serde_json::{Map, Value as Json};

/// The logical ids that a value refers to, by `Ref`, `Fn::GetAtt` and `Fn::Sub`.
pub fn references(json: &Json) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    collect(json, &mut found);
    found
}

fn collect(json: &Json, found: &mut BTreeSet<String>) {
    match json {
        Json::Object(map) => {
            for (key, value) in map {
                match (key.as_str(), value) {
                    ("Ref", Json::String(id)) => {
                        found.insert(id.clone());
                    }
                    ("Fn::GetAtt", Json::String(text)) => {
                        found.extend(text.split('.').next().map(str::to_owned));
                    }
                    ("Fn::GetAtt", Json::Array(list)) => {
                        found.extend(list.first().and_then(Json::as_str).map(str::to_owned));
                    }
                    ("Fn::Sub", value) => {
                        let text = value.as_str().or_else(|| value.get(0).and_then(Json::as_str)).unwrap_or_default();
                        let own = |name: &str| value.get(1).is_some_and(|values| values.get(name).is_some());
                        let mut rest = text;
                        while let Some((_, name, after)) = next_placeholder(rest) {
                            found.extend(name.split('.').next().filter(|name| !own(name)).map(str::to_owned));
                            rest = after;
                        }
                        if let Some(values) = value.get(1) {
                            collect(values, found);
                        }
                    }
                    (_, value) => collect(value, found),
                }
            }
        }
        Json::Array(list) => list.iter().for_each(|value| collect(value, found)),
        _ => {}
    }
}

/// The text before the next `${NAME}`, the name, and the text after it.
pub(crate) fn next_placeholder(text: &str) -> Option<(&str, &str, &str)> {
    let start = text.find("${")?;
    let end = start + text[start..].find('}')?;
    Some((&text[..start], &text[start + 2..end], &text[end + 1..]))
}

/// Whether an object is one of CloudFormation's functions.
pub(crate) fn is_intrinsic(map: &Map<String, Json>) -> bool {
    map.len() == 1 && map.keys().all(|key| key == "Ref" || key.starts_with("Fn::"))
}
