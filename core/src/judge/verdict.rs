//! `Watch`: the state machine over what is observed of one deployment, until there is a verdict.
//!
//! It never says succeeded of a rollback or of a deployment that is not the one it watches. Where the endpoint tells
//! of service deployments, they decide; where it does not, the service's own deployments and counts do.

use serde::Serialize;

use crate::plan::{Deployment, Exit, Rollout, Service};

/// How a rollout ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// The new revision serves.
    Succeeded,
    /// The old revision serves again.
    RolledBack,
    /// It failed and nothing was rolled back.
    Failed,
    /// A newer deployment took its place.
    Superseded,
    /// It waits for a person.
    Paused,
}

impl Verdict {
    /// How the process ends for it.
    pub const fn exit(self) -> Exit {
        match self {
            Self::Succeeded => Exit::Done,
            Self::RolledBack => Exit::RolledBack,
            Self::Failed => Exit::Failed,
            Self::Superseded => Exit::Superseded,
            Self::Paused => Exit::Waiting,
        }
    }
}

/// A verdict and why, in ECS's words where it gave any.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Ending {
    /// The verdict.
    pub verdict: Verdict,
    /// Why.
    pub reason: String,
    /// The revision that serves now, where one does.
    pub serving: Option<String>,
}

/// A lifecycle hook of a service deployment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Hook {
    /// The id that ContinueServiceDeployment takes.
    pub id: String,
    /// AWAITING_ACTION, IN_PROGRESS, SUCCEEDED, FAILED, TIMED_OUT.
    pub status: String,
}

/// A service deployment, where the endpoint tells of them.
/// <https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_ServiceDeployment.html>
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ServiceDeployment {
    /// Its ARN.
    pub arn: String,
    /// PENDING, IN_PROGRESS, SUCCESSFUL, STOPPED, ROLLBACK_SUCCESSFUL, …
    pub status: String,
    /// Why, in ECS's words.
    pub reason: String,
    /// Its lifecycle hooks.
    pub hooks: Vec<Hook>,
}

/// What one look saw.
#[derive(Debug, Clone, PartialEq)]
pub struct Observation {
    /// The service; `None` where there is none of that name.
    pub service: Option<Service>,
    /// The service deployment that is watched, where the endpoint tells of it.
    pub deployment: Option<ServiceDeployment>,
    /// Targets that are healthy; `None` where they cannot be asked or none was ever registered.
    pub healthy_targets: Option<u32>,
    /// Tasks of the revision that ended by themselves; asked only where a finished deployment lacks tasks.
    pub ended_tasks: u32,
}

/// Watches one deployment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Watch {
    revision: String,
    first: bool,
    /// The id of the deployment that is ours, once it was seen.
    ours: Option<String>,
    /// Ours was seen to fail: what follows is a rollback, not somebody's newer deployment.
    failed: Option<String>,
    /// How many looks in a row must show that all runs, where only counts tell.
    looks: u32,
    /// How many did.
    serving: u32,
}

/// ECS's circuit breaker counts at least three tasks, but only of a deployment that is not finished: one whose tasks
/// start and end again is COMPLETED by the first that ran for a moment.
/// <https://docs.aws.amazon.com/AmazonECS/latest/developerguide/deployment-circuit-breaker.html>
const ENDED: u32 = 3;

impl Watch {
    /// Watches the deployment of a revision; `first`: there was none before to roll back to.
    pub fn new(revision: impl Into<String>, first: bool) -> Self {
        Self { revision: revision.into(), first, ours: None, failed: None, looks: 1, serving: 0 }
    }

    /// The same, but counts must show in two looks that all runs: a task that ends at once is seen running too.
    #[must_use]
    pub fn twice(self) -> Self {
        Self { looks: 2, ..self }
    }

    /// The id of the deployment that is watched, once it was seen.
    pub fn deployment(&self) -> Option<&str> {
        self.ours.as_deref()
    }

    /// Takes a look into account. An observation that is older than one before it, or that does not show the
    /// deployment yet, decides nothing.
    pub fn observe(&mut self, seen: &Observation) -> Option<Ending> {
        let Some(service) = &seen.service else { return self.gone("the service is not there any more") };
        if service.status == "INACTIVE" {
            return self.gone("the service was deleted meanwhile");
        }
        if service.status == "DRAINING" {
            return self.gone("the service is being deleted");
        }
        let primary = service.primary();
        if self.ours.is_none() {
            // Turned back or overtaken before the first look, it is no longer the primary. One of our revision that is
            // complete and yet not the primary is an older deployment that drains.
            let mine = service.deployments.iter().find(|deployment| {
                deployment.revision == self.revision
                    && (deployment.status == "PRIMARY" || deployment.rollout != Rollout::Completed)
            });
            self.ours = mine.map(|mine| mine.id.clone());
        }
        let serves = self.serves(service, seen.healthy_targets);
        self.serving = if serves { self.serving + 1 } else { 0 };
        if !serves && seen.ended_tasks >= ENDED && self.is_finished(primary, seen.deployment.as_ref()) {
            let reason = format!(
                "its tasks start and end again: {} ended, {} of {} run",
                seen.ended_tasks, service.running, service.desired
            );
            return Some(Ending { verdict: Verdict::Failed, reason, serving: None });
        }
        if let Some(deployment) = &seen.deployment
            && let Some(ending) = self.by_service_deployment(deployment, service, seen.healthy_targets)
        {
            return Some(ending);
        }
        self.by_counts(service, primary, seen)
    }

