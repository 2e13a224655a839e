//! Looks for what exists of one stack's template: what is still to be asked, and what came of it.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value as Json, json};

use super::{
    Adopted, Adoption, Import, Left,
    compare::Pair,
    find::{Marked, Match, Wanted, told},
    resolve::{Resolver, There, Told, plain},
};
use crate::{
    infra::{Holds, identifier, marks_of, references},
    plan::{PutStack, Refusal, Replacement, StackMove, digest},
    workflow::Value,
};

/// The most resources of one import.
/// <https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_CreateChangeSet.html>
const AT_MOST: usize = 200;

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
enum Seen {
    /// It was found.
    Found(String, String),
    /// One of several.
    Several(Vec<String>),
    /// Not there, or not found.
    Not(String),
}

/// How far the look is.
#[derive(Default)]
struct Settled {
    seen: BTreeMap<String, Seen>,
    asks: BTreeSet<Lookup>,
}

impl Looking {
    fn template(&self) -> Json {
        serde_json::from_str(&self.put.body).unwrap_or_default()
    }

    /// Resources of the template that the stack does not hold, by logical id.
    fn missing(&self, template: &Json) -> BTreeMap<String, Json> {
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
    fn keys(&self, kind: &str) -> Option<Vec<String>> {
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
    fn live(&self, kind: &str, identifier: &str) -> Option<&Json> {
        let read = self.read(kind, identifier).and_then(|answer| answer.as_ref().ok()).and_then(|all| all.first());
        read.map(|existing| &existing.properties)
    }

    fn parameters(&self) -> BTreeMap<String, String> {
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
    fn there(&self, template: &Json, seen: &BTreeMap<String, Seen>) -> BTreeMap<String, There> {
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
    fn settle(&self, template: &Json) -> Settled {
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

    /// What is shown, and what is done, once nothing is left to ask.
    ///
    /// # Errors
    /// What a person said of a resource does not fit its type.
    pub fn end(&self) -> Result<Adoption, Refusal> {
        self.held_otherwise()?;
        let template = self.template();
        let settled = self.settle(&template);
        let missing = self.missing(&template);
        let parameters = self.parameters();
        let there = self.there(&template, &settled.seen);
        let resolver = Resolver { template: &template, parameters: &parameters, there: &there };
        let mut out = Adoption::default();
        let (mut imports, mut resources) = (Vec::new(), Map::new());
        for (id, seen) in &settled.seen {
            let resource = &missing[id];
            let kind = kind(resource);
            match seen {
                Seen::Found(name, how) => {
                    let import = self.import(id, kind, name)?;
                    let (adopted, taken) = self.adopted(id, resource, &import, name, how, &resolver);
                    out.refusals.extend(self.refusal(&adopted));
                    out.adopts.push(adopted);
                    imports.push(import);
                    resources.insert(id.clone(), taken);
                }
                Seen::Several(candidates) => out.ambiguous.push(self.left(id, kind, String::new(), candidates.clone())),
                Seen::Not(why) => out.creates.push(self.left(id, kind, why.clone(), Vec::new())),
            }
        }
        if imports.len() > AT_MOST {
            return Err(Refusal::new(
                format!("adopting into stack {}", self.put.name),
                format!("it would take {} resources, and CloudFormation imports {AT_MOST} at a time", imports.len()),
                "leave some to a second time: --resource ID=- for each",
            ));
        }
        if !imports.is_empty() {
            out.puts.push(self.put_of(&template, imports, resources));
        }
        Ok(out)
    }

    /// What the stack holds as something else than was said: it has one of each logical id.
    fn held_otherwise(&self) -> Result<(), Refusal> {
        for (id, pick) in &self.picks {
            if let (Some(physical), Pick::Is(named)) = (self.held.get(id), pick)
                && !named.split('|').any(|part| part == physical)
            {
                return Err(Refusal::new(
                    format!("taking {named} for {id} in stack {}", self.put.name),
                    format!("the stack has {physical} as its {id}"),
                    format!(
                        "leave --resource {} out, or give it to a resource that the stack has not yet",
                        said(&self.put.key, id)
                    ),
                ));
            }
        }
        Ok(())
    }

    fn import(&self, id: &str, kind: &str, name: &str) -> Result<Import, Refusal> {
        let keys = self.keys(kind).unwrap_or_default();
        let values: Vec<&str> = if keys.len() == 1 { vec![name] } else { name.split('|').collect() };
        if values.len() != keys.len() || values.iter().any(|value| value.is_empty()) {
            let mut refusal = Refusal::new(
                format!("taking `{name}` for {id}"),
                format!("{kind} is identified by {}", keys.join(" and ")),
                format!("say {}", flag(&self.put.key, id, &keys)),
            );
            refusal.exit = crate::plan::Exit::Usage;
            return Err(refusal);
        }
        let identifier = keys.into_iter().zip(values.into_iter().map(str::to_owned)).collect();
        Ok(Import { id: id.to_owned(), kind: kind.to_owned(), identifier })
    }

    fn adopted(
        &self,
        id: &str,
        resource: &Json,
        import: &Import,
        name: &str,
        how: &str,
        resolver: &Resolver<'_>,
    ) -> (Adopted, Json) {
        let kind = kind(resource);
        let none = Map::new();
        let properties = resource.get("Properties").and_then(Json::as_object).unwrap_or(&none);
        let holds = self.put.holds.get(id).copied().unwrap_or(Holds::Nothing);
        let live = self.live(kind, name);
        let (mut compared, taken) = Pair { scope: &self.put.key, id, kind, holds, live }.compare(properties, resolver);
        if live.is_none() {
            // At least its identifier is known.
            let known = |(key, value): (&String, &String)| Some((properties.get_key_value(key)?, json!(value)));
            for ((key, wanted), value) in import.identifier.iter().filter_map(known) {
                let only = Map::from_iter([(key.clone(), wanted.clone())]);
                let live = json!({ key.as_str(): value });
                let (more, _) =
                    Pair { scope: &self.put.key, id, kind, holds, live: Some(&live) }.compare(&only, resolver);
                compared.unseen.retain(|path| path != key);
                compared.changes.extend(more.changes);
            }
        }
        let mut taken = json!({ "Type": kind, "DeletionPolicy": "Retain", "Properties": taken });
        if let Some(policy) = resource.get("UpdateReplacePolicy") {
            taken["UpdateReplacePolicy"] = policy.clone();
        }
        let adopted = Adopted {
            stack: self.put.name.clone(),
            id: id.to_owned(),
            kind: kind.to_owned(),
            name: name.to_owned(),
            how: how.to_owned(),
            differences: compared.changes,
            not_compared: compared.unseen,
        };
        (adopted, taken)
    }

    /// What the next run would replace is not taken: it would be made anew, and this one left or lost.
    fn refusal(&self, adopted: &Adopted) -> Option<Refusal> {
        let replaced: Vec<String> = adopted
            .differences
            .iter()
            .filter(|change| change.replacement == Replacement::Yes)
            .map(|change| {
                let shown =
                    |value: &Option<Json>| value.as_ref().map_or_else(|| "not known".to_owned(), Json::to_string);
                format!("{} is {} and would be {}", change.property, shown(&change.before), shown(&change.after))
            })
            .collect();
        (!replaced.is_empty()).then(|| {
            Refusal::new(
                format!("adopting {} as {} ({}) into {}", adopted.name, adopted.id, adopted.kind, adopted.stack),
                format!("{}: AWS can only make a new one, so the next run would replace it", replaced.join(", ")),
                format!(
                    "let the file say what is there, or name it in the file as existing, or take another \
                     ({}); --resource {}=- leaves it alone",
                    flag(&self.put.key, &adopted.id, &self.keys(&adopted.kind).unwrap_or_default()),
                    said(&self.put.key, &adopted.id)
                ),
            )
        })
    }

    fn left(&self, id: &str, kind: &str, why: String, candidates: Vec<String>) -> Left {
        Left {
            stack: self.put.name.clone(),
            id: id.to_owned(),
            kind: kind.to_owned(),
            why,
            candidates,
            flag: self.keys(kind).map(|keys| flag(&self.put.key, id, &keys)).unwrap_or_default(),
        }
    }

    /// The template that stands, or none, and what is imported; nothing else may change in an import, outputs and tags
    /// included. Parameters and the like are given where what is imported speaks of them.
    fn put_of(&self, wanted: &Json, imports: Vec<Import>, resources: Map<String, Json>) -> PutStack {
        let mut template = self.present.clone().unwrap_or_else(|| json!({ "Resources": {} }));
        let spoken = Json::Object(resources.clone());
        let names = references(&spoken);
        let mut parameters = BTreeMap::new();
        let conditional = spoken.to_string().contains("\"Fn::If\"");
        for section in ["Parameters", "Conditions", "Mappings"] {
            for (name, value) in wanted.get(section).and_then(Json::as_object).into_iter().flatten() {
                let used = match section {
                    "Parameters" => conditional || names.contains(name),
                    "Conditions" => conditional,
                    _ => spoken.to_string().contains("\"Fn::FindInMap\""),
                };
                if used && template[section].get(name).is_none() {
                    template[section][name] = value.clone();
                }
            }
        }
        for name in template.get("Parameters").and_then(Json::as_object).into_iter().flatten().map(|(name, _)| name) {
            // One that the stack has keeps its value, which may be one that is not shown.
            let has = self.present.as_ref().is_some_and(|it| it["Parameters"].get(name).is_some());
            let value = self.put.parameters.get(name).filter(|_| !has);
            parameters.insert(name.clone(), value.cloned().unwrap_or_else(|| Value::Known(String::new())));
        }
        for (id, mut resource) in resources {
            // Made after what it needs: what is not there yet is not waited for.
            let after = wanted["Resources"][&id].get("DependsOn");
            let after: Vec<Json> = match after {
                Some(Json::Array(list)) => list.clone(),
                Some(one) => vec![one.clone()],
                None => Vec::new(),
            };
            let there = |id: &Json| {
                id.as_str().is_some_and(|id| self.held.contains_key(id) || imports.iter().any(|it| it.id == id))
            };
            let after: Vec<Json> = after.into_iter().filter(there).collect();
            if !after.is_empty() {
                resource["DependsOn"] = json!(after);
            }
            template["Resources"][&id] = resource;
        }
        let body = template.to_string();
        PutStack {
            step: StackMove::Import,
            hash: digest(&template),
            body,
            parameters,
            imports,
            changes: Vec::new(),
            ..self.put.clone()
        }
    }
}

fn kind(resource: &Json) -> &str {
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

/// The name of a resource for the flag: where stacks of a stage have the same logical ids, with the stack's key.
fn said(key: &str, id: &str) -> String {
    if key.starts_with("service-") { format!("{key}/{id}") } else { id.to_owned() }
}

/// The flag that says which it is.
fn flag(key: &str, id: &str, keys: &[String]) -> String {
    format!("--resource {}={}", said(key, id), keys.join("|").to_uppercase())
}
