//! Answers what stages ask of the world: each question once, all at the same time, in as few calls as the APIs take.

use std::{collections::BTreeSet, net::IpAddr, time::Duration};

use futures_util::{StreamExt, TryStreamExt, future::try_join_all, stream};
use runner_core::{
    plan::{
        Ask, Fault, History, Image, ListenerRule, Parameter, PassedOver, Revision, Service, Stack, TaskDefinition,
        TaskRun, Variable, World,
    },
    service,
    stages::{Differing, Step, asked_of_differing, asks_of_plan, size_told_of, told_by_others, told_of},
};
use serde_json::Value as Json;

use super::{edge::Edge, images};
use crate::{
    aws::{get_parameters, image_tags, parameter_facts, parameters_under, secret_version},
    deploy::{
        self, cluster_services, describe_services, families, listener_rules, newest_revision, revisions, task_runs,
    },
    stacks,
};

/// Questions that are one call each are asked this many at a time.
const AT_ONCE: usize = 16;

/// Of more templates or definitions so many are read first, and may tell the others; then twice as many, and so on.
const AT_FIRST: usize = 4;

/// Of more definitions than this a look reads some, and no more than this.
const DEFINITIONS_AT_MOST: usize = 20;

/// A name that is not resolved by then leads nowhere.
const LOOK_UP: Duration = Duration::from_secs(3);

/// What came of some questions.
enum Answer {
    Stacks(Vec<Stack>),
    Template(String, Option<Json>),
    Services(Vec<(String, Option<Service>)>),
    TaskDefinition(String, Option<TaskDefinition>),
    Families(BTreeSet<String>),
    Image(String, Image),
    Parameters(Vec<(String, Parameter)>),
    SecretVersion(String, Option<String>),
    TaskRuns(String, Vec<TaskRun>),
    ClusterServices(BTreeSet<String>),
    ListenerRules(String, Vec<ListenerRule>),
    Revisions(String, Vec<String>),
    ParametersUnder(String, BTreeSet<String>),
    Repository(String, Option<Vec<Vec<String>>>),
    History(String, Option<Box<History>>),
    Revision(String, Option<Revision>),
    Schedules(BTreeSet<String>),
    LeadsTo(String, String, bool),
    HostedZone(String, bool),
}

/// Asks until no step has a new question.
pub(super) async fn look(edge: &Edge<'_>, steps: &[&Step], world: &mut World) -> Result<(), Fault> {
    let mut room = DEFINITIONS_AT_MOST;
    loop {
        let mut asks = open(edge, steps, world);
        let assumed = asks.is_empty();
        if assumed {
            asks = asks_of_plan(edge.env, steps, world);
        }
        if asks.is_empty() {
            return Ok(());
        }
        let Differing { mut otherwise, mut in_versions } = asked_of_differing(edge.env, world, &mut asks, assumed);
        let all = otherwise.len() <= room;
        let at_first = if all { otherwise.len() } else { AT_FIRST.min(room) };
        room -= at_first;
        asks.extend(questions(otherwise.drain(..at_first)));
        if all && in_versions.len() <= room {
            room -= in_versions.len();
            asks.extend(questions(in_versions.drain(..)));
        }
        learn_all(edge, asks, world).await?;
        pass_over(edge, otherwise, &mut room, world).await?;
        pass_over(edge, in_versions, &mut room, world).await?;
    }
}

fn questions(families: impl IntoIterator<Item = String>) -> impl Iterator<Item = Ask> {
    families.into_iter().map(|family| Ask::TaskDefinition { family })
}

/// Of what is left of too many definitions, some more are read as long as these do not tell the others.
async fn pass_over(edge: &Edge<'_>, mut left: Vec<String>, room: &mut usize, world: &mut World) -> Result<(), Fault> {
    let mut most = 2 * AT_FIRST;
    while !left.is_empty() {
        for (family, passed_over, revision) in told_of(edge.env, world, &left) {
            world.passed_over.insert(family.clone(), passed_over);
            world.task_definitions.insert(family, Some(revision));
        }
        left.retain(|family| !world.passed_over.contains_key(family));
        let next: Vec<String> = left.drain(..left.len().min(most).min(*room)).collect();
        if next.is_empty() {
            break;
        }
        *room -= next.len();
        learn_all(edge, questions(next), world).await?;
        most *= 2;
    }
    for family in left {
        let told = size_told_of(edge.env, world, &family);
        world.task_definitions.extend(told.map(|told| (family.clone(), Some(told))));
        world.passed_over.insert(family, PassedOver::Unknown);
    }
    Ok(())
}

