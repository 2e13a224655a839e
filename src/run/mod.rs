//! The driver: reads the `World`, plans, executes the DAG, keeps the journal.

mod act;
mod adopt;
mod command;
mod drift;
mod edge;
mod execute;
mod failed;
mod give_up;
mod hand;
mod images;
mod journal;
mod look;
mod remove;
mod session;
mod variables;
mod verify;

use std::{
    collections::{BTreeMap, BTreeSet},
    path::PathBuf,
    time::Duration,
};

use futures_util::future::try_join_all;
use runner_core::{
    cost::{CostChange, CostSum},
    plan::{Action, Fault, Plan, PutStack, Wish, World, digest},
    report::{End, Event, Fact, ServiceHistory},
    stages::{
        Removal, Step, approve, asks_of_left_regions, asks_of_orphans, asks_of_removal, draw, pipeline, prune, removal,
        rollback,
    },
    workflow::Environment,
};
use tokio::sync::mpsc::UnboundedSender;
use tokio_util::sync::CancellationToken;

use self::{edge::Edge, journal::Journal};
use crate::{aws::WebIdentity, deploy::last_deployments};

pub use adopt::{Picks, adoption};
pub use drift::observe;
pub use hand::{last_stopped, logs, task};
pub use session::{Opened, Plugin, Streams, open};
pub use variables::Variables;
pub use verify::verify;

/// Which AWS a command speaks to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Endpoint {
    /// The user's AWS (or whatever `AWS_ENDPOINT_URL` says), with the user's credentials.
    Aws,
    /// The local AWS at this address; no credential or profile of the user is read.
    Sandbox {
        /// `http://127.0.0.1:PORT`.
        url: String,
        /// The one account of the local AWS: every environment lives in it.
        account: String,
        /// A Docker engine answers: tasks really run.
        engine: bool,
        /// `--build`: builds are real.
        build: bool,
    },
}

/// The account of the local AWS that an environment lives in: its own, or twelve digits made of its name where the file
/// gives none. So two environments without an account are kept apart, as those with accounts are.
pub fn local_account(env: &Environment) -> String {
    let made_up = || {
        let hex = digest(&env.prefix());
        let number = u64::from_str_radix(&hex[..12], 16).unwrap_or_default();
        format!("{:012}", number % 1_000_000_000_000)
    };
    env.account.clone().unwrap_or_else(made_up)
}

/// Whom a command is at the user's AWS.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Credentials {
    /// Whom the SDK's own chain finds.
    #[default]
    Ambient,
    /// Whom the variables of the process name, and no other.
    Variables,
    /// A role, by a GitHub job's OIDC token.
    Web(WebIdentity),
}

/// What is to be done.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Work {
    /// The pipeline, or a part of it.
    #[default]
    Pipeline,
    /// `rollback`: of the services that are named, or of all; `to` is a revision's number.
    Rollback {
        /// `--to`.
        to: Option<u32>,
    },
    /// `approve SERVICE`.
    Approve {
        /// The service.
        service: String,
        /// `--reject`.
        reject: bool,
    },
}

impl Work {
    fn steps(&self, env: &Environment) -> Vec<Step> {
        match self {
            Self::Pipeline => pipeline(env),
            Self::Rollback { .. } => rollback(env),
            Self::Approve { service, .. } => approve(env, service),
        }
    }

    fn wish(&self, options: &Options) -> Wish {
        let named = !options.services.is_empty();
        match self {
            Self::Pipeline => Wish::default(),
            Self::Rollback { to } => Wish { named, to: *to, reject: false },
            Self::Approve { reject, .. } => Wish { named, to: None, reject: *reject },
        }
    }
}

/// What a plan or run is asked for, beside the environment.
#[derive(Debug, Clone)]
pub struct Options {
    /// Which AWS.
    pub endpoint: Endpoint,
    /// Whom the command is there.
    pub credentials: Credentials,
    /// What is to be done.
    pub work: Work,
    /// The folder that paths in the file are relative to.
    pub root: PathBuf,
    /// Services to keep to; empty: all.
    pub services: BTreeSet<String>,
    /// One stage alone (`runner stage NAME`).
    pub stage: Option<String>,
    /// `--from STAGE`: earlier stages are taken as they are.
    pub from: Option<String>,
    /// `--allow-replace ID`.
    pub allow_replace: BTreeSet<String>,
    /// `--expect PLAN`.
    pub expect: Option<String>,
    /// `--rebuild`.
    pub rebuild: bool,
    /// `--images JSON`: digests by service.
    pub images: BTreeMap<String, String>,
    /// The job's variables that the file declares.
    pub variables: Variables,
    /// What is to go: orphans with `--prune`, everything with `destroy`.
    pub removal: Option<Removal>,
    /// `adopt`: what was shown, and is taken into its stacks; nothing else is done.
    pub adopts: Option<Vec<PutStack>>,
    /// `--timeout`.
    pub timeout: Duration,
}

