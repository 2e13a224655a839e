//! Files that are hardly files: encodings, sizes, depths.

use super::*;
use crate::text::Span;

fn rendered(bytes: &[u8]) -> String {
    match load("infra.yml", bytes) {
        Ok(workflow) => workflow.check(&given(), &()).render(false),
        Err(problems) => problems.render(false),
    }
}

fn first_line(bytes: &[u8]) -> String {
    rendered(bytes).lines().next().unwrap_or_default().to_owned()
}

#[test]
fn what_cannot_be_read_is_said_in_a_line() {
    assert_eq!(first_line(b""), "error: the file is empty");
    assert_eq!(first_line(b"  \n\n"), "error: the file is empty");
    assert_eq!(
        first_line(b"app: shop\nregion: \xff\n"),
        "error: the file is not UTF-8: byte 18 (line 2) cannot be read"
    );
    assert_eq!(first_line(b"app: sh\0op\n"), "error: the file holds the control character U+0000");
    assert_eq!(first_line(b"app: \x1b[31m\n"), "error: the file holds the control character U+001B");
    let large = vec![b'#'; 2 * 1024 * 1024];
    assert_eq!(first_line(&large), "error: the file has 2097152 bytes; the limit is 1 MiB (1048576)");
}

#[test]
fn nesting_is_bounded_and_does_not_cost_the_stack() {
    let flow = "[".repeat(10_000);
    assert!(first_line(format!("a: {flow}").as_bytes()).starts_with("error: "), "{}", first_line(flow.as_bytes()));
    let closed = format!("a: {}{}", "[".repeat(40), "]".repeat(40));
    assert_eq!(first_line(closed.as_bytes()), "error: the file is nested more than 32 deep");
    let block: String = (0..5_000).map(|depth| format!("{}a:\n", " ".repeat(depth % 700))).collect();
    assert!(first_line(block.as_bytes()).starts_with("error: "));
}

#[test]
fn a_byte_order_mark_and_carriage_returns_change_nothing() {
    let small = example::SMALL;
    let plain = environment(small, "staging");
    let marked = environment(&format!("\u{FEFF}{small}"), "staging");
    assert_eq!(marked, plain);
    let returns = environment(&small.replace('\n', "\r\n"), "staging");
    assert_eq!(returns, plain);
    let mut ruled = environment(&format!("---\n{small}...\n"), "staging");
    assert_eq!(ruled.origins.find("app").map(|span| span.line), Some(2));
    ruled.origins = plain.origins.clone();
    assert_eq!(ruled, plain);
}

#[test]
fn places_are_right_after_wide_characters_and_carriage_returns() {
    let text = "app: shop\r\nregion: eu-central-1\r\nenvironments: { staging: {} }\r\n# ü€𝄞\r\nservices: { web: { build: ., command: [\"ü€𝄞\", x], cup: 1 } }\r\n";
    let problems = problems(text);
    let [only] = problems.problems.as_slice() else { panic!("{problems}") };
    let line = text.lines().nth(4).unwrap_or_default();
    let column = line.chars().take_while(|c| *c != 'p').count();
    assert!(column > 0);
    let at = line.find("cup").map(|byte| line[..byte].chars().count()).unwrap_or_default();
    assert_eq!(only.span, Some(Span { line: 5, column: u32::try_from(at).unwrap_or_default() + 1, length: 3 }));
    assert!(problems.render(false).contains("did you mean `cpu`?"), "{problems}");
}

#[test]
fn a_text_over_several_lines_is_shown_by_its_first() {
    let text = "app: shop\nregion: >-\n  not a\n  region\nenvironments: { staging: {} }\nservices: { web: { build: ., port: 80 } }\n";
    let problems = problems(text);
    let [only] = problems.problems.as_slice() else { panic!("{problems}") };
    assert_eq!(only.span.map(|span| span.line), Some(3), "{problems}");
}

#[test]
fn problems_are_data_for_annotations() {
    let problems = problems(
        "app: shop\nregion: eu-central-1\nenvironments: { staging: {} }\nservices: { web: { build: ., port: 80, cup: 1 } }\n",
    );
    assert_eq!(
        serde_json::to_value(&problems).unwrap_or_default(),
        serde_json::json!({
            "errors": [{
                "file": "infra.yml",
                "line": 4,
                "column": 40,
                "path": "services.web.cup",
                "message": "unknown key `cup` in services.web",
                "help": "did you mean `cpu`?",
            }],
            "warnings": [],
        })
    );
    assert!(problems.render(true).contains("\u{1b}["), "colour where it is asked for");
    assert!(!problems.render(false).contains('\u{1b}'));
}
