//! A stack as it will be once it was put.

use std::collections::BTreeMap;

use serde_json::Value as Json;

use super::{PutStack, Stack, StackMove, StackStatus, World, difference::replaced};
use crate::{
    infra::references,
    text::Foreign,
    workflow::{Environment, Value},
};

impl World {
    /// The stack stands as its template says. An output is kept where nothing that it is made of changes; a new one
    /// is pending. An operation of another run that is under way is taken to end as we want it: it is decided again
    /// when it has ended.
    pub(super) fn assume_stack(&mut self, env: &Environment, put: &PutStack) {
        let seen = self.stacks.get(&put.name).cloned();
        let mut stack = seen.unwrap_or_else(|| Stack {
            name: put.name.clone(),
            region: put.region.clone(),
            status: StackStatus("CREATE_COMPLETE".to_owned()),
            reason: Foreign::default(),
            outputs: BTreeMap::new(),
            parameters: BTreeMap::new(),
            tags: put.tags.clone(),
            protected: false,
        });
        match put.step {
            StackMove::Protect => stack.protected = true,
            StackMove::Unprotect => stack.protected = false,
            StackMove::Delete => {
                self.stacks.remove(&put.name);
                self.templates.insert(put.name.clone(), None);
                return;
            }
            StackMove::Import => {
                stack.status = StackStatus("IMPORT_COMPLETE".to_owned());
                self.templates.insert(put.name.clone(), serde_json::from_str(&put.body).ok());
                self.imports.get_or_insert_default().remove(&put.name);
            }
            StackMove::Attach => {
                stack.status = StackStatus("UPDATE_COMPLETE".to_owned());
                stack.outputs.insert(Stack::HASH.to_owned(), Value::Known(put.hash.clone()));
                stack.protected |= env.protected;
            }
            StackMove::Create | StackMove::Recreate | StackMove::Update => {
                let fresh = put.step != StackMove::Update;
                let status = if fresh { "CREATE_COMPLETE" } else { "UPDATE_COMPLETE" };
                stack.status = StackStatus(status.to_owned());
                stack.reason = Foreign::default();
                let template: Json = serde_json::from_str(&put.body).unwrap_or_default();
                let before = self.templates.get(&put.name).and_then(Option::as_ref).filter(|_| !fresh);
                stack.outputs = outputs(put, &template, before, if fresh { None } else { Some(&stack) });
                stack.parameters =
                    put.parameters.iter().map(|(name, value)| (name.clone(), value.shown().to_owned())).collect();
                stack.tags = put.tags.clone();
                stack.protected &= !fresh;
                self.templates.insert(put.name.clone(), Some(template));
            }
        }
        self.stacks.insert(put.name.clone(), stack);
    }
}

fn outputs(put: &PutStack, template: &Json, before: Option<&Json>, seen: Option<&Stack>) -> BTreeMap<String, Value> {
    let replaced = replaced(&put.changes);
    let mut outputs = BTreeMap::new();
    for (name, output) in template.get("Outputs").and_then(Json::as_object).into_iter().flatten() {
        let expression = output.get("Value").unwrap_or(&Json::Null);
        let same = before.is_none_or(|before| before.pointer(&format!("/Outputs/{name}/Value")) == Some(expression));
        let known = match expression {
            Json::String(text) => Some(Value::Known(text.clone())),
            Json::Object(map) if map.len() == 1 => {
                map.get("Ref").and_then(Json::as_str).and_then(|name| put.parameters.get(name)).cloned()
            }
            _ => None,
        };
        let kept = || {
            let kept = seen?.outputs.get(name)?.clone();
            let parameters = references(expression);
            let moved = seen.is_some_and(|seen| {
                put.parameters.iter().any(|(name, value)| {
                    parameters.contains(name) && seen.parameters.get(name).map(String::as_str) != value.known()
                })
            });
            (same && !moved && references(expression).is_disjoint(&replaced)).then_some(kept)
        };
        let value = known.or_else(kept).unwrap_or_else(|| Value::Pending(format!("${{stacks.{}.{name}}}", put.key)));
        outputs.insert(name.clone(), value);
    }
    if let Some(left_out) = seen.and_then(|seen| seen.outputs.get(Stack::LEFT_OUT)) {
        outputs.insert(Stack::LEFT_OUT.to_owned(), left_out.clone());
    }
    outputs
}
