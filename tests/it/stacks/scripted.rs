//! What the emulator does not show: AWS's own answers, in the shapes of its documentation.
//! <https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/Welcome.html>

use std::collections::BTreeMap;

use runner::stacks::Stop;
use runner_core::{
    infra::Holds,
    plan::{Change, Replacement, StackMove},
    report::Fact,
};

use super::{Bench, parameter, put};
use crate::support::{Answer, Script, Scripted};

const ID: &str = "arn:aws:cloudformation:us-east-1:111122223333:stack/app-test-net/1";

pub(super) fn stacks(status: &str, hash: &str) -> Answer {
    Answer::xml(
        "DescribeStacks",
        &format!(
            "<Stacks><member><StackName>app-test-net</StackName><StackId>{ID}</StackId><StackStatus>{status}</StackStatus>\
         <CreationTime>2026-01-01T00:00:00Z</CreationTime><Outputs><member><OutputKey>TemplateHash</OutputKey>\
         <OutputValue>{hash}</OutputValue></member></Outputs></member></Stacks>"
        ),
    )
}

pub(super) fn gone() -> Answer {
    Answer::xml_error("ValidationError", "Stack with id app-test-net does not exist")
}

/// Events, given oldest first: logical id (empty: the stack), type, status, reason.
pub(super) fn events(all: &[(&str, &str, &str, &str)]) -> Answer {
    let members: String = all
        .iter()
        .enumerate()
        .rev()
        .map(|(at, (logical, kind, status, reason))| {
            let (logical, kind, physical) = match *logical {
                "" => ("app-test-net", "AWS::CloudFormation::Stack", ID),
                logical => (logical, *kind, "p-1"),
            };
            format!(
                "<member><StackId>{ID}</StackId><EventId>e-{at}</EventId><StackName>app-test-net</StackName>\
                 <LogicalResourceId>{logical}</LogicalResourceId><PhysicalResourceId>{physical}</PhysicalResourceId>\
                 <ResourceType>{kind}</ResourceType><Timestamp>2026-01-01T00:00:00Z</Timestamp>\
                 <ResourceStatus>{status}</ResourceStatus>\
                 <ResourceStatusReason>{reason}</ResourceStatusReason></member>"
            )
        })
        .collect();
    Answer::xml("DescribeStackEvents", &format!("<StackEvents>{members}</StackEvents>"))
}

const BEFORE: &[(&str, &str, &str, &str)] =
    &[("", "", "CREATE_IN_PROGRESS", "User Initiated"), ("", "", "CREATE_COMPLETE", "")];

pub(super) fn after(more: &[(&str, &str, &str, &str)]) -> Answer {
    events(&[BEFORE, more].concat())
}

pub(super) fn set_made() -> Answer {
    Answer::xml("CreateChangeSet", &format!("<Id>set-1</Id><StackId>{ID}</StackId>"))
}

pub(super) fn set(status: &str, reason: &str, changes: &str) -> Answer {
    Answer::xml(
        "DescribeChangeSet",
        &format!(
            "<ChangeSetId>set-1</ChangeSetId><Status>{status}</Status><StatusReason>{reason}</StatusReason>\
         <Changes>{changes}</Changes>"
        ),
    )
}

pub(super) fn done(action: &str) -> Answer {
    Answer::xml(action, "")
}

pub(super) async fn bench(script: Script) -> (Bench, Scripted) {
    let scripted = script.start().await;
    (Bench::at(scripted.url.clone()).await, scripted)
}

