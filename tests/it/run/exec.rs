//! `exec`: which task the session is opened in, what the plugin is told and by which way, and what is said of everything
//! that is missing. The local AWS has no Session Manager, so ECS is scripted; the plugin is a program that writes down
//! how it was started.

use std::{os::unix::fs::PermissionsExt, process::Output};

use serde_json::{Value as Json, json};
use tokio::process::Command;

use super::kills::fresh;
use crate::support::{Answer, Script, Scripted};

const FILE: &str = "
app: shop
region: us-east-1
account: \"111122223333\"
environments: { staging: {} }
services:
  api:
    build: { context: ./api }
    port: 3000
    execute-command: true
";

const TOKEN: &str = "AAEAATokenThatOpensAShell0123456789";
const REVISION: &str = "arn:aws:ecs:us-east-1:111122223333:task-definition/shop-staging-api:2";

fn task(id: &str, revision: &str, started: f64, agent: &str) -> Json {
    json!({
        "taskArn": format!("arn:aws:ecs:us-east-1:111122223333:task/shop-staging/{id}"),
        "taskDefinitionArn": revision,
        "lastStatus": "RUNNING",
        "startedAt": started,
        "enableExecuteCommand": true,
        "containers": [{
            "name": "api",
            "lastStatus": "RUNNING",
            "runtimeId": format!("{id}-1"),
            "managedAgents": [{ "name": "ExecuteCommandAgent", "lastStatus": agent }],
        }],
    })
}

async fn ecs(tasks: &[Json]) -> Scripted {
    let identity = "<Account>111122223333</Account><Arn>arn:aws:iam::111122223333:user/x</Arn><UserId>A</UserId>";
    let service = json!({
        "serviceName": "api",
        "serviceArn": "arn:aws:ecs:us-east-1:111122223333:service/shop-staging/api",
        "status": "ACTIVE",
        "desiredCount": 2,
        "runningCount": 2,
        "taskDefinition": REVISION,
        "deployments": [{ "id": "ecs-svc/1", "status": "PRIMARY", "taskDefinition": REVISION, "runningCount": 2 }],
    });
    let arns: Vec<&Json> = tasks.iter().map(|task| &task["taskArn"]).collect();
    let session = json!({
        "clusterArn": "arn:aws:ecs:us-east-1:111122223333:cluster/shop-staging",
        "session": {
            "sessionId": "ecs-execute-command-0123",
            "streamUrl": "wss://ssmmessages.us-east-1.amazonaws.com/v1/data-channel/ecs-execute-command-0123",
            "tokenValue": TOKEN,
        },
    });
    Script::default()
        .on("GetCallerIdentity", [Answer::xml("GetCallerIdentity", identity)])
        .on("DescribeServices", [Answer::json(&json!({ "services": [service], "failures": [] }))])
        .on("ListTasks", [Answer::json(&json!({ "taskArns": arns }))])
        .on("DescribeTasks", [Answer::json(&json!({ "tasks": tasks, "failures": [] }))])
        .on("ExecuteCommand", [Answer::json(&session)])
        .start()
        .await
}

/// A plugin of this version that ends with 7, and the folder it writes into.
fn plugin(version: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("session-manager-plugin");
    let out = folder.path().display();
    let text = format!(
        "#!/bin/sh\n[ \"$1\" = --version ] && {{ echo {version}; exit 0; }}\n\
         printf '%s\\n' \"$@\" > {out}/arguments\n/usr/bin/env > {out}/environment\necho \"root@container\"\nexit 7\n"
    );
    std::fs::write(&path, text).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
    folder
}

async fn exec(aws: &Scripted, path: &std::path::Path, file: &str, arguments: &[&str]) -> Output {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("app.yml"), file).unwrap();
    let mut runner = Command::new(env!("CARGO_BIN_EXE_runner"));
    runner.env_clear().current_dir(folder.path()).env("HOME", folder.path()).env("PATH", path);
    runner.env("AWS_ENDPOINT_URL", &aws.url).env("AWS_ACCESS_KEY_ID", "AKIAEXAMPLE");
    runner.env("AWS_SECRET_ACCESS_KEY", "key-that-is-secret-01").env("INFRA_LOG", "trace").env("NODE_OPTIONS", "x");
    runner.args(["exec", "api", "-e", "staging", "-f", "app.yml"]).args(arguments).stdin(std::process::Stdio::null());
    runner.output().await.unwrap()
}

