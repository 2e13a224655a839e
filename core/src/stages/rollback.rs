//! `rollback`: a service goes back to a revision it ran well with, or a deployment in flight is turned around. A step of
//! the command of that name, not of the pipeline.

use super::Step;
use crate::{
    infra::Holds,
    plan::{
        Action, Ask, Change, Exit, Flight, Follow, History, Node, NodeId, PutService, Refusal, Replacement,
        Service as Seen, TurnBack, World,
    },
    workflow::{Environment, Value},
};

/// See the module.
pub struct Rollback;

/// The steps of a rollback: a node a service, those that depend on others before these. So nobody calls a version of a
/// service that is older than what they were made for.
pub fn rollback(env: &Environment) -> Vec<Step> {
    super::Stage::nodes(&Rollback, env).into_iter().map(|node| Step { stage: &Rollback, node, removal: None }).collect()
}

/// What a rollback leaves as it is, in a few words.
pub const NOT_UNDONE: &str =
    "not undone: migrations and other one-off tasks that ran, secrets, scaling, listener rules, stacks, schedules";

impl super::Stage for Rollback {
    fn name(&self) -> &'static str {
        "rollback"
    }

    fn makes(&self) -> &'static str {
        "the previous healthy revision serves again"
    }

    fn nodes(&self, env: &Environment) -> Vec<Node> {
        let running = || env.services.values().filter(|service| service.is_running());
        let mut nodes: Vec<Node> = running()
            .map(|service| Node {
                id: NodeId::scoped("rollback", &service.name),
                service: Some(service.name.clone()),
                needs: running()
                    .filter(|other| other.depends_on.contains(&service.name))
                    .map(|other| NodeId::scoped("rollback", &other.name))
                    .collect(),
            })
            .collect();
        // Each after those it needs; the depth of what depends on it says so.
        nodes.sort_by_key(|node| node.service.as_deref().map_or(0, |name| depth(env, name, env.services.len())));
        nodes
    }

    fn asks(&self, env: &Environment, node: &Node, world: &World) -> Vec<Ask> {
        let Some(name) = &node.service else { return Vec::new() };
        let mut asks = vec![
            Ask::Stacks { region: env.region.clone() },
            Ask::Service { service: name.clone() },
            Ask::History { service: name.clone() },
        ];
        if asks.iter().all(|ask| world.answered.contains(ask))
            && let Some(seen) = world.service(name)
            && flight(world, name).is_none()
        {
            // One after the other, until one is found that can be deployed.
            let next = candidates(name, seen, world).into_iter().find(|arn| {
                world.old_revisions.get(arn).is_none_or(|revision| revision.as_ref().is_some_and(|it| it.is_usable()))
            });
            asks.extend(next.map(|arn| Ask::Revision { arn }));
        }
        asks
    }

    fn decide(&self, env: &Environment, node: &Node, world: &World) -> Result<Vec<Action>, Refusal> {
        let Some(name) = &node.service else { return Ok(Vec::new()) };
        let what = format!("rolling back {name} in {}", env.cluster_name());
        let refuse = |why: String, remedy: String| Err(Refusal { what: what.clone(), why, remedy, exit: Exit::Failed });
        let Some(seen) = world.service(name) else {
            return refuse("there is no such service".into(), format!("see what runs: runner status -e {}", env.name));
        };
        if let Some(flight) = flight(world, name) {
            return match &flight.old {
                None => refuse(
                    "its first deployment is in flight: there is nothing to go back to".into(),
                    "mend what is wrong and run again; a new deployment takes its place".into(),
                ),
                Some(_) => Ok(turn_back(name, flight)),
            };
        }
        let candidates = candidates(name, seen, world);
        let found = candidates.iter().find_map(|arn| {
            let usable = world.old_revisions.get(arn)?.as_ref()?.is_usable();
            usable.then_some(arn)
        });
        match found {
            Some(arn) if seen.revision.known() == Some(arn) => {
                refuse(format!("{} runs already", short(arn)), format!("see what runs: runner status -e {}", env.name))
            }
            Some(arn) => Ok(put(env, name, seen, arn)),
            None if world.wish.named => {
                let why = why_not(&candidates, world);
                let remedy = match world.wish.to {
                    Some(_) => "name another revision with --to".to_owned(),
                    None => format!("name a revision: runner rollback {name} --to REVISION -e {}", env.name),
                };
                refuse(why, remedy)
            }
            None => Ok(Vec::new()),
        }
    }

    fn notes(&self, _: &Environment, node: &Node, world: &World) -> Vec<String> {
        let Some(name) = &node.service else { return Vec::new() };
        let Some(seen) = world.service(name) else { return Vec::new() };
        match flight(world, name) {
            Some(flight) if flight.old.is_some() => vec![between(name, flight), NOT_UNDONE.to_owned()],
            Some(_) => Vec::new(),
            None => {
                let all = candidates(name, seen, world);
                let passed = all.iter().map_while(|arn| {
                    let seen = world.old_revisions.get(arn)?;
                    let usable = seen.as_ref().is_some_and(|it| it.is_usable());
                    (!usable).then(|| format!("{name}: {} was passed over: {}", short(arn), unusable(arn, world)))
                });
                let mut notes: Vec<String> = passed.collect();
                if notes.len() < all.len() {
                    notes.push(NOT_UNDONE.to_owned());
                } else if !world.wish.named {
                    notes.push(format!("{name} stays as it is: {}", why_not(&all, world)));
                }
                notes
            }
        }
    }
}

