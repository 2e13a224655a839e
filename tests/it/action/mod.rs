//! The action as GitHub runs it: action.yml's own step, the environment of a job, a release server of this machine.

mod arguments;
mod downloads;
mod releases;
mod signals;
mod workflows;

use std::{
    fs,
    process::Output,
    sync::{Arc, OnceLock},
};

use crate::support::{
    job::{ADDRESS, ASSET, Job, sha256},
    releases::{Releases, Reply},
};

/// A runner that notes its path, arguments and environment.
const NOTES: &str = r#"#!/bin/sh
printf '%s\n' "$0" >"$OUT/self"
for word in "$@"; do printf '<%s>\n' "$word"; done >"$OUT/words"
env >"$OUT/environment"
exit "${EXIT:-0}"
"#;

/// A server with this program as its release, and a job that knows its hash.
fn release(program: &str) -> (Releases, Job) {
    let server = Releases::start();
    server.on(ADDRESS, Reply::Bytes(Arc::new(program.as_bytes().to_vec())));
    let job = Job::new(&server, &[(ASSET, sha256(program.as_bytes()))]);
    (server, job)
}

fn err(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

/// What the runner noted, where it was started.
fn noted(job: &Job, name: &str) -> Option<String> {
    fs::read_to_string(job.path("home").join(name)).ok()
}

/// The real binary, read once.
fn real() -> Arc<Vec<u8>> {
    static REAL: OnceLock<Arc<Vec<u8>>> = OnceLock::new();
    REAL.get_or_init(|| Arc::new(fs::read(env!("CARGO_BIN_EXE_runner")).unwrap())).clone()
}
