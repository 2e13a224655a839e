//! ECS Exec: the running tasks of a service, and a session in one of their containers.

use runner_core::{judge::exec::Target, plan::Fault, text::Secret};
use serde_json::{Value as Json, json};

use super::{call, evidence, text};
use crate::aws::Clients;

/// A session that was opened and waits for Session Manager's plugin.
#[derive(Debug)]
pub struct Session {
    /// Its id.
    pub id: String,
    /// Its token, by which whoever has it may type: a secret.
    pub token: Secret,
    /// ECS's `session` as the plugin reads it, token and all.
    pub json: Secret,
}

/// The tasks of a service that run or are starting.
pub async fn running_tasks(clients: &Clients, cluster: &str, service: &str) -> Result<Vec<Json>, Fault> {
    evidence::tasks(clients, cluster, service, "RUNNING").await
}

/// Starts a command in a container; interactive, since ECS knows no other way.
/// <https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_ExecuteCommand.html>
pub async fn execute(clients: &Clients, cluster: &str, target: &Target, command: &str) -> Result<Session, Fault> {
    let doing = format!("opening a session in {} of task {} in {cluster}", target.container, target.task);
    let body = json!({
        "cluster": cluster, "task": target.task, "container": target.container, "command": command,
        "interactive": true,
    });
    let answer = call!(clients.ecs(), execute_command, body, &doing).map_err(explained)?;
    let session = &answer["session"];
    if text(session, "streamUrl").is_empty() || text(session, "tokenValue").is_empty() {
        return Err(Fault::new(doing, "ECS opened no session").with_hint("run the same command again"));
    }
    Ok(Session {
        id: text(session, "sessionId").to_owned(),
        token: Secret::new(text(session, "tokenValue")),
        json: Secret::new(session.to_string()),
    })
}

/// Codes that only this call has, with what to do.
fn explained(fault: Fault) -> Fault {
    let hint = match fault.code.as_deref() {
        Some("TargetNotConnectedException") => {
            "the agent lost its connection: see that the task's role has ssmmessages and its network a way there, then \
             start new tasks"
        }
        Some("AccessDeniedException") => {
            "it needs ecs:ExecuteCommand on the cluster and the task: the deploy role has it, the plan role never does"
        }
        _ => return fault,
    };
    fault.with_hint(hint)
}
