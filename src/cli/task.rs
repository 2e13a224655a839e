//! `task`: a one-off task with the service's image, environment, roles and network. Its exit code is ours.

use std::sync::{Mutex, OnceLock};

use serde_json::json;

use super::{args::Format, load, settings::Settings, signals::or_cancelled, sink, stop::Done, usage};
use crate::deploy::Seen;

/// Arguments of `task`.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "The exit code is that of the command; one that a signal ended is 128 and the signal's number. Ctrl-C stops the\nwatching, not the task; the same command attaches again while it runs.\n\nExamples:\n  runner task api -e staging -- bundle exec rails db:seed\n  runner task api -e staging -- sh -c 'echo $RAILS_ENV'"
)]
pub struct Args {
    /// The service
    service: String,
    /// The command
    #[arg(last = true, required = true, value_name = "COMMAND")]
    command: Vec<String>,
}

/// Runs it to its end.
pub async fn run(settings: &Settings, args: &Args) -> Done {
    settings.refuse_event("task")?;
    let mut loaded = load::load(settings, &["task", &args.service])?;
    // The command comes last, after every flag.
    loaded.header.flags.push("--".to_owned());
    loaded.header.flags.extend(args.command.iter().cloned());
    let services = vec![args.service.clone()];
    let lines: Mutex<Vec<String>> = Mutex::default();
    let say = |line: &str| {
        if !settings.quiet {
            sink::err_line(line);
        }
    };
    let known: OnceLock<String> = OnceLock::new();
    let see = |seen: Seen| match seen {
        Seen::Started(id) => {
            say(&format!("started task {id}"));
            let _ = known.set(id);
        }
        Seen::Found(id) => {
            say(&format!("task {id} runs already: watching it"));
            let _ = known.set(id);
        }
        Seen::Line(line) => {
            for line in line.lines() {
                match (settings.format, lines.lock()) {
                    (Format::Json, Ok(mut lines)) => lines.push(line),
                    _ => sink::out(&format!("│ {line}\n")),
                }
            }
        }
    };
    let work = async {
        let options = loaded.options(settings, &services).await?;
        let service = loaded.environment.services.get(&args.service).ok_or_else(|| {
            usage("choosing the service", format!("there is no service `{}`", args.service), "name one of the file")
        })?;
        crate::run::task(&loaded.environment, &options, service, &args.command, &see).await
    };
    let ended = or_cancelled("watching the task", Some(&loaded.header), work).await;
    let ended = ended.map_err(|stop| stop.going_on(known.get().map(|id| format!("task {id}"))))?;
    let code = ended.exit_code.map_or(1, |code| u8::try_from(code & 0xff).unwrap_or(1));
    if ended.exit_code != Some(0) {
        for (from, said) in &ended.said {
            said.lines().for_each(|line| say(&format!("{from}: {line}")));
        }
    }
    if settings.format == Format::Json {
        let lines = lines.into_inner().unwrap_or_default();
        let said: Vec<_> = ended.said.iter().map(|(from, said)| json!({ "from": from, "text": said })).collect();
        sink::json(&json!({ "exit_code": code, "container_exit_code": ended.exit_code, "lines": lines, "said": said }));
    }
    Ok(code)
}
