//! What is written down about a running emulator, and when it may be believed.
//!
//! The emulator's process writes its record itself, under a lock that it holds until it dies (see `bootstrap.py`).
//! So a record is believed exactly while that lock is held: a process number that another process has got since, a
//! record cut short, one left over from a crash are all the same as none.

use std::{
    collections::hash_map::RandomState,
    hash::BuildHasher,
    io::Write,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use runner_core::plan::Fault;
use rustix::process::{Pid, Signal, kill_process};
use serde::{Deserialize, Serialize};

use super::files::{is_held, private_file, unusable};

/// A process that has taken the lock writes its record in the same breath.
const WRITING: Duration = Duration::from_secs(2);
/// How often a lock or a record that is about to change is looked at.
const RETRY: Duration = Duration::from_millis(10);

/// The files of one sandbox.
#[derive(Debug, Clone)]
pub(super) struct Places {
    /// Held while a command starts, stops or looks after the emulator.
    pub(super) command_lock: PathBuf,
    /// Held by the emulator's process as long as it lives.
    pub(super) alive_lock: PathBuf,
    /// The record, as JSON.
    pub(super) record: PathBuf,
    /// What the emulator prints; of its last start only.
    pub(super) log: PathBuf,
    /// The name under which the emulator's containers are labelled.
    instance: PathBuf,
    /// The emulator's HOME, TMPDIR and data: emptied at each start.
    pub(super) scratch: PathBuf,
}

impl Places {
    pub(super) fn of(state_dir: &Path) -> Self {
        Self {
            command_lock: state_dir.join("command.lock"),
            alive_lock: state_dir.join("alive.lock"),
            record: state_dir.join("state.json"),
            log: state_dir.join("emulator.log"),
            instance: state_dir.join("instance"),
            scratch: state_dir.join("scratch"),
        }
    }

    /// The record of the last start, whether or not it still runs.
    pub(super) fn last(&self) -> Option<Record> {
        serde_json::from_slice(&std::fs::read(&self.record).ok()?).ok()
    }

    /// The record of the emulator that runs now, if one does.
    pub(super) async fn running(&self) -> Result<Option<Record>, Fault> {
        let deadline = Instant::now() + WRITING;
        while is_held(&self.alive_lock)? {
            if let Some(record) = self.last() {
                return Ok(Some(record));
            }
            if Instant::now() > deadline {
                let problem = "a process holds its lock, but its record is not there or not whole";
                let hint = format!("End the process that holds {}, then try again.", self.alive_lock.display());
                return Err(Fault::new("looking for the local AWS", problem).with_hint(hint));
            }
            tokio::time::sleep(RETRY).await;
        }
        Ok(None)
    }

    /// Forgets the record of one that no longer runs, so that the next holder of the lock cannot be taken for it.
    pub(super) fn forget(&self) -> Result<(), Fault> {
        match std::fs::remove_file(&self.record) {
            Err(e) if e.kind() != std::io::ErrorKind::NotFound => Err(unusable("removing", &self.record, &e)),
            _ => Ok(()),
        }
    }

    /// The name under which this sandbox's containers are known, the same over restarts, so that what a killed
    /// emulator left behind is found again.
    pub(super) fn instance(&self) -> Result<String, Fault> {
        if let Ok(name) = std::fs::read_to_string(&self.instance)
            && is_instance(&name)
        {
            return Ok(name);
        }
        // Unguessable is not asked for, only that no other sandbox on the same engine has it.
        let name = format!("runner-{:016x}", RandomState::new().hash_one(std::process::id()));
        private_file(&self.instance, true)?
            .write_all(name.as_bytes())
            .map_err(|e| unusable("writing", &self.instance, &e))?;
        Ok(name)
    }
}

fn is_instance(name: &str) -> bool {
    name.strip_prefix("runner-").is_some_and(|id| id.len() == 16 && id.bytes().all(|b| b.is_ascii_hexdigit()))
}

/// An emulator that was started.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Record {
    /// Its process; written by that process itself.
    #[serde(default)]
    pub(super) pid: i32,
    /// Its port on 127.0.0.1.
    pub(super) port: u16,
    /// The emulator's version.
    pub(super) version: String,
    /// The name it was given, which its health path repeats and its containers carry.
    pub(super) instance: String,
    /// Which installation it runs from.
    pub(super) build: String,
    /// When it was started, RFC 3339, UTC.
    pub(super) started: String,
    /// The account of requests that name none.
    pub(super) account: String,
    /// Whether it checks signatures and policies.
    pub(super) auth: bool,
    /// The engine it was given.
    pub(super) docker_host: String,
    /// Whether it ends with the process that started it.
    pub(super) tied: bool,
}

/// Ends the process that holds the lock, politely and after `patience` by force. The record must be that process's.
pub(super) async fn end(places: &Places, record: &Record, patience: Duration) -> Result<(), Fault> {
    for signal in [Signal::TERM, Signal::KILL] {
        if let Some(pid) = Pid::from_raw(record.pid).filter(|pid| pid.as_raw_pid() > 1) {
            // A process that is already gone is what we want.
            let _ = kill_process(pid, signal);
        }
        let deadline = Instant::now() + patience;
        while Instant::now() < deadline {
            if !is_held(&places.alive_lock)? {
                return Ok(());
            }
            tokio::time::sleep(RETRY).await;
        }
    }
    Err(Fault::new("stopping the local AWS", format!("process {} does not end", record.pid))
        .with_hint(format!("End it yourself: kill -9 {}", record.pid)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(pid: i32) -> Record {
        Record {
            pid,
            port: 4566,
            version: "1".into(),
            instance: "runner-0000000000000000".into(),
            build: "b".into(),
            started: "2026-11-24T20:00:00Z".into(),
            account: "000000000000".into(),
            auth: false,
            docker_host: "unix:///var/run/docker.sock".into(),
            tied: false,
        }
    }

    #[tokio::test]
    async fn a_record_is_believed_only_while_its_process_holds_the_lock() {
        let dir = tempfile::tempdir().unwrap();
        let places = Places::of(dir.path());
        assert_eq!(places.running().await.unwrap(), None);
        // A record whose process number now belongs to somebody else: to this test.
        let own = record(std::process::id().cast_signed());
        std::fs::write(&places.record, serde_json::to_vec(&own).unwrap()).unwrap();
        assert_eq!(places.running().await.unwrap(), None);
        assert_eq!(places.last(), Some(own.clone()));

        let held = private_file(&places.alive_lock, false).unwrap();
        held.lock().unwrap();
        assert_eq!(places.running().await.unwrap(), Some(own.clone()));
        std::fs::write(&places.record, "{\"pid\":").unwrap();
        assert!(places.running().await.unwrap_err().hint.unwrap().contains("alive.lock"));
        // One that is just being written is waited for.
        let (found, ()) = tokio::join!(places.running(), async {
            std::fs::write(&places.record, serde_json::to_vec(&own).unwrap()).unwrap();
        });
        assert_eq!(found.unwrap(), Some(own));
        places.forget().unwrap();
        places.forget().unwrap();
        assert_eq!(places.last(), None);
    }

    #[test]
    fn the_instance_stays_and_a_damaged_one_is_renewed() {
        let dir = tempfile::tempdir().unwrap();
        let places = Places::of(dir.path());
        let name = places.instance().unwrap();
        assert_eq!(places.instance().unwrap(), name);
        std::fs::write(dir.path().join("instance"), "runner-").unwrap();
        assert!(is_instance(&places.instance().unwrap()));
        assert_ne!(places.instance().unwrap(), name);
    }
}
