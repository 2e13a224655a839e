//! `Event`, `Outcome`, `Card` → text, Markdown, JSON.

mod event;

pub use event::{Changed, Event, Fact, Failure, ServiceState};
