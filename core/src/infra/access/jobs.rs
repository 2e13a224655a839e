//! The policies of the jobs' roles, from the table of calls.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::json;

use super::{
    calls::{CALLS, On, When},
    handlers::handlers,
    scope::{Scope, sub},
    service_role::{CHANGE_STACKS, SERVICE, others, service_role_arn},
};
use crate::{
    iam::{Document, Job, Policy, Request, Statement, account_arn, evaluate},
    infra::pascal,
};

/// What a job may do.
pub(super) fn statements(scope: &Scope<'_>, job: Job) -> Vec<Statement> {
    let mut grouped: BTreeMap<(On, When), BTreeSet<&'static str>> = BTreeMap::new();
    for call in CALLS.iter().filter(|call| call.who.includes(job)) {
        for (action, on, when) in call.needs {
            grouped.entry((*on, *when)).or_default().insert(action);
        }
    }
    let mut statements: Vec<Statement> = grouped
        .into_iter()
        .filter_map(|((on, when), actions)| {
            let resources = on.arns(scope);
            let actions: Vec<&str> = actions.into_iter().collect();
            let statement = Statement::allow(format!("{on:?}{}", when.name()), &actions, resources);
            (!statement.resources.is_empty()).then(|| when.on(statement, scope))
        })
        .collect();
    match job {
        Job::Plan => {
            statements.extend(drift(scope));
            statements.extend(denied(&statements));
        }
        Job::Deploy => {
            statements.extend(passes(scope));
            statements.push(identity(scope));
            statements.extend(shadowed(scope));
        }
    }
    statements.extend(others(scope));
    statements
}

/// Values that a plan never needs to show: a pull request's author controls its job.
const SECRET: &[&str] = &[
    "ssm:GetParameter*",
    "secretsmanager:GetSecretValue",
    "secretsmanager:BatchGetSecretValue",
    "kms:Decrypt",
    "kms:GenerateDataKey*",
    "kms:ReEncrypt*",
    "logs:GetLogEvents",
    "logs:GetLogRecord",
    "logs:GetQueryResults",
    "logs:FilterLogEvents",
    "logs:StartLiveTail",
    "logs:StartQuery",
    "logs:Unmask",
    "ecr:BatchGetImage",
    "ecr:GetDownloadUrlForLayer",
    "s3:GetObject*",
    "ecs:ExecuteCommand",
    "sts:AssumeRole*",
];

/// What drift detection reads with the caller's own rights: what the handlers of the types in use read. What is secret
/// among it is not granted, and drift says `not checked` of it.
/// <https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/using-cfn-stack-drift.html>
fn drift(scope: &Scope<'_>) -> Option<Statement> {
    let secret = Document::read(&Policy::new([Statement::allow("S", SECRET, vec![json!("*")])]).to_json()).ok()?;
    let is_secret = |action: &str| {
        let asked = evaluate(std::slice::from_ref(&secret), &[], &Request::new(action, "*"));
        asked.is_ok_and(|decision| decision.is_allowed())
    };
    let services = scope.services();
    let read: BTreeSet<&'static str> = scope
        .kinds
        .iter()
        .filter_map(|kind| handlers(kind))
        .flat_map(|handlers| &handlers.read)
        .map(String::as_str)
        .filter(|action| {
            let (service, name) = action.split_once(':').unwrap_or_default();
            let reads = ["Describe", "Get", "List"].iter().any(|verb| name.starts_with(verb));
            reads && services.contains(service) && !is_secret(action)
        })
        .collect();
    let read: Vec<&str> = read.into_iter().collect();
    (!read.is_empty()).then(|| Statement::allow("Drift", &read, vec![json!("*")]))
}

/// Denied by name, so that no policy attached beside this one gives it: the values above, and every action but those
/// that are allowed here.
fn denied(allowed: &[Statement]) -> [Statement; 2] {
    let actions: BTreeSet<&'static str> = allowed.iter().flat_map(|statement| statement.actions.clone()).collect();
    let actions: Vec<&str> = actions.into_iter().collect();
    [Statement::deny("NoValues", SECRET, vec![json!("*")]), Statement::deny_all_but("NoWrites", &actions)]
}

/// The roles that ECS and Scheduler are given, each to its service alone, and CloudFormation its own.
fn passes(scope: &Scope<'_>) -> Vec<Statement> {
    let mut statements =
        vec![Statement::allow("PassCloudformation", &["iam:PassRole"], vec![service_role_arn(scope)]).when(
            "StringEquals",
            "iam:PassedToService",
            json!(SERVICE),
        )];
    for service in ["ecs-tasks.amazonaws.com", "ecs.amazonaws.com", "scheduler.amazonaws.com"] {
        if let Some(roles) = scope.roles.get(service) {
            let sid = format!("Pass{}", pascal(service.split('.').next().unwrap_or_default()));
            statements.push(Statement::allow(sid, &["iam:PassRole"], Scope::role_arns(roles)).when(
                "StringEquals",
                "iam:PassedToService",
                json!(service),
            ));
        }
    }
    statements
}

/// The stacks of the identity are an administrator's: a pattern over the environment's stacks takes them in.
fn identity(scope: &Scope<'_>) -> Statement {
    let stack = |key: &str| sub(&account_arn("cloudformation", "*", &format!("stack/{}/*", scope.env.stack_name(key))));
    let stacks = [crate::infra::identity::KEY, crate::infra::identity::PROVIDER].map(stack).to_vec();
    Statement::deny("NoIdentity", &CHANGE_STACKS, stacks)
}

/// What the patterns over this environment's names take in of one whose name is longer.
fn shadowed(scope: &Scope<'_>) -> Option<Statement> {
    let arns: Vec<_> = scope
        .shadowed()
        .map(|name| format!("{}-{name}", scope.env.app))
        .flat_map(|prefix| {
            [
                ("cloudformation", format!("stack/{prefix}-*")),
                ("ecs", format!("task-definition/{prefix}-*")),
                ("logs", format!("log-group:/ecs/{prefix}-*")),
            ]
        })
        .map(|(service, rest)| sub(&account_arn(service, "*", &rest)))
        .collect();
    let actions = ["cloudformation:*", "ecs:*", "logs:*"];
    // To look at all stacks at once is no look into that one.
    (!arns.is_empty()).then(|| Statement::deny("NoLongerName", &actions, arns))
}
