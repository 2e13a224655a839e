//! `Plan`: the nodes with what each would do, and the id that names exactly that.

use serde::Serialize;
use serde_json::{Value as Json, json};

use super::{Action, Change, Node, NodeId, Refusal, digest};

/// One node of a plan.
#[derive(Debug, Clone, PartialEq)]
pub struct Planned {
    /// The node.
    pub node: Node,
    /// What it would do, each node assuming what those before would make; or why it refuses.
    pub decision: Result<Vec<Action>, Refusal>,
}

/// A secret by its name, without its value.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SecretNow {
    /// The parameter's name.
    pub name: String,
    /// Its version; 0 where it is not there.
    pub version: u64,
    /// When it was last written, in seconds since 1970, where that is known.
    pub modified: Option<i64>,
}

/// What a run would do.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Plan {
    /// The environment's name.
    pub environment: String,
    /// The nodes, each after those it needs.
    pub nodes: Vec<Planned>,
    /// The definitions as they shall be, by service, without image and secret versions.
    pub definitions: Vec<(String, Json)>,
    /// What a person should know beside the actions: what cannot be done here, and why.
    pub notes: Vec<(NodeId, String)>,
    /// Stacks and services that carry our tags and are no longer in the file.
    pub orphans: Vec<String>,
    /// The parameters that containers take, as they are now.
    pub secrets: Vec<SecretNow>,
    /// Whether everything of the environment is to go.
    pub destroys: bool,
    /// What a removal leaves, and why.
    pub kept: Vec<String>,
}

impl Plan {
    /// The plan's id: the first eight hexadecimal digits of the SHA-256 over every change and definition. No
    /// commit, time, cost, image or secret version is in it, so that it is the same before and after a merge.
    pub fn id(&self) -> String {
        let changes: Vec<Json> = self
            .changes()
            .filter(|(_, change)| !change.is_version())
            .map(|(node, change)| {
                json!([
                    self.environment,
                    node.to_string(),
                    change.scope,
                    change.subject,
                    change.property,
                    change.before,
                    change.after,
                    change.replacement,
                ])
            })
            .collect();
        let mut whole = json!({ "changes": changes, "definitions": self.definitions });
        let removals: Vec<&Action> = self.actions().map(|(_, action)| action).filter(|act| act.removes()).collect();
        if !removals.is_empty() {
            whole["removals"] = json!(removals);
        }
        let mut id = digest(&whole);
        id.truncate(8);
        id
    }

    /// Every change with the node it belongs to.
    pub fn changes(&self) -> impl Iterator<Item = (&NodeId, &Change)> {
        self.actions().flat_map(|(node, action)| action.changes().iter().map(move |change| (node, change)))
    }

    /// Every action with the node it belongs to.
    pub fn actions(&self) -> impl Iterator<Item = (&NodeId, &Action)> {
        self.nodes
            .iter()
            .flat_map(|planned| planned.decision.iter().flatten().map(move |action| (&planned.node.id, action)))
    }

    /// Every refusal with the node it belongs to.
    pub fn refusals(&self) -> impl Iterator<Item = (&NodeId, &Refusal)> {
        self.nodes
            .iter()
            .filter_map(|planned| planned.decision.as_ref().err().map(|refusal| (&planned.node.id, refusal)))
    }

    /// Whether a run would write nothing.
    pub fn is_empty(&self) -> bool {
        self.nodes
            .iter()
            .all(|planned| matches!(&planned.decision, Ok(actions) if actions.iter().all(|action| !action.writes())))
    }
}
