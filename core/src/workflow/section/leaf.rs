//! Leaves: numbers, durations, texts, lists and maps.

use std::collections::BTreeMap;

use serde_json::{Map, Value as Json};

use super::reader::{Read, Reader};
use super::shape::{Shape, duration};
use crate::workflow::Text;
use crate::workflow::parse::join;
use crate::workflow::tree::{Kind, Node, short};

impl Read for bool {
    fn read(node: &Node, path: &str, reader: &mut Reader<'_>) -> Option<Self> {
        match &node.kind {
            Kind::Bool(value) => Some(*value),
            Kind::Text(text) if matches!(text.to_ascii_lowercase().as_str(), "yes" | "on" | "y") => {
                reader.expected(node, path, "`true` or `false`", Some("write `true`".to_owned()));
                None
            }
            Kind::Text(text) if matches!(text.to_ascii_lowercase().as_str(), "no" | "off" | "n") => {
                reader.expected(node, path, "`true` or `false`", Some("write `false`".to_owned()));
                None
            }
            Kind::Text(text) if matches!(text.as_str(), "true" | "false") => {
                reader.expected(node, path, "`true` or `false`", Some("take the quotes away".to_owned()));
                None
            }
            _ => {
                reader.expected(node, path, "`true` or `false`", None);
                None
            }
        }
    }

    fn shape() -> Shape {
        Shape::Bool
    }
}

/// A text with `${…}` put in, but no outputs of stacks.
impl Read for String {
    fn read(node: &Node, path: &str, reader: &mut Reader<'_>) -> Option<Self> {
        let text = text_of(node, path, "a text", reader)?;
        reader.known(node, &text, path)
    }

    fn shape() -> Shape {
        Shape::Text { what: "a text", pattern: None, example: "TEXT" }
    }
}

/// A text with `${…}` put in; outputs of stacks may stay.
impl Read for Text {
    fn read(node: &Node, path: &str, reader: &mut Reader<'_>) -> Option<Self> {
        // Numbers are common here (`PORT: 3000`) and have one reading: that of the file.
        let text = match &node.kind {
            Kind::Number(number) => number.clone(),
            _ => text_of(node, path, "a text", reader)?,
        };
        reader.parts(node, &text, path)
    }

    fn shape() -> Shape {
        Shape::Any(vec![
            Shape::Text { what: "a text, in which `${…}` is put in,", pattern: None, example: "TEXT" },
            Shape::Number { min: f64::MIN, max: f64::MAX, whole: false },
        ])
    }
}

/// The text of a node, or an error that says how to write one.
pub(super) fn text_of(node: &Node, path: &str, what: &str, reader: &mut Reader<'_>) -> Option<String> {
    match &node.kind {
        Kind::Text(text) => Some(text.clone()),
        Kind::Number(raw) => {
            reader.expected(node, path, what, Some(format!("quote it: \"{raw}\"")));
            None
        }
        Kind::Bool(raw) => {
            reader.expected(node, path, what, Some(format!("quote it: \"{raw}\"")));
            None
        }
        _ => {
            reader.expected(node, path, what, None);
            None
        }
    }
}

/// A whole number within bounds.
#[derive(Debug, Clone, Copy)]
pub(in crate::workflow) struct Int<const MIN: u32, const MAX: u32>(pub u32);

impl<const MIN: u32, const MAX: u32> Read for Int<MIN, MAX> {
    fn read(node: &Node, path: &str, reader: &mut Reader<'_>) -> Option<Self> {
        let number = match &node.kind {
            Kind::Number(raw) => raw.parse::<i64>().ok(),
            _ => None,
        };
        let Some(number) = number else {
            let help = match &node.kind {
                Kind::Text(text) if text.bytes().all(|b| b.is_ascii_digit() || b == b'_') => {
                    let digits = text.replace('_', "");
                    match digits.trim_start_matches('0') {
                        "" => None,
                        plain => Some(format!("write `{plain}`, without quotes, leading zeros or underscores")),
                    }
                }
                _ => None,
            };
            reader.expected(node, path, &format!("a whole number from {MIN} to {MAX}"), help);
            return None;
        };
        match u32::try_from(number) {
            Ok(number) if (MIN..=MAX).contains(&number) => Some(Self(number)),
            _ => {
                reader.expected(node, path, &format!("a whole number from {MIN} to {MAX}"), None);
                None
            }
        }
    }

