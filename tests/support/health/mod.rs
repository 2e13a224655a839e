//! The eyes that the local AWS lacks: it calls every target healthy, makes no container's own check, knows no memory
//! limit, and says 0 of whatever it stopped. Here tasks are really asked, as their target group or definition says; ECS's
//! scheduler acts on the answers and on what the Docker engine tells of containers; and a run sees both in AWS's own words, in the
//! emulator's answers.
//!
//! Real are the programs, their ends, the kernel that ends one for its memory, every stop with its SIGTERM and SIGKILL,
//! the tasks that take another's place, the circuit breaker that counts them (the emulator's), and the way back. Times
//! are [`COMPRESSED`].
//!
//! A rollout in the emulator is done a second after its tasks run, healthy or not, and then its old tasks end. So it is
//! never let start all of its tasks before the first is healthy: at least two must be desired for that.

mod check;
mod engine;
mod tell;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex},
    time::{Duration, SystemTime},
};

use aws_sdk_ecs::types::{
    Deployment, DeploymentCircuitBreaker, DeploymentConfiguration, DeploymentRolloutState, DesiredStatus,
    Service as Seen, Task,
};
use futures_util::future::join_all;
use runner::aws::Clients;
use serde_json::{Value as Json, json};
use tokio::{sync::watch, task::AbortHandle, time::Instant};

pub use self::engine::Engine;
use self::{
    check::{Check, Got, Target},
    engine::Container,
};
use super::{
    app::App,
    proxy::{Call, Effect},
    scripted::field,
};

/// A second of AWS's checks, grace periods and stops is so many times shorter here.
pub const COMPRESSED: u32 = 50;
/// Between looks at what runs.
const PAUSE: Duration = Duration::from_millis(100);
/// By then a target is stopped though nobody looks.
const UNSEEN: Duration = Duration::from_secs(4);

/// What is known of a service.
#[derive(Default)]
struct Service {
    cluster: String,
    /// As the run sent it: the emulator has another.
    configuration: Json,
    events: Vec<Json>,
    /// Deployments, all of whose tasks were healthy at once.
    good: BTreeSet<String>,
    /// Those of them of which users brought a task down.
    down: BTreeSet<String>,
    /// Deployments that may start the rest of their tasks.
    opened: BTreeSet<String>,
}

impl Service {
    fn tell(&mut self, message: String) {
        let id = format!("health-{}", self.events.len());
        self.events.push(json!({ "id": id, "createdAt": now(), "message": message }));
    }
}

#[derive(Default)]
struct State {
    services: BTreeMap<String, Service>,
    /// By task.
    targets: BTreeMap<String, Target>,
    /// By task and name.
    containers: BTreeMap<(String, String), Container>,
    /// Why the scheduler ended a task.
    ended: BTreeMap<String, String>,
    /// Users ask what is healthy.
    used: bool,
}

/// Watches an app's tasks until it is dropped.
pub struct Health {
    state: Arc<Mutex<State>>,
    /// The engine told something.
    news: watch::Receiver<()>,
    tasks: Vec<AbortHandle>,
}

impl Health {
    /// Begins to watch; the app must have an engine.
    pub async fn watch(app: &App) -> Self {
        let state = Arc::new(Mutex::new(State::default()));
        let (clients, engine) = (Arc::new(app.clients().await), app.engine());
        app.proxy.always(play(state.clone()));
        let (tell, news) = watch::channel(());
        let limits = tokio::spawn(engine.clone().follow(clients.clone(), state.clone(), tell));
        let watching = state.clone();
        let rounds = tokio::spawn(async move {
            loop {
                let names: Vec<_> = {
                    let state = watching.lock().unwrap();
                    state.services.iter().map(|(name, service)| (name.clone(), service.cluster.clone())).collect()
                };
                for (name, cluster) in names {
                    round(&clients, &engine, &watching, &cluster, &name).await;
                }
                tokio::time::sleep(PAUSE).await;
            }
        });
        Self { state, news, tasks: vec![limits.abort_handle(), rounds.abort_handle()] }
    }

    /// From now on users ask every service whose deployment is complete, as a load balancer lets them.
    pub fn with_users(&self) {
        self.state.lock().unwrap().used = true;
    }

