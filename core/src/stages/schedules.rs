//! The schedules that `finish-service` sets: after a good verdict each names the revision that was found good.

use super::{Stage, definitions::newest_asked, facts_asked, stack_node};
use crate::{
    plan::{Action, Ask, Known, Node, NodeId, PutSchedule, RemoveSchedule, Stack, World, digest},
    service::{self, stack_key},
    workflow::{Environment, Service},
};

/// A node for each scheduled task, and one for what is left of those that the file no longer has.
pub(super) fn nodes(stage: &dyn Stage, env: &Environment) -> Vec<Node> {
    let scheduled = env.services.values().filter(|service| !service.is_running());
    let mut nodes: Vec<Node> = scheduled
        .map(|service| {
            let mut needs = vec![
                NodeId::scoped("render-taskdef", &service.name),
                stack_node(env, &stack_key(&service.name)),
                stack_node(env, "cluster"),
                stack_node(env, "network"),
                // The image it shares is good once the service that owns it is.
                NodeId::scoped("wait-healthy", service.image_owner()),
            ];
            needs.extend(service.depends_on.iter().map(|other| NodeId::scoped("wait-healthy", other)));
            Node { id: NodeId::scoped(stage.name(), &service.name), service: Some(service.name.clone()), needs }
        })
        .collect();
    nodes.push(Node { id: NodeId::of(stage.name()), service: None, needs: Vec::new() });
    nodes
}

/// One look at the group for all of them. Nothing is asked where there never was a scheduled task: the role that starts
/// one is among the outputs of its stack.
pub(super) fn asks(env: &Environment, service: Option<&Service>, world: &World) -> Vec<Ask> {
    let Some(service) = service else {
        let stacks = Ask::Stacks { region: env.region.clone() };
        let had = world.stacks.values().filter(|stack| is_ours(env, stack));
        let had = had.filter(|stack| stack.outputs.contains_key("SchedulerRoleArn")).count() > 0;
        return [stacks].into_iter().chain(had.then_some(Ask::Schedules)).collect();
    };
    let mut asks = facts_asked(env, service, world);
    if asks.iter().all(|ask| world.answered.contains(ask)) {
        asks.extend(newest_asked(env, service, world));
        asks.push(Ask::Schedules);
    }
    asks
}

pub(super) fn decide(env: &Environment, service: Option<&Service>, world: &World) -> Vec<Action> {
    let Some(service) = service else {
        return remove(env, world, |name| env.services.get(name).is_some_and(|service| !service.is_running()));
    };
    let Some(schedule) = service::schedule(env, service, &Known { env, world }) else { return Vec::new() };
    let fingerprint = digest(&schedule.json);
    let family = env.family(&service.name);
    let newest = world.task_definitions.get(&family).and_then(Option::as_ref);
    let exists = world.schedules.contains(&service.name);
    if exists && newest.and_then(|seen| seen.schedule.as_ref()) == Some(&fingerprint) {
        return Vec::new();
    }
    vec![Action::PutSchedule(Box::new(PutSchedule {
        name: service.name.clone(),
        family,
        revision: service::Facts::revision(&Known { env, world }, &service.name),
        exists,
        expression: service.schedule.clone().unwrap_or_default(),
        input: schedule.json,
        pending: schedule.pending,
        fingerprint,
    }))]
}

/// Removes the schedules that are there and not wanted.
pub(super) fn remove(env: &Environment, world: &World, wanted: impl Fn(&str) -> bool) -> Vec<Action> {
    let left = world.schedules.iter().filter(|name| !wanted(name));
    left.map(|name| Action::RemoveSchedule(RemoveSchedule { name: name.clone(), group: service::schedule_group(env) }))
        .collect()
}

/// A stack of this app and environment.
fn is_ours(env: &Environment, stack: &Stack) -> bool {
    stack.tags.get(Stack::APP) == Some(&env.app) && stack.tags.get(Stack::ENVIRONMENT) == Some(&env.name)
}