#[tokio::test]
async fn a_change_set_without_changes_that_can_be_executed_is_executed_and_every_call_says_who_we_are() {
    let put = put("net", StackMove::Update, parameter("one"));
    let (mut bench, scripted) = bench(
        Script::default()
            .on("CreateChangeSet", [set_made()])
            .on("DescribeChangeSet", [set("CREATE_IN_PROGRESS", "", ""), set("CREATE_COMPLETE", "", "")])
            .on("DescribeStacks", [stacks("CREATE_COMPLETE", "old"), stacks("UPDATE_COMPLETE", &put.hash)])
            .on(
                "DescribeStackEvents",
                [
                    events(BEFORE),
                    events(BEFORE),
                    after(&[("", "", "UPDATE_IN_PROGRESS", "User Initiated")]),
                    after(&[("", "", "UPDATE_IN_PROGRESS", ""), ("", "", "UPDATE_COMPLETE", "")]),
                ],
            )
            .on("ExecuteChangeSet", [done("ExecuteChangeSet")]),
    )
    .await;
    bench.role_arn = Some("arn:aws:iam::111122223333:role/stacks");
    assert_eq!(bench.done(&put).await.hash(), Some(&*put.hash));
    assert_eq!(bench.changed()[0].resources, BTreeMap::new());
    let made = scripted.first("CreateChangeSet");
    assert_eq!(made.field("RoleARN").as_deref(), bench.role_arn);
    assert_eq!(made.field("ChangeSetType").as_deref(), Some("UPDATE"));
    assert_eq!(made.field("ClientToken"), made.field("ChangeSetName"));
    assert_eq!(made.field("Capabilities.member.1").as_deref(), Some("CAPABILITY_NAMED_IAM"));
    assert_eq!(made.field("TemplateBody").as_deref(), Some(&*put.body));
    assert_eq!(scripted.first("DescribeChangeSet").field("IncludePropertyValues").as_deref(), Some("true"));
    assert_eq!(scripted.first("ExecuteChangeSet").field("ClientRequestToken"), made.field("ClientToken"));
    assert!(!scripted.actions().contains(&"UpdateStack".to_owned()));
}

#[tokio::test]
async fn a_throttled_look_does_not_end_what_is_followed() {
    let (bench, scripted) = bench(
        Script::default()
            .on("DescribeStacks", [stacks("UPDATE_IN_PROGRESS", "old"), stacks("UPDATE_COMPLETE", "new")])
            .on(
                "DescribeStackEvents",
                [
                    Answer::xml_error("Throttling", "Rate exceeded"),
                    after(&[("", "", "UPDATE_IN_PROGRESS", ""), ("", "", "UPDATE_COMPLETE", "")]),
                ],
            ),
    )
    .await;
    let stack = bench.done(&put("net", StackMove::Attach, parameter("one"))).await;
    assert_eq!(stack.hash(), Some("new"));
    assert_eq!(scripted.actions(), ["DescribeStacks", "DescribeStackEvents", "DescribeStackEvents", "DescribeStacks"]);
}

#[tokio::test]
async fn what_validation_finds_before_any_change_is_named_and_the_change_set_thrown_away() {
    let (bench, scripted) = bench(
        Script::default()
            .on("CreateChangeSet", [set_made()])
            .on("DescribeChangeSet", [set("FAILED", "The following hook(s)/validation failed: [AWS::EarlyValidation::PropertyValidation]", "")])
            .on("DescribeEvents", [Answer::xml("DescribeEvents",
                "<OperationEvents><member><EventId>1</EventId><EventType>VALIDATION_ERROR</EventType>\
                 <LogicalResourceId>P</LogicalResourceId><ResourceType>AWS::SSM::Parameter</ResourceType>\
                 <ValidationName>PROPERTY_VALIDATION</ValidationName><ValidationPath>/Resources/P/Properties/Tier</ValidationPath>\
                 <ValidationStatusReason>#/Tier: Nope is not a valid enum value</ValidationStatusReason></member></OperationEvents>"
            )])
            .on("DeleteChangeSet", [done("DeleteChangeSet")]),
    )
    .await;
    let failure = bench.failed(&put("net", StackMove::Update, parameter("one"))).await;
    assert_eq!(failure.fault.doing, "comparing stack app-test-net in us-east-1 with its template");
    assert!(
        failure
            .fault
            .message
            .raw()
            .ends_with("P (AWS::SSM::Parameter) /Resources/P/Properties/Tier: #/Tier: Nope is not a valid enum value"),
        "{}",
        failure.fault
    );
    assert_eq!(scripted.actions(), ["CreateChangeSet", "DescribeChangeSet", "DescribeEvents", "DeleteChangeSet"]);
    assert_eq!(scripted.first("DescribeEvents").field("ChangeSetName").as_deref(), Some("set-1"));
}

