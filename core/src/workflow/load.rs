//! From bytes to `Environment`: load, merge, interpolate, read, check.

use std::collections::BTreeMap;

use super::interpolate::{Names, Piece, pieces};
use super::lower::lower;
use super::merge::{self, Spans, expand, merge, nulls};
use super::parse::{self, join, problem};
use super::problems::{Problem, Problems, Warning};
use super::section::{EnvironmentName, FileKeys, Read, Reader};
use super::tree::{Kind, Node};
use super::{Environment, ImageSource, Origins, Sibling, check};
use crate::text::{Span, nearest};

/// The stacks that every environment may have; a service's is `service-NAME`.
pub(super) const STACKS: [&str; 13] = [
    "oidc-provider",
    "identity",
    "registry",
    "network",
    "certificate",
    "cluster",
    "database",
    "edge",
    "test-listener",
    "cdn",
    "dns",
    "monitoring",
    "backup",
];

/// What is known beside the file.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Given {
    /// `${git.sha}`: the commit that is deployed.
    pub git_sha: Option<String>,
}

/// Reads the files that the workflow file names. Paths are relative to the workspace and have no `..`; whoever
/// implements it must also refuse links that lead out of it.
pub trait Files {
    /// The file's content, or why it cannot be read.
    fn read(&self, path: &str) -> Result<Vec<u8>, String>;
}

/// No files at all.
impl Files for () {
    fn read(&self, _: &str) -> Result<Vec<u8>, String> {
        Err("there is no such file".to_owned())
    }
}

/// Files in memory, by path.
impl Files for BTreeMap<String, Vec<u8>> {
    fn read(&self, path: &str) -> Result<Vec<u8>, String> {
        self.get(path).cloned().ok_or_else(|| "there is no such file".to_owned())
    }
}

/// A workflow file that could be read as YAML. What else is wrong with it is said by [`Workflow::check`] and
/// [`Workflow::environment`].
#[derive(Debug, Clone)]
pub struct Workflow {
    file: String,
    source: String,
    base: Node,
    environments: Vec<(String, Span, Node)>,
    /// What is wrong with the file as a whole.
    problems: Vec<Problem>,
}

/// Reads a workflow file; `file` is its name as the user gave it.
///
/// # Errors
/// What keeps it from being read as YAML with a map at the top.
pub fn load(file: &str, bytes: &[u8]) -> Result<Workflow, Problems> {
    let parsed = parse::workflow(bytes);
    let fail = |problems| Problems::new(file, &parsed.source, problems, Vec::new());
    let Some(mut tree) = parsed.tree else { return Err(fail(parsed.problems)) };
    let mut problems = parsed.problems;
    if !matches!(tree.kind, Kind::Map(_)) {
        let message = format!("the file must be a map, found {}", tree.found());
        let help = "write `app`, `region`, `environments` and `services`".to_owned();
        problems.push(problem(Some(tree.span), "", message, Some(help)));
        return Err(Problems::new(file, &parsed.source, problems, Vec::new()));
    }
    check::dynamic_references(&tree, "", &mut problems);
    nulls(&tree, "", &mut problems);
    expand(&mut tree);
    let environments = environments(&mut tree, &mut problems);
    Ok(Workflow { file: file.to_owned(), source: parsed.source, base: tree, environments, problems })
}

/// Takes `environments` out of the tree.
fn environments(tree: &mut Node, problems: &mut Vec<Problem>) -> Vec<(String, Span, Node)> {
    let mut found = Vec::new();
    let Kind::Map(entries) = &mut tree.kind else { return found };
    let Some(at) = entries.iter().position(|entry| entry.key == "environments") else {
        let help = Some("write `environments: { staging: {} }`".to_owned());
        problems.push(problem(None, "environments", "the file has no `environments`".to_owned(), help));
        return found;
    };
    let section = entries.remove(at);
    let refuse =
        |span, path: &str, message: String, help: &str| problem(Some(span), path, message, Some(help.to_owned()));
    match section.value.kind {
        Kind::Map(entries) if !entries.is_empty() => {
            for entry in entries {
                let path = join("environments", &entry.key);
                let mut over = entry.value;
                match over.kind {
                    Kind::Map(_) => expand(&mut over),
                    Kind::Null => over.kind = Kind::Map(Vec::new()),
                    _ => {
                        let message = format!("`{path}` must be a map, found {}", over.found());
                        problems.push(problem(Some(over.span), &path, message, None));
                        continue;
                    }
                }
                for fixed in over.entries().iter().filter(|entry| matches!(entry.key.as_str(), "app" | "environments"))
                {
                    let message = format!("`{}` cannot differ between environments", fixed.key);
                    problems.push(refuse(
                        fixed.key_span,
                        &join(&path, &fixed.key),
                        message,
                        "write it at the top of the file",
                    ));
                }
                if let Kind::Map(keys) = &mut over.kind {
                    keys.retain(|entry| !matches!(entry.key.as_str(), "app" | "environments"));
                }
                found.push((entry.key, entry.key_span, over));
            }
        }
        Kind::Map(_) | Kind::Null => {
            let message = "`environments` names none".to_owned();
            problems.push(refuse(section.key_span, "environments", message, "write `environments: { staging: {} }`"));
        }
        _ => {
            let message = format!("`environments` must be a map, found {}", section.value.found());
            problems.push(problem(Some(section.key_span), "environments", message, None));
        }
    }
    found
}

