//! Hostile archives and layouts: each is refused, for its own reason, in little memory and without a byte sent.

use std::fs::{self, File};
use std::io::{Seek, SeekFrom, Write};
use std::os::unix::fs::symlink;
use std::path::Path;

use runner::image::Image;
use serde_json::json;

use super::alone::{alone, peak};
use super::images::{self, Layout, config, layer, sha256, tar};
use super::scripted::Scripted;
use super::{amd64, archive, push_to, registry};

/// A header that claims `size` bytes, and a hole in the file where they would be.
fn hollow(path: &Path, name: &str, kind: tar::EntryType, size: u64, there: u64) {
    let mut header = tar::Header::new_gnu();
    header.set_path(name).unwrap();
    header.set_entry_type(kind);
    header.set_size(size);
    header.set_cksum();
    let mut file = File::create(path).unwrap();
    file.write_all(header.as_bytes()).unwrap();
    file.seek(SeekFrom::Start(512 + there)).unwrap();
    file.write_all(&[0; 1024]).unwrap();
}

fn saved(path: &Path, manifest: &serde_json::Value, files: &[(&str, &[u8])]) {
    let manifest = manifest.to_string();
    let mut all = files.to_vec();
    all.push(("manifest.json", manifest.as_bytes()));
    fs::write(path, tar(&all)).unwrap();
}

