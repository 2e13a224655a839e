//! The push against its promises: a 200 MB archive in at most half of skopeo's wall time, an unchanged one in at
//! most 3 requests, and 1 GiB in less than 64 MiB of memory. `cargo bench --bench push`; the first needs
//! `docker-registry` and `skopeo` installed.

#![allow(clippy::print_stdout, clippy::unwrap_used, clippy::expect_used)]

#[path = "../tests/support/images.rs"]
#[allow(dead_code)]
mod images;
#[path = "../tests/support/registry.rs"]
#[allow(dead_code)]
mod scripted;

use std::fs::{self, File};
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use runner::image::{Compression, Destination, Image, Platform, Pushed, Registry, push};

const ROUNDS: u32 = 5;

fn main() {
    let arguments: Vec<_> = std::env::args().collect();
    if let [_, mode, path, url, tag] = &arguments[..]
        && mode == "--child"
    {
        return child(Path::new(path), url, tag);
    }
    let dir = tempfile::tempdir().unwrap();
    let archive = dir.path().join("image.tar");
    for layers in [4, 1] {
        real_archive(&archive, dir.path(), 200 << 20, layers);
        against_skopeo(dir.path(), &archive, layers);
    }
    unchanged(&archive);
    for layers in [4, 1] {
        real_archive(&archive, dir.path(), 1 << 30, layers);
        memory(dir.path(), &archive, layers);
    }
}

/// One push in a process of its own, which says what it needed.
fn child(path: &Path, url: &str, tag: &str) {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let pushed = runtime.block_on(push_once(path, url, tag));
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap_or("unknown");
    println!("{} {}", pushed.bytes_sent, peak.trim());
}

async fn push_once(path: &Path, url: &str, tag: &str) -> Pushed {
    let image = Image::from_archive(path, &Platform::parse("linux/amd64").unwrap()).unwrap();
    let registry = Registry::new(url, None).unwrap();
    let compression = Compression::Zstd;
    let to = Destination { registry: &registry, repository: "app/api", tag, mount_from: None, compression };
    push(&image, &to, &|_| ()).await.unwrap()
}

fn against_skopeo(dir: &Path, archive: &Path, layers: u64) {
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        let Some(server) = Distribution::start(dir) else { return };
        let start = Instant::now();
        run_child(archive, &server.url, "v1");
        ours.push(start.elapsed());
        let Some(server) = Distribution::start(dir) else { return };
        let from = format!("docker-archive:{}", archive.display());
        let to = format!("docker://{}/app/api:v1", server.url.trim_start_matches("http://"));
        let start = Instant::now();
        let mut skopeo = Command::new("skopeo");
        skopeo.args(["--insecure-policy", "copy", "-q", "--dest-tls-verify=false", &from, &to]);
        let Ok(status) = skopeo.status() else {
            println!("skopeo is not installed");
            return;
        };
        assert!(status.success());
        theirs.push(start.elapsed());
    }
    let (ours, theirs) = (median(ours), median(theirs));
    let ratio = ours.as_secs_f64() / theirs.as_secs_f64();
    println!("200 MB in {layers} layer(s): {ours:.2?}, skopeo {theirs:.2?}: {ratio:.2} of its time (at most 0.50)");
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort();
    times[times.len() / 2]
}

fn unchanged(archive: &Path) {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let requests = runtime.block_on(async {
        let server = scripted::Scripted::start().await.forgetful();
        push_once(archive, &server.url(), "v1").await;
        server.take_seen();
        assert!(push_once(archive, &server.url(), "v1").await.skipped);
        server.take_seen().len()
    });
    println!("unchanged: {requests} request(s) (at most 3)");
}

fn memory(dir: &Path, archive: &Path, layers: u64) {
    let Some(server) = Distribution::start(dir) else { return };
    let said = run_child(archive, &server.url, "v1");
    println!("1 GiB in {layers} layer(s), bytes sent and peak memory: {} (at most 65536 kB)", said.trim());
}

