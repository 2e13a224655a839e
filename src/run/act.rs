//! Does one action and lets the world learn what came of it.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
    time::Instant,
};

use runner_core::{
    infra,
    judge::Verdict,
    plan::{
        Action, Ask, Exit, Fault, Follow, Known, Parameter, PutService, PutStack, Rollout, Service as Seen, StackMove,
        Variable, World,
    },
    report::{Changed, Fact, ServiceState},
    service::{Facts, stack_key, test_place},
    workflow::{Environment, Service, Value},
};
use serde_json::Value as Json;

use super::{Endpoint, Options, edge::Edge, failed, give_up, images};
use crate::{
    aws::{Clients, add_tag, put_parameter},
    deploy::{self, Emit, Following, Probe},
    stacks::{Acting, Stop},
};

/// What is done to the world when an action has ended.
pub(super) type Learn = Box<dyn FnOnce(&mut World) + Send>;

/// What this run did to services, beside what the world shows of it.
#[derive(Default)]
pub(super) struct Done {
    /// What ran and is not undone by a rollback, by service.
    ran: Mutex<Vec<(String, String)>>,
    /// When a service was updated.
    updated: Mutex<BTreeMap<String, Instant>>,
}

impl Done {
    fn updated(&self, service: &str) -> bool {
        self.updated.lock().unwrap_or_else(PoisonError::into_inner).contains_key(service)
    }

    /// What ran for a service.
    fn ran(&self, service: &str) -> Vec<String> {
        let ran = self.ran.lock().unwrap_or_else(PoisonError::into_inner);
        ran.iter().filter(|(name, _)| name == service).map(|(_, words)| words.clone()).collect()
    }
}

