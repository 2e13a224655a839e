//! One-off tasks: `run-task` before the rollout, such as migrations, where a failure stops the line; `finish-service`
//! after a good verdict, which also sets the schedules.

use serde_json::{Value as Json, json};

use super::{Removal, Stage, definitions::newest_asked, facts_asked, schedules};
use crate::{
    plan::{Action, Ask, DesiredService, Known, Node, NodeId, Refusal, RunTask as Run, World, digest},
    service::{self, stack_key},
    workflow::{Environment, OneOffTask, Service, Value},
};

/// How often a task that never began is started again.
pub const BEGIN_AGAIN: usize = 2;

/// The purpose of a task that runs once the rollout is good, as [`Run::purpose`] has it.
pub const AFTER_DEPLOY: &str = "after-deploy";

/// When a one-off task runs. Its name is the key of the file, and what a revision remembers of a task that is done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Purpose {
    BeforeDeploy,
    AfterDeploy,
}

impl Purpose {
    const fn as_str(self) -> &'static str {
        match self {
            Self::BeforeDeploy => "before-deploy",
            Self::AfterDeploy => AFTER_DEPLOY,
        }
    }

    fn task(self, service: &Service) -> Option<&OneOffTask> {
        match self {
            Self::BeforeDeploy => service.before_deploy.as_ref(),
            Self::AfterDeploy => service.after_deploy.as_ref(),
        }
    }
}

/// The tasks before the rollout.
pub struct RunTask;

impl Stage for RunTask {
    fn name(&self) -> &'static str {
        "run-task"
    }

    fn makes(&self) -> &'static str {
        "one-off tasks before the rollout (migrations)"
    }

    fn nodes(&self, env: &Environment) -> Vec<Node> {
        nodes(self.name(), Purpose::BeforeDeploy, "render-taskdef", env)
    }

    fn asks(&self, env: &Environment, node: &Node, world: &World) -> Vec<Ask> {
        asks(Purpose::BeforeDeploy, env, node, world)
    }

    fn decide(&self, env: &Environment, node: &Node, world: &World) -> Result<Vec<Action>, Refusal> {
        Ok(decide(Purpose::BeforeDeploy, env, node, world))
    }

    fn notes(&self, env: &Environment, node: &Node, world: &World) -> Vec<String> {
        notes(Purpose::BeforeDeploy, env, node, world)
    }
}

/// What follows a good verdict.
pub struct FinishService;

impl Stage for FinishService {
    fn name(&self) -> &'static str {
        "finish-service"
    }

    fn makes(&self) -> &'static str {
        "one-off tasks after a good verdict, and schedules"
    }

    fn nodes(&self, env: &Environment) -> Vec<Node> {
        let mut all = nodes(self.name(), Purpose::AfterDeploy, "wait-healthy", env);
        all.extend(schedules::nodes(self, env));
        all
    }

    fn asks(&self, env: &Environment, node: &Node, world: &World) -> Vec<Ask> {
        match running(env, node) {
            Ok(_) => asks(Purpose::AfterDeploy, env, node, world),
            Err(scheduled) => schedules::asks(env, scheduled, world),
        }
    }

    fn decide(&self, env: &Environment, node: &Node, world: &World) -> Result<Vec<Action>, Refusal> {
        Ok(match running(env, node) {
            Ok(_) => decide(Purpose::AfterDeploy, env, node, world),
            Err(scheduled) => schedules::decide(env, scheduled, world),
        })
    }

    fn notes(&self, env: &Environment, node: &Node, world: &World) -> Vec<String> {
        notes(Purpose::AfterDeploy, env, node, world)
    }

    /// A schedule would start tasks of a service that is gone.
    fn lasts(&self) -> bool {
        true
    }

    fn asks_to_remove(&self, env: &Environment, node: &Node, world: &World, _: Removal) -> Vec<Ask> {
        if node.service.is_none() { schedules::asks(env, None, world) } else { Vec::new() }
    }

    fn remove(&self, env: &Environment, node: &Node, world: &World, _: Removal) -> Result<Vec<Action>, Refusal> {
        Ok(if node.service.is_none() { schedules::remove(env, world, |_| false) } else { Vec::new() })
    }
}

/// The node's service where it runs all the time; else the scheduled task, or none where the node is about all.
fn running<'a>(env: &'a Environment, node: &Node) -> Result<&'a Service, Option<&'a Service>> {
    match node.service_in(env) {
        Some(service) if service.is_running() => Ok(service),
        other => Err(other),
    }
}

fn nodes(stage: &str, purpose: Purpose, after: &str, env: &Environment) -> Vec<Node> {
    env.services
        .values()
        .filter(|service| purpose.task(service).is_some())
        .map(|service| Node {
            id: NodeId::scoped(stage, &service.name),
            service: Some(service.name.clone()),
            needs: vec![
                NodeId::scoped(after, &service.name),
                super::stack_node(env, "cluster"),
                super::stack_node(env, "network"),
            ],
        })
        .collect()
}

