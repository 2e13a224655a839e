//! Follows one deployment to its verdict.

use std::time::Duration;

use runner_core::{
    judge::{Ending, Hook, Observation, ServiceDeployment, Verdict, Watch},
    plan::{Fault, Follow, Rollout, Service},
    report::Fact,
};
use serde_json::json;
use tokio::time::Instant;

use super::{Emit, Poller, call, evidence, list, means, targets, text};
use crate::aws::{Clients, Code};

/// The first pause between looks, and the longest.
const PAUSE: Duration = Duration::from_secs(1);
const LONGEST: Duration = Duration::from_secs(5);
/// Looks that may fail in a row (throttled, cut off) before the follower gives up. The deployment goes on anyway.
const PATIENCE: u32 = 5;

/// What came of following.
#[derive(Debug)]
pub struct Followed {
    /// The verdict.
    pub ending: Ending,
    /// The service at the verdict.
    pub service: Option<Service>,
    /// Healthy targets, where they can be asked.
    pub healthy_targets: Option<u32>,
    /// Seconds from the first look to the verdict.
    pub seconds: u64,
    /// Where a verdict is not good: what shows why, each with where it is from.
    pub evidence: Vec<evidence::Piece>,
}

/// Follows the deployment of a revision. `groups` are the service's target groups, empty where none can be asked;
/// `log_group` is where its containers write. Where tasks do not really run (`runs_tasks`), one look is as good as two.
#[allow(clippy::too_many_arguments)]
pub async fn follow(
    clients: &Clients,
    poller: &Poller,
    cluster: &str,
    follow: &Follow,
    groups: &[String],
    log_group: &str,
    runs_tasks: bool,
    emit: Emit<'_>,
) -> Result<Followed, Fault> {
    let start = Instant::now();
    let revision = follow.revision.shown();
    let mut watch = Watch::new(revision, follow.first);
    if runs_tasks {
        watch = watch.twice();
    }
    let mut said = String::new();
    let mut failures = 0;
    loop {
        let pause = (start.elapsed() / 20).clamp(PAUSE, LONGEST);
        let service = match poller.look(&follow.service, pause).await {
            Ok(service) => service,
            Err(fault) if failures < PATIENCE && is_passing(&fault) => {
                failures += 1;
                emit(Fact::Warning(format!(
                    "a look at {} failed and is repeated: {}",
                    follow.service,
                    fault.headline()
                )));
                continue;
            }
            Err(fault) => return Err(fault),
        };
        failures = 0;
        let (deployment, targets) = match &service {
            Some(service) => (
                service_deployment(clients, service).await?,
                if is_complete(service) { targets_of(clients, &follow.service, groups).await? } else { None },
            ),
            None => (None, None),
        };
        let healthy_targets = targets.as_ref().map(|targets| targets.healthy);
        let words = service
            .as_ref()
            .map(|service| progress(service, deployment.as_ref(), targets.as_ref()))
            .unwrap_or_default();
        if words != said {
            emit(Fact::Progress(words.clone()));
            said = words;
        }
        let ended_tasks = match &service {
            Some(service) if lacks_tasks(service) => {
                evidence::ended_tasks(clients, cluster, &follow.service, revision).await
            }
            _ => 0,
        };
        let observation = Observation { service, deployment, healthy_targets, ended_tasks };
        if let Some(ending) = watch.observe(&observation) {
            let service = observation.service;
            let evidence = match ending.verdict {
                Verdict::Failed | Verdict::RolledBack => {
                    evidence::gather(
                        clients,
                        cluster,
                        &follow.service,
                        revision,
                        service.as_ref(),
                        targets.as_ref(),
                        log_group,
                    )
                    .await
                }
                _ => Vec::new(),
            };
            return Ok(Followed { ending, service, healthy_targets, seconds: start.elapsed().as_secs(), evidence });
        }
    }
}

/// Whether the counts are all there, so that only the targets are left to ask.
fn is_complete(service: &Service) -> bool {
    service.is_steady()
}

/// Whether the deployment is said to be done, and yet not all tasks run.
fn lacks_tasks(service: &Service) -> bool {
    service.running < service.desired && service.primary().is_some_and(|primary| primary.rollout == Rollout::Completed)
}

async fn targets_of(clients: &Clients, service: &str, groups: &[String]) -> Result<Option<targets::Targets>, Fault> {
    if groups.is_empty() {
        return Ok(None);
    }
    targets::describe(clients, service, groups).await.map(Some)
}

/// The service deployment that is current, where the endpoint tells of it.
async fn service_deployment(clients: &Clients, service: &Service) -> Result<Option<ServiceDeployment>, Fault> {
    let arn = text(&service.json, "currentServiceDeployment");
    if arn.is_empty() {
        return Ok(None);
    }
    let body = json!({ "serviceDeploymentArns": [arn] });
    let answer =
        match call!(clients.ecs(), describe_service_deployments, body, format!("looking at deployment ({arn})")) {
            Err(fault) if means(&fault, Code::Unsupported) || means(&fault, Code::NotFound) => return Ok(None),
            answer => answer?,
        };
    Ok(list(&answer, "serviceDeployments").first().map(|seen| ServiceDeployment {
        arn: arn.to_owned(),
        status: text(seen, "status").to_owned(),
        reason: text(seen, "statusReason").to_owned(),
        hooks: list(seen, "lifecycleHookDetails")
            .iter()
            .map(|hook| Hook { id: text(hook, "hookId").to_owned(), status: text(hook, "status").to_owned() })
            .collect(),
    }))
}

/// What passes by itself: throttles, failures on the other side, a cut connection.
fn is_passing(fault: &Fault) -> bool {
    match fault.code.as_deref() {
        Some(code) => matches!(Code::of(code), Some(Code::Throttled | Code::Server)) || code.starts_with("HTTP 5"),
        None => true,
    }
}

fn progress(service: &Service, deployment: Option<&ServiceDeployment>, targets: Option<&targets::Targets>) -> String {
    let Some(primary) = service.primary() else { return service.status.clone() };
    let mut words = format!("{}/{} tasks running", primary.running, primary.desired);
    if primary.pending > 0 {
        words.push_str(&format!(", {} starting", primary.pending));
    }
    if primary.failed > 0 {
        words.push_str(&format!(", {} failed", primary.failed));
    }
    if let Some(targets) = targets {
        words.push_str(&format!(", {} of {} targets healthy", targets.healthy, targets.registered));
    }
    if let Some(deployment) = deployment.filter(|deployment| deployment.status != "IN_PROGRESS") {
        words.push_str(&format!(", {}", deployment.status.to_lowercase().replace('_', " ")));
    }
    words
}
