//! The real registry (distribution) and, to read what was pushed, skopeo; left out where they are not installed.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use runner::image::{Compression, Destination, Image, Registry, push};

use super::images::{Layout, layer};
use super::{amd64, archive};

/// `docker-registry` on a port of its own.
pub struct Distribution {
    child: Child,
    pub url: String,
    _dir: tempfile::TempDir,
}

impl Drop for Distribution {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

impl Distribution {
    /// `None`, and a line that says so, where it is not installed.
    pub fn start() -> Option<Self> {
        let dir = tempfile::tempdir().unwrap();
        let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let config = format!(
            "version: 0.1\nlog: {{ level: info }}\nstorage: {{ filesystem: {{ rootdirectory: {} }} }}\nhttp: {{ addr: 127.0.0.1:{port} }}\n",
            dir.path().join("data").display()
        );
        let file = dir.path().join("config.yml");
        std::fs::write(&file, config).unwrap();
        let mut command = Command::new("docker-registry");
        command.arg("serve").arg(&file).stdout(Stdio::null()).stderr(Stdio::piped());
        let Ok(mut child) = command.spawn() else {
            println!("left out: docker-registry is not installed");
            return None;
        };
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
        assert!(lines.any(|line| line.unwrap().contains("listening on")), "docker-registry ended");
        std::thread::spawn(move || lines.for_each(drop));
        Some(Self { child, url: format!("http://127.0.0.1:{port}"), _dir: dir })
    }

    pub fn reference(&self, repository: &str, tag: &str) -> String {
        format!("{}/{repository}:{tag}", self.url.trim_start_matches("http://"))
    }
}

fn skopeo(arguments: &[&str]) -> Option<String> {
    let Ok(output) = Command::new("skopeo").args(arguments).output() else {
        println!("left out: skopeo is not installed");
        return None;
    };
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    Some(String::from_utf8_lossy(&output.stdout).into_owned())
}

#[tokio::test(flavor = "multi_thread")]
async fn distribution_takes_archives_and_layouts_and_skopeo_reads_them_back() {
    let Some(server) = Distribution::start() else { return };
    let dir = tempfile::tempdir().unwrap();
    let layers = [layer(1, 2_000_000), layer(2, 10_000)];
    let parts: Vec<_> = layers.iter().map(Vec::as_slice).collect();
    let layout = Layout(dir.path());
    layout.index(&[layout.image("linux/amd64", &parts)]);
    let images = [archive(dir.path(), &parts), Image::from_layout(dir.path(), &amd64()).unwrap()];
    let registry = Registry::new(&server.url, None).unwrap();
    for (image, compression) in images.iter().flat_map(|i| [(i, Compression::Zstd), (i, Compression::Gzip)]) {
        let repository = format!("app/{compression:?}").to_lowercase();
        let tag = image.tag();
        let to = Destination { registry: &registry, repository: &repository, tag: &tag, mount_from: None, compression };
        let pushed = push(image, &to, &|_| ()).await.unwrap();
        assert!(push(image, &to, &|_| ()).await.unwrap().skipped);

        let reference = format!("docker://{}", server.reference(&repository, &tag));
        let Some(read) = skopeo(&["inspect", "--tls-verify=false", &reference]) else { return };
        let read: serde_json::Value = serde_json::from_str(&read).unwrap();
        assert_eq!(read["Digest"], pushed.digest.as_str());
        assert_eq!(read["Layers"].as_array().unwrap().len(), 2);
        let out = tempfile::tempdir().unwrap();
        let to = format!("dir:{}", out.path().display());
        skopeo(&["--insecure-policy", "copy", "-q", "--src-tls-verify=false", &reference, &to]);
        assert!(whole(out.path()), "every layer is there");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn distribution_mounts_from_a_repository_that_has_the_layers() {
    let Some(server) = Distribution::start() else { return };
    let dir = tempfile::tempdir().unwrap();
    let image = archive(dir.path(), &[&layer(1, 100_000)]);
    let registry = Registry::new(&server.url, None).unwrap();
    let to = Destination {
        registry: &registry,
        repository: "a",
        tag: "v1",
        mount_from: None,
        compression: Compression::Zstd,
    };
    let first = push(&image, &to, &|_| ()).await.unwrap();
    let second = push(&image, &Destination { repository: "b", mount_from: Some("a"), ..to }, &|_| ()).await.unwrap();
    assert_eq!((second.digest, second.bytes_sent), (first.digest, 0));
}

/// Whether each file in a directory of skopeo's has the content its name says.
fn whole(dir: &Path) -> bool {
    let files = std::fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path());
    let blobs: Vec<_> = files.filter(|path| path.file_name().unwrap().len() == 64).collect();
    blobs.len() == 3
        && blobs.iter().all(|path| {
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            super::images::sha256(&std::fs::read(path).unwrap()) == name
        })
}
