//! Asks what `verify` judges: only that things exist and what they say of themselves.

use std::collections::BTreeSet;

use runner_core::{
    judge::verify::{self, Check, Found, ImageFacts},
    plan::Fault,
    workflow::Environment,
};
use serde_json::Value as Json;

use super::{Options, edge::Edge, look};
use crate::{
    aws::authorization,
    deploy,
    image::{Digest, Registry, Repository},
};

/// Every check of an environment. Nothing is written, and no role is taken.
pub async fn verify(env: &Environment, options: &Options) -> Result<Vec<Check>, Fault> {
    let edge = Edge::new(env, options).await;
    let mut world = edge.world(false).await?;
    loop {
        let asks = verify::asks(env, &world);
        if asks.iter().all(|ask| world.answered.contains(ask)) {
            break;
        }
        look::learn_all(&edge, asks, &mut world).await?;
    }
    let (target_groups, prefix) = (verify::target_groups(env, &world), format!("/ecs/{}", env.prefix()));
    let (groups, log_groups) = tokio::try_join!(
        deploy::target_group_facts(&edge.clients, &target_groups),
        deploy::log_groups(&edge.clients, &prefix)
    )?;
    let mut found = Found { groups, log_groups, ..Found::default() };
    let repositories: BTreeSet<String> = env.pushed().map(|service| env.repository(&service.name)).collect();
    let ours = |reference: &str| {
        let (name, digest) = reference.split_once('@')?;
        let (_, repository) = name.split_once('/')?;
        Some((repositories.get(repository)?.clone(), Digest::parse(digest)?))
    };
    let wanted: Vec<_> = verify::images(env, &world)
        .into_iter()
        .filter_map(|reference| ours(&reference).map(|(repository, digest)| (reference, repository, digest)))
        .collect();
    if !wanted.is_empty() {
        let (address, credentials) = authorization(&edge.clients).await?;
        let registry = Registry::new(&edge.registry_address(address), Some(credentials))?;
        for (reference, repository, digest) in wanted {
            let configuration = Repository::new(&registry, &repository, None)?.configuration(&digest).await?;
            found.images.insert(reference, configuration.map(|json| facts(&json)));
        }
    }
    Ok(verify::verify(env, &world, &found))
}

/// <https://github.com/opencontainers/image-spec/blob/main/config.md>
fn facts(configuration: &Json) -> ImageFacts {
    let text = |key: &str| configuration[key].as_str().unwrap_or_default();
    let exposed = configuration["config"]["ExposedPorts"].as_object();
    let ports = exposed.into_iter().flatten().filter_map(|(port, _)| {
        let (number, protocol) = port.split_once('/').unwrap_or((port, "tcp"));
        (protocol == "tcp").then(|| number.parse().ok())?
    });
    ImageFacts { platform: format!("{}/{}", text("os"), text("architecture")), ports: ports.collect() }
}
