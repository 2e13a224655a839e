//! `rollback` and `approve`: what ECS remembers is told in the emulator's place, what is done to services is real.

use std::collections::BTreeMap;

use runner::run::Work;
use serde_json::{Value as Json, json};

use super::NOTHING;
use crate::support::{
    app::{self, App, Ran},
    program,
    proxy::{Call, Effect},
};

const SHOP: &str = "
app: shop
region: us-east-1
environments: { staging: {} }
services:
  api: { image: { layout: image }, environment: { LEVEL: one } }
  web: { from: api, depends-on: [api] }
";

/// The shop, healthy with revision 2 of both services, after revision 1 of both.
async fn at_two() -> App {
    let mut app = App::new(SHOP).await;
    std::fs::create_dir(app.root.join("image")).unwrap();
    program::layout(&app.root.join("image"), "serving", 0);
    assert_eq!(app.run("staging").await.troubles(), NOTHING);
    app.edit("LEVEL: one", "LEVEL: two");
    assert_eq!(app.run("staging").await.troubles(), NOTHING);
    assert_eq!(revisions(&app).await, [("api".into(), 2), ("web".into(), 2)]);
    app
}

/// The revisions that the services are set to.
async fn revisions(app: &App) -> Vec<(String, u32)> {
    let clients = app.clients().await;
    let answer = clients.ecs().describe_services().cluster("shop-staging").services("api").services("web").send().await;
    let number = |arn: &str| arn.rsplit(':').next().unwrap().parse().unwrap();
    let mut all: Vec<(String, u32)> = (answer.unwrap().services().iter())
        .map(|seen| (seen.service_name().unwrap().to_owned(), number(seen.task_definition().unwrap())))
        .collect();
    all.sort();
    all
}

async fn turn(app: &App, services: &[&str], work: Work, decide: impl FnMut(&Call) -> Effect + Send + 'static) -> Ran {
    app.proxy.set(decide);
    let env = app.environment("staging");
    let mut options = app.options(&env);
    options.services = services.iter().map(|name| (*name).to_owned()).collect();
    options.work = work;
    app::run(&env, &options).await
}

fn field(call: &Call, key: &str) -> String {
    let body: Json = serde_json::from_str(&call.body).unwrap_or_default();
    body[key].as_str().unwrap_or_default().to_owned()
}

fn definition(app: &App, service: &str, number: u32) -> String {
    format!("arn:aws:ecs:us-east-1:{}:task-definition/shop-staging-{service}:{number}", app.sandbox.account)
}

/// Deployments of every service by revision and status, the newest first; told until something is updated.
fn remembered(app: &App, past: &'static [(u32, &'static str)]) -> impl FnMut(&Call) -> Effect + Send + 'static {
    let definitions: BTreeMap<String, String> = ["api", "web"]
        .into_iter()
        .flat_map(|name| (1..=9).map(move |number| (name, number)))
        .map(|(name, number)| (format!("{name}/{number}"), definition(app, name, number)))
        .collect();
    let mut updated = false;
    move |call| {
        updated |= call.action == "UpdateService";
        match call.action.as_str() {
            "ListServiceDeployments" if !updated => {
                let service = field(call, "service");
                let briefs = past.iter().enumerate().map(|(age, (number, status))| {
                    json!({
                        "serviceDeploymentArn": format!("arn:aws:ecs:deployment/{service}/{age}"),
                        "status": status, "createdAt": 1_700_000_000 - age,
                        "targetServiceRevisionArn": format!("{service}/{number}"),
                    })
                });
                Effect::Answer(200, json!({ "serviceDeployments": briefs.collect::<Vec<_>>() }))
            }
            "DescribeServiceRevisions" if !updated => {
                let body: Json = serde_json::from_str(&call.body).unwrap();
                let asked = body["serviceRevisionArns"].as_array().unwrap().iter().filter_map(Json::as_str);
                let revisions =
                    asked.map(|arn| json!({ "serviceRevisionArn": arn, "taskDefinition": definitions[arn] }));
                Effect::Answer(200, json!({ "serviceRevisions": revisions.collect::<Vec<_>>() }))
            }
            _ => Effect::Pass,
        }
    }
}

