//! `World`, `Plan`, `Action`, `Change`: the nouns in which plan and run are one path.

mod action;
mod assume;
mod assume_stack;
mod change;
mod difference;
mod exit;
mod fault;
mod fingerprint;
mod guard;
mod node;
mod plan_id;
mod refusal;
mod world;

pub use action::{
    Action, Follow, PushImage, PutParameter, PutRule, PutScaling, PutService, PutStack, RegisterTaskDefinition,
    RunCommand, RunTask, StackMove,
};
pub use change::{Change, Replacement};
pub use difference::{About, Side, difference, replaced, replacement};
pub use exit::Exit;
pub use fault::Fault;
pub use fingerprint::{canonical, digest};
pub use guard::guard;
pub use node::{Node, NodeId};
pub use plan_id::{Plan, Planned};
pub use refusal::Refusal;
pub use world::{
    Abilities, Ask, Caller, Deployment, Image, Parameter, Rollout, Service, Stack, StackStatus, TaskDefinition,
    TaskRun, Variable, World,
};
