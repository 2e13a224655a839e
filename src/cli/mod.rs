//! clap, one file a command; the terminal. It and `main` alone print.
//!
//! `main` → [`args`] → [`settings`] → one command → an exit code. [`sink`] is where everything leaves: answers and
//! JSON to stdout, progress, hints and errors to stderr, all of it through the redactor.

mod actions;
mod adopt;
mod approve;
mod args;
mod commit;
mod completions;
mod confirm;
mod connect;
mod cost;
mod destroy;
mod docs;
mod drift;
mod exec;
mod explain;
mod follow;
mod harden;
mod init;
mod job;
mod load;
mod logging;
mod logs;
mod man;
mod paths;
mod plan;
mod progress;
mod publish;
mod render;
mod rollback;
mod run;
mod sandbox;
mod settings;
mod signals;
mod sink;
mod stage;
mod status;
mod stop;
mod task;
#[cfg(test)]
mod tests;
mod validate;
mod verify;

use std::{ffi::OsString, process::ExitCode};

use clap::Parser;
use runner_core::plan::{Exit, Fault};

use self::{
    args::{Cli, Command},
    settings::Settings,
    stop::{Done, Stop},
};

/// Parses, runs one command, and gives the process's exit code.
pub fn main(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    harden::harden();
    sink::learn_from_environment();
    let arguments: Vec<OsString> = arguments.into_iter().collect();
    sink::install_panic_hook(args::wants_json(&arguments));
    let cli = match Cli::try_parse_from(&arguments) {
        Ok(cli) => cli,
        Err(error) => return ExitCode::from(args::refuse(&error, args::wants_json(&arguments))),
    };
    let settings = Settings::resolve(&cli.global);
    logging::init(&settings);
    actions::silence();
    let code = match dispatch(&settings, cli.command) {
        Ok(code) => code,
        Err(stop) => stop.tell(&settings),
    };
    actions::obey();
    ExitCode::from(code)
}

fn dispatch(settings: &Settings, command: Command) -> Done {
    match command {
        Command::Init(args) => init::run(settings, &args),
        Command::Validate(args) => validate::run(settings, &args),
        Command::Render(args) => render::run(settings, &args),
        Command::Cost(args) => cost::run(settings, &args),
        Command::Docs(args) => docs::run(settings, &args),
        Command::Explain(args) => explain::run(settings, &args),
        Command::Completions(args) => completions::run(&args),
        Command::Man(args) => man::run(&args),
        Command::Plan(args) => wait(plan::run(settings, &args)),
        Command::Run(args) => wait(run::run(settings, &args)),
        Command::Drift(args) => wait(drift::run(settings, &args)),
        Command::Adopt(args) => wait(adopt::run(settings, &args)),
        Command::Destroy(args) => wait(destroy::run(settings, &args)),
        Command::Stage(args) => wait(stage::run(settings, &args)),
        Command::Rollback(args) => wait(rollback::run(settings, &args)),
        Command::Approve(args) => wait(approve::run(settings, &args)),
        Command::Verify(args) => wait(verify::run(settings, &args)),
        Command::Status(args) => wait(status::run(settings, &args)),
        Command::Logs(args) => wait(logs::run(settings, &args)),
        Command::Task(args) => wait(task::run(settings, &args)),
        Command::Exec(args) => wait(exec::run(settings, &args)),
        Command::Sandbox(args) => wait(sandbox::run(settings, &args)),
    }
}

/// Runs a command that speaks to others. What it leaves behind is not waited for.
fn wait(command: impl Future<Output = Done>) -> Done {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let runtime = runtime.map_err(|error| Stop::from(Fault::new("starting", error.to_string())))?;
    let done = runtime.block_on(command);
    runtime.shutdown_background();
    done
}

/// A usage fault.
fn usage(doing: &str, message: impl Into<String>, hint: impl Into<String>) -> Fault {
    Fault::new(doing, message.into()).with_hint(hint).with_exit(Exit::Usage)
}

/// Milliseconds since then.
fn millis(since: std::time::Instant) -> u64 {
    u64::try_from(since.elapsed().as_millis()).unwrap_or(u64::MAX)
}
