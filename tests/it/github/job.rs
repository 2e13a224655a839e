//! The binary in a GitHub job: what it leaves behind, and that GitHub's troubles change no exit code.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    process::Output,
};

use serde_json::{Value as Json, json};
use tokio::process::Command;

use crate::{
    run::{
        binary::{ODD, canary, with_canaries},
        kills::{SMALL, fresh},
    },
    support::{
        Script,
        app::App,
        github::{Fate, GitHub},
    },
};

const SHA: &str = "3f9c2e1aa0b1c2d3e4f5061728394a5b6c7d8e9f";

/// A step's files.
struct Step {
    folder: tempfile::TempDir,
}

impl Step {
    fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap() }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.path(name)).unwrap_or_default()
    }

    /// The command becomes one of a job.
    fn dress(&self, command: &mut Command, github: &GitHub, event: &str, payload: &Json) {
        std::fs::write(self.path("event"), payload.to_string()).unwrap();
        command.envs(github.variables(event));
        for (name, file) in [
            ("GITHUB_EVENT_PATH", "event"),
            ("GITHUB_STEP_SUMMARY", "summary"),
            ("GITHUB_OUTPUT", "output"),
            ("GITHUB_ENV", "never"),
            ("GITHUB_PATH", "never"),
            ("RUNNER_TEMP", ""),
        ] {
            command.env(name, self.path(file));
        }
    }

    /// The outputs, as GitHub's runner reads them.
    fn outputs(&self) -> BTreeMap<String, String> {
        let text = self.read("output");
        let mut lines = text.lines();
        let mut found = BTreeMap::new();
        while let Some(line) = lines.next() {
            let (name, delimiter) = line.split_once("<<").unwrap();
            let value: Vec<&str> = lines.by_ref().take_while(|line| *line != delimiter).collect();
            found.insert(name.to_owned(), value.join("\n"));
        }
        found
    }
}

fn pull_request(repo: &Json) -> Json {
    json!({
        "action": "synchronize", "number": 12,
        "pull_request": {
            "number": 12,
            "head": { "ref": "cpu", "sha": SHA, "repo": repo },
            "base": { "ref": "main", "repo": { "full_name": "acme/shop" } },
        },
    })
}

fn own() -> Json {
    pull_request(&json!({ "full_name": "acme/shop", "fork": false }))
}

fn push() -> Json {
    json!({ "ref": "refs/heads/main", "deleted": false })
}

fn merged(github: &GitHub) {
    let pull = json!({ "number": 12, "state": "closed", "merged_at": "2026-03-04T14:00:00Z", "merge_commit_sha": SHA });
    github.pulls_of(SHA, json!([pull]));
}

