//! What is done by hand beside the pipeline: logs that are read, one-off tasks. Where a test needs containers and no
//! engine answers it says so and shows nothing.

use jiff::Timestamp;
use serde_json::Value as Json;

use super::NOTHING;
use crate::support::app::App;
#[cfg(target_arch = "x86_64")]
use crate::support::program::{End, layout_of};

const FILE: &str = "
app: shop
region: us-east-1
environments: { staging: {} }
services:
  worker: { build: { context: ./app }, cpu: 256, memory: 512 }
  mailer: { build: { context: ./app }, cpu: 256, memory: 512 }
";

/// Writes lines as a container's log driver would.
async fn write(app: &App, service: &str, container: &str, task: &str, lines: &[&str]) {
    let clients = app.clients().await;
    let (group, stream) = (format!("/ecs/shop-staging-{service}"), format!("{service}/{container}/{task}"));
    let logs = clients.logs();
    logs.create_log_stream().log_group_name(&group).log_stream_name(&stream).send().await.unwrap();
    let now = Timestamp::now().as_millisecond();
    let mut request = logs.put_log_events().log_group_name(&group).log_stream_name(&stream);
    for (at, line) in (0..).zip(lines) {
        let event = aws_sdk_cloudwatchlogs::types::InputLogEvent::builder().timestamp(now + at).message(*line);
        request = request.log_events(event.build().unwrap());
    }
    request.send().await.unwrap();
}

#[tokio::test]
async fn logs_of_several_services_stand_behind_their_prefix_and_in_their_order() {
    let app = App::new(FILE).await;
    assert_eq!(app.run("staging").await.troubles(), NOTHING);
    write(&app, "worker", "worker", "0123456789ab", &["boot", "::error::boom"]).await;
    write(&app, "worker", "proxy", "0123456789ab", &["listening"]).await;
    write(&app, "mailer", "mailer", "ba9876543210", &["sent"]).await;

    let output = app.command(&["logs", "worker", "mailer"]).output().await.unwrap();
    let (out, err) = (String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap());
    assert_eq!(output.status.code(), Some(0), "{err}");
    let lines: Vec<(&str, &str)> = out.lines().filter_map(|line| line.split_once(" │ ")).collect();
    assert_eq!(lines.len(), out.lines().count(), "every line has a prefix: {out}");
    let of = |prefix: &str| -> Vec<&str> {
        lines.iter().filter(|(before, _)| before.starts_with(prefix)).map(|(_, text)| *text).collect()
    };
    assert_eq!(of("worker 01234567 "), ["boot", ":\u{200B}:error::boom"]);
    assert_eq!(of("worker/proxy 01234567 "), ["listening"]);
    assert_eq!(of("mailer ba987654 "), ["sent"]);

    let output = app.command(&["logs", "worker", "--format", "json"]).output().await.unwrap();
    let json: Json = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((&json["exit_code"], json["lines"].as_array().unwrap().len()), (&0.into(), 3));
    assert_eq!(json["lines"][0]["task"], "0123456789ab");
}

#[tokio::test]
async fn logs_are_followed_until_a_person_has_had_enough() {
    let app = App::new(FILE).await;
    assert_eq!(app.run("staging").await.troubles(), NOTHING);
    write(&app, "worker", "worker", "0123456789ab", &["before"]).await;
    let mut child = app.command(&["logs", "worker", "--follow"]).spawn().unwrap();
    let mut lines = {
        use tokio::io::AsyncBufReadExt;
        tokio::io::BufReader::new(child.stdout.take().unwrap()).lines()
    };
    let first = lines.next_line().await.unwrap().unwrap();
    assert!(first.ends_with(" │ before"), "{first}");
    write(&app, "worker", "worker", "fedcba987654", &["after"]).await;
    let second = lines.next_line().await.unwrap().unwrap();
    assert!(second.starts_with("worker fedcba98 ") && second.ends_with(" │ after"), "{second}");
    let id = i32::try_from(child.id().unwrap()).unwrap();
    rustix::process::kill_process(rustix::process::Pid::from_raw(id).unwrap(), rustix::process::Signal::INT).unwrap();
    assert_eq!(child.wait().await.unwrap().code(), Some(130));
    assert_eq!(lines.next_line().await.unwrap(), None, "nothing is shown twice");
}

#[tokio::test]
async fn a_service_that_was_never_made_has_no_logs_and_no_tasks() {
    let app = App::new(FILE).await;
    let output = app.command(&["logs", "worker"]).output().await.unwrap();
    let err = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(err.contains("/ecs/shop-staging-worker") && err.contains("runner run makes it"), "{err}");
    let output = app.command(&["task", "worker"]).args(["--", "true"]).output().await.unwrap();
    let err = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(err.contains("no task runs here without a Docker engine"), "{err}");
}

