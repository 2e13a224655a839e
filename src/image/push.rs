//! Pushing: the order of things. The tag's content decides whether there is anything to do; layers go in parallel,
//! each as soon as it is ready; the manifest goes last, so that a tag never names what is not there.

use std::collections::HashMap;
use std::num::NonZero;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use futures_util::{StreamExt, TryStreamExt, stream};
use runner_core::plan::Fault;
use tokio::sync::Semaphore;

use super::compress::{Compression, Stop, StopGuard, compress};
use super::manifest::{Descriptor, Manifest, OCI_LAYER_ZSTD, OCI_MANIFEST};
use super::registry::{Registry, Repository, Sent};
use super::source::{Layer, Place};
use super::{Digest, Image};

/// Layers on their way at once.
const PARALLEL: usize = 4;
const TICK: Duration = Duration::from_millis(200);

/// Where an image goes.
#[derive(Debug, Clone, Copy)]
pub struct Destination<'a> {
    /// The registry.
    pub registry: &'a Registry,
    /// The repository in it.
    pub repository: &'a str,
    /// The tag; [`Image::tag`] and [`super::content_tag()`] make one of the content.
    pub tag: &'a str,
    /// Another repository of the same registry that may have some of the layers.
    pub mount_from: Option<&'a str>,
    /// For layers that are not compressed yet.
    pub compression: Compression,
}

/// How far a push is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// Bytes that are in the registry: sent, taken over or found there.
    pub done: u64,
    /// Bytes of the whole image; until a bare layer is compressed, it counts with its uncompressed size.
    pub total: u64,
}

/// What a push did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pushed {
    /// Of the manifest: what a task definition names.
    pub digest: Digest,
    /// The tag it has.
    pub tag: String,
    /// Bytes of blobs that were sent, not found there or taken over.
    pub bytes_sent: u64,
    /// Bytes of the image's blobs, as the registry stores them; 0 where nothing had to be looked at.
    pub bytes_total: u64,
    /// The tag named this image already.
    pub skipped: bool,
}

/// Pushes an image, and gives back its digest. An image that is there already under its tag costs one request; a
/// push that was cut goes on with what is missing. `progress` is called a few times a second.
///
/// # Errors
/// A [`Fault`] where the registry refuses, stays unreachable, or has the tag for another image and does not move
/// tags (its code is then the registry's own, e.g. `TAG_INVALID`; [`Repository::exists`] gives that digest).
pub async fn push(
    image: &Image,
    to: &Destination<'_>,
    progress: &(dyn Fn(Progress) + Send + Sync),
) -> Result<Pushed, Fault> {
    let mount_from = to.mount_from.filter(|from| *from != to.repository);
    let repository = Repository::new(to.registry, to.repository, mount_from)?;
    if let Some(there) = repository.tagged(to.tag).await? {
        let same = match &image.manifest {
            Some((descriptor, _)) => descriptor.digest == there.digest,
            // Made anew, the manifest could differ in its compression only: the configuration names the content.
            None => there.config.as_ref() == Some(&image.config.digest),
        };
        if same {
            return Ok(Pushed {
                digest: there.digest,
                tag: to.tag.to_owned(),
                bytes_sent: 0,
                bytes_total: 0,
                skipped: true,
            });
        }
    }
    let work = Work::new(image, to, &repository, mount_from);
    let blobs = work.blobs();
    tokio::pin!(blobs);
    let mut ticks = tokio::time::interval(TICK);
    let layers = loop {
        tokio::select! {
            layers = &mut blobs => break layers?,
            _ = ticks.tick() => progress(work.progress()),
        }
    };
    progress(work.progress());
    let (descriptor, bytes) = match &image.manifest {
        Some(ready) => ready.clone(),
        None => manifest(image, layers)?,
    };
    repository.put(to.tag, &descriptor, &bytes).await?;
    Ok(Pushed {
        digest: descriptor.digest,
        tag: to.tag.to_owned(),
        bytes_sent: work.sent.load(Ordering::Relaxed),
        bytes_total: work.progress().total,
        skipped: false,
    })
}

fn manifest(image: &Image, layers: Vec<Descriptor>) -> Result<(Descriptor, Bytes), Fault> {
    let media_type = Some(OCI_MANIFEST.to_owned());
    let manifest = Manifest { schema_version: 2, media_type, config: image.config.clone(), layers };
    let bytes = serde_json::to_vec(&manifest).map_err(|e| Fault::new("writing the manifest", e.to_string()))?;
    Ok((Descriptor::new(OCI_MANIFEST, Digest::of(&bytes), bytes.len() as u64), Bytes::from(bytes)))
}

/// One distinct blob and how far it is.
struct Item {
    layer: Layer,
    done: Arc<AtomicU64>,
    size: AtomicU64,
}

