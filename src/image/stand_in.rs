//! The stand-in: a real image around a small static server that takes an app's place in a sandbox, made without
//! an engine, a base image or the internet.

use std::io::Write;

use bytes::Bytes;
use flate2::{Compression, GzBuilder};
use runner_core::plan::Fault;
use serde_json::json;

use super::manifest::{Descriptor, Manifest, OCI_CONFIG, OCI_LAYER_GZIP, OCI_MANIFEST};
use super::source::{Layer, Place};
use super::{Digest, Image, Platform};

/// `stand-in/main.rs`, compiled by `build.rs` for the processor this program runs on; empty where that is not Linux.
static SERVER: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/stand-in"));

/// What a stand-in stands in for.
#[derive(Debug, Clone, Default)]
pub struct StandIn<'a> {
    /// Where it answers; without one it only waits to be ended.
    pub port: Option<u16>,
    /// The path of the health check, answered with 200 and `{"status":"ok","timestamp":"…"}`.
    pub health_path: &'a str,
    /// The commands of the services that run this image: with one of these it serves. With any other command (a
    /// migration) it prints it and ends with 0.
    pub services: &'a [&'a [&'a str]],
}

/// Makes a stand-in, the same bytes each time. It is for the processor of this machine, whatever the service asks
/// for: the engine that would run it is here.
///
/// # Errors
/// A [`Fault`] where this build of the runner has no server in it, as it is not for Linux.
pub fn stand_in(of: &StandIn<'_>) -> Result<Image, Fault> {
    let doing = "making the stand-in image";
    if SERVER.is_empty() {
        return Err(Fault::new(doing, "this build of the runner has no stand-in: it is a program for Linux")
            .with_hint("build the real image with --build, or run the sandbox on Linux"));
    }
    let fault = |e: std::io::Error| Fault::new(doing, e.to_string());
    let tar = layer().map_err(fault)?;
    let diff_id = Digest::of(&tar);
    let mut gzip = GzBuilder::new().mtime(0).write(Vec::new(), Compression::new(6));
    let packed = gzip.write_all(&tar).and_then(|()| gzip.finish()).map_err(fault)?;

    let architecture = match std::env::consts::ARCH {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        other => other,
    };
    let path = of.health_path.split('?').next().filter(|path| path.starts_with('/')).unwrap_or("/");
    let services: Vec<_> = of.services.iter().map(|command| command.join(" ")).collect();
    let environment = [
        format!("STAND_IN_PORT={}", of.port.unwrap_or(0)),
        format!("STAND_IN_PATH={path}"),
        format!("STAND_IN_SERVICES={}", services.join("\n")),
    ];
    let config = json!({
        "created": "1970-01-01T00:00:00Z",
        "architecture": architecture,
        "os": "linux",
        "config": {
            "Env": environment,
            "Entrypoint": ["/stand-in"],
            "WorkingDir": "/",
            "Labels": { "org.opencontainers.image.title": "stand-in" },
        },
        "rootfs": { "type": "layers", "diff_ids": [diff_id] },
        "history": [{ "created": "1970-01-01T00:00:00Z", "created_by": "stand-in" }],
    });
    let config_bytes = Bytes::from(config.to_string());
    let config = described(OCI_CONFIG, &config_bytes);
    let packed = Bytes::from(packed);
    let layer = described(OCI_LAYER_GZIP, &packed);
    let manifest = Manifest {
        schema_version: 2,
        media_type: Some(OCI_MANIFEST.to_owned()),
        config: config.clone(),
        layers: vec![layer.clone()],
    };
    let manifest = serde_json::to_vec(&manifest).map_err(|e| Fault::new(doing, e.to_string()))?;
    let manifest = Bytes::from(manifest);
    Ok(Image {
        config,
        config_bytes,
        layers: vec![Layer::Ready { descriptor: layer, place: Place::Memory(packed) }],
        manifest: Some((described(OCI_MANIFEST, &manifest), manifest)),
        platform: Platform { os: "linux".to_owned(), architecture: architecture.to_owned(), variant: None },
    })
}

fn described(media_type: &str, bytes: &[u8]) -> Descriptor {
    Descriptor::new(media_type, Digest::of(bytes), bytes.len() as u64)
}

fn layer() -> std::io::Result<Vec<u8>> {
    let mut header = tar::Header::new_ustar();
    header.set_size(SERVER.len() as u64);
    header.set_mode(0o755);
    header.set_mtime(0);
    header.set_uid(0);
    header.set_gid(0);
    let mut tar = tar::Builder::new(Vec::new());
    tar.append_data(&mut header, "stand-in", SERVER)?;
    tar.into_inner()
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::{StandIn, stand_in};

    #[test]
    fn it_is_the_same_each_time_and_another_for_another_service() {
        let web = StandIn { port: Some(3000), health_path: "/health", services: &[&["bin/web"]] };
        let worker = StandIn { port: None, ..web.clone() };
        let tag = |of: &StandIn<'_>| stand_in(of).unwrap().tag();
        assert_eq!(tag(&web), tag(&web));
        assert_ne!(tag(&web), tag(&worker));
    }
}
