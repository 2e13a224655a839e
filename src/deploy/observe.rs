//! What ECS has: services, revisions, one-off tasks.

use std::collections::{BTreeMap, BTreeSet};

use futures_util::future::try_join_all;
use runner_core::plan::{Fault, Service, TaskDefinition, TaskRun};
use serde_json::{Value as Json, json};

use super::{call, list, means, pages, text};
use crate::aws::{Clients, Code};

/// DescribeServices takes ten services.
/// <https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_DescribeServices.html>
const SERVICES_A_CALL: usize = 10;

/// The services of a cluster by name, ten a call, all calls at once. A service that is not there, or whose cluster is
/// not, is `None`.
pub async fn describe_services(
    clients: &Clients,
    cluster: &str,
    names: &[String],
) -> Result<BTreeMap<String, Option<Service>>, Fault> {
    let calls = names.chunks(SERVICES_A_CALL).map(|chunk| async move {
        let body = json!({ "cluster": cluster, "services": chunk, "include": ["TAGS"] });
        let doing = || format!("looking at ECS services ({}) in {cluster}", chunk.join(", "));
        match call!(clients.ecs(), describe_services, body, doing()) {
            Err(fault) if means(&fault, Code::NotFound) => Ok(json!({})),
            answer => answer,
        }
    });
    let mut found: BTreeMap<String, Option<Service>> = names.iter().map(|name| (name.clone(), None)).collect();
    for answer in try_join_all(calls).await? {
        for seen in list(&answer, "services") {
            found.insert(text(seen, "serviceName").to_owned(), Some(Service::read(seen)));
        }
    }
    Ok(found)
}

/// The families that begin so and have an active revision, a hundred a call.
/// <https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_ListTaskDefinitionFamilies.html>
pub async fn families(clients: &Clients, prefix: &str) -> Result<BTreeSet<String>, Fault> {
    let body = json!({ "familyPrefix": prefix, "status": "ACTIVE", "maxResults": 100 });
    let doing = || format!("listing the task definition families ({prefix}*)");
    let names: Vec<Json> = pages!(clients.ecs(), list_task_definition_families, body, doing(), "families")?;
    Ok(names.iter().filter_map(Json::as_str).map(str::to_owned).collect())
}

/// The newest active revision of a family, with its tags.
pub async fn newest_revision(clients: &Clients, family: &str) -> Result<Option<TaskDefinition>, Fault> {
    let body = json!({ "taskDefinition": family, "include": ["TAGS"] });
    match call!(clients.ecs(), describe_task_definition, body, format!("looking at task definition ({family})")) {
        // Some endpoints go on telling of a family whose revisions are all being deleted.
        Ok(answer) if matches!(text(&answer["taskDefinition"], "status"), "INACTIVE" | "DELETE_IN_PROGRESS") => {
            Ok(None)
        }
        Ok(answer) => Ok(Some(TaskDefinition::read(&answer))),
        // ECS says ClientException "Unable to describe task definition." of a family it does not know.
        Err(fault) if means(&fault, Code::Invalid) || means(&fault, Code::NotFound) => Ok(None),
        Err(fault) => Err(fault),
    }
}

/// One-off tasks of ours by their mark, running or stopped within the last hour. ListTasks shows the stopped ones only
/// when asked for them.
pub async fn task_runs(
    clients: &Clients,
    cluster: &str,
    started_by: &str,
    container: &str,
) -> Result<Vec<TaskRun>, Fault> {
    let mut arns = Vec::new();
    for status in ["RUNNING", "STOPPED"] {
        let body = json!({ "cluster": cluster, "startedBy": started_by, "desiredStatus": status });
        match call!(clients.ecs(), list_tasks, body, format!("looking for tasks of {started_by} in {cluster}")) {
            Ok(answer) => arns.extend(list(&answer, "taskArns").to_vec()),
            Err(fault) if means(&fault, Code::NotFound) => return Ok(Vec::new()),
            Err(fault) => return Err(fault),
        }
    }
    if arns.is_empty() {
        return Ok(Vec::new());
    }
    let body = json!({ "cluster": cluster, "tasks": arns });
    let answer = call!(clients.ecs(), describe_tasks, body, format!("looking at tasks of {started_by} in {cluster}"))?;
    Ok(list(&answer, "tasks").iter().map(|task| TaskRun::read(task, container)).collect())
}