/// Does it. The world is as it was when the node was decided; what was learnt goes into it afterwards.
pub(super) async fn act(
    edge: &Edge<'_>,
    action: &Action,
    world: &World,
    done: &Done,
    emit: Emit<'_>,
) -> Result<Learn, Stop> {
    let env = edge.env;
    let clients = &edge.clients;
    match action {
        Action::PutStack(put) => put_stack(edge, put, world, emit).await,
        Action::PutParameter(put) => {
            let value = edge.options.variables.value(&put.variable).ok_or_else(|| {
                Fault::new(format!("writing parameter ({})", put.name), format!("{} is not set", put.variable))
            })?;
            let tags = [("finance-infra:app", &env.app), ("finance-infra:environment", &env.name)];
            let tags = tags.iter().map(|(key, value)| ((*key).to_owned(), (*value).clone())).collect();
            let version = put_parameter(clients, &put.name, value, put.version > 0, &tags).await?;
            emit(Fact::Changed(Changed::new("written", format!("parameter {} (version {version})", put.name))));
            let name = put.name.clone();
            Ok(Box::new(move |world| {
                world.parameters.insert(name, Parameter { version, variable: Variable::Same, modified: None });
            }))
        }
        Action::PushImage(push) => {
            let seen = images::push(edge, push, emit).await?;
            let service = push.service.clone();
            Ok(Box::new(move |world| {
                world.images.insert(service, seen);
            }))
        }
        Action::RegisterTaskDefinition(register) => {
            all_known(&format!("registering task definition ({})", register.family), &register.pending)?;
            let revision = deploy::register(clients, env, register, emit).await?;
            let family = register.family.clone();
            Ok(Box::new(move |world| {
                world.task_definitions.insert(family, Some(revision));
            }))
        }
        Action::RunTask(run) => {
            known(&format!("running {} of {}", run.purpose, run.service), &run.revision)?;
            deploy::run_task(clients, &env.cluster_name(), run, emit)
                .await
                .map_err(|failure| Stop::Failed(Box::new(failure)))?;
            let words = format!("{} ran (exit 0)", run.command.join(" "));
            done.ran.lock().unwrap_or_else(PoisonError::into_inner).push((run.service.clone(), words));
            let (family, purpose) = (env.family(&run.service), run.purpose.clone());
            Ok(Box::new(move |world| {
                if let Some(Some(revision)) = world.task_definitions.get_mut(&family) {
                    revision.done.insert(purpose);
                }
            }))
        }
        Action::PutRule(put) => {
            let json = Json::Array(put.rules.clone());
            all_known(&format!("putting the listener rule of {}", put.service), &references(&json))?;
            if put.after > 0 {
                emit(Fact::Progress(format!("waiting {} s until resolvers have let go of the old record", put.after)));
                tokio::time::sleep(std::time::Duration::from_secs(put.after.into())).await;
            }
            let leading = deploy::put_rules(clients, put, emit).await?;
            let service = put.service.clone();
            Ok(Box::new(move |world| {
                if let Some(arn) = leading.tests {
                    world.test_rules.insert(service.clone(), Value::Known(arn));
                }
                world.rules.insert(service, Value::Known(leading.users));
            }))
        }
        Action::PutService(put) => {
            let learn = self::put_service(edge, put, world, emit).await?;
            let mut updated = done.updated.lock().unwrap_or_else(PoisonError::into_inner);
            updated.insert(put.service.clone(), Instant::now());
            Ok(learn)
        }
        Action::PutScaling(put) => {
            let may_lack = edge.abilities().may_leave_out;
            let (service, scales) = (put.service.clone(), put.bounds.is_some());
            if !deploy::put_scaling(clients, put, may_lack, emit).await? && scales {
                emit(Fact::Warning(format!(
                    "autoscaling of {} was left out: this endpoint has no Application Auto Scaling",
                    put.service
                )));
            }
            Ok(Box::new(move |world| {
                if let Some(Some(seen)) = world.services.get_mut(&service) {
                    seen.scales = scales;
                }
            }))
        }
        Action::MarkService(mark) => {
            let seen = world.service(&mark.service);
            let arn = seen.map(|seen| seen.arn.clone()).unwrap_or_default();
            let mut mark = mark.clone();
            if let (Some(rule), Some(Value::Known(put))) = (&mut mark.test_rule, world.test_rules.get(&mark.service))
                && rule.known().is_none()
            {
                *rule = Value::Known(put.clone());
            }
            deploy::mark_service(clients, env, &mark, &arn).await?;
            if seen.is_some_and(|seen| seen.mark.is_none()) && !done.updated(&mark.service) {
                // Otherwise what was changed has been told.
                emit(Fact::Changed(Changed::new(
                    "adopted",
                    format!("ECS service {} in {}", mark.service, env.cluster_name()),
                )));
            }
            Ok(Box::new(move |world| world.assume_mark(&mark)))
        }
        Action::Follow(follow) => self::follow(edge, follow, world, done, emit).await,
        Action::PutSchedule(put) => {
            all_known(&format!("setting the schedule of {}", put.name), &put.pending)?;
            deploy::put_schedule(clients, env, put, emit).await?;
            let (family, name, fingerprint) = (put.family.clone(), put.name.clone(), put.fingerprint.clone());
            Ok(Box::new(move |world| {
                world.schedules.insert(name);
                if let Some(Some(revision)) = world.task_definitions.get_mut(&family) {
                    revision.schedule = Some(fingerprint);
                }
            }))
        }
        Action::RemoveSchedule(remove) => {
            deploy::remove_schedule(clients, remove, emit).await?;
            let name = remove.name.clone();
            Ok(Box::new(move |world| {
                world.schedules.remove(&name);
            }))
        }
        Action::TurnBack(turn) => {
            deploy::turn_back(clients, turn, emit).await?;
            Ok(Box::new(|_| {}))
        }
        Action::Answer(answer) => {
            deploy::answer(clients, answer, emit).await?;
            Ok(Box::new(|_| {}))
        }
        Action::FollowBack(follow) => follow_back(edge, follow, world, done, emit).await,
        Action::RunCommand(command) => {
            super::command::run(edge, command, world, emit).await?;
            let stage = command.stage.clone();
            Ok(Box::new(move |world| {
                world.done.insert(stage);
            }))
        }
        Action::RemoveService(_)
        | Action::DeleteRules(_)
        | Action::DeleteRevisions(_)
        | Action::DeleteParameters(_)
        | Action::DeleteImages(_) => super::remove::act(edge, action, emit).await,
    }
}

