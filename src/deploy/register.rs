//! Registers a revision.

use runner_core::{
    plan::{Fault, RegisterTaskDefinition, TaskDefinition},
    report::{Changed, Fact},
    workflow::Environment,
};
use serde_json::{Value as Json, json};

use super::{Emit, call};
use crate::aws::Clients;

/// Registers the definition, with the fingerprint by which a later run knows it again.
pub async fn register(
    clients: &Clients,
    env: &Environment,
    register: &RegisterTaskDefinition,
    emit: Emit<'_>,
) -> Result<TaskDefinition, Fault> {
    let mut body = register.definition.clone();
    let mut tags = body.get("tags").and_then(Json::as_array).cloned().unwrap_or_default();
    tags.extend(tags_of(env, &register.service));
    tags.push(json!({ "key": TaskDefinition::FINGERPRINT, "value": register.fingerprint }));
    body["tags"] = tags.into();
    let doing = format!("registering task definition ({})", register.family);
    let answer = call!(clients.ecs(), register_task_definition, body, doing)?;
    let mut revision = TaskDefinition::read(&answer);
    // Some endpoints answer without the tags.
    revision.fingerprint = Some(register.fingerprint.clone());
    let name = revision.arn.shown().rsplit('/').next().unwrap_or_default().to_owned();
    emit(Fact::Changed(Changed::new("registered", name)));
    Ok(revision)
}

/// The constant tags of what belongs to a service.
pub(super) fn tags_of(env: &Environment, service: &str) -> Vec<Json> {
    use runner_core::plan::Stack;
    [(Stack::APP, env.app.as_str()), (Stack::ENVIRONMENT, env.name.as_str()), ("finance-infra:service", service)]
        .into_iter()
        .map(|(key, value)| json!({ "key": key, "value": value }))
        .collect()
}