/// Asks what was not asked yet.
pub(super) async fn learn_all(
    edge: &Edge<'_>,
    asks: impl IntoIterator<Item = Ask>,
    world: &mut World,
) -> Result<(), Fault> {
    let mut asks: BTreeSet<Ask> = asks.into_iter().filter(|ask| !world.answered.contains(ask)).collect();
    let mut most = AT_FIRST;
    while !asks.is_empty() {
        let mut later = beyond_templates(&mut asks, most);
        for answer in answers(edge, &asks, world.reads_variables).await? {
            learn(world, answer);
        }
        world.answered.append(&mut asks);
        for (ask, template) in told_by_others(edge.env, world, &later) {
            if let Ask::Template { stack, .. } = &ask {
                world.templates.insert(stack.clone(), Some(template));
            }
            later.remove(&ask);
            world.answered.insert(ask);
        }
        asks = later;
        most *= 2;
    }
    Ok(())
}

/// Takes away the questions for templates that come after so many.
fn beyond_templates(asks: &mut BTreeSet<Ask>, most: usize) -> BTreeSet<Ask> {
    let mut templates = 0;
    asks.extract_if(.., |ask| {
        templates += usize::from(matches!(ask, Ask::Template { .. }));
        matches!(ask, Ask::Template { .. }) && templates > most
    })
    .collect()
}

/// Questions that are not answered yet.
pub(super) fn open(edge: &Edge<'_>, steps: &[&Step], world: &World) -> BTreeSet<Ask> {
    let asks = steps.iter().flat_map(|step| step.asks(edge.env, world));
    asks.filter(|ask| world.is_open(ask)).collect()
}

/// The questions' answers; a world that learns them is the caller's.
pub(super) async fn ask(edge: &Edge<'_>, asks: &BTreeSet<Ask>, reads_variables: bool) -> Result<Learned, Fault> {
    Ok(Learned(answers(edge, asks, reads_variables).await?))
}

/// Answers on their way into a world.
pub(super) struct Learned(Vec<Answer>);

impl Learned {
    pub(super) fn into_world(self, asks: BTreeSet<Ask>, world: &mut World) {
        for answer in self.0 {
            learn(world, answer);
        }
        world.answered.extend(asks);
    }
}

async fn answers(edge: &Edge<'_>, asks: &BTreeSet<Ask>, reads_variables: bool) -> Result<Vec<Answer>, Fault> {
    let mut services = Vec::new();
    let mut parameters = Vec::new();
    let mut single = Vec::new();
    for ask in asks {
        match ask {
            Ask::Service { service } => services.push(service.clone()),
            Ask::Parameter { name, variable } => parameters.push((name.clone(), variable.clone())),
            other => single.push(other.clone()),
        }
    }
    let single = stream::iter(single).map(|ask| one(edge, ask)).buffer_unordered(AT_ONCE).try_collect::<Vec<_>>();
    let (mut all, batched) = tokio::try_join!(
        single,
        try_join_all([
            Box::pin(of_services(edge, services)) as std::pin::Pin<Box<dyn Future<Output = _> + Send>>,
            Box::pin(of_parameters(edge, parameters, reads_variables)),
        ])
    )?;
    all.extend(batched);
    Ok(all)
}

async fn of_services(edge: &Edge<'_>, names: Vec<String>) -> Result<Answer, Fault> {
    if names.is_empty() {
        return Ok(Answer::Services(Vec::new()));
    }
    let found = describe_services(&edge.clients, &edge.env.cluster_name(), &names).await?;
    Ok(Answer::Services(found.into_iter().collect()))
}

/// A run compares values, a plan looks at versions alone.
async fn of_parameters(
    edge: &Edge<'_>,
    asked: Vec<(String, Option<String>)>,
    reads_variables: bool,
) -> Result<Answer, Fault> {
    if asked.is_empty() {
        return Ok(Answer::Parameters(Vec::new()));
    }
    let names: Vec<String> = asked.iter().map(|(name, _)| name.clone()).collect();
    if !reads_variables {
        let facts = parameter_facts(&edge.clients, &names).await?;
        let seen = |name: &String| Parameter {
            version: facts.get(name).map(|seen| seen.version).unwrap_or_default(),
            variable: Variable::NotRead,
            modified: facts.get(name).map(|seen| seen.modified),
        };
        return Ok(Answer::Parameters(names.iter().map(|name| (name.clone(), seen(name))).collect()));
    }
    let found = get_parameters(&edge.clients, &names, true).await?;
    let seen = asked.into_iter().map(|(name, variable)| {
        let (version, held) = found.get(&name).map_or((0, None), |(version, held)| (*version, held.as_ref()));
        let variable = match variable {
            Some(variable) => edge.options.variables.compare(&variable, held),
            None => Variable::NotRead,
        };
        (name, Parameter { version, variable, modified: None })
    });
    Ok(Answer::Parameters(seen.collect()))
}

