//! What waits for a person: a DNS record, a paused deployment. What, until when, and what happens if nobody acts.

use jiff::Timestamp;
use serde::Serialize;

use super::{
    Said,
    card::{Block, Piece},
    words,
};
use crate::judge::{Pause, stack_events::DnsRecord};

/// Hours that ACM waits for a certificate's record.
/// <https://docs.aws.amazon.com/acm/latest/userguide/dns-validation.html>
const HOURS: i64 = 72;

/// A DNS record that a stack waits for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Awaited {
    /// What waits: `Certificate (AWS::CertificateManager::Certificate)`.
    pub what: String,
    /// For which record.
    pub record: DnsRecord,
    /// When AWS said so first, in seconds since 1970.
    pub asked: Option<i64>,
}

impl Awaited {
    /// On one line.
    pub fn words(&self) -> String {
        let DnsRecord { kind, name, value } = &self.record;
        format!("{} waits for this DNS record; create it and the stack goes on: {name} {kind} {value}", self.what)
    }

    pub(super) fn cleaned(&self, clean: impl Fn(&str) -> String) -> Self {
        let DnsRecord { kind, name, value } = &self.record;
        let record = DnsRecord { kind: clean(kind), name: clean(name), value: clean(value) };
        Self { what: clean(&self.what), record, asked: self.asked }
    }
}

/// A deployment that stands still until a person decides, old and new.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Paused {
    /// `canary`, `blue-green`.
    pub strategy: &'static str,
    /// Where, until when, and what then.
    #[serde(flatten)]
    pub pause: Pause,
    /// The revisions that are there, the new one first.
    pub revisions: Vec<Standing>,
    /// Where the new one is tried: on the test listener.
    #[serde(rename = "test", skip_serializing_if = "Option::is_none")]
    pub tried_at: Option<String>,
}

/// A revision beside another.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Standing {
    /// Its number.
    pub revision: String,
    /// Whether it is the one that is deployed.
    pub is_new: bool,
    /// Tasks running.
    pub running: u32,
    /// Tasks wanted.
    pub desired: u32,
}

/// `Fri 14:02 UTC`.
fn day(seconds: i64) -> Option<String> {
    Some(Timestamp::from_second(seconds).ok()?.strftime("%a %H:%M UTC").to_string())
}

/// The whole date, for the place where there is room.
fn date(seconds: i64) -> Option<String> {
    Some(Timestamp::from_second(seconds).ok()?.strftime("%a %Y-%m-%d %H:%M UTC").to_string())
}

/// When ACM gives up on the first of them.
fn until(awaits: &[&Said<Awaited>]) -> Option<i64> {
    awaits.iter().filter_map(|said| Some(said.what.asked? + HOURS * 3600)).min()
}

/// `waiting for you, 3 DNS records by Fri 14:02 UTC`
pub(super) fn headline(awaits: &[&Said<Awaited>]) -> String {
    let by = until(awaits).and_then(day).map(|by| format!(" by {by}")).unwrap_or_default();
    format!("waiting for you, {}{by}", words::count(awaits.len(), "DNS record"))
}

/// The records, until when, what then, and whether somebody still looks. `ended`: the run has.
pub(super) fn blocks(awaits: &[&Said<Awaited>], ended: bool) -> Vec<Block> {
    let head = ["type", "name", "value"].map(str::to_owned).to_vec();
    let rows = awaits.iter().map(|said| {
        let DnsRecord { kind, name, value } = &said.what.record;
        vec![kind.clone(), name.clone(), value.clone()]
    });
    let by =
        until(awaits).and_then(date).unwrap_or_else(|| format!("{HOURS} hours after the certificate was asked for"));
    let job = match ended {
        true => "has ended; AWS waits on without it and goes on as soon as it sees the records",
        false => "looks on, and goes on by itself once AWS sees the records; its --timeout ends it, not AWS",
    };
    let facts = [
        ("until", by),
        (
            "else",
            "ACM gives up on the certificate, CloudFormation rolls the stack back, the next run asks anew".to_owned(),
        ),
        ("this job", job.to_owned()),
    ];
    let facts = facts.into_iter().map(|(label, text)| (label.to_owned(), vec![Piece::Words(text)]));
    vec![Block::Table(head, rows.collect()), Block::Facts(facts.collect())]
}

impl Paused {
    /// `before traffic`.
    fn place(&self) -> String {
        match self.pause.stage.as_str() {
            "" => String::new(),
            "PRE_PRODUCTION_TRAFFIC_SHIFT" => " before traffic".to_owned(),
            "POST_TEST_TRAFFIC_SHIFT" => " on test traffic".to_owned(),
            "PRODUCTION_TRAFFIC_SHIFT" => " at the shift of traffic".to_owned(),
            "POST_PRODUCTION_TRAFFIC_SHIFT" => " after traffic".to_owned(),
            "BAKE_TIME" => " in its bake time".to_owned(),
            other => format!(" at {}", other.to_ascii_lowercase().replace('_', "-")),
        }
    }

    /// `canary paused before traffic, decide by Wed 14:02 UTC`
    pub(super) fn headline(&self) -> String {
        let by = self.pause.until.and_then(day).map(|by| format!(", decide by {by}"));
        format!("{} paused{}{}", self.strategy, self.place(), by.as_deref().unwrap_or(", waiting for you"))
    }

    /// Old and new side by side, and where the new one is tried.
    pub(super) fn table(&self) -> Option<Block> {
        let mut head = ["", "revision", "tasks"].map(str::to_owned).to_vec();
        head.extend(self.tried_at.iter().map(|_| "try it".to_owned()));
        let rows = self.revisions.iter().map(|standing| {
            let which = if standing.is_new { "new" } else { "old" };
            let tasks = format!("{}/{}", standing.running, standing.desired);
            let mut row = vec![which.to_owned(), standing.revision.clone(), tasks];
            row.extend(self.tried_at.iter().map(|place| if standing.is_new { place.clone() } else { String::new() }));
            row
        });
        (!self.revisions.is_empty()).then(|| Block::Table(head, rows.collect()))
    }

    /// Until when, what then, and that nobody looks on.
    pub(super) fn facts(&self) -> Vec<(String, Vec<Piece>)> {
        let otherwise = match self.pause.otherwise.as_str() {
            "CONTINUE" => "it goes on",
            "ROLLBACK" => "it is turned back",
            _ => "it stays paused",
        };
        let until = self.pause.until.and_then(date).unwrap_or_else(|| "ECS names no time".to_owned());
        vec![
            ("until".to_owned(), vec![Piece::Words(format!("{until}, else {otherwise} (hook {})", self.pause.hook))]),
            ("this job".to_owned(), vec![Piece::words("has ended; the deployment stays as it is without it")]),
        ]
    }
}
