//! The service's settings, as CreateService and UpdateService take them.
//! <https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_CreateService.html>

use serde_json::{Map, Value as Json, json};

use super::{Facts, Rendered, Writer, stack_key};
use crate::infra::alarm_names;
use crate::workflow::{Capacity, Environment, Service, Strategy};

/// CreateService's input, without tags and token.
pub fn settings(env: &Environment, service: &Service, facts: &impl Facts) -> Rendered {
    let mut writer = Writer::new(facts);
    let stack = stack_key(&service.name);
    let revision = writer.facts.revision(&service.name);
    let mut out = json!({
        "cluster": env.cluster_name(),
        "serviceName": service.name,
        "taskDefinition": writer.value(revision),
        "desiredCount": service.scaling.as_ref().map_or(service.desired_count, |scaling| scaling.min),
        "schedulingStrategy": "REPLICA",
        "deploymentController": { "type": "ECS" },
        "capacityProviderStrategy": [{
            "capacityProvider": match service.capacity {
                Capacity::Fargate => "FARGATE",
                Capacity::FargateSpot => "FARGATE_SPOT",
            },
            "weight": 1,
            "base": 0,
        }],
        "networkConfiguration": { "awsvpcConfiguration": {
            "subnets": writer.list("network", "PrivateSubnetIds"),
            "securityGroups": writer.list(&stack, "SecurityGroupIds"),
            "assignPublicIp": "DISABLED",
        }},
        "enableExecuteCommand": service.execute_command,
        "enableECSManagedTags": true,
        // Tasks carry the tags of their revision: those of the service change after each deployment.
        "propagateTags": "TASK_DEFINITION",
        "availabilityZoneRebalancing": "ENABLED",
        "deploymentConfiguration": deployment_configuration(env, service),
    });
    if service.is_routed() {
        out["loadBalancers"] = json!([load_balancer(env, service, &stack, &mut writer)]);
    }
    if service.port.is_some() {
        out["serviceRegistries"] = json!([{ "registryArn": writer.output(&stack, "DiscoveryServiceArn") }]);
    }
    if service.is_routed() || service.health_check.command.is_some() {
        out["healthCheckGracePeriodSeconds"] = service.health_check.grace_period.into();
    }
    writer.rendered(out)
}

/// UpdateService's input for the same settings, against a service as DescribeServices answers it. `desiredCount` is
/// autoscaling's where there is any.
/// <https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_UpdateService.html>
pub fn update_of(service: &Service, settings: &Json, seen: &Json) -> Json {
    let mut out: Map<String, Json> = settings.as_object().cloned().unwrap_or_default();
    if let Some(name) = out.remove("serviceName") {
        out.insert("service".into(), name);
    }
    for create_only in ["schedulingStrategy", "deploymentController"] {
        out.remove(create_only);
    }
    if service.scaling.is_some() {
        out.remove("desiredCount");
    }
    // ECS always tells of it; an endpoint that does not, does not have it, and each update would send it anew.
    if seen.get("availabilityZoneRebalancing").is_none() {
        out.remove("availabilityZoneRebalancing");
    }
    // What is absent from an update is left as it is; only an empty list takes away.
    for list in ["loadBalancers", "serviceRegistries"] {
        if !out.contains_key(list) && seen.get(list).and_then(Json::as_array).is_some_and(|seen| !seen.is_empty()) {
            out.insert(list.into(), json!([]));
        }
    }
    if let Some(Json::Object(configuration)) = out.get_mut("deploymentConfiguration") {
        let seen = &seen["deploymentConfiguration"];
        if seen["lifecycleHooks"].as_array().is_some_and(|hooks| !hooks.is_empty()) {
            configuration.entry("lifecycleHooks").or_insert_with(|| json!([]));
        }
        if seen["alarms"]["enable"] == true {
            let none = || json!({ "alarmNames": [], "enable": false, "rollback": false });
            configuration.entry("alarms").or_insert_with(none);
        }
    }
    Json::Object(out)
}

