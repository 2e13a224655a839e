//! What stands in a repository: Dockerfiles, compose files, Copilot's manifests, task definitions; and whose it is.

use std::{fs, path::Path};

use super::{
    compose, copilot, dockerfile,
    draft::{self, Build, Draft, Service, Source},
    taskdef, yaml,
};
use crate::cli::paths::Workspace;

/// Folders that hold what others wrote.
const OTHERS: [&str; 12] = [
    "node_modules",
    "vendor",
    "target",
    "dist",
    "build",
    "tmp",
    "log",
    "coverage",
    "venv",
    "__pycache__",
    "spec",
    "test",
];
/// So deep, and so many files, and no further.
const DEPTH: usize = 4;
const FILES: usize = 20_000;

/// A tool whose files can be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum From {
    /// Docker Compose.
    Compose,
    /// AWS Copilot.
    Copilot,
    /// ECS task definitions.
    Taskdef,
    /// Dockerfiles alone.
    #[value(skip)]
    Dockerfiles,
}

/// What was found.
#[derive(Debug, Default)]
pub struct Found {
    /// Its files, relative, sorted.
    files: Vec<String>,
    /// `OWNER/NAME`, from the remote named origin.
    pub repository: Option<String>,
    /// From the workflows that are there.
    pub region: Option<String>,
}

/// Looks at the repository.
pub fn look(workspace: &Workspace) -> Found {
    let mut found = Found::default();
    walk(&workspace.root, &workspace.root, 0, &mut found.files);
    found.files.sort();
    let read = |path: &str| text(workspace, path);
    found.repository = read(".git/config").and_then(|config| repository(&config));
    let workflows = found.files.iter().filter(|file| file.starts_with(".github/workflows/"));
    found.region = workflows.filter_map(|file| read(file)).find_map(|workflow| {
        let line = workflow.lines().find_map(|line| line.trim().strip_prefix("aws-region:"))?;
        let region = line.split('#').next()?.trim().trim_matches(['"', '\'']);
        (region.split('-').count() == 3 && !region.contains('$')).then(|| region.to_owned())
    });
    found
}

fn walk(root: &Path, folder: &Path, depth: usize, files: &mut Vec<String>) {
    let Ok(entries) = fs::read_dir(folder) else { return };
    for entry in entries.flatten() {
        let (Ok(kind), Some(name)) = (entry.file_type(), entry.file_name().to_str().map(str::to_owned)) else {
            continue;
        };
        if files.len() >= FILES {
            return;
        }
        // Links are not followed: they may lead out of the repository, or round in it.
        if kind.is_dir() && depth < DEPTH && !OTHERS.contains(&name.as_str()) {
            let hidden = name.starts_with('.') && name != ".github" && name != ".aws";
            if !hidden {
                walk(root, &entry.path(), depth + 1, files);
            }
        } else if kind.is_file()
            && let Ok(path) = entry.path().strip_prefix(root)
            && let Some(path) = path.to_str()
        {
            files.push(path.to_owned());
        }
    }
}

fn text(workspace: &Workspace, path: &str) -> Option<String> {
    String::from_utf8(workspace.read(path).ok()?).ok()
}

/// `git@github.com:org/app.git`, `https://github.com/org/app`.
fn repository(config: &str) -> Option<String> {
    let origin = config.split("[remote \"origin\"]").nth(1)?;
    let url = origin.lines().take_while(|line| !line.starts_with('[')).find_map(|line| {
        let (key, value) = line.split_once('=')?;
        (key.trim() == "url").then(|| value.trim().to_owned())
    })?;
    let path = match url.split_once("://") {
        Some((_, rest)) => rest.split_once('/')?.1,
        None => url.split_once(':')?.1,
    };
    let path = path.trim_end_matches('/').trim_end_matches(".git");
    let good = |part: &str| {
        !part.trim_matches('.').is_empty() && part.bytes().all(|b| b.is_ascii_alphanumeric() || b"._-".contains(&b))
    };
    let (owner, name) = path.split_once('/')?;
    (good(owner) && good(name)).then(|| path.to_owned())
}

impl Found {
    /// The tools whose files are there, the one that says most first.
    pub fn tools(&self, workspace: &Workspace) -> Vec<From> {
        let mut tools = Vec::new();
        if !self.manifests().is_empty() {
            tools.push(From::Copilot);
        }
        if !self.definitions(workspace).is_empty() {
            tools.push(From::Taskdef);
        }
        if self.compose().is_some() {
            tools.push(From::Compose);
        }
        if !self.dockerfiles().is_empty() {
            tools.push(From::Dockerfiles);
        }
        tools
    }

