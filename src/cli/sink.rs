//! Where everything leaves the process, through the redactor. A reader that has gone away is no failure.

use std::{
    io::Write,
    sync::{PoisonError, RwLock},
};

use runner_core::{
    plan::Fault,
    report::Stopped,
    text::{Redactor, Secret},
};
use serde::Serialize;

use super::{actions, settings::variable};

/// Variables whose values never appear, whatever the file says.
const SECRETS: [&str; 9] = [
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
    "AWS_CONTAINER_AUTHORIZATION_TOKEN",
    "GITHUB_TOKEN",
    "GH_TOKEN",
    "ACTIONS_ID_TOKEN_REQUEST_TOKEN",
    "ACTIONS_RUNTIME_TOKEN",
    "INPUT_GITHUB-TOKEN",
    "INFRA_GITHUB_TOKEN",
];

static SINK: RwLock<(Vec<Secret>, Option<Redactor>)> = RwLock::new((Vec::new(), None));

/// Values that must never appear from now on.
pub fn learn(secrets: impl IntoIterator<Item = Secret>) {
    let mut sink = SINK.write().unwrap_or_else(PoisonError::into_inner);
    let known = sink.0.len();
    for secret in secrets {
        if !secret.is_empty() && !sink.0.contains(&secret) {
            sink.0.push(secret);
        }
    }
    actions::mask(&sink.0[known..]);
    sink.1 = Some(Redactor::new(&sink.0));
}

/// The values of the job's variables that are secret everywhere.
pub fn learn_from_environment() {
    learn_variables(SECRETS);
}

/// The values of these variables.
pub fn learn_variables<'a>(names: impl IntoIterator<Item = &'a str>) {
    learn(names.into_iter().filter_map(variable).map(Secret::new));
}

/// The text without what is secret.
pub fn redact(text: &str) -> String {
    let sink = SINK.read().unwrap_or_else(PoisonError::into_inner);
    sink.1.as_ref().map_or_else(|| text.to_owned(), |redactor| redactor.apply(text))
}

/// To stdout: an answer.
pub fn out(text: &str) {
    write(&mut std::io::stdout().lock(), text);
}

/// To stderr: progress, a hint, an error.
pub fn err(text: &str) {
    write(&mut std::io::stderr().lock(), text);
}

/// A line to stderr.
pub fn err_line(text: &str) {
    err(&format!("{text}\n"));
}

/// To stderr, as it is: lines for GitHub's runner alone, which takes them out of the log.
pub(super) fn raw(text: &str) {
    let mut stderr = std::io::stderr().lock();
    let _ = stderr.write_all(text.as_bytes()).and_then(|()| stderr.flush());
}

fn write(stream: &mut impl Write, text: &str) {
    // Whoever reads may have read enough (`| head`); the exit code still tells how it went.
    let _ = stream.write_all(redact(text).as_bytes()).and_then(|()| stream.flush());
}

/// To stdout: one whole JSON document.
pub fn json(answer: &impl Serialize) {
    out_json(answer, true);
}

/// The JSON without what is secret, leaf by leaf, so that it stays valid.
pub fn clean_json(value: serde_json::Value) -> serde_json::Value {
    let sink = SINK.read().unwrap_or_else(PoisonError::into_inner);
    match &sink.1 {
        Some(redactor) => redactor.apply_json(value),
        None => value,
    }
}

/// To stdout: one JSON document on one line.
pub fn json_line(answer: &impl Serialize) {
    out_json(answer, false);
}

fn out_json(answer: &impl Serialize, pretty: bool) {
    let value = clean_json(serde_json::to_value(answer).unwrap_or_default());
    let text = if pretty { format!("{value:#}\n") } else { format!("{value}\n") };
    let mut stdout = std::io::stdout().lock();
    let _ = stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush());
}

/// A panic is our bug: one short line without secrets, valid JSON where JSON was asked for, exit 1.
pub fn install_panic_hook(as_json: bool) {
    std::panic::set_hook(Box::new(move |panic| {
        let place = panic.location().map(|at| format!(" ({}:{})", at.file(), at.line())).unwrap_or_default();
        let message = panic.payload_as_str().unwrap_or("no message");
        let message = format!("{message}{place}");
        err_line(&format!(
            "runner failed by a bug of its own: {message}\n  do: run it again; if it stays, report it with the log of INFRA_LOG=debug"
        ));
        if as_json {
            json(&Stopped::by(Fault::new("running", message)));
        }
        std::process::exit(1);
    }));
}
