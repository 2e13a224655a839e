//! A one-off task by hand: started or found again, its lines as they come, its exit code.

use std::time::Duration;

use runner_core::{
    plan::{Fault, RunTask},
    text::Foreign,
};
use serde_json::{Value as Json, json};

use super::{call, evidence, list, logs::Stream, run_task, text};
use crate::aws::Clients;

/// Between two looks.
const PAUSE: Duration = Duration::from_millis(500);
/// Looks without a new line after the task has stopped, until it is believed that there is none.
const QUIET: u32 = 3;

/// What is seen of a task while it is followed.
#[derive(Debug, Clone, PartialEq)]
pub enum Seen {
    /// It was started; its id.
    Started(String),
    /// It was under way already; its id.
    Found(String),
    /// A line of its container.
    Line(Foreign),
}

/// How a task ended.
#[derive(Debug, Clone, PartialEq)]
pub struct Ended {
    /// The container's exit code; none where it never ran.
    pub exit_code: Option<i32>,
    /// What ECS says of it.
    pub said: Vec<(String, Foreign)>,
}

/// Starts the task, or goes on with the one that is under way, until its container has ended and its last line is read.
pub async fn by_hand(
    clients: &Clients,
    cluster: &str,
    run: &RunTask,
    see: &(dyn Fn(Seen) + Send + Sync),
) -> Result<Ended, Fault> {
    let doing = format!("running a task of {} ({}) in {cluster}", run.service, run.command.join(" "));
    let id = |arn: &str| arn.rsplit('/').next().unwrap_or(arn).to_owned();
    let arn = match &run.task {
        Some(arn) => {
            see(Seen::Found(id(arn)));
            arn.clone()
        }
        None => {
            let arn = run_task::start(clients, cluster, run, &doing).await?;
            see(Seen::Started(id(&arn)));
            arn
        }
    };
    let mut stream = Stream::of(&run.log_group, &run.service, &run.container, &arn);
    let mut quiet = 0;
    loop {
        let body = json!({ "cluster": cluster, "tasks": [arn] });
        let answer = call!(clients.ecs(), describe_tasks, body, doing.clone())?;
        let task = list(&answer, "tasks").first().cloned().unwrap_or(Json::Null);
        let lines = stream.next(clients).await?;
        quiet = if lines.is_empty() { quiet + 1 } else { 0 };
        lines.into_iter().for_each(|line| see(Seen::Line(line)));
        if text(&task, "lastStatus") != "STOPPED" {
            quiet = 0;
        } else if quiet >= QUIET {
            return Ok(ended(run, &task));
        }
        tokio::time::sleep(PAUSE).await;
    }
}

fn ended(run: &RunTask, task: &Json) -> Ended {
    let named = list(task, "containers").iter().find(|container| text(container, "name") == run.container);
    let code = named.and_then(|container| container["exitCode"].as_i64());
    Ended {
        exit_code: code.and_then(|code| i32::try_from(code).ok()),
        said: evidence::folded(&evidence::of_task(task, &[])),
    }
}
