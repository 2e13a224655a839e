//! An environment over the base: maps merge, lists and scalars replace, null takes away; then `from`.

use std::collections::BTreeMap;

use super::parse::join;
use super::problems::Problem;
use super::section::listed;
use super::tree::{Entry, Kind, Node};
use crate::text::{Span, nearest};

/// Keys of a service of which there is exactly one.
pub(super) const SOURCES: [&str; 4] = ["build", "image", "from", "task-definition"];

/// What `from` takes of the other service, beside its image.
const TAKEN: [&str; 4] = ["environment", "secrets", "sidecars", "platform"];

/// `over` merged over `base`, `from` not yet followed.
pub(super) fn merge(base: &Node, over: &Node) -> Node {
    without_nulls(&merge_at(base, over, ""))
}

/// An environment over the base, with `from` followed.
pub(super) fn environment(base: &Node, over: &Node, problems: &mut Vec<Problem>) -> Node {
    // A null that takes away what `from` brings must live until then.
    let mut tree = merge_at(base, over, "");
    take_from(&mut tree, problems);
    without_nulls(&tree)
}

fn merge_at(base: &Node, over: &Node, path: &str) -> Node {
    let (Kind::Map(base_entries), Kind::Map(over_entries)) = (&base.kind, &over.kind) else {
        return over.clone();
    };
    let in_service = path.strip_prefix("services.").is_some_and(|name| !name.contains('.'));
    let is_source = |entry: &Entry| SOURCES.contains(&entry.key.as_str());
    let has_source = in_service && over_entries.iter().any(|entry| is_source(entry) && entry.value.kind != Kind::Null);
    let mut entries: Vec<Entry> = Vec::new();
    for entry in base_entries {
        match over_entries.iter().find(|other| other.key == entry.key) {
            None if has_source && is_source(entry) => {}
            None => entries.push(entry.clone()),
            Some(other) => {
                let value = merge_at(&entry.value, &other.value, &join(path, &entry.key));
                entries.push(Entry { value, ..other.clone() });
            }
        }
    }
    let new = over_entries.iter().filter(|entry| !base_entries.iter().any(|other| other.key == entry.key));
    entries.extend(new.cloned());
    Node { kind: Kind::Map(entries), span: over.span, tag: over.tag.clone() }
}

fn without_nulls(node: &Node) -> Node {
    match &node.kind {
        Kind::Map(entries) => {
            let kept = entries.iter().filter(|entry| entry.value.kind != Kind::Null);
            let entries = kept.map(|entry| Entry { value: without_nulls(&entry.value), ..entry.clone() }).collect();
            Node { kind: Kind::Map(entries), ..node.clone() }
        }
        _ => node.clone(),
    }
}

/// Writes the short forms of `build` and `health-check` out, so that a long form in an environment merges with a short
/// one in the base.
pub(super) fn expand(node: &mut Node) {
    let Kind::Map(entries) = &mut node.kind else { return };
    for services in entries.iter_mut().filter(|entry| entry.key == "services") {
        let Kind::Map(services) = &mut services.value.kind else { continue };
        for service in services {
            let Kind::Map(keys) = &mut service.value.kind else { continue };
            for entry in keys {
                let long = match entry.key.as_str() {
                    "build" => "context",
                    "health-check" => "path",
                    _ => continue,
                };
                if entry.value.text().is_some() {
                    let value = entry.value.clone();
                    let inner = Entry { key: long.to_owned(), key_span: value.span, value };
                    let span = inner.key_span;
                    entry.value = Node { kind: Kind::Map(vec![inner]), span, tag: None };
                }
            }
        }
    }
}

/// Keys without a value: in the base they say nothing, and are more likely a slip than a wish.
pub(super) fn nulls(node: &Node, path: &str, problems: &mut Vec<Problem>) {
    // There a null takes away what `from` brings.
    let from = path.starts_with("services.") && node.get("from").is_some();
    for entry in node.entries() {
        let path = join(path, &entry.key);
        if path == "environments" || (from && TAKEN.contains(&entry.key.as_str())) {
            continue;
        }
        if entry.value.kind == Kind::Null {
            problems.push(Problem {
                span: Some(entry.key_span),
                path: path.clone(),
                message: format!("`{path}` has no value"),
                help: Some("give it one, or leave the key out".to_owned()),
            });
        }
        nulls(&entry.value, &path, problems);
    }
}

