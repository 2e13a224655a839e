//! The verdict over a rollout, and from evidence to a cause.

pub mod causes;
pub mod exec;
mod service_deployment;
mod signs;
pub mod stack_events;
mod verdict;
pub mod verify;

pub use service_deployment::{Brief, Hook, Rollback, ServiceDeployment, ours};
pub use signs::Signs;
pub use verdict::{Ending, Observation, Pause, Told, Verdict, Watch};
