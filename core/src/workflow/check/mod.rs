//! What one key alone cannot show: what must fit together, in an environment and between environments.

mod across;
mod graph;
mod names;
mod network;
mod parts;
mod rollout;
mod routing;
mod service;
mod size;
mod stacks;
mod statements;
mod test_listener;
mod variables;

pub(super) use across::across;
pub use names::STAGES;
pub use size::least_size;
pub use variables::{reserved as reserved_variable, sounds_secret as secret_by_name};

use super::Environment;
use super::parse::{join, problem};
use super::problems::Problem;
use super::section::Reader;
use super::tree::{Kind, Node};
use crate::text::Span;

/// Checks an environment, and decides what depends on all services together. `environments` are the names of all.
pub(super) fn environment(environment: &mut Environment, environments: &[String], reader: &mut Reader<'_>) {
    routing::default_route(environment);
    let env = &*environment;
    names::check(env, reader);
    network::check(env, reader);
    parts::check(env, reader);
    for service in env.services.values() {
        size::check(service, reader);
        service::check(env, service, reader);
        rollout::check(service, reader);
        variables::check(env, service, reader);
        statements::check(service, reader);
    }
    test_listener::check(env, reader);
    routing::check(env, reader);
    graph::check(env, environments, reader);
    stacks::check(env, reader);
}

/// `{{resolve:…}}` in any text: CloudFormation would put the value of any secret or parameter there.
/// <https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/dynamic-references.html>
pub(super) fn dynamic_references(node: &Node, path: &str, problems: &mut Vec<Problem>) {
    let refuse = |span: Span, path: &str, problems: &mut Vec<Problem>| {
        let help = "name a secret under `secrets` instead";
        let message = "`{{resolve:` is not allowed: CloudFormation would put a secret's value here".to_owned();
        problems.push(problem(Some(span), path, message, Some(help.to_owned())));
    };
    // Also with spaces inside, and with an escape (`$${`) or name that would leave the braces: what stands between
    // `{{` and `resolve` is looked through.
    let holds = |text: &str| {
        let text: String = text.chars().filter(|c| !c.is_whitespace()).collect();
        text.to_ascii_lowercase().contains("{{resolve")
    };
    match &node.kind {
        Kind::Text(text) if holds(text) => refuse(node.span, path, problems),
        Kind::List(items) => {
            for (index, item) in items.iter().enumerate() {
                dynamic_references(item, &join(path, &index.to_string()), problems);
            }
        }
        Kind::Map(entries) => {
            for entry in entries {
                if holds(&entry.key) {
                    refuse(entry.key_span, path, problems);
                }
                dynamic_references(&entry.value, &join(path, &entry.key), problems);
            }
        }
        _ => {}
    }
}