#[cfg(target_arch = "x86_64")]
#[tokio::test]
async fn a_tasks_exit_code_is_ours_and_its_last_line_is_shown() {
    let file = "
app: shop
region: us-east-1
environments: { staging: {} }
services:
  worker: { image: { layout: ./image }, cpu: 256, memory: 512 }
";
    let Some(app) = App::with_engine(file).await else { return };
    crate::support::program::layout(&app.root.join("image"), "PG::ConnectionBad: no such host", 5);
    let output = app.command(&["task", "worker"]).args(["--", "rails", "db:seed"]).output().await.unwrap();
    let err = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{err}");
    assert!(err.contains("worker has no task definition yet"), "{err}");

    // The program ends with 5, so the service never stands; its revision does.
    assert_eq!(app.run("staging").await.outcome.exit_code, 1);
    let output = app.command(&["task", "worker"]).args(["--", "rails", "db:seed"]).output().await.unwrap();
    let (out, err) = (String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap());
    assert_eq!(output.status.code(), Some(5), "{out}{err}");
    assert!(out.contains("│ PG::ConnectionBad: no such host\n"), "{out}");
    assert!(err.contains("started task "), "{err}");

    let output = app.command(&["logs", "worker", "--failed"]).output().await.unwrap();
    let out = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(0));
    assert!(out.contains("exit code 5") && out.contains("│ PG::ConnectionBad: no such host\n"), "{out}");
}

/// The lines of a child's output, the first of which was read.
#[cfg(target_arch = "x86_64")]
async fn first_line(child: &mut tokio::process::Child) -> String {
    use tokio::io::{AsyncBufReadExt, BufReader};
    BufReader::new(child.stdout.as_mut().unwrap()).lines().next_line().await.unwrap().unwrap_or_default()
}

#[cfg(target_arch = "x86_64")]
const LAYOUT: &str = "
app: shop
region: us-east-1
environments: { staging: {} }
services:
  worker: { image: { layout: ./image }, cpu: 256, memory: 512 }
";

/// Ctrl-C and a kill stop the watching; the task goes on, and the same command finds it again and ends with its code.
#[cfg(target_arch = "x86_64")]
#[tokio::test]
async fn a_task_outlives_whoever_watches_it_and_is_found_again() {
    let Some(app) = App::with_engine(LAYOUT).await else { return };
    layout_of(&app.root.join("image"), "seeding", 10_000, End::Code(7));
    assert_eq!(app.run("staging").await.troubles(), NOTHING);
    for interrupts in [true, false] {
        let task = || {
            let mut command = app.command(&["task", "worker"]);
            command.args(["--", "rails", "db:seed"]);
            command
        };
        app.proxy.pass();
        let mut child = task().spawn().unwrap();
        assert_eq!(first_line(&mut child).await, "│ seeding");
        if interrupts {
            let id = i32::try_from(child.id().unwrap()).unwrap();
            let id = rustix::process::Pid::from_raw(id).unwrap();
            rustix::process::kill_process(id, rustix::process::Signal::INT).unwrap();
            let output = child.wait_with_output().await.unwrap();
            let err = String::from_utf8(output.stderr).unwrap();
            assert_eq!(output.status.code(), Some(130), "{err}");
            assert!(err.contains("runner task worker") && err.contains("-- rails db:seed"), "{err}");
            assert!(err.contains("goes on, and what it does is not undone"), "{err}");
            assert!(!err.contains("nothing was changed"), "{err}");
        } else {
            child.kill().await.unwrap();
        }
        let output = task().output().await.unwrap();
        let (out, err) = (String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap());
        assert_eq!(output.status.code(), Some(7), "{out}{err}");
        assert!(err.contains("runs already: watching it") && !err.contains("started task"), "{err}");
        assert_eq!(out.lines().filter(|line| *line == "│ seeding").count(), 1, "{out}");
        let calls = app.proxy.calls();
        let of = |action: &str| calls.iter().filter(|call| call.action == action).count();
        assert_eq!((of("RunTask"), of("StopTask")), (1, 0), "interrupted: {interrupts}");
    }
}

#[cfg(target_arch = "x86_64")]
#[tokio::test]
async fn a_task_that_a_signal_ended_ends_with_128_and_its_number() {
    let Some(app) = App::with_engine(LAYOUT).await else { return };
    layout_of(&app.root.join("image"), "seeding", 20, End::Segfault);
    assert_eq!(app.run("staging").await.outcome.exit_code, 1);
    let output = app.command(&["task", "worker"]).args(["--", "rails", "db:seed"]).output().await.unwrap();
    let err = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(128 + 11), "{err}");
    assert!(err.contains("exit code 139"), "{err}");
}
