//! The policy language of the roles we render, and the evaluator that judges policies.
//!
//! A policy is data until the last moment, so that what a role may do can be asked of it, not only printed: [`evaluate`]
//! answers as IAM would.

mod condition;
mod document;
mod evaluate;
mod names;
mod policy;

pub use document::{Document, Unreadable};
pub use evaluate::{Decision, Principal, Request, evaluate, trusts};
pub use names::{Job, account_arn, partition, role_arn, role_name};
pub use policy::{Condition, Effect, Policy, Statement, Trusted, trust_service};
