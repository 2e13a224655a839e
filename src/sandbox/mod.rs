//! The local AWS behind `--sandbox`: the MiniStack emulator, installed, started and looked after by the runner.
//!
//! One emulator an account serves all commands of a user until it is stopped. It listens on 127.0.0.1 only, is installed from
//! pinned hashes, gets nothing of the user's environment, and keeps everything in memory: stopping it forgets it all.
//!
//! - [`Settings`]: where it lives, what children may see
//! - `python`, `install`: a virtual environment in the cache, made once
//! - `emulator`, `state`: the process and the record it keeps of itself
//! - `engine`: the Docker engine its tasks run on, and the containers it leaves there
//! - `files`, `http`: private files and locks; one HTTP exchange

// A fault ends a run and is never on a hot path: its size does not matter.
#![allow(clippy::result_large_err)]

mod emulator;
mod engine;
mod files;
mod http;
mod install;
mod python;
mod settings;
mod state;

use std::{
    ops::Deref,
    os::fd::OwnedFd,
    path::{Path, PathBuf},
    time::Duration,
};

pub use engine::engine_answers;
use runner_core::plan::{Exit, Fault};
pub use settings::Settings;

use self::state::{Places, Record};

/// The emulator's version.
pub const VERSION: &str = "1.5.33";

/// The account that is used where the workflow file names none. An access key id of twelve digits is the account to
/// the emulator, so each environment has its own.
pub const ACCOUNT: &str = "000000000000";

/// The secret that goes with such an access key id. It is worth nothing anywhere: the emulator takes an account's
/// number for its root and never checks that signature, not even with [`Settings::auth`].
pub const SECRET_ACCESS_KEY: &str = "sandbox";

/// The region of the emulator's own making; requests name theirs.
pub const REGION: &str = "us-east-1";

/// An address at which no engine listens.
const NO_ENGINE: &str = "unix:///nonexistent/docker.sock";

/// How long one look at a running emulator may take before it counts as silent.
const GLANCE: Duration = Duration::from_secs(2);

/// A running local AWS.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sandbox {
    /// `http://127.0.0.1:PORT`, for every service.
    pub endpoint: String,
    /// Its port on 127.0.0.1.
    pub port: u16,
    /// Its process.
    pub pid: u32,
    /// The emulator's version.
    pub version: String,
    /// When it was started; RFC 3339, UTC.
    pub started: String,
    /// The account of requests that name none: Docker's pulls from the emulated registry. One that already ran keeps
    /// the account it was started with.
    pub account: String,
    /// Whether it checks signatures and policies.
    pub auth: bool,
    /// Whether its Docker engine answers now, so that tasks are containers and load balancers have targets.
    pub engine: bool,
    /// What it prints.
    pub log: PathBuf,
}

/// A local AWS of one process's own. It ends when this is dropped and, since it watches for that, also when the
/// process is killed.
#[derive(Debug)]
pub struct Private {
    sandbox: Sandbox,
    _tie: Option<OwnedFd>,
}

impl Deref for Private {
    type Target = Sandbox;

    fn deref(&self) -> &Sandbox {
        &self.sandbox
    }
}

/// The user's local AWS of this account: installed, started where it does not run, and answering. `progress` gets a
/// line for each thing that takes time.
///
/// Each account is an emulator of its own: an engine's pulls name no account, and see only that of the emulator they
/// reach.
pub async fn ensure(account: &str, progress: &(dyn Fn(&str) + Sync)) -> Result<Sandbox, Fault> {
    ensure_in(&Settings::from_process()?.of_account(account), progress).await
}

/// The user's local AWSs that run.
pub async fn status() -> Result<Vec<Sandbox>, Fault> {
    let mut running = Vec::new();
    for settings in Settings::from_process()?.accounts() {
        running.extend(status_in(&settings).await?);
    }
    Ok(running)
}

/// Stops the user's local AWSs with the containers of their tasks; how many ran.
pub async fn stop() -> Result<usize, Fault> {
    let mut stopped = 0;
    for settings in Settings::from_process()?.accounts() {
        stopped += usize::from(stop_in(&settings).await?);
    }
    Ok(stopped)
}

/// Makes the user's local AWSs forget everything in them; a fault where none runs.
pub async fn reset() -> Result<(), Fault> {
    let running = status().await?;
    if running.is_empty() {
        return Err(not_running());
    }
    for settings in Settings::from_process()?.accounts() {
        if running.iter().any(|sandbox| sandbox.account == settings.account) {
            reset_in(&settings).await?;
        }
    }
    Ok(())
}

