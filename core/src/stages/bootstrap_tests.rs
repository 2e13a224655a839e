//! What is decided for a stack in every state it may be found in.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::json;

use super::*;
use crate::plan::NodeId;
use crate::{
    infra::{Holds, Resource, Template, attribute, reference},
    plan::{STATUSES, StackStatus},
    text::Foreign,
    workflow::{Cluster, Egress, LoadBalancer, Monitoring, Network, Origins, Value},
};

static KINDS: &[StackKind] = &[
    StackKind { stage: "bootstrap-network", makes: "a network", stacks: network, of_service: None },
    StackKind { stage: "bootstrap-database", makes: "a database", stacks: database, of_service: None },
    StackKind { stage: "bootstrap-services", makes: "two services", stacks: services, of_service: None },
];

fn stack(key: &str, service: Option<&str>, template: Template) -> StackDesired {
    StackDesired { service: service.map(str::to_owned), ..StackDesired::new(key, template) }
}

fn network(env: &Environment) -> Vec<StackDesired> {
    let Network::Managed { cidr, .. } = &env.network else { return Vec::new() };
    let mut template = Template::new("network");
    template.add(
        "Vpc",
        Resource::new("AWS::EC2::VPC", json!({ "CidrBlock": cidr })).holds(Holds::Traffic).origin("network.cidr"),
    );
    template.output("VpcId", reference("Vpc"), "the VPC");
    template.output("Arn", attribute("Vpc", "Arn"), "its ARN");
    vec![stack("network", None, template)]
}

fn database(_: &Environment) -> Vec<StackDesired> {
    let mut template = Template::new("database");
    let vpc = template.take("VpcId", "String", "network", "VpcId");
    template
        .parameters
        .insert("Protect".into(), crate::infra::Parameter { kind: "String", source: crate::infra::Source::Protect });
    template.add("Group", Resource::new("AWS::EC2::SecurityGroup", json!({ "VpcId": vpc })).holds(Holds::Traffic));
    template.add(
        "Database",
        Resource::new("AWS::RDS::DBInstance", json!({ "DeletionProtection": reference("Protect") })).holds(Holds::Data),
    );
    vec![stack("database", None, template)]
}

fn services(_: &Environment) -> Vec<StackDesired> {
    ["api", "web"]
        .map(|name| {
            let mut template = Template::new(name);
            template.add("Logs", Resource::new("AWS::Logs::LogGroup", json!({ "RetentionInDays": 30 })));
            let mut stack = stack(&format!("service-{name}"), Some(name), template);
            stack.after.push("database".into());
            stack
        })
        .into()
}

fn environment(protected: bool) -> Environment {
    Environment {
        siblings: BTreeMap::new(),
        app: "app".into(),
        name: "test".into(),
        region: "us-east-1".into(),
        account: None,
        domain: None,
        protected,
        identity: None,
        network: Network::Managed {
            cidr: "10.0.0.0/16".into(),
            public_subnets: Vec::new(),
            private_subnets: Vec::new(),
            egress: Egress::NatGateway,
        },
        cluster: Cluster { existing: None, container_insights: true },
        hosted_zone: None,
        database: None,
        load_balancer: LoadBalancer::Managed { waf: None, test_listener: None },
        cdn: None,
        monitoring: Monitoring { notify: None, log_retention_days: 30, tracing: false },
        services: BTreeMap::new(),
        extra_stacks: BTreeMap::new(),
        stages: BTreeMap::new(),
        origins: Origins {
            file: "app.yml".into(),
            defaults: Default::default(),
            spans: BTreeMap::from([("network".into(), crate::text::Span { line: 7, column: 3, length: 7 })]),
        },
    }
}

fn stage(at: usize) -> StackStage {
    StackStage::new(&KINDS[at])
}

fn node(env: &Environment, at: usize) -> Node {
    stage(at).nodes(env).remove(0)
}

