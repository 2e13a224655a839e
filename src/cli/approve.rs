//! `approve`: a person's answer to a paused deployment.

use super::{follow, load, settings::Settings, stop::Done};
use crate::run::Work;

/// Arguments of `approve`.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "What is continued is shown, old and new side by side, and followed to its verdict: with canary and linear\na deployment may pause again before the next step.\n\nExamples:\n  runner approve api -e production\n  runner approve api --reject -e production"
)]
pub struct Args {
    /// The service
    #[arg(value_name = "SERVICE")]
    service: String,
    /// Turn it back instead
    #[arg(long)]
    reject: bool,
}

/// Answers, and follows.
pub async fn run(settings: &Settings, args: &Args) -> Done {
    settings.refuse_event("approve")?;
    let mut words = vec!["approve", args.service.as_str()];
    words.extend(args.reject.then_some("--reject"));
    let loaded = load::load(settings, &words)?;
    let services = std::slice::from_ref(&args.service);
    follow::follow(settings, &loaded, services, |options| {
        options.work = Work::Approve { service: args.service.clone(), reject: args.reject };
    })
    .await
}
