//! `drift`: what was changed behind CloudFormation's and the runner's back.

use std::time::Instant;

use runner_core::{plan::drift, report::DriftReport};

use super::{
    load, millis,
    publish::Told,
    settings::Settings,
    signals::or_cancelled,
    stop::{Done, leave, show},
};

/// Arguments of `drift`.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "It only reads, and ends with 1 where it finds something. What it may not read is named as not checked.\n\nExamples:\n  runner drift -e production\n  runner drift -e production --format markdown"
)]
pub struct Args {}

/// Looks.
pub async fn run(settings: &Settings, _: &Args) -> Done {
    let started = Instant::now();
    let loaded = load::load(settings, &["drift"])?;
    let work = async {
        let options = loaded.options(settings, &[]).await?;
        crate::run::observe(&loaded.environment, &options).await
    };
    let (world, observed, stacks) = or_cancelled("looking for drift", Some(&loaded.header), work).await?;
    let env = &loaded.environment;
    let services = env.services.keys().filter(|name| world.service(name).is_some()).count();
    let took = millis(started);
    let report = DriftReport::of(&loaded.header, drift(env, &world, &observed), (stacks, services), took);
    show(settings, &report.card(), &report);
    let mut told = Told::new(None, report.card(), &report, report.exit_code);
    told.outputs = report.outputs();
    leave(settings, told);
    Ok(report.exit_code)
}
