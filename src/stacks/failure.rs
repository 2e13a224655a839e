//! From an operation that ended badly to what a person needs: which resource, the service's words, what is left.

use runner_core::{
    judge::{
        causes::{Certainty, Evidence, Where, diagnose},
        stack_events::{cause, left_broken},
    },
    plan::{Fault, PutStack, Stack},
    report::Failure,
};

use super::follow::Ended;

/// How a remedy names the command that adopts, before the stage is known.
const ADOPT: &str = "runner adopt STAGE";

/// The failure of what was done to put a stack where it shall be: its remedies name the stage.
pub(super) fn failure_of(put: &PutStack, verb: &str, ended: &Ended) -> Failure {
    let mut failure = failure(&put.name, &put.region, verb, ended);
    let stage = put.tags.get(Stack::STAGE);
    let environment = put.tags.get(Stack::ENVIRONMENT).map(|name| format!(" -e {name}")).unwrap_or_default();
    if let (Some(remedy), Some(stage)) = (&mut failure.remedy, stage) {
        *remedy = remedy.replace(ADOPT, &format!("runner adopt {stage}{environment}"));
    }
    failure
}

/// The failure of an operation on a stack.
pub(super) fn failure(name: &str, region: &str, verb: &str, ended: &Ended) -> Failure {
    let stack = super::stack_named(name, region);
    let mut remedy = None;
    let mut failure = match cause(&ended.events) {
        Some(event) => {
            let doing =
                if event.of_stack { format!("{verb} {stack}") } else { format!("{verb} {} in {stack}", event.what()) };
            let message = if event.reason.is_empty() { event.status.as_str().into() } else { event.reason.clone() };
            let mut fault = Fault::new(doing, message);
            fault.code = event.code();
            fault.request_id = event.request_id();
            let text = fault.message.clone();
            let mut failure = Failure::from(fault);
            let found = diagnose(&Evidence { at: Where::StackEvent, text, exit_code: None });
            if found.certainty != Certainty::Unknown {
                failure.cause = Some((found.cause.name.to_owned(), found.certainty.as_str().to_owned()));
                remedy = Some(found.cause.remedy);
            }
            failure
        }
        None => Fault::new(format!("{verb} {stack}"), format!("it ended {}", ended.status)).into(),
    };
    failure.evidence = ended
        .events
        .iter()
        .filter(|event| event.status.ends_with("_FAILED") && !event.reason.is_empty())
        .map(|event| (format!("{} {}", event.logical, event.status), event.reason.clone()))
        .collect();
    failure.not_undone = if ended.status.ends_with("_FAILED") {
        left_broken(&ended.events).into_iter().map(|event| format!("{} is {}", event.what(), event.status)).collect()
    } else {
        Vec::new()
    };
    let state = match ended.status.as_str() {
        "ROLLBACK_COMPLETE" => "run again: what is left of the first try is deleted by itself".to_owned(),
        "IMPORT_ROLLBACK_COMPLETE" => "adopt again: the stack stands as it did before".to_owned(),
        "UPDATE_ROLLBACK_COMPLETE" => "run again: the stack stands as it did before".to_owned(),
        "DELETE_FAILED" => "run the same command again: it goes on with what is left of the stack".to_owned(),
        status => format!("run again to be told the way out: the stack is {status}"),
    };
    failure.remedy = Some(match remedy {
        Some(remedy) => format!("{}; then {state}", remedy.trim_end_matches('.')),
        None => format!("mend what is named above; then {state}"),
    });
    failure
}
