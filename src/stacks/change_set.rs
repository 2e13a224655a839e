//! A change set: made, waited for, read, executed or thrown away.

use std::{collections::BTreeSet, time::Duration};

use aws_sdk_cloudformation::types::{
    Capability, ChangeAction, ChangeSetStatus, ChangeSetType, EventFilter, ExecutionStatus, Parameter,
    Replacement as Replaces, RequiresRecreation, ResourceChange, ResourceToImport, Tag,
};
use runner_core::{
    infra::{CreateOnly, Holds, create_only, holds},
    plan::{Change, Fault, Import, PutStack, Replacement, StackMove},
};
use serde_json::Value as Json;
use tokio::time::sleep;

use super::{Acting, stack_named};
use crate::aws::{Code, fault};

/// A change set that was made.
pub(super) struct ChangeSet {
    /// Its ARN.
    pub(super) id: String,
    /// The stack's id.
    pub(super) stack: String,
}

/// How a change set came out.
pub(super) enum Made {
    /// It can be executed.
    Ready(Vec<Change>, Imported),
    /// There is nothing to change, as far as CloudFormation compares.
    Nothing,
}

/// What a change set imports.
#[derive(Debug, Default)]
pub(super) struct Imported {
    /// Logical ids, and what each is called in AWS.
    pub(super) imports: Vec<(String, String)>,
    /// Logical ids of what it does anything else to.
    pub(super) others: Vec<String>,
}

/// The endpoint's words where it refuses a template for types it does not know.
const UNKNOWN_TYPES: &str = "Unrecognized resource types: [";

/// The types an endpoint says it does not know.
pub(super) fn unknown_types(fault: &Fault) -> Option<Vec<String>> {
    let list = fault.message.raw().split_once(UNKNOWN_TYPES)?.1.split_once(']')?.0;
    Some(list.split(',').map(|kind| kind.trim().to_owned()).filter(|kind| !kind.is_empty()).collect())
}

/// Whether a change set failed for having nothing to change.
/// <https://repost.aws/knowledge-center/cloudformation-no-updates-to-perform>
pub(super) fn says_nothing(text: &str) -> bool {
    text.contains("didn't contain changes") || text.contains("No updates are to be performed")
}

/// Whether the stack is not, or no longer, in the state we took it for: another run was faster. CloudFormation says
/// most of it as a ValidationError, told apart by its words.
pub(super) fn is_race(fault: &Fault) -> bool {
    let text = fault.message.raw();
    match fault.code.as_deref() {
        Some("ValidationError") => {
            text.starts_with("Stack")
                && ["_IN_PROGRESS", "already exists", "does not exist"].iter().any(|words| text.contains(words))
        }
        Some("ChangeSetNotFound") => true,
        Some(code) => matches!(Code::of(code), Some(Code::Conflict | Code::AlreadyExists)),
        None => false,
    }
}

