//! What was made by hand is taken into stacks as it is, and the next run goes on with it.

use aws_sdk_cloudformation::types::{ResourceStatus, StackStatus};
use runner::run::Options;
use serde_json::{Value as Json, json};

use super::{
    NOTHING,
    roles::{JOB, PULL_REQUEST, session, with_identity},
};
use crate::support::{
    app::{App, run},
    inventory::whole,
    proxy::{Call, Effect},
};

const FILE: &str = "
app: shop
region: us-east-1
environments: { staging: {} }
services:
  worker: { build: { context: ./app }, cpu: 256, memory: 512 }
";
const GROUP: &str = "/ecs/shop-staging-worker";
const STAGE: &str = "bootstrap-services";
const STACK: &str = "shop-staging-service-worker";

/// The app with all but its services' stacks, and a log group that somebody made, with a line kept in it.
async fn with_a_group() -> App {
    let app = App::new(FILE).await;
    before_services(&app).await;
    app
}

async fn before_services(app: &App) {
    for stage in ["bootstrap-registry", "bootstrap-network", "bootstrap-cluster"] {
        let output = app.command(&["stage", stage]).output().await.unwrap();
        assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    }
    make_group(app).await;
}

async fn make_group(app: &App) {
    let clients = app.clients().await;
    clients.logs().create_log_group().log_group_name(GROUP).send().await.unwrap();
    clients.logs().create_log_stream().log_group_name(GROUP).log_stream_name("before").send().await.unwrap();
}

async fn adopt_into(app: &App, stage: &str, more: &[&str]) -> (Option<i32>, Json, String) {
    let arguments: Vec<&str> = ["adopt", stage, "--format", "json"].iter().chain(more).copied().collect();
    let output = app.command(&arguments).output().await.unwrap();
    let told = whole(&output.stdout);
    let err = String::from_utf8(output.stderr).unwrap();
    assert_eq!(told["exit_code"].as_i64().map(|code| code as i32), output.status.code(), "{told:#}{err}");
    (output.status.code(), told, err)
}

async fn adopt(app: &App, more: &[&str]) -> (Option<i32>, Json, String) {
    adopt_into(app, STAGE, more).await
}

async fn keeps_its_past(app: &App) {
    let clients = app.clients().await;
    let streams = clients.logs().describe_log_streams().log_group_name(GROUP).send().await.unwrap();
    assert_eq!(streams.log_streams().first().and_then(|stream| stream.log_stream_name()), Some("before"));
}

/// A stack's status and what it holds, by logical id; none where it is not there.
async fn held(app: &App, stack: &str) -> Option<(StackStatus, Vec<(String, String)>)> {
    let clients = app.clients().await;
    let stacks = clients.cloudformation().describe_stacks().stack_name(stack).send().await.ok()?;
    let status = stacks.stacks()[0].stack_status().cloned()?;
    let held = clients.cloudformation().describe_stack_resources().stack_name(stack).send().await.unwrap();
    let mut held: Vec<(String, String)> = held
        .stack_resources()
        .iter()
        .map(|it| (it.logical_resource_id().unwrap().to_owned(), it.physical_resource_id().unwrap().to_owned()))
        .collect();
    held.sort();
    Some((status, held))
}

fn field(call: &Call, name: &str) -> Option<String> {
    crate::support::field(&call.body, name)
}

fn is_import(call: &Call) -> bool {
    call.action == "CreateChangeSet" && field(call, "ChangeSetType").as_deref() == Some("IMPORT")
}

