//! A replacement of what holds data or traffic is refused by its change set, and nothing is changed; named, it is done.

use std::collections::BTreeMap;

use runner_core::{
    infra::{holds, way},
    plan::StackMove,
};
use serde_json::{Value as Json, json};

use super::{Bench, put};

/// A resource, and a property of it that nobody can change in place.
fn resources() -> Vec<(&'static str, &'static str, Json, &'static str, &'static str)> {
    let database = json!({
        "Engine": "postgres", "DBInstanceClass": "db.t3.micro", "AllocatedStorage": "20", "MasterUsername": "app",
        "MasterUserPassword": "of-a-test-only", "DBName": "app",
    });
    let group = json!({ "Port": 80, "Protocol": "HTTP", "TargetType": "ip", "VpcId": "vpc-1" });
    let trust = json!({ "Version": "2012-10-17", "Statement": [
        { "Effect": "Allow", "Principal": { "Service": "ecs-tasks.amazonaws.com" }, "Action": "sts:AssumeRole" },
    ] });
    vec![
        ("database", "AWS::RDS::DBInstance", database, "DBName", "other"),
        ("group", "AWS::ElasticLoadBalancingV2::TargetGroup", group, "Protocol", "HTTPS"),
        (
            "security",
            "AWS::EC2::SecurityGroup",
            json!({ "GroupDescription": "one", "VpcId": "vpc-1" }),
            "GroupDescription",
            "two",
        ),
        ("role", "AWS::IAM::Role", json!({ "AssumeRolePolicyDocument": trust, "Path": "/one/" }), "Path", "/two/"),
    ]
}

#[tokio::test]
async fn a_database_a_target_group_a_security_group_and_a_role_are_not_replaced_unasked() {
    let mut bench = Bench::new().await;
    for (name, kind, mut properties, property, other) in resources() {
        let with = |step: StackMove, properties: &Json| {
            let mut put = put(name, step, json!({ "R": { "Type": kind, "Properties": properties } }));
            put.holds = BTreeMap::from([("R".to_owned(), holds(kind))]);
            put
        };
        bench.done(&with(StackMove::Create, &properties)).await;
        let stack = format!("app-test-{name}");
        let before = (bench.seen(&stack).await, physical(&bench, &stack).await);
        properties[property] = other.into();
        let update = with(StackMove::Update, &properties);
        bench.said();
        let refusal = bench.refused(&update).await;
        assert_eq!(refusal.what, format!("replacing R ({kind}) in {stack}"));
        assert!(refusal.why.starts_with(&format!("{property} changes")), "{}", refusal.why);
        assert!(refusal.remedy.starts_with(way(kind)), "{}", refusal.remedy);
        assert!(refusal.remedy.ends_with("--allow-replace R"), "{}", refusal.remedy);
        assert_eq!(refusal.exit.code(), 1);
        assert_eq!((bench.seen(&stack).await, physical(&bench, &stack).await), before, "{kind} was changed");
        assert!(bench.changed().is_empty());

        bench.allow_replace.insert("R".into());
        bench.done(&update).await;
        assert_ne!(physical(&bench, &stack).await, before.1, "{kind} was not replaced");
        bench.allow_replace.clear();
    }
}

async fn physical(bench: &Bench, stack: &str) -> Vec<String> {
    let listed = bench.clients.cloudformation().list_stack_resources().stack_name(stack).send().await.unwrap();
    let ids = listed.stack_resource_summaries().iter().filter_map(|it| it.physical_resource_id.clone());
    ids.collect()
}
