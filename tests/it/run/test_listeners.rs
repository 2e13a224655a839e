//! The listener of new versions: it and both rules are there, an unchanged run writes nothing, and what left the file goes
//! in an order in which nobody loses anything.

use aws_sdk_elasticloadbalancingv2::types::{Action, ActionTypeEnum, FixedResponseActionConfig, ProtocolEnum};
use runner_core::{plan::drift, stages::Removal};
use serde_json::Value as Json;

use super::NOTHING;
use crate::support::{
    app::{App, Ran},
    inventory::inventory,
    proxy::Effect,
};

const SHOP: &str = "
app: shop
region: us-east-1
environments: { staging: {} }
load-balancer: { test-listener: { allow-from: [203.0.113.0/24] } }
services:
  api: { image: { layout: api }, port: 3000, priority: 7, deploy: { strategy: blue-green } }
";

const KEY: &str = "load-balancer: { test-listener: { allow-from: [203.0.113.0/24] } }\n";

/// A shop that runs.
async fn healthy(file: &str) -> App {
    let app = App::new(file).await;
    let folder = app.root.join("api");
    std::fs::create_dir_all(&folder).unwrap();
    crate::support::program::layout(&folder, "serving", 0);
    run(&app).await;
    app
}

async fn run(app: &App) -> Ran {
    let ran = app.run("staging").await;
    assert_eq!(ran.troubles(), NOTHING);
    assert_eq!(ran.outcome.exit_code, 0);
    ran
}

/// A run after it writes nothing.
async fn unchanged(app: &App) {
    run(app).await;
    assert_eq!(app.proxy.writes(), NOTHING);
}

/// The rules that are no listener's default.
async fn rules(app: &App) -> Vec<String> {
    let all = inventory(&app.clients().await).await;
    all.into_iter().filter(|line| line.starts_with("rule ") && !line.contains("default")).collect()
}

/// The listeners by their ports.
async fn ports(app: &App) -> Vec<String> {
    let all = inventory(&app.clients().await).await;
    all.into_iter().filter_map(|line| line.strip_prefix("rule default on ").map(str::to_owned)).collect()
}

/// The places of calls among those of a run; each must have been made once.
fn places<const N: usize>(app: &App, calls: [&str; N]) -> [usize; N] {
    let made: Vec<String> = app.proxy.calls().into_iter().map(|call| call.action).collect();
    calls.map(|wanted| {
        let mut at = made.iter().enumerate().filter(|(_, call)| *call == wanted).map(|(at, _)| at);
        let found = (at.next(), at.next());
        let (Some(first), None) = found else { panic!("{wanted}: {made:?}") };
        first
    })
}

/// What the last UpdateService of a run said of the load balancer.
fn advanced(app: &App) -> Json {
    let calls = app.proxy.calls();
    let update = calls.iter().rfind(|call| call.action == "UpdateService").expect("an update");
    let body: Json = serde_json::from_str(&update.body).unwrap();
    body["loadBalancers"][0]["advancedConfiguration"].clone()
}

async fn seen(app: &App) -> Json {
    let clients = app.clients().await;
    let seen = runner::deploy::describe_services(&clients, "shop-staging", &["api".to_owned()]).await.unwrap();
    seen["api"].as_ref().unwrap().json["loadBalancers"][0]["advancedConfiguration"].clone()
}

#[tokio::test]
async fn both_rules_are_there_before_the_service_and_a_second_run_writes_nothing() {
    let app = healthy(SHOP).await;
    assert_eq!(ports(&app).await, ["80", "9443"]);
    assert_eq!(rules(&app).await, ["rule 7 on 80", "rule 7 on 9443"]);
    let calls: Vec<String> = app.proxy.calls().into_iter().map(|call| call.action).collect();
    let at = |wanted: &str| calls.iter().rposition(|call| call == wanted).unwrap();
    assert!(at("CreateRule") < at("CreateService"), "{calls:?}");
    let seen = seen(&app).await;
    assert!(seen["productionListenerRule"].is_string() && seen["testListenerRule"].is_string(), "{seen}");
    assert_ne!(seen["productionListenerRule"], seen["testListenerRule"]);
    unchanged(&app).await;
}

