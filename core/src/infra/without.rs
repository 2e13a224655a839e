//! A template without the types that an endpoint does not know, and without what cannot stand without them.

use std::collections::BTreeSet;

use serde_json::{Map, Value as Json};

use super::Template;

impl Template {
    /// The template without resources of these types, and the logical ids of all that was left out.
    ///
    /// What refers to a resource that goes, goes as well: an element of a list alone, anything else with the resource
    /// it belongs to (a route without its gateway says nothing). A list that loses all its elements goes with its key.
    /// Outputs and parameters follow.
    pub fn without(&self, kinds: &BTreeSet<String>) -> (Self, Vec<String>) {
        let mut rest = self.clone();
        let mut gone: BTreeSet<String> = BTreeSet::new();
        loop {
            let before = gone.len();
            rest.resources.retain(|id, resource| {
                let known = !kinds.contains(resource.kind);
                let whole = known && prune_properties(&mut resource.properties, &gone);
                if !whole {
                    gone.insert(id.clone());
                }
                whole
            });
            if gone.len() == before {
                break;
            }
        }
        for resource in rest.resources.values_mut() {
            resource.depends_on.retain(|id| !gone.contains(id));
        }
        rest.outputs.retain(|_, output| prune(&mut output.value, &gone));
        let used = rest.references();
        rest.parameters.retain(|name, _| used.contains(name));
        (rest, gone.into_iter().collect())
    }

    /// Every name that resources and outputs refer to.
    pub(super) fn references(&self) -> BTreeSet<String> {
        let mut names = BTreeSet::new();
        for resource in self.resources.values() {
            resource.properties.values().for_each(|value| collect(value, &mut names));
        }
        self.outputs.values().for_each(|output| collect(&output.value, &mut names));
        names
    }
}

/// Takes what refers to `gone` out of a resource's properties; false where the resource cannot stay.
fn prune_properties(properties: &mut Map<String, Json>, gone: &BTreeSet<String>) -> bool {
    let mut stays = true;
    properties.retain(|_, value| {
        let list = value.is_array();
        let kept = prune(value, gone);
        stays &= kept || list;
        kept
    });
    stays
}

/// Takes what refers to `gone` out of a value; false where nothing of it can stay.
fn prune(value: &mut Json, gone: &BTreeSet<String>) -> bool {
    match value {
        Json::Array(items) => {
            let empty = items.is_empty();
            items.retain_mut(|item| prune(item, gone));
            empty || !items.is_empty()
        }
        Json::Object(map) if is_intrinsic(map) => {
            let mut names = BTreeSet::new();
            collect_map(map, &mut names);
            names.is_disjoint(gone)
        }
        Json::Object(map) => map.values_mut().all(|value| prune(value, gone)),
        _ => true,
    }
}

fn is_intrinsic(map: &Map<String, Json>) -> bool {
    map.len() == 1 && map.keys().all(|key| key == "Ref" || key.starts_with("Fn::"))
}

fn collect(value: &Json, names: &mut BTreeSet<String>) {
    match value {
        Json::Array(items) => items.iter().for_each(|item| collect(item, names)),
        Json::Object(map) => collect_map(map, names),
        _ => {}
    }
}

fn collect_map(map: &Map<String, Json>, names: &mut BTreeSet<String>) {
    for (key, value) in map {
        match (key.as_str(), value) {
            ("Ref", Json::String(name)) => {
                names.insert(name.clone());
            }
            ("Fn::GetAtt", Json::Array(items)) => {
                names.extend(items.first().and_then(Json::as_str).map(str::to_owned));
            }
            ("Fn::Sub", Json::String(text)) => names.extend(variables(text)),
            _ => collect(value, names),
        }
    }
}

/// The names in `${Name}` and `${Name.Attribute}`.
fn variables(text: &str) -> impl Iterator<Item = String> {
    text.split("${").skip(1).filter_map(|rest| {
        let name = rest.split('}').next()?;
        Some(name.split('.').next().unwrap_or(name).to_owned())
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::infra::testing::{environment, only};
    use crate::infra::{Resource, attribute, edge, network, reference, substitute};

    fn without(template: &Template, kinds: &[&str]) -> (Template, Vec<String>) {
        template.without(&kinds.iter().map(|it| (*it).to_owned()).collect())
    }

    #[test]
    fn a_route_to_a_gateway_that_is_unknown_goes_and_its_table_stays() {
        let template = only(network::stacks(&environment("staging")));
        let (rest, gone) = without(&template, &["AWS::EC2::NatGateway", "AWS::EC2::EIP", "AWS::EC2::FlowLog"]);
        assert_eq!(gone, ["FlowLog", "NatAddress1", "NatGateway1", "PrivateRoute1", "PrivateRoute2"]);
        assert!(rest.resources.contains_key("PrivateRouteTable1") && rest.resources.contains_key("FlowLogGroup"));
        assert!(template.outputs.contains_key("NatAddresses") && !rest.outputs.contains_key("NatAddresses"));
        assert_eq!(rest.outputs.len() + 1, template.outputs.len());
    }

    #[test]
    fn an_association_and_a_rule_go_and_the_web_acl_stays() {
        let template = only(edge::stacks(&environment("staging")));
        let (rest, gone) = without(&template, &["AWS::WAFv2::WebACLAssociation", "AWS::WAFv2::IPSet"]);
        assert_eq!(gone, ["OwnAddresses", "WebAclAssociation"]);
        let rules = rest.resources["WebAcl"].properties["Rules"].as_array().unwrap();
        let before = template.resources["WebAcl"].properties["Rules"].as_array().unwrap();
        assert_eq!(rules[..], before[1..], "the rule over the addresses is gone, alone");
        assert!(template.parameters.contains_key("NatAddresses") && !rest.parameters.contains_key("NatAddresses"));
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
        assert_eq!(rest.resources["D"], Resource::new("X::Known", json!({ "List": ["kept"] })));
        assert_eq!(rest.resources["E"], Resource::new("X::Known", json!({ "Kept": 1 })));
    }

    #[test]
    fn a_template_whose_types_are_all_known_is_the_same() {
        let template = only(edge::stacks(&environment("production")));
        assert_eq!(without(&template, &["X::Unknown"]), (template.clone(), Vec::new()));
    }
}
