//! What policies allow: IAM's evaluation logic within one account.
//! <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic.html>
//!
//! It judges text that IAM would read, whoever wrote it. What it does not know (an operator, an element) is an error
//! and never an answer: a policy that is half understood proves nothing.

use std::collections::BTreeMap;

use super::document::{Document, Unreadable, filled, glob};

/// One request, as IAM sees it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Request {
    /// `ssm:GetParameters`.
    pub action: String,
    /// The ARN that it is about, `*` for an action that takes none.
    pub resource: String,
    /// Condition keys in lower case → values.
    pub context: BTreeMap<String, Vec<String>>,
}

impl Request {
    /// A request without any condition key.
    pub fn new(action: impl Into<String>, resource: impl Into<String>) -> Self {
        Self { action: action.into(), resource: resource.into(), context: BTreeMap::new() }
    }

    /// The same with a condition key of one value.
    pub fn with(mut self, key: &str, value: impl Into<String>) -> Self {
        self.context.insert(key.to_ascii_lowercase(), vec![value.into()]);
        self
    }

    /// The same with a condition key of any number of values.
    pub fn with_all(mut self, key: &str, values: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.context.insert(key.to_ascii_lowercase(), values.into_iter().map(Into::into).collect());
        self
    }
}

/// What came of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Decision {
    /// Something allows it and nothing denies it.
    Allowed,
    /// Nothing allows it, or a boundary does not.
    NotAllowed,
    /// A statement denies it: its `Sid`, or nothing where it has none.
    Denied(String),
}

impl Decision {
    /// Whether the call would be made.
    pub fn is_allowed(&self) -> bool {
        *self == Self::Allowed
    }
}

/// Who asks for a role, as its trust policy sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Principal<'a> {
    /// An AWS service: `ecs-tasks.amazonaws.com`.
    Service(&'a str),
    /// The ARN of an identity provider.
    Federated(&'a str),
    /// The ARN of a role or user.
    Aws(&'a str),
}

/// What an identity with these policies may do. Each of `limits` (a permissions boundary, a session's policy) must allow
/// it as well; a denial anywhere wins.
pub fn evaluate(policies: &[Document], limits: &[Document], request: &Request) -> Result<Decision, Unreadable> {
    let mut allowed = false;
    for policy in policies {
        match decide(policy, request, None)? {
            Decision::Allowed => allowed = true,
            Decision::NotAllowed => {}
            denied => return Ok(denied),
        }
    }
    for limit in limits {
        match decide(limit, request, None)? {
            Decision::Allowed => {}
            Decision::NotAllowed => allowed = false,
            denied => return Ok(denied),
        }
    }
    Ok(if allowed { Decision::Allowed } else { Decision::NotAllowed })
}

/// Whether a trust policy lets this principal take the role. `request.resource` is not looked at: the policy hangs on
/// the role.
pub fn trusts(trust: &Document, principal: Principal<'_>, request: &Request) -> Result<Decision, Unreadable> {
    decide(trust, request, Some(principal))
}

fn decide(policy: &Document, request: &Request, principal: Option<Principal<'_>>) -> Result<Decision, Unreadable> {
    let mut decision = Decision::NotAllowed;
    for statement in &policy.statements {
        let about = match (principal, &statement.principal) {
            (Some(principal), Some(trusted)) => trusted.includes(principal),
            (None, None) => statement.is_about(request),
            // A policy of the other kind, in which IAM would not accept the statement.
            _ => return Err(Unreadable::new("Principal", "it belongs into a trust policy, and only there")),
        };
        let mut applies = about && statement.actions.matches(|pattern| glob(&lower(pattern), &lower(&request.action)));
        for test in &statement.conditions {
            applies = applies && test.holds(&request.context)?;
        }
        match (applies, statement.allows) {
            (true, false) => return Ok(Decision::Denied(statement.sid.clone())),
            (true, true) => decision = Decision::Allowed,
            (false, _) => {}
        }
    }
    Ok(decision)
}

/// Actions have no case.
/// <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_action.html>
fn lower(action: &str) -> String {
    action.to_ascii_lowercase()
}

impl super::document::Statement {
    fn is_about(&self, request: &Request) -> bool {
        self.resources.as_ref().is_some_and(|resources| {
            resources.matches(|pattern| {
                filled(pattern, &request.context).is_some_and(|pattern| glob(&pattern, &request.resource))
            })
        })
    }
}

#[cfg(test)]
#[path = "evaluate_tests.rs"]
mod tests;
