//! `PlanReport`: what a plan would do, row by row, with the lines of the file that force it.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use super::{Header, Said, fold::Warning, outcome::is_stack_stage, usual::Usually, words};
use crate::{
    cost::{CostChange, Money},
    plan::{Action, Change, NodeId, PassedOver, Plan, Refusal, Replacement, SecretNow, StackMove},
    text::Span,
};

/// What a row does to its subject.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Sign {
    /// Makes it.
    Create,
    /// Changes it in place.
    Update,
    /// May replace it: AWS decides when it sees the value.
    MayReplace,
    /// Replaces it.
    Replace,
    /// Deletes it.
    Delete,
    /// Runs something.
    Run,
}

impl Sign {
    /// One character, the same with and without colour.
    pub fn glyph(self) -> &'static str {
        match self {
            Self::Create => "+",
            Self::Update => "~",
            Self::MayReplace => "?",
            Self::Replace => "!",
            Self::Delete => "-",
            Self::Run => ">",
        }
    }
}

/// One thing the plan does.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Row {
    /// To what end.
    pub sign: Sign,
    /// In words: "new revision of api".
    pub what: String,
    /// The node.
    pub node: NodeId,
    /// Where the file says so.
    pub span: Option<Span>,
    /// A few words beside the properties: "19 resources".
    pub note: Option<String>,
    /// The properties.
    pub changes: Vec<Change>,
}

impl Row {
    /// The properties on one line, at most three of them.
    pub fn detail(&self) -> String {
        let shown = self.changes.iter().filter(|change| !change.property.is_empty());
        let mut parts: Vec<String> = shown.map(|change| property(change, 32)).collect();
        let more = parts.len().saturating_sub(3);
        parts.truncate(3);
        if more > 0 {
            parts.push(format!("{more} more"));
        }
        self.note.iter().cloned().chain(parts).collect::<Vec<_>>().join(", ")
    }
}

/// `cpu 512 → 1024`.
pub(super) fn property(change: &Change, limit: usize) -> String {
    let before = words::value(change.before.as_ref(), limit);
    let after = words::value(change.after.as_ref(), limit);
    format!("{} {before} → {after}", change.property).trim_start().to_owned()
}

/// What a plan comes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum PlanVerdict {
    /// A run would write nothing.
    Unchanged,
    /// A run would change something.
    Changes,
    /// A run would refuse.
    Refused,
}

/// A plan, told.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct PlanReport {
    /// What it is about.
    #[serde(flatten)]
    pub header: Header,
    /// What it comes to.
    pub verdict: PlanVerdict,
    /// The process's exit code.
    pub exit_code: u8,
    /// The plan's id.
    pub plan_id: String,
    /// Milliseconds it took.
    pub duration_ms: u64,
    /// Calls to AWS that it took; none where they were not counted for it alone.
    pub calls: Option<u64>,
    /// What it would do.
    pub changes: Vec<Row>,
    /// Resources that would be replaced.
    pub replaced: usize,
    /// Resources that may be replaced.
    pub may_replace: usize,
    /// Resources that would be deleted.
    pub deleted: usize,
    /// Stacks that stay as they are.
    pub stacks_unchanged: usize,
    /// Services that stay as they are.
    pub services_unchanged: usize,
    /// What a run would refuse.
    pub refusals: Vec<Said<Refusal>>,
    /// Stacks and services that carry our tags and are no longer in the file.
    pub orphans: Vec<String>,
    /// What it costs, before and after; none where the plan was not priced.
    pub cost: Option<Box<CostChange>>,
    /// The parameters that containers take, by name and version, without values.
    pub secrets: Vec<SecretNow>,
    /// How long a run of it usually takes; none where it does nothing.
    pub usually: Option<Usually>,
    /// Whether everything of the environment is to go.
    pub destroys: bool,
    /// What a removal leaves, and why.
    pub kept: Vec<String>,
    /// What should be known.
    pub warnings: Vec<Warning>,
}

