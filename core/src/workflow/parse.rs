//! Bytes → tree: encoding, size, YAML's traps. Everything that is wrong with the file as YAML is said here.

use serde_yaml::{Error, Location, Options};

use super::problems::{Problem, byte_range};
use super::tree::{Entry, Kind, Node, Raw, RawKind};
use crate::text::Span;

/// The largest file that is read.
const MAX_BYTES: usize = 1024 * 1024;

/// The file's text and tree. What can be said only one at a time (bad encoding, bad syntax) comes alone; repeated keys
/// and tags are collected.
pub(super) struct Parsed {
    pub source: String,
    pub tree: Option<Node>,
    pub problems: Vec<Problem>,
}

/// Reads a workflow file.
pub(super) fn workflow(bytes: &[u8]) -> Parsed {
    let mut parsed = parse(bytes);
    if let Some(tree) = &parsed.tree {
        refuse(tree, "", &mut parsed.problems);
    }
    parsed
}

/// Reads any YAML; tags are left to the caller.
pub(super) fn parse(bytes: &[u8]) -> Parsed {
    let fail = |source: &str, span, message: String, help: Option<&str>| Parsed {
        source: source.to_owned(),
        tree: None,
        problems: vec![problem(span, "", message, help.map(str::to_owned))],
    };
    if bytes.len() > MAX_BYTES {
        let message = format!("the file has {} bytes; the limit is 1 MiB ({MAX_BYTES})", bytes.len());
        return fail("", None, message, None);
    }
    let source = match std::str::from_utf8(bytes) {
        Ok(source) => source.strip_prefix('\u{FEFF}').unwrap_or(source),
        Err(error) => {
            let at = error.valid_up_to();
            let before = String::from_utf8_lossy(&bytes[..at]);
            let line = before.matches('\n').count() + 1;
            let message = format!("the file is not UTF-8: byte {at} (line {line}) cannot be read");
            return fail("", None, message, Some("save it as UTF-8"));
        }
    };
    if let Some(at) = source.find(|c: char| c.is_control() && !matches!(c, '\n' | '\r' | '\t')) {
        let code = source[at..].chars().next().map_or(0, u32::from);
        let message = format!("the file holds the control character U+{code:04X}");
        return fail(source, Some(span_at(source, at)), message, Some("remove it"));
    }
    if source.lines().all(|line| line.trim().is_empty() || line.trim_start().starts_with('#')) {
        return fail(
            source,
            None,
            "the file is empty".to_owned(),
            Some("write `app`, `region`, `environments` and `services`"),
        );
    }
    match serde_yaml::from_str_with_options::<Raw>(source, options()) {
        Ok(raw) => {
            let mut problems = Vec::new();
            let tree = node(raw, source, &mut problems);
            Parsed { source: source.to_owned(), tree: Some(tree), problems }
        }
        Err(error) => {
            let (message, help) = explain(&error, source);
            let span = error.location().and_then(|at| span(at, source)).map(|span| Span { length: 1, ..span });
            fail(source, span, message, help.as_deref())
        }
    }
}

fn options() -> Options {
    let budget = serde_yaml::budget! {
        max_depth: 32,
        flow_nesting_limit: 32,
        max_nodes: 20_000,
        max_events: 100_000,
        max_aliases: 100,
        max_anchors: 100,
        max_documents: 1,
        max_total_scalar_bytes: MAX_BYTES,
    };
    serde_yaml::options! {
        budget: budget,
        // Repeated keys and merge keys reach us as they are, so that each gets its place and they are all said at once.
        duplicate_keys: serde_yaml::options::DuplicateKeyPolicy::PassThrough,
        merge_keys: serde_yaml::options::MergeKeyPolicy::AsOrdinary,
        strict_booleans: true,
        leading_zero_numbers_as_strings: true,
        underscored_numbers_as_strings: true,
        with_snippet: false,
    }
}

fn node(raw: Raw, source: &str, problems: &mut Vec<Problem>) -> Node {
    let at =
        span(raw.at, source).or_else(|| span(raw.defined, source)).unwrap_or(Span { line: 1, column: 1, length: 1 });
    let kind = match raw.kind {
        RawKind::Null => Kind::Null,
        RawKind::Bool(value) => Kind::Bool(value),
        // As written: 0x1F and 1e3 shall be shown, and be texts, as the user spelt them.
        RawKind::Number(number) => Kind::Number(spelling(raw.defined, source).unwrap_or(number)),
        RawKind::Text(text) => Kind::Text(text),
        RawKind::List(items) => Kind::List(items.into_iter().map(|item| node(item, source, problems)).collect()),
        RawKind::Map(items) => {
            let mut entries = Vec::with_capacity(items.len());
            for (key, value) in items {
                let key_span = span(key.at, source).or_else(|| span(key.defined, source)).unwrap_or(at);
                let key = node(key, source, problems);
                let value = node(value, source, problems);
                let key = match key.kind {
                    Kind::Text(text) | Kind::Number(text) => text,
                    Kind::Bool(value) => value.to_string(),
                    _ => {
                        let message = format!("a key must be a text, found {}", key.found());
                        problems.push(problem(Some(key_span), "", message, None));
                        continue;
                    }
                };
                entries.push(Entry { key, key_span, value });
            }
            Kind::Map(entries)
        }
    };
    Node { kind, span: at, tag: raw.tag }
}

