//! From evidence to a cause: one file a family of causes, each a table of causes with what they mean, what to do,
//! and the rules that recognise them. To add a cause, add a row to its family's table and a line to
//! `fixtures.jsonl`.
//!
//! A rule matches what AWS, a registry, a language or the C library says (codes, wordings, exit codes), never a
//! name that a user chose. Within a table the first row that matches wins among equals, so the special stands
//! before the general.

mod caller;
mod cause;
mod cloudformation;
mod deletion;
mod health;
mod image;
mod keys;
mod network;
mod none;
mod passing;
mod placement;
mod program;
mod rollout;
mod rule;
mod secrets;
mod start;
mod vocabulary;

use std::{borrow::Cow, convert::Infallible, str::FromStr};

use serde::{Deserialize, Deserializer, Serialize, Serializer, ser::SerializeStruct};

use self::rule::{Rule, Text, When};
pub use self::{
    cause::{Cause, Family, Rank},
    keys::key,
    passing::passes,
};
use crate::text::Foreign;

static TABLES: [&[Cause]; 12] = [
    image::CAUSES,
    secrets::CAUSES,
    placement::CAUSES,
    start::CAUSES,
    program::CAUSES,
    health::CAUSES,
    rollout::CAUSES,
    network::CAUSES,
    cloudformation::CAUSES,
    deletion::CAUSES,
    caller::CAUSES,
    none::CAUSES,
];

/// How sure a diagnosis is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Certainty {
    /// A code or the exact wording of AWS names the cause.
    Certain,
    /// Read from texts or logs.
    Likely,
    /// Nothing was recognised.
    Unknown,
}

impl Certainty {
    /// The word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Certain => "certain",
            Self::Likely => "likely",
            Self::Unknown => "unknown",
        }
    }
}

/// The field that carried a text.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(from = "Cow<'_, str>", into = "String")]
pub enum Where {
    /// A task's `stoppedReason`.
    StoppedReason,
    /// A container's `reason`.
    ContainerReason,
    /// A service's event.
    ServiceEvent,
    /// A stack event's status reason.
    StackEvent,
    /// The state, reason and description of a target.
    TargetHealth,
    /// An error of an API call.
    ApiError,
    /// A line or more of a log.
    Log,
    /// Any other field.
    Other(String),
}

impl Where {
    /// The field's name.
    pub fn as_str(&self) -> &str {
        match self {
            Self::StoppedReason => "stoppedReason",
            Self::ContainerReason => "containerReason",
            Self::ServiceEvent => "serviceEvent",
            Self::StackEvent => "stackEvent",
            Self::TargetHealth => "targetHealth",
            Self::ApiError => "apiError",
            Self::Log => "log",
            Self::Other(name) => name,
        }
    }
}

impl From<Cow<'_, str>> for Where {
    fn from(name: Cow<'_, str>) -> Self {
        match &*name {
            "stoppedReason" => Self::StoppedReason,
            "containerReason" => Self::ContainerReason,
            "serviceEvent" => Self::ServiceEvent,
            "stackEvent" => Self::StackEvent,
            "targetHealth" => Self::TargetHealth,
            "apiError" => Self::ApiError,
            "log" => Self::Log,
            _ => Self::Other(name.into_owned()),
        }
    }
}

impl FromStr for Where {
    type Err = Infallible;

    fn from_str(name: &str) -> Result<Self, Infallible> {
        Ok(Cow::Borrowed(name).into())
    }
}

impl From<Where> for String {
    fn from(at: Where) -> Self {
        match at {
            Where::Other(name) => name,
            known => known.as_str().to_owned(),
        }
    }
}

/// A text that may tell why something failed. As JSON: `{"where","text","exit_code"}`, the last two may be missing.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Evidence {
    /// The field it came in.
    #[serde(rename = "where")]
    pub at: Where,
    /// What it says.
    #[serde(default, deserialize_with = "foreign")]
    pub text: Foreign,
    /// The container's exit code, where there is one.
    #[serde(default)]
    pub exit_code: Option<i32>,
}

fn foreign<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Foreign, D::Error> {
    Ok(Option::<String>::deserialize(deserializer)?.unwrap_or_default().into())
}

/// A cause found in a piece of evidence.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diagnosis {
    /// What it is.
    pub cause: &'static Cause,
    /// How sure that is.
    pub certainty: Certainty,
    /// The lines of the evidence that decided; all of it where no single line did.
    pub quote: Foreign,
    /// Which of several pieces of evidence it was found in.
    pub piece: usize,
}

impl Diagnosis {
    /// What orders diagnoses: nearest to the root first, the surer before the less sure. SIGKILL comes after SIGTERM:
    /// among symptoms, whatever the task was stopped for stands before it.
    fn order(&self) -> (Rank, bool, Certainty) {
        (self.cause.rank, self.cause.name == program::SIGKILL, self.certainty)
    }
}

impl Serialize for Diagnosis {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut out = serializer.serialize_struct("Diagnosis", 6)?;
        out.serialize_field("cause", self.cause.name)?;
        out.serialize_field("certainty", &self.certainty)?;
        out.serialize_field("title", self.cause.title)?;
        out.serialize_field("meaning", self.cause.meaning)?;
        out.serialize_field("do", self.cause.remedy)?;
        out.serialize_field("evidence", &self.quote)?;
        out.end()
    }
}

/// Every cause, family by family.
pub fn all() -> impl Iterator<Item = &'static Cause> {
    TABLES.iter().flat_map(|table| table.iter())
}

/// The cause of that name.
pub fn find(name: &str) -> Option<&'static Cause> {
    all().find(|cause| cause.name == name)
}

