//! Looks for what exists of one stack's template: what is still to be asked, and what came of it.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value as Json, json};

use super::{
    find::{Marked, Match, Wanted, told},
    resolve::{Resolver, There, Told, plain},
};
use crate::{
    infra::{identifier, marks_of},
    plan::PutStack,
    workflow::Value,
};

/// What a person said of a resource (`--resource`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Pick {
    /// It is the one with this identifier.
    Is(String),
    /// None that exists: it is made.
    New,
}

/// A resource that exists, as Cloud Control shows it.
#[derive(Debug, Clone, PartialEq)]
pub struct Existing {
    /// The values that identify it, with `|` between them.
    pub identifier: String,
    /// Its properties, in the shape of a template's.
    pub properties: Json,
}

/// A question to Cloud Control.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Lookup {
    /// All of a type, below what the model names.
    List {
        /// The type.
        kind: String,
        /// JSON; empty where the type needs none.
        model: String,
    },
    /// One of a type.
    Read {
        /// The type.
        kind: String,
        /// Its identifier.
        identifier: String,
    },
}

/// See the module.
pub struct Looking {
    /// The stack as it shall be.
    pub put: PutStack,
    /// The region's account.
    pub account: String,
    /// The template that stands; none where there is no stack.
    pub present: Option<Json>,
    /// What the stack holds: physical ids by logical ones.
    pub held: BTreeMap<String, String>,
    /// What a person said, by logical id.
    pub picks: BTreeMap<String, Pick>,
    /// What CloudFormation found by name: physical ids by logical ones.
    pub named: BTreeMap<String, String>,
    /// The properties that identify a type, as CloudFormation told them; empty where it tells of none.
    pub keys: BTreeMap<String, Vec<String>>,
    /// What a name of the stack's resources would be, or begin with.
    pub prefix: String,
    /// The stacks that are there.
    pub stacks: BTreeSet<String>,
    /// Answers: what is of a type, or why that is not known.
    pub listed: BTreeMap<Lookup, Result<Vec<Existing>, String>>,
}

/// What is known of one resource by now.
pub(super) enum Seen {
    /// It was found.
    Found(String, String),
    /// One of several.
    Several(Vec<String>),
    /// Not there, or not found.
    Not(String),
}

/// How far the look is.
#[derive(Default)]
pub(super) struct Settled {
    pub(super) seen: BTreeMap<String, Seen>,
    asks: BTreeSet<Lookup>,
}

impl Looking {
    pub(super) fn template(&self) -> Json {
        serde_json::from_str(&self.put.body).unwrap_or_default()
    }

    /// Resources of the template that the stack does not hold, by logical id.
    pub(super) fn missing(&self, template: &Json) -> BTreeMap<String, Json> {
        let all = template.get("Resources").and_then(Json::as_object).into_iter().flatten();
        all.filter(|(id, _)| !self.held.contains_key(*id)).map(|(id, it)| (id.clone(), it.clone())).collect()
    }

    /// The logical ids of what the stack does not hold and whose name is written in the template.
    pub fn has_names(&self) -> bool {
        let template = self.template();
        self.missing(&template).values().any(|resource| {
            let kind = kind(resource);
            identifier(kind).is_none_or(|keys| literal(resource, keys).is_some())
        })
    }

    /// The properties by which a type is identified; none where CloudFormation imports no such thing.
    pub(super) fn keys(&self, kind: &str) -> Option<Vec<String>> {
        let told = self.keys.get(kind).cloned();
        if !self.keys.is_empty() {
            return told;
        }
        identifier(kind).map(|keys| keys.iter().map(|key| (*key).to_owned()).collect())
    }

    /// What is still to be asked.
    pub fn asks(&self) -> BTreeSet<Lookup> {
        let template = self.template();
        let mut asks = self.settle(&template).asks;
        asks.retain(|ask| !self.listed.contains_key(ask));
        asks
    }

    /// What was read of one.
    fn read(&self, kind: &str, identifier: &str) -> Option<&Result<Vec<Existing>, String>> {
        self.listed.get(&Lookup::Read { kind: kind.to_owned(), identifier: identifier.to_owned() })
    }

