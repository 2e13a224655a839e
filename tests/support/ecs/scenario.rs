//! A scenario: a state, and what becomes of it when.

use serde::Deserialize;
use serde_json::{Map, Value as Json};

use super::{Call, Disturbance};

/// Seconds of the clock that a second of a scenario takes, unless it says otherwise: a minute in 1.2 s.
const PACE: f64 = 0.02;

/// A timeline as it stands in a file.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Scenario {
    /// What it shows, and where AWS says so.
    pub about: String,
    /// The revision that is being deployed.
    pub revision: u32,
    /// The operation with whose first call the time begins.
    #[serde(default = "begins")]
    begins: String,
    /// Seconds of the clock a second takes.
    #[serde(default)]
    pace: Option<f64>,
    /// Seconds of the clock after which the runner gives up (`--timeout`).
    #[serde(default)]
    timeout: Option<f64>,
    /// Whether the service has a second target group.
    #[serde(default)]
    pub alternate: bool,
    /// The service shifts traffic and answers on a test listener.
    #[serde(default)]
    pub tested: bool,
    /// Entries of a page of ListServiceDeployments and ListTasks.
    #[serde(default)]
    pub page: Option<usize>,
    /// Seconds by which the answers of an operation are behind.
    #[serde(default)]
    lag: Map<String, Json>,
    /// Calls that fail.
    #[serde(default)]
    faults: Vec<FaultRule>,
    /// The containers of the task definition; one, essential, of the service's name.
    #[serde(default)]
    pub containers: Option<Json>,
    /// How everything is at the beginning.
    pub state: Json,
    /// What changes when.
    #[serde(default)]
    steps: Vec<Step>,
    /// What must be said of it.
    #[serde(default)]
    pub expect: Json,
}

fn begins() -> String {
    "DescribeServices".to_owned()
}

/// A change of the state.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct Step {
    /// Seconds from the beginning; with `on`, from that call.
    #[serde(default)]
    at: f64,
    /// After the first call of this operation.
    #[serde(default)]
    on: Option<String>,
    /// The fields that the call has to have.
    #[serde(default)]
    with: Option<Json>,
    /// What differs from now on, as a merge patch (RFC 7386).
    #[serde(default)]
    set: Json,
    /// Events of the service, newest last.
    #[serde(default)]
    say: Vec<String>,
    /// This decides the verdict.
    #[serde(default)]
    decides: bool,
}

/// Calls that fail.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct FaultRule {
    /// The operation; `*` is any of ECS, load balancing and logs.
    call: String,
    /// From the how-manieth call of it, counted from 0.
    #[serde(default)]
    nth: Option<usize>,
    /// How many calls, or for how long (`from`, `until`).
    #[serde(default)]
    times: Option<usize>,
    #[serde(default)]
    from: Option<f64>,
    #[serde(default)]
    until: Option<f64>,
    /// The connection is cut.
    #[serde(default)]
    cut: bool,
    #[serde(default = "status")]
    status: u16,
    #[serde(default)]
    code: String,
    #[serde(default)]
    message: String,
}

fn status() -> u16 {
    400
}

impl Scenario {
    pub(super) fn begins(&self, action: &str) -> bool {
        self.begins == action
    }

    /// Seconds of the clock that a second takes.
    pub fn pace(&self) -> f64 {
        self.pace.unwrap_or(PACE)
    }

    /// Seconds of the clock after which the runner gives up, where it does.
    pub fn timeout(&self) -> Option<f64> {
        self.timeout
    }

    /// The same, played at another pace.
    #[must_use]
    pub fn at_pace(self, pace: f64) -> Self {
        Self { pace: Some(pace), ..self }
    }

    /// Seconds by which an operation's answers are behind.
    pub(super) fn lag(&self, action: &str) -> f64 {
        self.lag.get(action).and_then(Json::as_f64).unwrap_or_default()
    }

    /// By how much answers are behind at most, and how long calls fail after the last change, in time of the clock.
    pub fn latest(&self) -> std::time::Duration {
        let behind = self.lag.values().filter_map(Json::as_f64).fold(0.0, f64::max);
        let last = self.steps.iter().map(|step| step.at).fold(0.0, f64::max);
        let fails = self.faults.iter().filter_map(|fault| fault.until).fold(0.0, f64::max);
        std::time::Duration::from_secs_f64(behind.max(fails - last).max(0.0) * self.pace())
    }