    fn shape() -> Shape {
        Shape::Number { min: f64::from(MIN), max: f64::from(MAX), whole: true }
    }
}

/// Percent, bounds in tenths.
#[derive(Debug, Clone, Copy)]
pub(in crate::workflow) struct Percent<const MIN: u32, const MAX: u32>(pub f64);

impl<const MIN: u32, const MAX: u32> Read for Percent<MIN, MAX> {
    fn read(node: &Node, path: &str, reader: &mut Reader<'_>) -> Option<Self> {
        let (min, max) = (f64::from(MIN) / 10.0, f64::from(MAX) / 10.0);
        let value = match &node.kind {
            Kind::Number(raw) => raw.parse::<f64>().ok().filter(|value| (min..=max).contains(value)),
            _ => None,
        };
        if value.is_none() {
            reader.expected(node, path, &format!("a number from {min} to {max} (percent)"), None);
        }
        value.map(Self)
    }

    fn shape() -> Shape {
        Shape::Number { min: f64::from(MIN) / 10.0, max: f64::from(MAX) / 10.0, whole: false }
    }
}

/// A duration in seconds, a multiple of `UNIT` seconds within bounds.
#[derive(Debug, Clone, Copy)]
pub(in crate::workflow) struct Lasting<const UNIT: u32, const MIN: u32, const MAX: u32>(pub u32);

impl<const UNIT: u32, const MIN: u32, const MAX: u32> Read for Lasting<UNIT, MIN, MAX> {
    fn read(node: &Node, path: &str, reader: &mut Reader<'_>) -> Option<Self> {
        let unit = match UNIT {
            60 => "a duration in whole minutes",
            86_400 => "a duration in whole days",
            _ => "a duration",
        };
        let what = format!("{unit} from {} to {}", bound(MIN), bound(MAX));
        let (text, help) = match &node.kind {
            Kind::Text(text) => (text.as_str(), None),
            Kind::Number(number) => ("", Some(format!("add the unit: `{number}{}`", letter(UNIT)))),
            _ => ("", None),
        };
        let seconds = seconds(text);
        match seconds {
            Some(seconds) if seconds % UNIT == 0 && (MIN..=MAX).contains(&seconds) => Some(Self(seconds)),
            Some(_) => {
                reader.expected(node, path, &what, None);
                None
            }
            None => {
                let help = help.unwrap_or_else(|| "durations are `30s`, `10m`, `2h` or `7d`".to_owned());
                reader.expected(node, path, &what, Some(help));
                None
            }
        }
    }

    fn shape() -> Shape {
        Shape::Duration { min: MIN, max: MAX }
    }
}

fn bound(seconds: u32) -> String {
    duration(seconds)
}

fn letter(unit: u32) -> char {
    match unit {
        86_400 => 'd',
        60 => 'm',
        _ => 's',
    }
}

/// `30s`, `10m`, `2h`, `7d`.
fn seconds(text: &str) -> Option<u32> {
    let number = text.get(..text.len().checked_sub(1)?)?;
    let unit = match text.as_bytes().last()? {
        b's' => 1,
        b'm' => 60,
        b'h' => 3_600,
        b'd' => 86_400,
        _ => return None,
    };
    if number.is_empty() || !number.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    number.parse::<u32>().ok()?.checked_mul(unit)
}

impl<T: Read> Read for Vec<T> {
    fn read(node: &Node, path: &str, reader: &mut Reader<'_>) -> Option<Self> {
        let Kind::List(items) = &node.kind else {
            let help = node.text().map(|text| {
                let items: Vec<&str> = text.split_whitespace().collect();
                format!("write `[{}]`", short(&items.join(", ")))
            });
            reader.expected(node, path, "a list", help);
            return None;
        };
        let items: Vec<Option<T>> = items
            .iter()
            .enumerate()
            .map(|(index, item)| T::read(item, &join(path, &index.to_string()), reader))
            .collect();
        items.into_iter().collect()
    }