    /// Compose's own order. <https://docs.docker.com/compose/intro/compose-application-model/#the-compose-file>
    fn compose(&self) -> Option<&'static str> {
        let names = ["compose.yaml", "compose.yml", "docker-compose.yaml", "docker-compose.yml"];
        names.into_iter().find(|name| self.files.iter().any(|file| file == name))
    }

    fn manifests(&self) -> Vec<&str> {
        let of = |file: &&str| {
            file.strip_prefix("copilot/")
                .and_then(|rest| rest.strip_suffix("/manifest.yml"))
                .is_some_and(|it| !it.contains('/'))
        };
        self.files.iter().map(String::as_str).filter(of).collect()
    }

    fn definitions(&self, workspace: &Workspace) -> Vec<(String, String)> {
        let place = |file: &&String| {
            let folder = file.rsplit_once('/').map_or("", |(folder, _)| folder);
            let named = file.to_ascii_lowercase();
            file.ends_with(".json")
                && (folder.is_empty() || folder == ".aws" || folder == ".github" || named.contains("task"))
        };
        let holds = |text: &String| text.contains("\"containerDefinitions\"");
        let read = |file: &String| Some((file.clone(), text(workspace, file).filter(holds)?));
        self.files.iter().filter(place).filter_map(read).collect()
    }

    fn dockerfiles(&self) -> Vec<&str> {
        let named = |file: &&str| *file == "Dockerfile" || file.ends_with("/Dockerfile");
        self.files.iter().map(String::as_str).filter(named).collect()
    }

    /// Reads the files of one tool. Also: what they are, for people.
    pub fn draft(&self, workspace: &Workspace, from: From) -> Result<(Draft, String), String> {
        let read = |path: &str| text(workspace, path);
        match from {
            From::Compose => {
                let file = self.compose().ok_or("there is no compose file in the repository's first folder")?;
                let source = read(file).ok_or_else(|| format!("{file} cannot be read"))?;
                let draft = compose::read(&source, &read).map_err(|error| format!("{file}: {error}"))?;
                Ok((draft, file.to_owned()))
            }
            From::Copilot => {
                let folder = |path: &str| path.split('/').nth(1).unwrap_or_default().to_owned();
                let manifests: Vec<(String, String)> =
                    self.manifests().into_iter().filter_map(|path| Some((folder(path), read(path)?))).collect();
                if manifests.is_empty() {
                    return Err("there is no copilot/NAME/manifest.yml".to_owned());
                }
                // Hidden, so it was not among the files.
                let app = read("copilot/.workspace").and_then(|text| yaml::read(&text).ok());
                let app = app.and_then(|app| app["application"].as_str().map(str::to_owned));
                let environments: Vec<String> = self
                    .files
                    .iter()
                    .filter_map(|file| file.strip_prefix("copilot/environments/")?.strip_suffix("/manifest.yml"))
                    .filter_map(|name| draft::name(name, 20))
                    .collect();
                Ok((copilot::read(app.as_deref(), &environments, &manifests)?, "copilot/".to_owned()))
            }
            From::Taskdef => {
                let definitions = self.definitions(workspace);
                if definitions.is_empty() {
                    return Err("there is no JSON file with `containerDefinitions`".to_owned());
                }
                let build = match self.dockerfiles()[..] {
                    [only] => Some(build(only)),
                    _ => None,
                };
                let names: Vec<&str> = definitions.iter().map(|(path, _)| path.as_str()).collect();
                let names = names.join(", ");
                Ok((taskdef::read(&definitions, build.as_ref())?, names))
            }
            From::Dockerfiles => Ok((self.of_dockerfiles(workspace), self.dockerfiles().join(", "))),
        }
    }

    /// A service for each, named after its folder.
    fn of_dockerfiles(&self, workspace: &Workspace) -> Draft {
        let mut draft = Draft::default();
        for path in self.dockerfiles() {
            let seen = dockerfile::read(&text(workspace, path).unwrap_or_default());
            let folder = path.strip_suffix("/Dockerfile").and_then(|folder| folder.rsplit('/').next());
            let fallback = if seen.port.is_some() { "web" } else { "worker" };
            let name = folder.and_then(|folder| draft::name(folder, 24)).unwrap_or_else(|| fallback.to_owned());
            if seen.port.is_none() {
                draft.notes.push(format!(
                    "{name}: its Dockerfile has no EXPOSE, so it is a worker: give it a `port` if it serves"
                ));
            } else if seen.health_path.is_none() {
                draft.notes.push(format!(
                    "{name}: the load balancer will ask `/` for its health: say `health-check` if that is not 200"
                ));
            }
            let service = Service {
                source: Some(Source::Build(build(path))),
                port: seen.port,
                public: seen.port.is_some(),
                health_path: seen.health_path,
                ..Service::default()
            };
            if draft.services.insert(name.clone(), service).is_some() {
                draft.notes.push(format!("{name}: two folders have this name, and {path} took the place of the other"));
            }
        }
        draft
    }
}

fn build(dockerfile: &str) -> Build {
    let context = dockerfile.rsplit_once('/').map_or_else(|| ".".to_owned(), |(folder, _)| format!("./{folder}"));
    Build { context, ..Build::default() }
}

#[cfg(test)]
mod tests {
    use super::repository;

    #[test]
    fn the_repository_is_origins() {
        for url in ["git@github.com:org/app.git", "https://github.com/org/app", "ssh://git@github.com:22/org/app.git/"]
        {
            let config =
                format!("[core]\n\tbare = false\n[remote \"origin\"]\n\turl = {url}\n\tfetch = +x\n[branch \"m\"]\n");
            assert_eq!(repository(&config).as_deref(), Some("org/app"), "{url}");
        }
        assert_eq!(repository("[remote \"other\"]\n\turl = git@github.com:org/app.git\n"), None);
        assert_eq!(repository("[remote \"origin\"]\n\turl = git@github.com:../app.git\n"), None);
    }
}
