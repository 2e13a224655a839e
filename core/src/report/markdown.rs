//! A card as GitHub's Markdown, for comments and step summaries. What others wrote stands in fences only, and our
//! own words are escaped, so that no name, value or message becomes markup, a mention or a link.

use super::{
    card::{Block, Card, ChangeLine, Piece},
    words,
};

/// Lines outside `<details>`.
const LINES: usize = 25;
/// Bytes of a whole card where nothing is said: as much as a comment may have.
const BYTES: usize = 59_500;
/// Columns of a cell or a line of our own words.
const COLUMNS: usize = 300;

/// The card as Markdown: at most 25 lines outside details, under 60,000 bytes, every fence and tag closed.
pub fn markdown(card: &Card) -> String {
    markdown_within(card, BYTES)
}

/// The same in at most so many bytes.
pub(super) fn markdown_within(card: &Card, bytes: usize) -> String {
    let mut page = Page { lines: Vec::new(), folded: Vec::new() };
    page.lines.push(format!("### {} {}", card.mark.emoji(), inline(&card.title)));
    if !card.safe.is_empty() {
        let end = if card.action.is_some() { "  " } else { "" };
        page.lines.push(format!("**{}**{end}", inline(&card.safe)));
    }
    match &card.action {
        Some(Piece::Words(words)) => page.lines.push(format!("Do: {}", inline(words))),
        Some(Piece::Command(command)) => page.lines.push(format!("Do: {}", code(command))),
        Some(Piece::Quote(_, said)) => page.lines.push(format!("Do: {}", inline(&said.one_line()))),
        None => {}
    }
    for block in &card.blocks {
        page.block(block);
    }
    page.finish(&card.small, bytes)
}

struct Page {
    lines: Vec<String>,
    folded: Vec<Folded>,
}

/// What stands in `<details>`.
struct Folded {
    title: String,
    lines: Vec<String>,
    /// A list of our own words, which are escaped; else anybody's words in a fence.
    listed: bool,
}

impl Page {
    /// Lines that may still be shown: the small print and two blank lines are kept free.
    fn left(&self) -> usize {
        (LINES - 3).saturating_sub(self.lines.len())
    }

    fn block(&mut self, block: &Block) {
        match block {
            Block::Line(Piece::Words(words)) => self.paragraph(inline(words)),
            Block::Line(Piece::Command(command)) => self.paragraph(format!("Next: {}", code(command))),
            Block::Line(Piece::Quote(from, said)) => self.fold(from.clone(), said.lines().collect()),
            Block::Facts(facts) => self.facts(facts),
            Block::Table(head, rows) => {
                let rows: Vec<Vec<String>> =
                    rows.iter().map(|row| row.iter().map(|text| cell(text)).collect()).collect();
                self.table(head, &rows, || rows.iter().map(|row| row.join("  ")).collect());
            }
            Block::Changes(_, changes) => self.changes(changes),
            Block::Details(title, lines) => self.fold(title.clone(), lines.clone()),
            Block::Small(title, lines) => {
                let lines = lines.iter().map(|line| format!("- {}", small_print(line))).collect();
                self.folded.push(Folded { title: title.clone(), lines, listed: true });
            }
        }
    }

    fn fold(&mut self, title: String, lines: Vec<String>) {
        self.folded.push(Folded { title, lines, listed: false });
    }

    fn paragraph(&mut self, text: String) {
        if self.left() >= 2 {
            self.lines.extend([String::new(), text]);
        }
    }

    fn facts(&mut self, facts: &[(String, Vec<Piece>)]) {
        if self.left() > 1 {
            self.lines.push(String::new());
        }
        for (label, pieces) in facts {
            let mut shown = Vec::new();
            let mut quoted: Vec<String> = Vec::new();
            for piece in pieces {
                match piece {
                    Piece::Words(words) => shown.push(inline(words)),
                    Piece::Command(command) => shown.push(code(command)),
                    Piece::Quote(from, said) => {
                        quoted.extend(said.lines());
                        if let (Some(last), false) = (quoted.last_mut(), from.is_empty()) {
                            last.push_str(&format!("      ({from})"));
                        }
                    }
                }
            }
            let need = 1 + if quoted.is_empty() { 0 } else { quoted.len() + 2 };
            if need > self.left() {
                quoted.splice(0..0, shown);
                self.fold(label.clone(), quoted);
                continue;
            }
            self.lines.push(format!("- **{}** {}", inline(label), shown.join(" · ")).trim_end().to_owned());
            if !quoted.is_empty() {
                let fence = fence(&quoted);
                let body = quoted.iter().map(|line| format!("  {}", words::cut(line, COLUMNS)));
                self.lines.push(format!("  {fence}text"));
                self.lines.extend(body);
                self.lines.push(format!("  {fence}"));
            }
        }
    }

