//! `status --history`: what the local AWS remembers of deployments, and what ECS does, told in its place.

use std::process::Output;

use serde_json::{Value as Json, json};

use super::NOTHING;
use crate::support::{
    app::App,
    program,
    proxy::{Call, Effect},
};

const SHOP: &str = "
app: shop
region: us-east-1
environments: { staging: {} }
services:
  api: { image: { layout: image } }
  web: { from: api }
";

async fn shop() -> App {
    let app = App::new(SHOP).await;
    std::fs::create_dir(app.root.join("image")).unwrap();
    program::layout(&app.root.join("image"), "serving", 0);
    assert_eq!(app.run("staging").await.troubles(), NOTHING);
    app
}

async fn said(app: &App, arguments: &[&str]) -> String {
    let Output { status, stdout, stderr } = app.command(arguments).output().await.unwrap();
    assert_eq!(status.code(), Some(0), "{}", String::from_utf8_lossy(&stderr));
    String::from_utf8(stdout).unwrap()
}

async fn services(app: &App, arguments: &[&str]) -> Json {
    let whole: Json = serde_json::from_str(&said(app, arguments).await).unwrap();
    whole["services"].clone()
}

#[tokio::test]
async fn where_no_service_deployments_are_told_of_the_services_own_are_shown_and_named() {
    let app = shop().await;
    app.proxy.pass();
    let told = services(&app, &["status", "--history", "--format", "json"]).await;
    for service in told.as_array().unwrap() {
        let history = &service["history"];
        assert_eq!(history["told_by"], "DescribeServices", "{service}");
        let deployments = history["deployments"].as_array().unwrap();
        assert_eq!(deployments.len(), 1, "{service}");
        assert_eq!((&deployments[0]["verdict"], &deployments[0]["revision"]), (&json!("succeeded"), &json!(1)));
        assert_eq!(deployments[0]["duration_ms"], Json::Null, "nobody tells when it ended");
        assert!(deployments[0]["created_at"].as_str().unwrap().ends_with('Z'), "{service}");
        assert_eq!(deployments[0]["created_at"], service["since"]);
    }
    assert_eq!(app.proxy.writes(), NOTHING);
    let text = said(&app, &["status", "--history"]).await;
    assert!(text.contains("history of api, web: from DescribeServices, which forgets what is over"), "{text}");
    // Who does not ask for it waits for no call more.
    app.proxy.pass();
    let plain = services(&app, &["status", "--format", "json"]).await;
    assert_eq!(plain[0].get("history"), None);
    assert!(!app.proxy.calls().iter().any(|call| call.action == "ListServiceDeployments"));
}

const BEGAN: u64 = 1_772_632_800; // 2026-03-04 14:00 UTC

