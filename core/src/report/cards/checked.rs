//! The card of a file that was checked, and of a bad one.

use serde::Serialize;

use crate::report::{
    Style,
    card::{Block, Card, Mark, Piece},
    words,
};

/// An error or warning at a place of the file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// The file as the user named it.
    pub file: String,
    /// The line, from 1.
    pub line: Option<u32>,
    /// The column, from 1.
    pub column: Option<u32>,
    /// The key: `services.api.cpu`.
    pub path: String,
    /// What is wrong.
    pub message: String,
    /// What to do about it.
    pub help: Option<String>,
}

/// A file that was checked.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Checked {
    /// `valid` or `invalid`.
    pub verdict: &'static str,
    /// The process's exit code.
    pub exit_code: u8,
    /// The file as the user named it.
    pub file: String,
    /// Its environments.
    pub environments: Vec<String>,
    /// Milliseconds it took.
    pub duration_ms: u64,
    /// The errors.
    pub errors: Vec<Finding>,
    /// The warnings.
    pub warnings: Vec<Finding>,
    /// The errors and warnings with their source lines, as a terminal shows them.
    #[serde(skip)]
    pub shown: String,
}

impl Checked {
    /// What was found in a file.
    pub fn new(
        file: impl Into<String>,
        environments: Vec<String>,
        errors: Vec<Finding>,
        warnings: Vec<Finding>,
        shown: String,
        duration_ms: u64,
    ) -> Self {
        let (verdict, exit_code) = if errors.is_empty() { ("valid", 0) } else { ("invalid", 2) };
        Self { verdict, exit_code, file: file.into(), environments, duration_ms, errors, warnings, shown }
    }

    /// What to read for the first error: the page of its key, or of the key above where there is no such key. The
    /// places of a list have no page of their own.
    fn explain(&self) -> String {
        let error = self.errors.iter().find(|error| !error.path.is_empty());
        let mut keys: Vec<&str> = error.map(|error| error.path.split('.').collect()).unwrap_or_default();
        if error.is_some_and(|error| error.message.starts_with("unknown key")) {
            keys.pop();
        }
        keys.retain(|key| !key.starts_with(|c: char| c.is_ascii_digit()));
        let path = if keys.is_empty() { "file".to_owned() } else { keys.join(".") };
        format!("runner explain {}", words::shell(&path))
    }

    /// For a terminal: each problem at its place, then how many, and what to read.
    pub fn text(&self, style: Style) -> String {
        if self.errors.is_empty() {
            return format!("{}{}", self.shown, crate::report::text(&self.card(), style));
        }
        let number = words::count(self.errors.len(), "error");
        format!("{}{}\n", self.shown, style.fit(&format!("{number}; AWS was not contacted · {}", self.explain())))
    }

    /// The card, for Markdown and for a file without errors.
    pub fn card(&self) -> Card {
        let took = words::duration(self.duration_ms);
        let numbers = [words::count(self.errors.len(), "error"), words::count(self.warnings.len(), "warning")];
        let findings = self.errors.iter().chain(&self.warnings);
        let rows = findings.map(|finding| {
            let place = finding.line.map_or(finding.file.clone(), |line| format!("{}:{line}", finding.file));
            let help = finding.help.clone().unwrap_or_default();
            vec![finding.path.clone(), finding.message.clone(), help, place]
        });
        let head = ["key", "what", "do", "file"].map(str::to_owned).to_vec();
        let table = Block::Table(head, rows.collect());
        if !self.errors.is_empty() {
            return Card {
                mark: Mark::Bad,
                headline: format!("{} has {}", self.file, numbers[0]),
                facts: vec![took],
                title: format!("{} has {}", self.file, numbers[0]),
                safe: "users: unaffected, AWS was not contacted".to_owned(),
                action: Some(Piece::Command(self.explain())),
                blocks: vec![table],
                small: Vec::new(),
            };
        }
        let mut blocks = Vec::new();
        if !self.warnings.is_empty() && self.shown.is_empty() {
            blocks.push(table);
        }
        if let Some(first) = self.environments.first() {
            blocks.push(Block::Line(Piece::Command(format!("runner plan -e {}", words::shell(first)))));
        }
        let warned = if self.warnings.is_empty() { String::new() } else { format!("{}; ", numbers[1]) };
        let environments =
            format!("{}: {}", words::count(self.environments.len(), "environment"), self.environments.join(", "));
        Card {
            mark: Mark::Good,
            headline: format!("{} is valid", self.file),
            facts: vec![took],
            title: format!("{} is valid", self.file),
            safe: format!("{warned}{environments}; AWS was not contacted"),
            action: None,
            blocks,
            small: Vec::new(),
        }
    }
}
