//! Holds the list that the jobs' roles are made of against the calls to AWS that the integration tests made: nothing is
//! called that is not in it, and nothing is in it that is never called but with a reason.
//!
//! `CALLS=DIR cargo test --workspace && cargo run -p runner-core --example recorded_calls -- DIR`

#![allow(clippy::print_stdout, clippy::print_stderr)]

use std::{collections::BTreeSet, io, path::Path, process::ExitCode};

use runner_core::infra::access::{CALLS, Call};

/// Calls that only a local AWS is asked: what it lacks, whether it has a zone, and an app behind its load balancer. No
/// role needs them.
const LOCAL: &[&str] =
    &["cloudformation ValidateTemplate", "route53 GET /2013-04-01/hostedzone/", "execute-api GET /_alb/"];

/// Calls that need no right: by a token, or of a registry's own protocol.
const FREE: &[&str] = &["push"];

fn recorded(folder: &Path) -> io::Result<BTreeSet<String>> {
    let mut all = BTreeSet::new();
    for file in std::fs::read_dir(folder)? {
        all.extend(std::fs::read_to_string(file?.path())?.lines().map(str::to_owned));
    }
    Ok(all)
}

fn is(call: &Call, line: &str) -> bool {
    line.split_once(' ') == Some((call.service, call.operation))
}

fn main() -> ExitCode {
    let Some(folder) = std::env::args_os().nth(1) else {
        eprintln!("which folder? the tests wrote it where CALLS said");
        return ExitCode::from(2);
    };
    let recorded = match recorded(Path::new(&folder)) {
        Ok(recorded) => recorded,
        Err(error) => {
            eprintln!("reading {}: {error}", folder.display());
            return ExitCode::from(2);
        }
    };
    let unknown = recorded
        .iter()
        .filter(|line| !CALLS.iter().any(|call| is(call, line)) && !LOCAL.iter().any(|local| line.starts_with(local)));
    let unused = CALLS.iter().filter(|call| {
        call.because.is_none() && !FREE.contains(&call.operation) && !recorded.iter().any(|line| is(call, line))
    });
    let mut wrong = 0;
    for line in unknown {
        eprintln!("called, and in no role: {line}");
        wrong += 1;
    }
    for call in unused {
        eprintln!("granted, never called, and no reason is given: {} {}", call.service, call.operation);
        wrong += 1;
    }
    for call in CALLS.iter().filter(|call| call.because.is_some()) {
        if recorded.iter().any(|line| is(call, line)) {
            println!("is called after all: {} {}", call.service, call.operation);
        }
    }
    println!("{} operations were called, {} are in the list", recorded.len(), CALLS.len());
    if wrong == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
