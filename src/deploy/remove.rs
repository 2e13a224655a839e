//! Takes down what ECS runs: a service with its tasks, the rules that lead to it, the revisions of its family.
//! Everything may be stopped in the middle and done again.

use std::{collections::BTreeSet, time::Duration};

use futures_util::{StreamExt, TryStreamExt, stream};
use runner_core::{
    plan::{DeleteRevisions, DeleteRules, Fault, ListenerRule, RemoveService},
    report::{Changed, Fact},
};
use serde_json::{Value as Json, json};

use super::{Emit, Poller, call, list, means, pages, poller::Patience, rule, service::scale_to_none, text};
use crate::aws::{Clients, Code, fault};

/// Between two looks at what ends.
const PAUSE: Duration = Duration::from_secs(1);
/// DeleteTaskDefinitions takes ten.
/// <https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_DeleteTaskDefinitions.html>
const REVISIONS_A_CALL: usize = 10;
/// After a burst AWS takes about one a second; the SDK waits where it is told to.
const AT_ONCE: usize = 4;
/// DescribeTasks takes a hundred.
const TASKS_A_CALL: usize = 100;

/// The names of the services of a cluster; none where there is no such cluster.
pub async fn cluster_services(clients: &Clients, cluster: &str) -> Result<BTreeSet<String>, Fault> {
    let body = json!({ "cluster": cluster, "maxResults": 100 });
    let doing = || format!("listing the services in {cluster}");
    let arns: Result<Vec<Json>, Fault> = pages!(clients.ecs(), list_services, body, doing(), "serviceArns");
    match arns {
        Err(fault) if means(&fault, Code::NotFound) => Ok(BTreeSet::new()),
        arns => Ok(arns?.iter().filter_map(|arn| arn.as_str()?.rsplit('/').next()).map(str::to_owned).collect()),
    }
}

/// Every revision of a family, active or not, that is not deleted.
pub async fn revisions(clients: &Clients, family: &str) -> Result<Vec<String>, Fault> {
    let mut all = revisions_that_are(clients, family, "ACTIVE").await?;
    all.extend(revisions_that_are(clients, family, "INACTIVE").await?);
    Ok(all)
}

async fn revisions_that_are(clients: &Clients, family: &str, status: &str) -> Result<Vec<String>, Fault> {
    let body = json!({ "familyPrefix": family, "status": status });
    let doing = || format!("listing the revisions of {family}");
    let arns: Vec<Json> = pages!(clients.ecs(), list_task_definitions, body, doing(), "taskDefinitionArns")?;
    // `…:task-definition/FAMILY:NUMBER`; some endpoints give every family that begins so.
    let is_of =
        |arn: &&str| arn.rsplit('/').next().and_then(|name| name.rsplit_once(':')).is_some_and(|it| it.0 == family);
    Ok(arns.iter().filter_map(Json::as_str).filter(is_of).map(str::to_owned).collect())
}

/// The rules of a listener; none where there is no such listener.
pub async fn listener_rules(clients: &Clients, listener: &str) -> Result<Vec<ListenerRule>, Fault> {
    match rule::describe(clients, "every service", listener).await {
        Ok(rules) => Ok(rules.iter().map(rule::seen).collect()),
        Err(fault) if means(&fault, Code::NotFound) => Ok(Vec::new()),
        Err(fault) => Err(fault),
    }
}

/// No tasks, then no service.
pub async fn remove_service(
    clients: &Clients,
    poller: &Poller,
    cluster: &str,
    remove: &RemoveService,
    emit: Emit<'_>,
) -> Result<(), Fault> {
    let service = &remove.service;
    let gone = |fault: &Fault| means(fault, Code::NotFound);
    if !remove.draining {
        match scale_to_none(clients, cluster, service).await {
            Err(fault) if gone(&fault) => {}
            answer => {
                answer?;
                emit(Fact::Changed(Changed::new("set", format!("ECS service {service} in {cluster} to 0 tasks"))));
                wait(poller, service, emit, |seen| seen.running + seen.pending == 0).await?;
            }
        }
        // By force: whoever scales it up again in this moment does not keep it.
        let body = json!({ "cluster": cluster, "service": service, "force": true });
        match call!(clients.ecs(), delete_service, body, format!("deleting ECS service ({service}) in {cluster}")) {
            Err(fault) if gone(&fault) => {}
            answer => drop(answer?),
        }
    }
    wait(poller, service, emit, |_| false).await?;
    emit(Fact::Changed(Changed::new("deleted", format!("ECS service {service} in {cluster}"))));
    Ok(())
}

/// Until the service is as `enough` says, or gone.
async fn wait(
    poller: &Poller,
    service: &str,
    emit: Emit<'_>,
    enough: impl Fn(&runner_core::plan::Service) -> bool,
) -> Result<(), Fault> {
    let mut patience = Patience::default();
    loop {
        let look = poller.look(service, None, patience.pause(PAUSE)).await;
        let Some(look) = patience.bear(look, service, emit)? else { continue };
        let Some(seen) = look.service.filter(|seen| seen.status != "INACTIVE") else { return Ok(()) };
        if enough(&seen) {
            return Ok(());
        }
        emit(Fact::Progress(format!("{service} ends: {} tasks left", seen.running + seen.pending)));
    }
}

