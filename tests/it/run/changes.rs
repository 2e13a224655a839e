//! What a change of the file or of a variable touches, and that it touches nothing else.

use std::collections::BTreeSet;

use aws_sdk_ecs::types::ContainerDefinition;
use runner_core::plan::{Action, PassedOver, Plan, Service};
use serde_json::Value as Json;

use super::NOTHING;
use crate::support::app::{App, EXAMPLE, Ran};

const SECRETS: [&str; 5] =
    ["JWT_SECRET_KEY", "DEVISE_JWT_SECRET_KEY", "SUPABASE_URL", "SUPABASE_SERVICE_ROLE_KEY", "NEXTAUTH_SECRET"];

const WORKER: &str =
    "  worker: { build: { context: ./worker }, command: [bundle, exec, sidekiq], cpu: 256, memory: 512 }\n";

/// The example, healthy in staging, with a value for every secret.
async fn healthy() -> App {
    let mut app = App::new(EXAMPLE).await;
    app.variables = SECRETS.map(|name| (name.to_owned(), format!("value of {name}"))).into();
    let ran = app.run("staging").await;
    assert_eq!(ran.troubles(), NOTHING);
    app
}

/// Runs, holds that it went well and that nothing is left to do, and gives the run.
async fn run(app: &App) -> Ran {
    let ran = app.run("staging").await;
    let writes = app.proxy.writes();
    assert_eq!(ran.troubles(), NOTHING, "{writes:?}");
    assert_eq!(ran.outcome.exit_code, 0);
    assert_eq!(ran.outcome.beyond_plan, [], "the plan has all that the change sets list");
    let again = app.plan("staging").await;
    assert!(again.is_empty(), "{:#?}", again.actions().collect::<Vec<_>>());
    ran
}

#[tokio::test]
async fn one_variable_is_one_revision_and_one_service() {
    let mut app = healthy().await;
    app.edit("RAILS_ENV: production", "RAILS_ENV: production, LOG_LEVEL: debug");
    let ran = run(&app).await;
    assert_eq!(
        ran.changed(),
        ["registered finance-app-staging-api:2", "updated ECS service api in finance-app-staging"]
    );
}

#[tokio::test]
async fn one_template_is_one_stack() {
    let mut app = healthy().await;
    app.edit("rate-limit: 2000", "rate-limit: 3000");
    let ran = run(&app).await;
    assert_eq!(ran.changed(), ["updated stack finance-app-staging-edge"]);
}

#[tokio::test]
async fn a_new_secret_reaches_the_services_that_use_it_and_no_other() {
    let mut app = healthy().await;
    app.variables.insert("SUPABASE_URL".into(), "https://new.example".into());
    let ran = run(&app).await;
    assert_eq!(
        ran.changed(),
        [
            "registered finance-app-staging-api:2",
            "updated ECS service api in finance-app-staging",
            "written parameter /finance-app/staging/SUPABASE_URL (version 2)",
        ]
    );
}

#[tokio::test]
async fn settings_alone_start_no_deployment_and_wait_for_none() {
    let mut app = App::new(EXAMPLE).await;
    app.edit("scaling: { min: 1, max: 2, cpu: 60 }", "desired-count: 1");
    app.edit("scaling: { min: 2, max: 6 }", "stop-timeout: 30s");
    assert_eq!(app.run("staging").await.troubles(), NOTHING);
    app.edit("desired-count: 1", "desired-count: 2");
    let counted = run(&app).await;
    assert_eq!(counted.changed(), ["updated ECS service api in finance-app-staging"]);
    assert_eq!(counted.services().first(), Some(&("api".to_owned(), 2, 2)));

    assert!(counted.outcome.services.iter().all(|service| service.healthy_after.is_none()), "it waited");
    app.edit("deploy: { strategy: rolling }", "deploy: { strategy: rolling, maximum-percent: 150 }");
    let configured = run(&app).await;
    assert_eq!(configured.changed(), ["updated ECS service api in finance-app-staging"]);
    assert!(configured.outcome.services.iter().all(|service| service.healthy_after.is_none()), "it waited");
    let service = service(&app, "api").await;
    assert_eq!(service.deployments().len(), 1);
    assert!(service.task_definition().unwrap().ends_with("finance-app-staging-api:1"));
    assert_eq!(service.deployment_configuration().unwrap().maximum_percent(), Some(150));
}

