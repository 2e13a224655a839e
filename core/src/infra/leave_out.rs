//! A template without the resource types that an endpoint does not know, and without what cannot stand without them.

use std::collections::BTreeSet;

use serde_json::{Map, Value as Json};

use super::{is_intrinsic, references};

/// The template without the resources of these types and without these parameters, which an earlier stack's outputs
/// should have given; and the logical ids of all that went. What refers to one that
/// goes, goes too: a member of a list alone, anything else with the resource it belongs to (a route without its
/// gateway says nothing). A list that loses all its members goes with its key. Outputs follow; other parameters
/// stay, since one that nothing uses does no harm.
pub fn leave_out(template: &Json, kinds: &BTreeSet<String>, parameters: &BTreeSet<String>) -> (Json, BTreeSet<String>) {
    let mut template = template.clone();
    let mut gone = parameters.clone();
    if kinds.is_empty() && parameters.is_empty() {
        return (template, gone);
    }
    if let Some(declared) = template.get_mut("Parameters").and_then(Json::as_object_mut) {
        declared.retain(|name, _| !parameters.contains(name));
    }
    while let Some(resources) = template.get_mut("Resources").and_then(Json::as_object_mut) {
        let before = gone.len();
        resources.retain(|id, resource| {
            let kind = resource.get("Type").and_then(Json::as_str).unwrap_or_default();
            let stays = !kinds.contains(kind)
                && resource.get_mut("Properties").and_then(Json::as_object_mut).is_none_or(|map| prune_map(map, &gone));
            if !stays {
                gone.insert(id.clone());
            }
            stays
        });
        if gone.len() == before {
            break;
        }
    }
    for resource in template.get_mut("Resources").and_then(Json::as_object_mut).into_iter().flatten() {
        if let Some(map) = resource.1.as_object_mut() {
            drop_dependencies(map, &gone);
        }
    }
    if let Some(outputs) = template.get_mut("Outputs").and_then(Json::as_object_mut) {
        outputs.retain(|_, output| prune(output, &gone));
    }
    (template, &gone - parameters)
}

fn drop_dependencies(resource: &mut serde_json::Map<String, Json>, gone: &BTreeSet<String>) {
    let is_gone = |id: &Json| id.as_str().is_some_and(|id| gone.contains(id));
    let empty = match resource.get_mut("DependsOn") {
        Some(Json::Array(list)) => {
            list.retain(|id| !is_gone(id));
            list.is_empty()
        }
        Some(id) => is_gone(id),
        None => false,
    };
    if empty {
        resource.remove("DependsOn");
    }
}

/// Takes what refers to `gone` out of a resource's properties; false where the resource cannot stay.
fn prune_map(properties: &mut Map<String, Json>, gone: &BTreeSet<String>) -> bool {
    let mut stays = true;
    properties.retain(|_, value| {
        let list = value.is_array();
        let kept = prune(value, gone);
        stays &= kept || list;
        kept
    });
    stays
}

