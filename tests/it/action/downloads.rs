//! Where the runner comes from, and that nothing else is ever started.

use std::{fs, os::unix::fs::PermissionsExt, path::Path, sync::Arc};

use super::{NOTES, err, noted, release};
use crate::support::{
    job::{ADDRESS, ASSET, Job, TOKEN, sha256},
    releases::{Asked, Releases, Reply},
};

/// What is left beneath RUNNER_TEMP of a launcher that failed: nothing of its own.
fn left(job: &Job) -> Vec<String> {
    let names = fs::read_dir(job.path("work/_temp")).unwrap();
    let names = names.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    names.filter(|name| name.starts_with("finance-infra")).collect()
}

/// It failed in words, and nothing was started, left or kept.
fn refused(job: &Job, words: &[&str]) {
    let output = job.run();
    let said = err(&output);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.starts_with("::error title=finance-infra-action::"), "{said}");
    let outputs = fs::read_to_string(job.path("work/_temp/output")).unwrap();
    assert!(outputs.ends_with("verdict=failed\nexit-code=1\nchanged=false\n"), "{outputs}");
    for word in words {
        assert!(said.contains(word), "{said} lacks {word}");
    }
    assert_eq!(noted(job, "self"), None);
    assert_eq!(left(job), Vec::<String>::new());
}

#[test]
fn a_fresh_machine_downloads_it_once() {
    let (server, job) = release(NOTES);
    let first = job.run();
    assert!(first.status.success(), "{}", err(&first));
    assert_eq!(server.asked(), [Asked { path: ADDRESS.to_owned(), authorization: None }]);

    // What ran was the verified copy, in a folder of this user's alone, and no other file.
    let ran = noted(&job, "self").unwrap();
    let ran = Path::new(ran.trim());
    assert!(ran.starts_with(job.path("work/_temp")), "{ran:?}");
    let folder = ran.parent().unwrap();
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode(folder), mode(ran)), (0o700, 0o500));
    assert_eq!(fs::read_dir(folder).unwrap().count(), 1);
    assert_eq!(fs::read_to_string(job.kept(&sha256(NOTES.as_bytes()))).unwrap(), NOTES);

    let second = job.run();
    assert!(second.status.success(), "{}", err(&second));
    assert_eq!(server.asked().len(), 1, "the second run asked again");
}

#[test]
fn another_shell_does_the_same() {
    // macOS's sh is bash.
    let (server, job) = release(NOTES);
    let bash = Path::new("/bin/bash");
    let job = job.program("unused", "");
    std::os::unix::fs::symlink(bash, job.path("programs/sh")).unwrap();
    server.on(ADDRESS, Reply::Redirect(format!("{}/storage/1", server.url)));
    server.on("/storage/1", Reply::Bytes(Arc::new(NOTES.as_bytes().to_vec())));
    let job = job.with("services", "api web").with("command", "run *");
    for _ in 0..2 {
        let output = job.run();
        assert!(output.status.success(), "{}", err(&output));
        assert_eq!(noted(&job, "words").unwrap(), "<run>\n<*>\n<--timeout=30m>\n<-->\n<api>\n<web>\n");
    }
    assert_eq!(server.paths(), [ADDRESS, "/storage/1"]);
}

#[test]
fn a_machine_without_a_tool_cache_downloads_it_each_time() {
    let (server, job) = release(NOTES);
    let job = job.github("RUNNER_TOOL_CACHE", "");
    assert!(job.run().status.success());
    assert!(job.run().status.success());
    assert_eq!(server.asked().len(), 2);
}

#[test]
fn an_altered_tool_cache_is_not_started() {
    let (server, job) = release(NOTES);
    assert!(job.run().status.success());
    fs::remove_file(job.path("home/self")).unwrap();
    for folder in left(&job) {
        fs::remove_dir_all(job.path("work/_temp").join(folder)).unwrap();
    }
    let kept = job.kept(&sha256(NOTES.as_bytes()));
    fs::set_permissions(&kept, fs::Permissions::from_mode(0o700)).unwrap();
    fs::write(&kept, format!("{NOTES}# altered\n")).unwrap();
    refused(&job, &["in the tool cache is not the one of this ref", kept.to_str().unwrap()]);
    assert_eq!(server.asked().len(), 1);
}

