//! Who is affected: what a card may say of users. It claims only what the run knows.

use crate::report::{Failure, NodeState, Outcome, Said, State, Verdict, outcome::is_stack_stage};

/// Stages that follow or turn a deployment which another run may have begun.
const FOLLOWS: [&str; 4] = ["wait-healthy", "finish-service", "rollback", "approve"];

impl Outcome {
    /// The nodes that are in a state.
    pub(super) fn nodes_in(&self, state: State) -> impl Iterator<Item = &NodeState> {
        self.stages.iter().flat_map(|stage| &stage.nodes).filter(move |node| node.state == state)
    }

    /// Nodes that were at work at the end, and that AWS goes on with.
    pub(super) fn goes_on(&self) -> impl Iterator<Item = &NodeState> {
        self.nodes_in(State::Running).filter(|node| is_at_aws(node))
    }

    /// Whether users may have met another revision than before, by what this run did or an earlier one began.
    pub(super) fn may_be_rolled_out(&self) -> bool {
        let changed = |stage: &str| stage == "deploy-service" || FOLLOWS.contains(&stage);
        let mut by = self.changed.iter().filter_map(|entry| entry.node.as_ref());
        let follows = |node: &NodeState| FOLLOWS.contains(&node.node.stage.as_str());
        by.any(|node| changed(&node.stage))
            || self.nodes_in(State::Failed).any(follows)
            || self.goes_on().any(|node| node.node.stage != "run-task" && !is_stack_stage(&node.node.stage))
    }

    /// What a title adds where it is known that no user can have noticed.
    pub(super) fn rest(&self, failure: &Failure) -> &'static str {
        let unaffected = failure.users.as_deref().is_none_or(|users| users.starts_with("unaffected"));
        if unaffected && !self.destroys && !self.may_be_rolled_out() { ", nothing was rolled out" } else { "" }
    }

    /// The line about users.
    pub(super) fn users(&self, failure: Option<&Said<Failure>>) -> String {
        if let Some((failure, users)) = failure.and_then(|failure| Some((failure, failure.what.users.as_deref()?))) {
            // Who was to be brought back to another revision, and was not, is not unaffected by this one.
            let turns = matches!(stage_of(failure), Some("rollback" | "approve"));
            let still = users.strip_prefix("unaffected, ").filter(|_| turns);
            return format!("users: {}", still.unwrap_or(users));
        }
        let untouched = self.changed.is_empty() && self.goes_on().next().is_none();
        let words = match self.verdict {
            Verdict::RolledBack => "served by the revision before",
            Verdict::Cancelled | Verdict::StillRunning if untouched => "unaffected, nothing was changed",
            _ if self.destroys && untouched && self.nodes_in(State::Failed).next().is_none() => {
                "unaffected, nothing was changed"
            }
            _ if self.destroys => "not known: what serves them is being taken down",
            Verdict::Cancelled | Verdict::StillRunning if self.goes_on().next().is_some() => {
                "AWS goes on with what was asked of it"
            }
            _ if self.may_be_rolled_out() => "not known, look at the status",
            _ if self.updated_a_stack() => "nothing was rolled out, but stacks that are in use were updated",
            _ => "unaffected, nothing was rolled out",
        };
        format!("users: {words}")
    }

    /// Whether a stack that was there before was updated: one that is made may be updated in the same run.
    fn updated_a_stack(&self) -> bool {
        let of = |verb: &'static str| self.changed.iter().filter(move |entry| entry.what.verb == verb);
        of("updated").any(|entry| {
            let what = &entry.what.what;
            what.starts_with("stack ") && !of("created").any(|made| made.what.what == *what)
        })
    }
}

/// Whether it is `rollback` itself that failed.
pub(super) fn is_rollback(failure: &Said<Failure>) -> bool {
    stage_of(failure) == Some("rollback")
}

fn stage_of(failure: &Said<Failure>) -> Option<&str> {
    failure.node.as_ref().map(|node| node.stage.as_str())
}

/// Whether AWS goes on with a node's work when nobody watches.
pub(super) fn is_at_aws(node: &NodeState) -> bool {
    let stage = node.node.stage.as_str();
    is_stack_stage(stage) || matches!(stage, "deploy-service" | "run-task") || FOLLOWS.contains(&stage)
}
