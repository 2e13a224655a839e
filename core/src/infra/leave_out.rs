//! A template without the resource types that an endpoint does not know, and without what cannot stand without them.

use std::collections::BTreeSet;

use serde_json::Value as Json;

use super::references;

/// The template without the resources of these types. What refers to one of them goes too, as far as it can go alone:
/// a member of a list, else the resource; an output. Gives the logical ids that went.
pub fn leave_out(template: &Json, kinds: &BTreeSet<String>) -> (Json, Vec<String>) {
    let mut template = template.clone();
    let mut gone = BTreeSet::new();
    if kinds.is_empty() {
        return (template, Vec::new());
    }
    while let Some(resources) = template.get_mut("Resources").and_then(Json::as_object_mut) {
        let mut next = BTreeSet::new();
        for (id, resource) in resources.iter_mut() {
            let kind = resource.get("Type").and_then(Json::as_str).unwrap_or_default();
            if kinds.contains(kind) {
                next.insert(id.clone());
                continue;
            }
            if let Some(map) = resource.as_object_mut() {
                drop_dependencies(map, &gone);
            }
            if let Some(properties) = resource.get_mut("Properties") {
                prune(properties, &gone);
                if !references(properties).is_disjoint(&gone) {
                    next.insert(id.clone());
                }
            }
        }
        if next.is_empty() {
            break;
        }
        resources.retain(|id, _| !next.contains(id));
        gone.extend(next);
    }
    if let Some(outputs) = template.get_mut("Outputs").and_then(Json::as_object_mut) {
        outputs.retain(|_, output| references(output).is_disjoint(&gone));
    }
    (template, gone.into_iter().collect())
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

/// Drops members of lists that refer to what is gone. The list of `Fn::Join`, `Fn::Sub` and the like are arguments,
/// not members.
fn prune(json: &mut Json, gone: &BTreeSet<String>) {
    match json {
        Json::Object(map) => {
            for (key, value) in map.iter_mut() {
                if !key.starts_with("Fn::") {
                    prune(value, gone);
                }
            }
        }
        Json::Array(list) => {
            list.iter_mut().for_each(|value| prune(value, gone));
            list.retain(|value| references(value).is_disjoint(gone));
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_cannot_stand_without_an_unknown_type_goes_with_it() {
        let template = json!({
            "Resources": {
                "Ip": { "Type": "AWS::EC2::EIP" },
                "Nat": { "Type": "AWS::EC2::NatGateway", "Properties": { "AllocationId": { "Fn::GetAtt": ["Ip", "AllocationId"] } } },
                "Route": { "Type": "AWS::EC2::Route", "DependsOn": "Vpc", "Properties": { "NatGatewayId": { "Ref": "Nat" } } },
                "Vpc": { "Type": "AWS::EC2::VPC", "DependsOn": ["Nat"], "Properties": { "Tags": [{ "Value": { "Ref": "Nat" } }, { "Value": "a" }] } },
                "Topic": { "Type": "AWS::SNS::Topic", "Properties": { "TopicName": { "Fn::Join": ["-", ["a", { "Ref": "Nat" }]] } } },
            },
            "Outputs": { "Nat": { "Value": { "Ref": "Nat" } }, "Vpc": { "Value": { "Fn::Sub": "${Vpc}" } } },
        });
        let (left, gone) = leave_out(&template, &BTreeSet::from(["AWS::EC2::NatGateway".to_owned()]));
        assert_eq!(gone, ["Nat", "Route", "Topic"]);
        assert_eq!(
            left,
            json!({
                "Resources": {
                    "Ip": { "Type": "AWS::EC2::EIP" },
                    "Vpc": { "Type": "AWS::EC2::VPC", "Properties": { "Tags": [{ "Value": "a" }] } },
                },
                "Outputs": { "Vpc": { "Value": { "Fn::Sub": "${Vpc}" } } },
            })
        );
    }
}
