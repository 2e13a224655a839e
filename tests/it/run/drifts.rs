//! What is changed behind the runner's back is found, and nothing else.

use aws_sdk_elasticloadbalancingv2::types::{Action, ActionTypeEnum, PathPatternConditionConfig, RuleCondition};
use aws_sdk_ssm::types::ParameterType;
use runner_core::plan::{Drifted, Finding, NotChecked, drift};

use super::{NOTHING, kills::fresh};
use crate::support::{
    app::{App, EXAMPLE},
    inventory::whole,
};

async fn look(app: &App) -> (Vec<Finding>, Vec<NotChecked>) {
    let env = app.environment("staging");
    app.proxy.pass();
    let (world, observed, stacks) = runner::run::observe(&env, &app.options(&env)).await.unwrap();
    assert!(stacks > 5, "{stacks}");
    assert_eq!(app.proxy.writes(), NOTHING);
    drift(&env, &world, &observed)
}

fn whats(findings: &[Finding]) -> Vec<(&str, Drifted)> {
    findings.iter().map(|finding| (finding.what.as_str(), finding.drifted)).collect()
}

#[tokio::test]
async fn what_others_change_is_found_wherever_it_is() {
    let app = fresh(EXAMPLE).await;
    assert_eq!(app.run("staging").await.troubles(), NOTHING);
    let (clean, not_checked) = look(&app).await;
    assert_eq!(whats(&clean), []);
    // This endpoint has no Application Auto Scaling, and says so.
    assert!(not_checked.iter().all(|it| it.what == "autoscaling"), "{not_checked:?}");
    let word = if not_checked.is_empty() { "clean" } else { "incomplete" };
    let output = app.command(&["drift", "--format", "json"]).output().await.unwrap();
    let told = whole(&output.stdout);
    assert_eq!((output.status.code(), told["verdict"].as_str()), (Some(0), Some(word)), "{told:#}");

    let clients = app.clients().await;
    let (cluster, group) = ("finance-app-staging", "/finance-app/staging/api");
    let groups = clients.logs().describe_log_groups().send().await.unwrap();
    let group = groups
        .log_groups()
        .iter()
        .filter_map(|it| it.log_group_name())
        .find(|name| name.contains("api"))
        .unwrap_or(group);
    clients.logs().put_retention_policy().log_group_name(group).retention_in_days(1).send().await.unwrap();
    clients.ecs().update_service().cluster(cluster).service("web").enable_execute_command(true).send().await.unwrap();
    clients.ssm().delete_parameter().name("/finance-app/staging/NEXTAUTH_SECRET").send().await.unwrap();
    let balancers = clients.elbv2().describe_load_balancers().send().await.unwrap();
    let balancer = balancers.load_balancers()[0].load_balancer_arn().unwrap();
    let listeners = clients.elbv2().describe_listeners().load_balancer_arn(balancer).send().await.unwrap();
    let listener = listeners.listeners().iter().find(|it| it.port() == Some(443)).unwrap().listener_arn().unwrap();
    let rules = clients.elbv2().describe_rules().listener_arn(listener).send().await.unwrap();
    let forward = rules.rules().iter().find(|rule| rule.priority() != Some("default")).unwrap();
    let condition = RuleCondition::builder()
        .field("path-pattern")
        .path_pattern_config(PathPatternConditionConfig::builder().values("/theirs").build())
        .build();
    clients
        .elbv2()
        .create_rule()
        .listener_arn(listener)
        .priority(7)
        .conditions(condition)
        .actions(Action::builder().r#type(ActionTypeEnum::Forward).target_group_arn("arn:theirs").build())
        .send()
        .await
        .unwrap();
    let moved = aws_sdk_elasticloadbalancingv2::types::RulePriorityPair::builder();
    let moved = moved.rule_arn(forward.rule_arn().unwrap()).priority(4242).build();
    clients.elbv2().set_rule_priorities().rule_priorities(moved).send().await.unwrap();

    let (findings, _) = look(&app).await;
    let seen = whats(&findings);
    let has = |words: &str, how: Drifted| seen.iter().any(|(what, drifted)| what.contains(words) && *drifted == how);
    assert!(
        has("LogGroup (AWS::Logs::LogGroup) in stack finance-app-staging-service-api", Drifted::Changed),
        "{seen:?}"
    );
    assert!(has("listener rule for", Drifted::Changed), "{seen:?}");
    assert!(has("(priority 7)", Drifted::Foreign), "{seen:?}");
    assert!(has("parameter /finance-app/staging/NEXTAUTH_SECRET", Drifted::Absent), "{seen:?}");
    let output = app.command(&["drift"]).output().await.unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("staging has drifted") && said.contains("not checked: autoscaling"), "{said}");
}

