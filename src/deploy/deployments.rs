//! Service deployments: which of them is ours, and what is told of it.

use std::collections::BTreeMap;

use futures_util::future::try_join_all;
use runner_core::{
    judge::{Brief, ServiceDeployment, Told, ours},
    plan::{Fault, Service},
};
use serde_json::{Value as Json, json};

use super::{call, list, means, pages, poller::Look, text};
use crate::aws::{Clients, Code};

/// DescribeServiceDeployments and DescribeServiceRevisions take twenty ARNs.
/// <https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_DescribeServiceDeployments.html>
const ARNS_A_CALL: usize = 20;

/// Service deployments by ARN, twenty a call, all calls at once. One that is not there is left out; `None` where the
/// endpoint knows of none at all.
pub(super) async fn describe(
    clients: &Clients,
    arns: &[String],
) -> Result<Option<BTreeMap<String, ServiceDeployment>>, Fault> {
    let calls = arns.chunks(ARNS_A_CALL).map(|chunk| async move {
        let body = json!({ "serviceDeploymentArns": chunk });
        call!(
            clients.ecs(),
            describe_service_deployments,
            body,
            format!("looking at deployments ({})", chunk.join(", "))
        )
    });
    match try_join_all(calls).await {
        Ok(answers) => {
            let seen =
                answers.iter().flat_map(|answer| list(answer, "serviceDeployments")).map(ServiceDeployment::read);
            Ok(Some(seen.map(|seen| (seen.arn.clone(), seen)).collect()))
        }
        Err(fault) if is_unknown(&fault) => Ok(None),
        Err(fault) => Err(fault),
    }
}

/// An endpoint without service deployments says so in one of these ways.
fn is_unknown(fault: &Fault) -> bool {
    means(fault, Code::Unsupported) || fault.code.as_deref() == Some("UnsupportedFeatureException")
}

/// Finds the service deployment of a revision, and keeps it.
pub(super) struct Tracker<'a> {
    clients: &'a Clients,
    cluster: &'a str,
    service: &'a str,
    /// The task-definition revision that is deployed.
    revision: &'a str,
    /// Ours, once it was found.
    pub(super) arn: Option<String>,
    /// When it was created.
    created: f64,
    /// The task definition of each service revision that was looked up.
    revisions: BTreeMap<String, String>,
    /// Looks in which the endpoint listed none.
    none: u32,
    /// The endpoint has none, or does not let us see them.
    blind: bool,
    /// Said once: why they are not to be seen.
    pub(super) warning: Option<String>,
}

/// So many empty lists, of a service that names no current one, show that the endpoint has none.
const EMPTY: u32 = 2;

impl<'a> Tracker<'a> {
    pub(super) fn new(clients: &'a Clients, cluster: &'a str, service: &'a str, revision: &'a str) -> Self {
        Self {
            clients,
            cluster,
            service,
            revision,
            arn: None,
            created: 0.0,
            revisions: BTreeMap::new(),
            none: 0,
            blind: false,
            warning: None,
        }
    }

