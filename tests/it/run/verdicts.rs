//! What only AWS answers of a rollout, in the emulator's place: verdict and exit code for each, and looks that fail in
//! between.

use std::time::Duration;

use runner_core::report::Fact;
use serde_json::{Value as Json, json};

use super::{
    NOTHING,
    kills::{SMALL, fresh},
};
use crate::support::{
    app::{App, Ran},
    proxy::{Call, Effect},
};

/// The small app, healthy; then its API gets another image's worth of change, whose rollout is told as `tell` says: it
/// changes what DescribeServices says of the API once the update was sent, and knows how many looks came before.
async fn update(tell: fn(&mut Json, usize)) -> (App, Ran) {
    let mut app = healthy().await;
    app.edit("port: 3000,", "port: 3000, environment: { LOG_LEVEL: debug },");
    let (mut updated, mut looks) = (false, 0);
    let ran = app
        .run_under("staging", move |call| {
            updated |= call.action == "UpdateService";
            let look = looks;
            looks += usize::from(updated && is_look(call));
            match call.action.as_str() {
                "DescribeServices" if updated => Effect::Change(Box::new(move |answer| {
                    let services = answer["services"].as_array_mut().unwrap();
                    services
                        .iter_mut()
                        .filter(|service| service["serviceName"] == "api")
                        .for_each(|service| tell(service, look));
                })),
                _ => Effect::Pass,
            }
        })
        .await;
    (app, ran)
}

async fn healthy() -> App {
    let mut app = fresh(SMALL).await;
    assert_eq!(app.run("staging").await.troubles(), NOTHING);
    app.timeout = Duration::from_secs(30);
    app
}

fn is_look(call: &Call) -> bool {
    call.action == "DescribeServices"
}

/// The revision of this number in place of another.
fn revision(service: &Json, number: u32) -> String {
    let arn = service["taskDefinition"].as_str().unwrap();
    format!("{}:{number}", arn.rsplit_once(':').unwrap().0)
}

/// The update's deployment has failed, and another stands first.
fn behind(service: &mut Json, number: u32, reason: &str) {
    let mut ours = service["deployments"][0].clone();
    let mut first = ours.clone();
    ours["status"] = "ACTIVE".into();
    first["id"] = "ecs-svc/9999999999999999999".into();
    first["taskDefinition"] = revision(service, number).into();
    first["rolloutState"] = "COMPLETED".into();
    first["rolloutStateReason"] = reason.into();
    if number == 1 {
        ours["rolloutState"] = "FAILED".into();
        ours["rolloutStateReason"] = "ECS deployment circuit breaker: tasks failed to start.".into();
    } else {
        ours["rolloutState"] = "IN_PROGRESS".into();
    }
    service["taskDefinition"] = first["taskDefinition"].clone();
    service["deployments"] = json!([first, ours]);
}

fn headline(ran: &Ran) -> String {
    assert_eq!(ran.troubles().len(), 1, "{:?}", ran.troubles());
    ran.troubles().remove(0)
}

#[tokio::test]
async fn a_rollback_that_ends_well_is_still_a_rollback() {
    let tell =
        |service: &mut Json, _| behind(service, 1, "ECS deployment circuit breaker: rolling back to deployment.");
    let (_, ran) = update(tell).await;
    assert_eq!(ran.outcome.exit_code, 3, "{:?}", ran.troubles());
    assert_eq!(
        headline(&ran),
        "api was rolled back on staging: ECS deployment circuit breaker: tasks failed to start."
    );
}

#[tokio::test]
async fn a_newer_deployment_supersedes() {
    let (_, ran) = update(|service, _| behind(service, 3, "ECS deployment completed.")).await;
    assert_eq!(ran.outcome.exit_code, 6, "{:?}", ran.troubles());
    assert!(headline(&ran).contains("superseded by a newer deployment"), "{:?}", ran.troubles());
}

#[tokio::test]
async fn a_service_that_is_deleted_meanwhile_has_failed() {
    let tell = |service: &mut Json, look| match look {
        0 => service["deployments"][0]["rolloutState"] = "IN_PROGRESS".into(),
        _ => {
            service["status"] = "INACTIVE".into();
            service["deployments"] = json!([]);
        }
    };
    let (_, ran) = update(tell).await;
    assert_eq!(ran.outcome.exit_code, 1, "{:?}", ran.troubles());
    assert!(headline(&ran).contains("deleted"), "{:?}", ran.troubles());
}

#[tokio::test]
async fn time_that_is_up_is_no_failure_and_no_success() {
    let mut app = healthy().await;
    app.edit("port: 3000,", "port: 3000, environment: { LOG_LEVEL: debug },");
    app.timeout = Duration::from_secs(3);
    let mut updated = false;
    let ran = app
        .run_under("staging", move |call| {
            updated |= call.action == "UpdateService";
            if !(updated && is_look(call)) {
                return Effect::Pass;
            }
            Effect::Change(Box::new(|answer| {
                for service in answer["services"].as_array_mut().unwrap() {
                    service["deployments"][0]["rolloutState"] = "IN_PROGRESS".into();
                    service["deployments"][0]["runningCount"] = 0.into();
                    service["runningCount"] = 0.into();
                }
            }))
        })
        .await;
    assert_eq!(ran.outcome.exit_code, 4, "{:?}", ran.troubles());
    assert!(ran.changed().contains(&"updated ECS service api in shop-staging".to_owned()), "{:?}", ran.changed());
    // The next attaches: nothing is updated again.
    app.timeout = Duration::from_secs(60);
    let next = app.run("staging").await;
    assert_eq!((next.troubles(), next.changed()), (Vec::new(), Vec::new()));
}

#[tokio::test]
async fn looks_that_fail_are_repeated_and_said_once_they_are_several() {
    for (refused, is_said) in [(2, false), (3, true)] {
        let mut app = healthy().await;
        app.edit("port: 3000,", "port: 3000, environment: { LOG_LEVEL: debug },");
        let (mut updated, mut left) = (false, refused);
        let ran = app
            .run_under("staging", move |call| {
                updated |= call.action == "UpdateService";
                if updated && is_look(call) && left > 0 {
                    left -= 1;
                    return Effect::Answer(400, json!({ "__type": "ThrottlingException", "message": "Rate exceeded" }));
                }
                Effect::Pass
            })
            .await;
        assert_eq!(ran.troubles(), NOTHING);
        let words = "a look at api failed and is repeated";
        let said = ran.events.iter().filter(|event| matches!(&event.fact, Fact::Warning(said) if said.contains(words)));
        assert_eq!(said.count(), usize::from(is_said), "{refused} refused: {:#?}", ran.events);
    }
}
