//! The local AWS that the tests talk to, started once for the test binary.
//!
//! TO BE CONNECTED: the body of [`start`] becomes `runner::sandbox`'s.

use std::{
    net::{TcpListener, TcpStream},
    process::{Child, Command, Stdio},
    sync::OnceLock,
    thread,
    time::{Duration, Instant},
};

/// The emulator's address.
pub fn emulator() -> String {
    static RUNNING: OnceLock<(String, Child)> = OnceLock::new();
    RUNNING.get_or_init(start).0.clone()
}

fn start() -> (String, Child) {
    let program = std::env::var("MINISTACK").unwrap_or_else(|_| "/work/tools/ms/bin/ministack".to_owned());
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    // Its input ends with this process, and it with its input: nothing is left behind, however the tests end.
    let child = Command::new("sh")
        .args(["-c", "\"$0\" >/dev/null 2>&1 & cat >/dev/null; kill -9 $!", &program])
        .env("GATEWAY_PORT", port.to_string())
        .env("BIND_HOST", "127.0.0.1")
        .env("IOT_MTLS_ENABLED", "0")
        .env("SFTP_ENABLED", "0")
        .env("MINISTACK_REGION", "us-east-1")
        .stdin(Stdio::piped())
        .spawn()
        .unwrap();
    let deadline = Instant::now() + Duration::from_secs(60);
    while TcpStream::connect(("127.0.0.1", port)).is_err() {
        assert!(Instant::now() < deadline, "the emulator does not answer");
        thread::sleep(Duration::from_millis(50));
    }
    (format!("http://127.0.0.1:{port}"), child)
}
