//! `Known`: the facts that renderings ask for, answered from a `World`.

use super::{DesiredService, World, listener_rule::is_rule_of};
use crate::{
    infra::{cdn, dns, edge, pascal},
    service::{Facts, Origin},
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

impl Known<'_> {
    /// An output of a stack that stands; a stack that is being changed says nothing certain.
    fn settled_output(&self, export: &crate::infra::Export) -> Option<Value> {
        let stack = self.world.stacks.get(&self.env.stack_name(&export.stack))?;
        stack.outputs.get(&*export.name).filter(|_| stack.status.is_settled()).cloned()
    }

    /// The rule that the service names: a rule keeps its ARN, and to name another deploys. One of another listener is
    /// not the one that is put.
    fn named_rule(&self, service: &str, key: &str, listener: Option<String>) -> Option<Value> {
        let rule = self.world.service(service)?.json["loadBalancers"][0]["advancedConfiguration"][key].as_str()?;
        let is_of_another = listener.is_some_and(|listener| !is_rule_of(rule, &listener));
        (!is_of_another).then(|| rule.into())
    }
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

    /// Only once the service's names are seen to lead to the CDN: by the records of ours, or by looking them up.
    fn origin(&self, service: &str) -> Option<Origin> {
        let (_, behind) = cdn::wanted(self.env).filter(|(_, behind)| behind.name == service)?;
        let target = self.settled_output(&cdn::DISTRIBUTION_DOMAIN_NAME)?;
        let led = |lead: &dns::Lead| match dns::is_ours(self.env, lead) {
            true => self.settled_output(&dns::CDN_TARGET).as_ref() == Some(&target),
            false => {
                let asked = (lead.host.clone(), target.shown().to_owned());
                self.world.leads.get(&asked).copied().unwrap_or_default()
            }
        };
        // Its other hosts are redirects, whose rule asks for nothing.
        let own = dns::leads(self.env).into_iter().find(|lead| behind.host.as_ref() == Some(&lead.host))?;
        if !led(&own) {
            return None;
        }
        let secret = self.world.output(self.env, edge::KEY, &edge::ORIGIN_SECRET_ARN.name);
        let version = match &secret {
            Value::Known(arn) => self.secret_version(arn),
            Value::Pending(_) => Value::Pending(format!("${{version.{}}}", secret.shown())),
        };
        Some(Origin { header: cdn::HEADER, secret, version })
    }

    fn rule(&self, service: &str) -> Value {
        let put = self.world.rules.get(service).cloned();
        let named = || self.named_rule(service, "productionListenerRule", self.world.listener(self.env));
        put.or_else(named).unwrap_or_else(|| Value::Pending(format!("${{rule.{service}}}")))
    }

    fn test_rule(&self, service: &str) -> Value {
        let put = self.world.test_rules.get(service).cloned();
        let named = || self.named_rule(service, "testListenerRule", self.world.test_listener(self.env));
        put.or_else(named).unwrap_or_else(|| Value::Pending(format!("${{test-rule.{service}}}")))
    }
}