#[tokio::test]
async fn a_service_that_runs_is_given_a_test_listener() {
    let mut app = healthy(&SHOP.replace(KEY, "")).await;
    assert_eq!(rules(&app).await, ["rule 7 on 80"]);
    let before = seen(&app).await;
    app.edit("services:", &format!("{KEY}services:"));
    let ran = run(&app).await;
    assert!(
        ran.changed().contains(&"created test listener rule for api (priority 7)".to_owned()),
        "{:?}",
        ran.changed()
    );
    assert_eq!(advanced(&app)["productionListenerRule"], before["productionListenerRule"]);
    assert_eq!(rules(&app).await, ["rule 7 on 80", "rule 7 on 9443"]);
    unchanged(&app).await;
    // Both rules follow the file; neither is made anew.
    app.edit("priority: 7", "priority: 9");
    let ran = run(&app).await;
    let updated = ["updated listener rule for api (priority 9)", "updated test listener rule for api (priority 9)"];
    assert!(updated.iter().all(|wanted| ran.changed().contains(&(*wanted).to_owned())), "{:?}", ran.changed());
    assert_eq!(rules(&app).await, ["rule 9 on 80", "rule 9 on 9443"]);
    assert!(app.proxy.calls().iter().all(|call| call.action != "ModifyRule" || !call.body.contains("Actions")));
    unchanged(&app).await;
}

#[tokio::test]
async fn what_left_the_file_goes_after_the_deployment_that_lets_go_of_it() {
    let mut app = healthy(SHOP).await;
    app.edit(KEY, "");
    run(&app).await;
    assert!(advanced(&app)["productionListenerRule"].is_string());
    assert_eq!(advanced(&app).get("testListenerRule"), None);
    let [update, delete, mark] = places(&app, ["UpdateService", "DeleteRule", "TagResource"]);
    let follows = app.proxy.calls()[update..delete].iter().any(|call| call.action == "DescribeServices");
    assert!(update < delete && delete < mark && follows, "{update} {delete} {mark}");
    // The listener stays until it is pruned, and leads to nothing.
    assert_eq!(
        (rules(&app).await, ports(&app).await),
        (vec!["rule 7 on 80".to_owned()], vec!["80".into(), "9443".into()])
    );
    assert_eq!(app.plan("staging").await.orphans, ["stack shop-staging-test-listener"]);
    unchanged(&app).await;
    app.removal = Some(Removal::Orphans);
    assert_eq!(run(&app).await.changed(), ["deleted stack shop-staging-test-listener"]);
    assert_eq!(ports(&app).await, ["80"]);
    unchanged(&app).await;
}

#[tokio::test]
async fn a_prune_in_the_same_run_comes_last() {
    let mut app = healthy(SHOP).await;
    app.edit(KEY, "");
    app.removal = Some(Removal::Orphans);
    run(&app).await;
    let [update, rule, stack] = places(&app, ["UpdateService", "DeleteRule", "DeleteStack"]);
    assert!(update < rule && rule < stack, "{update} {rule} {stack}");
    assert_eq!((rules(&app).await, ports(&app).await), (vec!["rule 7 on 80".to_owned()], vec!["80".to_owned()]));
    unchanged(&app).await;
}

#[tokio::test]
async fn a_run_that_died_before_it_deleted_the_rule_is_finished_by_the_next() {
    let mut app = healthy(SHOP).await;
    app.edit("strategy: blue-green", "strategy: blue-green, test-listener: false");
    let denied = serde_json::json!({ "__type": "AccessDeniedException", "message": "not now" });
    let ran = app
        .run_under("staging", move |call| match call.action.as_str() {
            "DeleteRule" => Effect::Answer(403, denied.clone()),
            _ => Effect::Pass,
        })
        .await;
    assert_eq!(ran.outcome.exit_code, 1);
    assert_eq!(seen(&app).await.get("testListenerRule"), None, "the service has let go of it");
    assert_eq!(rules(&app).await, ["rule 7 on 80", "rule 7 on 9443"]);
    let ran = run(&app).await;
    assert_eq!(ran.changed(), ["deleted test listener rule for api"]);
    assert_eq!(rules(&app).await, ["rule 7 on 80"]);
    unchanged(&app).await;
}

