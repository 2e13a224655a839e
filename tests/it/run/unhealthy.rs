//! What real containers do that run and yet do not serve: they listen elsewhere, never answer, take too much memory,
//! crash when they are used, do not end when they are asked to. A load balancer's health checks are made by
//! [`Health`], since the emulator makes none. Where no engine answers these tests say so and show nothing.
#![cfg(target_arch = "x86_64")]

use runner_core::{
    plan::Action,
    report::{Fact, Failure},
};

use super::NOTHING;
use crate::support::{
    app::{App, Ran},
    health::Health,
    program::ailing,
    proxy::Effect,
};

const FILE: &str = "
app: shop
region: us-east-1
environments: { staging: {} }
services:
  api:
    build: { context: ./app }
    cpu: 256
    memory: 512
    port: 3000
    desired-count: 2
    health-check: { path: /health, grace-period: 90s }
";

/// An app whose image ails so, and what watches it.
async fn app(file: &str, arguments: &[&str]) -> Option<(App, Health)> {
    let app = App::with_engine(file).await?;
    ailing(&app.root.join("image"), arguments);
    let health = Health::watch(&app).await;
    Some((app, health))
}

/// The service healthy with a stand-in, and then what becomes of an image that ails so.
async fn ails(arguments: &[&str]) -> Option<(App, Health, Ran)> {
    let (mut app, health) = app(FILE, arguments).await?;
    assert_eq!(app.run("staging").await.troubles(), NOTHING);
    assert_eq!(health.serving(), [":1", ":1"]);
    app.edit("build: { context: ./app }", "image: { layout: ./image }");
    let ran = app.run("staging").await;
    Some((app, health, ran))
}

/// The one failure of a run that ended so, whose card is short and says what to do; and all that it quotes.
fn failure<'r>(ran: &'r Ran, exit: u8, cause: (&str, &str)) -> (&'r Failure, String) {
    let failures: Vec<_> = ran
        .events
        .iter()
        .filter_map(|event| match &event.fact {
            Fact::Failed(failure) => Some(failure),
            _ => None,
        })
        .collect();
    let [failure] = failures.as_slice() else { panic!("{:#?}", ran.events) };
    let evidence = failure.evidence.iter().map(|(from, words)| format!("{from}: {}", words.raw()));
    let shown = std::iter::once(failure.fault.headline()).chain(evidence).collect::<Vec<_>>().join("\n");
    assert_eq!(ran.outcome.exit_code, exit, "{shown}");
    let named = failure.cause.as_ref().map(|(name, sure)| (name.as_str(), sure.as_str()));
    assert_eq!(named, Some(cause), "{shown}");
    let card = runner_core::report::text(&ran.outcome.card(), Default::default());
    assert!(card.lines().filter(|line| !line.is_empty()).count() <= 12, "{card}");
    assert!(card.contains("  do: "), "{card}");
    (failure, shown)
}

/// It was turned back, and users never noticed.
fn turned_back(health: &Health, failure: &Failure) {
    assert_eq!(failure.users.as_deref(), Some("unaffected, served by :1 (2/2)"));
    assert_eq!(health.serving(), [":1", ":1"]);
}

fn has(shown: &str, words: &[&str]) {
    words.iter().for_each(|words| assert!(shown.contains(words), "no {words} in:\n{shown}"));
}

const REFUSED: (&str, &str) = ("health-check-connection-failed", "likely");

#[tokio::test]
async fn a_program_that_listens_on_another_port_is_named() {
    let Some((_app, health, ran)) = ails(&["say=listening on 0.0.0.0:8080", "port=8080"]).await else { return };
    let (failure, shown) = failure(&ran, 3, REFUSED);
    has(
        &shown,
        &[
            "Target.FailedHealthChecks: Health checks failed",
            "(ServiceSchedulerInitiated) and 2 more: Task failed ELB health checks in (target-group arn:",
            "(port 3000) is unhealthy in (target-group arn:",
            "due to (reason Health checks failed).",
            "listening on 0.0.0.0:8080",
        ],
    );
    has(failure.remedy.as_deref().unwrap(), &["the service's port (`port`, app.yml:10)"]);
    turned_back(&health, failure);
}

#[tokio::test]
async fn a_program_that_only_it_can_reach_is_named() {
    let arguments = ["say=listening on http://127.0.0.1:3000", "port=3000", "loopback"];
    let Some((_app, health, ran)) = ails(&arguments).await else { return };
    let (failure, shown) = failure(&ran, 3, REFUSED);
    has(&shown, &["listening on http://127.0.0.1:3000", "Target.FailedHealthChecks"]);
    has(failure.remedy.as_deref().unwrap(), &["listen on 0.0.0.0"]);
    turned_back(&health, failure);
}

