//! What the importers make: an app as far as it could be read, and what could not be taken over.

use std::collections::{BTreeMap, BTreeSet};

use super::yaml::Yaml;

/// An app.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Draft {
    /// Its name.
    pub app: Option<String>,
    /// The AWS region.
    pub region: Option<String>,
    /// The environments that the other tool has, with what differs in each.
    pub environments: Vec<(String, BTreeMap<String, Service>)>,
    /// The major version of PostgreSQL, where there is a database.
    pub database: Option<String>,
    /// Services by name.
    pub services: BTreeMap<String, Service>,
    /// What was left out or has to be looked at, one sentence each.
    pub notes: Vec<String>,
}

/// What runs.
#[derive(Debug, Clone, PartialEq)]
pub enum Source {
    /// A build.
    Build(Build),
    /// An image with its digest.
    Reference(String),
    /// Another service's.
    From(String),
}

/// How an image is built.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Build {
    /// Relative to the repository.
    pub context: String,
    /// Relative to the context; the usual name where it is not said.
    pub dockerfile: Option<String>,
    /// The stage.
    pub target: Option<String>,
    /// The arguments.
    pub args: BTreeMap<String, String>,
}

/// Autoscaling.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Scaling {
    /// Fewest tasks.
    pub min: u32,
    /// Most tasks.
    pub max: u32,
    /// The targets that are set: `cpu`, `memory`, `requests`.
    pub targets: BTreeMap<&'static str, u32>,
}

/// A container beside a service's own.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Sidecar {
    /// Its image.
    pub image: String,
    /// The task ends with it.
    pub essential: bool,
    /// Its command.
    pub command: Vec<String>,
    /// Plain environment.
    pub environment: BTreeMap<String, String>,
    /// Secrets.
    pub secrets: BTreeMap<String, String>,
    /// Its port.
    pub port: Option<u32>,
    /// CPU units, MiB.
    pub cpu: Option<u32>,
    /// MiB.
    pub memory: Option<u32>,
    /// Its check.
    pub health_check: Vec<String>,
}

/// A service, or what differs of it in an environment.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Service {
    /// What runs.
    pub source: Option<Source>,
    /// `linux/arm64`.
    pub platform: Option<String>,
    /// CPU units.
    pub cpu: Option<u32>,
    /// MiB.
    pub memory: Option<u32>,
    /// Its port.
    pub port: Option<u32>,
    /// Users reach it.
    pub public: bool,
    /// Its host; chosen when all services are known.
    pub host: Option<String>,
    /// The path the load balancer asks for.
    pub health_path: Option<String>,
    /// The container's own check.
    pub health_command: Vec<String>,
    /// Overrides the image's.
    pub command: Vec<String>,
    /// Plain environment.
    pub environment: BTreeMap<String, String>,
    /// Secrets: `ssm`, `database`, `ssm:/NAME`, `secretsmanager:ARN`.
    pub secrets: BTreeMap<String, String>,
    /// Deployed before it.
    pub depends_on: BTreeSet<String>,
    /// Who may reach its port.
    pub allow_from: BTreeSet<String>,
    /// Autoscaling.
    pub scaling: Option<Scaling>,
    /// How many tasks.
    pub desired_count: Option<u32>,
    /// Containers beside it.
    pub sidecars: BTreeMap<String, Sidecar>,
    /// Seconds between SIGTERM and SIGKILL.
    pub stop_timeout: Option<u32>,
    /// GiB of disk.
    pub ephemeral_storage: Option<u32>,
    /// Fargate Spot, or in an environment not.
    pub spot: Option<bool>,
    /// ECS Exec.
    pub execute_command: Option<bool>,
    /// When it runs.
    pub schedule: Option<String>,
    /// Keys that an environment takes away.
    pub without: BTreeSet<&'static str>,
}

fn put(entries: &mut Vec<(String, Yaml)>, key: &str, value: Option<Yaml>) {
    if let Some(value) = value {
        entries.push((key.to_owned(), value));
    }
}

fn texts(texts: &[String]) -> Option<Yaml> {
    (!texts.is_empty()).then(|| Yaml::texts(texts))
}

fn names(names: &BTreeSet<String>) -> Option<Yaml> {
    (!names.is_empty()).then(|| Yaml::List(names.iter().map(Yaml::text).collect()))
}

fn named(values: &BTreeMap<String, String>) -> Option<Yaml> {
    let entries = values.iter().map(|(name, value)| (name.clone(), Yaml::text(value))).collect();
    (!values.is_empty()).then_some(Yaml::Map(entries))
}

