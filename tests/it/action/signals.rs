//! A job that is cancelled: SIGINT to the step's entry process alone, SIGTERM to it after 7.5 seconds.
//! <https://docs.github.com/en/actions/reference/workflows-and-actions/workflow-cancellation>

use std::{
    io::{BufRead, BufReader, Read},
    os::unix::process::ExitStatusExt,
    process::Child,
};

use rustix::process::{Pid, Signal, kill_process};

use super::{real, release};
use crate::support::{
    job::{ADDRESS, ASSET, Job, sha256},
    releases::{Releases, Reply},
};

fn send(child: &Child, signal: Signal) {
    kill_process(Pid::from_child(child), signal).unwrap();
}

/// A runner that hears SIGINT and goes on until SIGTERM.
const STUBBORN: &str = r#"#!/bin/sh
trap 'echo interrupted' INT
trap 'echo terminated; exit 7' TERM
echo ready
while :; do sleep 0.1; done
"#;

#[test]
fn both_signals_of_a_cancelled_job_reach_the_runner() {
    let (_server, job) = release(STUBBORN);
    let mut child = job.start();
    let mut said = BufReader::new(child.stdout.take().unwrap()).lines().map(Result::unwrap);
    assert_eq!(said.next().unwrap(), "ready");
    send(&child, Signal::INT);
    assert_eq!(said.next().unwrap(), "interrupted");
    send(&child, Signal::TERM);
    assert_eq!(said.next().unwrap(), "terminated");
    assert_eq!(child.wait().unwrap().code(), Some(7));
}

#[test]
fn a_job_that_is_cancelled_during_the_download_ends_at_once_and_starts_nothing() {
    for signal in [Signal::INT, Signal::TERM] {
        let (server, job) = release(STUBBORN);
        server.on(ADDRESS, Reply::Silence);
        let mut child = job.start();
        server.next();
        send(&child, signal);
        let status = child.wait().unwrap();
        assert_eq!((status.code(), status.signal()), (Some(130), None));
        let mut said = String::new();
        child.stderr.take().unwrap().read_to_string(&mut said).unwrap();
        assert!(said.contains("cancelled before the runner started; nothing was done"), "{said}");
    }
}

/// The real runner, while it waits for an AWS that does not answer: the report says cancelled and is whole.
#[test]
fn the_real_runner_says_that_it_was_cancelled() {
    let (server, aws) = (Releases::start(), Releases::start());
    aws.on("/", Reply::Silence);
    server.on(ADDRESS, Reply::Bytes(real()));
    let job = Job::new(&server, &[(ASSET, sha256(&real()))])
        .with("command", "plan --format json")
        .with("role", "ambient")
        .with("comment", "off")
        .env("AWS_ACCESS_KEY_ID", "test")
        .env("AWS_SECRET_ACCESS_KEY", "test")
        .env("AWS_ENDPOINT_URL", &aws.url);
    let file = "app: shop\nregion: eu-west-1\nenvironments: { staging: {} }\n\
                services: { web: { build: { context: . }, port: 8080, health-check: /health } }\n";
    std::fs::create_dir_all(job.path("work/app/app/.github")).unwrap();
    std::fs::write(job.path("work/app/app/.github/finance-infra.yml"), file).unwrap();
    std::fs::write(job.path("work/app/app/Dockerfile"), "FROM scratch\n").unwrap();
    let child = job.start();
    aws.next();
    send(&child, Signal::INT);
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(130), "{}", super::err(&output));
    let json: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(json["exit_code"], 130, "{json:#}");
    let outputs = std::fs::read_to_string(job.path("work/_temp/output")).unwrap();
    assert!(outputs.contains("exit-code") && outputs.contains("130"), "{outputs}");
}
