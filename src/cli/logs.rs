//! `logs`: what the services' containers write.

use std::sync::Mutex;

use clap::builder::NonEmptyStringValueParser;
use jiff::Timestamp;
use serde_json::{Value as Json, json};

use super::{
    args::{self, Format},
    load,
    settings::Settings,
    signals::or_cancelled,
    sink,
    stop::Done,
};
use crate::deploy::{LogLine, StoppedTask};

/// Arguments of `logs`.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Each line stands behind its service, task and time. With --format json a line is an object, with --follow one\nobject a line.\n\nExamples:\n  runner logs api -e staging\n  runner logs api web -e staging --follow\n  runner logs api -e staging --since 2h\n  runner logs api -e staging --failed"
)]
pub struct Args {
    /// The services
    #[arg(value_name = "SERVICE", required = true, value_parser = NonEmptyStringValueParser::new())]
    services: Vec<String>,
    /// Go on with what is written from now on, until Ctrl-C
    #[arg(long, conflicts_with = "failed")]
    follow: bool,
    /// How far back: 90s, 10m, 2h
    #[arg(long, value_parser = args::duration, default_value = "10m", value_name = "TIME", conflicts_with = "failed")]
    since: std::time::Duration,
    /// The last lines of each container of the last stopped task
    #[arg(long)]
    failed: bool,
}

/// Reads.
pub async fn run(settings: &Settings, args: &Args) -> Done {
    let mut words = vec!["logs"];
    words.extend(args.services.iter().map(String::as_str));
    words.extend(args.follow.then_some("--follow"));
    words.extend(args.failed.then_some("--failed"));
    let loaded = load::load(settings, &words)?;
    let header = Some(&loaded.header);
    let env = &loaded.environment;
    if args.failed {
        let work = async {
            let options = loaded.options(settings, &args.services).await?;
            crate::run::last_stopped(env, &options).await
        };
        return failed(settings, or_cancelled("reading logs", header, work).await?);
    }
    let since = i64::try_from(args.since.as_millis()).unwrap_or(i64::MAX);
    let since_ms = Timestamp::now().as_millisecond().saturating_sub(since);
    let kept: Mutex<Vec<Json>> = Mutex::default();
    let say = |line: LogLine| match (settings.format, args.follow) {
        (Format::Json, true) => sink::json_line(&object(&line)),
        (Format::Json, false) => {
            if let Ok(mut kept) = kept.lock() {
                kept.push(object(&line));
            }
        }
        _ => sink::out(&shown(&line)),
    };
    let work = async {
        let options = loaded.options(settings, &args.services).await?;
        crate::run::logs(env, &options, since_ms, args.follow, &say).await
    };
    or_cancelled("reading logs", header, work).await?;
    let kept = kept.into_inner().unwrap_or_default();
    if settings.format == Format::Json {
        sink::json(&json!({ "exit_code": 0, "lines": kept }));
    }
    Ok(0)
}

fn object(line: &LogLine) -> Json {
    json!({
        "at": Timestamp::from_millisecond(line.at_ms).map(|at| at.to_string()).unwrap_or_default(),
        "service": line.service,
        "container": line.container,
        "task": line.task,
        "text": line.text,
    })
}

/// Behind a prefix on each line, so that nothing in it is taken for a command.
fn shown(line: &LogLine) -> String {
    let at = Timestamp::from_millisecond(line.at_ms).map(|at| at.strftime("%H:%M:%SZ").to_string());
    let of = if line.container == line.service || line.container.is_empty() {
        line.service.clone()
    } else {
        format!("{}/{}", line.service, line.container)
    };
    let task = line.task.get(..8).unwrap_or(&line.task);
    let prefix = format!("{of} {task} {} │ ", at.unwrap_or_default());
    line.text.lines().map(|text| format!("{prefix}{text}\n")).collect()
}

fn failed(settings: &Settings, found: Vec<(String, Option<StoppedTask>)>) -> Done {
    if settings.format == Format::Json {
        let tasks: Vec<Json> = found
            .iter()
            .map(|(service, task)| match task {
                None => json!({ "service": service, "task": null }),
                Some(task) => json!({
                    "service": service,
                    "task": task.id,
                    "said": task.said.iter().map(|(from, said)| json!({ "from": from, "text": said })).collect::<Vec<_>>(),
                    "containers": task.lines.iter().map(|(name, lines)| json!({ "name": name, "lines": lines })).collect::<Vec<_>>(),
                }),
            })
            .collect();
        sink::json(&json!({ "exit_code": 0, "tasks": tasks }));
        return Ok(0);
    }
    for (service, task) in found {
        let Some(task) = task else {
            sink::out(&format!("{service}: no stopped task; ECS forgets them after about an hour\n"));
            continue;
        };
        let short = task.id.get(..8).unwrap_or(&task.id);
        sink::out(&format!("{service}: task {short}\n"));
        for (from, said) in &task.said {
            said.lines().for_each(|line| sink::out(&format!("  {from}: {line}\n")));
        }
        for (container, lines) in &task.lines {
            if lines.is_empty() {
                sink::out(&format!("  {container} wrote nothing\n"));
            }
            for line in lines.iter().flat_map(|line| line.lines()) {
                sink::out(&format!("{container} {short} │ {line}\n"));
            }
        }
    }
    Ok(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use runner_core::text::Foreign;

    #[test]
    fn every_line_stands_behind_its_prefix() {
        let line = |container: &str| LogLine {
            at_ms: 1_700_000_000_000,
            service: "api".into(),
            container: container.into(),
            task: "0123456789abcdef".into(),
            text: Foreign::new("one\n::error::two\u{1b}[31m"),
        };
        assert_eq!(
            shown(&line("api")),
            "api 01234567 22:13:20Z │ one\napi 01234567 22:13:20Z │ :\u{200B}:error::two\n"
        );
        assert!(shown(&line("proxy")).starts_with("api/proxy 01234567 "));
        assert_eq!(object(&line("api"))["at"], "2023-11-14T22:13:20Z");
    }
}
