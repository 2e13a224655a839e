//! An image ready to be pushed: its documents in memory, its layers wherever they lie.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::sync::Arc;

use bytes::Bytes;
use runner_core::plan::Fault;

use super::manifest::{Config, Descriptor, MAX_LAYERS, OCI_MANIFEST};
use super::{Digest, Platform};

/// Where a blob's bytes lie. Reading moves no cursor, so one open file serves all layers at once.
#[derive(Debug, Clone)]
pub(crate) enum Place {
    Memory(Bytes),
    File { file: Arc<File>, offset: u64, len: u64 },
}

impl Place {
    /// In bytes.
    pub fn len(&self) -> u64 {
        match self {
            Self::Memory(bytes) => bytes.len() as u64,
            Self::File { len, .. } => *len,
        }
    }

    /// Fills as much of `buffer` as there is at `at`; 0 at the end. A file that has become shorter is an error.
    pub fn read_at(&self, buffer: &mut [u8], at: u64) -> io::Result<usize> {
        let left = self.len().saturating_sub(at);
        let wanted = buffer.len().min(usize::try_from(left).unwrap_or(usize::MAX));
        match self {
            Self::Memory(bytes) => {
                let start = bytes.len() - left as usize;
                buffer[..wanted].copy_from_slice(&bytes[start..start + wanted]);
            }
            Self::File { file, offset, .. } => file.read_exact_at(&mut buffer[..wanted], offset + at)?,
        }
        Ok(wanted)
    }

    /// All of it, for what is known to be small.
    pub fn read_all(&self) -> io::Result<Bytes> {
        let mut bytes = vec![0; self.len() as usize];
        self.read_at(&mut bytes, 0)?;
        Ok(Bytes::from(bytes))
    }
}

/// One layer as it was found.
#[derive(Debug, Clone)]
pub(crate) enum Layer {
    /// Goes as it is: its digest is known, and checked while it is sent.
    Ready { descriptor: Descriptor, place: Place },
    /// A bare tar: compressed on the way, its digest known only then.
    Raw { diff_id: Digest, place: Place },
}

/// An image that can be pushed: from an OCI layout, a docker archive, a build or the stand-in.
#[derive(Debug, Clone)]
pub struct Image {
    pub(crate) config: Descriptor,
    pub(crate) config_bytes: Bytes,
    pub(crate) layers: Vec<Layer>,
    /// The manifest as it came; `None` where layers are compressed on the way, which makes a new one.
    pub(crate) manifest: Option<(Descriptor, Bytes)>,
    pub(crate) platform: Platform,
}

impl Image {
    /// The platform its configuration says it is for.
    pub fn platform(&self) -> &Platform {
        &self.platform
    }

    /// `in-<16 hex>`, known without reading a layer: the configuration names every layer by its content.
    pub fn tag(&self) -> String {
        let identity = self.manifest.as_ref().map_or(&self.config.digest, |(descriptor, _)| &descriptor.digest);
        super::content_tag::tag_of(&Digest::of(identity.as_str().as_bytes()))
    }
}

/// Reads an image's configuration and holds it against the platform that is asked for.
pub(crate) fn check_config(doing: &str, bytes: &[u8], wanted: &Platform) -> Result<Config, Fault> {
    let config: Config = serde_json::from_slice(bytes)
        .map_err(|e| Fault::new(doing, format!("the image's configuration cannot be read: {e}")))?;
    if !wanted.accepts(&config.platform) {
        return Err(Fault::new(doing, format!("the image is for {}, and {wanted} is asked for", config.platform))
            .with_hint("build it for that platform, or set the service's `platform`"));
    }
    if config.rootfs.diff_ids.len() > MAX_LAYERS {
        let count = config.rootfs.diff_ids.len();
        return Err(Fault::new(doing, format!("the image has {count} layers; at most {MAX_LAYERS} are taken")));
    }
    Ok(config)
}

/// The media type a manifest goes under: what it says itself, else what its descriptor says.
pub(crate) fn manifest_type(own: Option<&str>, described: &str) -> String {
    match (own, described) {
        (Some(own), _) => own.to_owned(),
        (None, "") => OCI_MANIFEST.to_owned(),
        (None, described) => described.to_owned(),
    }
}
