//! What goes, in which order, and what stays.

use std::collections::BTreeSet;

use serde_json::{Value as Json, json};

use super::*;
use crate::{
    infra,
    plan::{Plan, PutStack, StackMove},
    stages::{
        contract_tests::{self, changes, environments, settled},
        draw,
    },
};

const PURGE: Removal = Removal::Everything { purge: true };
const KEEP: Removal = Removal::Everything { purge: false };

/// Everything of an environment is there, as AWS would show it.
fn there(env: &Environment) -> World {
    let all = pipeline(env);
    let mut world = settled(env, &all.iter().collect::<Vec<_>>());
    let test_listener = world.test_listener(env);
    for (name, service) in &mut world.services {
        let Some(service) = service else { continue };
        service.json["tags"] = json!([
            { "key": Stack::APP, "value": env.app },
            { "key": Stack::ENVIRONMENT, "value": env.name },
        ]);
        world.cluster_services.insert(name.clone());
        let group = |output: &str| world.stacks[&env.stack_name(&stack_key(name))].outputs.get(output).cloned();
        if let Some(Value::Known(group)) = group("TargetGroupArn") {
            let listener = world.stacks[&env.stack_name("edge")].outputs["ListenerArn"].shown().to_owned();
            let rules = world.listener_rules.entry(listener).or_default();
            let arn = format!("rule-of-{name}");
            let rule = |arn: String| ListenerRule {
                arn,
                priority: Some(1),
                groups: vec![group.clone()],
                ..Default::default()
            };
            rules.push(rule(arn));
            if service.test_rule.is_some() {
                let listener = test_listener.clone().unwrap();
                world.listener_rules.entry(listener).or_default().push(rule(format!("test-rule-{name}")));
            }
        }
    }
    for service in env.services.keys() {
        world.revisions.insert(env.family(service), vec![format!("{}:1", env.family(service))]);
    }
    for service in env.pushed() {
        let tags = vec![vec!["in-1".to_owned(), format!("live-{}-{}-1", env.name, service.name)]];
        world.repositories.insert(env.repository(&service.name), Some(tags));
    }
    let path = parameters_path(env);
    let names = world.parameters.keys().filter(|name| name.starts_with(&path)).cloned().collect();
    world.parameters_under.insert(path, names);
    world
}

fn planned(env: &Environment, world: &World, what: Removal) -> Plan {
    let steps = removal(env, world, what);
    draw(env, &steps.iter().collect::<Vec<_>>(), world)
}

fn deleted(plan: &Plan) -> Vec<&str> {
    plan.actions()
        .filter_map(|(_, action)| match action {
            Action::PutStack(put) if put.step == StackMove::Delete => Some(put.name.as_str()),
            _ => None,
        })
        .collect()
}

fn puts<'p>(plan: &'p Plan, name: &str) -> Vec<&'p PutStack> {
    plan.actions()
        .filter_map(|(_, action)| match action {
            Action::PutStack(put) if put.name == name => Some(put.as_ref()),
            _ => None,
        })
        .collect()
}

#[test]
fn what_is_removed_leaves_nothing_to_remove_whatever_state_it_was_in() {
    for env in environments() {
        for (name, change) in changes() {
            for what in [KEEP, PURGE] {
                let mut world = there(&env);
                change(&env, &mut world);
                let steps = removal(&env, &world, what);
                for step in &steps {
                    // An operation under way is waited for, then decided again: the plan takes all in its turn.
                    let actions = step.decide(&env, &world).unwrap();
                    actions.iter().for_each(|action| world.assume(&env, action));
                    assert_eq!(step.decide(&env, &world), Ok(Vec::new()), "{} in {}, {name}", step.node.id, env.name);
                }
                // The identity is an administrator's, and what deletes the rest works with its role.
                let by_administrator = [infra::identity::KEY, infra::identity::PROVIDER].map(|key| env.stack_name(key));
                let left: Vec<&String> = world.stacks.keys().filter(|name| !by_administrator.contains(name)).collect();
                let registry = env.stack_name("registry");
                assert_eq!(left, if what == PURGE { vec![] } else { vec![&registry] }, "{name}");
                assert!(planned(&env, &world, what).is_empty(), "{name}");
            }
        }
    }
}

