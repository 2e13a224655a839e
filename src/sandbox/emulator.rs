//! The emulator's process: its environment, its start, its own paths.

use std::{
    net::{Ipv4Addr, TcpListener},
    os::fd::OwnedFd,
    path::{Path, PathBuf},
    process::Stdio,
    time::{Duration, Instant},
};

use hyper::Method;
use runner_core::{plan::Fault, text::Foreign};
use serde::Deserialize;
use tokio::process::Command;

use super::{
    REGION, VERSION,
    files::{private_dir, private_file, unusable},
    http::{Door, ask},
    install::{build_id, tail},
    python::ISOLATED,
    settings::Settings,
    state::{Places, Record},
};

const BOOTSTRAP: &str = include_str!("bootstrap.py");
/// It takes half a second, and at most 10 more where a Docker engine is slow.
const START_PATIENCE: Duration = Duration::from_secs(60);
/// How long one look at the health path may take while it starts.
const GLANCE: Duration = Duration::from_millis(500);
/// How often it is looked at: the process tells nobody when it listens.
const RETRY: Duration = Duration::from_millis(15);
/// A reset stops containers, which takes some seconds.
const RESET_PATIENCE: Duration = Duration::from_secs(60);
/// Another program may take a port between our look and the emulator's.
const PORTS_TO_TRY: usize = 3;

/// A started emulator.
pub(super) struct Started {
    pub(super) record: Record,
    /// For a tied one: it ends when this is closed.
    pub(super) tie: Option<OwnedFd>,
}

/// The ports to try, in order: the one of the last time, so that an endpoint somebody has noted down stays, then
/// free ones.
pub(super) fn ports(last: Option<u16>) -> impl Iterator<Item = u16> {
    let bind = |port: u16| TcpListener::bind((Ipv4Addr::LOCALHOST, port)).and_then(|l| l.local_addr()).ok();
    let last = last.filter(move |port| bind(*port).is_some());
    last.into_iter().chain(std::iter::repeat_with(move || bind(0)).flatten().map(|address| address.port()))
}

/// Starts the emulator on the first of these ports that it gets, and waits until it answers.
pub(super) async fn start(
    settings: &Settings,
    places: &Places,
    python: &Path,
    docker_host: &str,
    tied: bool,
    ports: impl Iterator<Item = u16>,
) -> Result<Started, Fault> {
    let mut last = Fault::new("starting the local AWS", "there is no free port on 127.0.0.1")
        .with_hint("End what listens there, then try again.");
    for port in ports.take(PORTS_TO_TRY) {
        let record = Record {
            pid: 0,
            port,
            version: VERSION.to_owned(),
            instance: places.instance()?,
            build: build_id(),
            started: jiff::Timestamp::now().to_string(),
            account: settings.account.clone(),
            auth: settings.auth,
            docker_host: docker_host.to_owned(),
            tied,
        };
        match start_once(places, python, record).await? {
            Ok(started) => return Ok(started),
            Err(fault) => {
                let taken = fault.message.raw().contains("in use");
                last = fault;
                if !taken {
                    break;
                }
            }
        }
    }
    Err(last)
}

/// The outer fault is of our own files, the inner one of the emulator.
async fn start_once(places: &Places, python: &Path, mut record: Record) -> Result<Result<Started, Fault>, Fault> {
    match std::fs::remove_dir_all(&places.scratch) {
        Err(e) if e.kind() != std::io::ErrorKind::NotFound => return Err(unusable("emptying", &places.scratch, &e)),
        _ => {}
    }
    private_dir(&places.scratch)?;
    places.forget()?;
    let log = private_file(&places.log, true)?;
    let log_too = log.try_clone().map_err(|e| unusable("opening", &places.log, &e))?;
    let facts = serde_json::to_string(&record).map_err(|e| Fault::new("starting the local AWS", e.to_string()))?;

    let mut child = Command::new(python)
        .args([ISOLATED, "-X", "utf8", "-c", BOOTSTRAP])
        .args([&places.alive_lock, &places.record])
        .arg(facts)
        .env_clear()
        .envs(environment(places, python, &record)?)
        .current_dir(&places.scratch)
        .stdin(if record.tied { Stdio::piped() } else { Stdio::null() })
        .stdout(log)
        .stderr(log_too)
        .spawn()
        .map_err(|e| unusable("running", python, &e))?;

    let pid = child.id().map(u32::cast_signed).unwrap_or_default();
    let deadline = Instant::now() + START_PATIENCE;
    let problem = loop {
        if let Ok(Some(status)) = child.try_wait() {
            break format!("it ended at once ({status})");
        }
        if answers(&record, GLANCE).await && places.last().is_some_and(|last| last.pid == pid) {
            let tie = match child.stdin.take().map(tokio::process::ChildStdin::into_owned_fd).transpose() {
                Ok(tie) => tie,
                Err(e) => break e.to_string(),
            };
            record.pid = pid;
            return Ok(Ok(Started { record, tie }));
        }
        if Instant::now() > deadline {
            break format!("it did not answer within {} s", START_PATIENCE.as_secs());
        }
        tokio::time::sleep(RETRY).await;
    };
    let _ = child.kill().await;
    let said = tail(&std::fs::read_to_string(&places.log).unwrap_or_default(), 6);
    Ok(Err(Fault::new("starting the local AWS", Foreign::new(format!("{problem}\n{said}")))
        .with_hint(format!("Its log is {}.", places.log.display()))))
}