#[tokio::test]
async fn what_exists_is_adopted_and_the_next_run_is_healthy_without_replacing_it() {
    let app = with_a_group().await;
    app.proxy.pass();
    let (code, told, err) = adopt(&app, &["--yes"]).await;
    assert_eq!(code, Some(0), "{told:#}{err}");
    assert!(err.contains("would adopt 1 resource") && err.contains(GROUP) && err.contains("its name"), "{err}");
    // What nobody reads is said not to be compared.
    assert!(err.contains("not compared: LogGroup (RetentionInDays)"), "{err}");
    // Nothing but the import was executed.
    let imports: Vec<Call> = app.proxy.calls().into_iter().filter(is_import).collect();
    assert_eq!(imports.len(), 2, "looked at, then done");
    for import in &imports {
        assert_eq!(
            field(import, "ResourcesToImport.member.1.ResourceIdentifier.entry.1.key").as_deref(),
            Some("LogGroupName")
        );
        assert_eq!(
            field(import, "ResourcesToImport.member.1.ResourceIdentifier.entry.1.value").as_deref(),
            Some(GROUP)
        );
        assert_eq!(field(import, "ResourcesToImport.member.2.LogicalResourceId"), None);
        let template: Json = serde_json::from_str(&field(import, "TemplateBody").unwrap()).unwrap();
        assert_eq!((&template["Outputs"], template["Resources"].as_object().unwrap().len()), (&Json::Null, 1));
        assert_eq!(template["Resources"]["LogGroup"]["DeletionPolicy"], "Retain");
        assert_eq!(field(import, "Tags.member.1.Key"), None);
    }
    let executed = app.proxy.writes().into_iter().filter(|call| call == "ExecuteChangeSet").count();
    assert_eq!(executed, 1);
    assert_eq!(
        held(&app, STACK).await,
        Some((StackStatus::ImportComplete, vec![("LogGroup".to_owned(), GROUP.to_owned())]))
    );
    keeps_its_past(&app).await;

    // Adopted already: nothing is left to adopt, whenever it was stopped.
    let (code, told, err) = adopt(&app, &["--yes"]).await;
    assert_eq!((code, told["verdict"].as_str()), (Some(0), Some("nothing")), "{told:#}{err}");
    // Nor does the same command that names it adopt it twice.
    let (code, told, err) = adopt(&app, &["--yes", "--resource", &format!("LogGroup={GROUP}")]).await;
    assert_eq!((code, told["verdict"].as_str()), (Some(0), Some("nothing")), "{told:#}{err}");

    // The local AWS looks for no drift in a stack that has just imported: that is said, and is no failure.
    let output = app.command(&["drift", "--format", "json"]).output().await.unwrap();
    let told = whole(&output.stdout);
    let unseen = told["not_checked"].as_array().unwrap();
    assert!(unseen.iter().any(|it| it["what"] == "stack shop-staging-service-worker"), "{told:#}");

    let ran = app.run("staging").await;
    assert_eq!((ran.troubles().len(), ran.outcome.exit_code), (0, 0), "{:?}", ran.troubles());
    keeps_its_past(&app).await;
    assert!(app.plan("staging").await.is_empty());
    let clients = app.clients().await;
    let group = clients.cloudformation().describe_stack_resources().stack_name(STACK).send().await.unwrap();
    let group = group.stack_resources().iter().find(|it| it.physical_resource_id() == Some(GROUP)).unwrap().clone();
    assert!(matches!(group.resource_status(), Some(ResourceStatus::UpdateComplete | ResourceStatus::ImportComplete)));
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
    // What was looked at leaves no stack behind.
    assert_eq!(held(&app, STACK).await, None);
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
    while held(&app, "theirs").await.is_some_and(|(status, _)| status.as_str().ends_with("IN_PROGRESS")) {
        tokio::task::yield_now().await;
    }
    for more in [&["--yes"][..], &["--yes", "--resource", &format!("LogGroup={GROUP}-2")]] {
        let (code, _, err) = adopt(&app, more).await;
        assert_eq!(code, Some(1), "{err}");
        assert!(err.contains("let theirs go of it") && err.contains("nothing was done"), "{err}");
        assert_eq!(held(&app, &format!("{STACK}-2")).await, None);
    }
}

#[tokio::test]
async fn a_flag_that_fits_nothing_is_named_with_what_was_meant() {
    let mut app = App::new(FILE).await;
    app.edit("services:", "services:\n  other: { build: { context: ./app } }");
    app.proxy.pass();
    for (flags, words) in [
        (&["--resource", "worker"][..], "give ID=IDENTIFIER"),
        (&["--resource", "LogGroup="], "give ID=IDENTIFIER"),
        (&["--resource", "service-worker/LogGrup=x"], "did you mean service-worker/LogGroup?"),
        (&["--resource", "TaskRol=x"], "did you mean TaskRole?"),
        (&["--resource", "LogGroup=x"], "name the stack too: --resource service-other/LogGroup=x"),
        (&["--resource", "service-worker/LogGroup=x", "--resource", "service-worker/LogGroup=-"], "say it once"),
    ] {
        let (code, _, err) = adopt(&app, &[&["--yes"], flags].concat()).await;
        assert_eq!(code, Some(2), "{err}");
        assert!(err.contains(words), "{flags:?}: {err}");
    }
    assert_eq!(app.proxy.calls().len(), 0);
    let (code, _, err) = adopt_into(&app, "bootstrap-nettwork", &["--yes"]).await;
    assert_eq!(code, Some(2), "{err}");
    assert!(err.contains("did you mean bootstrap-network?"), "{err}");
}

