//! Runs and watches: events into the fold, the fold to the terminal, the outcome to the end.

use std::time::Instant;

use runner_core::{
    plan::Exit,
    report::{End, Event, Fact, Fold, Header, Outcome, markdown, text},
};
use tokio::sync::mpsc::unbounded_channel;
use tokio_util::sync::CancellationToken;

use super::{
    args::Format,
    load::Loaded,
    progress::{FRAME, View},
    settings::Settings,
    signals::{Interrupts, or_cancelled},
    sink,
    stop::{Done, Stop},
};
use crate::run::{Ended, Options};

/// Runs what was asked for to its end, or until a person has had enough.
pub async fn follow(settings: &Settings, loaded: &Loaded, services: &[String], ask: impl FnOnce(&mut Options)) -> Done {
    let header = &loaded.header;
    let started = Instant::now();
    let mut options = or_cancelled("starting", Some(header), loaded.options(settings, services)).await?;
    ask(&mut options);
    let mut interrupts = Interrupts::listen().map_err(Stop::from)?;
    let mut watch = Watch { started, fold: Fold::default(), view: View::open(settings, header), header };
    for warning in &loaded.warnings {
        watch.see(&Event { at_ms: 0, node: None, fact: Fact::Warning(warning.clone()) });
    }
    let (sender, mut events) = unbounded_channel();
    let cancel = CancellationToken::new();
    let mut driver = Box::pin(crate::run::run(&loaded.environment, &options, sender, cancel.clone()));
    let mut clock = tokio::time::interval(FRAME);
    let ended = loop {
        tokio::select! {
            biased;
            () = interrupts.next() => {
                if cancel.is_cancelled() {
                    break None;
                }
                cancel.cancel();
                watch.view.say("stopping to watch; AWS goes on. Ctrl-C once more ends at once");
            }
            Some(event) = events.recv() => watch.see(&event),
            ended = &mut driver => break Some(ended),
            _ = clock.tick() => watch.view.tick(header, &watch.fold, millis(started)),
        }
    };
    // What was said before the end is part of it.
    while let Ok(event) = events.try_recv() {
        watch.see(&event);
    }
    let duration_ms = millis(started);
    let end = match &ended {
        Some(ended) => end(ended, duration_ms),
        None => End { cancelled: true, duration_ms, ..End::default() },
    };
    let outcome = Outcome::of(header, &watch.fold, end);
    watch.view.close(header, &watch.fold, duration_ms);
    tell(settings, &outcome);
    Ok(outcome.exit_code)
}

struct Watch<'a> {
    started: Instant,
    fold: Fold,
    view: View,
    header: &'a Header,
}

impl Watch<'_> {
    fn see(&mut self, event: &Event) {
        self.fold.apply(event);
        self.view.event(&self.fold, event);
        self.view.tick(self.header, &self.fold, millis(self.started));
    }
}

fn millis(since: Instant) -> u64 {
    u64::try_from(since.elapsed().as_millis()).unwrap_or(u64::MAX)
}

fn end(ended: &Ended, duration_ms: u64) -> End<'_> {
    End {
        plan: ended.plan.as_ref(),
        fault: ended.fault.as_ref(),
        cancelled: ended.cancelled,
        timed_out: ended.timed_out,
        calls: ended.calls,
        cost: ended.cost,
        duration_ms,
    }
}

/// A run changes things: in text its report goes to stderr, like its progress.
fn tell(settings: &Settings, outcome: &Outcome) {
    let card = outcome.card();
    match settings.format {
        Format::Text => sink::err(&text(&card, settings.err)),
        Format::Markdown => sink::out(&markdown(&card)),
        Format::Json => {
            if outcome.exit != Exit::Done && !settings.quiet {
                sink::err(&text(&card, settings.err));
            }
            sink::json(outcome);
        }
    }
}