    /// What is told of ours in this look. `rollout` is the id of the service's deployment that is ours, where it is
    /// known: it tells since when.
    pub(super) async fn told(&mut self, look: &Look, rollout: Option<&str>) -> Result<Told, Fault> {
        if self.arn.is_some() {
            return Ok(match &look.deployment {
                Some(seen) => Told::Seen(Box::new(seen.clone())),
                None => Told::Gone,
            });
        }
        let Some(service) = &look.service else { return Ok(Told::NotYet) };
        let names_one = !text(&service.json, "currentServiceDeployment").is_empty();
        if self.blind || !names_one && self.none >= EMPTY {
            return Ok(Told::Nothing);
        }
        let briefs = match self.list().await {
            Ok(briefs) => briefs,
            Err(fault) if is_unknown(&fault) => {
                self.blind = true;
                return Ok(Told::Nothing);
            }
            Err(fault) if means(&fault, Code::Denied) => {
                self.blind = true;
                self.warning = Some(format!(
                    "service deployments cannot be read, counts of tasks decide instead: {}",
                    fault.headline()
                ));
                return Ok(Told::Nothing);
            }
            // The service is not there, or not yet.
            Err(fault) if means(&fault, Code::NotFound) => Vec::new(),
            Err(fault) => return Err(fault),
        };
        if briefs.is_empty() {
            self.none += 1;
            return Ok(if names_one { Told::NotYet } else { Told::Nothing });
        }
        self.look_up(briefs.iter().map(|brief| brief.target.clone())).await?;
        let deploys = |target: &str| self.revisions.get(target).is_some_and(|revision| revision == self.revision);
        let Some(found) = ours(&briefs, since(service, self.revision, rollout), deploys) else {
            return Ok(Told::NotYet);
        };
        let (arn, created) = (found.arn.clone(), found.created);
        let seen = describe(self.clients, std::slice::from_ref(&arn)).await?;
        (self.created, self.arn) = (created, Some(arn.clone()));
        Ok(match seen.and_then(|seen| seen.get(&arn).cloned()) {
            Some(seen) => Told::Seen(Box::new(seen)),
            None => Told::NotYet,
        })
    }

    /// A service deployment that was created after ours; asked only where the service names another than ours, or ours
    /// was stopped.
    pub(super) async fn newer(&self, service: Option<&Service>, told: &Told) -> Result<Option<String>, Fault> {
        let (Some(ours), Some(service), Told::Seen(seen)) = (&self.arn, service, told) else { return Ok(None) };
        let current = text(&service.json, "currentServiceDeployment");
        if (current.is_empty() || current == ours) && seen.status != "STOPPED" {
            return Ok(None);
        }
        let briefs = self.list().await?;
        let newer = briefs.into_iter().filter(|brief| brief.arn != *ours && brief.created > self.created);
        Ok(newer.min_by(|one, other| one.created.total_cmp(&other.created)).map(|brief| brief.arn))
    }

    /// The task definition that a rollback goes back to, where ECS tells.
    pub(super) async fn back_to(&mut self, told: &Told) -> Option<String> {
        let Told::Seen(seen) = told else { return None };
        let target = &seen.rollback.as_ref()?.to;
        // The verdict stands without it.
        self.look_up(std::iter::once(target.clone())).await.ok()?;
        self.revisions.get(target).cloned()
    }

    async fn list(&self) -> Result<Vec<Brief>, Fault> {
        let body = json!({ "cluster": self.cluster, "service": self.service });
        let doing = || format!("looking for deployments of {} in {}", self.service, self.cluster);
        let listed: Vec<Json> =
            pages!(self.clients.ecs(), list_service_deployments, body, doing(), "serviceDeployments")?;
        Ok(listed.iter().map(Brief::read).collect())
    }

    async fn look_up(&mut self, targets: impl Iterator<Item = String>) -> Result<(), Fault> {
        let unknown: Vec<String> =
            targets.filter(|target| !target.is_empty() && !self.revisions.contains_key(target)).collect();
        for chunk in unknown.chunks(ARNS_A_CALL) {
            let body = json!({ "serviceRevisionArns": chunk });
            let doing = format!("looking at service revisions of {}", self.service);
            let answer = call!(self.clients.ecs(), describe_service_revisions, body, doing)?;
            for seen in list(&answer, "serviceRevisions") {
                self.revisions
                    .insert(text(seen, "serviceRevisionArn").to_owned(), text(seen, "taskDefinition").to_owned());
            }
        }
        Ok(())
    }
}

/// When the service was set to the revision, in seconds since 1970, where it is still told.
fn since(service: &Service, revision: &str, rollout: Option<&str>) -> Option<f64> {
    let rollouts = list(&service.json, "deployments");
    let ours = rollouts.iter().find(|seen| match rollout {
        Some(id) => text(seen, "id") == id,
        None => text(seen, "status") == "PRIMARY" && text(seen, "taskDefinition") == revision,
    });
    ours?["createdAt"].as_f64()
}