/// Repeated keys, merge keys and tags, anywhere in the tree.
fn refuse(node: &Node, path: &str, problems: &mut Vec<Problem>) {
    if let Some(tag) = node.tag.as_deref().filter(|tag| !tag.starts_with("tag:yaml.org,2002:")) {
        let help = if tag == "!Ref" || tag == "!Sub" || tag == "!GetAtt" {
            "CloudFormation's short forms belong in templates; here write `${stacks.NAME.OUTPUT}`"
        } else {
            "quote the value if the `!` is part of it"
        };
        problems.push(problem(
            Some(node.span),
            path,
            format!("the tag `{tag}` has no meaning here"),
            Some(help.to_owned()),
        ));
    }
    match &node.kind {
        Kind::List(items) => {
            for (index, item) in items.iter().enumerate() {
                refuse(item, &join(path, &index.to_string()), problems);
            }
        }
        Kind::Map(entries) => {
            for (index, entry) in entries.iter().enumerate() {
                let path = join(path, &entry.key);
                if entry.key == "<<" {
                    let help = "say once what is shared, and what differs under `environments`; `from` shares between services";
                    let message = "merge keys (`<<`) are not read".to_owned();
                    problems.push(problem(Some(entry.key_span), &path, message, Some(help.to_owned())));
                } else if let Some(first) = entries[..index].iter().find(|other| other.key == entry.key) {
                    let message = format!("the key `{}` is there twice", entry.key);
                    let help = format!("the first one is in line {}", first.key_span.line);
                    problems.push(problem(Some(entry.key_span), &path, message, Some(help)));
                }
                refuse(&entry.value, &path, problems);
            }
        }
        _ => {}
    }
}

/// The parser's error in our words.
fn explain(error: &Error, source: &str) -> (String, Option<String>) {
    let line = error.location().and_then(|at| source.lines().nth(at.line().saturating_sub(1) as usize)).unwrap_or("");
    match error.without_snippet() {
        Error::AliasReplayLimitExceeded { .. }
        | Error::AliasExpansionLimitExceeded { .. }
        | Error::AliasReplayStackDepthExceeded { .. } => {
            return ("aliases make this file too large".to_owned(), Some("write the values out".to_owned()));
        }
        Error::UnknownAnchor { .. } => {
            return (
                "this alias names an anchor that is not there".to_owned(),
                Some("define it above with `&NAME`; quote a text that begins with `*`".to_owned()),
            );
        }
        _ => {}
    }
    // The budget's error has many shapes and may be wrapped in an alias's; its text names what was too much.
    let text = plain(error);
    let deep = text.contains("recursion limit").then_some("Depth");
    if let Some(breach) = deep.or_else(|| text.split_once("budget breached: ").map(|(_, breach)| breach)) {
        let what = breach.split([' ', '{']).next().unwrap_or_default();
        let (message, help) = match what {
            "Documents" => (
                "the file holds more than one YAML document",
                "keep one; environments are told apart under `environments`",
            ),
            "Depth" => ("the file is nested more than 32 deep", "no key needs that"),
            "Aliases" | "Anchors" => ("the file has more than 100 aliases or anchors", "write the values out"),
            _ => (
                "the file holds more than 20,000 values, counting what aliases repeat",
                "write less, or use no aliases",
            ),
        };
        return (message.to_owned(), Some(help.to_owned()));
    }
    let indent: String = line.chars().take_while(|c| c.is_whitespace()).collect();
    if indent.contains('\t') {
        return ("this line is indented with a tab".to_owned(), Some("YAML wants spaces".to_owned()));
    }
    (format!("this is not YAML: {text}"), None)
}

/// The parser's message on one line, without the place that we show ourselves.
fn plain(error: &Error) -> String {
    let text = error.without_snippet().to_string();
    let line = text.lines().next().unwrap_or_default();
    let line = line.split(" at line ").next().unwrap_or(line);
    line.trim_start_matches("error: ").to_owned()
}

/// A problem at a place.
pub(super) fn problem(span: Option<Span>, path: &str, message: String, help: Option<String>) -> Problem {
    Problem { span, path: path.to_owned(), message, help }
}

/// `path` with one more key.
pub(super) fn join(path: &str, key: &str) -> String {
    if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") }
}

/// The place, cut at the end of its first line.
fn span(at: Location, source: &str) -> Option<Span> {
    if at == Location::UNKNOWN || at.line() == 0 {
        return None;
    }
    let line = u32::try_from(at.line()).ok()?;
    let column = u32::try_from(at.column()).ok()?;
    let wide = Span { line, column, length: u32::MAX / 2 };
    let rest = &source[byte_range(source, wide)?];
    let length =
        u32::try_from(at.span().len()).unwrap_or(u32::MAX).min(u32::try_from(rest.trim_end().chars().count()).ok()?);
    Some(Span { line, column, length: length.max(1) })
}

fn span_at(source: &str, byte: usize) -> Span {
    let before = &source[..byte];
    let line = u32::try_from(before.matches('\n').count()).unwrap_or(0) + 1;
    let column = u32::try_from(before.chars().rev().take_while(|c| *c != '\n').count()).unwrap_or(0) + 1;
    Span { line, column, length: 1 }
}

fn spelling(at: Location, source: &str) -> Option<String> {
    let span = at.span();
    let start = usize::try_from(span.byte_offset()?).ok()?;
    let length = usize::try_from(span.byte_len()?).ok()?;
    source.get(start..start.checked_add(length)?).map(|text| text.trim().to_owned())
}
