//! `push-image`: the image that a service's content makes is in the registry.

use super::{Stage, stack_node};
use crate::{
    plan::{Action, Ask, Node, NodeId, PushImage as Push, Refusal, World},
    workflow::Environment,
};

/// See the module.
pub struct PushImage;

impl Stage for PushImage {
    fn name(&self) -> &'static str {
        "push-image"
    }

    fn makes(&self) -> &'static str {
        "images: built or read, and pushed by digest"
    }

    fn nodes(&self, env: &Environment) -> Vec<Node> {
        env.pushed()
            .map(|service| Node {
                id: NodeId::scoped(self.name(), &service.name),
                service: Some(service.name.clone()),
                needs: vec![stack_node(env, "registry")],
            })
            .collect()
    }

    fn asks(&self, _: &Environment, node: &Node, _: &World) -> Vec<Ask> {
        node.service.iter().map(|service| Ask::Image { service: service.clone() }).collect()
    }

    fn decide(&self, env: &Environment, node: &Node, world: &World) -> Result<Vec<Action>, Refusal> {
        let Some(service) = &node.service else { return Ok(Vec::new()) };
        let image = world.images.get(service);
        if image.is_some_and(|image| image.digest.is_some()) {
            return Ok(Vec::new());
        }
        Ok(vec![Action::PushImage(Push {
            service: service.clone(),
            repository: env.repository(service),
            tag: image.map(|image| image.tag.clone()).unwrap_or_default(),
            stand_in: image.is_some_and(|image| image.stand_in),
        })])
    }
}
