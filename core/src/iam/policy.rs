//! Statements and policies, and their JSON.

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

/// One statement.
#[derive(Debug, Clone, PartialEq)]
pub struct Statement {
    /// What it is for: letters and digits.
    pub sid: &'static str,
    /// Allow or deny.
    pub effect: Effect,
    /// Who, by service; only in a trust policy.
    pub service: Option<&'static str>,
    /// `ecr:BatchGetImage`.
    pub actions: Vec<&'static str>,
    /// ARNs or intrinsics; empty only in a trust policy.
    pub resources: Vec<Json>,
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
    pub fn allow(sid: &'static str, actions: &[&'static str], resources: Vec<Json>) -> Self {
        Self { sid, effect: Effect::Allow, service: None, actions: actions.to_vec(), resources, conditions: Vec::new() }
    }

    /// The same under one more condition.
    pub fn when(mut self, operator: &'static str, key: &'static str, value: Json) -> Self {
        self.conditions.push(Condition { operator, key, value });
        self
    }

    fn to_json(&self) -> Json {
        let mut out = Map::new();
        out.insert("Sid".into(), self.sid.into());
        let effect = match self.effect {
            Effect::Allow => "Allow",
            Effect::Deny => "Deny",
        };
        out.insert("Effect".into(), effect.into());
        if let Some(service) = self.service {
            out.insert("Principal".into(), json!({ "Service": service }));
        }
        out.insert("Action".into(), json!(self.actions));
        if !self.resources.is_empty() {
            out.insert("Resource".into(), json!(self.resources));
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
    statement.service = Some(service);
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
