//! Which container of a service a session is opened in, and what is missing for it.
//!
//! <https://docs.aws.amazon.com/AmazonECS/latest/developerguide/ecs-exec.html>

use serde_json::Value as Json;

use crate::{
    plan::{Exit, Fault},
    workflow::{Environment, Service},
};

/// Which task and container were named; without names they are chosen.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Wanted {
    /// A task's id, the beginning of one, or its ARN.
    pub task: Option<String>,
    /// A container's name.
    pub container: Option<String>,
}

/// A container that a session can be opened in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// The task's id.
    pub task: String,
    /// The container's name.
    pub container: String,
    /// The container's id in its runtime.
    pub runtime: String,
    /// The task is of another revision than the service's, since none of that one runs.
    pub older: bool,
}

impl Target {
    /// Its name for Session Manager: `ecs:CLUSTER_TASK_RUNTIME`.
    pub fn name(&self, cluster: &str) -> String {
        format!("ecs:{cluster}_{}_{}", self.task, self.runtime)
    }
}

/// The agent that ECS puts beside a container of a task that was started with ECS Exec on.
/// <https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_ManagedAgent.html>
const AGENT: &str = "ExecuteCommandAgent";

fn doing(env: &Environment, service: &Service) -> String {
    format!("opening a session in {} in {}", service.name, env.cluster_name())
}

/// What the file says against it, before AWS is asked anything.
pub fn allowed(env: &Environment, service: &Service) -> Result<(), Fault> {
    let refuse = |words: String, hint: String| {
        Err(Fault::new(doing(env, service), words).with_hint(hint).with_exit(Exit::Usage))
    };
    let name = &service.name;
    if !service.is_running() {
        return refuse(
            format!("{name} is a scheduled task: none of it runs between its times"),
            format!("runner task {name} -e {} -- COMMAND starts one", env.name),
        );
    }
    if !service.execute_command {
        let key = format!("services.{name}.execute-command");
        let at =
            env.origins.find(&key).map_or_else(String::new, |span| format!(", {}:{}", env.origins.file, span.line));
        return refuse(
            format!("`execute-command` is not on ({key}{at})"),
            format!(
                "write `execute-command: true` there, then runner run -e {}: it starts tasks that have it",
                env.name
            ),
        );
    }
    Ok(())
}

/// The container: of the newest running task of the service's revision, unless another task is named.
/// `tasks` are DescribeTasks'.
pub fn target(
    env: &Environment,
    service: &Service,
    revision: Option<&str>,
    tasks: &[Json],
    wanted: &Wanted,
) -> Result<Target, Fault> {
    let running: Vec<&Json> = tasks.iter().filter(|task| task["lastStatus"] == "RUNNING").collect();
    let fault = |words: String, hint: String| Fault::new(doing(env, service), words).with_hint(hint);
    let (name, environment) = (&service.name, &env.name);
    if running.is_empty() {
        let hint = format!(
            "runner status {name} -e {environment}; runner task {name} -e {environment} -- COMMAND needs no running one"
        );
        return Err(fault("no task of it is running".to_owned(), hint));
    }
    let current = |task: &Json| revision.is_none_or(|revision| text(task, "taskDefinitionArn") == revision);
    let task = match &wanted.task {
        Some(named) => {
            let is_it = |task: &&&Json| text(task, "taskArn") == named || id(task).starts_with(named.as_str());
            let found: Vec<&Json> = running.iter().filter(is_it).copied().collect();
            match found[..] {
                [only] => only,
                _ => {
                    let words = match found.len() {
                        0 => format!("no running task of it is {named}"),
                        many => format!("{many} running tasks begin with {named}"),
                    };
                    let ids: Vec<&str> = running.iter().map(|task| id(task)).collect();
                    return Err(fault(words, format!("running: {}", ids.join(", "))).with_exit(Exit::Usage));
                }
            }
        }
        None => {
            // One whose agent is there already goes before one that has just been started.
            let order = |task: &&&Json| {
                let ready = list(task, "containers").iter().any(|container| agent(container).is_some_and(is_there));
                (current(task), ready, task["startedAt"].as_f64().unwrap_or_default().to_bits())
            };
            running.iter().max_by_key(order).copied().unwrap_or(running[0])
        }
    };
    let containers = list(task, "containers");
    let wished = wanted.container.as_deref().unwrap_or(name);
    let container = match (containers.iter().find(|container| text(container, "name") == wished), containers) {
        (Some(container), _) => container,
        (None, [only]) if wanted.container.is_none() => only,
        _ => {
            let names: Vec<&str> = containers.iter().map(|container| text(container, "name")).collect();
            let words = format!("task {} has no container {wished}", id(task));
            return Err(fault(words, format!("name one with --container: {}", names.join(", "))).with_exit(Exit::Usage));
        }
    };
    Ok(Target {
        task: id(task).to_owned(),
        container: text(container, "name").to_owned(),
        runtime: text(container, "runtimeId").to_owned(),
        older: !current(task),
    })
}

