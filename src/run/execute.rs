//! Executes the DAG: every node as soon as what it needs is done, decided anew with what is known by then.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Mutex, MutexGuard, PoisonError},
};

use futures_util::{StreamExt, stream::FuturesUnordered};
use runner_core::{
    plan::{Action, Change, Known, NodeId, Plan, Refusal, Replacement, StackMove, World},
    report::Fact,
    service::{Facts, stack_key},
    stages::Step,
};

use super::{
    act::{self, Done},
    edge::Edge,
    journal::Journal,
    look,
};
use crate::stacks::Stop;

/// How often a node is decided again after it followed what another run did.
const ROUNDS: usize = 6;

/// Executes the steps. Nodes that need one that did not end well are skipped; all others go on. What is known at the
/// end is given back.
pub(super) async fn execute(edge: &Edge<'_>, steps: &[&Step], plan: &Plan, world: World, journal: &Journal) -> World {
    let run = Run { edge, plan, world: Mutex::new(world), done: Done::default(), journal };
    let chosen: BTreeSet<&NodeId> = steps.iter().map(|step| &step.node.id).collect();
    let mut waiting: BTreeMap<usize, &Step> = steps.iter().copied().enumerate().collect();
    let mut ended: BTreeMap<&NodeId, bool> = BTreeMap::new();
    let mut under_way = FuturesUnordered::new();
    loop {
        let mut skipped = false;
        waiting.retain(|_, step| {
            let needs = step.node.needs.iter().filter(|need| chosen.contains(need));
            let (mut ready, mut broken) = (true, None);
            for need in needs {
                match ended.get(need) {
                    Some(true) => {}
                    Some(false) => broken = Some(need.clone()),
                    None => ready = false,
                }
            }
            if let Some(because) = broken {
                journal.say(Some(&step.node.id), Fact::Skipped { because });
                ended.insert(&step.node.id, false);
                skipped = true;
                return false;
            }
            if ready {
                let step: &Step = step;
                under_way.push(run.node(step));
            }
            !ready
        });
        if skipped {
            continue;
        }
        match under_way.next().await {
            Some((id, well)) => {
                ended.insert(id, well);
            }
            None => break,
        }
    }
    drop(under_way);
    run.world.into_inner().unwrap_or_else(PoisonError::into_inner)
}

struct Run<'a> {
    edge: &'a Edge<'a>,
    plan: &'a Plan,
    world: Mutex<World>,
    done: Done,
    journal: &'a Journal,
}

