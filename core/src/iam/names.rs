//! Names and ARNs of the roles, as the templates give them and as a job that takes one knows them.

use sha2::{Digest as _, Sha256};

use crate::workflow::Environment;

/// The most characters of a role's name.
/// <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html>
const LONGEST: usize = 64;

/// What a job of the repository does with AWS.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Job {
    /// It looks, and never writes.
    Plan,
    /// It changes.
    Deploy,
}

/// The name of a role of the environment: `<app>-<environment>-<what>`. One that would be too long is cut, and ends in
/// a digest of the whole, so that two stay two.
pub fn role_name(env: &Environment, what: &str) -> String {
    let whole = format!("{}-{what}", env.prefix());
    if whole.len() <= LONGEST {
        return whole;
    }
    let digest: String = Sha256::digest(&whole).iter().take(4).map(|byte| format!("{byte:02x}")).collect();
    // Names of the file are ASCII.
    format!("{}-{digest}", whole.get(..LONGEST - 9).unwrap_or_default().trim_end_matches('-'))
}

/// The ARN of the role that a job takes by OIDC; none where the file does not say the account.
pub fn role_arn(env: &Environment, job: Job) -> Option<String> {
    let account = env.account.as_ref()?;
    Some(format!("arn:{}:iam::{account}:role/{}", partition(&env.region), role_name(env, job.name())))
}

/// The partition that a region is in.
/// <https://docs.aws.amazon.com/whitepapers/latest/aws-fault-isolation-boundaries/partitions.html>
pub fn partition(region: &str) -> &'static str {
    match region {
        region if region.starts_with("cn-") => "aws-cn",
        region if region.starts_with("us-gov-") => "aws-us-gov",
        _ => "aws",
    }
}

/// An ARN in the account and partition of the stack, as `Fn::Sub` reads it.
pub fn account_arn(service: &str, region: &str, rest: &str) -> String {
    format!("arn:${{AWS::Partition}}:{service}:{region}:${{AWS::AccountId}}:{rest}")
}

impl Job {
    /// Its name, which is also the last part of its role's.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Plan => "plan",
            Self::Deploy => "deploy",
        }
    }
}

#[cfg(test)]
#[path = "names_tests.rs"]
mod tests;
