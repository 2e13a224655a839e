//! How durations, sizes, counts and values are written.

use serde_json::Value as Json;
use unicode_width::UnicodeWidthStr;

use crate::text::Foreign;

/// `1.9s`, `52s`, `4m 02s`, `1h 02m`.
pub fn duration(ms: u64) -> String {
    let seconds = ms / 1000;
    match seconds {
        0 if ms < 100 => format!("{ms}ms"),
        0..10 => format!("{seconds}.{}s", ms % 1000 / 100),
        10..60 => format!("{seconds}s"),
        60..3600 => format!("{}m {:02}s", seconds / 60, seconds % 60),
        _ => format!("{}h {:02}m", seconds / 3600, seconds % 3600 / 60),
    }
}

/// `212 MB`, in powers of ten, as registries count.
pub fn bytes(count: u64) -> String {
    match count {
        0..1_000 => format!("{count} B"),
        1_000..1_000_000 => format!("{} kB", count / 1_000),
        1_000_000..10_000_000_000 => format!("{} MB", count / 1_000_000),
        _ => format!("{} GB", count / 1_000_000_000),
    }
}

/// `1 stack`, `2 stacks`.
pub fn count(number: usize, noun: &str) -> String {
    match number {
        1 => format!("1 {noun}"),
        _ => format!("{number} {noun}s"),
    }
}

/// A commit as people say it: its first seven digits.
pub fn short(commit: &str) -> &str {
    commit.get(..7).unwrap_or(commit)
}

/// A JSON value on one line, cut to `limit` columns.
pub fn value(value: Option<&Json>, limit: usize) -> String {
    let text = match value {
        None | Some(Json::Null) => "unset".to_owned(),
        Some(Json::String(text)) if text.is_empty() => "\"\"".to_owned(),
        Some(Json::String(text)) => text.clone(),
        Some(other) => other.to_string(),
    };
    cut(&Foreign::new(text).one_line(), limit)
}

/// The text, or as much of it as fits into `limit` columns with an ellipsis.
pub fn cut(text: &str, limit: usize) -> String {
    if text.width() <= limit {
        return text.to_owned();
    }
    let mut out = String::new();
    let mut width = 1;
    for c in text.chars() {
        width += unicode_width::UnicodeWidthChar::width(c).unwrap_or(0);
        if width > limit {
            break;
        }
        out.push(c);
    }
    out.push('…');
    out
}

/// A word of a command line as a shell reads it back.
pub fn shell(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./:@=,+%".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}

/// Rows in columns, two spaces apart, each line without spaces at its end. Widths are those of a terminal: a
/// letter of an East Asian script takes two.
pub fn columns(rows: &[Vec<String>]) -> Vec<String> {
    let mut widths: Vec<usize> = Vec::new();
    for row in rows {
        for (at, cell) in row.iter().enumerate() {
            let width = cell.width();
            match widths.get_mut(at) {
                Some(widest) => *widest = width.max(*widest),
                None => widths.push(width),
            }
        }
    }
    rows.iter()
        .map(|row| {
            let mut line = String::new();
            for (cell, width) in row.iter().zip(&widths) {
                line.push_str(cell);
                line.push_str(&" ".repeat(width - cell.width() + 2));
            }
            line.truncate(line.trim_end().len());
            line
        })
        .collect()
}

/// The text with so much taken from its middle that this many characters are left: AWS's messages name the resource
/// first and the reason last.
pub fn middle(text: &str, width: usize) -> String {
    let count = text.chars().count();
    if count <= width {
        return text.to_owned();
    }
    let head: String = text.chars().take(width / 2 - 1).collect();
    let tail: String = text.chars().skip(count - (width - width / 2 - 1)).collect();
    format!("{} … {}", head.trim_end(), tail.trim_start())
}

/// The text with the ARNs of resources cut to what tells them apart: `arn:aws:ecs:us-east-1:111122223333:task/a/b` → `…task/a/b`.
pub fn short_arns(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find("arn:aws") {
        out.push_str(&rest[..at]);
        let arn = &rest[at..];
        // Partition, service, region and account.
        let end = arn.find(|c: char| c.is_whitespace() || "()[]\"',".contains(c)).unwrap_or(arn.len());
        match arn[..end].splitn(6, ':').nth(5) {
            Some(resource) if !resource.is_empty() => {
                out.push('…');
                out.push_str(resource);
            }
            _ => out.push_str(&arn[..end]),
        }
        rest = &arn[end..];
    }
    out.push_str(rest);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_quotes_keep_who_and_why() {
        let told = "(service api) (port 3000) is unhealthy in (target-group arn:aws:elasticloadbalancing:us-east-1:111122223333:targetgroup/api/1) due to (reason Health checks failed with these codes: [404]).";
        let shown = middle(&short_arns(told), 100);
        assert!(shown.starts_with("(service api)") && shown.ends_with("codes: [404])."), "{shown}");
        assert!(shown.chars().count() <= 102, "{shown}");
        assert_eq!(short_arns("arn:aws:ecs:us-east-1:1:task/a/b, arn:aws:s3:::b"), "…task/a/b, …b");
    }

    #[test]
    fn durations_read_like_those_of_people() {
        let written: Vec<String> = [42, 1_940, 52_400, 242_000, 3_725_000].map(duration).into();
        assert_eq!(written, ["42ms", "1.9s", "52s", "4m 02s", "1h 02m"]);
    }

    #[test]
    fn columns_are_as_wide_as_a_terminal_shows_them() {
        let rows = [["名", "x"], ["name", "y"]].map(|row| row.map(str::to_owned).to_vec());
        assert_eq!(columns(&rows), ["名    x", "name  y"]);
    }

    #[test]
    fn values_are_cut_and_made_harmless() {
        assert_eq!(value(Some(&"a\u{1b}[31mb\nc".into()), 40), "ab c");
        assert_eq!(value(Some(&"x".repeat(50).into()), 10), "xxxxxxxxx…");
        assert_eq!(value(None, 10), "unset");
    }

    #[test]
    fn words_survive_a_shell() {
        assert_eq!(shell("a b's"), r"'a b'\''s'");
        assert_eq!(shell(".github/finance-infra.yml"), ".github/finance-infra.yml");
    }
}
