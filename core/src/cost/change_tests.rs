//! Before, after and what a plan changes, against worlds as a plan sees them.

use std::collections::BTreeMap;

use serde_json::{Value as Json, json};

use super::*;
use crate::{
    infra::testing::environment,
    plan::{
        Node, NodeId, Planned, PutService, RegisterTaskDefinition, Service as Seen, Stack, StackStatus, TaskDefinition,
    },
    workflow::{Scaling, Value},
};

fn usd(text: &str) -> Money {
    text.parse().unwrap()
}

fn stack(name: &str, status: &str) -> Stack {
    Stack {
        name: name.to_owned(),
        region: "us-east-1".to_owned(),
        status: StackStatus(status.into()),
        reason: "".into(),
        outputs: BTreeMap::new(),
        parameters: BTreeMap::new(),
        tags: BTreeMap::new(),
        protected: false,
    }
}

fn revision(family: &str, number: u32) -> String {
    format!("arn:aws:ecs:us-east-1:111122223333:task-definition/{family}:{number}")
}

/// A world in which everything of the environment stands and runs.
fn standing(env: &Environment) -> World {
    let mut world = World::default();
    for desired in infra::stacks(env) {
        let name = env.stack_name(&desired.key);
        world.stacks.insert(name.clone(), stack(&name, "UPDATE_COMPLETE"));
    }
    for service in env.services.values() {
        let arn = revision(&env.family(&service.name), 1);
        let seen = Seen::read(&json!({ "status": "ACTIVE", "taskDefinition": arn, "desiredCount": 1 }));
        world.services.insert(service.name.clone(), Some(seen));
        let json = json!({ "cpu": service.cpu.to_string(), "memory": service.memory.to_string() });
        let seen = TaskDefinition {
            arn: Value::Known(arn),
            fingerprint: None,
            schedule: None,
            done: Default::default(),
            json,
        };
        world.task_definitions.insert(env.family(&service.name), Some(seen));
    }
    world
}

fn plan(actions: Vec<Action>) -> Plan {
    let node = Node { id: NodeId::of("test"), needs: Vec::new(), service: None };
    Plan { environment: "staging".into(), nodes: vec![Planned { node, decision: Ok(actions) }], ..Plan::default() }
}

fn put(env: &Environment, key: &str, step: StackMove) -> Action {
    Action::PutStack(Box::new(PutStack {
        key: key.into(),
        name: env.stack_name(key),
        region: env.region.clone(),
        step,
        body: String::new(),
        parameters: BTreeMap::new(),
        tags: BTreeMap::new(),
        hash: String::new(),
        holds: BTreeMap::new(),
        imports: Vec::new(),
        changes: Vec::new(),
    }))
}

fn register(env: &Environment, service: &str) -> Action {
    Action::RegisterTaskDefinition(Box::new(RegisterTaskDefinition {
        service: service.into(),
        family: env.family(service),
        definition: Json::Null,
        fingerprint: String::new(),
        pending: Vec::new(),
        changes: Vec::new(),
        passed_over: None,
    }))
}

fn template(env: &Environment, key: &str) -> Json {
    infra::stacks(env).into_iter().find(|stack| stack.key == key).unwrap().to_json()
}

#[test]
fn r21_nothing_there_costs_nothing_before() {
    let env = environment("staging");
    let actions = infra::stacks(&env).iter().map(|stack| put(&env, &stack.key, StackMove::Create)).collect();
    let cost = CostChange::of(&env, &plan(actions), &World::default());
    assert_eq!((cost.sum.before, cost.sum.change), (Some(Money::ZERO), Some(cost.sum.after)));
    let after = cost.sum.after;
    assert_eq!(cost.sum.line(), format!("cost +{after}/month ($0.00 → {after}) + usage"));
    assert!(cost.changes.iter().all(|change| change.before.is_none() && change.after.is_some()));
    assert!(cost.changes.len() >= 16, "{:#?}", cost.changes);
}