fn warnings(ran: &Ran) -> String {
    ran.outcome.warnings.iter().map(|said| format!("{}\n", said.what.text)).collect()
}

#[tokio::test]
async fn a_finished_deployment_goes_back_and_the_next_run_goes_forward() {
    let app = at_two().await;
    let past = &[(2, "SUCCESSFUL"), (2, "ROLLBACK_SUCCESSFUL"), (1, "SUCCESSFUL")];
    let ran = turn(&app, &["api"], Work::Rollback { to: None }, remembered(&app, past)).await;
    assert_eq!(ran.troubles(), NOTHING);
    assert_eq!(ran.outcome.exit_code, 0);
    assert_eq!(ran.changed(), ["updated ECS service api in shop-staging"]);
    assert!(warnings(&ran).contains("not undone: migrations"), "{}", warnings(&ran));
    assert_eq!(revisions(&app).await, [("api".into(), 1), ("web".into(), 2)]);
    // Twice is back twice, never forward again: nothing is older than the first.
    let again = turn(&app, &["api"], Work::Rollback { to: None }, remembered(&app, past)).await;
    assert_eq!(again.outcome.exit_code, 1);
    assert!(again.troubles()[0].contains("remembers no earlier deployment"), "{:?}", again.troubles());

    let forward = app.run("staging").await;
    assert_eq!(forward.troubles(), NOTHING);
    assert_eq!(forward.changed(), ["updated ECS service api in shop-staging"]);
    assert_eq!(revisions(&app).await, [("api".into(), 2), ("web".into(), 2)]);
    assert_eq!(app.run("staging").await.changed(), NOTHING);
}

#[tokio::test]
async fn all_services_go_back_those_that_depend_on_others_first() {
    let app = at_two().await;
    let ran =
        turn(&app, &[], Work::Rollback { to: None }, remembered(&app, &[(2, "SUCCESSFUL"), (1, "SUCCESSFUL")])).await;
    assert_eq!(ran.troubles(), NOTHING);
    let updates: Vec<String> = app
        .proxy
        .calls()
        .iter()
        .filter(|call| call.action == "UpdateService")
        .map(|call| field(call, "service"))
        .collect();
    assert_eq!(updates, ["web", "api"]);
    assert_eq!(revisions(&app).await, [("api".into(), 1), ("web".into(), 1)]);
}

#[tokio::test]
async fn an_image_that_is_gone_is_passed_over_and_said() {
    let app = at_two().await;
    let mut tell = remembered(&app, &[(2, "SUCCESSFUL"), (1, "SUCCESSFUL")]);
    let gone = move |call: &Call| match call.action.as_str() {
        "DescribeImages" => Effect::Answer(400, json!({ "__type": "ImageNotFoundException", "message": "gone" })),
        _ => tell(call),
    };
    let ran = turn(&app, &["api"], Work::Rollback { to: None }, gone).await;
    assert_eq!(ran.outcome.exit_code, 1);
    assert!(ran.troubles()[0].contains("the registry has no shop/api@sha256:"), "{:?}", ran.troubles());
    assert_eq!(app.proxy.writes(), NOTHING);
}

