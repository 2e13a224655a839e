//! The binary with a workflow file: what is wrong with it, which environment is meant, what is rendered.

use std::{
    path::Path,
    process::{Command, Stdio},
};

use serde_json::Value as Json;

use crate::support::{Answer, Script};

const FILE: &str = "\
app: shop
region: eu-west-1
environments: { staging: {}, production: {} }
services:
  api:
    build: { context: . }
    port: 3000
";

fn folder(text: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join(".github")).unwrap();
    std::fs::write(folder.path().join(".github/finance-infra.yml"), text).unwrap();
    folder
}

fn runner(folder: &Path, arguments: &[&str]) -> (Option<i32>, String, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_runner"));
    command.env_clear().current_dir(folder).env("HOME", folder).args(arguments);
    let output = command.output().unwrap();
    (output.status.code(), String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap())
}

#[test]
fn a_good_file_is_valid_from_any_folder_below() {
    let folder = folder(FILE);
    let below = folder.path().join("a/b");
    std::fs::create_dir_all(&below).unwrap();
    let (code, out, _) = runner(&below, &["validate"]);
    assert_eq!(code, Some(0));
    assert!(out.contains("2 environments: staging, production; AWS was not contacted"), "{out}");
    assert!(out.contains("next: runner plan -e staging"), "{out}");
}

#[test]
fn point_20_every_error_of_a_file_is_shown_at_once_at_its_place() {
    let folder = folder(&FILE.replace("port: 3000", "prot: 3000\n    cup: 512"));
    for command in ["validate", "plan", "run", "status"] {
        let (code, out, err) = runner(folder.path(), &[command, "-e", "staging"]);
        assert_eq!((code, out.as_str()), (Some(2), ""), "{command}");
        assert!(err.contains("--> .github/finance-infra.yml:7:5") && err.contains("did you mean `port`?"), "{err}");
        assert!(err.contains("did you mean `cpu`?") && err.contains("AWS was not contacted"), "{err}");
    }
    let (code, out, _) = runner(folder.path(), &["run", "-e", "staging", "--format", "json"]);
    let json: Json = serde_json::from_str(&out).unwrap();
    assert_eq!((code, &json["verdict"], &json["exit_code"]), (Some(2), &"invalid".into(), &2.into()));
    assert_eq!(json["errors"][0]["line"], 7);
    assert_eq!(json["errors"].as_array().unwrap().len(), 2);
    // A value out of its range, a word that is none, a key that is missing, and a key that no one knows, each in a section
    // of its own: one look names them all.
    let bad = "\
app: shop
region: nowhere
environments: { staging: { colour: red }, production: {} }
services:
  api:
    build: { context: . }
    port: 300000
  web:
    image: nginx
    cpu: lots
";
    std::fs::write(folder.path().join(".github/finance-infra.yml"), bad).unwrap();
    let (code, out, err) = runner(folder.path(), &["validate", "--format", "json"]);
    let json: Json = serde_json::from_str(&out).unwrap();
    let lines: Vec<u64> =
        json["errors"].as_array().unwrap().iter().filter_map(|error| error["line"].as_u64()).collect();
    assert_eq!(code, Some(2));
    for line in [2, 3, 7, 10] {
        assert!(lines.contains(&line), "{line} is not in {lines:?}: {out}");
        assert!(err.contains(&format!("finance-infra.yml:{line}:")) || err.is_empty(), "{err}");
    }
}

