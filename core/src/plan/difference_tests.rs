//! What counts as a difference between two templates.

use serde_json::json;

use super::*;

/// `subject.property: before → after (replacement)`, one line a change.
fn lines(before: Json, after: Json, old: &[(&str, &str)], new: &[(&str, &str)]) -> Vec<String> {
    let map = |pairs: &[(&str, &str)]| -> BTreeMap<String, String> {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    };
    let (old, new) = (map(old), map(new));
    let before = Side { template: &before, parameters: &old };
    let after = Side { template: &after, parameters: &new };
    difference("net", Some(before), after, &|_, _| None)
        .into_iter()
        .map(|change| {
            let show = |value: &Option<Json>| value.as_ref().map_or_else(|| "-".to_owned(), Json::to_string);
            let mark = match change.replacement {
                Replacement::No => "",
                Replacement::Maybe => " (may replace)",
                Replacement::Yes => " (replaces)",
            };
            format!("{}.{}: {} → {}{mark}", change.subject, change.property, show(&change.before), show(&change.after))
        })
        .collect()
}

fn one(kind: &str, properties: Json) -> Json {
    json!({ "Resources": { "R": { "Type": kind, "Properties": properties } } })
}

#[test]
fn nested_objects_are_descended_and_lists_are_one() {
    let before =
        one("AWS::ECS::Cluster", json!({ "A": { "B": 1, "C": 2 }, "L": [1, 2], "One": [{ "K": "a" }], "Gone": 1 }));
    let after =
        one("AWS::ECS::Cluster", json!({ "A": { "B": 1, "C": 3 }, "L": [1, 3], "One": [{ "K": "b" }], "New": 1 }));
    assert_eq!(
        lines(before, after, &[], &[]),
        ["R.A.C: 2 → 3", "R.Gone: 1 → -", "R.L: [1,2] → [1,3]", "R.New: - → 1", r#"R.One.0.K: "a" → "b""#,]
    );
}

#[test]
fn resources_come_and_go_as_one_change() {
    let before = json!({ "Resources": { "Old": { "Type": "AWS::SNS::Topic" }, "R": { "Type": "AWS::SNS::Topic" } } });
    let after = json!({ "Resources": { "R": { "Type": "AWS::SNS::Topic" }, "New": { "Type": "AWS::SQS::Queue", "Properties": { "A": 1 } } } });
    assert_eq!(lines(before, after, &[], &[]), [r#"New.: - → {"A":1}"#, "Old.: null → -"]);
}

#[test]
fn create_only_properties_replace_also_where_a_nested_one_comes_with_its_object() {
    let endpoint = |options: Json| one("AWS::EC2::VPCEndpoint", json!({ "DnsOptions": options }));
    assert_eq!(
        lines(one("AWS::EC2::VPCEndpoint", json!({})), endpoint(json!({ "DnsRecordIpType": "ipv4" })), &[], &[]),
        [r#"R.DnsOptions: - → {"DnsRecordIpType":"ipv4"}"#]
    );
    assert_eq!(
        lines(one("AWS::EC2::VPCEndpoint", json!({})), endpoint(json!({ "PrivateDnsPreference": "ALL" })), &[], &[]),
        [r#"R.DnsOptions: - → {"PrivateDnsPreference":"ALL"} (replaces)"#]
    );
    assert_eq!(
        lines(
            one("AWS::RDS::DBInstance", json!({ "Engine": "postgres", "KmsKeyId": "a" })),
            one("AWS::RDS::DBInstance", json!({ "Engine": "mysql", "KmsKeyId": "b" })),
            &[],
            &[]
        ),
        [r#"R.Engine: "postgres" → "mysql" (may replace)"#, r#"R.KmsKeyId: "a" → "b" (replaces)"#]
    );
}

#[test]
fn a_parameter_shows_where_it_arrives() {
    let template = one(
        "AWS::EC2::SecurityGroup",
        json!({ "VpcId": { "Ref": "VpcId" }, "Tags": [{ "Key": "Name", "Value": { "Fn::Sub": "in ${VpcId} of ${AWS::Region}" } }] }),
    );
    assert_eq!(
        lines(template.clone(), template, &[("VpcId", "vpc-1")], &[("VpcId", "vpc-2")]),
        [
            r#"R.Tags.0.Value: {"Fn::Sub":"in vpc-1 of ${AWS::Region}"} → {"Fn::Sub":"in vpc-2 of ${AWS::Region}"}"#,
            r#"R.VpcId: "vpc-1" → "vpc-2" (replaces)"#,
        ]
    );
}

#[test]
fn a_secret_parameter_is_never_shown() {
    let template = json!({
        "Parameters": { "Password": { "Type": "String", "NoEcho": true } },
        "Resources": { "R": { "Type": "AWS::RDS::DBInstance", "Properties": { "MasterUserPassword": { "Ref": "Password" } } } },
    });
    assert_eq!(
        lines(template.clone(), template, &[("Password", "****")], &[("Password", "hunter2")]),
        Vec::<String>::new()
    );
}

#[test]
fn what_refers_to_a_replaced_resource_by_a_create_only_property_is_replaced_too() {
    let template = |cidr: &str| {
        json!({ "Resources": {
            "Vpc": { "Type": "AWS::EC2::VPC", "Properties": { "CidrBlock": cidr } },
            "Subnet": { "Type": "AWS::EC2::Subnet", "Properties": { "VpcId": { "Ref": "Vpc" } } },
            "Nat": { "Type": "AWS::EC2::NatGateway", "Properties": { "SubnetId": { "Fn::GetAtt": ["Subnet", "SubnetId"] } } },
            "Listener": { "Type": "AWS::ElasticLoadBalancingV2::Listener", "Properties": { "Port": { "Ref": "Vpc" } } },
        } })
    };
    assert_eq!(
        lines(template("a"), template("b"), &[], &[]),
        [
            r#"Nat.SubnetId: {"Fn::GetAtt":["Subnet","SubnetId"]} → {"Fn::GetAtt":["Subnet","SubnetId"]} (replaces)"#,
            r#"Subnet.VpcId: {"Ref":"Vpc"} → {"Ref":"Vpc"} (replaces)"#,
            r#"Vpc.CidrBlock: "a" → "b" (replaces)"#,
        ]
    );
}

#[test]
fn outputs_are_named_only_where_nothing_else_would_show_and_never_our_own() {
    let template = |output: &str, hash: &str, size: u32| {
        json!({
            "Resources": { "R": { "Type": "AWS::SQS::Queue", "Properties": { "DelaySeconds": size } } },
            "Outputs": { "Url": { "Value": output }, "TemplateHash": { "Value": hash } },
        })
    };
    assert_eq!(lines(template("a", "1", 1), template("b", "2", 1), &[], &[]), [r#"Outputs.Url.Value: "a" → "b""#]);
    assert_eq!(lines(template("a", "1", 1), template("b", "2", 2), &[], &[]), ["R.DelaySeconds: 1 → 2"]);
    assert_eq!(lines(template("a", "1", 1), template("a", "2", 1), &[], &[]), Vec::<String>::new());
}

#[test]
fn a_change_of_type_replaces() {
    assert_eq!(
        lines(one("AWS::SQS::Queue", json!({})), one("AWS::SNS::Topic", json!({})), &[], &[]),
        [r#"R.Type: "AWS::SQS::Queue" → "AWS::SNS::Topic" (replaces)"#]
    );
}
