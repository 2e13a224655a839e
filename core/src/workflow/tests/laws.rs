//! What holds for any file: the laws of merging, and that no bytes make the loader panic.

use proptest::prelude::*;

use super::*;
use crate::text::Span;
use crate::workflow::merge::merge;
use crate::workflow::tree::{Entry, Kind, Node};

const PLACE: Span = Span { line: 1, column: 1, length: 1 };

fn node(kind: Kind) -> Node {
    Node { kind, span: PLACE, tag: None }
}

fn tree(nulls: bool) -> impl Strategy<Value = Node> {
    let leaf = prop_oneof![
        "[a-c]{1,2}".prop_map(Kind::Text),
        any::<bool>().prop_map(Kind::Bool),
        (0..9u8).prop_map(|number| Kind::Number(number.to_string())),
        Just(if nulls { Kind::Null } else { Kind::Bool(true) }),
    ]
    .prop_map(node);
    let inner = leaf.prop_recursive(3, 24, 4, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..3).prop_map(|items| node(Kind::List(items))),
            map(inner),
        ]
    });
    map(inner)
}

fn map(inner: impl Strategy<Value = Node>) -> impl Strategy<Value = Node> {
    proptest::collection::btree_map("[a-d]", inner, 0..4).prop_map(|map| {
        let entry = |(key, value)| Entry { key, key_span: PLACE, value };
        node(Kind::Map(map.into_iter().map(entry).collect()))
    })
}

/// What a tree says, without the order of its keys.
fn said(node: &Node) -> serde_json::Value {
    match &node.kind {
        Kind::Null => serde_json::Value::Null,
        Kind::Bool(value) => (*value).into(),
        Kind::Number(text) => format!("number {text}").into(),
        Kind::Text(text) => text.clone().into(),
        Kind::List(items) => items.iter().map(said).collect(),
        Kind::Map(entries) => {
            serde_json::Value::Object(entries.iter().map(|entry| (entry.key.clone(), said(&entry.value))).collect())
        }
    }
}

fn empty() -> Node {
    node(Kind::Map(Vec::new()))
}

fn holds_null(value: &serde_json::Value) -> bool {
    match value {
        serde_json::Value::Object(map) => map.values().any(|value| value.is_null() || holds_null(value)),
        _ => false,
    }
}

proptest! {
    #[test]
    fn nothing_over_it_changes_nothing(base in tree(false)) {
        prop_assert_eq!(said(&merge(&base, &empty())), said(&base));
    }

    #[test]
    fn over_nothing_it_is_itself_without_nulls(over in tree(true)) {
        let merged = said(&merge(&empty(), &over));
        prop_assert!(!holds_null(&merged));
        prop_assert_eq!(&said(&merge(&empty(), &merge(&empty(), &over))), &merged);
    }

    #[test]
    fn merging_the_same_again_changes_nothing(base in tree(false), over in tree(true)) {
        let once = merge(&base, &over);
        prop_assert_eq!(said(&merge(&once, &over)), said(&once));
    }

    #[test]
    fn what_is_said_over_it_wins(base in tree(false), over in tree(true)) {
        let merged = merge(&base, &over);
        for entry in over.entries() {
            match &entry.value.kind {
                Kind::Null => prop_assert!(merged.get(&entry.key).is_none()),
                Kind::Map(_) => prop_assert!(merged.get(&entry.key).is_some()),
                _ => prop_assert_eq!(merged.get(&entry.key).map(said), Some(said(&entry.value))),
            }
        }
        for entry in base.entries() {
            if over.get(&entry.key).is_none() {
                prop_assert_eq!(merged.get(&entry.key).map(said), Some(said(&entry.value)));
            }
        }
    }
}

/// Reads bytes as far as they go; renders whatever is wrong.
fn survive(bytes: &[u8]) {
    super::super::survive(bytes);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn any_bytes_are_survived(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        survive(&bytes);
    }

    #[test]
    fn any_line_of_signs_is_survived(text in "[\\[\\]{}:,&*!|>'\"#%@`a-c0-9 \\n\\t-]{0,120}") {
        survive(text.as_bytes());
    }

    #[test]
    fn a_changed_example_is_survived(
        at in any::<prop::sample::Index>(),
        length in 0..12usize,
        put in "[\\[\\]{}:,&*!$a-z0-9 \\n\"-]{0,6}",
    ) {
        let mut bytes = example::EXAMPLE.as_bytes().to_vec();
        let at = at.index(bytes.len());
        let end = (at + length).min(bytes.len());
        bytes.splice(at..end, put.bytes());
        survive(&bytes);
    }

    #[test]
    fn values_swapped_in_the_example_are_survived(
        line in any::<prop::sample::Index>(),
        value in prop_oneof![
            Just("null"), Just("[]"), Just("{}"), Just("-1"), Just("1e400"), Just("\"\""), Just("${"), Just("[[a]]"),
            Just("99999999999999999999"), Just("\"${stacks.a.b}\""), Just("{ existing: { a: b } }"), Just("*x"), Just("'é€'"),
        ],
    ) {
        let lines: Vec<&str> = example::EXAMPLE.lines().collect();
        let at = line.index(lines.len());
        let text: Vec<String> = lines
            .iter()
            .enumerate()
            .map(|(index, line)| match line.split_once(": ") {
                Some((key, _)) if index == at => format!("{key}: {value}"),
                _ => (*line).to_owned(),
            })
            .collect();
        survive(text.join("\n").as_bytes());
    }
}

#[test]
fn the_corpus_is_survived() {
    let directory = concat!(env!("CARGO_MANIFEST_DIR"), "/src/workflow/testdata/corpus");
    let mut count = 0;
    for entry in std::fs::read_dir(directory).expect("the corpus can be read") {
        let path = entry.expect("an entry").path();
        survive(&std::fs::read(path).expect("a file of the corpus"));
        count += 1;
    }
    assert!(count >= 10, "{count}");
}