#[tokio::test]
async fn a_service_comes_and_goes() {
    let mut app = healthy().await;
    app.edit("  # A worker has no port", &format!("{WORKER}  #"));
    let ran = run(&app).await;
    assert_eq!(
        without_tags(&ran),
        [
            "created ECS service worker in finance-app-staging",
            "created stack finance-app-staging-service-worker",
            "pushed stand-in image finance-app/worker",
            "registered finance-app-staging-worker:1",
            "updated stack finance-app-registry",
            "updated stack finance-app-staging-identity",
            "updated stack finance-app-staging-monitoring",
        ]
    );
    assert_eq!(ran.services().len(), 3);
    app.edit(WORKER, "");
    let refused = app.run("staging").await;
    assert_eq!((refused.outcome.exit_code, app.proxy.writes()), (1, Vec::new()));
    assert!(refused.troubles()[0].starts_with("removing WorkerRepository"), "{:?}", refused.troubles());
    app.allow_replace = vec!["WorkerRepository".to_owned()];
    let gone = app.run("staging").await;
    assert_eq!(gone.troubles(), NOTHING);
    let updated = ["registry", "staging-identity", "staging-monitoring"];
    assert_eq!(gone.changed(), updated.map(|stack| format!("updated stack finance-app-{stack}")));
    let plan = app.plan("staging").await;
    assert_eq!(plan.orphans, ["service worker", "stack finance-app-staging-service-worker"]);
    assert_eq!(service(&app, "worker").await.running_count(), 1, "what is not in the file is not taken away unasked");
}

/// What a run changed, images without their tag.
fn without_tags(ran: &Ran) -> Vec<String> {
    let all = ran.changed();
    all.iter().map(|changed| changed.split(":in-").next().unwrap_or(changed).to_owned()).collect()
}

#[tokio::test]
async fn a_service_that_was_made_by_hand_is_adopted() {
    let app = healthy().await;
    let clients = app.clients().await;
    let seen = service(&app, "api").await;
    // As somebody else would have made it: without our mark.
    let untag = clients.ecs().untag_resource().resource_arn(seen.service_arn().unwrap());
    let keys = ["finance-infra:app", "finance-infra:environment", "finance-infra:service", Service::MARK];
    untag.set_tag_keys(Some(keys.map(str::to_owned).into())).send().await.unwrap();
    let ran = run(&app).await;
    assert_eq!(ran.changed(), ["adopted ECS service api in finance-app-staging"]);

    // And with other settings than the file's.
    let untag = clients.ecs().untag_resource().resource_arn(seen.service_arn().unwrap());
    untag.tag_keys(Service::MARK).send().await.unwrap();
    let update = clients.ecs().update_service().cluster("finance-app-staging").service("api");
    update.enable_execute_command(true).send().await.unwrap();
    let ran = run(&app).await;
    assert_eq!(ran.changed(), ["updated ECS service api in finance-app-staging"]);
    let all = clients.ecs().list_services().cluster("finance-app-staging").send().await.unwrap();
    assert_eq!(all.service_arns().len(), 2);
    assert!(!service(&app, "api").await.enable_execute_command());
}

