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
#[command(after_help = "Examples:\n  runner status -e staging\n  runner status --history -e staging\n  \
                         runner status api -e production --format json")]
pub struct Args {
    /// Keep to these services
    #[arg(value_name = "SERVICE")]
    services: Vec<String>,
    /// The last ten deployments of each service too: when, which revision, how it ended, how long it took, why
    #[arg(long)]
    history: bool,
}

/// Looks.
pub async fn run(settings: &Settings, args: &Args) -> Done {
    let started = Instant::now();
    let mut words = vec!["status"];
    words.extend(args.services.iter().map(String::as_str));
    if args.history {
        words.push("--history");
    }
    let loaded = load::load(settings, &words)?;
    let work = async {
        let options = loaded.options(settings, &args.services).await?;
        crate::run::status(&loaded.environment, &options, args.history).await
    };
    let (world, histories) = or_cancelled("reading what is there", Some(&loaded.header), work).await?;
    let took = millis(started);
    let report = StatusReport::of(&loaded.header, &loaded.environment, &world, &args.services, took);
    let report = report.with_histories(histories);
    answer(settings, &report.card(), &report);
    Ok(report.exit_code)
}
