//! From fact to verdict: how long after ECS knows how a deployment ended the runner says so. Every scenario of
//! `tests/it/verdict/scenarios` is played; ECS's own time is not in it, nor that in which it refuses to tell. See docs/performance.md.
//!
//! `cargo bench --bench verdict` prints median and worst, and the slowest scenarios.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout, missing_docs)]

#[allow(dead_code)]
#[path = "../tests/it/verdict/play.rs"]
mod play;

#[allow(dead_code)]
#[path = "../tests/support"]
mod support {
    pub mod ecs;
    pub mod ran;
    pub mod recorded;
    pub mod scripted;
}

use std::time::{Duration, Instant};

use futures_util::{StreamExt, stream};
use play::{Play, scenarios};

/// Rounds of each scenario: a look may come just before or just after the fact.
const ROUNDS: usize = 3;

#[tokio::main]
async fn main() {
    // Where time runs out, or nothing can be seen, no fact is followed by a verdict.
    let told = scenarios().into_iter().filter(|(_, scenario)| scenario.expect["verdict"] != "still-running");
    let played = told.flat_map(|(name, scenario)| (0..ROUNDS).map(move |_| (name.clone(), scenario.clone())));
    let mut took: Vec<(Duration, Duration, String)> = stream::iter(played)
        .map(|(name, scenario)| async move {
            let play = Play::new(scenario.clone()).await;
            play.run().await;
            let ended = Instant::now();
            let timeline = play.ecs.timeline();
            let fact = timeline.moment(scenario.decided(timeline.calls()).unwrap()).unwrap();
            // What answers late is known late; a call that is refused shows nothing.
            let late = fact + scenario.latest();
            let shown = scenario.refused(timeline.calls()).map_or(late, |refused| refused.max(late));
            (ended.saturating_duration_since(shown), ended.saturating_duration_since(late), name)
        })
        .buffer_unordered(8)
        .collect()
        .await;
    took.sort();
    println!("from fact to verdict, {} runs", took.len());
    println!("median {:.2?}", took[took.len() / 2].0);
    for (time, with_refused, name) in took.iter().rev().take(5) {
        println!("worst  {time:.2?} {name} (with the time in which calls were refused {with_refused:.2?})");
    }
    let longest = took.iter().max_by_key(|(_, with_refused, _)| *with_refused);
    println!("with the time in which calls were refused: worst {:.2?} {}", longest.unwrap().1, longest.unwrap().2);
}
