//! The one redactor that every sink writes through.

use base64::{
    Engine,
    engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD},
};

use super::{Foreign, Secret};

/// Shorter secrets are not searched for: replacing every `a` would hide the report and tell the secret.
const SHORTEST: usize = 4;

/// Replaces every known secret, in each form in which it might travel, by `***`.
#[derive(Clone, Default)]
pub struct Redactor {
    needles: Vec<String>,
}

impl Redactor {
    /// A redactor of these secrets: plain, line by line, base64 and url-safe base64 at each of the three
    /// offsets, percent-encoded, and with JSON, XML and shell escapes.
    pub fn new<'a>(secrets: impl IntoIterator<Item = &'a Secret>) -> Self {
        let mut needles = Vec::new();
        for secret in secrets {
            let whole = secret.expose();
            // As it is, and as it looks once it went through `Foreign` on its way to a sink.
            let shown = Foreign::new(whole);
            let mut parts: Vec<String> = std::iter::once(whole).chain(whole.lines()).map(str::to_owned).collect();
            parts.extend(shown.lines());
            parts.push(shown.one_line());
            parts.extend(parts.clone().iter().map(|part| part.trim().to_owned()));
            parts.sort();
            parts.dedup();
            for part in parts.iter().filter(|part| part.len() >= SHORTEST) {
                needles.extend(forms(part));
            }
        }
        // Longest first, so that no form is cut in two by a shorter one inside it.
        needles.sort_by(|a, b| b.len().cmp(&a.len()).then_with(|| a.cmp(b)));
        needles.dedup();
        Self { needles }
    }

    /// The text with every secret replaced.
    pub fn apply(&self, text: &str) -> String {
        let mut out = text.to_owned();
        for needle in &self.needles {
            if out.contains(needle.as_str()) {
                out = out.replace(needle.as_str(), "***");
            }
        }
        out
    }

    /// The JSON value with every secret replaced in every string and key; in place, since a report may be large.
    pub fn apply_json(&self, value: serde_json::Value) -> serde_json::Value {
        use serde_json::Value;
        match value {
            Value::String(text) => Value::String(self.apply(&text)),
            Value::Array(items) => Value::Array(items.into_iter().map(|item| self.apply_json(item)).collect()),
            Value::Object(map) => {
                Value::Object(map.into_iter().map(|(key, item)| (self.apply(&key), self.apply_json(item))).collect())
            }
            other => other,
        }
    }
}

impl std::fmt::Debug for Redactor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Redactor({} forms)", self.needles.len())
    }
}

fn forms(secret: &str) -> Vec<String> {
    let mut forms = vec![secret.to_owned()];
    for offset in 0..3 {
        let mut padded = vec![0u8; offset];
        padded.extend_from_slice(secret.as_bytes());
        for encoded in [STANDARD_NO_PAD.encode(&padded), URL_SAFE_NO_PAD.encode(&padded)] {
            // The first characters mix with what stood before the secret, the last with what follows.
            let from = [0, 2, 3][offset];
            let to = padded.len() / 3 * 4;
            if to > from && to - from >= SHORTEST {
                forms.push(encoded[from..to.min(encoded.len())].to_owned());
            }
        }
    }
    forms.push(percent(secret, true));
    forms.push(percent(secret, false));
    if let Ok(json) = serde_json::to_string(secret) {
        forms.push(json[1..json.len() - 1].to_owned());
        forms.push(json[1..json.len() - 1].replace('/', "\\/"));
    }
    forms.push(
        secret
            .replace('&', "&amp;")
            .replace('<', "&lt;")
            .replace('>', "&gt;")
            .replace('"', "&quot;")
            .replace('\'', "&apos;"),
    );
    forms.push(secret.replace('\'', r"'\''"));
    forms.push(
        secret
            .chars()
            .flat_map(|c| {
                (!c.is_ascii_alphanumeric() && c.is_ascii() && !"_-./".contains(c))
                    .then_some('\\')
                    .into_iter()
                    .chain([c])
            })
            .collect(),
    );
    forms.retain(|form| form.len() >= SHORTEST);
    forms
}

fn percent(secret: &str, upper: bool) -> String {
    secret
        .bytes()
        .map(|b| match b {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => (b as char).to_string(),
            b if upper => format!("%{b:02X}"),
            b => format!("%{b:02x}"),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use base64::engine::general_purpose::{STANDARD, URL_SAFE};
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn no_form_of_a_secret_survives(secret in "[ -~]{8,40}", before in "[a-z]{0,4}", after in "[a-z]{0,4}") {
            let redactor = Redactor::new([&Secret::new(secret.clone())]);
            let framed = format!("{before}{secret}{after}");
            prop_assert!(!redactor.apply(&framed).contains(&secret));
            for text in [STANDARD.encode(&framed), URL_SAFE.encode(&framed)] {
                // Whatever stays of the encoding, it no longer decodes to the secret.
                let kept = redactor.apply(&text);
                prop_assert!(kept.contains("***"), "{text} kept as {kept}");
            }
            let json = serde_json::to_string(&framed).unwrap_or_default();
            prop_assert!(redactor.apply(&json).contains("***"));
            prop_assert!(redactor.apply(&percent(&framed, true)).contains("***"));
        }
    }

    #[test]
    fn a_secret_is_found_as_foreign_text_shows_it() {
        for secret in
            ["\u{1b}[31mpass-word\u{1b}[0m", "::add-mask::pass-word\n::x::y", "\t pass-word\t", "a\u{202e}pass-word"]
        {
            let redactor = Redactor::new([&Secret::new(secret)]);
            let shown = Foreign::new(format!("value '{secret}' failed"));
            for text in [shown.one_line(), shown.lines().collect::<Vec<_>>().join("\n"), secret.trim().to_owned()] {
                assert!(!redactor.apply(&text).contains("pass-word"), "{secret:?}: {text:?}");
            }
        }
    }

    #[test]
    fn a_secret_of_several_lines_is_found_line_by_line() {
        let redactor = Redactor::new([&Secret::new("first-line\nsecond-line")]);
        assert_eq!(redactor.apply("got second-line and first-line"), "got *** and ***");
    }
}
