//! The contract of every stage: what it decides, once done, leaves nothing to decide.

use serde_json::Value as Json;

use super::{Step, draw, pipeline};
use crate::{
    plan::{Action, Ask, DesiredService, Image, Parameter, Rollout, Service, TaskDefinition, Variable, World},
    testing::{EXAMPLE, environment},
    workflow::{Environment, Value},
};

const MORE: &str = r#"
  worker: { from: api, command: [bundle, exec, sidekiq], cpu: 256, memory: 512, desired-count: 2 }
  nightly-report: { from: api, command: [bundle, exec, rails, "report:nightly"], cpu: 256, memory: 512, schedule: "cron(0 3 * * ? *)" }
"#;

/// The example with a test listener, on which the api of its production answers.
pub(super) fn tested() -> Environment {
    let waf = "  waf: { mode: count, rate-limit: 2000 }\n";
    let more = format!("{waf}  test-listener: {{ allow-from: [203.0.113.0/24] }}\n");
    let env = environment(&EXAMPLE.replacen(waf, &more, 1), "production");
    assert!(env.is_tested(&env.services["api"]) && !env.is_tested(&env.services["web"]));
    env
}

pub(super) fn environments() -> Vec<Environment> {
    let more = EXAMPLE.replacen("\nservices:\n", &format!("\nservices:{MORE}"), 1);
    assert!(more.contains("nightly-report: {"), "the example's services have moved");
    let more = more.replacen(
        "    before-deploy:",
        "    after-deploy: { command: [bundle, exec, rake, warm] }\n    before-deploy:",
        1,
    );
    assert!(more.contains("after-deploy:"), "the example's migration has moved");
    let of_texts = [(EXAMPLE, "staging"), (&*more, "production")];
    of_texts.into_iter().map(|(text, name)| environment(text, name)).chain([tested()]).collect()
}

/// A world in which every question was asked and nothing is there.
pub(super) fn nothing(env: &Environment) -> World {
    let mut world = World { reads_variables: true, ..World::default() };
    for service in env.services.values() {
        world.services.insert(service.name.clone(), None);
        world.task_definitions.insert(env.family(&service.name), None);
    }
    for service in env.pushed() {
        let image = Image { tag: "in-0123456789abcdef".into(), digest: None, stand_in: false };
        world.images.insert(service.name.clone(), image);
    }
    for name in super::sync_secrets::parameters(env).into_keys() {
        world.parameters.insert(name, Parameter { version: 0, variable: Variable::Differs, modified: None });
    }
    world
}

pub(super) fn assumed(env: &Environment, steps: &[&Step], world: &World) -> World {
    let mut world = world.clone();
    for (_, action) in draw(env, steps, &world.clone()).actions() {
        world.assume(env, action);
    }
    world
}

/// The world after a run: each node decided when it is ready, and what waited known as AWS would tell it.
pub(super) fn settled(env: &Environment, steps: &[&Step]) -> World {
    let mut world = nothing(env);
    for step in steps {
        for action in step.stage.decide(env, &step.node, &world).iter().flatten() {
            world.assume(env, action);
        }
        tell(env, &mut world);
    }
    world
}

fn tell(env: &Environment, world: &mut World) {
    let know = |value: &mut Value| {
        if let Value::Pending(reference) = value {
            *value = Value::Known(reference.trim_matches(['$', '{', '}']).replace('.', "-"));
        }
    };
    for stack in world.stacks.values_mut() {
        stack.outputs.values_mut().for_each(know);
    }
    world.images.values_mut().filter_map(|image| image.digest.as_mut()).for_each(know);
    world.task_definitions.values_mut().flatten().for_each(|revision| know(&mut revision.arn));
    world.rules.values_mut().for_each(know);
    world.test_rules.values_mut().for_each(know);
    for service in world.services.values_mut().flatten() {
        let arn = |text: &str| text.replace("${rule.", "rule-").replace("${test-rule.", "test-rule-").replace('}', "");
        let rules = service.json.pointer_mut("/loadBalancers/0/advancedConfiguration").and_then(Json::as_object_mut);
        for rule in rules.into_iter().flat_map(|rules| rules.values_mut()) {
            if let Some(text) = rule.as_str().filter(|text| text.contains("rule.")) {
                *rule = arn(text).into();
            }
        }
        service.test_rule = service.test_rule.as_deref().map(arn);
    }
    if let Some(url) = world.output(env, "database", "DatabaseUrlSecretArn").known() {
        // An ARN is told from a parameter's name by its beginning.
        let arn = format!("arn:{url}");
        world.secret_versions.insert(arn.clone(), Some("v1".into()));
        if let Some(stack) = world.stacks.get_mut(&env.stack_name("database"))
            && !url.starts_with("arn:")
        {
            stack.outputs.insert("DatabaseUrlSecretArn".into(), Value::Known(arn));
        }
    }
}