impl Service {
    /// Its keys as the file has them, in the order of the reference.
    pub fn entries(&self) -> Vec<(String, Yaml)> {
        let mut entries = Vec::new();
        match &self.source {
            Some(Source::Build(build)) => entries.push(("build".to_owned(), build.yaml())),
            Some(Source::Reference(image)) => {
                entries.push(("image".to_owned(), Yaml::Flow(vec![("reference".to_owned(), Yaml::text(image))])));
            }
            Some(Source::From(other)) => entries.push(("from".to_owned(), Yaml::text(other))),
            None => {}
        }
        let text = |text: &Option<String>| text.as_ref().map(Yaml::text);
        put(&mut entries, "platform", text(&self.platform));
        put(&mut entries, "cpu", self.cpu.map(Yaml::number));
        put(&mut entries, "memory", self.memory.map(Yaml::number));
        put(&mut entries, "port", self.port.map(Yaml::number));
        put(&mut entries, "host", text(&self.host));
        put(&mut entries, "health-check", self.health());
        put(&mut entries, "command", texts(&self.command));
        put(&mut entries, "environment", named(&self.environment));
        put(&mut entries, "secrets", named(&self.secrets));
        put(&mut entries, "depends-on", names(&self.depends_on));
        put(&mut entries, "allow-from", names(&self.allow_from));
        put(&mut entries, "scaling", self.scaling.as_ref().map(Scaling::yaml));
        put(&mut entries, "desired-count", self.desired_count.map(Yaml::number));
        let sidecars = self.sidecars.iter().map(|(name, sidecar)| (name.clone(), Yaml::Map(sidecar.entries())));
        put(&mut entries, "sidecars", (!self.sidecars.is_empty()).then(|| Yaml::Map(sidecars.collect())));
        put(&mut entries, "stop-timeout", self.stop_timeout.map(|seconds| Yaml::text(format!("{seconds}s"))));
        put(&mut entries, "ephemeral-storage", self.ephemeral_storage.map(Yaml::number));
        put(&mut entries, "capacity", self.spot.map(|spot| Yaml::text(if spot { "fargate-spot" } else { "fargate" })));
        put(&mut entries, "execute-command", self.execute_command.map(|on| Yaml::Plain(on.to_string())));
        put(&mut entries, "schedule", text(&self.schedule));
        entries.extend(self.without.iter().map(|key| ((*key).to_owned(), Yaml::Plain("null".to_owned()))));
        entries
    }

    fn health(&self) -> Option<Yaml> {
        if self.health_command.is_empty() {
            return self.health_path.as_ref().map(Yaml::text);
        }
        let mut entries = Vec::new();
        put(&mut entries, "path", self.health_path.as_ref().map(Yaml::text));
        put(&mut entries, "command", texts(&self.health_command));
        Some(Yaml::Map(entries))
    }
}

impl Build {
    fn yaml(&self) -> Yaml {
        let mut entries = vec![("context".to_owned(), Yaml::text(&self.context))];
        put(&mut entries, "dockerfile", self.dockerfile.as_ref().map(Yaml::text));
        put(&mut entries, "target", self.target.as_ref().map(Yaml::text));
        put(&mut entries, "args", named(&self.args));
        if self.args.is_empty() { Yaml::Flow(entries) } else { Yaml::Map(entries) }
    }
}

impl Scaling {
    fn yaml(&self) -> Yaml {
        let mut entries =
            vec![("min".to_owned(), Yaml::number(self.min)), ("max".to_owned(), Yaml::number(self.max.max(1)))];
        entries.extend(self.targets.iter().map(|(name, value)| ((*name).to_owned(), Yaml::number(*value))));
        Yaml::Flow(entries)
    }
}

impl Sidecar {
    fn entries(&self) -> Vec<(String, Yaml)> {
        let mut entries = vec![("image".to_owned(), Yaml::text(&self.image))];
        put(&mut entries, "essential", self.essential.then(|| Yaml::Plain("true".to_owned())));
        put(&mut entries, "command", texts(&self.command));
        put(&mut entries, "environment", named(&self.environment));
        put(&mut entries, "secrets", named(&self.secrets));
        put(&mut entries, "port", self.port.map(Yaml::number));
        put(&mut entries, "cpu", self.cpu.map(Yaml::number));
        put(&mut entries, "memory", self.memory.map(Yaml::number));
        put(&mut entries, "health-check", texts(&self.health_check));
        entries
    }
}

/// A name as the file takes it: lower-case words joined by single hyphens, of at most so many characters.
pub fn name(text: &str, longest: usize) -> Option<String> {
    let mut out = String::new();
    for c in text.chars().map(|c| c.to_ascii_lowercase()) {
        if c.is_ascii_lowercase() || (c.is_ascii_digit() && !out.is_empty()) {
            out.push(c);
        } else if !out.is_empty() && !out.ends_with('-') {
            out.push('-');
        }
    }
    out.truncate(longest);
    let out = out.trim_matches('-').to_owned();
    (!out.is_empty()).then_some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_become_the_files() {
        assert_eq!(name("My_App v2", 24).unwrap(), "my-app-v2");
        assert_eq!(name("--3d--printer--", 24).unwrap(), "d-printer");
        assert_eq!(name("a-very-long-name-that-goes-on", 24).unwrap(), "a-very-long-name-that-go");
        assert_eq!(name("12", 24), None);
    }
}
