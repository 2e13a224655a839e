//! Docker Compose. <https://docs.docker.com/reference/compose-file/>
//!
//! What a person runs on one machine: databases become AWS's own, published ports become the load balancer's, values
//! that look secret become parameters, and what has no meaning on Fargate is said.

mod syntax;

use std::collections::BTreeMap;

use runner_core::workflow::least_size;
use serde_json::{Map, Value as Json};

use self::syntax::{command, env_file, image_name, mebibytes, names, pairs, seconds, substitute, tag};
use super::{
    dockerfile,
    draft::{self, Build, Draft, Service, Source},
    values,
    yaml::{self, text},
};

/// Reads a file beneath the repository, as text.
pub type Files<'a> = &'a dyn Fn(&str) -> Option<String>;

/// Services of others that AWS runs itself, or that a task cannot be.
const NOT_TASKS: [(&str, &str); 9] = [
    ("mysql", "the file knows PostgreSQL only: bring it by `extra-stacks`, and its address as a secret"),
    ("mariadb", "the file knows PostgreSQL only: bring it by `extra-stacks`, and its address as a secret"),
    ("redis", "bring it by `extra-stacks` (ElastiCache), or as a sidecar where nothing is lost with the task"),
    ("valkey", "bring it by `extra-stacks` (ElastiCache), or as a sidecar where nothing is lost with the task"),
    ("memcached", "bring it by `extra-stacks` (ElastiCache)"),
    ("rabbitmq", "bring it by `extra-stacks` (Amazon MQ)"),
    ("mongo", "bring it from elsewhere, and its address as a secret"),
    ("traefik", "the load balancer takes its place"),
    ("localstack", "`--sandbox` is the local AWS"),
];

/// Keys that say nothing about what runs on Fargate, or that are read here.
const KNOWN: [&str; 24] = [
    "build",
    "image",
    "ports",
    "expose",
    "environment",
    "env_file",
    "depends_on",
    "command",
    "entrypoint",
    "healthcheck",
    "deploy",
    "platform",
    "stop_grace_period",
    "volumes",
    "networks",
    "restart",
    "container_name",
    "profiles",
    "labels",
    "logging",
    "init",
    "tty",
    "stdin_open",
    "hostname",
];

/// Reads a compose file. Its paths are relative to the repository.
pub fn read(source: &str, files: Files<'_>) -> Result<Draft, String> {
    let file = yaml::read(source)?;
    let mut draft = Draft { app: file["name"].as_str().and_then(|name| draft::name(name, 24)), ..Draft::default() };
    let services = file["services"].as_object().ok_or("it has no `services`")?;
    let mut renamed = BTreeMap::new();
    let mut databases = Vec::new();
    for (name, service) in services {
        let image = service["image"].as_str().unwrap_or_default();
        let kind = image_name(image);
        if service["profiles"].as_array().is_some_and(|profiles| !profiles.is_empty()) {
            draft.notes.push(format!("{name}: left out, since it has a profile and so is not always run"));
        } else if service["build"].is_null() && ["postgres", "postgis", "pgvector", "postgresql"].contains(&kind) {
            let major: String = tag(image).chars().take_while(char::is_ascii_digit).collect();
            draft.database = Some(if major.is_empty() { "16".to_owned() } else { major });
            databases.push(name.clone());
        } else if let Some((_, why)) = NOT_TASKS.iter().find(|(other, _)| service["build"].is_null() && *other == kind)
        {
            draft.notes.push(format!("{name} ({image}): left out; {why}"));
        } else if service["build"].is_null() && !pinned(image) {
            draft.notes.push(format!(
                "{name} ({image}): left out, since a tag can move; add it with `image: {{ reference: NAME@sha256:… }}`"
            ));
        } else if let Some(ours) = draft::name(name, 24) {
            renamed.insert(name.clone(), ours);
        }
    }
    for (name, ours) in &renamed {
        let read = one(name, &services[name], &renamed, &databases, files, &mut draft.notes);
        draft.services.insert(ours.clone(), read);
    }
    if draft.services.is_empty() {
        return Err("none of its services is built here or has an image with a digest".to_owned());
    }
    values::connect(&mut draft);
    Ok(draft)
}

/// Whether an image names its digest.
pub fn pinned(image: &str) -> bool {
    image.split_once("@sha256:").is_some_and(|(_, hex)| hex.len() == 64 && hex.bytes().all(|b| b.is_ascii_hexdigit()))
}