fn decide(env: &Environment, at: usize, world: &World) -> Result<Vec<PutStack>, Refusal> {
    let actions = stage(at).decide(env, &node(env, at), world)?;
    Ok(actions
        .into_iter()
        .map(|action| match action {
            Action::PutStack(put) => *put,
            other => panic!("{other:?}"),
        })
        .collect())
}

fn steps(puts: &[PutStack]) -> Vec<StackMove> {
    puts.iter().map(|put| put.step).collect()
}

/// A world in which everything that is decided is done, and known.
fn settled(env: &Environment) -> World {
    let mut world = World::default();
    for at in 0..KINDS.len() {
        for node in stage(at).nodes(env) {
            for action in stage(at).decide(env, &node, &world).unwrap() {
                world.assume(env, &action);
            }
        }
        for stack in world.stacks.values_mut() {
            for (name, value) in &mut stack.outputs {
                if value.known().is_none() {
                    *value = Value::Known(format!("{name}-1"));
                }
            }
        }
    }
    world
}

fn set_status(world: &mut World, name: &str, status: &str) {
    let stack = world.stacks.get_mut(name).unwrap();
    stack.status = StackStatus(status.into());
    stack.reason = Foreign::new("because");
}

#[test]
fn a_kind_of_one_stack_is_one_node_and_needs_are_nodes() {
    let env = environment(false);
    assert_eq!(node(&env, 0), Node { id: NodeId::of("bootstrap-network"), service: None, needs: Vec::new() });
    assert_eq!(node(&env, 1).needs, [NodeId::of("bootstrap-network")]);
    let services = stage(2).nodes(&env);
    assert_eq!(services[1].id, NodeId::scoped("bootstrap-services", "web"));
    assert_eq!(services[1].service.as_deref(), Some("web"));
    assert_eq!(services[1].needs, [NodeId::of("bootstrap-database")]);
}

#[test]
fn an_empty_world_is_created_unprotected_first_and_values_wait_as_they_are_written() {
    let env = environment(true);
    let puts = decide(&env, 1, &World::default()).unwrap();
    assert_eq!(steps(&puts), [StackMove::Create, StackMove::Update, StackMove::Protect]);
    assert_eq!(puts[0].parameters["Protect"], Value::Known("false".into()));
    assert_eq!(puts[1].parameters["Protect"], Value::Known("true".into()));
    assert_eq!(puts[0].parameters["VpcId"], Value::Pending("${stacks.network.VpcId}".into()));
    assert_ne!(puts[0].hash, puts[1].hash);
    assert!(puts[0].body.contains(&puts[0].hash) && puts[1].body.contains(&puts[1].hash));
    let created: Vec<_> =
        puts[0].changes.iter().map(|change| (change.subject.as_str(), change.is_creation())).collect();
    assert_eq!(created, [("Database", true), ("Group", true)]);
    let changed: Vec<_> =
        puts[1].changes.iter().map(|change| format!("{}.{}", change.subject, change.property)).collect();
    assert_eq!(changed, ["Database.DeletionProtection"]);
    assert_eq!(puts[0].tags["finance-infra:environment"], "test");
    assert_eq!(puts[0].holds["Database"], Holds::Data);

    assert_eq!(
        steps(&decide(&environment(false), 1, &World::default()).unwrap()),
        [StackMove::Create, StackMove::Update]
    );
}

#[test]
fn a_settled_world_has_nothing_to_do_and_asks_for_no_template() {
    for protected in [false, true] {
        let env = environment(protected);
        let world = settled(&env);
        for at in 0..KINDS.len() {
            assert_eq!(decide(&env, at, &world).unwrap(), []);
            assert_eq!(stage(at).asks(&env, &node(&env, at), &world), [Ask::Stacks { region: "us-east-1".into() }]);
        }
    }
}

