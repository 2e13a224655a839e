//! `World`, `Plan`, `Action`, `Change`: the nouns in which plan and run are one path.

mod action;
mod adopt;
mod assume;
mod assume_stack;
mod beyond;
mod change;
mod desired;
mod difference;
mod drift;
mod exit;
mod fault;
mod fingerprint;
mod guard;
mod history;
mod known;
mod likewise;
mod listener_rule;
mod made_from;
mod node;
mod plan_id;
mod read;
mod refusal;
mod registered;
mod seen;
mod service_changes;
mod stack_status;
mod world;

pub use action::{
    Action, Answer, DeleteImages, DeleteParameters, DeleteRevisions, DeleteRules, Follow, MarkService, PushImage,
    PutParameter, PutRule, PutScaling, PutSchedule, PutService, PutStack, RegisterTaskDefinition, RemoveSchedule,
    RemoveService, RunCommand, RunTask, StackMove, TurnBack,
};
pub use adopt::{Adopted, Adoption, Existing, Import, Left, Looking, Lookup, Pick};
pub use beyond::beyond;
pub use change::{Change, Replacement};
pub use desired::{DesiredService, timeless_definition};
pub use difference::{About, Side, difference, replaced, replacement};
pub use drift::{Drifted, Finding, NotChecked, Observed, ParameterSeen, ScalingSeen, drift};
pub use exit::Exit;
pub use fault::Fault;
pub use fingerprint::{canonical, digest};
pub use guard::guard;
pub use history::{Flight, History, Past, Pause, Revision, Version, is_over};
pub use known::Known;
pub use likewise::{Changed, likewise};
pub use listener_rule::{ListenerRule, is_rule_of};
pub use made_from::{MadeFrom, size_of, unversioned_definition};
pub use node::{Node, NodeId};
pub use plan_id::{Plan, Planned, SecretNow};
pub use refusal::Refusal;
pub use registered::as_registered;
pub use seen::{Deployment, Image, Parameter, Rollout, Service, Stack, TaskDefinition, TaskRun, Variable};
pub use service_changes::{definition_changes, service_changes, starts_deployment};
pub use stack_status::{STATUSES, StackStatus, Standing, WayOut};
pub use world::{Abilities, Ask, Caller, PassedOver, Wish, World};