/// One changed property of a resource.
pub(super) fn modify(id: &str, kind: &str, replacement: &str, property: &str, recreation: &str, rest: &str) -> String {
    format!(
        "<member><Type>Resource</Type><ResourceChange><Action>Modify</Action><LogicalResourceId>{id}</LogicalResourceId>\
         <ResourceType>{kind}</ResourceType><Replacement>{replacement}</Replacement><Details><member><Target>\
         <Attribute>Properties</Attribute><Name>{property}</Name><RequiresRecreation>{recreation}</RequiresRecreation>\
         <Path>/Properties/{property}</Path></Target>{rest}</member></Details></ResourceChange></member>"
    )
}

/// What becomes of a change set of these changes: refused, or executed.
async fn refused(changes: &str) -> Option<String> {
    let mut put = put("net", StackMove::Update, parameter("one"));
    put.holds = BTreeMap::from(["Vpc", "Group", "Database", "Thing"].map(|id| (id.to_owned(), Holds::Data)));
    let (bench, scripted) = bench(
        Script::default()
            .on("CreateChangeSet", [set_made()])
            .on("DescribeChangeSet", [set("CREATE_COMPLETE", "", changes)])
            .on("DescribeStacks", [stacks("CREATE_COMPLETE", "old"), stacks("UPDATE_COMPLETE", &put.hash)])
            .on(
                "DescribeStackEvents",
                [events(BEFORE), after(&[("", "", "UPDATE_IN_PROGRESS", ""), ("", "", "UPDATE_COMPLETE", "")])],
            )
            .on("DeleteChangeSet", [done("DeleteChangeSet")])
            .on("ExecuteChangeSet", [done("ExecuteChangeSet")]),
    )
    .await;
    let outcome = bench.put(&put).await;
    let actions = scripted.actions();
    match outcome {
        Ok(_) => {
            assert!(actions.contains(&"ExecuteChangeSet".to_owned()));
            None
        }
        Err(Stop::Refused(refusal)) => {
            assert_eq!(actions, ["CreateChangeSet", "DescribeChangeSet", "DeleteChangeSet"]);
            Some(refusal.what)
        }
        Err(Stop::Failed(failure)) => panic!("{failure:?}"),
    }
}

#[tokio::test]
async fn the_change_set_has_the_last_word_and_the_table_where_it_does_not_know() {
    let always = "<Evaluation>Static</Evaluation><ChangeSource>DirectModification</ChangeSource>";
    // It says so: also of a property and a type that the table does not know.
    let change = modify("Thing", "AWS::Some::Thing", "True", "Name", "Always", always);
    assert_eq!(refused(&change).await.as_deref(), Some("replacing Thing (AWS::Some::Thing) in app-test-net"));
    // It leaves it open: the table knows.
    let change = modify("Group", "AWS::EC2::SecurityGroup", "Conditional", "GroupDescription", "Conditionally", always);
    assert_eq!(refused(&change).await.as_deref(), Some("replacing Group (AWS::EC2::SecurityGroup) in app-test-net"));
    // It leaves it open, and so does the table.
    let change = modify("Database", "AWS::RDS::DBInstance", "Conditional", "MultiAZ", "Conditionally", always);
    assert_eq!(refused(&change).await, None);
    // Only a reference to what changes in place.
    let refers = "<Evaluation>Dynamic</Evaluation><ChangeSource>ResourceAttribute</ChangeSource><CausingEntity>Vpc.VpcId</CausingEntity>";
    let group = modify("Group", "AWS::EC2::SecurityGroup", "Conditional", "VpcId", "Always", refers);
    let vpc = modify("Vpc", "AWS::EC2::VPC", "False", "Tags", "Never", always);
    assert_eq!(refused(&format!("{vpc}{group}")).await, None);
    // A reference to what is replaced.
    let vpc = modify("Vpc", "AWS::EC2::VPC", "True", "CidrBlock", "Always", always);
    assert_eq!(
        refused(&format!("{vpc}{group}")).await.as_deref(),
        Some(
            "replacing Vpc (AWS::EC2::VPC) in app-test-net; replacing Group (AWS::EC2::SecurityGroup) in app-test-net"
        )
    );
}

