//! Versions of Secrets Manager secrets: metadata only, never a value.

use runner_core::plan::Fault;

use super::{Clients, Code, code_of, fault};

/// The id of a secret's current version; `None` where there is no such secret or version.
pub async fn secret_version(clients: &Clients, arn: &str) -> Result<Option<String>, Fault> {
    match clients.secretsmanager().describe_secret().secret_id(arn).send().await {
        Ok(secret) => Ok(secret
            .version_ids_to_stages
            .unwrap_or_default()
            .into_iter()
            .find_map(|(id, stages)| stages.iter().any(|stage| stage == "AWSCURRENT").then_some(id))),
        Err(error) if code_of(&error).as_deref().and_then(Code::of) == Some(Code::NotFound) => Ok(None),
        Err(error) => Err(fault(format!("looking up the version of secret ({arn})"), &error)),
    }
}
