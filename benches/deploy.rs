//! How long a deploy of one steady service takes on the local AWS: render, register, update, wait; as a user types it,
//! the process's start included. See docs/performance.md.
//!
//! `cargo bench --bench deploy` prints a line a measurement: wall time and CPU time, median of the runs.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::print_stdout, missing_docs)]

use std::{
    path::Path,
    process::{Command, Stdio},
    time::{Duration, Instant},
};

const RUNS: usize = 20;

fn file(value: usize) -> String {
    format!(
        "app: bench\nregion: us-east-1\nenvironments: {{ test: {{ account: \"999988887777\" }} }}\nservices:\n  worker:\n    image: {{ reference: \"127.0.0.1/worker@sha256:{:064}\" }}\n    environment: {{ RUN: \"{value}\" }}\n",
        0
    )
}

fn main() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("app.yml");
    write(&path, 0);
    // An engine would measure itself: containers that start.
    run(&path, &[]);
    let unchanged: Vec<_> = (0..RUNS).map(|_| run(&path, &[])).collect();
    let deploys: Vec<_> = (1..=RUNS)
        .map(|value| {
            write(&path, value);
            run(&path, &[])
        })
        .collect();
    report("unchanged run", unchanged);
    report("deploy of one steady service", deploys);
    let stop = Command::new(env!("CARGO_BIN_EXE_runner")).args(["sandbox", "stop"]).stdout(Stdio::null()).status();
    assert!(stop.unwrap().success());
}

fn write(path: &Path, value: usize) {
    std::fs::write(path, file(value)).unwrap();
}

/// Wall time and CPU time of one run of the command.
fn run(path: &Path, more: &[&str]) -> (Duration, Duration) {
    let before = children();
    let began = Instant::now();
    let status = Command::new(env!("CARGO_BIN_EXE_runner"))
        .args(["run", "--sandbox", "-q", "-f"])
        .arg(path)
        .args(more)
        .env("DOCKER_HOST", "unix:///nonexistent/docker.sock")
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .unwrap();
    assert!(status.success(), "{status}");
    (began.elapsed(), children() - before)
}

/// CPU time of the children that have ended, from the kernel's accounting (fields 16 and 17, in ticks).
/// <https://man7.org/linux/man-pages/man5/proc_pid_stat.5.html>
fn children() -> Duration {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap();
    let fields: Vec<&str> = stat.rsplit_once(')').unwrap().1.split_whitespace().collect();
    let ticks: u64 = fields[13].parse::<u64>().unwrap() + fields[14].parse::<u64>().unwrap();
    Duration::from_millis(ticks * 10)
}

fn report(what: &str, mut runs: Vec<(Duration, Duration)>) {
    let cpu: Duration = runs.iter().map(|(_, cpu)| *cpu).sum::<Duration>() / u32::try_from(runs.len()).unwrap();
    runs.sort();
    let wall = runs[runs.len() / 2].0;
    println!(
        "{what}: {:.1} ms wall (median of {}), {:.1} ms CPU (mean)",
        wall.as_secs_f64() * 1e3,
        runs.len(),
        cpu.as_secs_f64() * 1e3
    );
}
