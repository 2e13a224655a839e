//! The workflow file as a whole: the shipped example, the smallest file, and every error.

mod bytes;
mod cases;
mod example;
mod language;
mod laws;
mod merging;
mod quotas;

use std::collections::BTreeMap;

use super::{Environment, Given, Problems, Workflow, load};

/// What the tests know beside the file.
fn given() -> Given {
    Given { git_sha: Some("3f9c2e1".to_owned()) }
}

fn read(text: &str) -> Workflow {
    load("infra.yml", text.as_bytes()).unwrap_or_else(|problems| panic!("{problems}"))
}

fn environment(text: &str, name: &str) -> Environment {
    environment_with(text, name, &[])
}

fn environment_with(text: &str, name: &str, files: &[(&str, &str)]) -> Environment {
    match read(text).environment(name, &given(), &in_memory(files)) {
        Ok((environment, _)) => environment,
        Err(problems) => panic!("{problems}"),
    }
}

fn in_memory(files: &[(&str, &str)]) -> BTreeMap<String, Vec<u8>> {
    files.iter().map(|(path, text)| ((*path).to_owned(), text.as_bytes().to_vec())).collect()
}

/// Everything that is wrong with a file, warnings left out.
fn problems(text: &str) -> Problems {
    let mut problems = match load("infra.yml", text.as_bytes()) {
        Ok(workflow) => workflow.check(&given(), &()),
        Err(problems) => problems,
    };
    problems.warnings.clear();
    problems
}