/// A change of the plan's, a property more, a resource more, and one that only refers to what changes in place.
#[tokio::test]
async fn what_a_change_set_lists_beyond_the_plan_is_said_before_it_is_executed() {
    let direct = "<Evaluation>Static</Evaluation><ChangeSource>DirectModification</ChangeSource>";
    let refers = "<Evaluation>Dynamic</Evaluation><ChangeSource>ResourceAttribute</ChangeSource><CausingEntity>P.Value</CausingEntity>";
    let changes = [
        modify("P", "AWS::SSM::Parameter", "False", "Value", "Never", direct),
        modify("P", "AWS::SSM::Parameter", "False", "Tier", "Never", direct),
        modify("Q", "AWS::SSM::Parameter", "Conditional", "Value", "Never", refers),
        modify("Topic", "AWS::SNS::Topic", "True", "TopicName", "Always", direct),
    ]
    .concat();
    let mut put = put("net", StackMove::Update, parameter("one"));
    let planned = |property: &str| Change {
        scope: "net".into(),
        subject: "P".into(),
        kind: "AWS::SSM::Parameter".into(),
        property: property.into(),
        before: Some("one".into()),
        after: Some("two".into()),
        replacement: Replacement::No,
        holds: Holds::Nothing,
        span: None,
    };
    put.changes = vec![planned("Value")];
    let (bench, _scripted) = bench(
        Script::default()
            .on("CreateChangeSet", [set_made()])
            .on("DescribeChangeSet", [set("CREATE_COMPLETE", "", &changes)])
            .on("DescribeStacks", [stacks("CREATE_COMPLETE", "old"), stacks("UPDATE_COMPLETE", &put.hash)])
            .on(
                "DescribeStackEvents",
                [events(BEFORE), after(&[("", "", "UPDATE_IN_PROGRESS", ""), ("", "", "UPDATE_COMPLETE", "")])],
            )
            .on("ExecuteChangeSet", [done("ExecuteChangeSet")]),
    )
    .await;
    bench.done(&put).await;
    let said = bench.said();
    let place = |is: &dyn Fn(&Fact) -> bool| said.iter().position(is).unwrap();
    let at = place(&|fact| matches!(fact, Fact::Beyond(_)));
    assert!(at < place(&|fact| matches!(fact, Fact::Changed(_))));
    let Fact::Beyond(more) = &said[at] else { panic!() };
    let named: Vec<_> = more.iter().map(|change| (&*change.subject, &*change.property, change.replacement)).collect();
    assert_eq!(named, [("P", "Tier", Replacement::No), ("Topic", "TopicName", Replacement::Yes)]);
}

#[tokio::test]
async fn a_run_that_is_faster_is_followed_and_its_result_taken_where_it_is_ours() {
    let put = put("net", StackMove::Update, parameter("one"));
    let (bench, scripted) = bench(
        Script::default()
            .on(
                "CreateChangeSet",
                [Answer::xml_error(
                    "ValidationError",
                    "Stack:arn:aws:cloudformation:x is in UPDATE_IN_PROGRESS state and can not be updated.",
                )],
            )
            .on("DescribeStacks", [stacks("UPDATE_IN_PROGRESS", "old"), stacks("UPDATE_COMPLETE", &put.hash)])
            .on("DescribeStackEvents", [after(&[("", "", "UPDATE_IN_PROGRESS", ""), ("", "", "UPDATE_COMPLETE", "")])]),
    )
    .await;
    assert_eq!(bench.done(&put).await.hash(), Some(&*put.hash));
    assert_eq!(scripted.actions(), ["CreateChangeSet", "DescribeStacks", "DescribeStackEvents", "DescribeStacks"]);
    assert_eq!(bench.changed(), []);
}