fn asks(purpose: Purpose, env: &Environment, node: &Node, world: &World) -> Vec<Ask> {
    let Some(service) = node.service_in(env) else { return Vec::new() };
    let mut asks = facts_asked(env, service, world);
    if !asks.iter().all(|ask| world.answered.contains(ask)) {
        return asks;
    }
    let desired = DesiredService::of(env, service, world);
    // A service that runs the revision was migrated before; what follows the verdict only the revision remembers.
    if purpose == Purpose::AfterDeploy || desired.running(world).is_none() {
        asks.extend(newest_asked(env, service, world));
        if let Some(Value::Known(revision)) = desired.revision(env, world)
            && !remembers(env, service, &revision, purpose, world)
        {
            let started_by = started_by(purpose.as_str(), &revision);
            asks.push(Ask::TaskRuns { started_by, container: service.name.clone() });
        }
    }
    asks
}

fn decide(purpose: Purpose, env: &Environment, node: &Node, world: &World) -> Vec<Action> {
    let Some(service) = node.service_in(env) else { return Vec::new() };
    let Some(task) = purpose.task(service) else { return Vec::new() };
    let desired = DesiredService::of(env, service, world);
    let revision =
        desired.revision(env, world).unwrap_or_else(|| Value::Pending(format!("${{revision.{}}}", service.name)));
    if !world.abilities.runs_tasks || is_done(purpose, env, service, &desired, &revision, world) {
        return Vec::new();
    }
    vec![Action::RunTask(Box::new(action(purpose, env, service, task, revision, world)))]
}

fn notes(purpose: Purpose, env: &Environment, node: &Node, world: &World) -> Vec<String> {
    let Some(service) = node.service_in(env) else { return Vec::new() };
    match purpose.task(service) {
        Some(task) if !world.abilities.runs_tasks => {
            let known = Known { env, world };
            let words: Vec<_> = task.command.iter().map(|word| word.resolve(&known).shown().to_owned()).collect();
            let (name, purpose) = (&service.name, purpose.as_str());
            vec![format!("{name}'s {purpose} was not run ({}): it needs a Docker engine here", words.join(" "))]
        }
        _ => Vec::new(),
    }
}

/// Whether the newest revision is this one and has the mark of the task.
fn remembers(env: &Environment, service: &Service, revision: &str, purpose: Purpose, world: &World) -> bool {
    let newest = world.task_definitions.get(&env.family(&service.name)).and_then(Option::as_ref);
    newest.is_some_and(|seen| seen.arn.shown() == revision && seen.done.contains(purpose.as_str()))
}

/// Done: the revision says so; or, before the rollout, the service runs this very revision already.
fn is_done(
    purpose: Purpose,
    env: &Environment,
    service: &Service,
    desired: &DesiredService,
    revision: &Value,
    world: &World,
) -> bool {
    let runs =
        desired.is_deployed(world) || world.service(&service.name).is_some_and(|seen| seen.revision == *revision);
    (purpose == Purpose::BeforeDeploy && runs) || remembers(env, service, revision.shown(), purpose, world)
}

fn action(
    purpose: Purpose,
    env: &Environment,
    service: &Service,
    task: &OneOffTask,
    revision: Value,
    world: &World,
) -> Run {
    let started_by = |revision: &str| started_by(purpose.as_str(), revision);
    let known = Known { env, world };
    let command: Vec<String> = task.command.iter().map(|word| word.resolve(&known).shown().to_owned()).collect();
    let running = revision
        .known()
        .and_then(|arn| world.task_runs.get(&started_by(arn)))
        .and_then(|runs| runs.iter().find(|run| !run.stopped || run.exit_code == Some(0)).map(|run| run.arn.clone()));
    let started_by = revision.known().map(started_by).unwrap_or_default();
    // A call whose answer was lost is answered with the task it started. A task that failed before is another attempt.
    // https://docs.aws.amazon.com/AmazonECS/latest/APIReference/ECS_Idempotency.html
    let attempt = world.task_runs.get(&started_by).map_or(0, Vec::len);
    let token = |attempt: usize| digest(&format!("{}/{started_by}/{attempt}", revision.shown()));
    let input = input(service, &command, &started_by, &token(attempt), &known);
    let next = if running.is_some() { attempt } else { attempt + 1 };
    let again = (next..).take(BEGIN_AGAIN).map(token).collect();
    Run {
        service: service.name.clone(),
        purpose: purpose.as_str().to_owned(),
        input,
        again,
        revision,
        container: service.name.clone(),
        command,
        log_group: world.output(env, &stack_key(&service.name), "LogGroupName").shown().to_owned(),
        timeout: task.timeout,
        task: running,
    }
}

/// RunTask's own fields: the service's image, environment, roles and network with another command.
pub(super) fn input(service: &Service, command: &[String], started_by: &str, token: &str, known: &Known<'_>) -> Json {
    let settings = service::settings(known.env, service, known).json;
    json!({
        "networkConfiguration": settings["networkConfiguration"],
        // Nobody wants a migration to be taken away, or to begin anew, because of a Spot interruption.
        "capacityProviderStrategy": [{ "capacityProvider": "FARGATE", "weight": 1, "base": 0 }],
        "enableECSManagedTags": true,
        "propagateTags": "TASK_DEFINITION",
        "startedBy": started_by,
        "clientToken": token,
        "overrides": { "containerOverrides": [{ "name": service.name, "command": command }] },
    })
}

/// The mark of a one-off task, by which it is found again after a kill: letters, digits, `-`, `/` and `_` only, at
/// most 128. <https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_RunTask.html>
pub fn started_by(purpose: &str, revision: &str) -> String {
    let tail = revision.rsplit('/').next().unwrap_or(revision).replace(':', "/");
    format!("{purpose}/{tail}")
}
