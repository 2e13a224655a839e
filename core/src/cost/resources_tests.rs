//! Which resources cost what: every type of our templates has an answer, and a user's gets one or is named.

use std::collections::BTreeSet;

use serde_json::{Value as Json, json};

use super::{FREE, Place, lines};
use crate::{
    cost::{Basis, Quantity, item::Line},
    infra::{Body, matrix::matrix},
};

fn of(kind: &str, properties: &Json) -> Result<Vec<Line>, String> {
    let parameters = |name: &str| (name == "Subnets").then(|| "a,b,c".to_owned());
    let place = Place { parameters: &parameters, count: &|name| (name == "Pending").then_some(2) };
    lines(kind, properties.as_object().unwrap(), &place)
}

fn fixed(kind: &str, properties: &Json) -> Vec<(String, String)> {
    let lines = of(kind, properties).unwrap();
    let fixed = lines.into_iter().filter(|line| line.basis == Basis::Fixed);
    fixed.map(|line| (line.key, line.least.to_string())).collect()
}

fn pairs(wanted: &[(&str, &str)]) -> Vec<(String, String)> {
    wanted.iter().map(|(key, quantity)| ((*key).to_owned(), (*quantity).to_owned())).collect()
}

#[test]
fn r21_every_type_of_our_templates_is_priced_or_known_to_be_free() {
    let mut unknown = BTreeSet::new();
    for (_, stacks) in matrix() {
        for stack in stacks {
            let Body::Rendered(template) = &stack.body else { continue };
            for resource in template.resources.values() {
                let place = Place { parameters: &|_| None, count: &|_| Some(2) };
                if let Err(what) = lines(resource.kind, &resource.properties, &place) {
                    unknown.insert(what);
                }
            }
        }
    }
    assert!(unknown.is_empty(), "an arm in `lines` with a price, or a line in FREE: {unknown:?}");
}

#[test]
fn r21_free_types_are_named_once_and_in_order() {
    let sorted: BTreeSet<&&str> = FREE.iter().collect();
    assert_eq!(sorted.len(), FREE.len());
}

#[test]
fn r21_a_type_that_is_not_known_is_not_taken_for_free() {
    assert_eq!(of("AWS::Kinesis::Stream", &json!({})), Err("AWS::Kinesis::Stream".to_owned()));
    let network = json!({ "Type": "network" });
    assert_eq!(of("AWS::ElasticLoadBalancingV2::LoadBalancer", &network), Err("network load balancer".to_owned()));
    assert!(of("AWS::RDS::DBInstance", &json!({ "Engine": "oracle-ee" })).unwrap_err().contains("oracle-ee"));
}

#[test]
fn r21_interface_endpoints_are_paid_in_each_zone_and_gateways_are_free() {
    let interface = |subnets: Json| json!({ "VpcEndpointType": "Interface", "SubnetIds": subnets });
    let kind = "AWS::EC2::VPCEndpoint";
    let two = [("interface endpoint/hour", "1460")];
    assert_eq!(fixed(kind, &interface(json!([{ "Ref": "A" }, { "Ref": "B" }]))), pairs(&two));
    assert_eq!(fixed(kind, &interface(json!({ "Ref": "Subnets" }))), pairs(&[("interface endpoint/hour", "2190")]));
    assert_eq!(fixed(kind, &interface(json!({ "Ref": "Pending" }))), pairs(&two));
    assert!(of(kind, &interface(json!({ "Ref": "Nobody" }))).is_err());
    assert_eq!(of(kind, &json!({ "VpcEndpointType": "Gateway" })), Ok(Vec::new()));
}

#[test]
fn r21_an_internal_load_balancer_has_no_public_address() {
    let kind = "AWS::ElasticLoadBalancingV2::LoadBalancer";
    let subnets = json!(["a", "b"]);
    let public = json!({ "Scheme": "internet-facing", "Subnets": subnets });
    assert_eq!(fixed(kind, &public), pairs(&[("application/hour", "730"), ("public IPv4/hour", "1460")]));
    let internal = json!({ "Scheme": "internal", "Subnets": subnets });
    assert_eq!(fixed(kind, &internal), pairs(&[("application/hour", "730")]));
}

#[test]
fn r21_a_database_is_its_class_its_storage_its_zones_and_what_is_kept_elsewhere() {
    let kind = "AWS::RDS::DBInstance";
    let mut properties = json!({
        "Engine": "postgres", "DBInstanceClass": "db.t4g.small", "AllocatedStorage": "50", "StorageType": "gp3",
        "MultiAZ": true, "BackupRetentionPeriod": 7, "AutomaticBackupReplicationRegion": "us-west-2",
    });
    let wanted = [("db.t4g.small multi-az/hour", "730"), ("gp3 multi-az/GB-month", "50")];
    assert_eq!(fixed(kind, &properties), pairs(&wanted));
    let metered: Vec<(String, Option<String>)> = of(kind, &properties)
        .unwrap()
        .into_iter()
        .filter(|line| line.basis == Basis::Metered)
        .map(|line| (line.key, line.region))
        .collect();
    assert_eq!(
        metered,
        [
            ("CPU credit/vCPU-hour".to_owned(), None),
            ("backup/GB-month".to_owned(), None),
            ("other region out/GB".to_owned(), None),
            ("backup/GB-month".to_owned(), Some("us-west-2".to_owned())),
        ]
    );
    properties["MultiAZ"] = json!("false");
    properties["BackupRetentionPeriod"] = json!(0);
    properties.as_object_mut().unwrap().remove("AutomaticBackupReplicationRegion");
    assert_eq!(of(kind, &properties).unwrap().len(), 3);
    assert_eq!(fixed(kind, &properties)[0].0, "db.t4g.small single-az/hour");
}

