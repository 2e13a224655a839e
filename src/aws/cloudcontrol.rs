//! Cloud Control: resources of any type that exist, with properties in the shape of a template's.

use aws_sdk_cloudcontrol::types::ResourceDescription;
use futures_util::{StreamExt, TryStreamExt, stream};
use runner_core::plan::{Existing, Fault, Lookup};
use serde_json::Value as Json;

use super::{Clients, fault};

/// The most resources of a type that are read, one by one: of more a person says which.
const AT_MOST: usize = 200;
/// How many are read at a time.
const AT_ONCE: usize = 8;

/// What a look-up finds; nothing where there is no such resource. It is done with the rights of `role`, which has those of
/// the types' handlers; without it, with the caller's.
///
/// # Errors
/// Cloud Control's own words: a type it has not, a right that is missing.
/// <https://docs.aws.amazon.com/cloudcontrolapi/latest/userguide/resource-operations-list.html>
pub async fn existing(clients: &Clients, role: Option<&str>, lookup: &Lookup) -> Result<Vec<Existing>, Fault> {
    match lookup {
        Lookup::Read { kind, identifier } => Ok(read(clients, role, kind, identifier).await?.into_iter().collect()),
        Lookup::List { kind, model } => {
            let doing = || format!("looking for what exists of {kind}");
            let mut pages = clients
                .cloudcontrol()
                .list_resources()
                .type_name(kind)
                .set_role_arn(role.map(str::to_owned))
                .set_resource_model((!model.is_empty()).then(|| model.clone()))
                .into_paginator()
                .send();
            let mut found = Vec::new();
            while let Some(page) = pages.next().await {
                let page = page.map_err(|error| fault(doing(), &error))?;
                found.extend(page.resource_descriptions.unwrap_or_default().into_iter().filter_map(|it| it.identifier));
                if found.len() > AT_MOST {
                    return Err(Fault::new(doing(), format!("there are more than {AT_MOST}, too many to read each")));
                }
            }
            // A list shows little more than identifiers for many types.
            let all = stream::iter(&found).map(|identifier| read(clients, role, kind, identifier)).buffered(AT_ONCE);
            Ok(all.try_collect::<Vec<_>>().await?.into_iter().flatten().collect())
        }
    }
}

async fn read(clients: &Clients, role: Option<&str>, kind: &str, identifier: &str) -> Result<Option<Existing>, Fault> {
    let answer = clients
        .cloudcontrol()
        .get_resource()
        .type_name(kind)
        .identifier(identifier)
        .set_role_arn(role.map(str::to_owned))
        .send()
        .await;
    match answer {
        Ok(answer) => Ok(answer.resource_description.map(|it| shown(it, identifier))),
        Err(error) => {
            let fault = fault(format!("reading {identifier} ({kind})"), &error);
            if fault.code.as_deref() == Some("ResourceNotFoundException") { Ok(None) } else { Err(fault) }
        }
    }
}

fn shown(it: ResourceDescription, asked: &str) -> Existing {
    let properties: Option<Json> = it.properties.as_deref().and_then(|text| serde_json::from_str(text).ok());
    Existing {
        identifier: it.identifier.unwrap_or_else(|| asked.to_owned()),
        properties: properties.unwrap_or_default(),
    }
}
