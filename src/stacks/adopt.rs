//! Stacks that take what exists: what CloudFormation finds by name, and change sets that import exactly what was shown.

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_cloudformation::types::ChangeSetType;
use runner_core::plan::{Fault, Import, PutStack, Refusal, Stack, StackMove, Standing};

use super::{
    Acting, Stop,
    change_set::{ChangeSet, Made, is_race},
    follow::{Since, newest},
    observe::{look, resources},
    put::{ROUNDS, token},
    stack_named,
};
use crate::aws::fault;

/// The stack that has it already, by CloudFormation's words: `NAME already exists in stack ARN`.
fn owner(text: &str) -> Option<&str> {
    let (_, arn) = text.split_once("already exists in stack ")?;
    // `arn:aws:cloudformation:REGION:ACCOUNT:stack/NAME/ID`.
    arn.split('/').nth(1)
}

/// The same, with the way out where another stack has what was to be taken.
fn told(fault: Fault) -> Stop {
    let text = fault.message.raw();
    let hint = match owner(text) {
        Some(owner) => Some(format!(
            "a resource has one stack: let {owner} go of it (DeletionPolicy Retain, then take it out of that \
             template), or name it in the workflow file as existing; nothing was done"
        )),
        None if text.contains("was not found") => {
            Some("look at what --resource names, in this account and region; nothing was done".to_owned())
        }
        None => None,
    };
    match hint {
        Some(hint) => fault.with_hint(hint).into(),
        None => fault.into(),
    }
}

