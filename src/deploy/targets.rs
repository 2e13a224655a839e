//! Health of targets.

use std::collections::BTreeMap;

use aws_sdk_elasticloadbalancingv2::types::TargetHealthStateEnum;
use runner_core::{plan::Fault, text::Foreign};

use crate::aws::{Clients, fault};

/// Targets of a service: how many are healthy, and why the others are not.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Targets {
    /// Registered, those that drain left out.
    pub(super) registered: u32,
    /// Healthy.
    pub(super) healthy: u32,
    /// Reasons of the others, with how many have each.
    pub(super) reasons: BTreeMap<String, (u32, Foreign)>,
}

/// Looks at the targets of a service's target groups together: after a shift either may be the live one.
pub(super) async fn describe(clients: &Clients, service: &str, groups: &[String]) -> Result<Targets, Fault> {
    let mut targets = Targets::default();
    for group in groups {
        let answer = clients
            .elbv2()
            .describe_target_health()
            .target_group_arn(group)
            .send()
            .await
            .map_err(|error| fault(format!("looking at the targets of {service}"), &error))?;
        for health in answer.target_health_descriptions().iter().filter_map(|target| target.target_health()) {
            match health.state() {
                Some(TargetHealthStateEnum::Draining) => {}
                Some(TargetHealthStateEnum::Healthy) => {
                    targets.registered += 1;
                    targets.healthy += 1;
                }
                _ => {
                    targets.registered += 1;
                    let reason = health.reason().map(|reason| reason.as_str().to_owned()).unwrap_or_default();
                    let words = Foreign::new(health.description().unwrap_or_default());
                    targets.reasons.entry(reason).or_insert((0, words)).0 += 1;
                }
            }
        }
    }
    Ok(targets)
}