#[test]
fn r21_alarms_rules_and_nodes_are_counted() {
    assert_eq!(fixed("AWS::CloudWatch::Alarm", &json!({ "MetricName": "x" })), pairs(&[("alarm/month", "1")]));
    let sum = json!({ "Metrics": [{ "Id": "a", "MetricStat": {} }, { "Id": "b", "MetricStat": {} }, { "Id": "s", "Expression": "a+b" }] });
    assert_eq!(fixed("AWS::CloudWatch::Alarm", &sum), pairs(&[("alarm/month", "2")]));
    let acl = json!({ "Rules": [{}, {}, {}] });
    assert_eq!(fixed("AWS::WAFv2::WebACL", &acl), pairs(&[("web ACL/month", "1"), ("rule/month", "3")]));
    let cache = json!({ "CacheNodeType": "cache.t4g.micro", "NumCacheClusters": 2 });
    assert_eq!(fixed("AWS::ElastiCache::ReplicationGroup", &cache), pairs(&[("cache.t4g.micro/hour", "1460")]));
    assert_eq!(Quantity::of(730).times(2).to_string(), "1460");
}

#[test]
fn r21_an_alarm_that_looks_more_often_than_each_minute_costs_more() {
    let kind = "AWS::CloudWatch::Alarm";
    let often = [("high-resolution alarm/month", "1")];
    assert_eq!(fixed(kind, &json!({ "MetricName": "x", "Period": 10 })), pairs(&often));
    assert_eq!(fixed(kind, &json!({ "MetricName": "x", "Period": "30" })), pairs(&often));
    let within =
        json!({ "Metrics": [{ "Id": "a", "MetricStat": { "Period": 10 } }, { "Id": "s", "Expression": "a*2" }] });
    assert_eq!(fixed(kind, &within), pairs(&often));
    assert_eq!(fixed(kind, &json!({ "MetricName": "x", "Period": 60 })), pairs(&[("alarm/month", "1")]));
}

#[test]
fn r21_nodes_of_a_cache_are_its_groups_times_a_primary_and_its_replicas() {
    let kind = "AWS::ElastiCache::ReplicationGroup";
    let hours = |properties: Json| fixed(kind, &properties)[0].1.clone();
    assert_eq!(hours(json!({ "CacheNodeType": "cache.t4g.micro" })), "730");
    // Three groups of a primary and a replica: 6 × 730.
    let groups = json!({ "CacheNodeType": "cache.t4g.micro", "NumNodeGroups": 3, "ReplicasPerNodeGroup": 1 });
    assert_eq!(hours(groups), "4380");
    let unknown = json!({ "CacheNodeType": "cache.t4g.micro", "NumNodeGroups": { "Ref": "Nobody" } });
    assert!(of(kind, &unknown).unwrap_err().contains("nodes are not known"));
    let valkey = json!({ "CacheNodeType": "cache.t4g.micro", "Engine": "valkey" });
    assert_eq!(of(kind, &valkey), Err("ElastiCache node of engine valkey".to_owned()));
}

#[test]
fn r21_a_key_that_rotates_says_what_that_adds() {
    let key = |properties: Json| of("AWS::KMS::Key", &properties).unwrap().remove(0);
    assert!(key(json!({ "EnableKeyRotation": true })).note.is_some_and(|note| note.contains("rotation")));
    assert_eq!(key(json!({})).note, None);
}

#[test]
fn r21_a_class_that_does_not_burst_pays_for_no_credits() {
    let class = |class: &str| {
        let properties = json!({ "Engine": "postgres", "DBInstanceClass": class, "AllocatedStorage": 20 });
        of("AWS::RDS::DBInstance", &properties).unwrap().iter().any(|line| line.key.starts_with("CPU credit"))
    };
    assert!(class("db.t3.micro") && class("db.t4g.large"));
    assert!(!class("db.m6g.large") && !class("db.r5.large"));
}

#[test]
fn r21_container_insights_are_paid_only_where_they_are_on() {
    let cluster = |value: &str| json!({ "ClusterSettings": [{ "Name": "containerInsights", "Value": value }] });
    assert_eq!(of("AWS::ECS::Cluster", &cluster("enabled")).unwrap().len(), 1);
    assert_eq!(of("AWS::ECS::Cluster", &cluster("disabled")), Ok(Vec::new()));
}
