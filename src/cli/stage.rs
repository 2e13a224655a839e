//! `stage`: one stage alone, or the list of stages.

use runner_core::{infra, judge::verify::Answer, plan::Fault, report::words, text::nearest};
use serde_json::json;

use super::{
    args::Format,
    connect, follow, load,
    run::is_stage,
    settings::Settings,
    sink,
    stop::{Done, Stop},
    usage,
};

/// Arguments of `stage`.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "What earlier stages made is taken from AWS.\n\nExamples:\n  runner stage\n  runner stage deploy-service -e staging\n  runner stage push-image api -e staging"
)]
pub struct Args {
    /// The stage; without it, the list of stages
    name: Option<String>,
    /// Keep to these services
    #[arg(value_name = "SERVICE")]
    services: Vec<String>,
    /// Allow that this resource (its logical id) is replaced or deleted
    #[arg(long, value_name = "ID")]
    allow_replace: Vec<String>,
}

/// A fault unless there is such a stage.
pub fn known(name: &str) -> Result<(), Fault> {
    if is_stage(name) {
        return Ok(());
    }
    let stages = connect::stages();
    let hint = match nearest(name, stages.iter().map(|(stage, _)| stage.as_str())) {
        Some(near) => format!("did you mean {near}?"),
        None => "see the list: runner stage".to_owned(),
    };
    Err(usage("choosing the stage", format!("there is no stage `{name}`"), hint))
}

/// Runs one stage, or lists them.
pub async fn run(settings: &Settings, args: &Args) -> Done {
    let Some(name) = &args.name else { return list(settings) };
    settings.refuse_event("stage")?;
    let mut words = vec!["stage", name];
    words.extend(args.services.iter().map(String::as_str));
    let mut loaded = load::load(settings, &words)?;
    if !loaded.environment.stages.contains_key(name) {
        known(name).map_err(|fault| Stop::from(fault).about(&loaded.header))?;
    }
    if name == infra::identity::STAGE && loaded.environment.identity.is_none() {
        return Err(Stop::from(connect::no_identity("making the identity")).about(&loaded.header));
    }
    if name == infra::identity::STAGE && !settings.sandbox {
        match settings.protects(&loaded.environment).await {
            Answer::Fits => {}
            Answer::Finding(words, hint) => {
                return Err(Stop::from(usage("making the identity", words, hint)).about(&loaded.header));
            }
            Answer::NotChecked(why) => loaded.warnings.push(format!(
                "whether GitHub protects the environment `{}` was not checked: {why}",
                loaded.environment.name
            )),
        }
    }
    follow::follow(settings, &loaded, &args.services, |options| {
        options.stage = Some(name.clone());
        options.allow_replace = args.allow_replace.iter().cloned().collect();
    })
    .await
}

fn list(settings: &Settings) -> Done {
    let stages = connect::stages();
    match settings.format {
        Format::Json => {
            let list: Vec<_> = stages.iter().map(|(stage, makes)| json!({ "stage": stage, "makes": makes })).collect();
            sink::json(&list);
        }
        Format::Markdown => {
            sink::out("| stage | makes |\n|---|---|\n");
            stages.iter().for_each(|(stage, makes)| sink::out(&format!("| `{stage}` | {makes} |\n")));
        }
        Format::Text => {
            let rows: Vec<Vec<String>> = stages.into_iter().map(|(stage, makes)| vec![stage, makes]).collect();
            words::columns(&rows).iter().for_each(|line| sink::out(&format!("{line}\n")));
        }
    }
    Ok(0)
}