    /// When the last call came that was refused: what is true was not to be seen before.
    pub fn refused(&self, calls: &[Call]) -> Option<std::time::Instant> {
        let refused = (0..calls.len()).rev().find(|at| self.fault(&calls[*at], &calls[..=*at]).is_some())?;
        Some(calls[refused].when)
    }

    /// When each step happens, given the calls that came; in order.
    fn times(&self, calls: &[Call]) -> Vec<(f64, &Step)> {
        let mut times: Vec<(f64, &Step)> = Vec::new();
        for step in &self.steps {
            let begins = match &step.on {
                None => Some(0.0),
                Some(action) => calls
                    .iter()
                    .find(|call| {
                        call.action == *action && step.with.as_ref().is_none_or(|with| holds(&call.body, with))
                    })
                    .map(|call| call.at),
            };
            if let Some(begins) = begins {
                times.push((begins + step.at, step));
            }
        }
        times.sort_by(|a, b| a.0.total_cmp(&b.0));
        times
    }

    /// When the verdict was decided; the last step that says so, else the last of all.
    pub fn decided(&self, calls: &[Call]) -> Option<f64> {
        let times = self.times(calls);
        let decides = times.iter().rev().find(|(_, step)| step.decides).or(times.last());
        decides.map(|(at, _)| *at)
    }

    /// How everything is after so many seconds. `touched` of a deployment is when it changed last.
    pub(super) fn state_at(&self, at: f64, calls: &[Call]) -> Json {
        let mut state = self.state.clone();
        for (when, step) in self.times(calls).into_iter().filter(|(when, _)| *when <= at) {
            merge(&mut state, &step.set);
            for message in &step.say {
                let event = serde_json::json!({ "createdAt": when, "message": message });
                match &mut state["events"] {
                    Json::Array(events) => events.insert(0, event),
                    events => *events = Json::Array(vec![event]),
                }
            }
            if let Json::Object(deployments) = &step.set["deployments"] {
                for name in deployments.keys() {
                    if state["deployments"][name].is_object() {
                        state["deployments"][name]["touched"] = when.into();
                    }
                }
            }
        }
        state
    }

    /// Every state there ever is, in order: at the beginning and after each step.
    pub fn states(&self, calls: &[Call]) -> Vec<Json> {
        let mut times: Vec<f64> = self.times(calls).into_iter().map(|(at, _)| at).collect();
        times.dedup();
        let mut states = Vec::new();
        if times.first().is_none_or(|first| *first > 0.0) {
            states.push(self.state.clone());
        }
        states.extend(times.into_iter().map(|at| self.state_at(at, calls)));
        states
    }

    pub(super) fn fault(&self, call: &Call, calls: &[Call]) -> Option<Disturbance> {
        let count = |rule: &FaultRule| {
            let same = |earlier: &&Call| rule.call == "*" || earlier.action == rule.call;
            calls.iter().filter(same).count().saturating_sub(1)
        };
        let rule = self.faults.iter().find(|rule| {
            let named = rule.call == call.action || rule.call == "*" && !call.action.starts_with("DescribeStack");
            let in_time =
                rule.from.is_none_or(|from| call.at >= from) && rule.until.is_none_or(|until| call.at < until);
            let counted = rule.nth.is_none_or(|nth| {
                let at = count(rule);
                at >= nth && rule.times.is_none_or(|times| at < nth + times)
            });
            named && in_time && counted
        })?;
        Some(match rule.cut {
            true => Disturbance::Cut,
            false => Disturbance::Error(rule.status, rule.code.clone(), rule.message.clone()),
        })
    }
}

/// A merge patch: objects are merged, null takes away, all else replaces.
fn merge(target: &mut Json, patch: &Json) {
    let Json::Object(patch) = patch else {
        if !patch.is_null() {
            *target = patch.clone();
        }
        return;
    };
    if !target.is_object() {
        *target = Json::Object(Map::new());
    }
    let Json::Object(target) = target else { return };
    for (key, value) in patch {
        if value.is_null() {
            target.remove(key);
        } else {
            merge(target.entry(key.clone()).or_insert(Json::Null), value);
        }
    }
}

/// Whether all of `part` stands in `whole`.
fn holds(whole: &Json, part: &Json) -> bool {
    match part {
        Json::Object(part) => part.iter().all(|(key, value)| holds(&whole[key], value)),
        part => whole == part,
    }
}
