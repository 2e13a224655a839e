//! Runs a command of the user's: argv without a shell, a cleared environment, the stacks' outputs in it.

use std::{process::Stdio, time::Duration};

use runner_core::{
    plan::{Fault, RunCommand, World},
    report::Fact,
    text::Foreign,
};
use tokio::{
    io::{AsyncBufRead, AsyncBufReadExt, AsyncRead, BufReader},
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

/// Bytes of a line that are kept and shown. A line of CloudWatch Logs may have as many.
/// <https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/cloudwatch_limits_cwl.html>
const LONGEST: usize = 1 << 20;

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
    while let Some(line) = next_line(&mut reader).await {
        emit(Fact::Line { from: from.to_owned(), line: Foreign::new(line.clone()) });
        last.push(line);
        if last.len() > LAST {
            last.remove(0);
        }
    }
    last
}

/// A line without what comes after [`LONGEST`] bytes; none at the end. It is cut between words: half a secret would be
/// known to nobody as one.
async fn next_line(reader: &mut (impl AsyncBufRead + Unpin)) -> Option<String> {
    let mut line = Vec::new();
    let mut length = 0;
    loop {
        let read = reader.fill_buf().await.ok()?;
        if read.is_empty() && length == 0 {
            return None;
        }
        let end = read.iter().position(|byte| *byte == b'\n');
        let part = &read[..end.unwrap_or(read.len())];
        length += part.len() + usize::from(end.is_some());
        line.extend_from_slice(&part[..part.len().min(LONGEST + 1 - line.len())]);
        let taken = part.len() + usize::from(end.is_some());
        let over = end.is_some() || read.is_empty();
        reader.consume(taken);
        if over {
            break;
        }
    }
    if line.len() > LONGEST {
        let whole = line.iter().rposition(u8::is_ascii_whitespace).unwrap_or_default();
        line.truncate(whole);
        return Some(format!("{} … ({length} bytes in one line)", String::from_utf8_lossy(&line).trim_end()));
    }
    Some(String::from_utf8_lossy(&line).trim_end().to_owned())
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

#[cfg(test)]
mod tests {
    use super::*;

    async fn read(text: &str) -> Vec<String> {
        let mut reader = BufReader::with_capacity(7, text.as_bytes());
        let mut lines = Vec::new();
        while let Some(line) = next_line(&mut reader).await {
            lines.push(line);
        }
        lines
    }

    #[tokio::test]
    async fn lines_come_as_they_are_and_the_last_one_needs_no_end() {
        assert_eq!(read("one\r\n\n  two and three\nfour").await, ["one", "", "  two and three", "four"]);
        assert_eq!(read("").await, Vec::<String>::new());
    }

    #[tokio::test]
    async fn a_line_without_end_is_cut_between_words() {
        let word = "x".repeat(LONGEST - 10);
        let [line, next] = read(&format!("{word} secret-of-many-letters\nnext")).await.try_into().unwrap();
        assert_eq!(line, format!("{word} … ({} bytes in one line)", word.len() + 24));
        assert_eq!(next, "next");
        let one = "y".repeat(LONGEST + 1);
        assert_eq!(read(&one).await, [format!(" … ({} bytes in one line)", LONGEST + 1)]);
    }
}
