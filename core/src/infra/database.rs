//! Our own database: the RDS instance, its subnet and parameter group, and the secrets of its password and its URL.

use std::collections::BTreeMap;

use serde_json::json;

use super::{
    Export, Holds, Keep, Resource, StackDesired, Template, attribute, backup, network, pascal, reference, substitute,
};
use crate::workflow::{Database, Environment, ManagedDatabase};

/// The stack's key.
pub const KEY: &str = "database";
/// The secret that holds the whole URL.
pub const DATABASE_URL_SECRET_ARN: Export = Export::one(KEY, "DatabaseUrlSecretArn", "Secret that holds the URL");
/// The instance's identifier.
pub const DATABASE_INSTANCE_ID: Export = Export::one(KEY, "DatabaseInstanceId", "The instance");
/// The instance's host.
pub const DATABASE_ENDPOINT: Export = Export::one(KEY, "DatabaseEndpoint", "Host of the database");
/// The instance's port.
pub const DATABASE_PORT: Export = Export::one(KEY, "DatabasePort", "Port of the database");
/// The instance's resource id, which IAM authentication names.
pub const DATABASE_RESOURCE_ID: Export = Export::one(KEY, "DatabaseResourceId", "Resource id of the instance");

/// The database and its owner have one name, whatever the app's: RDS wants a letter first and letters and digits only,
/// and reserves some.
/// <https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/USER_CreateDBInstance.html>
const NAME: &str = "app";

/// The parameter that bounds connections.
pub(super) const MAX_CONNECTIONS: &str = "max_connections";
/// What a connection may take of the memory, so that a small instance refuses the last one instead of swapping under it.
/// <https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/CHAP_Limits.html#RDS_Limits.MaxConnections>
pub(super) const BYTES_A_CONNECTION: u64 = 10 << 20;
/// The most, whatever the memory.
pub(super) const MOST_CONNECTIONS: u64 = 5000;

/// The database's stack, where the database is ours.
pub fn stacks(env: &Environment) -> Vec<StackDesired> {
    let Some(Database::Managed(database)) = &env.database else { return Vec::new() };
    let mut template = Template::new(format!("{}: database", env.prefix()));
    let password = password(&mut template, database.password_generation);
    subnet_group(&mut template);
    let parameters = parameter_group(&mut template, database);
    instance(&mut template, env, database, &parameters, &password);
    url(&mut template, &password);

    template.export(&DATABASE_URL_SECRET_ARN, attribute(URL_SECRET, "Id"));
    template.export(&DATABASE_INSTANCE_ID, reference("Database"));
    template.export(&DATABASE_ENDPOINT, attribute("Database", "Endpoint.Address"));
    template.export(&DATABASE_PORT, attribute("Database", "Endpoint.Port"));
    template.export(&DATABASE_RESOURCE_ID, attribute("Database", "DbiResourceId"));
    vec![StackDesired::new(KEY, template)]
}

/// The logical id of the secret that holds the URL.
pub const URL_SECRET: &str = "UrlSecret";

/// The password. Never edit this: any change makes Secrets Manager generate another one, which RDS does not follow.
/// Another generation (`database.password-generation`) is another secret under another logical id, which the instance and
/// the URL then take; those of before may go. Letters and digits only, said twice because either way of saying
/// it alone is not minded everywhere, and anything else would have to be escaped in the URL.
/// <https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-properties-secretsmanager-secret-generatesecretstring.html>
fn password(template: &mut Template, generation: u32) -> String {
    let id = |generation: u32| match generation {
        0 | 1 => "PasswordSecret".to_owned(),
        more => format!("PasswordSecret{more}"),
    };
    (1..generation).for_each(|before| template.retire(id(before)));
    let id = id(generation);
    template.add(
        &id,
        Resource::new(
            "AWS::SecretsManager::Secret",
            json!({
                "Description": "Password of the database's owner",
                "GenerateSecretString": {
                    "PasswordLength": 40,
                    "ExcludePunctuation": true,
                    "ExcludeCharacters": "!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~",
                },
            }),
        )
        .keep(Keep::OnReplacement)
        .holds(Holds::Data)
        .origin("database.password-generation"),
    );
    // Where CloudFormation resolves it: it stands in no template and no parameter.
    format!("{{{{resolve:secretsmanager:${{{id}.Id}}}}}}")
}

