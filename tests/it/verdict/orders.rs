//! Every scenario once more without a network: what was observed comes late, twice and in another order, as ECS's
//! answers do, since each of its APIs lags by a time of its own. The verdict is the same, and no other comes before it.

use runner_core::{
    judge::{Observation, ServiceDeployment, Told, Watch},
    plan::{Rollout, Service},
};
use serde_json::Value as Json;

use super::play::{names, scenarios};
use crate::support::ecs::{
    Scenario,
    shapes::{deployments, service, tasks},
};

/// Orders that are tried of each scenario.
const ORDERS: u64 = 150;
/// How many states an answer may be behind.
const BEHIND: u64 = 3;

/// Numbers that look random and are the same every time.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % sides).unwrap()
    }
}

const OURS: &str = "sd2";

/// What a look shows, each part from a state of its own.
fn observation(
    states: &[Json],
    knows: bool,
    [at_service, at_deployment, at_targets]: [usize; 3],
    known: &mut bool,
) -> Observation {
    let names = names();
    let seen = service(&states[at_service], &names, &Json::Array(Vec::new())).map(|json| Service::read(&json));
    let all = deployments(&states[at_deployment], &names);
    let arn = names.deployment(OURS);
    let ours = all.iter().find(|json| json["serviceDeploymentArn"] == arn);
    let told = match ours {
        Some(json) if knows => Told::Seen(Box::new(ServiceDeployment::read(json))),
        _ if !knows => Told::Nothing,
        _ if *known => Told::Gone,
        _ => Told::NotYet,
    };
    *known |= ours.is_some();
    let created = |json: &Json| json["createdAt"].as_f64().unwrap_or_default();
    let newer = ours.and_then(|ours| all.iter().find(|other| created(other) > created(ours)));
    let finished = match &told {
        Told::Seen(seen) => seen.finished,
        _ => None,
    };
    // As the follower asks: only where a finished deployment lacks tasks.
    let lacks = seen.as_ref().is_some_and(|seen| {
        let done = match &told {
            Told::Seen(told) => told.status == "SUCCESSFUL",
            _ => seen.primary().is_some_and(|primary| primary.rollout == Rollout::Completed),
        };
        done && seen.running < seen.desired
    });
    let ended = tasks(&states[at_targets], &names).into_iter().filter(|task| {
        lacks
            && matches!(task["stopCode"].as_str(), Some("EssentialContainerExited" | "TaskFailedToStart"))
            && task["taskDefinitionArn"] == names.revision(2)
            && finished.is_none_or(|finished| task["stoppedAt"].as_f64().unwrap() >= finished)
    });
    let ended_tasks = u32::try_from(ended.count()).unwrap();
    let runs = seen.as_ref().is_some_and(|seen| {
        let ours = seen.deployments.iter().filter(|rollout| rollout.revision == names.revision(2));
        ours.map(|rollout| rollout.running).sum::<u32>() >= seen.desired
    });
    let healthy = states[at_targets]["targets"]
        .as_object()
        .map(|targets| u32::try_from(targets.values().filter(|target| target["state"] == "healthy").count()).unwrap());
    Observation {
        service: seen,
        told,
        back_to: ours.and_then(|ours| ours["rollback"]["serviceRevisionArn"].as_str()).map(|_| names.revision(1)),
        newer: newer.map(|newer| newer["serviceDeploymentArn"].as_str().unwrap().to_owned()),
        healthy_targets: healthy.filter(|_| runs),
        ended_tasks,
    }
}

/// The verdict of one order of looks, and after how many it came.
fn verdict(scenario: &Scenario, dice: &mut Dice) -> Option<String> {
    let states = scenario.states(&[]);
    // Where the role may not read them, it is as if there were none.
    let knows = states.iter().any(|state| state["deployments"].is_object())
        && !scenario.about.contains("may not read service deployments");
    let first = states[0]["rollouts"].as_object().unwrap().len() == 1;
    let mut watch = Watch::new(names().revision(2), first).twice();
    let (mut at, mut known) = (0, false);
    let (mut looks, mut stays, mut before) = (0, 0, 0);
    let mut deployment = 0;
    // Long after the last change every answer is as things are.
    while looks < 20 * states.len() + 20 {
        let mut behind = |at: usize| at.saturating_sub(dice.roll(BEHIND));
        // Services and targets may go back and forth; an ARN's own answer may too, and says how old it is.
        let [service, target] = [behind(at), behind(at)];
        deployment = if dice.roll(4) == 0 { deployment } else { at.saturating_sub(dice.roll(BEHIND)) };
        // Answers are behind by seconds: at the third look in a state that does not change they are not.
        stays = if at == before { stays + 1 } else { 0 };
        before = at;
        let settled = stays >= 2;
        let places = if settled { [at; 3] } else { [service, deployment, target] };
        if let Some(ending) = watch.observe(&observation(&states, knows, places, &mut known)) {
            return Some(serde_json::to_value(ending.verdict).unwrap().as_str().unwrap().to_owned());
        }
        // Some looks show the same again, some miss a state.
        at = (at + dice.roll(3)).min(states.len() - 1);
        looks += 1;
    }
    None
}

#[test]
fn the_order_of_what_is_seen_changes_no_verdict() {
    let mut wrong = Vec::new();
    for (name, scenario) in scenarios() {
        let expected = scenario.expect["verdict"].as_str().unwrap();
        // What fails there is the network, or time; what is seen is what is expected without that.
        let expected = match name.as_str() {
            "credentials-expired" => Some("succeeded"),
            _ if expected == "still-running" => None,
            _ => Some(expected),
        };
        for order in 1..=ORDERS {
            let seen = verdict(&scenario, &mut Dice(order * 7_919));
            if seen.as_deref() != expected {
                wrong.push(format!("{name}, order {order}: {seen:?}, not {expected:?}"));
                break;
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