#[test]
fn r21_what_a_plan_leaves_alone_costs_the_same_before_and_after() {
    let env = environment("staging");
    let cost = CostChange::of(&env, &plan(Vec::new()), &standing(&env));
    assert_eq!((cost.sum.before, cost.sum.change), (Some(cost.sum.after), Some(Money::ZERO)));
    assert_eq!(cost.sum.line(), format!("cost {}/month, unchanged + usage", cost.sum.after));
    assert_eq!((cost.changes, cost.unknown), (vec![], Vec::<String>::new()));
}

#[test]
fn r21_a_larger_task_costs_the_difference() {
    let mut env = environment("staging");
    let world = standing(&env);
    let api = env.services.get_mut("api").unwrap();
    (api.cpu, api.memory) = (1024, 2048);
    let cost = CostChange::of(&env, &plan(vec![register(&env, "api")]), &world);
    // The same again: 14.7752 + 3.24485.
    assert_eq!(cost.sum.change, Some(usd("18.02005")));
    let (before, after) = (cost.sum.before.unwrap(), cost.sum.after);
    assert_eq!(cost.sum.line(), format!("cost +$18.02/month ({before} → {after}) + usage"));
    let words: Vec<&str> = cost.changes.iter().map(|change| change.what.as_str()).collect();
    assert_eq!(words, ["Fargate CPU, x86", "Fargate memory, x86"]);
    assert!(cost.sum.rises_over(usd("18")) && !cost.sum.rises_over(usd("18.03")));
}

#[test]
fn r21_a_changed_stack_is_read_from_the_template_that_is_deployed() {
    let mut env = environment("staging");
    let mut world = standing(&env);
    let name = env.stack_name("database");
    world.templates.insert(name.clone(), Some(template(&env, "database")));
    if let Some(crate::workflow::Database::Managed(database)) = &mut env.database {
        database.multi_az = true;
    }
    let plan = plan(vec![put(&env, "database", StackMove::Update)]);
    let cost = CostChange::of(&env, &plan, &world);
    // The instance and its storage once more: 13.14 + 2.30.
    assert_eq!(cost.sum.change, Some(usd("15.44")));
    assert_eq!(cost.changes.iter().filter(|change| change.before.is_none()).count(), 2);

    world.templates.insert(name, None);
    let cost = CostChange::of(&env, &plan, &world);
    assert_eq!((cost.sum.before, cost.sum.change), (None, None));
    assert_eq!(cost.unknown, ["the template of stack finance-app-staging-database could not be read"]);
    assert_eq!(cost.sum.line(), format!("cost {}/month after, before not known + usage", cost.sum.after));
    assert!(cost.sum.rises_over(usd("100")), "what is not seen is counted");
}

#[test]
fn r21_what_is_being_changed_by_another_is_not_known() {
    let env = environment("staging");
    let mut world = standing(&env);
    let name = env.stack_name("edge");
    world.stacks.insert(name.clone(), stack(&name, "UPDATE_IN_PROGRESS"));
    let cost = CostChange::of(&env, &plan(vec![put(&env, "edge", StackMove::Attach)]), &world);
    assert_eq!(cost.unknown, ["stack finance-app-staging-edge is UPDATE_IN_PROGRESS"]);
    world.stacks.insert(name.clone(), stack(&name, "UPDATE_ROLLBACK_FAILED"));
    let cost = CostChange::of(&env, &plan(Vec::new()), &world);
    assert_eq!(cost.unknown, ["stack finance-app-staging-edge is UPDATE_ROLLBACK_FAILED"]);
}

#[test]
fn r21_a_service_that_runs_another_revision_than_the_newest_is_not_guessed() {
    let env = environment("staging");
    let mut world = standing(&env);
    let newest = world.task_definitions.get_mut(&env.family("api")).unwrap().as_mut().unwrap();
    newest.arn = Value::Known(revision(&env.family("api"), 2));
    let cost = CostChange::of(&env, &plan(vec![register(&env, "api")]), &world);
    assert_eq!(cost.unknown, ["the revision that api runs was not read"]);
}