#[tokio::test]
async fn what_is_named_and_is_not_there_is_told_in_cloudformations_words() {
    let app = App::new(FILE).await;
    for stage in ["bootstrap-registry", "bootstrap-network", "bootstrap-cluster"] {
        assert!(app.command(&["stage", stage]).status().await.unwrap().success());
    }
    let (code, told, err) = adopt(&app, &["--yes", "--resource", &format!("LogGroup={GROUP}")]).await;
    assert_eq!(code, Some(1), "{err}");
    assert!(told["error"]["message"].as_str().unwrap().contains("was not found"), "{told:#}{err}");
    assert!(told["error"]["hint"].as_str().unwrap().contains("--resource"), "{told:#}");
    assert_eq!(held(&app, STACK).await, None);
    // Another name than the template's would be a new group at the next run.
    let (code, told, err) = adopt(&app, &["--yes", "--resource", "LogGroup=/ecs/old"]).await;
    assert_eq!((code, told["verdict"].as_str()), (Some(1), Some("refused")), "{err}");
    assert!(err.is_empty() || err.contains("AWS can only make a new one"), "{err}");
    assert!(
        told["refusals"][0]["remedy"].as_str().unwrap().contains("--resource service-worker/LogGroup=-"),
        "{told:#}"
    );
}

/// A template of the file's own, with what it holds by logical id.
async fn with_own_stack(app: &App, resources: Json) {
    let template = json!({ "Resources": resources }).to_string();
    std::fs::write(app.root.join("own.json"), template).unwrap();
}

const OWN: &str = "
app: shop
region: us-east-1
environments: { staging: {} }
extra-stacks: { own: { template: own.json } }
services:
  worker: { build: { context: ./app }, cpu: 256, memory: 512 }
";

#[tokio::test]
async fn a_bucket_a_parameter_and_a_role_come_into_a_stack_that_stands_and_nothing_else_in_it_changes() {
    // The file names a template, which is read from below its root.
    let mut app = App::new(FILE).await;
    app.file = OWN.to_owned();
    let parameter = |name: &str, value: &str| {
        json!({
        "Type": "AWS::SSM::Parameter", "Properties": { "Name": name, "Type": "String", "Value": value } })
    };
    with_own_stack(&app, json!({ "First": parameter("/own/first", "one") })).await;
    let output = app.command(&["stage", "extra-stacks"]).output().await.unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    let clients = app.clients().await;
    let ssm = clients.ssm();
    // Behind the stack's back: what drifted stays as it is too.
    ssm.put_parameter().name("/own/first").value("drifted").overwrite(true).send().await.unwrap();
    let trust = json!({ "Version": "2012-10-17", "Statement": [
        { "Effect": "Allow", "Action": "sts:AssumeRole", "Principal": { "Service": "ecs-tasks.amazonaws.com" } }] });
    let bucket = json!({ "Type": "AWS::S3::Bucket", "Properties": { "BucketName": "own-bucket" } });
    let role = json!({ "Type": "AWS::IAM::Role", "Properties": { "RoleName": "own-role", "AssumeRolePolicyDocument": trust } });
    let_go(&app, json!({ "A": parameter("/own/second", "mine"), "B": bucket, "C": role })).await;
    with_own_stack(
        &app,
        json!({
            "First": parameter("/own/first", "one"),
            "Second": parameter("/own/second", "theirs"),
            "Bucket": bucket,
            "Role": role,
            "New": parameter("/own/new", "new"),
        }),
    )
    .await;
    let (code, told, err) = adopt_into(&app, "extra-stacks", &["--yes"]).await;
    assert_eq!(code, Some(0), "{told:#}{err}");
    assert!(err.contains("would adopt 3 resources"), "{err}");
    let (status, all) = held(&app, "shop-staging-own").await.unwrap();
    let ids: Vec<&str> = all.iter().map(|(id, _)| id.as_str()).collect();
    assert_eq!((status, ids), (StackStatus::ImportComplete, vec!["Bucket", "First", "Role", "Second"]));
    let value = async |name: &str| ssm.get_parameter().name(name).send().await.ok()?.parameter?.value;
    assert_eq!(value("/own/first").await.as_deref(), Some("drifted"));
    assert_eq!(value("/own/second").await.as_deref(), Some("mine"));
    assert_eq!(value("/own/new").await, None);
    // The next run makes the rest and stores what the stack is made of.
    let output = app.command(&["stage", "extra-stacks"]).output().await.unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(value("/own/new").await.as_deref(), Some("new"));
    let output = app.command(&["stage", "extra-stacks", "--format", "json"]).output().await.unwrap();
    assert_eq!(whole(&output.stdout)["verdict"], "unchanged");
}

