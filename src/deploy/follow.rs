//! Follows one deployment to its verdict.

use std::time::Duration;

use runner_core::{
    judge::{Ending, Observation, ServiceDeployment, Signs, Told, Verdict, Watch},
    plan::{Exit, Fault, Follow, Rollout, Service},
    report::Fact,
};
use tokio::time::Instant;

use super::{
    Emit, Poller,
    deployments::Tracker,
    evidence::{self, Gathered},
    list, means,
    poller::{Look, Patience},
    targets, text,
};
use crate::aws::{Clients, Code};

/// The pause between looks at first, and after [`LONG`]: what has not ended by then is seldom over in a second.
const PAUSE: Duration = Duration::from_secs(1);
const LONGEST: Duration = Duration::from_secs(2);
const LONG: Duration = Duration::from_secs(600);
/// Attempts of what is asked beside the service: what fails in all of them is asked again with the next look.
const ATTEMPTS: u32 = 4;

/// What is followed, and where what belongs to it is found.
pub struct Following<'a> {
    /// Clients of the environment's region.
    pub clients: &'a Clients,
    /// Shared by all that is followed.
    pub poller: &'a Poller,
    /// The cluster.
    pub cluster: &'a str,
    /// The service, its revision, and whether it is the first.
    pub follow: &'a Follow,
    /// The service's target groups; empty where none can be asked.
    pub groups: &'a [String],
    /// The containers of the revision's definition.
    pub containers: &'a [evidence::Container],
    /// Where tasks do not really run, one look at counts is as good as two.
    pub runs_tasks: bool,
    /// Where the new revision is tried once it has test traffic.
    pub tried_at: Option<&'a str>,
    /// This run did not start the deployment: it attaches.
    pub attaches: bool,
}

/// What came of following.
#[derive(Debug)]
pub struct Followed {
    /// The verdict.
    pub ending: Ending,
    /// The service at the verdict.
    pub service: Option<Service>,
    /// Healthy targets, where they can be asked.
    pub healthy_targets: Option<u32>,
    /// Test traffic goes to the new revision.
    pub on_test: bool,
    /// See [`Watch::had_traffic`].
    pub had_traffic: Option<bool>,
    /// Seconds from the first look to the verdict.
    pub seconds: u64,
    /// The deployment that was followed: the id of ECS's service deployment, else of the service's own.
    pub deployment: Option<String>,
    /// Where a verdict is not good: what shows why, each with where it is from.
    pub evidence: Vec<evidence::Piece>,
}

/// Follows the deployment of a revision to its verdict. What fails while looking is repeated as long as it may pass: the
/// deployment goes on anyway, and only `--timeout` ends the wait.
pub async fn follow(following: &Following<'_>, emit: Emit<'_>) -> Result<Followed, Fault> {
    let Following { cluster, follow, .. } = *following;
    let clients = &following.clients.brief(ATTEMPTS);
    let start = Instant::now();
    let revision = follow.revision.shown();
    let mut watch = Watch::new(revision, follow.first);
    if following.runs_tasks {
        watch = watch.twice();
    }
    let mut tracker = Tracker::new(clients, cluster, &follow.service, revision);
    let mut signs = Signs::default();
    let place =
        evidence::Place { clients, cluster, service: &follow.service, revision, containers: following.containers };
    let mut gathered = Gathered::default();
    let mut said = String::new();
    let mut attached = !following.attaches;
    let mut patience = Patience::default();
    loop {
        let pause = patience.pause(if start.elapsed() < LONG { PAUSE } else { LONGEST });
        let look = look(following, clients, &mut tracker, &watch, pause).await;
        let Some(seen) = patience.bear(look, &follow.service, emit).map_err(unseen)? else { continue };
        let Seen { look, told, newer, back_to, targets } = seen;
        if let Some(warning) = tracker.warning.take() {
            emit(Fact::Warning(warning));
        }
        let deployment = match &told {
            Told::Seen(seen) => Some(&**seen),
            _ => None,
        };
        let on_test = deployment.is_some_and(ServiceDeployment::is_on_test);
        if let Some(service) = &look.service {
            let mut words = progress(service, deployment.map(|seen| seen.status.as_str()), targets.as_ref());
            if let Some(place) = following.tried_at.filter(|_| on_test) {
                words.push_str(&format!(", to be tried at {place}"));
            }
            if words != said {
                emit(Fact::Progress(words.clone()));
                said = words;
            }
            if let Some(targets) = &targets {
                gathered.targets(targets);
            }
            if signs.are_bad(revision, service, deployment) || gathered.is_behind() {
                // A target that fails is taken out before all that shall run does, where they start by and by.
                if targets.is_none()
                    && let Ok(targets) = targets::describe(clients, &follow.service, following.groups).await
                {
                    gathered.targets(&targets);
                }
                gathered.look(&place, watch.deployment(), began(&told, Some(service), &watch)).await;
                let pieces = gathered.pieces(&follow.service, Some(service), began(&told, Some(service), &watch));
                if let Some(words) = gathered.news(&pieces) {
                    emit(Fact::Warning(format!("{}: {words}", follow.service)));
                }
            }
        }
        let after = deployment.and_then(|seen| seen.finished);
        let ended_tasks = match &look.service {
            Some(service) if lacks_tasks(service, deployment.map(|seen| seen.status.as_str())) => {
                evidence::ended_tasks(&place, after).await
            }
            _ => 0,
        };
        let healthy_targets = targets.as_ref().map(|targets| targets.healthy);
        let observation = Observation { service: look.service, told, back_to, newer, healthy_targets, ended_tasks };
        let ending = watch.observe(&observation);
        let id = tracker.arn.as_deref().or(watch.deployment()).map(|id| id.rsplit('/').next().unwrap_or(id).to_owned());
        if let (false, Some(id)) = (attached, &id) {
            emit(Fact::Progress(format!("attached to deployment {id}, which an earlier run began")));
            attached = true;
        }
        if let Some(ending) = ending {
            let service = observation.service;
            let evidence = match ending.verdict {
                Verdict::Failed | Verdict::RolledBack => {
                    let since = began(&observation.told, service.as_ref(), &watch);
                    gathered.look(&place, watch.deployment(), since).await;
                    gathered.pieces(&follow.service, service.as_ref(), since)
                }
                _ => Vec::new(),
            };
            let seconds = start.elapsed().as_secs();
            let had_traffic = watch.had_traffic();
            return Ok(Followed {
                ending,
                service,
                healthy_targets,
                on_test,
                had_traffic,
                seconds,
                deployment: id,
                evidence,
            });
        }
    }
}

