//! The workflows that people take: each names what the action has, asks for no more than it needs, and cancels nothing
//! that changes AWS. That they are well formed is for zizmor and check-jsonschema to say, in `.ci/run`.

use std::{collections::BTreeSet, fs, path::Path};

use serde_json::Value as Json;

fn yaml(path: &Path) -> Json {
    serde_yaml::from_str(&fs::read_to_string(path).unwrap())
        .unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The workflows of a folder by name.
fn workflows(folder: &str) -> Vec<(String, Json)> {
    let files = fs::read_dir(root().join(folder)).unwrap().map(|entry| entry.unwrap().path());
    let files = files.filter(|path| path.extension().is_some_and(|extension| extension == "yml"));
    let mut all: Vec<_> =
        files.map(|path| (path.file_name().unwrap().to_str().unwrap().to_owned(), yaml(&path))).collect();
    all.sort_by(|a, b| a.0.cmp(&b.0));
    all
}

fn jobs(workflow: &Json) -> impl Iterator<Item = &Json> {
    workflow["jobs"].as_object().unwrap().values()
}

fn steps(job: &Json) -> &Vec<Json> {
    job["steps"].as_array().unwrap()
}

/// The steps that use the action.
fn uses(workflow: &Json) -> Vec<&Json> {
    let ours = |step: &&Json| step["uses"].as_str().is_some_and(|uses| uses.starts_with("org/finance-infra-action@"));
    jobs(workflow).flat_map(steps).filter(ours).collect()
}

fn keys(map: &Json) -> BTreeSet<String> {
    map.as_object().into_iter().flatten().map(|(key, _)| key.clone()).collect()
}

#[test]
fn every_action_is_pinned_and_no_checkout_leaves_a_token() {
    for (name, workflow) in workflows("workflows-examples").into_iter().chain(workflows(".github/workflows")) {
        assert_eq!(workflow["permissions"], serde_json::json!({}), "{name}");
        for job in jobs(&workflow) {
            assert!(job["timeout-minutes"].is_u64() && job["permissions"].is_object(), "{name}");
            for step in steps(job) {
                let Some(action) = step["uses"].as_str() else { continue };
                let (_, commit) = action.split_once('@').unwrap();
                assert!(commit.len() == 40 && commit.bytes().all(|b| b.is_ascii_hexdigit()), "{name}: {action}");
                let checkout = action.starts_with("actions/checkout@");
                assert!(!checkout || step["with"]["persist-credentials"] == false, "{name}");
            }
        }
    }
}

#[test]
fn the_examples_use_the_action_as_it_is() {
    let action = yaml(&root().join("action.yml"));
    let inputs = keys(&action["inputs"]);
    let mut commands = BTreeSet::new();
    for (name, workflow) in workflows("workflows-examples") {
        let uses = uses(&workflow);
        assert!(!uses.is_empty(), "{name}");
        for step in uses {
            let given = keys(&step["with"]);
            assert!(given.is_subset(&inputs), "{name}: {given:?}");
            let command = step["with"]["command"].as_str().unwrap_or("run");
            let quoted: Vec<&str> = command.split('\'').skip(1).step_by(2).collect();
            let words = if command.starts_with("${{") { quoted } else { vec![command] };
            commands.extend(words.iter().filter_map(|words| words.split(' ').next()).map(str::to_owned));
        }
        // What the step of another job reads is an output.
        let text = fs::read_to_string(root().join("workflows-examples").join(&name)).unwrap();
        for output in text.split(".outputs.").skip(1) {
            let output: String = output.chars().take_while(|c| c.is_ascii_lowercase() || *c == '-').collect();
            assert!(keys(&action["outputs"]).contains(&output), "{name}: {output}");
        }
    }
    commands.remove("turn back");
    let known = ["approve", "drift", "plan", "rollback", "run", "stage", "turn"];
    assert_eq!(commands, known.map(str::to_owned).into());
}

#[test]
fn what_changes_aws_is_never_cancelled_and_only_it_may_take_the_deploy_role() {
    for (name, workflow) in workflows("workflows-examples") {
        let reads = ["plan.yml", "drift.yml"].contains(&name.as_str());
        for job in jobs(&workflow) {
            let concurrency = if job["concurrency"].is_null() { &workflow["concurrency"] } else { &job["concurrency"] };
            assert_eq!(concurrency["cancel-in-progress"], reads, "{name}");
            // The deploy role trusts a job of a GitHub environment; a pull request's job is none.
            assert_eq!(job["environment"].is_null(), reads, "{name}");
            let permissions = keys(&job["permissions"]);
            assert!(!permissions.contains("packages") && job["permissions"]["contents"] == "read", "{name}");
        }
        let events = keys(&workflow["on"]);
        assert!(!events.is_empty(), "{name}");
        assert!(!events.contains("pull_request_target") && !events.contains("workflow_run"), "{name}");
        assert!(reads || !events.contains("pull_request"), "{name}");
    }
}

#[test]
fn the_deployment_hands_over_the_secrets_that_the_file_names() {
    let file = yaml(&root().join("workflows-examples/finance-app/finance-infra.yml"));
    let secrets = file["services"].as_object().unwrap().values().flat_map(|service| service["secrets"].as_object());
    let named: BTreeSet<String> =
        secrets.flatten().filter(|(_, source)| *source == "ssm").map(|(name, _)| name.clone()).collect();
    let (_, deploy) = workflows("workflows-examples").into_iter().find(|(name, _)| name == "deploy.yml").unwrap();
    let jobs: BTreeSet<String> = keys(&deploy["jobs"]);
    assert_eq!(jobs, keys(&file["environments"]));
    for step in uses(&deploy) {
        assert_eq!(keys(&step["env"]), named);
        for (name, value) in step["env"].as_object().unwrap() {
            assert_eq!(value, &Json::from(format!("${{{{ secrets.{name} }}}}")));
        }
    }
}