/// What a stack made, and let go of when it went.
async fn let_go(app: &App, mut resources: Json) {
    for (_, resource) in resources.as_object_mut().unwrap() {
        resource["DeletionPolicy"] = json!("Retain");
    }
    let clients = app.clients().await;
    let cloudformation = clients.cloudformation();
    let body = json!({ "Resources": resources }).to_string();
    let made = cloudformation.create_stack().stack_name("before").template_body(body);
    made.capabilities(aws_sdk_cloudformation::types::Capability::CapabilityNamedIam).send().await.unwrap();
    while held(app, "before").await.unwrap().0 != StackStatus::CreateComplete {
        tokio::task::yield_now().await;
    }
    cloudformation.delete_stack().stack_name("before").send().await.unwrap();
    while held(app, "before").await.is_some() {
        tokio::task::yield_now().await;
    }
}

/// What exists of a network, as Cloud Control shows it.
async fn network(app: &App, vpcs: &[(&str, &str)]) {
    let clients = app.clients().await;
    let mut all: Vec<(&str, Json)> = Vec::new();
    for (id, name) in vpcs {
        all.push((
            "AWS::EC2::VPC",
            json!({
            "Id": id, "VpcId": id, "CidrBlock": "10.0.0.0/16", "EnableDnsSupport": true, "EnableDnsHostnames": false,
            "Tags": [{ "Key": "Name", "Value": name }] }),
        ));
    }
    for (number, cidr) in [(1, "10.0.1.0/24"), (2, "10.0.2.0/24"), (3, "10.7.0.0/24")] {
        let id = format!("subnet-{number}");
        let public = number != 3;
        all.push((
            "AWS::EC2::Subnet",
            json!({
            "Id": id, "SubnetId": id, "VpcId": vpcs[0].0, "CidrBlock": cidr, "MapPublicIpOnLaunch": public }),
        ));
    }
    for (kind, properties) in all {
        let made = clients.cloudcontrol().create_resource().type_name(kind).desired_state(properties.to_string());
        made.send().await.unwrap();
    }
}

/// The emulator imports no network. It takes and checks the change set; that it can be executed, and what comes of it,
/// is answered in its place, as AWS does.
fn as_aws_imports(app: &App) {
    let mut executed = false;
    app.proxy.set(move |call| match call.action.as_str() {
        "DescribeChangeSet" => Effect::Rewrite(Box::new(|text| text.replace("UNAVAILABLE", "AVAILABLE"))),
        "ExecuteChangeSet" => {
            executed = true;
            Effect::Say(String::new())
        }
        "DescribeStackEvents" if executed => Effect::Rewrite(Box::new(|text| {
            let id = text.split("<StackId>").nth(1).unwrap().split("</StackId>").next().unwrap();
            let event = |number: u32, of: &str, kind: &str, physical: &str, status: &str| format!(
                "<member><StackId>{id}</StackId><EventId>new-{number}</EventId><LogicalResourceId>{of}</LogicalResourceId>\
                 <PhysicalResourceId>{physical}</PhysicalResourceId><ResourceType>{kind}</ResourceType>\
                 <ResourceStatus>{status}</ResourceStatus><Timestamp>2026-01-01T00:00:00Z</Timestamp></member>"
            );
            let stack = "AWS::CloudFormation::Stack";
            let new = [
                event(5, "shop-staging-network", stack, id, "IMPORT_COMPLETE"),
                event(4, "Vpc", "AWS::EC2::VPC", "vpc-1", "UPDATE_COMPLETE"),
                event(3, "Vpc", "AWS::EC2::VPC", "vpc-1", "UPDATE_IN_PROGRESS"),
                event(2, "Vpc", "AWS::EC2::VPC", "vpc-1", "IMPORT_COMPLETE"),
                event(1, "shop-staging-network", stack, id, "IMPORT_IN_PROGRESS"),
            ];
            text.replacen("<StackEvents>", &format!("<StackEvents>{}", new.concat()), 1)
        })),
        "DescribeStacks" if executed => {
            Effect::Rewrite(Box::new(|text| text.replace("REVIEW_IN_PROGRESS", "IMPORT_COMPLETE")))
        }
        _ => Effect::Pass,
    });
}

