//! The policy language of the roles we render.
//!
//! A policy is data until the last moment, so that what a role may do can be asked of it, not only printed.

mod policy;

pub use policy::{Condition, Effect, Policy, Statement, trust_service};
