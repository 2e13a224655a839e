//! What may be written at a place of the file, as data: the schema and `explain` are made from it.

/// What may be written.
#[derive(Debug, Clone)]
pub(in crate::workflow) enum Shape {
    Bool,
    /// A text; the pattern is a regular expression where no `${…}` may stand in it.
    Text {
        what: &'static str,
        pattern: Option<&'static str>,
        example: &'static str,
    },
    /// A number within bounds.
    Number {
        min: f64,
        max: f64,
        whole: bool,
    },
    /// A duration in these units; bounds in seconds.
    Duration {
        min: u32,
        max: u32,
    },
    /// One of these words.
    Choice(&'static [&'static str]),
    /// A list of at least so many.
    List(Box<Shape>, usize),
    /// A map with free keys.
    Map {
        key: Box<Shape>,
        value: Box<Shape>,
    },
    Section(Section),
    /// Any of these.
    Any(Vec<Shape>),
    /// Whatever JSON can say.
    Free,
}

/// A section and its keys.
#[derive(Debug, Clone)]
pub(in crate::workflow) struct Section {
    pub name: &'static str,
    pub doc: &'static [&'static str],
    pub keys: Vec<Key>,
}

/// A key of a section.
#[derive(Debug, Clone)]
pub(in crate::workflow) struct Key {
    pub name: String,
    pub doc: &'static [&'static str],
    pub need: Need,
    pub shape: Shape,
}

/// Whether a key must be there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::workflow) enum Need {
    Required,
    Optional,
    Default(&'static str),
}

impl Shape {
    /// A value that fits, where one is short enough to be shown in a hint.
    pub fn example(&self) -> Option<String> {
        match self {
            Self::Bool => Some("true".to_owned()),
            Self::Text { example, .. } => (*example != "TEXT").then(|| (*example).to_owned()),
            Self::Number { min, .. } => Some(min.to_string()),
            Self::Duration { min, .. } => Some(format!("{}s", (*min).max(30))),
            Self::Choice(words) => words.first().map(|word| (*word).to_owned()),
            Self::List(item, _) => item.example().map(|item| format!("[{item}]")),
            Self::Any(shapes) => shapes.iter().find_map(Self::example),
            Self::Map { .. } | Self::Section(_) | Self::Free => None,
        }
    }

    /// In words.
    pub fn words(&self) -> String {
        match self {
            Self::Bool => "`true` or `false`".to_owned(),
            Self::Text { what, .. } => (*what).to_owned(),
            Self::Number { min, .. } if *min == f64::MIN => "a number".to_owned(),
            Self::Number { min, max, whole } => {
                format!("a {}number from {min} to {max}", if *whole { "whole " } else { "" })
            }
            Self::Duration { min, max } => format!("a duration from {} to {}", duration(*min), duration(*max)),
            Self::Choice(words) => match words {
                [one] => format!("`{one}`"),
                [rest @ .., last] => {
                    let rest: Vec<String> = rest.iter().map(|word| format!("`{word}`")).collect();
                    format!("{} or `{last}`", rest.join(", "))
                }
                [] => "nothing".to_owned(),
            },
            Self::List(item, 0) => format!("a list; each item is {}", item.words()),
            Self::List(item, least) => format!("a list of at least {least}; each item is {}", item.words()),
            Self::Map { key, value } => format!("a map from {} to {}", key.words(), value.words()),
            Self::Section(section) => {
                let keys: Vec<&str> = section.keys.iter().map(|key| key.name.as_str()).collect();
                format!("a map with the keys {}", keys.join(", "))
            }
            Self::Any(shapes) => shapes.iter().map(Self::words).collect::<Vec<_>>().join("; or "),
            Self::Free => "anything".to_owned(),
        }
    }
}

/// Seconds as the file writes them, in the largest unit that divides them.
pub(in crate::workflow) fn duration(seconds: u32) -> String {
    for (unit, letter) in [(86_400, 'd'), (3_600, 'h'), (60, 'm')] {
        if seconds > 0 && seconds.is_multiple_of(unit) {
            return format!("{}{letter}", seconds / unit);
        }
    }
    format!("{seconds}s")
}
