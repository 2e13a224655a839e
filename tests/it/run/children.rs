//! What the runner starts: nothing for a plan, and for a command of the file a child that knows what it must and no more.

use std::{os::unix::fs::PermissionsExt, path::Path};

use super::kills::{SECRETS, SMALL, fresh};
use crate::support::app::App;

/// What an earlier step of a job, or a runner that is set up strangely, has in its environment.
const HOSTILE: [(&str, &str); 14] = [
    ("LD_PRELOAD", "/nonexistent/hook.so"),
    ("BASH_ENV", "/nonexistent/hook.sh"),
    ("ENV", "/nonexistent/hook.sh"),
    ("NODE_OPTIONS", "--require=/nonexistent/hook.js"),
    ("RUBYOPT", "-r/nonexistent/hook"),
    ("PYTHONSTARTUP", "/nonexistent/hook.py"),
    ("GIT_SSH_COMMAND", "hook"),
    ("GIT_DIR", "/nonexistent"),
    ("AWS_SESSION_TOKEN", "leak"),
    ("AWS_SECRET_ACCESS_KEY", "leak"),
    ("ACTIONS_ID_TOKEN_REQUEST_TOKEN", "leak"),
    ("ACTIONS_RUNTIME_TOKEN", "leak"),
    ("GITHUB_TOKEN", "leak"),
    ("INFRA_GITHUB_TOKEN", "leak"),
];

/// What a shell adds of its own accord.
const SHELLS_OWN: [&str; 4] = ["PWD", "OLDPWD", "SHLVL", "_"];

fn program(path: &Path, text: &str) {
    std::fs::write(path, format!("#!/bin/sh\n{text}\n")).unwrap();
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755)).unwrap();
}

fn with_stage(run: &str) -> String {
    format!("{SMALL}stages:\n  look: {{ run: {run}, needs: [wait-healthy] }}\n")
}

/// The same where tasks are containers: without an engine nothing serves, and a stage of the file's own is not run.
async fn with_engine(run: &str) -> Option<App> {
    let mut app = App::with_engine(&with_stage(run)).await?;
    app.variables = SECRETS.map(|name| (name.to_owned(), format!("value of {name}"))).into();
    Some(app)
}

/// Every program that a plan could find by name says that it was started; the credentials' configuration names one too.
#[tokio::test]
async fn a_plan_starts_no_process() {
    let app = fresh(&with_stage("./look")).await;
    let (bin, home) = (app.root.join("bin"), app.root.join("home"));
    std::fs::create_dir_all(home.join(".aws")).unwrap();
    std::fs::create_dir(&bin).unwrap();
    let started = app.root.join("started");
    let wire = format!("echo \"$0 $*\" >> {}", started.display());
    for name in ["sh", "bash", "git", "docker", "buildctl", "node", "ruby", "python3", "aws", "gh", "cargo", "env"] {
        program(&bin.join(name), &wire);
    }
    program(&app.root.join("look"), &wire);
    let configuration = format!("[default]\ncredential_process = {}\n", bin.join("aws").display());
    std::fs::write(home.join(".aws/config"), configuration).unwrap();
    for folder in ["api", "worker"] {
        std::fs::create_dir(app.root.join(folder)).unwrap();
        std::fs::write(app.root.join(folder).join("Dockerfile"), "FROM scratch\nRUN touch /x\n").unwrap();
    }
    for more in [&["plan"][..], &["plan", "--build"]] {
        let mut command = app.command(more);
        // The local AWS's own folder is found below XDG_CACHE_HOME; a home of its own has no other use.
        command.env("PATH", &bin).env("HOME", &home).env("AWS_CONFIG_FILE", home.join(".aws/config"));
        let output = command.output().await.unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(0), "{said}");
        assert!(!started.exists(), "{more:?} started {}", std::fs::read_to_string(&started).unwrap());
    }
    assert_eq!(app.proxy.writes(), super::NOTHING);
    // The wire does trip.
    let tripped = tokio::process::Command::new(bin.join("git")).status().await.unwrap();
    assert!(tripped.success() && started.exists());
}

#[tokio::test]
async fn a_child_sees_what_it_needs_and_nothing_of_ours() {
    let Some(app) = with_engine("./look").await else { return };
    program(&app.root.join("look"), "env > seen");
    let mut command = app.command(&["run"]);
    let output = command.envs(HOSTILE).output().await.unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    let seen = std::fs::read_to_string(app.root.join("seen")).unwrap();
    let names: Vec<&str> = seen.lines().filter_map(|line| line.split_once('=')).map(|(name, _)| name).collect();
    assert!(names.contains(&"INFRA_ENVIRONMENT") && names.contains(&"PATH"), "{seen}");
    for name in names.iter().filter(|name| !SHELLS_OWN.contains(name)) {
        assert!(["PATH", "HOME"].contains(name) || name.starts_with("INFRA_"), "{name}");
        assert!(HOSTILE.iter().all(|(hostile, _)| hostile != name), "{name}");
    }
    for secret in SECRETS {
        assert!(!seen.contains(&format!("value of {secret}")), "{secret}");
    }
}

/// A command is a program and its arguments, and nothing is put into either.
#[tokio::test]
async fn a_command_is_neither_a_shells_nor_put_together_from_names() {
    let stage = "'./look $(touch owned) `touch owned` ;touch owned $INFRA_APP *'";
    let Some(app) = with_engine(stage).await else { return };
    program(&app.root.join("look"), "printf '%s\\n' \"$@\" > seen");
    let mut command = app.command(&["run"]);
    command.env("GITHUB_REF_NAME", "$(touch owned)").env("GITHUB_HEAD_REF", "`touch owned`");
    let output = command.env("GITHUB_SHA", "$(touch owned)").output().await.unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    let seen = std::fs::read_to_string(app.root.join("seen")).unwrap();
    assert_eq!(seen, "$(touch\nowned)\n`touch\nowned`\n;touch\nowned\n$INFRA_APP\n*\n");
    assert!(!app.root.join("owned").exists());
}
