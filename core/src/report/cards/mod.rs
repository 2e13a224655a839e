//! What is said about each kind of answer.

mod checked;
mod drift;
mod finished;
mod planned;
mod status;
mod stopped;

pub use checked::{Checked, Finding, annotation};
pub use drift::DriftReport;
pub use status::{ServiceNow, StatusReport};
pub use stopped::Stopped;