/// One environment with all that was noted on the way.
pub(super) struct Outcome {
    pub environment: Option<Environment>,
    pub problems: Vec<Problem>,
    pub warnings: Vec<Warning>,
}

impl Workflow {
    /// The file as the user named it.
    pub fn file(&self) -> &str {
        &self.file
    }

    /// The environments, in the order of the file.
    pub fn names(&self) -> Vec<&str> {
        self.environments.iter().map(|(name, ..)| name.as_str()).collect()
    }

    /// One environment.
    ///
    /// # Errors
    /// Everything that is wrong with it, and with the file as a whole.
    pub fn environment(
        &self,
        name: &str,
        given: &Given,
        files: &dyn Files,
    ) -> Result<(Environment, Vec<Warning>), Problems> {
        let Some((_, span, over)) = self.environments.iter().find(|(known, ..)| known == name) else {
            let mut problems = self.problems.clone();
            let names = self.names();
            let help = match nearest(name, names.iter().copied()) {
                Some(near) => format!("did you mean `{near}`?"),
                None if names.is_empty() => "write `environments: { staging: {} }`".to_owned(),
                None => format!("the file has {}", super::section::listed(&names)),
            };
            if !names.is_empty() || problems.is_empty() {
                let message = format!("there is no environment `{name}`");
                problems.push(problem(None, "environments", message, Some(help)));
            }
            return Err(self.problems_of(problems, Vec::new()));
        };
        let outcome = self.read(name, Some(*span), over, given, files);
        let mut problems = outcome.problems;
        problems.extend(self.problems.iter().cloned());
        let mut siblings = BTreeMap::new();
        for (other, span, over) in self.environments.iter().filter(|(other, ..)| other != name) {
            // A file that is wrong in one environment is wrong: what environments share is made from all of them.
            let outcome = self.read(other, Some(*span), over, given, files);
            problems.extend(outcome.problems);
            if let Some(sibling) = outcome.environment {
                let pushed = sibling.pushed().map(|service| service.name.clone()).collect();
                siblings.insert(other.clone(), Sibling { protected: sibling.protected, pushed });
            }
        }
        match outcome.environment {
            Some(mut environment) if problems.is_empty() => {
                environment.siblings = siblings;
                Ok((environment, self.problems_of(Vec::new(), outcome.warnings).warnings))
            }
            _ => Err(self.problems_of(problems, outcome.warnings)),
        }
    }

    /// Everything that is wrong in any environment, each error once, and every warning.
    pub fn check(&self, given: &Given, files: &dyn Files) -> Problems {
        let mut problems = self.problems.clone();
        let mut warnings = Vec::new();
        let mut good = Vec::new();
        for (name, span, over) in &self.environments {
            let outcome = self.read(name, Some(*span), over, given, files);
            problems.extend(outcome.problems);
            warnings.extend(outcome.warnings);
            good.extend(outcome.environment);
        }
        if self.environments.is_empty() {
            // So that the rest of the file is checked even so.
            let none = Node::bare(Kind::Map(Vec::new()));
            problems.extend(self.read("staging", None, &none, given, files).problems);
        }
        check::across(&good, &self.environments, &mut problems);
        self.problems_of(problems, warnings)
    }

    /// Problems of this file, shown with its source lines.
    fn problems_of(&self, problems: Vec<Problem>, warnings: Vec<Warning>) -> Problems {
        Problems::new(&self.file, &self.source, problems, warnings)
    }

    fn read(&self, name: &str, at: Option<Span>, over: &Node, given: &Given, files: &dyn Files) -> Outcome {
        let mut problems = Vec::new();
        let tree = merge::environment(&self.base, over, &mut problems);
        let mut spans = Spans::of(&tree);
        if let Some(span) = at {
            spans.values.insert("environments".to_owned(), span);
        }
        let names = names(&tree, name, given);
        let mut reader = Reader::new(&names, &spans, problems);
        let key = Node { kind: Kind::Text(name.to_owned()), ..Node::bare(Kind::Null) };
        if let Some(span) = at {
            EnvironmentName::read(&Node { span, ..key }, &format!("environments.{name}"), &mut reader);
        }
        let keys = FileKeys::read(&tree, "", &mut reader);
        let differs = self.builds_that_differ(given);
        let environment = keys.map(|keys| {
            let mut environment = lower(keys, name, &differs, files, &mut reader);
            check::environment(&mut environment, &self.environment_names(), &mut reader);
            environment
        });
        let Reader { problems, warnings, defaults, .. } = reader;
        let environment = environment.map(|environment| {
            let origins = Origins { file: self.file.clone(), spans: spans.values.clone(), defaults };
            Environment { origins, ..environment }
        });
        Outcome { environment, problems, warnings }
    }

