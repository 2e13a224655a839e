//! `cost`: what the environment costs a month, by item.

use std::time::Instant;

use runner_core::report::CostReport;

use super::{
    load, millis,
    settings::Settings,
    stop::{Done, answer},
};

/// Arguments of `cost`.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "What is paid by use is named with its price and not summed. docs/cost.md tells what is counted.\n\nExamples:\n  runner cost -e staging\n  runner cost -e production --format json"
)]
pub struct Args {}

/// Estimates.
pub fn run(settings: &Settings, _args: &Args) -> Done {
    let started = Instant::now();
    let loaded = load::load(settings, &["cost"])?;
    let mut report = CostReport::of(&loaded.header, &loaded.environment, 0);
    report.duration_ms = millis(started);
    answer(settings, &report.card(), &report);
    Ok(report.exit_code)
}
