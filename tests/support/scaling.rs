//! Application Auto Scaling, which the local AWS lacks: scalable targets and their policies, kept and answered as its API
//! reference says. <https://docs.aws.amazon.com/autoscaling/application/APIReference/API_Operations.html>

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
};

use serde_json::{Value as Json, json};

use super::proxy::{Call, Effect};

/// What is registered.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Registered {
    /// Fewest and most tasks, by resource.
    pub targets: BTreeMap<String, (u64, u64)>,
    /// Configurations by resource and name.
    pub policies: BTreeMap<(String, String), Json>,
}

/// See the module. Clones share what they hold.
#[derive(Debug, Clone, Default)]
pub struct Scaling(Arc<Mutex<Registered>>);

impl Scaling {
    /// What is registered now.
    pub fn registered(&self) -> Registered {
        self.0.lock().unwrap().clone()
    }

    /// A policy that somebody else made.
    pub fn put(&self, resource: &str, policy: &str, configuration: Json) {
        self.0.lock().unwrap().policies.insert((resource.to_owned(), policy.to_owned()), configuration);
    }

    /// Answers what is asked of it; all else goes through.
    pub fn answers(&self) -> impl FnMut(&Call) -> Effect + Send + 'static {
        let state = self.0.clone();
        move |call| state.lock().unwrap().answer(call)
    }
}

impl Registered {
    fn answer(&mut self, call: &Call) -> Effect {
        let body: Json = serde_json::from_str(&call.body).unwrap_or_default();
        let text = |key: &str| body[key].as_str().unwrap_or_default().to_owned();
        let (resource, policy) = (text("ResourceId"), text("PolicyName"));
        let done = match call.action.as_str() {
            "DescribeScalableTargets" => self.describe_targets(&body),
            "DescribeScalingPolicies" => self.describe_policies(&resource),
            "RegisterScalableTarget" => {
                let bound = |key: &str| body[key].as_u64().unwrap();
                assert_eq!(body["ScalableDimension"], "ecs:service:DesiredCount");
                self.targets.insert(resource, (bound("MinCapacity"), bound("MaxCapacity")));
                json!({ "ScalableTargetARN": "arn:aws:application-autoscaling:us-east-1:1:scalable-target/1" })
            }
            "PutScalingPolicy" if !self.targets.contains_key(&resource) => return missing(&resource),
            "PutScalingPolicy" => {
                assert_eq!(body["PolicyType"], "TargetTrackingScaling");
                let configuration = body["TargetTrackingScalingPolicyConfiguration"].clone();
                self.policies.insert((resource, policy), configuration);
                json!({ "PolicyARN": "arn:aws:autoscaling:us-east-1:1:scalingPolicy:1", "Alarms": [] })
            }
            "DeleteScalingPolicy" => match self.policies.remove(&(resource, policy.clone())) {
                Some(_) => json!({}),
                None => return missing(&policy),
            },
            "DeregisterScalableTarget" => match self.targets.remove(&resource) {
                Some(_) => {
                    self.policies.retain(|(of, _), _| *of != resource);
                    json!({})
                }
                None => return missing(&resource),
            },
            _ => return Effect::Pass,
        };
        assert_eq!(body["ServiceNamespace"], "ecs");
        Effect::Answer(200, done)
    }

    fn describe_targets(&self, body: &Json) -> Json {
        let asked = body["ResourceIds"].as_array().unwrap();
        let found = self.targets.iter().filter(|(resource, _)| asked.iter().any(|it| it == resource.as_str()));
        let targets: Vec<Json> = found
            .map(|(resource, (min, max))| {
                json!({
                    "ServiceNamespace": "ecs", "ResourceId": resource, "MinCapacity": min, "MaxCapacity": max,
                    "ScalableDimension": "ecs:service:DesiredCount", "CreationTime": 1_764_000_000,
                    "RoleARN": "arn:aws:iam::1:role/aws-service-role/ecs.application-autoscaling.amazonaws.com/x",
                })
            })
            .collect();
        json!({ "ScalableTargets": targets })
    }

    fn describe_policies(&self, resource: &str) -> Json {
        let found = self.policies.iter().filter(|((of, _), _)| of == resource);
        let policies: Vec<Json> = found
            .map(|((_, name), configuration)| {
                // AWS gives numbers as floats, and what was left out with its default.
                let mut configuration = configuration.clone();
                configuration["TargetValue"] = configuration["TargetValue"].as_f64().into();
                configuration["DisableScaleIn"] = false.into();
                json!({
                    "PolicyName": name, "PolicyType": "TargetTrackingScaling", "ServiceNamespace": "ecs",
                    "ResourceId": resource, "ScalableDimension": "ecs:service:DesiredCount", "CreationTime": 1_764_000_000,
                    "PolicyARN": "arn:aws:autoscaling:us-east-1:1:scalingPolicy:1", "Alarms": [],
                    "TargetTrackingScalingPolicyConfiguration": configuration,
                })
            })
            .collect();
        json!({ "ScalingPolicies": policies })
    }
}

fn missing(what: &str) -> Effect {
    let message = format!("No such object found: {what}");
    Effect::Answer(400, json!({ "__type": "ObjectNotFoundException", "Message": message }))
}
