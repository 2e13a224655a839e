//! What real containers do: programs that end, migrations that fail, rollbacks. Where no engine answers these tests say
//! so and show nothing.
#![cfg(target_arch = "x86_64")]

use runner_core::report::{Fact, Failure};

use super::NOTHING;
use crate::support::{
    app::{App, Ran},
    program::{End, ailing, layout, layout_of},
    proxy::{Call, Effect},
};

const FILE: &str = "
app: shop
region: us-east-1
environments: { staging: {} }
services:
  worker: { image: { layout: ./image }, cpu: 256, memory: 512 }
";

fn failures(ran: &Ran) -> Vec<&Failure> {
    let failures = ran.events.iter().filter_map(|event| match &event.fact {
        Fact::Failed(failure) => Some(failure.as_ref()),
        _ => None,
    });
    failures.collect()
}

/// Everything a failure shows, one line each.
fn shown(failure: &Failure) -> String {
    let evidence = failure.evidence.iter().map(|(from, words)| format!("{from}: {}", words.raw()));
    std::iter::once(failure.fault.headline()).chain(evidence).collect::<Vec<_>>().join("\n")
}

#[tokio::test]
async fn a_first_deployment_of_a_program_that_ends_is_a_failure() {
    let Some(app) = App::with_engine(FILE).await else { return };
    layout(&app.root.join("image"), "cannot reach the queue", 1);
    let ran = app.run("staging").await;
    let failures = failures(&ran);
    let [failure] = failures.as_slice() else { panic!("{:#?}", ran.events) };
    let shown = shown(failure);
    assert_eq!(ran.outcome.exit_code, 1, "{shown}");
    assert!(shown.contains("cannot reach the queue"), "{shown}");
    assert!(shown.contains("exit code 1"), "{shown}");
    assert!(shown.contains("EssentialContainerExited"), "{shown}");
    assert_eq!(failure.cause.as_ref().unwrap().0, "exit-nonzero");
    assert_eq!(
        failure.users.as_deref(),
        Some("worker was never served before; set to 0 tasks: nothing of it runs or costs")
    );
}

#[tokio::test]
async fn what_failed_at_first_is_set_to_no_tasks_and_deployed_by_the_next_run() {
    for file in [FILE.to_owned(), FILE.replace("memory: 512", "memory: 512, scaling: { min: 1, max: 2, cpu: 60 }")] {
        let Some(mut app) = App::with_engine(&file).await else { return };
        layout(&app.root.join("image"), "cannot reach the queue", 1);
        let ran = app.run("staging").await;
        assert_eq!(ran.outcome.exit_code, 1, "{:?}", ran.troubles());
        assert!(
            ran.changed().contains(&"set ECS service worker in shop-staging to 0 tasks".to_owned()),
            "{:?}",
            ran.changed()
        );
        let clients = app.clients().await;
        let service = async || {
            let asked = clients.ecs().describe_services().cluster("shop-staging").services("worker").send().await;
            asked.unwrap().services()[0].clone()
        };
        assert_eq!(service().await.desired_count(), 0);
        let evidence: Vec<_> = failures(&ran).iter().map(|failure| shown(failure)).collect();
        assert!(evidence[0].contains("cannot reach the queue"), "{evidence:?}");

        // Not even the file has changed: what failed may have been mended elsewhere.
        let again = app.run("staging").await;
        assert_eq!(again.outcome.exit_code, 1, "{:?}", again.troubles());
        assert_eq!(
            again.changed(),
            ["set ECS service worker in shop-staging to 0 tasks", "updated ECS service worker in shop-staging"]
        );

        app.edit("image: { layout: ./image }", "build: { context: ./app }");
        let mended = app.run("staging").await;
        assert_eq!(mended.troubles(), NOTHING);
        assert_eq!((service().await.desired_count(), service().await.running_count()), (1, 1));
        let last = app.run("staging").await;
        assert_eq!((last.changed(), last.troubles()), (Vec::new(), Vec::new()));
    }
}

/// The cause that a first run names, which fails for it.
async fn cause_of(app: &App) -> (String, String) {
    let ran = app.run("staging").await;
    let failures = failures(&ran);
    let [failure] = failures.as_slice() else { panic!("{:#?}", ran.events) };
    assert_eq!(ran.outcome.exit_code, 1, "{}", shown(failure));
    let card = runner_core::report::text(&ran.outcome.card(), Default::default());
    assert!(card.lines().filter(|line| !line.is_empty()).count() <= 12, "{card}");
    failure.cause.clone().unwrap_or_else(|| panic!("{}", shown(failure)))
}

#[tokio::test]
async fn a_program_that_runs_for_a_moment_and_crashes_is_named() {
    let Some(app) = App::with_engine(FILE).await else { return };
    layout_of(&app.root.join("image"), "ready", 20, End::Segfault);
    assert_eq!(cause_of(&app).await, ("exit-segfault".to_owned(), "certain".to_owned()));
}

