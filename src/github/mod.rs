//! GitHub: the context of a job, its OIDC tokens, the comment on a pull request, the step's files. It carries what
//! `report` made; it alone names octocrab.
//!
//! Nothing here changes how a command ends: what GitHub refuses is said in words, and the step summary has it anyway.

mod api;
mod claims;
mod comment;
mod context;
mod files;
mod live;
mod protection;
mod token;

#[cfg(test)]
mod context_tests;

pub use api::{Api, Pace, Trouble};
pub use claims::{Claims, refused};
pub use comment::{PATIENCE, Said, Thread};
pub use context::{Context, Origin, Place, Repository};
pub use files::{StepFiles, random_word};
pub use live::Live;
pub use protection::{Protection, protection};
pub use token::TokenRequest;
