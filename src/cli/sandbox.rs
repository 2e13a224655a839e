//! `sandbox`: the local AWS that `--sandbox` starts.

use clap::Subcommand;
use serde_json::{Value as Json, json};

use super::{args::Format, connect, settings::Settings, signals::or_cancelled, sink, stop::Done};

/// Arguments of `sandbox`.
#[derive(Debug, clap::Args)]
#[command(
    arg_required_else_help = true,
    after_help = "Examples:\n  runner run --sandbox\n  runner sandbox status\n  runner sandbox stop"
)]
pub struct Args {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Show whether it runs, and where
    Status,
    /// Stop it with its containers; it forgets everything
    Stop,
    /// Make it forget everything; it goes on running
    Reset,
}

/// Looks after the sandbox.
pub async fn run(settings: &Settings, args: &Args) -> Done {
    let (said, json) = match args.action {
        Action::Status => {
            let running = or_cancelled("asking the sandbox", None, connect::sandbox_status()).await?;
            let text = match running.as_slice() {
                [] => "no sandbox runs\n  start it: runner run --sandbox\n".to_owned(),
                all => all.iter().map(shown).collect(),
            };
            (text, json!({ "running": !running.is_empty(), "sandboxes": running }))
        }
        Action::Stop => {
            let stopped = or_cancelled("stopping the sandbox", None, connect::sandbox_stop()).await?;
            let text = if stopped > 0 { "the sandbox was stopped\n" } else { "no sandbox ran\n" };
            (text.to_owned(), json!({ "stopped": stopped }))
        }
        Action::Reset => {
            or_cancelled("resetting the sandbox", None, connect::sandbox_reset()).await?;
            ("the sandbox forgot everything\n".to_owned(), json!({ "reset": true }))
        }
    };
    match settings.format {
        Format::Json => sink::json(&json),
        _ => sink::out(&said),
    }
    Ok(0)
}

fn shown(sandbox: &Json) -> String {
    let word = |key: &str| match sandbox.get(key) {
        Some(Json::String(text)) => text.clone(),
        Some(other) => other.to_string(),
        None => String::new(),
    };
    let engine = if sandbox["engine"] == true { "yes" } else { "no, tasks are not really run" };
    format!(
        "the sandbox of account {} runs at {} since {}\n  pid {}, version {}, Docker engine: {engine}\n  log {}\n",
        word("account"),
        word("endpoint"),
        word("started"),
        word("pid"),
        word("version"),
        word("log"),
    )
}
