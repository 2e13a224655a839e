//! `destroy`: takes everything of an environment away.

use std::time::Instant;

use runner_core::stages::Removal;

use super::{
    confirm, follow, load, millis,
    settings::Settings,
    signals::or_cancelled,
    stop::{Done, Stop},
};

/// Arguments of `destroy`.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "It shows what goes and what is kept, and asks for the environment's name. A run that was stopped is\nfinished by the same command.\n\nExamples:\n  runner destroy -e staging\n  runner destroy -e staging --yes\n  runner destroy -e preview --purge --yes"
)]
pub struct Args {
    /// Take images and backups away too
    #[arg(long)]
    purge: bool,
}

/// Shows, asks, destroys.
pub async fn run(settings: &Settings, args: &Args) -> Done {
    settings.refuse_event("destroy")?;
    let said = [("--purge", args.purge), ("--yes", settings.yes)];
    let flags = said.iter().filter(|(_, said)| *said).map(|(flag, _)| *flag);
    let words: Vec<&str> = std::iter::once("destroy").chain(flags).collect();
    let loaded = load::load(settings, &words)?;
    let about = |fault| Stop::from(fault).about(&loaded.header);
    confirm::somebody(settings, "destroy").map_err(about)?;
    let removal = Some(Removal::Everything { purge: args.purge });
    let started = Instant::now();
    let work = async {
        let mut options = loaded.options(settings, &[]).await?;
        options.removal = removal;
        crate::run::plan(&loaded.environment, &options).await
    };
    let plan = or_cancelled("planning", Some(&loaded.header), work).await?;
    if !plan.is_empty() && plan.refusals().next().is_none() {
        let took = millis(started);
        confirm::show(settings, &loaded, &plan, took);
        let name = &loaded.environment.name;
        confirm::typed(settings, &loaded.header, &format!("destroying {name}"), name).await?;
    }
    follow::follow(settings, &loaded, &[], |options| {
        options.removal = removal;
        // What was shown, and nothing else.
        options.expect = Some(plan.id());
    })
    .await
}
