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
mod service;
#[cfg(test)]
mod tests;
mod tree;
mod value;

pub use check::{STAGES, least_size, reserved_variable, secret_by_name};
pub use environment::*;
pub use load::{Files, Given, Workflow, defaults, load, notes};
pub use problems::{Problem, Problems, Warning};
pub use section::{explain, schema};
pub use service::*;
pub use value::{Outputs, Part, Text, Value};

/// Reads bytes as far as they go and renders whatever is said of them: what the fuzzer and the corpus call.
#[doc(hidden)]
pub fn survive(bytes: &[u8]) {
    /// Whatever file is asked for, it is these bytes.
    struct Same<'a>(&'a [u8]);
    impl Files for Same<'_> {
        fn read(&self, _: &str) -> Result<Vec<u8>, String> {
            Ok(self.0.to_vec())
        }
    }
    let given = Given { git_sha: Some("3f9c2e1".to_owned()) };
    let rendered = match load("infra.yml", bytes) {
        Ok(workflow) => {
            let problems = workflow.check(&given, &Same(bytes));
            for name in workflow.names() {
                let read = workflow.environment(name, &given, &Same(bytes));
                assert!(read.is_err() || !name.is_empty(), "an environment without a name was read");
            }
            assert!(serde_json::to_string(&problems).is_ok(), "problems are data");
            problems.render(true)
        }
        Err(problems) => problems.render(false),
    };
    assert!(rendered.len() < 64 * 1024 * 1024, "the rendering is bounded");
}
