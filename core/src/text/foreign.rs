//! Text written by others: container logs, AWS reasons, commit titles. It is data, never markup or a command.

use serde::{Serialize, Serializer};

/// Text whose author we do not know. Everything that leaves here is stripped of control characters, of
/// bidirectional overrides and of the openings of workflow commands, so that no sink has to remember to.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Foreign(String);

impl Foreign {
    /// Takes text as it came.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The text as it came, for matching and hashing; never for printing.
    pub fn raw(&self) -> &str {
        &self.0
    }

    /// Whether there is no text at all.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The lines, each fit to be printed behind a prefix. Escapes and other controls are dropped, tabs become
    /// a space. GitHub reads `##[` anywhere in a line and `::` at its start as a command, so both are broken by
    /// a zero-width space.
    /// <https://docs.github.com/en/actions/reference/workflows-and-actions/workflow-commands>
    pub fn lines(&self) -> impl Iterator<Item = String> + '_ {
        self.0.split(['\n', '\r']).filter(|line| !line.is_empty()).map(clean_line)
    }

    /// All of it on one line, for tables and headlines.
    pub fn one_line(&self) -> String {
        self.lines().collect::<Vec<_>>().join(" ")
    }
}

fn clean_line(line: &str) -> String {
    let visible: String = strip_escapes(line)
        .chars()
        .filter_map(|c| match c {
            '\t' => Some(' '),
            c if c.is_control() => None,
            // Bidirectional controls, and the separators that some sinks read as a line end.
            '\u{200E}' | '\u{200F}' | '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}' | '\u{2028}' | '\u{2029}' => {
                None
            }
            c => Some(c),
        })
        .collect();
    let broken = visible.replace("##[", "#\u{200B}#[");
    match broken.trim_start().strip_prefix("::") {
        Some(rest) => format!(":\u{200B}:{rest}"),
        None => broken,
    }
}

/// Drops ANSI escape sequences whole, so that their parameters do not stay behind as litter.
fn strip_escapes(line: &str) -> String {
    let mut out = String::with_capacity(line.len());
    let mut chars = line.chars().peekable();
    while let Some(c) = chars.next() {
        if c != '\u{1B}' {
            out.push(c);
            continue;
        }
        match chars.peek() {
            Some('[') => {
                chars.next();
                for c in chars.by_ref() {
                    if ('\u{40}'..='\u{7E}').contains(&c) {
                        break;
                    }
                }
            }
            Some(']') => {
                for c in chars.by_ref() {
                    if c == '\u{07}' {
                        break;
                    }
                }
            }
            _ => {}
        }
    }
    out
}

impl std::fmt::Display for Foreign {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.one_line())
    }
}

impl Serialize for Foreign {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.lines().collect::<Vec<_>>().join("\n"))
    }
}

impl From<&str> for Foreign {
    fn from(text: &str) -> Self {
        Self::new(text)
    }
}

impl From<String> for Foreign {
    fn from(text: String) -> Self {
        Self::new(text)
    }
}

#[cfg(test)]
mod tests {
    use super::Foreign;

    #[test]
    fn commands_controls_and_escapes_lose_their_effect() {
        let text = Foreign::new("\u{1b}[31mred\u{1b}[0m\r\n::error::boom\n  ##[add-mask]x\nplain\tend\u{202e}");
        assert_eq!(
            text.lines().collect::<Vec<_>>(),
            ["red", ":\u{200B}:error::boom", "  #\u{200B}#[add-mask]x", "plain end"]
        );
    }
}
