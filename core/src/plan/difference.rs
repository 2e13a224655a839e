//! What differs between two templates and their parameters, property by property, and which differences replace the
//! resource they are about.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value as Json};

use super::{Change, Replacement, Stack};
use crate::{
    infra::{self, CreateOnly, Holds, is_intrinsic, next_placeholder, references},
    text::Span,
};

/// A template with the values of its parameters.
#[derive(Clone, Copy)]
pub struct Side<'a> {
    /// The template.
    pub template: &'a Json,
    /// Parameters by name; what is not known yet stands as `${stacks.KEY.OUTPUT}`.
    pub parameters: &'a BTreeMap<String, String>,
}

/// What is known of a resource beside its template, by logical id, and where the file says what a property of it is.
pub type About<'a> = &'a dyn Fn(&str, &str) -> Option<(Holds, Option<Span>)>;

/// What differs, by logical id and property. Parameters are put in first, so that a new value shows where it arrives:
/// at the property that takes it. A reference to a resource that is replaced counts as a change of what cannot
/// change in place. Outputs, parameters and the description are named only where nothing else would show.
pub fn difference(scope: &str, before: Option<Side<'_>>, after: Side<'_>, about: About<'_>) -> Vec<Change> {
    let old = before.map(resources).unwrap_or_default();
    let new = resources(after);
    let ids: BTreeSet<&String> = old.keys().chain(new.keys()).collect();
    let mut changes = Vec::new();
    for id in ids {
        let kind = new.get(id).or(old.get(id)).map(kind).unwrap_or_default();
        let change = |property: &str, before: Option<&Json>, after: Option<&Json>, replacement| {
            let (holds, span) = about(id, property).unwrap_or_else(|| (infra::holds(kind), None));
            Change {
                scope: scope.to_owned(),
                subject: id.clone(),
                kind: kind.to_owned(),
                property: property.to_owned(),
                before: before.cloned(),
                after: after.cloned(),
                replacement,
                holds,
                span,
            }
        };
        match (old.get(id), new.get(id)) {
            (Some(old), Some(new)) => {
                let mut found = Vec::new();
                for attribute in ["Type", "Condition", "DeletionPolicy", "UpdateReplacePolicy"] {
                    if old.get(attribute) != new.get(attribute) {
                        let replacement = if attribute == "Type" { Replacement::Yes } else { Replacement::No };
                        found.push(change(attribute, old.get(attribute), new.get(attribute), replacement));
                    }
                }
                walk("", old.get("Properties"), new.get("Properties"), &mut |path, before, after| {
                    found.push(change(path, before, after, replacement(kind, path, before, after)));
                });
                changes.extend(found);
            }
            (None, Some(new)) => {
                changes.push(change("", None, Some(new.get("Properties").unwrap_or(&Json::Null)), Replacement::No));
            }
            (Some(old), None) => {
                changes.push(change("", Some(old.get("Properties").unwrap_or(&Json::Null)), None, Replacement::No));
            }
            (None, None) => {}
        }
    }
    follow_references(scope, &old, &new, about, &mut changes);
    if changes.is_empty()
        && let Some(before) = before
    {
        aside(scope, before, after, &mut changes);
    }
    changes
}

fn kind(resource: &Json) -> &str {
    resource.get("Type").and_then(Json::as_str).unwrap_or_default()
}

/// What a change of this property does to a resource of this type.
pub fn replacement(kind: &str, path: &str, before: Option<&Json>, after: Option<&Json>) -> Replacement {
    match infra::create_only(kind, path) {
        CreateOnly::Yes => {
            // An object that holds a create-only property beside others: it is a change of that one only where one
            // of the two sides has it.
            let whole = [before, after].into_iter().flatten().find_map(Json::as_object);
            let inner = |object: &Map<String, Json>| {
                object.keys().any(|key| infra::create_only(kind, &format!("{path}.{key}")) == CreateOnly::Yes)
            };
            if whole.is_none_or(|object| object.is_empty() || inner(object)) {
                Replacement::Yes
            } else {
                Replacement::No
            }
        }
        CreateOnly::Maybe => Replacement::Maybe,
        CreateOnly::No | CreateOnly::Unknown => Replacement::No,
    }
}

