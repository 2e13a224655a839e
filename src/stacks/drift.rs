//! What CloudFormation finds changed in a stack. It needs to read only, of the stack and of each resource in it.
//! <https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/using-cfn-stack-drift.html>

use std::time::Duration;

use aws_sdk_cloudformation::types::{DifferenceType, StackDriftDetectionStatus, StackResourceDriftStatus};
use runner_core::{
    infra::Holds,
    plan::{Change, Drifted, Fault, Finding, Replacement},
};
use serde_json::Value as Json;
use tokio::time::sleep;

use super::stack_named;
use crate::aws::{Clients, fault};

/// The first look comes soon; detection takes seconds to minutes.
const FIRST: Duration = Duration::from_millis(100);
const SLOWEST: Duration = Duration::from_secs(5);

/// What was found in a stack, and why CloudFormation could not look at all of it.
pub async fn drift(clients: &Clients, region: &str, stack: &str) -> Result<(Vec<Finding>, Option<String>), Fault> {
    let named = stack_named(stack, region);
    let doing = || format!("looking for drift in {named}");
    let begun = clients.cloudformation().detect_stack_drift().stack_name(stack).send().await;
    let id = begun.map_err(|error| fault(doing(), &error))?.stack_drift_detection_id.unwrap_or_default();
    let mut pause = FIRST;
    let failed = loop {
        let answer =
            clients.cloudformation().describe_stack_drift_detection_status().stack_drift_detection_id(&id).send().await;
        let answer = answer.map_err(|error| fault(doing(), &error))?;
        match answer.detection_status {
            Some(StackDriftDetectionStatus::DetectionComplete) => break None,
            Some(StackDriftDetectionStatus::DetectionFailed) => {
                break Some(answer.detection_status_reason.unwrap_or_else(|| "CloudFormation does not say why".into()));
            }
            _ => {}
        }
        sleep(pause).await;
        pause = (pause * 2).min(SLOWEST);
    };
    let mut findings = Vec::new();
    let mut token = None;
    loop {
        let answer = clients
            .cloudformation()
            .describe_stack_resource_drifts()
            .stack_name(stack)
            .stack_resource_drift_status_filters(StackResourceDriftStatus::Modified)
            .stack_resource_drift_status_filters(StackResourceDriftStatus::Deleted)
            .set_next_token(token)
            .send()
            .await
            .map_err(|error| fault(doing(), &error))?;
        for resource in answer.stack_resource_drifts.unwrap_or_default() {
            let logical = resource.logical_resource_id.clone().unwrap_or_default();
            let kind = resource.resource_type.clone().unwrap_or_default();
            let gone = resource.stack_resource_drift_status == Some(StackResourceDriftStatus::Deleted);
            let (drifted, remedy) = match gone {
                true => (Drifted::Absent, "import what replaces it, or take it out of the stack and put it back in"),
                false => (
                    Drifted::Changed,
                    "put it back by hand, or write it into the file: a run leaves an unchanged template alone",
                ),
            };
            let changes = resource.property_differences().iter().map(|difference| {
                let removed = difference.difference_type == Some(DifferenceType::Remove);
                let added = difference.difference_type == Some(DifferenceType::Add);
                let value = |text: &Option<String>| text.clone().map(Json::String);
                Change {
                    scope: stack.to_owned(),
                    subject: logical.clone(),
                    kind: kind.clone(),
                    property: difference
                        .property_path
                        .clone()
                        .unwrap_or_default()
                        .trim_start_matches('/')
                        .replace('/', "."),
                    before: if added { None } else { value(&difference.expected_value) },
                    after: if removed { None } else { value(&difference.actual_value) },
                    replacement: Replacement::No,
                    holds: Holds::Nothing,
                    span: None,
                }
            });
            findings.push(Finding {
                what: format!("{logical} ({kind}) in stack {stack}"),
                drifted,
                changes: changes.collect(),
                remedy: remedy.to_owned(),
            });
        }
        token = answer.next_token;
        if token.is_none() {
            return Ok((findings, failed));
        }
    }
}
