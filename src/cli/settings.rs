//! What was asked for, resolved once: flag over variable over file over default.

use std::{io::IsTerminal, path::PathBuf, sync::Arc, time::Duration};

use runner_core::{judge::verify::Answer, plan::Fault, report::Style, workflow::Environment};

use super::args::{Color, Format, Global, Progress};
use super::{actions, job::Job, usage};

/// The workflow file.
pub const FILE: &str = "INFRA_FILE";
/// The environment.
pub const ENVIRONMENT: &str = "INFRA_ENVIRONMENT";
/// `text`, `json` or `markdown`.
pub const FORMAT: &str = "INFRA_FORMAT";
/// Log lines to stderr: `info`, or targets as `runner=debug`.
pub const LOG: &str = "INFRA_LOG";
/// Anything but the empty text: no colour. <https://no-color.org>
pub const NO_COLOR: &str = "NO_COLOR";
/// `1` where a GitHub job is run again with debug logging: details are shown.
pub const DEBUG: &str = "RUNNER_DEBUG";
/// The event that started the GitHub job.
pub const EVENT: &str = "GITHUB_EVENT_NAME";
/// `true` in a GitHub job.
pub const ACTIONS: &str = "GITHUB_ACTIONS";
/// The commit the GitHub job is about.
pub const SHA: &str = "GITHUB_SHA";

/// What was asked for.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The file that was named.
    pub file: Option<PathBuf>,
    /// The environment that was named.
    pub environment: Option<String>,
    /// How the answer is written.
    pub format: Format,
    /// How text on stdout is made.
    pub out: Style,
    /// How text on stderr is made.
    pub err: Style,
    /// How progress is shown; never `Auto`.
    pub progress: Progress,
    /// How long to watch.
    pub timeout: Duration,
    /// `--sandbox`.
    pub sandbox: bool,
    /// `--build`.
    pub build: bool,
    /// `--yes`.
    pub yes: bool,
    /// `--allow-event`.
    pub allow_event: Vec<String>,
    /// Details are shown.
    pub verbose: bool,
    /// No hints and no progress.
    pub quiet: bool,
    /// The event that started the GitHub job.
    pub event: Option<String>,
    /// In a GitHub job.
    pub actions: bool,
    /// That job; a fault where what it is about cannot be read.
    pub job: Result<Option<Arc<Job>>, Fault>,
}

impl Settings {
    /// Whether a role may trust the GitHub environment of this environment's name.
    pub async fn protects(&self, environment: &Environment) -> Answer {
        match &self.job {
            Ok(Some(job)) => job.protects(&environment.name, environment.identity.as_ref()).await,
            _ => Answer::NotChecked("only a GitHub job has a token to ask GitHub with".to_owned()),
        }
    }

    /// Flags and variables taken together; clap has put variables where there was no flag.
    pub fn resolve(global: &Global) -> Self {
        let verbose = global.verbose || (!global.quiet && variable(DEBUG).is_some_and(|value| value == "1"));
        let unicode = unicode();
        let style = |color| Style { color, unicode, details: verbose };
        let progress = match global.progress {
            _ if global.quiet => Progress::Off,
            Progress::Auto if std::io::stderr().is_terminal() && !verbose && !dumb() => Progress::Tree,
            Progress::Auto => Progress::Lines,
            named => named,
        };
        Self {
            file: global.file.clone(),
            environment: global.environment.clone().filter(|name| !name.is_empty()),
            format: global.format,
            out: style(color(global.color, &std::io::stdout())),
            err: style(color(global.color, &std::io::stderr())),
            progress,
            timeout: global.timeout,
            sandbox: global.sandbox,
            build: global.build,
            yes: global.yes,
            allow_event: global.allow_event.clone(),
            verbose,
            quiet: global.quiet,
            event: variable(EVENT),
            actions: actions::here(),
            job: Job::find().map(|job| job.map(Arc::new)),
        }
    }

    /// The GitHub job, for what depends on it: an event whose author may be anyone must be understood, of another it is
    /// enough that there is a warning.
    pub fn job(&self) -> Result<Option<&Arc<Job>>, Fault> {
        match &self.job {
            Ok(job) => Ok(job.as_ref()),
            Err(fault) if self.anyone() => Err(fault.clone()),
            Err(_) => Ok(None),
        }
    }

    /// Whether the event can be caused by people without rights.
    fn anyone(&self) -> bool {
        let risky =
            |event: &String| event.starts_with("pull_request") || event == "issue_comment" || event == "workflow_run";
        self.event.as_ref().is_some_and(risky)
    }

    /// Refuses a changing command on an event that people without rights can cause: their code and words would
    /// meet this job's credentials.
    /// <https://docs.github.com/en/actions/reference/security/secure-use>
    pub fn refuse_event(&self, command: &str) -> Result<(), Fault> {
        let Some(event) = &self.event else { return Ok(()) };
        if !self.anyone() || self.allow_event.contains(event) {
            return Ok(());
        }
        Err(usage(
            &format!("starting `{command}`"),
            format!("the event `{event}` can be caused by people without write access"),
            format!("run it on push or workflow_dispatch, or say --allow-event {event}"),
        ))
    }
}

/// A variable that is set and not empty.
pub fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

/// Whether there is colour on this stream.
pub fn color(choice: Color, stream: &impl IsTerminal) -> bool {
    colored(choice, stream.is_terminal(), variable(NO_COLOR).is_some() || dumb())
}

/// The same of a stream that is a terminal or not, where a variable forbids it or not. A flag goes over a variable.
fn colored(choice: Color, terminal: bool, forbidden: bool) -> bool {
    match choice {
        Color::Always => true,
        Color::Never => false,
        Color::Auto => terminal && !forbidden,
    }
}

fn dumb() -> bool {
    variable("TERM").is_some_and(|term| term == "dumb")
}

/// Whether characters beyond ASCII are shown: yes, unless the locale says otherwise.
fn unicode() -> bool {
    let locale = ["LC_ALL", "LC_CTYPE", "LANG"].into_iter().find_map(variable);
    let utf8 = |locale: String| {
        let locale = locale.to_ascii_lowercase();
        locale.contains("utf-8") || locale.contains("utf8")
    };
    locale.is_none_or(utf8)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn point_17_no_terminal_or_no_color_means_no_colour() {
        for (terminal, forbidden, colour) in
            [(true, false, true), (true, true, false), (false, false, false), (false, true, false)]
        {
            assert_eq!(colored(Color::Auto, terminal, forbidden), colour, "{terminal} {forbidden}");
            assert!(colored(Color::Always, terminal, forbidden), "a flag goes over a variable");
            assert!(!colored(Color::Never, terminal, forbidden));
        }
        assert_eq!(NO_COLOR, "NO_COLOR", "https://no-color.org");
    }
}
