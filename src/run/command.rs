//! Runs a command of the user's: argv without a shell, a cleared environment, the stacks' outputs in it.

use std::{process::Stdio, time::Duration};

use runner_core::{
    plan::{Fault, RunCommand, World},
    report::Fact,
    text::Foreign,
};
use tokio::{
    io::{AsyncBufReadExt, AsyncRead, BufReader},
    process::Command,
};

use super::edge::Edge;
use crate::deploy::{Emit, ProbeVia};

/// What a child may know of our environment. Loader, shell and interpreter hooks are not on the list, nor is any
/// credential.
pub(super) const PASSED: &[&str] =
    &["PATH", "HOME", "USER", "LANG", "LC_ALL", "TZ", "TERM", "TMPDIR", "RUNNER_TEMP", "CI"];

/// Lines of a command that failed which its fault shows.
const LAST: usize = 10;

/// Runs it to its end; another exit code than 0 is a failure.
pub(super) async fn run(edge: &Edge<'_>, command: &RunCommand, world: &World, emit: Emit<'_>) -> Result<(), Fault> {
    let doing = format!("running {} ({})", command.stage, command.argv.join(" "));
    let Some((program, arguments)) = command.argv.split_first() else {
        return Err(Fault::new(doing, "it names no program"));
    };
    let mut child = Command::new(program)
        .args(arguments)
        .current_dir(&edge.options.root)
        .env_clear()
        .envs(PASSED.iter().filter_map(|name| std::env::var_os(name).map(|value| (*name, value))))
        .envs(values(edge, world))
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .map_err(|error| {
            Fault::new(&doing, error.to_string())
                .with_hint(format!("`run` is started without a shell, in {}", edge.options.root.display()))
        })?;
    let out = child.stdout.take().map(|out| lines(out, &command.stage, emit));
    let err = child.stderr.take().map(|err| lines(err, &command.stage, emit));
    let waited = tokio::time::timeout(Duration::from_secs(u64::from(command.timeout)), async {
        let (out, err, status) = tokio::join!(optional(out), optional(err), child.wait());
        (out, err, status)
    })
    .await;
    let Ok((mut last, more, status)) = waited else {
        return Err(Fault::new(doing, format!("it did not end within {} s and was killed", command.timeout))
            .with_hint("give it more time with `timeout`"));
    };
    let status = status.map_err(|error| Fault::new(&doing, error.to_string()))?;
    if status.success() {
        return Ok(());
    }
    last.extend(more);
    let words = last.iter().rev().take(LAST).rev().cloned().collect::<Vec<_>>().join("\n");
    Err(Fault::new(doing, format!("{status}\n{words}")))
}

async fn optional(lines: Option<impl Future<Output = Vec<String>>>) -> Vec<String> {
    match lines {
        Some(lines) => lines.await,
        None => Vec::new(),
    }
}

async fn lines(stream: impl AsyncRead + Unpin, from: &str, emit: Emit<'_>) -> Vec<String> {
    let mut last = Vec::new();
    let mut reader = BufReader::new(stream);
    let mut buffer = Vec::new();
    while let Ok(1..) = reader.read_until(b'\n', &mut buffer).await {
        let line = String::from_utf8_lossy(&buffer).trim_end().to_owned();
        emit(Fact::Line { from: from.to_owned(), line: Foreign::new(line.clone()) });
        last.push(line);
        if last.len() > LAST {
            last.remove(0);
        }
        buffer.clear();
    }
    last
}

/// `INFRA_ENVIRONMENT`, `INFRA_URL_API`, and every output of a stack: `network.VpcId` is `INFRA_NETWORK_VPCID`.
fn values(edge: &Edge<'_>, world: &World) -> Vec<(String, String)> {
    let env = edge.env;
    let mut values = vec![
        ("INFRA_APP".to_owned(), env.app.clone()),
        ("INFRA_ENVIRONMENT".to_owned(), env.name.clone()),
        ("INFRA_REGION".to_owned(), env.region.clone()),
    ];
    for service in env.routed() {
        if let Some(url) = super::act::url(env, service, world) {
            values.push((format!("INFRA_URL_{}", upper(&service.name)), url));
        }
        // Where no DNS record leads to the load balancer, as with a local AWS, the way to it is given beside the URL.
        if let Some(probe) = super::act::probe(edge, service, world)
            && let ProbeVia::Local { url, name, .. } = &probe.via
        {
            let (host, authorization) = probe.local_headers();
            values.push((format!("INFRA_VIA_{}", upper(&service.name)), format!("{url}/_alb/{name}")));
            values.push((format!("INFRA_HOST_{}", upper(&service.name)), host));
            values.push(("INFRA_AUTHORIZATION".to_owned(), authorization));
        }
    }
    let prefix = format!("{}-", env.prefix());
    for stack in world.stacks.values() {
        let Some(key) = stack.name.strip_prefix(&prefix) else { continue };
        for (name, value) in &stack.outputs {
            if let Some(value) = value.known() {
                values.push((format!("INFRA_{}_{}", upper(key), upper(name)), value.to_owned()));
            }
        }
    }
    values
}

fn upper(name: &str) -> String {
    name.chars().map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_uppercase() } else { '_' }).collect()
}
