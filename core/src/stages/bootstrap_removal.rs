//! How a stack goes: protection is turned off by an update of the template it has, then it is deleted. What its
//! deletion policies keep is said, and goes too only where images and backups shall.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value as Json, json};

use super::{Removal, stack_node, wanted::Wanted};
use crate::{
    infra::{self, Holds, registry},
    plan::{
        Action, Ask, Change, DeleteImages, Node, PutStack, Refusal, Replacement, Side, Stack, StackMove, World,
        difference, guard,
    },
    workflow::{Environment, Value},
};

/// The hash of a template that was only changed to let its stack go; a run then puts the file's back.
const RELEASED: &str = "released";
/// The same, with nothing kept.
const PURGED: &str = "released-with-data";

/// The stack that a node is about, where it is there.
fn seen<'w>(env: &Environment, node: &Node, world: &'w World) -> Option<(String, &'w Stack)> {
    let key = key(env, node)?;
    let stack = world.stacks.get(&env.stack_name(&key)).filter(|stack| !stack.status.is_gone())?;
    Some((key, stack))
}

/// The inverse of `stack_node`.
fn key(env: &Environment, node: &Node) -> Option<String> {
    let key = match (node.id.stage.as_str(), &node.id.scope) {
        ("extra-stacks", Some(key)) => return Some(key.clone()),
        ("bootstrap-services", Some(service)) => format!("service-{service}"),
        (stage, _) => stage.strip_prefix("bootstrap-")?.to_owned(),
    };
    (stack_node(env, &key) == node.id).then_some(key)
}

pub(super) fn asks(env: &Environment, node: &Node, world: &World, removal: Removal) -> Vec<Ask> {
    let mut asks: Vec<Ask> = infra::regions(env).into_iter().map(|region| Ask::Stacks { region }).collect();
    let Some((key, stack)) = seen(env, node, world) else { return asks };
    if !stack.status.is_review() && !stack.status.0.starts_with("DELETE") {
        asks.push(Ask::Template { region: stack.region.clone(), stack: stack.name.clone() });
    }
    if key == registry::KEY && removal.purges() {
        let template = world.templates.get(&stack.name).and_then(Option::as_ref);
        asks.extend(repositories(template).into_iter().map(|repository| Ask::Repository { repository }));
    }
    asks
}

pub(super) fn decide(env: &Environment, node: &Node, world: &World, removal: Removal) -> Result<Vec<Action>, Refusal> {
    let Some((key, stack)) = seen(env, node, world) else { return Ok(Vec::new()) };
    let template = world.templates.get(&stack.name).and_then(Option::as_ref);
    let mut actions = Vec::new();
    if key == registry::KEY {
        if removal.purges() {
            actions.extend(images(env, world, stack, template));
        }
        if !removal.purges() || !sharers(env, world, stack).is_empty() {
            return Ok(actions);
        }
    }
    let put = |step: StackMove| PutStack {
        key: key.clone(),
        name: stack.name.clone(),
        region: stack.region.clone(),
        step,
        body: String::new(),
        parameters: BTreeMap::new(),
        tags: stack.tags.clone(),
        hash: String::new(),
        holds: BTreeMap::new(),
        imports: Vec::new(),
        changes: Vec::new(),
    };
    let mut puts = Vec::new();
    if stack.status.is_in_progress() {
        puts.push(put(StackMove::Attach));
    }
    let purges = removal.purges() && stack.tags.get(Stack::STAGE).is_none_or(|stage| stage != "extra-stacks");
    // An update of a stack that is stuck is refused; its deletion is not.
    if let Some(released) = template.filter(|_| stack.status.is_settled()).and_then(|it| release(it, stack, purges)) {
        let before = template.map(|template| Side { template, parameters: &stack.parameters });
        let after = Side { template: &released.template, parameters: &released.parameters };
        puts.push(PutStack {
            changes: difference(&key, before, after, &|_, _| None),
            body: Wanted::body(released.template.clone(), released.hash),
            parameters: released.parameters.into_iter().map(|(name, value)| (name, Value::Known(value))).collect(),
            hash: released.hash.to_owned(),
            ..put(StackMove::Update)
        });
    }
    if stack.protected {
        puts.push(put(StackMove::Unprotect));
    }
    let changes = removals(&key, template, purges);
    if removal == Removal::Orphans {
        let data: Vec<Change> = changes.iter().filter(|change| change.holds == Holds::Data).cloned().collect();
        if let Some(refusal) = Refusal::all(guard(&stack.name, &data, &world.allow_replace)) {
            return Err(refusal);
        }
    }
    puts.push(PutStack { changes, ..put(StackMove::Delete) });
    actions.extend(puts.into_iter().map(|put| Action::PutStack(Box::new(put))));
    Ok(actions)
}

/// What stays of a node, and why.
pub(super) fn keeps(env: &Environment, node: &Node, world: &World, removal: Removal) -> Vec<String> {
    let Some((key, stack)) = seen(env, node, world) else { return Vec::new() };
    let template = world.templates.get(&stack.name).and_then(Option::as_ref);
    if key == registry::KEY {
        let sharers = sharers(env, world, stack);
        if !sharers.is_empty() {
            return vec![format!(
                "stack {} with its images: {} uses it too; its last environment takes it away",
                stack.name,
                sharers.join(" and ")
            )];
        }
        if !removal.purges() {
            return vec![format!("stack {} with its images: --purge takes them away", stack.name)];
        }
    }
    if removal.purges() && stack.tags.get(Stack::STAGE).is_none_or(|stage| stage != "extra-stacks") {
        return Vec::new();
    }
    let kept = resources(template).into_iter().filter_map(|(id, resource)| {
        let kind = resource["Type"].as_str().unwrap_or_default();
        let what = match resource["DeletionPolicy"].as_str()? {
            "Snapshot" => "a final snapshot of",
            "Retain" | "RetainExceptOnCreate" => "the whole of",
            _ => return None,
        };
        Some(format!("{what} {id} ({kind}) in stack {}", stack.name))
    });
    kept.collect()
}

