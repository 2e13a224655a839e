//! What `docker save` writes: a tar with `manifest.json`, or an OCI layout in a tar. Read in place.

use std::collections::HashMap;
use std::fs::File;
use std::path::Path;

use runner_core::plan::Fault;
use serde::Deserialize;

use super::layout::{self, Files, document};
use super::manifest::{Descriptor, OCI_CONFIG};
use super::source::{Layer, check_config};
use super::tar_index::TarIndex;
use super::{Digest, Image, Platform};

/// An entry of `manifest.json`.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Saved {
    config: String,
    #[serde(default)]
    layers: Vec<String>,
}

impl Image {
    /// Reads an archive of `docker save`, or a tar of an OCI layout, without unpacking it.
    ///
    /// # Errors
    /// A [`Fault`] where the archive does not hold exactly one image for `platform`, or is not what it says.
    pub fn from_archive(path: &Path, platform: &Platform) -> Result<Self, Fault> {
        let doing = format!("reading the archive {}", path.display());
        let file = File::open(path).map_err(|e| Fault::new(&doing, e.to_string()))?;
        Self::from_archive_file(&doing, file, platform)
    }

    /// The same of a file that is open already and perhaps has no name.
    pub(crate) fn from_archive_file(doing: &str, file: File, platform: &Platform) -> Result<Self, Fault> {
        let tar = TarIndex::read(doing, file)?;
        if tar.get("oci-layout").is_some() && tar.get("index.json").is_some() {
            return layout::read(doing, &tar, platform).map(layout::compressible);
        }
        saved(doing, &tar, platform)
    }
}

fn saved(doing: &str, tar: &TarIndex, platform: &Platform) -> Result<Image, Fault> {
    if tar.get("manifest.json").is_none() {
        return Err(Fault::new(doing, "it has neither manifest.json nor oci-layout: it is not an image")
            .with_hint("write it with `docker save IMAGE -o FILE`"));
    }
    let listed = document(doing, tar, "manifest.json", None)?;
    let mut listed: Vec<Saved> =
        serde_json::from_slice(&listed).map_err(|e| Fault::new(doing, format!("manifest.json cannot be read: {e}")))?;
    let count = listed.len();
    let (Some(image), 1) = (listed.pop(), count) else {
        return Err(Fault::new(doing, format!("{count} images are in it")).with_hint("save one image an archive"));
    };
    let config_bytes = document(doing, tar, &image.config, None)?;
    let digest = Digest::of(&config_bytes);
    if !image.config.contains(digest.hex()) {
        return Err(Fault::new(doing, format!("{} does not have the content its name says", image.config)));
    }
    let config = check_config(doing, &config_bytes, platform)?;
    let (config_platform, diff_ids) = (config.platform, config.rootfs.diff_ids);
    if image.layers.len() != diff_ids.len() {
        return Err(Fault::new(doing, "manifest.json and configuration do not agree on the number of layers"));
    }
    // Of equal layers `docker save` writes one and links the others to it. The link need not be followed: the
    // configuration says which are equal.
    let there: HashMap<&Digest, &String> =
        diff_ids.iter().zip(&image.layers).filter(|(_, name)| tar.get(name).is_some()).collect();
    let mut layers = Vec::with_capacity(diff_ids.len());
    for (diff_id, name) in diff_ids.iter().zip(&image.layers) {
        let place = tar.file(there.get(diff_id).copied().unwrap_or(name)).map_err(|why| Fault::new(doing, why))?;
        layers.push(Layer::Raw { diff_id: diff_id.clone(), place });
    }
    let config = Descriptor::new(OCI_CONFIG, digest, config_bytes.len() as u64);
    Ok(Image { config, config_bytes, layers, manifest: None, platform: config_platform })
}
