//! The command line.

use std::{ffi::OsString, path::PathBuf, time::Duration};

use clap::{Args, Parser, Subcommand, ValueEnum, error::ErrorKind};
use runner_core::{plan::Exit, report};

use super::{
    adopt, approve, completions, cost, destroy, docs, drift, exec, explain, init, logs, man, plan, render, rollback,
    run, sandbox, settings, sink, stage, status, task, usage, validate, verify,
};

/// Takes an app from one workflow file to healthy services on AWS ECS Fargate.
#[derive(Debug, Parser)]
#[command(
    name = "runner",
    version,
    propagate_version = true,
    subcommand_required = true,
    arg_required_else_help = true,
    disable_help_subcommand = true,
    after_help = "Examples:\n  runner validate\n  runner plan -e staging\n  runner run -e staging\n  runner run --sandbox\n\nExit codes: 0 done, 1 failed, 2 usage or file, 3 rolled back, 4 still running, 5 waits for a person,\n6 superseded, 130 cancelled. `runner explain exit-3` tells more."
)]
pub struct Cli {
    /// What every command takes.
    #[command(flatten)]
    pub global: Global,
    /// Which.
    #[command(subcommand)]
    pub command: Command,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Write the workflow file and the GitHub workflows from what stands in this repository; no AWS
    Init(init::Args),
    /// Show every error of every environment at once; no AWS
    Validate(validate::Args),
    /// Show what a run would change; writes nothing
    Plan(plan::Args),
    /// Take the environment to what the file says, and wait until it is healthy
    Run(run::Args),
    /// Show what was changed behind the runner's back; only reads
    Drift(drift::Args),
    /// Take what exists already into a stage's stacks
    Adopt(adopt::Args),
    /// Take everything of the environment away
    Destroy(destroy::Args),
    /// Run one stage alone; without a name, list the stages
    Stage(stage::Args),
    /// Go back to the previous healthy revision, or turn a deployment in flight around
    Rollback(rollback::Args),
    /// Continue or turn back a paused deployment
    Approve(approve::Args),
    /// Check that images, ports, secrets, logs and roles fit together
    Verify(verify::Args),
    /// Show what runs, and what is under way
    Status(status::Args),
    /// Show what the services' containers write
    Logs(logs::Args),
    /// Run a command in a one-off task like the service's; its exit code is ours
    Task(task::Args),
    /// Open a shell or run a command in a running task of a service
    Exec(exec::Args),
    /// Show what would be sent: templates, task definitions, the file's schema; no AWS
    Render(render::Args),
    /// Estimate what the environment costs a month, by item; no AWS
    Cost(cost::Args),
    /// Write the documentation of infrastructure and settings, or check that it is current; no AWS
    Docs(docs::Args),
    /// Explain a cause, a stage, a key of the file or an exit code; no AWS
    Explain(explain::Args),
    /// Look after the local AWS that --sandbox starts
    Sandbox(sandbox::Args),
    /// Print the completions of a shell
    Completions(completions::Args),
    /// Print the manual page
    Man(man::Args),
}

/// How an answer is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// For people at a terminal.
    Text,
    /// For programs: one whole document.
    Json,
    /// For GitHub's comments and summaries.
    Markdown,
}

/// When there is colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Color {
    /// On a terminal, unless NO_COLOR is set.
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

/// How progress is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Progress {
    /// A tree on a terminal, lines elsewhere.
    Auto,
    /// A tree that is drawn anew.
    Tree,
    /// A line at each start and end.
    Lines,
    /// Not at all.
    Off,
}

