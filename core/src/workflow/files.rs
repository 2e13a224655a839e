//! The files that the workflow file names: templates of extra stacks, and task definitions.

use serde_json::{Map, Value as Json};

use super::TaskDefinitionFile;
use super::load::Files;
use super::parse;
use super::section::Reader;
use super::tree::{Kind, Node};

/// The largest file that is read.
const MAX_BYTES: usize = 1024 * 1024;

fn read(file: &str, path: &str, files: &dyn Files, reader: &mut Reader<'_>) -> Option<Vec<u8>> {
    match files.read(file) {
        Ok(bytes) if bytes.len() > MAX_BYTES => {
            reader.error(path, format!("`{file}` has {} bytes; the limit is 1 MiB", bytes.len()), None);
            None
        }
        Ok(bytes) => Some(bytes),
        Err(reason) => {
            reader.refuse(
                path,
                format!("`{file}` cannot be read: {reason}"),
                "paths are relative to the repository's root",
            );
            None
        }
    }
}

/// A CloudFormation template, YAML (with short forms) or JSON, as JSON.
pub(super) fn read_template(file: &str, path: &str, files: &dyn Files, reader: &mut Reader<'_>) -> Option<Json> {
    let bytes = read(file, path, files, reader)?;
    let parsed = parse::parse(&bytes);
    for problem in &parsed.problems {
        let place = problem.span.map(|span| format!(":{}:{}", span.line, span.column)).unwrap_or_default();
        reader.error(path, format!("{file}{place}: {}", problem.message), problem.help.clone());
    }
    let tree = parsed.tree.filter(|_| parsed.problems.is_empty())?;
    let json = match long_form(&tree) {
        Ok(json) => json,
        Err((node, message)) => {
            reader.error(path, format!("{file}:{}:{}: {message}", node.span.line, node.span.column), None);
            return None;
        }
    };
    if json.get("Resources").and_then(Json::as_object).is_none_or(Map::is_empty) {
        let help = "a CloudFormation template has `Resources`";
        reader.refuse(path, format!("`{file}` is no template: it has no `Resources`"), help);
        return None;
    }
    Some(json)
}

/// YAML's short forms in their long form: `!Ref X` → `{"Ref": "X"}`, `!GetAtt A.B` → `{"Fn::GetAtt": ["A", "B"]}`,
/// `!Sub …` → `{"Fn::Sub": …}`.
/// <https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/intrinsic-function-reference.html>
fn long_form(node: &Node) -> Result<Json, (&Node, String)> {
    let plain = match &node.kind {
        Kind::Null => Json::Null,
        Kind::Bool(value) => Json::Bool(*value),
        Kind::Number(raw) => serde_json::from_str(raw).unwrap_or_else(|_| Json::String(raw.clone())),
        Kind::Text(text) => Json::String(text.clone()),
        Kind::List(items) => Json::Array(items.iter().map(long_form).collect::<Result<_, _>>()?),
        Kind::Map(entries) => {
            let mut map = Map::new();
            for entry in entries {
                if entry.key == "<<" {
                    return Err((&entry.value, "CloudFormation reads no merge keys (`<<`)".to_owned()));
                }
                if map.insert(entry.key.clone(), long_form(&entry.value)?).is_some() {
                    return Err((&entry.value, format!("the key `{}` is there twice", entry.key)));
                }
            }
            Json::Object(map)
        }
    };
    let Some(tag) = node.tag.as_deref().filter(|tag| !tag.starts_with("tag:yaml.org,2002:")) else {
        return Ok(plain);
    };
    let name = tag.strip_prefix('!').unwrap_or(tag);
    let (key, value) = match (name, plain) {
        ("Ref" | "Condition", value) => (name.to_owned(), value),
        ("GetAtt", Json::String(text)) => match text.split_once('.') {
            Some((resource, attribute)) => ("Fn::GetAtt".to_owned(), serde_json::json!([resource, attribute])),
            None => return Err((node, format!("`!GetAtt {text}` names no attribute"))),
        },
        (
            "And" | "Base64" | "Cidr" | "Equals" | "FindInMap" | "ForEach" | "GetAtt" | "GetAZs" | "If" | "ImportValue"
            | "Join" | "Length" | "Not" | "Or" | "Select" | "Split" | "Sub" | "ToJsonString" | "Transform",
            value,
        ) => (format!("Fn::{name}"), value),
        _ => return Err((node, format!("CloudFormation has no short form `{tag}`"))),
    };
    Ok(Json::Object(Map::from_iter([(key, value)])))
}

/// A task definition in the shape of RegisterTaskDefinition, as `describe-task-definition` prints it or within its
/// `taskDefinition`.
pub(super) fn read_task_definition(
    file: &str,
    path: &str,
    files: &dyn Files,
    reader: &mut Reader<'_>,
) -> Option<TaskDefinitionFile> {
    let bytes = read(file, path, files, reader)?;
    let mut json: Json = match serde_json::from_slice(&bytes) {
        Ok(json) => json,
        Err(error) => {
            reader.error(path, format!("`{file}` is not JSON: {error}"), None);
            return None;
        }
    };
    if let Some(inner) = json.get_mut("taskDefinition").filter(|inner| inner.is_object()) {
        json = inner.take();
    }
    let containers = json.get("containerDefinitions").and_then(Json::as_array);
    let named = |container: &Json| container.get("name").and_then(Json::as_str).is_some_and(|name| !name.is_empty());
    match containers {
        Some(containers) if !containers.is_empty() && containers.iter().all(named) => {}
        _ => {
            let help = "it has `containerDefinitions`, each with a `name`, as RegisterTaskDefinition takes them";
            reader.refuse(path, format!("`{file}` is no task definition"), help);
            return None;
        }
    }
    for key in ["cpu", "memory"] {
        if json.get(key).is_none() {
            let message = format!("`{file}` has no `{key}` of the task, which Fargate wants");
            reader.refuse(path, message, format!("write `\"{key}\": \"512\"` beside `containerDefinitions`"));
            return None;
        }
    }
    // https://docs.aws.amazon.com/AmazonECS/latest/developerguide/fargate-tasks-services.html
    if json.get("networkMode").is_some_and(|mode| mode != "awsvpc") {
        reader.refuse(path, format!("`{file}` has another `networkMode` than `awsvpc`"), "Fargate knows no other");
        return None;
    }
    let launch = json.get("requiresCompatibilities").and_then(Json::as_array);
    if launch.is_some_and(|launch| !launch.iter().any(|kind| kind == "FARGATE")) {
        reader.refuse(
            path,
            format!("`{file}` is not for Fargate"),
            "write `\"requiresCompatibilities\": [\"FARGATE\"]`",
        );
        return None;
    }
    Some(TaskDefinitionFile { path: file.to_owned(), json })
}
