//! Imports that AWS ends badly, in the shapes of its documentation; what it ends well is in `run::adopts`.
//! <https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/import-resources.html>

use std::collections::BTreeMap;

use runner::stacks::Stop;
use runner_core::{
    judge::causes::Certainty,
    plan::{Import, PutStack, Stack, StackMove},
};
use serde_json::json;

use super::{
    Bench, parameter, put,
    scripted::{after, bench, done, events, gone, modify, set, set_made, stacks},
};
use crate::support::{Answer, Script};

fn import() -> PutStack {
    let mut put =
        put("net", StackMove::Import, json!({ "Vpc": { "Type": "AWS::EC2::VPC", "DeletionPolicy": "Retain" } }));
    let identifier = BTreeMap::from([("VpcId".to_owned(), "vpc-1".to_owned())]);
    put.imports = vec![Import { id: "Vpc".into(), kind: "AWS::EC2::VPC".into(), identifier }];
    put.tags.insert(Stack::STAGE.to_owned(), "bootstrap-network".to_owned());
    put.tags.insert(Stack::ENVIRONMENT.to_owned(), "staging".to_owned());
    put
}

fn imported(id: &str) -> String {
    format!(
        "<member><Type>Resource</Type><ResourceChange><Action>Import</Action><LogicalResourceId>{id}</LogicalResourceId>\
         <PhysicalResourceId>vpc-1</PhysicalResourceId><ResourceType>AWS::EC2::VPC</ResourceType></ResourceChange></member>"
    )
}

/// An import whose stack ends like this.
fn ending(status: &str, resource: &str, reason: &str) -> Script {
    ending_after(Script::default().on("CreateChangeSet", [set_made()]), status, resource, reason)
}

/// The same, with other answers before.
fn ending_after(script: Script, status: &str, resource: &str, reason: &str) -> Script {
    script
        .on("DescribeChangeSet", [set("CREATE_COMPLETE", "", &imported("Vpc"))])
        .on(
            "DescribeStacks",
            [stacks("UPDATE_COMPLETE", "old"), stacks("UPDATE_COMPLETE", "old"), stacks(status, "old")],
        )
        .on(
            "DescribeStackEvents",
            [
                after(&[]),
                after(&[
                    ("", "", "IMPORT_IN_PROGRESS", "User Initiated"),
                    ("Vpc", "AWS::EC2::VPC", resource, reason),
                    ("", "", status, ""),
                ]),
            ],
        )
        .on("ExecuteChangeSet", [done("ExecuteChangeSet")])
        .on("DeleteChangeSet", [done("DeleteChangeSet")])
}

#[tokio::test]
async fn an_import_says_what_is_which_and_touches_neither_tags_nor_the_rest() {
    let (bench, scripted) = bench(ending("IMPORT_COMPLETE", "IMPORT_COMPLETE", "")).await;
    assert_eq!(bench.done(&import()).await.status.0, "IMPORT_COMPLETE");
    let changed = bench.changed();
    assert_eq!((changed[0].verb, &changed[0].resources), ("adopted into", &BTreeMap::from([("adopted", 1)])));
    let made = scripted.first("CreateChangeSet");
    let field = |name: &str| made.field(name);
    assert_eq!(field("ChangeSetType").as_deref(), Some("IMPORT"));
    assert_eq!(field("ResourcesToImport.member.1.ResourceType").as_deref(), Some("AWS::EC2::VPC"));
    assert_eq!(field("ResourcesToImport.member.1.LogicalResourceId").as_deref(), Some("Vpc"));
    assert_eq!(field("ResourcesToImport.member.1.ResourceIdentifier.entry.1.key").as_deref(), Some("VpcId"));
    assert_eq!(field("ResourcesToImport.member.1.ResourceIdentifier.entry.1.value").as_deref(), Some("vpc-1"));
    assert_eq!((field("Tags.member.1.Key"), field("ImportExistingResources")), (None, None));
}

