//! The user's own stages: a command between the stages of ours.

use super::{Stage, stack_node};
use crate::{
    plan::{Action, Ask, Node, NodeId, Refusal, RunCommand, World},
    workflow::Environment,
};

/// See the module. One stage speaks for all of the file's: each is a node of its own name.
pub struct OwnStages;

/// A stage of ours or of the file's, or one of `extra-stacks`.
fn needed(env: &Environment, need: &str) -> NodeId {
    if env.extra_stacks.contains_key(need) { stack_node(env, need) } else { NodeId::of(need) }
}

impl Stage for OwnStages {
    fn name(&self) -> &'static str {
        "stages"
    }

    fn makes(&self) -> &'static str {
        "commands of the file's own"
    }

    fn nodes(&self, env: &Environment) -> Vec<Node> {
        env.stages
            .iter()
            .filter(|(_, stage)| stage.only.is_empty() || stage.only.contains(&env.name))
            .map(|(name, stage)| Node {
                id: NodeId::of(name),
                service: None,
                needs: stage.needs.iter().map(|need| needed(env, need)).collect(),
            })
            .collect()
    }

    fn asks(&self, env: &Environment, _: &Node, _: &World) -> Vec<Ask> {
        // The command gets the stacks' outputs.
        vec![Ask::Stacks { region: env.region.clone() }]
    }

    fn decide(&self, env: &Environment, node: &Node, world: &World) -> Result<Vec<Action>, Refusal> {
        let name = &node.id.stage;
        let Some(stage) = env.stages.get(name) else { return Ok(Vec::new()) };
        if world.done.contains(name) || !world.abilities.runs_tasks {
            return Ok(Vec::new());
        }
        Ok(vec![Action::RunCommand(RunCommand {
            stage: name.clone(),
            argv: stage.run.split_whitespace().map(str::to_owned).collect(),
            timeout: stage.timeout,
        })])
    }

    fn notes(&self, _: &Environment, node: &Node, world: &World) -> Vec<String> {
        if world.abilities.runs_tasks {
            return Vec::new();
        }
        vec![format!("{} was not run: without a Docker engine nothing here serves", node.id)]
    }
}