/// Twelve deployments of every service, the older ones first and in two pages; the last is under way, the one before was
/// turned back.
fn remembered(call: &Call) -> Effect {
    let body: Json = serde_json::from_str(&call.body).unwrap_or_default();
    let asked = |key: &str| -> Vec<String> {
        body[key].as_array().into_iter().flatten().filter_map(|arn| arn.as_str().map(str::to_owned)).collect()
    };
    let number = |arn: &str| arn.rsplit('/').next().unwrap().parse::<u64>().unwrap();
    match call.action.as_str() {
        "ListServiceDeployments" => {
            let service = body["service"].as_str().unwrap();
            let brief = |at: u64| {
                json!({
                    "serviceDeploymentArn": format!("arn:deployment/{service}/{at}"),
                    "targetServiceRevisionArn": format!("arn:revision/{service}/{at}"),
                    "createdAt": BEGAN + 3600 * at,
                })
            };
            let (pages, next) = if body["nextToken"] == "more" { (7..=12, None) } else { (1..=6, Some("more")) };
            let briefs: Vec<Json> = pages.map(brief).collect();
            Effect::Answer(200, json!({ "serviceDeployments": briefs, "nextToken": next }))
        }
        "DescribeServiceDeployments" => {
            let seen = asked("serviceDeploymentArns").into_iter().map(|arn| {
                let at = number(&arn);
                let began = BEGAN + 3600 * at;
                let mut seen = json!({
                    "serviceDeploymentArn": arn, "createdAt": began, "updatedAt": began + 90,
                    "targetServiceRevision": { "arn": arn.replace("deployment", "revision") },
                    "status": "SUCCESSFUL", "finishedAt": began + 90,
                });
                if at == 12 {
                    seen["status"] = "IN_PROGRESS".into();
                    seen["finishedAt"] = Json::Null;
                } else if at == 11 {
                    seen["status"] = "ROLLBACK_SUCCESSFUL".into();
                    seen["statusReason"] = "Service deployment rolled back \u{1b}[31m::error::\u{202e}loud".into();
                    seen["deploymentCircuitBreaker"] = json!({ "status": "TRIGGERED", "failureCount": 3 });
                }
                seen
            });
            Effect::Answer(200, json!({ "serviceDeployments": seen.collect::<Vec<_>>(), "failures": [] }))
        }
        "DescribeServiceRevisions" => {
            let seen = asked("serviceRevisionArns").into_iter().map(|arn| {
                let definition = format!("arn:aws:ecs:us-east-1:111122223333:task-definition/shop:{}", number(&arn));
                json!({ "serviceRevisionArn": arn, "taskDefinition": definition })
            });
            Effect::Answer(200, json!({ "serviceRevisions": seen.collect::<Vec<_>>(), "failures": [] }))
        }
        _ => Effect::Pass,
    }
}

#[tokio::test]
async fn the_last_ten_deployments_of_a_service_are_shown_with_how_each_ended() {
    let app = shop().await;
    app.proxy.set(remembered);
    let told = services(&app, &["status", "api", "--history", "--format", "json"]).await;
    assert_eq!(told.as_array().unwrap().len(), 1, "only the one that is named");
    let history = &told[0]["history"];
    assert_eq!(history["told_by"], "ListServiceDeployments");
    let deployments = history["deployments"].as_array().unwrap();
    let revisions: Vec<u64> = deployments.iter().map(|seen| seen["revision"].as_u64().unwrap()).collect();
    assert_eq!(revisions, (3..=12).rev().collect::<Vec<u64>>());
    assert_eq!(
        deployments[..3],
        [
            json!({ "created_at": "2026-03-05T02:00:00Z", "revision": 12, "verdict": "in progress",
                "duration_ms": null, "reason": null }),
            json!({ "created_at": "2026-03-05T01:00:00Z", "revision": 11, "verdict": "rolled back", "duration_ms": 90_000,
                "reason": "the circuit breaker counted 3 failed tasks: Service deployment rolled back ::error::loud" }),
            json!({ "created_at": "2026-03-05T00:00:00Z", "revision": 10, "verdict": "succeeded", "duration_ms": 90_000,
                "reason": null }),
        ]
    );
    let calls: Vec<String> = app.proxy.calls().into_iter().map(|call| call.action).collect();
    let of = |action: &str| calls.iter().filter(|call| *call == action).count();
    assert_eq!((of("DescribeServiceDeployments"), of("DescribeServiceRevisions")), (1, 1), "{calls:?}");
    assert_eq!(app.proxy.writes(), NOTHING);

    let text = said(&app, &["status", "--history"]).await;
    let row = |service: &str| format!("  {service}      2026-03-05 01:00 UTC  :11       rolled back  1m 30s");
    assert!(text.contains(&row("api")) && text.contains(&row("web")), "{text}");
    let page = said(&app, &["status", "--history", "--format", "markdown"]).await;
    assert!(page.contains("| api | 2026-03-05 01:00 UTC | :11 | rolled back | 1m 30s | the circuit breaker"), "{page}");
}
