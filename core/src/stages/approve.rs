//! `approve`: a person's answer to a paused deployment. A step of the command of that name, not of the pipeline.

use jiff::Timestamp;

use super::{
    Step,
    rollback::{between, follow},
};
use crate::{
    plan::{Action, Answer, Ask, Exit, Flight, Node, NodeId, Pause, Refusal, World},
    workflow::Environment,
};

/// See the module.
pub struct Approve;

/// The step of an answer about one service.
pub fn approve(env: &Environment, service: &str) -> Vec<Step> {
    let nodes = super::Stage::nodes(&Approve, env).into_iter();
    nodes
        .filter(|node| node.service.as_deref() == Some(service))
        .map(|node| Step { stage: &Approve, node, removal: None })
        .collect()
}

impl super::Stage for Approve {
    fn name(&self) -> &'static str {
        "approve"
    }

    fn makes(&self) -> &'static str {
        "a paused deployment goes on, or back"
    }

    fn nodes(&self, env: &Environment) -> Vec<Node> {
        let running = env.services.values().filter(|service| service.is_running());
        running
            .map(|service| Node {
                id: NodeId::scoped("approve", &service.name),
                service: Some(service.name.clone()),
                needs: Vec::new(),
            })
            .collect()
    }

    fn asks(&self, env: &Environment, node: &Node, _: &World) -> Vec<Ask> {
        let Some(name) = &node.service else { return Vec::new() };
        vec![
            Ask::Stacks { region: env.region.clone() },
            Ask::Service { service: name.clone() },
            Ask::History { service: name.clone() },
        ]
    }

    fn decide(&self, env: &Environment, node: &Node, world: &World) -> Result<Vec<Action>, Refusal> {
        let Some(name) = &node.service else { return Ok(Vec::new()) };
        let Some((flight, pause)) = paused(world, name) else {
            return Err(Refusal {
                what: format!("answering for {name} in {}", env.cluster_name()),
                why: why_not(name, world),
                remedy: format!("see what runs: runner status -e {}", env.name),
                exit: Exit::Failed,
            });
        };
        let answer = Answer {
            service: name.clone(),
            deployment: flight.arn.clone(),
            hook: pause.hook.clone(),
            proceed: !world.wish.reject,
        };
        let follow = follow(name, &flight.new.revision);
        let follow = if world.wish.reject { Action::FollowBack(follow) } else { Action::Follow(follow) };
        Ok(vec![Action::Answer(answer), follow])
    }

    fn notes(&self, _: &Environment, node: &Node, world: &World) -> Vec<String> {
        let Some((name, (flight, pause))) = node.service.as_ref().and_then(|name| Some((name, paused(world, name)?)))
        else {
            return Vec::new();
        };
        let verb = if world.wish.reject { "turned back" } else { "continued" };
        #[allow(clippy::cast_possible_truncation)]
        let until = pause.until.and_then(|until| Timestamp::from_second(until as i64).ok());
        let until = until.map(|until| format!("; it would have waited until {until}")).unwrap_or_default();
        let mut notes = vec![format!("{verb}: {}{until}", between(name, flight))];
        if world.wish.reject {
            notes.push(super::rollback::NOT_UNDONE.to_owned());
        }
        notes
    }
}

fn paused<'a>(world: &'a World, name: &str) -> Option<(&'a Flight, &'a Pause)> {
    let flight = world.histories.get(name)?.as_ref()?.flight.as_ref()?;
    Some((flight, flight.pause.as_ref()?))
}

fn why_not(name: &str, world: &World) -> String {
    let flight = world.histories.get(name).and_then(Option::as_ref).and_then(|history| history.flight.as_ref());
    match (world.service(name), flight) {
        (None, _) => "there is no such service".to_owned(),
        (_, None) => "nothing is paused: no deployment of it is in flight".to_owned(),
        (_, Some(flight)) if flight.turns_back() => {
            "nothing is paused: its deployment is turned back already".to_owned()
        }
        (_, Some(flight)) => format!("nothing is paused: its deployment is {}", between(name, flight)),
    }
}
