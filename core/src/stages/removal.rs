//! What is taken away: the same stages with nothing desired and the edges reversed. `destroy` is about everything of an
//! environment, `--prune` about what the file no longer has. Both begin at what is there, not at what the file says.

use std::collections::{BTreeMap, BTreeSet};

use super::{Step, pipeline, stack_node, stages};
use crate::{
    infra::{self, STACKS, backup, cdn, database, edge},
    plan::{
        Action, Ask, DeleteParameters, DeleteRevisions, DeleteRules, ListenerRule, Node, NodeId, PutScaling,
        RemoveService, Service, Stack, World, is_rule_of,
    },
    service::stack_key,
    workflow::{Environment, Value},
};

/// What is to go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Removal {
    /// What carries our tags and is no longer in the file.
    Orphans,
    /// Everything of the environment.
    Everything {
        /// Images and backups too.
        purge: bool,
    },
}

impl Removal {
    /// Whether images and backups go too.
    pub fn purges(self) -> bool {
        self == Self::Everything { purge: true }
    }
}

/// Made by an administrator, outside of any run: nobody's to take away in passing.
const IDENTITY: &str = "bootstrap-identity";

/// What must be known before it is known what is there.
pub fn asks_of_removal(env: &Environment, removal: Removal) -> Vec<Ask> {
    let mut regions: BTreeSet<String> = infra::stacks(env).into_iter().filter_map(|stack| stack.region).collect();
    regions.insert(env.region.clone());
    let mut asks: Vec<Ask> = regions.into_iter().map(|region| Ask::Stacks { region }).collect();
    if removal != Removal::Orphans {
        asks.push(Ask::ClusterServices);
    }
    asks
}

/// Regions in which the file has nothing any more, though what is there tells that it had: the key of the replicated
/// backups that the database still takes, and the header by which the load balancer still knows the CDN. Once a run has
/// changed those stacks nothing tells of the region; a removal looks in the CDN's all the same.
pub fn asks_of_left_regions(env: &Environment, world: &World, removal: Option<Removal>) -> Vec<Ask> {
    let stack = |key: &str| world.stacks.get(&env.stack_name(key));
    let key = stack(database::KEY).and_then(|stack| stack.parameters.get(&*backup::BACKUP_KEY_ARN.name));
    // `arn:aws:kms:REGION:…`.
    let of_backups = key.and_then(|arn| arn.split(':').nth(3)).filter(|region| !region.is_empty()).map(str::to_owned);
    let knows_cdn = stack(edge::KEY).is_some_and(|stack| stack.outputs.contains_key(&*edge::ORIGIN_SECRET_ARN.name));
    let mut regions = if removal.is_some() { infra::regions(env) } else { BTreeSet::new() };
    regions.extend(of_backups);
    regions.extend(knows_cdn.then(|| cdn::REGION.to_owned()));
    regions.into_iter().map(|region| Ask::Stacks { region }).collect()
}

/// The services that may be there though the file has none such: to be asked for, once stacks are known. A service is
/// made after its stack and deleted before it, so an orphan has a stack unless somebody took that away; of `destroy`,
/// the cluster is asked for its services as well.
pub fn asks_of_orphans(env: &Environment, world: &World) -> Vec<Ask> {
    let idle = env.services.values().filter(|service| !service.is_running()).map(|service| service.name.clone());
    let of_stacks = orphan_stacks(env, world).into_iter().filter_map(|stack| {
        let key = stack.name.strip_prefix(&format!("{}-", env.prefix()))?;
        key.strip_prefix("service-").map(str::to_owned)
    });
    let names: BTreeSet<String> = idle.chain(of_stacks).chain(world.cluster_services.iter().cloned()).collect();
    names.into_iter().map(|service| Ask::Service { service }).collect()
}

/// Stacks of this app and environment, by their constant tags, that the file no longer has.
pub fn orphan_stacks<'w>(env: &Environment, world: &'w World) -> Vec<&'w Stack> {
    let wanted: BTreeSet<String> = infra::stacks(env).iter().map(|stack| env.stack_name(&stack.key)).collect();
    world.stacks.values().filter(|stack| is_ours(env, stack) && !wanted.contains(&stack.name)).collect()
}

