//! `Environment` → what ECS owns: task definition, service, listener rules, scaling.
//!
//! Everything is rendered as the API's own input JSON, so that what is golden-tested is what is sent.

mod collector;
mod definition;
mod own_definition;
mod rule;
mod scaling;
mod schedule;
mod settings;
mod test_place;
#[cfg(test)]
mod tests;

use serde_json::Value as Json;

use crate::workflow::{Outputs, SecretSource, Service, Text, Value};

pub use definition::{SECRET_VERSIONS_LABEL, definition};
pub(crate) use own_definition::ANSWERED_ONLY;
pub use rule::rules;
pub use scaling::{Autoscaling, autoscaling};
pub use schedule::{schedule, schedule_group};
pub use settings::{has_alternate, settings, under_rolling, update_of};
pub use test_place::test_place;

/// What renderings need to know of the world.
pub trait Facts: Outputs {
    /// The reference, by digest, of the image that `service` runs.
    fn image(&self, service: &str) -> Value;

    /// The current version of a secret: an SSM parameter's by its name, a Secrets Manager secret's by its ARN.
    fn secret_version(&self, reference: &str) -> Value;

    /// The revision's ARN that `service` shall run.
    fn revision(&self, service: &str) -> Value;

    /// The ARN of the listener rule that leads to `service`.
    fn rule(&self, service: &str) -> Value;

    /// The ARN of the rule on the test listener that leads to a new version of `service`.
    fn test_rule(&self, service: &str) -> Value;

    /// What a request must show to reach `service`, where only the CDN may ask.
    fn origin(&self, service: &str) -> Option<Origin>;
}

/// The header by which the load balancer knows the CDN. The value itself is in the secret, and is read only when the rule
/// is written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origin {
    /// The header's name.
    pub header: &'static str,
    /// The secret's ARN.
    pub secret: Value,
    /// The secret's version.
    pub version: Value,
}

/// Facts in which images, versions and revisions have no say: for a plan's id and for comparing settings.
pub struct Timeless<'a, F>(pub &'a F);

impl<F: Facts> Outputs for Timeless<'_, F> {
    fn output(&self, stack: &str, output: &str) -> Option<Value> {
        self.0.output(stack, output)
    }
}

impl<F: Facts> Facts for Timeless<'_, F> {
    fn image(&self, service: &str) -> Value {
        format!("${{image.{service}}}").into()
    }

    fn secret_version(&self, reference: &str) -> Value {
        format!("${{version.{reference}}}").into()
    }

    fn revision(&self, service: &str) -> Value {
        format!("${{revision.{service}}}").into()
    }

    fn rule(&self, service: &str) -> Value {
        format!("${{rule.{service}}}").into()
    }

    fn test_rule(&self, service: &str) -> Value {
        format!("${{test-rule.{service}}}").into()
    }

    fn origin(&self, service: &str) -> Option<Origin> {
        self.0.origin(service)
    }
}

/// A rendering, and what it still waits for.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Rendered {
    /// The API's input.
    pub json: Json,
    /// References that are not known yet; empty when it can be sent.
    pub pending: Vec<String>,
}

/// Collects what a rendering waits for while it is written.
struct Writer<'a, F> {
    facts: &'a F,
    pending: Vec<String>,
}

impl<'a, F: Facts> Writer<'a, F> {
    fn new(facts: &'a F) -> Self {
        Self { facts, pending: Vec::new() }
    }

    fn value(&mut self, value: Value) -> String {
        if let Value::Pending(reference) = &value
            && !self.pending.contains(reference)
        {
            self.pending.push(reference.clone());
        }
        value.shown().to_owned()
    }

    fn text(&mut self, text: &Text) -> String {
        let value = text.resolve(self.facts);
        self.value(value)
    }

    /// An output of a stack of ours.
    fn output(&mut self, stack: &str, output: &str) -> String {
        let value =
            self.facts.output(stack, output).unwrap_or_else(|| Value::Pending(format!("${{stacks.{stack}.{output}}}")));
        self.value(value)
    }

    /// An output that holds a list, joined by commas.
    fn list(&mut self, stack: &str, output: &str) -> Vec<String> {
        self.output(stack, output).split(',').map(str::to_owned).collect()
    }

    fn rendered(self, json: Json) -> Rendered {
        Rendered { json, pending: self.pending }
    }
}

/// The key of a service's stack.
pub fn stack_key(service: &str) -> String {
    format!("service-{service}")
}

/// The secrets of a service and its sidecars, each as (what names it, `valueFrom`), without repetition. The first is
/// the parameter's name or the secret's ARN, whose version counts; the second may carry a JSON key.
pub fn secret_references(
    env: &crate::workflow::Environment,
    service: &Service,
    outputs: &impl Outputs,
) -> Vec<(Value, Value)> {
    let all = service.secrets.iter().chain(service.sidecars.values().flat_map(|sidecar| &sidecar.secrets));
    let mut references: Vec<_> =
        all.map(|(variable, source)| secret_reference(env, variable, source, outputs)).collect();
    references.sort();
    references.dedup();
    references
}

/// What names a secret, and its `valueFrom`.
pub fn secret_reference(
    env: &crate::workflow::Environment,
    variable: &str,
    source: &SecretSource,
    outputs: &impl Outputs,
) -> (Value, Value) {
    use crate::workflow::Database;
    match source {
        SecretSource::Database => {
            let arn = match &env.database {
                Some(Database::Existing { url, .. }) => Value::Known(url.clone()),
                _ => outputs
                    .output("database", "DatabaseUrlSecretArn")
                    .unwrap_or_else(|| Value::Pending("${stacks.database.DatabaseUrlSecretArn}".to_owned())),
            };
            (arn.clone(), arn)
        }
        // A name is enough within one region.
        // https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_Secret.html
        SecretSource::Ssm => (env.parameter(variable).into(), env.parameter(variable).into()),
        SecretSource::SsmExisting(name) => (name.as_str().into(), name.as_str().into()),
        SecretSource::SecretsManager { arn, key } => {
            let from = key.as_ref().map_or_else(|| arn.clone(), |key| format!("{arn}:{key}::"));
            (arn.as_str().into(), from.into())
        }
    }
}
