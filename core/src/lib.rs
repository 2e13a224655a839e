//! What the runner decides. No I/O, no async runtime, no AWS SDK: everything here is a function over data.
//!
//! The floors, each importing only from those above it in this list (a test of the `runner` crate holds that):
//!
//! - [`text`]: secrets, foreign text, redaction, positions in a file, near misses, moments
//! - [`workflow`]: the workflow file: types by section, loading, merging, interpolation, validation, schema
//! - [`iam`]: the policy language of the roles we render, their names, and the evaluator that judges policies
//! - [`infra`]: `Environment` → CloudFormation templates; one file a stack, one list
//! - [`service`]: `Environment` → task definition, ECS service, listener rule, scaling
//! - [`plan`]: `World`, `Plan`, `Action`, `Change`, the guard, fingerprints
//! - [`stages`]: one file a stage, decisions only
//! - [`judge`]: the verdict over a rollout, and from evidence to a cause
//! - [`cost`]: desired state → monthly items
//! - [`report`]: `Event`, `Outcome`, `Card` → text, Markdown, JSON

pub mod cost;
pub mod iam;
pub mod infra;
pub mod judge;
pub mod plan;
pub mod report;
pub mod service;
pub mod stages;
#[cfg(test)]
mod testing;
pub mod text;
pub mod workflow;