/// The URL stands whole in a secret: ECS cannot put one together. `require` and not `verify-full`, which wants RDS's
/// certificates in the image.
/// <https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/PostgreSQL.Concepts.General.SSL.html>
fn url(template: &mut Template, password: &str) {
    let url = format!(
        "postgresql://{NAME}:{password}@${{Database.Endpoint.Address}}:${{Database.Endpoint.Port}}/{NAME}?sslmode=require"
    );
    template.add(
        URL_SECRET,
        Resource::new(
            "AWS::SecretsManager::Secret",
            json!({ "Description": "URL of the database", "SecretString": substitute(&url) }),
        )
        .keep(Keep::OnReplacement)
        .holds(Holds::Data),
    );
}

fn subnet_group(template: &mut Template) {
    let subnets = template.import(&network::PRIVATE_SUBNET_IDS);
    template.add(
        "SubnetGroup",
        Resource::new(
            "AWS::RDS::DBSubnetGroup",
            json!({ "DBSubnetGroupDescription": "Private subnets", "SubnetIds": subnets }),
        )
        .holds(Holds::Traffic),
    );
}

/// The parameter group, named after its family: a family cannot be changed, so a major upgrade moves the instance to
/// another group.
/// <https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/USER_UpgradeDBInstance.PostgreSQL.MajorVersion.html>
fn parameter_group(template: &mut Template, database: &ManagedDatabase) -> String {
    let id = format!("Parameters{}{}", pascal(&database.engine), pascal(&database.version));
    template.add(
        &id,
        Resource::new(
            "AWS::RDS::DBParameterGroup",
            json!({
                "Family": format!("{}{}", database.engine, database.version),
                "Description": "TLS only, bounded connections",
                "Parameters": parameters(database),
            }),
        )
        .origin("database.parameters")
        .origin_of("Family", "database.version"),
    );
    id
}

fn parameters(database: &ManagedDatabase) -> BTreeMap<&str, String> {
    let connections = format!("LEAST({{DBInstanceClassMemory/{BYTES_A_CONNECTION}}},{MOST_CONNECTIONS})");
    let mut parameters = BTreeMap::from([
        (MAX_CONNECTIONS, connections),
        // A transaction that was forgotten holds its locks for five minutes, not forever.
        ("idle_in_transaction_session_timeout", "300000".to_owned()),
        // A task that died without a word gives its connections back after two minutes, not two hours.
        ("tcp_keepalives_idle", "60".to_owned()),
        ("tcp_keepalives_interval", "10".to_owned()),
        ("tcp_keepalives_count", "6".to_owned()),
    ]);
    parameters.extend(database.parameters.iter().map(|(name, value)| (name.as_str(), value.clone())));
    // Not the file's to turn off.
    parameters.insert("rds.force_ssl", "1".to_owned());
    parameters
}

/// The keys of the file that say what a property of the instance is.
const ORIGINS: [(&str, &str); 12] = [
    ("Engine", "database.engine"),
    ("EngineVersion", "database.version"),
    ("DBParameterGroupName", "database.version"),
    ("DBInstanceClass", "database.instance-class"),
    ("AllocatedStorage", "database.allocated-storage"),
    ("MultiAZ", "database.multi-az"),
    ("MasterUserPassword", "database.password-generation"),
    ("BackupRetentionPeriod", "database.backup-retention"),
    ("AutomaticBackupReplicationRegion", "database.replicate-backups-to"),
    ("AutomaticBackupReplicationRetentionPeriod", "database.backup-retention"),
    ("DeletionProtection", "protected"),
    ("DeleteAutomatedBackups", "protected"),
];