#[tokio::test]
async fn a_certificate_says_which_record_it_waits_for_once() {
    let waits = (
        "Certificate",
        "AWS::CertificateManager::Certificate",
        "CREATE_IN_PROGRESS",
        "Content of DNS Record is: {Name: _a.example.com.,Type: CNAME,Value: _b.acm-validations.aws.}",
    );
    let begun = ("", "", "CREATE_IN_PROGRESS", "User Initiated");
    let (bench, _scripted) = bench(
        Script::default().on("DescribeStacks", [stacks("CREATE_IN_PROGRESS", ""), stacks("CREATE_COMPLETE", "")]).on(
            "DescribeStackEvents",
            [events(&[begun, waits]), events(&[begun, waits, ("", "", "CREATE_COMPLETE", "")])],
        ),
    )
    .await;
    bench.done(&put("net", StackMove::Attach, parameter("one"))).await;
    let warnings: Vec<_> = bench
        .said()
        .into_iter()
        .filter_map(|fact| match fact {
            Fact::Awaits(awaited) => Some(awaited.words()),
            _ => None,
        })
        .collect();
    assert_eq!(
        warnings,
        [
            "Certificate (AWS::CertificateManager::Certificate) waits for this DNS record; create it and the stack goes on: \
         _a.example.com. CNAME _b.acm-validations.aws."
        ]
    );
}

#[tokio::test]
async fn what_cannot_be_deleted_is_named_and_what_a_rollback_kept_is_a_persons_to_judge() {
    let reason = "The bucket you tried to delete is not empty (Service: S3; Status Code: 409; Error Code: BucketNotEmpty; Request ID: 7A; Proxy: null)";
    let (bench, scripted) = bench(
        Script::default()
            .on("DescribeStacks", [stacks("ROLLBACK_COMPLETE", "")])
            .on(
                "ListStackResources",
                [
                    Answer::xml(
                        "ListStackResources",
                        "<StackResourceSummaries><member><LogicalResourceId>Images</LogicalResourceId>\
                     <PhysicalResourceId>app/api</PhysicalResourceId><ResourceType>AWS::ECR::Repository</ResourceType>\
                     <LastUpdatedTimestamp>2026-01-01T00:00:00Z</LastUpdatedTimestamp>\
                     <ResourceStatus>DELETE_SKIPPED</ResourceStatus></member></StackResourceSummaries>",
                    ),
                    Answer::xml("ListStackResources", "<StackResourceSummaries></StackResourceSummaries>"),
                ],
            )
            .on(
                "DescribeStackEvents",
                [
                    events(BEFORE),
                    after(&[
                        ("", "", "DELETE_IN_PROGRESS", "User Initiated"),
                        ("Bucket", "AWS::S3::Bucket", "DELETE_IN_PROGRESS", ""),
                        ("Bucket", "AWS::S3::Bucket", "DELETE_FAILED", reason),
                        ("", "", "DELETE_FAILED", "The following resource(s) failed to delete: [Bucket]."),
                    ]),
                ],
            )
            .on("DeleteStack", [done("DeleteStack")]),
    )
    .await;
    let put = put("net", StackMove::Recreate, parameter("one"));
    let refusal = bench.refused(&put).await;
    assert!(refusal.why.ends_with("Images (AWS::ECR::Repository) app/api"), "{}", refusal.why);
    assert!(!scripted.actions().contains(&"DeleteStack".to_owned()));

    let failure = bench.failed(&put).await;
    assert_eq!(failure.fault.doing, "deleting Bucket (AWS::S3::Bucket) in stack app-test-net in us-east-1");
    assert_eq!(failure.fault.code.as_deref(), Some("BucketNotEmpty"));
    assert_eq!(failure.fault.request_id.as_deref(), Some("7A"));
    assert_eq!(failure.not_undone, ["Bucket (AWS::S3::Bucket) is DELETE_FAILED"]);
    assert!(failure.remedy.unwrap().ends_with("run the same command again: it goes on with what is left of the stack"));
}

#[tokio::test]
async fn a_stack_that_is_deleted_by_another_while_it_is_followed_is_gone() {
    let (bench, _scripted) = bench(
        Script::default()
            .on("DescribeStacks", [stacks("DELETE_IN_PROGRESS", ""), gone()])
            .on("DescribeStackEvents", [after(&[("", "", "DELETE_IN_PROGRESS", "")]), gone()]),
    )
    .await;
    assert_eq!(bench.put(&put("net", StackMove::Attach, parameter("one"))).await.unwrap(), None);
}
