//! A policy read back from JSON, strictly.

use std::collections::BTreeMap;

use serde_json::{Map, Value as Json};
use thiserror::Error;

use super::{condition::Test, evaluate::Principal};

/// What is known of a request: keys in lower case.
pub(super) type Context = BTreeMap<String, Vec<String>>;

/// A policy, or a part of one, that cannot be judged.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("policy element {element}: {why}")]
pub struct Unreadable {
    /// The element of the policy.
    pub element: String,
    /// What is wrong with it.
    pub why: String,
}

impl Unreadable {
    pub(super) fn new(element: impl Into<String>, why: impl Into<String>) -> Self {
        Self { element: element.into(), why: why.into() }
    }
}

/// A policy that can be judged.
#[derive(Debug, Clone, PartialEq)]
pub struct Document {
    pub(super) statements: Vec<Statement>,
}

#[derive(Debug, Clone, PartialEq)]
pub(super) struct Statement {
    pub(super) sid: String,
    pub(super) allows: bool,
    pub(super) principal: Option<Trusted>,
    pub(super) actions: Patterns,
    /// None only in a trust policy.
    pub(super) resources: Option<Patterns>,
    pub(super) conditions: Vec<Test>,
}

/// `Action` and `NotAction`, `Resource` and `NotResource`.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Patterns {
    all: Vec<String>,
    not: bool,
}

impl Patterns {
    pub(super) fn matches(&self, matches: impl Fn(&str) -> bool) -> bool {
        self.all.iter().any(|pattern| matches(pattern)) != self.not
    }
}

/// Who is trusted, by kind.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Trusted(Vec<(String, String)>);

impl Trusted {
    pub(super) fn includes(&self, principal: Principal<'_>) -> bool {
        let (kind, name) = match principal {
            Principal::Service(name) => ("Service", name),
            Principal::Federated(name) => ("Federated", name),
            Principal::Aws(name) => ("AWS", name),
        };
        let is_account = |trusted: &str| {
            let account = name.split(':').nth(4).unwrap_or_default();
            trusted == account || trusted.ends_with(&format!(":iam::{account}:root"))
        };
        self.0.iter().any(|(of, trusted)| {
            of == kind && (trusted == "*" || trusted == name || (kind == "AWS" && is_account(trusted)))
        })
    }
}

impl Document {
    /// Reads a policy as IAM would be given it: without intrinsics.
    pub fn read(json: &Json) -> Result<Self, Unreadable> {
        let map = object(json, "policy")?;
        known(map, &["Version", "Id", "Statement"])?;
        if map.get("Version").and_then(Json::as_str) != Some("2012-10-17") {
            return Err(Unreadable::new("Version", "only 2012-10-17 is known"));
        }
        let statements = match map.get("Statement") {
            Some(Json::Array(all)) => all.iter().map(Statement::read).collect::<Result<_, _>>()?,
            Some(one) => vec![Statement::read(one)?],
            None => return Err(Unreadable::new("Statement", "there is none")),
        };
        Ok(Self { statements })
    }
}

impl Statement {
    fn read(json: &Json) -> Result<Self, Unreadable> {
        let map = object(json, "Statement")?;
        known(map, &["Sid", "Effect", "Principal", "Action", "NotAction", "Resource", "NotResource", "Condition"])?;
        let allows = match map.get("Effect").and_then(Json::as_str) {
            Some("Allow") => true,
            Some("Deny") => false,
            _ => return Err(Unreadable::new("Effect", "it is neither Allow nor Deny")),
        };
        let actions = patterns(map, "Action", "NotAction")?
            .ok_or_else(|| Unreadable::new("Action", "there is neither Action nor NotAction"))?;
        let resources = patterns(map, "Resource", "NotResource")?;
        let principal = map.get("Principal").map(trusted).transpose()?;
        if resources.is_some() == principal.is_some() {
            return Err(Unreadable::new("Statement", "it has both Principal and Resource, or neither"));
        }
        Ok(Self {
            sid: map.get("Sid").and_then(Json::as_str).unwrap_or_default().to_owned(),
            allows,
            principal,
            actions,
            resources,
            conditions: map.get("Condition").map(Test::read_all).transpose()?.unwrap_or_default(),
        })
    }
}

