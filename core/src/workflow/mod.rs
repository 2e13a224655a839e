//! The workflow file: its types by section, loading, merging, interpolation, validation and schema.

mod environment;
mod value;

pub use environment::*;
pub use value::{Outputs, Part, Text, Value};