#[test]
fn a_run_killed_between_create_and_protection_is_finished_by_the_next() {
    let env = environment(true);
    let mut world = settled(&env);
    world.stacks.remove("app-test-database");
    let create = Action::PutStack(Box::new(decide(&env, 1, &world).unwrap().remove(0)));
    world.assume(&env, &create);
    let puts = decide(&env, 1, &world).unwrap();
    assert_eq!(steps(&puts), [StackMove::Update, StackMove::Protect]);
    assert_eq!(puts[0].changes.len(), 1);
    assert_eq!(puts[0].changes[0].after, Some(json!("true")));
}

#[test]
fn what_is_decided_and_done_leaves_nothing_to_decide() {
    let stuck = |standing: &Standing| matches!(standing, Standing::Stuck(_));
    let statuses: Vec<&str> =
        STATUSES.iter().filter(|(_, standing)| !stuck(standing)).map(|(status, _)| *status).collect();
    assert_eq!(statuses.len(), 17);
    let mut seen = 0;
    for (environment_protected, stack_protected, hash, template) in
        (0..24).map(|n| (n % 2 == 0, n / 2 % 2 == 0, n / 4 % 3, n / 12 == 0))
    {
        let env = environment(environment_protected);
        for at in 0..KINDS.len() {
            for status in &statuses {
                let mut world = settled(&env);
                let name = env.stack_name(["network", "database", "service-api"][at]);
                set_status(&mut world, &name, status);
                let stack = world.stacks.get_mut(&name).unwrap();
                stack.protected = stack_protected;
                match hash {
                    0 => {}
                    1 => drop(stack.outputs.insert(Stack::HASH.into(), Value::Known("other".into()))),
                    _ => drop(stack.outputs.remove(Stack::HASH)),
                }
                if !template {
                    world.templates.insert(name, None);
                }
                for put in decide(&env, at, &world).unwrap() {
                    world.assume(&env, &Action::PutStack(Box::new(put)));
                }
                assert_eq!(decide(&env, at, &world), Ok(Vec::new()), "{status} {at} {environment_protected} {hash}");
                seen += 1;
            }
        }
    }
    assert_eq!(seen, 24 * 3 * statuses.len());
}

/// What is done with a stack in each status that CloudFormation knows: a move, or the command that a person is told.
const WAYS: &[(&str, Result<&[StackMove], &str>)] = &[
    ("CREATE_COMPLETE", Ok(&[])),
    ("CREATE_FAILED", Err("aws cloudformation rollback-stack")),
    ("CREATE_IN_PROGRESS", Ok(&[StackMove::Attach])),
    ("DELETE_COMPLETE", Ok(&[StackMove::Create])),
    ("DELETE_FAILED", Err("--retain-resources")),
    ("DELETE_IN_PROGRESS", Ok(&[StackMove::Attach])),
    ("IMPORT_COMPLETE", Ok(&[])),
    ("IMPORT_IN_PROGRESS", Ok(&[StackMove::Attach])),
    ("IMPORT_ROLLBACK_COMPLETE", Ok(&[])),
    ("IMPORT_ROLLBACK_FAILED", Err("continue the rollback in the CloudFormation console")),
    ("IMPORT_ROLLBACK_IN_PROGRESS", Ok(&[StackMove::Attach])),
    ("REVIEW_IN_PROGRESS", Ok(&[StackMove::Create])),
    ("ROLLBACK_COMPLETE", Ok(&[StackMove::Recreate])),
    ("ROLLBACK_FAILED", Err("aws cloudformation delete-stack")),
    ("ROLLBACK_IN_PROGRESS", Ok(&[StackMove::Attach])),
    ("UPDATE_COMPLETE", Ok(&[])),
    ("UPDATE_COMPLETE_CLEANUP_IN_PROGRESS", Ok(&[StackMove::Attach])),
    ("UPDATE_FAILED", Err("aws cloudformation rollback-stack")),
    ("UPDATE_IN_PROGRESS", Ok(&[StackMove::Attach])),
    ("UPDATE_ROLLBACK_COMPLETE", Ok(&[])),
    ("UPDATE_ROLLBACK_COMPLETE_CLEANUP_IN_PROGRESS", Ok(&[StackMove::Attach])),
    ("UPDATE_ROLLBACK_FAILED", Err("aws cloudformation continue-update-rollback")),
    ("UPDATE_ROLLBACK_IN_PROGRESS", Ok(&[StackMove::Attach])),
    // None of today's: followed where its name says so, and never changed otherwise.
    ("NEWFANGLED_IN_PROGRESS", Ok(&[StackMove::Attach])),
    ("NEWFANGLED_FAILED", Err("aws cloudformation describe-stacks")),
];

