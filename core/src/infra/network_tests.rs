//! What the network stack holds: who reaches whom, in every egress.

use super::*;
use crate::infra::testing::{environment, only, service};

fn with_egress(egress: Egress) -> Template {
    let mut env = environment("staging");
    if let Network::Managed { egress: it, .. } = &mut env.network {
        *it = egress;
    }
    only(stacks(&env))
}

fn count(template: &Template, kind: &str) -> usize {
    template.resources.values().filter(|it| it.kind == kind).count()
}

/// Peers and ports of a group's inward rules.
fn ingress(template: &Template, id: &str) -> Vec<(Json, u64)> {
    let rules = template.resources[id].properties.get("SecurityGroupIngress").cloned().unwrap_or_default();
    rules
        .as_array()
        .into_iter()
        .flatten()
        .map(|rule| {
            assert_eq!(rule["FromPort"], rule["ToPort"], "{id} opens a span of ports");
            let peer = rule.get("CidrIp").or_else(|| rule.get("SourceSecurityGroupId")).unwrap();
            (peer.clone(), rule["FromPort"].as_u64().unwrap())
        })
        .collect()
}

#[test]
fn r1_the_vpc_and_its_subnets_have_the_ranges_of_the_file_in_two_zones() {
    let template = only(stacks(&environment("staging")));
    assert_eq!(template.resources["Vpc"].properties["CidrBlock"], "10.0.0.0/16");
    for (id, range, zone) in [
        ("PublicSubnet1", "10.0.1.0/24", 0),
        ("PublicSubnet2", "10.0.2.0/24", 1),
        ("PrivateSubnet1", "10.0.3.0/24", 0),
        ("PrivateSubnet2", "10.0.4.0/24", 1),
    ] {
        let subnet = &template.resources[id].properties;
        assert_eq!(subnet["CidrBlock"], range);
        assert_eq!(subnet["AvailabilityZone"]["Fn::Select"][0], zone);
        assert_eq!(subnet["MapPublicIpOnLaunch"], false);
    }
}

#[test]
fn r1_only_public_subnets_have_a_route_from_the_internet() {
    let template = with_egress(Egress::NatGatewayPerAz);
    let to_gateway: Vec<&Json> = template
        .resources
        .values()
        .filter(|it| it.kind == "AWS::EC2::Route" && it.properties.contains_key("GatewayId"))
        .map(|it| &it.properties["RouteTableId"])
        .collect();
    assert_eq!(to_gateway, [&reference("PublicRouteTable")]);
    for zone in 1..=2 {
        let table = &template.resources[&format!("PrivateSubnet{zone}RouteTable")].properties["RouteTableId"];
        assert_eq!(table, &reference(&format!("PrivateRouteTable{zone}")));
    }
}

#[test]
fn r1_each_kind_of_egress_makes_what_it_says() {
    let one = with_egress(Egress::NatGateway);
    assert_eq!((count(&one, "AWS::EC2::NatGateway"), count(&one, "AWS::EC2::VPCEndpoint")), (1, 1));
    for zone in 1..=2 {
        let route = &one.resources[&format!("PrivateRoute{zone}")];
        assert_eq!(route.properties["NatGatewayId"], reference("NatGateway1"));
    }
    let each = with_egress(Egress::NatGatewayPerAz);
    assert_eq!(count(&each, "AWS::EC2::NatGateway"), 2);
    assert_eq!(each.resources["PrivateRoute2"].properties["NatGatewayId"], reference("NatGateway2"));

    let none = with_egress(Egress::VpcEndpoints);
    assert_eq!(count(&none, "AWS::EC2::NatGateway"), 0);
    let interfaces: Vec<&str> =
        none.resources.keys().filter(|id| id.ends_with("Endpoint")).map(String::as_str).collect();
    assert_eq!(
        interfaces,
        ["EcrApiEndpoint", "EcrDkrEndpoint", "LogsEndpoint", "S3Endpoint", "SecretsmanagerEndpoint", "SsmEndpoint"]
    );
}

#[test]
fn another_kind_of_egress_touches_no_subnet_and_no_route_table() {
    let kept = |template: &Template| {
        let kinds = ["AWS::EC2::Subnet", "AWS::EC2::RouteTable", "AWS::EC2::SubnetRouteTableAssociation"];
        let mut kept = template.resources.clone();
        kept.retain(|_, it| kinds.contains(&it.kind));
        kept
    };
    let nat = kept(&with_egress(Egress::NatGateway));
    assert_eq!(nat, kept(&with_egress(Egress::NatGatewayPerAz)));
    assert_eq!(nat, kept(&with_egress(Egress::VpcEndpoints)));
}

#[test]
fn r2_the_load_balancer_is_reached_on_80_and_443_from_the_internet() {
    let template = only(stacks(&environment("staging")));
    let internet = json!("0.0.0.0/0");
    assert_eq!(ingress(&template, "LoadBalancerSecurityGroup"), [(internet.clone(), 80), (internet.clone(), 443)]);

    let mut env = environment("staging");
    env.domain = None;
    assert_eq!(ingress(&only(stacks(&env)), "LoadBalancerSecurityGroup"), [(internet, 80)]);
}

#[test]
fn r2_the_database_is_reached_by_its_clients_only() {
    let template = only(stacks(&environment("staging")));
    assert_eq!(
        ingress(&template, "DatabaseSecurityGroup"),
        [(attribute("DatabaseClientsSecurityGroup", "GroupId"), 5432)]
    );
    assert_eq!(ingress(&template, "DatabaseClientsSecurityGroup"), []);
    for id in ["DatabaseSecurityGroup", "DatabaseClientsSecurityGroup"] {
        assert_eq!(template.resources[id].properties["SecurityGroupEgress"][0]["CidrIp"], "255.255.255.255/32");
    }
}

#[test]
fn r2_a_caller_has_a_group_and_others_have_none() {
    let mut env = environment("staging");
    env.services.get_mut("api").unwrap().allow_from = vec!["web".into()];
    let template = only(stacks(&env));
    assert!(template.outputs.contains_key("WebClientsSecurityGroupId"));
    assert!(!template.outputs.contains_key("ApiClientsSecurityGroupId"));
}

#[test]
fn an_existing_network_is_passed_through() {
    let mut env = environment("staging");
    env.network = Network::Existing {
        vpc: "vpc-1".into(),
        public_subnets: vec!["subnet-a".into(), "subnet-b".into()],
        private_subnets: vec!["subnet-c".into(), "subnet-d".into()],
    };
    let template = only(stacks(&env));
    assert!(template.resources.values().all(|it| it.kind == "AWS::EC2::SecurityGroup"));
    assert_eq!(template.outputs["VpcId"].value, "vpc-1");
    assert_eq!(template.outputs["PrivateSubnetIds"].value, joined(&[json!("subnet-c"), json!("subnet-d")]));

    env.database = None;
    env.services = [("worker".to_owned(), service("worker", 256, 512, "."))].into();
    assert_eq!(only(stacks(&env)).resources.keys().collect::<Vec<_>>(), ["Nothing"]);
}