impl Acting<'_> {
    /// What of the template exists under its name, by logical id: a change set is made, read and thrown away.
    pub async fn named(&self, put: &PutStack) -> Result<BTreeMap<String, String>, Stop> {
        let kind = match put.step {
            StackMove::Update => ChangeSetType::Update,
            _ => ChangeSetType::Create,
        };
        let made = self.tried(put, kind, true).await?;
        let Made::Ready(_, found) = made else { return Ok(BTreeMap::new()) };
        Ok(found.imports.into_iter().collect())
    }

    /// Whether an import would do what it says: its change set is made, read and thrown away.
    pub async fn would_import(&self, put: &PutStack) -> Result<(), Stop> {
        let made = self.tried(put, ChangeSetType::Import, false).await?;
        self.only_this(put, &made).map_err(Stop::from)
    }

    /// A change set that is not executed. Of a stack that was not there nothing stays.
    async fn tried(&self, put: &PutStack, kind: ChangeSetType, by_name: bool) -> Result<Made, Stop> {
        let doing = || format!("looking for what {} could adopt", stack_named(&put.name, &put.region));
        let before = look(self.clients, &put.name).await?;
        let kept = before.as_ref().map(|(_, stack)| stack.parameters.keys().cloned().collect()).unwrap_or_default();
        let acting = Acting { asks_by_name: by_name, ..*self };
        let proposed = match kind {
            ChangeSetType::Import => {
                let made = acting.make(put, &put.body, kind, &token(&put.hash), &kept).await;
                made.map(|set| (set, String::new(), Vec::new()))
            }
            _ => acting.propose(put, kind, &token(&put.hash)).await,
        };
        let made = match proposed {
            Ok((set, _, _)) => {
                let made = acting.wait(put, &set).await;
                acting.discard(&set).await;
                made
            }
            Err(fault) => Err(fault),
        };
        if before.is_none() {
            self.remove_empty(put).await;
        }
        made.map_err(|mut fault| {
            fault.doing = doing();
            told(fault)
        })
    }

    /// Removes the stack that a change set left, where it never was more than that. That it stays is harmless: whoever
    /// makes the stack takes it up.
    async fn remove_empty(&self, put: &PutStack) {
        let review = matches!(look(self.clients, &put.name).await, Ok(Some((_, stack))) if stack.status.is_review());
        if review {
            let quiet = Acting { emit: &|_| {}, ..*self };
            if let Err(stop) = quiet.delete(&put.name, &put.region).await {
                tracing::debug!(?stop, stack = put.name, "an empty stack under review stays");
            }
        }
    }

    /// What to do with a stack whose first create was rolled back: nothing can be taken into it.
    pub async fn rolled_back(&self, put: &PutStack) -> Stop {
        let doing = format!("adopting into {}", stack_named(&put.name, &put.region));
        let delete = format!("aws cloudformation delete-stack --stack-name {} --region {}", put.name, put.region);
        match self.kept(put).await {
            Ok(kept) if kept.is_empty() => {
                Fault::new(doing, "its first create was rolled back, and nothing can be taken into it")
                    .with_hint(format!("it holds nothing: {delete}, then adopt again"))
                    .into()
            }
            Ok(kept) => Stop::Refused(Refusal::new(
                doing,
                format!(
                    "its first create was rolled back, and nothing can be taken into it; it kept {}",
                    kept.join(", ")
                ),
                format!(
                    "look at it, then: {delete} (what its policy keeps stays, and can be adopted), and adopt again"
                ),
            )),
            Err(fault) => fault.into(),
        }
    }

    /// What the stack holds: physical ids by logical ones.
    pub async fn held(&self, put: &PutStack) -> Result<BTreeMap<String, String>, Stop> {
        let doing = format!("reading what {} holds", stack_named(&put.name, &put.region));
        let mut held = BTreeMap::new();
        for resource in resources(self.clients, &put.name, doing).await? {
            let gone = resource.resource_status.is_some_and(|status| status.as_str() == "DELETE_COMPLETE");
            if let (false, Some(id)) = (gone, resource.logical_resource_id) {
                held.insert(id, resource.physical_resource_id.unwrap_or_default());
            }
        }
        Ok(held)
    }

    /// The properties by which CloudFormation identifies the types of a template; nothing where the endpoint tells of
    /// none.
    /// <https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_GetTemplateSummary.html>
    pub async fn identifiers(&self, put: &PutStack) -> Result<BTreeMap<String, Vec<String>>, Stop> {
        let answer = self.clients.cloudformation().get_template_summary().template_body(&put.body).send().await;
        let answer = answer.map_err(|error| {
            fault(format!("asking how the resources of {} are identified", stack_named(&put.name, &put.region)), &error)
        })?;
        let all = answer.resource_identifier_summaries.unwrap_or_default();
        Ok(all.into_iter().filter_map(|it| Some((it.resource_type?, it.resource_identifiers?))).collect())
    }

    /// Imports exactly what was shown. Whatever was imported already is passed over.
    pub(super) async fn import(&self, put: &PutStack) -> Result<Option<Stack>, Stop> {
        let mut last = None;
        for _ in 0..ROUNDS {
            let seen = self.attach(put).await?;
            if let Some(stack) = &seen
                && stack.status.standing() == Standing::RolledBackCreate
            {
                return Err(self.rolled_back(put).await);
            }
            if let Some(Standing::Stuck(out)) = seen.as_ref().map(|stack| stack.status.standing()) {
                return Err(seen.map_or_else(
                    || Fault::new(format!("adopting into {}", put.name), "it is gone").into(),
                    |stack| Stop::Refused(stack.stuck(out)),
                ));
            }
            let kept = seen.map(|stack| stack.parameters.into_keys().collect()).unwrap_or_default();
            match self.import_once(put, &kept).await? {
                Ok(stack) => return Ok(Some(stack)),
                Err(fault) => last = Some(fault),
            }
        }
        let doing = format!("adopting into {}", stack_named(&put.name, &put.region));
        let fault = last.unwrap_or_else(|| Fault::new(doing, "another run changes it at the same time"));
        Err(fault.with_hint("another run changes this stack: wait for its end and adopt again").into())
    }

    async fn import_once(&self, put: &PutStack, kept: &BTreeSet<String>) -> Result<Result<Stack, Fault>, Stop> {
        let name = token(&put.hash);
        let set = match self.make(put, &put.body, ChangeSetType::Import, &name, kept).await {
            Ok(set) => set,
            Err(fault) if is_race(&fault) => return Ok(Err(fault)),
            Err(fault) => return Err(told(fault)),
        };
        self.execute_import(put, &set, &name).await
    }

    async fn execute_import(&self, put: &PutStack, set: &ChangeSet, name: &str) -> Result<Result<Stack, Fault>, Stop> {
        let checked = match self.wait(put, set).await {
            Ok(made) => self.only_this(put, &made),
            Err(fault) => Err(fault),
        };
        if let Err(fault) = checked {
            self.discard(set).await;
            return Err(told(fault));
        }
        let id = match look(self.clients, &put.name).await? {
            Some((id, seen)) if !seen.status.is_in_progress() => id,
            _ => {
                self.discard(set).await;
                let doing = format!("adopting into {}", stack_named(&put.name, &put.region));
                return Ok(Err(Fault::new(doing, "another run began to change it")));
            }
        };
        let since = Since::After(newest(self.clients, &id).await?);
        if let Err(fault) = self.execute(put, set, name).await {
            self.discard(set).await;
            return if is_race(&fault) { Ok(Err(fault)) } else { Err(fault.into()) };
        }
        self.finish(put, false, &id, &since, &[]).await.map(Ok)
    }

    /// A fault where the change set would do anything else than import what was shown, or less.
    fn only_this(&self, put: &PutStack, made: &Made) -> Result<(), Fault> {
        let doing = || format!("adopting into {}", stack_named(&put.name, &put.region));
        let Made::Ready(_, found) = made else {
            return Err(Fault::new(doing(), "CloudFormation found nothing to import")
                .with_hint("adopt again, and look at what it shows; nothing was done to this stack"));
        };
        let asked: BTreeSet<&str> = put.imports.iter().map(|Import { id, .. }| id.as_str()).collect();
        let imported: BTreeSet<&str> = found.imports.iter().map(|(id, _)| id.as_str()).collect();
        let mut more: Vec<&str> = imported.difference(&asked).copied().collect();
        more.extend(found.others.iter().map(String::as_str));
        let less: Vec<&str> = asked.difference(&imported).copied().collect();
        let words = match (more.is_empty(), less.is_empty()) {
            (true, true) => return Ok(()),
            (false, _) => format!("it would also change {}, which was not shown", more.join(", ")),
            (true, false) => format!("it would not import {}", less.join(", ")),
        };
        Err(Fault::new(doing(), words)
            .with_hint("adopt again, and look at what it shows; nothing was done to this stack"))
    }
}

#[cfg(test)]
mod tests {
    use super::owner;

    #[test]
    fn the_stack_that_has_a_resource_is_named() {
        let text = "/ecs/api already exists in stack arn:aws:cloudformation:us-east-1:123456789012:stack/theirs/0a1b";
        assert_eq!(owner(text), Some("theirs"));
        assert_eq!(owner("api already exists"), None);
    }
}