#[tokio::test]
async fn a_path_that_is_not_there_is_named() {
    let Some((_app, health, ran)) = ails(&["port=3000", "status=404"]).await else { return };
    let (failure, shown) = failure(&ran, 3, ("health-check-404", "certain"));
    has(&shown, &["Target.ResponseCodeMismatch: Health checks failed with these codes: [404]"]);
    has(failure.remedy.as_deref().unwrap(), &["(`health-check`, app.yml:12)"]);
    turned_back(&health, failure);
}

#[tokio::test]
async fn a_program_that_never_comes_to_listen_is_named() {
    let Some((_app, health, ran)) = ails(&["say=waiting for the migration lock"]).await else { return };
    let (failure, shown) = failure(&ran, 3, REFUSED);
    has(&shown, &["waiting for the migration lock", "Target.FailedHealthChecks", "Task failed ELB health checks"]);
    turned_back(&health, failure);
}

#[tokio::test]
async fn a_program_that_never_answers_is_named() {
    let Some((_app, health, ran)) = ails(&["say=warming up", "port=3000", "silent"]).await else { return };
    let (failure, shown) = failure(&ran, 3, ("health-check-timeout", "certain"));
    has(&shown, &["Target.Timeout: Request timed out", "due to (reason Request timed out).", "warming up"]);
    has(failure.remedy.as_deref().unwrap(), &["grace period (`health-check`, app.yml:12)"]);
    turned_back(&health, failure);
}

#[tokio::test]
async fn a_program_that_takes_more_memory_than_it_has_is_named() {
    let Some((_app, health, ran)) = ails(&["say=loading the model", "eat"]).await else { return };
    assert!(
        health.ends().iter().filter(|(code, oom)| (*code, *oom) == (137, true)).count() >= 3,
        "{:?}",
        health.ends()
    );
    let (failure, shown) = failure(&ran, 3, ("oom", "certain"));
    has(&shown, &["OutOfMemoryError: Container killed due to memory usage (exit code 137)", "loading the model"]);
    has(failure.remedy.as_deref().unwrap(), &["more memory", "(`memory`, app.yml:9)"]);
    assert!(!failure.consequences.iter().any(|other| other.starts_with("exit-")), "{:?}", failure.consequences);
    turned_back(&health, failure);
}

/// It is killed when it is taken out: that is not why it was.
#[tokio::test]
async fn a_program_that_ignores_sigterm_is_not_blamed_for_what_it_was_stopped_for() {
    let Some((_app, health, ran)) = ails(&["say=listening on 0.0.0.0:8080", "port=8080", "deaf"]).await else { return };
    assert!(health.ends().contains(&(137, false)), "{:?}", health.ends());
    let (failure, shown) = failure(&ran, 3, REFUSED);
    has(&shown, &["exit code 137", "Task failed ELB health checks"]);
    assert_eq!(failure.consequences[0], "exit-sigkill-not-oom");
    turned_back(&health, failure);
}

#[tokio::test]
async fn a_first_deployment_that_never_serves_is_a_failure() {
    let file = FILE.replace("build: { context: ./app }", "image: { layout: ./image }");
    let Some((app, health)) = app(&file, &["say=listening on 0.0.0.0:8080", "port=8080"]).await else { return };
    let ran = app.run("staging").await;
    let (failure, shown) = failure(&ran, 1, REFUSED);
    has(&shown, &["Target.FailedHealthChecks", "listening on 0.0.0.0:8080"]);
    assert_eq!(
        failure.users.as_deref(),
        Some("api was never served before; set to 0 tasks: nothing of it runs or costs")
    );
    assert_eq!(health.serving(), NOTHING);
}

/// Healthy and complete, and then no user is answered.
#[tokio::test]
async fn a_program_that_crashes_once_it_is_used_is_no_success() {
    let Some((mut app, health)) = app(FILE, &["port=3000", "health=/health", "crash"]).await else { return };
    assert_eq!(app.run("staging").await.troubles(), NOTHING);
    app.edit("build: { context: ./app }", "image: { layout: ./image }");
    health.with_users();
    let ran = app.run("staging").await;
    let (failure, shown) = failure(&ran, 1, ("app-defect", "likely"));
    has(
        &shown,
        &[
            "api failed on staging: its tasks start and end again: ",
            "(EssentialContainerExited)",
            "exit code 1",
            "TypeError: undefined is not a function, at the first request",
        ],
    );
    has(
        failure.remedy.as_deref().unwrap(),
        &["until then `runner rollback api -e staging` brings the revision before back"],
    );
    assert_eq!(failure.users.as_deref(), Some("affected: nothing healthy may be serving"));
}

const WORKER: &str = "
app: shop
region: us-east-1
environments: { staging: {} }
services:
  worker:
    image: { layout: ./ready }
    cpu: 256
    memory: 512
    desired-count: 2
    health-check: { command: [/say, probe=9000], grace-period: 90s }