/// Who acts on a stack.
pub(super) struct StackActor<'a> {
    pub(super) clients: Arc<Clients>,
    pub(super) role: Option<String>,
    options: &'a Options,
    may_leave_out: bool,
}

pub(super) async fn stack_actor<'a>(edge: &Edge<'a>, put: &PutStack, world: &World) -> StackActor<'a> {
    // The stacks that make the roles are made with the caller's own rights: the service role may not touch them.
    let by_caller = [infra::identity::KEY, infra::identity::PROVIDER].contains(&put.key.as_str());
    StackActor {
        clients: edge.region(&put.region).await,
        role: if by_caller { None } else { service_role(edge.env, world) },
        options: edge.options,
        may_leave_out: edge.abilities().may_leave_out,
    }
}

impl StackActor<'_> {
    pub(super) fn acting<'a>(&'a self, emit: &'a (dyn Fn(Fact) + Sync)) -> Acting<'a> {
        Acting {
            clients: &self.clients,
            role_arn: self.role.as_deref(),
            allow_replace: &self.options.allow_replace,
            may_leave_out: self.may_leave_out,
            asks_by_name: false,
            emit,
        }
    }
}

async fn put_stack(edge: &Edge<'_>, put: &PutStack, world: &World, emit: Emit<'_>) -> Result<Learn, Stop> {
    let pending: Vec<String> =
        put.parameters.values().filter(|value| value.known().is_none()).map(|value| value.shown().to_owned()).collect();
    all_known(&format!("putting stack {}", put.name), &pending)?;
    let actor = stack_actor(edge, put, world).await;
    let seen = actor.acting(&|fact| emit(fact)).put(put).await?;
    let imported = put.step == StackMove::Import;
    let name = put.name.clone();
    let changed = put.step.has_template();
    Ok(Box::new(move |world| {
        match seen {
            Some(stack) => {
                world.stacks.insert(name.clone(), stack);
            }
            None => {
                world.stacks.remove(&name);
            }
        }
        if let Some(imports) = world.imports.as_mut().filter(|_| imported) {
            imports.remove(&name);
        }
        // Whoever compares with its template again asks for it: hundreds of them, kept as trees of values, were most of a
        // first run's memory.
        world.templates.remove(&name);
        world.answered.retain(|ask| match ask {
            Ask::Template { stack, .. } => *stack != name,
            // Its secrets may have other versions now.
            Ask::SecretVersion { .. } => !changed,
            _ => true,
        });
    }))
}

/// The role that CloudFormation works with, where bootstrap-identity made one.
pub(super) fn service_role(env: &Environment, world: &World) -> Option<String> {
    let role = infra::identity::SERVICE_ROLE_ARN;
    world.output(env, &role.stack, &role.name).known().map(str::to_owned)
}

async fn put_service(edge: &Edge<'_>, put: &PutService, world: &World, emit: Emit<'_>) -> Result<Learn, Stop> {
    let doing = format!("putting ECS service ({}) in {}", put.service, edge.env.cluster_name());
    known(&doing, &put.revision)?;
    let mut input = put.input.clone();
    for (kind, rules) in [("rule", &world.rules), ("test-rule", &world.test_rules)] {
        if let Some(Value::Known(rule)) = rules.get(&put.service) {
            fill(&mut input, &format!("${{{kind}.{}}}", put.service), rule);
        }
    }
    all_known(&doing, &references(&input))?;
    if put.deploys {
        keep_image(edge, put, world).await?;
    }
    let mut seen = deploy::put_service(&edge.clients, edge.env, put, &input, emit).await?;
    if put.deploys {
        // Whatever the answer says: a new deployment is followed until it was seen to be complete.
        for deployment in seen.deployments.iter_mut().filter(|deployment| deployment.status == "PRIMARY") {
            deployment.rollout = Rollout::InProgress;
        }
        if world.service(&put.service).is_some_and(Seen::is_given_up) {
            seen.mark_older_failed();
        }
    }
    let service = put.service.clone();
    Ok(Box::new(move |world| {
        world.services.insert(service, Some(seen));
    }))
}

