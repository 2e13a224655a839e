//! Runs and watches: events into the fold, the fold to the terminal, the outcome to the end.

use std::time::Instant;

use runner_core::{
    plan::Exit,
    report::{Card, End, Event, Fact, Fold, Header, Mark, Outcome, State, Verdict, gantt, markdown, text},
};
use tokio::sync::mpsc::unbounded_channel;
use tokio_util::sync::CancellationToken;

use super::{
    args::Format,
    load::Loaded,
    millis,
    progress::{FRAME, View},
    publish::{Told, publish},
    settings::Settings,
    signals::{Interrupts, or_cancelled},
    sink,
    stop::{Done, Stop},
};
use crate::{github::Live, run::Options};

/// Runs what was asked for to its end, or until a person has had enough.
pub async fn follow(settings: &Settings, loaded: &Loaded, services: &[String], ask: impl FnOnce(&mut Options)) -> Done {
    let header = &loaded.header;
    let started = Instant::now();
    let mut options = or_cancelled("starting", Some(header), loaded.options(settings, services)).await?;
    ask(&mut options);
    let mut interrupts = Interrupts::listen().map_err(Stop::from)?;
    let live = live(settings, header)?;
    let mut watch = Watch { started, fold: Fold::default(), view: View::open(settings, header), header, live };
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
            _ = clock.tick() => {
                watch.view.tick(header, &watch.fold, millis(started));
                watch.comment();
            }
        }
    };
    // What was said before the end is part of it.
    while let Ok(event) = events.try_recv() {
        watch.see(&event);
    }
    let duration_ms = millis(started);
    let fault = ended.as_ref().and_then(|ended| ended.fault.as_ref()).map(|fault| fault.cleaned(sink::redact));
    let end = match &ended {
        Some(ended) => End { fault: fault.as_ref(), ..ended.end(duration_ms) },
        None => End { cancelled: true, duration_ms, ..End::default() },
    };
    let outcome = Outcome::of(header, &watch.fold, end);
    watch.view.close(header, &watch.fold, duration_ms);
    tell(settings, &outcome);
    let leaving = leave(settings, &outcome, watch.live);
    tokio::select! {
        () = leaving => {}
        // A cancelled job is told twice before it is killed, and a person may have had enough.
        () = interrupts.next() => {}
    }
    Ok(outcome.exit_code)
}

/// The comment of a run under way, where there shall be one.
fn live(settings: &Settings, header: &Header) -> Result<Option<Live>, Stop> {
    let thread = settings.job()?.and_then(|job| job.thread(header));
    match thread {
        None => Ok(None),
        Some(Ok(thread)) => Ok(Some(Live::start(thread))),
        Some(Err(words)) => {
            sink::err_line(&format!("warning: there will be no comment: {words}"));
            Ok(None)
        }
    }
}

/// Leaves behind what a GitHub job leaves.
async fn leave(settings: &Settings, outcome: &Outcome, live: Option<Live>) {
    let header = &outcome.header;
    let mut told = Told::new(Some(header), outcome.card(), outcome, outcome.exit_code);
    told.comment = live.is_some().then(|| outcome.card());
    told.quiet = outcome.verdict == Verdict::Unchanged;
    told.more = gantt(&outcome.stages, outcome.duration_ms);
    (told.outputs, told.annotations) = (outcome.outputs(), outcome.annotations());
    publish(settings, told, live).await;
}

struct Watch<'a> {
    started: Instant,
    fold: Fold,
    view: View,
    header: &'a Header,
    live: Option<Live>,
}

impl Watch<'_> {
    /// The comment is written once something is at work, and from then on at most every so often and at each change of
    /// state. A run with nothing to do has none.
    fn comment(&mut self) {
        let Some(live) = &mut self.live else { return };
        let begun = self.fold.nodes.iter().any(|node| node.state == State::Running);
        let mark = if self.fold.awaits().is_empty() { Mark::Running } else { Mark::Waiting };
        if begun && live.wants(mark) {
            live.show(Card::running(self.header, &self.fold, millis(self.started)));
        }
    }

    fn see(&mut self, event: &Event) {
        let event = &event.cleaned(sink::redact);
        self.fold.apply(event);
        self.view.event(&self.fold, event);
        self.view.tick(self.header, &self.fold, millis(self.started));
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
