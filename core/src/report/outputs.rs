//! The outputs of a step: what later jobs of a workflow read. Their names are a contract.

use std::collections::BTreeMap;

use super::{Checked, DriftReport, Outcome, PlanReport, PlanVerdict, ServiceState, Stopped, Verdict};
use crate::cost::{CostSum, Money};

/// Names and values, in the contract's order.
pub type Outputs = Vec<(&'static str, String)>;

impl Verdict {
    /// The word of the output. A cancelled run watches no more, and AWS goes on: that is one that still runs.
    fn output(self) -> &'static str {
        match self {
            Self::Unchanged => "unchanged",
            Self::Succeeded => "succeeded",
            Self::Failed => "failed",
            Self::RolledBack => "rolled-back",
            Self::Superseded => "superseded",
            Self::Paused => "paused",
            Self::Waiting => "waiting",
            Self::StillRunning | Self::Cancelled => "still-running",
        }
    }
}

impl Outcome {
    /// The outputs of a run.
    pub fn outputs(&self) -> Outputs {
        let mut out = start(self.verdict.output(), self.exit_code, !self.changed.is_empty());
        out.extend(self.plan_id.clone().map(|id| ("plan-id", id)));
        out.push(("replaced", self.resources.replaced.to_string()));
        out.extend(self.cost.iter().flat_map(costs));
        out.extend(url(&self.services).map(|url| ("url", url)));
        out.extend(map(&self.images).map(|json| ("images", json)));
        out.extend(map(&self.deployments).map(|json| ("deployments", json)));
        out.extend(self.cause.clone().map(|cause| ("cause", cause)));
        out
    }
}

impl PlanReport {
    /// The outputs of a plan: `changed` says what a run would do.
    pub fn outputs(&self) -> Outputs {
        let verdict = match self.verdict {
            PlanVerdict::Unchanged => Verdict::Unchanged,
            PlanVerdict::Changes => Verdict::Succeeded,
            PlanVerdict::Refused => Verdict::Failed,
        };
        let mut out = start(verdict.output(), self.exit_code, self.verdict != PlanVerdict::Unchanged);
        out.push(("plan-id", self.plan_id.clone()));
        out.push(("replaced", self.replaced.to_string()));
        out.extend(self.cost.iter().flat_map(|cost| costs(&cost.sum)));
        out
    }
}

impl Stopped {
    /// The outputs of a command that could not answer.
    pub fn outputs(&self) -> Outputs {
        let verdict = match self.verdict {
            "still-running" | "cancelled" => Verdict::StillRunning,
            "waiting" => Verdict::Waiting,
            _ => Verdict::Failed,
        };
        start(verdict.output(), self.exit_code, false)
    }
}

impl DriftReport {
    /// The outputs of a look for drift. Where something could not be looked at and nothing was found, nobody knows:
    /// `drift` is `unknown`, and there is no verdict.
    pub fn outputs(&self) -> Outputs {
        let (verdict, drift) = match self.verdict {
            "drifted" => (Some(Verdict::Failed), "true"),
            "clean" => (Some(Verdict::Unchanged), "false"),
            _ => (None, "unknown"),
        };
        let verdict = verdict.map(|verdict| ("verdict", verdict.output().to_owned()));
        verdict.into_iter().chain([("exit-code", self.exit_code.to_string()), ("drift", drift.to_owned())]).collect()
    }
}

impl Checked {
    /// The outputs of a check without AWS.
    pub fn outputs(&self) -> Outputs {
        let verdict = if self.exit_code == 0 { Verdict::Unchanged } else { Verdict::Failed };
        start(verdict.output(), self.exit_code, false)
    }
}

fn start(verdict: &str, exit_code: u8, changed: bool) -> Outputs {
    vec![("verdict", verdict.to_owned()), ("exit-code", exit_code.to_string()), ("changed", changed.to_string())]
}

/// In USD, as `138.73`, without usage. The difference is left out where the cost before is not known.
fn costs(sum: &CostSum) -> Outputs {
    let amount = |money: Money| serde_json::to_value(money).ok()?.as_str().map(str::to_owned);
    let named = [("cost-monthly", amount(sum.after)), ("cost-delta", sum.change.and_then(amount))];
    named.into_iter().filter_map(|(name, amount)| Some((name, amount?))).collect()
}

fn map(map: &BTreeMap<String, String>) -> Option<String> {
    (!map.is_empty()).then(|| serde_json::to_string(map).unwrap_or_default())
}

/// Where people begin: the `www` host where there is one, else the first service that has an address.
fn url(services: &[ServiceState]) -> Option<String> {
    let urls = || services.iter().filter_map(|service| service.url.as_ref());
    urls().find(|url| url.contains("://www.")).or_else(|| urls().next()).cloned()
}

/// An entry of `GITHUB_OUTPUT`. The delimiter must be one that nobody can guess, and that stands in no value: else a
/// value could end its entry and begin one of its own.
/// <https://docs.github.com/en/actions/reference/workflows-and-actions/workflow-commands#multiline-strings>
pub fn file_command(name: &str, value: &str, delimiter: &str) -> Option<String> {
    let clean = !name.contains(delimiter) && !value.contains(delimiter) && !name.contains(['\r', '\n', '=', '<']);
    clean.then(|| format!("{name}<<{delimiter}\n{value}\n{delimiter}\n"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// What GitHub's runner makes of such a file, by its own rules: `name<<delimiter`, lines, delimiter.
    /// <https://github.com/actions/runner/blob/main/src/Runner.Worker/FileCommandManager.cs>
    fn parse(text: &str) -> Vec<(String, String)> {
        let mut lines = text.split('\n');
        let mut found = Vec::new();
        while let Some(line) = lines.next() {
            if line.is_empty() {
                continue;
            }
            let (name, delimiter) = line.split_once("<<").unwrap();
            let value: Vec<&str> = lines.by_ref().take_while(|line| *line != delimiter).collect();
            found.push((name.to_owned(), value.join("\n")));
        }
        found
    }

    proptest! {
        #[test]
        fn a_value_stays_one_value(
            values in prop::collection::vec("(verdict=|<<|EOF|ghadelimiter_1|\n|\r|[ -~]|é){0,40}", 1..5)
        ) {
            let text: String =
                values.iter().filter_map(|value| file_command("cause", value, "ghadelimiter_8f2a90")).collect();
            let expected: Vec<_> = values.iter().map(|value| ("cause".to_owned(), value.clone())).collect();
            prop_assert_eq!(parse(&text), expected);
        }
    }

    #[test]
    fn a_delimiter_within_a_value_writes_nothing() {
        assert_eq!(file_command("cause", "x\nD\nverdict<<D\nunchanged", "D"), None);
        assert_eq!(file_command("a\nb", "x", "D"), None);
    }
}
