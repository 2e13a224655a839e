//! `render`: what would be sent.

use std::{
    io::Write,
    path::{Path, PathBuf},
};

use runner_core::plan::Fault;
use serde_json::{Map, Value as Json};

use super::{connect, load, settings::Settings, sink, stop::Done};

/// What is rendered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum What {
    /// The CloudFormation templates, by stack
    Templates,
    /// The task definitions, by service
    Taskdef,
    /// The JSON schema of the workflow file
    Schema,
    /// The policies and trusts of the roles, by role, and the permissions boundary
    Policies,
}

/// Arguments of `render`.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  runner render templates -e staging --output out\n  runner render taskdef -e staging\n  runner render policies -e production --output policies\n  runner render schema > finance-infra.schema.json"
)]
pub struct Args {
    /// What
    what: What,
    /// Write a file each into this folder, instead of all to stdout
    #[arg(long, value_name = "DIR")]
    output: Option<PathBuf>,
}

/// Renders.
pub fn run(settings: &Settings, args: &Args) -> Done {
    let documents = match args.what {
        What::Schema => vec![("finance-infra.schema".to_owned(), connect::schema())],
        What::Templates => connect::templates(&load::load(settings, &["render", "templates"])?.environment),
        What::Policies => {
            let environment = load::load(settings, &["render", "policies"])?.environment;
            let documents = connect::policies(&environment)?;
            for kind in connect::unknown_kinds(&environment) {
                sink::err_line(&format!(
                    "warning: what {kind} needs is not known here: give CloudFormation's role a policy of your own for it"
                ));
            }
            documents
        }
        What::Taskdef => connect::definitions(&load::load(settings, &["render", "taskdef"])?.environment),
    };
    match (&args.output, args.what, documents) {
        (Some(folder), _, documents) => write_all(folder, &documents)?,
        (None, What::Schema, documents) => documents.iter().for_each(|(_, document)| sink::json(document)),
        (None, _, documents) => sink::json(&Json::Object(documents.into_iter().collect::<Map<String, Json>>())),
    }
    Ok(0)
}

fn write_all(folder: &Path, documents: &[(String, Json)]) -> Result<(), Fault> {
    std::fs::create_dir_all(folder).map_err(|error| fault(folder, &error))?;
    for (name, document) in documents {
        let path = folder.join(format!("{name}.json"));
        // A new file in its place: a link that stands there is not followed.
        let mut file = tempfile::NamedTempFile::new_in(folder).map_err(|error| fault(&path, &error))?;
        let text = sink::redact(&format!("{document:#}\n"));
        file.write_all(text.as_bytes()).map_err(|error| fault(&path, &error))?;
        file.persist(&path).map_err(|error| fault(&path, &error.error))?;
        sink::err_line(&format!("wrote {}", path.display()));
    }
    Ok(())
}

fn fault(path: &Path, error: &std::io::Error) -> Fault {
    Fault::new(format!("writing {}", path.display()), error.to_string())
}
