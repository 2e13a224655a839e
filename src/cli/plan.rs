//! `plan`: what a run would change.

use std::{str::FromStr, time::Instant};

use runner_core::{
    cost::{CostChange, Money},
    report::{Card, CostReport, PlanReport, PlanVerdict, words},
};
use serde_json::json;

use super::{
    connect,
    job::Job,
    load::{self, Loaded},
    millis,
    publish::{Told, publish},
    settings::Settings,
    signals::or_cancelled,
    stop::{Done, Stop, answer, show},
};
use crate::github::Origin;

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
    let mut spoken = vec!["plan"];
    spoken.extend(args.services.iter().map(String::as_str));
    let loaded = load::load(settings, &spoken)?;
    if let Some(job) = settings.job().map_err(|fault| Stop::from(fault).about(&loaded.header))?
        && job.context.is_fork()
    {
        return Ok(offline(settings, &loaded, job, started));
    }
    let work = async {
        let options = loaded.options(settings, &args.services).await?;
        crate::run::plan_and_world(&loaded.environment, &options).await
    };
    let (plan, world, calls) = or_cancelled("planning", Some(&loaded.header), work).await?;
    let took = millis(started);
    let notes = plan.notes.iter().map(|(_, note)| note.clone());
    let warnings: Vec<String> = loaded.warnings.iter().cloned().chain(notes).collect();
    let limit = args.fail_on.iter().find_map(|on| match on {
        FailOn::Cost(limit) => Some(*limit),
        FailOn::Change => None,
    });
    let cost = CostChange::of(&loaded.environment, &plan, &world);
    drop(world);
    let on_change = args.fail_on.contains(&FailOn::Change);
    let report = PlanReport::of(&loaded.header, &plan, warnings, on_change, took);
    let report = report.after_calls(calls).priced(cost, limit);
    show(settings, &report.card(), &report);
    let mut told = Told::new(Some(&loaded.header), report.merge_card(), &report, report.exit_code);
    // Merging deploys only what a pull request brings.
    let merges =
        settings.event.as_deref().is_some_and(|event| event.starts_with("pull_request") || event == "merge_group");
    if !merges {
        told.card = report.card();
    }
    told.comment = Some(told.card.clone());
    told.quiet = report.verdict == PlanVerdict::Unchanged;
    (told.outputs, told.annotations) = (report.outputs(), report.annotations());
    publish(settings, told, None).await;
    Ok(report.exit_code)
}

/// The plan of a stranger's code: nothing is asked of AWS, and no credentials are asked for. The file was read and is
/// good; it and what it makes are rendered.
fn offline(settings: &Settings, loaded: &Loaded, job: &Job, started: Instant) -> u8 {
    let from = match &job.context.origin {
        Origin::Fork(Some(name)) => format!("the code is that of {name}, and gets no credentials"),
        _ => "the code's repository is gone, and it gets no credentials".to_owned(),
    };
    let (templates, definitions) = (connect::templates(&loaded.environment), connect::definitions(&loaded.environment));
    let described = format!(
        "describes {} and {}",
        words::count(templates.len(), "stack"),
        words::count(definitions.len(), "service")
    );
    let took = millis(started);
    let cost = CostReport::of(&loaded.header, &loaded.environment, took);
    let card = Card::offline(&loaded.header, &loaded.warnings, &described, &from, &cost);
    let report = json!({
        "app": loaded.header.app, "environment": loaded.header.environment, "verdict": "not-asked", "exit_code": 0,
        "aws_read": false, "why": from, "stacks": templates.len(), "services": definitions.len(),
        "warnings": loaded.warnings, "duration_ms": took, "cost": cost,
    });
    answer(settings, &card, &report);
    0
}
