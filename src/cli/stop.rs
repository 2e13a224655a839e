//! Why a command ends without its answer, and how that is told.

use jiff::Timestamp;
use runner_core::{
    plan::Fault,
    report::{Card, Checked, Header, Stopped, markdown, text},
};
use serde::Serialize;
use serde_json::Value as Json;

use super::{
    args::Format,
    publish::{Told, publish},
    settings::Settings,
    sink,
};

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

impl Stop {
    /// The same, where something that was begun goes on.
    pub fn going_on(self, what: Option<String>) -> Self {
        match (self, what) {
            (Self::Stopped(stopped), Some(what)) => Self::Stopped(Box::new(stopped.going_on(what))),
            (other, _) => other,
        }
    }
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
                let began = stopped.header.as_ref().map(|header| header.started_at);
                let took = began.and_then(|began| u64::try_from((Timestamp::now() - began).as_millis()).ok());
                let error = stopped.error.cleaned(sink::redact);
                let stopped = &Stopped { error, duration_ms: took, ..(**stopped).clone() };
                sink::err(&text(&stopped.card(), settings.err));
                machine(settings, &stopped.card(), stopped);
                let header = stopped.header.as_ref();
                let mut told = Told::new(header, stopped.card(), stopped, stopped.exit_code);
                told.comment = header.filter(|header| speaks(header)).map(|_| stopped.card());
                (told.outputs, told.annotations) = (stopped.outputs(), stopped.annotations());
                leave(settings, told);
                stopped.exit_code
            }
            Self::Bad(checked) => {
                sink::err(&checked.text(settings.err));
                machine(settings, &checked.card(), checked.as_ref());
                leave(settings, of_checked(checked));
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

/// A checked file: its findings at their lines of the diff.
pub fn of_checked(checked: &Checked) -> Told<'_> {
    let mut told = Told::new(None, checked.card(), checked, checked.exit_code);
    (told.outputs, told.annotations) = (checked.outputs(), checked.annotations());
    told
}

/// Whether a command's end is worth a comment: of those that plan or change.
fn speaks(header: &Header) -> bool {
    matches!(header.words.first().map(String::as_str), Some("plan" | "run" | "stage"))
}

/// Leaves behind what a GitHub job leaves.
pub fn leave(settings: &Settings, told: Told<'_>) {
    if settings.actions {
        let work = publish(settings, told, None);
        // Within a command there is a runtime already; a file without errors is read without one.
        match tokio::runtime::Handle::try_current() {
            Ok(here) => tokio::task::block_in_place(|| here.block_on(work)),
            Err(_) => {
                if let Ok(runtime) = tokio::runtime::Builder::new_multi_thread().enable_all().build() {
                    runtime.block_on(work);
                }
            }
        }
    }
}

/// Prints the answer of a local or asking command.
pub fn answer(settings: &Settings, card: &Card, answer: &impl Serialize) {
    show(settings, card, answer);
    if settings.actions {
        let mut told = Told::new(None, card.clone(), answer, 0);
        let word = |name: &str| match told.json.get(name)? {
            Json::String(text) => Some(text.clone()),
            Json::Bool(_) | Json::Number(_) => Some(told.json[name].to_string()),
            _ => None,
        };
        told.outputs = word("exit_code").map(|code| ("exit-code", code)).into_iter().collect();
        leave(settings, told);
    }
}

/// Prints an answer, and leaves nothing behind.
pub fn show(settings: &Settings, card: &Card, answer: &impl Serialize) {
    match settings.format {
        Format::Text => sink::out(&text(card, settings.out)),
        _ => machine(settings, card, answer),
    }
}