    /// Services whose image differs between environments: by an argument that names what differs, or because an
    /// environment builds it otherwise.
    fn builds_that_differ(&self, given: &Given) -> Vec<String> {
        let mut seen: BTreeMap<String, String> = BTreeMap::new();
        let mut differs = Vec::new();
        for (environment, _, over) in &self.environments {
            let tree = merge(&self.base, over);
            let names = names(&tree, environment, given);
            let Some(services) = tree.get("services") else { continue };
            for service in services.entries() {
                let Some(build) = service.value.get("build") else { continue };
                let mut shown = String::new();
                show(build, &names, &mut shown);
                let before = seen.entry(service.key.clone()).or_insert_with(|| shown.clone());
                if *before != shown || names_environment(build) {
                    differs.push(service.key.clone());
                }
            }
        }
        differs.sort();
        differs.dedup();
        differs
    }

    /// The names of the environments.
    fn environment_names(&self) -> Vec<String> {
        self.environments.iter().map(|(name, ..)| name.clone()).collect()
    }
}

/// What was left out of the file, with the value it has: for `validate -v`.
pub fn defaults(environment: &Environment) -> Vec<(String, String)> {
    environment.origins.defaults.iter().map(|(path, value)| (path.clone(), value.clone())).collect()
}

/// What should be known of an environment though nothing is wrong with it: for `validate`.
pub fn notes(environment: &Environment) -> Vec<String> {
    environment
        .services
        .values()
        .filter(|service| matches!(&service.image, ImageSource::Build(build) if build.per_environment))
        .map(|service| {
            format!(
                "the image of `{}` is built for `{}` alone and cannot be promoted: its build differs between environments",
                service.name, environment.name
            )
        })
        .collect()
}

/// The values of `${…}`. A value that is itself wrong is left out; its own error is said where it stands.
fn names(tree: &Node, environment: &str, given: &Given) -> Names {
    let mut names = Names::default();
    names.values.insert("environment", environment.to_owned());
    for key in ["app", "region", "account"] {
        if let Some(text) = tree.get(key).and_then(Node::text) {
            names.values.insert(key, text.to_owned());
        }
    }
    if let Some(sha) = &given.git_sha {
        names.values.insert("git.sha", sha.clone());
    }
    // `domain` may name the others.
    if let Some(domain) = tree.get("domain").and_then(Node::text) {
        let mut text = String::new();
        for piece in pieces(domain) {
            match piece {
                Piece::Literal(literal) => text.push_str(literal),
                Piece::Name(name) => text.push_str(names.values.get(name).map_or("", String::as_str)),
                Piece::Open => {}
            }
        }
        names.values.insert("domain", text);
    }
    let has = |stack: &str| match stack {
        "certificate" => tree.get("domain").is_some(),
        "database" => tree.get("database").is_some_and(|database| database.get("existing").is_none()),
        "backup" => tree.get("database").is_some_and(|database| database.get("replicate-backups-to").is_some()),
        "cdn" => tree.get("cdn").is_some(),
        _ => true,
    };
    names.stacks = STACKS.iter().filter(|stack| has(stack)).map(|stack| (*stack).to_owned()).collect();
    let of = |key: &str| tree.get(key).map(Node::entries).unwrap_or_default();
    names.stacks.extend(of("services").iter().map(|entry| format!("service-{}", entry.key)));
    names.stacks.extend(of("extra-stacks").iter().map(|entry| entry.key.clone()));
    names
}

fn show(node: &Node, names: &Names, out: &mut String) {
    match &node.kind {
        Kind::Map(entries) => {
            let mut entries: Vec<_> = entries.iter().collect();
            entries.sort_by(|a, b| a.key.cmp(&b.key));
            for entry in entries {
                out.push_str(&format!("{:?}:", entry.key));
                show(&entry.value, names, out);
            }
            out.push('}');
        }
        Kind::List(items) => {
            items.iter().for_each(|item| show(item, names, out));
            out.push(']');
        }
        Kind::Text(text) => {
            for piece in pieces(text) {
                match piece {
                    Piece::Literal(literal) => out.push_str(literal),
                    Piece::Name(name) => out.push_str(names.values.get(name).map_or("", String::as_str)),
                    Piece::Open => {}
                }
            }
            out.push('\u{0}');
        }
        other => out.push_str(&format!("{other:?}")),
    }
}

/// Whether any text in it names what belongs to one environment.
fn names_environment(node: &Node) -> bool {
    match &node.kind {
        Kind::Map(entries) => entries.iter().any(|entry| names_environment(&entry.value)),
        Kind::List(items) => items.iter().any(names_environment),
        Kind::Text(text) => {
            pieces(text).iter().any(|piece| matches!(piece, Piece::Name("environment" | "domain" | "account")))
        }
        _ => false,
    }
}
