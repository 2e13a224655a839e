//! Asks a person before what cannot be taken back. Without a terminal nothing is asked: the flag that answers is named.

use std::io::{BufRead, IsTerminal};

use runner_core::{
    plan::{Fault, Plan},
    report::{Header, PlanReport, text},
};

use super::{load::Loaded, settings::Settings, signals::or_cancelled, sink, stop::Stop, usage};

/// A fault where nobody could answer and `--yes` was not said. Asked before anything else.
pub fn somebody(settings: &Settings, command: &str) -> Result<(), Fault> {
    if settings.yes || (std::io::stdin().is_terminal() && std::io::stderr().is_terminal()) {
        return Ok(());
    }
    Err(usage(
        &format!("starting `{command}`"),
        "it asks before it acts, and there is no terminal to ask at",
        "look at what it would do at a terminal, then say --yes; nothing was done",
    ))
}

/// Shows a plan on stderr.
pub fn show(settings: &Settings, loaded: &Loaded, plan: &Plan, duration_ms: u64) {
    let notes = plan.notes.iter().map(|(_, note)| note.clone());
    let warnings: Vec<String> = loaded.warnings.iter().cloned().chain(notes).collect();
    let report = PlanReport::of(&loaded.header, plan, warnings, false, duration_ms);
    sink::err(&text(&report.card(), settings.err));
}

/// Waits until a person types `word`; anything else ends the command.
pub async fn typed(settings: &Settings, header: &Header, doing: &str, word: &str) -> Result<(), Stop> {
    if settings.yes {
        return Ok(());
    }
    sink::err(&format!("\ntype {word} to go on: "));
    let read = async {
        let line = tokio::task::spawn_blocking(|| {
            let mut line = String::new();
            // A terminal that was closed says nothing, which is no.
            let _ = std::io::stdin().lock().read_line(&mut line);
            line
        });
        line.await.map_err(|error| Fault::new(doing, error.to_string()))
    };
    let line = or_cancelled(doing, Some(header), read).await?;
    if line.trim() == word {
        return Ok(());
    }
    let message =
        format!("{} was typed, not {word}", if line.trim().is_empty() { "nothing" } else { "something else" });
    Err(Stop::from(usage(doing, message, "nothing was done; run it again")).about(header))
}
