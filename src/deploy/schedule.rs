//! The schedules of an environment, in EventBridge Scheduler: one group, one schedule a task.
//! <https://docs.aws.amazon.com/scheduler/latest/APIReference/Welcome.html>

use std::{collections::BTreeSet, time::Duration};

use aws_sdk_scheduler::types::Tag;
use runner_core::{
    plan::{Fault, PutSchedule, RemoveSchedule, Stack, TaskDefinition},
    report::{Changed, Fact},
    workflow::Environment,
};
use serde_json::json;

use super::{Emit, call, means};
use crate::aws::{Clients, Code, Raw, fault};

/// A group that was just made is not there for everyone at once.
const ATTEMPTS: u64 = 5;

/// The names of the schedules of a group; none where there is no such group, or no such service.
pub async fn schedules(clients: &Clients, group: &str) -> Result<BTreeSet<String>, Fault> {
    let mut names = BTreeSet::new();
    let mut token = None;
    loop {
        let request = clients.scheduler().list_schedules().group_name(group).max_results(100).set_next_token(token);
        let answer = match request.send().await {
            Ok(answer) => answer,
            Err(error) => {
                let fault = fault(format!("looking at the schedules of {group}"), &error);
                return if means(&fault, Code::NotFound) { Ok(names) } else { Err(fault) };
            }
        };
        names.extend(answer.schedules.into_iter().filter_map(|schedule| schedule.name));
        token = answer.next_token;
        if token.is_none() {
            return Ok(names);
        }
    }
}

/// Sets a schedule, and marks the revision it names: by the mark a later run reads that nothing differs.
pub async fn put_schedule(
    clients: &Clients,
    env: &Environment,
    put: &PutSchedule,
    emit: Emit<'_>,
) -> Result<(), Fault> {
    let updated = put.exists && update(clients, put).await?;
    if !updated {
        create(clients, env, put).await?;
    }
    let verb = if updated { "updated" } else { "created" };
    emit(Fact::Changed(Changed::new(verb, format!("schedule of {}", put.name))));
    let tags = json!([{ "key": TaskDefinition::SCHEDULE, "value": put.fingerprint }]);
    let body = json!({ "resourceArn": put.revision.shown(), "tags": tags });
    call!(clients.ecs(), tag_resource, body, format!("marking task definition ({})", put.family))?;
    Ok(())
}

/// Whether there was one to update.
async fn update(clients: &Clients, put: &PutSchedule) -> Result<bool, Fault> {
    let raw = Raw::new(&put.input);
    let request = clients.scheduler().update_schedule().name(&put.name).customize().interceptor(raw);
    match request.send().await {
        Ok(_) => Ok(true),
        Err(error) => {
            let fault = fault(format!("updating the schedule of {}", put.name), &error);
            if means(&fault, Code::NotFound) { Ok(false) } else { Err(fault) }
        }
    }
}

async fn create(clients: &Clients, env: &Environment, put: &PutSchedule) -> Result<(), Fault> {
    let mut attempt = 1;
    loop {
        let raw = Raw::new(&put.input);
        let request = clients.scheduler().create_schedule().name(&put.name).customize().interceptor(raw);
        let fault = match request.send().await {
            Ok(_) => return Ok(()),
            Err(error) => fault(format!("creating the schedule of {}", put.name), &error),
        };
        if means(&fault, Code::Conflict) {
            // A call whose answer was lost had made it.
            return update(clients, put).await.map(|_| ());
        }
        if !means(&fault, Code::NotFound) || attempt == ATTEMPTS {
            return Err(fault);
        }
        if attempt == 1 {
            create_group(clients, env).await?;
        } else {
            tokio::time::sleep(Duration::from_millis(500 * attempt)).await;
        }
        attempt += 1;
    }
}

async fn create_group(clients: &Clients, env: &Environment) -> Result<(), Fault> {
    let group = runner_core::service::schedule_group(env);
    let doing = format!("creating the schedule group {group}");
    let mut request = clients.scheduler().create_schedule_group().name(&group);
    for (key, value) in [(Stack::APP, &env.app), (Stack::ENVIRONMENT, &env.name)] {
        let tag = Tag::builder().key(key).value(value).build();
        request = request.tags(tag.map_err(|error| Fault::new(&doing, error.to_string()))?);
    }
    match request.send().await {
        Ok(_) => Ok(()),
        Err(error) => {
            let fault = fault(doing, &error);
            if means(&fault, Code::Conflict) { Ok(()) } else { Err(fault) }
        }
    }
}

/// Removes a schedule, and the group with its last one; what is gone already is no fault.
pub async fn remove_schedule(clients: &Clients, remove: &RemoveSchedule, emit: Emit<'_>) -> Result<(), Fault> {
    let request = clients.scheduler().delete_schedule().name(&remove.name).group_name(&remove.group);
    if let Err(error) = request.send().await {
        let fault = fault(format!("removing the schedule of {}", remove.name), &error);
        return if means(&fault, Code::NotFound) { Ok(()) } else { Err(fault) };
    }
    emit(Fact::Changed(Changed::new("removed", format!("schedule of {}", remove.name))));
    if schedules(clients, &remove.group).await?.is_empty() {
        remove_group(clients, &remove.group).await?;
    }
    Ok(())
}

/// A schedule that is set later makes it anew.
async fn remove_group(clients: &Clients, group: &str) -> Result<(), Fault> {
    if let Err(error) = clients.scheduler().delete_schedule_group().name(group).send().await {
        let fault = fault(format!("removing the schedule group {group}"), &error);
        return if means(&fault, Code::NotFound) { Ok(()) } else { Err(fault) };
    }
    Ok(())
}
