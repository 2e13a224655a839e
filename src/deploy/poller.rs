//! One look for all: services that are followed at the same time share their DescribeServices calls.

use std::{
    mem,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use runner_core::plan::{Fault, Service};
use tokio::{sync::oneshot, time::Instant};

use super::describe_services;
use crate::aws::Clients;

type Answer = Result<Option<Service>, Fault>;
type Waiting = (String, oneshot::Sender<Answer>);

/// Looks at services of one cluster, ten a call, with a pause between looks.
pub struct Poller {
    clients: Arc<Clients>,
    cluster: String,
    waiting: Mutex<Vec<Waiting>>,
    last: tokio::sync::Mutex<Option<Instant>>,
}

impl Poller {
    /// For the services of this cluster.
    pub fn new(clients: Arc<Clients>, cluster: String) -> Self {
        Self { clients, cluster, waiting: Mutex::default(), last: tokio::sync::Mutex::default() }
    }

    /// The service as it is, at least `pause` after the last look of anybody. Everyone who waits for the same look
    /// shares its call.
    pub async fn look(&self, service: &str, pause: Duration) -> Answer {
        loop {
            let (sender, mut receiver) = oneshot::channel();
            self.waiting.lock().unwrap_or_else(PoisonError::into_inner).push((service.to_owned(), sender));
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
                    self.ask().await;
                    *last = Some(Instant::now());
                }
            }
            // Whoever asked for us may have been cancelled in the middle: then we ask ourselves.
            if let Ok(answer) = receiver.await {
                return answer;
            }
        }
    }

    async fn ask(&self) {
        let waiting = mem::take(&mut *self.waiting.lock().unwrap_or_else(PoisonError::into_inner));
        let mut names: Vec<String> = waiting.iter().map(|(name, _)| name.clone()).collect();
        names.sort();
        names.dedup();
        let answer = describe_services(&self.clients, &self.cluster, &names).await;
        for (name, sender) in waiting {
            let one = match &answer {
                Ok(services) => Ok(services.get(&name).cloned().flatten()),
                Err(fault) => Err(fault.clone()),
            };
            // A receiver that is gone was cancelled.
            let _ = sender.send(one);
        }
    }
}