#[tokio::test]
async fn without_a_history_it_says_so_and_a_named_revision_still_works() {
    let app = at_two().await;
    let command = |words: &'static [&'static str]| {
        let mut command = app.command(words);
        async move { command.output().await.unwrap() }
    };
    for words in [&["rollback", "api"] as &[&str], &["rollback"]] {
        let told = command(words).await;
        let said = String::from_utf8_lossy(&told.stderr).into_owned();
        assert_eq!(told.status.code(), Some(1), "{said}");
        assert!(said.contains("remembers no earlier deployment") && said.contains("--to REVISION"), "{said}");
    }
    let unknown = command(&["rollback", "api", "--to", "7"]).await;
    assert_eq!(unknown.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&unknown.stderr).contains("shop-staging-api:7: there is no such revision"));
    let back = command(&["rollback", "api", "--to", "1"]).await;
    assert_eq!(back.status.code(), Some(0), "{}", String::from_utf8_lossy(&back.stderr));
    assert_eq!(revisions(&app).await, [("api".into(), 1), ("web".into(), 2)]);
    let there = command(&["rollback", "api", "--to", "1"]).await;
    assert!(String::from_utf8_lossy(&there.stderr).contains("runs already"));
    let idle = command(&["approve", "api"]).await;
    assert_eq!(idle.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&idle.stderr).contains("nothing is paused"));
}

/// A deployment of api's revision 2 that is in flight, until `ends` is called; then it is as `end` says: its status, and
/// the revision that serves.
fn in_flight(
    app: &App,
    pause: bool,
    ends: &'static str,
    end: (&'static str, u32),
) -> impl FnMut(&Call) -> Effect + Send + 'static {
    const ARN: &str = "arn:aws:ecs:us-east-1:000000000000:service-deployment/shop-staging/api/abc";
    let definitions = [definition(app, "api", 1), definition(app, "api", 2)];
    let (mut over, mut looks) = (false, 0);
    move |call| {
        let status = if over && looks > 1 { end.0 } else { "IN_PROGRESS" };
        let brief = json!({
            "serviceDeploymentArn": ARN, "status": status, "createdAt": 4_000_000_000_u64, "updatedAt": 4_000_000_000_u64,
            "targetServiceRevisionArn": "r/2",
        });
        match call.action.as_str() {
            "ListServiceDeployments" => Effect::Answer(200, json!({ "serviceDeployments": [brief] })),
            "DescribeServiceDeployments" => {
                looks += usize::from(over);
                let mut whole = brief;
                whole["lifecycleStage"] = "PRE_PRODUCTION_TRAFFIC_SHIFT".into();
                let side = |arn: &str, share: u32| {
                    json!({
                        "arn": arn, "requestedTaskCount": 1, "runningTaskCount": 1, "pendingTaskCount": 0,
                        "requestedProductionTrafficWeight": share,
                    })
                };
                whole["targetServiceRevision"] = side("r/2", 10);
                whole["sourceServiceRevisions"] = json!([side("r/1", 90)]);
                if pause {
                    // The answer is not seen at once.
                    let state = if over && looks > 1 { "SUCCEEDED" } else { "AWAITING_ACTION" };
                    whole["lifecycleHookDetails"] = json!([{
                        "hookId": "hook-7", "targetType": "PAUSE", "status": state,
                        "expiresAt": 1_800_000_000, "timeoutAction": "ROLLBACK",
                    }]);
                }
                Effect::Answer(200, json!({ "serviceDeployments": [whole], "failures": [] }))
            }
            "DescribeServiceRevisions" => {
                let of = |number: usize| {
                    json!({
                        "serviceRevisionArn": format!("r/{number}"), "taskDefinition": definitions[number - 1],
                        "containerImages": [{ "containerName": "api", "imageDigest": "sha256:0123456789abcdef" }],
                    })
                };
                Effect::Answer(200, json!({ "serviceRevisions": [of(1), of(2)] }))
            }
            "DescribeServices" => {
                let serving = definitions[if status == "IN_PROGRESS" { 1 } else { end.1 as usize - 1 }].clone();
                let done = status != "IN_PROGRESS";
                Effect::Change(Box::new(move |answer| {
                    for service in answer["services"].as_array_mut().unwrap() {
                        service["currentServiceDeployment"] = ARN.into();
                        service["taskDefinition"] = serving.clone().into();
                        service["deployments"][0]["taskDefinition"] = serving.clone().into();
                        let state = if done { "COMPLETED" } else { "IN_PROGRESS" };
                        service["deployments"][0]["rolloutState"] = state.into();
                    }
                }))
            }
            action if action == ends => {
                over = true;
                Effect::Answer(200, json!({ "serviceDeploymentArn": ARN }))
            }
            _ => Effect::Pass,
        }
    }
}

