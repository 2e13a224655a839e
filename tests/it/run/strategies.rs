//! How the strategy of a service changes: by itself it moves no traffic, and what a shift left live is not taken away.

use serde_json::{Value as Json, json};

use super::NOTHING;
use crate::support::app::{App, Ran};

const SHOP: &str = "
app: shop
region: us-east-1
environments: { staging: {} }
services:
  api: { image: { layout: api }, port: 3000, deploy: { strategy: rolling } }
";

/// The shop, healthy with this `deploy`.
async fn healthy(deploy: &str) -> App {
    let mut app = App::new(SHOP).await;
    crate::support::program::layout(&folder(&app), "serving", 0);
    app.edit("deploy: { strategy: rolling }", deploy);
    let ran = app.run("staging").await;
    assert_eq!(ran.troubles(), NOTHING);
    assert_eq!(ran.outcome.exit_code, 0);
    app
}

fn folder(app: &App) -> std::path::PathBuf {
    let folder = app.root.join("api");
    std::fs::create_dir_all(&folder).unwrap();
    folder
}

/// Runs; the bodies of the UpdateService calls.
async fn run(app: &App) -> (Ran, Vec<Json>) {
    let ran = app.run("staging").await;
    let updates = app.proxy.calls().into_iter().filter(|call| call.action == "UpdateService");
    (ran, updates.map(|call| serde_json::from_str(&call.body).unwrap()).collect())
}

/// A run after it writes nothing.
async fn unchanged(app: &App) {
    let (again, _) = run(app).await;
    assert_eq!(again.troubles(), NOTHING);
    assert_eq!(app.proxy.writes(), NOTHING);
}

const CANARY: &str =
    "deploy: { strategy: canary, pause: [pre-production-traffic-shift], pause-timeout: 2h, alarms: [api-5xx] }";

#[tokio::test]
async fn a_service_that_rolled_takes_its_second_group_before_the_strategy() {
    let mut app = healthy("deploy: { strategy: rolling }").await;
    app.edit("deploy: { strategy: rolling }", CANARY);
    let (ran, updates) = run(&app).await;
    assert_eq!(ran.troubles(), NOTHING);
    // The group by a rolling deployment, which is followed; then the strategy, which starts none.
    let [group, strategy] = updates.as_slice() else { panic!("{updates:#?}") };
    let advanced = &group["loadBalancers"][0]["advancedConfiguration"];
    assert!(advanced["alternateTargetGroupArn"].is_string() && advanced["productionListenerRule"].is_string());
    assert_eq!(group["deploymentConfiguration"]["strategy"], "ROLLING");
    assert_eq!(group["deploymentConfiguration"].get("lifecycleHooks"), None);
    assert_eq!(group["deploymentConfiguration"]["alarms"]["alarmNames"].as_array().unwrap().len(), 2);
    assert_eq!(strategy.as_object().unwrap().len(), 3, "{strategy:#}");
    let configuration = &strategy["deploymentConfiguration"];
    assert_eq!((&configuration["strategy"], &configuration["bakeTimeInMinutes"]), (&json!("CANARY"), &json!(5)));
    assert_eq!(
        configuration["lifecycleHooks"],
        json!([{
            "targetType": "PAUSE",
            "lifecycleStages": ["PRE_PRODUCTION_TRAFFIC_SHIFT"],
            "timeoutConfiguration": { "timeoutInMinutes": 120, "action": "ROLLBACK" },
        }])
    );
    unchanged(&app).await;
}

#[tokio::test]
async fn a_changed_strategy_deploys_nothing_and_is_not_waited_for() {
    let mut app = healthy(CANARY).await;
    app.edit(CANARY, "deploy: { strategy: linear, step-percent: 25 }");
    let (ran, updates) = run(&app).await;
    assert_eq!(ran.troubles(), NOTHING);
    assert_eq!(updates.len(), 1, "{updates:#?}");
    let configuration = &updates[0]["deploymentConfiguration"];
    assert_eq!(configuration["strategy"], "LINEAR");
    assert_eq!(configuration["linearConfiguration"], json!({ "stepPercent": 25.0, "stepBakeTimeInMinutes": 6 }));
    // What is left out of an update stays: hooks and alarms are taken away by name.
    assert_eq!(configuration["lifecycleHooks"], json!([]));
    assert_eq!(configuration["alarms"], json!({ "alarmNames": [], "enable": false, "rollback": false }));
    assert_eq!(updates[0].get("loadBalancers"), None);
    assert!(ran.outcome.services.iter().all(|service| service.healthy_after.is_none()), "it waited");
    unchanged(&app).await;
}

