//! `verify`: does what is there fit together?

use std::time::Instant;

use runner_core::{judge::verify::Check, report::VerifyReport};

use super::{
    load, millis,
    settings::Settings,
    signals::or_cancelled,
    stop::{Done, answer},
};

/// Arguments of `verify`.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Asks what exists; what roles may do is judged from the policies the file makes, and no role is taken.\nThe newest revision of each service is looked at. With findings it ends with 1.\n\nExamples:\n  runner verify -e staging\n  runner verify -e production --format json"
)]
pub struct Args {}

/// Checks.
pub async fn run(settings: &Settings, _: &Args) -> Done {
    let started = Instant::now();
    let loaded = load::load(settings, &["verify"])?;
    let work = async {
        let options = loaded.options(settings, &[]).await?;
        crate::run::verify(&loaded.environment, &options).await
    };
    let mut checks = or_cancelled("verifying", Some(&loaded.header), work).await?;
    checks.push(Check {
        about: loaded.environment.name.clone(),
        what: "GitHub environment",
        answer: settings.protects(&loaded.environment).await,
    });
    let took = millis(started);
    let report = VerifyReport::of(&loaded.header, checks, took);
    answer(settings, &report.card(), &report);
    Ok(report.exit_code)
}
