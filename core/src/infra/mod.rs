//! `Environment` → CloudFormation templates: one file a stack, one list.

mod create_only;
mod leave_out;
mod references;
mod template;

pub use create_only::{CreateOnly, create_only, holds};
pub use leave_out::leave_out;
pub use references::references;
pub(crate) use references::{is_intrinsic, next_placeholder};
pub use template::{Holds, Keep, Output, Parameter, Resource, Source, Template, attribute, reference, substitute};

use crate::workflow::Environment;

/// A stack the runner knows how to make.
pub struct StackKind {
    /// The stage that owns it: `bootstrap-network`.
    pub stage: &'static str,
    /// What it makes, in a few words.
    pub makes: &'static str,
    /// The stacks of this kind that an environment has.
    pub stacks: fn(&Environment) -> Vec<StackDesired>,
}

/// A stack as it shall be.
#[derive(Debug, Clone, PartialEq)]
pub struct StackDesired {
    /// Its key: `network`, `service-api`; `${stacks.KEY.OUTPUT}` in the file.
    pub key: String,
    /// The service it belongs to, where it belongs to one.
    pub service: Option<String>,
    /// Another region than the environment's.
    pub region: Option<String>,
    /// Keys of the stacks that must be made before, beyond those whose outputs it takes.
    pub after: Vec<String>,
    /// The template.
    pub template: Template,
}

/// Every kind of stack, in the order in which people read them.
pub const STACKS: &[StackKind] = &[];