    /// Waits until what the engine told so far is so.
    pub async fn until(&self, holds: impl Fn(&Self) -> bool) {
        let mut news = self.news.clone();
        let wait = async {
            while !holds(self) {
                news.changed().await.unwrap();
            }
        };
        tokio::time::timeout(Duration::from_secs(30), wait).await.unwrap();
    }

    /// Tasks, a container of which was started.
    pub fn tasks(&self) -> Vec<String> {
        self.state.lock().unwrap().containers.keys().map(|(task, _)| task.clone()).collect()
    }

    /// The revisions of the tasks that are healthy, `:1`, in order.
    pub fn serving(&self) -> Vec<String> {
        let state = self.state.lock().unwrap();
        let healthy = state.targets.values().filter(|target| target.is_healthy());
        let number = |revision: &str| format!(":{}", revision.rsplit(':').next().unwrap());
        let mut all: Vec<_> = healthy.map(|target| number(&target.revision)).collect();
        all.sort();
        all
    }

    /// How containers of a service's tasks ended so far: the exit code, and whether the kernel ended them for memory.
    pub fn ends(&self) -> Vec<(i64, bool)> {
        let state = self.state.lock().unwrap();
        state.containers.values().filter_map(|container| Some((container.exit?, container.oom))).collect()
    }
}

/// What is done to calls.
fn play(state: Arc<Mutex<State>>) -> impl FnMut(&Call) -> Effect + Send + 'static {
    move |call| {
        let shared = state.clone();
        match call.action.as_str() {
            "CreateService" | "UpdateService" => {
                let json: Json = serde_json::from_str(&call.body).unwrap();
                let known = state.lock().unwrap().knows(&json);
                Effect::Send(Box::new(move |json| hold_back(json, &known)))
            }
            "DescribeServices" => Effect::Change(Box::new(move |json| shared.lock().unwrap().tell_services(json))),
            "DescribeTasks" => Effect::Change(Box::new(move |json| shared.lock().unwrap().tell_tasks(json))),
            "DescribeTargetHealth" => {
                let group = field(&call.body, "TargetGroupArn").unwrap_or_default();
                Effect::Say(state.lock().unwrap().tell_targets(&group))
            }
            _ => Effect::Pass,
        }
    }
}

impl Drop for Health {
    fn drop(&mut self) {
        self.tasks.iter().for_each(AbortHandle::abort);
    }
}

impl State {
    /// Keeps what a run says of a service; how it is deployed.
    fn knows(&mut self, json: &Json) -> Json {
        let name = json["serviceName"].as_str().or(json["service"].as_str()).unwrap_or_default();
        let service = self.services.entry(name.to_owned()).or_default();
        json["cluster"].as_str().unwrap_or_default().clone_into(&mut service.cluster);
        if json["deploymentConfiguration"].is_object() {
            service.configuration = json["deploymentConfiguration"].clone();
        }
        service.configuration.clone()
    }
}

/// Of a new revision the emulator may start one task less than would make its rollout complete, and takes none for
/// healthy by itself: as ECS, whose breaker is reset by a task that passes its checks and not by one that only runs.
/// <https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_DeploymentCircuitBreaker.html>
fn hold_back(json: &mut Json, known: &Json) {
    if json["taskDefinition"].is_null() {
        return;
    }
    let desired = json["desiredCount"].as_u64().unwrap_or(2).max(1);
    let configuration = &mut json["deploymentConfiguration"];
    if configuration.is_null() {
        configuration.clone_from(known);
    }
    let percent = ((2 * desired - 1) * 100).div_ceil(desired);
    configuration["maximumPercent"] = percent.into();
    // Else it would stop one of before for each that runs.
    configuration["minimumHealthyPercent"] = percent.into();
    configuration["deploymentCircuitBreaker"]["resetOnHealthyTask"] = false.into();
}

/// Seconds since 1970.
fn now() -> f64 {
    SystemTime::UNIX_EPOCH.elapsed().unwrap().as_secs_f64()
}

fn compressed(seconds: i32) -> Duration {
    Duration::from_secs(u64::from(seconds.unsigned_abs())) / COMPRESSED
}

