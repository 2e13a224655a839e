//! `Signs`: whether something has just gone wrong in a rollout, so that evidence is gathered as soon as there is some,
//! and no call is spent while nothing is wrong.

use std::collections::BTreeSet;

use serde_json::Value as Json;

use super::{
    ServiceDeployment,
    causes::{self, Evidence, Rank, Where},
};
use crate::plan::Service;

/// What was seen of a rollout so far.
#[derive(Debug, Clone, Default)]
pub struct Signs {
    looked: bool,
    failed: u32,
    failures: u32,
    running: u32,
    events: BTreeSet<String>,
}

impl Signs {
    /// Whether this look shows something bad that the looks before did not: a task counted as failed, fewer tasks than
    /// before, an event that tells of trouble. `revision` is the one that is rolled out.
    pub fn are_bad(&mut self, revision: &str, service: &Service, deployment: Option<&ServiceDeployment>) -> bool {
        let ours = service.deployments.iter().filter(|rollout| rollout.revision == revision);
        let (failed, running) =
            ours.fold((0, 0), |(failed, running), rollout| (failed + rollout.failed, running + rollout.running));
        let failures = deployment.map(|deployment| deployment.failures).unwrap_or_default();
        let mut bad = failed > self.failed || failures > self.failures || running < self.running;
        (self.failed, self.running) = (failed, running);
        // A stale answer takes nothing back.
        self.failures = self.failures.max(failures);
        for event in events(service) {
            let new = self.events.insert(event["id"].as_str().unwrap_or_default().to_owned());
            // What stood there at the first look is of this deployment only if it is younger.
            let fresh = self.looked || deployment.is_some_and(|deployment| is_since(event, deployment.created));
            bad |= new && fresh && tells_of_trouble(event);
        }
        self.looked = true;
        bad
    }
}

/// The service's events.
fn events(service: &Service) -> &[Json] {
    service.json["events"].as_array().map(Vec::as_slice).unwrap_or_default()
}

fn is_since(event: &Json, created: f64) -> bool {
    event["createdAt"].as_f64().is_some_and(|at| at >= created)
}

fn tells_of_trouble(event: &Json) -> bool {
    let message = event["message"].as_str().unwrap_or_default();
    let found = causes::diagnose(&Evidence { at: Where::ServiceEvent, text: message.into(), exit_code: None });
    found.cause.rank < Rank::News
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn service(failed: u32, running: u32, events: &[&str]) -> Service {
        let events: Vec<Json> =
            events.iter().map(|text| json!({ "id": text, "createdAt": 50, "message": text })).collect();
        Service::read(&json!({
            "status": "ACTIVE", "desiredCount": 2, "events": events,
            "deployments": [{ "id": "d2", "status": "PRIMARY", "taskDefinition": "api:2", "failedTasks": failed, "runningCount": running }],
        }))
    }

    #[test]
    fn only_what_is_new_and_bad_counts() {
        let mut signs = Signs::default();
        let news = "(service api) has started 2 tasks: (task 1) (task 2).";
        let old = "(service api) was unable to place a task because no container instance met all of its requirements.";
        assert!(!signs.are_bad("api:2", &service(0, 0, &[old]), None), "what stood there before is not of this one");
        assert!(!signs.are_bad("api:2", &service(0, 2, &[news, old]), None));
        assert!(signs.are_bad("api:2", &service(1, 2, &[news, old]), None), "a failed task");
        assert!(!signs.are_bad("api:2", &service(1, 2, &[news, old]), None));
        assert!(signs.are_bad("api:2", &service(1, 1, &[news, old]), None), "one task less");
        let bad = "(service api) (port 3000) is unhealthy in (target-group tg) due to (reason Health checks failed with these codes: [404]).";
        assert!(signs.are_bad("api:2", &service(1, 1, &[bad, news, old]), None), "an event");
        assert!(!signs.are_bad("api:2", &service(1, 1, &[bad, news, old]), None));
        let told = ServiceDeployment { failures: 1, created: 100.0, ..ServiceDeployment::default() };
        assert!(signs.are_bad("api:2", &service(1, 1, &[bad, news, old]), Some(&told)), "the breaker counts");
    }
}
