//! Which key of a service in the workflow file a cause is about, where one is at fault or is the way out.

/// Cause and the key below `services.NAME`.
const KEYS: &[(&str, &str)] = &[
    ("image-tag-not-found", "image"),
    ("image-digest-not-found", "image"),
    ("image-reference-invalid", "image"),
    ("platform-mismatch", "platform"),
    ("ephemeral-storage-full", "ephemeral-storage"),
    ("secret-not-found", "secrets"),
    ("secret-access-denied", "secrets"),
    ("secret-kms-denied", "secrets"),
    ("secret-arn-partial", "secrets"),
    ("secret-not-json", "secrets"),
    ("fargate-cpu-memory-invalid", "memory"),
    ("fargate-capacity-unavailable", "capacity"),
    ("spot-interrupted", "capacity"),
    ("port-binding-failed", "port"),
    ("command-not-found", "command"),
    ("oom", "memory"),
    ("app-heap-exhausted", "memory"),
    ("exit-sigkill-not-oom", "stop-timeout"),
    ("app-misconfigured-env", "environment"),
    ("app-dependency-unreachable", "environment"),
    ("health-check-404", "health-check"),
    ("health-check-400", "health-check"),
    ("health-check-400-host-header", "health-check"),
    ("health-check-redirect", "health-check"),
    ("health-check-code-mismatch", "health-check"),
    ("health-check-timeout", "health-check"),
    ("health-check-connection-failed", "port"),
    ("health-check-unspecified", "health-check"),
    ("listener-rule-priority-in-use", "priority"),
];

/// The key of a service that a cause is about.
pub fn key(cause: &str) -> Option<&'static str> {
    KEYS.iter().find(|(name, _)| *name == cause).map(|(_, key)| *key)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_names_a_cause_and_a_key() {
        for (cause, key) in KEYS {
            assert!(super::super::find(cause).is_some(), "{cause} is no cause");
            assert!(crate::workflow::explain(&format!("services.api.{key}")).is_some(), "{key} is no key");
        }
    }
}
