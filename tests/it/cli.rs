//! The binary as people and workflows meet it: exit codes, streams, JSON.

use std::{
    io::Write,
    process::{Command, Output, Stdio},
};

use serde_json::Value as Json;

/// The binary in a folder of its own, without any variable that could reach an account or change its ways.
fn runner(folder: &std::path::Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_runner"));
    command.env_clear().current_dir(folder).stdin(Stdio::null());
    command.envs(std::env::var_os("PATH").map(|path| ("PATH", path)));
    command.env("HOME", folder).env("AWS_EC2_METADATA_DISABLED", "true");
    command
}

fn in_nothing(arguments: &[&str]) -> Output {
    let folder = tempfile::tempdir().unwrap();
    runner(folder.path()).args(arguments).output().unwrap()
}

fn out(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn err(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

#[test]
fn help_and_version_are_answers() {
    let help = in_nothing(&["--help"]);
    assert_eq!(help.status.code(), Some(0));
    assert!(help.stderr.is_empty());
    for command in [
        "init",
        "validate",
        "plan",
        "run",
        "adopt",
        "destroy",
        "drift",
        "stage",
        "status",
        "rollback",
        "approve",
        "verify",
        "render",
        "cost",
        "docs",
        "logs",
        "exec",
        "task",
        "explain",
        "sandbox",
        "completions",
        "man",
    ] {
        assert!(out(&help).contains(&format!("\n  {command} ")), "{command} is missing from the help");
        let own = in_nothing(&[command, "--help"]);
        assert_eq!(own.status.code(), Some(0), "{command}");
        assert!(out(&own).contains("Example"), "{command} has no example");
    }
    let version = in_nothing(&["--version"]);
    assert_eq!(out(&version), format!("runner {}\n", env!("CARGO_PKG_VERSION")));
}

#[test]
fn bad_usage_ends_with_2_and_says_so_on_stderr() {
    for arguments in [
        vec!["nonsense"],
        vec!["plan", "--nonsense"],
        vec!["plan", "--timeout", "30"],
        vec!["plan", "--format", "xml"],
        vec!["plan", "--fail-on", "nothing"],
        vec!["plan", "--fail-on", "cost:much"],
        vec!["run", "--build"],
        vec!["run", "--images", "{\"api\":\"latest\"}"],
        vec!["explain"],
        vec!["plan", "-q", "-v"],
        vec!["man", "nonsense"],
    ] {
        let output = in_nothing(&arguments);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {}", err(&output));
        assert!(output.stdout.is_empty(), "{arguments:?}");
        assert!(!output.stderr.is_empty(), "{arguments:?}");
    }
}

#[test]
fn json_is_whole_when_usage_or_file_is_bad() {
    for arguments in [
        vec!["plan", "--nonsense", "--format", "json"],
        vec!["--format=json", "plan"],
        vec!["validate", "--format", "json", "-f", "none.yml"],
        vec!["run", "--format", "json"],
        vec!["explain", "nonsense", "--format", "json"],
    ] {
        let output = in_nothing(&arguments);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        let json: Json =
            serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{arguments:?}: {error}"));
        assert_eq!(json["exit_code"], 2, "{arguments:?}");
        assert_eq!(json["verdict"], "usage", "{arguments:?}");
    }
    let folder = tempfile::tempdir().unwrap();
    let output = runner(folder.path()).env("INFRA_FORMAT", "json").args(["plan", "--nonsense"]).output().unwrap();
    assert!(serde_json::from_slice::<Json>(&output.stdout).is_ok());
    let output = runner(folder.path()).env("INFRA_FORMAT", "json").args(["plan", "--format", "text"]).output().unwrap();
    assert!(output.stdout.is_empty(), "a flag goes over a variable");
}

#[test]
fn a_missing_file_is_named_with_the_flag() {
    let output = in_nothing(&["plan"]);
    assert_eq!(output.status.code(), Some(2));
    let said = err(&output);
    assert!(said.contains("there is no .github/finance-infra.yml here or above"), "{said}");
    assert!(said.contains("  do: name the file with -f"), "{said}");
    let folder = tempfile::tempdir().unwrap();
    let output = runner(folder.path()).env("INFRA_FILE", "from-a-variable.yml").arg("plan").output().unwrap();
    assert!(err(&output).contains("from-a-variable.yml"));
}

#[test]
fn point_17_there_are_no_escapes_without_a_terminal() {
    for arguments in [vec!["--help"], vec!["plan"], vec!["nonsense"], vec!["explain", "exit-3"], vec!["stage"]] {
        let output = in_nothing(&arguments);
        assert!(!out(&output).contains('\u{1b}') && !err(&output).contains('\u{1b}'), "{arguments:?}");
    }
    assert!(err(&in_nothing(&["plan", "--color", "always"])).contains("\u{1b}[31m"), "unless one asks for them");
    // On a terminal there is colour, and none where one wishes for none.
    assert!(on_a_terminal(&[]).contains("\u{1b}[31m"));
    for wish in [("NO_COLOR", "1"), ("TERM", "dumb")] {
        let shown = on_a_terminal(&[wish]);
        assert!(shown.contains("finding the workflow file") && !shown.contains('\u{1b}'), "{wish:?}: {shown}");
    }
}

/// What a terminal is sent by a command that fails. Python, which the local AWS needs too, has one to give.
fn on_a_terminal(variables: &[(&str, &str)]) -> String {
    let folder = tempfile::tempdir().unwrap();
    let plain = runner(folder.path());
    let mut command = Command::new("python3");
    command.env_clear().current_dir(folder.path()).stdin(Stdio::null());
    command.envs(plain.get_envs().filter_map(|(name, value)| Some((name, value?))));
    command.env("TERM", "xterm").envs(variables.iter().copied());
    command.args(["-c", "import pty, sys; sys.exit(pty.spawn(sys.argv[1:]) >> 8)"]);
    let output = command.args([env!("CARGO_BIN_EXE_runner"), "plan"]).output().unwrap();
    assert_eq!(output.status.code(), Some(2), "{}{}", out(&output), err(&output));
    out(&output)
}

#[test]
fn changing_commands_refuse_events_that_anyone_can_cause() {
    let folder = tempfile::tempdir().unwrap();
    for event in ["pull_request", "pull_request_target", "pull_request_review", "issue_comment", "workflow_run"] {
        for arguments in [vec!["run"], vec!["stage", "deploy-service"], vec!["destroy", "--yes"]] {
            let output = runner(folder.path()).env("GITHUB_EVENT_NAME", event).args(&arguments).output().unwrap();
            assert_eq!(output.status.code(), Some(2));
            assert!(err(&output).contains(&format!("--allow-event {event}")), "{}", err(&output));
        }
    }
    // Allowed, or harmless: the next thing that is missing is the file.
    let allowed = ["run", "--allow-event", "pull_request"];
    let output = runner(folder.path()).env("GITHUB_EVENT_NAME", "pull_request").args(allowed).output().unwrap();
    assert!(err(&output).contains("finding the workflow file"), "{}", err(&output));
    for event in ["push", "workflow_dispatch", "schedule"] {
        let output = runner(folder.path()).env("GITHUB_EVENT_NAME", event).arg("run").output().unwrap();
        assert!(err(&output).contains("finding the workflow file"), "{}", err(&output));
    }
}

#[test]
fn a_reader_that_went_away_is_no_panic() {
    let folder = tempfile::tempdir().unwrap();
    let mut child = runner(folder.path())
        .args(["completions", "bash"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(0));
    assert_eq!(err(&output), "");
}

#[test]
fn evidence_on_stdin_is_answered_line_by_line() {
    let folder = tempfile::tempdir().unwrap();
    let mut command = runner(folder.path());
    let mut child = command
        .args(["explain", "-", "--format", "json"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = "{\"where\":\"other\",\"text\":\"xyzzy\",\"exit_code\":null}\n\n{\"where\":\"log\"}\n";
    child.stdin.take().unwrap().write_all(lines.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(2), "the second has no text");
    let answers: Vec<Json> = out(&output).lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(answers.len(), 2);
    assert_eq!((&answers[0]["cause"], &answers[0]["certainty"]), (&"unknown".into(), &"unknown".into()));
    assert!(answers[1]["error"].as_str().unwrap().starts_with("line 3: missing field `text`"));
}

#[test]
fn whatever_a_line_of_evidence_is_it_gets_one_answer_and_costs_no_other_its_own() {
    let last = r#"{"where":"containerReason","text":"","exit_code":139}"#;
    // What is given, and whether it is an error in words.
    let lines: [(&[u8], bool); 14] = [
        (br#"{"where":"log","text":null}"#, false),
        (br#"{"where":null,"text":null,"exit_code":null}"#, false),
        (br#"{"where":"log"}"#, true),
        (br#"{"where":"log","text":5}"#, true),
        (br#"{"where":"log","text":["a"]}"#, true),
        (br#"{"where":7,"text":"a"}"#, true),
        (br#"{"text":"a","exit_code":"1"}"#, true),
        (br#"{"text":"a","exit_code":1.5}"#, true),
        (br#"{"text":"a","exit_code":99999999999}"#, true),
        (b"null", true),
        (b"5", true),
        (b"{\"text\":", true),
        (b"{\"where\":\"log\",\"text\":\"caf\xE9 \"}", false),
        (last.as_bytes(), false),
    ];
    let folder = tempfile::tempdir().unwrap();
    let explain = |format: &str| {
        let mut child = runner(folder.path())
            .args(["explain", "-", "--format", format])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let all: Vec<&[u8]> = lines.iter().map(|(line, _)| *line).collect();
        child.stdin.take().unwrap().write_all(&all.join(&b'\n')).unwrap();
        let output = child.wait_with_output().unwrap();
        assert_eq!((output.status.code(), err(&output).as_str()), (Some(2), ""));
        out(&output)
    };
    let answers: Vec<Json> = explain("json").lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(answers.len(), lines.len());
    for (number, ((line, is_error), answer)) in lines.iter().zip(&answers).enumerate() {
        let line = String::from_utf8_lossy(line);
        let words = answer.get("error").and_then(Json::as_str);
        assert_eq!(words.is_some(), *is_error, "{line}: {answer}");
        assert!(words.is_none_or(|words| words.starts_with(&format!("line {}: ", number + 1))), "{line}: {answer}");
        assert!(answer["do"].as_str().is_some_and(|remedy| !remedy.is_empty()), "{line}: {answer}");
        let cause = if *line == *last { "exit-segfault" } else { "unknown" };
        assert_eq!(answer["cause"], cause, "{line}: {answer}");
    }
    let text = explain("text");
    assert_eq!(text.lines().filter(|line| line.trim_start().starts_with("do: ")).count(), lines.len(), "{text}");
}

#[test]
fn a_planted_secret_is_never_echoed() {
    let folder = tempfile::tempdir().unwrap();
    let output = runner(folder.path())
        .env("AWS_SECRET_ACCESS_KEY", "planted-secret-value")
        .args(["plan", "--format", "json", "-f", "planted-secret-value.yml"])
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(!out(&output).contains("planted-secret-value") && !err(&output).contains("planted-secret-value"));
    assert!(serde_json::from_slice::<Json>(&output.stdout).is_ok());
}

#[test]
#[cfg(target_os = "linux")]
fn it_leaves_no_core_and_no_environment_to_others() {
    let folder = tempfile::tempdir().unwrap();
    let mut command = runner(folder.path());
    let mut child = command
        .args(["explain", "-", "--format", "json"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    // Its first answer shows that it is past its start.
    writeln!(stdin, "{{\"text\":\"x\"}}").unwrap();
    let mut line = String::new();
    std::io::BufRead::read_line(&mut std::io::BufReader::new(child.stdout.take().unwrap()), &mut line).unwrap();
    let limits = std::fs::read_to_string(format!("/proc/{}/limits", child.id())).unwrap();
    let core = limits.lines().find(|line| line.starts_with("Max core file size")).unwrap();
    assert_eq!(core.split_whitespace().skip(4).take(2).collect::<Vec<_>>(), ["0", "0"], "{core}");
    // A process that is not dumpable shows its environment to root alone.
    use std::os::unix::fs::MetadataExt;
    let is_root = std::fs::metadata("/proc/self").unwrap().uid() == 0;
    if !is_root {
        assert!(std::fs::read(format!("/proc/{}/environ", child.id())).is_err());
    }
    drop(stdin);
    assert!(child.wait().unwrap().success());
}

#[test]
fn completions_and_manual_are_whole() {
    for shell in ["bash", "zsh", "fish"] {
        let output = in_nothing(&["completions", shell]);
        assert_eq!(output.status.code(), Some(0));
        assert!(out(&output).contains("validate"), "{shell}");
    }
    assert!(out(&in_nothing(&["man"])).contains(".TH runner 1"));
    assert!(out(&in_nothing(&["man", "run"])).contains("expect"));
}
