//! Finds the workflow file, and the one environment a command is about.

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
};

use jiff::Timestamp;
use runner_core::{plan::Fault, report::Header, text::nearest, workflow::Environment};

use super::{
    commit, connect, job,
    paths::{Workspace, read_some},
    settings::{Settings, variable},
    sink,
    stop::Stop,
    usage,
};
use crate::run::{Credentials, Endpoint, Options, Variables};

/// Where the file is looked for, in this folder and those above, up to the repository's root.
pub const DEFAULT: &str = ".github/finance-infra.yml";

/// A file that was found and read.
#[derive(Debug)]
pub struct Found {
    /// Its name as the user gave it, or as one would give it.
    pub name: String,
    /// Its bytes.
    pub bytes: Vec<u8>,
    /// What its paths are relative to.
    pub workspace: Workspace,
    /// The commit that is checked out.
    pub commit: Option<String>,
}

/// One environment, and everything a command about it needs.
#[derive(Debug)]
pub struct Loaded {
    /// The environment.
    pub environment: Environment,
    /// What should be known about it.
    pub warnings: Vec<String>,
    /// What reports say of it.
    pub header: Header,
    /// What its paths are relative to.
    pub root: PathBuf,
}

/// Finds and reads the file.
pub fn find(settings: &Settings) -> Result<Found, Fault> {
    let path = match &settings.file {
        Some(path) => path.clone(),
        None => search()?,
    };
    let name = path.display().to_string();
    let bytes = read_some(&path).map_err(|error| {
        usage("reading the workflow file", format!("{name}: {error}"), "name the file with -f, or make it")
    })?;
    let root = root_of(&path);
    let commit = commit::find(&std::path::absolute(&root).unwrap_or_else(|_| root.clone()));
    Ok(Found { name, bytes, workspace: Workspace { root }, commit })
}

fn search() -> Result<PathBuf, Fault> {
    let here = std::env::current_dir().map_err(|error| Fault::new("finding this folder", error.to_string()))?;
    for (depth, folder) in here.ancestors().enumerate() {
        if folder.join(DEFAULT).is_file() {
            return Ok(if depth == 0 { PathBuf::from(DEFAULT) } else { folder.join(DEFAULT) });
        }
        if folder.join(".git").exists() {
            break;
        }
    }
    let message = format!("there is no {DEFAULT} here or above");
    Err(usage("finding the workflow file", message, format!("name the file with -f, or make {DEFAULT}")))
}

/// Paths in the file are relative to the folder that holds `.github`, or to the file's own.
fn root_of(path: &Path) -> PathBuf {
    let folder = path.parent().unwrap_or(Path::new(""));
    let root = if folder.ends_with(".github") { folder.parent().unwrap_or(Path::new("")) } else { folder };
    if root.as_os_str().is_empty() { PathBuf::from(".") } else { root.to_owned() }
}

/// The environment a command is about; `words` are the command's own.
pub fn load(settings: &Settings, words: &[&str]) -> Result<Loaded, Stop> {
    let found = find(settings)?;
    let name = choose(settings, &connect::names(&found, settings.err)?)?;
    let (environment, warnings) = connect::environment(&found, &name, settings.err)?;
    sink::learn(Variables::of_job(&environment, false).secrets());
    let mut header = Header::of(&environment, Timestamp::now());
    header.commit = found.commit.clone();
    header.words = words.iter().map(|word| (*word).to_owned()).collect();
    header.log = log_url();
    if settings.file.is_some() {
        header.flags.extend(["-f".to_owned(), found.name.clone()]);
    }
    let sandbox = [("--sandbox", settings.sandbox), ("--build", settings.build)];
    header.flags.extend(sandbox.iter().filter(|(_, on)| *on).map(|(flag, _)| (*flag).to_owned()));
    Ok(Loaded { environment, warnings, header, root: found.workspace.root })
}

/// The environment that was named, or the only one.
fn choose(settings: &Settings, names: &[String]) -> Result<String, Fault> {
    match (&settings.environment, names) {
        (Some(name), _) => Ok(name.clone()),
        (None, [only]) => Ok(only.clone()),
        (None, []) => Err(usage("choosing the environment", "the file has none", "runner explain environments")),
        (None, names) => Err(usage(
            "choosing the environment",
            format!("--environment is missing, and the file has {}", names.join(", ")),
            format!("say -e {}", names.join(" or -e ")),
        )),
    }
}

/// Where the job's log is.
/// <https://docs.github.com/en/actions/reference/workflows-and-actions/variables>
fn log_url() -> Option<String> {
    let (server, repository, run) =
        (variable("GITHUB_SERVER_URL")?, variable("GITHUB_REPOSITORY")?, variable("GITHUB_RUN_ID")?);
    Some(format!("{server}/{repository}/actions/runs/{run}"))
}

impl Loaded {
    /// Refuses names that are no service's.
    pub fn known(&self, services: &[String]) -> Result<(), Fault> {
        for name in services {
            let known = || self.environment.services.keys().map(String::as_str);
            if !self.environment.services.contains_key(name) {
                let hint = match nearest(name, known()) {
                    Some(near) => format!("did you mean {near}?"),
                    None => format!("the file has {}", known().collect::<Vec<_>>().join(", ")),
                };
                return Err(usage("choosing the services", format!("there is no service `{name}`"), hint));
            }
        }
        Ok(())
    }

    /// What a plan or run is asked for.
    pub async fn options(&self, settings: &Settings, services: &[String]) -> Result<Options, Fault> {
        self.known(services)?;
        let endpoint = if settings.sandbox {
            connect::sandbox_endpoint(&self.environment, settings.build, settings.progress).await?
        } else {
            Endpoint::Aws
        };
        let variables = Variables::of_job(&self.environment, settings.sandbox);
        sink::learn(variables.secrets());
        Ok(Options {
            credentials: match &endpoint {
                Endpoint::Aws => job::credentials(settings.job()?, &self.environment, &self.header)?,
                Endpoint::Sandbox { .. } => Credentials::Ambient,
            },
            variables,
            endpoint,
            work: Default::default(),
            root: self.root.clone(),
            services: services.iter().cloned().collect(),
            stage: None,
            from: None,
            allow_replace: BTreeSet::new(),
            expect: None,
            rebuild: false,
            images: Default::default(),
            adopts: None,
            removal: None,
            timeout: settings.timeout,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::root_of;
    use std::path::Path;

    #[test]
    fn paths_are_relative_to_the_repository_or_the_files_folder() {
        assert_eq!(root_of(Path::new(".github/finance-infra.yml")), Path::new("."));
        assert_eq!(root_of(Path::new("/repo/.github/finance-infra.yml")), Path::new("/repo"));
        assert_eq!(root_of(Path::new("examples/app/infra.yml")), Path::new("examples/app"));
        assert_eq!(root_of(Path::new("infra.yml")), Path::new("."));
    }
}