fn lines(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

async fn job(app: &App, github: &GitHub, step: &Step, arguments: &[&str], event: &str, payload: &Json) -> Output {
    let mut command = app.command(arguments);
    step.dress(&mut command, github, event, payload);
    command.output().await.unwrap()
}

#[tokio::test]
async fn a_plan_on_a_pull_request_and_the_run_of_its_merge() {
    let app = fresh(SMALL).await;
    let (github, step) = (GitHub::start().await, Step::new());
    let planned = job(&app, &github, &step, &["plan"], "pull_request", &own()).await;
    assert_eq!(planned.status.code(), Some(0), "{}", lines(&planned));
    let comment = github.comment();
    assert_eq!(comment.number, 12);
    let mut first = comment.body.lines();
    let title = first.next().unwrap();
    assert!(title.starts_with("### 🟢 staging plan: ") && title.ends_with("nothing replaced or deleted"), "{title}");
    let second = first.next().unwrap();
    assert!(second.starts_with("**Safe to merge; merging deploys it; cost +$"), "{second}");
    assert!(second.contains("/month ($0.00 → $") && second.ends_with(") + usage**"), "{second}");
    assert!(comment.body.contains("3f9c2e1"), "{}", comment.body);
    assert!(comment.body.contains("/actions/runs/100\">log</a>"), "{}", comment.body);
    let outputs = step.outputs();
    assert_eq!((outputs["verdict"].as_str(), outputs["exit-code"].as_str()), ("succeeded", "0"));
    assert_eq!((outputs["changed"].as_str(), outputs["replaced"].as_str()), ("true", "0"));
    assert!(outputs["comment-url"].ends_with("/pull/12#issuecomment-1001"), "{outputs:?}");
    let report: Json = serde_json::from_str(&std::fs::read_to_string(&outputs["report"]).unwrap()).unwrap();
    assert_eq!(report["plan_id"], outputs["plan-id"].as_str());
    assert!(step.read("summary").contains("**Safe to merge; merging deploys it; cost +$"));

    merged(&github);
    let step = Step::new();
    let ran = job(&app, &github, &step, &["run", "--expect", &outputs["plan-id"]], "push", &push()).await;
    assert_eq!(ran.status.code(), Some(0), "{}", lines(&ran));
    let comment = github.comment();
    assert!(comment.body.starts_with("### ✅ staging: healthy in "), "{}", comment.body);
    assert!(comment.body.contains("History (1)"), "{}", comment.body);
    let log = "/actions/runs/100\">log</a>";
    let earlier = comment.body.lines().find(|line| line.starts_with("- ") && line.contains("🟢 staging plan: "));
    assert!(earlier.is_some_and(|line| line.ends_with(log)), "{}", comment.body);
    let outputs = step.outputs();
    assert_eq!((outputs["verdict"].as_str(), outputs["changed"].as_str()), ("succeeded", "true"));
    let images: BTreeMap<String, String> = serde_json::from_str(&outputs["images"]).unwrap();
    assert_eq!(images.keys().collect::<Vec<_>>(), ["api", "worker"]);
    assert!(images.values().all(|digest| digest.starts_with("sha256:")), "{images:?}");
    let deployments: BTreeMap<String, String> = serde_json::from_str(&outputs["deployments"]).unwrap();
    assert!(deployments["api"].starts_with("ecs-svc/"), "{deployments:?}");
    assert!(step.read("summary").starts_with("### ✅ staging: healthy in "));
    assert!(!step.path("never").exists());

    // A run with nothing to do edits what is there, and begins nothing elsewhere.
    github.forget();
    let again = job(&app, &github, &Step::new(), &["run"], "push", &push()).await;
    assert_eq!(again.status.code(), Some(0), "{}", lines(&again));
    assert!(github.comment().body.starts_with("### ✅ staging: unchanged\n"), "{}", github.comment().body);
    assert_eq!(github.writes(), ["PATCH"]);
    let elsewhere = GitHub::start().await;
    let again = job(&app, &elsewhere, &Step::new(), &["plan"], "pull_request", &own()).await;
    assert_eq!(again.status.code(), Some(0));
    assert_eq!(elsewhere.comments().len(), 0);
}

#[tokio::test]
async fn point_06_a_403_422_or_5xx_changes_no_exit_code() {
    let app = fresh(SMALL).await;
    let fates = [
        Fate::denied(),
        Fate::Refuse(422, Vec::new(), json!({ "message": "Validation Failed" })),
        Fate::Refuse(502, Vec::new(), json!("down")),
        Fate::limited(Some(3_600)),
    ];
    for fate in fates {
        let (github, step) = (GitHub::start().await, Step::new());
        let all = fate.clone();
        github.decide(move |_| all.clone());
        let planned = job(&app, &github, &step, &["plan"], "pull_request", &own()).await;
        let said = lines(&planned);
        assert_eq!(planned.status.code(), Some(0), "{said}");
        assert!(said.contains("warning: the comment was not written; the step summary has it"), "{said}");
        assert!(step.read("summary").contains("staging plan: "));
        assert_eq!(step.outputs()["verdict"], "succeeded");
        assert!(!step.outputs().contains_key("comment-url"));
    }
    // A run that failed stays one.
    let (github, step) = (GitHub::start().await, Step::new());
    merged(&github);
    github.decide(|asked| if asked.writes() { Fate::denied() } else { Fate::Pass });
    let failed = job(&app, &github, &step, &["run", "--expect", "00000000"], "push", &push()).await;
    assert_eq!(failed.status.code(), Some(1), "{}", lines(&failed));
    assert_eq!(step.outputs()["verdict"], "failed");
    assert!(lines(&failed).contains("\n::error title=staging::running plan 00000000 of staging"), "{}", lines(&failed));
}

#[tokio::test]
async fn point_07_a_forks_plan_asks_aws_and_github_for_nothing() {
    let (aws, github, step) = (Script::default().start().await, GitHub::start().await, Step::new());
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("app.yml"), SMALL).unwrap();
    let run = async |command: &str, step: &Step, payload: &Json| {
        let mut runner = Command::new(env!("CARGO_BIN_EXE_runner"));
        runner.env_clear().current_dir(folder.path()).env("HOME", folder.path());
        step.dress(&mut runner, &github, "pull_request", payload);
        runner.env("AWS_ENDPOINT_URL", &aws.url).env("AWS_ACCESS_KEY_ID", "AKIA").env("AWS_SECRET_ACCESS_KEY", "s");
        runner.env("ACTIONS_ID_TOKEN_REQUEST_URL", format!("{}/token", aws.url));
        runner.env("ACTIONS_ID_TOKEN_REQUEST_TOKEN", "request-token").env("INFRA_ROLE", "auto");
        runner.args([command, "-f", "app.yml"]).output().await.unwrap()
    };
    let fork = pull_request(&json!({ "full_name": "mallory/shop", "fork": true }));
    let gone = pull_request(&Json::Null);
    for payload in [&fork, &gone] {
        let planned = run("plan", &step, payload).await;
        assert_eq!(planned.status.code(), Some(0), "{}", lines(&planned));
        assert!(lines(&planned).contains("AWS was not read"), "{}", lines(&planned));
    }
    assert!(step.read("summary").contains("the code is that of mallory/shop, and gets no credentials"));
    assert_eq!(step.outputs()["exit-code"], "0");
    let status = run("status", &Step::new(), &fork).await;
    assert_eq!(status.status.code(), Some(2), "{}", lines(&status));
    std::fs::write(folder.path().join("app.yml"), SMALL.replace("port:", "prot:")).unwrap();
    let (step, bad) = (Step::new(), run("plan", &Step::new(), &fork).await);
    assert_eq!(bad.status.code(), Some(2), "{}", lines(&bad));
    assert!(lines(&bad).contains("\n::error file=app.yml,line=6,"), "{}", lines(&bad));
    assert_eq!(run("plan", &step, &fork).await.status.code(), Some(2));
    assert!(step.read("summary").contains("unknown key"), "{}", step.read("summary"));
    assert!(step.read("summary").contains(" | app.yml:6 |"), "{}", step.read("summary"));
    assert_eq!(aws.requests().len(), 0);
    assert_eq!(github.asked().len(), 0);
}

