//! What a template's values are, as far as that can be told before CloudFormation does.

use std::collections::BTreeMap;

use serde_json::{Map, Value as Json, json};

use crate::infra::{is_intrinsic, next_placeholder, references};

/// What is known of a value.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Told {
    /// It is this.
    Known(Json),
    /// It is not there (`AWS::NoValue`).
    Absent,
    /// It stands on what is there, but only CloudFormation can tell it.
    Opaque,
    /// It stands on this resource, which is yet to be made.
    Needs(String),
}

/// A resource that is in the stack, or will be.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct There {
    /// What `Ref` gives.
    pub(super) physical: Option<String>,
    /// Its properties as the service shows them.
    pub(super) properties: Option<Json>,
}

/// Resolves values of one template.
pub(super) struct Resolver<'a> {
    /// The template.
    pub(super) template: &'a Json,
    /// Its parameters' values, and the pseudo parameters.
    pub(super) parameters: &'a BTreeMap<String, String>,
    /// What is there, by logical id.
    pub(super) there: &'a BTreeMap<String, There>,
}

impl Resolver<'_> {
    /// See [`Told`].
    pub(super) fn told(&self, value: &Json) -> Told {
        match value {
            // Resolved when it is used, and secret as a rule.
            Json::String(text) if text.contains("{{resolve:") => Told::Opaque,
            Json::Object(map) if is_intrinsic(map) => self.function(map, value),
            Json::Object(map) => {
                let mut out = Map::new();
                for (key, value) in map {
                    match self.told(value) {
                        Told::Known(value) => {
                            out.insert(key.clone(), value);
                        }
                        Told::Absent => {}
                        other => return self.needed(value).unwrap_or(other),
                    }
                }
                Told::Known(Json::Object(out))
            }
            Json::Array(list) => {
                let mut out = Vec::new();
                for value in list {
                    match self.told(value) {
                        Told::Known(value) => out.push(value),
                        Told::Absent => {}
                        other => return list.iter().find_map(|value| self.needed(value)).unwrap_or(other),
                    }
                }
                Told::Known(Json::Array(out))
            }
            plain => Told::Known(plain.clone()),
        }
    }

    /// Whether a value stands on a resource that is yet to be made, whatever else it stands on.
    fn needed(&self, value: &Json) -> Option<Told> {
        let made = |id: &String| self.template.pointer(&format!("/Resources/{id}")).is_some();
        references(value).into_iter().find(|id| made(id) && !self.there.contains_key(id)).map(Told::Needs)
    }

    fn function(&self, map: &Map<String, Json>, whole: &Json) -> Told {
        let Some((name, value)) = map.iter().next() else { return Told::Opaque };
        let told = match (name.as_str(), value) {
            ("Ref", Json::String(id)) => self.reference(id),
            ("Fn::GetAtt", Json::String(text)) => {
                text.split_once('.').map_or(Told::Opaque, |(id, attribute)| self.attribute(id, attribute))
            }
            ("Fn::GetAtt", Json::Array(list)) => match &list[..] {
                [Json::String(id), Json::String(attribute)] => self.attribute(id, attribute),
                _ => Told::Opaque,
            },
            ("Fn::Sub", Json::String(text)) => self.substituted(text, &Map::new()),
            ("Fn::Sub", Json::Array(list)) => match &list[..] {
                [Json::String(text), Json::Object(own)] => self.substituted(text, own),
                _ => Told::Opaque,
            },
            ("Fn::Join", Json::Array(list)) => match &list[..] {
                [Json::String(between), members] => self.joined(between, members),
                _ => Told::Opaque,
            },
            ("Fn::If", Json::Array(list)) => match &list[..] {
                [Json::String(condition), yes, no] => {
                    self.condition(condition).map_or(Told::Opaque, |holds| self.told(if holds { yes } else { no }))
                }
                _ => Told::Opaque,
            },
            _ => Told::Opaque,
        };
        match told {
            Told::Opaque => self.needed(whole).unwrap_or(Told::Opaque),
            Told::Known(Json::String(text)) if text.contains("{{resolve:") => Told::Opaque,
            told => told,
        }
    }

    fn reference(&self, id: &str) -> Told {
        if id == "AWS::NoValue" {
            return Told::Absent;
        }
        if let Some(value) = self.parameters.get(id) {
            return Told::Known(json!(value));
        }
        let physical = self.there.get(id).and_then(|there| there.physical.as_ref());
        physical.map_or(Told::Opaque, |physical| Told::Known(json!(physical)))
    }

    fn attribute(&self, id: &str, attribute: &str) -> Told {
        let properties = self.there.get(id).and_then(|there| there.properties.as_ref());
        let found = properties.and_then(|it| it.pointer(&format!("/{}", attribute.replace('.', "/"))));
        found.map_or(Told::Opaque, |found| Told::Known(found.clone()))
    }

    fn substituted(&self, text: &str, own: &Map<String, Json>) -> Told {
        let mut out = String::new();
        let mut rest = text;
        while let Some((before, name, after)) = next_placeholder(rest) {
            out.push_str(before);
            rest = after;
            if let Some(literal) = name.strip_prefix('!') {
                out.push_str(&format!("${{{literal}}}"));
                continue;
            }
            let told = match (own.get(name), name.split_once('.')) {
                (Some(value), _) => self.told(value),
                (None, Some((id, attribute))) => self.attribute(id, attribute),
                (None, None) => self.reference(name),
            };
            match told {
                Told::Known(value) => match plain(&value) {
                    Some(value) => out.push_str(&value),
                    None => return Told::Opaque,
                },
                Told::Absent => return Told::Opaque,
                other => return other,
            }
        }
        out.push_str(rest);
        Told::Known(json!(out))
    }

    fn joined(&self, between: &str, members: &Json) -> Told {
        match self.told(members) {
            Told::Known(Json::Array(members)) => {
                let texts: Option<Vec<String>> = members.iter().map(plain).collect();
                texts.map_or(Told::Opaque, |texts| Told::Known(json!(texts.join(between))))
            }
            Told::Known(_) | Told::Absent => Told::Opaque,
            other => other,
        }
    }

    /// Whether a condition holds, where that can be told.
    fn condition(&self, name: &str) -> Option<bool> {
        self.holds(self.template.pointer(&format!("/Conditions/{name}"))?)
    }

    fn holds(&self, condition: &Json) -> Option<bool> {
        let (name, value) = condition.as_object().filter(|map| map.len() == 1)?.iter().next()?;
        let list = value.as_array();
        match name.as_str() {
            "Fn::Equals" => match (self.told(list?.first()?), self.told(list?.get(1)?)) {
                (Told::Known(one), Told::Known(other)) => Some(plain(&one) == plain(&other)),
                _ => None,
            },
            "Fn::Not" => Some(!self.holds(list?.first()?)?),
            "Fn::And" => list?.iter().try_fold(true, |all, one| Some(all & self.holds(one)?)),
            "Fn::Or" => list?.iter().try_fold(false, |any, one| Some(any | self.holds(one)?)),
            "Condition" => self.condition(value.as_str()?),
            _ => None,
        }
    }
}

