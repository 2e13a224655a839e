//! Templates of the user's own: what they take, what they give, and circles between them.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value as Json;

use super::graph::circles;
use crate::text::nearest;
use crate::workflow::section::{Reader, listed};
use crate::workflow::{Environment, Part, Text};

pub(super) fn check(env: &Environment, reader: &mut Reader<'_>) {
    for (name, stack) in &env.extra_stacks {
        let given: BTreeSet<&str> = stack.parameters.keys().map(String::as_str).collect();
        let wanted: BTreeMap<&str, &Json> = members(&stack.body, "Parameters").collect();
        for parameter in given.iter().filter(|parameter| !wanted.contains_key(**parameter)) {
            let path = format!("extra-stacks.{name}.parameters.{parameter}");
            let names: Vec<&str> = wanted.keys().copied().collect();
            let help = match nearest(parameter, names.iter().copied()) {
                Some(near) => format!("did you mean `{near}`?"),
                None => format!("its parameters are {}", listed(&names)),
            };
            reader.refuse_name(&path, format!("`{}` has no parameter `{parameter}`", stack.template), help);
        }
        let missing: Vec<&str> = wanted
            .iter()
            .filter(|(parameter, declared)| declared.get("Default").is_none() && !given.contains(*parameter))
            .map(|(parameter, _)| *parameter)
            .collect();
        if !missing.is_empty() && reader.clean(&format!("extra-stacks.{name}.parameters")) {
            let message = format!("`{}` wants the parameter {}", stack.template, listed(&missing));
            reader.refuse(&format!("extra-stacks.{name}"), message, "give it under `parameters`");
        }
        for (parameter, text) in &stack.parameters {
            outputs(env, text, &format!("extra-stacks.{name}.parameters.{parameter}"), reader);
        }
    }
    for service in env.services.values() {
        let path = format!("services.{}", service.name);
        for (name, text) in &service.environment {
            outputs(env, text, &format!("{path}.environment.{name}"), reader);
        }
        let tasks = [("before-deploy", &service.before_deploy), ("after-deploy", &service.after_deploy)];
        let tasks = tasks.into_iter().filter_map(|(key, task)| task.as_ref().map(|task| (key, &task.command)));
        for (index, text) in service.command.iter().flatten().enumerate() {
            outputs(env, text, &format!("{path}.command.{index}"), reader);
        }
        for (key, command) in tasks {
            for (index, text) in command.iter().enumerate() {
                outputs(env, text, &format!("{path}.{key}.command.{index}"), reader);
            }
        }
        for (sidecar, keys) in &service.sidecars {
            for (name, text) in &keys.environment {
                outputs(env, text, &format!("{path}.sidecars.{sidecar}.environment.{name}"), reader);
            }
            for (index, text) in keys.command.iter().flatten().enumerate() {
                outputs(env, text, &format!("{path}.sidecars.{sidecar}.command.{index}"), reader);
            }
        }
    }
    round(env, reader);
}

fn members<'a>(body: &'a Json, key: &str) -> impl Iterator<Item = (&'a str, &'a Json)> {
    body.get(key).and_then(Json::as_object).into_iter().flatten().map(|(name, value)| (name.as_str(), value))
}

/// Outputs of the user's own templates are known; those of ours are not yet, here.
fn outputs(env: &Environment, text: &Text, path: &str, reader: &mut Reader<'_>) {
    for part in &text.0 {
        let Part::Output { stack, output } = part else { continue };
        let Some(own) = env.extra_stacks.get(stack) else { continue };
        // A macro or module may add outputs that the file does not show.
        if own.body.get("Transform").is_some() || members(&own.body, "Outputs").any(|(name, _)| name == output) {
            continue;
        }
        let names: Vec<&str> = members(&own.body, "Outputs").map(|(name, _)| name).collect();
        let help = match nearest(output, names.iter().copied()) {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("its outputs are {}", listed(&names)),
        };
        reader.refuse(path, format!("`{}` has no output `{output}`", own.template), help);
    }
}

/// Stacks whose parameters come from each other's outputs.
fn round(env: &Environment, reader: &mut Reader<'_>) {
    let needs: BTreeMap<&str, Vec<String>> = env
        .extra_stacks
        .iter()
        .map(|(name, stack)| {
            let used = stack.parameters.values().flat_map(Text::stacks);
            (name.as_str(), used.map(str::to_owned).collect::<BTreeSet<_>>().into_iter().collect())
        })
        .collect();
    let edges = needs.iter().map(|(name, needs)| (*name, needs.as_slice())).collect();
    for circle in circles(&edges) {
        let path = format!("extra-stacks.{}.parameters", circle[0]);
        reader.error(&path, format!("the stacks go in a circle: {}", circle.join(" → ")), None);
    }
}