fn instance(template: &mut Template, env: &Environment, database: &ManagedDatabase, parameters: &str, password: &str) {
    let group = template.import(&network::DATABASE_GROUP);
    let protection = if env.protected { template.protect() } else { json!(false) };
    let mut properties = json!({
                "Engine": database.engine,
                // The major version only: RDS upgrades minors by itself, and a pinned one then fails every update.
                // https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-rds-dbinstance.html
                "EngineVersion": database.version,
                "AllowMajorVersionUpgrade": true,
                "AutoMinorVersionUpgrade": true,
                "DBInstanceClass": database.instance_class,
                "AllocatedStorage": database.allocated_storage.to_string(),
                "StorageType": "gp2",
                // From the first create: turned on later, it replaces the instance.
                "StorageEncrypted": true,
                "MultiAZ": database.multi_az,
                "BackupRetentionPeriod": database.backup_retention_days,
                "DeleteAutomatedBackups": !env.protected,
                "CopyTagsToSnapshot": true,
                "DBName": NAME,
                "MasterUsername": NAME,
                "MasterUserPassword": substitute(password),
                "DBSubnetGroupName": reference("SubnetGroup"),
                "DBParameterGroupName": reference(parameters),
                "VPCSecurityGroups": [group],
                "Port": network::DATABASE_PORT.to_string(),
                "PubliclyAccessible": false,
                "EnableIAMDatabaseAuthentication": false,
                "DeletionProtection": protection,
    });
    if let Some(region) = &database.replicate_backups_to {
        // https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/AutomatedBackups.Replicating.Enable.html
        properties["AutomaticBackupReplicationRegion"] = json!(region);
        properties["AutomaticBackupReplicationRetentionPeriod"] = json!(database.backup_retention_days);
        properties["AutomaticBackupReplicationKmsKeyId"] = template.import(&backup::BACKUP_KEY_ARN);
    }
    let mut instance =
        Resource::new("AWS::RDS::DBInstance", properties).keep(Keep::Snapshot).holds(Holds::Data).origin("database");
    for (property, key) in ORIGINS {
        instance = instance.origin_of(property, key);
    }
    template.add("Database", instance);
}

#[cfg(test)]
mod tests {
    use serde_json::Value as Json;

    use super::*;
    use crate::infra::testing::{environment, only};

    fn database_of(name: &str) -> Resource {
        only(stacks(&environment(name))).resources["Database"].clone()
    }

    #[test]
    fn r9_the_instance_is_the_size_and_kind_the_file_says() {
        let it = database_of("staging").properties;
        assert_eq!((&it["Engine"], &it["EngineVersion"]), (&json!("postgres"), &json!("15")));
        assert_eq!(it["DBInstanceClass"], "db.t3.micro");
        assert_eq!((&it["AllocatedStorage"], &it["StorageType"]), (&json!("20"), &json!("gp2")));
        assert_eq!(it["BackupRetentionPeriod"], 7);
        assert_eq!(it["StorageEncrypted"], true);
    }

    #[test]
    fn r9_production_has_a_standby_and_is_protected_once_it_is_made() {
        assert_eq!(database_of("staging").properties["MultiAZ"], false);
        assert_eq!(database_of("staging").properties["DeletionProtection"], false);
        let it = database_of("production").properties;
        assert_eq!((&it["MultiAZ"], &it["DeletionProtection"]), (&json!(true), &reference("Protect")));
        assert_eq!(it["DeleteAutomatedBackups"], false);
    }

    #[test]
    fn r9_connections_are_bounded_and_the_file_may_say_otherwise() {
        let mut env = environment("staging");
        let group =
            |env: &Environment| only(stacks(env)).resources["ParametersPostgres15"].properties["Parameters"].clone();
        assert_eq!(group(&env)["max_connections"], "LEAST({DBInstanceClassMemory/10485760},5000)");
        if let Some(Database::Managed(database)) = &mut env.database {
            database.parameters = BTreeMap::from([("max_connections".into(), "50".into())]);
        }
        assert_eq!(group(&env)["max_connections"], "50");
    }

