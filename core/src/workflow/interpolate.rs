//! `${…}` in the file: a closed set of names.
//!
//! `${app}`, `${environment}`, `${region}`, `${account}`, `${domain}`, `${git.sha}` are put in at once;
//! `${stacks.NAME.OUTPUT}` stays until that stack is made, and may stand only in plain environment, commands and
//! parameters of extra stacks. `$${` writes a literal `${`. A `$` that no `{` follows is just that.

use std::collections::BTreeMap;

use super::load::STACKS;
use super::section::Reader;
use super::tree::Node;
use super::{Part, Text};
use crate::text::nearest;

/// What `${…}` may name, beside outputs of stacks.
const NAMES: [&str; 6] = ["app", "environment", "region", "account", "domain", "git.sha"];

/// The values of the names in one environment, and the stacks whose outputs may be named.
#[derive(Debug, Clone, Default)]
pub(super) struct Names {
    pub values: BTreeMap<&'static str, String>,
    pub stacks: Vec<String>,
}

/// A piece of a text before anything is put in.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Piece<'a> {
    Literal(&'a str),
    Name(&'a str),
    /// `${` without `}`.
    Open,
}

/// Splits a text at its `${…}`.
pub(super) fn pieces(text: &str) -> Vec<Piece<'_>> {
    let mut pieces = Vec::new();
    let mut rest = text;
    while let Some(at) = rest.find("${") {
        // `$${` is an escape: one `$` of the pair goes, the brace is literal.
        if rest[..at].ends_with('$') {
            pieces.push(Piece::Literal(&rest[..at - 1]));
            pieces.push(Piece::Literal("${"));
            rest = &rest[at + 2..];
            continue;
        }
        pieces.push(Piece::Literal(&rest[..at]));
        rest = &rest[at + 2..];
        match rest.find('}') {
            Some(end) => {
                pieces.push(Piece::Name(&rest[..end]));
                rest = &rest[end + 1..];
            }
            None => {
                pieces.push(Piece::Open);
                return pieces;
            }
        }
    }
    pieces.push(Piece::Literal(rest));
    pieces
}

/// What may be named at a place.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Allow {
    Known,
    Outputs,
    Policy,
}

impl Reader<'_> {
    /// The text with the known names put in; an output of a stack is an error here.
    pub fn known(&mut self, node: &Node, text: &str, path: &str) -> Option<String> {
        let parts = self.interpolate(node, text, path, Allow::Known)?;
        Some(literal(parts))
    }

    /// The text with the known names put in and outputs kept.
    pub fn parts(&mut self, node: &Node, text: &str, path: &str) -> Option<Text> {
        self.interpolate(node, text, path, Allow::Outputs)
    }

    /// The text with the known names put in and the policy language's own variables kept.
    pub fn policy(&mut self, node: &Node, text: &str, path: &str) -> Option<String> {
        let parts = self.interpolate(node, text, path, Allow::Policy)?;
        Some(literal(parts))
    }

    fn interpolate(&mut self, node: &Node, text: &str, path: &str, allow: Allow) -> Option<Text> {
        let mut parts = Vec::new();
        let mut good = true;
        for piece in pieces(text) {
            match piece {
                Piece::Literal(literal) => push(&mut parts, literal),
                Piece::Open => {
                    self.error_at(node, path, "`${` has no `}`", Some("write `$${` for a literal `${`".to_owned()));
                    good = false;
                }
                Piece::Name(name) if allow == Allow::Policy && is_policy_variable(name) => {
                    push(&mut parts, &format!("${{{name}}}"));
                }
                Piece::Name(name) => match self.lookup(node, name, path, allow) {
                    Some(Part::Literal(value)) => push(&mut parts, &value),
                    Some(output) => parts.push(output),
                    None => good = false,
                },
            }
        }
        if parts.is_empty() {
            parts.push(Part::Literal(String::new()));
        }
        good.then_some(Text(parts))
    }

    fn lookup(&mut self, node: &Node, name: &str, path: &str, allow: Allow) -> Option<Part> {
        if let Some(value) = self.names.values.get(name) {
            return Some(Part::Literal(value.clone()));
        }
        if let Some(reference) = name.strip_prefix("stacks.") {
            return self.output(node, name, reference, path, allow);
        }
        let (message, help) = match name {
            // A name whose own value is wrong has had its error.
            "app" | "region" | "environment" => return None,
            "domain" | "account" if self.has(name) => return None,
            "domain" | "account" => (
                format!("`${{{name}}}` has no value: this environment has no `{name}`"),
                format!("write `{name}` in the environment"),
            ),
            "git.sha" => (
                "`${git.sha}` has no value: the commit is not known".to_owned(),
                "run it in a git checkout or in GitHub Actions".to_owned(),
            ),
            _ => {
                let candidates = NAMES.iter().copied().chain(["stacks.NAME.OUTPUT"]);
                let help = match nearest(name, candidates) {
                    Some(near) => format!("did you mean `${{{near}}}`?"),
                    None if is_variable(name) => {
                        format!("variables of the job are not read here; `secrets: {{ {name}: ssm }}` takes one")
                    }
                    None => {
                        "known are `${app}`, `${environment}`, `${region}`, `${account}`, `${domain}`, `${git.sha}` \
                             and `${stacks.NAME.OUTPUT}`; `$${` writes a literal `${`"
                            .to_owned()
                    }
                };
                (format!("unknown name `${{{name}}}`"), help)
            }
        };
        self.error_at(node, path, message, Some(help));
        None
    }

    fn output(&mut self, node: &Node, name: &str, reference: &str, path: &str, allow: Allow) -> Option<Part> {
        if allow != Allow::Outputs {
            let help = "outputs of stacks may stand in `environment`, commands and parameters of extra stacks";
            self.error_at(node, path, format!("`${{{name}}}` cannot stand here"), Some(help.to_owned()));
            return None;
        }
        let good = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
        let Some((stack, output)) = reference.split_once('.').filter(|(stack, output)| good(stack) && good(output))
        else {
            let help = "write `${stacks.NAME.OUTPUT}`, e.g. `${stacks.network.VpcId}`";
            self.error_at(node, path, format!("`${{{name}}}` names no output"), Some(help.to_owned()));
            return None;
        };
        if !self.names.stacks.iter().any(|known| known == stack) {
            let help = match nearest(stack, self.names.stacks.iter().map(String::as_str)) {
                _ if STACKS.contains(&stack) => "this environment does not need it".to_owned(),
                Some(near) => format!("did you mean `{near}`?"),
                None => format!("the stacks here are {}", self.names.stacks.join(", ")),
            };
            self.error_at(node, path, format!("`${{{name}}}`: there is no stack `{stack}`"), Some(help));
            return None;
        }
        Some(Part::Output { stack: stack.to_owned(), output: output.to_owned() })
    }
}

fn push(parts: &mut Vec<Part>, text: &str) {
    if text.is_empty() {
        return;
    }
    match parts.last_mut() {
        Some(Part::Literal(last)) => last.push_str(text),
        _ => parts.push(Part::Literal(text.to_owned())),
    }
}

fn literal(text: Text) -> String {
    text.0
        .into_iter()
        .map(|part| match part {
            Part::Literal(literal) => literal,
            Part::Output { .. } => String::new(),
        })
        .collect()
}

/// `${aws:username}`, `${*}`: variables and escapes of the policy language.
/// <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_variables.html>
fn is_policy_variable(name: &str) -> bool {
    name.contains(':') || matches!(name, "*" | "?" | "$")
}

fn is_variable(name: &str) -> bool {
    name.len() > 1 && name.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'_')
}
