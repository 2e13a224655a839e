//! What a look comes to: what is shown of each resource, and the change set that takes what was found.

use std::collections::BTreeMap;

use serde_json::{Map, Value as Json, json};

use super::{
    Adopted, Adoption, Import, Left,
    compare::Pair,
    looking::{Looking, Pick, Seen, kind},
    resolve::Resolver,
};
use crate::{
    infra::{Holds, references},
    plan::{PutStack, Refusal, Replacement, StackMove, digest},
    workflow::Value,
};

/// The most resources of one import.
/// <https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_CreateChangeSet.html>
const AT_MOST: usize = 200;

impl Looking {
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

/// The name of a resource for the flag: where stacks of a stage have the same logical ids, with the stack's key.
fn said(key: &str, id: &str) -> String {
    if key.starts_with("service-") { format!("{key}/{id}") } else { id.to_owned() }
}

/// The flag that says which it is.
fn flag(key: &str, id: &str, keys: &[String]) -> String {
    format!("--resource {}={}", said(key, id), keys.join("|").to_uppercase())
}