/// Deletes the rules in their order; one that is gone is no error.
pub async fn delete_rules(clients: &Clients, delete: &DeleteRules, emit: Emit<'_>) -> Result<(), Fault> {
    let named = format!("{}listener rule for {}", if delete.tests { "test " } else { "" }, delete.service);
    for arn in &delete.rules {
        let doing = format!("deleting the {named} ({arn})");
        match clients.elbv2().delete_rule().rule_arn(arn).send().await.map_err(|error| fault(doing, &error)) {
            Err(fault) if means(&fault, Code::NotFound) => continue,
            answer => drop(answer?),
        }
        emit(Fact::Changed(Changed::new("deleted", named.clone())));
    }
    Ok(())
}

/// Stops what still runs of the family, waits until its network interfaces are gone, and deletes the revisions.
pub async fn delete_revisions(
    clients: &Clients,
    cluster: &str,
    delete: &DeleteRevisions,
    emit: Emit<'_>,
) -> Result<(), Fault> {
    let family = &delete.family;
    end_tasks(clients, cluster, family, emit).await?;
    stream::iter(revisions_that_are(clients, family, "ACTIVE").await?)
        .map(|arn| async move {
            let doing = format!("deregistering task definition ({arn})");
            call!(clients.ecs(), deregister_task_definition, json!({ "taskDefinition": arn }), doing).map(drop)
        })
        .buffer_unordered(AT_ONCE)
        .try_collect::<Vec<()>>()
        .await?;
    for chunk in delete.revisions.chunks(REVISIONS_A_CALL) {
        let doing = format!("deleting the revisions of {family}");
        let answer = call!(clients.ecs(), delete_task_definitions, json!({ "taskDefinitions": chunk }), doing.clone())?;
        if let Some(failed) = list(&answer, "failures").first() {
            let words = format!("{}: {}", text(failed, "arn"), text(failed, "reason"));
            return Err(Fault::new(doing, words).with_hint("run the same command again; it goes on where it was"));
        }
    }
    let number = delete.revisions.len();
    emit(Fact::Changed(Changed::new("deleted", format!("revisions of {family} ({number})"))));
    Ok(())
}

/// A task that is being stopped holds its network interface, and so its security group and subnet, until it is STOPPED.
/// <https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task-lifecycle-explanation.html>
async fn end_tasks(clients: &Clients, cluster: &str, family: &str, emit: Emit<'_>) -> Result<(), Fault> {
    let mut asked = BTreeSet::new();
    loop {
        for arn in tasks(clients, cluster, family, "RUNNING").await? {
            if asked.insert(arn.clone()) {
                let body = json!({ "cluster": cluster, "task": arn, "reason": "its environment is taken down" });
                match call!(clients.ecs(), stop_task, body, format!("stopping a task of {family} ({arn})")) {
                    Err(fault) if means(&fault, Code::NotFound) || means(&fault, Code::Invalid) => {}
                    answer => drop(answer?),
                }
            }
        }
        let left = holding(clients, cluster, family).await?;
        if left == 0 {
            return Ok(());
        }
        emit(Fact::Progress(format!("{family} ends: {left} tasks hold their network interface")));
        tokio::time::sleep(PAUSE).await;
    }
}

async fn tasks(clients: &Clients, cluster: &str, family: &str, status: &str) -> Result<Vec<String>, Fault> {
    let body = json!({ "cluster": cluster, "family": family, "desiredStatus": status });
    let arns: Result<Vec<Json>, Fault> =
        pages!(clients.ecs(), list_tasks, body, format!("listing the tasks of {family}"), "taskArns");
    match arns {
        Err(fault) if means(&fault, Code::NotFound) => Ok(Vec::new()),
        arns => Ok(arns?.iter().filter_map(Json::as_str).map(str::to_owned).collect()),
    }
}

/// How many tasks of the family are not stopped, or whose interface is not deleted.
async fn holding(clients: &Clients, cluster: &str, family: &str) -> Result<usize, Fault> {
    let mut all = tasks(clients, cluster, family, "RUNNING").await?;
    all.extend(tasks(clients, cluster, family, "STOPPED").await?);
    let mut left = 0;
    for chunk in all.chunks(TASKS_A_CALL) {
        let body = json!({ "cluster": cluster, "tasks": chunk });
        let answer = call!(clients.ecs(), describe_tasks, body, format!("looking at the tasks of {family}"))?;
        left += list(&answer, "tasks").iter().filter(|task| holds(task)).count();
    }
    Ok(left)
}

fn holds(task: &Json) -> bool {
    let interface = |one: &Json| text(one, "type") == "ElasticNetworkInterface" && text(one, "status") != "DELETED";
    text(task, "lastStatus") != "STOPPED" || list(task, "attachments").iter().any(interface)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_task_holds_its_interface_until_it_is_deleted() {
        let task = |last: &str, status: &str| json!({ "lastStatus": last, "attachments": [{ "type": "ElasticNetworkInterface", "status": status }] });
        assert!(holds(&task("DEPROVISIONING", "DETACHED")));
        assert!(holds(&task("STOPPED", "DETACHING")));
        assert!(!holds(&task("STOPPED", "DELETED")));
        assert!(!holds(&json!({ "lastStatus": "STOPPED" })));
    }
}
