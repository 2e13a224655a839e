//! `run-task`: one-off tasks before the rollout, such as migrations. A failure stops the line.

use serde_json::json;

use super::{Stage, facts_asked};
use crate::{
    plan::{Action, Ask, DesiredService, Known, Node, NodeId, Refusal, RunTask as Run, World},
    service::{self, stack_key},
    workflow::{Environment, OneOffTask, Service, Value},
};

/// See the module.
pub struct RunTask;

/// The key of the file these tasks stand under; the name under which a revision remembers that one is done.
const PURPOSE: &str = "before-deploy";

impl Stage for RunTask {
    fn name(&self) -> &'static str {
        "run-task"
    }

    fn makes(&self) -> &'static str {
        "one-off tasks before the rollout (migrations)"
    }

    fn nodes(&self, env: &Environment) -> Vec<Node> {
        env.services
            .values()
            .filter(|service| service.before_deploy.is_some())
            .map(|service| Node {
                id: NodeId::scoped(self.name(), &service.name),
                service: Some(service.name.clone()),
                needs: vec![
                    NodeId::scoped("render-taskdef", &service.name),
                    super::stack_node(env, "cluster"),
                    super::stack_node(env, "network"),
                ],
            })
            .collect()
    }

    fn asks(&self, env: &Environment, node: &Node, world: &World) -> Vec<Ask> {
        let Some(service) = node.service.as_ref().and_then(|name| env.services.get(name)) else { return Vec::new() };
        let mut asks = facts_asked(env, service, world);
        if !asks.iter().all(|ask| world.answered.contains(ask)) {
            return asks;
        }
        let desired = DesiredService::of(env, service, world);
        if !desired.is_deployed(world) {
            asks.push(Ask::TaskDefinition { family: env.family(&service.name) });
            if let Some(Value::Known(revision)) = desired.revision(env, world) {
                asks.push(Ask::TaskRuns { started_by: started_by(&revision), container: service.name.clone() });
            }
        }
        asks
    }

    fn decide(&self, env: &Environment, node: &Node, world: &World) -> Result<Vec<Action>, Refusal> {
        let Some(service) = node.service.as_ref().and_then(|name| env.services.get(name)) else {
            return Ok(Vec::new());
        };
        let Some(task) = &service.before_deploy else { return Ok(Vec::new()) };
        let desired = DesiredService::of(env, service, world);
        let revision =
            desired.revision(env, world).unwrap_or_else(|| Value::Pending(format!("${{revision.{}}}", service.name)));
        if !world.abilities.runs_tasks || is_done(env, service, &desired, &revision, world) {
            return Ok(Vec::new());
        }
        Ok(vec![Action::RunTask(Box::new(action(env, service, task, revision, world)))])
    }

    fn notes(&self, env: &Environment, node: &Node, world: &World) -> Vec<String> {
        let Some(service) = node.service.as_ref().and_then(|name| env.services.get(name)) else { return Vec::new() };
        match &service.before_deploy {
            Some(task) if !world.abilities.runs_tasks => {
                let known = Known { env, world };
                let words: Vec<_> = task.command.iter().map(|word| word.resolve(&known).shown().to_owned()).collect();
                vec![format!(
                    "{}'s {PURPOSE} was not run ({}): it needs a Docker engine here",
                    service.name,
                    words.join(" ")
                )]
            }
            _ => Vec::new(),
        }
    }
}

/// Done: the revision says so, or the service runs this very revision already.
fn is_done(env: &Environment, service: &Service, desired: &DesiredService, revision: &Value, world: &World) -> bool {
    if desired.is_deployed(world) || world.service(&service.name).is_some_and(|seen| seen.revision == *revision) {
        return true;
    }
    let newest = world.task_definitions.get(&env.family(&service.name)).and_then(Option::as_ref);
    newest.is_some_and(|seen| seen.arn == *revision && seen.done.contains(PURPOSE))
}

fn action(env: &Environment, service: &Service, task: &OneOffTask, revision: Value, world: &World) -> Run {
    let known = Known { env, world };
    let settings = service::settings(env, service, &known).json;
    let command: Vec<String> = task.command.iter().map(|word| word.resolve(&known).shown().to_owned()).collect();
    let running = revision
        .known()
        .and_then(|arn| world.task_runs.get(&started_by(arn)))
        .and_then(|runs| runs.iter().find(|run| !run.stopped || run.exit_code == Some(0)).map(|run| run.arn.clone()));
    let started_by = revision.known().map(started_by).unwrap_or_default();
    Run {
        service: service.name.clone(),
        purpose: PURPOSE.to_owned(),
        input: json!({
            "networkConfiguration": settings["networkConfiguration"],
            // A migration must not be taken away by a Spot interruption.
            "capacityProviderStrategy": [{ "capacityProvider": "FARGATE", "weight": 1, "base": 0 }],
            "enableECSManagedTags": true,
            "propagateTags": "TASK_DEFINITION",
            "startedBy": started_by,
            "overrides": { "containerOverrides": [{ "name": service.name, "command": command }] },
        }),
        revision,
        container: service.name.clone(),
        command,
        log_group: world.output(env, &stack_key(&service.name), "LogGroupName").shown().to_owned(),
        timeout: task.timeout,
        task: running,
    }
}

/// The mark of a one-off task, by which it is found again after a kill: letters, digits, `-`, `/` and `_` only, at
/// most 128. <https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_RunTask.html>
pub fn started_by(revision: &str) -> String {
    let tail = revision.rsplit('/').next().unwrap_or(revision).replace(':', "/");
    format!("{PURPOSE}/{tail}")
}
