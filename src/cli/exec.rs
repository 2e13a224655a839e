//! `exec`: a command or a shell in a running task of a service, over ECS Exec.

use std::{io::IsTerminal, process::Stdio};

use runner_core::judge::exec::{Wanted, allowed};
use serde_json::json;

use super::{args::Format, load, settings::Settings, signals::or_cancelled, sink, stop::Done, usage};
use crate::run::{Plugin, Streams};

/// Arguments of `exec`.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Needs `execute-command: true` of the service and AWS's session-manager-plugin on PATH. The terminal is the\ncontainer's until the session ends, Ctrl-C too. The exit code is the plugin's: ECS does not tell that of the command\n(`runner task` does). Without a terminal a command is needed, and it can be typed nothing.\n\nExamples:\n  runner exec api -e staging\n  runner exec api -e staging -- bin/rails console\n  runner exec api -e staging --container proxy -- sh -c 'ls /tmp'"
)]
pub struct Args {
    /// The service
    service: String,
    /// A task's id, or the beginning of it [default: the newest of the service's revision]
    #[arg(long, value_name = "ID")]
    task: Option<String>,
    /// A container of the task [default: the service's own]
    #[arg(long, value_name = "NAME")]
    container: Option<String>,
    /// The command [default: sh]
    #[arg(last = true, value_name = "COMMAND")]
    command: Vec<String>,
}

/// Opens it and waits for its end.
pub async fn run(settings: &Settings, args: &Args) -> Done {
    settings.refuse_event("exec")?;
    let mut loaded = load::load(settings, &["exec", &args.service])?;
    for (flag, value) in [("--task", &args.task), ("--container", &args.container)] {
        loaded.header.flags.extend(value.iter().flat_map(|value| [flag.to_owned(), value.clone()]));
    }
    // The command comes last, after every flag.
    if !args.command.is_empty() {
        loaded.header.flags.push("--".to_owned());
        loaded.header.flags.extend(args.command.iter().cloned());
    }
    let terminal = std::io::stdin().is_terminal();
    let command = match args.command.is_empty() {
        true => vec!["sh".to_owned()],
        false => args.command.clone(),
    };
    let wanted = Wanted { task: args.task.clone(), container: args.container.clone() };
    let work = async {
        loaded.known(std::slice::from_ref(&args.service))?;
        let environment = &loaded.environment;
        let service = &environment.services[&args.service];
        allowed(environment, service)?;
        if args.command.is_empty() && !terminal {
            return Err(usage(
                "opening a shell",
                "a shell needs a terminal to type at, and there is none",
                "name a command after --; `runner task` runs one in a task of its own, with its exit code",
            ));
        }
        let options = loaded.options(settings, &[]).await?;
        // Before AWS is asked: a session that nobody carries would stay open.
        let plugin = Plugin::find(&options.endpoint).await?;
        let opened = crate::run::open(environment, &options, service, &wanted, &command).await?;
        Ok((plugin, options, opened))
    };
    let (plugin, options, opened) = or_cancelled("opening the session", Some(&loaded.header), work).await?;
    sink::learn([opened.session.token.clone()]);
    let target = &opened.target;
    if !settings.quiet {
        let older = if target.older { ", of another revision than the service's" } else { "" };
        sink::err_line(&format!("{} of task {}{older}", target.container, target.task));
    }
    let aside = settings.format == Format::Json;
    // Beside JSON, which is alone on stdout, what the container writes goes to stderr.
    let out = if aside { Stdio::from(std::io::stderr()) } else { Stdio::inherit() };
    let code = plugin.carry(&loaded.environment, &options, &opened, Streams { terminal, out }).await?;
    if aside {
        sink::json(&json!({
            "exit_code": code, "service": args.service, "task": target.task, "container": target.container,
            "session": opened.session.id,
        }));
    }
    Ok(code)
}
