//! The binary with a workflow file: what is wrong with it, which environment is meant, what is rendered.

use std::{path::Path, process::Command};

use serde_json::Value as Json;

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
fn a_bad_file_shows_every_error_at_its_place() {
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
    assert!(json["errors"].as_array().unwrap().len() >= 2);
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
