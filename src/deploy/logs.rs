//! CloudWatch Logs: the lines of one (task, container), each from its own stream.

use runner_core::{plan::Fault, text::Foreign};

use super::means;
use crate::aws::{Clients, Code, fault};

/// A stream that is read on from where the last look ended.
pub(super) struct Stream {
    group: String,
    name: String,
    token: Option<String>,
}

impl Stream {
    /// The stream of a container of a task. The driver names it `<prefix>/<container>/<task id>`.
    /// <https://docs.aws.amazon.com/AmazonECS/latest/developerguide/using_awslogs.html>
    pub(super) fn of(group: &str, prefix: &str, container: &str, task: &str) -> Self {
        let id = task.rsplit('/').next().unwrap_or(task);
        Self { group: group.to_owned(), name: format!("{prefix}/{container}/{id}"), token: None }
    }

    /// The lines since the last look, to the end of what is there now. A stream that is not there yet has none.
    pub(super) async fn next(&mut self, clients: &Clients) -> Result<Vec<Foreign>, Fault> {
        let mut lines = Vec::new();
        loop {
            let request = clients
                .logs()
                .get_log_events()
                .log_group_name(&self.group)
                .log_stream_name(&self.name)
                .start_from_head(true)
                .set_next_token(self.token.clone());
            let answer = match request.send().await {
                Ok(answer) => answer,
                Err(error) => {
                    let fault = fault(format!("reading logs ({} {})", self.group, self.name), &error);
                    return if means(&fault, Code::NotFound) { Ok(lines) } else { Err(fault) };
                }
            };
            let next = answer.next_forward_token.clone();
            let events = answer.events.unwrap_or_default();
            let end = events.is_empty() || next == self.token;
            lines.extend(events.into_iter().filter_map(|event| event.message).map(Foreign::new));
            self.token = next;
            if end {
                return Ok(lines);
            }
        }
    }

    /// The last lines of the stream.
    pub(super) async fn tail(&self, clients: &Clients, limit: i32) -> Result<Vec<Foreign>, Fault> {
        let request = clients
            .logs()
            .get_log_events()
            .log_group_name(&self.group)
            .log_stream_name(&self.name)
            .start_from_head(false)
            .limit(limit);
        match request.send().await {
            Ok(answer) => Ok(answer
                .events
                .unwrap_or_default()
                .into_iter()
                .filter_map(|event| event.message)
                .map(Foreign::new)
                .collect()),
            Err(error) => {
                let fault = fault(format!("reading logs ({} {})", self.group, self.name), &error);
                if means(&fault, Code::NotFound) { Ok(Vec::new()) } else { Err(fault) }
            }
        }
    }
}
