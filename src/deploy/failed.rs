//! The last task of a service that failed: what ECS says of it, and the last lines of each of its containers.

use runner_core::{plan::Fault, text::Foreign};
use serde_json::Value as Json;

use super::{evidence, list, logs::Stream, text};
use crate::aws::Clients;

/// Lines of each container.
const LINES: i32 = 100;

/// A task that stopped.
#[derive(Debug, Clone, PartialEq)]
pub struct StoppedTask {
    /// Its id.
    pub id: String,
    /// What ECS says of it and of its containers, with where it is from.
    pub said: Vec<(String, Foreign)>,
    /// The last lines of each container, oldest first.
    pub lines: Vec<(String, Vec<Foreign>)>,
}

/// The newest stopped task of a service: one that failed, or any where none did. ECS forgets a stopped task after about
/// an hour.
pub async fn last_stopped(
    clients: &Clients,
    cluster: &str,
    service: &str,
    log_group: &str,
) -> Result<Option<StoppedTask>, Fault> {
    let tasks = evidence::stopped(clients, cluster, service).await?;
    let newest = |failed: bool| {
        let those = tasks.iter().filter(|task| !failed || by_itself(task));
        those.max_by(|one, other| stopped_at(one).total_cmp(&stopped_at(other)))
    };
    let Some(task) = newest(true).or_else(|| newest(false)) else { return Ok(None) };
    let arn = text(task, "taskArn");
    let mut lines = Vec::new();
    for container in list(task, "containers") {
        let name = text(container, "name");
        let said = Stream::of(log_group, service, name, arn).tail(clients, LINES).await?;
        lines.push((name.to_owned(), said));
    }
    let said = evidence::folded(&evidence::of_task(task, &[]));
    Ok(Some(StoppedTask { id: arn.rsplit('/').next().unwrap_or(arn).to_owned(), said, lines }))
}

/// It was not a person or the scheduler that ended it.
fn by_itself(task: &Json) -> bool {
    !matches!(text(task, "stopCode"), "UserInitiated" | "ServiceSchedulerInitiated")
}

fn stopped_at(task: &Json) -> f64 {
    task["stoppedAt"].as_f64().unwrap_or_default()
}