#[test]
fn an_altered_download_is_neither_started_nor_kept() {
    let (server, job) = release(NOTES);
    server.on(ADDRESS, Reply::Bytes(Arc::new(format!("{NOTES}# altered\n").into_bytes())));
    refused(&job, &["that was downloaded is not the one of this ref"]);
    assert!(!job.kept(&sha256(NOTES.as_bytes())).exists());
}

#[test]
fn a_download_that_is_cut_is_tried_again_and_never_started() {
    let (server, job) = release(NOTES);
    server.on(ADDRESS, Reply::Half(Arc::new(NOTES.as_bytes().to_vec())));
    refused(&job, &["downloading the runner 1.2.3", "run the job again"]);
    let downloads = server.paths().iter().filter(|path| *path == ADDRESS).count();
    assert_eq!(downloads, 3);
    assert!(!job.kept(&sha256(NOTES.as_bytes())).exists());
}

#[test]
fn a_redirect_to_another_host_is_not_followed() {
    let trap = Releases::at("127.0.0.2");
    let elsewhere = trap.url.replace("127.0.0.2", "localhost");
    let (server, job) = release(NOTES);
    for to in [
        format!("{}/runner", trap.url),
        format!("{elsewhere}/runner"),
        "https://example.invalid/runner".to_owned(),
        format!("http://{}@127.0.0.2/runner", server.url.trim_start_matches("http://")),
        "file:///bin/true".to_owned(),
    ] {
        server.on(ADDRESS, Reply::Redirect(to));
        refused(&job, &["which is not GitHub's; nothing was taken from there"]);
    }
    assert_eq!(trap.asked(), []);
}

#[test]
fn redirects_within_github_are_followed_to_an_end() {
    let (server, job) = release(NOTES);
    server.on(ADDRESS, Reply::Redirect(format!("{}/storage/1", server.url)));
    server.on("/storage/1", Reply::Bytes(Arc::new(NOTES.as_bytes().to_vec())));
    assert!(job.run().status.success());
    assert_eq!(server.paths(), [ADDRESS, "/storage/1"]);

    let (server, job) = release(NOTES);
    server.on(ADDRESS, Reply::Redirect(format!("{}{ADDRESS}", server.url)));
    refused(&job, &["more than five redirects"]);
}