#[tokio::test]
async fn an_image_that_is_missing_is_named() {
    let Some(mut app) = App::with_engine(FILE).await else { return };
    let missing = format!("127.0.0.1:{}/shop/worker@sha256:{:064}", app.proxy.port, 7);
    app.edit("{ layout: ./image }", &format!("{{ reference: \"{missing}\" }}"));
    let (cause, _) = cause_of(&app).await;
    assert!(
        ["image-digest-not-found", "ecr-repository-not-found", "image-tag-not-found"].contains(&cause.as_str()),
        "{cause}"
    );
}

#[tokio::test]
async fn a_bad_image_is_rolled_back_to_the_revision_before() {
    let Some(mut app) =
        App::with_engine(&FILE.replace("image: { layout: ./image }", "build: { context: ./app }")).await
    else {
        return;
    };
    assert_eq!(app.run("staging").await.troubles(), NOTHING);
    layout(&app.root.join("image"), "config/database.yml is missing", 78);
    app.edit("build: { context: ./app }", "image: { layout: ./image }");
    let ran = app.run("staging").await;
    let failures = failures(&ran);
    let [failure] = failures.as_slice() else { panic!("{:#?}", ran.events) };
    let shown = shown(failure);
    assert_eq!(ran.outcome.exit_code, 3, "{shown}");
    assert!(shown.contains("config/database.yml is missing") && shown.contains("exit code 78"), "{shown}");
    assert_eq!(failure.cause.as_ref().unwrap().0, "exit-nonzero");
    assert!(failure.users.as_deref().unwrap_or_default().contains("served by :1"), "{:?}", failure.users);
    // What was turned back is not what the file says: the next run says so too, and is not green.
    let again = app.run("staging").await;
    assert_eq!(again.outcome.exit_code, 3, "{:?}", again.troubles());
    assert_eq!(again.changed(), ["updated ECS service worker in shop-staging"]);
}

#[tokio::test]
async fn a_program_that_ends_well_is_no_healthy_service() {
    let Some(app) = App::with_engine(FILE).await else { return };
    layout(&app.root.join("image"), "nothing to do", 0);
    let ran = app.run("staging").await;
    let failures = failures(&ran);
    let [failure] = failures.as_slice() else { panic!("{:#?}", ran.events) };
    let shown = shown(failure);
    assert_eq!(ran.outcome.exit_code, 1, "{shown}");
    assert!(shown.contains("EssentialContainerExited"), "{shown}");
    assert!(failure.cause.is_some(), "{shown}");
}

