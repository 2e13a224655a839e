//! The JSON Schema of the file, for editors.

use serde_json::{Map, Value as Json, json};

use super::app::FileKeys;
use super::reader::{Read, literal};
use super::shape::{Need, Section, Shape};
use super::word::EnvironmentName;
use crate::workflow::tree::Kind;

/// The schema (draft 2020-12). In an environment nothing must be there, and `null` takes a key away.
pub fn schema() -> Json {
    let mut defs = Map::new();
    let Shape::Section(file) = FileKeys::shape() else { return Json::Null };
    let mut root = object(&file, false, &mut defs);
    let over = Section {
        name: "OverKeys",
        doc: &[
            "What differs in one environment: merged over the rest. Maps merge, lists and scalars replace, null takes away.",
        ],
        keys: file.keys.iter().filter(|key| key.name != "app").cloned().collect(),
    };
    let over = render(&Shape::Section(over), true, &mut defs);
    let environments = json!({
        "description": "The environments, by name. Each is merged over the rest of the file.",
        "type": "object",
        "propertyNames": render(&EnvironmentName::shape(), false, &mut defs),
        "additionalProperties": { "anyOf": [over, { "type": "null" }] },
        "minProperties": 1,
    });
    root["properties"]["environments"] = environments;
    if let Some(required) = root["required"].as_array_mut() {
        required.push(json!("environments"));
    }
    root["$schema"] = json!("https://json-schema.org/draft/2020-12/schema");
    root["title"] = json!("Workflow file");
    root["$defs"] = Json::Object(defs);
    root
}

fn name_of(section: &Section, partial: bool) -> String {
    let name = section.name.trim_end_matches("Keys").trim_end_matches("Long");
    if partial { format!("{name}InEnvironment") } else { name.to_owned() }
}

fn render(shape: &Shape, partial: bool, defs: &mut Map<String, Json>) -> Json {
    match shape {
        Shape::Bool => json!({ "type": "boolean" }),
        Shape::Text { pattern, example, .. } => {
            let mut text = json!({ "type": "string" });
            if let Some(pattern) = pattern {
                text["pattern"] = json!(pattern);
            }
            if !example.is_empty() && *example != "TEXT" {
                text["examples"] = json!([example.trim_matches('"')]);
            }
            text
        }
        Shape::Number { min, max, whole } => {
            let mut number = json!({ "type": if *whole { "integer" } else { "number" } });
            if min.is_finite() && min.abs() < 1e300 {
                number["minimum"] = bound(*min);
                number["maximum"] = bound(*max);
            }
            number
        }
        Shape::Duration { .. } => {
            json!({ "type": "string", "pattern": "^[0-9]+[smhd]$", "examples": ["30s", "10m", "7d"] })
        }
        Shape::Choice(words) => json!({ "type": "string", "enum": words }),
        Shape::List(item, least) => {
            let mut list = json!({ "type": "array", "items": render(item, false, defs) });
            if *least > 0 {
                list["minItems"] = json!(least);
            }
            list
        }
        Shape::Map { key, value } => {
            let value = render(value, partial, defs);
            let value = if partial { json!({ "anyOf": [value, { "type": "null" }] }) } else { value };
            json!({ "type": "object", "propertyNames": render(key, false, defs), "additionalProperties": value })
        }
        Shape::Section(section) => {
            let name = name_of(section, partial);
            if !defs.contains_key(&name) {
                // Held first, so that a section within itself would not go round for ever.
                defs.insert(name.clone(), Json::Null);
                let body = object(section, partial, defs);
                defs.insert(name.clone(), body);
            }
            json!({ "$ref": format!("#/$defs/{name}") })
        }
        Shape::Any(shapes) => {
            let shapes: Vec<Json> = shapes.iter().map(|shape| render(shape, partial, defs)).collect();
            json!({ "anyOf": shapes })
        }
        Shape::Free => json!({}),
    }
}

fn bound(number: f64) -> Json {
    if number.fract() == 0.0 { json!(number as i64) } else { json!(number) }
}

fn object(section: &Section, partial: bool, defs: &mut Map<String, Json>) -> Json {
    let mut properties = Map::new();
    let mut required = Vec::new();
    for key in &section.keys {
        let mut property = render(&key.shape, partial, defs);
        if partial {
            property = json!({ "anyOf": [property, { "type": "null" }] });
        }
        property["description"] = json!(prose(key.doc));
        match key.need {
            Need::Required if !partial => required.push(json!(key.name)),
            Need::Default(default) if !partial => property["default"] = default_value(default, &key.shape),
            _ => {}
        }
        properties.insert(key.name.clone(), property);
    }
    let mut object = json!({
        "description": prose(section.doc),
        "type": "object",
        "properties": properties,
        "additionalProperties": false,
    });
    if !required.is_empty() {
        object["required"] = Json::Array(required);
    }
    object
}

fn default_value(default: &'static str, shape: &Shape) -> Json {
    match literal(default).kind {
        Kind::Map(_) => json!({}),
        Kind::List(_) => json!([]),
        Kind::Bool(value) => json!(value),
        Kind::Number(number) if !matches!(shape, Shape::Text { .. }) => {
            serde_json::from_str(&number).unwrap_or(Json::Null)
        }
        _ => json!(default),
    }
}

/// A key's documentation without its examples.
pub(super) fn prose(doc: &[&str]) -> String {
    let lines = doc.iter().map(|line| line.trim()).filter(|line| !line.starts_with("Example:"));
    lines.collect::<Vec<_>>().join(" ")
}