fn said(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

#[tokio::test]
async fn a_session_in_the_newest_task_is_carried_by_the_plugin_and_its_token_is_nowhere_to_be_read() {
    let older = REVISION.replace(":2", ":1");
    let tasks = [
        task("aaaa", REVISION, 100.0, "RUNNING"),
        task("bbbb", REVISION, 200.0, "RUNNING"),
        task("cccc", &older, 300.0, "RUNNING"),
        task("dddd", REVISION, 400.0, "PENDING"),
    ];
    let (aws, plugin) = (ecs(&tasks).await, plugin("1.2.707.0"));
    let output = exec(&aws, plugin.path(), FILE, &["--", "bin/rails", "runner", "puts 'x y'"]).await;
    let said = said(&output);
    assert_eq!(output.status.code(), Some(7), "{said}");
    assert_eq!(String::from_utf8_lossy(&output.stdout), "root@container\n");
    assert!(said.contains("api of task bbbb\n"), "{said}");
    let asked: Json = serde_json::from_str(&aws.first("ExecuteCommand").body).unwrap();
    assert_eq!(
        asked,
        json!({
            "cluster": "shop-staging", "task": "bbbb", "container": "api", "interactive": true,
            "command": r"bin/rails runner 'puts '\''x y'\'''",
        })
    );
    let read = |name: &str| std::fs::read_to_string(plugin.path().join(name)).unwrap();
    assert_eq!(
        read("arguments"),
        "AWS_SSM_START_SESSION_RESPONSE\nus-east-1\nStartSession\n\n{\"Target\":\"ecs:shop-staging_bbbb_bbbb-1\"}\n\
         https://ssm.us-east-1.amazonaws.com\n"
    );
    let environment = read("environment");
    assert!(environment.contains(&format!("\"tokenValue\":\"{TOKEN}\"")), "{environment}");
    assert!(!environment.contains("NODE_OPTIONS"), "{environment}");
    for secret in [TOKEN, "key-that-is-secret-01"] {
        assert!(!said.contains(secret), "{said}");
    }

    let output = exec(&aws, plugin.path(), FILE, &["--format", "json", "--task", "aaaa", "--", "ls"]).await;
    let json: Json = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((&json["exit_code"], &json["task"], &json["container"]), (&7.into(), &"aaaa".into(), &"api".into()));
}

#[tokio::test]
async fn what_is_missing_for_a_session_is_said_before_one_is_opened() {
    let running = [task("aaaa", REVISION, 100.0, "RUNNING")];
    let mut before = running.clone();
    before[0]["enableExecuteCommand"] = false.into();
    let off = FILE.replace("    execute-command: true\n", "");
    let (plugin, old, empty) = (plugin("1.2.707.0"), plugin("1.2.463.0"), tempfile::tempdir().unwrap());
    let stopped = [task("aaaa", REVISION, 100.0, "STOPPED")];
    for (path, file, tasks, arguments, code, words) in [
        (empty.path(), FILE, &running[..], &["--", "ls"][..], 2, "it is not on PATH"),
        (
            old.path(),
            FILE,
            &running,
            &["--", "ls"],
            2,
            "before 1.2.536.0 it takes the session's token on its command line",
        ),
        (
            plugin.path(),
            off.as_str(),
            &running,
            &["--", "ls"],
            2,
            "`execute-command` is not on (services.api.execute-command, app.yml:",
        ),
        (plugin.path(), FILE, &[], &["--", "ls"], 1, "no task of it is running"),
        (plugin.path(), FILE, &before, &["--", "ls"], 1, "was started before `execute-command` was on"),
        (plugin.path(), FILE, &stopped, &["--", "ls"], 1, "the agent beside api of task aaaa is stopped"),
        (plugin.path(), FILE, &running, &["--task", "zz", "--", "ls"], 2, "no running task of it is zz"),
        (plugin.path(), FILE, &running, &["--container", "db", "--", "ls"], 2, "has no container db"),
        (plugin.path(), FILE, &running, &[], 2, "a shell needs a terminal"),
    ] {
        let aws = ecs(tasks).await;
        let output = exec(&aws, path, file, arguments).await;
        let said = said(&output);
        assert_eq!(output.status.code(), Some(code), "{words}: {said}");
        assert!(said.contains(words), "{words}: {said}");
        assert!(!aws.actions().contains(&"ExecuteCommand".to_owned()), "{words}");
    }
    assert!(!plugin.path().join("arguments").exists());
}

#[tokio::test]
async fn the_local_aws_opens_no_session_and_says_what_does() {
    let app = fresh(&FILE.replace("account: \"111122223333\"\n", "")).await;
    assert_eq!(app.run("staging").await.troubles(), super::NOTHING);
    let output = app.command(&["exec", "api"]).args(["--", "ls"]).output().await.unwrap();
    let said = said(&output);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("the local AWS has no Session Manager"), "{said}");
    assert!(said.contains("without a Docker engine no container runs here either"), "{said}");
}
