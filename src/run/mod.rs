//! The driver: reads the `World`, plans, executes the DAG, keeps the journal.

use std::{collections::BTreeSet, path::PathBuf, time::Duration};

use runner_core::{
    plan::{Fault, Plan},
    report::Event,
    workflow::Environment,
};
use tokio::sync::mpsc::UnboundedSender;
use tokio_util::sync::CancellationToken;

/// Which AWS a command speaks to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Endpoint {
    /// The user's AWS (or whatever `AWS_ENDPOINT_URL` says), with the user's credentials.
    Aws,
    /// The local AWS at this address; no credential or profile of the user is read.
    Sandbox {
        /// `http://127.0.0.1:PORT`.
        url: String,
        /// A Docker engine answers: tasks really run.
        engine: bool,
        /// `--build`: builds are real.
        build: bool,
    },
}

/// What a plan or run is asked for, beside the environment.
#[derive(Debug, Clone)]
pub struct Options {
    /// Which AWS.
    pub endpoint: Endpoint,
    /// The folder that paths in the file are relative to.
    pub root: PathBuf,
    /// Services to keep to; empty: all.
    pub services: BTreeSet<String>,
    /// One stage alone (`runner stage NAME`).
    pub stage: Option<String>,
    /// `--from STAGE`: earlier stages are taken as they are.
    pub from: Option<String>,
    /// `--allow-replace ID`.
    pub allow_replace: BTreeSet<String>,
    /// `--expect PLAN`.
    pub expect: Option<String>,
    /// `--rebuild`.
    pub rebuild: bool,
    /// `--images JSON`: digests by service.
    pub images: std::collections::BTreeMap<String, String>,
    /// `--timeout`.
    pub timeout: Duration,
}

/// How a run ended, beside what its events say.
#[derive(Debug)]
pub struct Ended {
    /// The plan it began with; none where it failed before.
    pub plan: Option<Plan>,
    /// Why it ended before or beside its nodes (credentials, the wrong account, `--expect`).
    pub fault: Option<Fault>,
    /// Ctrl-C.
    pub cancelled: bool,
    /// `--timeout` was reached.
    pub timed_out: bool,
    /// Calls made to AWS and registries.
    pub calls: u64,
}

/// Plans; never writes.
pub async fn plan(_env: &Environment, _options: &Options) -> Result<Plan, Fault> {
    Err(Fault::new("planning", "the driver is not connected"))
}

/// Plans, then executes; every fact goes to `events`. Ends early when `cancel` is cancelled: it stops watching, not AWS.
pub async fn run(
    _env: &Environment,
    _options: &Options,
    _events: UnboundedSender<Event>,
    _cancel: CancellationToken,
) -> Ended {
    Ended { plan: None, fault: None, cancelled: false, timed_out: false, calls: 0 }
}
