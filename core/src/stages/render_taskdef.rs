//! `render-taskdef`: a revision of the service's family says exactly what the file says.

use super::{Removal, Stage, definitions::newest_asked, removal, stack_node};
use crate::{
    infra::{cdn, dns},
    plan::{
        Action, Ask, Change, DesiredService, Known, Node, NodeId, PassedOver, Refusal, RegisterTaskDefinition, World,
        definition_changes, size_of,
    },
    service::{Facts, Origin, secret_references, stack_key},
    workflow::{Database, Environment, SecretSource, Service, Value},
};

/// See the module.
pub struct RenderTaskdef;

impl Stage for RenderTaskdef {
    fn name(&self) -> &'static str {
        "render-taskdef"
    }

    fn makes(&self) -> &'static str {
        "task-definition revisions, only where something differs"
    }

    fn nodes(&self, env: &Environment) -> Vec<Node> {
        env.services
            .values()
            .map(|service| Node {
                id: NodeId::scoped(self.name(), &service.name),
                service: Some(service.name.clone()),
                needs: needs(env, service),
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
        if desired.revision(env, world).is_some() {
            return Ok(Vec::new());
        }
        let family = env.family(&service.name);
        let newest = world.task_definitions.get(&family).and_then(Option::as_ref);
        let passed_over = world.passed_over.get(&family).copied();
        let before = newest.map(|seen| &seen.json);
        let changes: Vec<Change> = match (passed_over, before) {
            (Some(PassedOver::Unknown), None) => Vec::new(),
            (Some(PassedOver::Unknown), before) => {
                definition_changes(env, service, before, &size_of(&desired.definition.json))
            }
            _ => definition_changes(env, service, before, &desired.definition.json),
        };
        Ok(vec![Action::RegisterTaskDefinition(Box::new(RegisterTaskDefinition {
            service: service.name.clone(),
            family,
            definition: desired.definition.json,
            fingerprint: desired.definition_digest,
            pending: desired.definition.pending,
            changes,
            passed_over,
        }))])
    }

    fn lasts(&self) -> bool {
        true
    }

    fn asks_to_remove(&self, env: &Environment, node: &Node, _: &World, _: Removal) -> Vec<Ask> {
        node.service.iter().map(|service| Ask::Revisions { family: env.family(service) }).collect()
    }

    fn remove(&self, env: &Environment, node: &Node, world: &World, _: Removal) -> Result<Vec<Action>, Refusal> {
        Ok(node.service.as_ref().map(|service| removal::revisions(env, service, world)).unwrap_or_default())
    }
}

fn needs(env: &Environment, service: &Service) -> Vec<NodeId> {
    let mut needs = vec![
        NodeId::of("sync-secrets"),
        NodeId::scoped("push-image", service.image_owner()),
        stack_node(env, &stack_key(&service.name)),
    ];
    let mut secrets =
        service.secrets.values().chain(service.sidecars.values().flat_map(|sidecar| sidecar.secrets.values()));
    if secrets.any(|source| *source == SecretSource::Database) && matches!(env.database, Some(Database::Managed(_))) {
        needs.push(stack_node(env, "database"));
    }
    let texts = service.environment.values().chain(service.command.iter().flatten()).chain(
        service
            .sidecars
            .values()
            .flat_map(|sidecar| sidecar.environment.values().chain(sidecar.command.iter().flatten())),
    );
    needs.extend(texts.flat_map(|text| text.stacks()).map(|stack| stack_node(env, stack)));
    needs.sort();
    needs.dedup();
    needs
}

/// What must be known to say what a service shall be: shared by every stage of the rollout.
pub(super) fn facts_asked(env: &Environment, service: &Service, world: &World) -> Vec<Ask> {
    let mut asks = vec![Ask::Stacks { region: env.region.clone() }];
    if service.is_running() {
        asks.push(Ask::Service { service: service.name.clone() });
    }
    if env.pushed().any(|pushed| pushed.name == service.image_owner()) {
        asks.push(Ask::Image { service: service.image_owner().to_owned() });
    }
    asks.extend(origin_asked(env, service, world));
    let parameters = super::sync_secrets::parameters(env);
    for (name, _) in secret_references(env, service, &Known { env, world }) {
        let Some(name) = name.known() else { continue };
        asks.push(if name.starts_with("arn:") {
            Ask::SecretVersion { arn: name.to_owned() }
        } else {
            Ask::Parameter { name: name.to_owned(), variable: parameters.get(name).cloned().flatten() }
        });
    }
    asks
}

/// The same and, of a service whose definition differs, its newest revision.
pub(super) fn revision_asked(env: &Environment, service: &Service, world: &World) -> Vec<Ask> {
    let mut asks = facts_asked(env, service, world);
    let known = asks.iter().all(|ask| world.answered.contains(ask));
    if known && DesiredService::of(env, service, world).running(world).is_none() {
        asks.extend(newest_asked(env, service, world));
    }
    asks
}

/// What must be known to say whether only the CDN may ask the service.
fn origin_asked(env: &Environment, service: &Service, world: &World) -> Vec<Ask> {
    if cdn::wanted(env).is_none_or(|(_, behind)| behind.name != service.name) {
        return Vec::new();
    }
    let mut asks = vec![Ask::Stacks { region: cdn::REGION.to_owned() }];
    let target = world.output(env, cdn::KEY, &cdn::DISTRIBUTION_DOMAIN_NAME.name);
    if let Value::Known(target) = target {
        let by_hand = dns::leads(env).into_iter().filter(|lead| !dns::is_ours(env, lead));
        let own = by_hand.filter(|lead| service.host.as_ref() == Some(&lead.host));
        asks.extend(own.map(|lead| Ask::LeadsTo { host: lead.host, target: target.clone() }));
    }
    if let Some(Origin { secret: Value::Known(arn), .. }) = (Known { env, world }).origin(&service.name) {
        asks.push(Ask::SecretVersion { arn });
    }
    asks
}
