//! Images to push: small archives and layouts, written as `docker save` and buildx write them.

use std::fs::{self, File};
use std::io::{Seek, SeekFrom, Write};
use std::path::Path;

use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

pub fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|b| format!("{b:02x}")).collect()
}

/// A tar with one file of `size` bytes that do not compress to nothing.
pub fn layer(seed: u32, size: usize) -> Vec<u8> {
    let mut state = seed | 1;
    let content: Vec<u8> = (0..size)
        .map(|_| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 29) as u8
        })
        .collect();
    tar(&[(&format!("file-{seed}"), &content)])
}

/// A tar of regular files.
pub fn tar(files: &[(&str, &[u8])]) -> Vec<u8> {
    let mut tar = tar::Builder::new(Vec::new());
    for (name, content) in files {
        let mut header = tar::Header::new_gnu();
        header.set_size(content.len() as u64);
        header.set_mode(0o644);
        tar.append_data(&mut header, name, *content).expect("memory");
    }
    tar.into_inner().expect("memory")
}

/// The configuration of an image for `platform` with these layers, uncompressed.
pub fn config(platform: &str, layers: &[&[u8]]) -> Vec<u8> {
    let (os, architecture) = platform.split_once('/').expect("a platform");
    let diff_ids: Vec<_> = layers.iter().map(|layer| format!("sha256:{}", sha256(layer))).collect();
    json!({ "os": os, "architecture": architecture, "config": {},
        "rootfs": { "type": "layers", "diff_ids": diff_ids } })
    .to_string()
    .into_bytes()
}

/// What `docker save` writes: the second of equal layers is a link to the first.
pub fn archive(path: &Path, layers: &[&[u8]]) {
    let config = config("linux/amd64", layers);
    let mut tar = tar::Builder::new(File::create(path).expect("a file"));
    let mut add = |name: &str, bytes: &[u8]| {
        let mut header = tar::Header::new_gnu();
        header.set_size(bytes.len() as u64);
        header.set_mode(0o644);
        tar.append_data(&mut header, name, bytes).expect("a file");
    };
    let mut names: Vec<String> = Vec::new();
    let mut links = Vec::new();
    for (i, layer) in layers.iter().enumerate() {
        let name = format!("{i:064}/layer.tar");
        match layers[..i].iter().position(|before| before == layer) {
            Some(first) => links.push((name.clone(), format!("../{}", names[first]))),
            None => add(&name, layer),
        }
        names.push(name);
    }
    let config_name = format!("{}.json", sha256(&config));
    add(&config_name, &config);
    let manifest = json!([{ "Config": config_name, "RepoTags": null, "Layers": names }]);
    add("manifest.json", manifest.to_string().as_bytes());
    for (name, target) in links {
        let mut header = tar::Header::new_gnu();
        header.set_entry_type(tar::EntryType::Symlink);
        header.set_size(0);
        tar.append_link(&mut header, name, target).expect("a file");
    }
    tar.finish().expect("a file");
}

/// An OCI layout being written.
pub struct Layout<'a>(pub &'a Path);

impl Layout<'_> {
    pub fn blob(&self, bytes: &[u8]) -> Value {
        let blobs = self.0.join("blobs/sha256");
        fs::create_dir_all(&blobs).expect("a directory");
        fs::write(blobs.join(sha256(bytes)), bytes).expect("a file");
        json!({ "digest": format!("sha256:{}", sha256(bytes)), "size": bytes.len() })
    }

    /// An image of gzip layers; gives back its descriptor.
    pub fn image(&self, platform: &str, layers: &[&[u8]]) -> Value {
        let mut config = self.blob(&config(platform, layers));
        config["mediaType"] = json!("application/vnd.oci.image.config.v1+json");
        let layers: Vec<_> = layers
            .iter()
            .map(|layer| {
                let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
                gzip.write_all(layer).expect("memory");
                let mut layer = self.blob(&gzip.finish().expect("memory"));
                layer["mediaType"] = json!("application/vnd.oci.image.layer.v1.tar+gzip");
                layer
            })
            .collect();
        let manifest = json!({ "schemaVersion": 2, "mediaType": MANIFEST, "config": config, "layers": layers });
        let mut manifest = self.blob(manifest.to_string().as_bytes());
        let (os, architecture) = platform.split_once('/').expect("a platform");
        manifest["mediaType"] = json!(MANIFEST);
        manifest["platform"] = json!({ "os": os, "architecture": architecture });
        manifest
    }

    pub fn index(&self, manifests: &[Value]) {
        fs::write(self.0.join("oci-layout"), r#"{"imageLayoutVersion":"1.0.0"}"#).expect("a file");
        let index = json!({ "schemaVersion": 2, "manifests": manifests });
        fs::write(self.0.join("index.json"), index.to_string()).expect("a file");
    }
}

pub const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";

/// An archive with one layer of `size` bytes, most of them a hole in the file: big without taking room.
pub fn sparse_archive(path: &Path, size: u64) {
    let mut file = File::create(path).expect("a file");
    let mut hasher = Sha256::new();
    let zeros = vec![0; 1 << 20];
    for _ in 0..size >> 20 {
        hasher.update(&zeros);
    }
    let diff_id: String = hasher.finalize().iter().map(|b| format!("{b:02x}")).collect();
    let mut header = tar::Header::new_gnu();
    header.set_size(size);
    header.set_mode(0o644);
    header.set_path("layer.tar").expect("a name");
    header.set_cksum();
    file.write_all(header.as_bytes()).expect("a file");
    file.seek(SeekFrom::Current(size as i64)).expect("a file");
    let config = json!({ "os": "linux", "architecture": "amd64", "config": {},
        "rootfs": { "type": "layers", "diff_ids": [format!("sha256:{diff_id}")] } })
    .to_string();
    let name = format!("{}.json", sha256(config.as_bytes()));
    let manifest = json!([{ "Config": name, "Layers": ["layer.tar"] }]).to_string();
    file.write_all(&tar(&[(&name, config.as_bytes()), ("manifest.json", manifest.as_bytes())])).expect("a file");
}
