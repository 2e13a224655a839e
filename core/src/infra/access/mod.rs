//! What the roles of an environment may do: the jobs' from the calls that the code makes ([`calls`]), CloudFormation's
//! from what the handlers of the types in the templates call, the tasks' within a boundary. And whom they trust.
//!
//! Everything here is of one file: a service or a stack more is more that the roles must be allowed, and an
//! administrator makes them anew. Docs: `docs/decisions`, page "identity".

pub mod calls;
mod handlers;
mod jobs;
mod pack;
mod scope;
mod service_role;
mod trust;

pub use calls::{CALLS, Call, Reason, Who};
pub use handlers::handlers;
pub use pack::pack;
pub use scope::Scope;
pub use service_role::SERVICE;
pub use trust::{AUDIENCE, ISSUER, github, provider_arn, subjects};

use serde_json::{Map, Value as Json};

use crate::{
    iam::{Job, Policy, Statement, partition},
    infra::identity,
    workflow::{Environment, Identity},
};

/// What a job may do.
pub fn job(env: &Environment, job: Job) -> Vec<Statement> {
    jobs::statements(&Scope::of(env), job)
}

/// What CloudFormation may do for the environment's stacks.
pub fn service_role(env: &Environment) -> Vec<Statement> {
    service_role::statements(&Scope::of(env))
}

/// The policies and the trusts as IAM is given them, by role; for people, and for those who make roles in their own way.
/// The account stands in where the file says it, and is `ACCOUNT` otherwise.
pub fn documents(env: &Environment, identity: &Identity) -> Vec<(String, Json)> {
    let mut all = Vec::new();
    let mut add = |name: String, policy: &Policy| all.push((name, written(env, &policy.to_json())));
    for (what, trust, statements) in [
        (Job::Plan.name(), github(env, identity, Job::Plan), job(env, Job::Plan)),
        (Job::Deploy.name(), github(env, identity, Job::Deploy), job(env, Job::Deploy)),
        (identity::SERVICE_ROLE, identity::cloudformation_trust(), service_role(env)),
    ] {
        add(format!("{what}-trust"), &trust);
        for (number, policy) in pack(&statements).iter().enumerate() {
            add(format!("{what}-policy-{}", number + 1), policy);
        }
    }
    add("boundary".to_owned(), &boundary(env));
    all
}

/// The value with what CloudFormation would put in.
fn written(env: &Environment, json: &Json) -> Json {
    match json {
        Json::Object(map) if map.len() == 1 && map.contains_key("Fn::Sub") => {
            let text = map.get("Fn::Sub").and_then(Json::as_str).unwrap_or_default();
            let account = env.account.as_deref().unwrap_or("ACCOUNT");
            text.replace("${AWS::Partition}", partition(&env.region)).replace("${AWS::AccountId}", account).into()
        }
        Json::Object(map) => {
            map.iter().map(|(key, value)| (key.clone(), written(env, value))).collect::<Map<_, _>>().into()
        }
        Json::Array(all) => all.iter().map(|value| written(env, value)).collect(),
        other => other.clone(),
    }
}

/// Types in the user's own templates of which it is not known here what CloudFormation calls for them.
pub fn unknown_kinds(env: &Environment) -> Vec<String> {
    Scope::of(env).unknown_kinds().cloned().collect()
}

/// The most that any role which the service role makes can ever do.
pub fn boundary(env: &Environment) -> Policy {
    service_role::boundary(&Scope::of(env))
}

#[cfg(test)]
mod tests;
