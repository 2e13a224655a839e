//! `adopt`: takes what exists already into a stage's stacks.

use std::{collections::BTreeSet, time::Instant};

use runner_core::{
    infra,
    plan::{Fault, Pick},
    report::{AdoptReport, text},
    text::nearest,
    workflow::Environment,
};

use super::{
    confirm, follow, load, millis,
    settings::Settings,
    signals::or_cancelled,
    sink, stage,
    stop::{Done, Stop, answer},
    usage,
};
use crate::run::Picks;

/// Arguments of `adopt`.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "What exists of the stage's templates is found by name, by tags or by what is like nothing else (a subnet by its\nVPC and range), and imported into its stacks as it is; nothing is made or changed. It shows what it found and how\nit differs from the file, and asks for the stage's name. A command that was stopped is finished by the same command.\n\nExamples:\n  runner adopt bootstrap-services -e staging\n  runner adopt bootstrap-network --resource Vpc=vpc-0a1b2c3d -e staging\n  runner adopt bootstrap-services --resource service-api/SecurityGroup=- -e staging --yes"
)]
pub struct Args {
    /// The stage
    stage: String,
    /// Say which resource that exists is the one with this logical id (STACK/ID=IDENTIFIER where several stacks of the
    /// stage have it); - for none
    #[arg(long, value_name = "ID=IDENTIFIER")]
    resource: Vec<String>,
}

/// Shows, asks, adopts.
pub async fn run(settings: &Settings, args: &Args) -> Done {
    settings.refuse_event("adopt")?;
    let name = &args.stage;
    let mut words = vec!["adopt", name.as_str()];
    words.extend(args.resource.iter().flat_map(|said| ["--resource", said]));
    words.extend(settings.yes.then_some("--yes"));
    let loaded = load::load(settings, &words)?;
    let about = |fault: Fault| Stop::from(fault).about(&loaded.header);
    stage::known(name).map_err(about)?;
    let picks = picks(&loaded.environment, name, &args.resource).map_err(about)?;
    confirm::somebody(settings, "adopt").map_err(about)?;
    let started = Instant::now();
    let work = async {
        let mut options = loaded.options(settings, &[]).await?;
        options.stage = Some(name.clone());
        crate::run::adoption(&loaded.environment, &options, &picks).await
    };
    let adoption = or_cancelled("looking for what exists", Some(&loaded.header), work).await?;
    let report = AdoptReport::of(&loaded.header, name, adoption, millis(started));
    if !report.adoption.may_go() {
        answer(settings, &report.card(), &report);
        return Ok(report.exit_code);
    }
    sink::err(&text(&report.card(), settings.err));
    confirm::typed(settings, &loaded.header, &format!("adopting into {name}"), name).await?;
    follow::follow(settings, &loaded, &[], |options| {
        options.stage = Some(name.clone());
        // What was shown, and nothing else.
        options.adopts = Some(report.adoption.puts);
    })
    .await
}

/// What was said of resources, each of a stack of the stage.
fn picks(env: &Environment, stage: &str, said: &[String]) -> Result<Picks, Fault> {
    let mut known: Vec<(String, String)> = Vec::new();
    for stack in infra::STACKS.iter().filter(|kind| kind.stage == stage).flat_map(|kind| (kind.stacks)(env)) {
        let template = stack.to_json();
        let ids = template["Resources"].as_object().into_iter().flatten().map(|(id, _)| id.clone());
        known.extend(ids.map(|id| (stack.key.clone(), id)));
    }
    let mut picks = Picks::new();
    for said in said {
        let wrong = |message: String, hint: String| usage(&format!("reading --resource {said}"), message, hint);
        let shape = "give ID=IDENTIFIER, like Vpc=vpc-0a1b2c3d; or ID=- for none that exists";
        let Some((name, value)) = said.split_once('=').filter(|(name, value)| !name.is_empty() && !value.is_empty())
        else {
            return Err(wrong("it does not say what is which".to_owned(), shape.to_owned()));
        };
        let (key, id) = name.split_once('/').map_or((None, name), |(key, id)| (Some(key), id));
        let fits: BTreeSet<&(String, String)> =
            known.iter().filter(|(of, it)| it == id && key.is_none_or(|key| key == of)).collect();
        let mut fits = fits.into_iter();
        let (one, more) = (fits.next(), fits.next());
        match (one, more) {
            (Some(one), None) => {
                let pick = if value == "-" { Pick::New } else { Pick::Is(value.to_owned()) };
                if picks.insert(one.clone(), pick).is_some() {
                    return Err(wrong(format!("{id} is said twice"), "say it once".to_owned()));
                }
            }
            (Some(one), Some(_)) => {
                return Err(wrong(
                    format!("several stacks of {stage} have a resource {id}"),
                    format!("name the stack too: --resource {}/{id}={value}", one.0),
                ));
            }
            (None, _) => {
                let full: Vec<String> = known.iter().map(|(key, id)| format!("{key}/{id}")).collect();
                let all = known.iter().map(|(_, id)| id.as_str()).chain(full.iter().map(String::as_str));
                let hint = match nearest(name, all) {
                    Some(near) => format!("did you mean {near}?"),
                    None if known.is_empty() => format!("{stage} has no stack here"),
                    None => format!(
                        "it has {}",
                        known
                            .iter()
                            .map(|(_, id)| id.as_str())
                            .collect::<BTreeSet<_>>()
                            .into_iter()
                            .collect::<Vec<_>>()
                            .join(", ")
                    ),
                };
                return Err(wrong(format!("{stage} has no resource `{name}`"), hint));
            }
        }
    }
    Ok(picks)
}
