//! Autoscaling over its whole life. The local AWS has none, so one that is kept by the tests answers for it.

use serde_json::{Value as Json, json};

use super::{NOTHING, kills::fresh};
use crate::support::{app::App, ran::Ran, scaling::Scaling};

const FILE: &str = "
app: shop
region: us-east-1
environments: { staging: {} }
services:
  api: { build: { context: ./api }, port: 3000, scaling: { min: 2, max: 4, cpu: 60, requests: 500 } }
  worker: { build: { context: ./worker }, desired-count: 1 }
";
const RESOURCE: &str = "service/shop-staging/api";

/// A run without trouble, and what it asked Application Auto Scaling to change.
async fn run(app: &App, scaling: &Scaling) -> (Ran, Vec<String>) {
    let ran = app.run_under("staging", scaling.answers()).await;
    assert_eq!(ran.troubles(), NOTHING);
    let writes = app.proxy.writes().into_iter().filter(|action| action.contains("Scal")).collect();
    (ran, writes)
}

/// The count that services were made or changed with.
fn counts(app: &App, action: &str) -> Vec<Json> {
    let calls = app.proxy.calls().into_iter().filter(|call| call.action == action);
    calls.map(|call| serde_json::from_str::<Json>(&call.body).unwrap()["desiredCount"].clone()).collect()
}

#[tokio::test]
async fn r15_scaling_is_registered_changed_and_removed_and_an_unchanged_run_writes_nothing() {
    let scaling = Scaling::default();
    let mut app = fresh(FILE).await;
    let (_, writes) = run(&app, &scaling).await;
    assert_eq!(writes, ["RegisterScalableTarget", "PutScalingPolicy", "PutScalingPolicy"]);
    let mut made = counts(&app, "CreateService");
    made.sort_by_key(Json::to_string);
    assert_eq!(made, [1, 2]);
    let registered = scaling.registered();
    assert_eq!(registered.targets, [(RESOURCE.to_owned(), (2, 4))].into());
    let policy = |name: &str| registered.policies[&(RESOURCE.to_owned(), format!("shop-staging-api-{name}"))].clone();
    assert_eq!(policy("cpu")["TargetValue"], 60);
    let of = &policy("requests")["PredefinedMetricSpecification"];
    assert_eq!(of["PredefinedMetricType"], "ALBRequestCountPerTarget");
    assert!(of["ResourceLabel"].as_str().unwrap().starts_with("app/shop-staging"), "{of}");
    assert_eq!(registered.policies.len(), 2);

    let (again, writes) = run(&app, &scaling).await;
    assert_eq!((again.changed(), writes, app.proxy.writes()), (vec![], vec![], vec![]));

    // Other bounds are one call, another target is one, and a policy of somebody else's stays.
    scaling.put(RESOURCE, "theirs", json!({ "TargetValue": 1 }));
    app.edit("max: 4", "max: 6");
    let (changed, writes) = run(&app, &scaling).await;
    assert_eq!(writes, ["RegisterScalableTarget"]);
    assert!(changed.changed().contains(&"updated autoscaling of api".to_owned()), "{:?}", changed.changed());
    app.edit("cpu: 60", "cpu: 50");
    assert_eq!(run(&app, &scaling).await.1, ["PutScalingPolicy"]);
    app.edit(", requests: 500", "");
    assert_eq!(run(&app, &scaling).await.1, ["DeleteScalingPolicy"]);
    let left: Vec<String> = scaling.registered().policies.into_keys().map(|(_, name)| name).collect();
    assert_eq!(left, ["shop-staging-api-cpu", "theirs"]);

    // A deploy leaves the count to the one who changes it.
    app.edit("port: 3000,", "port: 3000, environment: { A: b },");
    let (deployed, writes) = run(&app, &scaling).await;
    assert!(deployed.changed().contains(&"updated ECS service api in shop-staging".to_owned()));
    assert_eq!((writes, counts(&app, "UpdateService")), (vec![], vec![Json::Null]));

    app.edit("scaling: { min: 2, max: 6, cpu: 50 }", "desired-count: 2");
    let (removed, writes) = run(&app, &scaling).await;
    assert_eq!(writes, ["DeregisterScalableTarget"]);
    assert!(removed.changed().contains(&"removed autoscaling of api".to_owned()), "{:?}", removed.changed());
    assert_eq!(scaling.registered(), Default::default());
    let (again, _) = run(&app, &scaling).await;
    assert_eq!((again.changed(), app.proxy.writes()), (vec![], vec![]));
}
