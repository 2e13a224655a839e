//! `deploy-service`: the ECS service, its listener rules and its autoscaling are as the file says.
//!
//! The stage to copy: `decide` is one match over what was seen.

use serde_json::Value as Json;

use super::{Removal, Stage, removal, revision_asked, stack_node};
use crate::{
    infra::test_listener,
    plan::{
        Action, Ask, Change, DesiredService, Exit, Follow, Known, MadeFrom, MarkService, Node, NodeId, PutRule,
        PutScaling, PutService, Refusal, Rollout, Service as Seen, World, service_changes, starts_deployment,
    },
    service::{self, Facts, stack_key},
    workflow::{Environment, Service, Value},
};

/// See the module.
pub struct DeployService;

impl Stage for DeployService {
    fn name(&self) -> &'static str {
        "deploy-service"
    }

    fn makes(&self) -> &'static str {
        "ECS services, their listener rules and autoscaling"
    }

    fn nodes(&self, env: &Environment) -> Vec<Node> {
        let running = env.services.values().filter(|service| service.is_running());
        running
            .map(|service| {
                let mut needs = vec![
                    NodeId::scoped("render-taskdef", &service.name),
                    NodeId::scoped("run-task", &service.name),
                    stack_node(env, "network"),
                    stack_node(env, "cluster"),
                ];
                if service.is_routed() {
                    needs.push(stack_node(env, "edge"));
                }
                if env.is_tested(service) && env.test_listener().is_some() {
                    needs.push(stack_node(env, test_listener::KEY));
                }
                needs.extend(service.depends_on.iter().map(|other| NodeId::scoped("wait-healthy", other)));
                Node { id: NodeId::scoped(self.name(), &service.name), service: Some(service.name.clone()), needs }
            })
            .collect()
    }

    fn asks(&self, env: &Environment, node: &Node, world: &World) -> Vec<Ask> {
        let Some(service) = node.service_in(env) else { return Vec::new() };
        revision_asked(env, service, world)
    }

    fn decide(&self, env: &Environment, node: &Node, world: &World) -> Result<Vec<Action>, Refusal> {
        let Some(service) = node.service_in(env) else { return Ok(Vec::new()) };
        let desired = DesiredService::of(env, service, world);
        match world.service(&service.name) {
            Some(seen) if seen.status == "DRAINING" => Err(draining(env, service)),
            Some(_) if desired.is_deployed(world) => Ok(Vec::new()),
            Some(seen) if service.is_routed() && !service.has_alternate() && service::has_alternate(&seen.json) => {
                Err(drops_group(env, service))
            }
            Some(seen) => Ok(put(env, service, &desired, Some(seen), world)),
            None => Ok(put(env, service, &desired, None, world)),
        }
    }

    fn lasts(&self) -> bool {
        true
    }

    fn asks_to_remove(&self, env: &Environment, node: &Node, world: &World, _: Removal) -> Vec<Ask> {
        node.service.as_ref().map(|service| removal::service_asks(env, service, world)).unwrap_or_default()
    }

    fn remove(&self, env: &Environment, node: &Node, world: &World, _: Removal) -> Result<Vec<Action>, Refusal> {
        Ok(node.service.as_ref().map(|service| removal::service(env, service, world)).unwrap_or_default())
    }

    fn keeps(&self, env: &Environment, node: &Node, world: &World, _: Removal) -> Vec<String> {
        let kept = node.service.as_ref().and_then(|service| removal::service_keeps(env, service, world));
        kept.into_iter().collect()
    }
}

