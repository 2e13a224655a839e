//! `Known`: the facts that renderings ask for, answered from a `World`.

use super::{DesiredService, World};
use crate::{
    infra::pascal,
    service::Facts,
    workflow::{Environment, Outputs, Value},
};

/// What is known of an environment.
#[derive(Clone, Copy)]
pub struct Known<'a> {
    /// The environment.
    pub env: &'a Environment,
    /// The world.
    pub world: &'a World,
}

impl Outputs for Known<'_> {
    fn output(&self, stack: &str, output: &str) -> Option<Value> {
        self.world.stacks.get(&self.env.stack_name(stack))?.outputs.get(output).cloned()
    }
}

impl Facts for Known<'_> {
    fn image(&self, service: &str) -> Value {
        let repository = match &self.world.abilities.registry {
            Some(registry) => Value::Known(format!("{registry}/{}", self.env.repository(service))),
            None => self.world.output(self.env, "registry", &format!("{}RepositoryUri", pascal(service))),
        };
        let digest = self.world.images.get(service).and_then(|image| image.digest.clone());
        match (repository, digest) {
            (Value::Known(repository), Some(Value::Known(digest))) => Value::Known(format!("{repository}@{digest}")),
            _ => Value::Pending(format!("${{image.{service}}}")),
        }
    }

    fn secret_version(&self, reference: &str) -> Value {
        let version = if reference.starts_with("arn:") {
            self.world.secret_versions.get(reference).cloned().flatten()
        } else {
            self.world
                .parameters
                .get(reference)
                .map(|parameter| parameter.version)
                .filter(|version| *version > 0)
                .map(|version| version.to_string())
        };
        version.map_or_else(|| Value::Pending(format!("${{version.{reference}}}")), Value::Known)
    }

    fn revision(&self, service: &str) -> Value {
        let pending = || Value::Pending(format!("${{revision.{service}}}"));
        let Some(service) = self.env.services.get(service) else { return pending() };
        DesiredService::of(self.env, service, self.world).revision(self.env, self.world).unwrap_or_else(pending)
    }

    /// The rule that was put, or the one the service names: a rule keeps its ARN, and to name another deploys.
    fn rule(&self, service: &str) -> Value {
        let put = self.world.rules.get(service).cloned();
        let named = || {
            let seen = &self.world.service(service)?.json;
            let rule = &seen["loadBalancers"][0]["advancedConfiguration"]["productionListenerRule"];
            rule.as_str().map(Value::from)
        };
        put.or_else(named).unwrap_or_else(|| Value::Pending(format!("${{rule.{service}}}")))
    }
}