async fn one(edge: &Edge<'_>, ask: Ask) -> Result<Answer, Fault> {
    let clients = &edge.clients;
    Ok(match ask {
        Ask::Stacks { region } => {
            let clients = edge.region(&region).await;
            Answer::Stacks(stacks::describe(&clients, &region).await?.into_values().collect())
        }
        Ask::Template { region, stack } => {
            let clients = edge.region(&region).await;
            let template = stacks::template(&clients, &region, &stack).await?;
            Answer::Template(stack, template)
        }
        Ask::TaskDefinition { family } => {
            let newest = newest_revision(clients, &family).await?;
            Answer::TaskDefinition(family, newest)
        }
        Ask::Families { prefix } => Answer::Families(families(clients, &prefix).await?),
        Ask::Image { service } => {
            let image = images::look(edge, &service).await?;
            Answer::Image(service, image)
        }
        Ask::SecretVersion { arn } => {
            let version = secret_version(clients, &arn).await?;
            Answer::SecretVersion(arn, version)
        }
        Ask::TaskRuns { started_by, container } => {
            let runs = task_runs(clients, &edge.env.cluster_name(), &started_by, &container).await?;
            Answer::TaskRuns(started_by, runs)
        }
        Ask::ClusterServices => Answer::ClusterServices(cluster_services(clients, &edge.env.cluster_name()).await?),
        Ask::ListenerRules { listener } => {
            let rules = listener_rules(clients, &listener).await?;
            Answer::ListenerRules(listener, rules)
        }
        Ask::Revisions { family } => {
            let all = revisions(clients, &family).await?;
            Answer::Revisions(family, all)
        }
        Ask::ParametersUnder { path } => {
            let names = parameters_under(clients, &path).await?;
            Answer::ParametersUnder(path, names)
        }
        Ask::Repository { repository } => {
            let images = image_tags(clients, &repository).await?;
            Answer::Repository(repository, images)
        }
        Ask::Schedules => Answer::Schedules(deploy::schedules(clients, &service::schedule_group(edge.env)).await?),
        Ask::History { service } => {
            let history = deploy::history(clients, &edge.env.cluster_name(), &service).await?;
            Answer::History(service, history.map(Box::new))
        }
        Ask::Revision { arn } => {
            let revision = deploy::revision(clients, edge.env, &arn).await?;
            Answer::Revision(arn, revision)
        }
        Ask::LeadsTo { host, target } => {
            let leads = leads_to(&host, &target).await;
            Answer::LeadsTo(host, target, leads)
        }
        Ask::HostedZone { id } => {
            let there = edge.has_hosted_zone(&id).await?;
            Answer::HostedZone(id, there)
        }
        // Asked together, above.
        Ask::Service { .. } => Answer::Services(Vec::new()),
        Ask::Parameter { .. } => Answer::Parameters(Vec::new()),
    })
}

fn learn(world: &mut World, answer: Answer) {
    match answer {
        Answer::Stacks(stacks) => world.stacks.extend(stacks.into_iter().map(|stack| (stack.name.clone(), stack))),
        Answer::Template(stack, template) => {
            world.templates.insert(stack, template);
        }
        Answer::Services(services) => world.services.extend(services),
        Answer::Families(names) => world.families.extend(names),
        Answer::TaskDefinition(family, newest) => {
            world.passed_over.remove(&family);
            world.task_definitions.insert(family, newest);
        }
        Answer::Image(service, image) => {
            world.images.insert(service, image);
        }
        Answer::Parameters(parameters) => world.parameters.extend(parameters),
        Answer::SecretVersion(arn, version) => {
            world.secret_versions.insert(arn, version);
        }
        Answer::Schedules(names) => world.schedules = names,
        Answer::History(service, history) => {
            world.histories.insert(service, history.map(|history| *history));
        }
        Answer::Revision(arn, revision) => {
            world.old_revisions.insert(arn, revision);
        }
        Answer::LeadsTo(host, target, leads) => {
            world.leads.insert((host, target), leads);
        }
        Answer::HostedZone(id, there) => {
            world.hosted_zones.insert(id, there);
        }
        Answer::TaskRuns(started_by, runs) => {
            world.task_runs.insert(started_by, runs);
        }
        Answer::ClusterServices(names) => world.cluster_services = names,
        Answer::ListenerRules(listener, rules) => {
            world.listener_rules.insert(listener, rules);
        }
        Answer::Revisions(family, all) => {
            world.revisions.insert(family, all);
        }
        Answer::ParametersUnder(path, names) => {
            world.parameters_under.insert(path, names);
        }
        Answer::Repository(repository, images) => {
            world.repositories.insert(repository, images);
        }
    }
}

/// Whether two names have an address in common. A name without one leads nowhere; nobody fails for that.
async fn leads_to(host: &str, target: &str) -> bool {
    let resolve = async |name: &str| -> BTreeSet<IpAddr> {
        match tokio::time::timeout(LOOK_UP, tokio::net::lookup_host((name, 443))).await {
            Ok(Ok(addresses)) => addresses.map(|address| address.ip()).collect(),
            _ => BTreeSet::new(),
        }
    };
    let (one, other) = tokio::join!(resolve(host), resolve(target));
    !one.is_disjoint(&other)
}
