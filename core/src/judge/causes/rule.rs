//! The few words in which the rules of the causes are written, and the text as they see it.

use super::Evidence;

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
        Self { raw, flat, unwrapped, place: evidence.at.as_str().to_owned(), exit }
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
            When::InOrder(parts) => self.either(|form| in_order(form, parts)),
            When::All(all) => all.iter().all(|when| self.holds(when)),
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
            When::All(list) | When::Any(list) => {
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

fn in_order(flat: &str, parts: &[&str]) -> bool {
    let mut rest = flat;
    parts.iter().all(|part| match rest.find(part) {
        Some(at) => {
            rest = rest.get(at + part.len()..).unwrap_or_default();
            true
        }
        None => false,
    })
}

/// The code in `exit code 137`, `Exit Code: 1`, `exited with code 2`.
fn exit_code_in(flat: &str) -> Option<i32> {
    ["exit code", "exitcode", "exited with code", "exited with status", "exit status"].iter().find_map(|lead| {
        let (_, after) = flat.split_once(lead)?;
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
    fn an_exit_code_is_read_from_the_words() {
        assert_eq!(text("Exit Code\t139").exit, Some(139));
        assert_eq!(text("container exited with code 2.").exit, Some(2));
        assert_eq!(text("exit code unknown").exit, None);
    }
}
