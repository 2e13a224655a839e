//! Roles as resources.

use serde_json::{Value as Json, json};

use super::{Holds, Resource};
use crate::iam::{Policy, trust_service};
use crate::workflow::Environment;

/// A role that one AWS service assumes for this account, with these policies by name.
pub fn role(env: &Environment, service: &'static str, policies: &[(&str, Policy)]) -> Resource {
    let policies: Vec<Json> = policies
        .iter()
        .filter(|(_, policy)| !policy.statements.is_empty())
        .map(|(name, policy)| json!({ "PolicyName": name, "PolicyDocument": policy.to_json() }))
        .collect();
    let mut properties = json!({ "AssumeRolePolicyDocument": trust_service(service).to_json() });
    if !policies.is_empty() {
        properties["Policies"] = policies.into();
    }
    if let Some(boundary) = boundary(env) {
        properties["PermissionsBoundary"] = boundary;
    }
    Resource::new("AWS::IAM::Role", properties).holds(Holds::Traffic)
}

/// The permissions boundary of every role of the environment. A role cannot be made with a boundary that does not
/// exist, so there is one only where the identity stack makes it.
fn boundary(_env: &Environment) -> Option<Json> {
    None
}
