//! A Markdown page under construction, and how values stand in it.

use serde_json::{Map, Value as Json};

/// Lines of Markdown, a blank one between blocks.
#[derive(Debug, Default)]
pub(super) struct Page(String);

impl Page {
    /// A heading.
    pub fn line(&mut self, line: &str) {
        self.paragraph(line);
    }

    /// A paragraph, or any block.
    pub fn paragraph(&mut self, text: &str) {
        if !self.0.is_empty() {
            self.0.push('\n');
        }
        self.0.push_str(text);
        self.0.push('\n');
    }

    /// A table, with the word `none` where it has no row.
    pub fn table(&mut self, head: &[&str], rows: Vec<Vec<String>>) {
        if rows.is_empty() {
            return self.paragraph("none");
        }
        let mut text = format!("| {} |\n|{}", head.join(" | "), "---|".repeat(head.len()));
        for row in rows {
            text.push_str(&format!("\n| {} |", row.join(" | ")));
        }
        self.paragraph(&text);
    }

    /// The page.
    pub fn finish(self) -> String {
        self.0
    }
}

/// A value as code in a cell: whatever it holds, it stays in its cell and is no markup.
pub(super) fn code(text: &str) -> String {
    if text.is_empty() {
        return String::new();
    }
    let text = text.replace(['\n', '\r'], " ").replace('|', "\\|");
    let longest = text.split(|c| c != '`').map(str::len).max().unwrap_or(0);
    let ticks = "`".repeat(longest + 1);
    let pad = if longest > 0 { " " } else { "" };
    format!("{ticks}{pad}{text}{pad}{ticks}")
}

/// Our own words, which may hold a name of the file's.
pub(super) fn plain(text: &str) -> String {
    let mut out = String::new();
    for c in text.chars() {
        match c {
            '\\' | '`' | '*' | '_' | '[' | ']' | '|' | '~' => {
                out.push('\\');
                out.push(c);
            }
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '&' => out.push_str("&amp;"),
            '\n' | '\r' => out.push(' '),
            c => out.push(c),
        }
    }
    out
}

/// A value of a template in one line: what it refers to stands as `${NAME}`.
pub(super) fn shown(json: &Json) -> String {
    match json {
        Json::String(text) => text.clone(),
        Json::Null => String::new(),
        Json::Array(list) => list.iter().map(shown).collect::<Vec<_>>().join(", "),
        Json::Object(map) if map.len() == 1 => function(map).unwrap_or_else(|| json.to_string()),
        other => other.to_string(),
    }
}

fn function(map: &Map<String, Json>) -> Option<String> {
    let (name, value) = map.iter().next()?;
    Some(match (name.as_str(), value) {
        ("Ref", Json::String(id)) => format!("${{{id}}}"),
        ("Fn::GetAtt", Json::Array(parts)) => {
            format!("${{{}}}", parts.iter().filter_map(Json::as_str).collect::<Vec<_>>().join("."))
        }
        ("Fn::GetAtt", Json::String(path)) => format!("${{{path}}}"),
        ("Fn::Sub", Json::String(text)) => text.clone(),
        ("Fn::Sub", Json::Array(parts)) => parts.first()?.as_str()?.to_owned(),
        ("Fn::Join", Json::Array(parts)) => {
            let list = parts.get(1)?.as_array()?;
            list.iter().map(shown).collect::<Vec<_>>().join(parts.first()?.as_str()?)
        }
        _ => return None,
    })
}

/// The entries of a list, or of what stands where a list may.
pub(super) fn list(json: &Json) -> Vec<&Json> {
    match json {
        Json::Null => Vec::new(),
        Json::Array(list) => list.iter().collect(),
        other => vec![other],
    }
}
