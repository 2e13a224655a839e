//! The comment on a pull request: one for each app and environment, found by its hidden [`Marker`]; what becomes of an
//! earlier one ([`Move`]); its body. Who writes it is `github`'s business.

mod marker;

#[cfg(test)]
mod tests;

pub use marker::{Entry, Marker, Run};

use serde::{Deserialize, Serialize};

use super::{
    card::{Block, Card, Mark},
    markdown::markdown_within,
};

/// Bytes of a comment: GitHub takes 65,536 characters and refuses more with 422.
/// <https://github.com/orgs/community/discussions/27190>
pub const BYTES: usize = 60_000;

/// How a state feels to whoever reads it: what decides whether it is worth a notification.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Tone {
    /// Nothing to worry about.
    #[default]
    Fine,
    /// Under way.
    Running,
    /// A person must act or look.
    Waiting,
    /// It went wrong.
    Bad,
}

impl Tone {
    /// The tone of a card.
    pub fn of(mark: Mark) -> Self {
        match mark {
            Mark::Good | Mark::Change | Mark::Neutral => Self::Fine,
            Mark::Running => Self::Running,
            Mark::Waiting => Self::Waiting,
            Mark::Bad | Mark::Back => Self::Bad,
        }
    }

    fn rank(self) -> u8 {
        match self {
            Self::Fine | Self::Running => 0,
            Self::Waiting => 1,
            Self::Bad => 2,
        }
    }

    /// Whether a person should be told that it is no longer as before.
    pub fn worse_than(self, before: Self) -> bool {
        self.rank() > before.rank() || (self == Self::Waiting && before != Self::Waiting)
    }
}

/// What is done with a comment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Move {
    /// Nothing: there is nothing to say, or a newer run has spoken.
    Nothing,
    /// It is posted.
    Post,
    /// The earlier one is edited, which notifies nobody.
    Edit,
    /// The earlier one is deleted and a new one posted, which notifies.
    Anew,
}

/// What is done, given the earlier comment's marker. `quiet`: there is nothing that a person would want to read where
/// nothing was said before.
pub fn decide(earlier: Option<&Marker>, now: &Marker, quiet: bool) -> Move {
    match earlier {
        Some(earlier) if earlier.run > now.run => Move::Nothing,
        Some(earlier) if now.tone.worse_than(earlier.tone) => Move::Anew,
        Some(_) => Move::Edit,
        None if quiet => Move::Nothing,
        None => Move::Post,
    }
}

/// The comment: the card, what was said before, the marker. Under 60,000 bytes; cut at line ends, with every fence and
/// tag closed.
pub fn body(card: &Card, marker: &Marker) -> String {
    let tail = marker.hidden();
    let mut card = card.clone();
    if !marker.history.is_empty() {
        let entries = marker.history.iter().rev().map(|entry| {
            let said = [Some(&entry.at), entry.commit.as_ref(), Some(&entry.title)];
            let said = said.into_iter().flatten().cloned();
            said.chain(entry.log.iter().map(|log| format!("[log]({log})"))).collect()
        });
        card.blocks.push(Block::Small(format!("History ({})", marker.history.len()), entries.collect()));
    }
    let mut text = markdown_within(&card, BYTES.saturating_sub(tail.len() + 2));
    text.push('\n');
    text.push_str(&tail);
    text
}
