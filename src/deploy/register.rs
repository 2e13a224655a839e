//! Registers a revision.

use std::time::Duration;

use aws_smithy_types::retry::RetryConfig;
use runner_core::{
    plan::{Fault, RegisterTaskDefinition, TaskDefinition},
    report::{Changed, Fact},
    workflow::Environment,
};
use serde_json::{Value as Json, json};

use super::{Emit, means, newest_revision};
use crate::aws::{Clients, Code, Raw, fault};

/// How often a registration is tried.
const ATTEMPTS: u64 = 6;

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
    let mut revision = once(clients, register, &body).await?;
    // Some endpoints answer without the tags.
    revision.fingerprint = Some(register.fingerprint.clone());
    let name = revision.arn.shown().rsplit('/').next().unwrap_or_default().to_owned();
    emit(Fact::Changed(Changed::new("registered", name)));
    Ok(revision)
}

/// RegisterTaskDefinition has no token, so a call whose answer was lost is not sent again before a look whether it was
/// done: it would be a second revision.
async fn once(clients: &Clients, register: &RegisterTaskDefinition, body: &Json) -> Result<TaskDefinition, Fault> {
    let doing = format!("registering task definition ({})", register.family);
    let mut attempt = 1;
    loop {
        let raw = Raw::new(body);
        let config = aws_sdk_ecs::config::Builder::new().retry_config(RetryConfig::disabled());
        let request = clients.ecs().register_task_definition().customize();
        let fault = match request.interceptor(raw.clone()).config_override(config).send().await {
            Ok(_) => return Ok(TaskDefinition::read(&raw.answer())),
            Err(error) => fault(&doing, &error),
        };
        let throttled = means(&fault, Code::Throttled);
        let lost = fault.code.is_none() || means(&fault, Code::Server);
        if !(throttled || lost) || attempt == ATTEMPTS {
            return Err(fault);
        }
        // After a burst AWS takes about one a second.
        tokio::time::sleep(Duration::from_millis(500 * attempt)).await;
        if lost
            && let Some(newest) = newest_revision(clients, &register.family).await?
            && newest.fingerprint.as_deref() == Some(&register.fingerprint)
        {
            return Ok(newest);
        }
        attempt += 1;
    }
}

/// The constant tags of what belongs to a service.
pub(super) fn tags_of(env: &Environment, service: &str) -> Vec<Json> {
    use runner_core::plan::Stack;
    [(Stack::APP, env.app.as_str()), (Stack::ENVIRONMENT, env.name.as_str()), ("finance-infra:service", service)]
        .into_iter()
        .map(|(key, value)| json!({ "key": key, "value": value }))
        .collect()
}
