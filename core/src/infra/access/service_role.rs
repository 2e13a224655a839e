//! CloudFormation's role, from what the handlers of the types in use call; and the boundary of what it makes.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value as Json, json};

use super::{handlers::handlers, scope::Scope, scope::sub};
use crate::{
    iam::{Policy, Statement, account_arn},
    infra::{identity, pascal},
};

/// Who takes the role.
pub const SERVICE: &str = "cloudformation.amazonaws.com";

/// Services beside those of a type itself that its handlers call for what we use of it: network interfaces, log groups,
/// default keys, roles. Handlers of one type are for many uses (a web ACL before eight services), and the rest of what
/// they may call is never called for us.
const HELPERS: &[&str] = &["ec2", "iam", "kms", "logs", "secretsmanager"];

/// Services with one endpoint for the world, whose calls count as of one region whatever stack makes them.
const GLOBAL: &[&str] = &["cloudfront", "iam", "route53"];

/// Everything by which a stack is changed, or an operation on it turned around.
/// <https://docs.aws.amazon.com/service-authorization/latest/reference/list_awscloudformation.html>
pub(super) const CHANGE_STACKS: [&str; 9] = [
    "cloudformation:Cancel*",
    "cloudformation:Continue*",
    "cloudformation:Create*",
    "cloudformation:Delete*",
    "cloudformation:Execute*",
    "cloudformation:Rollback*",
    "cloudformation:Set*",
    "cloudformation:Signal*",
    "cloudformation:Update*",
];

/// Actions on a role that tell IAM which boundary the role has: with the condition they are refused for any role without
/// ours.
/// <https://docs.aws.amazon.com/service-authorization/latest/reference/list_awsidentityandaccessmanagementiam.html>
const BOUNDED: &[&str] = &[
    "iam:AttachRolePolicy",
    "iam:CreateRole",
    "iam:DeleteRolePolicy",
    "iam:DetachRolePolicy",
    "iam:PutRolePermissionsBoundary",
    "iam:PutRolePolicy",
];

/// The ARN of CloudFormation's role.
pub(super) fn service_role_arn(scope: &Scope<'_>) -> Json {
    scope.own_role(identity::SERVICE_ROLE)
}

/// What CloudFormation may do.
pub(super) fn statements(scope: &Scope<'_>) -> Vec<Statement> {
    let own = scope.services();
    let mut by_service: BTreeMap<&str, BTreeSet<&'static str>> = BTreeMap::new();
    for action in scope.kinds.iter().filter_map(|kind| handlers(kind)).flat_map(|handlers| &handlers.all) {
        let (service, name) = action.split_once(':').unwrap_or_default();
        // `s3:REST.PUT.OBJECT` stands in a schema, and is no action.
        if name.bytes().all(|byte| byte.is_ascii_alphanumeric())
            && (own.contains(service) || HELPERS.contains(&service))
        {
            by_service.entry(service).or_default().insert(action);
        }
    }
    let mut statements = Vec::new();
    for (service, mut actions) in by_service {
        if service == "iam" {
            statements.extend(roles(scope, &actions));
            continue;
        }
        if actions.remove("kms:CreateGrant") {
            statements.push(Statement::allow("KmsGrants", &["kms:CreateGrant"], vec![json!("*")]).when(
                "Bool",
                "kms:GrantIsForAWSResource",
                json!("true"),
            ));
        }
        if actions.remove("secretsmanager:GetSecretValue") {
            // A dynamic reference is read with this role, and a template may put what it reads wherever a job can see it.
            // https://docs.aws.amazon.com/secretsmanager/latest/userguide/auth-and-access-abac.html
            let mut own = Statement::allow("OwnSecrets", &["secretsmanager:GetSecretValue"], vec![json!("*")]);
            for (tag, value) in tags(scope) {
                own = own.when("StringEquals", tag, json!(value));
            }
            statements.push(own);
        }
        let actions: Vec<&str> = actions.into_iter().collect();
        let resources = match service {
            "ecr" => vec![sub(&account_arn("ecr", "*", &format!("repository/{}/*", scope.env.app)))],
            _ => vec![json!("*")],
        };
        let statement = Statement::allow(pascal(service), &actions, resources);
        statements.push(if GLOBAL.contains(&service) {
            statement
        } else {
            statement.when("StringEquals", "aws:RequestedRegion", json!(scope.regions))
        });
    }
    statements.push(Statement::deny("NoIdentity", &["iam:*", "sts:AssumeRole"], scope.identity()));
    statements.push(Statement::deny("BoundariesStay", &["iam:DeleteRolePermissionsBoundary"], vec![json!("*")]));
    statements.extend(shadowed(scope));
    statements.extend(others(scope));
    statements
}

