//! The plain moves.

use std::collections::BTreeMap;

use runner::stacks::{Stop, template};
use runner_core::{infra::Holds, plan::StackMove, report::Fact, workflow::Value};
use serde_json::json;

use super::{Bench, REGION, parameter, put};

#[tokio::test]
async fn a_stack_is_created_updated_and_its_template_read_back() {
    let bench = Bench::new().await;
    let first = put("net", StackMove::Create, parameter("one"));
    let stack = bench.done(&first).await;
    assert_eq!(stack.status.0, "CREATE_COMPLETE");
    assert_eq!(stack.hash(), Some(&*first.hash));
    assert_eq!(stack.tags["app"], "app");
    let facts = bench.said();
    assert!(facts.contains(&Fact::Progress("creating P (AWS::SSM::Parameter)".into())), "{facts:?}");
    let Some(Fact::Changed(changed)) = facts.last() else { panic!("{facts:?}") };
    assert_eq!((changed.verb, &*changed.what), ("created", "stack app-test-net"));
    assert_eq!(changed.resources, BTreeMap::from([("created", 1)]));

    // The template was not compared, so that all that the change set lists is more than is known.
    let mut second = put("net", StackMove::Update, parameter("two"));
    let stack = bench.done(&second).await;
    assert_eq!((stack.status.0.as_str(), stack.hash()), ("UPDATE_COMPLETE", Some(&*second.hash)));
    let said = bench.said();
    let beyond = said.iter().find_map(|fact| if let Fact::Beyond(changes) = fact { Some(changes) } else { None });
    let [more] = &beyond.unwrap()[..] else { panic!("{said:?}") };
    assert_eq!((&*more.scope, &*more.subject, &*more.property), ("net", "P", "Value"));
    let Some(Fact::Changed(changed)) = said.last() else { panic!("{said:?}") };
    assert_eq!(changed.resources, BTreeMap::from([("updated", 1)]));

    // Compared, it is nothing more.
    let mut third = put("net", StackMove::Update, parameter("three"));
    third.changes = vec![more.clone()];
    bench.done(&third).await;
    assert!(!bench.said().iter().any(|fact| matches!(fact, Fact::Beyond(_))));
    second = third;
    let stack = bench.seen(&second.name).await;
    let read = template(&bench.clients, REGION, "app-test-net").await.unwrap().unwrap();
    assert_eq!(read.to_string(), second.body);
    assert_eq!(template(&bench.clients, REGION, "app-test-none").await.unwrap(), None);
    assert_eq!(bench.seen("app-test-net").await, stack);
}

