//! From an operation that ended badly to what a person needs: which resource, the service's words, what is left.

use runner_core::{
    judge::stack_events::{cause, left_broken},
    plan::Fault,
    report::Failure,
};

use super::follow::Ended;

/// The failure of an operation on a stack.
pub(super) fn failure(name: &str, region: &str, verb: &str, ended: &Ended) -> Failure {
    let stack = super::stack_named(name, region);
    let mut failure = match cause(&ended.events) {
        Some(event) => {
            let doing =
                if event.of_stack { format!("{verb} {stack}") } else { format!("{verb} {} in {stack}", event.what()) };
            let message = if event.reason.is_empty() { event.status.as_str().into() } else { event.reason.clone() };
            let mut fault = Fault::new(doing, message);
            fault.code = event.code();
            fault.request_id = event.request_id();
            Failure::from(fault)
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
    failure.remedy = Some(match ended.status.as_str() {
        "ROLLBACK_COMPLETE" => {
            "mend what is named above and run again: what is left of the first try is deleted by itself".to_owned()
        }
        "UPDATE_ROLLBACK_COMPLETE" => {
            "the stack stands as it did before; mend what is named above and run again".to_owned()
        }
        _ => format!("the stack is {}: run again to be told the way out", ended.status),
    });
    failure
}
