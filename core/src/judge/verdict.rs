//! `Watch`: the state machine over what is observed of one deployment, until there is a verdict.
//!
//! It never says succeeded of a rollback or of a deployment that is not the one it watches. Where the endpoint tells
//! of service deployments, they decide; where it does not, the service's own deployments and counts do.

use std::collections::BTreeSet;

use serde::Serialize;

use super::ServiceDeployment;
use crate::{
    plan::{Deployment, Exit, Rollout, Service},
    text::{moment, utc},
};

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
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Ending {
    /// The verdict.
    pub verdict: Verdict,
    /// Why.
    pub reason: String,
    /// The revision that serves now, where one does.
    pub serving: Option<String>,
    /// Where a person has to decide.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pause: Option<Pause>,
}

/// A deployment that stands still until a person decides.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Pause {
    /// The lifecycle stage, as ECS names it: PRE_PRODUCTION_TRAFFIC_SHIFT.
    pub stage: String,
    /// When ECS decides by itself, in seconds since 1970.
    pub until: Option<i64>,
    /// What it does then: CONTINUE or ROLLBACK.
    pub otherwise: String,
    /// The hook that waits.
    pub hook: String,
    /// Percent of the production traffic that the new revision has meanwhile, where ECS tells it: under canary and linear
    /// a pause comes before every step.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub share: Option<f64>,
}

/// What the endpoint told of the service deployment that is ours.
#[derive(Debug, Clone, PartialEq, Default)]
pub enum Told {
    /// It knows of no service deployments: the service's own deployments and counts decide.
    #[default]
    Nothing,
    /// It knows of some, ours is not among them yet.
    NotYet,
    /// Ours was known before, and is not any more.
    Gone,
    /// Ours.
    Seen(Box<ServiceDeployment>),
}

/// What one look saw.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Observation {
    /// The service; `None` where there is none of that name.
    pub service: Option<Service>,
    /// The service deployment that is watched.
    pub told: Told,
    /// The revision that ECS goes or went back to, where it tells.
    pub back_to: Option<String>,
    /// A service deployment that was created after ours.
    pub newer: Option<String>,
    /// Targets that are healthy; `None` where they cannot be asked or none was ever registered.
    pub healthy_targets: Option<u32>,
    /// Tasks of the revision that ended by themselves after the deployment; asked only where a finished deployment lacks
    /// tasks.
    pub ended_tasks: u32,
}

/// Watches one deployment.
#[derive(Debug, Clone, PartialEq)]
pub struct Watch {
    revision: String,
    first: bool,
    /// The id of the deployment that is ours, once it was seen.
    ours: Option<String>,
    /// Deployments that were there before ours: an answer that shows one of them first is old.
    older: BTreeSet<String>,
    /// Ours was seen to fail: what follows is a rollback, not somebody's newer deployment.
    failed: Option<String>,
    /// The newest that was told of our service deployment.
    told: Option<ServiceDeployment>,
    /// Somebody was seen to ask for its end.
    asked: bool,
    /// It was seen to have production traffic.
    had_traffic: bool,
    /// It was seen before it ended or was turned around.
    seen_early: bool,
    /// Hooks that were seen to wait no longer.
    decided: BTreeSet<String>,
    /// How many looks in a row must show that all runs, where only counts tell.
    looks: u32,
    /// How many did.
    serving: u32,
    /// How many looks in a row did not show what was there before.
    missing: u32,
    /// How many looks showed ours stopped without telling why.
    stopped: u32,
    /// How many looks in a row showed ours failed and still the primary.
    fallen: u32,
    /// How many looks in a row did not show ours, though they might have.
    unseen: u32,
    /// How many looks in a row showed that all serve, after ours was told to be successful.
    counted: u32,
}

/// ECS's circuit breaker counts at least three tasks, but only of a deployment that is not finished: one whose tasks
/// start and end again is COMPLETED by the first that ran for a moment.
/// <https://docs.aws.amazon.com/AmazonECS/latest/developerguide/deployment-circuit-breaker.html>
const ENDED: u32 = 3;

/// Answers may be behind what is: what is missing or unexplained must be so in as many looks.
/// <https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_DescribeServices.html>
const SURE: u32 = 3;

/// So many looks with all serving are believed where the service's own deployment never says that it is completed.
const STEADY: u32 = 5;

/// What never was seen in so many looks, a second or more apart, is not only late.
const LATE: u32 = 12;

