//! What was made by hand is taken into stacks as it is, and the next run goes on with it.

use aws_sdk_cloudformation::types::ResourceStatus;

use crate::support::{app::App, inventory::whole};

const FILE: &str = "
app: shop
region: us-east-1
environments: { staging: {} }
services:
  worker: { build: { context: ./app }, cpu: 256, memory: 512 }
";
const GROUP: &str = "/ecs/shop-staging-worker";
const STAGE: &str = "bootstrap-services";

/// The app with all but its services' stacks, and a log group that somebody made, with a line kept in it.
async fn with_a_group() -> App {
    let app = App::new(FILE).await;
    for stage in ["bootstrap-registry", "bootstrap-network", "bootstrap-cluster"] {
        let output = app.command(&["stage", stage]).output().await.unwrap();
        assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    }
    let clients = app.clients().await;
    clients.logs().create_log_group().log_group_name(GROUP).send().await.unwrap();
    clients.logs().create_log_stream().log_group_name(GROUP).log_stream_name("before").send().await.unwrap();
    app
}

async fn adopt(app: &App, more: &[&str]) -> (Option<i32>, String, String) {
    let arguments: Vec<&str> = ["adopt", STAGE].iter().chain(more).copied().collect();
    let output = app.command(&arguments).output().await.unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (output.status.code(), text(output.stdout), text(output.stderr))
}

async fn keeps_its_past(app: &App) {
    let clients = app.clients().await;
    let streams = clients.logs().describe_log_streams().log_group_name(GROUP).send().await.unwrap();
    assert_eq!(streams.log_streams().first().and_then(|stream| stream.log_stream_name()), Some("before"));
}

#[tokio::test]
async fn what_exists_is_adopted_and_the_next_run_is_healthy_without_replacing_it() {
    let app = with_a_group().await;
    let (code, out, err) = adopt(&app, &["--yes", "--format", "json"]).await;
    let told = whole(out.as_bytes());
    assert_eq!((code, told["exit_code"].as_i64()), (Some(0), Some(0)), "{out}{err}");
    assert!(err.contains("would adopt 1 resource") && err.contains(GROUP), "{err}");
    let clients = app.clients().await;
    let cloudformation = clients.cloudformation();
    let held =
        cloudformation.describe_stack_resources().stack_name("shop-staging-service-worker").send().await.unwrap();
    let group = held.stack_resources().iter().find(|it| it.physical_resource_id() == Some(GROUP)).unwrap();
    assert!(matches!(
        group.resource_status(),
        Some(ResourceStatus::ImportComplete | ResourceStatus::CreateComplete | ResourceStatus::UpdateComplete)
    ));
    keeps_its_past(&app).await;

    // Adopted already: nothing is left to adopt, whenever it was stopped.
    let (code, out, err) = adopt(&app, &["--yes", "--format", "json"]).await;
    assert_eq!((code, whole(out.as_bytes())["verdict"].as_str()), (Some(0), Some("nothing")), "{out}{err}");

    let ran = app.run("staging").await;
    assert_eq!((ran.troubles().len(), ran.outcome.exit_code), (0, 0), "{:?}", ran.troubles());
    keeps_its_past(&app).await;
    assert!(app.plan("staging").await.is_empty());
    let output = app.command(&["drift", "--format", "json"]).output().await.unwrap();
    let told = whole(&output.stdout);
    // Its retention is not yet the template's, which is for a person to see; nothing else differs.
    for finding in told["findings"].as_array().unwrap() {
        assert!(finding.to_string().contains(GROUP) || finding.to_string().contains("LogGroup"), "{told:#}");
    }
}

#[tokio::test]
async fn without_a_terminal_the_flag_is_named_and_nothing_is_asked_of_aws() {
    let app = with_a_group().await;
    app.proxy.pass();
    let (code, _, err) = adopt(&app, &[]).await;
    assert_eq!((code, app.proxy.writes()), (Some(2), Vec::<String>::new()), "{err}");
    assert!(err.contains("--yes"), "{err}");
}

#[tokio::test]
async fn a_person_sees_what_is_adopted_and_may_say_no() {
    let app = with_a_group().await;
    app.proxy.pass();
    let (code, said) = app.at_a_terminal(&["adopt", STAGE], "no").await;
    assert_eq!(code, Some(2), "{said}");
    assert!(said.contains(GROUP) && said.contains("AWS::Logs::LogGroup"), "{said}");
    let executed = app.proxy.writes().into_iter().filter(|call| call.contains("ExecuteChangeSet")).count();
    assert_eq!(executed, 0);
    // What was looked at under review is taken up again.
    let (code, said) = app.at_a_terminal(&["adopt", STAGE], STAGE).await;
    assert_eq!(code, Some(0), "{said}");
    keeps_its_past(&app).await;
}

#[tokio::test]
async fn what_another_stack_has_is_refused_and_named() {
    let app = with_a_group().await;
    let clients = app.clients().await;
    let body = format!(
        r#"{{"Resources":{{"Theirs":{{"Type":"AWS::Logs::LogGroup","Properties":{{"LogGroupName":"{GROUP}-2"}}}}}}}}"#
    );
    clients.cloudformation().create_stack().stack_name("theirs").template_body(body).send().await.unwrap();
    let mut app = app;
    app.edit("worker:", "worker-2:");
    // The stack is made in the background.
    while clients.cloudformation().describe_stacks().stack_name("theirs").send().await.unwrap().stacks()[0]
        .stack_status()
        .is_some_and(|status| status.as_str().ends_with("IN_PROGRESS"))
    {
        tokio::task::yield_now().await;
    }
    let (code, _, err) = adopt(&app, &["--yes"]).await;
    assert_eq!(code, Some(1), "{err}");
    assert!(err.contains("let theirs go of it") && err.contains("nothing was done"), "{err}");
}