/// The rule before the service: ECS takes a target group only once a listener leads to it.
fn put(
    env: &Environment,
    service: &Service,
    desired: &DesiredService,
    seen: Option<&Seen>,
    world: &World,
) -> Vec<Action> {
    let mut actions = Vec::new();
    actions.extend(put_rule(env, service, desired, world, 0).map(Action::PutRule));
    let known = Known { env, world };
    let settings = service::settings(env, service, &known).json;
    let revision =
        desired.revision(env, world).unwrap_or_else(|| Value::Pending(format!("${{revision.{}}}", service.name)));
    actions.extend(put_service(env, service, &settings, &revision, seen));
    let scales = desired.autoscaling.bounds.is_some();
    if scales || seen.is_some_and(|seen| seen.scales) {
        actions.push(Action::PutScaling(Box::new(PutScaling {
            service: service.name.clone(),
            resource: desired.autoscaling.resource.clone(),
            bounds: desired.autoscaling.bounds,
            policies: desired.autoscaling.policies.clone(),
        })));
    }
    actions.extend(let_go_of_test_rules(env, service, &revision, seen, world, &actions));
    actions.push(Action::MarkService(mark(env, service, desired, &revision, world)));
    actions
}

/// Deletes rules on a test listener on which the service answers no more. The deployment that takes them from the service
/// ends first: until then ECS may go back to the revision that names them. So does a run that finds only the tag.
fn let_go_of_test_rules(
    env: &Environment,
    service: &Service,
    revision: &Value,
    seen: Option<&Seen>,
    world: &World,
    before: &[Action],
) -> Vec<Action> {
    let Some(seen) = seen else { return Vec::new() };
    let mut left = seen.test_rules();
    if let (true, Value::Known(wanted)) = (env.is_tested(service), (Known { env, world }).test_rule(&service.name)) {
        left.remove(&wanted);
    }
    let Some(delete) = removal::delete_test_rules(&service.name, left) else { return Vec::new() };
    let deploys = before.iter().any(|action| matches!(action, Action::PutService(put) if put.deploys));
    let goes_on = seen.primary().is_some_and(|primary| primary.rollout == Rollout::InProgress);
    let follow = (deploys || goes_on).then(|| follow(service, revision));
    follow.into_iter().chain([delete]).collect()
}

/// The mark of what is put.
pub(super) fn mark(
    env: &Environment,
    service: &Service,
    desired: &DesiredService,
    revision: &Value,
    world: &World,
) -> MarkService {
    let had = world.service(&service.name).is_some_and(|seen| !seen.test_rules().is_empty());
    let test_rule = match env.is_tested(service) {
        true => Some((Known { env, world }).test_rule(&service.name)),
        false => had.then(|| String::new().into()),
    };
    MarkService {
        service: service.name.clone(),
        mark: format!("{}@{}", desired.fingerprint, revision_number(revision)),
        definition: Some(MadeFrom::of(env, service, world, desired).tag(revision_number(revision))),
        scales: desired.autoscaling.bounds.is_some(),
        test_rule,
    }
}

fn follow(service: &Service, revision: &Value) -> Action {
    Action::Follow(Follow { service: service.name.clone(), revision: revision.clone(), first: false })
}

/// The service's rules, where a load balancer leads to it.
pub(super) fn put_rule(
    env: &Environment,
    service: &Service,
    desired: &DesiredService,
    world: &World,
    after: u32,
) -> Option<PutRule> {
    let rules = desired.rules.json.as_array().filter(|rules| !rules.is_empty())?.clone();
    let output = |name: &str| world.output(env, &stack_key(&service.name), name).known().map(str::to_owned);
    let groups = ["TargetGroupArn", "AlternateTargetGroupArn"].into_iter().filter_map(output).collect();
    Some(PutRule { service: service.name.clone(), rules, groups, after })
}

