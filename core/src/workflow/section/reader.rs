//! Reads the merged tree into the sections' types; collects every error and goes on.

use std::collections::{BTreeMap, BTreeSet};

use super::shape::{Need, Shape};
use crate::text::{Span, nearest};
use crate::workflow::interpolate::Names;
use crate::workflow::merge::Spans;
use crate::workflow::parse::join;
use crate::workflow::problems::Problem;
use crate::workflow::tree::{Kind, Node};

/// A type that can be read from the file.
pub(in crate::workflow) trait Read: Sized {
    /// The value, or nothing after an error was noted.
    fn read(node: &Node, path: &str, reader: &mut Reader<'_>) -> Option<Self>;

    /// What may be written.
    fn shape() -> Shape;
}

/// A key's value: one that must be there, or one that may.
pub(in crate::workflow) trait Field: Sized {
    fn field(node: Option<&Node>, path: &str, default: Option<&'static str>, reader: &mut Reader<'_>) -> Option<Self>;
    fn need(default: Option<&'static str>) -> Need;
    fn value_shape() -> Shape;
}

impl<T: Read> Field for T {
    fn field(node: Option<&Node>, path: &str, default: Option<&'static str>, reader: &mut Reader<'_>) -> Option<Self> {
        let read = node.map(|node| T::read(node, path, reader));
        match (read, default) {
            (Some(Some(value)), _) => Some(value),
            // After an error the default stands in, so that the rest of the file is checked too.
            (Some(None), Some(default)) => T::read(&literal(default), path, reader),
            (Some(None), None) => None,
            (None, Some(default)) => {
                reader.defaulted(path, default);
                T::read(&literal(default), path, reader)
            }
            (None, None) => {
                let (section, key) = path.rsplit_once('.').unwrap_or(("", path));
                let place = if section.is_empty() { "the file".to_owned() } else { format!("`{section}`") };
                let help = T::shape().example().map(|example| format!("write `{key}: {example}`"));
                reader.error(section, format!("{place} has no `{key}`"), help);
                None
            }
        }
    }

    fn need(default: Option<&'static str>) -> Need {
        default.map_or(Need::Required, Need::Default)
    }

    fn value_shape() -> Shape {
        T::shape()
    }
}

impl<T: Read> Field for Option<T> {
    fn field(node: Option<&Node>, path: &str, _: Option<&'static str>, reader: &mut Reader<'_>) -> Option<Self> {
        Some(node.and_then(|node| T::read(node, path, reader)))
    }

    fn need(_: Option<&'static str>) -> Need {
        Need::Optional
    }

    fn value_shape() -> Shape {
        T::shape()
    }
}

/// A default, written in a declaration as in the file.
pub(super) fn literal(text: &str) -> Node {
    Node::bare(match text {
        "{}" => Kind::Map(Vec::new()),
        "[]" => Kind::List(Vec::new()),
        "true" => Kind::Bool(true),
        "false" => Kind::Bool(false),
        text if text.bytes().all(|b| b.is_ascii_digit()) => Kind::Number(text.to_owned()),
        text => Kind::Text(text.to_owned()),
    })
}

/// What reading and checking one environment needs to know and to note.
pub(in crate::workflow) struct Reader<'a> {
    /// The values of `${…}`.
    pub names: &'a Names,
    /// Where each key stands.
    pub spans: &'a Spans,
    /// The errors so far.
    pub problems: Vec<Problem>,
    /// The paths that have errors.
    broken: BTreeSet<String>,
    /// The warnings so far.
    pub warnings: Vec<Problem>,
    /// What the file left out, with the value it then has.
    pub defaults: BTreeMap<String, String>,
}

impl<'a> Reader<'a> {
    /// A reader to which these problems are known.
    pub fn new(names: &'a Names, spans: &'a Spans, problems: Vec<Problem>) -> Self {
        let broken = problems.iter().map(|problem| problem.path.clone()).collect();
        Self { names, spans, problems, broken, warnings: Vec::new(), defaults: BTreeMap::new() }
    }

    fn note(&mut self, problem: Problem) {
        self.broken.insert(problem.path.clone());
        self.problems.push(problem);
    }

    /// Notes an error about the key with this path; it stands at that key, or at the nearest above it.
    pub fn error(&mut self, path: &str, message: impl Into<String>, help: Option<String>) {
        let span = self.find(path);
        self.note(Problem { span, path: path.to_owned(), message: message.into(), help });
    }

