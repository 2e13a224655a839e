//! The verdict over a rollout, and from evidence to a cause.

pub mod causes;
pub mod stack_events;
mod verdict;

pub use verdict::{Ending, Hook, Observation, ServiceDeployment, Verdict, Watch};
