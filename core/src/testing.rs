//! What tests share: the example of the repository, loaded, and golden files.

use std::{collections::BTreeMap, path::PathBuf};

use crate::workflow::{Environment, Given, load};

/// The finance app's file.
pub(crate) const EXAMPLE: &str = include_str!("../../workflows-examples/finance-app/finance-infra.yml");

/// An environment of the finance app.
pub(crate) fn example(name: &str) -> Environment {
    environment(EXAMPLE, name)
}

/// An environment of a file that is right.
pub(crate) fn environment(text: &str, name: &str) -> Environment {
    let given = Given { git_sha: Some("3f9c2e1".into()) };
    let read = load("app.yml", text.as_bytes()).and_then(|file| file.environment(name, &given, &BTreeMap::new()));
    match read {
        Ok((environment, _)) => environment,
        Err(problems) => panic!("{problems}"),
    }
}

/// Holds a text against a golden file below `src`.
pub(crate) fn hold(file: &str, rendered: &str) {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("src").join(file);
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(&path, rendered).unwrap();
    }
    let golden = std::fs::read_to_string(&path).unwrap_or_default();
    if golden != rendered {
        let difference = similar::TextDiff::from_lines(&golden, rendered);
        panic!("{file} differs; to accept: UPDATE_GOLDEN=1 cargo test -p runner-core\n{}", difference.unified_diff());
    }
}
