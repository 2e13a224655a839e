//! `ServiceDeployment`: what ECS tells of one deployment of a service, and which of them is ours.

use serde::Serialize;
use serde_json::Value as Json;

use crate::text::Foreign;

/// A lifecycle hook of a service deployment.
/// <https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_DeploymentLifecycleHookDetail.html>
#[derive(Debug, Clone, PartialEq, Serialize, Default)]
pub struct Hook {
    /// The id that ContinueServiceDeployment takes.
    pub id: String,
    /// AWAITING_ACTION, IN_PROGRESS, SUCCEEDED, FAILED, TIMED_OUT.
    pub status: String,
    /// PAUSE or AWS_LAMBDA.
    pub kind: String,
    /// The Lambda function's ARN.
    pub target: String,
    /// When ECS acts by itself, in seconds since 1970.
    pub expires: Option<f64>,
    /// What it does then: CONTINUE or ROLLBACK.
    pub timeout_action: String,
}

/// A way back that ECS has taken.
#[derive(Debug, Clone, PartialEq, Serialize, Default)]
pub struct Rollback {
    /// Why, in ECS's words.
    pub reason: String,
    /// The service revision it goes back to.
    pub to: String,
}

/// A service deployment, where the endpoint tells of them.
/// <https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_ServiceDeployment.html>
#[derive(Debug, Clone, PartialEq, Serialize, Default)]
pub struct ServiceDeployment {
    /// Its ARN.
    pub arn: String,
    /// PENDING, IN_PROGRESS, SUCCESSFUL, STOPPED, ROLLBACK_SUCCESSFUL, …
    pub status: String,
    /// Why, in ECS's words.
    pub reason: String,
    /// When it was created, changed last and finished, in seconds since 1970.
    pub created: f64,
    /// See `created`.
    pub updated: f64,
    /// See `created`.
    pub finished: Option<f64>,
    /// The service revision that is being deployed.
    pub target: String,
    /// The service revisions that were there before; none of a first deployment. `None`: it is not told.
    pub sources: Option<Vec<String>>,
    /// SCALE_UP, BAKE_TIME, …
    pub stage: String,
    /// Percent of the production traffic that goes to what is being deployed, where ECS tells it.
    /// <https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_ServiceRevisionSummary.html>
    pub share: Option<f64>,
    /// Its lifecycle hooks.
    pub hooks: Vec<Hook>,
    /// The way back, once it was taken.
    pub rollback: Option<Rollback>,
    /// The circuit breaker has turned it back.
    pub breaker_triggered: bool,
    /// Tasks that the circuit breaker counted as failed.
    pub failures: u32,
    /// Alarms that went off.
    pub alarms: Vec<String>,
}

impl ServiceDeployment {
    /// One of DescribeServiceDeployments' `serviceDeployments`.
    pub fn read(json: &Json) -> Self {
        let breaker = &json["deploymentCircuitBreaker"];
        let rollback = &json["rollback"];
        Self {
            arn: text(json, "serviceDeploymentArn"),
            status: text(json, "status"),
            reason: text(json, "statusReason"),
            created: time(json, "createdAt").unwrap_or_default(),
            updated: time(json, "updatedAt").unwrap_or_default(),
            finished: time(json, "finishedAt").or(time(json, "stoppedAt")),
            target: text(&json["targetServiceRevision"], "arn"),
            sources: json["sourceServiceRevisions"]
                .as_array()
                .map(|sources| sources.iter().map(|source| text(source, "arn")).collect()),
            stage: text(json, "lifecycleStage"),
            share: json["targetServiceRevision"]["requestedProductionTrafficWeight"].as_f64(),
            hooks: json["lifecycleHookDetails"].as_array().into_iter().flatten().map(hook).collect(),
            rollback: rollback
                .is_object()
                .then(|| Rollback { reason: text(rollback, "reason"), to: text(rollback, "serviceRevisionArn") }),
            breaker_triggered: breaker["status"] == "TRIGGERED",
            failures: breaker["failureCount"].as_u64().and_then(|count| count.try_into().ok()).unwrap_or_default(),
            alarms: json["alarms"]["triggeredAlarmNames"]
                .as_array()
                .into_iter()
                .flatten()
                .filter_map(|name| name.as_str().map(str::to_owned))
                .collect(),
        }
    }

    /// Whether nothing more will become of it.
    pub fn is_over(&self) -> bool {
        matches!(self.status.as_str(), "SUCCESSFUL" | "STOPPED" | "ROLLBACK_SUCCESSFUL" | "ROLLBACK_FAILED")
    }