const MIGRATED: &str = "
app: shop
region: us-east-1
environments: { staging: {} }
services:
  worker: { build: { context: ./app }, cpu: 256, memory: 512, before-deploy: { command: [rails, \"db:migrate\"] } }
";

#[tokio::test]
async fn a_failed_migration_stops_the_line() {
    let file = MIGRATED.replace("build: { context: ./app }", "image: { layout: ./image }");
    let Some(app) = App::with_engine(&file).await else { return };
    layout(&app.root.join("image"), "PG::ConnectionBad: no such host", 5);
    let ran = app.run("staging").await;
    let failures = failures(&ran);
    let [failure] = failures.as_slice() else { panic!("{:#?}", ran.events) };
    let shown = shown(failure);
    assert_eq!(ran.outcome.exit_code, 1, "{shown}");
    assert!(shown.starts_with("running before-deploy of worker (rails db:migrate) in shop-staging"), "{shown}");
    assert!(shown.contains("exit code 5") && shown.contains("PG::ConnectionBad: no such host"), "{shown}");
    assert_eq!(failure.cause.as_ref().unwrap().0, "app-dependency-unreachable");
    assert!(!ran.changed().iter().any(|changed| changed.contains("ECS service")), "{:?}", ran.changed());
    let clients = app.clients().await;
    let services = clients.ecs().list_services().cluster("shop-staging").send().await.unwrap();
    assert_eq!(services.service_arns(), NOTHING, "nothing was rolled out");
    // It is tried again, since it failed.
    assert_eq!(app.run("staging").await.outcome.exit_code, 1);
    assert_eq!(app.proxy.count("RunTask"), 1);
}

#[tokio::test]
async fn a_task_after_the_rollout_that_fails_leaves_the_new_revision_serving_and_says_so() {
    let file = MIGRATED.replace("build: { context: ./app }", "image: { layout: ./image }");
    // It waits as a service; with this argument it asks a port that nobody listens on, and ends with 1.
    let file = file.replace("before-deploy: { command: [rails, \"db:migrate\"]", "after-deploy: { command: [probe=9]");
    let Some(app) = App::with_engine(&file).await else { return };
    ailing(&app.root.join("image"), &[]);
    for created in [1, 0] {
        let ran = app.run("staging").await;
        let failures = failures(&ran);
        let [failure] = failures.as_slice() else { panic!("{:#?}", ran.events) };
        let shown = shown(failure);
        assert_eq!(ran.outcome.exit_code, 1, "{shown}");
        assert!(shown.starts_with("running after-deploy of worker (probe=9) in shop-staging"), "{shown}");
        assert!(shown.contains("exit code 1"), "{shown}");
        assert_eq!(failure.users.as_deref(), Some("served by what was rolled out of worker before this task"));
        let card = runner_core::report::text(&ran.outcome.card(), Default::default());
        let comment = runner_core::report::markdown(&ran.outcome.card());
        assert!(!(card + &comment).contains("nothing was rolled out"), "{comment}");
        assert_eq!(app.proxy.count("RunTask"), 1, "what failed is tried again");
        assert_eq!(app.proxy.count("CreateService"), created);
    }
    let clients = app.clients().await;
    let asked = clients.ecs().describe_services().cluster("shop-staging").services("worker").send().await.unwrap();
    assert_eq!(asked.services()[0].running_count(), 1);
}

#[tokio::test]
async fn a_migration_runs_once_whatever_is_killed() {
    // Started, and the answer never seen; under way, and never looked at; ended well, and never marked.
    for (action, arrives) in [("RunTask", true), ("GetLogEvents", false), ("TagResource", false)] {
        let Some(app) = App::with_engine(MIGRATED).await else { return };
        app.proxy.set(move |call| match call.action == action {
            true if arrives => Effect::HoldAnswer,
            true => Effect::Hold,
            false => Effect::Pass,
        });
        let mut child = app.command(&["run"]).spawn().unwrap();
        tokio::select! {
            () = app.proxy.holds() => child.kill().await.unwrap(),
            status = child.wait() => panic!("it ended before {action}: {status:?}"),
        }
        assert_eq!(app.proxy.count("RunTask"), 1);
        let ran = app.run("staging").await;
        assert_eq!(ran.troubles(), NOTHING, "killed at {action}");
        assert_eq!(app.proxy.count("RunTask"), 0, "killed at {action}, it ran again");
        assert!(
            ran.changed().contains(&"ran before-deploy of worker: rails db:migrate".to_owned()),
            "killed at {action}: {:?}",
            ran.changed()
        );
        assert_eq!(ran.services(), [("worker".to_owned(), 1, 1)]);
        assert!(app.plan("staging").await.is_empty());
    }
}

/// Until the task was started so often, what is told of it is that it never began.
fn never_begins(times: usize, reason: &'static str) -> impl FnMut(&Call) -> Effect + Send + 'static {
    let mut started = 0;
    move |call| {
        started += usize::from(call.action == "RunTask");
        if call.action != "DescribeTasks" || started == 0 || started > times {
            return Effect::Pass;
        }
        Effect::Change(Box::new(move |answer| {
            let task = &mut answer["tasks"][0];
            task["lastStatus"] = "STOPPED".into();
            task["stopCode"] = "TaskFailedToStart".into();
            task["stoppedReason"] = reason.into();
            task["startedAt"] = serde_json::Value::Null;
            task["containers"] = serde_json::json!([{ "name": "worker", "lastStatus": "STOPPED" }]);
        }))
    }
}

#[tokio::test]
async fn a_migration_that_never_began_is_started_again_where_the_reason_may_pass() {
    let Some(app) = App::with_engine(MIGRATED).await else { return };
    let passing = never_begins(1, "Timeout waiting for network interface provisioning to complete.");
    let ran = app.run_under("staging", passing).await;
    assert_eq!(ran.troubles(), NOTHING);
    let calls = app.proxy.calls();
    let mut tokens: Vec<String> = calls
        .iter()
        .filter(|call| call.action == "RunTask")
        .map(|call| serde_json::from_str::<serde_json::Value>(&call.body).unwrap()["clientToken"].to_string())
        .collect();
    tokens.dedup();
    assert_eq!(tokens.len(), 2, "another attempt has another token");
    assert_ne!(tokens[0], tokens[1]);
    assert_eq!(ran.services(), [("worker".to_owned(), 1, 1)]);
}

#[tokio::test]
async fn a_migration_that_cannot_begin_is_started_once_and_named() {
    let Some(app) = App::with_engine(MIGRATED).await else { return };
    let absent =
        "CannotPullContainerError: The task cannot pull the image from the registry: 127.0.0.1/shop: not found";
    let ran = app.run_under("staging", never_begins(9, absent)).await;
    assert_eq!(ran.outcome.exit_code, 1);
    assert_eq!(app.proxy.count("RunTask"), 1);
    let cause = failures(&ran)[0].cause.clone().unwrap_or_default();
    assert!(cause.0.starts_with("image-") || cause.0.starts_with("ecr-"), "{cause:?}");
}

#[tokio::test]
async fn a_migration_for_which_there_is_no_capacity_waits_for_some() {
    let Some(app) = App::with_engine(MIGRATED).await else { return };
    let mut refused = false;
    let ran = app
        .run_under("staging", move |call| {
            if call.action != "RunTask" || std::mem::replace(&mut refused, true) {
                return Effect::Pass;
            }
            let message =
                "Capacity is unavailable at this time. Please try again later or in a different availability zone";
            Effect::Answer(400, serde_json::json!({ "__type": "ClientException", "message": message }))
        })
        .await;
    assert_eq!(ran.troubles(), NOTHING);
    assert_eq!(app.proxy.count("RunTask"), 2);
}