#[tokio::test]
async fn a_service_that_was_there_before_is_marked_and_not_doubled() {
    let mut app = App::new(EXAMPLE).await;
    app.variables = SECRETS.map(|name| (name.to_owned(), format!("value of {name}"))).into();
    let clients = app.clients().await;
    let ecs = clients.ecs();
    ecs.create_cluster().cluster_name("finance-app-staging").send().await.unwrap();
    let container = ContainerDefinition::builder().name("api").image("example/api:1").memory(512).build();
    let family = "somebody-elses-api";
    ecs.register_task_definition().family(family).container_definitions(container).send().await.unwrap();
    let create = ecs.create_service().cluster("finance-app-staging").service_name("api").task_definition(family);
    create.desired_count(1).send().await.unwrap();
    let ran = run(&app).await;
    let of_service: Vec<String> =
        ran.changed().into_iter().filter(|changed| changed.contains("ECS service api")).collect();
    assert_eq!(of_service, ["updated ECS service api in finance-app-staging"]);
    let all = ecs.list_services().cluster("finance-app-staging").send().await.unwrap();
    assert_eq!(all.service_arns().len(), 2);
    assert!(service(&app, "api").await.task_definition().unwrap().ends_with("finance-app-staging-api:1"));
}

async fn service(app: &App, name: &str) -> aws_sdk_ecs::types::Service {
    let clients = app.clients().await;
    let answer = clients.ecs().describe_services().cluster("finance-app-staging").services(name).send().await.unwrap();
    answer.services()[0].clone()
}

#[tokio::test]
async fn a_change_of_every_services_stack_is_read_off_a_few_of_them() {
    let mut file = "app: shop\nregion: us-east-1\nenvironments: { staging: { domain: shop.example } }\nmonitoring: { log-retention: 30d }\nservices:\n".to_owned();
    for index in 0..16 {
        let port = if index % 2 == 0 { format!("port: 80, host: \"s{index}.${{domain}}\"") } else { "cpu: 256".into() };
        file.push_str(&format!("  s{index}: {{ build: {{ context: ./app }}, {port} }}\n"));
    }
    let mut app = App::new(&file).await;
    assert_eq!(app.run("staging").await.troubles(), NOTHING);
    app.edit("log-retention: 30d", "log-retention: 90d");
    // One changes otherwise too: nobody can tell that of it.
    app.edit(
        "s7: { build: { context: ./app }, cpu: 256",
        "s7: { build: { context: ./app }, cpu: 256, execute-command: true",
    );
    let plan = app.plan("staging").await;
    let read = app.proxy.count("GetTemplate");
    assert!(read <= 8, "{read} templates were read");
    let retention = plan.changes().filter(|(_, change)| change.property == "RetentionInDays").map(|(_, change)| {
        let value = |value: &Option<Json>| value.as_ref().and_then(Json::as_u64);
        (change.scope.clone(), value(&change.before), value(&change.after))
    });
    let scopes = (0..16).map(|index| format!("service-s{index}")).chain(["network".to_owned()]);
    let expected = scopes.map(|scope| (scope, Some(30), Some(90)));
    assert_eq!(retention.collect::<BTreeSet<_>>(), expected.collect());
    let ran = run(&app).await;
    assert_eq!(ran.changed().iter().filter(|changed| changed.starts_with("updated stack")).count(), 16 + 1);
}

/// A file of so many workers, each with what is its own.
fn workers(count: usize, own: impl Fn(usize) -> String) -> String {
    let mut file =
        "app: shop\nregion: us-east-1\nenvironments: { staging: { domain: shop.example } }\nservices:\n".to_owned();
    for index in 0..count {
        file.push_str(&format!("  s{index}: {{ build: {{ context: ./app }}, command: [work], {} }}\n", own(index)));
    }
    file
}

/// What a plan says of each new revision: properties that differ, and what it was made from where it was not read.
fn revisions(plan: &Plan) -> Vec<(String, Vec<String>, Option<PassedOver>)> {
    let registered = plan.actions().filter_map(|(_, action)| match action {
        Action::RegisterTaskDefinition(register) => {
            let properties = register.changes.iter().map(|change| change.property.clone()).collect();
            Some((register.service.clone(), properties, register.passed_over))
        }
        _ => None,
    });
    registered.collect()
}

