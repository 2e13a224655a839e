//! OCI image layouts: a directory, or the same tree inside an archive. Picks the image for a platform and leads
//! to its blobs. <https://github.com/opencontainers/image-spec/blob/main/image-layout.md>

use std::fs::{self, File};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use runner_core::plan::Fault;

use super::manifest::{
    DOCKER_LAYER_GZIP, Descriptor, Index, MAX_DOCUMENT, MAX_LAYERS, Manifest, OCI_CONFIG, OCI_LAYER_GZIP,
};
use super::source::{Layer, Place, check_config, manifest_type};
use super::tar_index::TarIndex;
use super::{Digest, Image, Platform};

/// An index may lead to another; two turns are what tools write.
const MAX_DEPTH: usize = 4;
const MAX_MANIFESTS: usize = 256;

/// Where a layout's files come from.
pub(crate) trait Files {
    /// The file at a path of the layout, or why it cannot be had.
    fn file(&self, path: &str) -> Result<Place, String>;
}

impl Files for TarIndex {
    fn file(&self, path: &str) -> Result<Place, String> {
        self.get(path).ok_or_else(|| format!("{path} is missing or not a regular file"))
    }
}

struct Directory(PathBuf);

impl Files for Directory {
    /// Opens what lies there itself, at every level: a link in a layout could lead anywhere on this machine.
    fn file(&self, path: &str) -> Result<Place, String> {
        let mut whole = self.0.clone();
        let mut seen = None;
        for part in path.split('/') {
            whole.push(part);
            let found = fs::symlink_metadata(&whole).map_err(|e| format!("{path}: {e}"))?;
            if found.is_symlink() {
                return Err(format!("{path} is a link; links in a layout are not followed"));
            }
            seen = Some(found);
        }
        let file = File::open(&whole).map_err(|e| format!("{path}: {e}"))?;
        let opened = file.metadata().map_err(|e| format!("{path}: {e}"))?;
        let same = seen.is_some_and(|seen| (seen.dev(), seen.ino()) == (opened.dev(), opened.ino()));
        if !same || !opened.is_file() {
            return Err(format!("{path} is not a regular file"));
        }
        Ok(Place::File { file: Arc::new(file), offset: 0, len: opened.len() })
    }
}

impl Image {
    /// Reads an OCI layout directory, for instance of `buildx build --output type=oci,tar=false`, `skopeo copy`
    /// or `ko`. Its blobs are sent as they are, so that the digest stays the one the builder reported.
    ///
    /// # Errors
    /// A [`Fault`] where no image, or more than one, is for `platform`, or what is there is not what it says.
    pub fn from_layout(directory: &Path, platform: &Platform) -> Result<Self, Fault> {
        let doing = format!("reading the OCI layout {}", directory.display());
        read(&doing, &Directory(directory.to_owned()), platform)
    }
}

/// Reads the image for `platform` out of a layout.
pub(crate) fn read(doing: &str, files: &dyn Files, platform: &Platform) -> Result<Image, Fault> {
    let index = document(doing, files, "index.json", None)?;
    let mut found = Vec::new();
    let mut others = Vec::new();
    choose(doing, files, &index, platform, MAX_DEPTH, &mut found, &mut others)?;
    let Some((described, bytes)) = found.pop() else {
        let there = if others.is_empty() { "nothing".to_owned() } else { others.join(", ") };
        return Err(Fault::new(doing, format!("no image for {platform} is in it; there is {there}")));
    };
    if found.iter().any(|(other, _)| other.digest != described.digest) {
        let count = found.len() + 1;
        return Err(Fault::new(doing, format!("{count} different images for {platform} are in it"))
            .with_hint("write each image into a layout of its own"));
    }
    image(doing, files, described, bytes, platform)
}

fn choose(
    doing: &str,
    files: &dyn Files,
    index: &[u8],
    wanted: &Platform,
    depth: usize,
    found: &mut Vec<(Descriptor, Bytes)>,
    others: &mut Vec<String>,
) -> Result<(), Fault> {
    let index: Index =
        serde_json::from_slice(index).map_err(|e| Fault::new(doing, format!("the index cannot be read: {e}")))?;
    if index.manifests.len() > MAX_MANIFESTS || depth == 0 {
        return Err(Fault::new(doing, "the index is too long or too deep"));
    }
    for entry in index.manifests {
        // Attestations stand beside the images as manifests for unknown/unknown.
        if let Some(made) = entry.platform.as_ref().filter(|made| !wanted.accepts(made)) {
            others.push(made.to_string());
            continue;
        }
        let bytes = blob(doing, files, &entry)?;
        if entry.is_index() {
            choose(doing, files, &bytes, wanted, depth - 1, found, others)?;
        } else if entry.platform.is_some() {
            found.push((entry, bytes));
        } else {
            let config = blob(doing, files, &manifest(doing, &bytes)?.config)?;
            // Without a platform in the index the configuration has the word; what has none is no image.
            match serde_json::from_slice::<Platform>(&config) {
                Ok(made) if wanted.accepts(&made) => found.push((entry, bytes)),
                Ok(made) => others.push(made.to_string()),
                Err(_) => others.push(entry.media_type),
            }
        }
    }
    Ok(())
}