const NETWORK: &str = "bootstrap-network";

#[tokio::test]
async fn a_network_is_found_and_its_differences_are_shown_before_it_is_imported_by_its_identifiers() {
    let app = App::new(FILE).await;
    network(&app, &[("vpc-1", "shop-staging-vpc"), ("vpc-2", "lab")]).await;
    as_aws_imports(&app);
    let (code, said) = app.at_a_terminal(&["adopt", NETWORK], "no").await;
    assert_eq!(code, Some(2), "{said}");
    for words in ["vpc-1", "its name and CidrBlock", "VpcId and CidrBlock", "EnableDnsHostnames false → true"] {
        assert!(said.contains(words), "{words}: {said}");
    }
    assert!(!said.contains("vpc-2") && !said.contains("subnet-3"), "{said}");
    assert_eq!(held(&app, "shop-staging-network").await, None);

    as_aws_imports(&app);
    let (code, told, err) = adopt_into(&app, NETWORK, &["--yes"]).await;
    assert_eq!(code, Some(0), "{told:#}{err}");
    let calls = app.proxy.calls();
    let import = calls.iter().rfind(|call| is_import(call)).unwrap();
    let mut asked = Vec::new();
    for number in 1..10 {
        let part = |name: &str| field(import, &format!("ResourcesToImport.member.{number}.{name}"));
        let identifier = |part_of: &str| part(&format!("ResourceIdentifier.entry.1.{part_of}"));
        let Some(id) = part("LogicalResourceId") else { break };
        asked.push((id, part("ResourceType").unwrap(), identifier("key").unwrap(), identifier("value").unwrap()));
    }
    let of = |id: &str, kind: &str, key: &str, value: &str| {
        (id.to_owned(), kind.to_owned(), key.to_owned(), value.to_owned())
    };
    assert_eq!(
        asked,
        [
            of("PublicSubnet1", "AWS::EC2::Subnet", "SubnetId", "subnet-1"),
            of("PublicSubnet2", "AWS::EC2::Subnet", "SubnetId", "subnet-2"),
            of("Vpc", "AWS::EC2::VPC", "VpcId", "vpc-1"),
        ]
    );
    let template: Json = serde_json::from_str(&field(import, "TemplateBody").unwrap()).unwrap();
    assert_eq!(template["Resources"]["Vpc"]["Properties"]["EnableDnsHostnames"], false);
    assert_eq!(template["Resources"]["PublicSubnet1"]["Properties"]["VpcId"], json!({ "Ref": "Vpc" }));
    assert!(template.get("Outputs").is_none());
    // CloudFormation's role reads, where there is one; here nobody made it.
    assert!(calls.iter().any(|call| call.action == "GetTemplateSummary"));
}

