//! A first deployment that failed has nothing to go back to: its service is set to no tasks, or it would start them again
//! and again, and each costs. The mark says so to the next run, which sends the count again and deploys.

use runner_core::{
    judge::Verdict,
    plan::{Fault, Follow, MarkService, Service},
    report::{Changed, Fact},
};

use super::edge::Edge;
use crate::deploy::{self, Emit, Followed};

/// Sets the service to no tasks, where its first deployment failed and it is ours to; what is said of it then. The
/// evidence is gathered by now. That it could not be done changes no verdict.
pub(super) async fn give_up(
    edge: &Edge<'_>,
    follow: &Follow,
    followed: &Followed,
    attaches: bool,
    emit: Emit<'_>,
) -> Option<String> {
    let seen = followed.service.as_ref()?;
    if !may(edge, follow, followed, seen, attaches) {
        return None;
    }
    match set(edge, followed, seen, &follow.service, attaches).await {
        Ok(false) => None,
        Ok(true) => {
            let service = format!("ECS service {} in {} to 0 tasks", follow.service, edge.env.cluster_name());
            emit(Fact::Changed(Changed::new("set", service)));
            Some("set to 0 tasks: nothing of it runs or costs".to_owned())
        }
        Err(fault) => {
            emit(Fact::Warning(format!("{} keeps starting tasks: {}", follow.service, fault.headline())));
            None
        }
    }
}

/// By what was seen: it failed, nothing was there before, and what stands first is what was followed.
fn may(edge: &Edge<'_>, follow: &Follow, followed: &Followed, seen: &Service, attaches: bool) -> bool {
    let ours = follow.revision.shown();
    let ending = &followed.ending;
    let others_run = seen.deployments.iter().any(|other| other.revision != ours && other.running > 0);
    follow.first
        && ending.verdict == Verdict::Failed
        && ending.serving.is_none()
        && seen.status == "ACTIVE"
        && seen.primary().is_some_and(|primary| primary.revision == ours)
        && !others_run
        && (!attaches || seen.is_of(edge.env))
}

/// Whether it was set. What ECS remembers has the last word; where it tells nothing, only what this very run began is
/// taken for the first. The mark is written before the count: a run that is killed in between leaves a service that
/// the next deploys anew, and never one of no tasks that passes for healthy.
async fn set(edge: &Edge<'_>, followed: &Followed, seen: &Service, name: &str, attaches: bool) -> Result<bool, Fault> {
    let cluster = edge.env.cluster_name();
    // One that this run began and that crashed after its end is not what it was healthy with before.
    let ours = followed.deployment.as_deref().filter(|_| !attaches).unwrap_or_default();
    let was_healthy = deploy::was_healthy(&edge.clients, &cluster, name, ours).await?;
    if was_healthy.unwrap_or(attaches) {
        return Ok(false);
    }
    let number = seen.revision.shown().rsplit(':').next().unwrap_or_default().to_owned();
    let mark = format!("{}@{number}", Service::GIVEN_UP);
    let mark = MarkService { service: name.to_owned(), mark, definition: None, scales: seen.scales, test_rule: None };
    deploy::mark_service(&edge.clients, edge.env, &mark, &seen.arn).await?;
    deploy::scale_to_none(&edge.clients, &cluster, name).await?;
    Ok(true)
}
