//! `deploy-service`: the ECS service, its listener rules and its autoscaling are as the file says.
//!
//! The stage to copy: `decide` is one match over what was seen.

use serde_json::Value as Json;

use super::{Stage, facts_asked, stack_node};
use crate::{
    plan::{
        Action, Ask, DesiredService, Exit, Known, MarkService, Node, NodeId, PutRule, PutScaling, PutService, Refusal,
        Service as Seen, World, service_changes, starts_deployment,
    },
    service,
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
                needs.extend(service.depends_on.iter().map(|other| NodeId::scoped("wait-healthy", other)));
                Node { id: NodeId::scoped(self.name(), &service.name), service: Some(service.name.clone()), needs }
            })
            .collect()
    }

    fn asks(&self, env: &Environment, node: &Node, world: &World) -> Vec<Ask> {
        let Some(service) = node.service.as_ref().and_then(|name| env.services.get(name)) else { return Vec::new() };
        let mut asks = facts_asked(env, service, world);
        let known = asks.iter().all(|ask| world.answered.contains(ask));
        if known && !DesiredService::of(env, service, world).is_deployed(world) {
            asks.push(Ask::TaskDefinition { family: env.family(&service.name) });
        }
        asks
    }

    fn decide(&self, env: &Environment, node: &Node, world: &World) -> Result<Vec<Action>, Refusal> {
        let Some(service) = node.service.as_ref().and_then(|name| env.services.get(name)) else {
            return Ok(Vec::new());
        };
        let desired = DesiredService::of(env, service, world);
        match world.service(&service.name) {
            Some(seen) if seen.status == "DRAINING" => Err(draining(env, service)),
            Some(_) if desired.is_deployed(world) => Ok(Vec::new()),
            Some(seen) => Ok(put(env, service, &desired, Some(seen), world)),
            None => Ok(put(env, service, &desired, None, world)),
        }
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
    if let Json::Array(rules) = &desired.rules.json
        && !rules.is_empty()
    {
        actions.push(Action::PutRule(PutRule { service: service.name.clone(), rules: rules.clone() }));
    }
    let known = Known { env, world };
    let settings = service::settings(env, service, &known).json;
    let revision =
        desired.revision(env, world).unwrap_or_else(|| Value::Pending(format!("${{revision.{}}}", service.name)));
    let mut input = seen.map_or_else(|| settings.clone(), |seen| service::update_of(service, &settings, &seen.json));
    let changes = service_changes(env, service, seen.map(|seen| &seen.json), &input);
    if seen.is_some()
        && let Json::Object(fields) = &mut input
    {
        // Only what differs is sent: an update that names a target group again may start a deployment of its own.
        fields.retain(|key, _| {
            key == "cluster"
                || key == "service"
                || changes.iter().any(|change| change.property.split('.').next() == Some(key))
        });
    }
    let deploys = seen.is_none() || changes.iter().any(|change| starts_deployment(&change.property));
    let scales = desired.autoscaling.bounds.is_some();
    let mark = format!("{}@{}", desired.fingerprint, revision_number(&revision));
    if !changes.is_empty() {
        let create = seen.is_none();
        let service = service.name.clone();
        actions.push(Action::PutService(Box::new(PutService { service, create, input, revision, deploys, changes })));
    }
    if scales || seen.is_some_and(|seen| seen.scales) {
        actions.push(Action::PutScaling(Box::new(PutScaling {
            service: service.name.clone(),
            resource: desired.autoscaling.resource.clone(),
            bounds: desired.autoscaling.bounds,
            policies: desired.autoscaling.policies.clone(),
        })));
    }
    actions.push(Action::MarkService(MarkService { service: service.name.clone(), mark, scales }));
    actions
}

/// The number of a revision's ARN: `…:task-definition/finance-app-staging-api:42` → `42`.
fn revision_number(revision: &Value) -> &str {
    match revision {
        Value::Known(arn) => arn.rsplit(':').next().unwrap_or(arn),
        Value::Pending(reference) => reference,
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
