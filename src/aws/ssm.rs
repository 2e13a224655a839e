//! SSM parameters. A value that is read is compared at once and goes no further.

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_ssm::types::{ParameterStringFilter, ParameterType};
use futures_util::future::try_join_all;
use runner_core::{
    plan::{Fault, ParameterSeen},
    text::Secret,
};

use super::{Clients, Code, code_of, fault};

/// GetParameters takes ten names.
/// <https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_GetParameters.html>
const NAMES_A_CALL: usize = 10;
/// A filter of DescribeParameters takes fifty values.
const FILTER_VALUES: usize = 50;
/// As many as a filter names.
const PAGE: i32 = 50;

/// The versions of the parameters that exist, and their values where `decrypt` asks for them; ten a call, all calls
/// at once.
pub async fn get_parameters(
    clients: &Clients,
    names: &[String],
    decrypt: bool,
) -> Result<BTreeMap<String, (u64, Option<Secret>)>, Fault> {
    let calls = names.chunks(NAMES_A_CALL).map(|chunk| async move {
        clients
            .ssm()
            .get_parameters()
            .set_names(Some(chunk.to_vec()))
            .with_decryption(decrypt)
            .send()
            .await
            .map_err(|error| fault(format!("reading the versions of parameters ({})", chunk.join(", ")), &error))
    });
    let mut found = BTreeMap::new();
    for answer in try_join_all(calls).await? {
        for parameter in answer.parameters.unwrap_or_default() {
            let value = parameter.value.filter(|_| decrypt).map(Secret::new);
            let version = u64::try_from(parameter.version).unwrap_or_default();
            found.insert(parameter.name.unwrap_or_default(), (version, value));
        }
    }
    Ok(found)
}

/// The metadata of the parameters that exist: a plan's role may not read values.
/// <https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_DescribeParameters.html>
pub async fn parameter_facts(clients: &Clients, names: &[String]) -> Result<BTreeMap<String, ParameterSeen>, Fault> {
    let doing = || format!("looking at the versions of parameters ({})", names.join(", "));
    let mut found = BTreeMap::new();
    for chunk in names.chunks(FILTER_VALUES) {
        let filter = ParameterStringFilter::builder()
            .key("Name")
            .option("Equals")
            .set_values(Some(chunk.to_vec()))
            .build()
            .map_err(|error| Fault::new(doing(), error.to_string()))?;
        let asked = clients.ssm().describe_parameters().parameter_filters(filter).max_results(PAGE);
        let mut pages = asked.into_paginator().send();
        while let Some(page) = pages.next().await {
            let page = page.map_err(|error| fault(doing(), &error))?;
            for parameter in page.parameters.unwrap_or_default() {
                let seen = ParameterSeen {
                    version: u64::try_from(parameter.version).unwrap_or_default(),
                    modified: parameter.last_modified_date.map(|date| date.secs()).unwrap_or_default(),
                    by: parameter.last_modified_user.unwrap_or_default(),
                };
                found.insert(parameter.name.unwrap_or_default(), seen);
            }
        }
    }
    Ok(found)
}

/// The names of the parameters beneath a path, at any depth.
pub async fn parameters_under(clients: &Clients, path: &str) -> Result<BTreeSet<String>, Fault> {
    let doing = || format!("looking for parameters under {path}");
    let filter = ParameterStringFilter::builder()
        .key("Path")
        .option("Recursive")
        .values(path.trim_end_matches('/'))
        .build()
        .map_err(|error| Fault::new(doing(), error.to_string()))?;
    let mut found = BTreeSet::new();
    let mut pages = clients.ssm().describe_parameters().parameter_filters(filter).into_paginator().send();
    while let Some(page) = pages.next().await {
        let page = page.map_err(|error| fault(doing(), &error))?;
        found.extend(page.parameters.unwrap_or_default().into_iter().filter_map(|parameter| parameter.name));
    }
    found.retain(|name| name.starts_with(path));
    Ok(found)
}

/// Deletes parameters; one that is not there is no error.
pub async fn delete_parameters(clients: &Clients, names: &[String]) -> Result<(), Fault> {
    for chunk in names.chunks(NAMES_A_CALL) {
        let doing = || format!("deleting parameters ({})", chunk.join(", "));
        let answer = clients.ssm().delete_parameters().set_names(Some(chunk.to_vec())).send().await;
        answer.map_err(|error| fault(doing(), &error))?;
    }
    Ok(())
}

/// Writes a SecureString and gives its new version. Tags are set on create only: PutParameter takes none with
/// Overwrite. <https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_PutParameter.html>
pub async fn put_parameter(
    clients: &Clients,
    name: &str,
    value: &Secret,
    exists: bool,
    tags: &BTreeMap<String, String>,
) -> Result<u64, Fault> {
    let doing = || format!("writing parameter ({name})");
    let put = || clients.ssm().put_parameter().name(name).value(value.expose()).r#type(ParameterType::SecureString);
    let tags = || {
        tags.iter()
            .map(|(key, value)| aws_sdk_ssm::types::Tag::builder().key(key).value(value).build())
            .collect::<Result<Vec<_>, _>>()
            .ok()
    };
    let answer = if exists {
        put().overwrite(true).send().await
    } else {
        match put().set_tags(tags()).send().await {
            // Another run was faster, or an earlier one was killed after its write.
            Err(error) if code_of(&error).as_deref().and_then(Code::of) == Some(Code::AlreadyExists) => {
                put().overwrite(true).send().await
            }
            answer => answer,
        }
    };
    let answer = answer.map_err(|error| fault(doing(), &error))?;
    Ok(u64::try_from(answer.version).unwrap_or_default())
}
