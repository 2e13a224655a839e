//! One file a stage: decisions only. What acts is in the `runner` crate.

mod approve;
mod bootstrap;
mod bootstrap_removal;
pub mod by_hand;
#[cfg(test)]
mod contract_tests;
mod definitions;
mod deploy_service;
mod likewise;
mod own;
mod pipeline;
mod push_image;
mod records;
mod removal;
mod render_taskdef;
mod restrict_origin;
mod rollback;
mod run_task;
mod schedules;
mod sync_secrets;
mod wait_healthy;
mod wanted;

use std::sync::LazyLock;

pub use approve::approve;
pub use bootstrap::StackStage;
pub use definitions::{Differing, asked_of_differing, size_told_of, told_of};
pub use likewise::told_by_others;
pub use pipeline::{Step, asks_of_plan, draw, pipeline};
pub use removal::{
    Removal, asks_of_left_regions, asks_of_orphans, asks_of_removal, orphan_services, orphan_stacks, prune, removal,
};
use render_taskdef::{facts_asked, revision_asked};
pub use rollback::rollback;
pub use run_task::{AFTER_DEPLOY, BEGIN_AGAIN};

use crate::{
    infra,
    plan::{Action, Ask, Node, NodeId, Refusal, World},
    workflow::Environment,
};

/// Every stage, in the order in which people read them.
pub fn stages() -> &'static [Box<dyn Stage>] {
    static STAGES: LazyLock<Vec<Box<dyn Stage>>> = LazyLock::new(|| {
        let mut stages: Vec<Box<dyn Stage>> = Vec::new();
        stages.extend(StackStage::all().map(|stage| Box::new(stage) as Box<dyn Stage>));
        stages.push(Box::new(sync_secrets::SyncSecrets));
        stages.push(Box::new(push_image::PushImage));
        stages.push(Box::new(render_taskdef::RenderTaskdef));
        stages.push(Box::new(run_task::RunTask));
        stages.push(Box::new(deploy_service::DeployService));
        stages.push(Box::new(wait_healthy::WaitHealthy));
        stages.push(Box::new(run_task::FinishService));
        stages.push(Box::new(restrict_origin::RestrictOrigin));
        stages.push(Box::new(own::OwnStages));
        stages
    });
    &STAGES
}

/// A stage. Its contract, held for every stage by one test: what it decides, once done, leaves nothing to decide:
/// `decide(assume(decide(world)))` is empty.
pub trait Stage: Send + Sync {
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

    /// What a person should know about this node beside its actions: what could not be done here, and why.
    fn notes(&self, _env: &Environment, _node: &Node, _world: &World) -> Vec<String> {
        Vec::new()
    }

    /// Whether it makes what lasts beyond a run: then it takes part in a removal.
    fn lasts(&self) -> bool {
        false
    }

    /// What it asks of the world for a removal.
    fn asks_to_remove(&self, _env: &Environment, _node: &Node, _world: &World, _removal: Removal) -> Vec<Ask> {
        Vec::new()
    }

    /// The decision with nothing desired: what is to be done until nothing of the node is left.
    fn remove(
        &self,
        _env: &Environment,
        _node: &Node,
        _world: &World,
        _removal: Removal,
    ) -> Result<Vec<Action>, Refusal> {
        Ok(Vec::new())
    }

    /// What a removal leaves of the node, and why.
    fn keeps(&self, _env: &Environment, _node: &Node, _world: &World, _removal: Removal) -> Vec<String> {
        Vec::new()
    }
}

/// The node that makes the stack with this key.
fn stack_node(env: &Environment, key: &str) -> NodeId {
    if env.extra_stacks.contains_key(key) {
        NodeId::scoped("extra-stacks", key)
    } else if key == infra::identity::PROVIDER {
        NodeId::scoped("bootstrap-identity", key)
    } else if let Some(service) = key.strip_prefix("service-") {
        NodeId::scoped("bootstrap-services", service)
    } else {
        NodeId::of(format!("bootstrap-{key}"))
    }
}