";

/// It has no port that a load balancer asks: its own check, in the container, never finds it ready.
#[tokio::test]
async fn a_worker_that_never_gets_ready_is_named() {
    let Some((mut app, health)) = app(WORKER, &["say=waiting for the queue"]).await else { return };
    ailing(&app.root.join("ready"), &["say=ready", "port=9000"]);
    assert_eq!(app.run("staging").await.troubles(), NOTHING);
    assert_eq!(health.serving(), [":1", ":1"]);
    app.edit("./ready", "./image");
    let ran = app.run("staging").await;
    let (failure, shown) = failure(&ran, 3, ("health-check-unspecified", "certain"));
    has(&shown, &["(ServiceSchedulerInitiated)", "Task failed container health checks", "waiting for the queue"]);
    has(failure.remedy.as_deref().unwrap(), &["runner logs worker -e staging --failed (`health-check`, app.yml:11)"]);
    turned_back(&health, failure);
}

/// A migration that ails so, and is stopped by a person once it has said something.
async fn stopped_migration(arguments: &[&str]) -> Option<(App, Health, Ran)> {
    let file = FILE.replace("build: { context: ./app }", "image: { layout: ./image }")
        + "    before-deploy: { command: [rails, \"db:migrate\"] }\n";
    let (app, health) = app(&file, arguments).await?;
    let (said, mut hears) = tokio::sync::mpsc::unbounded_channel();
    let run = app.run_under("staging", move |call| match call.action.as_str() {
        "GetLogEvents" => {
            let said = said.clone();
            Effect::Change(Box::new(move |answer| {
                if answer["events"].as_array().is_some_and(|events| !events.is_empty()) {
                    // Only the first is waited for.
                    let _ = said.send(());
                }
            }))
        }
        _ => Effect::Pass,
    });
    let stop = async {
        hears.recv().await.unwrap();
        let stop = app.clients().await.ecs().stop_task().cluster("shop-staging").task(&health.tasks()[0]);
        stop.reason("it takes too long").send().await.unwrap();
    };
    let (ran, ()) = tokio::join!(run, stop);
    Some((app, health, ran))
}

#[tokio::test]
async fn a_migration_that_is_stopped_and_ignores_sigterm_is_named() {
    let Some((_app, health, ran)) = stopped_migration(&["say=waiting for the lock", "deaf"]).await else { return };
    assert_eq!(health.ends(), [(137, false)]);
    let (failure, shown) = failure(&ran, 1, ("exit-sigkill-not-oom", "likely"));
    has(&shown, &["ended with exit code 137", "(UserInitiated): it takes too long", "waiting for the lock"]);
    has(failure.remedy.as_deref().unwrap(), &["end on SIGTERM"]);
    assert_eq!(failure.users.as_deref(), Some("unaffected: nothing of api was rolled out"));
}

/// It ends with 0 on SIGTERM, and was not done.
#[tokio::test]
async fn a_migration_that_is_stopped_is_not_done_whatever_it_ends_with() {
    let Some((app, health, ran)) = stopped_migration(&["say=half of it", "polite"]).await else { return };
    assert_eq!(health.ends(), [(0, false)]);
    assert_eq!(ran.outcome.exit_code, 1, "{:?}", ran.changed());
    let said =
        "running before-deploy of api (rails db:migrate) in shop-staging: container api was stopped before its end";
    assert_eq!(ran.troubles(), [said]);
    let planned = app.plan("staging").await;
    let again = planned.actions().any(|(_, action)| matches!(action, Action::RunTask(run) if run.task.is_none()));
    assert!(again, "it is run again: {:#?}", planned.actions().collect::<Vec<_>>());
}

/// What goes is killed; what comes serves: that is a success, and whoever asks is told.
#[tokio::test]
async fn a_revision_that_ignores_sigterm_may_be_replaced() {
    let file = FILE.replace("build: { context: ./app }", "image: { layout: ./image }");
    let Some((mut app, health)) = app(&file, &["port=3000", "deaf"]).await else { return };
    assert_eq!(app.run("staging").await.troubles(), NOTHING);
    app.edit("image: { layout: ./image }", "build: { context: ./app }");
    let ran = app.run("staging").await;
    assert_eq!((ran.troubles(), ran.outcome.exit_code), (Vec::new(), 0));
    assert!(health.serving().contains(&":2".to_owned()), "{:?}", health.serving());
    health.until(|health| health.ends().contains(&(137, false))).await;
    let said = app.command(&["logs", "api", "--failed"]).output().await.unwrap();
    let said = String::from_utf8(said.stdout).unwrap() + &String::from_utf8(said.stderr).unwrap();
    has(&said, &["exit code 137", "Scaling activity initiated by"]);
}
