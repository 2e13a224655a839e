//! Security groups. All rules are inline: CloudFormation loses rules when inline and standalone ones are mixed on one
//! group, and a group that others only point at needs none of its own.
//! <https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-ec2-securitygroup.html>

use serde_json::{Value as Json, json};

use super::{Holds, Resource};

/// One rule: TCP on these ports, from or to a peer.
#[derive(Debug, Clone, PartialEq)]
pub struct Rule {
    peer: Peer,
    ports: Option<(u16, u16)>,
    about: &'static str,
}

/// Whom a rule lets in or out.
#[derive(Debug, Clone, PartialEq)]
enum Peer {
    Range(Json),
    Group(Json),
}

impl Rule {
    /// TCP on one port, from or to a range of addresses.
    pub fn range(range: Json, port: u16, about: &'static str) -> Self {
        Self { peer: Peer::Range(range), ports: Some((port, port)), about }
    }

    /// TCP on all ports, to a range of addresses.
    pub fn all_ports(range: Json, about: &'static str) -> Self {
        Self { peer: Peer::Range(range), ports: Some((0, 65535)), about }
    }

    /// Everything, to anywhere.
    pub fn anything(about: &'static str) -> Self {
        Self { peer: Peer::Range(json!("0.0.0.0/0")), ports: None, about }
    }

    /// TCP on one port, from whatever carries this group.
    pub fn group(group: Json, port: u16, about: &'static str) -> Self {
        Self { peer: Peer::Group(group), ports: Some((port, port)), about }
    }

    fn to_json(&self) -> Json {
        let mut rule = match self.ports {
            Some((from, to)) => json!({ "IpProtocol": "tcp", "FromPort": from, "ToPort": to }),
            None => json!({ "IpProtocol": "-1" }),
        };
        let (key, value) = match &self.peer {
            Peer::Range(range) => ("CidrIp", range),
            Peer::Group(group) => ("SourceSecurityGroupId", group),
        };
        rule[key] = value.clone();
        rule["Description"] = self.about.into();
        rule
    }
}

/// A security group. The description is a constant: a changed one replaces the group.
pub fn group(vpc: &Json, description: &'static str, ingress: &[Rule], egress: &[Rule]) -> Resource {
    // Without a rule EC2 adds one that lets everything out; this one matches nothing. Answers pass by themselves.
    // https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-ec2-securitygroup.html
    let nothing = json!({
        "IpProtocol": "icmp",
        "FromPort": 252,
        "ToPort": 86,
        "CidrIp": "255.255.255.255/32",
        "Description": "nothing",
    });
    let egress: Vec<Json> = match egress {
        [] => vec![nothing],
        rules => rules.iter().map(Rule::to_json).collect(),
    };
    let mut properties = json!({ "GroupDescription": description, "VpcId": vpc, "SecurityGroupEgress": egress });
    if !ingress.is_empty() {
        properties["SecurityGroupIngress"] = ingress.iter().map(Rule::to_json).collect();
    }
    Resource::new("AWS::EC2::SecurityGroup", properties).holds(Holds::Traffic)
}
