//! What was changed behind CloudFormation's and the runner's back, and its card.

use serde::Serialize;

use crate::{
    plan::{Change, Drifted, Finding, NotChecked},
    report::{
        Header,
        card::{Block, Card, Mark, Piece},
        planned::property,
        words,
    },
};

/// Findings that a terminal and a comment show before they only count.
const SHOWN: usize = 15;

/// The answer of `drift`.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct DriftReport {
    /// What it is about.
    #[serde(flatten)]
    pub header: Header,
    /// `clean`, `drifted`, or `incomplete`: nothing was found, and not everything could be looked at.
    pub verdict: &'static str,
    /// The process's exit code: 1 with findings.
    pub exit_code: u8,
    /// Milliseconds it took.
    pub duration_ms: u64,
    /// How many stacks were looked at.
    pub stacks: usize,
    /// How many services were looked at.
    pub services: usize,
    /// What is not as it was made.
    pub findings: Vec<Finding>,
    /// What could not be looked at.
    pub not_checked: Vec<NotChecked>,
}

impl DriftReport {
    /// From what was found.
    pub fn of(
        header: &Header,
        (findings, not_checked): (Vec<Finding>, Vec<NotChecked>),
        (stacks, services): (usize, usize),
        duration_ms: u64,
    ) -> Self {
        let (verdict, exit_code) = match (findings.is_empty(), not_checked.is_empty()) {
            (false, _) => ("drifted", 1),
            (true, true) => ("clean", 0),
            (true, false) => ("incomplete", 0),
        };
        Self { header: header.clone(), verdict, exit_code, duration_ms, stacks, services, findings, not_checked }
    }

    /// Its card.
    pub fn card(&self) -> Card {
        let env = &self.header.environment;
        let looked = format!("{} and {}", words::count(self.stacks, "stack"), words::count(self.services, "service"));
        let unseen = match self.not_checked.len() {
            0 => String::new(),
            number => format!("; {number} not checked"),
        };
        let again =
            || Piece::words(format!("let the role read what is not checked below, then `{}`", self.header.again()));
        let (mark, headline, safe) = if self.verdict == "incomplete" {
            (
                Mark::Neutral,
                format!("no drift of {env} in what was checked"),
                format!("users: unaffected; {looked} were looked at{unseen}"),
            )
        } else if self.findings.is_empty() {
            (Mark::Good, format!("{env} has not drifted"), format!("{looked} are as they were made{unseen}"))
        } else {
            let number = words::count(self.findings.len(), "difference");
            let absent = self.findings.iter().filter(|finding| finding.drifted == Drifted::Absent).count();
            let gone = if absent > 0 { format!(", {absent} of them gone") } else { String::new() };
            (
                Mark::Bad,
                format!("{env} has drifted: {number}"),
                format!(
                    "users may be affected: changed behind the runner's back{gone}; {looked} were looked at{unseen}"
                ),
            )
        };
        let mut blocks = Vec::new();
        if !self.findings.is_empty() {
            let head = ["what", "is", "made → there"].map(str::to_owned).to_vec();
            let rows = self.findings.iter().take(SHOWN).map(|finding| {
                let shown: Vec<String> = finding.changes.iter().take(3).map(|change| property(change, 32)).collect();
                vec![finding.what.clone(), word(finding.drifted).to_owned(), shown.join(", ")]
            });
            blocks.push(Block::Table(head, rows.collect()));
            if let Some(more) = self.findings.len().checked_sub(SHOWN).filter(|more| *more > 0) {
                blocks.push(Block::Line(Piece::words(format!("and {more} more"))));
            }
        }
        let unseen = self.not_checked.iter().take(SHOWN).map(|it| format!("not checked: {} ({})", it.what, it.why));
        blocks.extend(unseen.map(|line| Block::Line(Piece::words(line))));
        let full: Vec<String> = self.findings.iter().flat_map(full).collect();
        if !full.is_empty() {
            blocks.push(Block::Details("Everything that differs".to_owned(), full));
        }
        Card {
            mark,
            title: format!("{env}: {headline}"),
            headline,
            facts: vec![words::duration(self.duration_ms)],
            safe,
            action: match self.findings.first() {
                Some(finding) => Some(Piece::words(finding.remedy.clone())),
                None => (self.verdict == "incomplete").then(again),
            },
            blocks,
            small: self.header.small_print(None, self.duration_ms),
        }
    }
}

const fn word(drifted: Drifted) -> &'static str {
    match drifted {
        Drifted::Changed => "changed",
        Drifted::Absent => "gone",
        Drifted::Foreign => "another's",
    }
}

fn full(finding: &Finding) -> Vec<String> {
    let head = format!("{} ({})", finding.what, word(finding.drifted));
    let changes = finding.changes.iter().map(|change: &Change| format!("    {}", property(change, 400)));
    std::iter::once(head).chain(changes).chain([format!("    do: {}", finding.remedy)]).collect()
}