    /// Whether test traffic goes to what is being deployed, where there is a test listener: from the end of its shift on.
    /// <https://docs.aws.amazon.com/AmazonECS/latest/developerguide/blue-green-deployment-how-it-works.html>
    pub fn is_on_test(&self) -> bool {
        let shifted = !matches!(
            self.stage.as_str(),
            "" | "RECONCILE_SERVICE" | "PRE_SCALE_UP" | "SCALE_UP" | "POST_SCALE_UP" | "TEST_TRAFFIC_SHIFT"
        );
        shifted && matches!(self.status.as_str(), "PENDING" | "IN_PROGRESS")
    }

    /// The hook that waits for a person.
    pub fn awaiting(&self) -> Option<&Hook> {
        self.hooks.iter().find(|hook| hook.status == "AWAITING_ACTION")
    }

    /// Whether a monitor of ECS's or a hook, and not a person or a newer deployment, has ended it.
    pub fn failed_by_itself(&self) -> bool {
        self.breaker_triggered
            || !self.alarms.is_empty()
            || self.hooks.iter().any(|hook| matches!(hook.status.as_str(), "FAILED" | "TIMED_OUT"))
    }

    /// Why it did not end well: what ended it in our words, then ECS's own. `asked`: it was seen that somebody asked
    /// for its end.
    pub fn why(&self, asked: bool) -> String {
        self.cause(asked).unwrap_or_else(|| self.status.to_lowercase().replace('_', " "))
    }

    /// The same; none where nothing but its status is told.
    pub fn cause(&self, asked: bool) -> Option<String> {
        let bad_hook = |status: &str| self.hooks.iter().find(|hook| hook.status == status);
        let during = if self.stage == "BAKE_TIME" { " during the bake" } else { "" };
        let by = if !self.alarms.is_empty() {
            Some(format!("alarm {} went off{during}", self.alarms.join(", ")))
        } else if let Some(hook) = bad_hook("FAILED") {
            Some(format!("hook {} failed{}", hook.name(), self.at_stage()))
        } else if let Some(hook) = bad_hook("TIMED_OUT") {
            Some(match hook.kind.as_str() {
                "PAUSE" => "nobody continued it in time".to_owned(),
                _ => format!("hook {} took too long{}", hook.name(), self.at_stage()),
            })
        } else if self.breaker_triggered {
            Some(format!("the circuit breaker counted {} failed tasks{during}", self.failures))
        } else if asked || self.is_by_a_person() {
            Some("somebody stopped it".to_owned())
        } else {
            None
        };
        let told = self.rollback.as_ref().map(|rollback| rollback.reason.as_str()).filter(|_| self.reason.is_empty());
        let told = Foreign::new(told.unwrap_or(&self.reason)).one_line();
        match (by, told.is_empty()) {
            (Some(by), true) => Some(by),
            (Some(by), false) => Some(format!("{by}: {told}")),
            (None, false) => Some(told),
            (None, true) => None,
        }
    }

    /// Whether ECS's words tell of a person, where the request itself was not seen.
    fn is_by_a_person(&self) -> bool {
        let back = self.rollback.as_ref().map(|rollback| rollback.reason.as_str()).unwrap_or_default();
        let words = format!("{} {back}", self.reason).to_ascii_lowercase();
        ["by user", "by the user", "by a user", "user-initiated", "user initiated", "stopservicedeployment", "manually"]
            .iter()
            .any(|by| words.contains(by))
    }

    fn at_stage(&self) -> String {
        if self.stage.is_empty() { String::new() } else { format!(" at {}", self.stage) }
    }
}

impl Hook {
    /// What people know it by: the function's name, else its id.
    pub fn name(&self) -> &str {
        self.target.rsplit(':').next().filter(|name| !name.is_empty()).unwrap_or(&self.id)
    }
}

fn hook(json: &Json) -> Hook {
    Hook {
        id: text(json, "hookId"),
        status: text(json, "status"),
        kind: text(json, "targetType"),
        target: text(json, "targetArn"),
        expires: time(json, "expiresAt"),
        timeout_action: text(json, "timeoutAction"),
    }
}

fn text(json: &Json, key: &str) -> String {
    json[key].as_str().unwrap_or_default().to_owned()
}

fn time(json: &Json, key: &str) -> Option<f64> {
    json[key].as_f64()
}

/// What ListServiceDeployments tells of one.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Brief {
    /// Its ARN.
    pub arn: String,
    /// When it was created, in seconds since 1970.
    pub created: f64,
    /// The service revision that is or was being deployed.
    pub target: String,
    /// Its status.
    pub status: String,
}

