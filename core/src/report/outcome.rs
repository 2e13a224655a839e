//! `Outcome`: how a run ended: the fold of plan and events, which gives verdict and exit code.

use std::collections::BTreeMap;

use serde::Serialize;

use super::{
    Awaited, Changed, Failure, Fold, Header, Said, ServiceState, StageState, State,
    fold::{TaskDone, Warning},
};
use crate::{
    cost::CostSum,
    plan::{Action, Change, Exit, Fault, Plan, PutService, Refusal},
};

/// How a run ended, in one word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// Everything was as the file says; nothing was written.
    Unchanged,
    /// Done, and healthy.
    Succeeded,
    /// Failed or refused.
    Failed,
    /// A deployment was turned back.
    RolledBack,
    /// A newer run took over.
    Superseded,
    /// A deployment is paused until a person decides.
    Paused,
    /// Something else waits for a person.
    Waiting,
    /// Time was up; AWS goes on.
    StillRunning,
    /// A person stopped the watching; AWS goes on.
    Cancelled,
}

/// What is known beside the events when a run ends.
#[derive(Debug, Clone, Copy, Default)]
pub struct End<'a> {
    /// The plan it began with.
    pub plan: Option<&'a Plan>,
    /// Why it ended before or beside its nodes.
    pub fault: Option<&'a Fault>,
    /// Ctrl-C.
    pub cancelled: bool,
    /// Time was up.
    pub timed_out: bool,
    /// Calls made.
    pub calls: u64,
    /// What the environment costs by this plan.
    pub cost: Option<CostSum>,
    /// Digests by service, as the run left them.
    pub images: Option<&'a BTreeMap<String, String>>,
    /// Deployments by service, as the run left them.
    pub deployments: Option<&'a BTreeMap<String, String>>,
    /// Milliseconds it took.
    pub duration_ms: u64,
}

/// How many of something were what.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct Counts {
    /// Made.
    pub created: usize,
    /// Changed in place.
    pub changed: usize,
    /// Made anew, the old one deleted.
    pub replaced: usize,
    /// Deleted.
    pub deleted: usize,
    /// Left as they were.
    pub unchanged: usize,
}

impl Counts {
    fn add(&mut self, verb: &str, number: usize) {
        match verb {
            "created" => self.created += number,
            "replaced" => self.replaced += number,
            "deleted" | "removed" => self.deleted += number,
            _ => self.changed += number,
        }
    }
}

/// How a run ended.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Outcome {
    /// What it is about.
    #[serde(flatten)]
    pub header: Header,
    /// In one word.
    pub verdict: Verdict,
    /// The process's exit code.
    pub exit_code: u8,
    /// How the process ends.
    #[serde(skip)]
    pub exit: Exit,
    /// Milliseconds it took.
    pub duration_ms: u64,
    /// The id of the plan it began with.
    pub plan_id: Option<String>,
    /// Whether a service was deployed for the first time.
    pub first_deploy: bool,
    /// Whether a service was to be deployed, and not only to be set.
    #[serde(skip)]
    pub rolls_out: bool,
    /// Whether everything of the environment was to go.
    pub destroys: bool,
    /// What a removal left, and why.
    pub kept: Vec<String>,
    /// The stages.
    pub stages: Vec<StageState>,
    /// The services.
    pub services: Vec<ServiceState>,
    /// Digests of images by service: what `--images` takes.
    pub images: BTreeMap<String, String>,
    /// The newest deployment by service.
    pub deployments: BTreeMap<String, String>,
    /// Stacks.
    pub stacks: Counts,
    /// Resources of stacks; unchanged ones are not counted.
    pub resources: Counts,
    /// Entries of the journal.
    pub writes: usize,
    /// Calls to AWS and registries.
    pub calls: u64,
    /// What the environment costs by the plan it began with; none where it failed before.
    pub cost: Option<CostSum>,
    /// What should be known.
    pub warnings: Vec<Said<Warning>>,
    /// Resource types the endpoint did not know, by stack.
    pub left_out: BTreeMap<String, Vec<String>>,
    /// The cause of what failed; `unknown` where nothing tells.
    pub cause: Option<String>,
    /// `certain`, `likely` or `unknown`.
    pub certainty: Option<String>,
    /// What to do.
    #[serde(rename = "do")]
    pub remedy: Option<String>,
    /// Why it ended before or beside its nodes.
    pub fault: Option<Fault>,
    /// What failed.
    pub failures: Vec<Said<Failure>>,
    /// What was refused.
    pub refusals: Vec<Said<Refusal>>,
    /// The journal.
    pub changed: Vec<Said<Changed>>,
    /// What change sets list beyond the plan: more resources, more properties, or a replacement.
    pub beyond_plan: Vec<Said<Change>>,
    /// One-off tasks that ended well.
    pub tasks: Vec<Said<TaskDone>>,
    /// What waits for a person to act.
    pub awaits: Vec<Said<Awaited>>,
    /// What was done and cannot be undone by us.
    pub not_undone: Vec<String>,
    /// The command that goes on, or attaches to what is under way.
    pub again: String,
}

