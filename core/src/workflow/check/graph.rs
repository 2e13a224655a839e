//! Names that point at nothing, and circles.

use std::collections::BTreeMap;

use super::names::STAGES;
use crate::text::nearest;
use crate::workflow::Environment;
use crate::workflow::section::{Reader, ServiceKeys, listed};

pub(super) fn check(env: &Environment, environments: &[String], reader: &mut Reader<'_>) {
    // A service that could not be read is there even so.
    let mut services: Vec<&str> = env.services.keys().map(String::as_str).collect();
    let spans = reader.spans;
    services.extend(
        spans.values.keys().filter_map(|path| path.strip_prefix("services.")).filter(|name| !name.contains('.')),
    );
    services.sort_unstable();
    services.dedup();
    for service in env.services.values() {
        for (key, names) in [("depends-on", &service.depends_on), ("allow-from", &service.allow_from)] {
            for (index, name) in names.iter().enumerate() {
                let path = ServiceKeys::path(&service.name, &format!("{key}.{index}"));
                known(name, &services, "service", &path, reader);
                if *name == service.name && key == "allow-from" {
                    reader.error(&path, format!("`{name}` names itself"), Some("take it away".to_owned()));
                }
            }
        }
    }
    if let Some(cdn) = &env.cdn {
        known(&cdn.service, &services, "service", "cdn.service", reader);
    }
    let edges = env.services.values().map(|service| (service.name.as_str(), service.depends_on.as_slice())).collect();
    for circle in circles(&edges) {
        let path = ServiceKeys::path(&circle[0], "depends-on");
        reader.error(&path, format!("`depends-on` goes in a circle: {}", circle.join(" → ")), None);
    }
    stages(env, environments, reader);
}

fn stages(env: &Environment, environments: &[String], reader: &mut Reader<'_>) {
    // bootstrap-identity is not part of a run.
    let mut stages: Vec<&str> = STAGES.into_iter().filter(|stage| *stage != "bootstrap-identity").collect();
    stages.push("extra-stacks");
    stages.extend(env.stages.keys().map(String::as_str));
    stages.extend(env.extra_stacks.keys().map(String::as_str));
    let environments: Vec<&str> = environments.iter().map(String::as_str).collect();
    for (name, stage) in &env.stages {
        for (index, need) in stage.needs.iter().enumerate() {
            known(need, &stages, "stage", &format!("stages.{name}.needs.{index}"), reader);
        }
        for (index, only) in stage.only.iter().enumerate() {
            known(only, &environments, "environment", &format!("stages.{name}.only.{index}"), reader);
        }
    }
    let edges = env.stages.iter().map(|(name, stage)| (name.as_str(), stage.needs.as_slice())).collect();
    for circle in circles(&edges) {
        let path = format!("stages.{}.needs", circle[0]);
        reader.error(&path, format!("`needs` goes in a circle: {}", circle.join(" → ")), None);
    }
}

fn known(name: &str, names: &[&str], what: &str, path: &str, reader: &mut Reader<'_>) {
    if names.contains(&name) {
        return;
    }
    let help = match nearest(name, names.iter().copied()) {
        _ if name == "bootstrap-identity" => {
            "an administrator runs it once an account; it is no part of a run".to_owned()
        }
        Some(near) => format!("did you mean `{near}`?"),
        None => format!("known are {}", listed(names)),
    };
    reader.refuse(path, format!("there is no {what} `{name}`"), help);
}

/// The circles of a graph, each once, beginning at its first name: `a → b → a`.
pub(super) fn circles(edges: &BTreeMap<&str, &[String]>) -> Vec<Vec<String>> {
    let mut found = Vec::new();
    for start in edges.keys() {
        // The shortest way back to the start over names that are not before it: each circle has one first name.
        let mut before: BTreeMap<&str, &str> = BTreeMap::new();
        let mut queue = std::collections::VecDeque::from([*start]);
        while let Some(at) = queue.pop_front() {
            for next in edges.get(at).copied().unwrap_or_default() {
                if next == start {
                    let mut circle = vec![(*start).to_owned()];
                    let mut step = at;
                    while step != *start {
                        circle.push(step.to_owned());
                        step = before[step];
                    }
                    circle.push((*start).to_owned());
                    circle.reverse();
                    found.push(circle);
                    queue.clear();
                    break;
                }
                let next = next.as_str();
                if next > *start && edges.contains_key(next) && !before.contains_key(next) {
                    before.insert(next, at);
                    queue.push_back(next);
                }
            }
        }
    }
    found
}