/// What every command takes.
#[derive(Debug, Args)]
#[command(next_help_heading = "Common options")]
pub struct Global {
    /// The workflow file [default: .github/finance-infra.yml, here or above]
    #[arg(short, long, global = true, value_name = "FILE", env = settings::FILE, hide_env_values = true)]
    pub file: Option<PathBuf>,
    /// The environment; not needed where the file has one
    #[arg(short, long, global = true, value_name = "NAME", env = settings::ENVIRONMENT, hide_env_values = true)]
    pub environment: Option<String>,
    /// How the answer is written: text, json or markdown
    #[arg(long, global = true, value_enum, hide_possible_values = true, default_value = "text", env = settings::FORMAT, hide_env_values = true)]
    pub format: Format,
    /// When there is colour: auto, always or never
    #[arg(long, global = true, value_enum, hide_possible_values = true, default_value = "auto", value_name = "WHEN")]
    pub color: Color,
    /// How progress is shown: auto, tree, lines or off
    #[arg(long, global = true, value_enum, hide_possible_values = true, default_value = "auto", value_name = "HOW")]
    pub progress: Progress,
    /// How long to watch: 90s, 30m, 2h. AWS goes on after that
    #[arg(long, global = true, value_parser = duration, default_value = "30m", value_name = "TIME")]
    pub timeout: Duration,
    /// Answer every question with yes
    #[arg(long, global = true)]
    pub yes: bool,
    /// Use a local AWS on this machine; no credentials are read
    #[arg(long, global = true)]
    pub sandbox: bool,
    /// With --sandbox: really build images
    #[arg(long, global = true, requires = "sandbox")]
    pub build: bool,
    /// Allow a changing command on this GitHub event, whose author may be anyone
    #[arg(long, global = true, value_name = "EVENT")]
    pub allow_event: Vec<String>,
    /// Show no progress
    #[arg(short, long, global = true, conflicts_with = "verbose")]
    pub quiet: bool,
    /// Show details
    #[arg(short, long, global = true)]
    pub verbose: bool,
}

/// `90s`, `30m`, `2h`.
pub fn duration(text: &str) -> Result<Duration, String> {
    let wrong = || format!("`{text}` is no duration: write 90s, 30m or 2h");
    let unit = text.chars().next_back().ok_or_else(wrong)?;
    let number: u64 = text[..text.len() - unit.len_utf8()].parse().map_err(|_| wrong())?;
    let seconds = match unit {
        's' => Some(number),
        'm' => number.checked_mul(60),
        'h' => number.checked_mul(3600),
        _ => None,
    };
    match seconds {
        Some(seconds @ 1..=604_800) => Ok(Duration::from_secs(seconds)),
        Some(_) => Err("between 1s and 168h".to_owned()),
        None => Err(wrong()),
    }
}

/// Whether JSON was asked for, told before the rest could be parsed: a usage error is JSON too.
pub fn wants_json(arguments: &[OsString]) -> bool {
    let mut words = arguments.iter().map(|word| word.to_string_lossy()).take_while(|word| word != "--");
    let mut asked = None;
    while let Some(word) = words.next() {
        match word.strip_prefix("--format") {
            Some("") => asked = words.next().map(|value| value == "json"),
            Some(value) if value.starts_with('=') => asked = Some(value == "=json"),
            _ => {}
        }
    }
    asked.unwrap_or_else(|| std::env::var(settings::FORMAT).is_ok_and(|value| value == "json"))
}

/// Says what clap found: help and version are answers, everything else is bad usage.
pub fn refuse(error: &clap::Error, json: bool) -> u8 {
    match error.kind() {
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => {
            let color = settings::color(Color::Auto, &std::io::stdout());
            sink::out(&if color { error.render().ansi().to_string() } else { error.render().to_string() });
            0
        }
        _ => {
            let color = settings::color(Color::Auto, &std::io::stderr());
            sink::err(&if color { error.render().ansi().to_string() } else { error.render().to_string() });
            if json {
                let rendered = error.render().to_string();
                let first = rendered.lines().find(|line| !line.trim().is_empty()).unwrap_or_default();
                let message = first.trim_start_matches("error: ").to_owned();
                sink::json(&report::Stopped::by(usage("reading the command line", message, "runner --help")));
            }
            Exit::Usage.code()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn clap_finds_nothing_wrong_with_it() {
        Cli::command().debug_assert();
    }

    #[test]
    fn durations_have_a_unit_and_bounds() {
        assert_eq!(duration("90s"), Ok(Duration::from_secs(90)));
        assert_eq!(duration("2h"), Ok(Duration::from_secs(7_200)));
        for wrong in ["", "30", "m", "-1m", "1.5h", "0s", "9999h", "30µ", "99999999999999999h"] {
            assert!(duration(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn json_is_seen_before_the_rest_is_understood() {
        let words = |text: &str| text.split(' ').map(OsString::from).collect::<Vec<_>>();
        assert!(wants_json(&words("runner nonsense --format json")));
        assert!(wants_json(&words("runner --format=json plan")));
        assert!(!wants_json(&words("runner plan --format text")));
        assert!(!wants_json(&words("runner explain -- --format json")));
    }
}