/// Which of two ends is told to the caller: the one that a person must see first. A cancelled run says so whatever
/// else happened; then what failed, what was turned back, what the file or usage is to blame for, what a newer run
/// took over, what still runs, what waits, and last of all success.
pub fn worst(exits: impl IntoIterator<Item = Exit>) -> Exit {
    let rank = |exit: &Exit| match exit {
        Exit::Done => 0,
        Exit::Waiting => 1,
        Exit::StillRunning => 2,
        Exit::Superseded => 3,
        Exit::Usage => 4,
        Exit::RolledBack => 5,
        Exit::Failed => 6,
        Exit::Cancelled => 7,
    };
    exits.into_iter().max_by_key(rank).unwrap_or(Exit::Done)
}

/// Whether a stage is CloudFormation's.
pub(super) fn is_stack_stage(stage: &str) -> bool {
    stage.starts_with("bootstrap-") || stage.starts_with("extra-stack")
}

impl Outcome {
    /// How a run ended.
    pub fn of(header: &Header, fold: &Fold, end: End<'_>) -> Self {
        let mut fold = fold.clone();
        if let Some(plan) = end.plan {
            fold.plan_id.get_or_insert_with(|| plan.id());
            for planned in &plan.nodes {
                fold.place(&planned.node.id);
            }
            // A refused plan is not executed, so no event tells of its refusals.
            for (node, refusal) in plan.refusals() {
                if fold.state(node) == State::Waiting {
                    fold.refusals.push(Said { node: Some(node.clone()), what: refusal.clone() });
                    let at = fold.place(node);
                    if let Some(node) = fold.nodes.get_mut(at) {
                        node.state = State::Refused;
                    }
                }
            }
        }
        // Time that was up while a person was waited for.
        let awaits: Vec<Said<Awaited>> = fold.awaits().into_iter().cloned().collect();
        let exit = worst(
            fold.failures
                .iter()
                .map(|failure| failure.what.exit)
                .chain(fold.refusals.iter().map(|refusal| refusal.what.exit))
                .chain(end.fault.map(|fault| fault.exit))
                .chain(end.cancelled.then_some(Exit::Cancelled))
                .chain(end.timed_out.then_some(if awaits.is_empty() { Exit::StillRunning } else { Exit::Waiting })),
        );
        let (stacks, resources, left_out) = count(&fold);
        let failure = worst_failure(&fold.failures, exit);
        let unknown = || ("unknown".to_owned(), "unknown".to_owned());
        let cause = failure.map(|failure| failure.what.cause.clone().unwrap_or_else(unknown));
        let (cause, certainty) = cause.unzip();
        let remedy = failure
            .and_then(|failure| failure.what.remedy.clone())
            .or_else(|| end.fault.and_then(|fault| fault.hint.clone()))
            .or_else(|| fold.refusals.first().map(|refusal| refusal.what.remedy.clone()));
        Self {
            header: header.clone(),
            verdict: verdict(exit, &fold),
            exit_code: exit.code(),
            exit,
            duration_ms: end.duration_ms,
            plan_id: fold.plan_id.clone(),
            first_deploy: end.plan.is_some_and(|plan| puts_a_service(plan, |put| put.create)),
            rolls_out: end.plan.is_some_and(|plan| puts_a_service(plan, |put| put.create || put.deploys)),
            destroys: end.plan.is_some_and(|plan| plan.destroys),
            kept: end.plan.map(|plan| plan.kept.clone()).unwrap_or_default(),
            stages: fold.stages(),
            images: end.images.cloned().unwrap_or_default(),
            deployments: end.deployments.cloned().unwrap_or_default(),
            stacks,
            resources,
            writes: fold.changed.len(),
            calls: end.calls,
            cost: end.cost,
            left_out,
            awaits,
            cause,
            certainty,
            remedy,
            fault: end.fault.cloned(),
            not_undone: fold.failures.iter().flat_map(|failure| failure.what.not_undone.clone()).collect(),
            services: fold.services,
            warnings: fold.warnings,
            failures: fold.failures,
            refusals: fold.refusals,
            changed: fold.changed,
            beyond_plan: fold.beyond_plan,
            tasks: fold.tasks,
            again: header.again(),
        }
    }
}