/// What one text says. In a log, a line that calls itself an error is heard before warnings and news: a program that
/// warns of a cache it does not reach and then ends of something else ended of that.
pub fn diagnose(evidence: &Evidence) -> Diagnosis {
    if let Some(errors) = (evidence.at == Where::Log).then(|| rule::without_chatter(evidence.text.raw())).flatten() {
        let found = read(&Evidence { text: errors.into(), ..evidence.clone() });
        if found.cause.rank == Rank::Root {
            return found;
        }
    }
    // What a program warned of that then ended well is no failure.
    let warned = evidence.at == Where::Log && evidence.exit_code == Some(0);
    if warned && evidence.text.raw().lines().all(rule::is_chatter) {
        return Diagnosis {
            cause: &none::UNKNOWN,
            certainty: Certainty::Unknown,
            quote: evidence.text.clone(),
            piece: 0,
        };
    }
    read(evidence)
}

fn read(evidence: &Evidence) -> Diagnosis {
    let text = Text::new(evidence);
    let mut best: Option<(&'static Cause, Certainty, &When)> = None;
    for cause in all() {
        for rule in cause.rules {
            let (certainty, when) = match rule {
                Rule::Certain(when) => (Certainty::Certain, when),
                Rule::Likely(when) => (Certainty::Likely, when),
            };
            // What a program or a tool prints may quote anything: a log never makes a cause certain. But a service's own
            // code there outweighs the program's exception around it.
            let certainty = if evidence.at == Where::Log { Certainty::Likely } else { certainty };
            let better = best.is_none_or(|(found, sure, _)| {
                (cause.rank, certainty) < (found.rank, sure)
                    || (found.name == program::DEFECT && cause.rank == found.rank && is_code(cause, rule))
            });
            if better && text.holds(when) {
                best = Some((cause, certainty, when));
            }
        }
    }
    match best {
        Some((cause, certainty, when)) => {
            let mut needles = Vec::new();
            text.needles(when, &mut needles);
            Diagnosis { cause, certainty, quote: quote(&evidence.text, &needles), piece: 0 }
        }
        None => {
            let (cause, certainty) = (&none::UNKNOWN, Certainty::Unknown);
            Diagnosis { cause, certainty, quote: evidence.text.clone(), piece: 0 }
        }
    }
}

/// Whether a rule matches what a service says, and not what a program does.
fn is_code(cause: &Cause, rule: &Rule) -> bool {
    matches!(rule, Rule::Certain(_)) && !matches!(cause.family, Family::Program | Family::Health)
}

/// What several texts about one failure say together: the root first, then its consequences, each cause once.
/// News and unknown texts appear only when there is nothing else; the answer is never empty.
pub fn diagnose_all(evidence: &[Evidence]) -> Vec<Diagnosis> {
    let all = evidence.iter().enumerate();
    let mut found: Vec<Diagnosis> = all.map(|(piece, evidence)| Diagnosis { piece, ..diagnose(evidence) }).collect();
    // Stable: among equals the earlier text comes first, so the caller's order (oldest first) decides.
    found.sort_by_key(Diagnosis::order);
    let mut kept: Vec<Diagnosis> = Vec::new();
    // Both are 137, and a limit that was reached says which.
    let is_oom = found.iter().any(|diagnosis| diagnosis.cause.name == program::OOM);
    found.retain(|diagnosis| !(is_oom && diagnosis.cause.name == program::SIGKILL));
    for diagnosis in found {
        let silent = diagnosis.cause.rank >= Rank::News;
        if !(kept.iter().any(|earlier| earlier.cause == diagnosis.cause) || silent && !kept.is_empty()) {
            kept.push(diagnosis);
        }
    }
    if kept.is_empty() {
        let (cause, certainty) = (&none::UNKNOWN, Certainty::Unknown);
        kept.push(Diagnosis { cause, certainty, quote: Foreign::default(), piece: 0 });
    }
    kept
}

/// The lines that carry a needle, at most three; the whole text where none does.
fn quote(text: &Foreign, needles: &[&str]) -> Foreign {
    let lines: Vec<&str> = text
        .raw()
        .lines()
        .filter(|line| {
            let flat = rule::flatten(line);
            needles.iter().any(|needle| flat.contains(needle))
        })
        .take(3)
        .collect();
    if lines.is_empty() { text.clone() } else { Foreign::new(lines.join("\n")) }
}

/// What `explain NAME` says of a cause.
pub fn page(name: &str) -> Option<String> {
    let cause = find(name)?;
    let (family, found_in) = cause.family.describe();
    let has = |certain: bool| cause.rules.iter().any(|rule| matches!(rule, Rule::Certain(_)) == certain);
    let certainty = match (has(true), has(false)) {
        (true, true) => "certain where AWS or a registry names it outside a log, else likely",
        (true, false) => "certain outside a log: AWS or a registry names it; likely in a log",
        (false, true) => "likely at most: read from texts, logs or conventions",
        (false, false) => "never claimed: it is what is said when no rule matches",
    };
    let rank = match cause.rank {
        Rank::Root => "",
        Rank::Symptom => "Often the effect of something else: a cause nearer to the root is named first.\n",
        Rank::Cascade => "It only repeats that something failed: the answer only when nothing better is found.\n",
        Rank::News => "It is not a failure.\n",
        Rank::Unknown => "It is no cause.\n",
    };
    Some(format!(
        "{}: {}\n\n{}\n{rank}\ndo         {}\ncertainty  {certainty}\nfound in   {found_in}\nfamily     {family}\n",
        cause.name, cause.title, cause.meaning, cause.remedy,
    ))
}

#[cfg(test)]
mod tests;
