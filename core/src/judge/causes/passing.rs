//! Which causes mostly pass by themselves.

use super::{Diagnosis, Rank};

/// Those whose remedy begins with trying again.
const PASSING: [&str; 6] = [
    "efs-transient",
    "eni-provisioning-timeout",
    "envfile-transient",
    "fargate-capacity-unavailable",
    "pull-interrupted",
    "throttled",
];

/// Whether the root is one that passes; none where no root was recognised.
pub fn passes(found: &[Diagnosis]) -> Option<bool> {
    let root = found.iter().find(|found| found.cause.rank < Rank::Cascade)?;
    Some(PASSING.contains(&root.cause.name))
}

#[cfg(test)]
mod tests {
    use super::super::{Evidence, TABLES, diagnose_all};
    use super::*;

    fn of(reason: &str) -> Option<bool> {
        let evidence = Evidence { at: "stoppedReason".parse().unwrap(), text: reason.into(), exit_code: None };
        passes(&diagnose_all(&[evidence]))
    }

    #[test]
    fn what_passes_is_told_from_what_is_wrong_and_from_what_nobody_knows() {
        assert_eq!(of("Timeout waiting for network interface provisioning to complete."), Some(true));
        let capacity =
            "Capacity is unavailable at this time. Please try again later or in a different availability zone";
        assert_eq!(of(capacity), Some(true));
        assert_eq!(of("a reason that no table has"), None);
        assert_eq!(of("Task failed to start"), None);
        let absent = "CannotPullContainerError: pull image manifest has been retried 1 time(s): failed to resolve ref \
                      127.0.0.1/shop@sha256:0: not found";
        assert_eq!(of(absent), Some(false));
        let denied = "ResourceInitializationError: unable to pull secrets or registry auth: execution resource retrieval \
                      failed: unable to retrieve secret from asm: AccessDeniedException: User: arn:aws:sts::111122223333:\
                      assumed-role/execution/1 is not authorized to perform: secretsmanager:GetSecretValue";
        assert_eq!(of(denied), Some(false));
    }

    #[test]
    fn each_is_a_cause() {
        for name in PASSING {
            assert!(TABLES.iter().any(|table| table.iter().any(|cause| cause.name == name)), "{name}");
        }
    }
}