fn is_ours(env: &Environment, stack: &Stack) -> bool {
    stack.tags.get(Stack::APP) == Some(&env.app)
        && stack.tags.get(Stack::ENVIRONMENT) == Some(&env.name)
        && stack.tags.get(Stack::STAGE).is_some_and(|stage| stage != IDENTITY)
        && !stack.status.is_gone()
}

/// ECS services of this app and environment, by their tags, that the file no longer has, or no longer keeps running.
pub fn orphan_services(env: &Environment, world: &World) -> Vec<String> {
    let runs = |name: &String| env.services.get(name).is_some_and(|service| service.is_running());
    let seen = world.services.keys().filter(|name| !runs(name));
    seen.filter(|name| world.service(name).is_some_and(|service| service.is_of(env))).cloned().collect()
}

/// The nodes of a removal, each after those it needs, whatever of them is still there.
pub fn removal(env: &Environment, world: &World, removal: Removal) -> Vec<Step> {
    let mut up = match removal {
        Removal::Everything { .. } => contracted(pipeline(env)),
        Removal::Orphans => Vec::new(),
    };
    up.retain(|step| step.stage.name() != IDENTITY);
    let of_up = |step: &Step| (step.node.id.clone(), Node { needs: Vec::new(), ..step.node.clone() });
    let mut nodes: BTreeMap<NodeId, Node> = up.iter().map(of_up).collect();
    for step in &up {
        for needed in &step.node.needs {
            if let Some(needed) = nodes.get_mut(needed) {
                needed.needs.push(step.node.id.clone());
            }
        }
    }
    if removal != Removal::Orphans {
        let id = NodeId::of("sync-secrets");
        nodes.entry(id.clone()).or_insert_with(|| bare(id, None));
    }
    let kinds = orphans(env, world, &mut nodes);
    // Whatever a service may use goes after every service, also after one that the file does not know.
    let services: Vec<NodeId> = nodes.keys().filter(|id| id.stage == "deploy-service").cloned().collect();
    for node in nodes.values_mut() {
        if [
            "sync-secrets",
            "bootstrap-cluster",
            "bootstrap-network",
            "bootstrap-edge",
            "bootstrap-test-listener",
            "bootstrap-registry",
        ]
        .contains(&node.id.stage.as_str())
        {
            node.needs.extend(services.iter().cloned());
        }
    }
    // A kind of stack may have several, each a node of a name of its own.
    let of_node: BTreeMap<NodeId, String> =
        up.iter().map(|step| (step.node.id.clone(), step.stage.name().to_owned())).collect();
    let place = |name: &str| stages().iter().position(|stage| stage.name() == name);
    let mut steps: Vec<Step> = nodes
        .into_values()
        .filter_map(|mut node| {
            node.needs.sort();
            node.needs.dedup();
            let name = kinds.get(&node.id).or_else(|| of_node.get(&node.id)).unwrap_or(&node.id.stage);
            let stage = stages().get(place(name)?)?.as_ref();
            Some(Step { stage, node, removal: Some(removal) })
        })
        .collect();
    // Rollout first, then stacks from the last to the first.
    steps.sort_by_key(|step| {
        let at = place(step.stage.name()).unwrap_or_default();
        let stack = at < STACKS.len();
        (stack, if stack { STACKS.len() - at } else { stages().len() - at })
    });
    super::pipeline::sorted(steps)
}

/// The same behind everything that a run does: a service under a new name serves before the old one goes.
pub fn prune(env: &Environment, world: &World, run: &[&Step]) -> Vec<Step> {
    let mut steps = removal(env, world, Removal::Orphans);
    for step in &mut steps {
        step.node.needs.extend(run.iter().map(|before| before.node.id.clone()));
    }
    steps
}