impl Run<'_> {
    fn world(&self) -> MutexGuard<'_, World> {
        self.world.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What an act reads of the world. Templates and documents are most of it and no act's to read; each act holds its
    /// copy until it ends, and hundreds may be under way.
    fn glance(&self, step: &Step) -> World {
        let world = self.world();
        let env = self.edge.env;
        let service = step.node.service.as_deref();
        let (own, others) = (service.map(|name| env.stack_name(&stack_key(name))), env.stack_name(&stack_key("")));
        let near = |name: &str| service.is_none() || own.as_deref() == Some(name) || !name.starts_with(&others);
        let stacks = world.stacks.iter().filter(|(name, _)| near(name));
        let services = world.services.iter().filter(|(name, _)| service == Some(name.as_str()));
        World {
            abilities: world.abilities.clone(),
            caller: world.caller.clone(),
            reads_variables: world.reads_variables,
            stacks: stacks.map(|(name, stack)| (name.clone(), stack.clone())).collect(),
            services: services.map(|(name, seen)| (name.clone(), seen.clone())).collect(),
            images: world.images.clone(),
            rules: world.rules.clone(),
            test_rules: world.test_rules.clone(),
            ..World::default()
        }
    }

    async fn node<'s>(&self, step: &'s Step) -> (&'s NodeId, bool) {
        let id = &step.node.id;
        let emit = |fact: Fact| self.journal.say(Some(id), fact);
        match self.rounds(step, &emit).await {
            Ok(true) => emit(Fact::Finished),
            Ok(false) => {
                self.settled(step, &emit);
                emit(Fact::Unchanged);
            }
            Err(Stop::Refused(refusal)) => {
                emit(Fact::Refused(refusal));
                return (id, false);
            }
            Err(Stop::Failed(failure)) => {
                emit(Fact::Failed(failure));
                return (id, false);
            }
        }
        (id, true)
    }

    /// Decides and acts until there is nothing to do; whether there ever was.
    async fn rounds(&self, step: &Step, emit: &(dyn Fn(Fact) + Send + Sync)) -> Result<bool, Stop> {
        let mut acted = false;
        for _ in 0..ROUNDS {
            let actions = self.decide(step, emit, acted).await?;
            if actions.is_empty() {
                return Ok(acted);
            }
            if !acted {
                emit(Fact::Started);
                acted = true;
            }
            let mut attached = false;
            for action in &actions {
                let world = self.glance(step);
                let learn = act::act(self.edge, action, &world, &self.done, emit).await?;
                learn(&mut self.world());
                // What another run made is looked at again; what we made ourselves is as we decided, but for a rule made anew
                // under another ARN than the service names.
                attached = match action {
                    Action::PutStack(put) => put.step == StackMove::Attach,
                    Action::PutRule(put) => self.is_another_rule(&world, &put.service),
                    _ => false,
                };
                if attached {
                    break;
                }
            }
            if !attached {
                return Ok(true);
            }
        }
        Ok(acted)
    }

    /// Whether a rule of the service's was known by another ARN before than it is now.
    fn is_another_rule(&self, before: &World, service: &str) -> bool {
        let env = self.edge.env;
        let rules = |world: &World| {
            let known = Known { env, world };
            [known.rule(service), known.test_rule(service)]
        };
        let now = rules(&self.world());
        rules(before).iter().zip(&now).any(|(before, now)| before.known().is_some() && before != now)
    }

    async fn decide(&self, step: &Step, emit: &(dyn Fn(Fact) + Send + Sync), again: bool) -> Result<Vec<Action>, Stop> {
        loop {
            let asks = look::open(self.edge, &[step], &self.world());
            if asks.is_empty() {
                break;
            }
            let reads = self.world().reads_variables;
            let learned = look::ask(self.edge, &asks, reads).await?;
            learned.into_world(asks, &mut self.world());
        }
        let world = self.world();
        if !again {
            for note in step.notes(self.edge.env, &world) {
                emit(Fact::Warning(note));
            }
        }
        let actions = step.decide(self.edge.env, &world).map_err(Stop::Refused)?;
        self.within_plan(step, &actions).map_err(Stop::Refused)?;
        Ok(actions)
    }

    /// A plan may be refined when more is known, but never by a replacement or removal that it did not show.
    fn within_plan(&self, step: &Step, actions: &[Action]) -> Result<(), Refusal> {
        let hurts = |change: &&Change| change.replacement == Replacement::Yes || change.is_removal();
        let shown: BTreeSet<(&str, &str)> = self
            .plan
            .changes()
            .map(|(_, change)| change)
            .filter(hurts)
            .map(|change| (&*change.scope, &*change.subject))
            .collect();
        let new = actions.iter().flat_map(Action::changes).filter(hurts).find(|change| {
            !shown.contains(&(&*change.scope, &*change.subject))
                && !self.edge.options.allow_replace.contains(&change.subject)
                && change.holds != runner_core::infra::Holds::Nothing
        });
        match new {
            None => Ok(()),
            Some(change) => Err(Refusal::new(
                format!("{} in {}", change.subject, step.node.id),
                "it would be replaced or removed, which the plan could not show when the run began",
                format!("look at it with `runner plan`, and accept it with --allow-replace {}", change.subject),
            )),
        }
    }

    /// A service that needed nothing is shown with its counts all the same.
    fn settled(&self, step: &Step, emit: &(dyn Fn(Fact) + Send + Sync)) {
        if step.stage.name() != "wait-healthy" {
            return;
        }
        let world = self.world();
        let service = step.node.service.as_ref().and_then(|name| self.edge.env.services.get(name));
        if let Some(service) = service
            && let Some(seen) = world.service(&service.name)
        {
            emit(Fact::Service(act::state_of(self.edge, service, seen, &world)));
        }
    }
}
