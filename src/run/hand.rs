//! What is done by hand beside the pipeline: logs that are read, one-off tasks.

use std::collections::BTreeSet;

use runner_core::{
    plan::{Ask, Exit, Fault, World},
    service::stack_key,
    stages::by_hand,
    workflow::{Environment, Service},
};

use super::{Options, edge::Edge, look};
use crate::deploy::{self, Ended, Group, LogLine, Seen, StoppedTask};

/// The lines of services' containers since then, in the order of their times; with `follow`, on and on until the caller
/// has had enough.
pub async fn logs(
    env: &Environment,
    options: &Options,
    since_ms: i64,
    follow: bool,
    say: &(dyn Fn(LogLine) + Send + Sync),
) -> Result<(), Fault> {
    let edge = Edge::new(env, options).await;
    edge.world(false).await?;
    let mut groups: Vec<Group> =
        options.services.iter().map(|name| Group::of(name, env.log_group(name), since_ms)).collect();
    loop {
        let mut lines = Vec::new();
        for group in &mut groups {
            lines.extend(group.next(&edge.clients).await?);
        }
        lines.sort_by_key(|line| line.at_ms);
        lines.into_iter().for_each(say);
        if !follow {
            return Ok(());
        }
        tokio::time::sleep(std::time::Duration::from_secs(1)).await;
    }
}

/// The last stopped task of each service, one that failed where there is one.
pub async fn last_stopped(env: &Environment, options: &Options) -> Result<Vec<(String, Option<StoppedTask>)>, Fault> {
    let edge = Edge::new(env, options).await;
    edge.world(false).await?;
    let mut found = Vec::new();
    for name in &options.services {
        let task = deploy::last_stopped(&edge.clients, &env.cluster_name(), name, &env.log_group(name)).await?;
        found.push((name.clone(), task));
    }
    Ok(found)
}

/// Runs a command in a task like the service's: its running revision, its network, its roles.
pub async fn task(
    env: &Environment,
    options: &Options,
    service: &Service,
    command: &[String],
    see: &(dyn Fn(Seen) + Send + Sync),
) -> Result<Ended, Fault> {
    let edge = Edge::new(env, options).await;
    let mut world = edge.world(false).await?;
    let doing = || format!("running a task of {} in {}", service.name, env.cluster_name());
    if !world.abilities.runs_tasks {
        return Err(Fault::new(doing(), "no task runs here without a Docker engine")
            .with_hint("start a Docker engine, then: runner sandbox stop, and again"));
    }
    ask(
        &edge,
        [
            Ask::Stacks { region: env.region.clone() },
            Ask::Service { service: service.name.clone() },
            Ask::TaskDefinition { family: env.family(&service.name) },
        ],
        &mut world,
    )
    .await?;
    let Some(revision) = revision(env, service, &world) else {
        return Err(Fault::new(doing(), format!("{} has no task definition yet", service.name))
            .with_hint("runner run makes one")
            .with_exit(Exit::Failed));
    };
    let container = service.name.clone();
    ask(&edge, [Ask::TaskRuns { started_by: by_hand::mark(&revision, command), container }], &mut world).await?;
    if world.output(env, &stack_key(&service.name), "SecurityGroupIds").known().is_none() {
        return Err(Fault::new(doing(), format!("stack {} is not there", env.stack_name(&stack_key(&service.name))))
            .with_hint("runner run makes it"));
    }
    // Another attempt each time it is asked for by hand, whatever ECS remembers of the last one.
    let now = jiff::Timestamp::now().as_nanosecond();
    let nonce = format!("{now}/{}", std::process::id());
    let run = by_hand::run(env, service, &revision, command, &nonce, &world);
    deploy::by_hand(&edge.clients, &env.cluster_name(), &run, see).await
}

/// The revision that the service runs, or the newest of a task that only runs now and then.
fn revision(env: &Environment, service: &Service, world: &World) -> Option<String> {
    let running = world.service(&service.name).map(|seen| &seen.revision);
    let newest = || world.task_definitions.get(&env.family(&service.name))?.as_ref().map(|newest| &newest.arn);
    running.or_else(newest)?.known().map(str::to_owned)
}

async fn ask(edge: &Edge<'_>, asks: impl IntoIterator<Item = Ask>, world: &mut World) -> Result<(), Fault> {
    let asks: BTreeSet<Ask> = asks.into_iter().collect();
    look::ask(edge, &asks, false).await?.into_world(asks, world);
    Ok(())
}
