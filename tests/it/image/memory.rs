//! The memory of a push does not grow with the image.

use runner::image::Image;

use super::alone::{alone, peak};
use super::scripted::Scripted;
use super::{amd64, images, push_to, registry};

#[test]
fn a_gibibyte_is_pushed_in_less_than_64_mib() {
    if !alone("image::memory::a_gibibyte_is_pushed_in_less_than_64_mib", &[]) {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("image.tar");
    images::sparse_archive(&path, 1 << 30);
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(async {
        let server = Scripted::start().await.forgetful();
        let image = Image::from_archive(&path, &amd64()).unwrap();
        push_to(&registry(&server.url()), &image, "v1", None).await.unwrap();
    });
    // With the registry in the same process, and the test harness.
    assert!(peak() < 64 << 10, "{} KiB", peak());
}
