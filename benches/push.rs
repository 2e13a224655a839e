//! What a push costs before anything is sent: the tag of a build's content, over a context of 64 files of 1 MiB.

use std::{collections::BTreeMap, path::Path};

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use runner::image::{Inputs, Platform, content_tag};

const FILES: u64 = 64;
const SIZE: usize = 1 << 20;

#[allow(clippy::unwrap_used)]
fn tag(criterion: &mut Criterion) {
    let context = tempfile::tempdir().unwrap();
    std::fs::write(context.path().join("Dockerfile"), "FROM scratch\n").unwrap();
    for file in 0..FILES {
        std::fs::write(context.path().join(format!("{file}.bin")), vec![file.to_le_bytes()[0]; SIZE]).unwrap();
    }
    let (args, platform) = (BTreeMap::new(), Platform::parse("linux/amd64").unwrap());
    let inputs = Inputs {
        context: context.path(),
        dockerfile: Path::new("Dockerfile"),
        args: &args,
        target: None,
        platform: &platform,
    };
    let mut group = criterion.benchmark_group("content-tag");
    group.throughput(Throughput::Bytes(FILES * SIZE as u64)).sample_size(10);
    group.bench_function("64 files of 1 MiB", |bencher| bencher.iter(|| content_tag(&inputs).unwrap()));
    group.finish();
}

criterion_group!(benches, tag);
criterion_main!(benches);
