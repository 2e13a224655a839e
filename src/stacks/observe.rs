//! What stacks there are, and what they were made from.

use std::collections::BTreeMap;

use aws_sdk_cloudformation::{
    error::SdkError,
    types::{StackResourceSummary, TemplateStage},
};
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use runner_core::{
    plan::{Fault, Stack, StackStatus},
    workflow::Value,
};
use serde_json::Value as Json;

use crate::aws::{Clients, fault};

/// Every stack of the clients' account and region, by name: one paginated DescribeStacks.
pub async fn describe(clients: &Clients, region: &str) -> Result<BTreeMap<String, Stack>, Fault> {
    let mut found = BTreeMap::new();
    let mut pages = clients.cloudformation().describe_stacks().into_paginator().send();
    while let Some(page) = pages.next().await {
        let page = page.map_err(|error| fault(format!("reading the stacks in {region}"), &error))?;
        for stack in page.stacks.unwrap_or_default() {
            let stack = seen(stack, region);
            found.insert(stack.name.clone(), stack);
        }
    }
    Ok(found)
}

/// The template a stack was last given; `None` where the stack is not there, or where its template is not JSON (ours
/// always is).
pub async fn template(clients: &Clients, region: &str, stack: &str) -> Result<Option<Json>, Fault> {
    let answer =
        clients.cloudformation().get_template().stack_name(stack).template_stage(TemplateStage::Original).send().await;
    match answer {
        Ok(answer) => Ok(answer.template_body.and_then(|text| serde_json::from_str(&text).ok())),
        Err(error) if is_missing(&error) => Ok(None),
        Err(error) => Err(fault(format!("reading the template of {}", super::stack_named(stack, region)), &error)),
    }
}

/// The resources that a stack has or had; `doing` is what a fault says of it.
pub(super) async fn resources(
    clients: &Clients,
    stack: &str,
    doing: String,
) -> Result<Vec<StackResourceSummary>, Fault> {
    let mut found = Vec::new();
    let mut pages = clients.cloudformation().list_stack_resources().stack_name(stack).into_paginator().send();
    while let Some(page) = pages.next().await {
        let page = page.map_err(|error| fault(doing.clone(), &error))?;
        found.extend(page.stack_resource_summaries.unwrap_or_default());
    }
    Ok(found)
}

/// A stack and its id, by name or id; `None` where it is not there.
pub(super) async fn look(clients: &Clients, stack: &str) -> Result<Option<(String, Stack)>, Fault> {
    match clients.cloudformation().describe_stacks().stack_name(stack).send().await {
        Ok(answer) => Ok(answer
            .stacks
            .unwrap_or_default()
            .into_iter()
            .next()
            .map(|stack| {
                // `arn:aws:cloudformation:REGION:…`.
                let id = stack.stack_id.clone().unwrap_or_default();
                let region = id.split(':').nth(3).unwrap_or_default().to_owned();
                (id, seen(stack, &region))
            })
            .filter(|(_, stack)| !stack.status.is_gone())),
        Err(error) if is_missing(&error) => Ok(None),
        Err(error) => Err(fault(format!("reading the state of stack {stack}"), &error)),
    }
}

/// CloudFormation has no code of its own for a stack that is not there: a ValidationError, told apart by its words.
pub(super) fn is_missing<E: ProvideErrorMetadata>(error: &SdkError<E, HttpResponse>) -> bool {
    matches!(error, SdkError::ServiceError(service) if service.err().message().is_some_and(|text| text.contains("does not exist")))
}

fn seen(stack: aws_sdk_cloudformation::types::Stack, region: &str) -> Stack {
    let outputs = stack
        .outputs
        .unwrap_or_default()
        .into_iter()
        .map(|output| (output.output_key.unwrap_or_default(), Value::Known(output.output_value.unwrap_or_default())))
        .collect();
    let parameters = stack
        .parameters
        .unwrap_or_default()
        .into_iter()
        .map(|parameter| (parameter.parameter_key.unwrap_or_default(), parameter.parameter_value.unwrap_or_default()))
        .collect();
    let tags = stack
        .tags
        .unwrap_or_default()
        .into_iter()
        .map(|tag| (tag.key.unwrap_or_default(), tag.value.unwrap_or_default()))
        .collect();
    Stack {
        name: stack.stack_name.unwrap_or_default(),
        region: region.to_owned(),
        status: StackStatus(stack.stack_status.map(|status| status.as_str().to_owned()).unwrap_or_default()),
        reason: stack.stack_status_reason.unwrap_or_default().into(),
        outputs,
        parameters,
        tags,
        protected: stack.enable_termination_protection.unwrap_or_default(),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use aws_sdk_cloudformation::types::StackStatus;
    use runner_core::plan::STATUSES;

    #[test]
    fn every_status_that_cloudformation_has_is_in_the_list() {
        let listed: BTreeSet<&str> = STATUSES.iter().map(|(status, _)| *status).collect();
        assert_eq!(listed, StackStatus::values().iter().copied().collect());
        assert_eq!(listed.len(), STATUSES.len());
    }
}
