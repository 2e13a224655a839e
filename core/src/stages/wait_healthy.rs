//! `wait-healthy`: follows this very deployment to a verdict.

use super::{Stage, revision_asked};
use crate::{
    plan::{Action, Ask, Exit, Follow, Known, Node, NodeId, Refusal, Service, World},
    service::Facts,
    workflow::{Environment, Value},
};

/// See the module.
pub struct WaitHealthy;

impl Stage for WaitHealthy {
    fn name(&self) -> &'static str {
        "wait-healthy"
    }

    fn makes(&self) -> &'static str {
        "a verdict: healthy, rolled back, failed, and why"
    }

    fn nodes(&self, env: &Environment) -> Vec<Node> {
        env.services
            .values()
            .filter(|service| service.is_running())
            .map(|service| Node {
                id: NodeId::scoped(self.name(), &service.name),
                service: Some(service.name.clone()),
                needs: vec![NodeId::scoped("deploy-service", &service.name)],
            })
            .collect()
    }

    fn asks(&self, env: &Environment, node: &Node, world: &World) -> Vec<Ask> {
        let Some(service) = node.service_in(env) else { return Vec::new() };
        // A run that was killed before it marked the service is attached to as well: the newest revision is ours.
        revision_asked(env, service, world)
    }

    fn decide(&self, env: &Environment, node: &Node, world: &World) -> Result<Vec<Action>, Refusal> {
        let Some(service) = &node.service else { return Ok(Vec::new()) };
        let revision = Known { env, world }.revision(service);
        match world.service(service) {
            Some(seen) if seen.is_given_up() => Err(Refusal {
                what: format!("following ECS service ({service}) in {}", env.cluster_name()),
                why: "its first deployment failed and it was set to 0 tasks: there is nothing to follow".to_owned(),
                remedy: format!("`runner run -e {}` deploys it again", env.name),
                exit: Exit::Failed,
            }),
            // Steady with another revision than the file's newest is a rollback that is over: no health of ours.
            Some(seen) if seen.is_steady() && !is_other(&seen.revision, &revision) => Ok(Vec::new()),
            seen => {
                let first = seen.is_none_or(Service::is_first);
                Ok(vec![Action::Follow(Follow { service: service.clone(), revision, first })])
            }
        }
    }
}

/// Whether both are known and differ.
fn is_other(seen: &Value, wanted: &Value) -> bool {
    matches!((seen.known(), wanted.known()), (Some(seen), Some(wanted)) if seen != wanted)
}