#[tokio::test]
async fn outputs_alone_are_stored() {
    let bench = Bench::new().await;
    bench.done(&put("net", StackMove::Create, parameter("one"))).await;
    let mut second = put("net", StackMove::Update, parameter("one"));
    second.hash = "another".into();
    second.body = second
        .body
        .replacen(r#""Outputs":{"#, r#""Outputs":{"Url":{"Value":"here"},"#, 1)
        .replace(&put("net", StackMove::Update, parameter("one")).hash, "another");
    let stack = bench.done(&second).await;
    assert_eq!(stack.outputs["Url"], Value::Known("here".into()));
    assert_eq!(stack.hash(), Some("another"));

    // Once more: there is nothing at all to do, and it is said so by doing nothing.
    bench.said();
    assert_eq!(bench.done(&second).await, stack);
    assert_eq!(bench.changed(), []);
}

#[tokio::test]
async fn parameters_reach_the_template_and_what_is_not_known_is_named() {
    let bench = Bench::new().await;
    let mut first = put("net", StackMove::Create, parameter("one"));
    let resources =
        json!({ "P": { "Type": "AWS::SSM::Parameter", "Properties": { "Type": "String", "Value": { "Ref": "In" } } } });
    first.body = json!({
        "Parameters": { "In": { "Type": "String" } },
        "Resources": resources,
        "Outputs": { "Got": { "Value": { "Fn::GetAtt": ["P", "Value"] } }, "TemplateHash": { "Value": first.hash } },
    })
    .to_string();
    first.parameters = BTreeMap::from([("In".to_owned(), Value::Pending("${stacks.dns.Zone}".into()))]);
    let failure = bench.failed(&first).await;
    assert_eq!(failure.fault.message.raw(), "its parameter In needs ${stacks.dns.Zone}, which no stack has");

    first.parameters = BTreeMap::from([("In".to_owned(), Value::Known("given".into()))]);
    let stack = bench.done(&first).await;
    assert_eq!(stack.outputs["Got"], Value::Known("given".into()));
    assert_eq!(stack.parameters["In"], "given");
}

#[tokio::test]
async fn a_change_set_that_would_replace_data_changes_nothing() {
    let mut bench = Bench::new().await;
    let named = |name: &str| {
        let mut put = put(
            "reg",
            StackMove::Update,
            json!({
                "R": { "Type": "AWS::ECR::Repository", "Properties": { "RepositoryName": name } },
            }),
        );
        put.holds = BTreeMap::from([("R".to_owned(), Holds::Data)]);
        put
    };
    let mut first = named("one");
    first.step = StackMove::Create;
    let before = bench.done(&first).await;
    let refusal = bench.refused(&named("two")).await;
    assert_eq!(refusal.what, "replacing R (AWS::ECR::Repository) in app-test-reg");
    assert!(refusal.why.starts_with("RepositoryName changes"), "{}", refusal.why);
    assert_eq!(bench.seen("app-test-reg").await, before);
    let sets = bench.clients.cloudformation().list_change_sets().stack_name("app-test-reg").send().await.unwrap();
    assert_eq!(
        sets.summaries()
            .iter()
            .filter(|set| set.status_reason().is_none()
                && set.execution_status().is_some_and(|status| status.as_str() == "AVAILABLE"))
            .count(),
        0,
        "{sets:?}"
    );

    bench.allow_replace.insert("R".into());
    bench.said();
    bench.done(&named("two")).await;
    assert_eq!(bench.changed()[0].resources, BTreeMap::from([("replaced", 1)]));
}

#[tokio::test]
async fn a_removal_of_data_is_refused_by_its_type_where_nothing_else_is_known() {
    let bench = Bench::new().await;
    let mut resources = parameter("one");
    resources["R"] = json!({ "Type": "AWS::ECR::Repository", "Properties": { "RepositoryName": "one" } });
    bench.done(&put("reg", StackMove::Create, resources)).await;
    let refusal = bench.refused(&put("reg", StackMove::Update, parameter("one"))).await;
    assert_eq!(refusal.what, "removing R (AWS::ECR::Repository) in app-test-reg");
}

#[tokio::test]
async fn types_the_endpoint_does_not_know_are_left_out_and_named() {
    let mut bench = Bench::new().await;
    let mut resources = parameter("one");
    resources["Ip"] = json!({ "Type": "AWS::EC2::EIP", "Properties": { "Domain": "vpc" } });
    resources["Rule"] =
        json!({ "Type": "AWS::EC2::SecurityGroupIngress", "Properties": { "CidrIp": { "Ref": "Ip" } } });
    let first = put("net", StackMove::Create, resources);
    let failure = bench.failed(&first).await;
    assert!(failure.fault.message.raw().contains("Unrecognized resource types"), "{}", failure.fault);

    bench.may_leave_out = true;
    let stack = bench.done(&first).await;
    assert_eq!(stack.hash(), Some(&*first.hash));
    let unknown = ["AWS::EC2::EIP", "AWS::EC2::SecurityGroupIngress"];
    assert_eq!(stack.left_out().iter().map(String::as_str).collect::<Vec<_>>(), unknown);
    let changed = bench.changed();
    assert_eq!(changed[0].left_out, unknown);
    assert_eq!(changed[0].resources, BTreeMap::from([("created", 1)]));
}

#[tokio::test]
async fn a_protected_stack_is_deleted_only_after_its_protection_is_off() {
    let bench = Bench::new().await;
    let mut first = put("net", StackMove::Create, parameter("one"));
    assert!(!bench.done(&first).await.protected);
    first.step = StackMove::Protect;
    assert!(bench.done(&first).await.protected);
    match bench.acting(&|_| {}).delete(&first.name, REGION).await {
        Err(Stop::Failed(failure)) => {
            assert!(failure.fault.message.raw().contains("TerminationProtection"), "{failure:?}")
        }
        other => panic!("{other:?}"),
    }
    let emit = |fact| bench.facts.lock().unwrap().push(fact);
    bench.said();
    bench.acting(&emit).protect(&first.name, REGION, false).await.unwrap();
    bench.acting(&emit).delete(&first.name, REGION).await.unwrap();
    let changed = bench.changed();
    assert_eq!((changed[1].verb, changed[1].resources["deleted"]), ("deleted", 1));
    // Gone already is as good.
    bench.acting(&emit).delete(&first.name, REGION).await.unwrap();
}

#[tokio::test]
async fn stacks_are_put_at_the_same_time() {
    let bench = Bench::new().await;
    let puts: Vec<_> = ["a", "b", "c", "d"].map(|name| put(name, StackMove::Create, parameter(name))).into();
    let all = futures_util::future::join_all(puts.iter().map(|put| bench.done(put))).await;
    for (put, stack) in puts.iter().zip(all) {
        assert_eq!((stack.name.as_str(), stack.hash()), (put.name.as_str(), Some(&*put.hash)));
    }
    assert_eq!(bench.changed().len(), 4);
}