/// How many services in a row depend on it.
fn depth(env: &Environment, name: &str, left: usize) -> usize {
    let dependants =
        env.services.values().filter(|other| other.is_running() && other.depends_on.iter().any(|it| it == name));
    if left == 0 { 0 } else { dependants.map(|other| 1 + depth(env, &other.name, left - 1)).max().unwrap_or_default() }
}

/// The deployment that is to be turned around: one in flight, unless a revision was named.
fn flight<'a>(world: &'a World, name: &str) -> Option<&'a Flight> {
    if world.wish.to.is_some() { None } else { history(world, name)?.flight.as_ref() }
}

fn history<'a>(world: &'a World, name: &str) -> Option<&'a History> {
    world.histories.get(name)?.as_ref()
}

/// The revisions it may go back to, in the order in which they are tried: the one that was named, or those that were
/// deployed well and are older than what it is set to. Only older ones: two rollbacks go back twice.
fn candidates(name: &str, seen: &Seen, world: &World) -> Vec<String> {
    let Some((family, number)) = seen.revision.known().and_then(split) else { return Vec::new() };
    if let Some(to) = world.wish.to {
        return vec![format!("{family}:{to}")];
    }
    let mut all: Vec<String> = Vec::new();
    for past in history(world, name).iter().flat_map(|history| &history.past) {
        let older = split(&past.revision).is_some_and(|(of, old)| of == family && old < number);
        if past.status == "SUCCESSFUL" && older && !all.contains(&past.revision) {
            all.push(past.revision.clone());
        }
    }
    all
}

fn split(arn: &str) -> Option<(&str, u32)> {
    let (family, number) = arn.rsplit_once(':')?;
    Some((family, number.parse().ok()?))
}

/// `finance-app-staging-api:41`.
fn short(arn: &str) -> &str {
    arn.rsplit('/').next().unwrap_or(arn)
}

fn unusable(arn: &str, world: &World) -> String {
    match world.old_revisions.get(arn).and_then(Option::as_ref) {
        None => "there is no such revision".to_owned(),
        Some(revision) if !revision.active => "it was deregistered".to_owned(),
        Some(revision) => format!("the registry has no {} any more", revision.missing.join(", ")),
    }
}

fn why_not(candidates: &[String], world: &World) -> String {
    match candidates {
        [] => "ECS remembers no earlier deployment of it that ended well (it remembers 90 days)".to_owned(),
        all => all.iter().map(|arn| format!("{}: {}", short(arn), unusable(arn, world))).collect::<Vec<_>>().join("; "),
    }
}

/// Both sides of a deployment in flight.
pub(super) fn between(name: &str, flight: &Flight) -> String {
    let old = flight.old.as_ref().map_or_else(|| "nothing".to_owned(), |side| side.words());
    let stage = if flight.stage.is_empty() { String::new() } else { format!(" at {}", flight.stage) };
    format!("{name}{stage}: new {} · old {old}", flight.new.words())
}

/// <https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_StopServiceDeployment.html>
fn turn_back(name: &str, flight: &Flight) -> Vec<Action> {
    let mut actions = Vec::new();
    if !flight.turns_back() {
        actions.push(Action::TurnBack(TurnBack { service: name.to_owned(), deployment: flight.arn.clone() }));
    }
    actions.push(Action::FollowBack(follow(name, &flight.new.revision)));
    actions
}

pub(super) fn follow(name: &str, revision: &str) -> Follow {
    Follow { service: name.to_owned(), revision: Value::from(revision), first: false }
}

/// The mark stays: it names another revision than the service runs now, and the next run goes forward by that.
fn put(env: &Environment, name: &str, seen: &Seen, arn: &str) -> Vec<Action> {
    let change = Change {
        scope: name.to_owned(),
        subject: "service".to_owned(),
        kind: String::new(),
        property: "taskDefinition".to_owned(),
        before: Some(seen.revision.shown().into()),
        after: Some(arn.into()),
        replacement: Replacement::No,
        holds: Holds::Nothing,
        span: None,
    };
    let put = PutService {
        service: name.to_owned(),
        create: false,
        input: serde_json::json!({ "cluster": env.cluster_name(), "service": name, "taskDefinition": arn }),
        revision: Value::from(arn),
        deploys: true,
        changes: vec![change],
    };
    vec![Action::PutService(Box::new(put)), Action::Follow(follow(name, arn))]
}
