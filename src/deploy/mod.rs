//! ECS, ELBv2, autoscaling, logs, the HTTP probe: looks at what a rollout is made of, and acts on it.

mod by_hand;
mod deployments;
mod evidence;
mod exec;
mod failed;
mod follow;
mod history;
mod logs;
mod observe;
mod poller;
mod probe;
mod register;
mod remove;
mod rule;
mod run_task;
mod scaling;
mod schedule;
mod service;
mod targets;
mod verify;

use runner_core::{plan::Fault, report::Fact};
use serde_json::Value as Json;

pub use by_hand::{Ended, Seen, by_hand};
pub use evidence::{Container, Piece, folded};
pub use exec::{Session, execute, running_tasks};
pub use failed::{StoppedTask, last_stopped};
pub use follow::{Followed, Following, follow};
pub use history::{answer, history, last_deployments, revision, turn_back, was_healthy};
pub use logs::{Group, LogLine};
pub use observe::{describe_services, families, newest_revision, task_runs};
pub use poller::Poller;
pub use probe::{Probe, ProbeVia};
pub use register::register;
pub use remove::{cluster_services, delete_revisions, delete_rules, listener_rules, remove_service, revisions};
pub use rule::put_rules;
pub use run_task::run_task;
pub use scaling::{put_scaling, scaling_seen};
pub use schedule::{put_schedule, remove_schedule, schedules};
pub use service::{mark_service, put_service, scale_to_none};
pub use verify::{log_groups, target_group_facts};

/// Where facts go while something is done.
pub type Emit<'a> = &'a (dyn Fn(Fact) + Send + Sync);

/// Sends an operation with the API's own JSON and gives the answer's; a failure is a [`Fault`] of what was being done.
macro_rules! call {
    ($client:expr, $operation:ident, $body:expr, $doing:expr) => {{
        let raw = $crate::aws::Raw::new(&$body);
        match $client.$operation().customize().interceptor(raw.clone()).send().await {
            Ok(_) => Ok(raw.answer()),
            Err(error) => Err($crate::aws::fault($doing, &error)),
        }
    }};
}
use call;

/// The entries of a list that comes in pages.
macro_rules! pages {
    ($client:expr, $operation:ident, $body:expr, $doing:expr, $key:literal) => {{
        let mut body = $body;
        let mut all = Vec::new();
        loop {
            match $crate::deploy::call!($client, $operation, body, $doing) {
                Ok(answer) => {
                    all.extend($crate::deploy::list(&answer, $key).iter().cloned());
                    match answer["nextToken"].as_str() {
                        Some(token) => body["nextToken"] = token.into(),
                        None => break Ok(all),
                    }
                }
                Err(fault) => break Err(fault),
            }
        }
    }};
}
use pages;

/// The entries of a list in an answer; none where there is no such list.
fn list<'a>(json: &'a Json, key: &str) -> &'a [Json] {
    json[key].as_array().map(Vec::as_slice).unwrap_or_default()
}

/// A text in an answer; empty where there is none.
fn text<'a>(json: &'a Json, key: &str) -> &'a str {
    json[key].as_str().unwrap_or_default()
}

/// Whether a fault means this.
fn means(fault: &Fault, code: crate::aws::Code) -> bool {
    fault.code.as_deref().and_then(crate::aws::Code::of) == Some(code)
}