fn bare(id: NodeId, service: Option<String>) -> Node {
    Node { id, service, needs: Vec::new() }
}

/// The pipeline without the nodes that leave nothing behind; what they stood between stays in its order.
fn contracted(steps: Vec<Step>) -> Vec<Step> {
    let mut lasting: BTreeMap<NodeId, BTreeSet<NodeId>> = BTreeMap::new();
    let mut kept = Vec::new();
    for mut step in steps {
        let needs: BTreeSet<NodeId> =
            step.node.needs.iter().flat_map(|need| lasting.get(need).cloned().unwrap_or_default()).collect();
        if step.stage.lasts() {
            step.node.needs = needs.into_iter().collect();
            lasting.insert(step.node.id.clone(), BTreeSet::from([step.node.id.clone()]));
            kept.push(step);
        } else {
            lasting.insert(step.node.id.clone(), needs);
        }
    }
    kept
}

/// Adds what the file does not have: services before their stacks, stacks before those of earlier kinds, whatever they
/// were made of. Gives the stage of each of the stacks.
fn orphans(env: &Environment, world: &World, nodes: &mut BTreeMap<NodeId, Node>) -> BTreeMap<NodeId, String> {
    let place = |stage: &str| STACKS.iter().position(|kind| kind.stage == stage);
    let mut services: BTreeSet<String> = orphan_services(env, world).into_iter().collect();
    let mut kinds = BTreeMap::new();
    let stacks: Vec<(NodeId, Option<usize>)> = orphan_stacks(env, world)
        .into_iter()
        .filter_map(|stack| {
            let key = stack.name.strip_prefix(&format!("{}-", env.prefix()))?;
            let stage = stack.tags.get(Stack::STAGE)?;
            let id = match stage.as_str() {
                "extra-stacks" => NodeId::scoped(stage, key),
                _ => stack_node(env, key),
            };
            services.extend(key.strip_prefix("service-").map(str::to_owned));
            kinds.insert(id.clone(), stage.clone());
            Some((id, place(stage)))
        })
        .collect();
    for service in services {
        let ids = ["deploy-service", "render-taskdef"].map(|stage| NodeId::scoped(stage, &service));
        let [deploy, render] = &ids;
        let of = |id: &NodeId| bare(id.clone(), Some(service.clone()));
        nodes.entry(deploy.clone()).or_insert_with(|| of(deploy));
        // A service that is only no longer running keeps its revisions.
        if nodes.contains_key(render) || !env.services.contains_key(&service) {
            nodes.entry(render.clone()).or_insert_with(|| of(render)).needs.push(deploy.clone());
        }
    }
    for (id, at) in &stacks {
        let service = (id.stage == "bootstrap-services").then(|| id.scope.clone()).flatten();
        let mut node = bare(id.clone(), service.clone());
        if let Some(service) = &service {
            node.needs = ["deploy-service", "render-taskdef"].map(|stage| NodeId::scoped(stage, service)).into();
        }
        node.needs.extend(stacks.iter().filter(|(_, later)| later > at).map(|(id, _)| id.clone()));
        nodes.insert(id.clone(), node);
    }
    for node in nodes.values_mut().filter(|node| stacks.iter().all(|(id, _)| *id != node.id)) {
        if let Some(own) = place(&node.id.stage) {
            let later = stacks.iter().filter(|(_, at)| at.is_some_and(|at| at > own));
            node.needs.extend(later.map(|(id, _)| id.clone()));
        }
    }
    kinds
}

fn groups(env: &Environment, service: &str, world: &World) -> Vec<String> {
    ["TargetGroupArn", "AlternateTargetGroupArn"]
        .into_iter()
        .filter_map(|output| match world.output(env, &stack_key(service), output) {
            Value::Known(arn) => Some(arn),
            Value::Pending(_) => None,
        })
        .collect()
}