/// The runner, where an AWS is at `url` and the credentials are nobody's.
fn with_aws(folder: &Path, url: &str, arguments: &[&str]) -> tokio::process::Command {
    let mut command = tokio::process::Command::new(env!("CARGO_BIN_EXE_runner"));
    command.env_clear().current_dir(folder).env("HOME", folder).args(arguments).kill_on_drop(true);
    command.env("AWS_ENDPOINT_URL", url).env("AWS_ACCESS_KEY_ID", "AKIAIOSFODNN7EXAMPLE");
    command.env("AWS_SECRET_ACCESS_KEY", "s").env("AWS_EC2_METADATA_DISABLED", "true");
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

#[tokio::test]
async fn point_18_json_is_valid_on_success_failure_bad_file_and_sigint() {
    let folder = folder(FILE);
    let valid = |out: &str, code: Option<i32>, expected: i32| {
        let json: Json = serde_json::from_str(out).unwrap_or_else(|error| panic!("{error}: {out}"));
        assert_eq!((code, json["exit_code"].as_i64()), (Some(expected), Some(expected.into())), "{out}");
        json
    };
    for arguments in [["validate", "-e", "staging"], ["cost", "-e", "staging"]] {
        let (code, out, _) = runner(folder.path(), &[&arguments[..], &["--format", "json"]].concat());
        valid(&out, code, 0);
    }
    let refuses = Script::default().on("GetCallerIdentity", [Answer::xml_error("AccessDenied", "no")]).start().await;
    for command in ["plan", "run", "status"] {
        let mut command = with_aws(folder.path(), &refuses.url, &[command, "-e", "staging", "--format", "json"]);
        let output = command.output().await.unwrap();
        let json = valid(&String::from_utf8(output.stdout).unwrap(), output.status.code(), 1);
        assert_eq!(json["verdict"], "failed");
    }
    // An AWS that takes the question and gives no answer; a person who gives up.
    let silent = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", silent.local_addr().unwrap());
    for command in ["plan", "run", "status"] {
        let child = with_aws(folder.path(), &url, &[command, "-e", "staging", "--format", "json"]).spawn().unwrap();
        let held = silent.accept().await.unwrap();
        let pid = rustix::process::Pid::from_raw(child.id().unwrap().try_into().unwrap()).unwrap();
        rustix::process::kill_process(pid, rustix::process::Signal::INT).unwrap();
        let output = child.wait_with_output().await.unwrap();
        drop(held);
        let json = valid(&String::from_utf8(output.stdout).unwrap(), output.status.code(), 130);
        assert_eq!(json["verdict"], "cancelled", "{command}");
    }
    std::fs::write(folder.path().join(".github/finance-infra.yml"), "app: [\n").unwrap();
    for command in ["validate", "plan", "run", "status", "cost"] {
        let (code, out, _) = runner(folder.path(), &[command, "-e", "staging", "--format", "json"]);
        valid(&out, code, 2);
    }
}

#[test]
fn point_18_json_is_whole_on_success_on_failure_and_of_a_bad_file() {
    let good = folder(FILE);
    let bad = folder(&FILE.replace("port: 3000", "prot: 3000"));
    let whole = |folder: &Path, arguments: &[&str], expected: i32| {
        let all = [arguments, &["--format", "json"]].concat();
        let (code, out, err) = runner(folder, &all);
        assert_eq!(code, Some(expected), "{arguments:?}: {out}{err}");
        serde_json::from_str::<Json>(&out).unwrap_or_else(|error| panic!("{arguments:?}: {error}: {out}"))
    };
    for arguments in [
        &["validate"][..],
        &["cost", "-e", "staging"],
        &["render", "taskdef", "-e", "staging"],
        &["stage"],
        &["explain", "exit-3"],
    ] {
        assert!(!whole(good.path(), arguments, 0).is_null());
    }
    assert_eq!(whole(good.path(), &["docs", "--check"], 1)["exit_code"], 1);
    assert_eq!(whole(good.path(), &["plan", "-e", "nowhere"], 2)["exit_code"], 2);
    for command in ["validate", "plan", "run", "status", "drift", "verify", "destroy"] {
        let answer = whole(bad.path(), &[command, "-e", "staging"], 2);
        assert_eq!((&answer["verdict"], &answer["exit_code"]), (&"invalid".into(), &2.into()), "{command}");
    }
}

#[test]
fn without_a_terminal_a_missing_environment_is_named() {
    let folder = folder(FILE);
    let (code, out, err) = runner(folder.path(), &["plan"]);
    assert_eq!((code, out.as_str()), (Some(2), ""));
    assert!(err.contains("--environment is missing") && err.contains("say -e staging or -e production"), "{err}");
    let (code, _, err) = runner(folder.path(), &["plan", "-e", "stagign"]);
    assert_eq!(code, Some(2));
    assert!(err.contains("did you mean `staging`?"), "{err}");
    let (code, _, err) = runner(folder.path(), &["run", "apj", "-e", "staging"]);
    assert_eq!(code, Some(2));
    assert!(err.contains("did you mean api?"), "{err}");
    let (code, _, err) = runner(folder.path(), &["stage", "deploy-servise", "-e", "staging"]);
    assert_eq!(code, Some(2));
    assert!(err.contains("did you mean deploy-service?"), "{err}");
}

#[test]
fn what_would_be_sent_is_rendered_without_aws() {
    let folder = folder(FILE);
    let (code, _, err) = runner(folder.path(), &["render", "templates", "-e", "staging", "--output", "out"]);
    assert_eq!(code, Some(0), "{err}");
    let network = std::fs::read_to_string(folder.path().join("out/network.json")).unwrap();
    assert_eq!(serde_json::from_str::<Json>(&network).unwrap()["AWSTemplateFormatVersion"], "2010-09-09");
    let (_, out, _) = runner(folder.path(), &["render", "taskdef", "-e", "staging"]);
    let definitions: Json = serde_json::from_str(&out).unwrap();
    assert_eq!(definitions["api"]["containerDefinitions"][0]["name"], "api");
    let (_, out, _) = runner(folder.path(), &["render", "schema"]);
    assert!(serde_json::from_str::<Json>(&out).unwrap()["properties"]["services"].is_object());
}

#[test]
fn every_stage_has_a_page() {
    let folder = tempfile::tempdir().unwrap();
    let (_, out, _) = runner(folder.path(), &["stage", "--format", "json"]);
    let stages: Vec<Json> = serde_json::from_str(&out).unwrap();
    assert!(stages.len() > 10);
    for stage in stages {
        let name = stage["stage"].as_str().unwrap();
        let (code, page, err) = runner(folder.path(), &["explain", name]);
        assert_eq!(code, Some(0), "{err}");
        assert!(page.contains(name));
    }
}

#[test]
fn r21_costs_are_estimated_without_aws() {
    let folder = folder(FILE);
    let (code, out, err) = runner(folder.path(), &["cost", "-e", "staging"]);
    assert_eq!((code, err.as_str()), (Some(0), ""));
    assert!(out.starts_with("· staging costs $") && out.contains("/month + usage · eu-west-1\n"), "{out}");
    let (code, out, _) = runner(folder.path(), &["cost", "-e", "staging", "--format", "json"]);
    let json: Json = serde_json::from_str(&out).unwrap();
    assert_eq!((code, &json["currency"], &json["exit_code"]), (Some(0), &"USD".into(), &0.into()));
    let nat = json["items"].as_array().unwrap().iter().find(|item| item["what"] == "NAT gateway").unwrap();
    assert_eq!(
        (&nat["quantity"], &nat["unit_price"], &nat["monthly"]),
        (&"730".into(), &"0.048".into(), &"35.04".into())
    );
}

#[test]
fn r22_documentation_is_written_once_and_found_stale_when_the_file_changes() {
    let folder = folder(FILE);
    let (code, out, _) = runner(folder.path(), &["docs", "--check"]);
    assert_eq!(code, Some(1), "there is none yet");
    assert!(out.starts_with("INFRASTRUCTURE.md is stale\n  do: runner docs\n\n@ line 1\n+ # "), "{out}");
    let (code, out, err) = runner(folder.path(), &["docs"]);
    assert_eq!((code, out.as_str(), err.as_str()), (Some(0), "wrote INFRASTRUCTURE.md\n", ""));
    let page = std::fs::read_to_string(folder.path().join("INFRASTRUCTURE.md")).unwrap();
    assert!(page.contains("from `.github/finance-infra.yml`;") && page.contains("## production"), "{page}");
    for arguments in [&["docs", "--check"], &["docs", "--yes"]] {
        let (code, out, _) = runner(folder.path(), arguments);
        assert_eq!((code, out.as_str()), (Some(0), "INFRASTRUCTURE.md is current\n"));
    }
    let file = folder.path().join(".github/finance-infra.yml");
    std::fs::write(&file, FILE.replace("port: 3000", "port: 4000")).unwrap();
    let (code, out, _) = runner(folder.path(), &["docs", "--check", "--format", "json"]);
    let json: Json = serde_json::from_str(&out).unwrap();
    assert_eq!((code, &json["verdict"], &json["exit_code"]), (Some(1), &"stale".into(), &1.into()));
    assert!(json["difference"].to_string().contains("4000"), "{json}");
    assert_eq!(
        std::fs::read_to_string(folder.path().join("INFRASTRUCTURE.md")).unwrap(),
        page,
        "a check writes nothing"
    );
}
