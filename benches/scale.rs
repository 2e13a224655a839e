//! How time, calls and memory grow with the services of a file: 2, 20, 200, at most a hundred of them behind the load
//! balancer, on the local AWS, the process's start included. See docs/performance.md.
//!
//! `cargo bench --bench scale` prints some lines for each size; `SCALE=2,20` keeps to these.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::print_stdout, missing_docs)]

use std::{
    path::Path,
    process::{Command, Stdio},
    time::{Duration, Instant},
};

/// Services that one load balancer takes.
const ROUTED: usize = 100;

fn file(services: usize) -> String {
    let mut text = format!(
        "app: scale\nregion: us-east-1\nenvironments: {{ test: {{ account: \"{:012}\", domain: scale.example }} }}\nservices:\n",
        999_900_000_000_usize + services
    );
    for index in 0..services {
        let own = if index < ROUTED.min(services / 2 + 1) {
            format!("port: 80, host: \"s{index}.${{domain}}\", priority: {}", 2 * index + 1)
        } else {
            "command: [work]".to_owned()
        };
        text.push_str(&format!(
            "  s{index}: {{ image: {{ reference: \"127.0.0.1/s@sha256:{:064}\" }}, {own}, environment: {{ NAME: \"{index}\" }} }}\n",
            0
        ));
    }
    text
}

struct Measured {
    took: Duration,
    /// Kilobytes.
    peak: u64,
    answer: serde_json::Value,
}

fn main() {
    let sizes = std::env::var("SCALE").unwrap_or_else(|_| "2,20,200".to_owned());
    let dir = tempfile::tempdir().unwrap();
    for services in sizes.split(',').map(|size| size.parse::<usize>().unwrap()) {
        let path = dir.path().join(format!("{services}.yml"));
        std::fs::write(&path, file(services)).unwrap();
        let validate = measure(&path, &["validate"]);
        let empty = measure(&path, &["plan", "--sandbox"]);
        let first = measure(&path, &["run", "--sandbox", "-q"]);
        let again = measure(&path, &["run", "--sandbox", "-q"]);
        assert_eq!(again.answer["verdict"], "unchanged");
        let plan = measure(&path, &["plan", "--sandbox"]);
        let text = std::fs::read_to_string(&path).unwrap();
        let changed = |text: String| {
            std::fs::write(&path, text).unwrap();
            measure(&path, &["plan", "--sandbox"])
        };
        let retention = "monitoring: { log-retention: 90d }\n";
        let variable = |text: &str| text.replace("environment: {", "environment: { TIER: two,");
        let of_stacks = changed(format!("{retention}{text}"));
        let of_definitions = changed(variable(&text));
        let of_both = changed(format!("{retention}{}", variable(&text)));
        // Each has another value than before, and no two the same.
        let of_each = changed(text.replace("NAME: \"", "NAME: \"own-"));
        println!("{services} services:");
        for (what, measured) in [
            ("validate", validate),
            ("first plan", empty),
            ("first run", first),
            ("unchanged run", again),
            ("unchanged plan", plan),
            ("plan of one change of every stack", of_stacks),
            ("plan of one change of every definition", of_definitions),
            ("plan of both", of_both),
            ("plan of every definition changed in its own way", of_each),
        ] {
            println!("  {what}: {}", measured.words());
        }
    }
    let stop = Command::new(env!("CARGO_BIN_EXE_runner")).args(["sandbox", "stop"]).stdout(Stdio::null()).status();
    assert!(stop.unwrap().success());
}

impl Measured {
    fn words(&self) -> String {
        let calls = self.answer["calls"].as_u64().map(|calls| format!(", {calls} calls")).unwrap_or_default();
        format!("{:.2} s{calls}, at most {} MiB", self.took.as_secs_f64(), self.peak / 1024)
    }
}

/// One run of the command; its memory is looked at until it ends.
fn measure(path: &Path, arguments: &[&str]) -> Measured {
    let out = path.with_extension("json");
    let began = Instant::now();
    let mut child = Command::new(env!("CARGO_BIN_EXE_runner"))
        .args(arguments)
        .args(["--format", "json", "-f"])
        .arg(path)
        .env("DOCKER_HOST", "unix:///nonexistent/docker.sock")
        .stdout(std::fs::File::create(&out).unwrap())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let status = format!("/proc/{}/status", child.id());
    let mut peak = 0;
    let ended = loop {
        let said = std::fs::read_to_string(&status).unwrap_or_default();
        let kilobytes =
            said.lines().find_map(|line| line.strip_prefix("VmHWM:")?.split_whitespace().next()?.parse().ok());
        peak = kilobytes.unwrap_or(0).max(peak);
        if let Some(ended) = child.try_wait().unwrap() {
            break ended;
        }
        std::thread::sleep(Duration::from_millis(2));
    };
    let took = began.elapsed();
    let answer = serde_json::from_slice(&std::fs::read(&out).unwrap()).unwrap();
    assert!(ended.success(), "{arguments:?}: {answer:#}");
    Measured { took, peak, answer }
}
