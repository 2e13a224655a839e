//! What shows why a rollout goes wrong: stopped tasks, their containers' exit codes and last lines, targets, events.
//! ECS forgets stopped tasks after about an hour, and a target's reasons with the target: so it is gathered as soon as
//! something is seen to be wrong.

use std::collections::{BTreeMap, BTreeSet};

use runner_core::{
    judge::causes::{self, Certainty, Rank},
    plan::{Fault, Service},
    text::Foreign,
};
use serde_json::{Value as Json, json};

use super::{call, list, logs::Stream, pages, targets::Targets, text};
use crate::aws::Clients;

/// How many stopped tasks are read, and how many of the last lines of each container that failed.
const TASKS: usize = 5;
const LINES: i32 = 30;
/// The exit code of a program that SIGTERM ended: where ECS or a person stopped the task it tells nothing.
const SIGTERM: i32 = 143;
/// Looks for a stopped task that a sign told of and that is not listed yet.
const BEHIND: u32 = 5;

/// A container of the definition, and where it writes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Container {
    /// Its name.
    pub name: String,
    /// Its end ends the task.
    pub essential: bool,
    /// Its log group; empty where its log driver is another.
    pub group: String,
    /// The prefix of its streams.
    pub prefix: String,
}

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

impl Piece {
    /// As a diagnosis takes it.
    pub fn evidence(&self) -> causes::Evidence {
        let at = std::borrow::Cow::Borrowed(self.kind).into();
        causes::Evidence { at, text: self.text.clone(), exit_code: self.exit_code }
    }
}

/// Whose tasks are looked for.
pub(super) struct Place<'a> {
    pub(super) clients: &'a Clients,
    pub(super) cluster: &'a str,
    pub(super) service: &'a str,
    pub(super) revision: &'a str,
    pub(super) containers: &'a [Container],
}

/// What was gathered so far.
#[derive(Default)]
pub(super) struct Gathered {
    /// What each stopped task says, oldest first.
    tasks: Vec<OfTask>,
    /// Why targets were not healthy, as last seen.
    reasons: BTreeMap<String, (u32, u32, Foreign)>,
    /// Looks that are still worth one more, since a task that stopped is not listed yet.
    behind: u32,
    /// Causes that were told while it goes on.
    told: BTreeSet<&'static str>,
}

struct OfTask {
    arn: String,
    at: f64,
    pieces: Vec<Piece>,
    /// Containers whose lines were not there yet.
    silent: Vec<String>,
}

impl Gathered {
    /// Keeps why targets are not healthy. Those that are checked for the first time tell nothing.
    pub(super) fn targets(&mut self, targets: &Targets) {
        for (reason, (count, words)) in &targets.reasons {
            if !reason.starts_with("Elb.") {
                self.reasons.insert(reason.clone(), (*count, targets.registered, words.clone()));
            }
        }
    }

    /// Whether a task that a sign told of is still not listed.
    pub(super) fn is_behind(&self) -> bool {
        self.behind > 0
    }

    /// Reads the tasks that stopped since the last look, with the last lines of their containers. What cannot be read
    /// is left out, since the verdict stands without it. `rollout` is the deployment's id, by which its tasks are told
    /// from those of another that has the same revision; `since` is when it began, in seconds since 1970.
    pub(super) async fn look(&mut self, place: &Place<'_>, rollout: Option<&str>, since: Option<f64>) {
        let known = self.tasks.len();
        let mut tasks = stopped_tasks(place, rollout, since).await.unwrap_or_default();
        tasks.sort_by(|one, other| stopped_at(one).total_cmp(&stopped_at(other)));
        for task in tasks {
            if self.tasks.len() >= TASKS {
                break;
            }
            let arn = text(&task, "taskArn");
            if self.tasks.iter().all(|known| known.arn != arn) {
                let mut pieces = of_task(&task, place.containers);
                let mut silent = Vec::new();
                for container in failed(&task, place.containers) {
                    match lines(place, container, arn).await {
                        Some(piece) => pieces.push(piece),
                        None => silent.push(container.to_owned()),
                    }
                }
                self.tasks.push(OfTask { arn: arn.to_owned(), at: stopped_at(&task), pieces, silent });
            }
        }
        for task in self.tasks.iter_mut().take(known) {
            let mut still = Vec::new();
            for container in std::mem::take(&mut task.silent) {
                match lines(place, &container, &task.arn).await {
                    Some(piece) => task.pieces.push(piece),
                    None => still.push(container),
                }
            }
            task.silent = still;
        }
        self.behind = if self.tasks.len() > known || self.tasks.len() >= TASKS {
            0
        } else {
            match self.behind {
                0 => BEHIND,
                left => left - 1,
            }
        };
    }

