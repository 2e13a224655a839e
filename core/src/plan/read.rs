//! From the API's answers to what a `World` holds.

use std::collections::BTreeMap;

use serde_json::Value as Json;

use super::{Deployment, Rollout, Service, TaskDefinition, TaskRun};
use crate::workflow::Value;

impl Service {
    /// One of DescribeServices' `services`, asked with tags.
    /// <https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_Service.html>
    pub fn read(json: &Json) -> Self {
        let tags = tags(json);
        let deployments =
            json["deployments"].as_array().map(|all| all.iter().map(deployment).collect()).unwrap_or_default();
        Self {
            status: text(json, "status"),
            arn: text(json, "serviceArn"),
            revision: Value::Known(text(json, "taskDefinition")),
            mark: tags.get(Self::MARK).cloned(),
            definition: tags.get(Self::DEFINITION).cloned(),
            scales: tags.get(Self::SCALES).is_some_and(|scales| scales == "true"),
            test_rule: tags.get(Self::TEST_RULE).filter(|rule| !rule.is_empty()).cloned(),
            desired: number(json, "desiredCount"),
            running: number(json, "runningCount"),
            pending: number(json, "pendingCount"),
            deployments,
            json: json.clone(),
        }
    }
}

impl TaskDefinition {
    /// DescribeTaskDefinition's answer, asked with tags.
    /// <https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_DescribeTaskDefinition.html>
    pub fn read(answer: &Json) -> Self {
        let tags = tags(answer);
        let json = answer["taskDefinition"].clone();
        Self {
            arn: Value::Known(text(&json, "taskDefinitionArn")),
            fingerprint: tags.get(Self::FINGERPRINT).cloned(),
            schedule: tags.get(Self::SCHEDULE).cloned(),
            done: tags.keys().filter_map(|key| key.strip_prefix(Self::DONE)).map(str::to_owned).collect(),
            json,
        }
    }
}

impl TaskRun {
    /// One of DescribeTasks' `tasks`; the exit code is that of the named container.
    /// <https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_Task.html>
    pub fn read(task: &Json, container: &str) -> Self {
        let containers = task["containers"].as_array().map(Vec::as_slice).unwrap_or_default();
        let named = containers.iter().find(|seen| seen["name"] == container);
        Self {
            arn: text(task, "taskArn"),
            stopped: task["lastStatus"] == "STOPPED",
            exit_code: named
                .and_then(|seen| seen["exitCode"].as_i64())
                .and_then(|code| code.try_into().ok())
                .filter(|code| *code != 0 || !Self::was_interrupted(task)),
        }
    }

    /// Whether the container never ran: the task failed to start, and ECS has no container of it.
    /// <https://docs.aws.amazon.com/AmazonECS/latest/developerguide/stopped-task-error-codes.html>
    pub fn never_began(task: &Json, container: &str) -> bool {
        let containers = task["containers"].as_array().map(Vec::as_slice).unwrap_or_default();
        let ran =
            |seen: &Json| seen["exitCode"].is_number() || seen["runtimeId"].as_str().is_some_and(|id| !id.is_empty());
        let named = containers.iter().find(|seen| seen["name"] == container);
        task["stopCode"] == "TaskFailedToStart" && task["startedAt"].is_null() && named.is_none_or(|seen| !ran(seen))
    }

    /// Whether a person, ECS or the loss of its host stopped the task: what its program makes of SIGTERM, 0 too, is not
    /// the end of its work.
    pub fn was_interrupted(task: &Json) -> bool {
        const BY_OTHERS: [&str; 5] = [
            "UserInitiated",
            "ServiceSchedulerInitiated",
            "SpotInterruption",
            "TerminationNotice",
            "InfrastructureHealth",
        ];
        task["stopCode"].as_str().is_some_and(|code| BY_OTHERS.contains(&code))
    }
}

fn deployment(json: &Json) -> Deployment {
    Deployment {
        id: text(json, "id"),
        status: text(json, "status"),
        revision: text(json, "taskDefinition"),
        rollout: match json["rolloutState"].as_str() {
            Some("COMPLETED") => Rollout::Completed,
            Some("FAILED") => Rollout::Failed,
            _ => Rollout::InProgress,
        },
        reason: text(json, "rolloutStateReason").into(),
        desired: number(json, "desiredCount"),
        pending: number(json, "pendingCount"),
        running: number(json, "runningCount"),
        failed: number(json, "failedTasks"),
    }
}

fn tags(json: &Json) -> BTreeMap<String, String> {
    let all = json["tags"].as_array().map(Vec::as_slice).unwrap_or_default();
    all.iter().map(|tag| (text(tag, "key"), text(tag, "value"))).collect()
}

fn text(json: &Json, key: &str) -> String {
    json[key].as_str().unwrap_or_default().to_owned()
}

fn number(json: &Json, key: &str) -> u32 {
    json[key].as_u64().and_then(|number| number.try_into().ok()).unwrap_or_default()
}
