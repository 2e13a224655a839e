//! Roles as resources: each has a name of its own, so that who may pass it can be said exactly, and the environment's
//! permissions boundary.

use serde_json::{Value as Json, json};

use super::{Holds, Parameter, Resource, Source, Template, identity, reference};
use crate::iam::{Policy, role_name, trust_service};
use crate::workflow::Environment;

/// The parameter that takes the boundary's ARN, and the condition that there is one.
const BOUNDARY: &str = "PermissionsBoundary";
const BOUNDED: &str = "Bounded";

/// A role that one AWS service assumes for this account, with these policies by name. Its own name is the environment's
/// with `name` behind.
pub fn role(env: &Environment, name: &str, service: &'static str, policies: &[(&str, Policy)]) -> Resource {
    let policies: Vec<Json> = policies
        .iter()
        .filter(|(_, policy)| !policy.statements.is_empty())
        .map(|(name, policy)| json!({ "PolicyName": name, "PolicyDocument": policy.to_json() }))
        .collect();
    let mut properties = json!({
        "RoleName": role_name(env, name),
        "AssumeRolePolicyDocument": trust_service(service).to_json(),
    });
    if !policies.is_empty() {
        properties["Policies"] = policies.into();
    }
    if env.identity.is_some() {
        properties[BOUNDARY] = json!({ "Fn::If": [BOUNDED, reference(BOUNDARY), reference("AWS::NoValue")] });
    }
    Resource::new("AWS::IAM::Role", properties).holds(Holds::Traffic)
}

/// Declares what the boundary of a role refers to. A role cannot be made with a boundary that does not exist, and where
/// bootstrap-identity was never made a run still works: so it is a parameter of the one template, empty there.
pub(super) fn declare(template: &mut Template, resource: &Resource) {
    if resource.kind != "AWS::IAM::Role" || !resource.properties.contains_key(BOUNDARY) {
        return;
    }
    let output = identity::BOUNDARY_ARN;
    let source = Source::IfMade { stack: output.stack.into(), output: output.name.into() };
    template.parameters.insert(BOUNDARY.to_owned(), Parameter { kind: "String", source });
    template.conditions.insert(BOUNDED.to_owned(), json!({ "Fn::Not": [{ "Fn::Equals": [reference(BOUNDARY), ""] }] }));
}