#[tokio::test]
async fn the_second_group_stays_when_the_strategy_is_rolling_again() {
    let mut app = healthy(CANARY).await;
    app.edit(CANARY, "deploy: { strategy: rolling }");
    let (refused, updates) = run(&app).await;
    assert_eq!((refused.outcome.exit_code, updates.len()), (1, 0));
    assert_eq!(app.proxy.writes(), NOTHING);
    let told = refused.outcome.refusals.iter().any(|said| said.what.remedy.contains("alternate-target-group: true"));
    assert!(told, "{:#?}", refused.outcome.refusals);

    app.edit("deploy: { strategy: rolling }", "deploy: { strategy: rolling, alternate-target-group: true }");
    let (ran, updates) = run(&app).await;
    assert_eq!(ran.troubles(), NOTHING);
    assert_eq!(updates.len(), 1, "{updates:#?}");
    assert_eq!(updates[0]["deploymentConfiguration"]["strategy"], "ROLLING");
    assert_eq!(updates[0].get("loadBalancers"), None);
    unchanged(&app).await;
}

#[tokio::test]
async fn a_rule_that_a_shift_left_on_the_second_group_is_still_its_rule() {
    let mut app = healthy(CANARY).await;
    let clients = app.clients().await;
    let stacks =
        clients.cloudformation().describe_stacks().stack_name("shop-staging-service-api").send().await.unwrap();
    let outputs = stacks.stacks()[0].outputs();
    let output = |name: &str| {
        let found = outputs.iter().find(|output| output.output_key() == Some(name));
        found.and_then(|output| output.output_value()).unwrap().to_owned()
    };
    let rule = seen_rule(&clients, &output("TargetGroupArn")).await.expect("the service's rule");
    let forward = aws_sdk_elasticloadbalancingv2::types::Action::builder()
        .r#type(aws_sdk_elasticloadbalancingv2::types::ActionTypeEnum::Forward)
        .target_group_arn(output("AlternateTargetGroupArn"))
        .build();
    clients.elbv2().modify_rule().rule_arn(&rule).actions(forward).send().await.unwrap();
    app.edit("port: 3000,", "port: 3000, priority: 77,");
    let (ran, _) = run(&app).await;
    assert_eq!(ran.troubles(), NOTHING);
    assert!(ran.changed().contains(&"updated listener rule for api (priority 77)".to_owned()), "{:?}", ran.changed());
    assert_eq!(seen_rule(&clients, &output("AlternateTargetGroupArn")).await, Some(rule), "traffic was moved");
    assert_eq!(seen_rule(&clients, &output("TargetGroupArn")).await, None);
    unchanged(&app).await;
}

/// The rule that forwards to a target group.
async fn seen_rule(clients: &runner::aws::Clients, group: &str) -> Option<String> {
    let balancers = clients.elbv2().describe_load_balancers().send().await.unwrap();
    let mut found = None;
    for balancer in balancers.load_balancers() {
        let arn = balancer.load_balancer_arn().unwrap();
        let listeners = clients.elbv2().describe_listeners().load_balancer_arn(arn).send().await.unwrap();
        for listener in listeners.listeners() {
            let rules = clients.elbv2().describe_rules().listener_arn(listener.listener_arn().unwrap()).send().await;
            for rule in rules.unwrap().rules() {
                if rule.actions().iter().any(|action| action.target_group_arn() == Some(group)) {
                    found = rule.rule_arn().map(str::to_owned);
                }
            }
        }
    }
    found
}