    #[test]
    fn r9_a_major_upgrade_moves_to_another_parameter_group() {
        let mut env = environment("staging");
        if let Some(Database::Managed(database)) = &mut env.database {
            database.version = "16".into();
        }
        let template = only(stacks(&env));
        assert!(!template.resources.contains_key("ParametersPostgres15"));
        assert_eq!(
            template.resources["Database"].properties["DBParameterGroupName"],
            reference("ParametersPostgres16")
        );
        assert_eq!(template.resources["Database"].properties["AllowMajorVersionUpgrade"], true);
    }

    #[test]
    fn r9_r20_the_data_survives_its_stack() {
        let it = database_of("staging");
        assert_eq!((it.keep, it.holds), (Keep::Snapshot, Holds::Data));
    }

    #[test]
    fn r18_the_database_is_private_and_speaks_tls_only() {
        let mut env = environment("production");
        if let Some(Database::Managed(database)) = &mut env.database {
            database.parameters = BTreeMap::from([("rds.force_ssl".into(), "0".into())]);
        }
        let template = only(stacks(&env));
        assert_eq!(template.resources["Database"].properties["PubliclyAccessible"], false);
        assert_eq!(template.resources["SubnetGroup"].properties["SubnetIds"], reference("PrivateSubnetIds"));
        assert_eq!(template.resources["ParametersPostgres15"].properties["Parameters"]["rds.force_ssl"], "1");
        let url = template.resources["UrlSecret"].properties["SecretString"]["Fn::Sub"].as_str().unwrap();
        assert!(url.ends_with("?sslmode=require"), "{url}");
    }

    #[test]
    fn the_password_stands_in_no_template_and_its_rule_is_frozen() {
        let template = only(stacks(&environment("staging")));
        assert_eq!(
            Json::Object(template.resources["PasswordSecret"].properties.clone()).to_string(),
            r##"{"Description":"Password of the database's owner","GenerateSecretString":{"ExcludeCharacters":"!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~","ExcludePunctuation":true,"PasswordLength":40}}"##,
            "any edit makes another password, which the database does not follow"
        );
        assert_eq!(
            template.resources["Database"].properties["MasterUserPassword"],
            substitute("{{resolve:secretsmanager:${PasswordSecret.Id}}}")
        );
    }

    #[test]
    fn r20_another_generation_is_another_password_in_place_of_the_first() {
        let mut env = environment("production");
        let first = only(stacks(&env));
        if let Some(Database::Managed(database)) = &mut env.database {
            database.password_generation = 3;
        }
        let third = only(stacks(&env));
        assert!(first.retired.is_empty());
        assert_eq!(third.retired, ["PasswordSecret", "PasswordSecret2"].map(str::to_owned).into());
        let (of, id) = ("{{resolve:secretsmanager:${PasswordSecret3.Id}}}", "PasswordSecret3");
        assert_eq!(third.resources["Database"].properties["MasterUserPassword"], substitute(of));
        assert!(third.resources["UrlSecret"].properties["SecretString"]["Fn::Sub"].as_str().unwrap().contains(of));
        // The rule of generation is the same, and nothing else moves.
        assert_eq!(third.resources[id].properties, first.resources["PasswordSecret"].properties);
        assert_eq!(third.resources["Database"].properties.len(), first.resources["Database"].properties.len());
        assert_eq!(third.outputs, first.outputs);
    }

    #[test]
    fn a_database_that_is_there_already_has_no_stack() {
        let mut env = environment("staging");
        env.database = Some(Database::Existing { url: "arn".into(), client_security_group: "sg-1".into() });
        assert_eq!(stacks(&env), []);
        env.database = None;
        assert_eq!(stacks(&env), []);
    }
}
