//! The file as a tree of values, each with its place: YAML's own rules end here.

use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, SeqAccess, Visitor};
use serde_yaml::{Location, Spanned, Tagged};

use crate::text::Span;

/// A value and where it stands.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Node {
    pub kind: Kind,
    pub span: Span,
    /// `!Ref`, where there is a tag.
    pub tag: Option<String>,
}

/// What a value is.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Kind {
    Null,
    Bool(bool),
    /// A number that is not text, as the file writes it.
    Number(String),
    Text(String),
    List(Vec<Node>),
    Map(Vec<Entry>),
}

/// A key and its value. Keys may repeat until [`super::parse`] has refused that.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Entry {
    pub key: String,
    pub key_span: Span,
    pub value: Node,
}

impl Node {
    /// A value that stands in no file: a default.
    pub(super) fn bare(kind: Kind) -> Self {
        Self { kind, span: Span { line: 1, column: 1, length: 1 }, tag: None }
    }

    /// The value under this key.
    pub(super) fn get(&self, key: &str) -> Option<&Node> {
        self.entries().iter().find(|entry| entry.key == key).map(|entry| &entry.value)
    }

    /// The entries, where it is a map.
    pub(super) fn entries(&self) -> &[Entry] {
        match &self.kind {
            Kind::Map(entries) => entries,
            _ => &[],
        }
    }

    /// The text, where it is one.
    pub(super) fn text(&self) -> Option<&str> {
        match &self.kind {
            Kind::Text(text) => Some(text),
            _ => None,
        }
    }

    /// What was found, in the words of an error.
    pub(super) fn found(&self) -> String {
        match &self.kind {
            Kind::Null => "nothing".to_owned(),
            Kind::Bool(value) => format!("the boolean `{value}`"),
            Kind::Number(number) => format!("the number `{number}`"),
            Kind::Text(text) if text.is_empty() => "an empty text".to_owned(),
            Kind::Text(text) => format!("the text `{}`", short(text)),
            Kind::List(_) => "a list".to_owned(),
            Kind::Map(_) => "a map".to_owned(),
        }
    }
}

/// A text as an error may show it: one line, not the whole novel.
pub(super) fn short(text: &str) -> String {
    let line: String = text.chars().take(60).map(|c| if c.is_control() { ' ' } else { c }).collect();
    if line.chars().count() < text.chars().count() { format!("{line}…") } else { line }
}

/// A value as the parser hands it over, before numbers are given back the spelling of the file.
pub(super) struct Raw {
    pub kind: RawKind,
    pub at: Location,
    pub defined: Location,
    pub tag: Option<String>,
}

/// See [`Kind`].
pub(super) enum RawKind {
    Null,
    Bool(bool),
    Number(String),
    Text(String),
    List(Vec<Raw>),
    Map(Vec<(Raw, Raw)>),
}

impl<'de> Deserialize<'de> for Raw {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let Spanned { value: Tagged(kind, tag), referenced, defined } = Spanned::deserialize(deserializer)?;
        Ok(Self { kind, at: referenced, defined, tag })
    }
}

impl<'de> Deserialize<'de> for RawKind {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Any;
        impl<'de> Visitor<'de> for Any {
            type Value = RawKind;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("a value")
            }

            fn visit_unit<E>(self) -> Result<RawKind, E> {
                Ok(RawKind::Null)
            }

            fn visit_none<E>(self) -> Result<RawKind, E> {
                Ok(RawKind::Null)
            }

            fn visit_bool<E>(self, value: bool) -> Result<RawKind, E> {
                Ok(RawKind::Bool(value))
            }

            fn visit_i64<E>(self, value: i64) -> Result<RawKind, E> {
                Ok(RawKind::Number(value.to_string()))
            }

            fn visit_u64<E>(self, value: u64) -> Result<RawKind, E> {
                Ok(RawKind::Number(value.to_string()))
            }

            fn visit_f64<E>(self, value: f64) -> Result<RawKind, E> {
                Ok(RawKind::Number(value.to_string()))
            }

            fn visit_str<E>(self, value: &str) -> Result<RawKind, E> {
                Ok(RawKind::Text(value.to_owned()))
            }

            fn visit_string<E>(self, value: String) -> Result<RawKind, E> {
                Ok(RawKind::Text(value))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<RawKind, A::Error> {
                let mut list = Vec::new();
                while let Some(item) = items.next_element()? {
                    list.push(item);
                }
                Ok(RawKind::List(list))
            }

            fn visit_map<A: MapAccess<'de>>(self, mut items: A) -> Result<RawKind, A::Error> {
                let mut map = Vec::new();
                while let Some(entry) = items.next_entry()? {
                    map.push(entry);
                }
                Ok(RawKind::Map(map))
            }
        }
        deserializer.deserialize_any(Any)
    }
}
