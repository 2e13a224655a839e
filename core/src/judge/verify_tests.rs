//! What fits is found to fit, and each misfit is named.

use serde_json::json;

use super::*;
use crate::{
    plan::{Caller, Parameter, Stack, StackStatus, TaskDefinition, Variable},
    testing::environment,
    workflow::Value,
};

const SHOP: &str = r#"
app: shop
region: us-east-1
environments: { test: {} }
services:
  api: { build: { context: . }, port: 3000, secrets: { KEY: ssm } }
"#;
const IMAGE: &str = "1.dkr.ecr.us-east-1.amazonaws.com/shop/api@sha256:00";

/// All of it there, and fitting.
fn whole(env: &Environment) -> (World, Found) {
    let mut world =
        World { caller: Some(Caller { account: "111122223333".into(), arn: String::new() }), ..World::default() };
    let mut stack = |key: &str, outputs: &[(&str, &str)]| {
        let outputs = outputs.iter().map(|(name, value)| ((*name).to_owned(), Value::from(*value))).collect();
        let stack = Stack {
            name: env.stack_name(key),
            region: env.region.clone(),
            status: StackStatus("CREATE_COMPLETE".into()),
            reason: "".into(),
            outputs,
            parameters: BTreeMap::new(),
            tags: BTreeMap::new(),
            protected: false,
        };
        world.stacks.insert(stack.name.clone(), stack);
    };
    stack("registry", &[("ApiRepositoryArn", "arn:aws:ecr:us-east-1:111122223333:repository/shop/api")]);
    stack("service-api", &[("LogGroupName", "/ecs/shop-test-api"), ("TargetGroupArn", "tg")]);
    let definition = TaskDefinition {
        arn: "arn:1".into(),
        fingerprint: None,
        schedule: None,
        done: BTreeSet::new(),
        json: json!({ "containerDefinitions": [
            { "name": "api", "image": IMAGE, "portMappings": [{ "containerPort": 3000 }] }
        ]}),
    };
    world.task_definitions.insert("shop-test-api".into(), Some(definition));
    world
        .parameters
        .insert("/shop/test/KEY".into(), Parameter { version: 1, variable: Variable::NotRead, modified: None });
    let check = &env.services["api"].health_check;
    let facts = ImageFacts { platform: "linux/amd64".into(), ports: [3000].into() };
    let group = GroupFacts { path: check.path.clone(), codes: check.codes.clone() };
    let found = Found {
        images: [(IMAGE.to_owned(), Some(facts))].into(),
        groups: [("tg".to_owned(), group)].into(),
        log_groups: ["/ecs/shop-test-api".to_owned()].into(),
    };
    (world, found)
}

/// What was found, by what was checked.
fn findings(checks: &[Check]) -> Vec<(&'static str, String)> {
    let finding = |check: &Check| match &check.answer {
        Answer::Finding(words, _) => Some((check.what, words.clone())),
        _ => None,
    };
    checks.iter().filter_map(finding).collect()
}

#[test]
fn what_fits_is_found_to_fit() {
    let env = environment(SHOP, "test");
    let (world, found) = whole(&env);
    let checks = verify(&env, &world, &found);
    let what: Vec<&str> = checks.iter().map(|check| check.what).collect();
    assert_eq!(what, ["image", "port", "pull", "logs", "secrets", "health-check"]);
    for check in &checks {
        assert_eq!(check.answer, Answer::Fits, "{}", check.what);
    }
}

#[test]
fn each_misfit_is_named() {
    type Break = fn(&mut World, &mut Found);
    let breaks: [(&str, &str, Break); 8] = [
        ("image", "the registry has no", |_, found| {
            found.images.insert(IMAGE.into(), None);
        }),
        ("image", "is built for linux/arm64, the file says linux/amd64", |_, found| {
            let facts = ImageFacts { platform: "linux/arm64".into(), ports: [3000].into() };
            found.images.insert(IMAGE.into(), Some(facts));
        }),
        ("port", "the image exposes 8080, the file says port 3000", |_, found| {
            let facts = ImageFacts { platform: "linux/amd64".into(), ports: [8080].into() };
            found.images.insert(IMAGE.into(), Some(facts));
        }),
        ("port", "the newest revision opens [80], the file says port 3000", |world, _| {
            let seen = world.task_definitions.get_mut("shop-test-api").unwrap().as_mut().unwrap();
            seen.json["containerDefinitions"][0]["portMappings"][0]["containerPort"] = 80.into();
        }),
        ("pull", "the execution role may not call ecr:BatchGetImage", |world, _| {
            let stack = world.stacks.values_mut().find(|stack| stack.name.ends_with("registry")).unwrap();
            stack.outputs.insert("ApiRepositoryArn".into(), "arn:aws:ecr:us-east-1:1:repository/other".into());
        }),
        ("logs", "there is no log group /ecs/shop-test-api", |_, found| found.log_groups.clear()),
        ("secrets", "there is no /shop/test/KEY", |world, _| world.parameters.clear()),
        ("health-check", "the target group asks /other for 200", |_, found| {
            found.groups.get_mut("tg").unwrap().path = "/other".into();
        }),
    ];
    let env = environment(SHOP, "test");
    for (what, words, misfit) in breaks {
        let (mut world, mut found) = whole(&env);
        misfit(&mut world, &mut found);
        let all = findings(&verify(&env, &world, &found));
        let [(named, said)] = all.as_slice() else { panic!("{what}: {all:?}") };
        assert_eq!(*named, what);
        assert!(said.contains(words), "{what}: {said}");
    }
}

#[test]
fn a_service_that_was_never_deployed_is_not_checked() {
    let env = environment(SHOP, "test");
    let checks = verify(&env, &World::default(), &Found::default());
    assert!(matches!(checks.as_slice(), [Check { answer: Answer::NotChecked(_), .. }]), "{checks:?}");
}