    fn changes(&mut self, changes: &[ChangeLine]) {
        let head = ["", "what", "change", "file"].map(str::to_owned);
        let rows: Vec<Vec<String>> = changes
            .iter()
            .map(|change| {
                let line = change.line.map(|line| format!("L{line}")).unwrap_or_default();
                vec![code(change.sign), cell(&change.what), cell(&change.detail), line]
            })
            .collect();
        self.table(&head, &rows, || {
            changes.iter().map(|change| format!("{} {}  {}", change.sign, change.what, change.detail)).collect()
        });
    }

    /// A table of as many rows as there is room for; where that is not all, all of it is folded below.
    fn table(&mut self, head: &[String], rows: &[Vec<String>], whole: impl FnOnce() -> Vec<String>) {
        let room = self.left().saturating_sub(3);
        if rows.is_empty() {
            return;
        }
        let shown = if rows.len() <= room { rows.len() } else { room.saturating_sub(2) };
        if shown > 0 {
            let line = |cells: &[String]| format!("| {} |", cells.join(" | "));
            self.lines.push(String::new());
            self.lines.push(line(head));
            self.lines.push(format!("|{}", "---|".repeat(head.len())));
            self.lines.extend(rows.iter().take(shown).map(|row| line(row)));
        }
        if shown < rows.len() {
            if self.left() >= 2 {
                self.lines.extend([String::new(), format!("… and {} more below", rows.len() - shown)]);
            }
            self.fold(format!("All {}", rows.len()), whole());
        }
    }

    fn finish(self, small: &[String], bytes: usize) -> String {
        let mut out = self.lines.join("\n");
        out.push('\n');
        let small = small_print(small);
        let tail = if small.is_empty() { String::new() } else { format!("\n<sub>{small}</sub>\n") };
        let mut room = bytes.saturating_sub(out.len() + tail.len());
        let mut folded = self.folded.iter().filter(|folded| !folded.lines.is_empty()).peekable();
        if folded.peek().is_some() {
            out.push('\n');
        }
        while let Some(now) = folded.next() {
            // What comes later keeps a share.
            let share = if folded.peek().is_some() { room / 2 } else { room };
            let text = details(now, share);
            room = room.saturating_sub(text.len());
            out.push_str(&text);
        }
        out.push_str(&tail);
        out
    }
}

fn small_print(parts: &[String]) -> String {
    parts.iter().map(|part| link(part)).collect::<Vec<_>>().join(" · ")
}

/// A folded fence or list of at most `room` bytes; nothing where even its frame has no room.
fn details(Folded { title, lines, listed }: &Folded, room: usize) -> String {
    let fence = fence(lines);
    // A title that counts already says it better.
    let title = if title.ends_with(')') {
        inline(title)
    } else {
        inline(&format!("{title} ({})", words::count(lines.len(), "line")))
    };
    let (open, close) = match listed {
        true => (String::new(), String::new()),
        false => (format!("{fence}diff\n"), format!("{fence}\n")),
    };
    let head = format!("<details><summary>{title}</summary>\n\n{open}");
    let foot = format!("{close}</details>\n");
    let Some(mut room) = room.checked_sub(head.len() + foot.len() + 60) else { return String::new() };
    let mut out = head;
    for (at, line) in lines.iter().enumerate() {
        if line.len() + 1 > room {
            out.push_str(&format!("… {} more: --format json has them all\n", lines.len() - at));
            break;
        }
        room -= line.len() + 1;
        out.push_str(line);
        out.push('\n');
    }
    out.push_str(&foot);
    out
}

/// A fence longer than any run of backticks in these lines.
fn fence(lines: &[String]) -> String {
    "`".repeat(lines.iter().map(|line| longest_run(line)).max().unwrap_or(0).max(2) + 1)
}

fn longest_run(text: &str) -> usize {
    text.split(|c| c != '`').map(str::len).max().unwrap_or(0)
}

/// A code span that holds whatever the text holds.
fn code(text: &str) -> String {
    let ticks = "`".repeat(longest_run(text) + 1);
    let pad = if text.starts_with('`') || text.ends_with('`') { " " } else { "" };
    format!("{ticks}{pad}{text}{pad}{ticks}")
}