#[tokio::test]
async fn an_odd_payload_is_said_in_words() {
    let (github, step) = (GitHub::start().await, Step::new());
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("app.yml"), SMALL).unwrap();
    for (event, payload) in [("pull_request", json!({})), ("pull_request_target", json!("x"))] {
        let mut runner = Command::new(env!("CARGO_BIN_EXE_runner"));
        runner.env_clear().current_dir(folder.path()).env("HOME", folder.path());
        step.dress(&mut runner, &github, event, &payload);
        let output = runner.args(["plan", "-f", "app.yml"]).output().await.unwrap();
        assert_eq!(output.status.code(), Some(2), "{}", lines(&output));
        assert!(lines(&output).contains("has no `pull_request`"), "{}", lines(&output));
    }
    // Of a push it is enough to say so, there and in the summary.
    let step = Step::new();
    let mut runner = Command::new(env!("CARGO_BIN_EXE_runner"));
    runner.env_clear().current_dir(folder.path()).env("HOME", folder.path());
    step.dress(&mut runner, &github, "push", &push());
    std::fs::write(step.path("event"), "no JSON").unwrap();
    let output = runner.args(["validate", "-f", "app.yml"]).output().await.unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", lines(&output));
    for place in [lines(&output), step.read("summary")] {
        assert!(place.contains("no comment is made: reading what this GitHub job is about: "), "{place}");
    }
    assert_eq!((step.outputs()["exit-code"].as_str(), github.asked().len()), ("0", 0));
}

