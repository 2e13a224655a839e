//! What is found, what is refused, and what an import sends.

use std::collections::{BTreeMap, BTreeSet};

use super::*;
use crate::{
    infra::{self, testing::environment},
    plan::{Exit, Replacement, Stack, StackMove},
    workflow::Value,
};

fn put(key: &str, template: Json) -> PutStack {
    PutStack {
        key: key.into(),
        name: format!("shop-staging-{key}"),
        region: "us-east-1".into(),
        step: StackMove::Create,
        body: template.to_string(),
        parameters: BTreeMap::from([("Boundary".into(), Value::Known(String::new()))]),
        tags: BTreeMap::from([
            (Stack::APP.to_owned(), "shop".to_owned()),
            (Stack::ENVIRONMENT.to_owned(), "staging".to_owned()),
            (Stack::STAGE.to_owned(), format!("bootstrap-{key}")),
        ]),
        hash: "abc".into(),
        holds: BTreeMap::new(),
        imports: Vec::new(),
        changes: Vec::new(),
    }
}

fn looking(template: Json) -> Looking {
    Looking {
        put: put("network", template),
        account: "123456789012".into(),
        present: None,
        held: BTreeMap::new(),
        picks: BTreeMap::new(),
        named: BTreeMap::new(),
        keys: BTreeMap::new(),
        prefix: "shop-staging".into(),
        stacks: BTreeSet::from(["theirs".to_owned()]),
        listed: BTreeMap::new(),
    }
}

fn network() -> Json {
    json!({
        "Conditions": { "Bounded": { "Fn::Equals": [{ "Ref": "Boundary" }, ""] } },
        "Parameters": { "Boundary": { "Type": "String" }, "Unused": { "Type": "String" } },
        "Resources": {
            "Vpc": { "Type": "AWS::EC2::VPC", "Properties": { "CidrBlock": "10.0.0.0/16", "EnableDnsSupport": true } },
            "One": { "Type": "AWS::EC2::Subnet", "Properties": {
                "VpcId": { "Ref": "Vpc" }, "CidrBlock": "10.0.1.0/24", "MapPublicIpOnLaunch": true } },
            "Table": { "Type": "AWS::EC2::RouteTable", "DependsOn": ["Vpc", "Gateway"], "Properties": { "VpcId": { "Ref": "Vpc" } } },
            "Route": { "Type": "AWS::EC2::Route", "Properties": { "RouteTableId": { "Ref": "Table" } } },
            "Gateway": { "Type": "AWS::EC2::InternetGateway" },
        },
        "Outputs": { "TemplateHash": { "Value": "abc" } },
    })
}

fn existing(identifier: &str, properties: Json) -> Existing {
    Existing { identifier: identifier.into(), properties }
}

fn tags(all: &[(&str, &str)]) -> Json {
    all.iter().map(|(key, value)| json!({ "Key": key, "Value": value })).collect()
}

fn ours() -> Json {
    tags(&[(Stack::APP, "shop"), (Stack::ENVIRONMENT, "staging")])
}

/// Answers what is asked, round by round, from what is there by type; what is not there is an empty list.
fn answer(looking: &mut Looking, there: &[(&str, Existing)]) -> Vec<Lookup> {
    let mut asked = Vec::new();
    loop {
        let asks = looking.asks();
        if asks.is_empty() {
            return asked;
        }
        for ask in asks {
            let found = there.iter().filter(|(kind, it)| match &ask {
                Lookup::List { kind: of, .. } => kind == of,
                Lookup::Read { kind: of, identifier } => kind == of && it.identifier == *identifier,
            });
            looking.listed.insert(ask.clone(), Ok(found.map(|(_, it)| it.clone()).collect()));
            asked.push(ask);
        }
    }
}

fn table(adoption: &Adoption) -> Vec<(&str, &str, &str)> {
    adoption.adopts.iter().map(|it| (it.id.as_str(), it.name.as_str(), it.how.as_str())).collect()
}

