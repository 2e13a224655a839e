//! A run to its end, with everything it said.

use jiff::Timestamp;
use runner::run::{Ended, Options};
use runner_core::{
    report::{Event, Fact, Fold, Header, Outcome},
    workflow::Environment,
};
use tokio_util::sync::CancellationToken;

/// What a run said, and how it ended.
#[derive(Debug)]
pub struct Ran {
    pub events: Vec<Event>,
    pub ended: Ended,
    pub outcome: Outcome,
}

/// Runs to the end.
pub async fn run(env: &Environment, options: &Options) -> Ran {
    let (sender, mut receiver) = tokio::sync::mpsc::unbounded_channel();
    let ended = runner::run::run(env, options, sender, CancellationToken::new()).await;
    let mut events = Vec::new();
    while let Ok(event) = receiver.try_recv() {
        events.push(event);
    }
    let mut fold = Fold::default();
    events.iter().for_each(|event| fold.apply(event));
    let outcome = Outcome::of(&Header::of(env, Timestamp::UNIX_EPOCH), &fold, ended.end(0));
    Ran { events, ended, outcome }
}

impl Ran {
    /// Everything that was changed, in order of its text.
    pub fn changed(&self) -> Vec<String> {
        let mut all: Vec<String> = self
            .events
            .iter()
            .filter_map(|event| match &event.fact {
                Fact::Changed(changed) => Some(format!("{} {}", changed.verb, changed.what)),
                _ => None,
            })
            .collect();
        all.sort();
        all
    }

    /// What went wrong, in words; empty where nothing did.
    pub fn troubles(&self) -> Vec<String> {
        let mut all: Vec<String> = self
            .events
            .iter()
            .filter_map(|event| match &event.fact {
                Fact::Failed(failure) => Some(failure.fault.headline()),
                Fact::Refused(refusal) => Some(format!("{}: {}", refusal.what, refusal.why)),
                _ => None,
            })
            .collect();
        all.extend(self.ended.fault.iter().map(|fault| fault.headline()));
        all
    }

    /// The services at the verdict: name, running, desired.
    pub fn services(&self) -> Vec<(String, u32, u32)> {
        let mut all: Vec<_> = self
            .events
            .iter()
            .filter_map(|event| match &event.fact {
                Fact::Service(state) => Some((state.name.clone(), state.running, state.desired)),
                _ => None,
            })
            .collect();
        all.sort();
        all
    }
}
