//! Which revisions a look reads, and what is told of the others. A service that is not there is asked for by the names of
//! all families at once; of very many that differ a plan reads some, and a service's tags prove what the rest were made
//! from. Nothing of a definition can be replaced, so that no guard misses what was not read.

use std::collections::BTreeSet;

use serde_json::Value as Json;

use crate::{
    plan::{
        Ask, Changed, DesiredService, Known, MadeFrom, PassedOver, Service as Seen, TaskDefinition, World,
        as_registered, digest, likewise, unversioned_definition,
    },
    service::{self, stack_key},
    workflow::{Environment, Service},
};

/// What must be known to say which revision is the newest of a service's family.
pub(super) fn newest_asked(env: &Environment, service: &Service, world: &World) -> Vec<Ask> {
    let family = env.family(&service.name);
    let families = Ask::Families { prefix: env.family("") };
    let is_listed = world.answered.contains(&families);
    let runs_or_ran = match service.is_running() {
        true => world.service(&service.name).is_some(),
        false => world.stacks.contains_key(&env.stack_name(&stack_key(&service.name))),
    };
    // The list may lag a moment behind. Who was killed right after registering may then register the same again, which costs
    // nothing; but a migration is found again by its revision, and a run must not start it a second time.
    let must_not_miss = world.reads_variables && service.before_deploy.is_some();
    if must_not_miss || (runs_or_ran && !is_listed) {
        return vec![Ask::TaskDefinition { family }];
    }
    let there = is_listed && world.families.contains(&family);
    [families].into_iter().chain(there.then_some(Ask::TaskDefinition { family })).collect()
}

/// Families of services that run another definition, in the order in which they are read where not all are.
#[derive(Default)]
pub struct Differing {
    /// Those that differ in more than versions.
    pub otherwise: Vec<String>,
    /// Those that differ in versions only. Which of the others are read does not hang on these, so that a new image or secret
    /// between a plan and its run does not change the plan's id.
    pub in_versions: Vec<String>,
}

/// Takes the questions for them away. With `assumed` they are those that only an earlier step of the same plan causes.
pub fn asked_of_differing(env: &Environment, world: &World, asks: &mut BTreeSet<Ask>, assumed: bool) -> Differing {
    let mut differing = Differing::default();
    asks.retain(|ask| {
        let Ask::TaskDefinition { family } = ask else { return true };
        let Some(service) = service_of(env, family).filter(|service| service.is_running()) else { return true };
        let Some(seen) = world.service(&service.name) else { return true };
        if !assumed && DesiredService::of(env, service, world).running(world).is_some() {
            return true;
        }
        let timeless = digest(&unversioned_definition(env, service, world));
        match seen.made_from() {
            Some(made_from) if made_from.timeless == timeless => differing.in_versions.push(family.clone()),
            _ => differing.otherwise.push(family.clone()),
        }
        false
    });
    differing
}

/// What those that were read tell of families that were not: what the service's revision was made from, proven by its
/// digests, if it changes like one of them.
pub fn told_of(env: &Environment, world: &World, families: &[String]) -> Vec<(String, PassedOver, TaskDefinition)> {
    let examples: Vec<Example> = env.services.values().filter_map(|service| example(env, service, world)).collect();
    let told = families.iter().filter_map(|family| {
        let service = service_of(env, family)?;
        let seen = world.service(&service.name)?;
        let made_from = seen.made_from()?;
        let after = unversioned_definition(env, service, world);
        let whole = || service::definition(env, service, &Known { env, world }).json;
        let before = if digest(&after) == made_from.timeless {
            whole()
        } else {
            examples.iter().find_map(|example| {
                let of = |after: &Json| likewise(example.changed(), after, &service.name);
                (digest(&of(&after)) == made_from.timeless).then(|| of(&whole()))
            })?
        };
        let passed_over = if digest(&before) == made_from.whole { PassedOver::Told } else { PassedOver::Versions };
        Some((family.clone(), passed_over, revision(seen, made_from.whole, before)))
    });
    told.collect()
}

/// What is known of one that nobody tells of: its size.
pub fn size_told_of(env: &Environment, world: &World, family: &str) -> Option<TaskDefinition> {
    let seen = world.service(&service_of(env, family)?.name)?;
    let MadeFrom { whole, size, .. } = seen.made_from()?;
    Some(revision(seen, whole, size))
}

/// The revision that a service runs.
fn revision(seen: &Seen, fingerprint: String, json: Json) -> TaskDefinition {
    TaskDefinition {
        arn: seen.revision.clone(),
        fingerprint: Some(fingerprint),
        schedule: None,
        done: BTreeSet::new(),
        json,
    }
}

/// A definition that was read, before and after, without versions.
struct Example<'a> {
    name: &'a str,
    before: Json,
    after: Json,
}

impl Example<'_> {
    fn changed(&self) -> Changed<'_> {
        Changed { before: &self.before, after: &self.after, name: self.name }
    }
}

/// Of a service whose newest revision was read and is the one that it runs, and which is known to be what we registered.
fn example<'a>(env: &Environment, service: &'a Service, world: &World) -> Option<Example<'a>> {
    let family = env.family(&service.name);
    if world.passed_over.contains_key(&family) {
        return None;
    }
    let newest = world.task_definitions.get(&family)?.as_ref()?;
    let seen = world.service(&service.name).filter(|seen| seen.revision == newest.arn)?;
    let MadeFrom { timeless, .. } = seen.made_from()?;
    let after = unversioned_definition(env, service, world);
    let before = as_registered(&newest.json, &after).into_iter().find(|before| digest(before) == timeless)?;
    Some(Example { name: &service.name, before, after })
}

