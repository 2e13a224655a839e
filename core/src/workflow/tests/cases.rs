//! What is said of bad files: `testdata/*.cases` hold a file and everything that is said of it, one case after another.
//!
//! A case is `=== NAME`, the file, `---`, the rendering. A line `@app` stands for the first three lines of a file, and
//! `@file PATH` … `@end` for a file that the case names. `UPDATE_CASES=1 cargo test` writes the renderings anew; read
//! the difference before it is committed.

use super::*;

struct Case {
    name: String,
    text: String,
    expected: String,
}

fn parse(cases: &str) -> Vec<Case> {
    let mut out = Vec::new();
    for case in cases.split("=== ").skip(1) {
        let (name, rest) = case.split_once('\n').expect("a case has a name and a file");
        let (text, expected) = rest.split_once("---8<---\n").unwrap_or((rest, ""));
        out.push(Case { name: name.to_owned(), text: text.to_owned(), expected: expected.trim_end().to_owned() });
    }
    out
}

/// The workflow file of a case, and the files beside it.
fn expand(text: &str) -> (String, BTreeMap<String, Vec<u8>>) {
    let mut file = String::new();
    let mut files: BTreeMap<String, Vec<u8>> = BTreeMap::new();
    let mut beside: Option<String> = None;
    for line in text.lines() {
        if let Some(path) = line.strip_prefix("@file ") {
            beside = Some(path.to_owned());
            files.insert(path.to_owned(), Vec::new());
        } else if line == "@end" {
            beside = None;
        } else if let Some(path) = &beside {
            let content = files.entry(path.clone()).or_default();
            content.extend(line.as_bytes());
            content.push(b'\n');
        } else if line == "@app" {
            file.push_str("app: shop\nregion: eu-central-1\nenvironments: { staging: { account: \"111122223333\", domain: shop.example } }\n");
        } else {
            file.push_str(line);
            file.push('\n');
        }
    }
    (file, files)
}

fn rendered(text: &str) -> String {
    let (file, files) = expand(text);
    let problems = match load("infra.yml", file.as_bytes()) {
        Ok(workflow) => workflow.check(&given(), &files),
        Err(problems) => problems,
    };
    problems.render(false).trim_end().to_owned()
}

fn check(path: &str, cases: &str) {
    let cases = parse(cases);
    assert!(!cases.is_empty());
    if std::env::var_os("UPDATE_CASES").is_some() {
        let text: Vec<String> = cases
            .iter()
            .map(|case| format!("=== {}\n{}---8<---\n{}\n\n", case.name, case.text, rendered(&case.text)))
            .collect();
        let path = format!("{}/src/workflow/testdata/{path}", env!("CARGO_MANIFEST_DIR"));
        std::fs::write(path, text.concat().trim_end().to_owned() + "\n").expect("the cases can be written");
        return;
    }
    let wrong: Vec<String> = cases
        .iter()
        .filter(|case| rendered(&case.text) != case.expected)
        .map(|case| format!("=== {}\nexpected:\n{}\nfound:\n{}\n", case.name, case.expected, rendered(&case.text)))
        .collect();
    assert!(wrong.is_empty(), "{}", wrong.concat());
}

macro_rules! cases {
    ($($name:ident)+) => {
        $(
            #[test]
            fn $name() {
                let path = concat!(stringify!($name), ".cases");
                check(path, include_str!(concat!("../testdata/", stringify!($name), ".cases")));
            }
        )+

        #[test]
        fn every_file_of_cases_is_run() {
            let directory = concat!(env!("CARGO_MANIFEST_DIR"), "/src/workflow/testdata");
            let mut found: Vec<String> = std::fs::read_dir(directory)
                .expect("testdata can be read")
                .filter_map(|entry| entry.ok()?.file_name().into_string().ok()?.strip_suffix(".cases").map(str::to_owned))
                .collect();
            found.sort();
            let mut run = vec![$(stringify!($name).to_owned()),+];
            run.sort();
            assert_eq!(found, run);
        }
    };
}

cases! { yaml language network sizes names routing services rollout test_listener variables parts files environments }
