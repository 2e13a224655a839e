//! A card as text for a terminal or a log.

use super::{
    card::{Block, Card, ChangeLine, Mark, Piece},
    words,
};
use crate::text::Foreign;

/// How text is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Style {
    /// Escapes for colour.
    pub color: bool,
    /// Characters beyond ASCII.
    pub unicode: bool,
    /// Details too (`-v`).
    pub details: bool,
}

impl Style {
    /// The text between the escapes of this SGR code.
    pub(super) fn paint(self, code: &str, text: &str) -> String {
        if self.color && !text.is_empty() { format!("\u{1b}[{code}m{text}\u{1b}[0m") } else { text.to_owned() }
    }

    /// Without what the terminal cannot show.
    pub(super) fn fit(self, text: &str) -> String {
        if self.unicode {
            return text.to_owned();
        }
        let mut out = String::with_capacity(text.len());
        for c in text.chars() {
            match c {
                '·' => out.push('-'),
                '→' => out.push_str("->"),
                '…' => out.push_str("..."),
                '–' | '—' => out.push('-'),
                '│' => out.push('|'),
                c => out.push(c),
            }
        }
        out
    }

    pub(super) fn mark(self, mark: Mark) -> String {
        self.paint(mark_color(mark), mark.glyph(self.unicode))
    }
}

fn mark_color(mark: Mark) -> &'static str {
    match mark {
        Mark::Good => "32",
        Mark::Bad | Mark::Back => "31",
        Mark::Change | Mark::Running => "34",
        Mark::Waiting => "33",
        Mark::Neutral => "2",
    }
}

fn sign_color(sign: &str) -> &'static str {
    match sign {
        "+" => "32",
        "!" | "-" => "31",
        "?" | "~" => "33",
        _ => "2",
    }
}

/// The card as text; ends with a line end.
pub fn text(card: &Card, style: Style) -> String {
    let mut lines = vec![headline(card, style)];
    if !card.safe.is_empty() {
        lines.push(format!("  {}", card.safe));
    }
    match &card.action {
        Some(Piece::Words(words)) => lines.push(format!("  do: {words}")),
        Some(Piece::Command(command)) => lines.push(format!("  do: {}", style.paint("1", command))),
        Some(Piece::Quote(_, said)) => lines.push(format!("  do: {said}")),
        None => {}
    }
    let mut before_was_line = true;
    for block in &card.blocks {
        let body = block_lines(block, style);
        if body.is_empty() {
            continue;
        }
        // Single lines keep together; what has rows of its own stands apart.
        let is_line = matches!(block, Block::Line(_));
        if !is_line || !before_was_line {
            lines.push(String::new());
        }
        before_was_line = is_line;
        lines.extend(body);
    }
    let mut out = lines.join("\n");
    out.push('\n');
    style.fit(&out)
}

fn headline(card: &Card, style: Style) -> String {
    let mut line = format!("{} {}", style.mark(card.mark), style.paint("1", &card.headline));
    for fact in &card.facts {
        line.push_str(" · ");
        line.push_str(fact);
    }
    line
}

fn block_lines(block: &Block, style: Style) -> Vec<String> {
    match block {
        Block::Facts(facts) => facts_lines(facts, style),
        Block::Table(head, rows) => {
            let all: Vec<Vec<String>> = std::iter::once(head).chain(rows).cloned().collect();
            words::columns(&all).into_iter().map(|line| format!("  {line}")).collect()
        }
        Block::Changes(file, changes) => changes_lines(file, changes, style),
        Block::Line(Piece::Words(words)) => vec![format!("  {words}")],
        Block::Line(Piece::Command(command)) => vec![format!("  next: {}", style.paint("1", command))],
        Block::Line(Piece::Quote(from, said)) => quote(from, said),
        Block::Details(title, lines) if style.details && !lines.is_empty() => {
            let body = lines.iter().map(|line| format!("    {line}"));
            std::iter::once(format!("  {title}")).chain(body).collect()
        }
        // What was said before stands in a comment alone.
        Block::Details(..) | Block::Small(..) => Vec::new(),
    }
}

fn facts_lines(facts: &[(String, Vec<Piece>)], style: Style) -> Vec<String> {
    let width = facts.iter().map(|(label, _)| label.len()).max().unwrap_or(0) + 2;
    let mut lines = Vec::new();
    for (label, pieces) in facts {
        let mut label = label.as_str();
        for piece in pieces {
            let said: Vec<String> = match piece {
                Piece::Words(words) => vec![words.clone()],
                Piece::Command(command) => vec![style.paint("1", command)],
                Piece::Quote(from, said) => {
                    quote(from, said).into_iter().map(|line| line.trim_start().to_owned()).collect()
                }
            };
            for line in said {
                lines.push(format!("  {label:width$}{line}"));
                label = "";
            }
        }
    }
    lines
}

/// Foreign lines, each behind a bar, so that none can be taken for one of ours.
fn quote(from: &str, said: &Foreign) -> Vec<String> {
    let mut lines: Vec<String> = said.lines().map(|line| format!("  │ {}", words::cut(&line, 100))).collect();
    if let Some(last) = lines.last_mut()
        && !from.is_empty()
    {
        last.push_str(&format!("      ({from})"));
    }
    lines
}

fn changes_lines(file: &str, changes: &[ChangeLine], style: Style) -> Vec<String> {
    let rows: Vec<Vec<String>> = changes
        .iter()
        .map(|change| {
            let place = change.line.map(|line| format!("({file}:{line})")).unwrap_or_default();
            vec![change.what.clone(), change.detail.clone(), place]
        })
        .collect();
    let lines = words::columns(&rows);
    let signed = changes.iter().zip(lines);
    signed.map(|(change, line)| format!("  {}  {line}", style.paint(sign_color(change.sign), change.sign))).collect()
}
