//! Autoscaling of a service, as Application Auto Scaling takes it.
//! <https://docs.aws.amazon.com/autoscaling/application/userguide/services-that-can-integrate-ecs.html>

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::{Value as Json, json};

use super::{Facts, Writer, stack_key};
use crate::workflow::{Environment, Service};

/// A service's autoscaling.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Autoscaling {
    /// `service/CLUSTER/NAME`.
    pub resource: String,
    /// Fewest and most tasks; none where the service does not scale by itself.
    pub bounds: Option<(u32, u32)>,
    /// Target-tracking configurations by policy name.
    pub policies: BTreeMap<String, Json>,
}

/// The autoscaling of a service; without bounds and policies where it has none.
pub fn autoscaling(env: &Environment, service: &Service, facts: &impl Facts) -> Autoscaling {
    let mut writer = Writer::new(facts);
    let resource = format!("service/{}/{}", env.cluster_name(), service.name);
    let Some(scaling) = &service.scaling else {
        return Autoscaling { resource, bounds: None, policies: BTreeMap::new() };
    };
    let mut policies = BTreeMap::new();
    let targets = [
        ("cpu", "ECSServiceAverageCPUUtilization", scaling.cpu),
        ("memory", "ECSServiceAverageMemoryUtilization", scaling.memory),
        ("requests", "ALBRequestCountPerTarget", scaling.requests),
    ];
    for (name, metric, target) in targets {
        let Some(target) = target else { continue };
        let mut specification = json!({ "PredefinedMetricType": metric });
        if name == "requests" {
            let balancer = match env.load_balancer.existing_full_name() {
                Some(name) => name.to_owned(),
                None => writer.output("edge", "LoadBalancerFullName"),
            };
            let group = writer.output(&stack_key(&service.name), "TargetGroupFullName");
            specification["ResourceLabel"] = format!("{balancer}/{group}").into();
        }
        policies.insert(
            format!("{}-{name}", env.family(&service.name)),
            json!({
                "TargetValue": target,
                "PredefinedMetricSpecification": specification,
                // Out at once, in slowly: the other way round users feel it.
                "ScaleOutCooldown": 60,
                "ScaleInCooldown": 300,
            }),
        );
    }
    Autoscaling { resource, bounds: Some((scaling.min, scaling.max)), policies }
}
