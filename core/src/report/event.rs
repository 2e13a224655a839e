//! `Event`: a fact about a node, as it happens. Terminal, JSON and comment render the same fold of them.

use std::collections::BTreeMap;

use serde::Serialize;

use super::waiting::{Awaited, Paused};
use crate::{
    plan::{Change, Exit, Fault, NodeId, Refusal},
    text::Foreign,
};

/// A fact, and when it was seen.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Event {
    /// Milliseconds since the command started.
    pub at_ms: u64,
    /// The node it is about; a fact about the whole run has none.
    pub node: Option<NodeId>,
    /// What happened.
    pub fact: Fact,
}

impl Event {
    /// The same with every text passed through `clean`. What others said has to be cleaned before any of it is cut: half
    /// a secret is found by nobody.
    pub fn cleaned(&self, clean: impl Fn(&str) -> String) -> Self {
        let foreign = |text: &Foreign| Foreign::new(clean(text.raw()));
        let all = |texts: &[String]| texts.iter().map(|text| clean(text)).collect::<Vec<_>>();
        let fact = match &self.fact {
            Fact::Progress(text) => Fact::Progress(clean(text)),
            Fact::Line { from, line } => Fact::Line { from: clean(from), line: foreign(line) },
            Fact::Warning(text) => Fact::Warning(clean(text)),
            Fact::Awaits(awaited) => Fact::Awaits(awaited.cleaned(&clean)),
            Fact::Changed(changed) => Fact::Changed(Changed { what: clean(&changed.what), ..changed.clone() }),
            Fact::Beyond(changes) => Fact::Beyond(changes.iter().map(|change| change.cleaned(&clean)).collect()),
            Fact::TaskDone { purpose, command } => Fact::TaskDone { purpose: clean(purpose), command: all(command) },
            Fact::Service(state) => Fact::Service(ServiceState {
                url: state.url.as_deref().map(&clean),
                probe: state.probe.as_deref().map(&clean),
                ..state.clone()
            }),
            Fact::Refused(refusal) => Fact::Refused(Refusal {
                what: clean(&refusal.what),
                why: clean(&refusal.why),
                remedy: clean(&refusal.remedy),
                exit: refusal.exit,
            }),
            Fact::Failed(failure) => Fact::Failed(Box::new(Failure {
                fault: failure.fault.cleaned(&clean),
                exit: failure.exit,
                cause: failure.cause.clone(),
                consequences: failure.consequences.clone(),
                evidence: failure.evidence.iter().map(|(from, said)| (clean(from), foreign(said))).collect(),
                users: failure.users.as_deref().map(&clean),
                not_undone: all(&failure.not_undone),
                remedy: failure.remedy.as_deref().map(&clean),
                paused: failure.paused.clone(),
            })),
            Fact::Planned { .. } | Fact::Started | Fact::Finished | Fact::Unchanged | Fact::Skipped { .. } => {
                self.fact.clone()
            }
        };
        Self { at_ms: self.at_ms, node: self.node.clone(), fact }
    }
}

/// What happened.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Fact {
    /// The plan is made: said once, before any node begins.
    Planned {
        /// The plan's id.
        id: String,
        /// Its nodes, in its order.
        nodes: Vec<NodeId>,
    },
    /// The node's turn has come.
    Started,
    /// Where it is, in a few words: "creating Database (AWS::RDS::DBInstance)".
    Progress(String),
    /// A line written by a container, a build or a command.
    Line {
        /// Who wrote it: a container's or stage's name.
        from: String,
        /// The line.
        line: Foreign,
    },
    /// Something a person should know, that stops nothing.
    Warning(String),
    /// It waits for what only a person can do.
    Awaits(Awaited),
    /// One thing was changed: the journal. Said as soon as it is true, whatever comes after.
    Changed(Changed),
    /// What a change set lists and the plan did not show: said before the guard decides over it.
    Beyond(Vec<Change>),
    /// A one-off task ended well, or was found to have ended well before.
    TaskDone {
        /// `before-deploy`.
        purpose: String,
        /// What it ran.
        command: Vec<String>,
    },
    /// A service's state, at the verdict.
    Service(ServiceState),
    /// The node is done.
    Finished,
    /// The node had nothing to do.
    Unchanged,
    /// The node would do harm or cannot go on; nothing was changed by it.
    Refused(Refusal),
    /// The node failed.
    Failed(Box<Failure>),
    /// The node was not begun, because one that it needs did not end well.
    Skipped {
        /// That one.
        because: NodeId,
    },
}

/// An entry of the journal.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Changed {
    /// `created`, `updated`, `replaced`, `deleted`, `registered`, `pushed`, `written`, `ran`.
    pub verb: &'static str,
    /// What: "stack finance-app-staging-network", "finance-app-staging-api:42".
    pub what: String,
    /// For a stack: how many resources were created, updated, replaced, deleted.
    pub resources: BTreeMap<&'static str, usize>,
    /// Resource types the endpoint did not know and that were left out.
    pub left_out: Vec<String>,
    /// Bytes sent, for an image.
    pub bytes: u64,
}

impl Changed {
    /// One thing, without counts.
    pub fn new(verb: &'static str, what: impl Into<String>) -> Self {
        Self { verb, what: what.into(), resources: BTreeMap::new(), left_out: Vec::new(), bytes: 0 }
    }
}

/// A service at the verdict.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ServiceState {
    /// The service.
    pub name: String,
    /// The revision's number.
    pub revision: u32,
    /// Tasks running.
    pub running: u32,
    /// Tasks wanted.
    pub desired: u32,
    /// Targets that are healthy, where targets can be asked.
    pub healthy_targets: Option<u32>,
    /// Seconds from the update to healthy; none where nothing was deployed.
    pub healthy_after: Option<u64>,
    /// Where people reach it.
    pub url: Option<String>,
    /// What the HTTP probe saw: "200 in 12 ms", or why it could not look.
    pub probe: Option<String>,
    /// The deployment of an earlier run that this one found under way and followed to its end.
    pub attached: Option<String>,
}

/// A node's failure, with everything that helps a person.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Failure {
    /// What failed.
    pub fault: Fault,
    /// How the process ends for it.
    pub exit: Exit,
    /// The cause's name, and `certain`, `likely` or `unknown`.
    pub cause: Option<(String, String)>,
    /// What followed from the cause, and was found as well: "exit-nonzero", "circuit-breaker".
    pub consequences: Vec<String>,
    /// Lines that show it: stop reasons, exit codes, last log lines, each with where it is from.
    pub evidence: Vec<(String, Foreign)>,
    /// Who is affected: "unaffected, served by :41 (2/2)".
    pub users: Option<String>,
    /// What was done and is not undone: "db:migrate ran (exit 0)".
    pub not_undone: Vec<String>,
    /// What to do now.
    pub remedy: Option<String>,
    /// Where it is a deployment that is paused.
    pub paused: Option<Box<Paused>>,
}

impl From<Fault> for Failure {
    fn from(fault: Fault) -> Self {
        Self {
            exit: fault.exit,
            remedy: fault.hint.clone(),
            paused: None,
            fault,
            cause: None,
            consequences: Vec::new(),
            evidence: Vec::new(),
            users: None,
            not_undone: Vec::new(),
        }
    }
}