#[test]
fn services_go_before_stacks_and_each_stack_after_those_that_need_it() {
    for env in environments() {
        let world = there(&env);
        let steps = removal(&env, &world, PURGE);
        let place = |id: &NodeId| steps.iter().position(|step| step.node.id == *id);
        let reaches = |from: &NodeId, to: &NodeId| {
            let mut seen = BTreeSet::from([from.clone()]);
            let mut open = vec![from.clone()];
            while let Some(id) = open.pop() {
                for need in place(&id).map(|at| steps[at].node.needs.clone()).unwrap_or_default() {
                    if seen.insert(need.clone()) {
                        open.push(need);
                    }
                }
            }
            seen.contains(to)
        };
        let mut edges = 0;
        for step in contracted(pipeline(&env)).into_iter().filter(|step| step.stage.name() != IDENTITY) {
            for needed in step.node.needs.iter().filter(|needed| needed.stage != IDENTITY) {
                assert!(place(needed) > place(&step.node.id), "{needed} goes before {}", step.node.id);
                assert!(reaches(needed, &step.node.id), "{needed} does not wait for {}", step.node.id);
                edges += 1;
            }
        }
        assert!(edges > 20, "{edges}");
        let network = stack_node(&env, "network");
        assert!(reaches(&network, &NodeId::scoped("deploy-service", "api")));
        assert!(
            !reaches(&stack_node(&env, "database"), &stack_node(&env, "edge")),
            "independent ones wait for nothing"
        );
    }
}

#[test]
fn a_service_is_scaled_no_more_then_gone_then_nothing_leads_to_it() {
    let env = &environments()[0];
    let world = there(env);
    let kinds: Vec<&str> = service(env, "api", &world)
        .iter()
        .map(|action| match action {
            Action::PutScaling(put) if put.bounds.is_none() => "scaling",
            Action::RemoveService(_) => "service",
            Action::DeleteRules(_) => "rules",
            _ => "?",
        })
        .collect();
    assert_eq!(kinds, ["scaling", "service", "rules"]);
}

#[test]
fn protection_is_turned_off_by_an_update_first_and_once() {
    let env = &environments()[1];
    assert!(env.protected);
    let mut world = there(env);
    let database = env.stack_name("database");
    let plan = planned(env, &world, KEEP);
    let steps: Vec<StackMove> = puts(&plan, &database).iter().map(|put| put.step).collect();
    assert_eq!(steps, [StackMove::Update, StackMove::Unprotect, StackMove::Delete]);
    let update = puts(&plan, &database)[0];
    assert_eq!(update.parameters["Protect"], Value::Known("false".into()));
    assert!(
        update
            .changes
            .iter()
            .any(|change| change.property == "DeletionProtection" && change.after == Some(json!("false"))),
        "{:?}",
        update.changes
    );
    assert_eq!(update.parameters.len(), world.stacks[&database].parameters.len());
    // Killed behind the update: the next run goes on with the rest.
    world.assume(env, &Action::PutStack(Box::new(update.clone())));
    let plan = planned(env, &world, KEEP);
    let steps: Vec<StackMove> = puts(&plan, &database).iter().map(|put| put.step).collect();
    assert_eq!(steps, [StackMove::Unprotect, StackMove::Delete]);
    // And a run puts it back.
    let all = pipeline(env);
    let up = draw(env, &all.iter().collect::<Vec<_>>(), &world);
    let back = puts(&up, &database)[0];
    assert_eq!((back.step, &back.parameters["Protect"]), (StackMove::Update, &Value::Known("true".into())));
}