impl Brief {
    /// One of ListServiceDeployments' `serviceDeployments`.
    pub fn read(json: &Json) -> Self {
        Self {
            arn: text(json, "serviceDeploymentArn"),
            created: time(json, "createdAt").unwrap_or_default(),
            target: text(json, "targetServiceRevisionArn"),
            status: text(json, "status"),
        }
    }
}

/// How much earlier than the service's own deployment its service deployment may have been created, in seconds.
const SLACK: f64 = 10.0;

/// Which of the deployments listed is ours: of those that deploy our revision (`deploys` says so of a service revision)
/// the first that is not older than `since`, when the service was updated; without it, the newest. One that ended
/// before deployed the same revision for an earlier run.
pub fn ours(briefs: &[Brief], since: Option<f64>, deploys: impl Fn(&str) -> bool) -> Option<&Brief> {
    let of_ours = briefs.iter().filter(|brief| deploys(&brief.target));
    match since {
        Some(since) => of_ours
            .filter(|brief| brief.created >= since - SLACK)
            .min_by(|one, other| one.created.total_cmp(&other.created)),
        None => of_ours.max_by(|one, other| one.created.total_cmp(&other.created)),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn brief(arn: &str, created: f64, target: &str) -> Brief {
        Brief { arn: arn.into(), created, target: target.into(), status: "IN_PROGRESS".into() }
    }

    #[test]
    fn an_earlier_deployment_of_the_same_revision_is_not_ours() {
        let listed = [brief("late", 900.0, "r2"), brief("mine", 500.0, "r2"), brief("old", 100.0, "r2")];
        let mine = |since| ours(&listed, since, |target| target == "r2").map(|brief| brief.arn.as_str());
        assert_eq!(mine(Some(505.0)), Some("mine"));
        assert_eq!(mine(Some(950.0)), None, "ours is not visible yet");
        assert_eq!(mine(None), Some("late"));
        assert_eq!(ours(&listed, None, |target| target == "r3"), None);
    }

    #[test]
    fn it_is_said_what_ended_it() {
        let read = |json| ServiceDeployment::read(&json).why(false);
        assert_eq!(
            read(
                json!({ "status": "ROLLBACK_SUCCESSFUL", "lifecycleStage": "BAKE_TIME", "statusReason": "Rolled back.",
                "alarms": { "status": "TRIGGERED", "triggeredAlarmNames": ["api-5xx"] } })
            ),
            "alarm api-5xx went off during the bake: Rolled back."
        );
        assert_eq!(
            read(json!({ "status": "ROLLBACK_SUCCESSFUL", "lifecycleStage": "PRE_SCALE_UP", "lifecycleHookDetails": [
                { "hookId": "h1", "status": "FAILED", "targetType": "AWS_LAMBDA",
                  "targetArn": "arn:aws:lambda:us-east-1:111122223333:function:smoke" }] })),
            "hook smoke failed at PRE_SCALE_UP"
        );
        assert_eq!(
            read(
                json!({ "status": "ROLLBACK_IN_PROGRESS", "deploymentCircuitBreaker": { "status": "TRIGGERED", "failureCount": 3 },
                "rollback": { "reason": "threshold exceeded" } })
            ),
            "the circuit breaker counted 3 failed tasks: threshold exceeded"
        );
        assert_eq!(read(json!({ "status": "STOPPED" })), "stopped");
        assert_eq!(ServiceDeployment::read(&json!({ "status": "STOPPED" })).why(true), "somebody stopped it");
    }

    #[test]
    fn test_traffic_is_on_what_is_deployed_from_the_end_of_its_shift_until_the_end() {
        let on_test = |status: &str, stage: &str| {
            let (status, stage) = (status.to_owned(), stage.to_owned());
            ServiceDeployment { status, stage, ..Default::default() }.is_on_test()
        };
        for stage in ["", "PRE_SCALE_UP", "SCALE_UP", "POST_SCALE_UP", "TEST_TRAFFIC_SHIFT"] {
            assert!(!on_test("IN_PROGRESS", stage), "{stage}");
        }
        for stage in
            ["POST_TEST_TRAFFIC_SHIFT", "PRE_PRODUCTION_TRAFFIC_SHIFT", "PRODUCTION_TRAFFIC_SHIFT", "BAKE_TIME"]
        {
            assert!(on_test("IN_PROGRESS", stage), "{stage}");
            assert!(!on_test("ROLLBACK_IN_PROGRESS", stage), "{stage}");
        }
    }
}
