//! Secrets Manager: versions of secrets, which are metadata, and the one value that a listener rule must hold.

use runner_core::{plan::Fault, text::Secret};

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

/// The current value of a secret.
pub async fn secret_value(clients: &Clients, arn: &str) -> Result<Secret, Fault> {
    let doing = || format!("reading secret ({arn})");
    let answer = clients.secretsmanager().get_secret_value().secret_id(arn).send().await;
    let answer = answer.map_err(|error| fault(doing(), &error))?;
    answer.secret_string.map(Secret::new).ok_or_else(|| Fault::new(doing(), "it holds no text"))
}
