//! Creates or updates an ECS service and writes its mark.

use std::time::Duration;

use runner_core::{
    plan::{Fault, PutService, Service},
    report::{Changed, Fact},
    workflow::Environment,
};
use serde_json::{Value as Json, json};

use super::{Emit, call, register::tags_of};
use crate::aws::Clients;

/// In a fresh account the service-linked role is made by the first call and takes some seconds to be assumable.
/// <https://docs.aws.amazon.com/AmazonECS/latest/developerguide/using-service-linked-roles.html>
const ROLE_ATTEMPTS: u32 = 6;

/// Creates or updates the service as `input` says. The mark is written last: a run that dies before it is repeated by
/// the next, which finds nothing to update and writes the mark.
pub async fn put_service(
    clients: &Clients,
    env: &Environment,
    put: &PutService,
    input: &Json,
    emit: Emit<'_>,
) -> Result<Service, Fault> {
    let mark = json!({ "key": Service::MARK, "value": put.mark });
    let named = format!("ECS service {} in {}", put.service, env.cluster_name());
    if put.create {
        let mut body = input.clone();
        let mut tags = tags_of(env, &put.service);
        tags.push(mark);
        body["tags"] = tags.into();
        let answer = create(clients, env, &put.service, &body).await?;
        emit(Fact::Changed(Changed::new("created", named)));
        let mut service = Service::read(&answer["service"]);
        service.mark = Some(put.mark.clone());
        return Ok(service);
    }
    // What was found of the service is in `input` only where it differs.
    let differs = input.as_object().is_some_and(|fields| fields.keys().any(|key| key != "cluster" && key != "service"));
    let mut service = if differs {
        let doing = format!("updating ECS service ({}) in {}", put.service, env.cluster_name());
        let answer = call!(clients.ecs(), update_service, input, doing)?;
        emit(Fact::Changed(Changed::new("updated", named)));
        Service::read(&answer["service"])
    } else {
        let seen = super::describe_services(clients, &env.cluster_name(), std::slice::from_ref(&put.service)).await?;
        seen.into_values().flatten().next().ok_or_else(|| {
            Fault::new(
                format!("marking ECS service ({}) in {}", put.service, env.cluster_name()),
                "it is not there any more",
            )
        })?
    };
    let mut tags = tags_of(env, &put.service);
    tags.push(mark);
    let body = json!({ "resourceArn": service.arn, "tags": tags });
    let doing = format!("marking ECS service ({}) in {}", put.service, env.cluster_name());
    call!(clients.ecs(), tag_resource, body, doing)?;
    if !differs {
        emit(Fact::Changed(Changed::new("adopted", format!("ECS service {} in {}", put.service, env.cluster_name()))));
    }
    service.mark = Some(put.mark.clone());
    Ok(service)
}

async fn create(clients: &Clients, env: &Environment, service: &str, body: &Json) -> Result<Json, Fault> {
    let mut attempt = 1;
    loop {
        let doing = format!("creating ECS service ({service}) in {}", env.cluster_name());
        match call!(clients.ecs(), create_service, body, doing) {
            Err(fault) if attempt < ROLE_ATTEMPTS && fault.message.raw().contains("service linked role") => {
                tokio::time::sleep(Duration::from_secs(u64::from(attempt) * 2)).await;
                attempt += 1;
            }
            answer => return answer,
        }
    }
}