    /// What the pieces gathered so far show, where it was not told yet: the cause may change as more is seen.
    pub(super) fn news(&mut self, pieces: &[Piece]) -> Option<String> {
        let evidence: Vec<_> = pieces.iter().map(Piece::evidence).collect();
        let root = causes::diagnose_all(&evidence).into_iter().next()?;
        if evidence.is_empty() || root.cause.rank >= Rank::News || !self.told.insert(root.cause.name) {
            return None;
        }
        let sure = if root.certainty == Certainty::Certain { "" } else { " (likely)" };
        Some(format!("so far {}{sure}: {}", root.cause.name, root.quote.one_line()))
    }

    /// Everything, the tasks first: those of the newest last.
    pub(super) fn pieces(&self, name: &str, service: Option<&Service>, since: Option<f64>) -> Vec<Piece> {
        let mut tasks: Vec<&OfTask> = self.tasks.iter().collect();
        tasks.sort_by(|one, other| one.at.total_cmp(&other.at));
        let mut pieces: Vec<Piece> = tasks.into_iter().flat_map(|task| task.pieces.iter().cloned()).collect();
        pieces.extend(self.reasons.iter().map(|(reason, (count, all, words))| Piece {
            kind: "targetHealth",
            from: format!("{count} of {all} targets"),
            text: Foreign::new(format!("{reason}: {}", words.raw())),
            exit_code: None,
        }));
        let events = service.map(|service| list(&service.json, "events")).unwrap_or_default();
        let ours = events.iter().filter(|event| {
            // Without a date it cannot be told from older ones.
            since.is_none_or(|since| event["createdAt"].as_f64().is_none_or(|at| at >= since - 1.0))
        });
        let messages: Vec<&str> = ours.map(|event| text(event, "message")).filter(|words| !words.is_empty()).collect();
        pieces.extend(messages.into_iter().take(10).rev().map(|message| Piece {
            kind: "serviceEvent",
            from: format!("events of {name}"),
            text: message.into(),
            exit_code: None,
        }));
        pieces
    }
}

fn stopped_at(task: &Json) -> f64 {
    task["stoppedAt"].as_f64().unwrap_or_default()
}

/// The last lines of one container of one task, from its own stream.
async fn lines(place: &Place<'_>, name: &str, task: &str) -> Option<Piece> {
    let container = place.containers.iter().find(|container| container.name == name)?;
    let stream = Stream::of(&container.group, &container.prefix, name, task);
    let lines = stream.tail(place.clients, LINES).await.unwrap_or_default();
    let text = lines.iter().map(|line| line.raw().trim_end()).collect::<Vec<_>>().join("\n");
    let from = format!("{name} of {}", short(task));
    (!text.trim().is_empty()).then(|| Piece { kind: "log", from, text: text.into(), exit_code: None })
}

/// The stopped tasks of a revision that a deployment started.
async fn stopped_tasks(place: &Place<'_>, rollout: Option<&str>, since: Option<f64>) -> Result<Vec<Json>, Fault> {
    let Place { clients, cluster, service, revision, .. } = *place;
    let tasks = stopped(clients, cluster, service).await?;
    Ok(tasks.into_iter().filter(|task| is_ours(task, revision, rollout, since)).collect())
}

/// Every stopped task of a service that ECS still knows, for about an hour.
pub(super) async fn stopped(clients: &Clients, cluster: &str, service: &str) -> Result<Vec<Json>, Fault> {
    tasks(clients, cluster, service, "STOPPED").await
}

/// The tasks of a service that shall be `RUNNING`, or `STOPPED`.
pub(super) async fn tasks(clients: &Clients, cluster: &str, service: &str, status: &str) -> Result<Vec<Json>, Fault> {
    let doing = || format!("looking for {} tasks of {service} in {cluster}", status.to_lowercase());
    let body = json!({ "cluster": cluster, "serviceName": service, "desiredStatus": status });
    let arns: Vec<Json> = pages!(clients.ecs(), list_tasks, body, doing(), "taskArns")?;
    let mut tasks = Vec::new();
    // DescribeTasks takes a hundred.
    for chunk in arns.chunks(100) {
        let body = json!({ "cluster": cluster, "tasks": chunk });
        let answer = call!(clients.ecs(), describe_tasks, body, doing())?;
        tasks.extend(list(&answer, "tasks").iter().cloned());
    }
    Ok(tasks)
}

/// ECS writes into `startedBy` which deployment of the service started a task.
/// <https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_Task.html>
fn is_ours(task: &Json, revision: &str, rollout: Option<&str>, since: Option<f64>) -> bool {
    let started_by = text(task, "startedBy");
    text(task, "taskDefinitionArn") == revision
        && text(task, "lastStatus") == "STOPPED"
        && since.is_none_or(|since| stopped_at(task) >= since)
        && rollout.is_none_or(|rollout| !started_by.starts_with("ecs-svc/") || started_by == rollout)
}

