//! `sync-secrets`: SecureString parameters from the variables of the job; only what differs is written.

use std::collections::BTreeMap;

use super::{Removal, Stage, removal};
use crate::{
    plan::{Action, Ask, Exit, Node, NodeId, PutParameter, Refusal, Variable, World},
    workflow::{Environment, SecretSource},
};

/// See the module.
pub struct SyncSecrets;

impl Stage for SyncSecrets {
    fn name(&self) -> &'static str {
        "sync-secrets"
    }

    fn makes(&self) -> &'static str {
        "SecureString parameters from the job's variables"
    }

    fn nodes(&self, env: &Environment) -> Vec<Node> {
        if parameters(env).is_empty() {
            return Vec::new();
        }
        vec![Node { id: NodeId::of(self.name()), service: None, needs: Vec::new() }]
    }

    fn asks(&self, env: &Environment, _: &Node, _: &World) -> Vec<Ask> {
        parameters(env).into_iter().map(|(name, variable)| Ask::Parameter { name, variable }).collect()
    }

    fn decide(&self, env: &Environment, _: &Node, world: &World) -> Result<Vec<Action>, Refusal> {
        let mut actions = Vec::new();
        let (mut unset, mut empty, mut missing) = (Vec::new(), Vec::new(), Vec::new());
        for (name, variable) in parameters(env) {
            let (version, state) =
                world.parameters.get(&name).map_or((0, Variable::NotRead), |seen| (seen.version, seen.variable));
            let Some(variable) = variable else {
                if version == 0 && world.answered.contains(&Ask::Parameter { name: name.clone(), variable: None }) {
                    missing.push(name);
                }
                continue;
            };
            match (state, version) {
                (Variable::Empty, _) => empty.push(variable),
                (Variable::Unset, 0) => unset.push(variable),
                (Variable::Differs, _) | (Variable::NotRead, 0) => {
                    actions.push(Action::PutParameter(PutParameter { name, variable, version }));
                }
                (Variable::Same | Variable::NotRead | Variable::Unset, _) => {}
            }
        }
        refuse(env, &unset, &empty, &missing)?;
        Ok(actions)
    }

    fn lasts(&self) -> bool {
        true
    }

    fn asks_to_remove(&self, env: &Environment, _: &Node, _: &World, _: Removal) -> Vec<Ask> {
        vec![Ask::ParametersUnder { path: removal::parameters_path(env) }]
    }

    fn remove(&self, env: &Environment, _: &Node, world: &World, _: Removal) -> Result<Vec<Action>, Refusal> {
        Ok(removal::parameters(env, world))
    }
}

/// Every parameter the environment's containers take, and the variable of the job it is kept from.
pub(super) fn parameters(env: &Environment) -> BTreeMap<String, Option<String>> {
    let services = env.services.values();
    let all = services.flat_map(|service| {
        service.secrets.iter().chain(service.sidecars.values().flat_map(|sidecar| &sidecar.secrets))
    });
    all.filter_map(|(variable, source)| match source {
        SecretSource::Ssm => Some((env.parameter(variable), Some(variable.clone()))),
        SecretSource::SsmExisting(name) => Some((name.clone(), None)),
        SecretSource::Database | SecretSource::SecretsManager { .. } => None,
    })
    .collect()
}

fn refuse(env: &Environment, unset: &[String], empty: &[String], missing: &[String]) -> Result<(), Refusal> {
    let (names, why, remedy) = if !empty.is_empty() {
        (
            empty,
            "set to the empty text, which is neither written nor taken for a deletion",
            "give it its value in the job's `env:`, or leave it unset to keep the parameter as it is",
        )
    } else if !unset.is_empty() {
        (
            unset,
            "not set, and there is no parameter yet to keep",
            "set it in the job's `env:` (from a GitHub secret), or in your shell, and run again",
        )
    } else if !missing.is_empty() {
        (missing, "named with `ssm:` in the file, but there is no such parameter", "create it, or mend the name")
    } else {
        return Ok(());
    };
    Err(Refusal {
        what: format!("syncing the secrets of {} ({})", env.prefix(), names.join(", ")),
        why: why.to_owned(),
        remedy: remedy.to_owned(),
        exit: Exit::Failed,
    })
}
