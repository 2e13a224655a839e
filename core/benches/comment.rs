//! What it costs to write the comment of two hundred services with a difference of 2,000 lines and a full history.
//!
//! `cargo bench -p runner-core --bench comment` prints its size and the CPU time of one, as the mean of many. The test
//! `point_05_two_hundred_services_and_two_thousand_lines_fit` holds what is in it.

#![allow(clippy::unwrap_used, clippy::print_stdout, missing_docs)]

use std::time::Duration;

use runner_core::report::{
    Block, Card, ChangeLine, Header, Mark, Piece,
    comment::{Marker, Run, body},
};

const TIMES: u32 = 200;

fn main() {
    let header = Header {
        app: "finance-app".into(),
        environment: "staging".into(),
        region: "us-east-1".into(),
        file: ".github/finance-infra.yml".into(),
        commit: Some("3f9c2e1aa0b1c2d3e4f5061728394a5b6c7d8e9f".into()),
        started_at: "2026-03-04T14:02:00Z".parse().unwrap(),
        log: Some("https://github.com/org/app/actions/runs/1".into()),
        words: vec!["plan".into()],
        flags: vec!["-e".into(), "staging".into()],
    };
    let change = |n: usize| ChangeLine {
        sign: "~",
        what: format!("deploy service-{n} `odd` | <b> @team"),
        detail: "cpu 512 → 1024, ".repeat(8),
        line: Some(19),
    };
    let title = "staging plan: 200 changes, nothing replaced or deleted".to_owned();
    let difference = (0..2_000).map(|n| format!("+ line {n} ```` {}", "é".repeat(40))).collect();
    let card = Card {
        mark: Mark::Change,
        headline: title.clone(),
        facts: Vec::new(),
        title,
        safe: "users: unaffected".to_owned(),
        action: Some(Piece::Command("runner status -e staging".to_owned())),
        blocks: vec![
            Block::Changes("app.yml".into(), (0..200).map(change).collect()),
            Block::Details("Full difference".into(), difference),
        ],
        small: vec!["14:02 UTC".to_owned()],
    };
    let run = |id| Run { id, attempt: 1 };
    let mut marker = Marker::of(&header, &card, run(1), None);
    for id in 2..30 {
        marker = Marker::of(&header, &card, run(id), Some(&marker));
    }
    let before = cpu();
    let mut bytes = 0;
    for _ in 0..TIMES {
        bytes = std::hint::black_box(body(&card, &marker)).len();
    }
    let each = (cpu() - before) / TIMES;
    println!("comment of 200 services and 2,000 lines: {bytes} bytes, {:.2} ms CPU", each.as_secs_f64() * 1e3);
}

/// CPU time of this process, from the kernel's accounting (fields 14 and 15, in ticks of 10 ms).
/// <https://man7.org/linux/man-pages/man5/proc_pid_stat.5.html>
fn cpu() -> Duration {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap();
    let fields: Vec<&str> = stat.rsplit_once(')').unwrap().1.split_whitespace().collect();
    Duration::from_millis((fields[11].parse::<u64>().unwrap() + fields[12].parse::<u64>().unwrap()) * 10)
}