    /// Its properties: read, or shown in a list.
    pub(super) fn live(&self, kind: &str, identifier: &str) -> Option<&Json> {
        let read = self.read(kind, identifier).and_then(|answer| answer.as_ref().ok()).and_then(|all| all.first());
        read.map(|existing| &existing.properties)
    }

    pub(super) fn parameters(&self) -> BTreeMap<String, String> {
        let known = |(name, value): (&String, &Value)| Some((name.clone(), value.known()?.to_owned()));
        let mut all: BTreeMap<String, String> = self.put.parameters.iter().filter_map(known).collect();
        // https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/pseudo-parameter-reference.html
        let (partition, suffix) = match self.put.region.get(..3) {
            Some("cn-") => ("aws-cn", "amazonaws.com.cn"),
            _ if self.put.region.starts_with("us-gov-") => ("aws-us-gov", "amazonaws.com"),
            _ => ("aws", "amazonaws.com"),
        };
        for (name, value) in [
            ("AWS::AccountId", self.account.as_str()),
            ("AWS::Partition", partition),
            ("AWS::Region", &self.put.region),
            ("AWS::StackName", &self.put.name),
            ("AWS::URLSuffix", suffix),
        ] {
            all.insert(name.to_owned(), value.to_owned());
        }
        all
    }

    /// What is there, with what was found.
    pub(super) fn there(&self, template: &Json, seen: &BTreeMap<String, Seen>) -> BTreeMap<String, There> {
        let held = self
            .held
            .iter()
            .map(|(id, physical)| (id.clone(), There { physical: Some(physical.clone()), properties: None }));
        let found = seen.iter().filter_map(|(id, seen)| {
            let Seen::Found(identifier, _) = seen else { return None };
            let kind = kind(&template["Resources"][id]);
            let physical = match kind {
                "AWS::EC2::EIP" => identifier.split('|').next().map(str::to_owned),
                "AWS::Events::Rule" => None,
                _ => (!identifier.contains('|')).then(|| identifier.clone()),
            };
            Some((id.clone(), There { physical, properties: self.live(kind, identifier).cloned() }))
        });
        held.chain(found).collect()
    }

    /// Goes over the resources until nothing more is found by what was found.
    pub(super) fn settle(&self, template: &Json) -> Settled {
        let missing = self.missing(template);
        let parameters = self.parameters();
        let mut settled = Settled::default();
        loop {
            let there = self.there(template, &settled.seen);
            let resolver = Resolver { template, parameters: &parameters, there: &there };
            let before = there.len();
            let mut next = Settled::default();
            for (id, resource) in &missing {
                let seen = match settled.seen.remove(id) {
                    Some(found @ Seen::Found(..)) => found,
                    _ => self.look(id, resource, &resolver, &mut next.asks),
                };
                if let Seen::Found(identifier, _) = &seen {
                    next.asks.insert(Lookup::Read { kind: kind(resource).to_owned(), identifier: identifier.clone() });
                }
                next.seen.insert(id.clone(), seen);
            }
            let grown = self.there(template, &next.seen).len() > before;
            settled = next;
            if !grown {
                break;
            }
        }
        self.part(&missing, &mut settled.seen);
        settled
    }

    /// What two resources of the template were both found to be is neither's before a person says so.
    fn part(&self, missing: &BTreeMap<String, Json>, seen: &mut BTreeMap<String, Seen>) {
        let mut by: BTreeMap<(String, String), Vec<String>> = BTreeMap::new();
        for (id, one) in seen.iter() {
            if let Seen::Found(identifier, _) = one {
                by.entry((kind(&missing[id]).to_owned(), identifier.clone())).or_default().push(id.clone());
            }
        }
        for ((_, identifier), ids) in by.into_iter().filter(|(_, ids)| ids.len() > 1) {
            for id in ids.iter().filter(|id| !self.picks.contains_key(*id)) {
                seen.insert(
                    id.clone(),
                    Seen::Several(vec![format!("{identifier} (also found for {})", others(&ids, id))]),
                );
            }
        }
    }

