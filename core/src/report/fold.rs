//! `Fold`: what the events say so far. Terminal, JSON, comment and the answer to Ctrl-C are made of it.

use std::collections::BTreeMap;

use serde::Serialize;

use super::{Awaited, Changed, Event, Fact, Failure, ServiceState};
use crate::plan::{Change, NodeId, Refusal};

/// Where a node is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum State {
    /// Its turn has not come.
    Waiting,
    /// It had nothing to do.
    Unchanged,
    /// It is done.
    Done,
    /// It was not begun, because one that it needs did not end well.
    Skipped,
    /// It is at work.
    Running,
    /// It refused.
    Refused,
    /// It failed.
    Failed,
}

/// A node, and where it is.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct NodeState {
    /// Which.
    pub node: NodeId,
    /// Where it is.
    pub state: State,
    /// When it began, in milliseconds since the command did.
    pub started_ms: Option<u64>,
    /// When it ended.
    pub ended_ms: Option<u64>,
    /// What it said last.
    pub progress: Option<String>,
}

/// Something said about a node, or about the whole run.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Said<T> {
    /// The node.
    pub node: Option<NodeId>,
    /// What.
    #[serde(flatten)]
    pub what: T,
}

/// A warning.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Warning {
    /// Its text.
    pub text: String,
}

/// A one-off task that ended well.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct TaskDone {
    /// `before-deploy`.
    pub purpose: String,
    /// What it ran.
    pub command: Vec<String>,
}

/// What the events say so far.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Fold {
    /// The plan's id.
    pub plan_id: Option<String>,
    /// The nodes, in the plan's order.
    pub nodes: Vec<NodeState>,
    /// What should be known.
    pub warnings: Vec<Said<Warning>>,
    /// What only a person can do and a node has waited for.
    pub awaiting: Vec<Said<Awaited>>,
    /// The journal.
    pub changed: Vec<Said<Changed>>,
    /// What change sets list beyond the plan.
    pub beyond_plan: Vec<Said<Change>>,
    /// One-off tasks that ended well.
    pub tasks: Vec<Said<TaskDone>>,
    /// Services at the verdict.
    pub services: Vec<ServiceState>,
    /// What was refused.
    pub refusals: Vec<Said<Refusal>>,
    /// What failed.
    pub failures: Vec<Said<Failure>>,
    /// When the last fact was seen, in milliseconds since the command began.
    pub at_ms: u64,
    places: BTreeMap<NodeId, usize>,
}

impl Fold {
    /// Takes one more fact in.
    pub fn apply(&mut self, event: &Event) {
        self.at_ms = self.at_ms.max(event.at_ms);
        let at = Some(event.at_ms);
        let node = event.node.clone();
        match &event.fact {
            Fact::Planned { id, nodes } => {
                self.plan_id = Some(id.clone());
                for node in nodes {
                    self.place(node);
                }
            }
            Fact::Started => self.touch(event, |node| {
                node.state = State::Running;
                node.started_ms = node.started_ms.or(at);
            }),
            Fact::Progress(text) => self.touch(event, |node| node.progress = Some(text.clone())),
            Fact::Line { .. } => {}
            Fact::Warning(text) => self.warnings.push(Said { node, what: Warning { text: text.clone() } }),
            Fact::Awaits(awaited) => self.awaiting.push(Said { node, what: awaited.clone() }),
            Fact::Changed(changed) => self.changed.push(Said { node, what: changed.clone() }),
            // A stack that another run changes meanwhile is compared again, and one that is protected later twice.
            Fact::Beyond(changes) => {
                for what in changes.iter().cloned().map(|what| Said { node: node.clone(), what }) {
                    if !self.beyond_plan.contains(&what) {
                        self.beyond_plan.push(what);
                    }
                }
            }
            Fact::TaskDone { purpose, command } => {
                let what = TaskDone { purpose: purpose.clone(), command: command.clone() };
                self.tasks.push(Said { node, what });
            }
            Fact::Service(service) => {
                self.services.retain(|seen| seen.name != service.name);
                self.services.push(service.clone());
                self.services.sort_by(|a, b| a.name.cmp(&b.name));
            }
            Fact::Finished => self.end(event, State::Done),
            Fact::Unchanged => self.end(event, State::Unchanged),
            Fact::Refused(refusal) => {
                self.refusals.push(Said { node, what: refusal.clone() });
                self.end(event, State::Refused);
            }
            Fact::Failed(failure) => {
                self.failures.push(Said { node, what: (**failure).clone() });
                self.end(event, State::Failed);
            }
            Fact::Skipped { because } => {
                self.touch(event, |node| node.progress = Some(format!("needs {because}")));
                self.end(event, State::Skipped);
            }
        }
    }