/// One CreateService or UpdateService, or none. A change of strategy is a step of its own where it has to be: ECS takes
/// it only while nothing is being deployed, and takes the second target group by a rolling deployment before it.
/// <https://docs.aws.amazon.com/AmazonECS/latest/developerguide/migrate-deployment-strategies.html>
fn put_service(
    env: &Environment,
    service: &Service,
    settings: &Json,
    revision: &Value,
    seen: Option<&Seen>,
) -> Vec<Action> {
    let Some(seen) = seen else {
        let changes = service_changes(env, service, None, settings);
        return vec![action(service, true, settings.clone(), revision, changes)];
    };
    let mut actions = Vec::new();
    let strategy = |settings: &Json| settings["deploymentConfiguration"]["strategy"].clone();
    // An endpoint that does not tell of it rolls.
    let before = if strategy(&seen.json).is_string() { strategy(&seen.json) } else { "ROLLING".into() };
    let changes_strategy = before != strategy(settings);
    if changes_strategy && seen.primary().is_some_and(|primary| primary.rollout == Rollout::InProgress) {
        actions.push(follow(service, &seen.revision));
    }
    let mut json = seen.json.clone();
    if changes_strategy && service::has_alternate(settings) && !service::has_alternate(&json) {
        let first = service::under_rolling(settings);
        actions.extend(update(env, service, &first, revision, &json));
        actions.push(follow(service, revision));
        json = first;
    }
    match seen.is_given_up() {
        true => actions.push(begin_again(env, service, settings, revision, &json)),
        false => actions.extend(update(env, service, settings, revision, &json)),
    }
    actions
}

/// After a first deployment that failed: the count that was taken away, also of an autoscaled service, and a deployment
/// even of the same revision, since ECS starts no task for one that has failed.
/// <https://docs.aws.amazon.com/AmazonECS/latest/developerguide/deployment-circuit-breaker.html>
fn begin_again(env: &Environment, service: &Service, settings: &Json, revision: &Value, json: &Json) -> Action {
    let mut input = service::update_of(service, settings, json);
    input["desiredCount"] = settings["desiredCount"].clone();
    input["forceNewDeployment"] = true.into();
    let changes = service_changes(env, service, Some(json), &input);
    action(service, false, input, revision, changes)
}

/// An update of a service seen as `json`, where something differs.
fn update(env: &Environment, service: &Service, settings: &Json, revision: &Value, json: &Json) -> Option<Action> {
    let mut input = service::update_of(service, settings, json);
    let changes = service_changes(env, service, Some(json), &input);
    if let Json::Object(fields) = &mut input {
        // Only what differs is sent: an update that names a target group again may start a deployment of its own.
        fields.retain(|key, _| {
            key == "cluster"
                || key == "service"
                || changes.iter().any(|change| change.property.split('.').next() == Some(key))
        });
    }
    (!changes.is_empty()).then(|| action(service, false, input, revision, changes))
}

fn action(service: &Service, create: bool, input: Json, revision: &Value, changes: Vec<Change>) -> Action {
    let deploys = create || changes.iter().any(|change| starts_deployment(&change.property));
    let (service, revision) = (service.name.clone(), revision.clone());
    Action::PutService(Box::new(PutService { service, create, input, revision, deploys, changes }))
}

/// The number of a revision's ARN: `…:task-definition/finance-app-staging-api:42` → `42`.
pub(super) fn revision_number(revision: &Value) -> &str {
    match revision {
        Value::Known(arn) => arn.rsplit(':').next().unwrap_or(arn),
        Value::Pending(reference) => reference,
    }
}

/// After a shift the second group may be the live one, for good, and ECS keeps both when the strategy changes.
/// <https://docs.aws.amazon.com/AmazonECS/latest/developerguide/update-bluegreen-to-rolling.html>
fn drops_group(env: &Environment, service: &Service) -> Refusal {
    Refusal {
        what: format!("taking the second target group from ECS service ({}) in {}", service.name, env.cluster_name()),
        why: "its traffic was shifted before, and may be served from that group for good".to_owned(),
        remedy: format!(
            "say `alternate-target-group: true` in services.{}.deploy; the strategy may be any",
            service.name
        ),
        exit: Exit::Failed,
    }
}

fn draining(env: &Environment, service: &Service) -> Refusal {
    Refusal {
        what: format!("creating ECS service ({}) in {}", service.name, env.cluster_name()),
        why:
            "a service of this name is being deleted (DRAINING), and ECS refuses the name until its tasks have stopped"
                .to_owned(),
        remedy: "wait until it is gone (its tasks' stop timeout and deregistration delay), then run again".to_owned(),
        exit: Exit::Failed,
    }
}

#[cfg(test)]
#[path = "deploy_service_tests.rs"]
mod tests;