#[test]
fn each_state_has_its_way() {
    let env = environment(false);
    let (known, new) = WAYS.split_at(STATUSES.len());
    let names = |all: &[(&'static str, _)]| all.iter().map(|(status, _)| *status).collect::<Vec<_>>();
    assert_eq!(names(known), STATUSES.iter().map(|(status, _)| *status).collect::<Vec<_>>());
    assert!(new.iter().all(|(status, _)| status.starts_with("NEWFANGLED")));
    for (status, way) in WAYS {
        let mut world = settled(&env);
        set_status(&mut world, "app-test-network", status);
        match (decide(&env, 0, &world), way) {
            (Ok(puts), Ok(moves)) => assert_eq!(steps(&puts), *moves, "{status}"),
            (Err(refusal), Err(command)) => {
                assert_eq!(refusal.what, "changing stack app-test-network");
                assert_eq!(refusal.why, format!("it is {status}: because"));
                assert!(refusal.remedy.contains(command), "{status}: {}", refusal.remedy);
                let named = "--stack-name app-test-network --region us-east-1";
                assert!(refusal.remedy.contains(named) || status.starts_with("IMPORT"), "{}", refusal.remedy);
                assert!(refusal.remedy.ends_with("and run again"), "{}", refusal.remedy);
                assert_eq!(refusal.exit.code(), 1);
            }
            (done, _) => panic!("{status}: {done:?}"),
        }
    }
}

/// Where something is to be adopted that is all that is done, once, and to no other stack.
#[test]
fn an_adoption_is_decided_for_its_stack_alone_and_done_once() {
    let env = environment(true);
    let mut world = settled(&env);
    let name = env.stack_name("network");
    world.stacks.remove(&name);
    let mut import = decide(&env, 0, &world).unwrap().remove(0);
    (import.step, import.name) = (StackMove::Import, name.clone());
    world.imports = Some(BTreeMap::from([(name.clone(), import)]));
    assert_eq!(steps(&decide(&env, 0, &world).unwrap()), [StackMove::Import]);
    assert!(decide(&env, 1, &world).unwrap().is_empty());
    let put = decide(&env, 0, &world).unwrap().remove(0);
    world.assume(&env, &Action::PutStack(Box::new(put)));
    assert!(decide(&env, 0, &world).unwrap().is_empty());
    assert_eq!(world.stacks[&name].status.0, "IMPORT_COMPLETE");
    // What is under way is waited for, and what is stuck is a person's.
    set_status(&mut world, &name, "UPDATE_IN_PROGRESS");
    assert_eq!(steps(&decide(&env, 0, &world).unwrap()), [StackMove::Attach]);
    set_status(&mut world, &name, "IMPORT_ROLLBACK_FAILED");
    assert!(decide(&env, 0, &world).is_err());
    // The next run sees a stack without a hash, and puts the rest.
    world.imports = None;
    set_status(&mut world, &name, "IMPORT_COMPLETE");
    assert_eq!(steps(&decide(&env, 0, &world).unwrap())[0], StackMove::Update);
}

#[test]
fn a_replacement_is_refused_unless_named_and_the_place_in_the_file_is_known() {
    let mut env = environment(false);
    let mut world = settled(&env);
    if let Network::Managed { cidr, .. } = &mut env.network {
        *cidr = "10.9.0.0/16".into();
    }
    assert_eq!(
        stage(0).asks(&env, &node(&env, 0), &world)[1],
        Ask::Template { region: "us-east-1".into(), stack: "app-test-network".into() }
    );
    let refusal = decide(&env, 0, &world).unwrap_err();
    assert_eq!(refusal.what, "replacing Vpc (AWS::EC2::VPC) in app-test-network");
    world.allow_replace.insert("Vpc".into());
    let put = decide(&env, 0, &world).unwrap().remove(0);
    assert_eq!(put.changes[0].property, "CidrBlock");
    assert_eq!(put.changes[0].span.map(|span| span.line), Some(7));

    // The plan goes on: what hangs on the VPC is not known any more, and a group that lives in it is replaced too.
    world.assume(&env, &Action::PutStack(Box::new(put)));
    assert_eq!(world.output(&env, "network", "VpcId"), Value::Pending("${stacks.network.VpcId}".into()));
    let refusal = decide(&env, 1, &world).unwrap_err();
    assert_eq!(refusal.what, "replacing Group (AWS::EC2::SecurityGroup) in app-test-database");
}

#[test]
fn a_template_that_is_too_big_is_refused_with_its_size() {
    static BIG: &[StackKind] = &[StackKind { stage: "bootstrap-big", makes: "", stacks: big, of_service: None }];
    fn big(_: &Environment) -> Vec<StackDesired> {
        let mut template = Template::new("x".repeat(INLINE_LIMIT));
        template.add("Topic", Resource::new("AWS::SNS::Topic", json!({})));
        vec![stack("big", None, template)]
    }
    let env = environment(false);
    let stage = StackStage::new(&BIG[0]);
    let refusal = stage.decide(&env, &stage.nodes(&env)[0], &World::default()).unwrap_err();
    assert!(refusal.why.contains("bytes, and CloudFormation takes at most 51200"), "{}", refusal.why);
}

#[test]
fn what_an_earlier_stack_could_not_give_is_left_out_where_that_may_be() {
    let env = environment(false);
    let mut world = settled(&env);
    world.stacks.remove("app-test-database");
    world.stacks.get_mut("app-test-network").unwrap().outputs.remove("VpcId");
    let put = decide(&env, 1, &world).unwrap().remove(0);
    assert_eq!(put.parameters["VpcId"], Value::Pending("${stacks.network.VpcId}".into()));
    world.abilities.may_leave_out = true;
    let puts = decide(&env, 1, &world).unwrap();
    assert_eq!(puts[0].parameters.keys().collect::<Vec<_>>(), ["Protect"]);
    assert_eq!(puts[1].changes.len(), 1);
    assert!(!puts[0].body.contains("VpcId") && !puts[0].body.contains("SecurityGroup"), "{}", puts[0].body);
    for put in puts {
        world.assume(&env, &Action::PutStack(Box::new(put)));
    }
    assert_eq!(decide(&env, 1, &world).unwrap(), []);
}

#[test]
fn types_the_endpoint_left_out_are_no_difference() {
    let env = environment(false);
    let mut world = settled(&env);
    let stack = world.stacks.get_mut("app-test-database").unwrap();
    stack.outputs.insert(Stack::HASH.into(), Value::Known("other".into()));
    stack.outputs.insert(Stack::LEFT_OUT.into(), Value::Known("AWS::EC2::SecurityGroup".into()));
    let mut template = world.templates["app-test-database"].clone().unwrap();
    template["Resources"].as_object_mut().unwrap().remove("Group");
    world.templates.insert("app-test-database".into(), Some(template));
    assert_eq!(decide(&env, 1, &world).unwrap()[0].changes, []);
    assert_eq!(BTreeSet::from(["AWS::EC2::SecurityGroup".to_owned()]), world.stacks["app-test-database"].left_out());
}
