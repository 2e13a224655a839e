//! Environments against each other.

use std::collections::BTreeMap;

use crate::text::Span;
use crate::workflow::Environment;
use crate::workflow::parse::problem;
use crate::workflow::problems::Problem;
use crate::workflow::tree::Node;

/// Checks environments against each other.
pub(in crate::workflow) fn across(
    environments: &[Environment],
    all: &[(String, Span, Node)],
    problems: &mut Vec<Problem>,
) {
    let place = |name: &str| all.iter().find(|(known, ..)| known == name).map(|(_, span, _)| *span);
    for (name, span, _) in all {
        // The roles of an environment may touch `<app>-<environment>-*`, so one name must not begin the other.
        if let Some((shorter, ..)) =
            all.iter().find(|(other, ..)| name.strip_prefix(other.as_str()).is_some_and(|rest| rest.starts_with('-')))
        {
            let message = format!("environment `{name}` begins with the name of environment `{shorter}`");
            let help = format!(
                "the roles of `{shorter}` could touch its stacks; take a name like `{}`",
                name.replace('-', "")
            );
            problems.push(problem(Some(*span), &format!("environments.{name}"), message, Some(help)));
        }
    }
    let mut hosts: BTreeMap<&str, &str> = BTreeMap::new();
    for environment in environments {
        for service in environment.routed() {
            for host in service.host.iter().chain(&service.redirect_from) {
                match hosts.insert(host, &environment.name) {
                    Some(other) if other != environment.name => {
                        let message = format!("`{host}` is a host of `{other}` and of `{}`", environment.name);
                        let help =
                            "let each environment have a `domain` of its own, and write `host: \"api.${domain}\"`";
                        let path = format!("environments.{}", environment.name);
                        problems.push(problem(place(&environment.name), &path, message, Some(help.to_owned())));
                    }
                    _ => {}
                }
            }
        }
    }
}
