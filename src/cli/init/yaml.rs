//! YAML in and out: what other tools wrote, read leniently, and our own file, written as a person would.

use serde_json::Value as Json;

/// The largest file of another tool that is read.
const MAX_BYTES: usize = 1024 * 1024;

/// A file of another tool as data. Anchors and merge keys are theirs to use; nothing is executed or fetched.
pub fn read(text: &str) -> Result<Json, String> {
    let budget = serde_yaml::budget! {
        max_depth: 32,
        flow_nesting_limit: 32,
        max_nodes: 50_000,
        max_events: 200_000,
        max_aliases: 1_000,
        max_anchors: 200,
        max_documents: 1,
        max_total_scalar_bytes: MAX_BYTES,
    };
    let options = serde_yaml::options! { budget: budget, with_snippet: false };
    let json: Json = serde_yaml::from_str_with_options(text, options).map_err(|error| {
        let words = error.to_string();
        words.lines().next().unwrap_or_default().to_owned()
    })?;
    if json.is_object() { Ok(json) } else { Err("it is no map of keys".to_owned()) }
}

/// A scalar as the text that the other tool would have made of it.
pub fn text(value: &Json) -> Option<String> {
    match value {
        Json::String(text) => Some(text.clone()),
        Json::Number(number) => Some(number.to_string()),
        Json::Bool(value) => Some(value.to_string()),
        _ => None,
    }
}

/// What our file is made of.
#[derive(Debug, Clone, PartialEq)]
pub enum Yaml {
    /// A text, quoted where it must be.
    Text(String),
    /// A number or a word that is no text: `30`, `true`.
    Plain(String),
    /// On one line: `[a, b]`.
    List(Vec<Yaml>),
    /// One key a line.
    Map(Vec<(String, Yaml)>),
    /// On one line: `{ a: b }`.
    Flow(Vec<(String, Yaml)>),
}

impl Yaml {
    /// A text.
    pub fn text(text: impl Into<String>) -> Self {
        Self::Text(text.into())
    }

    /// A number.
    pub fn number(number: u32) -> Self {
        Self::Plain(number.to_string())
    }

    /// Texts on one line.
    pub fn texts(texts: &[String]) -> Self {
        Self::List(texts.iter().map(Self::text).collect())
    }

    /// `key: value` lines, indented by so many spaces.
    pub fn lines(entries: &[(String, Yaml)], indent: usize) -> String {
        let mut out = String::new();
        for (key, value) in entries {
            out.push_str(&" ".repeat(indent));
            out.push_str(&quoted(key));
            out.push(':');
            match value {
                Self::Map(entries) if !entries.is_empty() => {
                    out.push('\n');
                    out.push_str(&Self::lines(entries, indent + 2));
                }
                other => {
                    out.push(' ');
                    out.push_str(&other.flow());
                    out.push('\n');
                }
            }
        }
        out
    }

    fn flow(&self) -> String {
        match self {
            Self::Text(text) => quoted(text),
            Self::Plain(word) => word.clone(),
            Self::List(items) => format!("[{}]", items.iter().map(Self::flow).collect::<Vec<_>>().join(", ")),
            Self::Map(entries) | Self::Flow(entries) if entries.is_empty() => "{}".to_owned(),
            Self::Map(entries) | Self::Flow(entries) => {
                let pairs: Vec<String> =
                    entries.iter().map(|(key, value)| format!("{}: {}", quoted(key), value.flow())).collect();
                format!("{{ {} }}", pairs.join(", "))
            }
        }
    }
}

/// A text that reads back as itself: bare where no reader could take it for anything else.
fn quoted(text: &str) -> String {
    let bare = text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '/' || c == '.')
        && text.chars().all(|c| c.is_ascii_alphanumeric() || "_-./".contains(c))
        && !matches!(
            text.to_ascii_lowercase().as_str(),
            "true" | "false" | "null" | "yes" | "no" | "on" | "off" | "y" | "n" | ".inf" | ".nan"
        )
        && !text.starts_with("..")
        && text != ".";
    // JSON's texts are YAML's; a line break would otherwise be folded.
    if bare { text.to_owned() } else { Json::String(text.to_owned()).to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_reads_back() {
        let odd = [
            "plain",
            "a b",
            "yes",
            "1",
            "1e3",
            "0x1F",
            "null",
            "",
            " ",
            "a: b",
            "#x",
            "\"",
            "\\",
            "a\nb",
            "{",
            "[",
            "*a",
            "&a",
            "!t",
            "%",
            "@",
            "`",
            "-",
            "--x",
            "~",
            "ü",
            "a'b",
            "2024-01-01",
            ".inf",
            "..",
            "/path",
            "./x",
            "a,b",
            "$x",
            "no",
        ];
        for text in odd {
            let entries =
                vec![(text.to_owned(), Yaml::text(text)), ("list".to_owned(), Yaml::texts(&[text.to_owned()]))];
            let written = Yaml::lines(&entries, 0);
            let read = read(&written).unwrap_or_else(|error| panic!("{written}: {error}"));
            if text != "list" {
                assert_eq!(read[text], text, "{written}");
            }
            assert_eq!(read["list"][0], text, "{written}");
        }
    }

    #[test]
    fn anchors_and_merge_keys_are_followed() {
        let read = read("x-base: &base { a: 1 }\nb: { <<: *base, c: 2 }\n").unwrap();
        assert_eq!(read["b"], serde_json::json!({ "a": 1, "c": 2 }));
    }

    #[test]
    fn bombs_and_other_things_are_refused() {
        assert!(read("[1]").is_err());
        assert!(read("a: [").is_err());
        let mut bomb = "a0: &a0 [x, x, x, x, x, x, x, x]\n".to_owned();
        for n in 1..9 {
            bomb.push_str(&format!("a{n}: &a{n} [*a{p}, *a{p}, *a{p}, *a{p}, *a{p}, *a{p}, *a{p}]\n", p = n - 1));
        }
        assert!(read(&bomb).is_err());
    }
}
