//! What ECS remembers of a service's deployments, whether an old revision can still be deployed, and the two answers that
//! a deployment in flight takes from a person.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use futures_util::future::try_join_all;
use runner_core::{
    judge::Brief,
    plan::{Answer, Fault, History, Revision, TurnBack, is_over},
    report::{Changed, Fact, ServiceHistory},
    workflow::Environment,
};
use serde_json::{Value as Json, json};

use super::{Emit, call, deployments::describe, list, means, text};
use crate::aws::{Clients, Code, image_digest};

/// <https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_ListServiceDeployments.html>
const BRIEFS_A_CALL: u32 = 100;
/// So many pages hold every deployment that a person would go back to.
const PAGES: usize = 3;
/// <https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_DescribeServiceRevisions.html>
const REVISIONS_A_CALL: usize = 20;
/// How often it is looked whether an answer has arrived, and how long between.
const LOOKS: u32 = 40;
const PAUSE: Duration = Duration::from_millis(500);

/// What ListServiceDeployments tells of a service, in no order; `None` where the endpoint tells of no service deployments.
async fn briefs(clients: &Clients, cluster: &str, service: &str) -> Result<Option<Vec<Json>>, Fault> {
    let mut briefs: Vec<Json> = Vec::new();
    let mut token = None::<String>;
    for _ in 0..PAGES {
        let mut body = json!({ "cluster": cluster, "service": service, "maxResults": BRIEFS_A_CALL });
        if let Some(token) = token.take() {
            body["nextToken"] = token.into();
        }
        let answer = match call!(clients.ecs(), list_service_deployments, body, looking(cluster, service)) {
            Err(fault) if means(&fault, Code::Unsupported) => return Ok(None),
            Err(fault) if means(&fault, Code::NotFound) => return Ok(Some(Vec::new())),
            answer => answer?,
        };
        briefs.extend(list(&answer, "serviceDeployments").iter().cloned());
        token = answer["nextToken"].as_str().map(str::to_owned);
        if token.is_none() {
            break;
        }
    }
    Ok(Some(briefs))
}

fn looking(cluster: &str, service: &str) -> String {
    format!("looking at the deployments of {service} in {cluster}")
}

/// DescribeServiceRevisions' `serviceRevisions`.
async fn service_revisions(
    clients: &Clients,
    cluster: &str,
    service: &str,
    arns: BTreeSet<String>,
) -> Result<Vec<Json>, Fault> {
    let arns: Vec<String> = arns.into_iter().filter(|arn| !arn.is_empty()).collect();
    let calls = arns.chunks(REVISIONS_A_CALL).map(|chunk| {
        let body = json!({ "serviceRevisionArns": chunk });
        async move { call!(clients.ecs(), describe_service_revisions, body, looking(cluster, service)) }
    });
    let answers = try_join_all(calls).await?;
    Ok(answers.iter().flat_map(|answer| list(answer, "serviceRevisions")).cloned().collect())
}

/// The last deployments of a service; `None` where the endpoint tells of no service deployments, or of none of this
/// service: ECS forgets them after 90 days.
pub async fn last_deployments(
    clients: &Clients,
    cluster: &str,
    service: &str,
) -> Result<Option<ServiceHistory>, Fault> {
    let Some(briefs) = briefs(clients, cluster, service).await? else { return Ok(None) };
    let mut briefs: Vec<Brief> = briefs.iter().map(Brief::read).collect();
    if briefs.is_empty() {
        return Ok(None);
    }
    briefs.sort_by(|one, other| other.created.total_cmp(&one.created));
    briefs.truncate(ServiceHistory::LAST);
    let arns: Vec<String> = briefs.iter().map(|brief| brief.arn.clone()).collect();
    let targets = briefs.into_iter().map(|brief| brief.target).collect();
    let (seen, revisions) =
        tokio::try_join!(describe(clients, &arns), service_revisions(clients, cluster, service, targets))?;
    let revisions: BTreeMap<String, String> = (revisions.iter())
        .map(|seen| (text(seen, "serviceRevisionArn").to_owned(), text(seen, "taskDefinition").to_owned()))
        .collect();
    Ok(seen.map(|seen| ServiceHistory::of_deployments(seen.into_values().collect(), &revisions)))
}

/// The history of a service; `None` where the endpoint tells of no service deployments.
pub async fn history(clients: &Clients, cluster: &str, service: &str) -> Result<Option<History>, Fault> {
    let Some(briefs) = briefs(clients, cluster, service).await? else { return Ok(None) };
    let created = |brief: &Json| brief["createdAt"].as_f64().unwrap_or_default();
    let newest = briefs.iter().filter(|brief| !is_over(brief)).max_by(|a, b| created(a).total_cmp(&created(b)));
    let flight = match newest.map(|brief| text(brief, "serviceDeploymentArn").to_owned()) {
        None => None,
        Some(arn) => deployment(clients, &arn).await?,
    };
    let mut arns: BTreeSet<String> = briefs
        .iter()
        .filter(|brief| brief["status"] == "SUCCESSFUL")
        .map(|brief| text(brief, "targetServiceRevisionArn").to_owned())
        .collect();
    if let Some(flight) = &flight {
        let sides = list(flight, "sourceServiceRevisions").iter().chain([&flight["targetServiceRevision"]]);
        arns.extend(sides.map(|side| text(side, "arn").to_owned()));
    }
    let revisions = service_revisions(clients, cluster, service, arns).await?;
    Ok(Some(History::read(&briefs, flight.as_ref(), &revisions)))
}

