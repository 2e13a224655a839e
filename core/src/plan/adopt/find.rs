//! Which of the resources that exist is the one of a template.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value as Json;

use super::{
    compare::same,
    looking::Existing,
    resolve::{Resolver, Told},
};
use crate::{infra::Marks, plan::Stack};

/// Where CloudFormation says of what it makes which stack it is in, and under which logical id.
/// <https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/aws-properties-resource-tags.html>
const OF_STACK: &str = "aws:cloudformation:stack-name";
const OF_ID: &str = "aws:cloudformation:logical-id";

/// What is asked of a resource before it is taken for one of a template.
pub(super) struct Wanted<'a> {
    /// Its logical id.
    pub(super) id: &'a str,
    /// Its type's marks.
    pub(super) marks: Marks,
    /// The physical name of its stack.
    pub(super) stack: &'a str,
    /// The constant tags of that stack.
    pub(super) tags: &'a BTreeMap<String, String>,
    /// What a name of its own would be, or begin with before a hyphen.
    pub(super) prefix: &'a str,
    /// The stacks that are there.
    pub(super) stacks: &'a BTreeSet<String>,
}

/// What came of it.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Match {
    /// This one, by these words.
    One(String, String),
    /// One of these, each with its name.
    Several(Vec<String>),
    /// None, and why.
    None(String),
}

/// The marks of a template's resource, as far as they can be told.
pub(super) enum Marked {
    /// These properties have these values; the second says whether all of them are told.
    Values(Vec<(&'static str, Json)>, bool),
    /// It stands on this resource, which is not there.
    Needs(String),
}

/// What singles a resource out among those that fit.
type Way<'a> = &'a dyn Fn(&Existing) -> bool;

/// The value at a path with dots.
fn at<'a>(json: &'a Json, path: &str) -> Option<&'a Json> {
    path.split('.').try_fold(json, |json, part| json.get(part))
}

/// See [`Marked`].
pub(super) fn told(paths: &[&'static str], properties: &Json, resolver: &Resolver<'_>) -> Marked {
    let (mut values, mut whole) = (Vec::new(), true);
    for path in paths {
        match at(properties, path).map(|value| resolver.told(value)) {
            Some(Told::Known(value)) => values.push((*path, value)),
            Some(Told::Needs(id)) => return Marked::Needs(id),
            Some(Told::Absent | Told::Opaque) | None => whole = false,
        }
    }
    Marked::Values(values, whole)
}

fn tag<'a>(existing: &'a Existing, key: &str) -> Option<&'a str> {
    let tags = ["Tags", "HostedZoneTags"].iter().find_map(|name| existing.properties.get(name))?;
    match tags {
        Json::Array(list) => list.iter().find(|tag| tag["Key"] == key)?["Value"].as_str(),
        Json::Object(map) => map.get(key)?.as_str(),
        _ => None,
    }
}

impl Wanted<'_> {
    /// Among `existing`, by the values of the marks.
    pub(super) fn find(&self, existing: &[Existing], values: &[(&'static str, Json)], whole: bool) -> Match {
        let fits = |one: &&Existing| {
            values.iter().all(|(path, value)| at(&one.properties, path).is_some_and(|live| same(value, live)))
        };
        let (held, free): (Vec<_>, Vec<_>) =
            existing.iter().filter(fits).filter(|one| self.may_be_ours(one)).partition(|one| {
                tag(one, OF_STACK).is_some_and(|stack| stack != self.stack && self.stacks.contains(stack))
            });
        let by: Vec<&str> = values.iter().map(|(path, _)| *path).collect();
        let by = by.join(" and ");
        let and = if by.is_empty() { String::new() } else { format!(" and {by}") };
        let alone = self.marks.alone && whole && !values.is_empty();
        let ways: [(Way<'_>, String); 4] = [
            (
                &|one| tag(one, OF_STACK) == Some(self.stack) && tag(one, OF_ID) == Some(self.id),
                "the tags CloudFormation left on it".to_owned(),
            ),
            (&|one| self.has_our_tags(one), format!("our tags{and}")),
            (&|one| self.has_our_name(one), format!("its name{and}")),
            (&|_| alone, by.clone()),
        ];
        let mut left = free.clone();
        let mut how = None;
        for (way, words) in ways {
            let narrower: Vec<&Existing> = left.iter().copied().filter(|one| way(one)).collect();
            if !narrower.is_empty() {
                left = narrower;
                how = how.or(Some(words));
            }
            if left.len() == 1 && how.is_some() {
                break;
            }
        }
        match (how, &left[..]) {
            (Some(how), [one]) => Match::One(one.identifier.clone(), how),
            (Some(_), several) if !several.is_empty() => {
                Match::Several(several.iter().map(|one| self.labelled(one)).collect())
            }
            _ => Match::None(self.why(&free, &held, &by)),
        }
    }

    fn why(&self, free: &[&Existing], held: &[&Existing], by: &str) -> String {
        if let (true, Some(one)) = (free.is_empty(), held.first()) {
            let stack = tag(one, OF_STACK).unwrap_or_default();
            return format!("{} fits, and stack {stack} has it", one.identifier);
        }
        if free.is_empty() || by.is_empty() || free.len() > 3 {
            return String::new();
        }
        let those: Vec<String> = free.iter().map(|one| self.labelled(one)).collect();
        format!("{} has the same {by}, but no tag or name of this environment", those.join(", "))
    }

    fn labelled(&self, one: &Existing) -> String {
        let name = tag(one, "Name").or_else(|| self.own_name(one));
        name.map_or_else(|| one.identifier.clone(), |name| format!("{} ({name})", one.identifier))
    }

    /// What says that it is another app's or environment's is not ours.
    fn may_be_ours(&self, one: &Existing) -> bool {
        let other = |key: &str| tag(one, key).zip(self.tags.get(key)).is_some_and(|(has, wants)| has != wants);
        !other(Stack::APP) && !other(Stack::ENVIRONMENT) && !other(Stack::STAGE)
    }

    fn has_our_tags(&self, one: &Existing) -> bool {
        let has = |key: &str| self.tags.get(key).is_some_and(|wants| tag(one, key) == Some(wants));
        has(Stack::APP) && (has(Stack::ENVIRONMENT) || !self.tags.contains_key(Stack::ENVIRONMENT))
    }

    fn own_name<'e>(&self, one: &'e Existing) -> Option<&'e str> {
        at(&one.properties, self.marks.name?)?.as_str()
    }

    /// A name of the environment's (of the service's, in its stack), as a person gives one, or as CloudFormation made it
    /// of stack and logical id.
    fn has_our_name(&self, one: &Existing) -> bool {
        let ours =
            |name: &str| name.strip_prefix(self.prefix).is_some_and(|rest| rest.is_empty() || rest.starts_with('-'));
        tag(one, "Name").is_some_and(ours) || self.own_name(one).is_some_and(ours)
    }
}
