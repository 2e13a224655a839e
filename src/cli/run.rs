//! `run`: the pipeline to a verdict.

use std::collections::BTreeMap;

use runner_core::stages::Removal;

use super::{
    connect, follow, load,
    settings::Settings,
    stage,
    stop::{Done, Stop},
    usage,
};

/// Arguments of `run`.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Ctrl-C stops the watching, not AWS; the same command attaches again.\n\nExamples:\n  runner run -e staging\n  runner run api -e staging\n  runner run -e production --expect c20d4e11\n  runner run --sandbox"
)]
pub struct Args {
    /// Keep to these services
    #[arg(value_name = "SERVICE")]
    services: Vec<String>,
    /// Images by digest instead of builds: {"api":"sha256:…"}
    #[arg(long, value_name = "JSON", value_parser = images)]
    images: Option<BTreeMap<String, String>>,
    /// Refuse any plan but this one
    #[arg(long, value_name = "PLAN")]
    expect: Option<String>,
    /// Allow that this resource (its logical id) is replaced or deleted
    #[arg(long, value_name = "ID")]
    allow_replace: Vec<String>,
    /// Take earlier stages as they are
    #[arg(long, value_name = "STAGE")]
    from: Option<String>,
    /// Remove services and stacks that are no longer in the file, once everything else is done
    #[arg(long, conflicts_with_all = ["services", "from"])]
    prune: bool,
    /// Build and push images even where the registry has them
    #[arg(long)]
    rebuild: bool,
}

fn images(text: &str) -> Result<BTreeMap<String, String>, String> {
    let images: BTreeMap<String, String> =
        serde_json::from_str(text).map_err(|error| format!("write {{\"api\":\"sha256:…\"}}: {error}"))?;
    let is_digest = |digest: &String| {
        digest.strip_prefix("sha256:").is_some_and(|hex| hex.len() == 64 && hex.bytes().all(|b| b.is_ascii_hexdigit()))
    };
    match images.iter().find(|(_, digest)| !is_digest(digest)) {
        Some((service, _)) => Err(format!("the digest of `{service}` must be sha256: and 64 hexadecimal digits")),
        None => Ok(images),
    }
}

/// Runs the pipeline.
pub async fn run(settings: &Settings, args: &Args) -> Done {
    settings.refuse_event("run")?;
    let words = args.words();
    let loaded = load::load(settings, &words.iter().map(String::as_str).collect::<Vec<_>>())?;
    let about = |fault| Stop::from(fault).about(&loaded.header);
    if let Some(from) = &args.from {
        stage::known(from).map_err(about)?;
    }
    if let Some(name) =
        args.images.iter().flat_map(BTreeMap::keys).find(|name| !loaded.environment.services.contains_key(*name))
    {
        return Err(about(usage(
            "reading --images",
            format!("there is no service `{name}`"),
            "name services of the file",
        )));
    }
    follow::follow(settings, &loaded, &args.services, |options| {
        options.from = args.from.clone();
        options.allow_replace = args.allow_replace.iter().cloned().collect();
        options.expect = args.expect.clone();
        options.rebuild = args.rebuild;
        options.removal = args.prune.then_some(Removal::Orphans);
        options.images = args.images.clone().unwrap_or_default();
    })
    .await
}

impl Args {
    /// The words that run it again. What was expected and allowed belongs to this run alone: what is under way may
    /// have made the plan another.
    fn words(&self) -> Vec<String> {
        let mut words = vec!["run".to_owned()];
        words.extend(self.services.iter().cloned());
        if let Some(from) = &self.from {
            words.extend(["--from".to_owned(), from.clone()]);
        }
        if self.prune {
            words.push("--prune".to_owned());
        }
        if let Some(images) = &self.images {
            words.extend(["--images".to_owned(), serde_json::to_string(images).unwrap_or_default()]);
        }
        words
    }
}

/// Whether the stage is one of ours.
pub fn is_stage(name: &str) -> bool {
    connect::stages().iter().any(|(known, _)| known == name)
}
