//! What the Docker engine knows of tasks' containers and the emulator does not: the memory they may take, how they ended,
//! and the time they are given to end.

use std::{
    path::PathBuf,
    process::Stdio,
    sync::{Arc, Mutex},
};

use runner::aws::Clients;
use serde_json::Value as Json;
use tokio::{
    io::{AsyncBufReadExt, BufReader},
    process::Command,
    sync::watch,
};

use super::State;

/// What a task has to end in after SIGTERM, in seconds, before SIGKILL: the least that the engine takes. ECS gives what
/// the definition's `stopTimeout` says.
const STOP: &str = "1";

/// A Docker engine, and what marks the containers of one emulator.
#[derive(Clone)]
pub struct Engine {
    /// As in `DOCKER_HOST`.
    pub host: String,
    /// `ministack.instance=…`.
    pub label: String,
    /// A place of the test's own.
    pub home: PathBuf,
}

/// A container of a task.
pub(super) struct Container {
    pub(super) id: String,
    /// `FAMILY:NUMBER`.
    pub(super) revision: String,
    pub(super) exit: Option<i64>,
    /// The kernel ended it for its memory.
    pub(super) oom: bool,
}

impl Engine {
    fn docker(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new("docker");
        command.env_clear().envs(std::env::var_os("PATH").map(|path| ("PATH", path))).env("HOME", &self.home);
        command.args(["--host", &self.host]).args(arguments).stdin(Stdio::null()).kill_on_drop(true);
        command
    }

    /// What came of it is told by the engine's events; a container may be gone by now.
    async fn run(&self, arguments: &[&str]) {
        let _ = self.docker(arguments).output().await;
    }

    /// Whether a command in a container ends well.
    pub(super) async fn exec(&self, container: &str, words: &[String]) -> bool {
        let mut command = self.docker(&["exec", container]);
        command.args(words).output().await.is_ok_and(|output| output.status.success())
    }

    /// Ends a container as ECS does: SIGTERM, and SIGKILL where that is not enough.
    pub(super) async fn stop(&self, container: &str) {
        self.run(&["stop", "--time", STOP, container]).await;
    }

    /// Gives each container that starts the limit of its definition, and keeps how each ends, until it is dropped.
    pub(super) async fn follow(self, clients: Arc<Clients>, state: Arc<Mutex<State>>, tell: watch::Sender<()>) {
        let label = format!("label={}", self.label);
        let mut events = self.docker(&["events", "--since", "5s", "--format", "{{json .}}", "--filter", &label]);
        let mut child = events.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        while let Ok(Some(line)) = lines.next_line().await {
            let event: Json = serde_json::from_str(&line).unwrap_or_default();
            let attribute = |name: &str| event["Actor"]["Attributes"][name].as_str().unwrap_or_default().to_owned();
            let aws = |name: &str| attribute(&format!("com.amazonaws.ecs.{name}"));
            let (task, name, id) = (aws("task-arn"), aws("container-name"), event["Actor"]["ID"].as_str());
            let (false, Some(id)) = (task.is_empty(), id) else { continue };
            let action = event["Action"].as_str().unwrap_or_default();
            let revision = format!("{}:{}", aws("task-definition-family"), aws("task-definition-version"));
            {
                let mut state = state.lock().unwrap();
                let new = || Container { id: id.to_owned(), revision: revision.clone(), exit: None, oom: false };
                let container = state.containers.entry((task, name.clone())).or_insert_with(new);
                match action {
                    "oom" => container.oom = true,
                    "die" => container.exit = attribute("exitCode").parse().ok(),
                    _ => {}
                }
            }
            tell.send_replace(());
            if action == "start"
                && let Some(limit) = limit(&clients, &revision, &name).await
            {
                let limit = format!("{limit}m");
                self.run(&["update", "--memory", &limit, "--memory-swap", &limit, id]).await;
            }
        }
    }
}

/// What a container may take, in MiB: its own limit, else its task's.
async fn limit(clients: &Clients, revision: &str, name: &str) -> Option<u32> {
    let answer = clients.ecs().describe_task_definition().task_definition(revision).send().await.ok()?;
    let definition = answer.task_definition()?;
    let own = definition.container_definitions().iter().find(|container| container.name() == Some(name))?.memory();
    own.and_then(|own| u32::try_from(own).ok()).or_else(|| definition.memory()?.parse().ok())
}