/// Whether ECS Exec reaches the container: its agent is there, and it has an id to be called by.
pub fn reachable(env: &Environment, service: &Service, tasks: &[Json], target: &Target) -> Result<(), Fault> {
    let task = tasks.iter().find(|task| id(task) == target.task).unwrap_or(&Json::Null);
    let container = list(task, "containers").iter().find(|it| text(it, "name") == target.container);
    let container = container.unwrap_or(&Json::Null);
    let fault = |words: String, hint: String| Err(Fault::new(doing(env, service), words).with_hint(hint));
    let again = format!("runner run -e {}", env.name);
    if task["enableExecuteCommand"] != true {
        let words = format!("task {} was started before `execute-command` was on, and has no agent", target.task);
        return fault(words, format!("start new tasks: {again}"));
    }
    match agent(container) {
        Some(agent) if is_there(agent) => {}
        Some(agent) if text(agent, "lastStatus") == "PENDING" => {
            let words = format!("the agent beside {} of task {} is still starting", target.container, target.task);
            return fault(words, "run the same command again in a moment".to_owned());
        }
        agent => {
            let state = agent.map_or("missing".to_owned(), |agent| {
                let reason = text(agent, "reason");
                let status = text(agent, "lastStatus").to_lowercase();
                if reason.is_empty() { status } else { format!("{status}: {reason}") }
            });
            let words = format!("the agent beside {} of task {} is {state}", target.container, target.task);
            let hint = format!(
                "the task's role needs ssmmessages (its stack gives it) and the task a way there: a NAT gateway or the \
                 VPC endpoint ssmmessages, which a network of your own must have; ECS starts no agent anew: stop the \
                 task, or {again}"
            );
            return fault(words, hint);
        }
    }
    if target.runtime.is_empty() {
        let words = format!("ECS tells no runtime id of {} in task {}", target.container, target.task);
        return fault(words, "run the same command again in a moment".to_owned());
    }
    Ok(())
}

/// The command as ECS takes it: one text, which the agent splits as a POSIX shell splits words, without being one.
pub fn command_line(command: &[String]) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"_-./:=,@%+".contains(&byte);
    let quoted = |word: &String| match !word.is_empty() && word.bytes().all(plain) {
        true => word.clone(),
        false => format!("'{}'", word.replace('\'', r"'\''")),
    };
    command.iter().map(quoted).collect::<Vec<_>>().join(" ")
}

fn agent(container: &Json) -> Option<&Json> {
    list(container, "managedAgents").iter().find(|agent| agent["name"] == AGENT)
}

fn is_there(agent: &Json) -> bool {
    agent["lastStatus"] == "RUNNING"
}

fn id(task: &Json) -> &str {
    let arn = text(task, "taskArn");
    arn.rsplit('/').next().unwrap_or(arn)
}

fn list<'a>(json: &'a Json, key: &str) -> &'a [Json] {
    json[key].as_array().map(Vec::as_slice).unwrap_or_default()
}

fn text<'a>(json: &'a Json, key: &str) -> &'a str {
    json[key].as_str().unwrap_or_default()
}

#[cfg(test)]
#[path = "exec_tests.rs"]
mod tests;
