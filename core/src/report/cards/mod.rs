//! What is said about each kind of answer.

mod adopt;
mod beyond;
mod checked;
mod drift;
mod finished;
mod merge;
mod planned;
mod running;
mod status;
mod stopped;
mod users;
mod verified;

pub use adopt::AdoptReport;
pub use checked::{Checked, Finding};
pub use drift::DriftReport;
pub(super) use finished::node_name;
pub use status::{ServiceNow, StatusReport};
pub use stopped::Stopped;
pub use verified::VerifyReport;
