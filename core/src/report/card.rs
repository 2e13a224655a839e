//! `Card`: what a report says, before it is text or Markdown. Line 1 what happened; line 2 is it safe and who is
//! affected; line 3 what to do; then blocks.

use crate::text::Foreign;

/// The state in one sign. Its word is in the headline too, so that nothing is lost without colour or emoji.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mark {
    /// Done, healthy, valid.
    Good,
    /// Failed, refused, invalid.
    Bad,
    /// A plan with changes that are safe.
    Change,
    /// Turned back.
    Back,
    /// Waits for a person.
    Waiting,
    /// Under way.
    Running,
    /// Stopped or taken over.
    Neutral,
}

impl Mark {
    /// For a terminal.
    pub fn glyph(self, unicode: bool) -> &'static str {
        match (self, unicode) {
            (Self::Good, true) => "✔",
            (Self::Good, false) => "ok",
            (Self::Bad, true) => "✖",
            (Self::Back, true) => "↩",
            (Self::Bad | Self::Back, false) => "x",
            (Self::Change, true) => "●",
            (Self::Change, false) => "*",
            (Self::Waiting, true) => "◷",
            (Self::Running, true) => "…",
            (Self::Waiting | Self::Running, false) => "..",
            (Self::Neutral, true) => "·",
            (Self::Neutral, false) => "-",
        }
    }

    /// For GitHub.
    pub fn emoji(self) -> &'static str {
        match self {
            Self::Good => "✅",
            Self::Bad => "❌",
            Self::Change => "🟢",
            Self::Back => "↩️",
            Self::Waiting => "🟡",
            Self::Running => "🔵",
            Self::Neutral => "⚪",
        }
    }
}

/// A piece of text with its kind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Piece {
    /// Our words; `code` stands between backticks.
    Words(String),
    /// A command of ours, ready to be copied.
    Command(String),
    /// Words of unknown authors, and who said them.
    Quote(String, Foreign),
}

impl Piece {
    /// Our words.
    pub fn words(text: impl Into<String>) -> Self {
        Self::Words(text.into())
    }
}

/// One change in a list of changes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChangeLine {
    /// `+`, `~`, `!`, `-`, `?`, `>`.
    pub sign: &'static str,
    /// What.
    pub what: String,
    /// Its properties.
    pub detail: String,
    /// The file's line that says so.
    pub line: Option<u32>,
}

/// A part of a card.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Block {
    /// Labels, and what each says.
    Facts(Vec<(String, Vec<Piece>)>),
    /// A table: its heads and rows.
    Table(Vec<String>, Vec<Vec<String>>),
    /// A list of changes of the file of that name.
    Changes(String, Vec<ChangeLine>),
    /// A line of its own.
    Line(Piece),
    /// What is folded away in Markdown and left out in a terminal unless one asks for more.
    Details(String, Vec<String>),
    /// The same for lines of our own, each of the parts that small print has: there a log is a link.
    Small(String, Vec<Vec<String>>),
}

/// What a report says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Card {
    /// The state.
    pub mark: Mark,
    /// What happened, for a terminal.
    pub headline: String,
    /// What follows the headline there: the duration.
    pub facts: Vec<String>,
    /// What happened, for Markdown.
    pub title: String,
    /// Is it safe, who is affected.
    pub safe: String,
    /// What to do; none where nothing is to be done.
    pub action: Option<Piece>,
    /// The rest.
    pub blocks: Vec<Block>,
    /// The small print of Markdown.
    pub small: Vec<String>,
}

impl Card {
    /// The same with every text passed through `clean`. What leaves by Markdown has to be cleaned before it is escaped:
    /// a secret with a backslash between its characters is found by nobody.
    pub fn cleaned(&self, clean: impl Fn(&str) -> String) -> Self {
        let piece = |piece: &Piece| match piece {
            Piece::Words(words) => Piece::Words(clean(words)),
            Piece::Command(command) => Piece::Command(clean(command)),
            Piece::Quote(from, said) => Piece::Quote(clean(from), Foreign::new(clean(said.raw()))),
        };
        let all = |texts: &[String]| texts.iter().map(|text| clean(text)).collect::<Vec<_>>();
        let block = |block: &Block| match block {
            Block::Facts(facts) => Block::Facts(
                facts.iter().map(|(label, pieces)| (clean(label), pieces.iter().map(piece).collect())).collect(),
            ),
            Block::Table(head, rows) => Block::Table(all(head), rows.iter().map(|row| all(row)).collect()),
            Block::Changes(file, lines) => {
                let line = |line: &ChangeLine| ChangeLine {
                    what: clean(&line.what),
                    detail: clean(&line.detail),
                    ..line.clone()
                };
                Block::Changes(clean(file), lines.iter().map(line).collect())
            }
            Block::Line(line) => Block::Line(piece(line)),
            Block::Details(title, lines) => Block::Details(clean(title), all(lines)),
            Block::Small(title, lines) => Block::Small(clean(title), lines.iter().map(|line| all(line)).collect()),
        };
        Self {
            mark: self.mark,
            headline: clean(&self.headline),
            facts: all(&self.facts),
            title: clean(&self.title),
            safe: clean(&self.safe),
            action: self.action.as_ref().map(piece),
            blocks: self.blocks.iter().map(block).collect(),
            small: all(&self.small),
        }
    }

    /// Every command it tells people to run.
    pub fn commands(&self) -> Vec<&str> {
        let pieces = self.action.iter().chain(self.blocks.iter().flat_map(|block| match block {
            Block::Line(piece) => vec![piece],
            Block::Facts(facts) => facts.iter().flat_map(|(_, pieces)| pieces).collect(),
            _ => Vec::new(),
        }));
        pieces
            .filter_map(|piece| match piece {
                Piece::Command(command) => Some(command.as_str()),
                _ => None,
            })
            .collect()
    }
}