/// Looks at the tasks of a service, asks those that are due, and does what ECS would.
async fn round(clients: &Clients, engine: &Engine, state: &Mutex<State>, cluster: &str, name: &str) {
    let Some((service, tasks)) = look(clients, cluster, name).await else { return };
    register(clients, state, name, &service, &tasks).await;
    let due: Vec<_> = {
        let State { targets, containers, .. } = &mut *state.lock().unwrap();
        targets.retain(|arn, target| target.service != name || tasks.iter().any(|task| task.task_arn() == Some(arn)));
        let due = targets.iter().filter(|(_, target)| target.service == name && target.next <= Instant::now());
        due.map(|(arn, target)| {
            let asked = target.check.container().map(|container| (arn.clone(), container.to_owned()));
            let container = asked.and_then(|asked| Some(containers.get(&asked)?.id.clone())).unwrap_or_default();
            (arn.clone(), target.check.clone(), target.address, container)
        })
        .collect()
    };
    let asked = due.into_iter().map(async |(arn, check, address, container)| {
        let outcome = check.ask(&address, &container, engine).await;
        (arn, outcome)
    });
    let asked = join_all(asked).await;
    let answered = asked.iter().filter(|(_, outcome)| outcome.is_ok()).map(|(arn, _)| arn);
    let down = brought_down(state, name, &service, answered).await;
    let (doomed, opens) = {
        let mut state = state.lock().unwrap();
        let State { services, targets, containers, ended, .. } = &mut *state;
        let Some(known) = services.get_mut(name) else { return };
        for arn in down {
            known.down.extend(primary(&service).and_then(Deployment::id).map(str::to_owned));
            targets.entry(arn).and_modify(|target| target.stopping = true);
        }
        for (arn, outcome) in asked {
            let Some(target) = targets.get_mut(&arn) else { continue };
            if let (Some(reason), Some(group)) = (target.saw(outcome), target.check.group()) {
                let (id, port) = (id(&arn), &target.address.port());
                known.tell(format!(
                    "(service {name}) (task {id}) (port {port}) is unhealthy in (target-group {group}) due to (reason {reason})."
                ));
            }
        }
        let grace = compressed(service.health_check_grace_period_seconds().unwrap_or_default());
        let mut doomed = Vec::new();
        for (arn, target) in targets.iter_mut().filter(|(_, target)| target.service == name) {
            // AWS tells of an unhealthy target for seconds, which pass here at once: until somebody has seen it.
            let seen =
                target.told_unhealthy || target.check.group().is_none() || target.since.elapsed() >= grace + UNSEEN;
            if target.is_unhealthy() && !target.stopping && target.since.elapsed() >= grace && seen {
                target.stopping = true;
                known.tell(format!("(service {name}) has stopped 1 running tasks: (task {}).", id(arn)));
                ended.insert(arn.clone(), target.check.ended());
                let of_task = containers.iter().filter(|((task, _), _)| task == arn);
                doomed.extend(of_task.map(|(_, container)| container.id.clone()));
            }
        }
        let opens = known.follow(&service, targets.values().filter(|target| target.service == name));
        (doomed, opens)
    };
    for container in doomed {
        let engine = engine.clone();
        // The container's end is told by the engine's events; nobody waits for it here.
        tokio::spawn(async move { engine.stop(&container).await });
    }
    if opens {
        open(clients, cluster, name).await;
    }
}

/// Users ask the tasks of a complete deployment that have just answered their check, before anybody is told that these
/// are healthy: else it would be chance whether a look comes between. Those that did not live through it.
async fn brought_down(
    state: &Mutex<State>,
    name: &str,
    service: &Seen,
    answered: impl Iterator<Item = &String>,
) -> Vec<String> {
    let asked: Vec<_> = {
        let State { services, targets, used, .. } = &*state.lock().unwrap();
        let serving = primary(service).filter(|primary| *used && services[name].serves(primary));
        let serving = serving.and_then(Deployment::task_definition);
        let of_it = answered.filter_map(|arn| Some((arn, targets.get(arn)?)));
        let of_it = of_it.filter(|(_, target)| Some(&*target.revision) == serving);
        of_it.map(|(arn, target)| (arn.clone(), target.address)).collect()
    };
    let mut down = Vec::new();
    for (arn, address) in asked {
        if let Got::Broken = check::get(&address, "/", Duration::from_secs(1)).await {
            down.push(arn);
        }
    }
    down
}

