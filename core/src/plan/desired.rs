//! `DesiredService`: everything ECS shall know about a service, and the fingerprint of all of it.

use serde_json::{Value as Json, json};

use super::{Known, MadeFrom, World, digest};
use crate::{
    service::{self, Autoscaling, Rendered, Timeless},
    workflow::{Environment, Service, Value},
};

/// A service as it shall be.
#[derive(Debug, Clone, PartialEq)]
pub struct DesiredService {
    /// The service's name in the file.
    pub name: String,
    /// RegisterTaskDefinition's input.
    pub definition: Rendered,
    /// The digest of the definition: the tag by which a revision is known again.
    pub definition_digest: String,
    /// Listener rules.
    pub rules: Rendered,
    /// Autoscaling.
    pub autoscaling: Autoscaling,
    /// The digest of definition, settings, rules and autoscaling: the service's mark.
    pub fingerprint: String,
}

impl DesiredService {
    /// The service as the file and the world make it.
    pub fn of(env: &Environment, service: &Service, world: &World) -> Self {
        let known = Known { env, world };
        let definition = service::definition(env, service, &known);
        let settings = service::settings(env, service, &Timeless(&known));
        let rules = service::rules(env, service, &known);
        let autoscaling = service::autoscaling(env, service, &known);
        let definition_digest = digest(&definition.json);
        let fingerprint = digest(&json!([definition_digest, settings.json, rules.json, autoscaling]));
        Self { name: service.name.clone(), definition, definition_digest, rules, autoscaling, fingerprint }
    }

    /// Whether the running service was made from exactly this.
    pub fn is_deployed(&self, world: &World) -> bool {
        world.service(&self.name).and_then(|seen| seen.fingerprint()) == Some(&self.fingerprint)
    }

    /// The revision that the service runs, where it was made from this definition.
    pub fn running<'a>(&self, world: &'a World) -> Option<&'a Value> {
        let seen = world.service(&self.name)?;
        let same = |made_from: MadeFrom| made_from.whole == self.definition_digest;
        (self.is_deployed(world) || seen.made_from().is_some_and(same)).then_some(&seen.revision)
    }

    /// The revision that was made from this definition, where there is one.
    pub fn revision(&self, env: &Environment, world: &World) -> Option<Value> {
        if let Some(running) = self.running(world) {
            return Some(running.clone());
        }
        let newest = world.task_definitions.get(&env.family(&self.name))?.as_ref()?;
        (newest.fingerprint.as_deref() == Some(&self.definition_digest)).then(|| newest.arn.clone())
    }
}

/// The definition without image and secret versions: what a plan's id is made of.
pub fn timeless_definition(env: &Environment, service: &Service, world: &World) -> Json {
    service::definition(env, service, &Timeless(&Known { env, world })).json
}