    /// The state of a node; a node nobody spoke of waits.
    pub fn state(&self, node: &NodeId) -> State {
        self.places.get(node).and_then(|at| self.nodes.get(*at)).map_or(State::Waiting, |node| node.state)
    }

    /// What nodes that are at work wait for and only a person can do.
    pub fn awaits(&self) -> Vec<&Said<Awaited>> {
        let at_work = |said: &&Said<Awaited>| said.node.as_ref().is_some_and(|node| self.state(node) == State::Running);
        self.awaiting.iter().filter(at_work).collect()
    }

    /// Makes sure that the node is known.
    pub(super) fn place(&mut self, node: &NodeId) -> usize {
        if let Some(at) = self.places.get(node) {
            return *at;
        }
        let at = self.nodes.len();
        self.places.insert(node.clone(), at);
        self.nodes.push(NodeState {
            node: node.clone(),
            state: State::Waiting,
            started_ms: None,
            ended_ms: None,
            progress: None,
        });
        at
    }

    fn touch(&mut self, event: &Event, change: impl FnOnce(&mut NodeState)) {
        if let Some(node) = &event.node {
            let at = self.place(node);
            if let Some(node) = self.nodes.get_mut(at) {
                change(node);
            }
        }
    }

    fn end(&mut self, event: &Event, state: State) {
        self.touch(event, |node| {
            node.state = state;
            node.ended_ms = Some(event.at_ms);
        });
    }

    /// The nodes grouped by their stage, in the plan's order.
    pub fn stages(&self) -> Vec<StageState> {
        let mut stages: Vec<StageState> = Vec::new();
        for node in &self.nodes {
            let place = stages.iter().position(|stage| stage.stage == node.node.stage).unwrap_or_else(|| {
                stages.push(StageState::new(&node.node.stage));
                stages.len() - 1
            });
            if let Some(stage) = stages.get_mut(place) {
                stage.nodes.push(node.clone());
            }
        }
        for stage in &mut stages {
            let name = stage.stage.clone();
            let entries =
                self.changed.iter().filter(|entry| entry.node.as_ref().is_some_and(|node| node.stage == name));
            stage.close(entries.map(|entry| &entry.what));
        }
        stages
    }
}

/// A stage: its nodes taken together.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct StageState {
    /// Its name.
    pub stage: String,
    /// The state that matters most among its nodes.
    pub state: State,
    /// When its first node began, in milliseconds since the command did.
    pub started_ms: Option<u64>,
    /// When its last node ended; none while one is at work or waits.
    pub ended_ms: Option<u64>,
    /// What was changed, counted by verb: a stack counts by its resources.
    pub counts: BTreeMap<&'static str, usize>,
    /// Bytes sent.
    pub bytes: u64,
    /// Its nodes.
    pub nodes: Vec<NodeState>,
}

impl StageState {
    fn new(stage: &str) -> Self {
        Self {
            stage: stage.to_owned(),
            state: State::Waiting,
            started_ms: None,
            ended_ms: None,
            counts: BTreeMap::new(),
            bytes: 0,
            nodes: Vec::new(),
        }
    }

    fn close<'a>(&mut self, entries: impl Iterator<Item = &'a Changed>) {
        let states = || self.nodes.iter().map(|node| node.state);
        let worst = states().max().unwrap_or(State::Waiting);
        let begun = states().any(|state| state != State::Waiting);
        let waits = states().any(|state| state == State::Waiting);
        self.state = if begun && waits && worst < State::Running { State::Running } else { worst };
        self.started_ms = self.nodes.iter().filter_map(|node| node.started_ms).min();
        let open = states().any(|state| matches!(state, State::Waiting | State::Running));
        self.ended_ms = if open { None } else { self.nodes.iter().filter_map(|node| node.ended_ms).max() };
        for entry in entries {
            self.bytes += entry.bytes;
            if entry.resources.is_empty() {
                *self.counts.entry(entry.verb).or_default() += 1;
            }
            for (verb, count) in &entry.resources {
                *self.counts.entry(verb).or_default() += count;
            }
        }
    }
}