#[tokio::test]
async fn an_import_that_was_rolled_back_says_why_and_that_the_stack_stands() {
    let (bench, _scripted) = bench(ending("IMPORT_ROLLBACK_COMPLETE", "IMPORT_FAILED", "Properties don't match")).await;
    let failure = bench.failed(&import()).await;
    assert_eq!(failure.fault.doing, "adopting into Vpc (AWS::EC2::VPC) in stack app-test-net in us-east-1");
    assert_eq!(failure.fault.message.raw(), "Properties don't match");
    assert!(failure.remedy.unwrap().ends_with("adopt again: the stack stands as it did before"));
}

#[tokio::test]
async fn a_rollback_of_an_import_that_failed_is_named_with_the_way_out() {
    let (bench, _scripted) = bench(ending("IMPORT_ROLLBACK_FAILED", "IMPORT_FAILED", "no more")).await;
    let failure = bench.failed(&import()).await;
    assert!(failure.remedy.unwrap().contains("the stack is IMPORT_ROLLBACK_FAILED"));
    let (bench, scripted) =
        super::scripted::bench(Script::default().on("DescribeStacks", [stacks("IMPORT_ROLLBACK_FAILED", "old")])).await;
    let refusal = bench.refused(&import()).await;
    assert!(refusal.remedy.contains("continue the rollback in the CloudFormation console"), "{}", refusal.remedy);
    assert!(!scripted.actions().contains(&"CreateChangeSet".to_owned()));
}

#[tokio::test]
async fn a_change_set_that_imports_another_or_fewer_is_thrown_away() {
    let always = "<Evaluation>Static</Evaluation>";
    let modified = modify("Vpc", "AWS::EC2::VPC", "False", "Tags", "Never", always);
    for (changes, words) in [
        (imported("Vpc") + &imported("Other"), "it would also change Other"),
        (
            imported("Vpc") + &modify("Old", "AWS::EC2::VPC", "False", "Tags", "Never", always),
            "it would also change Old",
        ),
        (modified, "it would also change Vpc"),
        (String::new(), "it would not import Vpc"),
    ] {
        let (bench, scripted) = bench(
            Script::default()
                .on("CreateChangeSet", [set_made()])
                .on("DescribeChangeSet", [set("CREATE_COMPLETE", "", &changes)])
                .on("DescribeStacks", [stacks("UPDATE_COMPLETE", "old")])
                .on("DeleteChangeSet", [done("DeleteChangeSet")]),
        )
        .await;
        let failure = bench.failed(&import()).await;
        assert!(failure.fault.message.raw().contains(words), "{}", failure.fault);
        assert!(scripted.actions().ends_with(&["DeleteChangeSet".to_owned()]), "{:?}", scripted.actions());
    }
}

#[tokio::test]
async fn what_another_run_has_under_way_is_waited_for_and_the_import_is_made_then() {
    let busy = "Stack:app-test-net is in UPDATE_IN_PROGRESS state and can not be updated.";
    let first = Script::default().on("CreateChangeSet", [Answer::xml_error("ValidationError", busy), set_made()]);
    let script = ending_after(first, "IMPORT_COMPLETE", "IMPORT_COMPLETE", "");
    let (bench, scripted) = bench(script).await;
    bench.done(&import()).await;
    assert_eq!(scripted.actions().iter().filter(|action| *action == "CreateChangeSet").count(), 2);
}

