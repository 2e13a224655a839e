//! What another run, a failure or a kill has left.

use aws_sdk_cloudformation::types::{ChangeSetType, ResourceSignalStatus};
use runner_core::{
    plan::{PutStack, STATUSES, StackMove, Standing},
    report::Fact,
};
use serde_json::json;

use super::{
    Bench, parameter, put,
    scripted::{after, bench, gone, stacks},
};
use crate::support::{Answer, Script};

#[tokio::test]
async fn a_failed_create_says_the_cause_and_is_made_anew_by_the_next_run() {
    let bench = Bench::new().await;
    let broken = json!({ "P": { "Type": "AWS::SSM::Parameter", "Properties": { "Type": "Nope", "Value": "x" } } });
    let failure = bench.failed(&put("net", StackMove::Create, broken)).await;
    assert_eq!(failure.fault.doing, "creating P (AWS::SSM::Parameter) in stack app-test-net in us-east-1");
    assert!(!failure.fault.message.is_empty());
    assert_eq!(bench.seen("app-test-net").await.status.0, "ROLLBACK_COMPLETE");

    let again = put("net", StackMove::Recreate, parameter("one"));
    assert_eq!(bench.done(&again).await.hash(), Some(&*again.hash));
    let verbs: Vec<_> = bench.changed().iter().map(|changed| changed.verb).collect();
    assert_eq!(verbs, ["deleted", "created"]);
}

/// A stack that is not done before it gets a signal.
fn waiting(step: StackMove) -> PutStack {
    put(
        "net",
        step,
        json!({
            "Wait": {
                "Type": "AWS::CloudFormation::WaitCondition",
                "CreationPolicy": { "ResourceSignal": { "Timeout": "PT1M", "Count": 1 } },
            },
            "P": { "Type": "AWS::SSM::Parameter", "Properties": { "Type": "String", "Value": "one" } },
        }),
    )
}

impl Bench {
    /// Another run begins to create the stack.
    async fn begin(&self, put: &PutStack) {
        self.clients
            .cloudformation()
            .create_stack()
            .stack_name(&put.name)
            .template_body(&put.body)
            .send()
            .await
            .unwrap();
    }