/// The same settings under a rolling deployment: with these a service that has one target group takes its second.
/// <https://docs.aws.amazon.com/AmazonECS/latest/developerguide/update-rolling-to-bluegreen.html>
pub fn under_rolling(settings: &Json) -> Json {
    let mut out = settings.clone();
    if let Some(Json::Object(configuration)) = out.get_mut("deploymentConfiguration") {
        configuration.insert("strategy".into(), "ROLLING".into());
        for only_with_shifts in ["canaryConfiguration", "linearConfiguration", "lifecycleHooks"] {
            configuration.remove(only_with_shifts);
        }
    }
    out
}

/// Whether a service (DescribeServices' answer, or settings) has a second target group.
pub fn has_alternate(service: &Json) -> bool {
    service["loadBalancers"][0]["advancedConfiguration"]["alternateTargetGroupArn"].is_string()
}

fn load_balancer<F: Facts>(env: &Environment, service: &Service, stack: &str, writer: &mut Writer<'_, F>) -> Json {
    let mut out = json!({
        "targetGroupArn": writer.output(stack, "TargetGroupArn"),
        "containerName": service.name,
        "containerPort": service.port,
    });
    if service.has_alternate() {
        let rule = writer.facts.rule(&service.name);
        out["advancedConfiguration"] = json!({
            "alternateTargetGroupArn": writer.output(stack, "AlternateTargetGroupArn"),
            "productionListenerRule": writer.value(rule),
            "roleArn": writer.output(stack, "InfrastructureRoleArn"),
        });
        // Absent where there is none: ECS takes no empty one.
        // https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_AdvancedConfiguration.html
        if env.is_tested(service) {
            let rule = writer.facts.test_rule(&service.name);
            out["advancedConfiguration"]["testListenerRule"] = writer.value(rule).into();
        }
    }
    out
}

fn deployment_configuration(env: &Environment, service: &Service) -> Json {
    let deploy = &service.deploy;
    let mut out = json!({
        "strategy": match deploy.strategy {
            Strategy::Rolling => "ROLLING",
            Strategy::BlueGreen => "BLUE_GREEN",
            Strategy::Canary { .. } => "CANARY",
            Strategy::Linear { .. } => "LINEAR",
        },
        // Always sent: the documented defaults differ from page to page.
        "bakeTimeInMinutes": deploy.bake_time_minutes,
        "minimumHealthyPercent": deploy.minimum_healthy_percent,
        "maximumPercent": deploy.maximum_percent,
        "deploymentCircuitBreaker": { "enable": true, "rollback": true },
    });
    match deploy.strategy {
        Strategy::Canary { percent, bake_minutes } => {
            out["canaryConfiguration"] = json!({ "canaryPercent": percent, "canaryBakeTimeInMinutes": bake_minutes });
        }
        Strategy::Linear { percent, bake_minutes } => {
            out["linearConfiguration"] = json!({ "stepPercent": percent, "stepBakeTimeInMinutes": bake_minutes });
        }
        Strategy::Rolling | Strategy::BlueGreen => {}
    }
    if !deploy.alarms.is_empty() {
        let names: Vec<String> = deploy.alarms.iter().flat_map(|entry| alarm_names(env, entry)).collect();
        out["alarms"] = json!({ "alarmNames": names, "enable": true, "rollback": true });
    }
    let hooks: Vec<Json> = deploy
        .hooks
        .iter()
        .map(|hook| {
            json!({
                "targetType": "AWS_LAMBDA",
                "hookTargetArn": hook.function,
                "roleArn": hook.role,
                "lifecycleStages": hook.stages.iter().map(|stage| lifecycle_stage(stage)).collect::<Vec<_>>(),
            })
        })
        .chain((!deploy.pause.is_empty()).then(|| {
            json!({
                "targetType": "PAUSE",
                // Always sent: what a person did not answer in time is turned back.
                "timeoutConfiguration": { "timeoutInMinutes": deploy.pause_timeout_minutes, "action": "ROLLBACK" },
                "lifecycleStages": deploy.pause.iter().map(|stage| lifecycle_stage(stage)).collect::<Vec<_>>(),
            })
        }))
        .collect();
    if !hooks.is_empty() {
        out["lifecycleHooks"] = hooks.into();
    }
    out
}

/// `pre-production-traffic-shift` → `PRE_PRODUCTION_TRAFFIC_SHIFT`.
fn lifecycle_stage(name: &str) -> String {
    name.to_uppercase().replace('-', "_")
}
