//! The pipeline of an environment: every node, each after those it needs; and the plan drawn over it.

use std::collections::{BTreeMap, BTreeSet};

use super::{Stage, stages};
use crate::{
    plan::{Ask, Node, NodeId, Plan, Planned, Stack, World, timeless_definition},
    workflow::Environment,
};

/// A node with the stage that decides it.
pub struct Step {
    /// The stage.
    pub stage: &'static dyn Stage,
    /// The node; its needs are ids of nodes of this pipeline.
    pub node: Node,
}

/// Every node of an environment, each after those it needs. A need without a scope stands for every node of that
/// stage; a need that the environment does not have is passed over.
pub fn pipeline(env: &Environment) -> Vec<Step> {
    let mut steps: Vec<Step> = stages()
        .iter()
        .flat_map(|stage| stage.nodes(env).into_iter().map(|node| Step { stage: stage.as_ref(), node }))
        .collect();
    let ids: BTreeSet<NodeId> = steps.iter().map(|step| step.node.id.clone()).collect();
    let mut of_stage: BTreeMap<&str, Vec<&NodeId>> = BTreeMap::new();
    for id in &ids {
        of_stage.entry(&id.stage).or_default().push(id);
    }
    for step in &mut steps {
        let needs: BTreeSet<NodeId> = step
            .node
            .needs
            .iter()
            .flat_map(|need| match need.scope {
                Some(_) => ids.get(need).into_iter().cloned().collect::<Vec<_>>(),
                None => of_stage.get(need.stage.as_str()).into_iter().flatten().map(|id| (*id).clone()).collect(),
            })
            .collect();
        step.node.needs = needs.into_iter().collect();
    }
    sorted(steps)
}

/// In the order of the stages as far as the needs allow. A cycle, which validation refuses, keeps its order.
fn sorted(steps: Vec<Step>) -> Vec<Step> {
    let mut waiting: std::collections::VecDeque<Step> = steps.into();
    let mut done = BTreeSet::new();
    let mut out = Vec::with_capacity(waiting.len());
    let mut passed_over = 0;
    while let Some(step) = waiting.pop_front() {
        if passed_over > waiting.len() || step.node.needs.iter().all(|need| done.contains(need)) {
            passed_over = 0;
            done.insert(step.node.id.clone());
            out.push(step);
        } else {
            passed_over += 1;
            waiting.push_back(step);
        }
    }
    out
}

/// Decides every node, each assuming what those before would make.
pub fn draw(env: &Environment, steps: &[&Step], world: &World) -> Plan {
    let mut assumed = world.clone();
    let mut notes = Vec::new();
    let nodes = steps
        .iter()
        .map(|step| {
            let said = step.stage.notes(env, &step.node, &assumed);
            notes.extend(said.into_iter().map(|note| (step.node.id.clone(), note)));
            let decision = step.stage.decide(env, &step.node, &assumed);
            for action in decision.iter().flatten() {
                assumed.assume(env, action);
            }
            Planned { node: step.node.clone(), decision }
        })
        .collect();
    let definitions = env
        .services
        .values()
        .map(|service| (service.name.clone(), timeless_definition(env, service, &assumed)))
        .collect();
    Plan { environment: env.name.clone(), nodes, definitions, notes, orphans: orphans(env, world) }
}

/// What the steps would still ask if those before them were done: a plan shows a difference against what is there, also
/// where an earlier step of the same plan causes it. To be asked of a world that has answered everything else.
pub fn asks_of_plan(env: &Environment, steps: &[&Step], world: &World) -> BTreeSet<Ask> {
    let mut assumed = world.clone();
    let mut asks = BTreeSet::new();
    for step in steps {
        let asked = step.stage.asks(env, &step.node, &assumed);
        asks.extend(asked.into_iter().filter(|ask| !world.answered.contains(ask)));
        for action in step.stage.decide(env, &step.node, &assumed).iter().flatten() {
            assumed.assume(env, action);
        }
    }
    asks
}

/// Stacks of this app and environment, by their constant tags, that the file no longer has.
fn orphans(env: &Environment, world: &World) -> Vec<String> {
    let wanted: BTreeSet<String> = crate::infra::stacks(env).iter().map(|stack| env.stack_name(&stack.key)).collect();
    let is_ours = |stack: &&Stack| {
        stack.tags.get(Stack::APP) == Some(&env.app)
            && stack.tags.get(Stack::ENVIRONMENT) == Some(&env.name)
            // Made by an administrator, outside of any run.
            && stack.tags.get(Stack::STAGE).is_some_and(|stage| stage != "bootstrap-identity")
    };
    let orphans = world.stacks.values().filter(is_ours).filter(|stack| !wanted.contains(&stack.name));
    orphans.map(|stack| stack.name.clone()).collect()
}