impl Acting<'_> {
    /// Makes a change set under a name of its own. Parameters in `kept` have the value that they had. In an import tags
    /// stay as they are, like everything that is not imported.
    pub(super) async fn make(
        &self,
        put: &PutStack,
        body: &str,
        kind: ChangeSetType,
        name: &str,
        kept: &BTreeSet<String>,
    ) -> Result<ChangeSet, Fault> {
        let tags = (kind != ChangeSetType::Import).then(|| tags(put));
        let imports: Vec<ResourceToImport> = put.imports.iter().map(to_import).collect();
        let answer = self
            .clients
            .cloudformation()
            .create_change_set()
            .stack_name(&put.name)
            .change_set_name(name)
            .client_token(name)
            .change_set_type(kind)
            .template_body(body)
            .set_parameters(Some(parameters(put, kept)?))
            .set_tags(tags)
            .set_capabilities(Some(capabilities(body)))
            .set_role_arn(self.role_arn.map(str::to_owned))
            .set_import_existing_resources(self.asks_by_name.then_some(true))
            .set_resources_to_import((!imports.is_empty()).then_some(imports))
            .send()
            .await;
        match answer {
            Ok(answer) => Ok(ChangeSet {
                id: answer.id.unwrap_or_else(|| name.to_owned()),
                stack: answer.stack_id.unwrap_or_else(|| put.name.clone()),
            }),
            Err(error) => {
                let fault =
                    fault(format!("comparing {} with its template", stack_named(&put.name, &put.region)), &error);
                // The name is ours alone: an answer was lost and the call was made again.
                if fault.code.as_deref() == Some("AlreadyExistsException") && fault.message.raw().contains(name) {
                    return Ok(ChangeSet { id: name.to_owned(), stack: put.name.clone() });
                }
                Err(fault)
            }
        }
    }

    /// Waits until it can be executed, and reads all of it.
    pub(super) async fn wait(&self, put: &PutStack, set: &ChangeSet) -> Result<Made, Fault> {
        let doing = || format!("comparing {} with its template", stack_named(&put.name, &put.region));
        let mut pause = Duration::from_millis(100);
        loop {
            let mut token = None;
            let mut changes = Vec::new();
            loop {
                let answer = self
                    .clients
                    .cloudformation()
                    .describe_change_set()
                    .stack_name(&set.stack)
                    .change_set_name(&set.id)
                    .include_property_values(true)
                    .set_next_token(token)
                    .send()
                    .await
                    .map_err(|error| fault(doing(), &error))?;
                match answer.status {
                    Some(ChangeSetStatus::CreateComplete)
                        if put.step == StackMove::Import
                            && answer.execution_status == Some(ExecutionStatus::Unavailable) =>
                    {
                        return Err(Fault::new(doing(), answer.status_reason.unwrap_or_default()));
                    }
                    Some(ChangeSetStatus::CreateComplete) => {}
                    Some(ChangeSetStatus::Failed) => {
                        let reason = answer.status_reason.unwrap_or_default();
                        if says_nothing(&reason) {
                            return Ok(Made::Nothing);
                        }
                        let reason = match self.early_validation(&set.id, &reason).await {
                            Some(found) => format!("{reason}: {found}"),
                            None => reason,
                        };
                        return Err(Fault::new(doing(), reason));
                    }
                    _ => break,
                }
                changes
                    .extend(answer.changes.unwrap_or_default().into_iter().filter_map(|change| change.resource_change));
                token = answer.next_token;
                if token.is_none() {
                    return Ok(Made::Ready(read(put, &changes), imported(&changes)));
                }
            }
            sleep(pause).await;
            pause = (pause * 2).min(Duration::from_secs(2));
        }
    }

    /// What a validation before any change found, resource by resource. An endpoint without it has nothing to say.
    /// <https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/validate-stack-deployments.html>
    async fn early_validation(&self, set: &str, reason: &str) -> Option<String> {
        if !reason.contains("EarlyValidation") {
            return None;
        }
        let answer = self
            .clients
            .cloudformation()
            .describe_events()
            .change_set_name(set)
            .filters(EventFilter::builder().failed_events(true).build())
            .send()
            .await
            .ok()?;
        let found: Vec<String> = answer
            .operation_events
            .unwrap_or_default()
            .into_iter()
            .filter(|event| event.validation_status_reason.is_some())
            .map(|event| {
                format!(
                    "{} ({}) {}: {}",
                    event.logical_resource_id.unwrap_or_default(),
                    event.resource_type.unwrap_or_default(),
                    event.validation_path.unwrap_or_default(),
                    event.validation_status_reason.unwrap_or_default()
                )
            })
            .collect();
        (!found.is_empty()).then(|| found.join("; "))
    }

    /// Executes it.
    pub(super) async fn execute(&self, put: &PutStack, set: &ChangeSet, token: &str) -> Result<(), Fault> {
        self.clients
            .cloudformation()
            .execute_change_set()
            .stack_name(&set.stack)
            .change_set_name(&set.id)
            .client_request_token(token)
            .send()
            .await
            .map(drop)
            .map_err(|error| fault(format!("changing {}", stack_named(&put.name, &put.region)), &error))
    }

    /// Throws it away. That it stays is harmless, so a failure is not worth a word.
    pub(super) async fn discard(&self, set: &ChangeSet) {
        let deleted = self
            .clients
            .cloudformation()
            .delete_change_set()
            .stack_name(&set.stack)
            .change_set_name(&set.id)
            .send()
            .await;
        if let Err(error) = deleted {
            tracing::debug!(?error, set = set.id, "a change set stays");
        }
    }

    /// An update without a change set, for what change sets do not see: outputs alone. `false` where there is nothing
    /// to update at all.
    pub(super) async fn update_directly(&self, put: &PutStack, body: &str, token: &str) -> Result<bool, Fault> {
        let answer = self
            .clients
            .cloudformation()
            .update_stack()
            .stack_name(&put.name)
            .template_body(body)
            .set_parameters(Some(parameters(put, &BTreeSet::new())?))
            .set_tags(Some(tags(put)))
            .set_capabilities(Some(capabilities(body)))
            .set_role_arn(self.role_arn.map(str::to_owned))
            .client_request_token(token)
            .send()
            .await;
        match answer.map_err(|error| fault(format!("changing {}", stack_named(&put.name, &put.region)), &error)) {
            Ok(_) => Ok(true),
            Err(fault) if says_nothing(fault.message.raw()) => Ok(false),
            Err(fault) => Err(fault),
        }
    }
}

fn to_import(import: &Import) -> ResourceToImport {
    ResourceToImport::builder()
        .resource_type(&import.kind)
        .logical_resource_id(&import.id)
        .set_resource_identifier(Some(import.identifier.clone().into_iter().collect()))
        .build()
}