    /// Notes an error about a name: it stands at the key, not at its value.
    pub fn refuse_name(&mut self, path: &str, message: impl Into<String>, help: impl Into<String>) {
        let span = self.spans.keys.get(path).copied().or_else(|| self.find(path));
        let (message, help) = (message.into(), Some(help.into()));
        self.note(Problem { span, path: path.to_owned(), message, help });
    }

    /// Notes an error with a hint.
    pub fn refuse(&mut self, path: &str, message: impl Into<String>, help: impl Into<String>) {
        self.error(path, message, Some(help.into()));
    }

    /// Notes an error at this very value.
    pub fn error_at(&mut self, node: &Node, path: &str, message: impl Into<String>, help: Option<String>) {
        // A container's own place is its first entry's; its key says more.
        let span = match node.kind {
            Kind::List(_) | Kind::Map(_) => self.find(path).or(Some(node.span)),
            _ => Some(node.span),
        };
        self.note(Problem { span, path: path.to_owned(), message: message.into(), help });
    }

    /// Notes a warning.
    pub fn warn(&mut self, path: &str, message: impl Into<String>, help: impl Into<String>) {
        let span = self.find(path);
        self.warnings.push(Problem { span, path: path.to_owned(), message: message.into(), help: Some(help.into()) });
    }

    /// Notes a warning about a name.
    pub fn warn_name(&mut self, path: &str, message: impl Into<String>, help: impl Into<String>) {
        let span = self.spans.keys.get(path).copied().or_else(|| self.find(path));
        self.warnings.push(Problem { span, path: path.to_owned(), message: message.into(), help: Some(help.into()) });
    }

    /// Notes that the file left this key out.
    pub fn defaulted(&mut self, path: &str, value: impl Into<String>) {
        let value = value.into();
        if value != "{}" && value != "[]" {
            self.defaults.insert(path.to_owned(), value);
        }
    }

    /// Whether there is no error about this key, above it or beneath it: only then is more said about it.
    pub fn clean(&self, path: &str) -> bool {
        let beneath = format!("{path}.");
        let mut above = Some(path);
        while let Some(at) = above {
            if self.broken.contains(at) {
                return false;
            }
            above = at.rsplit_once('.').map(|(outer, _)| outer);
        }
        self.broken.range(beneath.clone()..).next().is_none_or(|next| !next.starts_with(&beneath))
    }

    /// Whether the file has this key.
    pub fn has(&self, path: &str) -> bool {
        self.spans.values.contains_key(path)
    }

    fn find(&self, path: &str) -> Option<Span> {
        let mut path = path;
        loop {
            if let Some(span) = self.spans.values.get(path) {
                return Some(*span);
            }
            path = path.rsplit_once('.')?.0;
        }
    }

    /// A value of another kind than was expected.
    pub fn expected(&mut self, node: &Node, path: &str, what: &str, help: Option<String>) {
        self.error_at(node, path, format!("`{path}` must be {what}, found {}", node.found()), help);
    }

    /// Refuses what is no map, and keys that the section does not have.
    pub fn section(&mut self, node: &Node, path: &str, fields: &[&str]) -> Option<()> {
        let Kind::Map(entries) = &node.kind else {
            self.expected(node, path, "a map", None);
            return None;
        };
        let names: Vec<String> = fields.iter().map(|field| field.replace('_', "-")).collect();
        for entry in entries {
            if entry.key == "<<" || names.contains(&entry.key) {
                continue;
            }
            let message = match path {
                "" => format!("unknown key `{}`", entry.key),
                path => format!("unknown key `{}` in {path}", entry.key),
            };
            let help = match nearest(&entry.key, names.iter().map(String::as_str)) {
                Some(near) => format!("did you mean `{near}`?"),
                None if names.len() <= 12 => format!("the keys here are {}", listed(&names)),
                None => format!("`runner explain {}` lists the keys", if path.is_empty() { "file" } else { path }),
            };
            self.note(Problem { span: Some(entry.key_span), path: join(path, &entry.key), message, help: Some(help) });
        }
        Some(())
    }

    /// One key of a section.
    pub fn field<T: Field>(
        &mut self,
        node: &Node,
        path: &str,
        field: &str,
        default: Option<&'static str>,
    ) -> Option<T> {
        let key = field.replace('_', "-");
        T::field(node.get(&key), &join(path, &key), default, self)
    }
}

/// `a`, `b` and `c`.
pub(in crate::workflow) fn listed<T: std::fmt::Display>(items: &[T]) -> String {
    let quoted: Vec<String> = items.iter().map(|item| format!("`{item}`")).collect();
    match quoted.as_slice() {
        [] => "none".to_owned(),
        [one] => one.clone(),
        [rest @ .., last] => format!("{} and {last}", rest.join(", ")),
    }
}
