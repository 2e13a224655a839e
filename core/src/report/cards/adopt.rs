//! What a stage would adopt, and its card.

use serde::Serialize;

use crate::{
    plan::{Adopted, Adoption},
    report::{
        Header,
        card::{Block, Card, Mark, Piece},
        words,
    },
};

/// Resources to be made that are shown before they are only counted.
const SHOWN: usize = 15;

/// The answer of `adopt` before it acts, and where there is nothing to do.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct AdoptReport {
    /// What it is about.
    #[serde(flatten)]
    pub header: Header,
    /// `adoptable` or `nothing`.
    pub verdict: &'static str,
    /// The process's exit code.
    pub exit_code: u8,
    /// Milliseconds it took.
    pub duration_ms: u64,
    /// The stage.
    pub stage: String,
    /// What was found.
    #[serde(flatten)]
    pub adoption: Adoption,
}

impl AdoptReport {
    /// From what was found.
    pub fn of(header: &Header, stage: &str, adoption: Adoption, duration_ms: u64) -> Self {
        let verdict = if adoption.adopts.is_empty() { "nothing" } else { "adoptable" };
        Self { header: header.clone(), verdict, exit_code: 0, duration_ms, stage: stage.to_owned(), adoption }
    }

    /// Its card.
    pub fn card(&self) -> Card {
        let Self { stage, adoption: Adoption { adopts, creates }, .. } = self;
        let env = &self.header.environment;
        let made = words::count(creates.len(), "resource");
        let (mark, headline, safe, action) = if adopts.is_empty() {
            (
                Mark::Good,
                format!("{env}: {stage} has nothing to adopt"),
                format!("nothing outside its stacks has a name of its templates; {made} to make"),
                format!("runner run -e {env} goes on; what has no name of its own is named in the file as existing"),
            )
        } else {
            (
                Mark::Change,
                format!("{env}: {stage} would adopt {}", words::count(adopts.len(), "resource")),
                format!("they are taken as they are, none is changed or replaced; {made} made beside them"),
                format!(
                    "afterwards runner drift -e {env} shows where they differ, and runner plan -e {env} what is left"
                ),
            )
        };
        let head = ["", "resource", "type", "exists as"].map(str::to_owned).to_vec();
        let row = |word: &str, it: &Adopted| {
            vec![word.to_owned(), format!("{}/{}", it.stack, it.id), it.kind.clone(), it.name.clone()]
        };
        let rows: Vec<_> = adopts
            .iter()
            .map(|it| row("adopt", it))
            .chain(creates.iter().take(SHOWN).map(|it| row("make", it)))
            .collect();
        let mut blocks = if rows.is_empty() { Vec::new() } else { vec![Block::Table(head, rows)] };
        if let Some(more) = creates.len().checked_sub(SHOWN).filter(|more| *more > 0) {
            blocks.push(Block::Line(Piece::words(format!("and {more} more to make"))));
        }
        Card {
            mark,
            title: headline.clone(),
            headline,
            facts: vec![words::duration(self.duration_ms)],
            safe,
            action: Some(Piece::words(action)),
            blocks,
            small: self.header.small_print(None, self.duration_ms),
        }
    }
}