fn resources(template: Option<&Json>) -> Vec<(&String, &Json)> {
    template.and_then(|it| it["Resources"].as_object()).map(|map| map.iter().collect()).unwrap_or_default()
}

/// One change for each resource that goes with the stack.
fn removals(key: &str, template: Option<&Json>, purges: bool) -> Vec<Change> {
    let goes = |resource: &Json| {
        purges || !matches!(resource["DeletionPolicy"].as_str(), Some("Retain" | "RetainExceptOnCreate"))
    };
    resources(template)
        .into_iter()
        .filter(|(_, resource)| goes(resource))
        .map(|(id, resource)| {
            let kind = resource["Type"].as_str().unwrap_or_default();
            Change {
                scope: key.to_owned(),
                subject: id.clone(),
                kind: kind.to_owned(),
                property: String::new(),
                before: Some(Json::Null),
                after: None,
                replacement: Replacement::No,
                holds: infra::holds(kind),
                span: None,
            }
        })
        .collect()
}

struct Release {
    template: Json,
    parameters: BTreeMap<String, String>,
    hash: &'static str,
}

/// The template and parameters that let the stack go; none where those it has do already.
fn release(template: &Json, stack: &Stack, purges: bool) -> Option<Release> {
    let hash = stack.hash().unwrap_or_default();
    if hash == PURGED || (hash == RELEASED && !purges) {
        return None;
    }
    let mut template = template.clone();
    let mut parameters = stack.parameters.clone();
    let mut changed = false;
    if let Some(protect) = parameters.get_mut("Protect").filter(|value| *value == "true") {
        "false".clone_into(protect);
        changed = true;
    }
    let all = template["Resources"].as_object_mut().filter(|_| purges);
    for resource in all.into_iter().flat_map(Map::values_mut).filter_map(Json::as_object_mut) {
        if resource.get("DeletionPolicy").is_none_or(|policy| policy == "Delete") {
            continue;
        }
        resource.insert("DeletionPolicy".to_owned(), "Delete".into());
        // A deletion policy is not changed by itself, only along with something else.
        // https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/using-cfn-updating-stacks-update-behaviors.html
        let metadata = resource.entry("Metadata").or_insert_with(|| json!({}));
        metadata["Purged"] = true.into();
        let more = match resource.get("Type").and_then(Json::as_str) {
            // https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-ecr-repository.html
            Some("AWS::ECR::Repository") => Some("EmptyOnDelete"),
            // https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-rds-dbinstance.html
            Some("AWS::RDS::DBInstance") => Some("DeleteAutomatedBackups"),
            _ => None,
        };
        if let Some(property) = more {
            resource.entry("Properties").or_insert_with(|| json!({}))[property] = true.into();
        }
        changed = true;
    }
    changed.then_some(Release { template, parameters, hash: if purges { PURGED } else { RELEASED } })
}

/// Other environments of the app whose stacks are in the account and region of the registry.
fn sharers(env: &Environment, world: &World, registry: &Stack) -> Vec<String> {
    let others = world.stacks.values().filter(|stack| {
        stack.region == registry.region && stack.tags.get(Stack::APP) == Some(&env.app) && !stack.status.is_gone()
    });
    let mut names: Vec<String> = others
        .filter_map(|stack| stack.tags.get(Stack::ENVIRONMENT))
        .filter(|name| **name != env.name)
        .cloned()
        .collect();
    names.sort();
    names.dedup();
    names
}

fn repositories(template: Option<&Json>) -> Vec<String> {
    resources(template)
        .into_iter()
        .filter(|(_, resource)| resource["Type"] == "AWS::ECR::Repository")
        .filter_map(|(_, resource)| resource.pointer("/Properties/RepositoryName")?.as_str().map(str::to_owned))
        .collect()
}

/// Images that go: all of them, or, while another environment has images there, the tags that keep this one's.
fn images(env: &Environment, world: &World, registry: &Stack, template: Option<&Json>) -> Vec<Action> {
    let sharers = sharers(env, world, registry);
    let own = format!("live-{}-", env.name);
    // `live-eu-` is the beginning of `live-eu-west-1`.
    let others = |tag: &str| {
        sharers.iter().any(|other| other.len() > env.name.len() && tag.starts_with(&format!("live-{other}-")))
    };
    let action = |repository: String| {
        let all = world.repositories.get(&repository)?.as_ref()?;
        if sharers.is_empty() {
            let images = all.len();
            return (images > 0).then_some(DeleteImages { repository, tags: None, images });
        }
        let is_own = |tag: &&String| tag.starts_with(&own) && !others(tag);
        let tags: BTreeSet<String> = all.iter().flatten().filter(is_own).cloned().collect();
        let images = all.iter().filter(|image| image.iter().any(|tag| tags.contains(tag))).count();
        (images > 0).then_some(DeleteImages { repository, tags: Some(tags), images })
    };
    repositories(template).into_iter().filter_map(action).map(Action::DeleteImages).collect()
}