impl Watch {
    /// Watches the deployment of a revision; `first`: there was none before to roll back to.
    pub fn new(revision: impl Into<String>, first: bool) -> Self {
        Self {
            revision: revision.into(),
            first,
            ours: None,
            older: BTreeSet::new(),
            failed: None,
            told: None,
            asked: false,
            had_traffic: false,
            seen_early: false,
            decided: BTreeSet::new(),
            looks: 1,
            serving: 0,
            missing: 0,
            stopped: 0,
            fallen: 0,
            unseen: 0,
            counted: 0,
        }
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

    /// Whether ours had production traffic: a share of it, or a stage that comes after the shift. `None` where that was not
    /// seen and yet may be: its beginning was missed, or an alarm went off, and what set it off is not told.
    pub fn had_traffic(&self) -> Option<bool> {
        let unclear = self.told.as_ref().is_some_and(|told| !told.alarms.is_empty() || !self.seen_early);
        if unclear && !self.had_traffic { None } else { Some(self.had_traffic) }
    }

    /// Takes a look into account. An observation that is older than one before it, or that does not show the
    /// deployment yet, decides nothing.
    pub fn observe(&mut self, seen: &Observation) -> Option<Ending> {
        let known = self.ours.is_some() || self.told.is_some();
        let shown = match seen.told {
            Told::Seen(_) => true,
            Told::Nothing => self.ours.is_some(),
            Told::NotYet | Told::Gone => false,
        };
        self.unseen = if shown { 0 } else { self.unseen + 1 };
        if let Told::Seen(deployment) = &seen.told {
            self.take(deployment);
        }
        let gone = match &seen.service {
            None => Some("the service is not there any more"),
            Some(service) if service.status == "INACTIVE" => Some("the service was deleted meanwhile"),
            Some(service) if service.status == "DRAINING" => Some("the service is being deleted"),
            Some(_) if seen.told == Told::Gone => Some("the deployment is not there any more"),
            Some(_) => None,
        };
        if let Some(reason) = gone {
            let told = seen.service.is_some() && seen.told != Told::Gone;
            // Both must be behind for it to be there: the list of deployments, and the service's own.
            let listed = seen.service.iter().flat_map(|service| &service.deployments);
            let is_listed = listed.into_iter().any(|rollout| Some(&rollout.id) == self.ours.as_ref());
            let looks = if told { 1 } else { SURE - u32::from(!is_listed) };
            return self.gone(reason, if known { looks } else { LATE });
        }
        self.missing = 0;
        let service = seen.service.as_ref()?;
        let primary = service.primary();
        if self.ours.is_none() {
            // Turned back or overtaken before the first look, it is no longer the primary. One of our revision that is
            // complete and yet not the primary is an older deployment that drains.
            let mine = service.deployments.iter().find(|deployment| {
                deployment.revision == self.revision
                    && (deployment.status == "PRIMARY" || deployment.rollout != Rollout::Completed)
            });
            self.ours = mine.map(|mine| mine.id.clone());
            let first = mine.is_some_and(|mine| mine.status == "PRIMARY");
            let others = service.deployments.iter().map(|other| &other.id).filter(|id| Some(*id) != self.ours.as_ref());
            if first || mine.is_none() {
                self.older.extend(others.cloned());
            }
        }
        let serves = self.serves(service, seen.healthy_targets);
        self.serving = if serves { self.serving + 1 } else { 0 };
        if !serves && seen.ended_tasks >= ENDED && self.is_finished(primary) {
            let reason = format!(
                "its tasks start and end again: {} ended, {} of {} run",
                seen.ended_tasks, service.running, service.desired
            );
            return Some(Ending { verdict: Verdict::Failed, reason, serving: None, pause: None });
        }
        let is_listed = service.deployments.iter().any(|rollout| Some(&rollout.id) == self.ours.as_ref());
        match (&seen.told, self.told.clone()) {
            (_, Some(told)) => self.by_service_deployment(&told, service, seen),
            // It came and went before anybody looked, or never came.
            _ if self.unseen >= LATE && !is_listed => Some(self.unseen_end(service, primary)),
            // It is known that service deployments decide: until ours is told of, nothing does.
            (Told::NotYet | Told::Gone, None) if self.unseen < LATE => None,
            _ => self.by_counts(service, primary),
        }
    }

    /// Keeps what is newest of our service deployment: an end is final, and what was left behind does not come back.
    fn take(&mut self, deployment: &ServiceDeployment) {
        self.asked |= matches!(deployment.status.as_str(), "STOP_REQUESTED" | "ROLLBACK_REQUESTED");
        let early = matches!(deployment.status.as_str(), "PENDING" | "IN_PROGRESS");
        self.seen_early |= early;
        // The way back passes through stages too.
        self.had_traffic |= early
            && (deployment.share.is_some_and(|share| share > 0.0)
                || matches!(deployment.stage.as_str(), "POST_PRODUCTION_TRAFFIC_SHIFT" | "BAKE_TIME" | "CLEAN_UP"));
        let stale = self
            .told
            .as_ref()
            .is_some_and(|told| deployment.updated < told.updated || (told.is_over() && !deployment.is_over()));
        if stale {
            return;
        }
        let waits = |hook: &&super::Hook| hook.status == "AWAITING_ACTION";
        let waited = self.told.iter().flat_map(|told| told.hooks.iter().filter(waits).map(|hook| hook.id.clone()));
        let decided = deployment.hooks.iter().filter(|hook| !waits(hook)).map(|hook| hook.id.clone());
        let still: BTreeSet<&String> = deployment.hooks.iter().filter(waits).map(|hook| &hook.id).collect();
        let decided: Vec<String> = waited.filter(|id| !still.contains(id)).chain(decided).collect();
        self.decided.extend(decided);
        self.told = Some(deployment.clone());
    }

    /// Absent may only mean that the endpoint does not show it yet: so many looks in a row must find it so.
    fn gone(&mut self, reason: &str, looks: u32) -> Option<Ending> {
        self.missing += 1;
        if self.missing < looks {
            return None;
        }
        Some(Ending { verdict: Verdict::Failed, reason: reason.to_owned(), serving: None, pause: None })
    }

    fn by_service_deployment(
        &mut self,
        told: &ServiceDeployment,
        service: &Service,
        seen: &Observation,
    ) -> Option<Ending> {
        let primary = service.primary().map(|primary| primary.revision.clone());
        let other = primary.clone().filter(|primary| *primary != self.revision);
        let ending = |verdict, reason, serving| Some(Ending { verdict, reason, serving, pause: None });
        let overtaken = |newer: &str, serving| {
            let id = newer.rsplit('/').next().unwrap_or(newer);
            ending(Verdict::Superseded, format!("deployment {id} took its place"), serving)
        };
        match told.status.as_str() {
            "SUCCESSFUL" if self.is_counted(service) => {
                let reason = if told.reason.is_empty() { told.status.clone() } else { told.reason.clone() };
                ending(Verdict::Succeeded, reason, primary)
            }
            "SUCCESSFUL" => overtaken(seen.newer.as_deref()?, primary),
            "ROLLBACK_SUCCESSFUL" => {
                // Where another revision serves, there was one to go back to, whatever was known before.
                let back_to = other.or(seen.back_to.clone().filter(|back_to| *back_to != self.revision));
                let nothing = match (&told.sources, &back_to) {
                    (_, Some(_)) => false,
                    (Some(sources), None) => sources.is_empty(),
                    (None, None) => self.first,
                };
                let verdict = if nothing { Verdict::Failed } else { Verdict::RolledBack };
                ending(verdict, told.why(self.asked), back_to)
            }
            "ROLLBACK_FAILED" => {
                ending(Verdict::Failed, format!("{}; the rollback failed", told.why(self.asked)), None)
            }
            // A person's stop, a newer deployment and a failure without rollback all end so.
            "STOPPED" if told.failed_by_itself() => ending(Verdict::Failed, told.why(self.asked), other),
            "STOPPED" => match &seen.newer {
                Some(newer) => overtaken(newer, primary),
                None => {
                    // A newer deployment may not be visible yet.
                    self.stopped += 1;
                    (self.stopped >= SURE - 1).then(|| ending(Verdict::Failed, told.why(true), other)).flatten()
                }
            },
            "ROLLBACK_REQUESTED" | "ROLLBACK_IN_PROGRESS" | "STOP_REQUESTED" => None,
            _ => match (told.awaiting().filter(|hook| !self.decided.contains(&hook.id)), &seen.newer) {
                (Some(hook), _) => {
                    let paused = ending(Verdict::Paused, paused(told, hook), other);
                    paused.map(|paused| Ending { pause: Some(pause(told, hook)), ..paused })
                }
                (None, Some(newer)) => overtaken(newer, primary),
                (None, None) => None,
            },
        }
    }

    fn by_counts(&mut self, service: &Service, primary: Option<&Deployment>) -> Option<Ending> {
        let ours = self.ours.as_deref()?;
        let mine = service.deployments.iter().find(|deployment| deployment.id == ours);
        if let Some(mine) = mine.filter(|mine| mine.rollout == Rollout::Failed) {
            self.failed = Some(mine.reason.one_line());
        }
        // A way back may take up the deployment of before under its own id.
        let back = |primary: &Deployment| self.failed.is_some() || rolls_back(primary);
        let primary = primary.filter(|primary| back(primary) || !self.older.contains(&primary.id))?;
        let fell = primary.id == ours && primary.rollout == Rollout::Failed;
        self.fallen = if fell { self.fallen + 1 } else { 0 };
        if primary.id == ours {
            return match primary.rollout {
                // Where it ends so, nothing of it is desired any more; but the way back may begin a moment later.
                Rollout::Failed
                    if self.first
                        || service.deployments.len() == 1
                        || (primary.desired == 0 && self.fallen >= SURE - 1) =>
                {
                    Some(Ending {
                        verdict: Verdict::Failed,
                        reason: self.failed.clone().unwrap_or_default(),
                        serving: None,
                        pause: None,
                    })
                }
                Rollout::Completed if self.serving >= self.looks => Some(Ending {
                    verdict: Verdict::Succeeded,
                    reason: primary.reason.one_line(),
                    serving: Some(primary.revision.clone()),
                    pause: None,
                }),
                _ => None,
            };
        }
        if rolls_back(primary) && self.failed.is_none() {
            self.failed = Some(primary.reason.one_line());
        }
        match &self.failed {
            None => Some(Ending {
                verdict: Verdict::Superseded,
                reason: format!("deployment {} took its place", primary.id),
                serving: Some(primary.revision.clone()),
                pause: None,
            }),
            // The rollback is a deployment of its own: only its end is the verdict.
            Some(reason) if primary.rollout == Rollout::Completed && service.running >= service.desired => {
                Some(Ending {
                    verdict: Verdict::RolledBack,
                    reason: reason.clone(),
                    serving: Some(primary.revision.clone()),
                    pause: None,
                })
            }
            Some(reason) if primary.rollout == Rollout::Failed => Some(Ending {
                verdict: Verdict::Failed,
                reason: format!("{reason}; the rollback failed: {}", primary.reason.one_line()),
                serving: None,
                pause: None,
            }),
            Some(_) => None,
        }
    }

    /// Whether ours is over and counted as good.
    fn is_finished(&self, primary: Option<&Deployment>) -> bool {
        match &self.told {
            Some(told) => told.status == "SUCCESSFUL",
            None => primary.is_some_and(|primary| {
                Some(&primary.id) == self.ours.as_ref() && primary.rollout == Rollout::Completed
            }),
        }
    }

    /// Whether the counts show that all serve after the success: the service's own deployment says so too, or it has
    /// been so for some looks.
    fn is_counted(&mut self, service: &Service) -> bool {
        self.counted = if self.serving > 0 { self.counted + 1 } else { 0 };
        let completed = service.primary().is_some_and(|primary| primary.rollout == Rollout::Completed);
        self.counted >= if completed { 1 } else { STEADY }
    }

    /// What is said of a deployment that is not there though it was begun.
    fn unseen_end(&self, service: &Service, primary: Option<&Deployment>) -> Ending {
        let primary = primary.filter(|primary| primary.revision != self.revision && primary.running >= service.desired);
        match primary.filter(|primary| rolls_back(primary)) {
            Some(primary) => Ending {
                verdict: Verdict::RolledBack,
                reason: primary.reason.one_line(),
                serving: Some(primary.revision.clone()),
                pause: None,
            },
            None => Ending {
                verdict: Verdict::Failed,
                reason: "the deployment is not there any more".to_owned(),
                serving: primary.map(|primary| primary.revision.clone()),
                pause: None,
            },
        }
    }

    /// COMPLETED may be said before the counts are there: all that shall run does, and every target is healthy.
    fn serves(&self, service: &Service, healthy_targets: Option<u32>) -> bool {
        service.primary().is_some_and(|primary| primary.revision == self.revision && primary.running >= service.desired)
            && healthy_targets.is_none_or(|healthy| healthy >= service.desired)
    }
}

/// Whether it is ECS's way back from another.
fn rolls_back(rollout: &Deployment) -> bool {
    rollout.reason.raw().to_ascii_lowercase().contains("rolling back")
}

/// What waits, where, and what becomes of it if nobody acts.
fn paused(told: &ServiceDeployment, hook: &super::Hook) -> String {
    let stage = if told.stage.is_empty() { String::new() } else { format!(" at {}", told.stage) };
    let until =
        hook.expires.and_then(moment).map(|at| format!("decide by {}", utc(at))).unwrap_or_else(|| "decide".to_owned());
    let then = match hook.timeout_action.as_str() {
        "CONTINUE" => ", else it goes on",
        "ROLLBACK" => ", else it is turned back",
        _ => "",
    };
    format!("{until}{then}: hook {}{stage}", hook.name())
}

#[allow(clippy::cast_possible_truncation)]
fn pause(told: &ServiceDeployment, hook: &super::Hook) -> Pause {
    let (stage, otherwise) = (told.stage.clone(), hook.timeout_action.clone());
    Pause { stage, until: hook.expires.map(|at| at as i64), otherwise, hook: hook.name().to_owned(), share: told.share }
}

#[cfg(test)]
#[path = "verdict_tests.rs"]
mod tests;
