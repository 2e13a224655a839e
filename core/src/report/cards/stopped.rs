//! The card of a command that could not answer: bad usage, a fault, Ctrl-C.

use serde::Serialize;

use crate::{
    plan::{Exit, Fault},
    report::{
        Header,
        card::{Block, Card, Mark, Piece},
        words,
    },
    text::Foreign,
};

/// Why a command ended without its answer.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Stopped {
    /// What it is about, where that is known.
    #[serde(flatten)]
    pub header: Option<Header>,
    /// `failed`, `cancelled`, `usage`.
    pub verdict: &'static str,
    /// The process's exit code.
    pub exit_code: u8,
    /// What happened.
    pub error: Fault,
    /// The command to run again, where that helps.
    pub again: Option<String>,
    /// What was begun and goes on without us: "task 3f9c".
    #[serde(skip_serializing_if = "Option::is_none")]
    pub goes_on: Option<String>,
    /// Milliseconds it took, where it is known when it began.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub duration_ms: Option<u64>,
}

impl Stopped {
    /// A fault before there was an answer.
    pub fn by(fault: Fault) -> Self {
        let verdict = match fault.exit {
            Exit::Usage => "usage",
            Exit::Cancelled => "cancelled",
            Exit::StillRunning => "still-running",
            Exit::Waiting => "waiting",
            _ => "failed",
        };
        Self {
            header: None,
            verdict,
            exit_code: fault.exit.code(),
            error: fault,
            again: None,
            goes_on: None,
            duration_ms: None,
        }
    }

    /// Ctrl-C before there was an answer.
    pub fn cancelled(doing: &str) -> Self {
        Self::by(
            Fault::new(doing, "stopped before there was an answer; nothing was changed").with_exit(Exit::Cancelled),
        )
    }

    /// The same, about this environment.
    pub fn about(mut self, header: &Header) -> Self {
        self.again = Some(header.again());
        self.header = Some(header.clone());
        self
    }

    /// The same, where something that was begun goes on: "task 3f9c".
    pub fn going_on(mut self, what: String) -> Self {
        if self.error.exit == Exit::Cancelled {
            self.error.message = Foreign::new(format!("stopped before there was an answer; {what} goes on"));
        }
        self.goes_on = Some(what);
        self
    }

    fn small(&self) -> Vec<String> {
        let header = self.header.as_ref();
        header.map(|header| header.small_print(None, self.duration_ms)).unwrap_or_default()
    }

    /// The card.
    pub fn card(&self) -> Card {
        let env = self.header.as_ref().map(|header| header.environment.as_str());
        let on = env.map(|env| format!(" for {env}")).unwrap_or_default();
        let doing = &self.error.doing;
        let (mark, headline) = match self.verdict {
            "cancelled" => (Mark::Neutral, format!("{doing}{on}: cancelled")),
            "usage" => (Mark::Bad, format!("{doing}: {}", self.error.message.one_line())),
            _ => (Mark::Bad, format!("{doing} failed{on}")),
        };
        let action = match (&self.error.hint, &self.again) {
            (Some(hint), _) => Piece::words(hint.clone()),
            (None, Some(again)) => Piece::Command(again.clone()),
            (None, None) => Piece::Command(format!("runner explain exit-{}", self.exit_code)),
        };
        let mut blocks = Vec::new();
        if self.verdict == "failed" {
            let code = self.error.code.as_ref().map(|code| format!("{code}: ")).unwrap_or_default();
            let from = self.error.request_id.as_ref().map(|id| format!("request {id}")).unwrap_or_default();
            let text = Foreign::new(format!("{code}{}", self.error.message.raw()));
            blocks.push(Block::Facts(vec![("evidence".to_owned(), vec![Piece::Quote(from, text)])]));
        }
        Card {
            mark,
            title: words::cut(&headline, 200),
            headline,
            facts: self.duration_ms.map(words::duration).into_iter().collect(),
            safe: match &self.goes_on {
                Some(what) => format!("{what} goes on, and what it does is not undone"),
                None => "users: unaffected, nothing was changed".to_owned(),
            },
            action: Some(action),
            blocks,
            small: self.small(),
        }
    }
}