fn image(
    doing: &str,
    files: &dyn Files,
    described: Descriptor,
    bytes: Bytes,
    platform: &Platform,
) -> Result<Image, Fault> {
    let parsed = manifest(doing, &bytes)?;
    let config_bytes = blob(doing, files, &parsed.config)?;
    let config = check_config(doing, &config_bytes, platform)?;
    if parsed.layers.len() != config.rootfs.diff_ids.len() {
        return Err(Fault::new(doing, "manifest and configuration do not agree on the number of layers"));
    }
    let mut layers = Vec::with_capacity(parsed.layers.len());
    for descriptor in parsed.layers {
        let place = located(doing, files, &descriptor)?;
        layers.push(Layer::Ready { descriptor, place });
    }
    let media_type = manifest_type(parsed.media_type.as_deref(), &described.media_type);
    let descriptor = Descriptor { media_type, platform: None, ..described };
    Ok(Image {
        config: parsed.config,
        config_bytes,
        layers,
        manifest: Some((descriptor, bytes)),
        platform: config.platform,
    })
}

/// The same image with its bare layers to be compressed on the way: `docker save` writes layouts whose layers
/// nobody compressed. It gets a manifest of its own then; a layer that is compressed already stays as it is.
pub(crate) fn compressible(mut image: Image) -> Image {
    let is_bare = |layer: &Layer| matches!(layer, Layer::Ready { descriptor, .. } if descriptor.is_raw_layer());
    if !image.layers.iter().any(is_bare) {
        return image;
    }
    for layer in &mut image.layers {
        let Layer::Ready { descriptor, place } = layer else { continue };
        if descriptor.is_raw_layer() {
            *layer = Layer::Raw { diff_id: descriptor.digest.clone(), place: place.clone() };
        } else if descriptor.media_type == DOCKER_LAYER_GZIP {
            descriptor.media_type = OCI_LAYER_GZIP.to_owned();
        }
    }
    image.manifest = None;
    image.config.media_type = OCI_CONFIG.to_owned();
    image
}

fn manifest(doing: &str, bytes: &[u8]) -> Result<Manifest, Fault> {
    let manifest: Manifest =
        serde_json::from_slice(bytes).map_err(|e| Fault::new(doing, format!("the manifest cannot be read: {e}")))?;
    if manifest.layers.len() > MAX_LAYERS {
        return Err(Fault::new(doing, format!("the image has more than {MAX_LAYERS} layers")));
    }
    Ok(manifest)
}

fn located(doing: &str, files: &dyn Files, descriptor: &Descriptor) -> Result<Place, Fault> {
    let path = format!("blobs/sha256/{}", descriptor.digest.hex());
    let place = files.file(&path).map_err(|why| Fault::new(doing, why))?;
    if place.len() != descriptor.size {
        let (is, said) = (place.len(), descriptor.size);
        return Err(Fault::new(doing, format!("{path} has {is} bytes, and the image says {said}")));
    }
    Ok(place)
}

/// A small blob, whole and verified.
fn blob(doing: &str, files: &dyn Files, descriptor: &Descriptor) -> Result<Bytes, Fault> {
    located(doing, files, descriptor)?;
    document(doing, files, &format!("blobs/sha256/{}", descriptor.digest.hex()), Some(&descriptor.digest))
}

/// A small file of the layout, whole, and verified where its digest is known.
pub(crate) fn document(doing: &str, files: &dyn Files, path: &str, expected: Option<&Digest>) -> Result<Bytes, Fault> {
    let place = files.file(path).map_err(|why| Fault::new(doing, why))?;
    if place.len() > MAX_DOCUMENT {
        return Err(Fault::new(doing, format!("{path} has {} bytes; at most {MAX_DOCUMENT} are read", place.len())));
    }
    let bytes = place.read_all().map_err(|e| Fault::new(doing, format!("{path}: {e}")))?;
    if expected.is_some_and(|digest| *digest != Digest::of(&bytes)) {
        return Err(Fault::new(doing, format!("{path} does not have the content its name says")));
    }
    Ok(bytes)
}
