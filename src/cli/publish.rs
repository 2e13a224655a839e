//! What a GitHub job leaves behind when a command ends: the comment, the step summary, outputs, annotations, the report
//! as a file. Whatever of it fails is a warning: how the command ends is decided before.

use std::time::Duration;

use runner_core::{
    plan::Exit,
    report::{Annotation, Block, Card, Header, Outputs, Piece, markdown},
};
use serde::Serialize;
use serde_json::Value as Json;
use tokio::time::Instant;

use super::{
    actions,
    job::Job,
    settings::{Settings, variable},
    sink,
};
use crate::github::{Live, PATIENCE, Said, StepFiles, Trouble};

/// A cancelled job is killed ten seconds after it was told to stop.
/// <https://docs.github.com/en/actions/reference/workflows-and-actions/workflow-cancellation>
const HASTE: Duration = Duration::from_secs(6);

/// What is left behind.
pub struct Told<'a> {
    /// The environment it is about; without one there is no comment.
    pub header: Option<&'a Header>,
    /// The card of the summary.
    pub card: Card,
    /// The card of the comment, where there shall be one.
    pub comment: Option<Card>,
    /// A comment is made only where there is one already.
    pub quiet: bool,
    /// What follows the card in the summary.
    pub more: String,
    /// The outputs.
    pub outputs: Outputs,
    /// The annotations.
    pub annotations: Vec<Annotation>,
    /// The report.
    pub json: Json,
    /// How the command ends.
    pub exit_code: u8,
}

impl<'a> Told<'a> {
    /// A card and its report, without a comment.
    pub fn new(header: Option<&'a Header>, card: Card, report: &impl Serialize, exit_code: u8) -> Self {
        let json = serde_json::to_value(report).unwrap_or_default();
        let (more, outputs, annotations) = (String::new(), Outputs::new(), Vec::new());
        Self { header, card, comment: None, quiet: false, more, outputs, annotations, json, exit_code }
    }
}

/// Leaves it behind; does nothing outside of a GitHub job.
pub async fn publish(settings: &Settings, told: Told<'_>, live: Option<Live>) {
    if !settings.actions {
        return;
    }
    let warn = |what: &str, why: &dyn std::fmt::Display| sink::err_line(&format!("warning: {what}: {why}"));
    let mut outputs = told.outputs.clone();
    let files = match &settings.job {
        Ok(Some(job)) => job.files.clone(),
        // What the job is about cannot be read; where its files are, it says all the same.
        _ => StepFiles::of(variable),
    };
    let mut card = told.card.clone();
    let said = match &settings.job {
        Ok(Some(job)) => comment(job, &told, live).await,
        Ok(None) => None,
        Err(fault) => {
            let why = format!("no comment is made: {}", fault.headline());
            sink::err_line(&format!("warning: {why}"));
            card.blocks.insert(0, Block::Line(Piece::Words(why)));
            None
        }
    };
    match said {
        None | Some(Ok(Said::Nothing)) => {}
        Some(Ok(Said::There(url))) => outputs.extend(url.map(|url| ("comment-url", url))),
        Some(Ok(Said::Newer)) => sink::err_line("the comment is a newer run's, and was left alone"),
        Some(Err(trouble)) => {
            let hint = match trouble {
                Trouble::Refused(_) | Trouble::Gone => "; does the job have `pull-requests: write`?",
                _ => "",
            };
            warn("the comment was not written; the step summary has it", &format!("{trouble}{hint}"));
        }
    }
    let json = sink::clean_json(told.json);
    match files.keep(&format!("{json:#}\n")) {
        Ok(path) => outputs.extend(path.map(|path| ("report", path.display().to_string()))),
        Err(error) => warn("the report was not kept", &error),
    }
    let outputs: Vec<(&str, String)> = outputs.into_iter().map(|(name, value)| (name, sink::redact(&value))).collect();
    if let Err(error) = files.put_out(&outputs) {
        warn("the outputs were not written", &error);
    }
    let summary = sink::redact(&format!("{}{}", markdown(&card.cleaned(sink::redact)), told.more));
    if let Err(error) = files.summarise(&summary) {
        warn("the step summary was not written", &error);
    }
    actions::annotate(&told.annotations);
}

async fn comment(job: &Job, told: &Told<'_>, live: Option<Live>) -> Option<Result<Said, Trouble>> {
    let card = told.comment.as_ref()?;
    let patience = if told.exit_code == Exit::Cancelled.code() { HASTE } else { PATIENCE };
    if let Some(live) = live {
        return Some(live.finish(card, told.quiet, patience).await);
    }
    match job.thread(told.header?)? {
        Ok(mut thread) => Some(thread.say(card, told.quiet, Instant::now() + patience).await),
        Err(words) => Some(Err(Trouble::Refused(words))),
    }
}