    fn shape() -> Shape {
        Shape::List(Box::new(T::shape()), 0)
    }
}

/// A list that is not empty.
#[derive(Debug, Clone)]
pub(in crate::workflow) struct Some1<T>(pub Vec<T>);

impl<T: Read> Read for Some1<T> {
    fn read(node: &Node, path: &str, reader: &mut Reader<'_>) -> Option<Self> {
        let list = Vec::<T>::read(node, path, reader)?;
        if list.is_empty() {
            reader.error_at(
                node,
                path,
                format!("`{path}` is an empty list"),
                Some("name one, or leave the key out".into()),
            );
            return None;
        }
        Some(Self(list))
    }

    fn shape() -> Shape {
        Shape::List(Box::new(T::shape()), 1)
    }
}

/// A map with free keys of one form.
#[derive(Debug, Clone)]
pub(in crate::workflow) struct Named<K, V>(pub BTreeMap<String, V>, std::marker::PhantomData<K>);

impl<K: Read, V: Read> Read for Named<K, V> {
    fn read(node: &Node, path: &str, reader: &mut Reader<'_>) -> Option<Self> {
        let Kind::Map(entries) = &node.kind else {
            reader.expected(node, path, "a map", None);
            return None;
        };
        let mut map = BTreeMap::new();
        for entry in entries.iter().filter(|entry| entry.key != "<<") {
            let path = join(path, &entry.key);
            let key = Node { kind: Kind::Text(entry.key.clone()), span: entry.key_span, tag: None };
            let key = K::read(&key, &path, reader);
            let value = V::read(&entry.value, &path, reader);
            if let (Some(_), Some(value)) = (key, value) {
                map.insert(entry.key.clone(), value);
            }
        }
        Some(Self(map, std::marker::PhantomData))
    }

    fn shape() -> Shape {
        Shape::Map { key: Box::new(K::shape()), value: Box::new(V::shape()) }
    }
}

/// Whatever JSON can say; `${…}` is put in, but the policy language's own variables (`${aws:username}`) stay.
#[derive(Debug, Clone)]
pub(in crate::workflow) struct Free(pub Json);

impl Read for Free {
    fn read(node: &Node, path: &str, reader: &mut Reader<'_>) -> Option<Self> {
        free(node, path, reader).map(Self)
    }

    fn shape() -> Shape {
        Shape::Free
    }
}

fn free(node: &Node, path: &str, reader: &mut Reader<'_>) -> Option<Json> {
    Some(match &node.kind {
        Kind::Null => Json::Null,
        Kind::Bool(value) => Json::Bool(*value),
        Kind::Number(raw) => serde_json::from_str(raw).unwrap_or_else(|_| Json::String(raw.clone())),
        Kind::Text(text) => Json::String(reader.policy(node, text, path)?),
        Kind::List(items) => Json::Array(
            items
                .iter()
                .enumerate()
                .map(|(index, item)| free(item, &join(path, &index.to_string()), reader))
                .collect::<Option<_>>()?,
        ),
        Kind::Map(entries) => {
            let mut map = Map::new();
            for entry in entries {
                map.insert(entry.key.clone(), free(&entry.value, &join(path, &entry.key), reader)?);
            }
            Json::Object(map)
        }
    })
}

/// Gives an enum of the environment its words in the file.
macro_rules! choice {
    ($type:ty { $($word:literal => $value:expr,)+ }) => {
        impl $crate::workflow::section::Read for $type {
            fn read(
                node: &$crate::workflow::tree::Node,
                path: &str,
                reader: &mut $crate::workflow::section::Reader<'_>,
            ) -> Option<Self> {
                const WORDS: &[&str] = &[$($word),+];
                match node.text() {
                    $(Some($word) => Some($value),)+
                    text => {
                        let help = text
                            .and_then(|text| $crate::text::nearest(text, WORDS.iter().copied()))
                            .map(|near| format!("did you mean `{near}`?"));
                        reader.expected(node, path, &Self::shape().words(), help);
                        None
                    }
                }
            }

            fn shape() -> $crate::workflow::section::Shape {
                $crate::workflow::section::Shape::Choice(&[$($word),+])
            }
        }
    };
}
pub(super) use choice;
