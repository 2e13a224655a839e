//! The hidden JSON by which a comment is found again. It orders writes; it authorises nothing: whose comment it is says
//! its author.

use serde::{Deserialize, Serialize};

use super::Tone;
use crate::report::{Card, Header, words};

const OPEN: &str = "<!-- finance-infra ";
const CLOSE: &str = " -->";
/// What was said before that is kept.
const HISTORY: usize = 20;
/// Columns of a title in the history.
const TITLE: usize = 160;

/// A run of the workflow. A later one has a greater id; the same one that is run again has a greater attempt.
/// <https://docs.github.com/en/actions/reference/workflows-and-actions/variables>
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Serialize, Deserialize)]
pub struct Run {
    /// GITHUB_RUN_ID.
    pub id: u64,
    /// GITHUB_RUN_ATTEMPT.
    #[serde(default)]
    pub attempt: u32,
}

/// Something that was said before.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// When: `2026-03-04 14:02 UTC`.
    pub at: String,
    /// The commit in short.
    #[serde(default)]
    pub commit: Option<String>,
    /// The first line.
    pub title: String,
    /// Where its run's log is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub log: Option<String>,
}

/// What a comment says of itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Marker {
    /// The version of this format.
    pub v: u32,
    /// The app.
    pub app: String,
    /// The environment.
    pub environment: String,
    /// The run that wrote it last.
    #[serde(default)]
    pub run: Run,
    /// How it felt.
    #[serde(default)]
    pub tone: Tone,
    /// What it said, for the history of the next.
    #[serde(default)]
    pub now: Option<Entry>,
    /// What was said before it, oldest first.
    #[serde(default)]
    pub history: Vec<Entry>,
}

impl Marker {
    /// The marker of this card, following an earlier one.
    pub fn of(header: &Header, card: &Card, run: Run, earlier: Option<&Self>) -> Self {
        let entry = Entry {
            at: header.started_at.strftime("%Y-%m-%d %H:%M UTC").to_string(),
            commit: header.commit.as_deref().map(|commit| words::short(commit).to_owned()),
            title: words::cut(&format!("{} {}", card.mark.emoji(), card.title), TITLE),
            log: header.log.clone(),
        };
        let mut history = earlier.map(|earlier| earlier.history.clone()).unwrap_or_default();
        if let Some(earlier) = earlier {
            // What a run said on its way is no history once it has ended.
            let passing = earlier.run == run && earlier.tone == Tone::Running;
            let same = earlier.run == run && earlier.now.as_ref() == Some(&entry);
            history.extend(earlier.now.clone().filter(|_| !passing && !same));
        }
        history.drain(..history.len().saturating_sub(HISTORY));
        Self {
            v: 1,
            app: header.app.clone(),
            environment: header.environment.clone(),
            run,
            tone: Tone::of(card.mark),
            now: Some(entry),
            history,
        }
    }

    /// The marker that a comment ends with. One that a log line holds does not stand at the end.
    pub fn read(body: &str) -> Option<Self> {
        let text = body.trim_end().strip_suffix(CLOSE)?;
        let (_, json) = text.rsplit_once(OPEN)?;
        serde_json::from_str(json).ok()
    }

    /// Whether it marks the comment of this app and environment.
    pub fn is_of(&self, header: &Header) -> bool {
        self.app == header.app && self.environment == header.environment
    }

    /// As it stands in the comment. Nothing in it ends an HTML comment.
    pub(super) fn hidden(&self) -> String {
        let json = serde_json::to_string(self).unwrap_or_default();
        // These stand within JSON's strings only.
        let json = json.replace('<', "\\u003c").replace('>', "\\u003e").replace('-', "\\u002d");
        format!("{OPEN}{json}{CLOSE}\n")
    }
}
