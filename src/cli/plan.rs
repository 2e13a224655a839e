//! `plan`: what a run would change.

use std::{str::FromStr, time::Instant};

use runner_core::{
    cost::{CostChange, Money},
    report::PlanReport,
};

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
    /// A rise of the monthly cost by more than this.
    Cost(Money),
}

impl FromStr for FailOn {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "change" => Ok(Self::Change),
            _ => match text.strip_prefix("cost:") {
                Some(amount) => amount.parse().map(Self::Cost),
                None => Err("write `change`, or `cost:50` for a rise by more than 50 USD a month".to_owned()),
            },
        }
    }
}

/// Arguments of `plan`.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "A plan that a run would refuse ends with 1.\n\nExamples:\n  runner plan -e staging\n  runner plan -e production --fail-on change\n  runner plan -e production --fail-on cost:50\n  runner plan api web -e staging"
)]
pub struct Args {
    /// Keep to these services
    #[arg(value_name = "SERVICE")]
    services: Vec<String>,
    /// End with 1 when a run would change something (`change`), or raise the monthly cost by more than N USD (`cost:N`)
    #[arg(long, value_name = "WHAT")]
    fail_on: Vec<FailOn>,
}

/// Plans.
pub async fn run(settings: &Settings, args: &Args) -> Done {
    let started = Instant::now();
    let mut words = vec!["plan"];
    words.extend(args.services.iter().map(String::as_str));
    let loaded = load::load(settings, &words)?;
    let work = async {
        let options = loaded.options(settings, &args.services).await?;
        crate::run::plan_and_world(&loaded.environment, &options).await
    };
    let (plan, world) = or_cancelled("planning", Some(&loaded.header), work).await?;
    let took = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX);
    let notes = plan.notes.iter().map(|(_, note)| note.clone());
    let warnings: Vec<String> = loaded.warnings.iter().cloned().chain(notes).collect();
    let limit = args.fail_on.iter().find_map(|on| match on {
        FailOn::Cost(limit) => Some(*limit),
        FailOn::Change => None,
    });
    let cost = CostChange::of(&loaded.environment, &plan, &world);
    let on_change = args.fail_on.contains(&FailOn::Change);
    let report = PlanReport::of(&loaded.header, &plan, warnings, on_change, took).priced(cost, limit);
    answer(settings, &report.card(), &report);
    Ok(report.exit_code)
}
