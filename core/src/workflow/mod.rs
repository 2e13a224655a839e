//! The workflow file: its types by section, loading, merging, interpolation, validation and schema.
//!
//! [`load`] reads bytes into a [`Workflow`]; [`Workflow::environment`] gives one [`Environment`], which is all that the
//! rest of the program sees of the file; [`Workflow::check`] says everything that is wrong in any of them.

mod check;
mod environment;
mod files;
mod interpolate;
mod load;
mod lower;
mod merge;
mod parse;
mod problems;
mod section;
#[cfg(test)]
mod tests;
mod tree;
mod value;

pub use check::STAGES;
pub use environment::*;
pub use load::{Files, Given, Workflow, defaults, load};
pub use problems::{Problem, Problems, Warning};
pub use section::{explain, schema};
pub use value::{Outputs, Part, Text, Value};
