//! `plan`: what a run would change.

use std::{str::FromStr, time::Instant};

use runner_core::report::PlanReport;

use super::{
    load,
    settings::Settings,
    signals::or_cancelled,
    stop::{Done, answer},
};

/// What makes a plan end with 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FailOn {
    /// Any change.
    Change,
}

impl FromStr for FailOn {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "change" => Ok(Self::Change),
            _ => Err("write `change`".to_owned()),
        }
    }
}

/// Arguments of `plan`.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "A plan that a run would refuse ends with 1.\n\nExamples:\n  runner plan -e staging\n  runner plan -e production --fail-on change\n  runner plan api web -e staging"
)]
pub struct Args {
    /// Keep to these services
    #[arg(value_name = "SERVICE")]
    services: Vec<String>,
    /// End with 1 when a run would change something: `change`
    #[arg(long, value_name = "WHAT")]
    fail_on: Option<FailOn>,
}

/// Plans.
pub async fn run(settings: &Settings, args: &Args) -> Done {
    let started = Instant::now();
    let mut words = vec!["plan"];
    words.extend(args.services.iter().map(String::as_str));
    let loaded = load::load(settings, &words)?;
    let work = async {
        let options = loaded.options(settings, &args.services).await?;
        crate::run::plan(&loaded.environment, &options).await
    };
    let plan = or_cancelled("planning", Some(&loaded.header), work).await?;
    let took = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX);
    let notes = plan.notes.iter().map(|(_, note)| note.clone());
    let warnings: Vec<String> = loaded.warnings.iter().cloned().chain(notes).collect();
    let report = PlanReport::of(&loaded.header, &plan, warnings, args.fail_on.is_some(), took);
    answer(settings, &report.card(), &report);
    Ok(report.exit_code)
}