const VPC: &str = "AWS::EC2::VPC";
const SUBNET: &str = "AWS::EC2::Subnet";
const TABLE: &str = "AWS::EC2::RouteTable";
const GATEWAY: &str = "AWS::EC2::InternetGateway";

#[test]
fn a_network_is_found_from_its_vpc_on_and_taken_as_it_is() {
    let mut looking = looking(network());
    let vpc = |id: &str, tags: Json| {
        existing(id, json!({ "VpcId": id, "CidrBlock": "10.0.0.0/16", "EnableDnsSupport": true, "Tags": tags }))
    };
    let there = [
        (VPC, vpc("vpc-1", tags(&[("Name", "shop-staging-vpc")]))),
        (VPC, vpc("vpc-2", tags(&[("Name", "shop-production")]))),
        (VPC, existing("vpc-3", json!({ "CidrBlock": "10.9.0.0/16", "Tags": ours() }))),
        (
            SUBNET,
            existing("subnet-1", json!({ "VpcId": "vpc-1", "CidrBlock": "10.0.1.0/24", "MapPublicIpOnLaunch": false })),
        ),
        (SUBNET, existing("subnet-2", json!({ "VpcId": "vpc-2", "CidrBlock": "10.0.1.0/24" }))),
        (TABLE, existing("rtb-1", json!({ "VpcId": "vpc-1" }))),
        (TABLE, existing("rtb-2", json!({ "VpcId": "vpc-1", "Tags": ours() }))),
        (GATEWAY, existing("igw-1", json!({}))),
    ];
    answer(&mut looking, &there);
    let found = looking.end().unwrap();
    assert_eq!(
        table(&found),
        [
            ("One", "subnet-1", "VpcId and CidrBlock"),
            ("Table", "rtb-2", "our tags and VpcId"),
            ("Vpc", "vpc-1", "its name and CidrBlock"),
        ]
    );
    assert!(found.may_go() && found.refusals.is_empty() && found.ambiguous.is_empty());
    let differences: Vec<_> = found.adopts.iter().flat_map(|it| &it.differences).collect();
    assert_eq!(differences.len(), 1);
    assert_eq!((&*differences[0].property, &differences[0].before), ("MapPublicIpOnLaunch", &Some(json!(false))));
    let made: Vec<_> = found.creates.iter().map(|it| (it.id.as_str(), it.flag.as_str())).collect();
    assert_eq!(
        made,
        [("Gateway", "--resource Gateway=INTERNETGATEWAYID"), ("Route", "--resource Route=ROUTETABLEID|CIDRBLOCK")]
    );
    let [put] = &found.puts[..] else { panic!("{:?}", found.puts) };
    assert_eq!(put.step, StackMove::Import);
    let sent: Json = serde_json::from_str(&put.body).unwrap();
    // Nothing but what is imported, without outputs; what it waits for is there.
    assert_eq!(
        sent,
        json!({ "Resources": {
            "Vpc": { "Type": VPC, "DeletionPolicy": "Retain", "Properties": { "CidrBlock": "10.0.0.0/16", "EnableDnsSupport": true } },
            "One": { "Type": SUBNET, "DeletionPolicy": "Retain", "Properties": {
                "VpcId": { "Ref": "Vpc" }, "CidrBlock": "10.0.1.0/24", "MapPublicIpOnLaunch": false } },
            "Table": { "Type": TABLE, "DeletionPolicy": "Retain", "DependsOn": ["Vpc"], "Properties": { "VpcId": { "Ref": "Vpc" } } },
        } })
    );
    let identifiers: Vec<_> = put.imports.iter().map(|it| (it.id.as_str(), it.identifier.clone())).collect();
    assert_eq!(identifiers[2], ("Vpc", BTreeMap::from([("VpcId".to_owned(), "vpc-1".to_owned())])));
}