/// Gives every service with `from` what it takes of the other. Unknown names and circles are noted, and such a service
/// is left as it is.
fn take_from(tree: &mut Node, problems: &mut Vec<Problem>) {
    let Some(services) = tree.get("services").cloned() else { return };
    let Kind::Map(entries) = &mut tree.kind else { return };
    for entry in entries.iter_mut().filter(|entry| entry.key == "services") {
        let Kind::Map(own) = &mut entry.value.kind else { continue };
        for service in own {
            if let Some(resolved) = resolve(&services, &service.key, &mut Vec::new(), problems) {
                service.value = resolved;
            }
        }
    }
}

/// The service with everything it takes; `from` then names the service at the end of the chain, whose image it is.
fn resolve(services: &Node, name: &str, seen: &mut Vec<String>, problems: &mut Vec<Problem>) -> Option<Node> {
    let service = services.get(name)?;
    let Some(from) = service.get("from") else { return Some(service.clone()) };
    let Some(source) = from.text() else { return Some(service.clone()) };
    let path = format!("services.{name}.from");
    let mut refuse = |message: String, help: Option<String>| {
        problems.push(Problem { span: Some(from.span), path: path.clone(), message, help });
    };
    seen.push(name.to_owned());
    if seen.iter().any(|before| before == source) {
        seen.push(source.to_owned());
        refuse(format!("`from` goes in a circle: {}", seen.join(" → ")), None);
        return None;
    }
    let Some(other) = services.get(source) else {
        let names: Vec<&str> = services.entries().iter().map(|entry| entry.key.as_str()).collect();
        let help = match nearest(source, names.iter().copied()) {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("the services are {}", listed(&names)),
        };
        refuse(format!("`{path}`: there is no service `{source}`"), Some(help));
        return None;
    };
    if other.get("task-definition").is_some() {
        refuse(
            format!("`{path}`: `{source}` has a task definition of its own, from which nothing can be taken"),
            Some("give this service `build`, `image` or `task-definition`".to_owned()),
        );
        return None;
    }
    let other = without_nulls(&resolve(services, source, seen, problems)?);
    let mut taken: Vec<Entry> =
        other.entries().iter().filter(|entry| TAKEN.contains(&entry.key.as_str())).cloned().collect();
    if let Some(root) = other.entries().iter().find(|entry| entry.key == "from") {
        taken.push(root.clone());
    }
    let mut own = service.clone();
    if let (Kind::Map(own), true) = (&mut own.kind, taken.iter().any(|entry| entry.key == "from")) {
        own.retain(|entry| entry.key != "from");
    }
    let base = Node { kind: Kind::Map(taken), span: service.span, tag: None };
    Some(merge_at(&base, &own, ""))
}

/// Where each key stands.
#[derive(Debug, Default)]
pub(super) struct Spans {
    /// A scalar's value, the key of a map or list.
    pub values: BTreeMap<String, Span>,
    /// The key itself.
    pub keys: BTreeMap<String, Span>,
}

impl Spans {
    /// Of every key in the tree.
    pub(super) fn of(node: &Node) -> Self {
        let mut spans = Self::default();
        spans.collect(node, "");
        spans
    }

    fn collect(&mut self, node: &Node, path: &str) {
        match &node.kind {
            Kind::Map(entries) => {
                for entry in entries {
                    let path = join(path, &entry.key);
                    let span = match entry.value.kind {
                        Kind::Map(_) | Kind::List(_) => entry.key_span,
                        _ => entry.value.span,
                    };
                    self.values.entry(path.clone()).or_insert(span);
                    self.keys.entry(path.clone()).or_insert(entry.key_span);
                    self.collect(&entry.value, &path);
                }
            }
            Kind::List(items) => {
                for (index, item) in items.iter().enumerate() {
                    let path = join(path, &index.to_string());
                    self.values.insert(path.clone(), item.span);
                    self.collect(item, &path);
                }
            }
            _ => {}
        }
    }
}
