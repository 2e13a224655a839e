//! The second region of the backups: the key that the database's replicated backups are encrypted with.
//!
//! The replication itself is the instance's own, in the database's stack, which takes this key.
//! <https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/USER_ReplicateBackups.html>

use serde_json::json;

use super::{Export, Holds, Keep, Resource, StackDesired, Template, attribute, substitute};
use crate::workflow::{Database, Environment};

/// The stack's key.
pub const KEY: &str = "backup";
/// The key in the second region.
pub const BACKUP_KEY_ARN: Export = Export::one(KEY, "BackupKeyArn", "Key of the replicated backups");

/// The second region's stack, where the file names one.
pub fn stacks(env: &Environment) -> Vec<StackDesired> {
    let Some(Database::Managed(database)) = &env.database else { return Vec::new() };
    let Some(region) = &database.replicate_backups_to else { return Vec::new() };
    let mut template = Template::new(format!("{}: key of replicated backups", env.prefix()));
    // The account's own policies say who may use it: RDS takes a grant with the rights of whoever makes the instance.
    // A key of AWS's cannot be named across regions.
    // https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/AutomatedBackups.Replicating.Enable.html
    let policy = json!({
        "Version": "2012-10-17",
        "Statement": [{
            "Sid": "Account",
            "Effect": "Allow",
            "Principal": { "AWS": substitute("arn:${AWS::Partition}:iam::${AWS::AccountId}:root") },
            "Action": "kms:*",
            "Resource": "*",
        }],
    });
    template.add(
        "BackupKey",
        Resource::new(
            "AWS::KMS::Key",
            json!({
                "Description": format!("Replicated backups of {}", env.prefix()),
                "EnableKeyRotation": true,
                "PendingWindowInDays": 30,
                "KeyPolicy": policy,
            }),
        )
        // Backups outlive the environment, and are lost with their key.
        .keep(Keep::RetainExceptOnCreate)
        .holds(Holds::Data)
        .origin("database.replicate-backups-to"),
    );
    template.export(&BACKUP_KEY_ARN, attribute("BackupKey", "Arn"));
    vec![StackDesired::new(KEY, template).in_region(region)]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::infra::testing::{environment, only};
    use crate::infra::{Source, database, reference};

    #[test]
    fn r20_backups_are_replicated_to_a_second_region_under_a_key_of_it() {
        let env = environment("production");
        assert_eq!(stacks(&env)[0].region.as_deref(), Some("us-west-2"));
        let key = only(stacks(&env)).resources["BackupKey"].clone();
        assert_eq!((key.keep, key.holds), (Keep::RetainExceptOnCreate, Holds::Data));
        let template = only(database::stacks(&env));
        let it = &template.resources["Database"].properties;
        assert_eq!(it["AutomaticBackupReplicationRegion"], "us-west-2");
        assert_eq!(it["AutomaticBackupReplicationRetentionPeriod"], 7);
        assert_eq!(it["AutomaticBackupReplicationKmsKeyId"], reference("BackupKeyArn"));
        let given = &template.parameters["BackupKeyArn"].source;
        assert_eq!(*given, Source::Output { stack: "backup".into(), output: "BackupKeyArn".into() });
    }

    #[test]
    fn r20_without_a_second_region_nothing_is_replicated() {
        let mut env = environment("staging");
        if let Some(Database::Managed(database)) = &mut env.database {
            database.replicate_backups_to = None;
        }
        assert_eq!(stacks(&env), []);
        let it = only(database::stacks(&env)).resources["Database"].properties.clone();
        assert!(!it.keys().any(|key| key.starts_with("AutomaticBackupReplication")));
    }
}