#[test]
fn what_two_could_be_is_left_to_a_person_and_what_was_said_counts() {
    let vpc = |id: &str| {
        (VPC, existing(id, json!({ "CidrBlock": "10.0.0.0/16", "Tags": tags(&[("Name", "shop-staging")]) })))
    };
    let there = [vpc("vpc-1"), vpc("vpc-2")];
    let mut look = looking(network());
    answer(&mut look, &there);
    let found = look.end().unwrap();
    assert!(!found.may_go() && found.adopts.is_empty());
    let [which] = &found.ambiguous[..] else { panic!("{:?}", found.ambiguous) };
    assert_eq!(which.candidates, ["vpc-1 (shop-staging)", "vpc-2 (shop-staging)"]);
    assert_eq!(which.flag, "--resource Vpc=VPCID");

    look.picks.insert("Vpc".into(), Pick::Is("vpc-2".into()));
    answer(&mut look, &there);
    let found = look.end().unwrap();
    assert_eq!(table(&found), [("Vpc", "vpc-2", "as was said")]);
    look.picks.insert("Vpc".into(), Pick::New);
    let found = look.end().unwrap();
    assert!(found.adopts.is_empty() && found.ambiguous.is_empty() && !found.may_go());
    // A part of an identifier, or too many, is a mistake of whoever said it.
    look.picks.insert("Route".into(), Pick::Is("rtb-1".into()));
    let refusal = look.end().unwrap_err();
    assert_eq!((refusal.exit, &*refusal.remedy), (Exit::Usage, "say --resource Route=ROUTETABLEID|CIDRBLOCK"));
}

#[test]
fn a_range_alone_makes_no_vpc_ours_and_another_stacks_is_named() {
    let vpc = |id: &str, tags: Json| (VPC, existing(id, json!({ "CidrBlock": "10.0.0.0/16", "Tags": tags })));
    for (tags, why) in [
        (tags(&[("Name", "lab")]), "vpc-1 (lab) has the same CidrBlock, but no tag or name of this environment"),
        (tags(&[(Stack::APP, "shop"), (Stack::ENVIRONMENT, "production"), ("Name", "shop-staging")]), ""),
        (
            tags(&[("aws:cloudformation:stack-name", "theirs"), ("Name", "shop-staging")]),
            "vpc-1 fits, and stack theirs has it",
        ),
        // That stack is gone and left it.
        (
            tags(&[("aws:cloudformation:stack-name", "old"), ("Name", "x")]),
            "vpc-1 (x) has the same CidrBlock, but no tag or name of this environment",
        ),
    ] {
        let mut looking = looking(network());
        answer(&mut looking, &[vpc("vpc-1", tags)]);
        let found = looking.end().unwrap();
        assert!(found.adopts.is_empty());
        assert_eq!(found.creates.iter().find(|it| it.id == "Vpc").unwrap().why, why);
        let subnet = found.creates.iter().find(|it| it.id == "One").unwrap();
        assert_eq!(subnet.why, "it belongs to Vpc, which is yet to be made");
    }
    // What our own stack left has the logical id on it.
    let mut looking = looking(network());
    let left = |id: &str| {
        tags(&[("aws:cloudformation:stack-name", "shop-staging-network"), ("aws:cloudformation:logical-id", id)])
    };
    answer(&mut looking, &[vpc("vpc-1", left("Vpc")), vpc("vpc-2", left("Other"))]);
    assert_eq!(table(&looking.end().unwrap()), [("Vpc", "vpc-1", "the tags CloudFormation left on it")]);
}

#[test]
fn what_cannot_be_listed_is_said_and_can_still_be_named() {
    let mut looking = looking(network());
    let list = |kind: &str| Lookup::List { kind: kind.into(), model: String::new() };
    assert_eq!(looking.asks(), BTreeSet::from([list(VPC), list(GATEWAY)]));
    for kind in [VPC, GATEWAY] {
        looking.listed.insert(list(kind), Err("AccessDeniedException".into()));
    }
    let found = looking.end().unwrap();
    let vpc = found.creates.iter().find(|it| it.id == "Vpc").unwrap();
    assert_eq!((&*vpc.why, &*vpc.flag), ("it was not looked for: AccessDeniedException", "--resource Vpc=VPCID"));
    looking.picks.insert("Vpc".into(), Pick::Is("vpc-7".into()));
    let read = Lookup::Read { kind: VPC.into(), identifier: "vpc-7".into() };
    assert!(looking.asks().contains(&read));
    looking.listed.insert(read, Err("AccessDeniedException".into()));
    let found = looking.end().unwrap();
    assert_eq!(found.adopts[0].not_compared, ["CidrBlock", "EnableDnsSupport"]);
    assert!(found.may_go());
}