async fn deployment(clients: &Clients, arn: &str) -> Result<Option<Json>, Fault> {
    let body = json!({ "serviceDeploymentArns": [arn] });
    let answer = call!(clients.ecs(), describe_service_deployments, body, format!("looking at deployment ({arn})"))?;
    Ok(list(&answer, "serviceDeployments").first().cloned())
}

/// Whether ECS remembers a deployment of the service, other than the one of this id, that ended well; `None` where the
/// endpoint tells of no service deployments.
pub async fn was_healthy(clients: &Clients, cluster: &str, service: &str, but: &str) -> Result<Option<bool>, Fault> {
    let doing = format!("looking whether {service} in {cluster} was ever healthy");
    let body = json!({ "cluster": cluster, "service": service, "status": ["SUCCESSFUL"] });
    match call!(clients.ecs(), list_service_deployments, body, doing) {
        Ok(answer) => {
            let arns = list(&answer, "serviceDeployments").iter().map(|brief| text(brief, "serviceDeploymentArn"));
            Ok(Some(arns.into_iter().any(|arn| arn.rsplit('/').next() != Some(but))))
        }
        Err(fault) if means(&fault, Code::Unsupported) => Ok(None),
        Err(fault) => Err(fault),
    }
}

/// Whether a revision can still be deployed: it is not deregistered, and the registry has its images by their digests.
/// Images of other registries cannot be asked for.
pub async fn revision(clients: &Clients, env: &Environment, arn: &str) -> Result<Option<Revision>, Fault> {
    let body = json!({ "taskDefinition": arn });
    let answer = match call!(clients.ecs(), describe_task_definition, body, format!("looking at revision ({arn})")) {
        Err(fault) if means(&fault, Code::Invalid) || means(&fault, Code::NotFound) => return Ok(None),
        answer => answer?,
    };
    let definition = &answer["taskDefinition"];
    let repositories: BTreeSet<String> = env.pushed().map(|service| env.repository(&service.name)).collect();
    let mut missing = Vec::new();
    for container in list(definition, "containerDefinitions") {
        let Some((name, digest)) = text(container, "image").split_once('@') else { continue };
        let Some((_, repository)) = name.split_once('/').filter(|(_, name)| repositories.contains(*name)) else {
            continue;
        };
        if image_digest(clients, repository, digest).await?.is_none() {
            missing.push(format!("{repository}@{digest}"));
        }
    }
    Ok(Some(Revision { active: definition["status"] == "ACTIVE", missing }))
}

/// Turns a deployment around. It works with any strategy, and without a circuit breaker.
/// <https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_StopServiceDeployment.html>
pub async fn turn_back(clients: &Clients, turn: &TurnBack, emit: Emit<'_>) -> Result<(), Fault> {
    let body = json!({ "serviceDeploymentArn": turn.deployment, "stopType": "ROLLBACK" });
    let doing = format!("turning back the deployment of {} ({})", turn.service, turn.deployment);
    call!(clients.ecs(), stop_service_deployment, body, doing)?;
    emit(Fact::Changed(Changed::new("turned back", format!("the deployment of {}", turn.service))));
    Ok(())
}

/// Answers a paused deployment, and waits until the answer is seen: what comes after must not take the answered pause
/// for a new one. The action is always sent, since its default is to go on.
/// <https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_ContinueServiceDeployment.html>
pub async fn answer(clients: &Clients, answer: &Answer, emit: Emit<'_>) -> Result<(), Fault> {
    let action = if answer.proceed { "CONTINUE" } else { "ROLLBACK" };
    let body = json!({ "serviceDeploymentArn": answer.deployment, "hookId": answer.hook, "action": action });
    let doing = format!("answering the paused deployment of {} ({})", answer.service, answer.deployment);
    call!(clients.ecs(), continue_service_deployment, body, doing)?;
    let verb = if answer.proceed { "continued" } else { "turned back" };
    emit(Fact::Changed(Changed::new(verb, format!("the paused deployment of {}", answer.service))));
    for _ in 0..LOOKS {
        let seen = deployment(clients, &answer.deployment).await?.unwrap_or_default();
        let waits = |hook: &Json| text(hook, "hookId") == answer.hook && hook["status"] == "AWAITING_ACTION";
        if !list(&seen, "lifecycleHookDetails").iter().any(waits) {
            return Ok(());
        }
        tokio::time::sleep(PAUSE).await;
    }
    Ok(())
}
