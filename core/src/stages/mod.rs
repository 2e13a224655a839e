//! One file a stage: decisions only. What acts is in the `runner` crate.

mod bootstrap;
mod wanted;

pub use bootstrap::StackStage;

use crate::{
    plan::{Action, Ask, Node, Refusal, World},
    workflow::Environment,
};

/// A stage. Its contract, held for every stage by one test: what it decides, once done, leaves nothing to decide:
/// `decide(assume(decide(world)))` is empty.
pub trait Stage: Sync {
    /// Its name: `deploy-service`.
    fn name(&self) -> &'static str;

    /// What it makes, in a few words, for `runner stage`.
    fn makes(&self) -> &'static str;

    /// The nodes an environment has of it.
    fn nodes(&self, env: &Environment) -> Vec<Node>;

    /// What it asks of the world. Asked again when answers have come, until it has no new question: so a question
    /// may depend on the answer to another, and a settled node asks little.
    fn asks(&self, env: &Environment, node: &Node, world: &World) -> Vec<Ask>;

    /// What is to be done, given what is known. Values that are not known yet are pending.
    fn decide(&self, env: &Environment, node: &Node, world: &World) -> Result<Vec<Action>, Refusal>;
}