#[tokio::test]
async fn what_two_could_be_is_refused_until_it_is_said_and_what_would_be_replaced_is_refused() {
    let app = App::new(FILE).await;
    network(&app, &[("vpc-1", "shop-staging"), ("vpc-2", "shop-staging")]).await;
    as_aws_imports(&app);
    let (code, told, err) = adopt_into(&app, NETWORK, &["--yes"]).await;
    assert_eq!((code, told["verdict"].as_str()), (Some(1), Some("ambiguous")), "{told:#}{err}");
    assert_eq!(told["ambiguous"][0]["candidates"], json!(["vpc-1 (shop-staging)", "vpc-2 (shop-staging)"]));
    assert_eq!(told["ambiguous"][0]["flag"], "--resource Vpc=VPCID");
    assert!(!app.proxy.writes().contains(&"ExecuteChangeSet".to_owned()));

    let (code, told, _) = adopt_into(&app, NETWORK, &["--yes", "--resource", "Vpc=-"]).await;
    assert_eq!((code, told["verdict"].as_str()), (Some(0), Some("nothing")), "{told:#}");

    let taken = ["--yes", "--resource", "Vpc=vpc-1", "--resource", "PublicSubnet1=subnet-3"];
    let (code, told, _) = adopt_into(&app, NETWORK, &taken).await;
    assert_eq!((code, told["verdict"].as_str()), (Some(1), Some("refused")), "{told:#}");
    assert!(told["refusals"][0]["why"].as_str().unwrap().contains("CidrBlock is \"10.7.0.0/24\""), "{told:#}");
    assert!(!app.proxy.writes().contains(&"ExecuteChangeSet".to_owned()));

    let (code, _, err) = adopt_into(&app, NETWORK, &["--yes", "--resource", "PublicRoute=rtb-1"]).await;
    assert_eq!(code, Some(2), "{err}");
    assert!(err.contains("--resource PublicRoute=ROUTETABLEID|CIDRBLOCK"), "{err}");

    let taken = ["--yes", "--resource", "Vpc=vpc-2"];
    let (code, told, err) = adopt_into(&app, NETWORK, &taken).await;
    assert_eq!(code, Some(0), "{told:#}{err}");
}

/// The properties that identify a type are CloudFormation's to tell.
#[tokio::test]
async fn what_cloudformation_does_not_import_is_made() {
    let app = App::new(FILE).await;
    network(&app, &[("vpc-1", "shop-staging")]).await;
    app.proxy.set(|call| match call.action.as_str() {
        "GetTemplateSummary" => Effect::Rewrite(Box::new(|text| {
            let summary = "<ResourceIdentifierSummaries><member><ResourceType>AWS::EC2::Subnet</ResourceType>\
                <LogicalResourceIds><member>PublicSubnet1</member></LogicalResourceIds>\
                <ResourceIdentifiers><member>SubnetId</member></ResourceIdentifiers></member></ResourceIdentifierSummaries>";
            text.replace("</GetTemplateSummaryResult>", &format!("{summary}</GetTemplateSummaryResult>"))
        })),
        _ => Effect::Pass,
    });
    let (code, told, err) = adopt_into(&app, NETWORK, &["--yes"]).await;
    assert_eq!((code, told["verdict"].as_str()), (Some(0), Some("nothing")), "{told:#}{err}");
    let vpc = told["creates"].as_array().unwrap().iter().find(|it| it["id"] == "Vpc").unwrap();
    assert_eq!((vpc["why"].as_str(), vpc["flag"].as_str()), (Some("CloudFormation imports no such thing"), Some("")));
}

#[tokio::test]
async fn a_killed_adoption_is_finished_by_the_same_command() {
    for arrives in [true, false] {
        let app = with_a_group().await;
        app.proxy.set(move |call| match call.action.as_str() {
            "ExecuteChangeSet" if arrives => Effect::HoldAnswer,
            "ExecuteChangeSet" => Effect::Hold,
            _ => Effect::Pass,
        });
        let mut child = app.command(&["adopt", STAGE, "--yes", "--format", "json"]).spawn().unwrap();
        tokio::select! {
            () = app.proxy.holds() => child.kill().await.unwrap(),
            status = child.wait() => panic!("it ended before: {status:?}"),
        }
        app.proxy.pass();
        let (code, told, err) = adopt(&app, &["--yes"]).await;
        assert_eq!(code, Some(0), "arrived: {arrives}: {told:#}{err}");
        let (status, all) = held(&app, STACK).await.unwrap();
        assert_eq!((status, all.len()), (StackStatus::ImportComplete, 1), "arrived: {arrives}");
        keeps_its_past(&app).await;
        let ran = app.run("staging").await;
        assert_eq!((ran.troubles().len(), ran.outcome.exit_code), (0, 0), "{:?}", ran.troubles());
    }
}

