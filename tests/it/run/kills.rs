//! A run that is killed, cut off or refused in the middle: the next one finishes it, and nothing is there twice.

use futures_util::{StreamExt, stream};
use runner_core::report::Fact;
use serde_json::{Value as Json, json};

use super::NOTHING;
use crate::support::{
    app::{App, EXAMPLE, Ran},
    inventory::{inventory, whole},
    proxy::{Call, Effect},
};

/// What has all stages but few stacks.
pub const SMALL: &str = "
app: shop
region: us-east-1
environments: { staging: {} }
services:
  api: { build: { context: ./api }, port: 3000, secrets: { JWT_SECRET_KEY: ssm } }
  worker: { build: { context: ./worker }, secrets: { SUPABASE_URL: ssm } }
";

/// Local AWSs at the same time: runs wait more than they work.
const AT_ONCE: usize = 4;

pub const SECRETS: [&str; 5] =
    ["JWT_SECRET_KEY", "DEVISE_JWT_SECRET_KEY", "SUPABASE_URL", "SUPABASE_SERVICE_ROLE_KEY", "NEXTAUTH_SECRET"];

pub async fn fresh(file: &str) -> App {
    let mut app = App::new(file).await;
    app.variables = SECRETS.map(|name| (name.to_owned(), format!("value of {name}"))).into();
    app
}

/// What an undisturbed run leaves, and the calls it makes.
pub async fn undisturbed(file: &str) -> (Vec<String>, Vec<Call>) {
    let app = fresh(file).await;
    let ran = app.run("staging").await;
    assert_eq!(ran.troubles(), NOTHING);
    let calls = app.proxy.calls();
    (inventory(&app.clients().await).await, calls)
}

/// Does `effect` to the n-th call that matches, once.
fn once(
    nth: usize,
    matches: impl Fn(&Call) -> bool + Send + 'static,
    effect: impl Fn() -> Effect + Send + 'static,
) -> impl FnMut(&Call) -> Effect + Send + 'static {
    let mut seen = 0;
    move |call| {
        let hit = matches(call) && seen == nth;
        seen += usize::from(matches(call));
        if hit { effect() } else { Effect::Pass }
    }
}

#[tokio::test]
async fn a_killed_run_is_finished_by_the_next() {
    killed_at(EXAMPLE, 4).await;
}

#[tokio::test]
async fn a_killed_run_of_a_small_app_is_finished_by_the_next() {
    killed_at(SMALL, 6).await;
}

/// Kills first runs at so many writes, from the first to the last, and at the first upload of a layer: the one half
/// never arrives, the other is done and never answered.
async fn killed_at(file: &'static str, moments: usize) {
    let (expected, calls) = undisturbed(file).await;
    let writes = calls.iter().filter(|call| counts(call)).count();
    let expected = &expected;
    stream::iter(0..=moments)
        .for_each_concurrent(AT_ONCE, |moment| async move {
            let arrives = moment % 2 == 0;
            let effect = move || if arrives { Effect::HoldAnswer } else { Effect::Hold };
            let app = fresh(file).await;
            match moment.checked_sub(1) {
                None => app.proxy.set(once(0, |call| call.action.contains(UPLOADS), effect)),
                Some(at) => app.proxy.set(once(at * (writes - 1) / (moments - 1), counts, effect)),
            }
            let mut child = app.command(&["run", "--format", "json"]).spawn().unwrap();
            tokio::select! {
                () = app.proxy.holds() => child.kill().await.unwrap(),
                status = child.wait() => panic!("it ended before moment {moment} of {moments}: {status:?}"),
            }
            let killed_at = app.proxy.writes();
            app.proxy.pass();
            let output = app.command(&["run", "--format", "json"]).output().await.unwrap();
            let told = whole(&output.stdout);
            let context = format!("killed at {:?} (arrived: {arrives}): {told:#}", killed_at.last());
            assert_eq!(output.status.code(), Some(0), "{context}");
            assert_eq!(told["exit_code"], 0, "{context}");
            assert_eq!(inventory(&app.clients().await).await, *expected, "{context}");
            assert!(app.plan("staging").await.is_empty(), "{context}");
        })
        .await;
}