    /// Waits until it is said that this is being done.
    async fn until_said(&self, what: &str) {
        let said = || {
            let facts = self.facts.lock().unwrap();
            facts.iter().any(|fact| matches!(fact, Fact::Progress(text) if text.contains(what)))
        };
        while !said() {
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
    }

    /// Ends the wait, once it has begun.
    async fn signal(&self, put: &PutStack) {
        while self
            .clients
            .cloudformation()
            .signal_resource()
            .stack_name(&put.name)
            .logical_resource_id("Wait")
            .unique_id("1")
            .status(ResourceSignalStatus::Success)
            .send()
            .await
            .is_err()
        {
            tokio::task::yield_now().await;
        }
    }
}

#[tokio::test]
async fn a_change_set_that_was_never_executed_is_no_obstacle() {
    let bench = Bench::new().await;
    let first = put("net", StackMove::Create, parameter("one"));
    bench
        .clients
        .cloudformation()
        .create_change_set()
        .stack_name(&first.name)
        .change_set_name("left-behind")
        .change_set_type(ChangeSetType::Create)
        .template_body(&first.body)
        .send()
        .await
        .unwrap();
    assert!(bench.seen(&first.name).await.status.is_review());
    assert_eq!(bench.done(&first).await.status.0, "CREATE_COMPLETE");
}

#[tokio::test]
async fn what_another_run_began_is_followed_to_its_end() {
    let bench = Bench::new().await;
    let mut attach = waiting(StackMove::Attach);
    bench.begin(&attach).await;
    assert!(bench.seen(&attach.name).await.status.is_in_progress());
    let (stack, ()) = tokio::join!(bench.done(&attach), bench.signal(&attach));
    assert_eq!((stack.status.0.as_str(), stack.hash()), ("CREATE_COMPLETE", Some(&*attach.hash)));
    let facts = bench.said();
    assert!(facts.contains(&Fact::Progress("creating Wait (AWS::CloudFormation::WaitCondition)".into())), "{facts:?}");
    assert!(!facts.iter().any(|fact| matches!(fact, Fact::Changed(_))), "what another did is not ours: {facts:?}");

    // Nothing is under way any more: there is nothing to follow. Gone: there is nothing at all.
    assert_eq!(bench.done(&attach).await, stack);
    bench.clients.cloudformation().delete_stack().stack_name(&attach.name).send().await.unwrap();
    attach.step = StackMove::Attach;
    assert_eq!(bench.put(&attach).await.unwrap(), None);
}

#[tokio::test]
async fn a_run_that_comes_second_waits_for_the_first_and_then_does_its_part() {
    let bench = Bench::new().await;
    let first = waiting(StackMove::Create);
    bench.begin(&first).await;
    let mut second = waiting(StackMove::Create);
    second.body = second.body.replace("one", "two").replace(&first.hash, "second");
    second.hash = "second".into();
    let (stack, ()) = tokio::join!(bench.done(&second), bench.signal(&first));
    assert_eq!((stack.status.0.as_str(), stack.hash()), ("UPDATE_COMPLETE", Some("second")));
    assert_eq!(bench.changed().len(), 1);
}

#[tokio::test]
async fn a_run_that_comes_second_with_the_same_template_has_nothing_left_to_do() {
    let bench = Bench::new().await;
    let first = waiting(StackMove::Create);
    bench.begin(&first).await;
    let (stack, ()) = tokio::join!(bench.done(&first), bench.signal(&first));
    assert_eq!((stack.status.0.as_str(), stack.hash()), ("CREATE_COMPLETE", Some(&*first.hash)));
    assert_eq!(bench.changed(), []);
}

#[tokio::test]
async fn a_failed_update_is_rolled_back_and_says_so() {
    let bench = Bench::new().await;
    let before = bench.done(&put("net", StackMove::Create, parameter("one"))).await;
    let mut resources = parameter("two");
    resources["Q"] =
        json!({ "Type": "AWS::SSM::Parameter", "DependsOn": "P", "Properties": { "Type": "Nope", "Value": "x" } });
    let failure = bench.failed(&put("net", StackMove::Update, resources)).await;
    assert_eq!(failure.fault.doing, "updating Q (AWS::SSM::Parameter) in stack app-test-net in us-east-1");
    assert!(failure.remedy.unwrap().ends_with("run again: the stack stands as it did before"));
    assert_eq!(failure.not_undone, Vec::<String>::new());
    let after = bench.seen("app-test-net").await;
    assert_eq!((after.status.0.as_str(), after.hash()), ("UPDATE_ROLLBACK_COMPLETE", before.hash()));
}

#[tokio::test]
async fn a_rollback_that_fails_names_what_is_not_put_back() {
    let bench = Bench::new().await;
    let rules = |path: &str, wait: bool| {
        let mut resources = json!({
            "Rule": {
                "Type": "AWS::ElasticLoadBalancingV2::ListenerRule",
                "Properties": {
                    "ListenerArn": { "Ref": "Listener" },
                    "Priority": 1,
                    "Conditions": [{ "Field": "path-pattern", "Values": [path] }],
                    "Actions": [{ "Type": "fixed-response", "FixedResponseConfig": { "StatusCode": "200" } }],
                },
            },
            "Listener": {
                "Type": "AWS::ElasticLoadBalancingV2::Listener",
                "Properties": {
                    "LoadBalancerArn": { "Ref": "Balancer" },
                    "Port": 80,
                    "Protocol": "HTTP",
                    "DefaultActions": [{ "Type": "fixed-response", "FixedResponseConfig": { "StatusCode": "404" } }],
                },
            },
            "Balancer": { "Type": "AWS::ElasticLoadBalancingV2::LoadBalancer", "Properties": { "Name": "b" } },
        });
        if wait {
            resources["Wait"] = json!({
                "Type": "AWS::CloudFormation::WaitCondition",
                "DependsOn": "Rule",
                "CreationPolicy": { "ResourceSignal": { "Timeout": "PT1M", "Count": 1 } },
            });
        }
        resources
    };
    bench.done(&put("edge", StackMove::Create, rules("/a", false))).await;
    let update = put("edge", StackMove::Update, rules("/b", true));
    let sabotage = async {
        bench.until_said("Wait (").await;
        let balancing = bench.clients.elbv2();
        let balancers = balancing.describe_load_balancers().send().await.unwrap();
        let arn = balancers.load_balancers()[0].load_balancer_arn().unwrap().to_owned();
        let listeners = balancing.describe_listeners().load_balancer_arn(arn).send().await.unwrap();
        let arn = listeners.listeners()[0].listener_arn().unwrap().to_owned();
        balancing.delete_listener().listener_arn(arn).send().await.unwrap();
        bench
            .clients
            .cloudformation()
            .signal_resource()
            .stack_name(&update.name)
            .logical_resource_id("Wait")
            .unique_id("1")
            .status(ResourceSignalStatus::Failure)
            .send()
            .await
            .unwrap();
    };
    let (failure, ()) = tokio::join!(bench.failed(&update), sabotage);
    assert!(failure.fault.doing.starts_with("updating Wait (AWS::CloudFormation::WaitCondition)"), "{}", failure.fault);
    assert_eq!(failure.not_undone, ["Rule (AWS::ElasticLoadBalancingV2::ListenerRule) is UPDATE_FAILED"]);
    assert_eq!(bench.seen(&update.name).await.status.0, "UPDATE_ROLLBACK_FAILED");
}

/// The rollback of a first create meets what was put into it meanwhile.
#[tokio::test]
async fn a_first_create_that_cannot_be_rolled_back_names_what_is_left() {
    let bench = Bench::new().await;
    let mut create = waiting(StackMove::Create);
    let resources = r#""Resources":{"#;
    let repository = r#""R":{"Type":"AWS::ECR::Repository","Properties":{"RepositoryName":"app/r"}},"#;
    create.body = create.body.replacen(resources, &format!("{resources}{repository}"), 1);
    let sabotage = async {
        bench.until_said("Wait (").await;
        let put = || bench.clients.ecr().put_image().repository_name("app/r").image_tag("in-1");
        while put().image_manifest(MANIFEST).send().await.is_err() {
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
        let cloudformation = bench.clients.cloudformation();
        let signal = cloudformation.signal_resource().stack_name(&create.name).logical_resource_id("Wait");
        signal.unique_id("1").status(ResourceSignalStatus::Failure).send().await.unwrap();
    };
    let (failure, ()) = tokio::join!(bench.failed(&create), sabotage);
    assert!(failure.fault.doing.starts_with("creating Wait (AWS::CloudFormation::WaitCondition)"), "{}", failure.fault);
    assert_eq!(failure.not_undone, ["R (AWS::ECR::Repository) is DELETE_FAILED"]);
    let remedy = failure.remedy.unwrap();
    assert!(remedy.ends_with("run again to be told the way out: the stack is ROLLBACK_FAILED"), "{remedy}");
    let seen = bench.seen(&create.name).await;
    assert_eq!(seen.status.0, "ROLLBACK_FAILED");

    // The way out that a run names, once the image is looked at and gone.
    let image = aws_sdk_ecr::types::ImageIdentifier::builder().image_tag("in-1").build();
    bench.clients.ecr().batch_delete_image().repository_name("app/r").image_ids(image).send().await.unwrap();
    bench.acting(&|_| {}).delete(&create.name, super::REGION).await.unwrap();
    create.step = StackMove::Attach;
    assert_eq!(bench.put(&create).await.unwrap(), None);
}

const MANIFEST: &str = r#"{"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json","config":{"mediaType":"application/vnd.oci.image.config.v1+json","digest":"sha256:0000000000000000000000000000000000000000000000000000000000000000","size":2},"layers":[]}"#;

/// What is under way, as another run or person began it; how that ends; and what is left then.
const UNDER_WAY: &[(&str, &[&str], &str)] = &[
    ("CREATE_IN_PROGRESS", &["CREATE_IN_PROGRESS"], "CREATE_COMPLETE"),
    ("ROLLBACK_IN_PROGRESS", &["CREATE_IN_PROGRESS", "ROLLBACK_IN_PROGRESS"], "ROLLBACK_COMPLETE"),
    ("ROLLBACK_IN_PROGRESS", &["CREATE_IN_PROGRESS", "CREATE_FAILED", "ROLLBACK_IN_PROGRESS"], "ROLLBACK_FAILED"),
    ("DELETE_IN_PROGRESS", &["DELETE_IN_PROGRESS"], "DELETE_FAILED"),
    ("UPDATE_IN_PROGRESS", &["UPDATE_IN_PROGRESS"], "UPDATE_FAILED"),
    (
        "UPDATE_COMPLETE_CLEANUP_IN_PROGRESS",
        &["UPDATE_IN_PROGRESS", "UPDATE_COMPLETE_CLEANUP_IN_PROGRESS"],
        "UPDATE_COMPLETE",
    ),
    ("UPDATE_ROLLBACK_IN_PROGRESS", &["UPDATE_IN_PROGRESS", "UPDATE_ROLLBACK_IN_PROGRESS"], "UPDATE_ROLLBACK_FAILED"),
    (
        "UPDATE_ROLLBACK_COMPLETE_CLEANUP_IN_PROGRESS",
        &["UPDATE_IN_PROGRESS", "UPDATE_ROLLBACK_IN_PROGRESS", "UPDATE_ROLLBACK_COMPLETE_CLEANUP_IN_PROGRESS"],
        "UPDATE_ROLLBACK_COMPLETE",
    ),
    ("IMPORT_IN_PROGRESS", &["IMPORT_IN_PROGRESS"], "IMPORT_COMPLETE"),
    ("IMPORT_ROLLBACK_IN_PROGRESS", &["IMPORT_IN_PROGRESS", "IMPORT_ROLLBACK_IN_PROGRESS"], "IMPORT_ROLLBACK_COMPLETE"),
];

/// The events of an operation that has come so far.
fn so_far(statuses: &[&str]) -> Answer {
    after(&statuses.iter().map(|status| ("", "", *status, "")).collect::<Vec<_>>())
}

#[tokio::test]
async fn whatever_is_under_way_is_followed_to_its_end_and_nothing_is_asked_of_the_stack_before() {
    let moving = STATUSES.iter().filter(|(_, standing)| *standing == Standing::Moving);
    for (status, _) in moving {
        assert!(UNDER_WAY.iter().any(|(begun, ..)| begun == status), "nobody follows {status}");
    }
    for (status, events, end) in UNDER_WAY {
        let (bench, scripted) = bench(
            Script::default()
                .on("DescribeStacks", [stacks(status, "old"), stacks(end, "new")])
                .on("DescribeStackEvents", [so_far(events), so_far(&[*events, &[*end][..]].concat())]),
        )
        .await;
        let stack = bench.done(&put("net", StackMove::Attach, parameter("one"))).await;
        assert_eq!((stack.status.0.as_str(), stack.hash()), (*end, Some("new")), "{status}");
        let actions = scripted.actions();
        assert_eq!(
            actions,
            ["DescribeStacks", "DescribeStackEvents", "DescribeStackEvents", "DescribeStacks"],
            "{status} was acted on"
        );
        assert_eq!(bench.changed(), [], "{status}");
    }
}

/// A run that comes second finds at the end of the first what no run can go on from.
#[tokio::test]
async fn what_another_run_leaves_half_way_is_named_with_the_way_out() {
    for (status, end, way) in [
        ("ROLLBACK_IN_PROGRESS", "ROLLBACK_FAILED", "aws cloudformation delete-stack"),
        ("CREATE_IN_PROGRESS", "CREATE_FAILED", "aws cloudformation rollback-stack"),
        ("UPDATE_IN_PROGRESS", "UPDATE_FAILED", "aws cloudformation rollback-stack"),
        ("UPDATE_ROLLBACK_IN_PROGRESS", "UPDATE_ROLLBACK_FAILED", "aws cloudformation continue-update-rollback"),
        ("DELETE_IN_PROGRESS", "DELETE_FAILED", "--retain-resources"),
        ("IMPORT_ROLLBACK_IN_PROGRESS", "IMPORT_ROLLBACK_FAILED", "continue the rollback"),
    ] {
        let words = format!("Stack:arn:aws:cloudformation:x is in {status} state and can not be updated.");
        let (bench, scripted) = bench(
            Script::default()
                .on("CreateChangeSet", [Answer::xml_error("ValidationError", &words)])
                .on("DescribeStacks", [stacks(status, "old"), stacks(end, "old")])
                .on("DescribeStackEvents", [so_far(&["UPDATE_IN_PROGRESS", status, end])]),
        )
        .await;
        let refusal = bench.refused(&put("net", StackMove::Update, parameter("one"))).await;
        assert_eq!(refusal.why, format!("it is {end}"));
        assert!(refusal.remedy.contains(way), "{end}: {}", refusal.remedy);
        assert_eq!(refusal.exit.code(), 1);
        let actions = scripted.actions();
        assert_eq!(actions, ["CreateChangeSet", "DescribeStacks", "DescribeStackEvents", "DescribeStacks"], "{end}");
    }
}

/// What the first run's rolled back create and the deletion leave is nothing: the second creates.
#[tokio::test]
async fn a_run_that_comes_second_creates_what_the_first_one_lost() {
    let put = put("net", StackMove::Update, parameter("one"));
    let changing = |status: &str| {
        let words = format!("Stack:arn:aws:cloudformation:x is in {status} state and can not be updated.");
        Answer::xml_error("ValidationError", &words)
    };
    let set = |status: &str| {
        Answer::xml("DescribeChangeSet", &format!("<ChangeSetId>set-1</ChangeSetId><Status>{status}</Status>"))
    };
    let made = Answer::xml("CreateChangeSet", "<Id>set-1</Id><StackId>app-test-net</StackId>");
    let (bench, scripted) = bench(
        Script::default()
            .on("CreateChangeSet", [changing("DELETE_IN_PROGRESS"), made])
            .on("DescribeChangeSet", [set("CREATE_COMPLETE")])
            .on(
                "DescribeStacks",
                [
                    stacks("DELETE_IN_PROGRESS", "old"),
                    gone(),
                    stacks("REVIEW_IN_PROGRESS", ""),
                    stacks("CREATE_COMPLETE", &put.hash),
                ],
            )
            .on(
                "DescribeStackEvents",
                [
                    so_far(&["DELETE_IN_PROGRESS", "DELETE_COMPLETE"]),
                    so_far(&["REVIEW_IN_PROGRESS"]),
                    so_far(&["REVIEW_IN_PROGRESS", "CREATE_IN_PROGRESS", "CREATE_COMPLETE"]),
                ],
            )
            .on("ExecuteChangeSet", [Answer::xml("ExecuteChangeSet", "")]),
    )
    .await;
    assert_eq!(bench.done(&put).await.hash(), Some(&*put.hash));
    let kinds: Vec<_> = scripted
        .requests()
        .iter()
        .filter(|call| call.action() == "CreateChangeSet")
        .map(|call| call.field("ChangeSetType"))
        .collect();
    assert_eq!(kinds, [Some("UPDATE".to_owned()), Some("CREATE".to_owned())]);
}
