//! What is tried again, and when.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use runner_core::plan::Fault;

use crate::aws::jitter;

/// How long to wait before another attempt. Given from outside, so that tests need no clock.
pub trait Backoff: Send + Sync + std::fmt::Debug {
    /// Waits before attempt `attempt` (the first repetition is 1), at least `asked` where the registry said so.
    /// `false` ends the attempts.
    fn wait(&self, attempt: u32, asked: Option<Duration>) -> Pin<Box<dyn Future<Output = bool> + Send + '_>>;
}

/// Half a second, doubled each time up to 8 s, with jitter; five attempts in all.
#[derive(Debug)]
pub struct Exponential;

impl Backoff for Exponential {
    fn wait(&self, attempt: u32, asked: Option<Duration>) -> Pin<Box<dyn Future<Output = bool> + Send + '_>> {
        Box::pin(async move {
            if attempt > 4 {
                return false;
            }
            let step = Duration::from_millis(500 << attempt.min(5).saturating_sub(1)).min(Duration::from_secs(8));
            // Parallel uploads fail together, and shall not come back together.
            let jittered = step.mul_f64(0.5 + jitter());
            tokio::time::sleep(asked.unwrap_or_default().min(Duration::from_secs(30)).max(jittered)).await;
            true
        })
    }
}

/// A failed attempt.
pub(crate) enum Trouble {
    /// Another attempt may do better: a cut, a time-out, 429 or 5xx.
    Again(Fault, Option<Duration>),
    /// It will not.
    Stop(Fault),
}

impl From<Fault> for Trouble {
    fn from(fault: Fault) -> Self {
        Self::Stop(fault)
    }
}

/// Counts the attempts of one operation.
pub(crate) struct Tries {
    backoff: Arc<dyn Backoff>,
    attempt: u32,
}

impl Tries {
    pub fn new(backoff: &Arc<dyn Backoff>) -> Self {
        Self { backoff: backoff.clone(), attempt: 0 }
    }

    /// Returns when the next attempt is due, or gives up with the fault.
    pub async fn next(&mut self, trouble: Trouble) -> Result<(), Fault> {
        let (fault, asked) = match trouble {
            Trouble::Stop(fault) => return Err(fault),
            Trouble::Again(fault, asked) => (fault, asked),
        };
        self.attempt += 1;
        tracing::debug!(attempt = self.attempt, "trying again after: {fault}");
        if self.backoff.wait(self.attempt, asked).await { Ok(()) } else { Err(fault) }
    }
}
