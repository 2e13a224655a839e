//! The pipeline of an environment: every node, each after those it needs; and the plan drawn over it.

use std::collections::{BTreeMap, BTreeSet};

use super::{Removal, Stage, orphan_services, orphan_stacks, stages};
use crate::{
    plan::{Action, Ask, Node, NodeId, Parameter, Plan, Planned, Refusal, SecretNow, World, timeless_definition},
    workflow::Environment,
};

/// A node with the stage that decides it.
pub struct Step {
    /// The stage.
    pub stage: &'static dyn Stage,
    /// The node; its needs are ids of nodes of this pipeline.
    pub node: Node,
    /// What is to go; none where the node shall be as the file says.
    pub removal: Option<Removal>,
}

impl Step {
    /// See [`Stage::asks`] and [`Stage::asks_to_remove`].
    pub fn asks(&self, env: &Environment, world: &World) -> Vec<Ask> {
        match self.removal {
            None => self.stage.asks(env, &self.node, world),
            Some(removal) => self.stage.asks_to_remove(env, &self.node, world, removal),
        }
    }

    /// See [`Stage::decide`] and [`Stage::remove`].
    pub fn decide(&self, env: &Environment, world: &World) -> Result<Vec<Action>, Refusal> {
        match self.removal {
            None => self.stage.decide(env, &self.node, world),
            Some(removal) => self.stage.remove(env, &self.node, world, removal),
        }
    }

    /// See [`Stage::notes`].
    pub fn notes(&self, env: &Environment, world: &World) -> Vec<String> {
        if self.removal.is_some() { Vec::new() } else { self.stage.notes(env, &self.node, world) }
    }

    fn keeps(&self, env: &Environment, world: &World) -> Vec<String> {
        self.removal.map(|removal| self.stage.keeps(env, &self.node, world, removal)).unwrap_or_default()
    }
}

/// Every node of an environment, each after those it needs. A need without a scope stands for every node of that
/// stage; a need that the environment does not have is passed over.
pub fn pipeline(env: &Environment) -> Vec<Step> {
    let mut steps: Vec<Step> = stages()
        .iter()
        .flat_map(|stage| stage.nodes(env).into_iter().map(|node| Step { stage: stage.as_ref(), node, removal: None }))
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
pub(super) fn sorted(steps: Vec<Step>) -> Vec<Step> {
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
    let (mut notes, mut kept) = (Vec::new(), Vec::new());
    let nodes = steps
        .iter()
        .map(|step| {
            let said = step.notes(env, &assumed);
            kept.extend(step.keeps(env, &assumed));
            notes.extend(said.into_iter().map(|note| (step.node.id.clone(), note)));
            let decision = step.decide(env, &assumed);
            for action in decision.iter().flatten() {
                assumed.assume(env, action);
            }
            Planned { node: step.node.clone(), decision }
        })
        .collect();
    let destroys = steps.iter().any(|step| matches!(step.removal, Some(Removal::Everything { .. })));
    let definitions = env
        .services
        .values()
        .filter(|_| !destroys)
        .map(|service| (service.name.clone(), timeless_definition(env, service, &assumed)))
        .collect();
    // What a removal takes is no orphan any more.
    let orphans = if destroys { Vec::new() } else { orphans(env, &assumed) };
    let of_secret = |(name, seen): (&String, &Parameter)| SecretNow {
        name: name.clone(),
        version: seen.version,
        modified: seen.modified,
    };
    let secrets = world.parameters.iter().map(of_secret).collect();
    Plan { environment: env.name.clone(), nodes, definitions, notes, orphans, secrets, destroys, kept }
}

/// What the steps would still ask if those before them were done: a plan shows a difference against what is there, also
/// where an earlier step of the same plan causes it. To be asked of a world that has answered everything else.
pub fn asks_of_plan(env: &Environment, steps: &[&Step], world: &World) -> BTreeSet<Ask> {
    let mut assumed = world.clone();
    let mut asks = BTreeSet::new();
    for step in steps {
        let asked = step.asks(env, &assumed);
        asks.extend(asked.into_iter().filter(|ask| world.is_open(ask)));
        for action in step.decide(env, &assumed).iter().flatten() {
            assumed.assume(env, action);
        }
    }
    asks
}

/// What carries our tags and is no longer in the file: services, then stacks.
fn orphans(env: &Environment, world: &World) -> Vec<String> {
    let services = orphan_services(env, world).into_iter().map(|service| format!("service {service}"));
    services.chain(orphan_stacks(env, world).into_iter().map(|stack| format!("stack {}", stack.name))).collect()
}