/// How many tasks of a revision ended by themselves since then (seconds since 1970), not by a person or ECS.
pub(super) async fn ended_tasks(place: &Place<'_>, since: Option<f64>) -> u32 {
    let tasks = stopped_tasks(place, None, since).await.unwrap_or_default();
    let by_itself = |task: &&Json| matches!(text(task, "stopCode"), "EssentialContainerExited" | "TaskFailedToStart");
    u32::try_from(tasks.iter().filter(by_itself).count()).unwrap_or(u32::MAX)
}

/// What a stopped task says of itself. Containers that are not in the definition are Fargate's own and say nothing of
/// the program; of the others the essential ones come first.
pub(super) fn of_task(task: &Json, known: &[Container]) -> Vec<Piece> {
    let mut pieces = Vec::new();
    let reason = text(task, "stoppedReason");
    if !reason.is_empty() {
        let code = text(task, "stopCode");
        let from = short(text(task, "taskArn"));
        let from = if code.is_empty() { from } else { format!("{from} ({code})") };
        // With what it ended where it ended by itself; what a stop made of it says nothing of the reason.
        let by_itself = || ours(task, known).into_iter().filter_map(exit_code).find(|code| *code != 0);
        let exit_code = (code == "EssentialContainerExited").then(by_itself).flatten();
        pieces.push(Piece { kind: "stoppedReason", from, text: reason.into(), exit_code });
    }
    let stopped = matches!(text(task, "stopCode"), "ServiceSchedulerInitiated" | "UserInitiated" | "SpotInterruption");
    for container in ours(task, known) {
        let exit_code = exit_code(container);
        let reason = text(container, "reason");
        if reason.is_empty() && exit_code.is_none_or(|code| code == 0 || stopped && code == SIGTERM) {
            continue;
        }
        let words = match (reason, exit_code) {
            ("", Some(code)) => format!("exit code {code}"),
            (reason, Some(code)) => format!("{reason} (exit code {code})"),
            (reason, None) => reason.to_owned(),
        };
        let from = format!("{} of {}", text(container, "name"), short(text(task, "taskArn")));
        pieces.push(Piece { kind: "containerReason", from, text: words.into(), exit_code });
    }
    pieces
}

/// The task's containers that are in the definition, those whose end ended the task first. Where an essential one
/// failed, the others ended because of it, or beside it.
fn ours<'t>(task: &'t Json, known: &[Container]) -> Vec<&'t Json> {
    let of = |container: &Json| known.iter().find(|known| known.name == text(container, "name"));
    let all: Vec<&Json> =
        list(task, "containers").iter().filter(|container| known.is_empty() || of(container).is_some()).collect();
    let essential: Vec<&Json> = all
        .iter()
        .copied()
        .filter(|container| of(container).is_none_or(|known| known.essential) && has_failed(container))
        .collect();
    if essential.is_empty() { all } else { essential }
}

fn exit_code(container: &Json) -> Option<i32> {
    container["exitCode"].as_i64().and_then(|code| i32::try_from(code).ok())
}

fn has_failed(container: &Json) -> bool {
    exit_code(container) != Some(0) || !text(container, "reason").is_empty()
}

/// The names of the containers whose lines may tell why.
fn failed<'t>(task: &'t Json, known: &[Container]) -> Vec<&'t str> {
    let ours = ours(task, known);
    // One that ended with 0 has ended all the same.
    let any = ours.iter().any(|container| has_failed(container));
    ours.into_iter()
        .filter(|container| !any || has_failed(container))
        .map(|container| text(container, "name"))
        .collect()
}

/// `task 0123abcd`.
fn short(arn: &str) -> String {
    let id = arn.rsplit('/').next().unwrap_or_default();
    format!("task {}", id.get(..8).unwrap_or(id))
}

/// How many pieces say the same, so that three tasks that died alike are one line; in their order.
pub fn folded(pieces: &[Piece]) -> Vec<(String, Foreign)> {
    let mut groups: Vec<(&Piece, u32)> = Vec::new();
    for piece in pieces {
        match groups.iter_mut().find(|(first, _)| first.kind == piece.kind && first.text == piece.text) {
            Some((_, count)) => *count += 1,
            None => groups.push((piece, 1)),
        }
    }
    groups
        .into_iter()
        .map(|(first, count)| {
            let from = if count > 1 { format!("{} and {} more", first.from, count - 1) } else { first.from.clone() };
            (from, first.text.clone())
        })
        .collect()
}