#[tokio::test]
async fn a_change_set_that_would_do_more_or_is_denied_ends_it_with_nothing_done() {
    let app = with_a_group().await;
    let denied = "<ErrorResponse><Error><Code>AccessDenied</Code><Message>not authorized to perform: cloudformation:CreateChangeSet</Message></Error></ErrorResponse>";
    let more = "<Changes><member><Type>Resource</Type><ResourceChange><Action>Modify</Action>\
        <LogicalResourceId>TaskRole</LogicalResourceId><ResourceType>AWS::IAM::Role</ResourceType></ResourceChange></member>";
    // When it is looked at, and only when it is done.
    for (first, faulty) in [(true, "more"), (false, "more"), (true, "denied"), (false, "denied")] {
        let mut imports = 0;
        app.proxy.set(move |call| {
            imports += usize::from(is_import(call));
            let now = imports == if first { 1 } else { 2 };
            match call.action.as_str() {
                "CreateChangeSet" if now && is_import(call) && faulty == "denied" => {
                    Effect::Xml(403, denied.to_owned())
                }
                "DescribeChangeSet" if now && faulty == "more" => {
                    Effect::Rewrite(Box::new(move |text| text.replacen("<Changes>", more, 1)))
                }
                _ => Effect::Pass,
            }
        });
        let (code, told, err) = adopt(&app, &["--yes"]).await;
        assert_eq!(code, Some(1), "{faulty} {first}: {told:#}{err}");
        let words = if faulty == "more" { "it would also change TaskRole" } else { "AccessDenied" };
        assert!(err.contains(words), "{faulty} {first}: {err}");
        assert!(!app.proxy.writes().contains(&"ExecuteChangeSet".to_owned()));
    }
    keeps_its_past(&app).await;
}

#[tokio::test]
async fn r10_the_deploy_role_adopts() {
    let identity = "identity: { repository: org/finance-app, repository-id: \"123456789\" }";
    let file = FILE
        .replace("app: shop", "app: finance-app")
        .replace("region: us-east-1", &format!("region: us-east-1\n{identity}"));
    let file = file.replace("staging: {}", "staging: { account: \"111122223333\" }");
    let app = with_identity(&file).await;
    app.proxy.act_as(session(&app, "deploy", JOB).await);
    let env = app.environment("staging");
    let stage = |name: &str| Options { stage: Some(name.to_owned()), ..app.options(&env) };
    for before in ["bootstrap-registry", "bootstrap-network", "bootstrap-cluster"] {
        assert_eq!(run(&env, &stage(before)).await.troubles(), NOTHING);
    }
    let group = "/ecs/finance-app-staging-worker";
    app.clients().await.logs().create_log_group().log_group_name(group).send().await.unwrap();
    app.proxy.pass();
    let found = runner::run::adoption(&env, &stage(STAGE), &Default::default()).await.unwrap();
    let taken: Vec<&str> = found.adopts.iter().map(|it| it.name.as_str()).collect();
    assert_eq!(taken, [group]);
    assert!(found.creates.iter().all(|it| !it.why.contains("looked for")), "{:#?}", found.creates);
    let ran = run(&env, &Options { adopts: Some(found.puts), ..stage(STAGE) }).await;
    assert_eq!(ran.troubles(), NOTHING);
    assert_eq!(ran.changed(), ["adopted into stack finance-app-staging-service-worker"]);
    for asked in ["ListResources", "GetResource"] {
        let calls = app.proxy.calls();
        let call = calls.iter().find(|call| call.action == asked).unwrap_or_else(|| panic!("{asked} was not asked"));
        assert!(call.body.contains("role/finance-app-staging-cloudformation"), "{}", call.body);
    }
    // What is left is made under the same role.
    assert_eq!(run(&env, &stage(STAGE)).await.troubles(), NOTHING);
    // The plan role may not look for anything, and says so.
    app.proxy.act_as(session(&app, "plan", PULL_REQUEST).await);
    let fault = runner::run::adoption(&env, &stage("bootstrap-monitoring"), &Default::default()).await.unwrap_err();
    assert!(fault.headline().contains("AccessDenied"), "{}", fault.headline());
}
