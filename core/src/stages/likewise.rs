//! Templates that need not be asked for: a stack that changes as another one of its kind does tells by its hash what it
//! was made from.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value as Json;

use super::wanted::{Wanted, hash, unhashed};
use crate::{
    infra::STACKS,
    plan::{Ask, Changed, World, likewise},
    workflow::Environment,
};

/// A stack's template as it shall be.
struct After {
    stage: &'static str,
    /// Its service's name, or its key.
    name: String,
    template: Json,
}

/// The answers to these questions for templates, as far as those that are known already tell them. Each is proven: with the
/// stack's parameters it has the very hash that the stack carries.
pub fn told_by_others(env: &Environment, world: &World, asks: &BTreeSet<Ask>) -> Vec<(Ask, Json)> {
    let asked: BTreeMap<&str, &Ask> = asks
        .iter()
        .filter_map(|ask| match ask {
            Ask::Template { stack, .. } => Some((stack.as_str(), ask)),
            _ => None,
        })
        .collect();
    if asked.is_empty() {
        return Vec::new();
    }
    let known = |name: &str| world.templates.get(name).and_then(Option::as_ref);
    let mut after = BTreeMap::new();
    for kind in STACKS {
        for desired in (kind.stacks)(env) {
            let stack = env.stack_name(&desired.key);
            if asked.contains_key(stack.as_str()) || known(&stack).is_some() {
                let template = Wanted::new(env, &desired).template;
                let name = desired.service.unwrap_or(desired.key);
                after.insert(stack, After { stage: kind.stage, name, template });
            }
        }
    }
    let examples: Vec<_> =
        after.iter().filter_map(|(stack, after)| Some((after, unhashed(known(stack)?.clone())))).collect();
    let mut told = Vec::new();
    for (stack, ask) in asked {
        let (Some(own), Some(seen)) = (after.get(stack), world.stacks.get(stack)) else { continue };
        // What it was made from is then not what its hash is of.
        if !seen.left_out().is_empty() {
            continue;
        }
        let template =
            examples.iter().filter(|(example, _)| example.stage == own.stage).find_map(|(example, before)| {
                let example = Changed { before, after: &example.template, name: &example.name };
                let template = likewise(example, &own.template, &own.name);
                (seen.hash()? == hash(&template, &seen.parameters)).then_some(template)
            });
        told.extend(template.map(|template| (ask.clone(), template)));
    }
    told
}
