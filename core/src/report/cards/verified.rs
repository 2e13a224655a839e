//! What `verify` found, and its card.

use serde::Serialize;

use crate::{
    judge::verify::{Answer, Check},
    report::{
        Header,
        card::{Block, Card, Mark, Piece},
        words,
    },
};

/// What `verify` found.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct VerifyReport {
    /// What it is about.
    #[serde(flatten)]
    pub header: Header,
    /// `fits` or `findings`.
    pub verdict: &'static str,
    /// The process's exit code: 1 with findings.
    pub exit_code: u8,
    /// Milliseconds it took.
    pub duration_ms: u64,
    /// Every check.
    pub checks: Vec<Check>,
}

impl VerifyReport {
    /// From the checks.
    pub fn of(header: &Header, checks: Vec<Check>, duration_ms: u64) -> Self {
        let bad = checks.iter().any(|check| matches!(check.answer, Answer::Finding(..)));
        let (verdict, exit_code) = if bad { ("findings", 1) } else { ("fits", 0) };
        Self { header: header.clone(), verdict, exit_code, duration_ms, checks }
    }

    /// The card.
    pub fn card(&self) -> Card {
        let env = &self.header.environment;
        let mut facts = Vec::new();
        let (mut fit, mut bad, mut open) = (0, 0, 0);
        let mut first = None;
        for check in &self.checks {
            let label = format!("{} {}", check.about, check.what);
            match &check.answer {
                Answer::Fits => fit += 1,
                Answer::Finding(words, remedy) => {
                    bad += 1;
                    first.get_or_insert_with(|| remedy.clone());
                    facts.push((label, vec![Piece::words(format!("{words}; do: {remedy}"))]));
                }
                Answer::NotChecked(why) => {
                    open += 1;
                    facts.push((label, vec![Piece::words(format!("not checked: {why}"))]));
                }
            }
        }
        let counts = format!("{fit} of {} fit, {open} not checked", words::count(self.checks.len(), "check"));
        let headline = match bad {
            0 => format!("{env} fits together"),
            bad => format!("{env} has {}", words::count(bad, "finding")),
        };
        let safe = match bad {
            0 => format!("a task can start; {counts}"),
            _ => format!("a new task may not start or serve; {counts}"),
        };
        Card {
            mark: if bad == 0 { Mark::Good } else { Mark::Bad },
            title: headline.clone(),
            headline,
            facts: vec![words::duration(self.duration_ms)],
            safe,
            action: first.map(Piece::words),
            blocks: if facts.is_empty() { Vec::new() } else { vec![Block::Facts(facts)] },
            small: self.header.small_print(None, self.duration_ms),
        }
    }
}
