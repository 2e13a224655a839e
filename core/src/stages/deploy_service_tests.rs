//! The rule on the test listener: when it comes, when it goes, and what is waited for before.

use super::*;
use crate::{
    stages::{Step, contract_tests, pipeline},
    workflow::LoadBalancer,
};

const ARN: &str = "arn:aws:elasticloadbalancing:us-east-1:1:listener-rule/app/a/1/2/3";

/// The api of production as a run left it; `tested`: with its rule on the test listener.
fn settled(tested: bool) -> World {
    let mut env = contract_tests::tested();
    if !tested {
        forget(&mut env);
    }
    let steps = pipeline(&env);
    contract_tests::settled(&env, &steps.iter().collect::<Vec<&Step>>())
}

fn forget(env: &mut Environment) {
    if let LoadBalancer::Managed { test_listener, .. } = &mut env.load_balancer {
        *test_listener = None;
    }
}

fn decided(env: &Environment, world: &World) -> Vec<Action> {
    let node = DeployService.nodes(env).into_iter().find(|node| node.service.as_deref() == Some("api")).unwrap();
    DeployService.decide(env, &node, world).unwrap()
}

fn kinds(actions: &[Action]) -> Vec<&'static str> {
    let kind = |action: &Action| match action {
        Action::PutRule(_) => "rule",
        Action::PutService(_) => "service",
        Action::PutScaling(_) => "scaling",
        Action::Follow(_) => "follow",
        Action::DeleteRules(_) => "delete rule",
        Action::MarkService(_) => "mark",
        other => panic!("{other:?}"),
    };
    actions.iter().map(kind).collect()
}

fn put(actions: &[Action]) -> &PutService {
    let mut puts = actions.iter().filter_map(|action| match action {
        Action::PutService(put) => Some(&**put),
        _ => None,
    });
    puts.next_back().unwrap()
}

fn marked(actions: &[Action]) -> Option<&str> {
    let Some(Action::MarkService(mark)) = actions.last() else { panic!("{actions:?}") };
    mark.test_rule.as_ref().map(Value::shown)
}

fn seen(world: &mut World) -> &mut Seen {
    world.services.get_mut("api").unwrap().as_mut().unwrap()
}

#[test]
fn a_rule_on_the_test_listener_comes_before_the_service_that_names_it() {
    let env = contract_tests::tested();
    let actions = decided(&env, &contract_tests::nothing(&env));
    assert_eq!(kinds(&actions), ["rule", "service", "scaling", "mark"]);
    let Action::PutRule(rules) = &actions[0] else { panic!() };
    let of_tests: Vec<&Json> = rules.rules.iter().filter(|rule| rules.is_for_tests(rule)).collect();
    let [test] = of_tests.as_slice() else { panic!("{of_tests:?}") };
    let users = &rules.rules[0];
    for same in ["Priority", "Conditions", "Actions"] {
        assert_eq!(test[same], users[same], "{same}");
    }
    assert_eq!(test["ListenerArn"], "${stacks.test-listener.TestListenerArn}");
    let advanced = &put(&actions).input["loadBalancers"][0]["advancedConfiguration"];
    assert_eq!(advanced["testListenerRule"], "${test-rule.api}");
    assert_eq!(advanced["productionListenerRule"], "${rule.api}");
    assert_eq!(marked(&actions), Some("${test-rule.api}"));
}

#[test]
fn a_test_listener_for_a_service_that_runs_is_a_deployment_that_nobody_waits_for_here() {
    let env = contract_tests::tested();
    let world = settled(false);
    let actions = decided(&env, &world);
    assert_eq!(kinds(&actions), ["rule", "service", "scaling", "mark"]);
    let put = put(&actions);
    assert!(put.deploys, "ECS deploys what is behind a load balancer anew");
    let changed: Vec<&str> = put.changes.iter().map(|change| change.property.as_str()).collect();
    assert_eq!(changed, ["loadBalancers.0.advancedConfiguration.testListenerRule"]);
}

