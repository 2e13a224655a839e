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

/// Whether what never began may begin if it is started again: its root is one that passes, or none was recognised.
pub fn may_pass(found: &[Diagnosis]) -> bool {
    let root = found.iter().find(|found| found.cause.rank < Rank::Cascade);
    root.is_none_or(|root| PASSING.contains(&root.cause.name))
}

#[cfg(test)]
mod tests {
    use super::super::{Evidence, TABLES, diagnose_all};
    use super::*;

    fn passes(reason: &str) -> bool {
        let evidence = Evidence { at: "stoppedReason".parse().unwrap(), text: reason.into(), exit_code: None };
        may_pass(&diagnose_all(&[evidence]))
    }

    #[test]
    fn what_passes_and_what_nobody_knows_may_begin_and_what_is_wrong_may_not() {
        assert!(passes("Timeout waiting for network interface provisioning to complete."));
        assert!(passes(
            "Capacity is unavailable at this time. Please try again later or in a different availability zone"
        ));
        assert!(passes("a reason that no table has"));
        assert!(passes("Task failed to start"));
        let absent = "CannotPullContainerError: pull image manifest has been retried 1 time(s): failed to resolve ref \
                      127.0.0.1/shop@sha256:0: not found";
        assert!(!passes(absent));
        let denied = "ResourceInitializationError: unable to pull secrets or registry auth: execution resource retrieval \
                      failed: unable to retrieve secret from asm: AccessDeniedException: User: arn:aws:sts::111122223333:\
                      assumed-role/execution/1 is not authorized to perform: secretsmanager:GetSecretValue";
        assert!(!passes(denied));
    }

    #[test]
    fn each_is_a_cause() {
        for name in PASSING {
            assert!(TABLES.iter().any(|table| table.iter().any(|cause| cause.name == name)), "{name}");
        }
    }
}