/// Lifecycle rules count and date images, but do not know which are deployed: those carry a tag of their own.
async fn keep_image(edge: &Edge<'_>, put: &PutService, world: &World) -> Result<(), Fault> {
    let Some(service) = edge.env.services.get(&put.service) else { return Ok(()) };
    let owner = service.image_owner();
    let digest = world.images.get(owner).and_then(|image| image.digest.as_ref()).and_then(Value::known);
    let (Some(digest), Some(revision)) = (digest, put.revision.known()) else { return Ok(()) };
    let number = revision.rsplit(':').next().unwrap_or_default();
    let tag = format!("live-{}-{}-{number}", edge.env.name, put.service);
    add_tag(&edge.clients, &edge.env.repository(owner), digest, &tag).await
}

async fn follow(edge: &Edge<'_>, follow: &Follow, world: &World, done: &Done, emit: Emit<'_>) -> Result<Learn, Stop> {
    let env = edge.env;
    let Some(service) = env.services.get(&follow.service) else { return Ok(Box::new(|_| {})) };
    known(&format!("following {}", follow.service), &follow.revision)?;
    let key = stack_key(&follow.service);
    let output = |name: &str| world.output(env, &key, name).known().map(str::to_owned);
    let groups: Vec<String> = if world.abilities.runs_tasks && service.is_routed() {
        ["TargetGroupArn", "AlternateTargetGroupArn"].into_iter().filter_map(output).collect()
    } else {
        Vec::new()
    };
    let containers = failed::containers(env, service, world, &output("LogGroupName").unwrap_or_default());
    let cluster = env.cluster_name();
    let tried_at = test_place(env, service, &world.outputs(env));
    let following = Following {
        clients: &edge.clients,
        poller: &edge.poller,
        cluster: &cluster,
        follow,
        groups: &groups,
        containers: &containers,
        runs_tasks: world.abilities.runs_tasks,
        tried_at: tried_at.as_deref(),
        attaches: !done.updated(&follow.service),
    };
    let followed = deploy::follow(&following, emit).await?;
    if followed.ending.verdict != Verdict::Succeeded {
        let mut failure = failed::failure(env, follow, &followed, following.tried_at);
        failure.not_undone = done.ran(&follow.service);
        if let Some(words) = give_up::give_up(edge, follow, &followed, following.attaches, emit).await {
            failure.users = Some(failure.users.map_or(words.clone(), |users| format!("{users}; {words}")));
        }
        return Err(Stop::Failed(Box::new(failure)));
    }
    let Some(seen) = followed.service else { return Ok(Box::new(|_| {})) };
    let mut state = state_of(edge, service, &seen, world);
    state.healthy_targets = followed.healthy_targets;
    state.attached = followed.deployment.clone().filter(|_| following.attaches);
    let updated = done.updated.lock().unwrap_or_else(PoisonError::into_inner).get(&follow.service).copied();
    state.healthy_after = Some(updated.map_or(followed.seconds, |updated| updated.elapsed().as_secs()));
    if let Some(probe) = probe(edge, service, world) {
        match probe.ask().await {
            Ok(words) => state.probe = Some(words),
            Err(words) => {
                emit(Fact::Warning(format!("{} could not be probed: {words}", follow.service)));
                state.probe = Some(words);
            }
        }
    }
    emit(Fact::Service(state));
    let name = follow.service.clone();
    Ok(Box::new(move |world| {
        world.services.insert(name, Some(seen));
    }))
}

