//! Runs a one-off task to its end: logs streamed, exit code true, never run twice for one revision.

use std::time::Duration;

use runner_core::{
    judge::causes::{Evidence, Rank, Where, diagnose_all, passes},
    plan::{Fault, RunTask, TaskDefinition, TaskRun},
    report::{Changed, Fact, Failure},
    stages::{AFTER_DEPLOY, BEGIN_AGAIN},
    text::Foreign,
};
use serde_json::{Value as Json, json};
use tokio::time::Instant;

use super::{Emit, call, evidence, list, logs::Stream, text};
use crate::aws::Clients;

/// The first pause between looks, and the longest.
const PAUSE: Duration = Duration::from_millis(250);
const LONGEST: Duration = Duration::from_secs(3);

/// Pauses before a task that was not started, or never began, is started again. ECS does that by itself for services only.
/// <https://docs.aws.amazon.com/AmazonECS/latest/developerguide/standalone-task-create.html>
const AGAIN_AFTER: [Duration; BEGIN_AGAIN] = [Duration::from_secs(2), Duration::from_secs(10)];

/// Runs the task, or goes on with the one that is under way, until its container has ended. Success is written to the
/// revision as a tag: that is the durable mark by which no later run repeats it. One that never began, for a reason that
/// passes or that nobody knows, is started again: its container did nothing.
pub async fn run_task(clients: &Clients, cluster: &str, run: &RunTask, emit: Emit<'_>) -> Result<(), Failure> {
    let ran = run_to_its_end(clients, cluster, run, emit).await;
    ran.map_err(|failure| Failure { users: failure.users.or_else(|| Some(users(run))), ..failure })
}

/// What users have where a task failed and does nothing any more.
fn users(run: &RunTask) -> String {
    let unaffected = if run.purpose == AFTER_DEPLOY { "" } else { "unaffected: " };
    format!("{unaffected}{}", rolled_out(run))
}

/// What is rolled out while a task runs: it comes before the rollout, or after it.
fn rolled_out(run: &RunTask) -> String {
    match run.purpose == AFTER_DEPLOY {
        true => format!("served by what was rolled out of {} before this task", run.service),
        false => format!("nothing of {} was rolled out", run.service),
    }
}

async fn run_to_its_end(clients: &Clients, cluster: &str, run: &RunTask, emit: Emit<'_>) -> Result<(), Failure> {
    let doing = format!("running {} of {} ({}) in {cluster}", run.purpose, run.service, run.command.join(" "));
    let deadline = Instant::now() + Duration::from_secs(u64::from(run.timeout));
    let mut arn = match &run.task {
        Some(arn) => {
            emit(Fact::Progress(format!("found again: {}", arn.rsplit('/').next().unwrap_or(arn))));
            arn.clone()
        }
        None => start_patiently(clients, cluster, run, &doing, emit).await?,
    };
    let mut again = AGAIN_AFTER.iter().zip(&run.again);
    loop {
        let task = until_stopped(clients, cluster, run, &arn, deadline, &doing, emit).await?;
        let Some((pause, token)) = again.next().filter(|_| may_begin(&task, &run.container)) else {
            return end(clients, run, &task, &doing, emit).await;
        };
        emit(Fact::Line { from: run.service.clone(), line: text(&task, "stoppedReason").into() });
        emit(Fact::Progress(format!("the task never began, and is started again in {} s", pause.as_secs())));
        tokio::time::sleep(*pause).await;
        let mut another = run.clone();
        another.input["clientToken"] = token.as_str().into();
        arn = start_patiently(clients, cluster, &another, &doing, emit).await?;
    }
}

/// Whether a task that has stopped did nothing, and may begin where it is started again.
fn may_begin(task: &Json, container: &str) -> bool {
    let said = || evidence::of_task(task, &[]).iter().map(evidence::Piece::evidence).collect::<Vec<_>>();
    TaskRun::never_began(task, container) && passes(&diagnose_all(&said())) != Some(false)
}

/// Starts the task; where RunTask itself refuses for a reason that passes (no capacity of Fargate's), after a pause once
/// more.
async fn start_patiently(
    clients: &Clients,
    cluster: &str,
    run: &RunTask,
    doing: &str,
    emit: Emit<'_>,
) -> Result<String, Fault> {
    let mut pauses = AGAIN_AFTER.iter();
    loop {
        let fault = match start(clients, cluster, run, doing).await {
            Err(fault) => fault,
            started => return started,
        };
        let said = Evidence { at: Where::ApiError, text: fault.message.clone(), exit_code: None };
        let Some(pause) = pauses.next().filter(|_| passes(&diagnose_all(&[said])) == Some(true)) else {
            return Err(fault);
        };
        emit(Fact::Line { from: run.service.clone(), line: fault.message });
        emit(Fact::Progress(format!("no task was started, and it is tried again in {} s", pause.as_secs())));
        tokio::time::sleep(*pause).await;
    }
}

