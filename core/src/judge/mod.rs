//! The verdict over a rollout, and from evidence to a cause.

pub mod causes;