#[test]
fn data_stays_unless_it_is_purged_and_both_is_said() {
    let env = &environments()[0];
    let world = there(env);
    let plan = planned(env, &world, KEEP);
    assert!(!deleted(&plan).contains(&env.stack_name("registry").as_str()));
    assert!(plan.kept.iter().any(|kept| kept.starts_with("a final snapshot of Database")), "{:?}", plan.kept);
    assert!(plan.kept.iter().any(|kept| kept.ends_with("--purge takes them away")), "{:?}", plan.kept);
    let plan = planned(env, &world, PURGE);
    assert_eq!(plan.kept, Vec::<String>::new());
    assert!(deleted(&plan).contains(&env.stack_name("registry").as_str()));
    let template = |name: &str| -> Json { serde_json::from_str(&puts(&plan, &env.stack_name(name))[0].body).unwrap() };
    let database = &template("database")["Resources"]["Database"];
    assert_eq!(
        (&database["DeletionPolicy"], &database["Properties"]["DeleteAutomatedBackups"]),
        (&json!("Delete"), &json!(true))
    );
    assert_eq!(template("registry")["Resources"]["ApiRepository"]["Properties"]["EmptyOnDelete"], true);
}

#[test]
fn a_registry_that_another_environment_uses_is_the_others() {
    let env = &environments()[0];
    let mut world = there(env);
    let mut other = world.stacks[&env.stack_name("network")].clone();
    other.name = "finance-app-staging-eu-network".into();
    other.tags.insert(Stack::ENVIRONMENT.into(), "staging-eu".into());
    other.status.0 = "UPDATE_ROLLBACK_FAILED".into();
    world.stacks.insert(other.name.clone(), other.clone());
    let api = world.repositories.get_mut("finance-app/api").unwrap().as_mut().unwrap();
    api[0].push("live-staging-eu-api-7".into());
    let plan = planned(env, &world, PURGE);
    assert!(!deleted(&plan).contains(&env.stack_name("registry").as_str()));
    assert!(plan.kept.iter().any(|kept| kept.contains("staging-eu uses it too")), "{:?}", plan.kept);
    let tags: Vec<&BTreeSet<String>> = plan
        .actions()
        .filter_map(|(_, action)| match action {
            Action::DeleteImages(delete) if delete.repository == "finance-app/api" => delete.tags.as_ref(),
            _ => None,
        })
        .collect();
    assert_eq!(tags, [&BTreeSet::from(["live-staging-api-1".to_owned()])]);
    assert!(!deleted(&plan).contains(&other.name.as_str()), "the other's own stacks");
    // One in another region has a registry of its own there.
    other.region = "eu-west-1".into();
    world.stacks.insert(other.name.clone(), other);
    assert!(deleted(&planned(env, &world, PURGE)).contains(&env.stack_name("registry").as_str()));
}

#[test]
fn what_is_not_ours_is_left_and_named() {
    let env = &environments()[0];
    let mut world = there(env);
    let mut identity = world.stacks[&env.stack_name("network")].clone();
    identity.name = env.stack_name("identity");
    identity.tags.insert(Stack::STAGE.into(), IDENTITY.into());
    world.stacks.insert(identity.name.clone(), identity.clone());
    world.services.get_mut("api").unwrap().as_mut().unwrap().json["tags"] = json!([]);
    let plan = planned(env, &world, PURGE);
    assert!(!deleted(&plan).contains(&identity.name.as_str()));
    assert!(plan.kept.iter().any(|kept| kept.starts_with("ECS service api")), "{:?}", plan.kept);
    assert!(!plan.actions().any(|(_, action)| matches!(action, Action::RemoveService(it) if it.service == "api")));
}

/// The environment without one of its services, and a world that still has it.
fn left(name: &str) -> (Environment, World) {
    let env = environments().remove(0);
    let world = there(&env);
    let mut smaller = env.clone();
    assert!(smaller.services.remove(name).is_some());
    (smaller, world)
}

