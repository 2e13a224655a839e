//! Whom the jobs' roles trust: one repository's workflows, by GitHub's OIDC tokens.
//! <https://docs.github.com/en/actions/how-tos/secure-your-work/security-harden-deployments/oidc-in-aws>

use serde_json::{Value as Json, json};

use super::scope::sub;
use crate::{
    iam::{Job, Policy, Statement, Trusted, account_arn},
    workflow::{Environment, Identity},
};

/// The issuer, which is also the provider's name in its ARN and in condition keys.
pub const ISSUER: &str = "token.actions.githubusercontent.com";

/// The audience that AWS's own action and ours ask tokens for.
pub const AUDIENCE: &str = "sts.amazonaws.com";

/// The ARN of the account's OIDC provider for GitHub: given in the file, or what AWS makes of the issuer's name.
pub fn provider_arn(identity: &Identity) -> Json {
    identity
        .oidc_provider
        .clone()
        .map_or_else(|| sub(&account_arn("iam", "", &format!("oidc-provider/{ISSUER}"))), |arn| json!(arn))
}

/// The trust of a job's role. Everything is compared as a whole: a wildcard in `sub` is how strangers' repositories get
/// in. The repository's id makes a name that was given up and taken by somebody else worthless.
///
/// Claims beside `aud` and `sub` are keys of AWS's for this issuer:
/// <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_iam-condition-keys.html#condition-keys-wif>
pub fn github(env: &Environment, identity: &Identity, job: Job) -> Policy {
    let mut trust = Statement::allow("GitHub", &["sts:AssumeRoleWithWebIdentity"], Vec::new())
        .when("StringEquals", "token.actions.githubusercontent.com:aud", json!(AUDIENCE))
        .when("StringEquals", "token.actions.githubusercontent.com:sub", json!(subjects(env, identity, job)))
        .when("StringEquals", "token.actions.githubusercontent.com:repository_id", json!(identity.repository_id));
    if job == Job::Deploy {
        // A job of any branch may name the environment, where GitHub was not told which branches may deploy to it.
        let branch = format!("refs/heads/{}", identity.branch);
        trust = trust.when("StringEquals", "token.actions.githubusercontent.com:ref", json!(branch));
    }
    trust.principal = Some(Trusted::Federated(provider_arn(identity)));
    Policy::new([trust])
}

/// The subjects that may take the role. A job with a GitHub environment has that in its subject, whatever started it;
/// one without has its event or its ref.
/// <https://docs.github.com/en/actions/reference/security/oidc#example-subject-claims>
///
/// - deploy: the environment, named as ours;
/// - plan: a pull request's job, a job on the branch that deploys (a nightly drift), and that same environment.
pub fn subjects(env: &Environment, identity: &Identity, job: Job) -> Vec<String> {
    let repository = repository(identity);
    let environment = format!("repo:{repository}:environment:{}", env.name);
    match job {
        Job::Deploy => vec![environment],
        Job::Plan => vec![
            environment,
            format!("repo:{repository}:pull_request"),
            format!("repo:{repository}:ref:refs/heads/{}", identity.branch),
        ],
    }
}

/// The repository as its tokens name it: with both ids where the owner's is given, as GitHub does for every repository
/// made, renamed or moved since July 2026 and for those that opted in.
/// <https://github.blog/changelog/2026-04-23-immutable-subject-claims-for-github-actions-oidc-tokens/>
fn repository(identity: &Identity) -> String {
    match (&identity.owner_id, identity.repository.split_once('/')) {
        (Some(owner_id), Some((owner, name))) => format!("{owner}@{owner_id}/{name}@{}", identity.repository_id),
        _ => identity.repository.clone(),
    }
}
