//! CloudWatch Logs: the lines of one (task, container), each from its own stream; and all of a service.

use std::collections::BTreeMap;

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

/// A line of a container's log.
#[derive(Debug, Clone, PartialEq)]
pub struct LogLine {
    /// Milliseconds since 1970.
    pub at_ms: i64,
    /// The service.
    pub service: String,
    /// The container.
    pub container: String,
    /// The task's id.
    pub task: String,
    /// What it says.
    pub text: Foreign,
}

/// All streams of a service's log group, read on from where the last look ended.
pub struct Group {
    service: String,
    group: String,
    /// Milliseconds since 1970.
    from: i64,
    /// What was given already of the time that is looked at again, by its id, with its time.
    seen: BTreeMap<String, i64>,
}

/// Milliseconds that are looked at once more: streams of different tasks do not arrive in order.
const OVERLAP: i64 = 10_000;

impl Group {
    /// The lines of a service since then.
    pub fn of(service: &str, group: String, since_ms: i64) -> Self {
        Self { service: service.to_owned(), group, from: since_ms, seen: BTreeMap::new() }
    }

    /// The lines since the last look, in the order of their times.
    /// <https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_FilterLogEvents.html>
    pub async fn next(&mut self, clients: &Clients) -> Result<Vec<LogLine>, Fault> {
        let (mut lines, mut token) = (Vec::new(), None);
        loop {
            let request = clients.logs().filter_log_events().log_group_name(&self.group).start_time(self.from);
            let answer = request.set_next_token(token).send().await.map_err(|error| {
                let fault = fault(format!("reading the logs of {} ({})", self.service, self.group), &error);
                match means(&fault, Code::NotFound) {
                    true => fault.with_hint("the service was never made here: runner run makes it"),
                    false => fault,
                }
            })?;
            for event in answer.events.unwrap_or_default() {
                let at_ms = event.timestamp.unwrap_or_default();
                let stream = event.log_stream_name.unwrap_or_default();
                let text = event.message.unwrap_or_default();
                let id = event.event_id.unwrap_or_else(|| format!("{stream} {at_ms} {text}"));
                if self.seen.insert(id, at_ms).is_some() {
                    continue;
                }
                let mut parts = stream.rsplit('/');
                let (task, container) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
                lines.push(LogLine {
                    at_ms,
                    service: self.service.clone(),
                    container: container.to_owned(),
                    task: task.to_owned(),
                    text: Foreign::new(text),
                });
            }
            token = answer.next_token;
            if token.is_none() {
                break;
            }
        }
        lines.sort_by_key(|line| line.at_ms);
        if let Some(last) = lines.last() {
            self.from = self.from.max(last.at_ms - OVERLAP);
            self.seen.retain(|_, at| *at >= self.from);
        }
        Ok(lines)
    }
}