pub(super) type Change = fn(&Environment, &mut World);

/// Ways in which a world may differ from the one that is wanted.
pub(super) fn changes() -> Vec<(&'static str, Change)> {
    fn services(world: &mut World, change: fn(&mut Service)) {
        world.services.values_mut().flatten().for_each(change);
    }
    vec![
        ("as it is", |_, _| {}),
        ("nothing of ECS's", |env, world| {
            for service in env.services.values() {
                world.services.insert(service.name.clone(), None);
                world.task_definitions.insert(env.family(&service.name), None);
            }
        }),
        ("a service without our mark", |_, world| services(world, |service| service.mark = None)),
        ("a service of an older file", |_, world| services(world, |service| service.mark = Some("0000@1".into()))),
        ("a service whose first deployment failed", |_, world| {
            services(world, |service| {
                service.mark = Some(format!("{}@1", Service::GIVEN_UP));
                (service.desired, service.running) = (0, 0);
                service.json["desiredCount"] = 0.into();
                service.deployments.iter_mut().for_each(|deployment| deployment.rollout = Rollout::Failed);
            });
        }),
        ("a service that was deleted", |_, world| services(world, |service| service.status = "INACTIVE".into())),
        ("a deployment under way", |_, world| {
            services(world, |service| {
                service.running = 0;
                service.deployments.iter_mut().for_each(|deployment| deployment.rollout = Rollout::InProgress);
            });
        }),
        ("a newer secret", |_, world| {
            world.parameters.values_mut().for_each(|parameter| parameter.variable = Variable::Differs);
        }),
        ("an image that is not there", |_, world| world.images.values_mut().for_each(|image| image.digest = None)),
        ("a revision of other making", |_, world| {
            services(world, |service| service.mark = None);
            world.task_definitions.values_mut().flatten().for_each(|revision| revision.fingerprint = None);
        }),
        ("a stack of an older template", |env, world| {
            if let Some(stack) = world.stacks.get_mut(&env.stack_name("network")) {
                stack.outputs.insert("TemplateHash".into(), "0".into());
            }
        }),
        ("a stack whose first create was rolled back", |env, world| {
            if let Some(stack) = world.stacks.get_mut(&env.stack_name("database")) {
                stack.status.0 = "ROLLBACK_COMPLETE".into();
            }
        }),
        ("a stack that another run changes", |env, world| {
            if let Some(stack) = world.stacks.get_mut(&env.stack_name("edge")) {
                stack.status.0 = "UPDATE_IN_PROGRESS".into();
            }
        }),
    ]
}

#[test]
fn what_a_stage_decided_leaves_nothing_to_decide() {
    for env in environments() {
        let all = pipeline(&env);
        let steps: Vec<&Step> = all.iter().collect();
        let mut worlds = vec![("nothing at all", nothing(&env))];
        for (name, change) in changes() {
            let mut world = settled(&env, &steps);
            change(&env, &mut world);
            worlds.push((name, world));
        }
        for (name, world) in worlds {
            let plan = draw(&env, &steps, &world);
            assert_eq!(plan.refusals().count(), 0, "{name} in {}: {:?}", env.name, plan.refusals().next());
            let after = assumed(&env, &steps, &world);
            for step in &steps {
                let left = step.stage.decide(&env, &step.node, &after);
                assert_eq!(left, Ok(Vec::new()), "{} in {}, {name}", step.node.id, env.name);
            }
        }
    }
}