#[test]
fn each_archive_of_the_corpus_is_refused_in_little_memory() {
    if !alone("image::hostile::each_archive_of_the_corpus_is_refused_in_little_memory", &[]) {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let good = layer(1, 1000);
    let good_config = config("linux/amd64", &[&good]);
    let name = format!("{}.json", sha256(&good_config));
    type Write<'a> = Box<dyn Fn(&Path) + 'a>;
    let corpus: Vec<(&str, Write<'_>)> = vec![
        ("no tar header", Box::new(|p| fs::write(p, vec![b'x'; 4096]).unwrap())),
        ("it is compressed", Box::new(|p| fs::write(p, [&[0x1f, 0x8b][..], &[0; 1024]].concat()).unwrap())),
        ("it is not an image", Box::new(|p| fs::write(p, []).unwrap())),
        ("reaches beyond its end", Box::new(|p| hollow(p, "manifest.json", tar::EntryType::Regular, 1 << 40, 0))),
        ("reaches beyond its end", Box::new(|p| hollow(p, "manifest.json", tar::EntryType::Regular, u64::MAX, 0))),
        (
            "at most 4194304 are read",
            Box::new(|p| hollow(p, "manifest.json", tar::EntryType::Regular, 4 << 30, 4 << 30)),
        ),
        ("an extended header of", Box::new(|p| hollow(p, "x", tar::EntryType::GNULongName, 4 << 30, 4 << 30))),
        ("an extended header of", Box::new(|p| hollow(p, "x", tar::EntryType::XHeader, 4 << 30, 4 << 30))),
        (
            "more than 20000 entries",
            Box::new(|p| {
                let names: Vec<_> = (0..20_001).map(|n| n.to_string()).collect();
                fs::write(p, tar(&names.iter().map(|n| (n.as_str(), &b""[..])).collect::<Vec<_>>())).unwrap();
            }),
        ),
        ("manifest.json cannot be read", Box::new(|p| saved(p, &json!({ "a": "[".repeat(100_000) }), &[]))),
        ("2 images are in it", Box::new(|p| saved(p, &json!([{ "Config": "a" }, { "Config": "b" }]), &[]))),
        (
            "is missing or not a regular file",
            Box::new(|p| {
                saved(p, &json!([{ "Config": "../../../../etc/passwd", "Layers": [] }]), &[]);
            }),
        ),
        (
            "does not have the content its name says",
            Box::new(|p| {
                saved(p, &json!([{ "Config": "config.json", "Layers": [] }]), &[("config.json", &good_config)]);
            }),
        ),
        (
            "do not agree on the number of layers",
            Box::new(|p| {
                saved(p, &json!([{ "Config": name, "Layers": [] }]), &[(&name, &good_config)]);
            }),
        ),
        (
            "is missing or not a regular file",
            Box::new(|p| {
                saved(p, &json!([{ "Config": name, "Layers": ["/etc/passwd"] }]), &[(&name, &good_config)]);
            }),
        ),
        (
            "is missing or not a regular file",
            Box::new(|p| {
                let mut builder = tar::Builder::new(Vec::new());
                let mut header = tar::Header::new_gnu();
                header.set_entry_type(tar::EntryType::Symlink);
                header.set_size(0);
                builder.append_link(&mut header, "layer.tar", "/etc/passwd").unwrap();
                let mut bytes = builder.into_inner().unwrap();
                bytes.truncate(bytes.len() - 1024);
                let manifest = json!([{ "Config": name, "Layers": ["layer.tar"] }]).to_string();
                bytes.extend(tar(&[(&name, &good_config), ("manifest.json", manifest.as_bytes())]));
                fs::write(p, bytes).unwrap();
            }),
        ),
        (
            "the image is for linux/s390x",
            Box::new(|p| {
                let other = config("linux/s390x", &[]);
                let name = format!("{}.json", sha256(&other));
                saved(p, &json!([{ "Config": name, "Layers": [] }]), &[(&name, &other)]);
            }),
        ),
        (
            "layers; at most 256 are taken",
            Box::new(|p| {
                let many = config("linux/amd64", &vec![&b"x"[..]; 300]);
                let name = format!("{}.json", sha256(&many));
                saved(p, &json!([{ "Config": name, "Layers": vec!["x"; 300] }]), &[(&name, &many), ("x", b"x")]);
            }),
        ),
        (
            "is not sha256: and 64 hexadecimal digits",
            Box::new(|p| {
                let bad = json!({ "os": "linux", "architecture": "amd64",
                "rootfs": { "diff_ids": ["sha256:../../../../../../../../../../../../../../../../../../etc/shadow"] } })
                .to_string();
                let name = format!("{}.json", sha256(bad.as_bytes()));
                saved(p, &json!([{ "Config": name, "Layers": ["x"] }]), &[(&name, bad.as_bytes())]);
            }),
        ),
    ];
    for (i, (expected, write)) in corpus.iter().enumerate() {
        let path = dir.path().join(format!("{i}.tar"));
        write(&path);
        let before = peak();
        let fault = Image::from_archive(&path, &amd64()).expect_err(expected);
        assert!(fault.message.raw().contains(expected), "{i}: {fault}");
        assert!(peak() - before < 32 << 10, "{i} took {} KiB", peak() - before);
    }
}

#[test]
fn each_layout_of_the_corpus_is_refused() {
    type Change = fn(&Path, &mut serde_json::Value);
    let blob = |dir: &Path, described: &serde_json::Value| {
        dir.join("blobs/sha256").join(&described["digest"].as_str().unwrap()[7..])
    };
    let corpus: [(&str, Change); 8] = [
        ("is not sha256: and 64 hexadecimal digits", |_, d| d["digest"] = json!("sha256:../../../etc/passwd")),
        ("is not sha256: and 64 hexadecimal digits", |_, d| d["digest"] = json!("sha512:00")),
        ("bytes, and the image says", |_, d| d["size"] = json!(7)),
        ("at most 4194304 are read", |dir, d| {
            let path = dir.join("blobs/sha256").join(&d["digest"].as_str().unwrap()[7..]);
            File::options().write(true).open(path).unwrap().set_len(1 << 40).unwrap();
            d["size"] = json!(1_u64 << 40);
        }),
        ("does not have the content its name says", |dir, d| {
            let path = dir.join("blobs/sha256").join(&d["digest"].as_str().unwrap()[7..]);
            let text = fs::read_to_string(&path).unwrap().replace("\"schemaVersion\":2", "\"schemaVersion\":3");
            fs::write(path, text).unwrap();
        }),
        ("is a link; links in a layout are not followed", |dir, d| {
            let path = dir.join("blobs/sha256").join(&d["digest"].as_str().unwrap()[7..]);
            fs::rename(&path, dir.join("elsewhere")).unwrap();
            symlink(dir.join("elsewhere"), path).unwrap();
        }),
        ("is a link; links in a layout are not followed", |dir, _| {
            fs::rename(dir.join("blobs"), dir.join("elsewhere")).unwrap();
            symlink(dir.join("elsewhere"), dir.join("blobs")).unwrap();
        }),
        ("the index is too long or too deep", |dir, d| {
            let layout = Layout(dir);
            for _ in 0..10 {
                let inner = json!({ "schemaVersion": 2, "manifests": [d.clone()] });
                *d = layout.blob(inner.to_string().as_bytes());
                d["mediaType"] = json!("application/vnd.oci.image.index.v1+json");
            }
        }),
    ];
    for (expected, change) in corpus {
        let dir = tempfile::tempdir().unwrap();
        let layout = Layout(dir.path());
        let mut described = layout.image("linux/amd64", &[&layer(1, 10)]);
        assert!(blob(dir.path(), &described).exists());
        change(dir.path(), &mut described);
        layout.index(&[described]);
        let fault = Image::from_layout(dir.path(), &amd64()).expect_err(expected);
        assert!(fault.message.raw().contains(expected), "{fault}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_layer_with_other_content_than_it_says_is_never_complete_at_the_registry() {
    // Compressed on the way: found before anything is sent.
    let dir = tempfile::tempdir().unwrap();
    let good = layer(1, 600_000);
    let path = dir.path().join("image.tar");
    images::archive(&path, &[&good]);
    let mut bytes = fs::read(&path).unwrap();
    bytes[1024 + 300_000] ^= 1;
    fs::write(&path, bytes).unwrap();
    let server = Scripted::start().await;
    let registry = registry(&server.url());
    let image = Image::from_archive(&path, &amd64()).unwrap();
    let fault = push_to(&registry, &image, "v1", None).await.unwrap_err();
    assert!(fault.message.raw().contains("not what the image's configuration says"), "{fault}");

    // Sent as it is: the last bytes are held back, and it is not tried again.
    let layout = Layout(dir.path());
    let described = layout.image("linux/amd64", &[&good]);
    layout.index(&[described]);
    for file in fs::read_dir(dir.path().join("blobs/sha256")).unwrap() {
        let path = file.unwrap().path();
        let mut bytes = fs::read(&path).unwrap();
        if bytes.starts_with(&[0x1f, 0x8b]) {
            let middle = bytes.len() / 2;
            bytes[middle] ^= 1;
            fs::write(&path, bytes).unwrap();
        }
    }
    let image = Image::from_layout(dir.path(), &amd64()).unwrap();
    let fault = push_to(&registry, &image, "v1", None).await.unwrap_err();
    assert!(fault.message.raw().contains("not what its digest says"), "{fault}");
    let tried: Vec<_> =
        server.take_seen().into_iter().filter(|s| s.path.contains("/uploads/") && s.method == "PUT").collect();
    assert!(
        tried.iter().all(|s| server
            .blob("app/api", s.path.split("digest=").nth(1).unwrap())
            .is_none_or(|b| b.starts_with(b"{")))
    );
    assert_eq!(server.manifest("app/api", "v1"), None);
}

#[test]
fn an_archive_that_is_fine_is_taken() {
    let dir = tempfile::tempdir().unwrap();
    archive(dir.path(), &[&layer(1, 10)]);
}