#[test]
fn an_orphan_goes_behind_all_that_a_run_does() {
    let (env, world) = left("web");
    let all = pipeline(&env);
    let run: Vec<&Step> = all.iter().collect();
    let plan = draw(&env, &run, &world);
    assert_eq!(plan.orphans, ["service web", "stack finance-app-staging-service-web"]);
    let gone = prune(&env, &world, &run);
    let ids: Vec<String> = gone.iter().map(|step| step.node.id.to_string()).collect();
    assert_eq!(ids, ["deploy-service web", "render-taskdef web", "bootstrap-services web"]);
    for step in &gone {
        assert!(run.iter().all(|before| step.node.needs.contains(&before.node.id)), "{}", step.node.id);
    }
    let steps: Vec<&Step> = run.iter().copied().chain(&gone).collect();
    let plan = draw(&env, &steps, &world);
    assert_eq!(plan.orphans, Vec::<String>::new());
    assert_eq!(deleted(&plan), ["finance-app-staging-service-web"]);
}

#[test]
fn an_orphan_with_data_goes_only_by_its_name() {
    let env = environments().remove(0);
    let mut world = there(&env);
    let mut smaller = env.clone();
    smaller.database = None;
    for service in smaller.services.values_mut() {
        service.secrets.retain(|_, source| *source != crate::workflow::SecretSource::Database);
    }
    let name = env.stack_name("database");
    let refused = planned(&smaller, &world, Removal::Orphans);
    let why: Vec<&str> = refused.refusals().map(|(_, refusal)| refusal.what.as_str()).collect();
    assert!(why.len() == 1 && why[0].contains("removing Database (AWS::RDS::DBInstance)"), "{why:?}");
    let resources = world.templates[&name].as_ref().unwrap()["Resources"].as_object().unwrap().keys();
    world.allow_replace = resources.cloned().collect();
    // With it goes the stack of its backups' key, which stays itself.
    let backup = env.stack_name("backup");
    assert_eq!(deleted(&planned(&smaller, &world, Removal::Orphans)), [name, backup]);
}

#[test]
fn a_service_that_only_runs_no_longer_keeps_its_stack_and_revisions() {
    let mut env = environments().remove(0);
    let world = there(&env);
    env.services.get_mut("web").unwrap().schedule = Some("rate(1 day)".into());
    let plan = planned(&env, &world, Removal::Orphans);
    let nodes: Vec<String> = plan.nodes.iter().map(|planned| planned.node.id.to_string()).collect();
    assert_eq!(nodes, ["deploy-service web"]);
    assert!(plan.actions().any(|(_, action)| matches!(action, Action::RemoveService(it) if it.service == "web")));
}

#[test]
fn a_region_that_left_the_file_is_looked_at_while_something_tells_of_it() {
    let env = environments().into_iter().find(|env| env.database.is_some() && env.cdn.is_none()).unwrap();
    let mut world = there(&env);
    let asked = |world: &World, removal| -> Vec<String> {
        let asks = asks_of_left_regions(&env, world, removal).into_iter();
        asks.map(|ask| if let Ask::Stacks { region } = ask { region } else { panic!("{ask:?}") }).collect()
    };
    let database = env.stack_name("database");
    let key = |region: &str| format!("arn:aws:kms:{region}:111122223333:key/1");
    let give = |world: &mut World, value: String| {
        let stack = world.stacks.get_mut(&database).unwrap();
        stack.parameters.insert("BackupKeyArn".into(), value);
    };
    give(&mut world, String::new());
    assert_eq!(asked(&world, None), Vec::<String>::new());
    // Not known yet.
    give(&mut world, "${stacks.backup.BackupKeyArn}".into());
    assert_eq!(asked(&world, None), Vec::<String>::new());
    give(&mut world, key("ap-south-1"));
    assert_eq!(asked(&world, None), ["ap-south-1"]);
    world.stacks.remove(&database);
    let edge = world.stacks.get_mut(&env.stack_name("edge")).unwrap();
    edge.outputs.insert("OriginSecretArn".into(), Value::Known("arn".into()));
    assert_eq!(asked(&world, None), ["us-east-1"]);
    for removal in [Removal::Orphans, KEEP, PURGE] {
        assert!(asked(&World::default(), Some(removal)).contains(&"us-east-1".to_owned()));
    }
}

