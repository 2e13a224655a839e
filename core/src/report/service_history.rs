//! `ServiceHistory`: the last deployments of a service, as `status --history` shows them.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::Serialize;
use serde_json::Value as Json;

use super::words;
use crate::{
    judge::ServiceDeployment,
    plan::{Rollout, Service},
    text::{moment, utc},
};

/// Who told of the deployments.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub enum ToldBy {
    /// Service deployments, which ECS remembers for 90 days.
    ListServiceDeployments,
    /// The service itself, which knows the deployments that still have a part in it and no others.
    DescribeServices,
}

/// A deployment of a service, as it went.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Deployed {
    /// When it was created.
    pub created_at: Option<Timestamp>,
    /// The revision's number.
    pub revision: Option<u32>,
    /// `succeeded`, `rolled back`, `failed`, `stopped`, `in progress`.
    pub verdict: &'static str,
    /// Milliseconds from its creation to its end, where both are told.
    pub duration_ms: Option<u64>,
    /// Why it ended so, in ECS's words behind ours.
    pub reason: Option<String>,
}

/// The last deployments of a service.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ServiceHistory {
    /// Who told of them.
    pub told_by: ToldBy,
    /// They, newest first, [`ServiceHistory::LAST`] at most.
    pub deployments: Vec<Deployed>,
}

impl ServiceHistory {
    /// So many deployments are shown of each service.
    pub const LAST: usize = 10;

    /// From what ECS tells of service deployments, and the task definition of each service revision.
    pub fn of_deployments(mut seen: Vec<ServiceDeployment>, revisions: &BTreeMap<String, String>) -> Self {
        seen.sort_by(|one, other| other.created.total_cmp(&one.created));
        let deployments = seen.iter().take(Self::LAST).map(|seen| Deployed {
            created_at: moment(seen.created),
            revision: revisions.get(&seen.target).and_then(|arn| number(arn)),
            verdict: verdict(&seen.status),
            duration_ms: seen.finished.and_then(|finished| between(seen.created, finished)),
            reason: seen.cause(false),
        });
        Self { told_by: ToldBy::ListServiceDeployments, deployments: deployments.collect() }
    }

    /// From what the service tells of its deployments, where nothing else is told. When one of them ended is not.
    pub fn of_service(service: &Service) -> Self {
        let mut deployments: Vec<Deployed> = (service.deployments.iter())
            .map(|seen| Deployed {
                created_at: since(&service.json, &seen.id),
                revision: number(&seen.revision),
                verdict: match seen.rollout {
                    Rollout::Completed => "succeeded",
                    Rollout::Failed => "failed",
                    Rollout::InProgress => "in progress",
                },
                duration_ms: None,
                reason: Some(seen.reason.one_line()).filter(|reason| !reason.is_empty()),
            })
            .collect();
        deployments.sort_by_key(|seen| std::cmp::Reverse(seen.created_at));
        deployments.truncate(Self::LAST);
        Self { told_by: ToldBy::DescribeServices, deployments }
    }

    /// The head of the table of several.
    pub(super) fn head() -> Vec<String> {
        ["service", "deployed", "revision", "verdict", "took", "why"].map(str::to_owned).to_vec()
    }

    /// The rows of this one.
    pub(super) fn rows(&self, service: &str) -> Vec<Vec<String>> {
        let row = |seen: &Deployed| {
            vec![
                service.to_owned(),
                seen.created_at.map(utc).unwrap_or_default(),
                seen.revision.map(|revision| format!(":{revision}")).unwrap_or_default(),
                seen.verdict.to_owned(),
                seen.duration_ms.map(words::duration).unwrap_or_default(),
                seen.reason.as_deref().map(|reason| words::cut(reason, 120)).unwrap_or_default(),
            ]
        };
        self.deployments.iter().map(row).collect()
    }
}

/// <https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_ServiceDeployment.html>
fn verdict(status: &str) -> &'static str {
    match status {
        "SUCCESSFUL" => "succeeded",
        "ROLLBACK_SUCCESSFUL" => "rolled back",
        "ROLLBACK_FAILED" => "failed",
        "STOPPED" => "stopped",
        _ => "in progress",
    }
}

/// The number of a task-definition revision.
pub(super) fn number(arn: &str) -> Option<u32> {
    arn.rsplit_once(':')?.1.parse().ok()
}

/// When a deployment of DescribeServices' answer about a service began.
pub(super) fn since(service: &Json, deployment: &str) -> Option<Timestamp> {
    let deployments = service.get("deployments")?.as_array()?;
    let found = deployments.iter().find(|one| one.get("id").and_then(Json::as_str) == Some(deployment))?;
    moment(found.get("createdAt")?.as_f64()?)
}

