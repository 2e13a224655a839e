//! CloudFormation: reads stacks, and puts them where they shall be.
//!
//! Reading is [`describe`] and [`template`]; acting is [`Acting::put`], one match over how a stack gets there. All of
//! it may be killed at any point: what was begun goes on without us, and the next run finds it.

// A fault ends a stack's turn and is never on a hot path: its size does not matter.
#![allow(clippy::result_large_err)]

mod adopt;
mod change_set;
mod delete;
mod drift;
mod failure;
mod follow;
mod observe;
mod protect;
mod put;

use std::collections::BTreeSet;

pub use drift::drift;
pub use observe::{describe, template};
use runner_core::{
    plan::{Fault, Refusal},
    report::{Fact, Failure},
};

use crate::aws::Clients;

/// With what, as whom and how far stacks are acted on.
#[derive(Clone, Copy)]
pub struct Acting<'a> {
    /// Clients of the stack's region.
    pub clients: &'a Clients,
    /// The role CloudFormation works with; without it, the caller's rights, which end with the caller's session.
    pub role_arn: Option<&'a str>,
    /// Logical ids whose replacement or removal the user accepts.
    pub allow_replace: &'a BTreeSet<String>,
    /// Resource types the endpoint does not know are left out.
    pub may_leave_out: bool,
    /// Change sets are asked to find what exists under the names of their templates.
    pub asks_by_name: bool,
    /// Where facts go.
    pub emit: &'a (dyn Fn(Fact) + Sync),
}

/// Why a stack is not where it shall be.
#[derive(Debug)]
pub enum Stop {
    /// It would do harm, and nothing was changed.
    Refused(Refusal),
    /// It failed.
    Failed(Box<Failure>),
}

impl From<Fault> for Stop {
    fn from(fault: Fault) -> Self {
        Self::Failed(Box::new(fault.into()))
    }
}

/// `finance-app-staging-network in us-east-1`, for what is being done to a stack that may be of another region.
fn stack_named(name: &str, region: &str) -> String {
    format!("stack {name} in {region}")
}
