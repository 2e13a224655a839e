//! Registers, changes and removes the autoscaling of a service.
//! <https://docs.aws.amazon.com/autoscaling/application/APIReference/Welcome.html>

use std::collections::BTreeMap;

use runner_core::{
    plan::{Fault, PutScaling, ScalingSeen},
    report::{Changed, Fact},
};
use serde_json::{Value as Json, json};

use super::{Emit, call, list, text};
use crate::aws::{Clients, Code};

/// Makes the scalable target and its policies as `put` says: what is equal is not written, what is not wanted is
/// removed. Gives false where the endpoint has no such service and may lack it (`may_lack`).
pub async fn put_scaling(clients: &Clients, put: &PutScaling, may_lack: bool, emit: Emit<'_>) -> Result<bool, Fault> {
    let doing = || format!("setting the autoscaling of {}", put.resource);
    let of_service = json!({ "ServiceNamespace": "ecs", "ResourceIds": [put.resource] });
    let seen = match call!(clients.autoscaling(), describe_scalable_targets, of_service, doing()) {
        Err(fault) if may_lack && lacks(&fault) => return Ok(false),
        answer => answer?,
    };
    let target = list(&seen, "ScalableTargets").first();
    let named = || format!("autoscaling of {}", put.service);
    let resource = |mut body: Json| {
        body["ServiceNamespace"] = "ecs".into();
        body["ResourceId"] = put.resource.clone().into();
        body["ScalableDimension"] = "ecs:service:DesiredCount".into();
        body
    };
    let Some((min, max)) = put.bounds else {
        if target.is_some() {
            // Its policies and alarms go with it.
            call!(clients.autoscaling(), deregister_scalable_target, resource(json!({})), doing())?;
            emit(Fact::Changed(Changed::new("removed", named())));
        }
        return Ok(true);
    };
    let mut changed = false;
    if target.is_none_or(|seen| seen["MinCapacity"] != min || seen["MaxCapacity"] != max) {
        let body = resource(json!({ "MinCapacity": min, "MaxCapacity": max }));
        call!(clients.autoscaling(), register_scalable_target, body, doing())?;
        changed = true;
    }
    let query = json!({ "ServiceNamespace": "ecs", "ResourceId": put.resource });
    let answer = call!(clients.autoscaling(), describe_scaling_policies, query, doing())?;
    let policies = list(&answer, "ScalingPolicies");
    for (name, configuration) in &put.policies {
        let seen = policies.iter().find(|policy| text(policy, "PolicyName") == name);
        if seen.is_some_and(|policy| covers(&policy["TargetTrackingScalingPolicyConfiguration"], configuration)) {
            continue;
        }
        let body = resource(json!({
            "PolicyName": name,
            "PolicyType": "TargetTrackingScaling",
            "TargetTrackingScalingPolicyConfiguration": configuration,
        }));
        call!(clients.autoscaling(), put_scaling_policy, body, doing())?;
        changed = true;
    }
    for policy in policies.iter().filter(|policy| !put.policies.contains_key(text(policy, "PolicyName"))) {
        // A policy under another name is somebody else's.
        if !ours(put, text(policy, "PolicyName")) {
            continue;
        }
        let body = resource(json!({ "PolicyName": text(policy, "PolicyName") }));
        call!(clients.autoscaling(), delete_scaling_policy, body, doing())?;
        changed = true;
    }
    if changed {
        emit(Fact::Changed(Changed::new(if target.is_some() { "updated" } else { "created" }, named())));
    }
    Ok(true)
}

/// The autoscaling of services by name, fifty targets a call.
pub async fn scaling_seen(
    clients: &Clients,
    cluster: &str,
    services: &[String],
) -> Result<BTreeMap<String, ScalingSeen>, Fault> {
    let mut all = BTreeMap::new();
    for chunk in services.chunks(50) {
        let ids: Vec<String> = chunk.iter().map(|service| format!("service/{cluster}/{service}")).collect();
        let body = json!({ "ServiceNamespace": "ecs", "ResourceIds": ids });
        let doing = format!("looking at the autoscaling of {}", chunk.join(", "));
        let answer = call!(clients.autoscaling(), describe_scalable_targets, body, doing)?;
        for service in chunk {
            let resource = format!("service/{cluster}/{service}");
            let targets = list(&answer, "ScalableTargets");
            let target = targets.iter().find(|target| text(target, "ResourceId") == resource);
            let number = |key: &str| target.and_then(|it| it[key].as_u64()?.try_into().ok()).unwrap_or_default();
            let bounds = target.map(|_| (number("MinCapacity"), number("MaxCapacity")));
            let mut policies = BTreeMap::new();
            if target.is_some() {
                let query = json!({ "ServiceNamespace": "ecs", "ResourceId": resource });
                let doing = format!("looking at the scaling policies of {service}");
                let answer = call!(clients.autoscaling(), describe_scaling_policies, query, doing)?;
                policies.extend(list(&answer, "ScalingPolicies").iter().map(|policy| {
                    let name = text(policy, "PolicyName").to_owned();
                    (name, policy["TargetTrackingScalingPolicyConfiguration"].clone())
                }));
            }
            all.insert(service.clone(), ScalingSeen { bounds, policies });
        }
    }
    Ok(all)
}

/// Our policies are named `<cluster>-<service>-<metric>`.
fn ours(put: &PutScaling, policy: &str) -> bool {
    ["cpu", "memory", "requests"].iter().any(|metric| policy.ends_with(&format!("{}-{metric}", put.service)))
}

/// Whether what was seen holds all of what is wanted; numbers are compared as numbers.
fn covers(seen: &Json, wanted: &Json) -> bool {
    match (seen, wanted) {
        (Json::Object(seen), Json::Object(wanted)) => {
            wanted.iter().all(|(key, value)| seen.get(key).is_some_and(|seen| covers(seen, value)))
        }
        (seen, wanted) => seen == wanted || (seen.as_f64().is_some() && seen.as_f64() == wanted.as_f64()),
    }
}

/// An endpoint that does not have the service at all answers 400 without a code that we know.
fn lacks(fault: &Fault) -> bool {
    fault.message.raw().contains("Unsupported service")
        || fault.code.as_deref().and_then(Code::of) == Some(Code::Unsupported)
}
