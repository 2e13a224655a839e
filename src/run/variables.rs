//! The variables of the job that the file declares as secrets. Nothing else of the environment is read for them.

use std::collections::BTreeMap;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use runner_core::{
    plan::Variable,
    text::Secret,
    workflow::{Environment, ImageSource, SecretSource},
};

/// Values by variable.
#[derive(Debug, Clone, Default)]
pub struct Variables {
    given: BTreeMap<String, Secret>,
    /// Random values for a local AWS, taken where the job gives none and there is no parameter yet.
    made_up: BTreeMap<String, Secret>,
}

impl Variables {
    /// Reads what the file declares; `make_up`: a variable without a value gets a random one.
    pub fn of_job(env: &Environment, make_up: bool) -> Self {
        Self::of(env, make_up, |name| std::env::var(name).ok().map(Secret::new))
    }

    /// The same, with values from elsewhere than the process's environment.
    pub fn of(env: &Environment, make_up: bool, value: impl Fn(&str) -> Option<Secret>) -> Self {
        let mut variables = Self::default();
        for name in declared(env) {
            match value(&name) {
                Some(value) => {
                    variables.given.insert(name, value);
                }
                None if make_up => {
                    variables.made_up.insert(name, random());
                }
                None => {}
            }
        }
        variables
    }

    /// The value that would be written.
    pub fn value(&self, name: &str) -> Option<&Secret> {
        self.given.get(name).or_else(|| self.made_up.get(name))
    }

    /// How the variable compares to what the parameter holds.
    pub fn compare(&self, name: &str, held: Option<&Secret>) -> Variable {
        match (self.given.get(name), held) {
            (Some(given), _) if given.is_empty() => Variable::Empty,
            (Some(given), Some(held)) if given == held => Variable::Same,
            (Some(_), _) => Variable::Differs,
            (None, None) if self.made_up.contains_key(name) => Variable::Differs,
            (None, _) => Variable::Unset,
        }
    }

    /// All of them, for the redactor.
    pub fn secrets(&self) -> impl Iterator<Item = Secret> {
        self.given.values().chain(self.made_up.values()).cloned()
    }
}

fn declared(env: &Environment) -> Vec<String> {
    let services = env.services.values();
    let mut names: Vec<String> = services
        .flat_map(|service| {
            let secrets = service.secrets.iter().chain(service.sidecars.values().flat_map(|sidecar| &sidecar.secrets));
            let kept = secrets.filter(|(_, source)| **source == SecretSource::Ssm).map(|(name, _)| name.clone());
            let built = match &service.image {
                ImageSource::Build(build) => build.secrets.clone(),
                _ => Vec::new(),
            };
            kept.chain(built).collect::<Vec<_>>()
        })
        .collect();
    names.sort();
    names.dedup();
    names
}

/// 32 random bytes as text.
fn random() -> Secret {
    let mut bytes = [0u8; 32];
    // A machine without a source of randomness gets a constant: the value guards nothing but a local emulator.
    let _ = rustls::crypto::ring::default_provider().secure_random.fill(&mut bytes);
    Secret::new(URL_SAFE_NO_PAD.encode(bytes))
}