fn run_child(archive: &Path, url: &str, tag: &str) -> String {
    let me = std::env::current_exe().unwrap();
    let output = Command::new(me).arg("--child").arg(archive).args([url, tag]).stderr(Stdio::inherit()).output();
    let output = output.unwrap();
    assert!(output.status.success());
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// A fresh registry.
struct Distribution {
    child: Child,
    url: String,
    data: PathBuf,
}

impl Distribution {
    fn start(dir: &Path) -> Option<Self> {
        let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let (data, config) = (dir.join("registry"), dir.join("config.yml"));
        let text = format!(
            "version: 0.1\nlog: {{ level: info, accesslog: {{ disabled: true }} }}\n\
             storage: {{ filesystem: {{ rootdirectory: {} }} }}\nhttp: {{ addr: 127.0.0.1:{port} }}\n",
            data.display()
        );
        fs::write(&config, text).unwrap();
        let mut command = Command::new("docker-registry");
        command.arg("serve").arg(&config).stdout(Stdio::null()).stderr(Stdio::piped());
        let Ok(mut child) = command.spawn() else {
            println!("docker-registry is not installed");
            return None;
        };
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
        assert!(lines.any(|line| line.unwrap().contains("listening on")));
        std::thread::spawn(move || lines.for_each(drop));
        Some(Self { child, url: format!("http://127.0.0.1:{port}"), data })
    }
}

impl Drop for Distribution {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
        drop(fs::remove_dir_all(&self.data));
    }
}

/// An archive whose layers are made of this machine's own programs and texts, as images are.
fn real_archive(path: &Path, dir: &Path, size: u64, layers: u64) {
    let mut files = Vec::new();
    for root in ["/usr/bin", "/usr/lib", "/usr/share"] {
        collect(Path::new(root), &mut files);
    }
    // Spread over the layers, the same way each time.
    files.sort_by_key(|(path, _)| images::sha256(path.as_os_str().as_encoded_bytes()));
    let mut next = files.iter().cycle();
    let (mut names, mut parts) = (Vec::new(), Vec::new());
    for n in 0..layers {
        let part = dir.join(format!("layer-{n}.tar"));
        let mut tar = tar::Builder::new(File::create(&part).unwrap());
        let mut written = 0;
        while written < size / layers {
            let (file, bytes) = next.next().unwrap();
            tar.append_path_with_name(file, format!("{written}")).unwrap();
            written += bytes;
        }
        tar.into_inner().unwrap().flush().unwrap();
        names.push(format!("{n}/layer.tar"));
        parts.push(part);
    }
    let digests: Vec<_> = parts.iter().map(|part| images::sha256(&fs::read(part).unwrap())).collect();
    let diff_ids: Vec<_> = digests.iter().map(|hex| format!("sha256:{hex}")).collect();
    let config = serde_json::json!({ "os": "linux", "architecture": "amd64", "config": {},
        "rootfs": { "type": "layers", "diff_ids": diff_ids } })
    .to_string();
    let config_name = format!("{}.json", images::sha256(config.as_bytes()));
    let manifest =
        serde_json::json!([{ "Config": config_name, "RepoTags": ["bench:v1"], "Layers": names }]).to_string();
    let mut tar = tar::Builder::new(File::create(path).unwrap());
    for (part, name) in parts.iter().zip(&names) {
        tar.append_path_with_name(part, name).unwrap();
        fs::remove_file(part).unwrap();
    }
    for (name, text) in [(config_name.as_str(), &config), ("manifest.json", &manifest)] {
        let mut header = tar::Header::new_gnu();
        header.set_size(text.len() as u64);
        header.set_mode(0o644);
        tar.append_data(&mut header, name, text.as_bytes()).unwrap();
    }
    tar.finish().unwrap();
}

fn collect(dir: &Path, files: &mut Vec<(PathBuf, u64)>) {
    let Ok(entries) = fs::read_dir(dir) else { return };
    for path in entries.flatten().map(|entry| entry.path()) {
        let Ok(found) = fs::symlink_metadata(&path) else { continue };
        if found.is_dir() {
            collect(&path, files);
        } else if found.is_file() && (1..20 << 20).contains(&found.len()) {
            files.push((path, found.len()));
        }
    }
}
