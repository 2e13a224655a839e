//! `Event`, `Outcome`, `Card` → text, Markdown, JSON.
//!
//! A command's answer is a value that serialises (`Outcome`, `PlanReport`, `StatusReport`, `CostReport`, `Checked`,
//! `Stopped`): that is the JSON. Each gives a [`Card`], which [`text()`] and [`markdown()`] render. While a run lasts,
//! [`live`] renders the [`Fold`] of its events.

mod annotate;
mod card;
mod cards;
pub mod comment;
mod cost;
mod docs;
mod event;
mod fold;
mod gantt;
mod header;
pub mod live;
mod markdown;
mod outcome;
mod outputs;
mod planned;
mod service_history;
mod text;
mod usual;
mod waiting;
pub mod words;

#[cfg(test)]
mod tests;

pub use annotate::{Annotation, Level, commands, data};
pub use card::{Block, Card, ChangeLine, Mark, Piece};
pub use cards::{AdoptReport, Checked, DriftReport, Finding, ServiceNow, StatusReport, Stopped, VerifyReport};
pub use cost::{CostReport, by_item};
pub use docs::docs;
pub use event::{Changed, Event, Fact, Failure, ServiceState};
pub use fold::{Fold, NodeState, Said, StageState, State, TaskDone, Warning};
pub use gantt::gantt;
pub use header::Header;
pub use markdown::markdown;
pub use outcome::{Counts, End, Outcome, Verdict, worst};
pub use outputs::{Outputs, file_command};
pub use planned::{PlanReport, PlanVerdict, Row, Sign};
pub use service_history::{Deployed, ServiceHistory, ToldBy};
pub use text::{Style, text};
pub use usual::Usually;
pub use waiting::{Awaited, Paused, Standing};
