//! The comment while a run lasts: written beside the run, at most so often, and at each change of state. What GitHub
//! refuses then is tried again at the end.

use std::time::Duration;

use runner_core::report::{Card, Mark};
use tokio::{
    sync::watch,
    task::JoinHandle,
    time::{Instant, timeout_at},
};

use super::{Said, Thread, Trouble};

/// See the module.
pub struct Live {
    cards: watch::Sender<Option<Card>>,
    task: JoinHandle<Thread>,
    between: Duration,
    shown: Option<(Instant, Mark)>,
}

impl Live {
    /// Begins.
    pub fn start(mut thread: Thread) -> Self {
        let (cards, mut seen) = watch::channel(None::<Card>);
        let between = thread.pace().between_updates;
        let task = tokio::spawn(async move {
            let mut rest = Instant::now();
            while seen.changed().await.is_ok() {
                let card = seen.borrow_and_update().clone();
                if let Some(card) = card
                    && Instant::now() >= rest
                {
                    let said = thread.say(&card, false, Instant::now() + between).await;
                    // A limit is kept, and what is not allowed is not asked for again and again.
                    rest = match said {
                        Err(Trouble::Limited(told)) => Instant::now() + told.unwrap_or(between * 4),
                        Err(Trouble::Refused(_)) => break,
                        _ => rest,
                    };
                }
            }
            thread
        });
        Self { cards, task, between, shown: None }
    }

    /// Whether a card of this state would be written now.
    pub fn wants(&self, mark: Mark) -> bool {
        self.shown.is_none_or(|(at, before)| before != mark || at.elapsed() >= self.between)
    }

    /// Shows a card; the newest wins.
    pub fn show(&mut self, card: Card) {
        self.shown = Some((Instant::now(), card.mark));
        // Whoever wrote has given up: the end tries once more.
        let _ = self.cards.send(Some(card));
    }

    /// The last word.
    ///
    /// # Errors
    /// What stood in the way; no reason for a command to fail.
    pub async fn finish(self, card: &Card, quiet: bool, patience: Duration) -> Result<Said, Trouble> {
        let until = Instant::now() + patience;
        drop(self.cards);
        let mut task = self.task;
        match timeout_at(until, &mut task).await {
            Ok(Ok(mut thread)) => thread.say(card, quiet, until).await,
            Ok(Err(_)) => Err(Trouble::Unclear("whoever wrote the comment has stopped".to_owned())),
            Err(_) => {
                task.abort();
                Err(Trouble::Unclear("time was up".to_owned()))
            }
        }
    }
}
