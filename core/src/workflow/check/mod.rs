//! What one key alone cannot show: what must fit together, in an environment and between environments.

use super::Environment;
use super::load::Workflow;
use super::parse::{join, problem};
use super::problems::Problem;
use super::section::Reader;
use super::tree::{Kind, Node};
use crate::text::Span;

/// Checks an environment, and decides what depends on all services together.
pub(super) fn environment(environment: &mut Environment, _: &Workflow, _: &mut Reader<'_>) {
    default_route(environment);
}

/// If exactly one service has a port and none a host, it is what the load balancer shows.
fn default_route(environment: &mut Environment) {
    if environment.services.values().any(|service| service.host.is_some()) {
        return;
    }
    let mut with_port =
        environment.services.values_mut().filter(|service| service.port.is_some() && service.schedule.is_none());
    if let (Some(only), None) = (with_port.next(), with_port.next()) {
        only.default_route = true;
    }
}

/// Checks environments against each other.
pub(super) fn across(_: &[Environment], _: &[(String, Span, Node)], _: &mut Vec<Problem>) {}

/// `{{resolve:…}}` in any text: CloudFormation would put the value of any secret or parameter there.
/// <https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/dynamic-references.html>
pub(super) fn dynamic_references(node: &Node, path: &str, problems: &mut Vec<Problem>) {
    let refuse = |span: Span, path: &str, problems: &mut Vec<Problem>| {
        let help = "name a secret under `secrets` instead";
        let message = "`{{resolve:` is not allowed: CloudFormation would put a secret's value here".to_owned();
        problems.push(problem(Some(span), path, message, Some(help.to_owned())));
    };
    match &node.kind {
        Kind::Text(text) if text.to_ascii_lowercase().replace(char::is_whitespace, "").contains("{{resolve:") => {
            refuse(node.span, path, problems);
        }
        Kind::List(items) => {
            for (index, item) in items.iter().enumerate() {
                dynamic_references(item, &join(path, &index.to_string()), problems);
            }
        }
        Kind::Map(entries) => {
            for entry in entries {
                if entry.key.to_ascii_lowercase().contains("{{resolve:") {
                    refuse(entry.key_span, path, problems);
                }
                dynamic_references(&entry.value, &join(path, &entry.key), problems);
            }
        }
        _ => {}
    }
}
