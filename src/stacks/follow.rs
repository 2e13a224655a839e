//! Follows an operation on a stack to its end, by its events alone: their pages are newest first, so that one call
//! tells all that is new, whatever the stack's past.

use std::{collections::BTreeSet, time::Duration};

use runner_core::{
    judge::stack_events::StackEvent,
    plan::Fault,
    report::{Awaited, Fact},
};
use tokio::time::sleep;

use super::observe::look;
use crate::aws::{Clients, Code, fault};

/// The first look comes soon, since small operations take less than a second; then polls back off.
const FIRST: Duration = Duration::from_millis(200);
const NEWS: Duration = Duration::from_secs(1);
const SLOWEST: Duration = Duration::from_secs(5);

/// How often an answer may fail for a passing reason, one after another: about a minute and a half.
const PASSING: u32 = 18;

/// Polls without news after which the stack itself is asked.
const QUIET: u32 = 6;

/// Where the operation's events begin.
#[derive(Debug, Clone)]
pub(super) enum Since {
    /// After this event, the newest before the operation; with none, at the stack's first.
    After(Option<String>),
    /// With the start of whatever operation is the newest.
    Start,
}

/// An operation that has ended.
#[derive(Debug)]
pub(super) struct Ended {
    /// The stack's last status; `DELETE_COMPLETE` where it is gone.
    pub(super) status: String,
    /// The operation's events, oldest first.
    pub(super) events: Vec<StackEvent>,
}

/// The newest event of a stack, to tell what comes after it.
pub(super) async fn newest(clients: &Clients, stack: &str) -> Result<Option<String>, Fault> {
    match page(clients, stack, None).await? {
        Some((events, _)) => Ok(events.into_iter().next().map(|event| event.id)),
        None => Ok(None),
    }
}

/// Follows to the end. `stack` is a stack's id, which finds a deleted stack too.
pub(super) async fn follow(
    clients: &Clients,
    stack: &str,
    since: &Since,
    emit: &(dyn Fn(Fact) + Sync),
) -> Result<Ended, Fault> {
    let mut said = BTreeSet::new();
    let mut known = 0;
    let mut pause = FIRST;
    let mut failures = 0;
    let mut quiet = 0;
    loop {
        let events = match operation(clients, stack, since).await {
            Ok(events) => events,
            Err(fault) if is_passing(&fault) && failures < PASSING => {
                failures += 1;
                sleep(SLOWEST).await;
                continue;
            }
            Err(fault) => return Err(fault),
        };
        failures = 0;
        for event in &events {
            tell(event, &mut said, emit);
        }
        if let Some(end) = events.iter().rev().find(|event| event.of_stack).filter(|event| event.ends()) {
            return Ok(Ended { status: end.status.clone(), events });
        }
        if events.len() > known {
            known = events.len();
            quiet = 0;
            pause = if pause > NEWS { NEWS } else { pause };
        } else {
            quiet += 1;
        }
        if quiet >= QUIET || events.is_empty() {
            match look(clients, stack).await? {
                None => return Ok(Ended { status: "DELETE_COMPLETE".to_owned(), events }),
                // Its end has no event; or it was never begun, which takes longer to believe.
                Some((_, seen))
                    if !seen.status.is_in_progress() && quiet >= if events.is_empty() { 4 * QUIET } else { QUIET } =>
                {
                    return Ok(Ended { status: seen.status.0, events });
                }
                Some(_) => {}
            }
        }
        sleep(pause).await;
        pause = (pause * 3 / 2).min(SLOWEST);
    }
}

/// A failure of the look, not of the operation.
fn is_passing(fault: &Fault) -> bool {
    match fault.code.as_deref() {
        Some(code) => code.starts_with("HTTP 5") || matches!(Code::of(code), Some(Code::Throttled | Code::Server)),
        // No service answered: the network, or a time-out.
        None => true,
    }
}

fn tell(event: &StackEvent, said: &mut BTreeSet<String>, emit: &(dyn Fn(Fact) + Sync)) {
    if let Some(progress) = event.progress()
        && said.insert(progress.clone())
    {
        emit(Fact::Progress(progress));
    }
    if let Some(record) = event.awaited_record()
        && said.insert(format!("{record:?}"))
    {
        emit(Fact::Awaits(Awaited { what: event.what(), record, asked: event.at }));
    }
}

/// The operation's events so far, oldest first.
async fn operation(clients: &Clients, stack: &str, since: &Since) -> Result<Vec<StackEvent>, Fault> {
    let mut newest_first = Vec::new();
    let mut token = None;
    'pages: loop {
        let Some((events, next)) = page(clients, stack, token).await? else { break };
        for event in events {
            match since {
                Since::After(Some(id)) if event.id == *id => break 'pages,
                Since::Start if event.begins() => {
                    newest_first.push(event);
                    break 'pages;
                }
                _ => newest_first.push(event),
            }
        }
        match next {
            Some(next) => token = Some(next),
            None => break,
        }
    }
    newest_first.reverse();
    Ok(newest_first)
}

/// One page of events, newest first; `None` where the stack is not there.
async fn page(
    clients: &Clients,
    stack: &str,
    token: Option<String>,
) -> Result<Option<(Vec<StackEvent>, Option<String>)>, Fault> {
    let answer = clients.cloudformation().describe_stack_events().stack_name(stack).set_next_token(token).send().await;
    let answer = match answer {
        Ok(answer) => answer,
        Err(error) if super::observe::is_missing(&error) => return Ok(None),
        Err(error) => return Err(fault(format!("reading the events of stack {stack}"), &error)),
    };
    let events = answer
        .stack_events
        .unwrap_or_default()
        .into_iter()
        .map(|event| {
            let physical = event.physical_resource_id.unwrap_or_default();
            StackEvent {
                of_stack: event.stack_id.as_deref() == Some(physical.as_str()),
                id: event.event_id.unwrap_or_default(),
                logical: event.logical_resource_id.unwrap_or_default(),
                physical,
                kind: event.resource_type.unwrap_or_default(),
                status: event.resource_status.map(|status| status.as_str().to_owned()).unwrap_or_default(),
                reason: event.resource_status_reason.unwrap_or_default().into(),
                at: event.timestamp.map(|at| at.secs()),
            }
        })
        .collect();
    Ok(Some((events, answer.next_token)))
}
