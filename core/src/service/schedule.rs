//! When a scheduled task runs, as EventBridge Scheduler takes it.
//! <https://docs.aws.amazon.com/scheduler/latest/APIReference/API_CreateSchedule.html>

use serde_json::json;

use super::{Facts, Rendered, Writer, settings, stack_key};
use crate::workflow::{Environment, Service};

/// The group that an environment's schedules are in. Schedules have no tags; by their group they are known as ours.
pub fn schedule_group(env: &Environment) -> String {
    env.prefix()
}

/// CreateSchedule's and UpdateSchedule's body; nothing for a service that runs all the time.
pub fn schedule(env: &Environment, service: &Service, facts: &impl Facts) -> Option<Rendered> {
    let expression = service.schedule.as_ref()?;
    let mut writer = Writer::new(facts);
    let revision = writer.facts.revision(&service.name);
    let revision = writer.value(revision);
    let role = writer.output(&stack_key(&service.name), "SchedulerRoleArn");
    let cluster = writer.output("cluster", "ClusterArn");
    let run = settings(env, service, facts);
    let network = &run.json["networkConfiguration"]["awsvpcConfiguration"];
    for reference in run.pending {
        writer.value(crate::workflow::Value::Pending(reference));
    }
    Some(Rendered {
        json: json!({
            "GroupName": schedule_group(env),
            "Description": format!("{} of {} in {}", service.name, env.app, env.name),
            "ScheduleExpression": expression,
            "ScheduleExpressionTimezone": "UTC",
            "FlexibleTimeWindow": { "Mode": "OFF" },
            "State": "ENABLED",
            "Target": {
                "Arn": cluster,
                "RoleArn": role,
                "EcsParameters": {
                    "TaskDefinitionArn": revision,
                    "TaskCount": 1,
                    "CapacityProviderStrategy": run.json["capacityProviderStrategy"],
                    "NetworkConfiguration": { "awsvpcConfiguration": {
                        "Subnets": network["subnets"],
                        "SecurityGroups": network["securityGroups"],
                        "AssignPublicIp": "DISABLED",
                    }},
                    "EnableECSManagedTags": true,
                    "EnableExecuteCommand": service.execute_command,
                    "PropagateTags": "TASK_DEFINITION",
                },
                // By default a start that fails is tried again for a day: the next time would have come by then.
                "RetryPolicy": { "MaximumEventAgeInSeconds": 3600, "MaximumRetryAttempts": 10 },
            },
        }),
        pending: writer.pending,
    })
}
