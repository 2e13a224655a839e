//! The bootstrap stages: one type over the list of stacks. Hashes equal: nothing. Otherwise the state the stack was
//! found in says how it gets to where it shall be.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value as Json;

use super::{
    Removal, Stage, bootstrap_removal, orphan_stacks, records, stack_node,
    wanted::{Wanted, shown},
};
use crate::{
    infra::{self, STACKS, StackDesired, StackKind, leave_out},
    plan::{Action, Ask, Node, NodeId, PutStack, Refusal, Side, Stack, StackMove, Standing, World, difference, guard},
    workflow::Environment,
};

/// The most bytes of a template that is sent inline.
/// <https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/cloudformation-limits.html>
const INLINE_LIMIT: usize = 51_200;

/// The stage of one kind of stack.
pub struct StackStage {
    kind: &'static StackKind,
}

impl StackStage {
    /// The stage of a kind.
    pub const fn new(kind: &'static StackKind) -> Self {
        Self { kind }
    }

    /// One stage for each kind of stack there is.
    pub fn all() -> impl Iterator<Item = Self> {
        STACKS.iter().map(Self::new)
    }

    fn is_dns(&self) -> bool {
        self.kind.stage == "bootstrap-dns"
    }

    fn desired(&self, env: &Environment, node: &Node) -> Option<StackDesired> {
        if let (Some(of_service), Some(service)) = (self.kind.of_service, &node.service) {
            return env.services.get(service).map(|service| of_service(env, service));
        }
        (self.kind.stacks)(env).into_iter().find(|stack| stack_node(env, &stack.key) == node.id)
    }
}

impl Stage for StackStage {
    fn name(&self) -> &'static str {
        self.kind.stage
    }

    fn makes(&self) -> &'static str {
        self.kind.makes
    }

    fn nodes(&self, env: &Environment) -> Vec<Node> {
        let node = |stack: StackDesired| Node {
            id: stack_node(env, &stack.key),
            needs: stack
                .needs()
                .iter()
                .map(|key| stack_node(env, key))
                .chain(stack.after_services.iter().map(|service| NodeId::scoped("deploy-service", service)))
                .collect(),
            service: stack.service,
        };
        let mut nodes: Vec<Node> = (self.kind.stacks)(env).into_iter().map(node).collect();
        if self.is_dns() && nodes.is_empty() {
            nodes.extend(records::node(env));
        }
        nodes
    }

    fn asks(&self, env: &Environment, node: &Node, world: &World) -> Vec<Ask> {
        let mut asks = if self.is_dns() { records::asks(env, world) } else { Vec::new() };
        let Some(desired) = self.desired(env, node) else { return asks };
        let region = desired.region.clone().unwrap_or_else(|| env.region.clone());
        let name = env.stack_name(&desired.key);
        asks.push(Ask::Stacks { region: region.clone() });
        if let Some(stack) = world.stacks.get(&name)
            && stack.status.is_settled()
        {
            let wanted = Wanted::new(env, &desired);
            if stack.hash() != Some(&wanted.hash(&wanted.values(env, world, true))) {
                asks.push(Ask::Template { region, stack: name });
            }
        }
        asks
    }

    fn decide(&self, env: &Environment, node: &Node, world: &World) -> Result<Vec<Action>, Refusal> {
        let Some(desired) = self.desired(env, node) else { return Ok(Vec::new()) };
        if self.is_dns() && records::lacks_zone(env, world) {
            return Ok(Vec::new());
        }
        let deciding = Deciding::new(env, world, self.kind, &desired);
        let seen = world.stacks.get(&deciding.name).map(|seen| (seen, seen.status.standing()));
        let actions = match seen {
            Some((_, Standing::Moving)) => vec![deciding.bare(StackMove::Attach)],
            Some((seen, Standing::Stuck(out))) => return Err(seen.stuck(out)),
            _ if world.imports.is_some() => {
                world.imports.iter().flat_map(|all| all.get(&deciding.name)).cloned().collect()
            }
            None | Some((_, Standing::Gone | Standing::Review)) => deciding.create(StackMove::Create),
            Some((_, Standing::RolledBackCreate)) => deciding.create(StackMove::Recreate),
            Some((seen, Standing::Settled)) => deciding.update(seen)?,
        };
        if let Some(size) = actions.iter().map(|put| put.body.len()).find(|size| *size > INLINE_LIMIT) {
            return Err(deciding.too_big(size));
        }
        Ok(actions.into_iter().map(|put| Action::PutStack(Box::new(put))).collect())
    }

    fn lasts(&self) -> bool {
        true
    }

    fn asks_to_remove(&self, env: &Environment, node: &Node, world: &World, removal: Removal) -> Vec<Ask> {
        bootstrap_removal::asks(env, node, world, removal)
    }

    fn remove(&self, env: &Environment, node: &Node, world: &World, removal: Removal) -> Result<Vec<Action>, Refusal> {
        bootstrap_removal::decide(env, node, world, removal)
    }

    fn keeps(&self, env: &Environment, node: &Node, world: &World, removal: Removal) -> Vec<String> {
        bootstrap_removal::keeps(env, node, world, removal)
    }

    fn notes(&self, env: &Environment, node: &Node, world: &World) -> Vec<String> {
        if self.is_dns() {
            return records::notes(env, world);
        }
        let makes_roles = node.id == NodeId::of(infra::identity::STAGE)
            && self.decide(env, node, world).is_ok_and(|actions| !actions.is_empty());
        if makes_roles { loses_hold(env, world).into_iter().collect() } else { Vec::new() }
    }
}