/// Follows what shall go back: a rollback that ended well is what was asked for.
async fn follow_back(
    edge: &Edge<'_>,
    follow: &Follow,
    world: &World,
    done: &Done,
    emit: Emit<'_>,
) -> Result<Learn, Stop> {
    match self::follow(edge, follow, world, done, emit).await {
        Err(Stop::Failed(failure)) if failure.exit == Exit::RolledBack => {
            let cluster = edge.env.cluster_name();
            let found =
                deploy::describe_services(&edge.clients, &cluster, std::slice::from_ref(&follow.service)).await?;
            let seen = found.into_values().next().flatten();
            if let (Some(service), Some(seen)) = (edge.env.services.get(&follow.service), &seen) {
                emit(Fact::Service(state_of(edge, service, seen, world)));
            }
            let name = follow.service.clone();
            Ok(Box::new(move |world| {
                world.services.insert(name, seen);
            }))
        }
        Err(stop) => Err(stop),
        Ok(_) => {
            let doing = format!("turning back the deployment of {}", follow.service);
            let hint = format!("go back to the revision before it: runner rollback {}", follow.service);
            Err(Fault::new(doing, "it had ended well before it could be turned back").with_hint(hint).into())
        }
    }
}

/// What is shown of a service at the end.
pub(super) fn state_of(edge: &Edge<'_>, service: &Service, seen: &Seen, world: &World) -> ServiceState {
    let number = seen.revision.shown().rsplit(':').next().and_then(|number| number.parse().ok());
    ServiceState {
        name: service.name.clone(),
        revision: number.unwrap_or_default(),
        running: seen.primary().map_or(seen.running, |primary| primary.running),
        desired: seen.desired,
        healthy_targets: None,
        healthy_after: None,
        url: url(edge.env, service, world),
        probe: None,
        attached: None,
    }
}

/// Where people reach a service.
pub(super) fn url(env: &Environment, service: &Service, world: &World) -> Option<String> {
    if !service.is_routed() {
        return None;
    }
    let scheme = if env.domain.is_some() { "https" } else { "http" };
    match &service.host {
        Some(host) => Some(format!("{scheme}://{host}")),
        None => world.output(env, "edge", "LoadBalancerDnsName").known().map(|name| format!("{scheme}://{name}")),
    }
}

/// The request that shows whether a service answers; none where nothing serves it.
pub(super) fn probe(edge: &Edge<'_>, service: &Service, world: &World) -> Option<Probe> {
    let env = edge.env;
    if !world.abilities.runs_tasks || !service.is_routed() {
        return None;
    }
    // Only the CDN is let in.
    (Known { env, world }).origin(&service.name).is_none().then_some(())?;
    let dns_name = world.output(env, "edge", "LoadBalancerDnsName").known()?.to_owned();
    // `app/NAME/ID`.
    let full_name = world.output(env, "edge", "LoadBalancerFullName").known()?.to_owned();
    let name = full_name.trim_start_matches("app/").split('/').next().unwrap_or_default().to_owned();
    Some(Probe {
        via: edge.probe_via(dns_name, name),
        host: service.host.clone(),
        tls: env.domain.is_some(),
        path: service.health_check.path.clone(),
        refuse_local: edge.options.endpoint == Endpoint::Aws && std::env::var_os("GITHUB_ACTIONS").is_some(),
    })
}

/// What an action waits for must be known by now: it is not where an earlier stage was left out.
fn all_known(doing: &str, pending: &[String]) -> Result<(), Fault> {
    if pending.is_empty() {
        return Ok(());
    }
    Err(Fault::new(doing, format!("it needs {}, which no stage has made yet", pending.join(", ")))
        .with_hint("run the stages before it first: `runner run` does all in their order"))
}

fn known(doing: &str, value: &Value) -> Result<(), Fault> {
    match value {
        Value::Known(_) => Ok(()),
        Value::Pending(reference) => all_known(doing, std::slice::from_ref(reference)),
    }
}

/// Texts in a rendering that still are references.
fn references(json: &Json) -> Vec<String> {
    match json {
        Json::String(text) if text.contains("${stacks.") || text.starts_with("${") => vec![text.clone()],
        Json::Array(items) => items.iter().flat_map(references).collect(),
        Json::Object(map) => map.values().flat_map(references).collect(),
        _ => Vec::new(),
    }
}

fn fill(json: &mut Json, reference: &str, value: &str) {
    match json {
        Json::String(text) if text == reference => value.clone_into(text),
        Json::Array(items) => items.iter_mut().for_each(|item| fill(item, reference, value)),
        Json::Object(map) => map.values_mut().for_each(|item| fill(item, reference, value)),
        _ => {}
    }
}
