//! `Header`: what a report is about.

use jiff::Timestamp;
use serde::Serialize;

use super::words;
use crate::workflow::Environment;

/// What a report is about, and how its commands are written.
///
/// In JSON, here and in every report, names are in snake_case and the words they take in kebab-case.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Header {
    /// The app.
    pub app: String,
    /// The environment.
    pub environment: String,
    /// The region.
    pub region: String,
    /// The file as the user named it.
    pub file: String,
    /// The commit that is checked out.
    pub commit: Option<String>,
    /// When the command began.
    pub started_at: Timestamp,
    /// Where the whole log is.
    pub log: Option<String>,
    /// The words of this command after `runner`, without those in `flags`.
    #[serde(skip)]
    pub words: Vec<String>,
    /// What every command that is printed repeats: `-e staging`.
    #[serde(skip)]
    pub flags: Vec<String>,
}

impl Header {
    /// The header of a command about this environment.
    pub fn of(env: &Environment, started_at: Timestamp) -> Self {
        Self {
            app: env.app.clone(),
            environment: env.name.clone(),
            region: env.region.clone(),
            file: env.origins.file.clone(),
            commit: None,
            started_at,
            log: None,
            words: Vec::new(),
            flags: vec!["-e".to_owned(), env.name.clone()],
        }
    }

    /// A command about the same environment: `runner status -e staging`.
    pub fn command<'a>(&'a self, words: impl IntoIterator<Item = &'a str>) -> String {
        let words = words.into_iter().chain(self.flags.iter().map(String::as_str)).map(words::shell);
        std::iter::once("runner".to_owned()).chain(words).collect::<Vec<_>>().join(" ")
    }

    /// This command once more: it attaches to what is under way.
    pub fn again(&self) -> String {
        self.command(self.words.iter().map(String::as_str))
    }

    /// The commit in short, or these words.
    pub(super) fn commit_or<'a>(&'a self, otherwise: &'a str) -> &'a str {
        self.commit.as_deref().map_or(otherwise, words::short)
    }

    /// What stands small under every report: the time, the commit, the log.
    pub(super) fn small_print(&self, first: Option<String>, duration_ms: impl Into<Option<u64>>) -> Vec<String> {
        let clock = self.started_at.strftime("%H:%M UTC").to_string();
        first
            .into_iter()
            .chain(self.commit.as_deref().map(|commit| words::short(commit).to_owned()))
            .chain([clock])
            .chain(duration_ms.into().map(words::duration))
            .chain(self.log.as_ref().map(|log| format!("[log]({log})")))
            .collect()
    }
}