fn one(
    name: &str,
    file: &Json,
    renamed: &BTreeMap<String, String>,
    databases: &[String],
    files: Files<'_>,
    notes: &mut Vec<String>,
) -> Service {
    let mut service = Service { source: source(name, file, notes), ..Service::default() };
    if let Some(Source::Build(build)) = &service.source {
        let dockerfile = build.dockerfile.as_deref().unwrap_or("Dockerfile");
        if let Some(text) = files(&format!("{}/{dockerfile}", build.context)) {
            let seen = dockerfile::read(&text);
            service.health_path = seen.health_path;
            // A worker's image is often the web server's: only what compose itself says makes a port.
            if !file["ports"].is_null() {
                service.port = seen.port;
            }
        }
    }
    ports(file, &mut service);
    let variables = variables(name, file, files, notes);
    values::put(&mut service, name, variables, notes);
    let waits = names(&file["depends_on"]);
    let uses = |service: &Service| service.secrets.values().any(|source| source == "database");
    if waits.iter().any(|other| databases.contains(other)) && !uses(&service) {
        service.secrets.insert("DATABASE_URL".to_owned(), "database".to_owned());
    }
    // The parts of an address mean the container that is not there any more.
    let parts: Vec<String> = service
        .environment
        .iter()
        .filter(|(_, value)| databases.contains(value))
        .map(|(name, _)| name.clone())
        .collect();
    for part in parts {
        service.environment.remove(&part);
        notes.push(format!("{name}: {part} was left out: the database's address comes whole, as DATABASE_URL"));
    }
    service.depends_on = waits.iter().filter_map(|other| renamed.get(other).cloned()).collect();
    service.command = command(&file["command"]);
    if !file["entrypoint"].is_null() {
        service.command = [command(&file["entrypoint"]), service.command].concat();
        notes.push(format!("{name}: its entrypoint stands before its command; the image's own entrypoint stays"));
    }
    health(name, &file["healthcheck"], &mut service, notes);
    deploy(&file["deploy"], &mut service);
    service.platform =
        file["platform"].as_str().filter(|it| it.starts_with("linux/arm64")).map(|_| "linux/arm64".to_owned());
    service.stop_timeout = file["stop_grace_period"].as_str().and_then(seconds).map(|seconds| seconds.clamp(2, 120));
    lost(name, file, notes);
    service
}

fn source(name: &str, file: &Json, notes: &mut Vec<String>) -> Option<Source> {
    let build = match &file["build"] {
        Json::Null => return file["image"].as_str().map(|image| Source::Reference(image.to_owned())),
        Json::String(context) => Build { context: context.clone(), ..Build::default() },
        long => {
            for key in ["secrets", "ssh", "additional_contexts"] {
                if !long[key].is_null() {
                    notes.push(format!("{name}: build.{key} was left out; `build.secrets` takes variables of the job"));
                }
            }
            let args = pairs(&long["args"]).into_iter().filter_map(|(key, value)| Some((key, value?)));
            let (secret, args): (Vec<_>, Vec<_>) =
                args.partition(|(key, value)| values::looks_secret(key, value) || value.contains("${"));
            for (key, _) in secret {
                notes.push(format!(
                    "{name}: build.args.{key} was left out: its value is a secret's, or one of your machine"
                ));
            }
            let text = |key: &str| long[key].as_str().map(str::to_owned);
            Build {
                context: text("context").unwrap_or_else(|| ".".to_owned()),
                dockerfile: text("dockerfile").filter(|file| file != "Dockerfile"),
                target: text("target"),
                args: args.into_iter().collect(),
            }
        }
    };
    Some(Source::Build(build))
}

/// A published port is for users; one that is only exposed is for the others.
fn ports(file: &Json, service: &mut Service) {
    let target = |port: &Json| -> Option<u32> {
        let text = match port {
            Json::Object(long) => text(long.get("target")?)?,
            short => text(short)?,
        };
        let text = text.strip_suffix("/tcp").unwrap_or(&text);
        text.rsplit(':').next()?.split('-').next()?.parse().ok()
    };
    let list = |key: &str| file[key].as_array().cloned().unwrap_or_default();
    // On the loopback address alone it is for the person at the machine, not for users.
    let published: Vec<Json> =
        list("ports").into_iter().filter(|port| !port.as_str().is_some_and(|it| it.starts_with("127."))).collect();
    if let Some(port) = published.iter().find_map(target) {
        service.public = true;
        service.port = Some(port);
    } else if let Some(port) = list("expose").iter().chain(&list("ports")).find_map(target) {
        service.port = Some(port);
    }
}

/// `environment` over `env_file`; a name without a value takes the machine's, and so is the job's to give.
fn variables(name: &str, file: &Json, files: Files<'_>, notes: &mut Vec<String>) -> BTreeMap<String, String> {
    let mut all = BTreeMap::new();
    let env_files = match &file["env_file"] {
        Json::String(one) => vec![one.clone()],
        Json::Array(list) => list.iter().filter_map(|it| text(it).or_else(|| text(&it["path"]))).collect(),
        _ => Vec::new(),
    };
    for path in env_files {
        match files(&path) {
            Some(text) => all.extend(env_file(&text).into_iter().map(|(key, value)| (key, Some(value)))),
            None => notes.push(format!("{name}: {path} is not here, so its variables are not in the file")),
        }
    }
    all.extend(pairs(&file["environment"]));
    let mut plain = BTreeMap::new();
    for (key, value) in all {
        match value.as_deref().map(substitute) {
            Some(Some(value)) => {
                plain.insert(key, value);
            }
            // A secret by its name, whatever its value.
            _ if values::looks_secret(&key, "") => {
                plain.insert(key, String::new());
            }
            _ => notes.push(format!(
                "{name}: {key} has the value of your machine: write it under `environment` or `secrets`"
            )),
        }
    }
    plain
}

