//! AWS Copilot's manifests. <https://aws.github.io/copilot-cli/docs/manifest/overview/>

use std::collections::BTreeMap;

use runner_core::workflow::least_size;
use serde_json::Value as Json;

use super::{
    draft::{self, Build, Draft, Scaling, Service, Sidecar, Source},
    schedule, values,
    yaml::{self, text},
};

/// Keys that are read here, or that the file says in another way.
const KNOWN: [&str; 17] = [
    "name",
    "type",
    "image",
    "http",
    "cpu",
    "memory",
    "count",
    "variables",
    "secrets",
    "environments",
    "exec",
    "command",
    "entrypoint",
    "platform",
    "sidecars",
    "on",
    "storage",
];

/// Reads the manifests of services and jobs, each with the folder it stands in; `environments` are Copilot's.
pub fn read(app: Option<&str>, environments: &[String], manifests: &[(String, String)]) -> Result<Draft, String> {
    let mut draft = Draft { app: app.and_then(|app| draft::name(app, 24)), ..Draft::default() };
    let mut changes: BTreeMap<String, BTreeMap<String, Service>> =
        environments.iter().map(|name| (name.clone(), BTreeMap::new())).collect();
    for (folder, manifest) in manifests {
        let file = yaml::read(manifest).map_err(|error| format!("copilot/{folder}/manifest.yml: {error}"))?;
        let named = file["name"].as_str().unwrap_or(folder);
        let Some(name) = draft::name(named, 24) else { continue };
        let kind = file["type"].as_str().unwrap_or_default();
        let mut service = Service::default();
        match kind {
            "Load Balanced Web Service" => service.public = file["http"] != false,
            "Backend Service" | "Worker Service" => {}
            "Request-Driven Web Service" => {
                service.public = true;
                draft.notes.push(format!("{named}: App Runner's service becomes one behind the load balancer"));
            }
            "Scheduled Job" => match file["on"]["schedule"].as_str().and_then(schedule::convert) {
                Some(schedule) => service.schedule = Some(schedule),
                None => draft.notes.push(format!("{named}: its schedule was not understood: write it as `cron(…)`")),
            },
            other => {
                draft.notes.push(format!("{named}: left out: `{other}` is nothing that runs on Fargate"));
                continue;
            }
        }
        fill(&mut service, named, &file, &mut draft.notes);
        for (environment, own) in file["environments"].as_object().into_iter().flatten() {
            let mut change = Service::default();
            fill(&mut change, &format!("{named} ({environment})"), own, &mut draft.notes);
            // Copilot's `count` is one key, ours are three.
            if change.desired_count.is_some() && service.scaling.is_some() {
                change.without.insert("scaling");
            }
            if change.scaling.is_some() && service.desired_count.is_some() {
                change.without.insert("desired-count");
            }
            if (change.desired_count.is_some() || change.scaling.is_some()) && service.spot == Some(true) {
                change.spot = change.spot.or(Some(false));
            }
            if let Some(environment) = draft::name(environment, 20) {
                changes.entry(environment).or_default().insert(name.clone(), change);
            }
        }
        if kind == "Worker Service" {
            let note = "its queue was left out: bring it by `extra-stacks`, with COPILOT_QUEUE_URI and rights under `task-role`";
            draft.notes.push(format!("{named}: {note}"));
        }
        draft.services.insert(name, service);
    }
    if draft.services.is_empty() {
        return Err("none of the manifests is of a service or job".to_owned());
    }
    draft.environments = changes.into_iter().collect();
    // Production last: it is deployed last.
    draft.environments.sort_by_key(|(name, _)| super::file::is_production(name));
    values::connect(&mut draft);
    Ok(draft)
}