impl PlanReport {
    /// A plan, told. With `fail_on_change` a plan that would change something ends with 1.
    pub fn of(
        header: &Header,
        plan: &Plan,
        warnings: impl IntoIterator<Item = String>,
        fail_on_change: bool,
        duration_ms: u64,
    ) -> Self {
        let created: BTreeSet<&str> = plan
            .actions()
            .filter_map(|(_, action)| match action {
                Action::PutService(put) if put.create => Some(put.service.as_str()),
                _ => None,
            })
            .collect();
        let changes: Vec<Row> = plan.actions().flat_map(|(node, action)| rows(node, action, &created)).collect();
        let refusals: Vec<_> =
            plan.refusals().map(|(node, refusal)| Said { node: Some(node.clone()), what: refusal.clone() }).collect();
        let verdict = if !refusals.is_empty() {
            PlanVerdict::Refused
        } else if plan.is_empty() {
            PlanVerdict::Unchanged
        } else {
            PlanVerdict::Changes
        };
        let exit = super::worst(refusals.iter().map(|refusal| refusal.what.exit)).code();
        let exit_code = if exit == 0 && fail_on_change && verdict == PlanVerdict::Changes { 1 } else { exit };
        let with = |sign: Sign| changes.iter().filter(|row| row.sign == sign).count();
        let idle = |of: fn(&str) -> bool| {
            plan.nodes
                .iter()
                .filter(|planned| of(&planned.node.id.stage))
                .filter(|planned| planned.decision.as_ref().is_ok_and(|all| all.iter().all(|act| !act.writes())))
                .count()
        };
        Self {
            header: header.clone(),
            verdict,
            exit_code,
            plan_id: plan.id(),
            duration_ms,
            calls: None,
            replaced: with(Sign::Replace),
            may_replace: with(Sign::MayReplace),
            deleted: with(Sign::Delete),
            stacks_unchanged: idle(is_stack_stage),
            services_unchanged: idle(|stage| stage == "deploy-service"),
            changes,
            refusals,
            orphans: plan.orphans.clone(),
            cost: None,
            secrets: plan.secrets.clone(),
            usually: Usually::takes(plan),
            destroys: plan.destroys,
            kept: plan.kept.clone(),
            warnings: warnings.into_iter().map(|text| Warning { text }).collect(),
        }
    }
}

impl PlanReport {
    /// The same with the calls that it took.
    pub fn after_calls(mut self, calls: u64) -> Self {
        self.calls = Some(calls);
        self
    }

    /// The same with what it costs. Where a limit is given and a run would raise the cost by more than that a month,
    /// the plan ends with 1.
    pub fn priced(mut self, cost: CostChange, limit: Option<Money>) -> Self {
        let warn = |text: String| Warning { text };
        self.warnings.extend(cost.unknown.iter().map(|what| warn(format!("cost before is not known: {what}"))));
        if let Some(limit) = limit.filter(|limit| cost.sum.rises_over(*limit)) {
            let rise = cost.sum.change.unwrap_or(cost.sum.after);
            let words = format!("the cost would rise by {rise} a month, and {limit} are allowed");
            self.warnings.insert(0, warn(words));
            self.exit_code = self.exit_code.max(1);
        }
        self.cost = Some(Box::new(cost));
        self
    }
}