#[tokio::test]
async fn the_identity_trusts_no_environment_that_lets_every_branch_in() {
    let (aws, github) = (Script::default().start().await, GitHub::start().await);
    let folder = tempfile::tempdir().unwrap();
    let identity = "identity: { repository: acme/shop, repository-id: \"12\" }\n";
    std::fs::write(folder.path().join("app.yml"), format!("{SMALL}{identity}")).unwrap();
    let run = async || {
        let (mut runner, step) = (Command::new(env!("CARGO_BIN_EXE_runner")), Step::new());
        runner.env_clear().current_dir(folder.path()).env("HOME", folder.path());
        step.dress(&mut runner, &github, "workflow_dispatch", &json!({}));
        runner.env("AWS_ENDPOINT_URL", &aws.url).env("AWS_ACCESS_KEY_ID", "AKIA").env("AWS_SECRET_ACCESS_KEY", "s");
        runner.args(["stage", "bootstrap-identity", "-f", "app.yml"]).output().await.unwrap()
    };
    let absent = run().await;
    assert_eq!(absent.status.code(), Some(2), "{}", lines(&absent));
    assert!(lines(&absent).contains("has no GitHub environment `staging`"), "{}", lines(&absent));
    github.environment("staging", json!({ "protection_rules": [], "deployment_branch_policy": null }));
    let open = run().await;
    assert_eq!(open.status.code(), Some(2), "{}", lines(&open));
    assert!(lines(&open).contains("lets every branch use it"), "{}", lines(&open));
    assert_eq!(aws.requests().len(), 0);
    let policy = json!({ "protected_branches": true, "custom_branch_policies": false });
    github.environment("staging", json!({ "protection_rules": [], "deployment_branch_policy": policy }));
    let held = run().await;
    assert!(!lines(&held).contains("GitHub environment"), "{}", lines(&held));
    assert!(!aws.requests().is_empty(), "{}", lines(&held));
}

/// What GitHub's runner shows: it takes masks out of the log, and obeys nothing while it is silenced.
fn log(output: &Output) -> (String, usize, Vec<String>) {
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    let (mut shown, mut masks, mut obeyed) = (String::new(), 0, Vec::new());
    let mut silence: Option<String> = None;
    for line in text.lines() {
        if silence.as_ref().is_some_and(|word| line == format!("::{word}::")) {
            silence = None;
        } else if let (None, Some(word)) = (&silence, line.strip_prefix("::stop-commands::")) {
            silence = Some(word.to_owned());
        } else if silence.is_none() && line.starts_with("::add-mask::") {
            masks += 1;
        } else {
            if silence.is_none() && (line.trim_start().starts_with("::") || line.contains("##[")) {
                obeyed.push(line.to_owned());
            }
            shown.push_str(line);
            shown.push('\n');
        }
    }
    assert_eq!(silence, None, "GitHub stays silenced");
    (shown, masks, obeyed)
}

#[tokio::test]
async fn point_23_no_secret_leaves_by_comment_summary_output_or_annotation() {
    let app = with_canaries().await;
    let github = GitHub::start().await;
    merged(&github);
    let values: Vec<String> = app.variables.values().cloned().collect();
    let shell = |value: &str| format!("'{}'", value.replace('\'', r"'\''"));
    let encoded = |value: &str| {
        use base64::{Engine, engine::general_purpose::STANDARD};
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte);
        let percent: String =
            value.bytes().map(|b| if plain(b) { char::from(b).to_string() } else { format!("%{b:02X}") }).collect();
        [value.to_owned(), STANDARD.encode(value), percent, json!(value).to_string(), shell(value)].join(" \u{1b}[0m| ")
    };
    let message: Vec<String> = values.iter().map(|value| encoded(value)).collect();
    let message = format!("Value failed\n::error::{}\n##[error]x @team ```", message.join("\n"));
    app.proxy.set(move |call| match call.action.as_str() {
        "PutParameter" => {
            crate::support::proxy::Effect::Answer(400, json!({ "__type": "ValidationException", "message": message }))
        }
        _ => crate::support::proxy::Effect::Pass,
    });
    let step = Step::new();
    let mut command = app.command(&["run", "--format", "json", "-v"]);
    step.dress(&mut command, &github, "push", &push());
    let failed = command.env("INFRA_LOG", "trace").output().await.unwrap();
    assert_eq!(failed.status.code(), Some(1), "{}", lines(&failed));
    let (shown, masks, obeyed) = log(&failed);
    assert!(masks >= ODD.len(), "{masks} masks");
    assert!(
        obeyed.iter().all(|line| line.starts_with("::error title=") || line.starts_with("::warning")),
        "{obeyed:?}"
    );
    assert!(!obeyed.is_empty());
    let comment = github.comment().body;
    assert!(comment.starts_with("### ❌ staging: "), "{comment}");
    let report = std::fs::read_to_string(&step.outputs()["report"]).unwrap();
    let places = [
        ("log", shown),
        ("stdout", String::from_utf8_lossy(&failed.stdout).into_owned()),
        ("comment", comment),
        ("summary", step.read("summary")),
        ("outputs", step.read("output")),
        ("annotations", obeyed.join("\n")),
        ("report", report),
        ("sent", github.asked().iter().map(|asked| asked.body.to_string()).collect()),
    ];
    use base64::{Engine, engine::general_purpose::STANDARD};
    for (place, text) in places {
        assert!(!text.is_empty(), "{place}");
        for n in 0..ODD.len() {
            let whole = app.variables[&format!("CANARY_{n}")].as_bytes();
            // The middle of the encoding, away from what its ends mix with.
            let middle = STANDARD.encode(whole);
            let middle = &middle[middle.len() / 3..middle.len() / 3 + 8];
            for form in [canary(n), canary(n)[..8].to_owned(), middle.to_owned()] {
                assert!(!text.contains(&form), "canary {n} as {form} in {place}:\n{text}");
            }
        }
    }
}

