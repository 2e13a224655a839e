//! `docs/requirements.md` against the sources: every row has a test, and every test that it names is there.

use std::path::Path;

const ROWS: usize = 22;

#[test]
fn every_requirement_names_files_and_tests_that_are_there() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let page = std::fs::read_to_string(root.join("docs/requirements.md")).unwrap();
    let rows: Vec<&str> = page.lines().filter(|line| line.starts_with("| R")).collect();
    assert_eq!(rows.len(), ROWS);
    for (number, row) in rows.iter().enumerate() {
        let number = number + 1;
        assert!(row.starts_with(&format!("| R{number} |")), "{row}");
        let mut source = String::new();
        let mut held = 0;
        // What stands in backquotes: files, each before the tests in it.
        for name in row.split('`').skip(1).step_by(2) {
            if name.ends_with(".rs") {
                source = std::fs::read_to_string(root.join(name)).unwrap_or_else(|error| panic!("{name}: {error}"));
            } else {
                assert!(source.contains(&format!("fn {name}(")), "R{number}: there is no test {name}");
                held += usize::from(name.contains(&format!("r{number}_")));
            }
        }
        assert!(held > 0, "R{number} has no test of its name");
    }
}
