//! Which container is chosen, and how each thing that is missing is named.

use serde_json::{Value as Json, json};

use super::*;
use crate::infra::testing::environment;

const REVISION: &str = "arn:aws:ecs:us-east-1:111122223333:task-definition/finance-app-staging-api:2";

fn task(id: &str, revision: u32, started: u32, agent: &str) -> Json {
    json!({
        "taskArn": format!("arn:aws:ecs:us-east-1:111122223333:task/finance-app-staging/{id}"),
        "taskDefinitionArn": format!("{}{revision}", REVISION.trim_end_matches('2')),
        "lastStatus": "RUNNING", "startedAt": started, "enableExecuteCommand": true,
        "containers": [
            { "name": "proxy", "runtimeId": format!("{id}-1") },
            { "name": "api", "runtimeId": format!("{id}-2"), "managedAgents": [{ "name": AGENT, "lastStatus": agent }] },
        ],
    })
}

fn on() -> (Environment, Service) {
    let mut env = environment("staging");
    let api = env.services.get_mut("api").unwrap();
    api.execute_command = true;
    let api = api.clone();
    (env, api)
}

fn chosen(tasks: &[Json], wanted: &Wanted) -> Result<Target, Fault> {
    let (env, api) = on();
    target(&env, &api, Some(REVISION), tasks, wanted)
}

#[test]
fn the_newest_running_task_of_the_services_revision_is_taken() {
    let mut stopping = task("t9", 2, 90, "RUNNING");
    stopping["lastStatus"] = "DEACTIVATING".into();
    let tasks = [
        task("t1", 2, 10, "RUNNING"),
        task("t2", 2, 20, "RUNNING"),
        task("t3", 1, 30, "RUNNING"),
        task("t4", 2, 40, "PENDING"),
        stopping,
    ];
    let found = chosen(&tasks, &Wanted::default()).unwrap();
    assert_eq!((found.task.as_str(), found.container.as_str(), found.older), ("t2", "api", false));
    assert_eq!(found.name("finance-app-staging"), "ecs:finance-app-staging_t2_t2-2");
    let older = chosen(&tasks[2..3], &Wanted::default()).unwrap();
    assert_eq!((older.task.as_str(), older.older), ("t3", true));
}

#[test]
fn a_task_and_a_container_can_be_named() {
    let tasks = [task("ab12", 2, 10, "RUNNING"), task("ab34", 2, 20, "RUNNING")];
    let wanted = |task: &str, container: Option<&str>| Wanted {
        task: Some(task.to_owned()),
        container: container.map(str::to_owned),
    };
    assert_eq!(chosen(&tasks, &wanted("ab1", Some("proxy"))).unwrap().runtime, "ab12-1");
    for (wanted, words, hint) in [
        (wanted("ab", None), "2 running tasks begin with ab", "running: ab12, ab34"),
        (wanted("cd", None), "no running task of it is cd", "running: ab12, ab34"),
        (wanted("ab12", Some("web")), "task ab12 has no container web", "name one with --container: proxy, api"),
    ] {
        let fault = chosen(&tasks, &wanted).unwrap_err();
        assert_eq!((fault.message.raw(), fault.hint.as_deref(), fault.exit), (words, Some(hint), Exit::Usage));
    }
    let none = chosen(&[], &Wanted::default()).unwrap_err();
    assert!(none.headline().ends_with("no task of it is running") && none.exit == Exit::Failed);
}

#[test]
fn an_agent_that_is_not_there_is_named_with_what_it_needs() {
    let (env, api) = on();
    let says = |task: Json| {
        let tasks = [task];
        let target = target(&env, &api, None, &tasks, &Wanted::default()).unwrap();
        reachable(&env, &api, &tasks, &target).map_err(|fault| {
            let hint = fault.hint.clone().unwrap();
            (fault.message.raw().to_owned(), hint)
        })
    };
    assert_eq!(says(task("t1", 2, 1, "RUNNING")), Ok(()));
    let mut before = task("t1", 2, 1, "RUNNING");
    before["enableExecuteCommand"] = false.into();
    let (words, hint) = says(before).unwrap_err();
    assert_eq!(words, "task t1 was started before `execute-command` was on, and has no agent");
    assert_eq!(hint, "start new tasks: runner run -e staging");
    let (words, hint) = says(task("t1", 2, 1, "PENDING")).unwrap_err();
    assert!(words.ends_with("is still starting") && hint.contains("again in a moment"));
    let mut stopped = task("t1", 2, 1, "STOPPED");
    stopped["containers"][1]["managedAgents"][0]["reason"] = "no route".into();
    let (words, hint) = says(stopped).unwrap_err();
    assert_eq!(words, "the agent beside api of task t1 is stopped: no route");
    assert!(hint.contains("ssmmessages") && hint.contains("VPC endpoint"), "{hint}");
    let mut missing = task("t1", 2, 1, "RUNNING");
    missing["containers"][1].as_object_mut().unwrap().remove("managedAgents");
    assert!(says(missing).unwrap_err().0.ends_with("is missing"));
}

#[test]
fn the_key_that_is_not_on_is_named_with_its_line() {
    let (mut env, api) = on();
    assert_eq!(allowed(&env, &api), Ok(()));
    let off = Service { execute_command: false, ..api.clone() };
    env.origins.file = "app.yml".to_owned();
    let span = crate::text::Span { line: 7, column: 5, length: 3 };
    env.origins.spans.insert("services.api".to_owned(), span);
    let fault = allowed(&env, &off).unwrap_err();
    assert_eq!(fault.message.raw(), "`execute-command` is not on (services.api.execute-command, app.yml:7)");
    assert_eq!(fault.exit, Exit::Usage);
    let scheduled = Service { schedule: Some("rate(1 day)".to_owned()), ..api };
    assert!(allowed(&env, &scheduled).unwrap_err().hint.unwrap().starts_with("runner task api -e staging -- "));
}

#[test]
fn words_reach_the_agent_as_they_are() {
    let line = |words: &[&str]| command_line(&words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>());
    assert_eq!(line(&["bin/rails", "console", "--sandbox"]), "bin/rails console --sandbox");
    assert_eq!(line(&["sh", "-c", "echo $HOME it's"]), r"sh -c 'echo $HOME it'\''s'");
    assert_eq!(line(&["a", "", "b\nc"]), "a '' 'b\nc'");
}