/// What a manifest, or an environment's part of one, says.
fn fill(service: &mut Service, name: &str, file: &Json, notes: &mut Vec<String>) {
    service.source = source(name, &file["image"], notes);
    let number = |value: &Json| value.as_u64().and_then(|value| u32::try_from(value).ok());
    service.port = number(&file["image"]["port"]);
    if let (Some(cpu), Some(memory)) = (number(&file["cpu"]), number(&file["memory"])) {
        let (cpu, memory) = least_size(cpu, memory);
        (service.cpu, service.memory) = (Some(cpu), Some(memory));
    } else {
        (service.cpu, service.memory) = (number(&file["cpu"]), number(&file["memory"]));
    }
    let check = &file["http"]["healthcheck"];
    service.health_path = check.as_str().or(check["path"].as_str()).map(str::to_owned);
    let alias = match &file["http"]["alias"] {
        Json::Array(list) => list.first().and_then(|first| text(first).or_else(|| text(&first["name"]))),
        other => text(other),
    };
    service.host = alias.map(|alias| names(&alias));
    if file["http"]["path"].as_str().is_some_and(|path| path != "/") {
        notes.push(format!("{name}: its http.path was left out: the load balancer tells services apart by their host"));
    }
    service.command = [words(&file["entrypoint"]), words(&file["command"])].concat();
    service.execute_command = file["exec"].as_bool();
    let platform = file["platform"].as_str().or(file["platform"]["architecture"].as_str()).unwrap_or_default();
    service.platform = platform.ends_with("arm64").then(|| "linux/arm64".to_owned());
    count(service, &file["count"]);
    let variables = strings(name, &file["variables"], notes);
    values::put(service, name, variables, notes);
    service.secrets.extend(secrets(name, &file["secrets"], notes));
    service.ephemeral_storage = number(&file["storage"]["ephemeral"]).filter(|gib| *gib > 20);
    if !file["storage"]["volumes"].is_null() {
        notes.push(format!("{name}: its volumes were left out: a task's disk goes with the task"));
    }
    for (sidecar, own) in file["sidecars"].as_object().into_iter().flatten() {
        match (draft::name(sidecar, 24), own["image"].as_str()) {
            (Some(ours), Some(image)) => {
                service.sidecars.insert(ours, one_beside(&format!("{name}.{sidecar}"), image, own, notes));
            }
            _ => notes.push(format!(
                "{name}: the sidecar {sidecar} was left out: its image is built, and the file takes ready ones"
            )),
        }
    }
    let left: Vec<&str> = file
        .as_object()
        .into_iter()
        .flat_map(|map| map.keys())
        .map(String::as_str)
        .filter(|key| !KNOWN.contains(key))
        .collect();
    if !left.is_empty() {
        notes.push(format!("{name}: left out: {}", left.join(", ")));
    }
}

fn source(name: &str, image: &Json, notes: &mut Vec<String>) -> Option<Source> {
    if let Some(location) = image["location"].as_str() {
        if super::compose::pinned(location) {
            return Some(Source::Reference(location.to_owned()));
        }
        notes.push(format!(
            "{name}: `{location}` can move: write `image: {{ reference: NAME@sha256:… }}` in place of `build`"
        ));
        return Some(Source::Build(Build { context: ".".to_owned(), ..Build::default() }));
    }
    let build = &image["build"];
    let split = |dockerfile: &str| match dockerfile.rsplit_once('/') {
        Some((folder, file)) => (folder.to_owned(), file.to_owned()),
        None => (".".to_owned(), dockerfile.to_owned()),
    };
    let build = match build {
        Json::Null => return None,
        Json::String(dockerfile) => {
            let (context, file) = split(dockerfile);
            Build { context, dockerfile: Some(file), ..Build::default() }
        }
        long => {
            let (folder, file) = split(long["dockerfile"].as_str().unwrap_or("Dockerfile"));
            let context = long["context"].as_str().map_or_else(|| folder.clone(), str::to_owned);
            // Ours is relative to the context, Copilot's to the repository.
            let dockerfile = format!("{folder}/{file}");
            let inside = dockerfile.strip_prefix(&format!("{}/", context.trim_end_matches('/'))).unwrap_or(&dockerfile);
            Build {
                context: context.clone(),
                dockerfile: Some(inside.trim_start_matches("./").to_owned()),
                target: long["target"].as_str().map(str::to_owned),
                args: strings(name, &long["args"], notes)
                    .into_iter()
                    .filter(|(key, value)| !values::looks_secret(key, value))
                    .collect(),
            }
        }
    };
    let dockerfile = build.dockerfile.filter(|file| file != "Dockerfile");
    Some(Source::Build(Build { dockerfile, ..build }))
}

