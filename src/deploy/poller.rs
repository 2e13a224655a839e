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
};
use tokio::{sync::oneshot, time::Instant};

use super::{deployments, describe_services};
use crate::aws::Clients;

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