/// Roles are made of the file, so those of a file without a service may no longer delete what it had.
fn loses_hold(env: &Environment, world: &World) -> Option<String> {
    let left: Vec<&str> = orphan_stacks(env, world).iter().map(|stack| stack.name.as_str()).collect();
    (!left.is_empty()).then(|| {
        format!(
            "{} left the file and {} still there: the roles made now may lack what it takes to delete that, so prune \
             first (`runner run --prune -e {}`), and make the roles then",
            left.join(", "),
            if left.len() == 1 { "is" } else { "are" },
            env.name
        )
    })
}

/// One decision about one stack.
struct Deciding<'a> {
    env: &'a Environment,
    world: &'a World,
    wanted: Wanted,
    key: &'a str,
    name: String,
    region: String,
    tags: BTreeMap<String, String>,
}

impl<'a> Deciding<'a> {
    fn new(env: &'a Environment, world: &'a World, kind: &StackKind, desired: &'a StackDesired) -> Self {
        let name = env.stack_name(&desired.key);
        let mut tags = BTreeMap::from([(Stack::STAGE.to_owned(), kind.stage.to_owned())]);
        // A stack that environments or apps share must not change hands with each run.
        if !env.is_of_account(&desired.key) {
            tags.insert(Stack::APP.to_owned(), env.app.clone());
        }
        if name.starts_with(&format!("{}-", env.prefix())) {
            tags.insert(Stack::ENVIRONMENT.to_owned(), env.name.clone());
        }
        let region = desired.region.clone().unwrap_or_else(|| env.region.clone());
        Self { env, world, wanted: Wanted::new(env, desired), key: &desired.key, name, region, tags }
    }

    /// An action without template: it only follows, or only protects. The hash is that of the template as it shall
    /// be, so that a plan can assume how it ends.
    fn bare(&self, step: StackMove) -> PutStack {
        PutStack {
            key: self.key.to_owned(),
            name: self.name.clone(),
            region: self.region.clone(),
            step,
            body: String::new(),
            parameters: BTreeMap::new(),
            tags: BTreeMap::new(),
            hash: self.wanted.hash(&self.wanted.values(self.env, self.world, true)),
            holds: BTreeMap::new(),
            imports: Vec::new(),
            changes: Vec::new(),
        }
    }

    fn full(&self, step: StackMove, protect: bool, before: Option<Side<'_>>) -> PutStack {
        let mut values = self.wanted.values(self.env, self.world, protect);
        // Of all that is wanted, so that what an endpoint cannot make changes nothing in it.
        let hash = self.wanted.hash(&values);
        let missing = self.wanted.missing(self.env, self.world);
        values.retain(|name, _| !missing.contains(name));
        let (sent, _) = leave_out(&self.wanted.template, &BTreeSet::new(), &missing);
        let left_out = self.world.stacks.get(&self.name).map(Stack::left_out).unwrap_or_default();
        let (template, _) = leave_out(&sent, &left_out, &BTreeSet::new());
        let after = Side { template: &template, parameters: &shown(&values) };
        PutStack {
            body: Wanted::body(sent, &hash),
            changes: difference(self.key, before, after, &|id, property| self.wanted.about(id, property)),
            holds: self.wanted.holds(before.map(|side| side.template)),
            parameters: values,
            tags: self.tags.clone(),
            hash,
            ..self.bare(step)
        }
    }

    /// Unprotected first: a failed create could not be rolled back otherwise. Then protected, by the same template.
    fn create(&self, step: StackMove) -> Vec<PutStack> {
        let first = self.full(step, false, None);
        let mut actions = Vec::new();
        if self.wanted.protects_later() {
            let sent: Json = serde_json::from_str(&first.body).unwrap_or_default();
            let before = Side { template: &sent, parameters: &shown(&first.parameters) };
            let second = self.full(StackMove::Update, true, Some(before));
            actions.extend([first, second]);
        } else {
            actions.push(first);
        }
        if self.env.protected {
            actions.push(self.bare(StackMove::Protect));
        }
        actions
    }

    fn update(&self, seen: &Stack) -> Result<Vec<PutStack>, Refusal> {
        let protect = self.env.protected && !seen.protected;
        let mut actions = Vec::new();
        let values = self.wanted.values(self.env, self.world, true);
        if seen.hash() != Some(&self.wanted.hash(&values)) {
            let template = self.world.templates.get(&self.name).and_then(Option::as_ref);
            let before = template.map(|template| Side { template, parameters: &seen.parameters });
            let mut put = self.full(StackMove::Update, true, before);
            if before.is_none() {
                // Without the old template nothing is known of what differs; the change set will say.
                put.changes.clear();
            }
            if let Some(refusal) = Refusal::all(guard(&self.name, &put.changes, &self.world.allow_replace)) {
                return Err(refusal);
            }
            actions.push(put);
        }
        if protect {
            actions.push(self.bare(StackMove::Protect));
        }
        Ok(actions)
    }

    fn too_big(&self, size: usize) -> Refusal {
        Refusal::new(
            format!("sending the template of stack {}", self.name),
            format!("it has {size} bytes, and CloudFormation takes at most {INLINE_LIMIT}"),
            "split it: fewer services or parameters in this stack, or several templates under `extra-stacks`",
        )
    }
}

#[cfg(test)]
#[path = "bootstrap_tests.rs"]
mod tests;