/// The blobs of one push.
struct Work<'a> {
    repository: &'a Repository<'a>,
    mount_from: Option<&'a str>,
    compression: Compression,
    /// Distinct blobs, the configuration first; and for each layer of the image which of them it is.
    items: Vec<Item>,
    order: Vec<usize>,
    sent: AtomicU64,
    packing: Semaphore,
    threads: u32,
    stop: StopGuard,
}

impl<'a> Work<'a> {
    fn new(image: &Image, to: &Destination<'_>, repository: &'a Repository<'a>, mount_from: Option<&'a str>) -> Self {
        let config =
            Layer::Ready { descriptor: image.config.clone(), place: Place::Memory(image.config_bytes.clone()) };
        let mut items = vec![Item::new(config)];
        let mut seen = HashMap::new();
        let mut order = Vec::with_capacity(image.layers.len());
        for layer in &image.layers {
            let digest = match layer {
                Layer::Ready { descriptor, .. } => &descriptor.digest,
                Layer::Raw { diff_id, .. } => diff_id,
            };
            order.push(*seen.entry(digest).or_insert_with(|| {
                items.push(Item::new(layer.clone()));
                items.len() - 1
            }));
        }
        // ECS does not pull an image whose layers are compressed in different ways.
        let ready = image.layers.iter().find_map(|layer| match layer {
            Layer::Ready { descriptor, .. } => Some(descriptor.media_type.as_str()),
            Layer::Raw { .. } => None,
        });
        let compression = match ready {
            Some(OCI_LAYER_ZSTD) => Compression::Zstd,
            Some(_) => Compression::Gzip,
            None => to.compression,
        };
        let cores = std::thread::available_parallelism().map_or(1, NonZero::get).min(PARALLEL);
        let raw = items.iter().filter(|item| matches!(item.layer, Layer::Raw { .. })).count();
        let at_once = raw.clamp(1, cores.min(2));
        Self {
            repository,
            mount_from,
            compression,
            items,
            order,
            sent: AtomicU64::new(0),
            packing: Semaphore::new(at_once),
            threads: (cores / at_once).max(1) as u32,
            stop: StopGuard::default(),
        }
    }

    /// Brings all blobs over; gives back the layers' descriptors in their order.
    async fn blobs(&self) -> Result<Vec<Descriptor>, Fault> {
        let done = Mutex::new(HashMap::new());
        stream::iter(self.items.iter().enumerate())
            .map(Ok)
            .try_for_each_concurrent(PARALLEL, |(i, item)| {
                let done = &done;
                async move {
                    let descriptor = self.bring(item).await?;
                    done.lock().unwrap_or_else(std::sync::PoisonError::into_inner).insert(i, descriptor);
                    Ok::<_, Fault>(())
                }
            })
            .await?;
        let done = done.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner);
        Ok(self.order.iter().filter_map(|i| done.get(i).cloned()).collect())
    }

    async fn bring(&self, item: &Item) -> Result<Descriptor, Fault> {
        let (descriptor, place) = match &item.layer {
            Layer::Ready { descriptor, place } => (descriptor.clone(), place.clone()),
            Layer::Raw { diff_id, place } => self.pack(diff_id, place).await?,
        };
        item.size.store(descriptor.size, Ordering::Relaxed);
        let how = self.repository.bring(&descriptor.digest, &place, self.mount_from, &item.done).await?;
        if how == Sent::Uploaded {
            self.sent.fetch_add(descriptor.size, Ordering::Relaxed);
        }
        Ok(descriptor)
    }

    async fn pack(&self, diff_id: &Digest, place: &Place) -> Result<(Descriptor, Place), Fault> {
        let doing = format!("compressing the layer {diff_id}");
        let _turn = self.packing.acquire().await.map_err(|e| Fault::new(&doing, e.to_string()))?;
        let (diff_id, place) = (diff_id.clone(), place.clone());
        let (how, threads, stop): (_, _, Stop) = (self.compression, self.threads, self.stop.0.clone());
        let packed = tokio::task::spawn_blocking(move || compress(&place, &diff_id, how, threads, &stop)).await;
        let packed =
            packed.map_err(|e| Fault::new(&doing, e.to_string()))?.map_err(|e| Fault::new(&doing, e.to_string()))?;
        Ok((Descriptor::new(how.media_type(), packed.digest, packed.place.len()), packed.place))
    }

    fn progress(&self) -> Progress {
        let (mut done, mut total) = (0, 0);
        for item in &self.items {
            done += item.done.load(Ordering::Relaxed);
            total += item.size.load(Ordering::Relaxed);
        }
        Progress { done, total }
    }
}

impl Item {
    fn new(layer: Layer) -> Self {
        let size = match &layer {
            Layer::Ready { descriptor, .. } => descriptor.size,
            Layer::Raw { place, .. } => place.len(),
        };
        Self { layer, done: Arc::default(), size: AtomicU64::new(size) }
    }
}