#[test]
fn r21_what_was_not_read_is_told_by_the_tag_of_its_service() {
    let env = environment("staging");
    let mut world = standing(&env);
    let revision = revision(&env.family("api"), 1);
    let tags = json!([
        { "key": Seen::MARK, "value": "f@1" },
        { "key": Seen::DEFINITION, "value": "a/b/1024/2048///@1" },
    ]);
    let seen = json!({ "status": "ACTIVE", "taskDefinition": revision, "desiredCount": 1, "tags": tags });
    let read = CostChange::of(&env, &plan(vec![register(&env, "api")]), &world).sum.before;
    world.services.insert("api".into(), Some(Seen::read(&seen)));
    world.task_definitions.clear();
    let told = CostChange::of(&env, &plan(vec![register(&env, "api")]), &world);
    assert_eq!(told.unknown, Vec::<String>::new());
    // 512 units and 1024 MiB more than the file's.
    assert!(told.sum.before > read, "{:?}, {read:?}", told.sum.before);
    for service in env.services.values() {
        world.services.get_mut(&service.name).unwrap().as_mut().unwrap().definition = None;
    }
    let all = plan(env.services.keys().map(|name| register(&env, name)).collect());
    assert_eq!(CostChange::of(&env, &all, &world).unknown, ["the revisions that api, web run were not read"]);
}

#[test]
fn r21_load_is_no_change_of_cost() {
    let mut env = environment("staging");
    env.services.get_mut("api").unwrap().scaling =
        Some(Scaling { min: 1, max: 4, cpu: Some(60), memory: None, requests: None });
    let mut world = standing(&env);
    let seen = world.services.get_mut("api").unwrap().as_mut().unwrap();
    (seen.desired, seen.scales) = (4, true);
    let update = Action::PutService(Box::new(PutService {
        service: "api".into(),
        create: false,
        input: Json::Null,
        revision: "x".into(),
        deploys: false,
        changes: Vec::new(),
    }));
    let cost = CostChange::of(&env, &plan(vec![update]), &world);
    assert_eq!(cost.sum.change, Some(Money::ZERO));
    assert!(cost.sum.after_most > cost.sum.after);
}

#[test]
fn r21_fewer_tasks_cost_less() {
    let env = environment("staging");
    let mut world = standing(&env);
    world.services.get_mut("web").unwrap().as_mut().unwrap().desired = 3;
    let cost = CostChange::of(&env, &plan(vec![register(&env, "web")]), &world);
    // Two of 9.010025.
    assert_eq!(cost.sum.change, Some(usd("0") - usd("18.02005")));
    assert!(cost.sum.line().starts_with("cost −$18.02/month ("), "{}", cost.sum.line());
    assert!(!cost.sum.rises_over(Money::ZERO));
}

#[test]
fn r21_what_an_endpoint_left_out_is_no_change() {
    let mut env = environment("staging");
    let mut world = standing(&env);
    let name = env.stack_name("network");
    let mut seen = stack(&name, "UPDATE_COMPLETE");
    seen.outputs.insert(Stack::LEFT_OUT.into(), Value::Known("AWS::EC2::EIP,AWS::EC2::NatGateway".into()));
    world.stacks.insert(name.clone(), seen);
    let mut deployed = template(&env, "network");
    let resources = deployed["Resources"].as_object_mut().unwrap();
    resources.retain(|_, resource| resource["Type"] != "AWS::EC2::EIP" && resource["Type"] != "AWS::EC2::NatGateway");
    world.templates.insert(name, Some(deployed));
    env.monitoring.log_retention_days = 7;
    let cost = CostChange::of(&env, &plan(vec![put(&env, "network", StackMove::Update)]), &world);
    assert_eq!(cost.sum.change, Some(Money::ZERO));
}
