//! The emulator's answers in AWS's words, with what was really seen.

use std::collections::BTreeSet;

use serde_json::{Value as Json, json};

use super::State;

/// A deployment fails at the third task. <https://docs.aws.amazon.com/AmazonECS/latest/developerguide/deployment-circuit-breaker.html>
const FAILED: usize = 3;
/// What the emulator says of tasks that its scheduler ends; ECS says none of it.
const ITS_OWN: [&str; 4] =
    ["Deployment completed", "Service scaling down", "Task definition updated", "Deployment capacity limit"];

impl State {
    /// DescribeServices: a deployment is complete when its tasks are healthy, not when they run; the first may fail too;
    /// and events tell of what was seen.
    pub(super) fn tell_services(&mut self, json: &mut Json) {
        for told in json["services"].as_array_mut().into_iter().flatten() {
            let Some(name) = told["serviceName"].as_str().map(str::to_owned) else { continue };
            let Some(service) = self.services.get(&name) else { continue };
            if service.configuration.is_object() {
                told["deploymentConfiguration"] = service.configuration.clone();
            }
            let mut events = service.events.clone();
            events.extend(told["events"].as_array().into_iter().flatten().cloned());
            for deployment in told["deployments"].as_array_mut().into_iter().flatten() {
                // Where users ask, a rollout is told to be complete when they have brought a task of it down.
                let awaits = self.used && deployment["status"] == "PRIMARY";
                let id = deployment["id"].as_str().unwrap_or_default();
                let (good, down) = (service.good.contains(id), service.down.contains(id));
                let is_told = good && (down || !awaits);
                if is_told || deployment["rolloutState"] != "COMPLETED" || deployment["desiredCount"] == 0 {
                    continue;
                }
                let failed = self.failed(deployment["taskDefinition"].as_str().unwrap_or_default());
                deployment["failedTasks"] = failed.into();
                let (state, reason) = match failed {
                    FAILED.. if !good => ("FAILED", "ECS deployment circuit breaker: tasks failed to start."),
                    _ => ("IN_PROGRESS", "ECS deployment in progress."),
                };
                deployment["rolloutState"] = state.into();
                deployment["rolloutStateReason"] = reason.into();
            }
            events.sort_by(|one, other| at(other).total_cmp(&at(one)));
            told["events"] = events.into();
        }
    }

    /// How many tasks of a revision were ended for their health or by themselves.
    fn failed(&self, revision: &str) -> usize {
        let ended = self.containers.iter().filter(|(_, container)| container.exit.is_some());
        let ours = ended.filter(|(_, container)| revision.ends_with(&format!("/{}", container.revision)));
        ours.map(|((task, _), _)| task).collect::<BTreeSet<_>>().len()
    }

    /// DescribeTasks: who ended a task and why, and how its containers really ended. One that still ends has not.
    pub(super) fn tell_tasks(&self, json: &mut Json) {
        for task in json["tasks"].as_array_mut().into_iter().flatten() {
            let arn = task["taskArn"].as_str().unwrap_or_default().to_owned();
            if let Some(target) = self.targets.get(&arn).filter(|target| target.check.container().is_some()) {
                let health = if target.is_unhealthy() { "UNHEALTHY" } else { "HEALTHY" };
                task["healthStatus"] = if target.is_new() { "UNKNOWN" } else { health }.into();
            }
            if task["lastStatus"] != "STOPPED" {
                continue;
            }
            let scheduler = match (self.ended.get(&arn), task["stoppedReason"].as_str()) {
                (Some(reason), _) => Some(reason.clone()),
                (None, Some(reason)) if ITS_OWN.contains(&reason) => {
                    Some("Scaling activity initiated by (deployment ecs-svc/1)".to_owned())
                }
                _ => None,
            };
            if let Some(reason) = scheduler {
                task["stopCode"] = "ServiceSchedulerInitiated".into();
                task["stoppedReason"] = reason.into();
            } else if task["stopCode"] == "EssentialContainerExited" {
                task["stoppedReason"] = "Essential container in task exited".into();
            }
            let mut ends = false;
            for container in task["containers"].as_array_mut().into_iter().flatten() {
                let name = container["name"].as_str().unwrap_or_default().to_owned();
                let Some(known) = self.containers.get(&(arn.clone(), name)) else { continue };
                ends |= known.exit.is_none();
                container["exitCode"] = json!(known.exit);
                if known.oom {
                    container["reason"] = "OutOfMemoryError: Container killed due to memory usage".into();
                }
            }
            if ends {
                task["lastStatus"] = "STOPPING".into();
                task["stoppedAt"].take();
            }
        }
    }

    /// DescribeTargetHealth's answer.
    pub(super) fn tell_targets(&mut self, group: &str) -> String {
        let targets = self.targets.values_mut().filter(|target| target.check.group() == Some(group));
        let members = targets.map(|target| {
            target.told_unhealthy |= target.is_unhealthy();
            let (state, reason, words) = target.told();
            let more = match reason {
                "" => String::new(),
                reason => format!("<Reason>{reason}</Reason><Description>{words}</Description>"),
            };
            let (ip, port) = (target.address.ip(), target.address.port());
            format!(
                "<member><Target><Id>{ip}</Id><Port>{port}</Port></Target>\
                 <TargetHealth><State>{state}</State>{more}</TargetHealth></member>"
            )
        });
        format!("<TargetHealthDescriptions>{}</TargetHealthDescriptions>", members.collect::<String>())
    }
}

fn at(event: &Json) -> f64 {
    event["createdAt"].as_f64().unwrap_or_default()
}
