//! What a stage would adopt, and its card.

use serde::Serialize;

use crate::{
    plan::{Adopted, Adoption, Left, Replacement},
    report::{
        Header,
        card::{Block, Card, ChangeLine, Mark, Piece},
        planned::property,
        words,
    },
};

/// Resources to be made that are shown before they are only counted.
const SHOWN: usize = 15;
/// Characters of a value that is shown.
const VALUE: usize = 60;

/// The answer of `adopt` before it acts, and where it does not.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct AdoptReport {
    /// What it is about.
    #[serde(flatten)]
    pub header: Header,
    /// `adoptable`, `nothing`, `ambiguous` or `refused`.
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
        let (verdict, exit_code) = match &adoption {
            it if !it.refusals.is_empty() => ("refused", 1),
            it if !it.ambiguous.is_empty() => ("ambiguous", 1),
            it if it.adopts.is_empty() => ("nothing", 0),
            _ => ("adoptable", 0),
        };
        Self { header: header.clone(), verdict, exit_code, duration_ms, stage: stage.to_owned(), adoption }
    }

    /// Its card.
    pub fn card(&self) -> Card {
        let Self { stage, adoption, .. } = self;
        let env = &self.header.environment;
        let taken = words::count(adoption.adopts.len(), "resource");
        let made = words::count(adoption.creates.len(), "resource");
        let (mark, headline, safe, action) = match self.verdict {
            "refused" => {
                let all = |part: fn(&crate::plan::Refusal) -> &String| {
                    adoption.refusals.iter().map(|it| part(it).as_str()).collect::<Vec<_>>().join("; ")
                };
                (
                    Mark::Bad,
                    format!(
                        "{env}: {stage} adopts nothing, {} refused",
                        words::count(adoption.refusals.len(), "resource")
                    ),
                    format!("nothing was done: {}: {}", all(|it| &it.what), all(|it| &it.why)),
                    adoption.refusals.first().map(|it| it.remedy.clone()).unwrap_or_default(),
                )
            }
            "ambiguous" => (
                Mark::Waiting,
                format!(
                    "{env}: {stage} adopts nothing, {} could be several that exist",
                    words::count(adoption.ambiguous.len(), "resource")
                ),
                "nothing was done: to take the wrong one would change what others use".to_owned(),
                format!(
                    "say which it is with {}, or that it is none with `-` for the identifier",
                    adoption.ambiguous.iter().map(|it| it.flag.as_str()).collect::<Vec<_>>().join(" ")
                ),
            ),
            "nothing" => (
                Mark::Good,
                format!("{env}: {stage} has nothing to adopt"),
                format!("nothing that exists was found for its templates; {made} to make"),
                format!("runner run -e {env} goes on; what exists all the same is named with --resource ID=IDENTIFIER"),
            ),
            _ => (
                Mark::Change,
                format!("{env}: {stage} would adopt {taken}"),
                format!("they are taken as they are, none is changed or replaced; {made} are left to make"),
                format!(
                    "afterwards runner plan -e {env} shows what the file would change, and runner run -e {env} does it"
                ),
            ),
        };
        Card {
            mark,
            title: headline.clone(),
            headline,
            facts: vec![words::duration(self.duration_ms)],
            safe,
            action: Some(Piece::words(action)),
            blocks: self.blocks(),
            small: self.header.small_print(None, self.duration_ms),
        }
    }

    fn blocks(&self) -> Vec<Block> {
        let Adoption { adopts, ambiguous, creates, .. } = &self.adoption;
        let mut blocks = Vec::new();
        let head = ["", "resource", "type", "exists as", "found by"].map(str::to_owned).to_vec();
        let taken = |it: &Adopted| {
            vec![
                "adopt".to_owned(),
                format!("{}/{}", it.stack, it.id),
                it.kind.clone(),
                it.name.clone(),
                it.how.clone(),
            ]
        };
        let left = |word: &str, it: &Left| {
            let said = if it.candidates.is_empty() { it.why.clone() } else { it.flag.clone() };
            vec![word.to_owned(), format!("{}/{}", it.stack, it.id), it.kind.clone(), it.candidates.join(", "), said]
        };
        // What something is to be said of comes first.
        let mut made: Vec<&Left> = creates.iter().collect();
        made.sort_by_key(|it| it.why.is_empty());
        let rows: Vec<Vec<String>> = adopts
            .iter()
            .map(taken)
            .chain(ambiguous.iter().map(|it| left("which?", it)))
            .chain(made.iter().take(SHOWN).map(|it| left("make", it)))
            .collect();
        if !rows.is_empty() {
            blocks.push(Block::Table(head, rows));
        }
        if let Some(more) = creates.len().checked_sub(SHOWN).filter(|more| *more > 0) {
            blocks.push(Block::Line(Piece::words(format!("and {more} more to make"))));
        }
        let differences: Vec<ChangeLine> = adopts
            .iter()
            .flat_map(|it| &it.differences)
            .map(|change| ChangeLine {
                sign: match change.replacement {
                    Replacement::No => "~",
                    Replacement::Maybe => "?",
                    Replacement::Yes => "!",
                },
                what: change.subject.clone(),
                detail: property(change, VALUE),
                line: None,
            })
            .collect();
        if !differences.is_empty() {
            blocks.push(Block::Line(Piece::words(
                "what the next run would change of them, from what is there to what the file says:",
            )));
            blocks.push(Block::Changes(self.header.file.clone(), differences));
        }
        let unseen = adopts.iter().filter(|it| !it.not_compared.is_empty());
        let unseen: Vec<String> = unseen.map(|it| format!("{} ({})", it.id, it.not_compared.join(", "))).collect();
        if !unseen.is_empty() {
            blocks.push(Block::Line(Piece::words(format!("not compared: {}", unseen.join("; ")))));
        }
        blocks
    }
}
