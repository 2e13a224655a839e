//! Start, share, survive, stop.

use std::{
    net::TcpListener,
    os::unix::fs::MetadataExt,
    path::Path,
    time::{Duration, Instant},
};

use runner::sandbox::{ACCOUNT, VERSION, ensure_in, reset_in, start_private, status_in, stop_in};
use runner_core::plan::Exit;
use rustix::process::{Pid, Signal, kill_process};

use super::{post, settings, unsigned};

fn signal(pid: u32, signal: Signal) {
    kill_process(Pid::from_raw(pid.cast_signed()).unwrap(), signal).unwrap();
}

/// Makes the emulator of this directory a thing of the past even where the test fails.
struct Stopped<'a>(&'a Path);

impl Drop for Stopped<'_> {
    fn drop(&mut self) {
        let record = std::fs::read_to_string(self.0.join("state.json")).unwrap_or_default();
        let held = std::fs::File::open(self.0.join("alive.lock")).is_ok_and(|lock| lock.try_lock_shared().is_err());
        if let Ok(record) = serde_json::from_str::<serde_json::Value>(&record)
            && held
        {
            signal(u32::try_from(record["pid"].as_u64().unwrap()).unwrap(), Signal::KILL);
        }
    }
}

#[tokio::test]
async fn two_commands_share_one_and_it_is_gone_after_a_stop() {
    let dir = tempfile::tempdir().unwrap();
    let state = dir.path().join("state");
    let settings = settings(&state).with_account("444455556666");
    let _stopped = Stopped(&state);

    assert_eq!(status_in(&settings).await.unwrap(), None);
    assert!(!stop_in(&settings).await.unwrap());
    assert!(!state.exists(), "asking makes nothing");
    let fault = reset_in(&settings).await.unwrap_err();
    assert_eq!(fault.exit, Exit::Usage);

    let (one, other) = tokio::join!(ensure_in(&settings, &|_| {}), ensure_in(&settings, &|_| {}));
    let sandbox = one.unwrap();
    assert_eq!(sandbox, other.unwrap());
    assert_eq!(status_in(&settings).await.unwrap().as_ref(), Some(&sandbox));
    assert_eq!(sandbox.version, VERSION);
    assert_eq!(sandbox.endpoint, format!("http://127.0.0.1:{}", sandbox.port));
    assert!(!sandbox.engine && !sandbox.auth);
    assert_eq!(sandbox.account, "444455556666");

    let put = r#"{"Name":"/a","Value":"1","Type":"String"}"#;
    let get = r#"{"Name":"/a"}"#;
    let ask = |account: &str, action: &str, body: &str| {
        post(sandbox.port, &unsigned("ssm", account, &format!("AmazonSSM.{action}")), body)
    };
    assert!(ask(ACCOUNT, "PutParameter", put).starts_with("HTTP/1.1 200"));
    assert!(ask(ACCOUNT, "GetParameter", get).contains(ACCOUNT));
    assert!(ask("111122223333", "GetParameter", get).contains("ParameterNotFound"), "accounts are apart");
    // Without credentials, as the engine pulls.
    let form = "Content-Type: application/x-www-form-urlencoded\r\n";
    let caller = post(sandbox.port, form, "Action=GetCallerIdentity&Version=2011-06-15");
    assert!(caller.contains("<Account>444455556666</Account>"), "{caller}");
    reset_in(&settings).await.unwrap();
    assert!(ask(ACCOUNT, "GetParameter", get).contains("ParameterNotFound"));

    assert!(stop_in(&settings).await.unwrap());
    assert_eq!(status_in(&settings).await.unwrap(), None);
    assert!(!stop_in(&settings).await.unwrap());
    TcpListener::bind(("127.0.0.1", sandbox.port)).unwrap();
}

#[tokio::test]
async fn what_it_leaves_readable_sees_and_listens_on_is_its_own() {
    let dir = tempfile::tempdir().unwrap();
    let state = dir.path().join("state");
    let sandbox = start_private(&state, &settings(&state)).await.unwrap();
    for entry in std::fs::read_dir(&state).unwrap() {
        let entry = entry.unwrap();
        assert_eq!(entry.metadata().unwrap().mode() & 0o077, 0, "{:?}", entry.path());
    }
    assert_eq!(state.metadata().unwrap().mode() & 0o077, 0);

    if !cfg!(target_os = "linux") {
        return;
    }
    let environ = std::fs::read_to_string(format!("/proc/{}/environ", sandbox.pid)).unwrap();
    let mut names: Vec<_> = environ.split_terminator('\0').filter_map(|pair| Some(pair.split_once('=')?.0)).collect();
    names.sort_unstable();
    assert_eq!(
        names,
        [
            "BIND_HOST",
            "DOCKER_HOST",
            "GATEWAY_PORT",
            "HOME",
            "IOT_MTLS_ENABLED",
            "LANG",
            "MINISTACK_ACCOUNT_ID",
            "MINISTACK_EDITION",
            "MINISTACK_HOSTNAME",
            "MINISTACK_REGION",
            "PATH",
            "S3_DATA_DIR",
            "SFTP_ENABLED",
            "STATE_DIR",
            "TMPDIR",
        ]
    );

    // A session of its own, which neither Ctrl-C nor a closed terminal reaches.
    let stat = std::fs::read_to_string(format!("/proc/{}/stat", sandbox.pid)).unwrap();
    let session = stat.rsplit_once(')').unwrap().1.split_whitespace().nth(3).unwrap();
    assert_eq!(session, sandbox.pid.to_string());

    let sockets: Vec<_> = std::fs::read_dir(format!("/proc/{}/fd", sandbox.pid))
        .unwrap()
        .filter_map(|fd| Some(std::fs::read_link(fd.unwrap().path()).ok()?.to_string_lossy().into_owned()))
        .filter_map(|link| Some(link.strip_prefix("socket:[")?.trim_end_matches(']').to_owned()))
        .collect();
    let mut listening = Vec::new();
    for table in ["tcp", "tcp6"] {
        for line in std::fs::read_to_string(format!("/proc/net/{table}")).unwrap_or_default().lines().skip(1) {
            let columns: Vec<_> = line.split_whitespace().collect();
            // 0A is LISTEN; the tenth column is the socket's inode.
            if columns[3] == "0A" && sockets.iter().any(|inode| inode == columns[9]) {
                listening.push(columns[1].to_owned());
            }
        }
    }
    assert_eq!(listening, [format!("0100007F:{:04X}", sandbox.port)]);
}

