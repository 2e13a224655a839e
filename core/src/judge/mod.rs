//! The verdict over a rollout, and from evidence to a cause.

pub mod causes;
mod verdict;

pub use verdict::{Ending, Hook, Observation, ServiceDeployment, Verdict, Watch};
