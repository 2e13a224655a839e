//! The journal: every fact, with the time since the command began, on its way to whoever shows it.

use std::time::Instant;

use runner_core::{
    plan::NodeId,
    report::{Event, Fact},
};
use tokio::sync::mpsc::UnboundedSender;

/// See the module.
pub(super) struct Journal {
    began: Instant,
    events: UnboundedSender<Event>,
}

impl Journal {
    pub(super) fn new(events: UnboundedSender<Event>) -> Self {
        Self { began: Instant::now(), events }
    }

    pub(super) fn say(&self, node: Option<&NodeId>, fact: Fact) {
        let at_ms = u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX);
        // Nobody listens any more: the run goes on all the same.
        let _ = self.events.send(Event { at_ms, node: node.cloned(), fact });
    }
}