const UPLOADS: &str = "/blobs/uploads/";

/// Writes that every first run makes equally often. Uploads are not: of two images that are pushed at the same time, the
/// one that comes later mounts the layers of the other where they are already there.
fn counts(call: &Call) -> bool {
    call.writes() && !call.action.contains(UPLOADS)
}

/// Cut before a call arrives, or after it was done: by another try, or by the next run, everything is there once.
#[tokio::test]
async fn a_cut_connection_is_tried_again_or_named() {
    let (expected, calls) = undisturbed(SMALL).await;
    let moments = (0..8).map(|i| (i * (calls.len() - 1) / 7, i % 2 == 0));
    let expected = &expected;
    stream::iter(moments)
        .for_each_concurrent(AT_ONCE, |(nth, arrives)| async move {
            let app = fresh(SMALL).await;
            let cut = once(nth, |_| true, move || if arrives { Effect::Lose } else { Effect::Cut });
            let ran = app.run_under("staging", cut).await;
            ends_well_or_says_why(&app, &ran, expected, &format!("cut at call {nth} (arrived: {arrives})")).await;
        })
        .await;
}

/// The SDK asks again, and ECS refuses to create what is there: it is what was asked for, and the run goes on.
#[tokio::test]
async fn a_service_whose_creation_was_not_answered_is_taken_for_created() {
    let (expected, _) = undisturbed(SMALL).await;
    let app = fresh(SMALL).await;
    let ran = app.run_under("staging", once(0, |call| call.action == "CreateService", || Effect::Lose)).await;
    assert_eq!(ran.troubles(), NOTHING);
    assert_eq!(app.proxy.count("CreateService"), 3, "one of two was asked for twice");
    ends_well_or_says_why(&app, &ran, &expected, "lost").await;
}

/// No right to one of the writes: the run says to which, and the next, which has it, goes on.
#[tokio::test]
async fn a_refused_call_is_named_and_the_next_run_goes_on() {
    let (expected, calls) = undisturbed(SMALL).await;
    let mut json: Vec<String> = calls
        .iter()
        .filter(|call| call.writes() && !call.body.contains("Action="))
        .map(|call| call.action.clone())
        .collect();
    json.retain(|action| !action.contains(' '));
    json.sort();
    json.dedup();
    let expected = &expected;
    stream::iter(json)
        .for_each_concurrent(AT_ONCE, |action| async move {
            let app = fresh(SMALL).await;
            let refused = action.clone();
            let ran = app
                .run_under("staging", move |call| match call.action == refused {
                    true => Effect::Answer(400, denied(&refused)),
                    false => Effect::Pass,
                })
                .await;
            assert_eq!(ran.outcome.exit_code, 1, "{action}: {:?}", ran.troubles());
            let faults = ran.events.iter().filter_map(|event| match &event.fact {
                Fact::Failed(failure) => Some(&failure.fault),
                _ => None,
            });
            for fault in faults {
                assert_eq!(fault.code.as_deref(), Some("AccessDeniedException"), "{fault:?}");
                assert!(fault.message.raw().contains(&action), "{fault:?}");
                assert_eq!(fault.request_id.as_deref(), Some("request-1"));
            }
            ends_well_or_says_why(&app, &ran, expected, &action).await;
        })
        .await;
}

fn denied(action: &str) -> Json {
    json!({ "__type": "AccessDeniedException", "message": format!("not authorized to perform: {action}") })
}

async fn ends_well_or_says_why(app: &App, ran: &Ran, expected: &[String], context: &str) {
    if ran.outcome.exit_code != 0 {
        assert!(!ran.troubles().is_empty(), "{context}");
        for trouble in ran.troubles() {
            // "creating ECS service (api) in finance-app-staging: …"
            let doing = trouble.split(':').next().unwrap_or_default();
            assert!(doing.split(' ').count() > 1 && trouble.len() > doing.len() + 2, "{context}: {trouble}");
        }
        let next = app.run("staging").await;
        assert_eq!(next.troubles(), NOTHING, "{context}, then");
    }
    assert_eq!(inventory(&app.clients().await).await, expected, "{context}: {:?}", ran.troubles());
    assert!(app.plan("staging").await.is_empty(), "{context}");
}
