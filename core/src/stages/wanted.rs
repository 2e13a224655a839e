//! A stack as it shall be, resolved against the world: text of its template, values of its parameters, its hash.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value as Json, json};

use crate::{
    infra::{self, Body, Holds, Source, StackDesired},
    plan::{Stack, World, digest},
    text::Span,
    workflow::{Environment, Value},
};

/// The part of a stack's rendering that decisions are made from.
pub(super) struct Wanted {
    /// Its template, without our own outputs.
    pub(super) template: Json,
    /// Where the values of its parameters come from.
    parameters: BTreeMap<String, Source>,
    /// What is known of its resources beside the template.
    about: BTreeMap<String, Known>,
}

/// What is known of a resource beside the template.
#[derive(Default)]
struct Known {
    holds: Holds,
    /// Where the file says that it shall be.
    span: Option<Span>,
    /// Where it says what a property shall be, by the property's name.
    spans: BTreeMap<&'static str, Span>,
}

impl Wanted {
    /// From a stack's rendering.
    pub(super) fn new(env: &Environment, desired: &StackDesired) -> Self {
        let parameters = desired.parameters().into_iter().map(|(name, source)| (name.to_owned(), source)).collect();
        let about = match &desired.body {
            Body::Rendered(template) => template
                .resources
                .iter()
                .map(|(id, resource)| {
                    let find = |origin: &String| env.origins.find(origin);
                    let spans = resource.origins.iter().filter_map(|(name, origin)| Some((*name, find(origin)?)));
                    let span = resource.origin.as_ref().and_then(find);
                    (id.clone(), Known { holds: resource.holds, span, spans: spans.collect() })
                })
                .chain(template.retired.iter().map(|id| (id.clone(), Known::default())))
                .collect(),
            Body::Own { .. } => BTreeMap::new(),
        };
        Self { template: desired.to_json(), parameters, about }
    }

    /// What is known of a resource beside the template, and where the file says what a property of it shall be; nothing of
    /// one that is only in the old template.
    pub(super) fn about(&self, id: &str, property: &str) -> Option<(Holds, Option<Span>)> {
        let known = self.about.get(id)?;
        let name = property.split(['.', '[']).next().unwrap_or_default();
        Some((known.holds, known.spans.get(name).copied().or(known.span)))
    }

    /// What hangs on each resource, of this template and of the one before it. Where nothing does it is said only against
    /// what the type would say.
    pub(super) fn holds(&self, before: Option<&Json>) -> BTreeMap<String, Holds> {
        let none = Map::new();
        let resources = |template: &Json| template.get("Resources").and_then(Json::as_object).unwrap_or(&none).clone();
        let mut all = before.map(resources).unwrap_or_default();
        all.extend(resources(&self.template));
        all.into_iter()
            .map(|(id, resource)| {
                let kind = resource.get("Type").and_then(Json::as_str).unwrap_or_default();
                let of_kind = infra::holds(kind);
                let holds = self.about.get(&id).map_or(of_kind, |known| known.holds);
                (id, holds, of_kind)
            })
            .filter(|(_, holds, of_kind)| (*holds, *of_kind) != (Holds::Nothing, Holds::Nothing))
            .map(|(id, holds, _)| (id, holds))
            .collect()
    }

    /// Whether it has a parameter that is `false` in its first create.
    pub(super) fn protects_later(&self) -> bool {
        self.parameters.values().any(|source| *source == Source::Protect)
    }

    /// The values of its parameters; `protect` is that of [`Source::Protect`].
    pub(super) fn values(&self, env: &Environment, world: &World, protect: bool) -> BTreeMap<String, Value> {
        self.parameters
            .iter()
            .map(|(name, source)| {
                let value = match source {
                    Source::Output { stack, output } => world.output(env, stack, output),
                    Source::IfMade { stack, output } => {
                        let found = world.stacks.get(&env.stack_name(stack)).and_then(|seen| seen.outputs.get(output));
                        found.cloned().unwrap_or_else(|| Value::Known(String::new()))
                    }
                    Source::Text(text) => text.resolve(&world.outputs(env)),
                    Source::Literal(text) => Value::Known(text.clone()),
                    Source::Protect => Value::Known(protect.to_string()),
                };
                (name.clone(), value)
            })
            .collect()
    }

    /// Parameters whose output an earlier stack does not have though it stands: the endpoint does not know the type it
    /// would be of.
    pub(super) fn missing(&self, env: &Environment, world: &World) -> BTreeSet<String> {
        let missing = |source: &Source| match source {
            Source::Output { stack, output } => world
                .stacks
                .get(&env.stack_name(stack))
                .is_some_and(|seen| seen.status.is_settled() && !seen.outputs.contains_key(output)),
            _ => false,
        };
        let names = self.parameters.iter().filter(|(_, source)| missing(source)).map(|(name, _)| name.clone());
        if world.abilities.may_leave_out { names.collect() } else { BTreeSet::new() }
    }

    /// SHA-256 of template and parameters.
    pub(super) fn hash(&self, values: &BTreeMap<String, Value>) -> String {
        hash(&self.template, &shown(values))
    }

    /// The text of a template of it, the hash among its outputs.
    pub(super) fn body(mut template: Json, hash: &str) -> String {
        if let Some(map) = template.as_object_mut() {
            let outputs = map.entry("Outputs").or_insert_with(|| Json::Object(Map::new()));
            outputs[Stack::HASH] = json!({ "Value": hash, "Description": "SHA-256 of template and parameters" });
        }
        template.to_string()
    }
}

/// The template of a body: without the hash among its outputs.
pub(super) fn unhashed(mut body: Json) -> Json {
    if let Some(outputs) = body.get_mut("Outputs").and_then(Json::as_object_mut) {
        outputs.remove(Stack::HASH);
        if outputs.is_empty()
            && let Some(template) = body.as_object_mut()
        {
            template.remove("Outputs");
        }
    }
    body
}

/// SHA-256 of a template and the values of its parameters as text.
pub(super) fn hash(template: &Json, parameters: &BTreeMap<String, String>) -> String {
    digest(&json!([template, parameters]))
}

/// The values as text, what is pending as its reference.
pub(super) fn shown(values: &BTreeMap<String, Value>) -> BTreeMap<String, String> {
    values.iter().map(|(name, value)| (name.clone(), value.shown().to_owned())).collect()
}