/// The rules that are deleted for a service, in their order.
fn rules_deleted(plan: &Plan) -> Vec<(&str, &[String])> {
    let delete = plan.actions().filter_map(|(_, action)| match action {
        Action::DeleteRules(delete) => Some((delete.listener.as_str(), delete.rules.as_slice())),
        _ => None,
    });
    delete.collect()
}

#[test]
fn a_service_goes_before_its_rules_and_they_before_the_test_listener() {
    let env = contract_tests::tested();
    let world = there(&env);
    let plan = planned(&env, &world, KEEP);
    let found = rules_deleted(&plan);
    let of_tests = (world.test_listener(&env).unwrap(), ["test-rule-api".to_owned()]);
    assert!(found.contains(&(&*of_tests.0, &of_tests.1[..])), "{found:?}");
    let at = |is: fn(&Action) -> bool| plan.actions().position(|(_, action)| is(action)).unwrap();
    let service = at(|action| matches!(action, Action::RemoveService(remove) if remove.service == "api"));
    let rule =
        at(|action| matches!(action, Action::DeleteRules(delete) if delete.rules.contains(&"test-rule-api".into())));
    let stack = |key: &str| deleted(&plan).iter().position(|name| *name == env.stack_name(key)).unwrap();
    let listener = at(|action| matches!(action, Action::PutStack(put) if put.key == "test-listener"));
    assert!(service < rule && rule < listener, "{service} {rule} {listener}");
    assert!(stack("test-listener") < stack("edge"));
}

#[test]
fn a_test_rule_is_known_by_the_service_where_its_listener_is_not_known_any_more() {
    let env = contract_tests::tested();
    let mut world = there(&env);
    world.stacks.remove(&env.stack_name("test-listener"));
    world.listener_rules.retain(|_, rules| rules.iter().all(|rule| !rule.arn.starts_with("test-rule")));
    let arn = "arn:aws:elasticloadbalancing:us-east-1:1:listener-rule/app/a/1/2/3";
    let api = world.services.get_mut("api").unwrap().as_mut().unwrap();
    api.test_rule = Some(arn.into());
    api.json["loadBalancers"][0]["advancedConfiguration"]["testListenerRule"] = Json::Null;
    let plan = planned(&env, &world, KEEP);
    let rules = [arn.to_owned()];
    let found = rules_deleted(&plan);
    assert!(found.contains(&("arn:aws:elasticloadbalancing:us-east-1:1:listener/app/a/1/2", &rules)), "{found:?}");
}

#[test]
fn a_test_listener_that_left_the_file_goes_by_prune_behind_all_that_the_run_does() {
    let world = there(&contract_tests::tested());
    let mut env = contract_tests::tested();
    if let crate::workflow::LoadBalancer::Managed { test_listener, .. } = &mut env.load_balancer {
        *test_listener = None;
    }
    let run = pipeline(&env);
    let run: Vec<&Step> = run.iter().collect();
    // A run without it leaves the listener, and names it.
    let plan = draw(&env, &run, &world);
    assert_eq!(deleted(&plan), Vec::<&str>::new());
    assert_eq!(plan.refusals().count(), 0);
    assert_eq!(orphan_stacks(&env, &world).len(), 1);
    let steps = prune(&env, &world, &run);
    let listener = steps.iter().find(|step| step.node.id == NodeId::of("bootstrap-test-listener")).unwrap();
    for before in ["deploy-service", "wait-healthy"] {
        assert!(listener.node.needs.contains(&NodeId::scoped(before, "api")), "{:?}", listener.node.needs);
    }
}
