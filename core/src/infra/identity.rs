//! The identity: who may do what. GitHub's OIDC provider, one an account; and for the environment the roles of its jobs,
//! CloudFormation's role, and the permissions boundary of every role that one makes.
//!
//! An administrator makes it, by `runner stage bootstrap-identity`: it is in no run, since whoever could change it could
//! give themselves everything. Environments of one account share the provider's stack and nothing else.

use serde_json::{Value as Json, json};

use super::{Export, Holds, Keep, Resource, StackDesired, Template, access, attribute, reference};
use crate::{
    iam::{Job, Policy, Statement, Trusted, partition, role_name},
    workflow::{Environment, Identity},
};

/// The stack's key.
pub const KEY: &str = "identity";

/// The key of the stack of the OIDC provider.
pub const PROVIDER: &str = "oidc-provider";

/// The stage.
pub const STAGE: &str = "bootstrap-identity";

/// The last part of the name of CloudFormation's role.
pub const SERVICE_ROLE: &str = "cloudformation";

/// The last parts of the names of the identity's roles.
pub const ROLES: [&str; 3] = [Job::Plan.name(), Job::Deploy.name(), SERVICE_ROLE];

/// The role that CloudFormation works with.
pub const SERVICE_ROLE_ARN: Export = Export::one(KEY, "ServiceRoleArn", "Role that CloudFormation works with");
/// The role of jobs that ask.
pub const PLAN_ROLE_ARN: Export = Export::one(KEY, "PlanRoleArn", "Role of jobs that plan");
/// The role of jobs that change.
pub const DEPLOY_ROLE_ARN: Export = Export::one(KEY, "DeployRoleArn", "Role of jobs that deploy");
/// The permissions boundary.
pub const BOUNDARY_ARN: Export = Export::one(KEY, "BoundaryArn", "Permissions boundary of every role");

/// The path of the identity's policies: what no other role may touch has it in its ARN.
pub fn path(env: &Environment) -> String {
    format!("/{}/{}/identity/", env.app, env.name)
}

/// The name of the permissions boundary.
pub fn boundary_name(env: &Environment) -> String {
    format!("{}-boundary", env.prefix())
}

/// The stacks, where the file says whom to trust.
pub fn stacks(env: &Environment) -> Vec<StackDesired> {
    let Some(identity) = &env.identity else { return Vec::new() };
    let mut stacks = Vec::new();
    let mut own = StackDesired::new(KEY, environment(env, identity));
    if identity.oidc_provider.is_none() {
        own.after.push(PROVIDER.to_owned());
        let region = match partition(&env.region) {
            "aws-cn" => "cn-north-1",
            "aws-us-gov" => "us-gov-west-1",
            _ => "us-east-1",
        };
        // IAM knows no region, stacks do: without one place two environments in two regions would make it twice.
        let region = (region != env.region).then(|| region.to_owned());
        stacks.push(StackDesired { region, ..StackDesired::new(PROVIDER, provider()) });
    }
    stacks.push(own);
    stacks
}

/// The same template whichever app and environment makes it. It is kept whatever happens to the stack: deleting it locks
/// out everyone who trusts it.
fn provider() -> Template {
    let mut template = Template::new("GitHub Actions' OIDC provider of this account");
    // AWS checks GitHub's certificate against its own list of authorities and needs no thumbprint.
    // https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles_providers_create_oidc.html
    template.add(
        "GitHub",
        Resource::new(
            "AWS::IAM::OIDCProvider",
            json!({
                "Url": format!("https://{}", access::ISSUER),
                "ClientIdList": [access::AUDIENCE],
            }),
        )
        .keep(Keep::Retain)
        .holds(Holds::Data)
        .origin("identity"),
    );
    template
}

fn environment(env: &Environment, identity: &Identity) -> Template {
    let mut template = Template::new(format!("{}: roles of jobs and of CloudFormation", env.prefix()));
    template.add(
        "Boundary",
        Resource::new(
            "AWS::IAM::ManagedPolicy",
            json!({
                "ManagedPolicyName": boundary_name(env),
                "Path": path(env),
                "Description": "The most that a role of this environment can ever do",
                "PolicyDocument": access::boundary(env).to_json(),
            }),
        )
        .holds(Holds::Traffic)
        .origin("identity"),
    );
    template.export(&BOUNDARY_ARN, reference("Boundary"));
    for (job, export) in [(Job::Plan, PLAN_ROLE_ARN), (Job::Deploy, DEPLOY_ROLE_ARN)] {
        let trust = access::github(env, identity, job);
        add(&mut template, env, job.name(), &trust, &access::job(env, job), &export);
    }
    add(&mut template, env, SERVICE_ROLE, &cloudformation_trust(), &access::service_role(env), &SERVICE_ROLE_ARN);
    template
}

/// The trust of CloudFormation's role. No condition on the account: CloudFormation's page knows none, and a role is passed
/// within its account only.
/// <https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/using-iam-servicerole.html>
pub fn cloudformation_trust() -> Policy {
    let mut trust = Statement::allow("CloudFormation", &["sts:AssumeRole"], Vec::new());
    trust.principal = Some(Trusted::Service(access::SERVICE));
    Policy::new([trust])
}

/// A role with its policies, which are resources of their own: inline they would have to fit into 10,240 characters.
/// <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html>
fn add(template: &mut Template, env: &Environment, what: &str, trust: &Policy, may: &[Statement], export: &Export) {
    let id = export.name.trim_end_matches("Arn").to_owned();
    let mut policies: Vec<Json> = Vec::new();
    for (number, policy) in access::pack(may).into_iter().enumerate() {
        let policy_id = format!("{id}Policy{}", number + 1);
        policies.push(reference(&policy_id));
        template.add(
            policy_id,
            Resource::new(
                "AWS::IAM::ManagedPolicy",
                json!({
                    "Path": path(env),
                    "PolicyDocument": policy.to_json(),
                }),
            )
            .origin("identity"),
        );
    }
    template.add(
        id.clone(),
        Resource::new(
            "AWS::IAM::Role",
            json!({
                "RoleName": role_name(env, what),
                "Description": export.about,
                "AssumeRolePolicyDocument": trust.to_json(),
                "ManagedPolicyArns": policies,
            }),
        )
        .holds(Holds::Traffic)
        .origin("identity"),
    );
    template.export(export, attribute(&id, "Arn"));
}