/// Resources by logical id, the parameters' values put in.
fn resources(side: Side<'_>) -> BTreeMap<String, Json> {
    let secret: BTreeSet<&str> = side
        .template
        .get("Parameters")
        .and_then(Json::as_object)
        .into_iter()
        .flatten()
        .filter(|(_, declared)| matches!(declared.get("NoEcho"), Some(Json::Bool(true)) | Some(Json::String(_))))
        .map(|(name, _)| name.as_str())
        .collect();
    let values = |name: &str| -> Option<String> {
        // CloudFormation shows such a value as asterisks, and so do we.
        if secret.contains(name) { Some("****".to_owned()) } else { side.parameters.get(name).cloned() }
    };
    side.template
        .get("Resources")
        .and_then(Json::as_object)
        .into_iter()
        .flatten()
        .map(|(id, resource)| (id.clone(), put_in(resource, &values)))
        .collect()
}

/// The same with every `Ref` and `${…}` of a parameter replaced by its value.
fn put_in(json: &Json, values: &dyn Fn(&str) -> Option<String>) -> Json {
    match json {
        Json::Object(map) => {
            if map.len() == 1 {
                if let Some(value) = map.get("Ref").and_then(Json::as_str).and_then(values) {
                    return Json::String(value);
                }
                if let Some(text) = map.get("Fn::Sub").and_then(Json::as_str) {
                    return sub(text, values);
                }
            }
            Json::Object(map.iter().map(|(key, value)| (key.clone(), put_in(value, values))).collect())
        }
        Json::Array(list) => Json::Array(list.iter().map(|value| put_in(value, values)).collect()),
        other => other.clone(),
    }
}

fn sub(text: &str, values: &dyn Fn(&str) -> Option<String>) -> Json {
    let mut out = String::new();
    let mut rest = text;
    while let Some((before, name, after)) = next_placeholder(rest) {
        out.push_str(before);
        match values(name) {
            Some(value) => out.push_str(&value),
            None => out.push_str(&format!("${{{name}}}")),
        }
        rest = after;
    }
    out.push_str(rest);
    serde_json::json!({ "Fn::Sub": out })
}

/// Takes a path and the values there.
type Found<'a> = &'a mut dyn FnMut(&str, Option<&Json>, Option<&Json>);

/// Calls `found` for each leaf that differs. Lists are leaves, but for two of one element each.
fn walk(path: &str, before: Option<&Json>, after: Option<&Json>, found: Found<'_>) {
    if before == after {
        return;
    }
    let below = |key: &str| if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") };
    match (before, after) {
        (Some(Json::Object(old)), Some(Json::Object(new))) if !is_intrinsic(old) && !is_intrinsic(new) => {
            let keys: BTreeSet<&String> = old.keys().chain(new.keys()).collect();
            for key in keys {
                walk(&below(key), old.get(key), new.get(key), found);
            }
        }
        (Some(Json::Array(old)), Some(Json::Array(new))) if old.len() == 1 && new.len() == 1 => {
            walk(&below("0"), old.first(), new.first(), found);
        }
        // `Properties` itself appears or disappears.
        (Some(Json::Object(map)), None) | (None, Some(Json::Object(map))) if path.is_empty() => {
            for (key, value) in map {
                let (old, new) = if before.is_some() { (Some(value), None) } else { (None, Some(value)) };
                found(key, old, new);
            }
        }
        _ => found(path, before, after),
    }
}

