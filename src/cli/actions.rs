//! Workflow commands: lines on stderr that GitHub's runner obeys. While a command of ours runs it obeys none, so that no
//! line of a container, a build or AWS becomes one: `stop-commands` with a word that nobody can guess.
//! <https://docs.github.com/en/actions/reference/workflows-and-actions/workflow-commands>

use std::{
    collections::BTreeSet,
    sync::{Mutex, PoisonError},
};

use runner_core::{
    report::{Annotation, commands, data},
    text::Secret,
};
use serde_json::Value as Json;

use super::{
    settings::{ACTIONS, variable},
    sink,
};
use crate::github::random_word;

/// Shorter texts are not masked: a mask of `{` would hide every log of the job.
const SHORTEST: usize = 4;

/// The word that ends the silence; none where GitHub obeys.
static SILENCE: Mutex<Option<String>> = Mutex::new(None);

/// In a GitHub job.
pub fn here() -> bool {
    variable(ACTIONS).is_some_and(|value| value == "true")
}

/// From now on GitHub obeys no line.
pub fn silence() {
    let mut silence = SILENCE.lock().unwrap_or_else(PoisonError::into_inner);
    if silence.is_none()
        && here()
        && let Ok(word) = random_word()
    {
        sink::raw(&format!("::stop-commands::{word}\n"));
        *silence = Some(word);
    }
}

/// From now on it does.
pub fn obey() {
    if let Some(word) = SILENCE.lock().unwrap_or_else(PoisonError::into_inner).take() {
        sink::raw(&format!("::{word}::\n"));
    }
}

/// Lines for GitHub amid the silence.
fn tell(lines: &[String], raw: bool) {
    if lines.is_empty() || !here() {
        return;
    }
    let silent = SILENCE.lock().unwrap_or_else(PoisonError::into_inner).is_some();
    obey();
    for line in lines {
        if raw { sink::raw(&format!("{line}\n")) } else { sink::err_line(line) }
    }
    if silent {
        silence();
    }
}

/// Shows messages at lines of the diff and on top of the run.
pub fn annotate(annotations: &[Annotation]) {
    let clean = |annotation: &Annotation| Annotation {
        // Before it is escaped: what is escaped is found by nobody.
        message: sink::redact(&annotation.message),
        title: annotation.title.as_deref().map(sink::redact),
        ..annotation.clone()
    };
    tell(&commands(&annotations.iter().map(clean).collect::<Vec<_>>()), false);
}

/// Hides texts in every log of the job from here on: each line of a secret, and each leaf where it is JSON. The runner
/// takes these lines out of the log.
pub fn mask(secrets: &[Secret]) {
    let parts: BTreeSet<String> = secrets.iter().flat_map(|secret| parts(secret.expose())).collect();
    let lines: Vec<String> = parts.iter().map(|part| format!("::add-mask::{}", data(part))).collect();
    tell(&lines, true);
}

fn parts(secret: &str) -> Vec<String> {
    let mut parts: Vec<String> = secret.lines().map(str::to_owned).collect();
    if let Ok(json @ (Json::Object(_) | Json::Array(_))) = serde_json::from_str(secret) {
        leaves(&json, &mut parts);
    }
    parts.retain(|part| part.trim().len() >= SHORTEST);
    parts
}

fn leaves(json: &Json, into: &mut Vec<String>) {
    match json {
        Json::String(text) => into.extend(text.lines().map(str::to_owned)),
        Json::Array(items) => items.iter().for_each(|item| leaves(item, into)),
        Json::Object(map) => map.values().for_each(|item| leaves(item, into)),
        Json::Number(number) => into.push(number.to_string()),
        Json::Null | Json::Bool(_) => {}
    }
}

#[cfg(test)]
mod tests {
    use super::parts;

    #[test]
    fn every_line_and_every_leaf_is_masked_and_nothing_short() {
        assert_eq!(parts("one-line"), ["one-line"]);
        assert_eq!(parts("-----BEGIN\r\nMIIE\nab\n"), ["-----BEGIN", "MIIE"]);
        let json = parts(r#"{"password":"pa\nssword","port":5432,"list":["deep","x"],"on":true}"#);
        for leaf in ["ssword", "5432", "deep"] {
            assert!(json.iter().any(|part| part == leaf), "{leaf}: {json:?}");
        }
        assert!(!json.iter().any(|part| part == "x" || part == "true" || part == "pa"));
    }
}
