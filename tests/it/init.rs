//! `init` in repositories of each kind: what it writes, leaves alone and says, and that its file validates and plans.

use std::{
    fs,
    path::Path,
    process::{Command, Output, Stdio},
};

use serde_json::Value as Json;

use crate::support::app::App;

const COMPOSE: &str = include_str!("../../src/cli/init/testdata/compose.yml");
const FILE: &str = ".github/finance-infra.yml";
const WORKFLOWS: [&str; 6] = ["plan.yml", "deploy.yml", "rollback.yml", "approve.yml", "drift.yml", "identity.yml"];

fn runner(folder: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_runner"));
    command.env_clear().current_dir(folder).env("HOME", folder).stdin(Stdio::null()).args(arguments).output().unwrap()
}

fn out(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn err(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

/// A repository with these files.
fn repository(files: &[(&str, &str)]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let config = "[remote \"origin\"]\n\turl = git@github.com:org/app.git\n";
    for (path, text) in files.iter().chain(&[(".git/config", config)]) {
        let path = folder.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    folder
}

fn of_compose() -> tempfile::TempDir {
    repository(&[
        ("compose.yml", COMPOSE),
        ("backend/Dockerfile", "FROM ruby\nEXPOSE 3000\n"),
        ("frontend/Dockerfile", "FROM node\nEXPOSE 3000\nHEALTHCHECK CMD curl http://localhost:3000/api/health\n"),
        (".env", "JWT_SECRET_KEY=plain-in-a-file\n"),
    ])
}

/// Its file is valid, in both environments, and templates and definitions come out.
fn valid(folder: &Path, environments: &[&str]) {
    let output = runner(folder, &["validate"]);
    assert_eq!(output.status.code(), Some(0), "{}{}", err(&output), fs::read_to_string(folder.join(FILE)).unwrap());
    for environment in environments {
        for what in ["templates", "taskdef"] {
            let output = runner(folder, &["render", what, "-e", environment]);
            assert_eq!(output.status.code(), Some(0), "{what} of {environment}: {}", err(&output));
        }
    }
}

#[tokio::test]
async fn a_compose_file_becomes_a_file_that_validates_and_plans() {
    let folder = of_compose();
    let output = runner(folder.path(), &["init", "--region", "eu-west-1", "--domain", "finance.example"]);
    assert_eq!(output.status.code(), Some(0), "{}", err(&output));
    let said = out(&output);
    assert!(said.starts_with("✔ wrote 7 files from compose.yml\n  safe: nothing was there before"), "{said}");
    assert!(said.contains("do: runner plan --sandbox -e staging\n"), "{said}");
    assert!(said.contains("cache (redis:7-alpine): left out"), "{said}");
    assert!(said.contains("gh api repos/org/app --jq .id"), "{said}");
    let secrets = "JWT_SECRET_KEY, NEXTAUTH_SECRET, STRIPE, SUPABASE_SERVICE_ROLE_KEY";
    assert!(said.contains(&format!("in each environment the secrets {secrets}")), "{said}");
    valid(folder.path(), &["staging", "production"]);

    let mut all = said + &err(&output);
    for name in WORKFLOWS {
        all += &fs::read_to_string(folder.path().join(".github/workflows").join(name)).unwrap();
    }
    let file = fs::read_to_string(folder.path().join(FILE)).unwrap();
    all += &file;
    for value in ["plain-in-a-file", "hunter2", "sk_live_", "secret@"] {
        assert!(!all.contains(value), "{value} was copied");
    }
    assert!(all.contains("          STRIPE: ${{ secrets.STRIPE }}\n"));

    let app = App::new(&file).await;
    let plan = app.command(&["plan"]).output().await.unwrap();
    assert_eq!(plan.status.code(), Some(0), "{}", err(&plan));
    let said = out(&plan);
    assert!(said.contains("staging plan") && said.contains("nothing replaced or deleted"), "{said}");
    assert!(said.contains("service-side-kiq") && said.contains("service api"), "{said}");
}

#[test]
fn what_is_there_is_kept_unless_one_agrees() {
    let folder = of_compose();
    let own = "name: my own\n";
    fs::create_dir_all(folder.path().join(".github/workflows")).unwrap();
    fs::write(folder.path().join(".github/workflows/deploy.yml"), own).unwrap();
    let arguments = ["init", "--region", "eu-west-1", "--domain", "finance.example", "--format", "json"];
    let first = runner(folder.path(), &arguments);
    assert_eq!(first.status.code(), Some(0), "{}", err(&first));
    let json: Json = serde_json::from_slice(&first.stdout).unwrap();
    assert_eq!(json["kept"], serde_json::json!([".github/workflows/deploy.yml"]));
    assert_eq!(json["written"].as_array().unwrap().len(), 6);
    assert_eq!(fs::read_to_string(folder.path().join(".github/workflows/deploy.yml")).unwrap(), own);

    fs::write(folder.path().join(FILE), "app: mine\n").unwrap();
    let second = runner(folder.path(), &arguments);
    assert_eq!(second.status.code(), Some(2));
    assert!(err(&second).contains("is there already; nothing was written"), "{}", err(&second));
    assert_eq!(fs::read_to_string(folder.path().join(FILE)).unwrap(), "app: mine\n");

    let third = runner(folder.path(), &[&arguments[..], &["--yes"]].concat());
    assert_eq!(third.status.code(), Some(0), "{}", err(&third));
    let json: Json = serde_json::from_slice(&third.stdout).unwrap();
    assert_eq!(json["overwritten"], serde_json::json!([FILE, ".github/workflows/deploy.yml"]));
}

#[test]
fn without_a_terminal_the_missing_flag_is_named_and_nothing_is_written() {
    let folder = of_compose();
    for (arguments, flag) in [(vec!["init"], "--region"), (vec!["init", "--region", "eu-west-1"], "--domain")] {
        let output = runner(folder.path(), &arguments);
        assert_eq!(output.status.code(), Some(2));
        assert!(err(&output).contains(&format!("{flag} is missing")), "{}", err(&output));
    }
    let empty = repository(&[]);
    let output = runner(empty.path(), &["init", "--region", "eu-west-1"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(err(&output).contains("there is no Dockerfile, compose file"), "{}", err(&output));
    let output = runner(folder.path(), &["init", "--from", "copilot", "--region", "eu-west-1"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(err(&output).contains("there is no copilot/NAME/manifest.yml"), "{}", err(&output));
    assert!(!folder.path().join(".github").exists() && !empty.path().join(".github").exists());
}

#[test]
fn one_dockerfile_is_enough() {
    let folder = repository(&[
        ("Dockerfile", "FROM a\nEXPOSE 8080\nHEALTHCHECK CMD wget -qO- http://localhost:8080/healthz\n"),
        (".github/workflows/old.yml", "jobs:\n  a:\n    with:\n      aws-region: eu-north-1 # Stockholm\n"),
        ("node_modules/x/Dockerfile", "FROM other\n"),
    ]);
    // From any folder below.
    fs::create_dir(folder.path().join("src")).unwrap();
    let output = runner(&folder.path().join("src"), &["init", "--app", "shop", "--environments", "live"]);
    assert_eq!(output.status.code(), Some(0), "{}", err(&output));
    let file = fs::read_to_string(folder.path().join(FILE)).unwrap();
    assert!(file.contains("app: shop\nregion: eu-north-1\n"), "{file}");
    assert!(
        file.contains("  web:\n    build: { context: \".\" }\n    port: 8080\n    health-check: /healthz\n"),
        "{file}"
    );
    valid(folder.path(), &["live"]);
}

#[test]
fn copilot_and_task_definitions_become_valid_files() {
    let copilot = repository(&[
        ("copilot/.workspace", "application: shop\n"),
        ("copilot/api/manifest.yml", include_str!("../../src/cli/init/testdata/copilot-api.yml")),
        ("copilot/orders/manifest.yml", include_str!("../../src/cli/init/testdata/copilot-orders.yml")),
        ("copilot/report/manifest.yml", include_str!("../../src/cli/init/testdata/copilot-report.yml")),
        ("copilot/environments/test/manifest.yml", "name: test\ntype: Environment\n"),
        ("copilot/environments/prod/manifest.yml", "name: prod\ntype: Environment\n"),
        ("compose.yml", COMPOSE),
    ]);
    let output = runner(copilot.path(), &["init", "--region", "eu-west-1"]);
    assert_eq!(output.status.code(), Some(0), "{}{}", out(&output), err(&output));
    assert!(out(&output).contains("there is also what --from compose would read"), "{}", out(&output));
    valid(copilot.path(), &["test", "prod"]);

    let definition = include_str!("../../src/cli/init/testdata/task-definition.json");
    let taskdef = repository(&[("task-definition.json", definition), ("app/Dockerfile", "FROM a\nEXPOSE 8080\n")]);
    let output = runner(taskdef.path(), &["init", "--from", "taskdef"]);
    assert_eq!(output.status.code(), Some(0), "{}{}", out(&output), err(&output));
    valid(taskdef.path(), &["staging", "production"]);
}

#[test]
fn a_link_in_the_repository_leads_nowhere() {
    let outside = tempfile::tempdir().unwrap();
    fs::write(outside.path().join("compose.yml"), COMPOSE).unwrap();
    fs::write(outside.path().join("theirs"), "theirs").unwrap();
    let folder = repository(&[("app/Dockerfile", "FROM a\nEXPOSE 80\n")]);
    let link = |from: &str, to: &str| {
        fs::create_dir_all(folder.path().join(to).parent().unwrap()).unwrap();
        std::os::unix::fs::symlink(outside.path().join(from), folder.path().join(to)).unwrap();
    };
    link("compose.yml", "compose.yml");
    link("theirs", ".github/workflows/plan.yml");
    let output = runner(folder.path(), &["init", "--region", "eu-west-1", "--app", "shop", "--yes"]);
    assert_eq!(output.status.code(), Some(0), "{}", err(&output));
    let file = fs::read_to_string(folder.path().join(FILE)).unwrap();
    assert!(file.contains("  app:\n") && !file.contains("side-kiq"), "{file}");
    assert_eq!(fs::read_to_string(outside.path().join("theirs")).unwrap(), "theirs");
}
