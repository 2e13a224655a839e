//! What shows why a rollout went wrong: stopped tasks, their containers' exit codes and last lines, targets, events.
//! ECS forgets stopped tasks after about an hour, so it is gathered at once.

use std::collections::BTreeMap;

use runner_core::{plan::Service, text::Foreign};
use serde_json::{Value as Json, json};

use super::{call, list, logs::Stream, targets::Targets, text};
use crate::aws::Clients;

/// How many stopped tasks are read, and how many of the last lines of each container that failed.
const TASKS: usize = 3;
const LINES: i32 = 10;

/// A piece of evidence.
#[derive(Debug, Clone, PartialEq)]
pub struct Piece {
    /// The field it is from: `stoppedReason`, `containerReason`, `log`, `targetHealth`, `serviceEvent`.
    pub kind: &'static str,
    /// Where it is from, for people: "api of task 0123abcd".
    pub from: String,
    /// The text.
    pub text: Foreign,
    /// The container's exit code, where it is about one.
    pub exit_code: Option<i32>,
}

/// Gathers what there is; what cannot be read is left out, since the verdict stands without it.
pub(super) async fn gather(
    clients: &Clients,
    cluster: &str,
    name: &str,
    revision: &str,
    service: Option<&Service>,
    targets: Option<&Targets>,
    log_group: &str,
) -> Vec<Piece> {
    let mut pieces = Vec::new();
    for task in stopped_tasks(clients, cluster, name, revision).await.iter().take(TASKS) {
        pieces.extend(of_task(task));
        for container in list(task, "containers").iter().filter(|container| failed(container)) {
            let container = text(container, "name");
            let stream = Stream::of(log_group, name, container, text(task, "taskArn"));
            for line in stream.tail(clients, LINES).await.unwrap_or_default() {
                pieces.push(Piece {
                    kind: "log",
                    from: format!("{container} of {}", short(task)),
                    text: line,
                    exit_code: None,
                });
            }
        }
    }
    if let Some(targets) = targets {
        pieces.extend(targets.reasons.iter().map(|(reason, (count, words))| Piece {
            kind: "targetHealth",
            from: format!("{count} of {} targets", targets.registered),
            text: Foreign::new(format!("{reason}: {}", words.raw())),
            exit_code: None,
        }));
    }
    if let Some(service) = service {
        let events = list(&service.json, "events").iter().take(5).map(|event| text(event, "message"));
        pieces.extend(events.filter(|message| !message.is_empty()).map(|message| Piece {
            kind: "serviceEvent",
            from: format!("events of {name}"),
            text: message.into(),
            exit_code: None,
        }));
    }
    pieces
}

/// The stopped tasks of a revision, newest first.
async fn stopped_tasks(clients: &Clients, cluster: &str, service: &str, revision: &str) -> Vec<Json> {
    let doing = || format!("looking for stopped tasks of {service} in {cluster}");
    let body = json!({ "cluster": cluster, "serviceName": service, "desiredStatus": "STOPPED" });
    let Ok(answer) = call!(clients.ecs(), list_tasks, body, doing()) else { return Vec::new() };
    let arns = list(&answer, "taskArns");
    if arns.is_empty() {
        return Vec::new();
    }
    let body = json!({ "cluster": cluster, "tasks": arns.iter().take(100).collect::<Vec<_>>() });
    let Ok(answer) = call!(clients.ecs(), describe_tasks, body, doing()) else { return Vec::new() };
    let mut tasks: Vec<Json> =
        list(&answer, "tasks").iter().filter(|task| text(task, "taskDefinitionArn") == revision).cloned().collect();
    tasks.sort_by(|a, b| {
        b["stoppedAt"].as_f64().unwrap_or_default().total_cmp(&a["stoppedAt"].as_f64().unwrap_or_default())
    });
    tasks
}

/// How many tasks of a revision ended by themselves, not by a person or ECS.
pub(super) async fn ended_tasks(clients: &Clients, cluster: &str, service: &str, revision: &str) -> u32 {
    let tasks = stopped_tasks(clients, cluster, service, revision).await;
    let by_itself = |task: &&Json| matches!(text(task, "stopCode"), "EssentialContainerExited" | "TaskFailedToStart");
    u32::try_from(tasks.iter().filter(by_itself).count()).unwrap_or(u32::MAX)
}

/// What a stopped task says of itself.
pub(super) fn of_task(task: &Json) -> Vec<Piece> {
    let mut pieces = Vec::new();
    let reason = text(task, "stoppedReason");
    if !reason.is_empty() {
        let code = text(task, "stopCode");
        let from = if code.is_empty() { short(task) } else { format!("{} ({code})", short(task)) };
        pieces.push(Piece { kind: "stoppedReason", from, text: reason.into(), exit_code: None });
    }
    for container in list(task, "containers") {
        let exit_code = container["exitCode"].as_i64().and_then(|code| i32::try_from(code).ok());
        let reason = text(container, "reason");
        if reason.is_empty() && exit_code.is_none_or(|code| code == 0) {
            continue;
        }
        let words = match (reason, exit_code) {
            ("", Some(code)) => format!("exit code {code}"),
            (reason, Some(code)) => format!("{reason} (exit code {code})"),
            (reason, None) => reason.to_owned(),
        };
        let from = format!("{} of {}", text(container, "name"), short(task));
        pieces.push(Piece { kind: "containerReason", from, text: words.into(), exit_code });
    }
    pieces
}

fn failed(container: &Json) -> bool {
    container["exitCode"].as_i64() != Some(0) || !text(container, "reason").is_empty()
}

/// `task 0123abcd`.
fn short(task: &Json) -> String {
    let id = text(task, "taskArn").rsplit('/').next().unwrap_or_default();
    format!("task {}", id.get(..8).unwrap_or(id))
}

/// How many pieces say the same, so that three tasks that died alike are one line.
pub fn folded(pieces: &[Piece]) -> Vec<(String, Foreign)> {
    let mut groups: BTreeMap<(usize, &'static str, String), (u32, String)> = BTreeMap::new();
    for (index, piece) in pieces.iter().enumerate() {
        let first =
            pieces.iter().position(|other| other.kind == piece.kind && other.text == piece.text).unwrap_or(index);
        groups.entry((first, piece.kind, piece.text.raw().to_owned())).or_insert((0, piece.from.clone())).0 += 1;
    }
    groups
        .into_iter()
        .map(|((_, _, words), (count, from))| {
            (if count > 1 { format!("{from} and {} more", count - 1) } else { from }, words.into())
        })
        .collect()
}