    fn look(&self, id: &str, resource: &Json, resolver: &Resolver<'_>, asks: &mut BTreeSet<Lookup>) -> Seen {
        let kind = kind(resource);
        let Some(keys) = self.keys(kind) else {
            return Seen::Not("CloudFormation imports no such thing".to_owned());
        };
        match self.picks.get(id) {
            Some(Pick::Is(identifier)) => return Seen::Found(identifier.clone(), "as was said".to_owned()),
            Some(Pick::New) => return Seen::Not("as was said".to_owned()),
            None => {}
        }
        let names: Vec<&str> = keys.iter().map(String::as_str).collect();
        if let Some(physical) = self.named.get(id) {
            let identifier = literal(resource, &names).unwrap_or_else(|| physical.clone());
            return Seen::Found(identifier, "its name".to_owned());
        }
        let none = json!({});
        let properties = resource.get("Properties").unwrap_or(&none);
        // A name that the template composes, which CloudFormation's own search passes over.
        if literal(resource, &names).is_none()
            && let Some(identifier) = composed(properties, &names, resolver)
        {
            asks.insert(Lookup::Read { kind: kind.to_owned(), identifier: identifier.clone() });
            if let Some(Ok(found)) = self.read(kind, &identifier)
                && !found.is_empty()
            {
                return Seen::Found(identifier, "its name".to_owned());
            }
            return Seen::Not(String::new());
        }
        let Some(marks) = marks_of(kind).filter(|_| literal(resource, &names).is_none()) else {
            return Seen::Not(String::new());
        };
        let (values, whole) = match told(marks.all, properties, resolver) {
            Marked::Values(values, whole) => (values, whole),
            Marked::Needs(other) => return Seen::Not(format!("it belongs to {other}, which is yet to be made")),
        };
        let model = match told(marks.listed_by, properties, resolver) {
            Marked::Values(values, true) if values.is_empty() => String::new(),
            Marked::Values(values, true) => {
                Json::Object(values.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()).to_string()
            }
            Marked::Values(..) => return Seen::Not(String::new()),
            Marked::Needs(other) => return Seen::Not(format!("it belongs to {other}, which is yet to be made")),
        };
        let ask = Lookup::List { kind: kind.to_owned(), model };
        asks.insert(ask.clone());
        let found = match self.listed.get(&ask) {
            None => return Seen::Not(String::new()),
            Some(Err(why)) => return Seen::Not(format!("it was not looked for: {why}")),
            Some(Ok(found)) => found,
        };
        let wanted = Wanted {
            id,
            marks,
            stack: &self.put.name,
            tags: &self.put.tags,
            prefix: &self.prefix,
            stacks: &self.stacks,
        };
        let held: BTreeSet<&String> = self.held.values().collect();
        let free: Vec<Existing> = found.iter().filter(|one| !held.contains(&one.identifier)).cloned().collect();
        match wanted.find(&free, &values, whole) {
            Match::One(identifier, how) => Seen::Found(identifier, how),
            Match::Several(candidates) => Seen::Several(candidates),
            Match::None(why) => Seen::Not(why),
        }
    }
}

pub(super) fn kind(resource: &Json) -> &str {
    resource.get("Type").and_then(Json::as_str).unwrap_or_default()
}

fn others(ids: &[String], id: &String) -> String {
    let others: Vec<&str> = ids.iter().filter(|other| *other != id).map(String::as_str).collect();
    others.join(", ")
}

/// The identifier, where the template writes all of it.
fn literal(resource: &Json, keys: &[&str]) -> Option<String> {
    let value = |key: &&str| resource["Properties"].get(*key).and_then(Json::as_str).map(str::to_owned);
    let values: Option<Vec<String>> = keys.iter().map(value).collect();
    values.filter(|values| !values.is_empty()).map(|values| values.join("|"))
}

/// The identifier, where all of it can be told.
fn composed(properties: &Json, keys: &[&str], resolver: &Resolver<'_>) -> Option<String> {
    let value = |key: &&str| match resolver.told(properties.get(*key)?) {
        Told::Known(value) => plain(&value),
        _ => None,
    };
    let values: Option<Vec<String>> = keys.iter().map(value).collect();
    values.filter(|values| !values.is_empty()).map(|values| values.join("|"))
}
