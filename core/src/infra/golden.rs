//! The staging environment's templates as files, so that a change of any shows in review.

use std::collections::BTreeSet;
use std::path::PathBuf;

use super::testing::{environment, tested};
use super::{stacks, test_listener};
use crate::testing::hold;

const REGENERATE: &str = "to accept: UPDATE_GOLDEN=1 cargo test -p runner-core infra::golden";

#[test]
fn the_templates_of_staging_are_the_golden_ones() {
    let directory = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("src/infra/golden");
    let update = std::env::var_os("UPDATE_GOLDEN").is_some();
    let mut expected = BTreeSet::new();
    // Staging only rolls; what a shift of traffic adds to stacks of its own is that of a service that shifts.
    let tested = test_listener::stacks(&tested(environment("staging")));
    assert_eq!(tested.len(), 1);
    for stack in stacks(&environment("staging")).into_iter().chain(tested) {
        let name = format!("{}.json", stack.key);
        hold(&format!("infra/golden/{name}"), &format!("{:#}\n", stack.to_json()));
        expected.insert(name);
    }
    let mut found = BTreeSet::new();
    for entry in std::fs::read_dir(&directory).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        if update && !expected.contains(&name) {
            std::fs::remove_file(directory.join(&name)).unwrap();
        } else {
            found.insert(name);
        }
    }
    assert_eq!(found, expected, "a golden file of no stack; {REGENERATE}");
}