fn between(from: f64, to: f64) -> Option<u64> {
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
    (to >= from).then_some(((to - from) * 1000.0) as u64)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::report::{Header, ServiceNow, StatusReport, Style, markdown, text};

    fn header() -> Header {
        Header {
            app: "shop".into(),
            environment: "staging".into(),
            region: "us-east-1".into(),
            file: "app.yml".into(),
            commit: None,
            started_at: "2026-03-05T14:02:00Z".parse().unwrap(),
            log: None,
            words: vec!["status".into(), "--history".into()],
            flags: vec!["-e".into(), "staging".into()],
        }
    }

    fn now(name: &str, history: Option<ServiceHistory>) -> ServiceNow {
        ServiceNow {
            name: name.into(),
            state: "steady".into(),
            revision: Some(9),
            running: 2,
            pending: 0,
            desired: 2,
            since: moment(1_772_632_800.0),
            note: None,
            history,
        }
    }

    fn told() -> ServiceHistory {
        let statuses = [
            ("SUCCESSFUL", json!({})),
            ("STOPPED", json!({ "statusReason": "Service deployment stopped by user." })),
            ("ROLLBACK_FAILED", json!({ "rollback": { "reason": "threshold exceeded" } })),
            (
                "ROLLBACK_SUCCESSFUL",
                json!({ "statusReason": "Rolled\nback \u{1b}[31m<b>|\u{202e}loud",
                    "alarms": { "triggeredAlarmNames": ["api-5xx"] } }),
            ),
            (
                "ROLLBACK_IN_PROGRESS",
                json!({ "deploymentCircuitBreaker": { "status": "TRIGGERED", "failureCount": 3 } }),
            ),
        ];
        let seen = statuses.iter().enumerate().map(|(at, (status, more))| {
            let began = 1_772_632_800 + 3600 * at;
            let mut json = json!({
                "serviceDeploymentArn": format!("sd/{at}"), "status": status, "createdAt": began,
                "finishedAt": (at < 4).then_some(began + 242), "targetServiceRevision": { "arn": format!("r{at}") },
            });
            json.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
            ServiceDeployment::read(&json)
        });
        // What r0 deployed is forgotten.
        let revisions = (1..5).map(|at| (format!("r{at}"), format!("arn:aws:ecs:x:1:task-definition/shop-api:{at}")));
        ServiceHistory::of_deployments(seen.collect(), &revisions.collect())
    }

    fn of_the_service() -> ServiceHistory {
        let rollout = |id: &str, status: &str, state: &str, created: u64| {
            json!({ "id": id, "status": status, "rolloutState": state, "rolloutStateReason": format!("{id} it is."),
                "taskDefinition": format!("arn:aws:ecs:x:1:task-definition/shop-web:{created}"),
                "createdAt": 1_772_632_800 + 3600 * created })
        };
        let service = Service::read(&json!({
            "serviceName": "web", "status": "ACTIVE",
            "deployments": [rollout("new", "PRIMARY", "IN_PROGRESS", 2), rollout("bad", "ACTIVE", "FAILED", 3),
                rollout("old", "ACTIVE", "COMPLETED", 1)],
        }));
        ServiceHistory::of_service(&service)
    }

    #[test]
    fn the_last_deployments_of_services() {
        let services = vec![now("api", Some(told())), now("web", Some(of_the_service())), now("mail", None)];
        let report = StatusReport {
            header: header(),
            verdict: "healthy",
            exit_code: 0,
            duration_ms: 1_200,
            services,
            stacks: 3,
            unsettled_stacks: Vec::new(),
        };
        let plain = Style { color: false, unicode: true, details: false };
        let json = serde_json::to_string_pretty(&report.services[0].history).unwrap();
        insta::assert_snapshot!(format!(
            "{}\n{}\n{json}\n{}",
            text(&report.card(), plain),
            markdown(&report.card()),
            serde_json::to_string(&report.services[2]).unwrap()
        ));
    }

    #[test]
    fn no_more_than_ten_are_shown() {
        let seen = (0..12_u32).map(|at| ServiceDeployment { created: f64::from(at), ..Default::default() });
        let history = ServiceHistory::of_deployments(seen.collect(), &BTreeMap::new());
        assert_eq!(history.deployments.len(), ServiceHistory::LAST);
        assert_eq!(history.deployments[0].created_at, moment(11.0));
    }
}