/// A resource whose create-only property names one that is replaced is replaced with it, and by the same line of the file.
fn follow_references(
    scope: &str,
    old: &BTreeMap<String, Json>,
    new: &BTreeMap<String, Json>,
    about: About<'_>,
    changes: &mut Vec<Change>,
) {
    loop {
        let replaced = replaced(changes);
        let mut more = Vec::new();
        for (id, resource) in new.iter().filter(|(id, _)| old.contains_key(*id) && !replaced.contains(id.as_str())) {
            let kind = kind(resource);
            let Some(properties) = resource.get("Properties").and_then(Json::as_object) else { continue };
            let hit = properties.iter().find(|(name, value)| {
                infra::create_only(kind, name) == CreateOnly::Yes && !references(value).is_disjoint(&replaced)
            });
            if let Some((name, value)) = hit {
                let (holds, own) = about(id, name).unwrap_or_else(|| (infra::holds(kind), None));
                let named = references(value);
                let forced = changes
                    .iter()
                    .find(|change| change.replacement == Replacement::Yes && named.contains(change.subject.as_str()));
                let span = forced.and_then(|change| change.span).or(own);
                more.push(Change {
                    scope: scope.to_owned(),
                    subject: id.clone(),
                    kind: kind.to_owned(),
                    property: name.clone(),
                    before: old.get(id).and_then(|old| old.pointer(&format!("/Properties/{name}"))).cloned(),
                    after: Some(value.clone()),
                    replacement: Replacement::Yes,
                    holds,
                    span,
                });
            }
        }
        if more.is_empty() {
            break;
        }
        changes.extend(more);
    }
    changes.sort_by(|one, other| (&one.subject, &one.property).cmp(&(&other.subject, &other.property)));
    changes.dedup_by(|one, other| {
        one.subject == other.subject && one.property == other.property && {
            other.replacement = other.replacement.max(one.replacement);
            true
        }
    });
}

/// The logical ids that are replaced.
pub fn replaced(changes: &[Change]) -> BTreeSet<String> {
    changes
        .iter()
        .filter(|change| change.replacement == Replacement::Yes)
        .map(|change| change.subject.clone())
        .collect()
}

/// What differs beside resources.
fn aside(scope: &str, before: Side<'_>, after: Side<'_>, changes: &mut Vec<Change>) {
    let mut push = |subject: &str, property: &str, before: Option<&Json>, after: Option<&Json>| {
        changes.push(Change {
            scope: scope.to_owned(),
            subject: subject.to_owned(),
            kind: String::new(),
            property: property.to_owned(),
            before: before.cloned(),
            after: after.cloned(),
            replacement: Replacement::No,
            holds: Holds::Nothing,
            span: None,
        });
    };
    let ours = |name: &str| name == Stack::HASH || name == Stack::LEFT_OUT;
    let none = Map::new();
    for section in ["Outputs", "Parameters", "Conditions", "Mappings", "Metadata"] {
        let old = before.template.get(section).and_then(Json::as_object).unwrap_or(&none);
        let new = after.template.get(section).and_then(Json::as_object).unwrap_or(&none);
        let names: BTreeSet<&String> = old.keys().chain(new.keys()).filter(|name| !ours(name)).collect();
        for name in names {
            walk(name, old.get(name), new.get(name), &mut |path, old, new| push(section, path, old, new));
        }
    }
    for section in ["Description", "Transform"] {
        if before.template.get(section) != after.template.get(section) {
            push("Template", section, before.template.get(section), after.template.get(section));
        }
    }
    for (id, new) in after.template.get("Resources").and_then(Json::as_object).unwrap_or(&none) {
        let old = before.template.pointer(&format!("/Resources/{id}")).unwrap_or(&Json::Null);
        for attribute in ["DependsOn", "Metadata", "CreationPolicy", "UpdatePolicy"] {
            if old.get(attribute) != new.get(attribute) {
                push(id, attribute, old.get(attribute), new.get(attribute));
            }
        }
    }
}

#[cfg(test)]
#[path = "difference_tests.rs"]
mod tests;