/// The failure a report is about: one that decides the exit code, before others one by which users are affected.
pub(super) fn worst_failure(failures: &[Said<Failure>], exit: Exit) -> Option<&Said<Failure>> {
    let deciding = || failures.iter().filter(|failure| failure.what.exit == exit);
    let affects =
        |failure: &&Said<Failure>| failure.what.users.as_deref().is_some_and(|users| users.starts_with("affected"));
    deciding().find(affects).or_else(|| deciding().next()).or(failures.first())
}

fn puts_a_service(plan: &Plan, holds: impl Fn(&PutService) -> bool) -> bool {
    plan.actions().any(|(_, action)| matches!(action, Action::PutService(put) if holds(put)))
}

fn verdict(exit: Exit, fold: &Fold) -> Verdict {
    match exit {
        Exit::Done if fold.changed.is_empty() && fold.services.iter().all(|service| service.attached.is_none()) => {
            Verdict::Unchanged
        }
        Exit::Done => Verdict::Succeeded,
        Exit::Failed | Exit::Usage => Verdict::Failed,
        Exit::RolledBack => Verdict::RolledBack,
        Exit::StillRunning => Verdict::StillRunning,
        Exit::Superseded => Verdict::Superseded,
        Exit::Cancelled => Verdict::Cancelled,
        // Only a deployment that is being followed can be paused.
        Exit::Waiting => {
            let paused = fold.failures.iter().any(|failure| {
                failure.what.exit == Exit::Waiting
                    && failure
                        .node
                        .as_ref()
                        .is_some_and(|node| matches!(node.stage.as_str(), "wait-healthy" | "deploy-service"))
            });
            if paused { Verdict::Paused } else { Verdict::Waiting }
        }
    }
}

fn count(fold: &Fold) -> (Counts, Counts, BTreeMap<String, Vec<String>>) {
    let (mut stacks, mut resources) = (Counts::default(), Counts::default());
    let mut left_out: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let mut verbs: BTreeMap<&str, &str> = BTreeMap::new();
    for entry in &fold.changed {
        let Some(stack) = entry.what.what.strip_prefix("stack ") else { continue };
        // A stack may have several entries (created, then protected): the first tells what became of it, but for its end.
        let verb = verbs.entry(stack).or_insert(entry.what.verb);
        if entry.what.verb == "deleted" {
            *verb = "deleted";
        }
        for (verb, number) in &entry.what.resources {
            resources.add(verb, *number);
        }
        if !entry.what.left_out.is_empty() {
            let kinds = left_out.entry(stack.to_owned()).or_default();
            kinds.extend(entry.what.left_out.iter().cloned());
            // A stack that is created and then protected is put twice.
            kinds.sort();
            kinds.dedup();
        }
    }
    verbs.values().for_each(|verb| stacks.add(verb, 1));
    stacks.unchanged =
        fold.nodes.iter().filter(|node| node.state == State::Unchanged && is_stack_stage(&node.node.stage)).count();
    (stacks, resources, left_out)
}
