//! The push itself: what is sent, what is not, and what happens when it goes wrong.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use http::Method;
use runner::image::{Compression, Destination, Image, Progress, Registry, push};

use super::images::{self, Layout, layer, sha256};
use super::scripted::{Act, Scripted, error, reply};
use super::{AtOnce, amd64, archive, push_to, registry};

#[tokio::test(flavor = "multi_thread")]
async fn an_archive_arrives_compressed_and_whole_and_pushing_it_again_is_one_request() {
    let dir = tempfile::tempdir().unwrap();
    let (a, b) = (layer(1, 3_000_000), layer(2, 500_000));
    let image = archive(dir.path(), &[&a, &b, &a]);
    let server = Scripted::start().await;
    let registry = registry(&server.url());

    let pushed = push_to(&registry, &image, "v1", None).await.unwrap();
    assert!(!pushed.skipped);
    let (kind, manifest) = server.manifest("app/api", "v1").expect("the tag");
    assert_eq!(kind, images::MANIFEST);
    assert_eq!(pushed.digest.as_str(), format!("sha256:{}", sha256(&manifest)));
    let manifest: serde_json::Value = serde_json::from_slice(&manifest).unwrap();
    let layers = manifest["layers"].as_array().unwrap();
    assert_eq!(layers.len(), 3);
    for (described, original) in layers.iter().zip([&a, &b, &a]) {
        assert_eq!(described["mediaType"], "application/vnd.oci.image.layer.v1.tar+zstd");
        let blob = server.blob("app/api", described["digest"].as_str().unwrap()).expect("the layer");
        assert_eq!(described["size"], blob.len());
        assert_eq!(zstd::decode_all(&blob[..]).unwrap(), *original);
    }
    // Two layers and the configuration; the third layer is the first.
    let seen = server.take_seen();
    let count = |method, part: &str| seen.iter().filter(|s| s.method == method && s.path.contains(part)).count();
    assert_eq!(count(Method::PUT, "/blobs/"), 3);
    assert_eq!(count(Method::HEAD, "/blobs/"), 3);
    assert_eq!(count(Method::PUT, "/manifests/"), 1);
    assert_eq!(seen.last().map(|s| s.method.clone()), Some(Method::PUT));
    assert_eq!(pushed.bytes_sent, pushed.bytes_total);

    let again = push_to(&registry, &image, "v1", None).await.unwrap();
    assert!(again.skipped);
    assert_eq!((again.digest, again.bytes_sent), (pushed.digest, 0));
    assert_eq!(server.take_seen().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_layout_keeps_its_digest_and_what_is_there_is_not_sent() {
    let dir = tempfile::tempdir().unwrap();
    let layout = Layout(dir.path());
    let (a, b) = (layer(1, 100_000), layer(2, 100_000));
    let described = layout.image("linux/amd64", &[&a, &b]);
    layout.index(std::slice::from_ref(&described));
    let image = Image::from_layout(dir.path(), &amd64()).unwrap();
    let manifest = std::fs::read(dir.path().join("blobs/sha256").join(&described["digest"].as_str().unwrap()[7..]));
    let manifest: serde_json::Value = serde_json::from_slice(&manifest.unwrap()).unwrap();
    let server = Scripted::start().await;
    server.put_blob("app/api", manifest["layers"][0]["digest"].as_str().unwrap());

    let pushed = push_to(&registry(&server.url()), &image, "v1", None).await.unwrap();
    assert_eq!(pushed.digest.as_str(), described["digest"]);
    let sent = server.take_seen().iter().filter(|s| s.method == Method::PUT && s.path.contains("/blobs/")).count();
    assert_eq!(sent, 2, "one layer and the configuration");
    assert_eq!(pushed.bytes_total - pushed.bytes_sent, manifest["layers"][0]["size"].as_u64().unwrap());
}

#[tokio::test(flavor = "multi_thread")]
async fn after_a_cut_only_that_blob_is_sent_again() {
    let dir = tempfile::tempdir().unwrap();
    let layers: Vec<_> = (0..5).map(|n| layer(n * 2, 1_500_000)).collect();
    let image = archive(dir.path(), &layers.iter().map(Vec::as_slice).collect::<Vec<_>>());
    let puts = Arc::new(AtomicUsize::new(0));
    let counted = puts.clone();
    let server = Scripted::with(move |seen| {
        let upload = seen.method == Method::PUT && seen.path.contains("/blobs/");
        (upload && counted.fetch_add(1, Ordering::SeqCst) == 2).then_some(Act::Cut(100_000))
    })
    .await;
    let pushed = push_to(&registry(&server.url()), &image, "v1", None).await.unwrap();
    assert_eq!(puts.load(Ordering::SeqCst), 7, "five layers, the configuration, and one of them twice");
    let seen = server.take_seen();
    assert_eq!(seen.iter().filter(|s| s.method == Method::HEAD).count(), 7, "each attempt asks first");
    assert_eq!(pushed.bytes_sent, pushed.bytes_total);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_busy_registry_is_given_the_time_it_asks_for_and_an_ill_one_is_given_up() {
    let dir = tempfile::tempdir().unwrap();
    let image = archive(dir.path(), &[&layer(1, 1000)]);
    let times = AtomicUsize::new(0);
    let server = Scripted::with(move |_| {
        let busy = times.fetch_add(1, Ordering::SeqCst) < 2;
        busy.then(|| Act::Answer(reply(429, &[("retry-after", "7")], "")))
    })
    .await;
    let patience = Arc::new(AtOnce::default());
    let busy = Registry::new(&server.url(), None).unwrap().with_backoff(patience.clone());
    push_to(&busy, &image, "v1", None).await.unwrap();
    assert_eq!(*patience.0.lock().unwrap(), [Some(Duration::from_secs(7)); 2]);

    let server = Scripted::with(|_| Some(Act::Answer(error(503, "UNAVAILABLE")))).await;
    let fault = push_to(&registry(&server.url()), &image, "v1", None).await.unwrap_err();
    assert_eq!(fault.headline(), "looking for the tag v1 in app/api: UNAVAILABLE: UNAVAILABLE it is");
    assert_eq!(server.take_seen().len(), 5);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_registry_that_hangs_up_for_good_is_a_fault_that_says_what_was_sent() {
    let dir = tempfile::tempdir().unwrap();
    let image = archive(dir.path(), &[&layer(1, 1000)]);
    let server = Scripted::with(|seen| (seen.method == Method::PUT).then_some(Act::Cut(0))).await;
    let fault = push_to(&registry(&server.url()), &image, "v1", None).await.unwrap_err();
    assert!(fault.doing.starts_with("sending sha256:"), "{fault}");
    assert_eq!(server.manifest("app/api", "v1"), None, "no tag without its blobs");
}

#[tokio::test(flavor = "multi_thread")]
async fn blobs_are_taken_over_from_another_repository_or_sent_where_that_is_declined() {
    let dir = tempfile::tempdir().unwrap();
    let image = archive(dir.path(), &[&layer(1, 1000)]);
    for declined in [false, true] {
        let server = Scripted::with(move |seen| {
            let mount = declined && seen.path.contains("mount=");
            let location = [("location", "/v2/app/api/blobs/uploads/7")];
            mount.then(|| Act::Answer(reply(202, &location, "")))
        })
        .await;
        let registry = registry(&server.url());
        let other = Destination {
            registry: &registry,
            repository: "app/web",
            tag: "v1",
            mount_from: None,
            compression: Compression::Zstd,
        };
        push(&image, &other, &|_| ()).await.unwrap();
        server.take_seen();
        let pushed = push_to(&registry, &image, "v1", Some("app/web")).await.unwrap();
        let seen = server.take_seen();
        let posts: Vec<_> = seen.iter().filter(|s| s.method == Method::POST).collect();
        assert_eq!(posts.len(), 2, "no second POST where the first opened an upload");
        assert!(posts.iter().all(|s| s.path.contains("&from=app/web")));
        let puts = seen.iter().filter(|s| s.method == Method::PUT && s.path.contains("/blobs/")).count();
        assert_eq!(puts, if declined { 2 } else { 0 });
        assert_eq!(pushed.bytes_sent == 0, !declined);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tag_that_may_not_be_moved_is_compared_by_digest() {
    let (one, two) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let (image, other) = (archive(one.path(), &[&layer(1, 1000)]), archive(two.path(), &[&layer(2, 1000)]));
    let blind = Arc::new(AtomicUsize::new(0));
    let hidden = blind.clone();
    // As if another run had tagged it between our look and our push.
    let server = Scripted::with(move |seen| {
        let look = seen.method == Method::GET && hidden.load(Ordering::SeqCst) == 1;
        look.then(|| Act::Answer(error(404, "MANIFEST_UNKNOWN")))
    })
    .await
    .immutable();
    let registry = registry(&server.url());
    let first = push_to(&registry, &image, "v1", None).await.unwrap();
    blind.store(1, Ordering::SeqCst);
    assert_eq!(push_to(&registry, &image, "v1", None).await.unwrap().digest, first.digest);
    let fault = push_to(&registry, &other, "v1", None).await.unwrap_err();
    assert_eq!(fault.code.as_deref(), Some("TAG_INVALID"));
    assert!(fault.hint.is_some_and(|hint| hint.contains(first.digest.as_str())));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_registry_that_stores_something_else_is_a_fault() {
    let dir = tempfile::tempdir().unwrap();
    let image = archive(dir.path(), &[&layer(1, 1000)]);
    let other = format!("sha256:{}", sha256(b"other"));
    let server = Scripted::with(move |seen| {
        let put = seen.method == Method::PUT && seen.path.contains("/manifests/");
        put.then(|| Act::Answer(reply(201, &[("docker-content-digest", &other)], "")))
    })
    .await;
    let fault = push_to(&registry(&server.url()), &image, "v1", None).await.unwrap_err();
    assert!(fault.message.raw().starts_with("the registry stored it as"), "{fault}");
}

#[tokio::test(flavor = "multi_thread")]
async fn exists_is_one_request_and_a_missing_repository_has_no_tags() {
    let dir = tempfile::tempdir().unwrap();
    let image = archive(dir.path(), &[&layer(1, 1000)]);
    let server = Scripted::start().await;
    let registry = registry(&server.url());
    let repository = runner::image::Repository::new(&registry, "app/api", None).unwrap();
    assert_eq!(repository.exists("v1").await.unwrap(), None);
    let pushed = push_to(&registry, &image, "v1", None).await.unwrap();
    server.take_seen();
    assert_eq!(repository.exists("v1").await.unwrap(), Some(pushed.digest));
    assert_eq!(server.take_seen().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn progress_ends_with_all_of_it() {
    let dir = tempfile::tempdir().unwrap();
    let image = archive(dir.path(), &[&layer(1, 100_000)]);
    let server = Scripted::start().await;
    let registry = registry(&server.url());
    let last = std::sync::Mutex::new(None);
    let to = Destination {
        registry: &registry,
        repository: "app/api",
        tag: "v1",
        mount_from: None,
        compression: Compression::Gzip,
    };
    let pushed = push(&image, &to, &|progress| *last.lock().unwrap() = Some(progress)).await.unwrap();
    let whole = Progress { done: pushed.bytes_total, total: pushed.bytes_total };
    assert_eq!(last.into_inner().unwrap(), Some(whole));
}
