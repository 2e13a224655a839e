//! `status`: what runs now.

use std::time::Instant;

use runner_core::report::StatusReport;

use super::{
    load, millis,
    settings::Settings,
    signals::or_cancelled,
    stop::{Done, answer},
};

/// Arguments of `status`.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  runner status -e staging\n  runner status api -e production --format json")]
pub struct Args {
    /// Keep to these services
    #[arg(value_name = "SERVICE")]
    services: Vec<String>,
}

/// Looks.
pub async fn run(settings: &Settings, args: &Args) -> Done {
    let started = Instant::now();
    let mut words = vec!["status"];
    words.extend(args.services.iter().map(String::as_str));
    let loaded = load::load(settings, &words)?;
    let work = async {
        let options = loaded.options(settings, &args.services).await?;
        crate::run::world(&loaded.environment, &options).await
    };
    let world = or_cancelled("reading what is there", Some(&loaded.header), work).await?;
    let took = millis(started);
    let report = StatusReport::of(&loaded.header, &loaded.environment, &world, &args.services, took);
    answer(settings, &report.card(), &report);
    Ok(report.exit_code)
}
