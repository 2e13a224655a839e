//! `rollback`: back to the previous healthy revision.

use super::{follow, load, settings::Settings, stop::Done};
use crate::run::Work;

/// Arguments of `rollback`.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "A deployment in flight is turned around; a finished one goes back to the last older revision that was\ndeployed well and whose images are still there. Migrations, secrets, scaling and stacks stay as they are.\nThe next run goes forward again.\n\nExamples:\n  runner rollback api -e production\n  runner rollback api --to 41 -e production\n  runner rollback -e staging"
)]
pub struct Args {
    /// The service; without it, all of them, those that depend on others first
    #[arg(value_name = "SERVICE")]
    service: Option<String>,
    /// The revision to go back to: its number, or its ARN
    #[arg(long, value_name = "REVISION", requires = "service", value_parser = revision)]
    to: Option<u32>,
}

/// `41`, `:41`, `finance-app-staging-api:41`, an ARN.
fn revision(text: &str) -> Result<u32, String> {
    let number = text.rsplit(':').next().unwrap_or(text);
    match number.parse() {
        Ok(number) if number > 0 => Ok(number),
        _ => Err(format!("`{text}` names no revision: write its number, such as 41")),
    }
}

/// Goes back.
pub async fn run(settings: &Settings, args: &Args) -> Done {
    settings.refuse_event("rollback")?;
    let to = args.to.map(|to| to.to_string());
    let mut words = vec!["rollback"];
    words.extend(args.service.as_deref());
    if let Some(to) = &to {
        words.extend(["--to", to]);
    }
    let loaded = load::load(settings, &words)?;
    let services: Vec<String> = args.service.iter().cloned().collect();
    follow::follow(settings, &loaded, &services, |options| options.work = Work::Rollback { to: args.to }).await
}

#[cfg(test)]
mod tests {
    use super::revision;

    #[test]
    fn a_revision_is_named_in_several_ways() {
        for text in ["41", ":41", "finance-app-staging-api:41", "arn:aws:ecs:us-east-1:1:task-definition/a-b-c:41"] {
            assert_eq!(revision(text), Ok(41));
        }
        for wrong in ["", "0", "-1", "api", "api:latest"] {
            assert!(revision(wrong).is_err(), "{wrong}");
        }
    }
}