/// Everything one look shows.
struct Seen {
    look: Look,
    told: Told,
    newer: Option<String>,
    back_to: Option<String>,
    targets: Option<targets::Targets>,
}

async fn look(
    following: &Following<'_>,
    clients: &Clients,
    tracker: &mut Tracker<'_>,
    watch: &Watch,
    pause: Duration,
) -> Result<Seen, Fault> {
    let Following { follow, groups, .. } = *following;
    let arn = tracker.arn.clone();
    let look = following.poller.look(&follow.service, arn.as_deref(), pause).await?;
    let told = tracker.told(&look, watch.deployment()).await?;
    let newer = tracker.newer(look.service.as_ref(), &told).await?;
    let back_to = tracker.back_to(&told).await;
    // While tasks are missing, nothing is learnt from targets.
    let all_run = look.service.as_ref().is_some_and(|service| {
        let ours = service.deployments.iter().filter(|rollout| rollout.revision == follow.revision.shown());
        ours.map(|rollout| rollout.running).sum::<u32>() >= service.desired
    });
    let targets = match all_run && !groups.is_empty() {
        true => Some(targets::describe(clients, &follow.service, groups).await?),
        false => None,
    };
    Ok(Seen { look, told, newer, back_to, targets })
}

/// Whether the deployment is said to be done, and yet not all tasks run.
fn lacks_tasks(service: &Service, status: Option<&str>) -> bool {
    let done = match status {
        Some(status) => status == "SUCCESSFUL",
        None => service.primary().is_some_and(|primary| primary.rollout == Rollout::Completed),
    };
    done && service.running < service.desired
}

/// When ours began, in seconds since 1970: what is older is of others.
fn began(told: &Told, service: Option<&Service>, watch: &Watch) -> Option<f64> {
    if let Told::Seen(seen) = told {
        return Some(seen.created);
    }
    let rollouts = list(&service?.json, "deployments");
    let ours = rollouts.iter().find(|rollout| Some(text(rollout, "id")) == watch.deployment());
    ours?["createdAt"].as_f64()
}

/// Nothing is known of the deployment but that it goes on: no failure of its own.
fn unseen(fault: Fault) -> Fault {
    let hint = match means(&fault, Code::Credentials) {
        true => "the credentials have expired, ECS goes on: sign in anew and run the same command again, it attaches",
        false => "ECS goes on: mend what is named and run the same command again, it attaches",
    };
    fault.with_hint(hint).with_exit(Exit::StillRunning)
}

fn progress(service: &Service, status: Option<&str>, targets: Option<&targets::Targets>) -> String {
    let Some(primary) = service.primary() else { return service.status.clone() };
    let mut words = format!("{}/{} tasks running", primary.running, primary.desired);
    if primary.pending > 0 {
        words.push_str(&format!(", {} starting", primary.pending));
    }
    if primary.failed > 0 {
        words.push_str(&format!(", {} failed", primary.failed));
    }
    if let Some(targets) = targets {
        words.push_str(&format!(", {} of {} targets healthy", targets.healthy, targets.registered));
    }
    if let Some(status) = status.filter(|status| *status != "IN_PROGRESS") {
        words.push_str(&format!(", {}", status.to_lowercase().replace('_', " ")));
    }
    words
}
