//! The image that a service's content makes: which tag it has, and how it gets into the registry.

use std::{collections::BTreeMap, path::Path};

use runner_core::{
    plan::{Fault, Image as Seen, PushImage, World},
    report::{Changed, Fact},
    text::{Foreign, Secret},
    workflow::{Build, ImageSource, Service, Value},
};

use super::edge::Edge;
use crate::{
    aws::{authorization, image_digest},
    deploy::Emit,
    image::{self, Destination, Docker, Image, Inputs, Platform, Registry, StandIn, content_tag, stand_in},
};

/// The image a service's content makes, and whether the registry has it.
pub(super) async fn look(edge: &Edge<'_>, name: &str) -> Result<Seen, Fault> {
    let Some(service) = edge.env.services.get(name) else {
        return Ok(Seen { tag: String::new(), digest: None, stand_in: false });
    };
    let repository = edge.env.repository(name);
    if let Some(digest) = edge.options.images.get(name) {
        let doing = format!("promoting image ({repository}@{digest})");
        let there = image_digest(&edge.clients, &repository, digest).await?;
        let digest = there.ok_or_else(|| {
            Fault::new(doing, "the registry of this environment has no image of this digest")
                .with_hint("push it there first, or run without --images")
        })?;
        return Ok(Seen { tag: digest.clone(), digest: Some(Value::Known(digest)), stand_in: false });
    }
    let is_stand_in = stands_in(edge, service);
    let tag = tag(edge, service, is_stand_in)?;
    let rebuild = edge.options.rebuild && matches!(service.image, ImageSource::Build(_));
    let digest = if rebuild { None } else { image_digest(&edge.clients, &repository, &tag).await? };
    Ok(Seen { tag, digest: digest.map(Value::Known), stand_in: is_stand_in })
}

fn stands_in(edge: &Edge<'_>, service: &Service) -> bool {
    edge.abilities().stand_ins && matches!(service.image, ImageSource::Build(_))
}

fn tag(edge: &Edge<'_>, service: &Service, is_stand_in: bool) -> Result<String, Fault> {
    match &service.image {
        ImageSource::Build(build) if !is_stand_in => {
            let platform = platform(service)?;
            content_tag(&Inputs {
                context: &edge.options.root.join(&build.context),
                dockerfile: Path::new(&build.dockerfile),
                args: &build.args,
                target: build.target.as_deref(),
                platform: &platform,
            })
        }
        _ => Ok(read(edge, service)?.tag()),
    }
}

/// An image that is there without building: a stand-in, a layout, an archive.
fn read(edge: &Edge<'_>, service: &Service) -> Result<Image, Fault> {
    let root = &edge.options.root;
    match &service.image {
        ImageSource::Layout(path) => Image::from_layout(&root.join(path), &platform(service)?),
        ImageSource::Archive(path) => Image::from_archive(&root.join(path), &platform(service)?),
        _ => {
            // A command that waits for an output is no service's of a stand-in's.
            let nothing = World::default();
            let outputs = nothing.outputs(edge.env);
            let commands: Vec<Vec<String>> = edge
                .env
                .services
                .values()
                .filter(|other| other.image_owner() == service.name)
                .filter_map(|other| other.command.as_ref())
                .map(|command| command.iter().map(|word| word.resolve(&outputs).shown().to_owned()).collect())
                .collect();
            let words: Vec<Vec<&str>> =
                commands.iter().map(|command| command.iter().map(String::as_str).collect()).collect();
            let services: Vec<&[&str]> = words.iter().map(Vec::as_slice).collect();
            stand_in(&StandIn { port: service.port, health_path: &service.health_check.path, services: &services })
        }
    }
}

fn platform(service: &Service) -> Result<Platform, Fault> {
    let text = service.platform.as_str();
    Platform::parse(text).ok_or_else(|| Fault::new(format!("reading platform ({text})"), "it is not a platform"))
}

/// Builds or reads the image, pushes it, and says which digest it has.
pub(super) async fn push(edge: &Edge<'_>, push: &PushImage, emit: Emit<'_>) -> Result<Seen, Fault> {
    let Some(service) = edge.env.services.get(&push.service) else {
        return Err(Fault::new(format!("pushing image ({})", push.repository), "the file has no such service"));
    };
    let image = match &service.image {
        ImageSource::Build(build) if !push.stand_in => self::build(edge, service, build, emit).await?,
        _ => read(edge, service)?,
    };
    let (address, credentials) = authorization(&edge.clients).await?;
    let registry = Registry::new(&edge.registry_address(address), Some(credentials))?;
    // An image of another service may have the same base layers.
    let sibling =
        edge.env.pushed().map(|other| edge.env.repository(&other.name)).find(|other| *other != push.repository);
    let destination = Destination {
        registry: &registry,
        repository: &push.repository,
        tag: &push.tag,
        mount_from: sibling.as_deref(),
        compression: edge.compression(),
    };
    let progress = |seen: image::Progress| {
        emit(Fact::Progress(format!("{} {} of {} MB sent", push.service, megabytes(seen.done), megabytes(seen.total))));
    };
    let pushed = image::push(&image, &destination, &progress).await?;
    let what = if push.stand_in { "stand-in image" } else { "image" };
    let mut changed = Changed::new("pushed", format!("{what} {}:{}", push.repository, pushed.tag));
    changed.bytes = pushed.bytes_sent;
    if !pushed.skipped {
        emit(Fact::Changed(changed));
    }
    let digest = Some(Value::Known(pushed.digest.to_string()));
    Ok(Seen { tag: push.tag.clone(), digest, stand_in: push.stand_in })
}

async fn build(edge: &Edge<'_>, service: &Service, build: &Build, emit: Emit<'_>) -> Result<Image, Fault> {
    let secrets: BTreeMap<String, Secret> = build
        .secrets
        .iter()
        .filter_map(|name| edge.options.variables.value(name).map(|value| (name.clone(), value.clone())))
        .collect();
    if let Some(unset) = build.secrets.iter().find(|name| !secrets.contains_key(*name)) {
        return Err(Fault::new(format!("building {}", build.context), format!("the build secret {unset} is not set"))
            .with_hint(format!("set {unset} in the job's `env:`, or in your shell")));
    }
    let context = edge.options.root.join(&build.context);
    let platform = platform(service)?;
    let line = |line: &str| emit(Fact::Line { from: service.name.clone(), line: Foreign::new(line) });
    Docker::new()
        .build(
            &image::Build {
                context: &context,
                dockerfile: Path::new(&build.dockerfile),
                args: &build.args,
                target: build.target.as_deref(),
                platform: &platform,
                secrets: &secrets,
                cache_from: &[],
                cache_to: &[],
                labels: &BTreeMap::new(),
            },
            &line,
        )
        .await
}

fn megabytes(bytes: u64) -> u64 {
    bytes.div_ceil(1_000_000)
}