fn parameters(put: &PutStack, kept: &BTreeSet<String>) -> Result<Vec<Parameter>, Fault> {
    put.parameters
        .iter()
        .map(|(name, value)| match value.known() {
            _ if kept.contains(name) => Ok(Parameter::builder().parameter_key(name).use_previous_value(true).build()),
            Some(value) => Ok(Parameter::builder().parameter_key(name).parameter_value(value).build()),
            None => Err(Fault::new(
                format!("changing {}", stack_named(&put.name, &put.region)),
                format!("its parameter {name} needs {}, which no stack has", value.shown()),
            )),
        })
        .collect()
}

fn tags(put: &PutStack) -> Vec<Tag> {
    put.tags.iter().map(|(key, value)| Tag::builder().key(key).value(value).build()).collect()
}

fn capabilities(body: &str) -> Vec<Capability> {
    let mut all = vec![Capability::CapabilityNamedIam];
    // Macros, which only a template of the user's own can have.
    if body.contains("\"Transform\"") || body.contains("\"Fn::Transform\"") {
        all.push(Capability::CapabilityAutoExpand);
    }
    all
}

/// See [`Imported`].
fn imported(resources: &[ResourceChange]) -> Imported {
    let mut out = Imported::default();
    for resource in resources {
        let id = resource.logical_resource_id.clone().unwrap_or_default();
        match &resource.action {
            Some(ChangeAction::Import) => {
                out.imports.push((id, resource.physical_resource_id.clone().unwrap_or_default()))
            }
            _ => out.others.push(id),
        }
    }
    out
}

/// The change set's own changes, in our words.
fn read(put: &PutStack, resources: &[ResourceChange]) -> Vec<Change> {
    let replaced: Vec<&str> = resources
        .iter()
        .filter(|resource| resource.replacement == Some(Replaces::True))
        .filter_map(|resource| resource.logical_resource_id.as_deref())
        .collect();
    resources.iter().flat_map(|resource| changes_of(put, resource, &replaced)).collect()
}

fn changes_of(put: &PutStack, resource: &ResourceChange, replaced: &[&str]) -> Vec<Change> {
    let subject = resource.logical_resource_id.clone().unwrap_or_default();
    let kind = resource.resource_type.clone().unwrap_or_default();
    let removed = resource.action == Some(ChangeAction::Remove);
    let change = |property: String, before: Option<Json>, after: Option<Json>, replacement| Change {
        scope: put.key.clone(),
        holds: match put.holds.get(&subject) {
            Some(holds) => *holds,
            None if removed => holds(&kind),
            None => Holds::Nothing,
        },
        subject: subject.clone(),
        kind: kind.clone(),
        property,
        before,
        after,
        replacement,
        span: None,
    };
    match &resource.action {
        Some(ChangeAction::Add | ChangeAction::Import) => {
            vec![change(String::new(), None, Some(Json::Null), Replacement::No)]
        }
        Some(ChangeAction::Remove) => vec![change(String::new(), Some(Json::Null), None, Replacement::No)],
        _ => {
            let whole = resource.replacement == Some(Replaces::True);
            let mut changes: Vec<Change> = resource
                .details()
                .iter()
                .filter_map(|detail| {
                    let target = detail.target.as_ref()?;
                    let property = match target.path.as_deref().and_then(|path| path.strip_prefix("/Properties/")) {
                        Some(path) => path.replace('/', "."),
                        None => {
                            target.name.clone().or_else(|| target.attribute.as_ref().map(|a| a.as_str().to_owned()))?
                        }
                    };
                    let (before, after) = (target.before_value.clone(), target.after_value.clone());
                    // A value that only may have changed by what it refers to, and does not.
                    let caused_by = detail.causing_entity.as_deref().and_then(|entity| entity.split('.').next());
                    let referred = detail.evaluation.as_ref().is_some_and(|how| how.as_str() == "Dynamic");
                    let stays = (before.is_some() && before == after)
                        || (referred && caused_by.is_some_and(|id| !replaced.contains(&id)));
                    if stays {
                        return None;
                    }
                    let replacement = match (create_only(&kind, &property), &target.requires_recreation) {
                        (_, Some(RequiresRecreation::Always)) if whole => Replacement::Yes,
                        (CreateOnly::Yes, _) => Replacement::Yes,
                        (CreateOnly::Maybe, _) => Replacement::Maybe,
                        (CreateOnly::Unknown, Some(RequiresRecreation::Always | RequiresRecreation::Conditionally)) => {
                            Replacement::Maybe
                        }
                        _ => Replacement::No,
                    };
                    Some(change(property, before.map(Json::String), after.map(Json::String), replacement))
                })
                .collect();
            // The resource is replaced, whatever its details say.
            if whole && changes.iter().all(|change| change.replacement != Replacement::Yes) {
                match changes.first_mut() {
                    Some(first) => first.replacement = Replacement::Yes,
                    None => changes.push(change("Properties".to_owned(), None, Some(Json::Null), Replacement::Yes)),
                }
            }
            changes
        }
    }
}
