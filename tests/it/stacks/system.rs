//! The example's own stacks, from its workflow file to the emulator and back: put once, then nothing to do; one key
//! changed, then the stacks it stands in and no other.

use runner::stacks::{describe, template};
use runner_core::{
    plan::{Action, Ask, PutStack, StackMove, World},
    report::Fact,
    stages::pipeline,
    workflow::{Environment, Given, load},
};

use super::{Bench, REGION};

const FILE: &str = include_str!("../../../workflows-examples/finance-app/finance-infra.yml");

fn environment(name: &str, edit: Option<(&str, &str)>) -> Environment {
    let (from, to) = edit.unwrap_or_default();
    assert!(FILE.contains(from));
    let text = if from.is_empty() { FILE.to_owned() } else { FILE.replace(from, to) };
    load("finance-infra.yml", text.as_bytes()).unwrap().environment(name, &Given::default(), &()).unwrap().0
}

impl Bench {
    /// Decides and puts every stack in turn, one after another.
    async fn run(&self, env: &Environment) -> Vec<PutStack> {
        let mut all = Vec::new();
        for step in pipeline(env) {
            let mut world = World { stacks: describe(&self.clients, REGION).await.unwrap(), ..World::default() };
            world.abilities.may_leave_out = true;
            let asks = step.stage.asks(env, &step.node, &world);
            if !asks.iter().any(|ask| matches!(ask, Ask::Stacks { .. })) || !step.stage.name().starts_with("bootstrap-")
            {
                continue;
            }
            for ask in asks {
                match ask {
                    Ask::Template { region, stack } => {
                        let body = template(&self.clients, &region, &stack).await.unwrap();
                        world.templates.insert(stack, body);
                    }
                    // The example's zone is nobody's.
                    Ask::HostedZone { id } => {
                        world.hosted_zones.insert(id, false);
                    }
                    _ => {}
                }
            }
            for action in step.stage.decide(env, &step.node, &world).unwrap() {
                let Action::PutStack(put) = action else { panic!("{action:?}") };
                self.put(&put).await.unwrap_or_else(|stop| panic!("{}: {stop:#?}", put.name));
                all.push(*put);
            }
        }
        all
    }
}

#[tokio::test]
async fn the_example_is_made_once_and_then_changes_where_its_file_changes() {
    for (name, protected) in [("staging", false), ("production", true)] {
        let mut bench = Bench::new().await;
        bench.may_leave_out = true;
        let env = environment(name, None);
        let steps: Vec<_> = bench.run(&env).await.iter().map(|put| put.step).collect();
        assert!(steps.contains(&StackMove::Create));
        assert_eq!(steps.contains(&StackMove::Protect), protected);
        // The endpoint lacks some types; that is said, and asked once for each stack.
        assert!(bench.changed().iter().any(|changed| changed.left_out.contains(&"AWS::EC2::NatGateway".to_owned())));
        assert_eq!(bench.run(&env).await, []);

        let env = environment(name, Some(("instance-class: db.t3.micro", "instance-class: db.t3.small")));
        let puts = bench.run(&env).await;
        // Alarms on connections and memory follow the class.
        let names: Vec<_> = puts.iter().map(|put| put.name.rsplit('-').next().unwrap()).collect();
        assert_eq!(names, ["database", "monitoring"]);
        let changes = &puts[0].changes;
        assert_eq!(changes.len(), 1);
        assert_eq!((changes[0].subject.as_str(), changes[0].property.as_str()), ("Database", "DBInstanceClass"));
        assert!(changes[0].span.is_some());
        let said = bench.said();
        assert!(!said.iter().any(|fact| matches!(fact, Fact::Beyond(_))), "the plan has all of it: {said:?}");
        assert_eq!(bench.run(&env).await, []);
    }
}