#[tokio::test]
async fn a_stack_whose_first_create_was_rolled_back_is_looked_into_before_it_is_said_to_hold_nothing() {
    let listed = |members: &str| {
        Answer::xml("ListStackResources", &format!("<StackResourceSummaries>{members}</StackResourceSummaries>"))
    };
    let member = |id: &str, status: &str| {
        format!(
            "<member><LogicalResourceId>{id}</LogicalResourceId><PhysicalResourceId>{id}-1</PhysicalResourceId>\
             <ResourceType>AWS::S3::Bucket</ResourceType><ResourceStatus>{status}</ResourceStatus></member>"
        )
    };
    let of = |members: String| {
        Script::default()
            .on("DescribeStacks", [stacks("ROLLBACK_COMPLETE", "old")])
            .on("ListStackResources", [listed(&members)])
    };
    let (bench, _scripted) =
        bench(of(member("Gone", "DELETE_COMPLETE") + &member("Free", "IMPORT_ROLLBACK_COMPLETE"))).await;
    let failure = bench.failed(&import()).await;
    let hint = failure.fault.hint.unwrap();
    assert!(hint.starts_with("it holds nothing: aws cloudformation delete-stack --stack-name app-test-net"), "{hint}");

    let (bench, _scripted) = super::scripted::bench(of(member("Kept", "DELETE_SKIPPED"))).await;
    let refusal = bench.refused(&import()).await;
    assert!(refusal.why.ends_with("it kept Kept (AWS::S3::Bucket) Kept-1"), "{}", refusal.why);
}

#[tokio::test]
async fn what_is_in_the_way_of_a_stack_is_named_with_the_stage_that_adopts_it() {
    let bench = Bench::new().await;
    let ssm = bench.clients.ssm();
    let taken = ssm.put_parameter().name("/taken").value("x").r#type(aws_sdk_ssm::types::ParameterType::String);
    taken.send().await.unwrap();
    let mut resources = parameter("one");
    resources["P"]["Properties"]["Name"] = json!("/taken");
    let mut put = put("own", StackMove::Create, resources);
    put.tags.insert(Stack::STAGE.to_owned(), "extra-stacks".to_owned());
    put.tags.insert(Stack::ENVIRONMENT.to_owned(), "staging".to_owned());
    let failure = bench.failed(&put).await;
    let (cause, certainty) = failure.cause.unwrap();
    assert_eq!((cause.as_str(), certainty.as_str()), ("resource-already-exists", Certainty::Certain.as_str()));
    let remedy = failure.remedy.unwrap();
    assert!(remedy.contains("(runner adopt extra-stacks -e staging)") && !remedy.contains("STAGE"), "{remedy}");
}

/// A stack that only a look made goes again; one that was there stays, whatever it is.
#[tokio::test]
async fn a_look_leaves_no_stack_behind_and_takes_none_away() {
    let looked = |first: Answer| {
        Script::default()
            .on(
                "DescribeStacks",
                [first, stacks("REVIEW_IN_PROGRESS", "old"), stacks("REVIEW_IN_PROGRESS", "old"), gone()],
            )
            .on("CreateChangeSet", [set_made()])
            .on("DescribeChangeSet", [set("CREATE_COMPLETE", "", &imported("Vpc"))])
            .on("DeleteChangeSet", [done("DeleteChangeSet")])
            .on(
                "DescribeStackEvents",
                [
                    events(&[("", "", "REVIEW_IN_PROGRESS", "")]),
                    events(&[("", "", "REVIEW_IN_PROGRESS", ""), ("", "", "DELETE_COMPLETE", "")]),
                ],
            )
            .on("DeleteStack", [done("DeleteStack")])
    };
    for (first, removed) in [(gone(), true), (stacks("REVIEW_IN_PROGRESS", "old"), false)] {
        let (bench, scripted) = bench(looked(first)).await;
        let put = put("net", StackMove::Create, parameter("one"));
        let named = bench.acting(&|_| {}).named(&put).await;
        assert_eq!(
            named.unwrap_or_else(|stop: Stop| panic!("{stop:?}")),
            BTreeMap::from([("Vpc".into(), "vpc-1".into())])
        );
        assert_eq!(scripted.first("CreateChangeSet").field("ImportExistingResources").as_deref(), Some("true"));
        assert_eq!(scripted.actions().contains(&"DeleteStack".to_owned()), removed);
        assert!(!scripted.actions().contains(&"ExecuteChangeSet".to_owned()));
    }
}