/// How a run ended, beside what its events say.
#[derive(Debug)]
pub struct Ended {
    /// The plan it began with; none where it failed before.
    pub plan: Option<Plan>,
    /// Why it ended before or beside its nodes (credentials, the wrong account, `--expect`).
    pub fault: Option<Fault>,
    /// Ctrl-C.
    pub cancelled: bool,
    /// `--timeout` was reached.
    pub timed_out: bool,
    /// What the environment costs by that plan; none where it failed before.
    pub cost: Option<CostSum>,
    /// Calls made to AWS and registries.
    pub calls: u64,
    /// Digests of images by service.
    pub images: BTreeMap<String, String>,
    /// The newest deployment by service.
    pub deployments: BTreeMap<String, String>,
}

impl Ended {
    /// As a report takes it, after so many milliseconds.
    pub fn end(&self, duration_ms: u64) -> End<'_> {
        End {
            plan: self.plan.as_ref(),
            fault: self.fault.as_ref(),
            cancelled: self.cancelled,
            timed_out: self.timed_out,
            calls: self.calls,
            cost: self.cost,
            images: Some(&self.images),
            deployments: Some(&self.deployments),
            duration_ms,
        }
    }
}

/// Plans; never writes.
pub async fn plan(env: &Environment, options: &Options) -> Result<Plan, Fault> {
    plan_and_world(env, options).await.map(|(plan, ..)| plan)
}

/// Plans, and gives what was seen as well, and how many calls it took.
pub async fn plan_and_world(env: &Environment, options: &Options) -> Result<(Plan, World, u64), Fault> {
    let edge = Edge::new(env, options).await;
    let mut world = edge.world(false).await?;
    let steps = steps(&edge, &mut world).await?;
    let plan = draw(env, &steps.iter().collect::<Vec<_>>(), &world);
    Ok((plan, world, edge.calls.count()))
}

/// What is to be done, with everything known that it asks.
async fn steps(edge: &Edge<'_>, world: &mut World) -> Result<Vec<Step>, Fault> {
    let (env, options) = (edge.env, edge.options);
    if let Some(everything @ Removal::Everything { .. }) = options.removal {
        look::learn_all(edge, asks_of_removal(env, everything), world).await?;
        look::learn_all(edge, asks_of_left_regions(env, world, options.removal), world).await?;
        look::learn_all(edge, asks_of_orphans(env, world), world).await?;
        let steps = removal(env, world, everything);
        look::look(edge, &steps.iter().collect::<Vec<_>>(), world).await?;
        return Ok(steps);
    }
    let mut steps = choose(options.work.steps(env), options);
    look::look(edge, &steps.iter().collect::<Vec<_>>(), world).await?;
    // One stage alone knows nothing of what else is there.
    if options.stage.is_none() && options.work == Work::Pipeline {
        look::learn_all(edge, asks_of_left_regions(env, world, options.removal), world).await?;
        look::learn_all(edge, asks_of_orphans(env, world), world).await?;
    }
    if options.removal == Some(Removal::Orphans) {
        let gone = prune(env, world, &steps.iter().collect::<Vec<_>>());
        look::look(edge, &gone.iter().collect::<Vec<_>>(), world).await?;
        steps.extend(gone);
    }
    Ok(steps)
}

/// What is there now: everything a plan would ask, without the plan; with `history` also the last deployments of the
/// services that are there, all services at the same time.
pub async fn status(
    env: &Environment,
    options: &Options,
    history: bool,
) -> Result<(World, BTreeMap<String, ServiceHistory>), Fault> {
    let edge = Edge::new(env, options).await;
    let steps = choose(pipeline(env), options);
    let mut world = edge.world(false).await?;
    look::look(&edge, &steps.iter().collect::<Vec<_>>(), &mut world).await?;
    let cluster = env.cluster_name();
    let wanted = |name: &String| history && (options.services.is_empty() || options.services.contains(name));
    let there = env.services.keys().filter(|name| wanted(name)).filter_map(|name| Some((name, world.service(name)?)));
    let histories = there.map(async |(name, service)| {
        let told = last_deployments(&edge.clients, &cluster, name).await?;
        Ok((name.clone(), told.unwrap_or_else(|| ServiceHistory::of_service(service))))
    });
    let histories = try_join_all(histories).await?.into_iter().collect();
    Ok((world, histories))
}