#[tokio::test]
async fn a_services_settings_and_revision_are_compared_with_its_mark() {
    let app = fresh(EXAMPLE).await;
    assert_eq!(app.run("staging").await.troubles(), NOTHING);
    let clients = app.clients().await;
    let update = || clients.ecs().update_service().cluster("finance-app-staging").service("api");
    update().enable_execute_command(true).send().await.unwrap();
    let (findings, _) = look(&app).await;
    assert_eq!(whats(&findings), [("ECS service api in finance-app-staging", Drifted::Changed)]);
    let change = &findings[0].changes[0];
    assert_eq!((change.property.as_str(), change.after.clone()), ("enableExecuteCommand", Some(true.into())));
    assert!(findings[0].remedy.contains("finance-infra:mark"), "{}", findings[0].remedy);
    update().enable_execute_command(false).send().await.unwrap();
    assert_eq!(whats(&look(&app).await.0), []);

    // Another revision, registered and deployed by another.
    let seen =
        clients.ecs().describe_task_definition().task_definition("finance-app-staging-api").send().await.unwrap();
    let seen = seen.task_definition().unwrap();
    let register = clients.ecs().register_task_definition().family("finance-app-staging-api").cpu("256").memory("512");
    let theirs = register.set_container_definitions(seen.container_definitions.clone()).send().await.unwrap();
    let theirs = theirs.task_definition().unwrap().task_definition_arn().unwrap();
    update().task_definition(theirs).send().await.unwrap();
    let (findings, _) = look(&app).await;
    let seen = whats(&findings);
    assert!(seen.contains(&("ECS service api in finance-app-staging", Drifted::Changed)), "{seen:?}");
    assert!(seen.contains(&("task definition finance-app-staging-api:2", Drifted::Foreign)), "{seen:?}");
}

/// Without the right to look, what was not looked at is named, and the rest is an answer all the same.
#[tokio::test]
async fn what_may_not_be_read_is_named_as_not_checked() {
    let app = fresh(EXAMPLE).await;
    assert_eq!(app.run("staging").await.troubles(), NOTHING);
    app.proxy.set(|call| match call.body.contains("DetectStackDrift&") {
        true => crate::support::proxy::Effect::Answer(
            403,
            serde_json::json!({ "__type": "AccessDenied", "message": "not authorized to perform: cloudformation:DetectStackDrift" }),
        ),
        false => crate::support::proxy::Effect::Pass,
    });
    let env = app.environment("staging");
    let (world, observed, _) = runner::run::observe(&env, &app.options(&env)).await.unwrap();
    let (findings, not_checked) = drift(&env, &world, &observed);
    assert_eq!(whats(&findings), []);
    let stacks = not_checked.iter().filter(|it| it.what.starts_with("stack ")).count();
    assert!(stacks > 5 && not_checked.iter().any(|it| it.why.contains("DetectStackDrift")), "{not_checked:?}");
}

/// A secret that was written beside the runner: its tasks still have the one before.
#[tokio::test]
async fn a_secret_that_another_wrote_is_named_without_its_value() {
    let app = fresh(EXAMPLE).await;
    assert_eq!(app.run("staging").await.troubles(), NOTHING);
    let clients = app.clients().await;
    let name = "/finance-app/staging/JWT_SECRET_KEY";
    // The clock of parameters and revisions is one of seconds.
    tokio::time::sleep(std::time::Duration::from_millis(2100)).await;
    let put = clients.ssm().put_parameter().name(name).value("planted-by-another").r#type(ParameterType::SecureString);
    put.overwrite(true).send().await.unwrap();
    let (findings, _) = look(&app).await;
    assert_eq!(whats(&findings), [("parameter /finance-app/staging/JWT_SECRET_KEY", Drifted::Changed)]);
    assert!(!format!("{findings:?}").contains("planted-by-another"));
}