/// Follows a task, its lines as they come, until it has stopped, and gives it as DescribeTasks tells it.
async fn until_stopped(
    clients: &Clients,
    cluster: &str,
    run: &RunTask,
    arn: &str,
    deadline: Instant,
    doing: &str,
    emit: Emit<'_>,
) -> Result<Json, Failure> {
    let mut stream = Stream::of(&run.log_group, &run.service, &run.container, arn);
    let began = Instant::now();
    loop {
        let body = json!({ "cluster": cluster, "tasks": [arn] });
        let answer = call!(clients.ecs(), describe_tasks, body, doing)?;
        let task = list(&answer, "tasks").first().cloned().unwrap_or(Json::Null);
        let stopped = text(&task, "lastStatus") == "STOPPED";
        for line in stream.next(clients).await? {
            emit(Fact::Line { from: run.service.clone(), line });
        }
        if stopped {
            return Ok(task);
        }
        if Instant::now() >= deadline {
            let fault = Fault::new(doing, format!("it did not end within {} s and still runs", run.timeout))
                .with_hint(format!("stop it or give {} more time with `timeout`", run.purpose));
            let goes_on = format!("{}, and the task goes on", rolled_out(run));
            return Err(Failure { users: Some(goes_on), ..fault.into() });
        }
        tokio::time::sleep((began.elapsed() / 10).clamp(PAUSE, LONGEST)).await;
    }
}

/// RunTask may answer 200 with `failures` and no task.
/// <https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_RunTask.html>
pub(super) async fn start(clients: &Clients, cluster: &str, run: &RunTask, doing: &str) -> Result<String, Fault> {
    let mut body = run.input.clone();
    body["cluster"] = cluster.into();
    body["taskDefinition"] = run.revision.shown().into();
    let answer = call!(clients.ecs(), run_task, body, doing)?;
    match list(&answer, "tasks").first() {
        Some(task) => Ok(text(task, "taskArn").to_owned()),
        None => {
            let failures: Vec<String> = list(&answer, "failures")
                .iter()
                .map(|failure| format!("{} {}", text(failure, "reason"), text(failure, "detail")).trim().to_owned())
                .collect();
            let words = if failures.is_empty() { "no task was started".to_owned() } else { failures.join("; ") };
            Err(Fault::new(doing, words).with_hint("run the same command again: nothing was started"))
        }
    }
}

async fn end(clients: &Clients, run: &RunTask, task: &Json, doing: &str, emit: Emit<'_>) -> Result<(), Failure> {
    let exit_code = TaskRun::read(task, &run.container).exit_code;
    if exit_code == Some(0) {
        let key = format!("{}{}", TaskDefinition::DONE, run.purpose);
        let id = text(task, "taskArn").rsplit('/').next().unwrap_or_default();
        let body = json!({ "resourceArn": run.revision.shown(), "tags": [{ "key": key, "value": id }] });
        call!(clients.ecs(), tag_resource, body, format!("marking {} of {} as done", run.purpose, run.service))?;
        emit(Fact::Changed(Changed::new(
            "ran",
            format!("{} of {}: {}", run.purpose, run.service, run.command.join(" ")),
        )));
        emit(Fact::TaskDone { purpose: run.purpose.clone(), command: run.command.clone() });
        return Ok(());
    }
    let words = match exit_code {
        Some(code) => format!("container {} ended with exit code {code}", run.container),
        None if TaskRun::was_interrupted(task) => format!("container {} was stopped before its end", run.container),
        // Null is failure: the container never ran, or ECS lost it.
        None => format!("container {} ended without an exit code", run.container),
    };
    let fault = Fault::new(doing, Foreign::new(words))
        .with_hint("mend the command or the image, then push: the task is run again");
    let mut failure = Failure::from(fault);
    let mut pieces = evidence::of_task(task, &[]);
    let stream = Stream::of(&run.log_group, &run.service, &run.container, text(task, "taskArn"));
    let lines = stream.tail(clients, 30).await.unwrap_or_default();
    let lines: Vec<&str> = lines.iter().map(|line| line.raw().trim_end()).collect();
    if !lines.is_empty() {
        let text = Foreign::new(lines.join("\n"));
        pieces.push(evidence::Piece { kind: "log", from: run.container.clone(), text, exit_code: None });
    }
    name_cause(&mut failure, &pieces);
    Err(failure)
}

/// Cause and evidence, the line that decided first.
fn name_cause(failure: &mut Failure, pieces: &[evidence::Piece]) {
    let evidence: Vec<_> = pieces.iter().map(evidence::Piece::evidence).collect();
    let found = diagnose_all(&evidence);
    if let Some(root) = found.first().filter(|root| root.cause.rank < Rank::News) {
        failure.cause = Some((root.cause.name.to_owned(), root.certainty.as_str().to_owned()));
        failure.consequences = found[1..].iter().map(|other| other.cause.name.to_owned()).collect();
        failure.remedy = Some(root.cause.remedy.to_owned());
        if let Some(piece) = pieces.get(root.piece) {
            failure.evidence.push((piece.from.clone(), root.quote.clone()));
        }
    }
    let quoted = failure.evidence.first().map(|(_, quote)| quote.clone());
    let others = evidence::folded(pieces).into_iter().filter(|(_, text)| Some(text) != quoted.as_ref());
    failure.evidence.extend(others);
}