#[tokio::test]
async fn point_24_a_log_line_with_a_mention_a_fence_and_a_command_has_no_effect() {
    let app = fresh(SMALL).await;
    let (github, step) = (GitHub::start().await, Step::new());
    merged(&github);
    let evil =
        "@team <img src=x> ```\n::error::boom\n::set-output name=verdict::succeeded\n##[add-path]/x\n</details> [a](b)";
    app.proxy.set(move |call| match call.action.as_str() {
        "CreateService" => crate::support::proxy::Effect::Answer(
            400,
            json!({ "__type": "InvalidParameterException", "message": evil }),
        ),
        _ => crate::support::proxy::Effect::Pass,
    });
    let failed = job(&app, &github, &step, &["run"], "push", &push()).await;
    assert_eq!(failed.status.code(), Some(1));
    let (_, _, obeyed) = log(&failed);
    assert!(obeyed.iter().all(|line| line.starts_with("::error title=")), "{obeyed:?}");
    let body = github.comment().body;
    for text in [body, step.read("summary")] {
        let mut fence: Option<usize> = None;
        for line in text.lines() {
            let ticks = line.trim_start().chars().take_while(|c| *c == '`').count();
            match fence {
                Some(of) if ticks >= of && line.trim().len() == ticks => fence = None,
                None if ticks >= 3 => fence = Some(ticks),
                Some(_) => {}
                None => {
                    let bare = line.split('`').step_by(2).collect::<String>();
                    assert!(!bare.contains("@team") && !bare.contains("<img") && !bare.contains("[a](b)"), "{line}");
                }
            }
        }
        assert_eq!(
            text.matches("<details>").count(),
            text.lines().filter(|line| *line == "</details>").count(),
            "{text}"
        );
    }
}

#[tokio::test]
async fn a_cancelled_job_says_so_on_the_pull_request() {
    use rustix::process::{Pid, Signal, kill_process};
    let app = fresh(SMALL).await;
    let (github, step) = (GitHub::start().await, Step::new());
    merged(&github);
    app.proxy.set(|call| match call.action.as_str() {
        "CreateService" if call.body.contains("\"serviceName\":\"api\"") => crate::support::proxy::Effect::HoldAnswer,
        _ => crate::support::proxy::Effect::Pass,
    });
    let mut command = app.command(&["run"]);
    step.dress(&mut command, &github, "push", &push());
    let child = command.spawn().unwrap();
    app.proxy.holds().await;
    kill_process(Pid::from_raw(child.id().unwrap().cast_signed()).unwrap(), Signal::INT).unwrap();
    let output = child.wait_with_output().await.unwrap();
    assert_eq!(output.status.code(), Some(130), "{}", lines(&output));
    let body = github.comment().body;
    assert!(body.starts_with("### ⚪ staging: cancelled after "), "{body}");
    assert!(body.contains("Do: `runner run -e staging"), "{body}");
    assert!(body.contains("**changed** ") && body.contains("registered shop-staging-api:1"), "{body}");
    for text in [body, step.read("summary")] {
        let line = text.lines().find(|line| line.starts_with("- **AWS goes on** "));
        // What else is at work at that moment stands there too.
        assert!(line.is_some_and(|line| line.contains("deploy-service api")), "{text}");
    }
    assert_eq!((step.outputs()["verdict"].as_str(), step.outputs()["exit-code"].as_str()), ("still-running", "130"));
    assert!(Path::new(&step.outputs()["report"]).is_file());
}