    /// Absent before it was ever seen may only mean that the endpoint does not show it yet.
    fn gone(&self, reason: &str) -> Option<Ending> {
        self.ours.as_ref()?;
        Some(Ending { verdict: Verdict::Failed, reason: reason.to_owned(), serving: None })
    }

    fn by_service_deployment(
        &mut self,
        deployment: &ServiceDeployment,
        service: &Service,
        healthy_targets: Option<u32>,
    ) -> Option<Ending> {
        let serving = || service.primary().map(|primary| primary.revision.clone());
        let ending = |verdict, serving| {
            let reason =
                if deployment.reason.is_empty() { deployment.status.clone() } else { deployment.reason.clone() };
            Some(Ending { verdict, reason, serving })
        };
        match deployment.status.as_str() {
            "SUCCESSFUL" if self.serves(service, healthy_targets) => ending(Verdict::Succeeded, serving()),
            // Where another revision serves, there was one to go back to, whatever was known before.
            "ROLLBACK_SUCCESSFUL" if self.first && serving().is_none_or(|serving| serving == self.revision) => {
                ending(Verdict::Failed, None)
            }
            "ROLLBACK_SUCCESSFUL" => ending(Verdict::RolledBack, serving()),
            "ROLLBACK_FAILED" => ending(Verdict::Failed, None),
            // A person's stop and a failure without rollback both end so; only a newer deployment makes it superseded.
            "STOPPED" if self.newer(service).is_some() => ending(Verdict::Superseded, serving()),
            "STOPPED" => ending(Verdict::Failed, serving()),
            _ => deployment
                .hooks
                .iter()
                .any(|hook| hook.status == "AWAITING_ACTION")
                .then(|| ending(Verdict::Paused, serving()))?,
        }
    }

    fn by_counts(&mut self, service: &Service, primary: Option<&Deployment>, seen: &Observation) -> Option<Ending> {
        let ours = self.ours.as_deref()?;
        let mine = service.deployments.iter().find(|deployment| deployment.id == ours);
        if let Some(mine) = mine.filter(|mine| mine.rollout == Rollout::Failed) {
            self.failed = Some(mine.reason.one_line());
        }
        let primary = primary?;
        if primary.id == ours {
            return match primary.rollout {
                Rollout::Failed if self.first || primary.desired == 0 || service.deployments.len() == 1 => {
                    Some(Ending {
                        verdict: Verdict::Failed,
                        reason: self.failed.clone().unwrap_or_default(),
                        serving: None,
                    })
                }
                Rollout::Completed if seen.deployment.is_none() && self.serving >= self.looks => Some(Ending {
                    verdict: Verdict::Succeeded,
                    reason: primary.reason.one_line(),
                    serving: Some(primary.revision.clone()),
                }),
                _ => None,
            };
        }
        let rolls_back = primary.reason.raw().to_ascii_lowercase().contains("rolling back");
        if rolls_back && self.failed.is_none() {
            self.failed = Some(primary.reason.one_line());
        }
        match &self.failed {
            None if seen.deployment.is_none() => Some(Ending {
                verdict: Verdict::Superseded,
                reason: format!("deployment {} took its place", primary.id),
                serving: Some(primary.revision.clone()),
            }),
            // The rollback is a deployment of its own: only its end is the verdict.
            Some(reason) if primary.rollout == Rollout::Completed && service.running >= service.desired => {
                Some(Ending {
                    verdict: Verdict::RolledBack,
                    reason: reason.clone(),
                    serving: Some(primary.revision.clone()),
                })
            }
            Some(reason) if primary.rollout == Rollout::Failed => Some(Ending {
                verdict: Verdict::Failed,
                reason: format!("{reason}; the rollback failed: {}", primary.reason.one_line()),
                serving: None,
            }),
            _ => None,
        }
    }

    /// Whether ours is over and counted as good.
    fn is_finished(&self, primary: Option<&Deployment>, deployment: Option<&ServiceDeployment>) -> bool {
        primary.is_some_and(|primary| Some(&primary.id) == self.ours.as_ref() && primary.rollout == Rollout::Completed)
            && deployment.is_none_or(|deployment| deployment.status == "SUCCESSFUL")
    }

    /// Somebody's newer deployment, where ours is no longer the primary.
    fn newer<'a>(&self, service: &'a Service) -> Option<&'a Deployment> {
        service
            .primary()
            .filter(|primary| Some(primary.id.as_str()) != self.ours.as_deref() && primary.revision != self.revision)
    }

    /// COMPLETED may be said before the counts are there: all that shall run does, and every target is healthy.
    fn serves(&self, service: &Service, healthy_targets: Option<u32>) -> bool {
        service.primary().is_some_and(|primary| primary.revision == self.revision)
            && service.running >= service.desired
            && healthy_targets.is_none_or(|healthy| healthy >= service.desired)
    }
}

#[cfg(test)]
#[path = "verdict_tests.rs"]
mod tests;
