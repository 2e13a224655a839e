//! How compose writes values: lists and texts, defaults, sizes, durations, names of images.
//! <https://docs.docker.com/reference/compose-file/>

use std::collections::BTreeMap;

use serde_json::Value as Json;

use crate::cli::init::{values, yaml::text};

/// `docker.io/library/postgres:16-alpine` → `postgres`.
pub(super) fn image_name(image: &str) -> &str {
    let last = image.rsplit('/').next().unwrap_or(image);
    last.split([':', '@']).next().unwrap_or(last)
}

pub(super) fn tag(image: &str) -> &str {
    let last = image.rsplit('/').next().unwrap_or(image);
    last.split_once(':').map(|(_, tag)| tag.trim_start_matches("pg")).unwrap_or_default()
}

/// `KEY=value` lines. <https://docs.docker.com/compose/how-tos/environment-variables/variable-interpolation/>
pub(super) fn env_file(text: &str) -> BTreeMap<String, String> {
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
    let pair = |line: &str| {
        let (key, value) = line.strip_prefix("export ").unwrap_or(line).split_once('=')?;
        let value = value.trim();
        let inner = ['"', '\''].iter().find_map(|quote| value.strip_prefix(*quote)?.strip_suffix(*quote));
        Some((key.trim().to_owned(), inner.unwrap_or(value).to_owned()))
    };
    lines.filter_map(pair).collect()
}

/// A map or a list of `KEY=value`.
pub(super) fn pairs(value: &Json) -> BTreeMap<String, Option<String>> {
    match value {
        Json::Object(map) => map.iter().map(|(key, value)| (key.clone(), text(value))).collect(),
        Json::Array(list) => list
            .iter()
            .filter_map(Json::as_str)
            .map(|line| match line.split_once('=') {
                Some((key, value)) => (key.to_owned(), Some(value.to_owned())),
                None => (line.to_owned(), None),
            })
            .collect(),
        _ => BTreeMap::new(),
    }
}

/// A value with the defaults of `${NAME:-default}` put in; none where one has no default. A value that is all variable
/// and sounds like a secret is found by its name later, so what it says does not matter.
pub(super) fn substitute(value: &str) -> Option<String> {
    let mut out = String::new();
    let mut rest = value;
    while let Some(at) = rest.find('$') {
        out.push_str(&rest[..at]);
        rest = &rest[at + 1..];
        if let Some(after) = rest.strip_prefix('$') {
            out.push('$');
            rest = after;
        } else if let Some(inner) = rest.strip_prefix('{') {
            let end = inner.find('}')?;
            let (_, default) = inner[..end].split_once(":-").or_else(|| inner[..end].split_once('-'))?;
            out.push_str(default);
            rest = &inner[end + 1..];
        } else {
            return None;
        }
    }
    out.push_str(rest);
    Some(out)
}

pub(super) fn names(value: &Json) -> Vec<String> {
    match value {
        Json::Object(map) => map.keys().cloned().collect(),
        Json::Array(list) => list.iter().filter_map(text).collect(),
        _ => Vec::new(),
    }
}

/// A list as it is; a text as compose splits it, quotes and all.
pub(super) fn command(value: &Json) -> Vec<String> {
    let words = match value {
        Json::Array(list) => list.iter().filter_map(text).collect(),
        Json::String(line) if line.contains(['|', '&', ';', '<', '>', '`', '\n']) => {
            vec!["sh".to_owned(), "-c".to_owned(), line.trim().to_owned()]
        }
        Json::String(line) => split(line),
        _ => Vec::new(),
    };
    words.into_iter().map(|word| values::escape(&word.replace("$$", "$"))).collect()
}

fn split(line: &str) -> Vec<String> {
    let (mut words, mut word, mut quote, mut inside) = (Vec::new(), String::new(), None, false);
    for c in line.chars() {
        match quote {
            Some(open) if c == open => quote = None,
            Some(_) => word.push(c),
            None if c == '"' || c == '\'' => (quote, inside) = (Some(c), true),
            None if c.is_whitespace() => {
                if inside || !word.is_empty() {
                    words.push(std::mem::take(&mut word));
                }
                inside = false;
            }
            None => word.push(c),
        }
    }
    if inside || !word.is_empty() {
        words.push(word);
    }
    words
}

/// `512M`, `1gb`, `1073741824`.
pub(super) fn mebibytes(text: &str) -> Option<u32> {
    let lower = text.trim().to_ascii_lowercase();
    let digits = lower.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let number: f64 = digits.parse().ok()?;
    let bytes = match lower[digits.len()..].trim_end_matches('b').trim_end_matches('i') {
        "" => number,
        "k" => number * 1_024.0,
        "m" => number * 1_048_576.0,
        "g" => number * 1_073_741_824.0,
        _ => return None,
    };
    Some((bytes / 1_048_576.0).ceil() as u32)
}

/// `1m30s`, `10s`.
pub(super) fn seconds(text: &str) -> Option<u32> {
    let (mut sum, mut number) = (0_u32, String::new());
    for c in text.chars() {
        match c {
            '0'..='9' => number.push(c),
            'h' | 'm' | 's' => {
                let unit = match c {
                    'h' => 3_600,
                    'm' => 60,
                    _ => 1,
                };
                sum = sum.checked_add(number.parse::<u32>().ok()?.checked_mul(unit)?)?;
                number.clear();
            }
            _ => return None,
        }
    }
    number.is_empty().then_some(sum)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn small_things_are_read_as_compose_reads_them() {
        assert_eq!(substitute("a${B:-c}d$$e").unwrap(), "acd$e");
        assert_eq!(substitute("${B}"), None);
        assert_eq!(substitute("$B"), None);
        assert_eq!(split("a 'b c' \"\" d"), ["a", "b c", "", "d"]);
        assert_eq!(mebibytes("1.5gb"), Some(1_536));
        assert_eq!(mebibytes("512M"), Some(512));
        assert_eq!(seconds("1m30s"), Some(90));
        assert_eq!(command(&Json::from("a && b")), ["sh", "-c", "a && b"]);
    }
}
