//! Why a command ends without its answer, and how that is told.

use runner_core::{
    plan::Fault,
    report::{Card, Checked, Header, Stopped, annotation, markdown, text},
};
use serde::Serialize;

use super::{args::Format, settings::Settings, sink};

/// What a command comes to: the exit code of its answer.
pub type Done = Result<u8, Stop>;

/// Why a command ends without its answer.
#[derive(Debug)]
pub enum Stop {
    /// Something failed, or it was stopped.
    Stopped(Box<Stopped>),
    /// The file is bad.
    Bad(Box<Checked>),
}

impl From<Fault> for Stop {
    fn from(fault: Fault) -> Self {
        Self::Stopped(Box::new(Stopped::by(fault)))
    }
}

impl From<Checked> for Stop {
    fn from(checked: Checked) -> Self {
        Self::Bad(Box::new(checked))
    }
}

impl Stop {
    /// The same, about this environment.
    pub fn about(self, header: &Header) -> Self {
        match self {
            Self::Stopped(stopped) => Self::Stopped(Box::new(stopped.about(header))),
            bad => bad,
        }
    }

    /// Tells it and gives the exit code.
    pub fn tell(&self, settings: &Settings) -> u8 {
        match self {
            Self::Stopped(stopped) => {
                sink::err(&text(&stopped.card(), settings.err));
                machine(settings, &stopped.card(), stopped);
                stopped.exit_code
            }
            Self::Bad(checked) => {
                sink::err(&checked.text(settings.err));
                annotate(settings, checked);
                machine(settings, &checked.card(), checked.as_ref());
                checked.exit_code
            }
        }
    }
}

fn machine(settings: &Settings, card: &Card, answer: &impl Serialize) {
    match settings.format {
        Format::Json => sink::json(answer),
        Format::Markdown => sink::out(&markdown(card)),
        Format::Text => {}
    }
}

/// In a GitHub job: the findings at their lines of the diff.
pub fn annotate(settings: &Settings, checked: &Checked) {
    if settings.actions {
        let errors = checked.errors.iter().map(|finding| annotation("error", finding));
        let warnings = checked.warnings.iter().map(|finding| annotation("warning", finding));
        errors.chain(warnings).for_each(|line| sink::err_line(&line));
    }
}

/// Prints the answer of a local or asking command.
pub fn answer(settings: &Settings, card: &Card, answer: &impl Serialize) {
    match settings.format {
        Format::Text => sink::out(&text(card, settings.out)),
        _ => machine(settings, card, answer),
    }
}
