//! `adopt`: takes what exists already into a stage's stacks.

use std::time::Instant;

use runner_core::{
    plan::Fault,
    report::{AdoptReport, text},
};

use super::{
    confirm, follow, load, millis,
    settings::Settings,
    signals::or_cancelled,
    sink, stage,
    stop::{Done, Stop, answer},
};

/// Arguments of `adopt`.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "What exists under a name of the stage's templates is taken into its stacks as it is, the rest is made. It\nshows both, and asks for the stage's name. What has no name of its own (a VPC) is named in the file as existing.\nA command that was stopped is finished by the same command.\n\nExamples:\n  runner adopt bootstrap-services -e staging\n  runner adopt bootstrap-registry -e staging --yes"
)]
pub struct Args {
    /// The stage
    stage: String,
}

/// Shows, asks, adopts.
pub async fn run(settings: &Settings, args: &Args) -> Done {
    settings.refuse_event("adopt")?;
    let name = &args.stage;
    let flags: &[&str] = if settings.yes { &["--yes"] } else { &[] };
    let words: Vec<&str> = ["adopt", name].iter().chain(flags).copied().collect();
    let loaded = load::load(settings, &words)?;
    let about = |fault: Fault| Stop::from(fault).about(&loaded.header);
    stage::known(name).map_err(about)?;
    confirm::somebody(settings, "adopt").map_err(about)?;
    let started = Instant::now();
    let work = async {
        let mut options = loaded.options(settings, &[]).await?;
        options.stage = Some(name.clone());
        // To look is to ask for all that exists.
        options.adopts = Some(Default::default());
        crate::run::adoption(&loaded.environment, &options).await
    };
    let (plan, adoption) = or_cancelled("looking for what exists", Some(&loaded.header), work).await?;
    let report = AdoptReport::of(&loaded.header, name, adoption, millis(started));
    if plan.refusals().next().is_none() {
        if report.adoption.adopts.is_empty() {
            answer(settings, &report.card(), &report);
            return Ok(0);
        }
        sink::err(&text(&report.card(), settings.err));
        confirm::typed(settings, &loaded.header, &format!("adopting into {name}"), name).await?;
    }
    follow::follow(settings, &loaded, &[], |options| {
        options.stage = Some(name.clone());
        // What was shown, and nothing else.
        options.adopts = Some(report.adoption.adopts.iter().cloned().collect());
        options.expect = Some(plan.id());
    })
    .await
}