fn not_running() -> Fault {
    Fault::new("resetting the local AWS", "it is not running")
        .with_hint("Any command with --sandbox starts it, empty.")
        .with_exit(Exit::Usage)
}

/// [`ensure`], elsewhere.
pub async fn ensure_in(settings: &Settings, progress: &(dyn Fn(&str) + Sync)) -> Result<Sandbox, Fault> {
    obtain(settings, progress, false).await.map(|private| private.sandbox)
}

/// A local AWS of this process's own in a directory of its own, sharing the installation of `settings`. One that
/// already runs in that directory is ended.
pub async fn start_private(dir: &Path, settings: &Settings) -> Result<Private, Fault> {
    obtain(&settings.clone().with_state_dir(dir), &|_| {}, true).await
}

/// [`status`] of one, elsewhere. It waits for nobody and makes nothing.
pub async fn status_in(settings: &Settings) -> Result<Option<Sandbox>, Fault> {
    let places = Places::of(&settings.state_dir);
    match places.running().await? {
        Some(record) if emulator::answers(&record, GLANCE).await => Ok(Some(sandbox(&places, &record).await)),
        _ => Ok(None),
    }
}

/// [`stop`] of one, elsewhere.
pub async fn stop_in(settings: &Settings) -> Result<bool, Fault> {
    if !settings.state_dir.is_dir() {
        return Ok(false);
    }
    let places = Places::of(&settings.state_dir);
    let _held = files::lock(&places.command_lock, || {}).await?;
    let last = places.last();
    let running = places.running().await?;
    if let Some(record) = &running {
        state::end(&places, record, settings.patience).await?;
    }
    // Also after one that was killed: its containers are still there.
    if let Some(record) = &last {
        engine::sweep(&record.docker_host, &record.instance).await;
    }
    Ok(running.is_some())
}

/// [`reset`] of one, elsewhere.
pub async fn reset_in(settings: &Settings) -> Result<(), Fault> {
    let places = Places::of(&settings.state_dir);
    let Some(record) = places.running().await? else {
        return Err(not_running());
    };
    emulator::reset(record.port, places.log).await
}

async fn obtain(settings: &Settings, progress: &(dyn Fn(&str) + Sync), tied: bool) -> Result<Private, Fault> {
    // The cache first: the state's directory is below it, and its parents must be private too.
    files::private_dir(&settings.cache_dir)?;
    files::private_dir(&settings.state_dir)?;
    let places = Places::of(&settings.state_dir);
    let wait = || progress("waiting for another command that starts the local AWS");
    let _held = files::lock(&places.command_lock, wait).await?;

    let last = places.last();
    if let Some(record) = places.running().await? {
        let ours = record.build == install::build_id();
        if ours && !tied && emulator::answers(&record, settings.patience).await {
            if record.auth != settings.auth {
                return Err(Fault::new("using the local AWS", "the one that runs was started with other rules (AUTH)")
                    .with_hint("Stop it first: runner sandbox stop"));
            }
            return Ok(Private { sandbox: sandbox(&places, &record).await, _tie: None });
        }
        progress(if ours {
            "the local AWS does not answer: starting it anew, empty"
        } else {
            "the local AWS is of another version: starting it anew, empty"
        });
        state::end(&places, &record, settings.patience).await?;
    }

    let python = install::ensure(settings, progress).await?;
    let answering = engine::first_that_answers(&settings.docker_hosts).await;
    // An engine that is started later is found then, where there is one place to look.
    let docker_host = answering.or(settings.docker_hosts.first()).map_or(NO_ENGINE, String::as_str);
    engine::sweep(docker_host, &places.instance()?).await;
    progress("starting the local AWS");
    let ports = emulator::ports(last.map(|record| record.port));
    let started = emulator::start(settings, &places, &python, docker_host, tied, ports).await?;
    Ok(Private { sandbox: sandbox(&places, &started.record).await, _tie: started.tie })
}

async fn sandbox(places: &Places, record: &Record) -> Sandbox {
    Sandbox {
        endpoint: format!("http://127.0.0.1:{}", record.port),
        port: record.port,
        pid: record.pid.unsigned_abs(),
        version: record.version.clone(),
        started: record.started.clone(),
        account: record.account.clone(),
        auth: record.auth,
        engine: engine_answers(&record.docker_host).await,
        log: places.log.clone(),
    }
}