/// All that the emulator sees: nothing of the user's environment, and no address but its own and the engine's.
fn environment(places: &Places, python: &Path, record: &Record) -> Result<Vec<(&'static str, String)>, Fault> {
    let scratch = |name: &str| places.scratch.join(name).display().to_string();
    for name in ["home", "tmp"] {
        private_dir(&places.scratch.join(name))?;
    }
    let bin = python.parent().unwrap_or(Path::new("/usr/bin")).display().to_string();
    let mut environment = vec![
        ("PATH", format!("{bin}:/usr/bin:/bin")),
        // Its home is not the user's: it looks for ~/.aws and ~/.docker.
        ("HOME", scratch("home")),
        ("TMPDIR", scratch("tmp")),
        ("STATE_DIR", scratch("state")),
        ("S3_DATA_DIR", scratch("s3")),
        ("LANG", "C.UTF-8".to_owned()),
        ("BIND_HOST", "127.0.0.1".to_owned()),
        ("GATEWAY_PORT", record.port.to_string()),
        // These two would listen on all addresses.
        ("IOT_MTLS_ENABLED", "0".to_owned()),
        ("SFTP_ENABLED", "0".to_owned()),
        ("MINISTACK_REGION", REGION.to_owned()),
        ("MINISTACK_ACCOUNT_ID", record.account.clone()),
        // Half of the label on its containers; the port is the other half.
        ("MINISTACK_HOSTNAME", record.instance.clone()),
        // Free text that the health path repeats: by it we know our own from any other on the same port.
        ("MINISTACK_EDITION", record.instance.clone()),
        ("DOCKER_HOST", record.docker_host.clone()),
    ];
    if record.auth {
        environment.push(("AUTH", "true".to_owned()));
    }
    Ok(environment)
}

/// Whether the emulator of this record answers on its port, and not another server.
pub(super) async fn answers(record: &Record, within: Duration) -> bool {
    #[derive(Deserialize)]
    struct Health {
        version: String,
        edition: String,
    }
    let door = Door::Tcp(format!("127.0.0.1:{}", record.port));
    let Ok((200, body)) = ask(&door, Method::GET, "/_ministack/health", within).await else { return false };
    serde_json::from_slice::<Health>(&body)
        .is_ok_and(|health| health.version == record.version && health.edition == record.instance)
}

/// Forgets every resource of every account.
pub(super) async fn reset(port: u16, log: PathBuf) -> Result<(), Fault> {
    let door = Door::Tcp(format!("127.0.0.1:{port}"));
    let problem = match ask(&door, Method::POST, "/_ministack/reset", RESET_PATIENCE).await {
        Ok((200, _)) => return Ok(()),
        Ok((status, body)) => format!("it answered {status}: {}", String::from_utf8_lossy(&body)),
        Err(problem) => problem,
    };
    Err(Fault::new("resetting the local AWS", problem)
        .with_hint(format!("`runner sandbox stop` forgets everything too. Its log is {}.", log.display())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_port_lost_to_another_is_not_the_end_but_anything_else_is() {
        let dir = tempfile::tempdir().unwrap();
        let places = Places::of(dir.path());
        let python = dir.path().join("python3");
        let settings = Settings::from_process().unwrap().with_state_dir(dir.path());
        let tried = dir.path().join("tried");
        for (said, attempts) in [("ERROR: 127.0.0.1:1 is already in use.", 3), ("Traceback", 1)] {
            let script = format!("#!/bin/sh\necho $GATEWAY_PORT >> {}\necho '{said}'\nexit 1\n", tried.display());
            let draft = dir.path().join("draft");
            std::fs::write(&draft, script).unwrap();
            // By another process, so that no child of another test holds our writing end: "text file busy".
            let installed = std::process::Command::new("install").args(["-m", "755"]).args([&draft, &python]).status();
            assert!(installed.unwrap().success());
            let started = start(&settings, &places, &python, "unix:///none", false, ports(None)).await;
            let fault = started.err().unwrap();
            assert!(fault.message.raw().contains(said), "{fault}");
            let ports = std::fs::read_to_string(&tried).unwrap();
            let ports: std::collections::HashSet<_> = ports.lines().collect();
            assert_eq!(ports.len(), attempts);
            std::fs::remove_file(&tried).unwrap();
        }
    }

    #[test]
    fn the_last_port_comes_first_unless_it_is_taken() {
        let taken = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let port = taken.local_addr().unwrap().port();
        assert!(ports(Some(port)).take(5).all(|other| other != port && other != 0));
        drop(taken);
        assert_eq!(ports(Some(port)).next(), Some(port));
    }
}