/// Takes what refers to `gone` out of a value; false where nothing of it can stay. The list of `Fn::Join` and the like
/// is arguments, not members.
fn prune(value: &mut Json, gone: &BTreeSet<String>) -> bool {
    match value {
        Json::Array(members) => {
            let empty = members.is_empty();
            members.retain_mut(|member| prune(member, gone));
            empty || !members.is_empty()
        }
        Json::Object(map) if is_intrinsic(map) => references(value).is_disjoint(gone),
        Json::Object(map) => map.values_mut().all(|value| prune(value, gone)),
        _ => true,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::infra::{
        Resource, Template, attribute, edge, network, reference, substitute,
        testing::{environment, only},
    };

    #[test]
    fn what_cannot_stand_without_an_unknown_type_goes_with_it() {
        let template = json!({
            "Resources": {
                "Ip": { "Type": "AWS::EC2::EIP" },
                "Nat": { "Type": "AWS::EC2::NatGateway", "Properties": { "AllocationId": { "Fn::GetAtt": ["Ip", "AllocationId"] } } },
                "Route": { "Type": "AWS::EC2::Route", "DependsOn": "Vpc", "Properties": { "NatGatewayId": { "Ref": "Nat" } } },
                "Vpc": { "Type": "AWS::EC2::VPC", "DependsOn": ["Nat"], "Properties": { "Tags": [{ "Value": { "Ref": "Nat" } }, { "Value": "a" }] } },
                "Set": { "Type": "AWS::X::Set", "Properties": { "Kept": 1, "List": [{ "Of": { "C": { "Ref": "Nat" } } }] } },
                "Topic": { "Type": "AWS::SNS::Topic", "Properties": { "TopicName": { "Fn::Join": ["-", ["a", { "Ref": "Nat" }]] } } },
            },
            "Outputs": { "Nat": { "Value": { "Ref": "Nat" } }, "Vpc": { "Value": { "Fn::Sub": "${Vpc}" } } },
        });
        let kinds = BTreeSet::from(["AWS::EC2::NatGateway".to_owned()]);
        let (left, gone) = leave_out(&template, &kinds, &BTreeSet::new());
        assert_eq!(gone, ["Nat", "Route", "Topic"].map(str::to_owned).into());
        assert_eq!(
            left,
            json!({
                "Resources": {
                    "Ip": { "Type": "AWS::EC2::EIP" },
                    "Set": { "Type": "AWS::X::Set", "Properties": { "Kept": 1 } },
                    "Vpc": { "Type": "AWS::EC2::VPC", "Properties": { "Tags": [{ "Value": "a" }] } },
                },
                "Outputs": { "Vpc": { "Value": { "Fn::Sub": "${Vpc}" } } },
            })
        );
    }

    #[test]
    fn a_parameter_without_a_value_goes_with_what_needs_it() {
        let template = json!({
            "Parameters": { "Gone": { "Type": "String" }, "Kept": { "Type": "String" } },
            "Resources": {
                "A": { "Type": "X", "Properties": { "Of": { "Fn::Sub": "${Gone}/x" } } },
                "B": { "Type": "X", "Properties": { "Of": [{ "Ref": "Gone" }, { "Ref": "Kept" }] } },
            },
        });
        let (left, gone) = leave_out(&template, &BTreeSet::new(), &BTreeSet::from(["Gone".to_owned()]));
        assert_eq!(gone, BTreeSet::from(["A".to_owned()]));
        assert_eq!(
            left,
            json!({
                "Parameters": { "Kept": { "Type": "String" } },
                "Resources": { "B": { "Type": "X", "Properties": { "Of": [{ "Ref": "Kept" }] } } },
            })
        );
    }

    fn without(template: &Template, kinds: &[&str]) -> (Json, Vec<String>) {
        let kinds = kinds.iter().map(|it| (*it).to_owned()).collect();
        let (rest, gone) = leave_out(&template.to_json(), &kinds, &BTreeSet::new());
        (rest, gone.into_iter().collect())
    }

    #[test]
    fn a_route_to_a_gateway_that_is_unknown_goes_and_its_table_stays() {
        let template = only(network::stacks(&environment("staging")));
        let (rest, gone) = without(&template, &["AWS::EC2::NatGateway", "AWS::EC2::EIP", "AWS::EC2::FlowLog"]);
        assert_eq!(gone, ["FlowLog", "NatAddress1", "NatGateway1", "PrivateRoute1", "PrivateRoute2"]);
        let has = |section: &str, id: &str| rest[section].get(id).is_some();
        assert!(has("Resources", "PrivateRouteTable1") && has("Resources", "FlowLogGroup"));
        assert!(template.outputs.contains_key("NatAddresses") && !has("Outputs", "NatAddresses"));
        assert!(template.outputs.contains_key("NatGatewayIds") && !has("Outputs", "NatGatewayIds"));
        assert_eq!(rest["Outputs"].as_object().unwrap().len() + 2, template.outputs.len());
    }

    #[test]
    fn an_association_and_a_rule_go_and_the_web_acl_stays() {
        let template = only(edge::stacks(&environment("staging")));
        // Where the network has no gateways it has no addresses of theirs, and nobody can give this parameter.
        let kinds = ["AWS::WAFv2::WebACLAssociation", "AWS::WAFv2::IPSet"].map(str::to_owned).into();
        let (rest, gone) = leave_out(&template.to_json(), &kinds, &BTreeSet::from(["NatAddresses".to_owned()]));
        let gone: Vec<String> = gone.into_iter().collect();
        assert_eq!(gone, ["OwnAddresses", "WebAclAssociation"]);
        let rules = rest["Resources"]["WebAcl"]["Properties"]["Rules"].as_array().unwrap();
        let before = template.resources["WebAcl"].properties["Rules"].as_array().unwrap();
        assert_eq!(rules[..], before[1..], "the rule over the addresses is gone, alone");
        assert!(template.parameters.contains_key("NatAddresses") && rest["Parameters"].get("NatAddresses").is_none());
    }

    #[test]
    fn what_refers_to_what_goes_by_reference_goes_too() {
        let mut template = Template::default();
        template.add("A", Resource::new("X::Unknown", json!({})));
        template.add("B", Resource::new("X::Known", json!({ "Of": attribute("A", "Arn") })));
        template.add("C", Resource::new("X::Known", json!({ "Name": substitute("${B}-x") })));
        template.add("D", Resource::new("X::Known", json!({ "List": [reference("C"), "kept"] })).after("A"));
        template.add("E", Resource::new("X::Known", json!({ "List": [{ "Of": { "C": reference("C") } }], "Kept": 1 })));
        let (rest, gone) = without(&template, &["X::Unknown"]);
        assert_eq!(gone, ["A", "B", "C"]);
        assert_eq!(rest["Resources"]["D"], json!({ "Type": "X::Known", "Properties": { "List": ["kept"] } }));
        assert_eq!(rest["Resources"]["E"], json!({ "Type": "X::Known", "Properties": { "Kept": 1 } }));
    }

    #[test]
    fn a_template_whose_types_are_all_known_is_the_same() {
        let template = only(edge::stacks(&environment("production")));
        assert_eq!(without(&template, &["X::Unknown"]), (template.to_json(), Vec::new()));
    }
}