/// The body of the one call of this operation.
fn sent(app: &App, action: &str) -> Json {
    let calls = app.proxy.calls();
    let mut found = calls.iter().filter(|call| call.action == action);
    let body = serde_json::from_str(&found.next().expect("a call").body).unwrap();
    assert!(found.next().is_none(), "{action} was called twice");
    body
}

#[tokio::test]
async fn a_deployment_in_flight_is_turned_around() {
    let app = at_two().await;
    let tell = in_flight(&app, false, "StopServiceDeployment", ("ROLLBACK_SUCCESSFUL", 1));
    let ran = turn(&app, &["api"], Work::Rollback { to: None }, tell).await;
    assert_eq!(ran.troubles(), NOTHING);
    assert_eq!(ran.outcome.exit_code, 0);
    assert_eq!(sent(&app, "StopServiceDeployment")["stopType"], "ROLLBACK");
    assert_eq!(ran.changed(), ["turned back the deployment of api"]);
    assert_eq!(ran.outcome.services[0].revision, 1);
    // A rollback that fails is a failure.
    let tell = in_flight(&app, false, "StopServiceDeployment", ("ROLLBACK_FAILED", 1));
    let ran = turn(&app, &["api"], Work::Rollback { to: None }, tell).await;
    assert_eq!(ran.outcome.exit_code, 1);
    // So is one that came too late.
    let tell = in_flight(&app, false, "StopServiceDeployment", ("SUCCESSFUL", 2));
    let ran = turn(&app, &["api"], Work::Rollback { to: None }, tell).await;
    assert_eq!(ran.outcome.exit_code, 1);
    assert!(ran.troubles()[0].contains("ended well before it could be turned back"), "{:?}", ran.troubles());
}

#[tokio::test]
async fn a_paused_deployment_is_continued_and_followed() {
    let app = at_two().await;
    let tell = in_flight(&app, true, "ContinueServiceDeployment", ("SUCCESSFUL", 2));
    let ran = turn(&app, &["api"], Work::Approve { service: "api".into(), reject: false }, tell).await;
    assert_eq!(ran.troubles(), NOTHING);
    assert_eq!(ran.outcome.exit_code, 0);
    let body = sent(&app, "ContinueServiceDeployment");
    assert_eq!((&body["hookId"], &body["action"]), (&json!("hook-7"), &json!("CONTINUE")));
    let both = "continued: api at PRE_PRODUCTION_TRAFFIC_SHIFT: new :2, 10 % of the traffic, 1/1 tasks, image 0123456789ab \
                · old :1, 90 % of the traffic, 1/1 tasks, image 0123456789ab; it would have waited until \
                2027-01-15T08:00:00Z";
    assert!(warnings(&ran).contains(both), "{}", warnings(&ran));
}

#[tokio::test]
async fn a_paused_deployment_is_turned_back() {
    let app = at_two().await;
    let tell = in_flight(&app, true, "ContinueServiceDeployment", ("ROLLBACK_SUCCESSFUL", 1));
    let ran = turn(&app, &["api"], Work::Approve { service: "api".into(), reject: true }, tell).await;
    assert_eq!(ran.troubles(), NOTHING);
    assert_eq!(ran.outcome.exit_code, 0);
    assert_eq!(sent(&app, "ContinueServiceDeployment")["action"], "ROLLBACK");
    assert_eq!(ran.outcome.services[0].revision, 1);
}