/// Takes up the tasks that are new: each is asked as its target group, else its own container, says when it comes.
async fn register(clients: &Clients, state: &Mutex<State>, name: &str, service: &Seen, tasks: &[Task]) {
    let balancer = service.load_balancers().first();
    for task in tasks {
        let (Some(arn), Some(ip)) = (task.task_arn(), address(task)) else { continue };
        if state.lock().unwrap().targets.contains_key(arn) {
            continue;
        }
        let revision = task.task_definition_arn().unwrap_or_default();
        let check = match balancer.and_then(|balancer| balancer.target_group_arn()) {
            Some(group) => Check::of_group(clients, group).await,
            None => Check::of_revision(clients, revision).await,
        };
        let Some(check) = check else { continue };
        let port = balancer.and_then(|balancer| balancer.container_port()).unwrap_or_default();
        let target = Target::new(name, Arc::new(check), ip, port, revision);
        state.lock().unwrap().targets.insert(arn.to_owned(), target);
    }
}

impl Service {
    /// Whether the newest deployment is complete, for the emulator and for ECS.
    fn serves(&self, primary: &Deployment) -> bool {
        primary.rollout_state() == Some(&DeploymentRolloutState::Completed)
            && primary.id().is_some_and(|id| self.good.contains(id))
    }

    /// Keeps what is good; whether the deployment may now start the rest of its tasks.
    fn follow<'a>(&mut self, service: &Seen, targets: impl Iterator<Item = &'a Target>) -> bool {
        let Some((primary, id)) = primary(service).and_then(|primary| Some((primary, primary.id()?))) else {
            return false;
        };
        let ours: Vec<_> = targets.filter(|target| Some(&*target.revision) == primary.task_definition()).collect();
        let healthy = ours.iter().filter(|target| target.is_healthy()).count();
        if healthy > 0 && healthy >= usize::try_from(service.desired_count()).unwrap_or_default() {
            self.good.insert(id.to_owned());
        }
        let held_back = primary.rollout_state() == Some(&DeploymentRolloutState::InProgress);
        held_back && healthy > 0 && healthy == ours.len() && self.opened.insert(id.to_owned())
    }
}

/// The newest deployment.
fn primary(service: &Seen) -> Option<&Deployment> {
    service.deployments().iter().find(|one| one.status() == Some("PRIMARY"))
}

/// The service, and its tasks that run.
async fn look(clients: &Clients, cluster: &str, name: &str) -> Option<(Seen, Vec<Task>)> {
    let ecs = clients.ecs();
    let services = ecs.describe_services().cluster(cluster).services(name).send().await.ok()?;
    let service = services.services.unwrap_or_default().into_iter().next()?;
    let running = ecs.list_tasks().cluster(cluster).service_name(name).desired_status(DesiredStatus::Running);
    let arns = running.send().await.ok()?.task_arns.unwrap_or_default();
    if arns.is_empty() {
        return Some((service, Vec::new()));
    }
    let tasks = ecs.describe_tasks().cluster(cluster).set_tasks(Some(arns)).send().await.ok()?;
    let running = tasks.tasks.unwrap_or_default().into_iter().filter(|task| task.last_status() == Some("RUNNING"));
    Some((service, running.collect()))
}

/// Where a task listens, of its network interface.
fn address(task: &Task) -> Option<std::net::IpAddr> {
    let details = task.attachments().iter().flat_map(|attachment| attachment.details());
    details.filter(|detail| detail.name() == Some("privateIPv4Address")).find_map(|detail| detail.value()?.parse().ok())
}

/// The first of the new tasks is healthy: the emulator starts the rest, and is done a second after.
async fn open(clients: &Clients, cluster: &str, name: &str) {
    let breaker = DeploymentCircuitBreaker::builder().enable(true).rollback(true).reset_on_healthy_task(false);
    let configuration = DeploymentConfiguration::builder()
        .maximum_percent(200)
        .minimum_healthy_percent(100)
        .deployment_circuit_breaker(breaker.build());
    let update = clients.ecs().update_service().cluster(cluster).service(name);
    // A run that ended took the emulator with it.
    let _ = update.deployment_configuration(configuration.build()).send().await;
}

/// The last part of an ARN.
fn id(arn: &str) -> &str {
    arn.rsplit('/').next().unwrap_or(arn)
}