#[test]
fn a_settled_world_is_left_alone_and_costs_no_look_at_revisions() {
    for env in environments() {
        let all = pipeline(&env);
        let steps: Vec<&Step> = all.iter().collect();
        let mut world = settled(&env, &steps);
        world.done.clear();
        let plan = draw(&env, &steps, &world);
        assert!(plan.is_empty(), "{:#?}", plan.actions().collect::<Vec<_>>());
        for step in steps.iter().filter(|step| step.stage.name() == "deploy-service") {
            let service = &env.services[step.node.service.as_ref().unwrap()];
            assert!(DesiredService::of(&env, service, &world).is_deployed(&world));
            world.answered.extend(step.stage.asks(&env, &step.node, &world));
            let asks = step.stage.asks(&env, &step.node, &world);
            assert!(!asks.iter().any(|ask| matches!(ask, Ask::TaskDefinition { .. })), "{asks:?}");
        }
    }
}

#[test]
fn a_plan_is_named_by_its_changes_and_not_by_images_or_secrets() {
    let env = &environments()[0];
    let all = pipeline(env);
    let steps: Vec<&Step> = all.iter().collect();
    let world = settled(env, &steps);
    let settled_id = draw(env, &steps, &world).id();
    let mut other = world.clone();
    other.images.values_mut().for_each(|image| image.digest = None);
    other.parameters.values_mut().for_each(|parameter| parameter.variable = Variable::Differs);
    assert_eq!(draw(env, &steps, &other).id(), settled_id);
    let mut bigger = env.clone();
    bigger.services.get_mut("api").unwrap().cpu = 1024;
    bigger.services.get_mut("api").unwrap().memory = 2048;
    assert_ne!(draw(&bigger, &steps, &world).id(), settled_id);
}

/// The count comes back also where autoscaling owns it, and the same revision is deployed anew.
#[test]
fn what_failed_at_first_is_begun_again_and_never_followed_as_it_is() {
    for env in environments() {
        let all = pipeline(&env);
        let steps: Vec<&Step> = all.iter().collect();
        let mut world = settled(&env, &steps);
        let (_, failed) =
            changes().into_iter().find(|(name, _)| *name == "a service whose first deployment failed").unwrap();
        failed(&env, &mut world);
        for step in &steps {
            let Some(service) = step.node.service.as_ref().and_then(|name| env.services.get(name)) else { continue };
            let decided = step.stage.decide(&env, &step.node, &world);
            match step.stage.name() {
                "wait-healthy" => {
                    let refusal = decided.unwrap_err();
                    assert!(refusal.why.contains("set to 0 tasks"), "{refusal:?}");
                }
                "deploy-service" => {
                    let actions = decided.unwrap();
                    let put = actions.iter().find_map(|action| match action {
                        Action::PutService(put) => Some(put),
                        _ => None,
                    });
                    let put = put.unwrap();
                    let wanted = service.scaling.as_ref().map_or(service.desired_count, |scaling| scaling.min);
                    assert_eq!(put.input["desiredCount"], wanted, "{}", service.name);
                    assert!(put.deploys && put.input["forceNewDeployment"] == true, "{:?}", put.input);
                    let mut after = world.clone();
                    actions.iter().for_each(|action| after.assume(&env, action));
                    let seen = after.service(&service.name).unwrap();
                    assert!(seen.is_first() && !seen.is_given_up(), "{seen:?}");
                }
                _ => {}
            }
        }
    }
}

#[test]
fn a_service_that_drains_is_refused_and_a_task_that_is_done_is_not_repeated() {
    let env = &environments()[0];
    let all = pipeline(env);
    let steps: Vec<&Step> = all.iter().collect();
    let mut world = settled(env, &steps);
    let api = world.services.get_mut("api").unwrap().as_mut().unwrap();
    api.status = "DRAINING".into();
    let plan = draw(env, &steps, &world);
    let refusals: Vec<String> = plan.refusals().map(|(node, _)| node.to_string()).collect();
    assert_eq!(refusals, ["deploy-service api"]);

    // Killed after the migration and before the service was updated.
    let mut world = settled(env, &steps);
    world.services.insert("api".into(), None);
    let runs =
        |world: &World| draw(env, &steps, world).actions().filter(|(_, it)| matches!(it, Action::RunTask(_))).count();
    assert_eq!(runs(&world), 0);
    let revision: &mut TaskDefinition =
        world.task_definitions.get_mut("finance-app-staging-api").unwrap().as_mut().unwrap();
    revision.done.clear();
    assert_eq!(runs(&world), 1);
}
