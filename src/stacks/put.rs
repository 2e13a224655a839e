//! Puts a stack where it shall be: one match over how it gets there.

use std::{
    collections::BTreeSet,
    sync::atomic::{AtomicU32, Ordering},
    time::{SystemTime, UNIX_EPOCH},
};

use aws_sdk_cloudformation::types::ChangeSetType;
use runner_core::{
    infra::leave_out,
    judge::stack_events::tally,
    plan::{Fault, PutStack, Refusal, Stack, StackMove, Standing, beyond, guard},
    report::{Changed, Fact},
};
use serde_json::{Value as Json, json};

use super::{
    Acting, Stop,
    change_set::{ChangeSet, Made, is_race, unknown_types},
    failure::failure_of,
    follow::{Since, follow, newest},
    observe::look,
    stack_named,
};

/// How often another run may come between before we give up.
pub(super) const ROUNDS: u32 = 4;

/// How one try ended.
enum Tried {
    /// The stack stands as it shall.
    Done(Stack),
    /// Another run was faster: look again.
    Raced(Fault),
}

impl Acting<'_> {
    /// Puts the stack where it shall be, and gives it as it is seen at the end. After an attach that is whatever the
    /// other run made of it, `None` where it deleted it: decide again.
    pub async fn put(&self, put: &PutStack) -> Result<Option<Stack>, Stop> {
        match put.step {
            StackMove::Attach => return self.attach(put).await,
            StackMove::Protect => {
                self.protect(&put.name, &put.region, true).await?;
                return Ok(look(self.clients, &put.name).await?.map(|(_, stack)| stack));
            }
            StackMove::Unprotect => {
                self.protect(&put.name, &put.region, false).await?;
                return Ok(look(self.clients, &put.name).await?.map(|(_, stack)| stack));
            }
            StackMove::Import => return self.import(put).await,
            StackMove::Delete => {
                self.delete(&put.name, &put.region).await?;
                return Ok(None);
            }
            StackMove::Recreate | StackMove::Create | StackMove::Update => {}
        }
        let mut step = put.step;
        let mut last = None;
        for _ in 0..ROUNDS {
            if step == StackMove::Recreate {
                self.clear(put).await?;
            }
            let kind = if step == StackMove::Update { ChangeSetType::Update } else { ChangeSetType::Create };
            match self.change(put, kind).await? {
                Tried::Done(stack) => return Ok(Some(stack)),
                Tried::Raced(fault) => last = Some(fault),
            }
            (self.emit)(Fact::Progress(format!("following what another run does to stack {}", put.name)));
            let Some(seen) = self.attach(put).await? else {
                step = StackMove::Create;
                continue;
            };
            step = match seen.status.standing() {
                Standing::Settled if seen.hash() == Some(&put.hash) => return Ok(Some(seen)),
                Standing::Settled => StackMove::Update,
                Standing::Review | Standing::Gone => StackMove::Create,
                Standing::RolledBackCreate => StackMove::Recreate,
                Standing::Stuck(out) => return Err(Stop::Refused(seen.stuck(out))),
                Standing::Moving => break,
            };
        }
        let doing = format!("changing {}", stack_named(&put.name, &put.region));
        Err(last
            .unwrap_or_else(|| Fault::new(doing, "another run changes it at the same time"))
            .with_hint("another run changes this stack: wait for its end and run again")
            .into())
    }

    /// Follows what is under way to its end.
    pub(super) async fn attach(&self, put: &PutStack) -> Result<Option<Stack>, Stop> {
        if let Some((id, seen)) = look(self.clients, &put.name).await?
            && seen.status.is_in_progress()
        {
            follow(self.clients, &id, &Since::Start, self.emit).await?;
        }
        Ok(look(self.clients, &put.name).await?.map(|(_, stack)| stack))
    }

    /// One change set, from the comparison to the end of the operation.
    async fn change(&self, put: &PutStack, kind: ChangeSetType) -> Result<Tried, Stop> {
        let creates = kind == ChangeSetType::Create;
        let name = token(&put.hash);
        let (set, body, left_out) = match self.propose(put, kind, &name).await {
            Ok(proposed) => proposed,
            Err(fault) if is_race(&fault) => return Ok(Tried::Raced(fault)),
            Err(fault) => return Err(fault.into()),
        };
        let made = match self.wait(put, &set).await {
            Ok(made) => made,
            Err(fault) => {
                self.discard(&set).await;
                return Err(fault.into());
            }
        };
        if let Made::Ready(changes, _) = &made
            && !creates
        {
            let more = beyond(&put.changes, changes);
            if !more.is_empty() {
                (self.emit)(Fact::Beyond(more));
            }
        }
        if let Made::Ready(changes, _) = &made
            && !creates
            && let Some(refusal) = Refusal::all(guard(&put.name, changes, self.allow_replace))
        {
            self.discard(&set).await;
            return Err(Stop::Refused(refusal));
        }
        // A change set of a stack that is being changed would be executed over that operation, or refused late.
        let seen = look(self.clients, &put.name).await?;
        let Some((id, seen)) = seen.filter(|(_, seen)| !seen.status.is_in_progress()) else {
            self.discard(&set).await;
            let doing = format!("changing {}", stack_named(&put.name, &put.region));
            return Ok(Tried::Raced(Fault::new(doing, "another run began to change it")));
        };
        let since = Since::After(newest(self.clients, &id).await?);
        let begun = match made {
            Made::Ready(..) => self.execute(put, &set, &name).await.map(|()| true),
            Made::Nothing => Ok(false),
        };
        if let Err(fault) = begun {
            self.discard(&set).await;
            return if is_race(&fault) { Ok(Tried::Raced(fault)) } else { Err(fault.into()) };
        }
        let mut stack = seen;
        if matches!(begun, Ok(true)) {
            stack = self.finish(put, creates, &id, &since, &left_out).await?;
        } else {
            self.discard(&set).await;
        }
        if stack.hash() != Some(&put.hash) {
            // Outputs alone differ, and the endpoint's change sets do not see them.
            let since = Since::After(newest(self.clients, &id).await?);
            match self.update_directly(put, &body, &token(&put.hash)).await {
                Ok(true) => stack = self.finish(put, false, &id, &since, &left_out).await?,
                Ok(false) => {}
                Err(fault) if is_race(&fault) => return Ok(Tried::Raced(fault)),
                Err(fault) => return Err(fault.into()),
            }
        }
        Ok(Tried::Done(stack))
    }

    /// Follows the operation that was begun, and says what it changed.
    pub(super) async fn finish(
        &self,
        put: &PutStack,
        creates: bool,
        id: &str,
        since: &Since,
        left_out: &[String],
    ) -> Result<Stack, Stop> {
        let ended = follow(self.clients, id, since, self.emit).await?;
        let (verb, past) = match (put.step, creates) {
            (StackMove::Import, _) => ("adopting into", "adopted into"),
            (_, true) => ("creating", "created"),
            (_, false) => ("updating", "updated"),
        };
        if !matches!(ended.status.as_str(), "CREATE_COMPLETE" | "UPDATE_COMPLETE" | "IMPORT_COMPLETE") {
            return Err(Stop::Failed(Box::new(failure_of(put, verb, &ended))));
        }
        let mut changed = Changed::new(past, format!("stack {}", put.name));
        changed.resources = tally(&ended.events);
        changed.left_out = left_out.to_vec();
        (self.emit)(Fact::Changed(changed));
        match look(self.clients, &put.name).await? {
            Some((_, stack)) => Ok(stack),
            None => Err(Fault::new(
                format!("{verb} {}", stack_named(&put.name, &put.region)),
                "it was deleted by another as soon as it was done",
            )
            .into()),
        }
    }

    /// Makes the change set; where the endpoint may lack types, without those it names.
    pub(super) async fn propose(
        &self,
        put: &PutStack,
        kind: ChangeSetType,
        name: &str,
    ) -> Result<(ChangeSet, String, Vec<String>), Fault> {
        let mut body = put.body.clone();
        let mut left_out = BTreeSet::new();
        loop {
            match self.make(put, &body, kind.clone(), name, &BTreeSet::new()).await {
                Ok(set) => return Ok((set, body, left_out.into_iter().collect())),
                Err(fault) => {
                    let unknown = unknown_types(&fault).filter(|_| self.may_leave_out).unwrap_or_default();
                    let before = left_out.len();
                    left_out.extend(unknown);
                    if left_out.len() == before {
                        return Err(fault);
                    }
                    body = without(&put.body, &left_out);
                }
            }
        }
    }
}

/// The template without these types, and with an output that names them.
fn without(body: &str, kinds: &BTreeSet<String>) -> String {
    let template: Json = serde_json::from_str(body).unwrap_or_default();
    let (mut template, _) = leave_out(&template, kinds, &BTreeSet::new());
    if template["Resources"].as_object().is_some_and(serde_json::Map::is_empty) {
        // A stack has at least one resource; this one stands for nothing.
        template["Resources"]["LeftOut"] = json!({ "Type": "AWS::CloudFormation::WaitConditionHandle" });
    }
    let names: Vec<&str> = kinds.iter().map(String::as_str).collect();
    template["Outputs"][Stack::LEFT_OUT] =
        json!({ "Value": names.join(","), "Description": "Resource types this endpoint does not know" });
    template.to_string()
}

/// A name for a change set and a token for a request: never the same twice, since a run that was killed may have left
/// one of its own.
pub(super) fn token(hash: &str) -> String {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map(|since| since.as_nanos()).unwrap_or_default();
    let hash = hash.get(..8).unwrap_or(hash);
    format!("finance-infra-{hash}-{now:x}-{:x}-{count:x}", std::process::id())
}