/// Plans, then executes; every fact goes to `events`. Ends early when `cancel` is cancelled: it stops watching, not AWS.
pub async fn run(
    env: &Environment,
    options: &Options,
    events: UnboundedSender<Event>,
    cancel: CancellationToken,
) -> Ended {
    let edge = Edge::new(env, options).await;
    let mut ended = Ended {
        plan: None,
        fault: None,
        cancelled: false,
        timed_out: false,
        cost: None,
        calls: 0,
        images: BTreeMap::new(),
        deployments: BTreeMap::new(),
    };
    let journal = Journal::new(events);
    let work = whole(&edge, &journal, &mut ended);
    let waited = tokio::select! {
        biased;
        () = cancel.cancelled() => None,
        waited = tokio::time::timeout(options.timeout, work) => Some(waited),
    };
    match waited {
        None => ended.cancelled = true,
        Some(Err(_)) => ended.timed_out = true,
        Some(Ok(Err(fault))) => ended.fault = Some(fault),
        Some(Ok(Ok(()))) => {}
    }
    ended.calls = edge.calls.count();
    ended
}

async fn whole(edge: &Edge<'_>, journal: &Journal, ended: &mut Ended) -> Result<(), Fault> {
    let options = edge.options;
    let mut world = edge.world(true).await?;
    world.wish = options.work.wish(options);
    let named = |put: &PutStack| (put.name.clone(), put.clone());
    world.imports = options.adopts.as_ref().map(|puts| puts.iter().map(named).collect());
    if edge.env.account.is_none() && options.endpoint == Endpoint::Aws {
        let account = world.caller.as_ref().map(|caller| caller.account.clone()).unwrap_or_default();
        let words = format!("`account` is not in the file: any account is taken, this time {account}");
        journal.say(None, Fact::Warning(words));
    }
    let steps = steps(edge, &mut world).await?;
    let chosen: Vec<&Step> = steps.iter().collect();
    let plan = draw(edge.env, &chosen, &world);
    ended.cost = (!plan.destroys).then(|| CostChange::of(edge.env, &plan, &world).sum);
    let puts_stacks = plan.actions().any(|(_, action)| matches!(action, Action::PutStack(_)));
    if puts_stacks && options.endpoint == Endpoint::Aws && act::service_role(edge.env, &world).is_none() {
        journal.say(
            None,
            Fact::Warning(
                "bootstrap-identity was never made: CloudFormation works with the rights of this session, and what \
                 outlives the session (an hour, under OIDC) fails with it"
                    .to_owned(),
            ),
        );
    }
    if matches!(options.work, Work::Rollback { .. })
        && plan.actions().next().is_none()
        && plan.refusals().next().is_none()
    {
        let words: Vec<&str> = plan.notes.iter().map(|(_, note)| note.as_str()).collect();
        let fault = Fault::new(format!("rolling back {}", edge.env.name), words.join("; "))
            .with_hint("name a service and a revision: `runner rollback SERVICE --to REVISION`");
        ended.plan = Some(plan);
        return Err(fault);
    }
    let refused = plan.refusals().next().is_some();
    let expected = options.expect.clone().filter(|expected| *expected != plan.id());
    let id = plan.id();
    let nodes = plan.nodes.iter().map(|planned| planned.node.id.clone()).collect();
    journal.say(None, Fact::Planned { id: id.clone(), nodes });
    for (node, refusal) in plan.refusals() {
        journal.say(Some(node), Fact::Refused(refusal.clone()));
    }
    let plan = ended.plan.insert(plan);
    if let Some(expected) = expected {
        return Err(Fault::new(
            format!("running plan {expected} of {}", edge.env.name),
            format!("what would be done now is plan {id}"),
        )
        .with_hint("look at it with `runner plan`, and give its id to --expect; nothing was done"));
    }
    if !refused {
        world.forget_passed_over();
        let world = execute::execute(edge, &chosen, plan, world, journal).await;
        ended.images = world
            .images
            .iter()
            .filter_map(|(name, image)| Some((name.clone(), image.digest.as_ref()?.known()?.to_owned())))
            .collect();
        ended.deployments = world
            .services
            .iter()
            .filter_map(|(name, service)| Some((name.clone(), service.as_ref()?.deployments.first()?.id.clone())))
            .collect();
    }
    Ok(())
}

/// The steps that are asked for: one stage, those from a stage on, those of some services.
fn choose(steps: Vec<Step>, options: &Options) -> Vec<Step> {
    let stages = runner_core::stages::stages();
    let place = |name: &str| stages.iter().position(|stage| stage.name() == name);
    let from = options.from.as_deref().and_then(place).unwrap_or_default();
    // An administrator's, and asked for by name; the local AWS has no other administrator.
    let administers = options.stage.is_some() || matches!(options.endpoint, Endpoint::Sandbox { .. });
    let chosen = steps.into_iter().filter(|step| {
        let stage = step.stage.name();
        if stage == "bootstrap-identity" && !administers {
            return false;
        }
        let of_stage = options.stage.as_deref().is_none_or(|wanted| wanted == stage || wanted == step.node.id.stage);
        let of_service = options.services.is_empty()
            || step.node.service.as_ref().is_none_or(|service| options.services.contains(service));
        of_stage && of_service && place(stage).unwrap_or_default() >= from
    });
    chosen.collect()
}