#[tokio::test]
async fn definitions_of_very_many_services_are_read_off_a_few_of_them() {
    const MANY: usize = 26;
    let own = |tier: &str, index| format!("environment: {{ TIER: {tier}, NAME: s{index} }}, secrets: {{ TOKEN: ssm }}");
    let with = |tier: &str| workers(MANY, |index| own(tier, index));
    let mut app = App::new(&with("one")).await;
    app.variables = [("TOKEN".to_owned(), "one".to_owned())].into();
    assert!(revisions(&app.plan("staging").await).iter().all(|(.., passed_over)| passed_over.is_none()));
    assert_eq!(app.proxy.count("ListTaskDefinitionFamilies"), 1, "all that are not there at once");
    assert_eq!(app.proxy.count("DescribeTaskDefinition"), 0);
    assert_eq!(app.run("staging").await.troubles(), NOTHING);

    // One changes otherwise too: nobody can tell that of it.
    app.file = with("two").replace("NAME: s13", "NAME: other");
    let found = revisions(&app.plan("staging").await);
    assert!(app.proxy.count("DescribeTaskDefinition") <= 4 + 8, "{}", app.proxy.count("DescribeTaskDefinition"));
    assert_eq!(found.len(), MANY);
    let own = |name: &str| format!("containerDefinitions.{name}.environment");
    for (name, mut properties, passed_over) in found {
        let own = own(&name);
        let mut expected = vec![format!("{own}.TIER.value")];
        if name == "s13" {
            expected.push(format!("{own}.NAME.value"));
        }
        properties.sort();
        expected.sort();
        assert_eq!(properties, expected, "{name}");
        assert!(matches!(passed_over, None | Some(PassedOver::Told)), "{name}: {passed_over:?}");
    }
    let ran = run(&app).await;
    let registered = ran.changed().iter().filter(|changed| changed.starts_with("registered")).count();
    assert_eq!(registered, MANY);

    // Another version of the secret that all take is told by what the services carry.
    let clients = app.clients().await;
    let put = clients.ssm().put_parameter().name("/shop/staging/TOKEN").value("another").overwrite(true);
    put.send().await.unwrap();
    let plan = app.plan("staging").await;
    let versions = revisions(&plan).iter().filter(|it| it.2 == Some(PassedOver::Versions)).count();
    assert_eq!((app.proxy.count("DescribeTaskDefinition"), versions), (0, MANY));
}

#[tokio::test]
async fn of_very_many_definitions_that_differ_each_in_its_way_a_plan_reads_some_and_says_so_of_the_others() {
    const MANY: usize = 26;
    let with = |tier: &str| workers(MANY, |index| format!("environment: {{ TIER: \"{tier}{index}\" }}"));
    let mut app = App::new(&with("a")).await;
    assert_eq!(app.run("staging").await.troubles(), NOTHING);
    let own = |index| format!("cpu: 512, memory: 1024, environment: {{ TIER: \"{}\" }}", index * index + 7);
    app.file = workers(MANY, own);
    let plan = app.plan("staging").await;
    assert_eq!(app.proxy.count("DescribeTaskDefinition"), 20);
    let found = revisions(&plan);
    let unknown: Vec<_> = found.iter().filter(|it| it.2 == Some(PassedOver::Unknown)).collect();
    assert_eq!((found.len(), unknown.len()), (MANY, MANY - 20));
    assert!(
        unknown.iter().all(|(_, properties, _)| *properties == ["cpu", "memory"]),
        "their size is known all the same"
    );
    // The run reads each, and is held to what the plan named.
    let ran = run(&app).await;
    let registered = ran.changed().iter().filter(|changed| changed.starts_with("registered")).count();
    assert_eq!(registered, MANY);
}
