//! What of the inputs reaches the runner, and how.

use std::{collections::BTreeMap, fs};

use super::{NOTES, err, noted, release};
use crate::support::job::TOKEN;

fn words(job: &crate::support::job::Job) -> Vec<String> {
    noted(job, "words").unwrap().lines().map(str::to_owned).collect()
}

#[test]
fn without_inputs_it_runs_the_pipeline() {
    let (_server, job) = release(NOTES);
    let output = job.run();
    assert!(output.status.success(), "{}", err(&output));
    assert_eq!(words(&job), ["<run>", "<--timeout=30m>"]);
    let environment: BTreeMap<String, String> = noted(&job, "environment")
        .unwrap()
        .lines()
        .filter_map(|line| line.split_once('='))
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect();
    assert_eq!(environment["INFRA_ROLE"], "auto");
    assert_eq!(environment["INFRA_COMMENT"], "auto");
    assert_eq!(environment["INFRA_GITHUB_TOKEN"], TOKEN);
    assert_eq!(environment["RUNNER_ENVIRONMENT"], "github-hosted");
    assert!(!environment.keys().any(|name| name.starts_with("INPUT_")), "{environment:?}");
}

#[test]
fn inputs_become_flags_and_services_follow_the_dashes() {
    let (_server, job) = release(NOTES);
    let job = job
        .with("command", "run  --prune\n--rebuild")
        .with("environment", "staging")
        .with("file", "infra/a file.yml")
        .with("services", "api, web\nworker")
        .with("images", r#"{"api":"sha256:0"}"#)
        .with("expect-plan", "c20d4e11")
        .with("allow-replace", "Database,Vpc")
        .with("timeout", "1h")
        .with("role", "ambient")
        .with("comment", "off");
    let output = job.run();
    assert!(output.status.success(), "{}", err(&output));
    let expected = [
        "<run>",
        "<--prune>",
        "<--rebuild>",
        "<--environment=staging>",
        "<--file=infra/a file.yml>",
        "<--timeout=1h>",
        r#"<--images={"api":"sha256:0"}>"#,
        "<--expect=c20d4e11>",
        "<--allow-replace=Database>",
        "<--allow-replace=Vpc>",
        "<-->",
        "<api>",
        "<web>",
        "<worker>",
    ];
    assert_eq!(words(&job), expected);
    let environment = noted(&job, "environment").unwrap();
    assert!(environment.contains("INFRA_ROLE=ambient\n") && environment.contains("INFRA_COMMENT=off\n"));
}

#[test]
fn a_commands_own_dashes_stay_behind_the_flags() {
    let (_server, job) = release(NOTES);
    let job = job.with("command", "task api -- bundle exec rails -- -v").with("environment", "staging");
    assert!(job.run().status.success());
    let expected = [
        "<task>",
        "<api>",
        "<--environment=staging>",
        "<--timeout=30m>",
        "<-->",
        "<bundle>",
        "<exec>",
        "<rails>",
        "<-->",
        "<-v>",
    ];
    assert_eq!(words(&job), expected);
    let both = job.with("services", "api").run();
    assert_eq!(both.status.code(), Some(2));
    assert!(err(&both).contains("`services` does not go with a command that has `--`"), "{}", err(&both));
}

#[test]
fn an_input_is_neither_shell_nor_pattern_nor_flag() {
    let (_server, job) = release(NOTES);
    fs::write(job.path("work/app/app/a-file"), "").unwrap();
    let evil = "$(touch touched)`touch touched`;touch${IFS}touched";
    let job = job
        .with("command", "run * $HOME `touch touched`")
        .with("environment", evil)
        .with("services", &format!("--yes {}", "* \"'"))
        .with("allow-replace", "--yes *")
        .with("role", evil);
    let output = job.run();
    assert!(output.status.success(), "{}", err(&output));
    let environment = format!("<--environment={evil}>");
    let expected = [
        "<run>",
        "<*>",
        "<$HOME>",
        "<`touch>",
        "<touched`>",
        environment.as_str(),
        "<--timeout=30m>",
        "<--allow-replace=--yes>",
        "<--allow-replace=*>",
        "<-->",
        "<--yes>",
        "<*>",
        "<\"'>",
    ];
    assert_eq!(words(&job), expected);
    assert!(!job.path("work/app/app/touched").exists());
}

#[test]
fn an_empty_command_is_refused() {
    let (server, job) = release(NOTES);
    let output = job.with("command", " ").run();
    assert_eq!(output.status.code(), Some(2));
    assert!(err(&output).starts_with("::error title=finance-infra-action::the input `command` is empty"));
    assert!(server.asked().is_empty());
}

#[test]
fn its_exit_code_is_the_steps() {
    for code in [0, 1, 3, 5] {
        let (_server, job) = release(NOTES);
        assert_eq!(job.env("EXIT", &code.to_string()).run().status.code(), Some(code));
    }
}