/// A check over HTTP is the load balancer's to make; another is the container's.
fn health(name: &str, check: &Json, service: &mut Service, notes: &mut Vec<String>) {
    let words = match &check["test"] {
        Json::Array(list) => list.iter().filter_map(text).collect(),
        Json::String(line) => vec!["CMD-SHELL".to_owned(), line.clone()],
        _ => return,
    };
    if check["disable"] == true || words.first().is_none_or(|first| first == "NONE") {
        return;
    }
    if let Some(path) = dockerfile::path(&words.join(" ")) {
        service.health_path = Some(path);
        return;
    }
    let [kind, rest @ ..] = words.as_slice() else { return };
    service.health_command = rest.iter().map(|word| values::escape(&word.replace("$$", "$"))).collect();
    if kind == "CMD-SHELL" {
        service.health_command.splice(0..0, ["sh".to_owned(), "-c".to_owned()]);
    }
    notes.push(format!("{name}: its check is the container's own; the image must have what it calls"));
}

fn deploy(deploy: &Json, service: &mut Service) {
    let limits = &deploy["resources"]["limits"];
    let cpu = text(&limits["cpus"]).and_then(|cpus| cpus.parse::<f64>().ok()).map(|cpus| (cpus * 1_024.0).ceil());
    let memory = text(&limits["memory"]).and_then(|memory| mebibytes(&memory));
    if cpu.is_some() || memory.is_some() {
        // Within u32: Fargate's largest is 16384, and a float that is larger saturates.
        let (cpu, memory) = least_size(cpu.unwrap_or(0.0) as u32, memory.unwrap_or(0));
        (service.cpu, service.memory) = (Some(cpu), Some(memory));
    }
    service.desired_count =
        deploy["replicas"].as_u64().and_then(|replicas| u32::try_from(replicas).ok()).filter(|replicas| *replicas != 1);
}

/// What has no counterpart, and would be missed.
fn lost(name: &str, file: &Json, notes: &mut Vec<String>) {
    let keeps = |volume: &Json| match volume {
        Json::String(short) => !short.starts_with(['.', '/', '~', '$']) && short.contains(':'),
        long => long["type"] == "volume",
    };
    if file["volumes"].as_array().is_some_and(|volumes| volumes.iter().any(keeps)) {
        notes.push(format!("{name}: its volumes were left out: a task's disk goes with the task; keep files in S3"));
    }
    let known = |key: &str| KNOWN.contains(&key) || key.starts_with("x-");
    let others: Vec<&str> =
        file.as_object().map(Map::keys).into_iter().flatten().map(String::as_str).filter(|key| !known(key)).collect();
    if !others.is_empty() {
        notes.push(format!("{name}: left out, as Fargate or the file has no such thing: {}", others.join(", ")));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::init::file;

    const FINANCE: &str = include_str!("testdata/compose.yml");

    fn finance() -> Draft {
        let files = |path: &str| match path {
            "./frontend/Dockerfile" => {
                Some("FROM node\nEXPOSE 3000\nHEALTHCHECK CMD curl http://localhost:3000/api/health\n".to_owned())
            }
            ".env" => Some("# local\nexport RAILS_LOG_LEVEL=debug\nJWT_SECRET_KEY='plain-in-a-file'\n".to_owned()),
            _ => None,
        };
        read(FINANCE, &files).unwrap()
    }

    #[test]
    fn an_app_of_compose_is_drafted() {
        let mut draft = finance();
        draft.region = Some("eu-west-1".to_owned());
        let written =
            file::text(&draft, &file::Answers { domain: Some("finance.example".to_owned()), ..Default::default() });
        crate::cli::init::expect("compose.expected.yml", &written);
    }

    #[test]
    fn no_value_of_a_secret_is_copied() {
        let draft = finance();
        let written = file::text(&draft, &file::Answers::default());
        for value in ["plain-in-a-file", "hunter2", "sk_live_", "secret@"] {
            assert!(FINANCE.contains(value) || value == "plain-in-a-file");
            assert!(!written.contains(value), "{value} is in\n{written}");
            assert!(!draft.notes.iter().any(|note| note.contains(value)), "{value} is in {:#?}", draft.notes);
        }
    }

    #[test]
    fn what_is_left_out_is_said() {
        let notes = finance().notes.join("\n");
        for part in [
            "cache (redis:7-alpine): left out; bring it by `extra-stacks`",
            "mailhog: left out, since it has a profile",
            "legacy (registry.example/legacy:1): left out, since a tag can move",
            "api: DB_HOST was left out",
            "api: its volumes were left out",
            "api: left out, as Fargate or the file has no such thing: cap_add",
            "api: RELEASE has the value of your machine",
        ] {
            assert!(notes.contains(part), "{part} is not in\n{notes}");
        }
    }
}
