//! What layouts and archives lead to.

use std::path::Path;

use runner::image::{Image, Platform};
use serde_json::json;

use super::amd64;
use super::images::{self, Layout, config, layer, sha256, tar};

fn refusal(dir: &Path, platform: &Platform) -> String {
    Image::from_layout(dir, platform).unwrap_err().message.raw().to_owned()
}

#[test]
fn the_platforms_image_is_found_through_nested_indexes_and_beside_attestations() {
    let dir = tempfile::tempdir().unwrap();
    let layout = Layout(dir.path());
    let (amd, arm) = (layout.image("linux/amd64", &[&layer(1, 10)]), layout.image("linux/arm64", &[&layer(2, 10)]));
    let mut attestation = layout.image("unknown/unknown", &[]);
    attestation["annotations"] = json!({ "vnd.docker.reference.type": "attestation-manifest" });
    let inner = json!({ "schemaVersion": 2, "manifests": [amd, attestation, arm] });
    let mut inner = layout.blob(inner.to_string().as_bytes());
    inner["mediaType"] = json!("application/vnd.oci.image.index.v1+json");
    layout.index(&[inner]);

    let arm64 = Platform::parse("linux/arm64").unwrap();
    let (a, b) = (Image::from_layout(dir.path(), &amd64()).unwrap(), Image::from_layout(dir.path(), &arm64).unwrap());
    assert_eq!((a.platform(), b.platform()), (&amd64(), &arm64));
    assert_ne!(a.tag(), b.tag());
    let other = Platform::parse("linux/riscv64").unwrap();
    let there = "no image for linux/riscv64 is in it; there is linux/amd64, unknown/unknown, linux/arm64";
    assert_eq!(refusal(dir.path(), &other), there);
}

#[test]
fn two_images_for_one_platform_are_refused() {
    let dir = tempfile::tempdir().unwrap();
    let layout = Layout(dir.path());
    layout.index(&[layout.image("linux/amd64", &[&layer(1, 10)]), layout.image("linux/amd64", &[&layer(2, 10)])]);
    assert_eq!(refusal(dir.path(), &amd64()), "2 different images for linux/amd64 are in it");
}

#[test]
fn without_a_platform_in_the_index_the_configuration_decides() {
    let dir = tempfile::tempdir().unwrap();
    let layout = Layout(dir.path());
    let mut image = layout.image("linux/arm64", &[&layer(1, 10)]);
    image.as_object_mut().unwrap().remove("platform");
    layout.index(&[image]);
    assert_eq!(refusal(dir.path(), &amd64()), "no image for linux/amd64 is in it; there is linux/arm64");
    assert!(Image::from_layout(dir.path(), &Platform::parse("linux/arm64").unwrap()).is_ok());
}

#[test]
fn the_same_content_has_the_same_tag_in_either_form_of_archive() {
    let dir = tempfile::tempdir().unwrap();
    let layer = layer(1, 1000);
    let old = dir.path().join("old.tar");
    images::archive(&old, &[&layer]);

    // As engines since 25 write it: a layout in a tar, its layers bare.
    let config = config("linux/amd64", &[&layer]);
    let name = |bytes: &[u8]| format!("blobs/sha256/{}", sha256(bytes));
    let described = |bytes: &[u8], kind: &str| json!({ "mediaType": kind, "digest": format!("sha256:{}", sha256(bytes)), "size": bytes.len() });
    let manifest = json!({ "schemaVersion": 2, "mediaType": images::MANIFEST,
        "config": described(&config, "application/vnd.oci.image.config.v1+json"),
        "layers": [described(&layer, "application/vnd.oci.image.layer.v1.tar")] })
    .to_string();
    let index = json!({ "schemaVersion": 2, "manifests": [described(manifest.as_bytes(), images::MANIFEST)] });
    let new = dir.path().join("new.tar");
    let index = index.to_string();
    let names = [&layer[..], &config, manifest.as_bytes()].map(name);
    let files: [(&str, &[u8]); 5] = [
        (&names[0], &layer),
        (&names[1], &config),
        (&names[2], manifest.as_bytes()),
        ("index.json", index.as_bytes()),
        ("oci-layout", br#"{"imageLayoutVersion":"1.0.0"}"#),
    ];
    std::fs::write(&new, tar(&files)).unwrap();

    let tag = |path: &Path| Image::from_archive(path, &amd64()).unwrap().tag();
    assert_eq!(tag(&old), tag(&new));
    assert!(tag(&old).starts_with("in-"));
}