/// A text, number or switch as text: CloudFormation takes each for the other.
pub(super) fn plain(value: &Json) -> Option<String> {
    match value {
        Json::String(text) => Some(text.clone()),
        Json::Number(number) => Some(number.to_string()),
        Json::Bool(switch) => Some(switch.to_string()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_told_as_far_as_they_can_be() {
        let template = json!({
            "Conditions": {
                "Bounded": { "Fn::Not": [{ "Fn::Equals": [{ "Ref": "Boundary" }, ""] }] },
                "Both": { "Fn::And": [{ "Condition": "Bounded" }, { "Fn::Equals": ["a", "a"] }] },
            },
            "Resources": { "Vpc": {}, "Group": {}, "New": {} },
        });
        let parameters = BTreeMap::from([("Boundary".into(), String::new()), ("AWS::Region".into(), "eu-x".into())]);
        let there = BTreeMap::from([
            ("Vpc".to_owned(), There { physical: Some("vpc-1".into()), properties: None }),
            ("Group".to_owned(), There { physical: None, properties: Some(json!({ "Endpoint": { "Port": 5432 } })) }),
        ]);
        let resolver = Resolver { template: &template, parameters: &parameters, there: &there };
        let known = |value: Json| Told::Known(value);
        for (value, told) in [
            (json!("plain"), known(json!("plain"))),
            (json!([{ "Ref": "Vpc" }, { "Ref": "AWS::NoValue" }]), known(json!(["vpc-1"]))),
            (json!({ "Fn::GetAtt": ["Group", "Endpoint.Port"] }), known(json!(5432))),
            (json!({ "Fn::GetAtt": "Group.Endpoint.Port" }), known(json!(5432))),
            (json!({ "Fn::GetAtt": ["Vpc", "Arn"] }), Told::Opaque),
            (json!({ "Fn::GetAtt": ["New", "Arn"] }), Told::Needs("New".into())),
            (json!({ "A": [{ "Fn::GetAZs": "" }, { "Ref": "New" }] }), Told::Needs("New".into())),
            (json!({ "Fn::Select": ["0", { "Fn::GetAZs": "" }] }), Told::Opaque),
            (
                json!({ "Fn::Sub": "${Vpc}-${AWS::Region}${!x}-${Group.Endpoint.Port}" }),
                known(json!("vpc-1-eu-x${x}-5432")),
            ),
            (json!({ "Fn::Sub": ["${own}", { "own": { "Ref": "New" } }] }), Told::Needs("New".into())),
            (json!({ "Fn::Sub": "{{resolve:secretsmanager:${Vpc}}}" }), Told::Opaque),
            (json!({ "Fn::Join": [",", ["a", { "Ref": "Vpc" }]] }), known(json!("a,vpc-1"))),
            (json!({ "Fn::If": ["Bounded", "yes", { "Ref": "AWS::NoValue" }] }), Told::Absent),
            (json!({ "Fn::If": ["Both", "yes", "no"] }), known(json!("no"))),
            (json!({ "Fn::If": ["Unheard", "yes", "no"] }), Told::Opaque),
        ] {
            assert_eq!(resolver.told(&value), told, "{value}");
        }
    }
}