#[test]
fn a_private_release_is_read_with_the_token_and_the_token_stays_there() {
    let server = Releases::start();
    let api = |path: &str| format!("/api/v3/repos/org/finance-infra-action/releases{path}");
    // The order of keys is GitHub's. <https://docs.github.com/en/rest/releases/releases#get-a-release-by-tag-name>
    let asset = |id: u32, name: &str| {
        let url = format!("{}{}", server.url, api(&format!("/assets/{id}")));
        let uploader = r#"{"login":"a","id":1,"url":"https://api.github.com/users/a"}"#;
        format!(r#"{{"url":"{url}","id":{id},"node_id":"RA","name":"{name}","label":"","uploader":{uploader}}}"#)
    };
    let assets = [asset(11, "runner-1.2.3-aarch64-apple-darwin"), asset(12, ASSET), asset(13, "sbom")].join(",");
    let url = format!("{}{}", server.url, api("/7"));
    let release = format!(r#"{{"url":"{url}","id":7,"name":"{ASSET}","assets":[{assets}],"body":"text"}}"#);
    let spaced = release.replace("\":", "\": ").replace(",\"", ",\n  \"").replace('{', "{\n  ");
    server.on(api("/assets/12"), Reply::Redirect(format!("{}/storage/12", server.url)));
    server.on("/storage/12", Reply::Bytes(Arc::new(NOTES.as_bytes().to_vec())));
    // As the API writes it for programs, and as it does for people.
    for text in [release, spaced] {
        server.on(api("/tags/v1.2.3"), Reply::Bytes(Arc::new(text.into_bytes())));
        let job = Job::new(&server, &[(ASSET, sha256(NOTES.as_bytes()))]);
        let before = server.asked().len();
        let output = job.run();
        assert!(output.status.success(), "{}", err(&output));
        let bearer = Some(format!("Bearer {TOKEN}"));
        let asked = |path: String, authorization: Option<String>| Asked { path, authorization };
        let expected = [
            asked(ADDRESS.to_owned(), None),
            asked(api("/tags/v1.2.3"), bearer.clone()),
            asked(api("/assets/12"), bearer),
            asked("/storage/12".to_owned(), None),
        ];
        assert_eq!(server.asked()[before..], expected);
    }
}

#[test]
fn a_release_that_is_not_there_is_named() {
    let server = Releases::start();
    let job = Job::new(&server, &[(ASSET, sha256(NOTES.as_bytes()))]);
    refused(&job, &["org/finance-infra-action: it answered 404 for runner-1.2.3-x86_64-unknown-linux-musl"]);
}

#[test]
fn plain_http_is_for_a_literal_loopback_address_only() {
    let (server, job) = release(NOTES);
    let named = server.url.replace("127.0.0.1", "localhost");
    refused(&job.github("GITHUB_SERVER_URL", &named), &["which is not GitHub's"]);
    assert_eq!(server.asked(), []);
}

#[test]
fn other_machines_are_told_so() {
    let (server, mut job) = release(NOTES);
    for (os, arch) in [("Windows", "X64"), ("macOS", "X64"), ("Linux", "ARM"), ("Linux", "X86"), ("", "")] {
        job = job.github("RUNNER_OS", os).github("RUNNER_ARCH", arch);
        let output = job.run();
        assert_eq!(output.status.code(), Some(2), "{os} {arch}");
        assert!(err(&output).contains("let the job run on Linux (X64 or ARM64) or macOS (ARM64)"), "{}", err(&output));
    }
    // One that the release leaves out.
    let output = job.github("RUNNER_OS", "Linux").github("RUNNER_ARCH", "ARM64").run();
    assert!(
        err(&output).contains("action/SHA256SUMS names no runner for aarch64-unknown-linux-musl"),
        "{}",
        err(&output)
    );
    assert_eq!(server.asked(), []);
}

#[test]
fn damaged_sums_start_nothing() {
    let server = Releases::start();
    for sum in ["", "0123", &"g".repeat(64), &"A".repeat(64)] {
        let job = Job::new(&server, &[(ASSET, sum.to_owned())]);
        let output = job.run();
        assert_eq!(output.status.code(), Some(1), "{sum}: {}", err(&output));
    }
    assert_eq!(server.asked(), []);
}

/// A cargo that notes what it is given and makes a runner.
const CARGO: &str = r#"#!/bin/sh
env >"$HOME/cargo"
pwd >>"$HOME/cargo"
printf '%s\n' "$@" >>"$HOME/cargo"
while [ "$1" != --target-dir ]; do shift; done
mkdir -p "$2/release"
printf '#!/bin/sh\nprintf %%s "$1" >"$OUT/self"\n' >"$2/release/runner"
chmod 700 "$2/release/runner"
"#;

#[test]
fn a_ref_without_a_release_is_built_with_nothing_of_the_jobs_environment() {
    let server = Releases::start();
    let job = Job::new(&server, &[]).program("cargo", CARGO);
    let planted = ["AWS_SECRET_ACCESS_KEY", "ACTIONS_ID_TOKEN_REQUEST_TOKEN", "JWT_SECRET_KEY", "RUSTC_WRAPPER"];
    let job = planted.into_iter().fold(job, |job, name| job.env(name, "planted"));
    let output = job.run();
    assert!(output.status.success(), "{}", err(&output));
    assert_eq!(noted(&job, "self").unwrap(), "run");
    let seen = noted(&job, "cargo").unwrap();
    assert!(!seen.contains("planted") && !seen.contains(TOKEN), "{seen}");
    assert!(seen.contains("--locked\n") && seen.contains("/_actions/org/finance-infra-action/0123abcd\n"), "{seen}");
    assert_eq!(server.asked(), []);
}

#[test]
fn without_a_release_and_without_cargo_it_says_what_to_do() {
    let server = Releases::start();
    let job = Job::new(&server, &[]);
    // A path with what the script needs, and no cargo.
    let folder = job.path("few");
    fs::create_dir_all(&folder).unwrap();
    for tool in ["sh", "dirname", "mktemp", "tr", "sed", "rm"] {
        let path = ["/bin", "/usr/bin"].iter().map(|at| Path::new(at).join(tool)).find(|path| path.exists()).unwrap();
        std::os::unix::fs::symlink(path, folder.join(tool)).unwrap();
    }
    let few = folder.to_str().unwrap().to_owned();
    let output = job.env("PATH", &few).run();
    assert_eq!(output.status.code(), Some(2));
    assert!(err(&output).contains("pin the commit of a release"), "{}", err(&output));
}
