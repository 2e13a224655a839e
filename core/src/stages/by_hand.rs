//! A one-off task by hand: what is asked of ECS for it. No stage decides it; a person does.

use serde_json::json;

use super::run_task::input;
use crate::{
    plan::{Known, RunTask as Run, World, digest},
    service::stack_key,
    workflow::{Environment, Service, Value},
};

/// The mark by which a task with this command is found again while it runs: letters, digits, `-`, `/` and `_` only, at
/// most 128. <https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_RunTask.html>
pub fn mark(revision: &str, command: &[String]) -> String {
    let hex = digest(&json!([revision, command]));
    format!("by-hand/{}", hex.get(..32).unwrap_or(&hex))
}

/// The task; the one that is under way where the world has one of its mark. `nonce` makes it another than every one
/// before it.
pub fn run(
    env: &Environment,
    service: &Service,
    revision: &str,
    command: &[String],
    nonce: &str,
    world: &World,
) -> Run {
    let known = Known { env, world };
    let started_by = mark(revision, command);
    let runs = world.task_runs.get(&started_by);
    let running = runs.and_then(|runs| runs.iter().find(|run| !run.stopped)).map(|run| run.arn.clone());
    Run {
        service: service.name.clone(),
        purpose: "task".to_owned(),
        input: input(service, command, &started_by, &digest(&json!([started_by, nonce])), &known),
        // Who asked for it sees that it never began.
        again: Vec::new(),
        revision: Value::Known(revision.to_owned()),
        container: service.name.clone(),
        command: command.to_vec(),
        log_group: world.output(env, &stack_key(&service.name), "LogGroupName").shown().to_owned(),
        timeout: u32::MAX,
        task: running,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{plan::TaskRun, testing::example};

    #[test]
    fn a_task_is_found_again_by_its_revision_and_command_while_it_runs() {
        let env = example("staging");
        let command = ["rails".to_owned(), "db:seed".to_owned()];
        let revision = "arn:aws:ecs:us-east-1:111122223333:task-definition/finance-app-staging-api:7";
        let mark = mark(revision, &command);
        assert!(mark.len() <= 128 && mark.bytes().all(|b| b.is_ascii_alphanumeric() || b"-/_".contains(&b)), "{mark}");
        assert_ne!(mark, super::mark(revision, &command[..1]));
        let mut world = World::default();
        let seen = |stopped, exit_code| TaskRun { arn: format!("arn:task/{stopped}"), stopped, exit_code };
        let run = |world: &World, nonce: &str| super::run(&env, &env.services["api"], revision, &command, nonce, world);
        world.task_runs.insert(mark.clone(), vec![seen(true, Some(0))]);
        assert_eq!(run(&world, "1").task, None, "what ended is run anew");
        world.task_runs.insert(mark.clone(), vec![seen(true, Some(0)), seen(false, None)]);
        assert_eq!(run(&world, "1").task.as_deref(), Some("arn:task/false"));
        let (one, two) = (run(&world, "1").input, run(&world, "2").input);
        assert_eq!(one["startedBy"], two["startedBy"]);
        assert_ne!(one["clientToken"], two["clientToken"]);
        assert_eq!(one["clientToken"].as_str().map(str::len), Some(64));
        assert_eq!(
            one["overrides"]["containerOverrides"][0],
            json!({ "name": "api", "command": ["rails", "db:seed"] })
        );
    }
}
