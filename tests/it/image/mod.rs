//! Images against registries: one in this process that misbehaves as told, and the real one where it is installed.

// A test whose real part is missing says so.
#![allow(clippy::print_stdout)]

#[path = "../../support/alone.rs"]
mod alone;
#[path = "../../support/images.rs"]
mod images;
#[path = "../../support/registry.rs"]
mod scripted;

mod builds;
mod credentials;
mod hostile;
mod memory;
mod pushes;
mod reads;
mod real;
mod stand_ins;
mod tls;

use std::future::Future;
use std::path::Path;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use runner::image::{Backoff, Compression, Destination, Image, Platform, Pushed, Registry, push};
use runner_core::plan::Fault;

/// Repeats at once, and remembers what the registry asked for.
#[derive(Debug, Default)]
struct AtOnce(Mutex<Vec<Option<Duration>>>);

impl Backoff for AtOnce {
    fn wait(&self, attempt: u32, asked: Option<Duration>) -> Pin<Box<dyn Future<Output = bool> + Send + '_>> {
        self.0.lock().unwrap().push(asked);
        Box::pin(async move { attempt <= 4 })
    }
}

fn amd64() -> Platform {
    Platform::parse("linux/amd64").unwrap()
}

fn archive(dir: &Path, layers: &[&[u8]]) -> Image {
    let path = dir.join("image.tar");
    images::archive(&path, layers);
    Image::from_archive(&path, &amd64()).unwrap()
}

fn registry(url: &str) -> Registry {
    Registry::new(url, None).unwrap().with_backoff(Arc::new(AtOnce::default()))
}

async fn push_to(registry: &Registry, image: &Image, tag: &str, mount_from: Option<&str>) -> Result<Pushed, Fault> {
    let to = Destination { registry, repository: "app/api", tag, mount_from, compression: Compression::Zstd };
    push(image, &to, &|_| ()).await
}
