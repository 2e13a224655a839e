//! Creates, updates and marks an ECS service.

use std::time::Duration;

use runner_core::{
    plan::{Fault, MarkService, PutService, Service, service_changes},
    report::{Changed, Fact},
    service::update_of,
    workflow::{Environment, Value},
};
use serde_json::{Value as Json, json};

use super::{Emit, call, describe_services, register::tags_of};
use crate::aws::Clients;

/// In a fresh account the service-linked role is made by the first call and takes some seconds to be assumable.
/// <https://docs.aws.amazon.com/AmazonECS/latest/developerguide/using-service-linked-roles.html>
const ROLE_ATTEMPTS: u32 = 6;

/// Creates or updates the service as `input` says.
pub async fn put_service(
    clients: &Clients,
    env: &Environment,
    put: &PutService,
    input: &Json,
    emit: Emit<'_>,
) -> Result<Service, Fault> {
    let named = format!("ECS service {} in {}", put.service, env.cluster_name());
    let (verb, answer) = if put.create {
        let mut body = input.clone();
        body["tags"] = tags_of(env, &put.service).into();
        ("created", create(clients, env, put, &body).await?)
    } else {
        let doing = format!("updating ECS service ({}) in {}", put.service, env.cluster_name());
        ("updated", call!(clients.ecs(), update_service, input, doing)?)
    };
    emit(Fact::Changed(Changed::new(verb, named)));
    Ok(Service::read(&answer["service"]))
}

/// Writes the mark by which a later run reads that nothing differs.
pub async fn mark_service(clients: &Clients, env: &Environment, mark: &MarkService, arn: &str) -> Result<(), Fault> {
    let mut tags = tags_of(env, &mark.service);
    tags.push(json!({ "key": Service::MARK, "value": mark.mark }));
    if let Some(definition) = &mark.definition {
        tags.push(json!({ "key": Service::DEFINITION, "value": definition }));
    }
    tags.push(json!({ "key": Service::SCALES, "value": mark.scales.to_string() }));
    if let Some(rule) = mark.test_rule.as_ref().and_then(Value::known) {
        tags.push(json!({ "key": Service::TEST_RULE, "value": rule }));
    }
    let body = json!({ "resourceArn": arn, "tags": tags });
    let doing = format!("marking ECS service ({}) in {}", mark.service, env.cluster_name());
    call!(clients.ecs(), tag_resource, body, doing)?;
    Ok(())
}

/// Sets a service to no tasks.
pub async fn scale_to_none(clients: &Clients, cluster: &str, service: &str) -> Result<(), Fault> {
    let body = json!({ "cluster": cluster, "service": service, "desiredCount": 0 });
    let doing = format!("scaling ECS service ({service}) in {cluster} to no tasks");
    call!(clients.ecs(), update_service, body, doing)?;
    Ok(())
}

async fn create(clients: &Clients, env: &Environment, put: &PutService, body: &Json) -> Result<Json, Fault> {
    let mut attempt = 1;
    loop {
        let doing = format!("creating ECS service ({}) in {}", put.service, env.cluster_name());
        match call!(clients.ecs(), create_service, body, doing) {
            Err(fault) if attempt < ROLE_ATTEMPTS && fault.message.raw().contains("service linked role") => {
                tokio::time::sleep(Duration::from_secs(u64::from(attempt) * 2)).await;
                attempt += 1;
            }
            Err(fault) if fault.message.raw().contains("was not idempotent") => {
                return made_before(clients, env, put, body).await?.ok_or(fault);
            }
            answer => return answer,
        }
    }
}

/// CreateService's answer where the service is there already just as it is to be created: an answer that was lost on the
/// way is asked for again by the SDK, and ECS refuses the second call.
async fn made_before(
    clients: &Clients,
    env: &Environment,
    put: &PutService,
    body: &Json,
) -> Result<Option<Json>, Fault> {
    let Some(service) = env.services.get(&put.service) else { return Ok(None) };
    // In any order; those that count are looked at by themselves.
    let mut body = body.clone();
    body.as_object_mut().map(|body| body.remove("tags"));
    let found = describe_services(clients, &env.cluster_name(), std::slice::from_ref(&put.service)).await?;
    let as_wanted = |seen: &Service| {
        let update = update_of(service, &body, &seen.json);
        let differs = service_changes(env, service, Some(&seen.json), &update);
        seen.status == "ACTIVE" && seen.is_of(env) && differs.is_empty()
    };
    let seen = found.into_values().flatten().find(as_wanted);
    Ok(seen.map(|seen| json!({ "service": seen.json })))
}