#[tokio::test]
async fn a_rule_that_another_deleted_is_named_as_drift_and_made_anew_where_the_service_is_put() {
    let mut app = healthy(SHOP).await;
    let clients = app.clients().await;
    let before = seen(&app).await;
    let gone = before["testListenerRule"].as_str().unwrap().to_owned();
    clients.elbv2().delete_rule().rule_arn(&gone).send().await.unwrap();
    let env = app.environment("staging");
    let (world, observed, _) = runner::run::observe(&env, &app.options(&env)).await.unwrap();
    let (findings, _) = drift(&env, &world, &observed);
    let whats: Vec<&str> = findings.iter().map(|finding| finding.what.as_str()).collect();
    assert_eq!(whats, ["test listener rule for api (priority 7)"]);
    app.edit("priority: 7", "priority: 8");
    let ran = run(&app).await;
    assert!(
        ran.changed().contains(&"created test listener rule for api (priority 8)".to_owned()),
        "{:?}",
        ran.changed()
    );
    let after = seen(&app).await;
    assert_ne!(after["testListenerRule"], before["testListenerRule"], "the service names a rule that is gone");
    assert_eq!(after["productionListenerRule"], before["productionListenerRule"]);
    unchanged(&app).await;
}

#[tokio::test]
async fn destroy_leaves_nothing_of_it() {
    let mut app = healthy(SHOP).await;
    app.removal = Some(Removal::Everything { purge: true });
    run(&app).await;
    let calls = app.proxy.calls();
    let at = |action: &str, of: &str| {
        let found = calls.iter().enumerate().filter(|(_, call)| call.action == action && call.body.contains(of));
        found.map(|(at, _)| at).collect::<Vec<_>>()
    };
    let (service, rules) = (at("DeleteService", ""), at("DeleteRule", ""));
    let listener = at("DeleteStack", "shop-staging-test-listener");
    assert!(rules.len() == 2 && service[0] < rules[0] && rules[1] < listener[0], "{service:?} {rules:?} {listener:?}");
    assert!(app.plan("staging").await.is_empty());
}

#[tokio::test]
async fn a_test_listener_that_is_there_already_is_used_and_left() {
    let mut app = App::new(&SHOP.replace(KEY, "")).await;
    let elb = app.clients().await;
    let elb = elb.elbv2();
    let balancer = elb.create_load_balancer().name("main").subnets("subnet-1").send().await.unwrap();
    let balancer = balancer.load_balancers()[0].load_balancer_arn().unwrap().to_owned();
    let mut arns = Vec::new();
    for port in [80, 9443] {
        let nothing = FixedResponseActionConfig::builder().status_code("404").build();
        let nothing = Action::builder().r#type(ActionTypeEnum::FixedResponse).fixed_response_config(nothing).build();
        let made = elb.create_listener().load_balancer_arn(&balancer).port(port).protocol(ProtocolEnum::Http);
        let made = made.default_actions(nothing).send().await.unwrap();
        arns.push(made.listeners()[0].listener_arn().unwrap().to_owned());
    }
    let test = format!("\n    test-listener: {}", arns[1]);
    let existing =
        format!("load-balancer:\n  existing:\n    listener: {}\n    security-group: sg-0abc{test}\n", arns[0]);
    app.edit("services:", &format!("{existing}services:"));
    std::fs::create_dir_all(app.root.join("api")).unwrap();
    crate::support::program::layout(&app.root.join("api"), "serving", 0);
    run(&app).await;
    assert_eq!(rules(&app).await, ["rule 7 on 80", "rule 7 on 9443"]);
    unchanged(&app).await;
    app.edit(&test, "");
    run(&app).await;
    assert_eq!(rules(&app).await, ["rule 7 on 80"]);
    assert_eq!(ports(&app).await, ["80", "9443"]);
    unchanged(&app).await;
}
