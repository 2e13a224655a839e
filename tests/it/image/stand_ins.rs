//! The stand-in: run as a process, and as a container where an engine answers.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use runner::image::{Compression, Destination, Registry, StandIn, push, stand_in};

use super::real::Distribution;
use super::scripted::Scripted;
use super::{push_to, registry};

/// Pushes a stand-in and takes it apart again: the program, and the environment it is started with.
async fn taken_apart(of: &StandIn<'_>, dir: &std::path::Path) -> (PathBuf, Vec<(String, String)>) {
    let server = Scripted::start().await;
    push_to(&registry(&server.url()), &stand_in(of).unwrap(), "v1", None).await.unwrap();
    let read = |digest: &serde_json::Value| server.blob("app/api", digest.as_str().unwrap()).unwrap();
    let manifest: serde_json::Value = serde_json::from_slice(&server.manifest("app/api", "v1").unwrap().1).unwrap();
    let config: serde_json::Value = serde_json::from_slice(&read(&manifest["config"]["digest"])).unwrap();
    assert_eq!(config["config"]["Entrypoint"], serde_json::json!(["/stand-in"]));
    let layer = read(&manifest["layers"][0]["digest"]);
    tar::Archive::new(flate2::read::GzDecoder::new(&layer[..])).unpack(dir).unwrap();
    let program = dir.join("stand-in");
    assert_eq!(program.metadata().unwrap().permissions().mode() & 0o777, 0o755);
    let variables = config["config"]["Env"].as_array().unwrap().iter();
    let pair = |v: &serde_json::Value| v.as_str().unwrap().split_once('=').map(|(a, b)| (a.into(), b.into())).unwrap();
    (program, variables.map(pair).collect())
}

/// Starts it, and returns when it has said its first line.
fn started(program: &PathBuf, environment: &[(String, String)], arguments: &[&str]) -> (Child, String) {
    let mut command = Command::new(program);
    command.args(arguments).env_clear().envs(environment.iter().cloned()).stdout(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
    (child, line)
}

fn terminate(mut child: Child) -> Option<i32> {
    assert!(Command::new("kill").arg(child.id().to_string()).status().unwrap().success());
    child.wait().unwrap().code()
}

fn get(port: u16, path: &str) -> String {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
    write!(stream, "GET {path} HTTP/1.1\r\nHost: x\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

#[tokio::test(flavor = "multi_thread")]
async fn it_serves_waits_prints_and_ends() {
    let dir = tempfile::tempdir().unwrap();
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let services: &[&[&str]] = &[&["bin/jobs", "--all"], &["bin/web"]];
    let of = StandIn { port: Some(port), health_path: "/health?deep=1", services };
    let (program, environment) = taken_apart(&of, dir.path()).await;

    let (child, said) = started(&program, &environment, &["bin/web"]);
    assert_eq!(said, "stand-in: listening\n");
    let answer = get(port, "/health?deep=1");
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    assert!(head.starts_with("HTTP/1.1 200 OK") && head.contains(&format!("Content-Length: {}", body.len())), "{head}");
    let body: serde_json::Value = serde_json::from_str(body).unwrap();
    assert_eq!(body["status"], "ok");
    let stamp: jiff::Timestamp = body["timestamp"].as_str().unwrap().parse().unwrap();
    assert!((jiff::Timestamp::now().as_second() - stamp.as_second()).abs() < 60);
    assert!(get(port, "/other").starts_with("HTTP/1.1 404"));
    assert!(get(port, &format!("/{}", "x".repeat(3000))).starts_with("HTTP/1.1 404"));
    assert_eq!(terminate(child), Some(0));

    let (mut child, said) = started(&program, &environment, &["bin/rails", "db:migrate"]);
    assert_eq!(said, "stand-in: would run: bin/rails db:migrate\n");
    assert_eq!(child.wait().unwrap().code(), Some(0));

    let worker = tempfile::tempdir().unwrap();
    let (program, environment) = taken_apart(&StandIn { port: None, ..of }, worker.path()).await;
    let (child, said) = started(&program, &environment, &["bin/jobs", "--all"]);
    assert_eq!(said, "stand-in: waiting\n");
    assert_eq!(terminate(child), Some(0));
}

fn docker(arguments: &[&str]) -> String {
    let output = Command::new("docker").args(arguments).output().unwrap();
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_engine_pulls_and_runs_it() {
    if !super::builds::engine_answers() {
        return;
    }
    let Some(server) = Distribution::start() else { return };
    let image = stand_in(&StandIn { port: Some(3000), health_path: "/health", services: &[] }).unwrap();
    let registry = Registry::new(&server.url, None).unwrap();
    let tag = image.tag();
    let compression = Compression::Gzip;
    let to = Destination { registry: &registry, repository: "app/api", tag: &tag, mount_from: None, compression };
    push(&image, &to, &|_| ()).await.unwrap();

    let reference = server.reference("app/api", &tag);
    let printed = docker(&["run", "--rm", &reference, "bin/rails", "db:migrate"]);
    assert_eq!(printed, "stand-in: would run: bin/rails db:migrate");
    let id = docker(&["run", "-d", "-p", "127.0.0.1::3000", &reference]);
    let port = docker(&["port", &id, "3000"]).rsplit(':').next().unwrap().parse().unwrap();
    assert!(get(port, "/health").starts_with("HTTP/1.1 200 OK"));
    docker(&["stop", "-t", "20", &id]);
    let ended = docker(&["inspect", "-f", "{{.State.ExitCode}} {{.State.OOMKilled}}", &id]);
    docker(&["rm", &id]);
    docker(&["rmi", &reference]);
    assert_eq!(ended, "0 false", "SIGTERM ends process 1");
}