fn trusted(json: &Json) -> Result<Trusted, Unreadable> {
    let mut all = Vec::new();
    for (kind, names) in object(json, "Principal")? {
        if !["Service", "Federated", "AWS"].contains(&kind.as_str()) {
            return Err(Unreadable::new(format!("Principal.{kind}"), "it is not known"));
        }
        all.extend(texts(names, "Principal")?.into_iter().map(|name| (kind.clone(), name)));
    }
    Ok(Trusted(all))
}

fn patterns(map: &Map<String, Json>, yes: &str, no: &str) -> Result<Option<Patterns>, Unreadable> {
    match (map.get(yes), map.get(no)) {
        (Some(_), Some(_)) => Err(Unreadable::new(yes, format!("it stands beside {no}"))),
        (Some(all), None) => Ok(Some(Patterns { all: texts(all, yes)?, not: false })),
        (None, Some(all)) => Ok(Some(Patterns { all: texts(all, no)?, not: true })),
        (None, None) => Ok(None),
    }
}

pub(super) fn object<'a>(json: &'a Json, element: &str) -> Result<&'a Map<String, Json>, Unreadable> {
    json.as_object().ok_or_else(|| Unreadable::new(element, format!("it is no object: {json}")))
}

/// One text or a list of them. An intrinsic is neither: it must be resolved first.
pub(super) fn texts(json: &Json, element: &str) -> Result<Vec<String>, Unreadable> {
    let text = |json: &Json| match json {
        Json::String(text) if ["${*}", "${?}", "${$}"].iter().any(|escape| text.contains(escape)) => {
            Err(Unreadable::new(element, format!("escapes are not known: {text}")))
        }
        Json::String(text) => Ok(text.clone()),
        Json::Bool(_) | Json::Number(_) => Ok(json.to_string()),
        other => Err(Unreadable::new(element, format!("it is no text: {other}"))),
    };
    match json {
        Json::Array(all) => all.iter().map(text).collect(),
        one => Ok(vec![text(one)?]),
    }
}

fn known(map: &Map<String, Json>, names: &[&str]) -> Result<(), Unreadable> {
    match map.keys().find(|key| !names.contains(&key.as_str())) {
        Some(key) => Err(Unreadable::new(key, "it is not known")),
        None => Ok(()),
    }
}

/// The pattern with its policy variables put in; nothing where one has no value, or several.
/// <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_variables.html>
pub(super) fn filled(pattern: &str, context: &Context) -> Option<String> {
    let mut out = String::with_capacity(pattern.len());
    let mut rest = pattern;
    while let Some((before, after)) = rest.split_once("${") {
        let (name, after) = after.split_once('}')?;
        out.push_str(before);
        let (key, default) = match name.split_once(',') {
            Some((key, default)) => (key, Some(default.trim().trim_matches('\''))),
            None => (name, None),
        };
        match context.get(&key.trim().to_ascii_lowercase()).map(Vec::as_slice) {
            Some([value]) => out.push_str(value),
            Some([_, ..]) => return None,
            Some([]) | None => out.push_str(default?),
        }
        rest = after;
    }
    out.push_str(rest);
    Some(out)
}

/// Whether `*` (any text) and `?` (one character) in the pattern can stand for what the text has.
pub(super) fn glob(pattern: &str, text: &str) -> bool {
    let (pattern, text): (Vec<char>, Vec<char>) = (pattern.chars().collect(), text.chars().collect());
    let (mut p, mut t) = (0, 0);
    // The last star, and how far into the text it reaches.
    let mut star: Option<(usize, usize)> = None;
    while t < text.len() {
        match pattern.get(p) {
            Some('*') => {
                star = Some((p, t));
                p += 1;
            }
            Some(c) if *c == '?' || *c == text[t] => {
                p += 1;
                t += 1;
            }
            _ => match star {
                Some((at, reach)) => {
                    star = Some((at, reach + 1));
                    p = at + 1;
                    t = reach + 1;
                }
                None => return false,
            },
        }
    }
    pattern[p..].iter().all(|c| *c == '*')
}
