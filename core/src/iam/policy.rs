//! Statements and policies, and their JSON.

use std::borrow::Cow;

use serde_json::{Map, Value as Json, json};

/// Whether a statement allows or denies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effect {
    /// It allows.
    Allow,
    /// It denies, whatever allows.
    Deny,
}

/// One test of a statement's conditions; all of a statement's must hold.
#[derive(Debug, Clone, PartialEq)]
pub struct Condition {
    /// `StringEquals`, `ArnLike`.
    pub operator: &'static str,
    /// `aws:SourceAccount`.
    pub key: &'static str,
    /// A text or an intrinsic.
    pub value: Json,
}

/// Who is trusted, in a trust policy.
#[derive(Debug, Clone, PartialEq)]
pub enum Trusted {
    /// An AWS service.
    Service(&'static str),
    /// An identity provider: its ARN.
    Federated(Json),
}

/// One statement.
#[derive(Debug, Clone, PartialEq)]
pub struct Statement {
    /// What it is for: letters and digits.
    pub sid: Cow<'static, str>,
    /// Allow or deny.
    pub effect: Effect,
    /// Who; only in a trust policy.
    pub principal: Option<Trusted>,
    /// `ecr:BatchGetImage`.
    pub actions: Vec<&'static str>,
    /// It is about all other actions.
    pub not_actions: bool,
    /// ARNs or intrinsics; empty only in a trust policy.
    pub resources: Vec<Json>,
    /// It is about all other resources.
    pub not_resources: bool,
    /// Its conditions.
    pub conditions: Vec<Condition>,
}

/// A policy.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Policy {
    /// Its statements.
    pub statements: Vec<Statement>,
}

impl Statement {
    /// Allows these actions on these resources.
    pub fn allow(sid: impl Into<Cow<'static, str>>, actions: &[&'static str], resources: Vec<Json>) -> Self {
        Self {
            sid: sid.into(),
            effect: Effect::Allow,
            principal: None,
            actions: actions.to_vec(),
            not_actions: false,
            resources,
            not_resources: false,
            conditions: Vec::new(),
        }
    }

    /// Denies these actions on these resources, whatever allows them.
    pub fn deny(sid: impl Into<Cow<'static, str>>, actions: &[&'static str], resources: Vec<Json>) -> Self {
        Self { effect: Effect::Deny, ..Self::allow(sid, actions, resources) }
    }

    /// Denies everything but these actions.
    pub fn deny_all_but(sid: impl Into<Cow<'static, str>>, actions: &[&'static str]) -> Self {
        Self { not_actions: true, ..Self::deny(sid, actions, vec![json!("*")]) }
    }

    /// The same, about every resource but these.
    pub fn elsewhere(mut self) -> Self {
        self.not_resources = true;
        self
    }

    /// The same under one more condition.
    pub fn when(mut self, operator: &'static str, key: &'static str, value: Json) -> Self {
        self.conditions.push(Condition { operator, key, value });
        self
    }

    /// The statement as IAM reads it.
    pub fn to_json(&self) -> Json {
        let mut out = Map::new();
        out.insert("Sid".into(), self.sid.as_ref().into());
        let effect = match self.effect {
            Effect::Allow => "Allow",
            Effect::Deny => "Deny",
        };
        out.insert("Effect".into(), effect.into());
        match &self.principal {
            Some(Trusted::Service(service)) => {
                out.insert("Principal".into(), json!({ "Service": service }));
            }
            Some(Trusted::Federated(provider)) => {
                out.insert("Principal".into(), json!({ "Federated": provider }));
            }
            None => {}
        }
        out.insert(if self.not_actions { "NotAction" } else { "Action" }.into(), json!(self.actions));
        if !self.resources.is_empty() {
            out.insert(if self.not_resources { "NotResource" } else { "Resource" }.into(), json!(self.resources));
        }
        let mut conditions: Map<String, Json> = Map::new();
        for condition in &self.conditions {
            let tests = conditions.entry(condition.operator).or_insert_with(|| Json::Object(Map::new()));
            if let Json::Object(tests) = tests {
                tests.insert(condition.key.to_owned(), condition.value.clone());
            }
        }
        if !conditions.is_empty() {
            out.insert("Condition".into(), Json::Object(conditions));
        }
        Json::Object(out)
    }
}

impl Policy {
    /// A policy of these statements.
    pub fn new(statements: impl IntoIterator<Item = Statement>) -> Self {
        Self { statements: statements.into_iter().collect() }
    }

    /// The policy as IAM reads it.
    pub fn to_json(&self) -> Json {
        let statements: Vec<Json> = self.statements.iter().map(Statement::to_json).collect();
        json!({ "Version": "2012-10-17", "Statement": statements })
    }
}

/// Trust in an AWS service, on behalf of this account only: without the condition the service could be made to use
/// the role for somebody else's resources.
/// <https://docs.aws.amazon.com/IAM/latest/UserGuide/confused-deputy.html>
pub fn trust_service(service: &'static str) -> Policy {
    let mut statement = Statement::allow("Trust", &["sts:AssumeRole"], Vec::new()).when(
        "StringEquals",
        "aws:SourceAccount",
        json!({ "Ref": "AWS::AccountId" }),
    );
    statement.principal = Some(Trusted::Service(service));
    Policy::new([statement])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_statement_is_written_as_iam_reads_it() {
        let policy = Policy::new([Statement::allow("Read", &["ssm:GetParameters"], vec![json!("arn:a")])
            .when("StringEquals", "aws:a", json!("1"))
            .when("StringEquals", "aws:b", json!("2"))]);
        assert_eq!(
            policy.to_json(),
            json!({ "Version": "2012-10-17", "Statement": [{
                "Sid": "Read",
                "Effect": "Allow",
                "Action": ["ssm:GetParameters"],
                "Resource": ["arn:a"],
                "Condition": { "StringEquals": { "aws:a": "1", "aws:b": "2" } },
            }] })
        );
    }

    #[test]
    fn trust_names_the_service_and_the_account_and_no_resource() {
        assert_eq!(
            trust_service("ecs-tasks.amazonaws.com").to_json(),
            json!({ "Version": "2012-10-17", "Statement": [{
                "Sid": "Trust",
                "Effect": "Allow",
                "Principal": { "Service": "ecs-tasks.amazonaws.com" },
                "Action": ["sts:AssumeRole"],
                "Condition": { "StringEquals": { "aws:SourceAccount": { "Ref": "AWS::AccountId" } } },
            }] })
        );
    }
}
