//! Ctrl-C and SIGTERM.

use runner_core::{
    plan::Fault,
    report::{Header, Stopped},
};
use tokio::signal::unix::{Signal, SignalKind, signal};

use super::stop::Stop;

/// SIGINT and SIGTERM: a person at a terminal, or the machine that ends a job.
pub struct Interrupts {
    int: Signal,
    term: Signal,
}

impl Interrupts {
    /// Takes both signals over from the system.
    pub fn listen() -> Result<Self, Fault> {
        let fault = |error: std::io::Error| Fault::new("listening for Ctrl-C", error.to_string());
        let int = signal(SignalKind::interrupt()).map_err(fault)?;
        let term = signal(SignalKind::terminate()).map_err(fault)?;
        Ok(Self { int, term })
    }

    /// The next one.
    pub async fn next(&mut self) {
        tokio::select! {
            _ = self.int.recv() => {}
            _ = self.term.recv() => {}
        }
    }
}

/// The answer of something that changes nothing, unless a person stops it before.
pub async fn or_cancelled<T>(
    doing: &str,
    header: Option<&Header>,
    work: impl Future<Output = Result<T, Fault>>,
) -> Result<T, Stop> {
    let mut interrupts = Interrupts::listen()?;
    let stop = tokio::select! {
        answer = work => match answer {
            Ok(answer) => return Ok(answer),
            Err(fault) => Stop::from(fault),
        },
        () = interrupts.next() => Stop::Stopped(Box::new(Stopped::cancelled(doing))),
    };
    Err(match header {
        Some(header) => stop.about(header),
        None => stop,
    })
}