fn service_of<'a>(env: &'a Environment, family: &str) -> Option<&'a Service> {
    env.services.get(family.strip_prefix(&env.family(""))?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        plan::Parameter,
        stages::{Step, contract_tests::settled, pipeline},
        testing::environment,
    };

    const NAMES: [&str; 3] = ["a", "b", "c"];

    /// Each service with a variable of its own value.
    fn env(values: [&str; 3]) -> Environment {
        let mut file = "app: shop\nregion: us-east-1\nenvironments: { staging: {} }\nservices:\n".to_owned();
        for (name, value) in NAMES.iter().zip(values) {
            let own = format!("environment: {{ TIER: {value}, NAME: {name} }}, secrets: {{ TOKEN: ssm }}");
            file.push_str(&format!("  {name}: {{ build: {{ context: ./app }}, {own} }}\n"));
        }
        environment(&file, "staging")
    }

    /// As a run of the file with these values left it.
    fn ran(values: [&str; 3]) -> World {
        let env = env(values);
        let steps = pipeline(&env);
        settled(&env, &steps.iter().collect::<Vec<&Step>>())
    }

    fn asks(env: &Environment) -> BTreeSet<Ask> {
        NAMES.iter().map(|name| Ask::TaskDefinition { family: env.family(name) }).collect()
    }

    fn order(env: &Environment, world: &World) -> [Vec<String>; 2] {
        let names = |all: Vec<String>| all.iter().map(|family| service_of(env, family).unwrap().name.clone()).collect();
        let differing = asked_of_differing(env, world, &mut asks(env), false);
        [names(differing.otherwise), names(differing.in_versions)]
    }

    /// Another version of the secret that all have.
    fn newer_secret(world: &mut World) {
        world.parameters.values_mut().for_each(|parameter: &mut Parameter| parameter.version += 1);
    }

    #[test]
    fn what_differs_in_more_than_versions_is_the_same_whatever_the_versions_are() {
        let mut world = ran(["one", "one", "one"]);
        assert_eq!(order(&env(["one", "one", "one"]), &world), [vec![], vec![]] as [Vec<&str>; 2]);
        let changed = env(["one", "two", "two"]);
        assert_eq!(order(&changed, &world), [vec!["b", "c"], vec![]]);
        newer_secret(&mut world);
        assert_eq!(order(&changed, &world), [vec!["b", "c"], vec!["a"]]);
    }

    #[test]
    fn what_is_told_of_one_is_what_it_runs() {
        let mut world = ran(["one", "one", "one"]);
        let families = NAMES.map(|name| env(["one"; 3]).family(name));
        let run: Vec<Json> =
            families.iter().map(|family| world.task_definitions[family].as_ref().unwrap().json.clone()).collect();
        // Only that of `a` was read.
        world.task_definitions.retain(|family, _| *family == families[0]);
        let told = |env: &Environment, world: &World| -> Vec<(PassedOver, bool)> {
            let is_run = |family: &String, told: &TaskDefinition| {
                run[families.iter().position(|it| it == family).unwrap()] == told.json
            };
            told_of(env, world, &families[1..]).iter().map(|(family, how, told)| (*how, is_run(family, told))).collect()
        };
        assert_eq!(told(&env(["two", "two", "two"]), &world), [(PassedOver::Told, true); 2]);
        assert_eq!(
            told(&env(["two", "two", "two, MORE: 1"]), &world),
            [(PassedOver::Told, true)],
            "c changes otherwise too"
        );
        // Of a version nobody can tell the one before.
        newer_secret(&mut world);
        assert_eq!(told(&env(["two", "two", "two"]), &world), [(PassedOver::Versions, false); 2]);
        assert_eq!(told(&env(["one", "one", "one"]), &world), [(PassedOver::Versions, false); 2]);
        // What another rolled back runs something else than the mark says.
        let service = world.services.get_mut("b").unwrap().as_mut().unwrap();
        service.revision = "another:9".into();
        assert_eq!(told(&env(["two", "two", "two"]), &world).len(), 1);
    }

    #[test]
    fn what_is_not_there_is_asked_for_by_what_its_family_begins_with() {
        let env = env(["one"; 3]);
        let mut world = World::default();
        let families = Ask::Families { prefix: "shop-staging-".into() };
        assert_eq!(newest_asked(&env, &env.services["a"], &world), std::slice::from_ref(&families));
        world.answered.insert(families.clone());
        world.families.insert("shop-staging-b".into());
        assert_eq!(newest_asked(&env, &env.services["a"], &world), std::slice::from_ref(&families));
        let there = Ask::TaskDefinition { family: "shop-staging-b".into() };
        assert_eq!(newest_asked(&env, &env.services["b"], &world), [families.clone(), there]);
        // A plan assumes that the service is there, and its family is not for that.
        let assumed = World { answered: [families.clone()].into(), ..ran(["one"; 3]) };
        assert_eq!(newest_asked(&env, &env.services["a"], &assumed), [families]);
    }
}
