//! The local AWS, with real processes: its life, its installation, its containers.

mod containers;
mod install;
mod life;

use std::{
    io::{Read, Write},
    net::TcpStream,
    path::Path,
    time::Duration,
};

use runner::sandbox::Settings;

/// A sandbox in this directory, with the installation that all tests share and without an engine.
pub fn settings(state_dir: &Path) -> Settings {
    let mut settings = Settings::from_process().unwrap().with_state_dir(state_dir);
    settings.cache_dir = Path::new(env!("CARGO_TARGET_TMPDIR")).join("sandbox");
    settings.docker_hosts = Vec::new();
    settings.patience = Duration::from_secs(10);
    settings
}

/// One request to the emulator in its own words; status line and all that follows.
pub fn post(port: u16, headers: &str, body: &str) -> String {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    let length = body.len();
    write!(
        stream,
        "POST / HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nConnection: close\r\nContent-Length: {length}\r\n{headers}\r\n{body}"
    )
    .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

/// The headers of a request to a service in an account's name, with a signature that is none.
pub fn unsigned(service: &str, account: &str, target: &str) -> String {
    format!(
        "Authorization: AWS4-HMAC-SHA256 Credential={account}/20260101/us-east-1/{service}/aws4_request, \
         SignedHeaders=host, Signature=00\r\nX-Amz-Date: 20260101T000000Z\r\n\
         Content-Type: application/x-amz-json-1.1\r\nX-Amz-Target: {target}\r\n"
    )
}
