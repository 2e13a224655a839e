//! One look for all: services that are followed at the same time share their calls.

use std::{
    collections::BTreeMap,
    mem,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use runner_core::{
    judge::ServiceDeployment,
    plan::{Fault, Service},
    report::Fact,
};
use tokio::{sync::oneshot, time::Instant};

use super::{Emit, deployments, describe_services};
use crate::aws::{Clients, Code, jitter};

/// What one look at a service shows.
#[derive(Debug, Clone)]
pub struct Look {
    /// The service; `None` where there is none of that name.
    pub service: Option<Service>,
    /// The service deployment that was asked for; `None` where it is not there.
    pub deployment: Option<ServiceDeployment>,
}

type Answer = Result<Look, Fault>;

/// Somebody who waits for a look at a service, and at a service deployment where its ARN is known.
struct Waiting {
    service: String,
    deployment: Option<String>,
    sender: oneshot::Sender<Answer>,
}

/// A look that failed is followed by one a little later, so that those who were refused together do not come together
/// again: by up to so much of the pause.
const SPREAD: f64 = 0.25;
/// So many looks in a row that failed are told of, and how often.
const FAILED: u32 = 3;
const SAID: Duration = Duration::from_secs(30);

/// How looks that fail are borne: ECS goes on anyway, and only `--timeout` ends the wait.
#[derive(Default)]
pub(super) struct Patience {
    failures: u32,
    said: Option<Instant>,
}

impl Patience {
    /// The pause before the next look.
    pub(super) fn pause(&self, pause: Duration) -> Duration {
        if self.failures == 0 { pause } else { pause.mul_f64(1.0 + SPREAD * jitter()) }
    }

    /// What a look showed; none where it failed of what may pass, which is said once it lasts.
    pub(super) fn bear<T>(&mut self, look: Result<T, Fault>, at: &str, emit: Emit<'_>) -> Result<Option<T>, Fault> {
        match look {
            Ok(seen) => {
                self.failures = 0;
                Ok(Some(seen))
            }
            Err(fault) if is_passing(&fault) => {
                self.failures += 1;
                if self.failures >= FAILED && self.said.is_none_or(|said| said.elapsed() >= SAID) {
                    let words = fault.headline();
                    emit(Fact::Warning(format!("a look at {at} failed and is repeated: {words}")));
                    self.said = Some(Instant::now());
                }
                Ok(None)
            }
            Err(fault) => Err(fault),
        }
    }
}

/// What passes by itself: throttles, failures on the other side, a cut connection.
fn is_passing(fault: &Fault) -> bool {
    match fault.code.as_deref() {
        Some(code) => matches!(Code::of(code), Some(Code::Throttled | Code::Server)) || code.starts_with("HTTP 5"),
        None => !fault.hint.as_deref().is_some_and(|hint| hint.contains("credentials")),
    }
}

/// Looks at services of one cluster, ten a call, and their deployments, twenty a call, with a pause between looks. A call
/// that fails is not sent again in between: that would be more calls just when AWS asks for fewer, and it is for whoever
/// waits to look again.
pub struct Poller {
    clients: Clients,
    cluster: String,
    waiting: Mutex<Vec<Waiting>>,
    last: tokio::sync::Mutex<Option<Instant>>,
}

impl Poller {
    /// For the services of this cluster.
    pub fn new(clients: &Clients, cluster: String) -> Self {
        Self { clients: clients.brief(1), cluster, waiting: Mutex::default(), last: tokio::sync::Mutex::default() }
    }

    /// The service and the service deployment of this ARN as they are, at least `pause` after the last look of anybody.
    /// Everyone who waits for the same look shares its calls.
    pub async fn look(&self, service: &str, deployment: Option<&str>, pause: Duration) -> Answer {
        loop {
            let (sender, mut receiver) = oneshot::channel();
            let waiting = Waiting { service: service.to_owned(), deployment: deployment.map(str::to_owned), sender };
            self.waiting.lock().unwrap_or_else(PoisonError::into_inner).push(waiting);
            tokio::select! {
                biased;
                Ok(answer) = &mut receiver => return answer,
                mut last = self.last.lock() => {
                    if let Ok(answer) = receiver.try_recv() {
                        return answer;
                    }
                    if let Some(last) = *last {
                        tokio::time::sleep_until(last + pause).await;
                    }
                    *last = Some(self.ask().await);
                }
            }
            // Whoever asked for us may have been cancelled in the middle: then we ask ourselves.
            if let Ok(answer) = receiver.await {
                return answer;
            }
        }
    }

    /// Asks for all who wait; when DescribeServices was sent: what it takes is part of the pause.
    async fn ask(&self) -> Instant {
        let waiting = mem::take(&mut *self.waiting.lock().unwrap_or_else(PoisonError::into_inner));
        let mut names: Vec<String> = waiting.iter().map(|waiting| waiting.service.clone()).collect();
        names.sort();
        names.dedup();
        let mut arns: Vec<String> = waiting.iter().filter_map(|waiting| waiting.deployment.clone()).collect();
        arns.sort();
        arns.dedup();
        // One after the other: counts of before a deployment's success would show what was, not what serves now.
        let deployments = deployments::describe(&self.clients, &arns).await;
        let sent = Instant::now();
        let answer = match deployments {
            Ok(deployments) => {
                describe_services(&self.clients, &self.cluster, &names).await.map(|services| (services, deployments))
            }
            Err(fault) => Err(fault),
        };
        let none = BTreeMap::new();
        for Waiting { service, deployment, sender } in waiting {
            let one = match &answer {
                Ok((services, deployments)) => Ok(Look {
                    service: services.get(&service).cloned().flatten(),
                    deployment: deployment.and_then(|arn| deployments.as_ref().unwrap_or(&none).get(&arn).cloned()),
                }),
                Err(fault) => Err(fault.clone()),
            };
            // A receiver that is gone was cancelled.
            let _ = sender.send(one);
        }
        sent
    }
}
