//! A task definition of the user's own: rendered as it is, with image, environment and secrets put in.

use serde_json::{Map, Value as Json, json};

use super::{
    Facts, SECRET_VERSIONS_LABEL, Writer,
    definition::{environment, log_configuration, secret_versions, secrets},
    stack_key,
};
use crate::workflow::{Environment, ImageSource, Service};

/// What DescribeTaskDefinition answers and RegisterTaskDefinition does not take: files that were fetched from AWS
/// carry these.
pub(crate) const ANSWERED_ONLY: &[&str] = &[
    "taskDefinitionArn",
    "revision",
    "status",
    "requiresAttributes",
    "compatibilities",
    "registeredAt",
    "registeredBy",
    "deregisteredAt",
];

/// The file's content with our family, the roles and the log group where it names none, and the image, environment
/// and secrets of the service in its container: the one of the service's name, or the only one.
pub(super) fn render<F: Facts>(env: &Environment, service: &Service, file: &Json, writer: &mut Writer<'_, F>) -> Json {
    let mut out: Map<String, Json> =
        file.get("taskDefinition").unwrap_or(file).as_object().cloned().unwrap_or_default();
    for key in ANSWERED_ONLY {
        out.remove(*key);
    }
    let stack = stack_key(&service.name);
    out.insert("family".into(), env.family(&service.name).into());
    out.entry("networkMode").or_insert_with(|| "awsvpc".into());
    out.entry("requiresCompatibilities").or_insert_with(|| json!(["FARGATE"]));
    for (key, output) in [("executionRoleArn", "ExecutionRoleArn"), ("taskRoleArn", "TaskRoleArn")] {
        if !out.contains_key(key) {
            out.insert(key.into(), writer.output(&stack, output).into());
        }
    }
    let versions = secret_versions(env, service, writer);
    if let Some(Json::Array(containers)) = out.get_mut("containerDefinitions") {
        let only = containers.len() == 1;
        for container in containers.iter_mut().filter_map(Json::as_object_mut) {
            if container.get("logConfiguration").is_none() {
                container.insert("logConfiguration".into(), log_configuration(env, service, writer));
            }
            if !only && container.get("name").and_then(Json::as_str) != Some(&service.name) {
                continue;
            }
            match &service.image {
                ImageSource::TaskDefinition => {}
                ImageSource::Reference(reference) => {
                    container.insert("image".into(), reference.clone().into());
                }
                _ => {
                    let image = writer.facts.image(service.image_owner());
                    container.insert("image".into(), writer.value(image).into());
                }
            }
            let variables = environment(&service.environment, writer);
            put_named(container, "environment", variables);
            let references = secrets(env, &service.secrets, writer);
            put_named(container, "secrets", references);
            if let Some(versions) = &versions {
                let labels = container.entry("dockerLabels").or_insert_with(|| json!({}));
                labels[SECRET_VERSIONS_LABEL] = versions.clone().into();
            }
        }
    }
    Json::Object(out)
}

/// Puts named entries into a list, each in the place of one of the same name.
fn put_named(container: &mut Map<String, Json>, key: &str, entries: Vec<Json>) {
    if entries.is_empty() {
        return;
    }
    let list = container.entry(key).or_insert_with(|| json!([]));
    if let Json::Array(list) = list {
        list.retain(|old| entries.iter().all(|new| new["name"] != old["name"]));
        list.extend(entries);
        list.sort_by(|a, b| a["name"].as_str().cmp(&b["name"].as_str()));
    }
}