#[test]
fn a_replacement_to_come_is_refused_with_the_way_out() {
    let mut looking = looking(network());
    looking.picks.insert("Vpc".into(), Pick::Is("vpc-9".into()));
    answer(&mut looking, &[(VPC, existing("vpc-9", json!({ "CidrBlock": "10.9.0.0/16", "EnableDnsSupport": true })))]);
    let found = looking.end().unwrap();
    assert!(!found.may_go());
    let [refusal] = &found.refusals[..] else { panic!("{:?}", found.refusals) };
    assert_eq!(refusal.what, "adopting vpc-9 as Vpc (AWS::EC2::VPC) into shop-staging-network");
    assert!(refusal.why.contains(r#"CidrBlock is "10.9.0.0/16" and would be "10.0.0.0/16""#), "{}", refusal.why);
    assert!(refusal.remedy.contains("--resource Vpc=-"), "{}", refusal.remedy);
    assert_eq!(found.adopts[0].differences[0].replacement, Replacement::Yes);
}

#[test]
fn names_are_cloudformations_to_find_and_composed_ones_are_read() {
    let template = json!({ "Resources": {
        "Logs": { "Type": "AWS::Logs::LogGroup", "Properties": { "LogGroupName": "/ecs/api", "RetentionInDays": 30 } },
        "Policy": { "Type": "AWS::S3::BucketPolicy", "Properties": { "Bucket": { "Ref": "Bucket" }, "PolicyDocument": {} } },
        "Bucket": { "Type": "AWS::S3::Bucket", "Properties": { "BucketName": { "Fn::Sub": "files-${AWS::AccountId}" } } },
        "Filter": { "Type": "AWS::Logs::MetricFilter", "Properties": { "LogGroupName": "/ecs/api", "FilterName": "errors" } },
        "Own": { "Type": "My::Own::Thing", "Properties": {} },
    } });
    let mut looking = looking(template);
    assert!(looking.has_names());
    looking.named = BTreeMap::from([("Logs".into(), "/ecs/api".into()), ("Filter".into(), "errors".into())]);
    let there = [
        ("AWS::S3::Bucket", existing("files-123456789012", json!({ "BucketName": "files-123456789012" }))),
        (
            "AWS::S3::BucketPolicy",
            existing("files-123456789012", json!({ "Bucket": "files-123456789012", "PolicyDocument": {} })),
        ),
    ];
    answer(&mut looking, &there);
    let found = looking.end().unwrap();
    assert_eq!(
        table(&found),
        [
            ("Bucket", "files-123456789012", "its name"),
            ("Filter", "/ecs/api|errors", "its name"),
            ("Logs", "/ecs/api", "its name"),
            ("Policy", "files-123456789012", "its name"),
        ]
    );
    // Nothing was read of the group but its name.
    assert_eq!(found.adopts[2].not_compared, ["RetentionInDays"]);
    assert_eq!(found.creates[0].why, "CloudFormation imports no such thing");
    assert_eq!(found.creates[0].flag, "");
    // What CloudFormation tells of the types counts more than the table.
    looking.keys = BTreeMap::from([("My::Own::Thing".into(), vec!["ThingId".into()])]);
    looking.picks.insert("Own".into(), Pick::Is("t-1".into()));
    let found = looking.end().unwrap();
    assert_eq!(table(&found), [("Own", "t-1", "as was said")]);
}

#[test]
fn a_group_that_cloudformation_would_rename_is_refused_though_nothing_was_read() {
    let mut looking = looking(json!({ "Resources": {
        "Logs": { "Type": "AWS::Logs::LogGroup", "Properties": { "LogGroupName": "/ecs/api" } } } }));
    looking.picks.insert("Logs".into(), Pick::Is("/ecs/old".into()));
    answer(&mut looking, &[]);
    let found = looking.end().unwrap();
    assert_eq!((found.refusals.len(), found.may_go()), (1, false));
}

#[test]
fn into_a_stack_that_stands_everything_else_is_given_again_unchanged() {
    let mut template = network();
    template["Resources"]["One"]["Properties"]["MapPublicIpOnLaunch"] = json!({ "Fn::If": ["Bounded", true, false] });
    let mut looking = looking(template);
    let present = json!({
        "Resources": { "Vpc": { "Type": VPC, "Properties": { "CidrBlock": "10.0.0.0/16" } } },
        "Outputs": { "TemplateHash": { "Value": "old" } },
    });
    looking.put.step = StackMove::Update;
    looking.present = Some(present.clone());
    looking.held = BTreeMap::from([("Vpc".into(), "vpc-1".into())]);
    let there = [
        (VPC, existing("vpc-1", json!({ "CidrBlock": "10.0.0.0/16" }))),
        (
            SUBNET,
            existing("subnet-1", json!({ "VpcId": "vpc-1", "CidrBlock": "10.0.1.0/24", "MapPublicIpOnLaunch": true })),
        ),
    ];
    let asked = answer(&mut looking, &there);
    assert!(!asked.iter().any(|ask| matches!(ask, Lookup::List { kind, .. } if kind == VPC)));
    let found = looking.end().unwrap();
    assert_eq!(table(&found), [("One", "subnet-1", "VpcId and CidrBlock")]);
    let sent: Json = serde_json::from_str(&found.puts[0].body).unwrap();
    assert_eq!((&sent["Resources"]["Vpc"], &sent["Outputs"]), (&present["Resources"]["Vpc"], &present["Outputs"]));
    // The condition that it speaks of comes with its parameters.
    assert_eq!(sent["Conditions"], network()["Conditions"]);
    assert_eq!(found.puts[0].parameters.keys().collect::<Vec<_>>(), ["Boundary", "Unused"]);
    // It has the VPC already: saying so again is no harm, saying another is a mistake.
    looking.picks.insert("Vpc".into(), Pick::Is("vpc-1".into()));
    assert!(looking.end().is_ok());
    looking.picks.insert("Vpc".into(), Pick::Is("vpc-2".into()));
    assert_eq!(looking.end().unwrap_err().why, "the stack has vpc-1 as its Vpc");
}

#[test]
fn every_stack_of_the_example_can_be_looked_for_and_finds_nothing_in_an_empty_account() {
    let env = environment("staging");
    for desired in infra::stacks(&env) {
        let mut looking = looking(desired.to_json());
        looking.put.key = desired.key.clone();
        answer(&mut looking, &[]);
        let found = looking.end().unwrap();
        assert!(found.adopts.is_empty() && found.ambiguous.is_empty() && found.puts.is_empty(), "{}", desired.key);
        assert!(!found.creates.is_empty());
    }
}

#[test]
fn what_is_asked_for_by_name_outlives_its_stack() {
    let body = json!({
        "Resources": {
            "Logs": { "Type": "AWS::Logs::LogGroup", "Properties": { "LogGroupName": "/ecs/api" } },
            "Bucket": { "Type": "AWS::S3::Bucket", "DeletionPolicy": "Retain" },
        },
    });
    let sent: Json = serde_json::from_str(&put("x", body).asking_by_name().body).unwrap();
    assert_eq!(sent["Resources"]["Logs"]["DeletionPolicy"], "RetainExceptOnCreate");
    assert_eq!(sent["Resources"]["Bucket"]["DeletionPolicy"], "Retain");
    let bare = PutStack { body: String::new(), ..put("x", json!({})) };
    assert_eq!(bare.asking_by_name(), bare);
}