/// Our words with what stands between single backticks as code, and everything else escaped.
fn inline(text: &str) -> String {
    let text = words::cut(text, COLUMNS);
    let parts: Vec<&str> = text.split('`').collect();
    let balanced = parts.len() % 2 == 1;
    let mut out = String::new();
    for (at, part) in parts.iter().enumerate() {
        if at % 2 == 1 && balanced && !part.is_empty() {
            out.push_str(&code(part));
        } else {
            if at > 0 && !balanced {
                out.push_str("\\`");
            }
            escape(part, &mut out);
        }
    }
    out
}

fn cell(text: &str) -> String {
    inline(text).replace('|', "\\|")
}

/// A part of the small print: our own link, or words.
fn link(part: &str) -> String {
    let target = part.strip_prefix("[log](").and_then(|rest| rest.strip_suffix(')'));
    match target {
        Some(url) if !url.contains(['(', ')', '<', '>', ' ', '"']) => format!("<a href=\"{url}\">log</a>"),
        _ => inline(part),
    }
}

fn escape(text: &str, out: &mut String) {
    for c in text.chars() {
        match c {
            '\\' | '*' | '_' | '[' | ']' | '~' => {
                out.push('\\');
                out.push(c);
            }
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '&' => out.push_str("&amp;"),
            // A zero-width space keeps a name from being notified and a number from being linked.
            '@' | '#' => {
                out.push(c);
                out.push('\u{200B}');
            }
            '\n' | '\r' => out.push(' '),
            c => out.push(c),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{report::card::Mark, text::Foreign};

    fn card(blocks: Vec<Block>) -> Card {
        Card {
            mark: Mark::Bad,
            headline: String::new(),
            facts: Vec::new(),
            title: "staging: failed".into(),
            safe: "users: unaffected".into(),
            action: Some(Piece::Command("runner run -e staging".into())),
            blocks,
            small: vec!["14:02 UTC".into()],
        }
    }

    #[test]
    fn foreign_text_stays_in_a_fence_it_cannot_close() {
        let said = Foreign::new("@team see #1\n````\n::error::x <img src=x>");
        let page =
            markdown(&card(vec![Block::Facts(vec![("evidence".into(), vec![Piece::Quote("api".into(), said)])])]));
        insta::assert_snapshot!(page.replace('\u{200B}', "<zero-width>"), @r"
        ### ❌ staging: failed
        **users: unaffected**  
        Do: `runner run -e staging`

        - **evidence**
          `````text
          @team see #1
          ````
          :<zero-width>:error::x <img src=x>      (api)
          `````

        <sub>14:02 UTC</sub>
        ");
    }

    #[test]
    fn words_are_no_markup() {
        assert_eq!(
            inline("@team *x* <b> `a|b` [l](u) #5"),
            "@\u{200B}team \\*x\\* &lt;b&gt; `a|b` \\[l\\](u) #\u{200B}5"
        );
        assert_eq!(inline("one ` alone"), "one \\` alone");
        assert_eq!(cell("`a|b`"), "`a\\|b`");
    }

    #[test]
    fn two_hundred_services_and_two_thousand_lines_fit() {
        let rows = (0..200).map(|n| vec![format!("service-{n}"), ":1".into(), "https://x.example".repeat(9)]).collect();
        let diff: Vec<String> = (0..2_000).map(|n| format!("+ line {n} {}", "x".repeat(60))).collect();
        let table = Block::Table(["service", "revision", "url"].map(str::to_owned).to_vec(), rows);
        let page = markdown(&card(vec![table, Block::Details("Full difference".into(), diff)]));
        assert!(page.len() < 60_000, "{} bytes", page.len());
        assert!(page.starts_with("### ❌ staging: failed\n**users: unaffected**  \nDo: `runner run -e staging`\n"));
        assert_eq!(page.matches("<details>").count(), page.matches("</details>").count());
        assert_eq!(page.lines().filter(|line| line.starts_with("```")).count() % 2, 0);
        let mut inside = false;
        let outside = page.lines().filter(|line| {
            inside |= line.starts_with("<details>");
            let counts = !inside;
            inside &= !line.starts_with("</details>");
            counts
        });
        assert!(outside.count() <= LINES);
        assert!(page.ends_with("<sub>14:02 UTC</sub>\n"));
    }
}
