//! `History`: what ECS remembers of a service's deployments, and the one that is in flight.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::Value as Json;

/// A service deployment that is over.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Past {
    /// SUCCESSFUL, STOPPED, ROLLBACK_SUCCESSFUL, ROLLBACK_FAILED.
    pub status: String,
    /// The task-definition revision it deployed.
    pub revision: String,
}

/// One of the two versions that a deployment in flight is between.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Version {
    /// The task-definition revision.
    pub revision: String,
    /// Tasks running.
    pub running: u64,
    /// Tasks wanted.
    pub requested: u64,
    /// Percent of the traffic, where ECS tells it.
    pub traffic: Option<f64>,
    /// The digest of its first image.
    pub image: Option<String>,
}

impl Version {
    /// `:42, 10 % of the traffic, 1/2 tasks, image 0123abcd4567`.
    pub fn words(&self) -> String {
        let number = self.revision.rsplit(':').next().unwrap_or(&self.revision);
        let traffic = self.traffic.map(|share| format!("{share} % of the traffic, ")).unwrap_or_default();
        let digest = self.image.as_deref().map(|digest| digest.trim_start_matches("sha256:"));
        let image = digest.map(|hex| format!(", image {}", hex.get(..12).unwrap_or(hex))).unwrap_or_default();
        format!(":{number}, {traffic}{}/{} tasks{image}", self.running, self.requested)
    }
}

/// A hook that waits for a person.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Pause {
    /// What ContinueServiceDeployment takes.
    pub hook: String,
    /// Until when, in seconds since 1970.
    pub until: Option<f64>,
    /// What ECS does then: CONTINUE or ROLLBACK.
    pub then: String,
}

/// A deployment that is not over.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Flight {
    /// Its ARN.
    pub arn: String,
    /// PENDING, IN_PROGRESS, STOP_REQUESTED, ROLLBACK_REQUESTED, ROLLBACK_IN_PROGRESS.
    pub status: String,
    /// SCALE_UP, PRE_PRODUCTION_TRAFFIC_SHIFT, …; empty where ECS tells none.
    pub stage: String,
    /// What is being deployed.
    pub new: Version,
    /// What was there before; none in a first deployment.
    pub old: Option<Version>,
    /// It is paused.
    pub pause: Option<Pause>,
}

impl Flight {
    /// Whether it is on its way back, or asked to be.
    pub fn turns_back(&self) -> bool {
        self.status.starts_with("ROLLBACK") || self.status == "STOP_REQUESTED"
    }
}

/// What ECS remembers of a service: 90 days.
/// <https://docs.aws.amazon.com/AmazonECS/latest/developerguide/service-deployment.html>
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
pub struct History {
    /// The deployments that are over, newest first.
    pub past: Vec<Past>,
    /// The one that is not.
    pub flight: Option<Flight>,
}

impl History {
    /// From ListServiceDeployments' briefs, DescribeServiceDeployments' answer about the one in flight, and
    /// DescribeServiceRevisions' `serviceRevisions`.
    pub fn read(briefs: &[Json], flight: Option<&Json>, revisions: &[Json]) -> Self {
        let revisions: BTreeMap<&str, &Json> =
            revisions.iter().filter_map(|seen| Some((seen["serviceRevisionArn"].as_str()?, seen))).collect();
        let mut briefs: Vec<&Json> = briefs.iter().filter(|brief| is_over(brief)).collect();
        let created = |brief: &Json| brief["createdAt"].as_f64().unwrap_or_default();
        briefs.sort_by(|a, b| created(b).total_cmp(&created(a)));
        let past = briefs.into_iter().filter_map(|brief| {
            let seen = revisions.get(brief["targetServiceRevisionArn"].as_str()?)?;
            Some(Past { status: text(brief, "status"), revision: text(seen, "taskDefinition") })
        });
        let side = |summary: &Json| {
            let seen = revisions.get(summary["arn"].as_str()?)?;
            Some(Version {
                revision: text(seen, "taskDefinition"),
                running: summary["runningTaskCount"].as_u64().unwrap_or_default(),
                requested: summary["requestedTaskCount"].as_u64().unwrap_or_default(),
                traffic: summary["requestedProductionTrafficWeight"].as_f64(),
                image: seen["containerImages"][0]["imageDigest"].as_str().map(str::to_owned),
            })
        };
        let flight = flight.filter(|seen| !is_over(seen)).and_then(|seen| {
            let hooks = seen["lifecycleHookDetails"].as_array().map(Vec::as_slice).unwrap_or_default();
            let paused = hooks.iter().find(|hook| hook["status"] == "AWAITING_ACTION");
            Some(Flight {
                arn: text(seen, "serviceDeploymentArn"),
                status: text(seen, "status"),
                stage: text(seen, "lifecycleStage"),
                new: side(&seen["targetServiceRevision"])?,
                old: seen["sourceServiceRevisions"].as_array().into_iter().flatten().find_map(side),
                pause: paused.map(|hook| Pause {
                    hook: text(hook, "hookId"),
                    until: hook["expiresAt"].as_f64(),
                    then: text(hook, "timeoutAction"),
                }),
            })
        });
        Self { past: past.collect(), flight }
    }
}

/// Whether nothing more will become of a service deployment.
/// <https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_ServiceDeployment.html>
pub fn is_over(deployment: &Json) -> bool {
    matches!(deployment["status"].as_str(), Some("SUCCESSFUL" | "STOPPED" | "ROLLBACK_SUCCESSFUL" | "ROLLBACK_FAILED"))
}

/// A task-definition revision that a service may go back to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Revision {
    /// Whether it can still be deployed: a deregistered one cannot.
    pub active: bool,
    /// Images of ours that the registry has no more.
    pub missing: Vec<String>,
}

impl Revision {
    /// Whether tasks of it can be started.
    pub fn is_usable(&self) -> bool {
        self.active && self.missing.is_empty()
    }
}

fn text(json: &Json, key: &str) -> String {
    json[key].as_str().unwrap_or_default().to_owned()
}