fn rows(node: &NodeId, action: &Action, created: &BTreeSet<&str>) -> Vec<Row> {
    let row = |sign, what: String| Row { sign, what, node: node.clone(), span: None, note: None, changes: Vec::new() };
    let made = |service: &str| if created.contains(service) { Sign::Create } else { Sign::Update };
    match action {
        Action::PutStack(put) => match put.step {
            StackMove::Attach => Vec::new(),
            StackMove::Protect => vec![row(Sign::Update, format!("protect stack {}", put.name))],
            StackMove::Unprotect => vec![row(Sign::Update, format!("unprotect stack {}", put.name))],
            StackMove::Import => put
                .imports
                .iter()
                .map(|import| {
                    row(Sign::Update, format!("adopt {} ({}) into stack {}", import.id, import.kind, put.name))
                })
                .collect(),
            StackMove::Delete => {
                let mut row = row(Sign::Delete, format!("stack {}", put.name));
                row.note = (!put.changes.is_empty()).then(|| words::count(put.changes.len(), "resource"));
                row.changes = put.changes.clone();
                vec![row]
            }
            StackMove::Create | StackMove::Recreate => {
                let mut row = row(Sign::Create, format!("stack {}", put.name));
                row.note = resources(&put.body).map(|number| words::count(number, "resource"));
                row.changes = put.changes.clone();
                vec![row]
            }
            StackMove::Update if put.changes.is_empty() => {
                vec![row(Sign::Update, format!("outputs of stack {}", put.name))]
            }
            StackMove::Update => grouped(node, &put.changes),
        },
        Action::PutParameter(put) => {
            let sign = if put.version == 0 { Sign::Create } else { Sign::Update };
            vec![row(sign, format!("parameter {}", put.name))]
        }
        Action::PushImage(push) => {
            let mut row = row(Sign::Create, format!("image {}:{}", push.repository, push.tag));
            row.note = push.stand_in.then(|| "a stand-in for the build".to_owned());
            vec![row]
        }
        Action::RegisterTaskDefinition(register) => {
            let first = register.changes.iter().any(Change::is_creation);
            let mut row =
                row(if first { Sign::Create } else { Sign::Update }, format!("new revision of {}", register.service));
            row.note = match register.passed_over {
                _ if first => Some("the first".to_owned()),
                Some(PassedOver::Unknown) => Some("not compared, one of very many".to_owned()),
                Some(PassedOver::Versions) if register.changes.is_empty() => {
                    Some("another version of an image or secret".to_owned())
                }
                Some(PassedOver::Versions) => Some("versions not compared".to_owned()),
                Some(PassedOver::Told) | None => None,
            };
            row.span = register.changes.iter().find_map(|change| change.span);
            row.changes = register.changes.clone();
            vec![row]
        }
        Action::RunTask(run) => {
            let command = words::cut(&run.command.join(" "), 60);
            vec![row(Sign::Run, format!("{} of {}: {command}", run.purpose, run.service))]
        }
        Action::PutRule(put) => vec![row(made(&put.service), format!("listener rules of {}", put.service))],
        Action::PutService(put) if put.create => vec![row(Sign::Create, format!("service {}", put.service))],
        Action::PutService(put) => {
            let verb = if put.deploys { "deploy" } else { "settings of" };
            let mut row = row(Sign::Update, format!("{verb} {}", put.service));
            row.span = put.changes.iter().find_map(|change| change.span);
            row.changes = put.changes.clone();
            vec![row]
        }
        Action::PutScaling(put) => {
            let sign = if put.bounds.is_none() { Sign::Delete } else { made(&put.service) };
            let mut row = row(sign, format!("autoscaling of {}", put.service));
            row.note = put.bounds.map(|(min, max)| format!("{min}–{max} tasks"));
            vec![row]
        }
        Action::PutSchedule(put) => {
            let mut row =
                row(if put.exists { Sign::Update } else { Sign::Create }, format!("schedule of {}", put.name));
            row.note = Some(put.expression.clone());
            vec![row]
        }
        Action::RemoveSchedule(remove) => vec![row(Sign::Delete, format!("schedule of {}", remove.name))],
        Action::TurnBack(turn) => vec![row(Sign::Update, format!("turn back the deployment of {}", turn.service))],
        Action::Answer(answer) => {
            let verb = if answer.proceed { "continue" } else { "turn back" };
            vec![row(Sign::Update, format!("{verb} the paused deployment of {}", answer.service))]
        }
        Action::RunCommand(run) => vec![row(Sign::Run, format!("stage {}: {}", run.stage, run.argv.join(" ")))],
        Action::RemoveService(remove) => vec![row(Sign::Delete, format!("service {}", remove.service))],
        Action::DeleteRules(delete) if delete.tests => {
            vec![row(Sign::Delete, format!("test listener rule of {}", delete.service))]
        }
        Action::DeleteRules(delete) => vec![row(Sign::Delete, format!("listener rules of {}", delete.service))],
        Action::DeleteRevisions(delete) => {
            let mut row = row(Sign::Delete, format!("revisions of {}", delete.family));
            row.note = Some(words::count(delete.revisions.len(), "revision"));
            vec![row]
        }
        Action::DeleteParameters(delete) => {
            let mut row = row(Sign::Delete, format!("parameters under {}", delete.path));
            row.note =
                Some(delete.names.iter().filter_map(|it| it.strip_prefix(&delete.path)).collect::<Vec<_>>().join(", "));
            vec![row]
        }
        Action::DeleteImages(delete) => {
            let what = match &delete.tags {
                None => format!("images of {}", delete.repository),
                Some(_) => format!("tags of this environment in {}", delete.repository),
            };
            let mut row = row(Sign::Delete, what);
            row.note = Some(words::count(delete.images, "image"));
            vec![row]
        }
        // The last step of what was said above it.
        Action::MarkService(_) | Action::Follow(_) | Action::FollowBack(_) => Vec::new(),
    }
}

/// One row for each resource.
fn grouped(node: &NodeId, changes: &[Change]) -> Vec<Row> {
    let mut subjects: Vec<&str> = Vec::new();
    let mut groups: BTreeMap<&str, Vec<&Change>> = BTreeMap::new();
    for change in changes {
        if !groups.contains_key(change.subject.as_str()) {
            subjects.push(&change.subject);
        }
        groups.entry(&change.subject).or_default().push(change);
    }
    subjects
        .into_iter()
        .filter_map(|subject| Some((subject, groups.get(subject)?)))
        .map(|(subject, group)| {
            let kind = group.iter().find_map(|change| change.kind.strip_prefix("AWS::")).unwrap_or_default();
            let replacement = group.iter().map(|change| change.replacement).max();
            let sign = if group.iter().any(|change| change.is_removal()) {
                Sign::Delete
            } else if group.iter().any(|change| change.is_creation()) {
                Sign::Create
            } else {
                match replacement {
                    Some(Replacement::Yes) => Sign::Replace,
                    Some(Replacement::Maybe) => Sign::MayReplace,
                    _ => Sign::Update,
                }
            };
            let verb = match sign {
                Sign::Create => "add",
                Sign::Delete => "delete",
                Sign::Replace => "replace",
                Sign::MayReplace => "may replace",
                _ => "update",
            };
            // The line to blame is that of the property that forces the replacement.
            let forced = group.iter().find(|change| Some(change.replacement) == replacement && change.span.is_some());
            let span = forced.and_then(|change| change.span).or_else(|| group.iter().find_map(|change| change.span));
            let what = if kind.is_empty() { format!("{verb} {subject}") } else { format!("{verb} {subject} ({kind})") };
            let changes = group.iter().map(|change| (*change).clone()).collect();
            Row { sign, what, node: node.clone(), span, note: None, changes }
        })
        .collect()
}

fn resources(body: &str) -> Option<usize> {
    let template: serde_json::Value = serde_json::from_str(body).ok()?;
    template.get("Resources")?.as_object().map(serde_json::Map::len)
}
