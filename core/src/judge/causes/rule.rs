//! The few words in which the rules of the causes are written, and the text as they see it.

use super::{Evidence, Where};

/// What a piece of evidence must look like. Needles are lower case with single spaces, see [`Text`].
#[derive(Debug, Clone, Copy)]
pub(super) enum When {
    /// The phrase stands anywhere in the text.
    Has(&'static str),
    /// The phrase stands in the text with no letter, digit or underscore touching it.
    Word(&'static str),
    /// These phrases follow each other, anything between them.
    InOrder(&'static [&'static str]),
    /// Every one holds.
    All(&'static [When]),
    /// Every one holds, in a log within one and the same line.
    Together(&'static [When]),
    /// At least one holds.
    Any(&'static [When]),
    /// It does not hold.
    Not(&'static When),
    /// The evidence came in this field, as [`super::Where::as_str`] names it.
    At(&'static str),
    /// A container ended with this code, by the field or by the text.
    Exit(i32),
    /// What a phrase cannot say.
    Test(fn(&Text) -> bool),
}

/// One way to recognise a cause, and how much it is worth.
#[derive(Debug, Clone, Copy)]
pub(super) enum Rule {
    /// A code or the exact wording of AWS or of a registry names the cause.
    Certain(When),
    /// Read between the lines: from a log, a convention, or a wording that more than one cause may have.
    Likely(When),
}

/// A text prepared for matching: lower case, straight quotes, one space for any run of white space.
#[derive(Debug)]
pub(super) struct Text {
    /// The evidence as it came, for what depends on upper case.
    pub(super) raw: String,
    flat: String,
    /// With its lines joined without a space: terminals and command lines wrap inside words, so that `already`
    /// arrives as `alr` and `eady`.
    unwrapped: Option<String>,
    /// The lines of a log that has several, each a text of its own.
    lines: Vec<Text>,
    place: String,
    /// The exit code, by the field or by the text.
    pub(super) exit: Option<i32>,
}

impl Text {
    pub(super) fn new(evidence: &Evidence) -> Self {
        let raw = evidence.text.raw().to_owned();
        let flat = flatten(&raw);
        let unwrapped = raw
            .trim()
            .contains(['\n', '\r'])
            .then(|| flatten(&raw.split(['\n', '\r']).map(str::trim).collect::<String>()));
        let exit = evidence.exit_code.or_else(|| exit_code_in(&flat));
        let lines = match evidence.at {
            Where::Log if unwrapped.is_some() => raw.lines().map(|line| Self::line(line, exit)).collect(),
            _ => Vec::new(),
        };
        Self { raw, flat, unwrapped, lines, place: evidence.at.as_str().to_owned(), exit }
    }

    fn line(raw: &str, exit: Option<i32>) -> Self {
        let place = Where::Log.as_str().to_owned();
        Self { raw: raw.to_owned(), flat: flatten(raw), unwrapped: None, lines: Vec::new(), place, exit }
    }

    /// The prepared text.
    pub(super) fn flat(&self) -> &str {
        &self.flat
    }

    /// Whether the phrase stands in the text, wrapped lines or not.
    pub(super) fn has(&self, needle: &str) -> bool {
        self.either(|form| form.contains(needle))
    }

    fn either(&self, holds: impl Fn(&str) -> bool) -> bool {
        holds(&self.flat) || self.unwrapped.as_deref().is_some_and(holds)
    }

    pub(super) fn holds(&self, when: &When) -> bool {
        match when {
            When::Has(needle) => self.has(needle),
            When::Word(word) => has_word(&self.flat, word),
            // What stands far apart in a log does not belong together.
            When::InOrder(parts) => {
                let within = if self.lines.is_empty() { usize::MAX } else { 400 };
                self.either(|form| in_order(form, parts, within))
            }
            When::All(all) => all.iter().all(|when| self.holds(when)),
            When::Together(all) if self.lines.is_empty() => all.iter().all(|when| self.holds(when)),
            When::Together(all) => self.lines.iter().any(|line| all.iter().all(|when| line.holds(when))),
            When::Any(any) => any.iter().any(|when| self.holds(when)),
            When::Not(when) => !self.holds(when),
            When::At(place) => self.place == *place,
            When::Exit(code) => self.exit == Some(*code),
            When::Test(test) => test(self),
        }
    }

    /// The phrases by which `when` holds, for quoting.
    pub(super) fn needles(&self, when: &When, into: &mut Vec<&'static str>) {
        match when {
            When::Has(needle) if self.has(needle) => into.push(needle),
            When::Word(word) if has_word(&self.flat, word) => into.push(word),
            When::InOrder(parts) if self.holds(when) => into.extend(parts.iter().copied()),
            When::All(list) | When::Together(list) | When::Any(list) => {
                for when in list.iter().filter(|when| self.holds(when)) {
                    self.needles(when, into);
                }
            }
            _ => {}
        }
    }
}

/// Lower case, straight quotes without escapes, and one space for any run of white space.
pub(super) fn flatten(raw: &str) -> String {
    let mut flat = String::with_capacity(raw.len());
    let mut chars = raw.chars().peekable();
    while let Some(c) = chars.next() {
        let c = match c {
            // JSON inside JSON: `\"` and `\n` as two characters.
            '\\' => match chars.peek() {
                Some('"' | '\'' | '\\' | '/') => continue,
                Some('n' | 't' | 'r') => {
                    chars.next();
                    ' '
                }
                _ => '\\',
            },
            '\u{2018}' | '\u{2019}' | '`' => '\'',
            '\u{201C}' | '\u{201D}' => '"',
            c if c.is_whitespace() || c.is_control() => ' ',
            c => c.to_ascii_lowercase(),
        };
        if c != ' ' || !(flat.is_empty() || flat.ends_with(' ')) {
            flat.push(c);
        }
    }
    flat.truncate(flat.trim_end().len());
    flat
}

fn has_word(flat: &str, word: &str) -> bool {
    let touches = |c: char| c.is_alphanumeric() || c == '_';
    flat.match_indices(word).any(|(at, _)| {
        let before = flat.get(..at).and_then(|text| text.chars().next_back());
        let after = flat.get(at + word.len()..).and_then(|text| text.chars().next());
        !before.is_some_and(touches) && !after.is_some_and(touches)
    })
}

/// Whether the parts follow each other with at most `within` bytes from the end of the first to the start of the last.
fn in_order(flat: &str, parts: &[&str], within: usize) -> bool {
    let Some((first, others)) = parts.split_first() else { return true };
    flat.match_indices(first).any(|(start, _)| {
        let after = flat.get(start + first.len()..).unwrap_or_default();
        let mut end = 0;
        others.iter().all(|part| match after.get(end..).and_then(|rest| rest.find(part)) {
            Some(at) if end + at <= within => {
                end += at + part.len();
                true
            }
            _ => false,
        })
    })
}

/// A log without the lines that call themselves a warning or news; `None` where that leaves all of it, or nothing.
pub(super) fn without_chatter(raw: &str) -> Option<String> {
    let kept: Vec<&str> = raw.lines().filter(|line| !is_chatter(line)).collect();
    let some = kept.iter().any(|line| !line.trim().is_empty());
    (some && kept.len() < raw.lines().count()).then(|| kept.join("\n"))
}

/// A level below error stands among the first words: `WARN`, `[INFO]`, `"level":"debug"`, `DeprecationWarning:`.
pub(super) fn is_chatter(line: &str) -> bool {
    let mut words = line.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()).take(12);
    let level = words.find_map(|word| match word.to_ascii_lowercase().as_str() {
        "error" | "err" | "fatal" | "critical" | "crit" | "panic" | "emerg" | "severe" => Some(false),
        "warn" | "info" | "debug" | "trace" | "notice" => Some(true),
        word if word.ends_with("warning") => Some(true),
        _ => None,
    });
    level == Some(true)
}

/// The code in `exit code 137`, `Exit Code: 1`, `exited with code 2`.
fn exit_code_in(flat: &str) -> Option<i32> {
    ["exit code", "exitcode", "exited with code", "exited with status", "exit status"].iter().find_map(|lead| {
        let (before, after) = flat.split_once(lead)?;
        // What GitHub Actions says of a step that waited or deployed.
        if before.ends_with("process completed with ") {
            return None;
        }
        number_at(after.trim_start_matches([' ', ':', '=', '"', '\'', '(']))
    })
}

/// The number with which `text` begins.
pub(super) fn number_at(text: &str) -> Option<i32> {
    let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    text.get(..end)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::judge::causes::Where;

    fn text(raw: &str) -> Text {
        Text::new(&Evidence { at: Where::Log, text: raw.into(), exit_code: None })
    }

    #[test]
    fn phrases_are_found_across_wraps_quotes_and_case() {
        let wrapped = text("  Resource alr\n    eady Exists.\tBye ");
        assert!(wrapped.has("already exists"));
        assert!(!wrapped.has("exists already"));
        assert!(text("Resource not\n   found").has("not found"));
        assert!(!text("\nmy-bucket already exists\nbye").has("bucketalready"));
        assert!(text("Fargate only supports ‘awsvpc’").has("supports 'awsvpc'"));
        assert!(text(r#"caused \"exec: \\\"x\\\"\""#).has(r#"exec: "x""#));
    }

    #[test]
    fn words_and_order_are_kept_apart() {
        assert!(text("in ROLLBACK_FAILED state").holds(&When::Word("rollback_failed")));
        assert!(!text("in UPDATE_ROLLBACK_FAILED state").holds(&When::Word("rollback_failed")));
        assert!(text("Stack [x] already exists").holds(&When::InOrder(&["stack [", "already exists"])));
        assert!(!text("already exists: stack [x]").holds(&When::InOrder(&["stack [", "already exists"])));
    }

    #[test]
    fn in_a_log_only_what_stands_together_belongs_together() {
        let far = text(&format!("missing semicolon\n{}environment: production", "GET / 200\n".repeat(60)));
        assert!(!far.holds(&When::InOrder(&["missing", "environment"])));
        assert!(text("old missing\nmissing\nenvironment").holds(&When::InOrder(&["missing", "environment"])));
        let health = When::Together(&[When::Has("health"), When::Word("404")]);
        assert!(!text("GET /health 200\nGET /x 404").holds(&health));
        assert!(text("GET /x 200\nGET /health 404").holds(&health));
    }

    #[test]
    fn warnings_and_news_are_left_out_where_something_is_left() {
        let log = "WARN redis refused\n{\"level\":\"info\",\"msg\":\"error handler set\"}\nTypeError: x";
        assert_eq!(without_chatter(log).as_deref(), Some("TypeError: x"));
        assert_eq!(without_chatter("UserWarning: old\n\n"), None);
        assert_eq!(without_chatter("ERROR warning level is 3"), None);
    }

    #[test]
    fn an_exit_code_is_read_from_the_words() {
        assert_eq!(text("Exit Code\t139").exit, Some(139));
        assert_eq!(text("container exited with code 2.").exit, Some(2));
        assert_eq!(text("exit code unknown").exit, None);
    }
}