fn count(service: &mut Service, count: &Json) {
    let number = |value: &Json| value.as_u64().or(value["value"].as_u64()).and_then(|value| u32::try_from(value).ok());
    if let Some(tasks) = number(count).filter(|_| count.is_u64()) {
        service.desired_count = Some(tasks);
        return;
    }
    if let Some(tasks) = number(&count["spot"]) {
        (service.desired_count, service.spot) = (Some(tasks), Some(true));
        return;
    }
    let range = match &count["range"] {
        Json::String(range) => {
            range.split_once('-').and_then(|(min, max)| Some((min.trim().parse().ok()?, max.trim().parse().ok()?)))
        }
        long => number(&long["min"]).zip(number(&long["max"])),
    };
    let Some((min, max)) = range else { return };
    let targets = [("cpu", "cpu_percentage"), ("memory", "memory_percentage"), ("requests", "requests")];
    let targets = targets.into_iter().filter_map(|(ours, theirs)| Some((ours, number(&count[theirs])?))).collect();
    service.scaling = Some(Scaling { min, max, targets });
}

fn one_beside(name: &str, image: &str, file: &Json, notes: &mut Vec<String>) -> Sidecar {
    let sorted = values::sort(name, strings(name, &file["variables"], notes), notes);
    let mut secrets = sorted.secrets;
    secrets.extend(self::secrets(name, &file["secrets"], notes));
    Sidecar {
        image: image.to_owned(),
        // Copilot's default.
        essential: file["essential"].as_bool().unwrap_or(true),
        command: words(&file["command"]),
        environment: sorted.plain,
        secrets,
        port: text(&file["port"]).and_then(|port| port.split('/').next()?.parse().ok()),
        health_check: words(&file["healthcheck"]["command"]).into_iter().filter(|word| word != "CMD").collect(),
        ..Sidecar::default()
    }
}

/// Variables with a text; those from other stacks are said.
fn strings(name: &str, map: &Json, notes: &mut Vec<String>) -> BTreeMap<String, String> {
    let mut out = BTreeMap::new();
    for (key, value) in map.as_object().into_iter().flatten() {
        match text(value) {
            Some(value) => {
                out.insert(key.clone(), value);
            }
            None => notes.push(format!("{name}: {key} was left out: write it as `${{stacks.NAME.OUTPUT}}`")),
        }
    }
    out
}

fn secrets(name: &str, map: &Json, notes: &mut Vec<String>) -> BTreeMap<String, String> {
    let mut out = BTreeMap::new();
    for (key, value) in map.as_object().into_iter().flatten() {
        if values::is_refused(name, key, notes) {
            continue;
        }
        let source = match (value.as_str(), value["secretsmanager"].as_str()) {
            (Some(parameter), _) if parameter.starts_with('/') => format!("ssm:{}", names(parameter)),
            (_, Some(arn)) | (Some(arn), None) if arn.starts_with("arn:aws:secretsmanager:") => {
                format!("secretsmanager:{}", arn.trim_end_matches("::"))
            }
            _ => {
                notes.push(format!("{name}: {key} becomes a parameter of this app's: give its value to the job once"));
                "ssm".to_owned()
            }
        };
        out.insert(key.clone(), source);
    }
    out
}

/// Copilot's own names in a text, as ours.
fn names(text: &str) -> String {
    text.replace("${COPILOT_APPLICATION_NAME}", "${app}").replace("${COPILOT_ENVIRONMENT_NAME}", "${environment}")
}

fn words(value: &Json) -> Vec<String> {
    match value {
        Json::Array(list) => list.iter().filter_map(text).map(|word| values::escape(&word)).collect(),
        Json::String(line) => line.split_whitespace().map(values::escape).collect(),
        _ => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::init::file;

    #[test]
    fn an_app_of_copilot_is_drafted() {
        let manifest = |name: &str, text: &str| (name.to_owned(), text.to_owned());
        let manifests = [
            manifest("api", include_str!("testdata/copilot-api.yml")),
            manifest("orders", include_str!("testdata/copilot-orders.yml")),
            manifest("report", include_str!("testdata/copilot-report.yml")),
            manifest("site", "name: site\ntype: Static Site\n"),
        ];
        let mut draft = read(Some("shop"), &["test".to_owned(), "prod".to_owned()], &manifests).unwrap();
        draft.region = Some("eu-west-1".to_owned());
        let written =
            file::text(&draft, &file::Answers { domain: Some("shop.example".to_owned()), ..Default::default() });
        crate::cli::init::expect("copilot.expected.yml", &written);
        assert!(!written.contains("hunter2"));
        let notes = draft.notes.join("\n");
        for part in [
            "site: left out: `Static Site`",
            "orders: its queue was left out",
            "api: left out: network",
            "api: PLAIN_NAME becomes",
            "api: GITHUB_APP_KEY was left out: a secret cannot have this name",
        ] {
            assert!(notes.contains(part), "{part} is not in\n{notes}");
        }
    }
}