#[tokio::test]
async fn after_a_kill_it_comes_back_at_the_same_address_unless_that_is_taken() {
    let dir = tempfile::tempdir().unwrap();
    let settings = settings(dir.path());
    let _stopped = Stopped(dir.path());
    let first = ensure_in(&settings, &|_| {}).await.unwrap();
    signal(first.pid, Signal::KILL);
    until_gone(dir.path()).await;
    assert_eq!(status_in(&settings).await.unwrap(), None);

    let second = ensure_in(&settings, &|_| {}).await.unwrap();
    assert_ne!(second.pid, first.pid);
    assert_eq!(second.port, first.port);

    signal(second.pid, Signal::KILL);
    until_gone(dir.path()).await;
    let taken = TcpListener::bind(("127.0.0.1", first.port)).unwrap();
    // Its number was given to another process meanwhile: to this one, which must live on.
    let record = dir.path().join("state.json");
    let written = std::fs::read_to_string(&record).unwrap();
    std::fs::write(&record, written.replace(&second.pid.to_string(), &std::process::id().to_string())).unwrap();
    assert!(!stop_in(&settings).await.unwrap());
    let third = ensure_in(&settings, &|_| {}).await.unwrap();
    assert_ne!(third.port, first.port);
    drop(taken);
    assert!(stop_in(&settings).await.unwrap());
}

#[tokio::test]
async fn one_that_hangs_and_one_of_another_version_are_replaced() {
    let dir = tempfile::tempdir().unwrap();
    let mut settings = settings(dir.path());
    let _stopped = Stopped(dir.path());
    let first = ensure_in(&settings, &|_| {}).await.unwrap();
    signal(first.pid, Signal::STOP);
    settings.patience = Duration::from_millis(300);
    let said = std::sync::Mutex::new(Vec::new());
    let note = |line: &str| said.lock().unwrap().push(line.to_owned());
    let second = ensure_in(&settings, &note).await.unwrap();
    assert_ne!(second.pid, first.pid);
    assert!(said.lock().unwrap()[0].contains("does not answer"), "{said:?}");

    settings.patience = Duration::from_secs(10);
    let record = dir.path().join("state.json");
    let written = std::fs::read_to_string(&record).unwrap();
    std::fs::write(&record, written.replace(&format!("\"{VERSION}-"), "\"1.0.0-")).unwrap();
    said.lock().unwrap().clear();
    let third = ensure_in(&settings, &note).await.unwrap();
    assert_ne!(third.pid, second.pid);
    assert!(said.lock().unwrap()[0].contains("another version"), "{said:?}");

    settings.auth = true;
    let fault = ensure_in(&settings, &|_| {}).await.unwrap_err();
    assert!(fault.hint.unwrap().contains("sandbox stop"));
}

#[tokio::test]
async fn a_private_one_checks_signatures_when_told_and_ends_with_its_owner() {
    let dir = tempfile::tempdir().unwrap();
    let settings = settings(dir.path()).with_auth();
    let sandbox = start_private(dir.path(), &settings).await.unwrap();
    assert!(sandbox.auth);
    let caller = post(sandbox.port, "Content-Type: application/x-www-form-urlencoded\r\n", "Action=GetCallerIdentity");
    assert!(caller.starts_with("HTTP/1.1 403"), "{caller}");
    let ask = |key: &str| post(sandbox.port, &unsigned("ssm", key, "AmazonSSM.DescribeParameters"), "{}");
    // An account's number is its root, whatever the signature.
    assert!(ask(ACCOUNT).starts_with("HTTP/1.1 200"));
    let answer = ask("AKIAIOSFODNN7EXAMPLE");
    assert!(answer.starts_with("HTTP/1.1 4") && answer.contains("InvalidSignatureException"), "{answer}");
    drop(sandbox);
    until_gone(dir.path()).await;
}

#[tokio::test]
async fn anothers_emulator_on_the_recorded_port_is_not_taken_for_ours() {
    let (dir, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let settings = settings(dir.path());
    let ours = start_private(dir.path(), &settings).await.unwrap();
    let theirs = start_private(other.path(), &settings).await.unwrap();
    assert!(status_in(&settings).await.unwrap().is_some());
    let record = dir.path().join("state.json");
    let written = std::fs::read_to_string(&record).unwrap();
    std::fs::write(&record, written.replace(&ours.port.to_string(), &theirs.port.to_string())).unwrap();
    assert_eq!(status_in(&settings).await.unwrap(), None);
}

/// Waits until no process holds the record.
async fn until_gone(state_dir: &Path) {
    let lock = std::fs::File::open(state_dir.join("alive.lock")).unwrap();
    let deadline = Instant::now() + Duration::from_secs(10);
    while lock.try_lock_shared().is_err() {
        assert!(Instant::now() < deadline, "the emulator still runs");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}