/// What a service's removal asks.
pub(super) fn service_asks(env: &Environment, service: &str, world: &World) -> Vec<Ask> {
    let mut asks = vec![Ask::Stacks { region: env.region.clone() }, Ask::Service { service: service.to_owned() }];
    if !groups(env, service, world).is_empty() {
        asks.extend(world.listeners(env).into_iter().map(|listener| Ask::ListenerRules { listener }));
    }
    asks
}

/// Autoscaling, then the service, then what leads to it: in this order nothing starts a task again, and no request
/// meets a target group without a service while the service still serves.
pub(super) fn service(env: &Environment, service: &str, world: &World) -> Vec<Action> {
    let mut actions = Vec::new();
    let seen = world.service(service).filter(|seen| seen.is_of(env));
    if let Some(seen) = seen {
        if seen.scales {
            actions.push(Action::PutScaling(Box::new(PutScaling {
                service: service.to_owned(),
                resource: format!("service/{}/{service}", env.cluster_name()),
                bounds: None,
                policies: BTreeMap::new(),
            })));
        }
        let draining = seen.status == "DRAINING";
        actions.push(Action::RemoveService(RemoveService { service: service.to_owned(), draining }));
    }
    // Those on the test listener are known by the service too, also where the file no longer knows that listener.
    let mut of_tests = seen.map(Service::test_rules).unwrap_or_default();
    for listener in world.listeners(env) {
        let all = world.listener_rules.get(&listener).map(Vec::as_slice).unwrap_or_default();
        let rules: Vec<String> =
            ListenerRule::of_service(all, &groups(env, service, world)).iter().map(|rule| rule.arn.clone()).collect();
        of_tests.retain(|rule| !rules.contains(rule));
        if !rules.is_empty() {
            let tests = world.listener(env).as_ref() != Some(&listener);
            actions.push(Action::DeleteRules(DeleteRules { service: service.to_owned(), listener, tests, rules }));
        }
    }
    // One that is not among those of its listener is gone.
    of_tests.retain(|rule| world.listener_rules.keys().all(|listener| !is_rule_of(rule, listener)));
    actions.extend(delete_test_rules(service, of_tests));
    actions
}

/// Deletes rules on a test listener.
pub(super) fn delete_test_rules(service: &str, rules: BTreeSet<String>) -> Option<Action> {
    let first = rules.first()?;
    // `…:listener-rule/app/NAME/ID/LISTENER/RULE`.
    let listener = first.rsplit_once('/').map_or(first.as_str(), |(listener, _)| listener);
    let listener = listener.replacen(":listener-rule/", ":listener/", 1);
    let rules = rules.into_iter().collect();
    Some(Action::DeleteRules(DeleteRules { service: service.to_owned(), listener, tests: true, rules }))
}

/// What of a service's removal is not ours to do.
pub(super) fn service_keeps(env: &Environment, service: &str, world: &World) -> Option<String> {
    let foreign = world.service(service).is_some_and(|seen: &Service| !seen.is_of(env));
    foreign.then(|| {
        format!("ECS service {service} in {}: it does not carry our tags, so another made it", env.cluster_name())
    })
}

/// Revisions of a family that are still there.
pub(super) fn revisions(env: &Environment, service: &str, world: &World) -> Vec<Action> {
    let family = env.family(service);
    let revisions = world.revisions.get(&family).cloned().unwrap_or_default();
    if revisions.is_empty() {
        return Vec::new();
    }
    vec![Action::DeleteRevisions(DeleteRevisions { service: service.to_owned(), family, revisions })]
}

/// The path of an environment's parameters.
pub(super) fn parameters_path(env: &Environment) -> String {
    format!("/{}/{}/", env.app, env.name)
}

/// Parameters beneath the environment's path.
pub(super) fn parameters(env: &Environment, world: &World) -> Vec<Action> {
    let path = parameters_path(env);
    let names: Vec<String> = world.parameters_under.get(&path).into_iter().flatten().cloned().collect();
    if names.is_empty() { Vec::new() } else { vec![Action::DeleteParameters(DeleteParameters { path, names })] }
}

#[cfg(test)]
#[path = "removal_tests.rs"]
mod tests;