/// Roles of the environment, made and changed with our boundary only; and handed to the services that take them.
fn roles(scope: &Scope<'_>, actions: &BTreeSet<&'static str>) -> Vec<Statement> {
    let ours = || vec![sub(&account_arn("iam", "", &format!("role/{}-*", scope.env.prefix())))];
    let mut statements = Vec::new();
    let bounded: Vec<&str> = actions.iter().copied().filter(|action| BOUNDED.contains(action)).collect();
    if !bounded.is_empty() {
        let boundary = scope.boundary();
        statements.push(Statement::allow("BoundedRoles", &bounded, ours()).when(
            "StringEquals",
            "iam:PermissionsBoundary",
            boundary,
        ));
    }
    let apart = ["iam:PassRole", "iam:CreateServiceLinkedRole", "iam:DeleteRolePermissionsBoundary"];
    let rest: Vec<&str> =
        actions.iter().copied().filter(|action| !BOUNDED.contains(action) && !apart.contains(action)).collect();
    if !rest.is_empty() && actions.contains("iam:CreateRole") {
        statements.push(Statement::allow("Roles", &rest, ours()));
    }
    // What ECS and Scheduler take is passed by the deploy role.
    let passed = scope.roles.iter().filter(|(service, _)| {
        !["ecs-tasks.amazonaws.com", "ecs.amazonaws.com", "scheduler.amazonaws.com"].contains(&service.as_str())
    });
    for (service, names) in passed {
        let sid = format!("Pass{}", pascal(service.trim_end_matches(".amazonaws.com")));
        let pass = Statement::allow(sid, &["iam:PassRole"], Scope::role_arns(names));
        statements.push(pass.when("StringEquals", "iam:PassedToService", json!(service)));
    }
    if actions.contains("iam:CreateServiceLinkedRole") {
        let linked = sub("arn:${AWS::Partition}:iam::*:role/aws-service-role/*");
        statements.push(Statement::allow("LinkedRoles", &["iam:CreateServiceLinkedRole"], vec![linked]).when(
            "StringEquals",
            "iam:AWSServiceName",
            json!(linked_services(scope)),
        ));
    }
    statements
}

/// Services whose own role is made with the first resource of theirs in an account.
/// <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_aws-services-that-work-with-iam.html>
fn linked_services(scope: &Scope<'_>) -> Vec<&'static str> {
    let all = [
        ("AWS::ECS::", "ecs.amazonaws.com"),
        ("AWS::ElasticLoadBalancingV2::", "elasticloadbalancing.amazonaws.com"),
        ("AWS::RDS::", "rds.amazonaws.com"),
        ("AWS::Backup::", "backup.amazonaws.com"),
        ("AWS::WAFv2::", "wafv2.amazonaws.com"),
        ("AWS::ElastiCache::", "elasticache.amazonaws.com"),
        ("AWS::OpenSearchService::", "opensearchservice.amazonaws.com"),
        ("AWS::EFS::", "elasticfilesystem.amazonaws.com"),
        ("AWS::ECR::", "replication.ecr.amazonaws.com"),
    ];
    let used = |begins: &str| scope.kinds.iter().any(|kind| kind.starts_with(begins));
    all.into_iter().filter(|(begins, _)| used(begins)).map(|(_, service)| service).collect()
}

/// What carries the tags of another environment or app of ours is not for this one. Stacks hand their tags on, and
/// parameters, tasks and services are made with them.
pub(super) fn others(scope: &Scope<'_>) -> [Statement; 2] {
    let deny = |sid, (tag, own): (&'static str, &String)| {
        Statement::deny(sid, &["*"], vec![json!("*")]).when("StringNotEquals", tag, json!(own)).when(
            "Null",
            tag,
            json!("false"),
        )
    };
    let [app, environment] = tags(scope);
    [deny("NoOtherApp", app), deny("NoOtherEnvironment", environment)]
}

/// The tags that what this environment made carries.
fn tags<'a>(scope: &Scope<'a>) -> [(&'static str, &'a String); 2] {
    [
        ("aws:ResourceTag/finance-infra:app", &scope.env.app),
        ("aws:ResourceTag/finance-infra:environment", &scope.env.name),
    ]
}

/// Roles of an environment whose name is longer: a pattern over this one's takes them in, and with them those that its
/// jobs take.
fn shadowed(scope: &Scope<'_>) -> Option<Statement> {
    let role = |name: &String| sub(&account_arn("iam", "", &format!("role/{}-{name}-*", scope.env.app)));
    let arns: Vec<Json> = scope.shadowed().map(role).collect();
    (!arns.is_empty()).then(|| Statement::deny("NoLongerName", &["iam:*"], arns))
}

/// The most that a role of the environment can ever do: whatever its own policies say, but never what makes or changes
/// identities, this identity's roles, stacks of ours, or another environment's.
pub(super) fn boundary(scope: &Scope<'_>) -> Policy {
    let all = || vec![json!("*")];
    let roles = vec![sub(&account_arn("iam", "", &format!("role/{}-*", scope.env.prefix())))];
    let mut statements = vec![
        Statement::allow("Policies", &["*"], all()),
        Statement::deny(
            "NoIdentities",
            &[
                "iam:Add*",
                "iam:Attach*",
                "iam:Change*",
                "iam:Create*",
                "iam:Deactivate*",
                "iam:Delete*",
                "iam:Detach*",
                "iam:Disable*",
                "iam:Enable*",
                "iam:Put*",
                "iam:Remove*",
                "iam:Reset*",
                "iam:Resync*",
                "iam:Set*",
                "iam:Tag*",
                "iam:Untag*",
                "iam:Update*",
                "iam:Upload*",
                "organizations:*",
                "account:*",
                "sso:*",
                "sso-directory:*",
                "identitystore:*",
            ],
            all(),
        ),
        // Scheduler's own role hands a task its roles.
        Statement::deny("NoPassing", &["iam:PassRole"], roles).elsewhere(),
        Statement::deny("NoRolesOfJobs", &["iam:PassRole", "sts:AssumeRole*"], scope.identity()),
        Statement::deny(
            "NoStacks",
            &CHANGE_STACKS,
            vec![sub(&account_arn("cloudformation", "*", &format!("stack/{}-*", scope.env.app)))],
        ),
    ];
    statements.extend(others(scope));
    Policy::new(statements)
}