#[test]
fn a_test_rule_goes_after_the_deployment_that_takes_it_from_the_service() {
    let mut env = contract_tests::tested();
    let world = settled(true);
    assert_eq!(decided(&env, &world), []);
    for turn in
        [forget as fn(&mut Environment), |env| env.services.get_mut("api").unwrap().deploy.test_listener = false]
    {
        env = contract_tests::tested();
        turn(&mut env);
        let actions = decided(&env, &world);
        assert_eq!(kinds(&actions), ["rule", "service", "scaling", "follow", "delete rule", "mark"]);
        let put = put(&actions);
        assert!(put.deploys && !put.input["loadBalancers"].to_string().contains("testListenerRule"), "{put:?}");
        let Action::DeleteRules(delete) = &actions[4] else { panic!() };
        assert_eq!(delete.rules, ["test-rule-api"]);
        assert_eq!(marked(&actions), Some(""));
        // Done, nothing is left, and the tag says so.
        let mut after = world.clone();
        actions.iter().for_each(|action| after.assume(&env, action));
        assert_eq!(decided(&env, &after), []);
        assert!(after.service("api").unwrap().test_rules().is_empty());
    }
}

/// Its deployment paused or the run was killed: the service names the rule no more, only its tag does.
#[test]
fn what_was_begun_is_finished_by_the_next_run() {
    let mut env = contract_tests::tested();
    forget(&mut env);
    let mut world = settled(true);
    let api = seen(&mut world);
    let rules = api.json["loadBalancers"][0]["advancedConfiguration"].as_object_mut().unwrap();
    rules.remove("testListenerRule");
    api.deployments[0].rollout = Rollout::InProgress;
    assert_eq!(kinds(&decided(&env, &world)), ["rule", "scaling", "follow", "delete rule", "mark"]);
    seen(&mut world).deployments[0].rollout = Rollout::Completed;
    assert_eq!(kinds(&decided(&env, &world)), ["rule", "scaling", "delete rule", "mark"]);
}

#[test]
fn a_rule_of_another_listener_is_not_the_one_that_is_named() {
    let listener = |id: &str| format!("arn:aws:elasticloadbalancing:us-east-1:1:listener/app/a/1/{id}");
    let mut env = contract_tests::tested();
    env.cdn = None;
    env.load_balancer = LoadBalancer::Existing {
        listener: listener("0"),
        security_group: "sg-1".into(),
        test_listener: Some(listener("9")),
    };
    let mut world = settled(true);
    (world.rules, world.test_rules) = Default::default();
    let api = seen(&mut world);
    api.test_rule = Some(ARN.into());
    api.json["loadBalancers"][0]["advancedConfiguration"]["testListenerRule"] = ARN.into();
    let actions = decided(&env, &world);
    let advanced = &put(&actions).input["loadBalancers"][0]["advancedConfiguration"];
    assert_eq!(advanced["testListenerRule"], "${test-rule.api}");
    let deleted = actions.iter().find_map(|action| match action {
        Action::DeleteRules(delete) => Some((delete.listener.clone(), delete.rules.clone())),
        _ => None,
    });
    assert_eq!(deleted, Some((listener("2"), vec![ARN.to_owned()])));
    // The one it names stays where the listener is the same.
    if let LoadBalancer::Existing { test_listener, .. } = &mut env.load_balancer {
        *test_listener = Some(listener("2"));
    }
    let actions = decided(&env, &world);
    assert!(!kinds(&actions).contains(&"delete rule"), "{actions:#?}");
}

#[test]
fn without_a_test_listener_a_service_is_marked_as_ever() {
    let mut env = contract_tests::tested();
    let before = settled(false);
    forget(&mut env);
    let mut world = before.clone();
    seen(&mut world).mark = None;
    assert_eq!(marked(&decided(&env, &world)), None);
}
