//! `Refusal`: what a stage will not do, and the way without harm.

use serde::Serialize;

use super::Exit;

/// A stage's refusal: nothing was changed, and nothing will be until a person acts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Refusal {
    /// What is refused: "replacing Database (AWS::RDS::DBInstance) in finance-app-staging-database".
    pub what: String,
    /// Why: what would be lost, or what is missing.
    pub why: String,
    /// What to do: the way without an outage, a flag, a variable to set.
    pub remedy: String,
    /// How the process ends for it.
    pub exit: Exit,
}

impl Refusal {
    /// A refusal that ends a run with 1.
    pub fn new(what: impl Into<String>, why: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { what: what.into(), why: why.into(), remedy: remedy.into(), exit: Exit::Failed }
    }

    /// Several refusals as one, what they have in common said once: a stage refuses once, whatever the reasons.
    pub fn all(refusals: impl IntoIterator<Item = Self>) -> Option<Self> {
        refusals.into_iter().reduce(|mut all, more| {
            for (text, part) in [(&mut all.what, more.what), (&mut all.why, more.why), (&mut all.remedy, more.remedy)] {
                if !text.contains(&part) {
                    text.push_str("; ");
                    text.push_str(&part);
                }
            }
            all
        })
    }
}
