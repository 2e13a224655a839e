//! ECS task definitions, as those have them who deploy with AWS's own actions.
//! <https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task_definition_parameters.html>

use std::collections::BTreeMap;

use runner_core::workflow::least_size;
use serde_json::Value as Json;

use super::{
    dockerfile,
    draft::{self, Build, Draft, Service, Sidecar, Source},
    values,
    yaml::text,
};

/// Reads task definitions; `build` is how the repository's image is made, where it has one Dockerfile.
pub fn read(definitions: &[(String, String)], build: Option<&Build>) -> Result<Draft, String> {
    let mut draft = Draft::default();
    for (path, definition) in definitions {
        let file: Json = serde_json::from_str(definition).map_err(|error| format!("{path}: {error}"))?;
        // What `describe-task-definition` answers has it one level down.
        let file = if file["taskDefinition"].is_object() { &file["taskDefinition"] } else { &file };
        draft.region = draft.region.or_else(|| region(definition));
        one(&mut draft, path, file, build)?;
    }
    if let ([_], Some(only)) = (definitions, draft.services.keys().next()) {
        let family = draft.app.clone().unwrap_or_else(|| only.clone());
        draft.app = Some(family);
    } else {
        draft.app = None;
    }
    values::connect(&mut draft);
    Ok(draft)
}

fn one(draft: &mut Draft, path: &str, file: &Json, build: Option<&Build>) -> Result<(), String> {
    let containers =
        file["containerDefinitions"].as_array().ok_or_else(|| format!("{path}: no containerDefinitions"))?;
    let essential = |container: &&Json| container["essential"] != false;
    let listens = |container: &&Json| port(container).is_some_and(|port| port != 0);
    let main = containers
        .iter()
        .filter(essential)
        .find(listens)
        .or_else(|| containers.iter().find(essential))
        .ok_or_else(|| format!("{path}: none of its containers is essential"))?;
    let family = file["family"].as_str().and_then(|family| draft::name(family, 24));
    let name = main["name"].as_str().and_then(|name| draft::name(name, 24)).or_else(|| family.clone());
    let name = name.ok_or_else(|| format!("{path}: its container has no name"))?;
    // Several definitions often call their container alike.
    let name = if draft.services.contains_key(&name) { family.clone().unwrap_or(name) } else { name };
    draft.app = family;
    let notes = &mut draft.notes;

    let mut service = Service { source: Some(source(&name, main, build, notes)), ..Service::default() };
    let units = |value: &Json, unit: &str, scale: f64| {
        let text = text(value)?.to_ascii_lowercase();
        match text.strip_suffix(unit) {
            Some(number) => number.trim().parse::<f64>().ok().map(|number| (number * scale).ceil() as u32),
            None => text.trim().parse().ok(),
        }
    };
    let sizes = (units(&file["cpu"], "vcpu", 1_024.0), units(&file["memory"], "gb", 1_024.0));
    if let (Some(cpu), Some(memory)) = sizes {
        let (cpu, memory) = least_size(cpu, memory);
        (service.cpu, service.memory) = (Some(cpu), Some(memory));
    }
    service.port = port(main).filter(|port| *port != 0);
    service.public = service.port.is_some();
    service.command = [words(&main["entryPoint"]), words(&main["command"])].concat();
    if !main["entryPoint"].is_null() {
        notes.push(format!("{name}: its entryPoint stands before its command; the image's own entrypoint stays"));
    }
    let check = words(&main["healthCheck"]["command"]);
    match dockerfile::path(&check.join(" ")) {
        Some(path) => service.health_path = Some(path),
        None => service.health_command = shell(check),
    }
    values::put(&mut service, &name, variables(main), notes);
    service.secrets.extend(secrets(&name, main, notes));
    if file["runtimePlatform"]["cpuArchitecture"] == "ARM64" {
        service.platform = Some("linux/arm64".to_owned());
    }
    let number = |value: &Json| value.as_u64().and_then(|value| u32::try_from(value).ok());
    service.stop_timeout = number(&main["stopTimeout"]).map(|seconds| seconds.clamp(2, 120));
    service.ephemeral_storage = number(&file["ephemeralStorage"]["sizeInGiB"]).filter(|gib| *gib > 20);

    for container in containers.iter().filter(|container| !std::ptr::eq(*container, main)) {
        let Some(beside) = container["name"].as_str().and_then(|name| draft::name(name, 24)) else { continue };
        let full = format!("{name}.{beside}");
        let sorted = values::sort(&full, variables(container), notes);
        let mut own = sorted.secrets;
        own.extend(secrets(&full, container, notes));
        let sidecar = Sidecar {
            image: container["image"].as_str().unwrap_or_default().to_owned(),
            essential: essential(&container),
            command: words(&container["command"]),
            environment: sorted.plain,
            secrets: own,
            port: port(container).filter(|port| *port != 0),
            cpu: number(&container["cpu"]).filter(|cpu| *cpu > 0),
            memory: number(&container["memory"]).or_else(|| number(&container["memoryReservation"])),
            health_check: shell(words(&container["healthCheck"]["command"])),
        };
        service.sidecars.insert(beside, sidecar);
    }
    let role = file["taskRoleArn"].as_str().unwrap_or_default();
    if !role.is_empty() {
        notes.push(format!(
            "{name}: it gets a task role of its own; write what its code calls under `task-role` (was {role})"
        ));
    }
    if file["volumes"].as_array().is_some_and(|volumes| !volumes.is_empty()) {
        notes.push(format!(
            "{name}: its volumes were left out; `task-definition: {path}` keeps the definition as it is"
        ));
    }
    draft.services.insert(name, service);
    Ok(())
}

fn source(name: &str, container: &Json, build: Option<&Build>, notes: &mut Vec<String>) -> Source {
    let image = container["image"].as_str().unwrap_or_default();
    if super::compose::pinned(image) && !image.contains(".dkr.ecr.") {
        return Source::Reference(image.to_owned());
    }
    match build {
        Some(build) => Source::Build(build.clone()),
        None => {
            notes.push(format!("{name}: say under `build` where its image is built (the definition has `{image}`)"));
            Source::Build(Build { context: ".".to_owned(), ..Build::default() })
        }
    }
}

fn port(container: &Json) -> Option<u32> {
    container["portMappings"][0]["containerPort"].as_u64().and_then(|port| u32::try_from(port).ok())
}

fn words(value: &Json) -> Vec<String> {
    value.as_array().into_iter().flatten().filter_map(text).map(|word| values::escape(&word)).collect()
}

/// A check without its `CMD`; `CMD-SHELL` is a shell.
fn shell(mut words: Vec<String>) -> Vec<String> {
    match words.first().map(String::as_str) {
        Some("CMD") => {
            words.remove(0);
        }
        Some("CMD-SHELL") => {
            words.splice(0..1, ["sh".to_owned(), "-c".to_owned()]);
        }
        _ => {}
    }
    words
}

fn variables(container: &Json) -> BTreeMap<String, String> {
    let list = container["environment"].as_array();
    list.into_iter().flatten().filter_map(|it| Some((it["name"].as_str()?.to_owned(), text(&it["value"])?))).collect()
}

fn secrets(name: &str, container: &Json, notes: &mut Vec<String>) -> BTreeMap<String, String> {
    let mut out = BTreeMap::new();
    for secret in container["secrets"].as_array().into_iter().flatten() {
        let (Some(key), Some(from)) = (secret["name"].as_str(), secret["valueFrom"].as_str()) else { continue };
        if values::is_refused(name, key, notes) {
            continue;
        }
        let parameter = from.split_once(":parameter/").map(|(_, path)| path);
        let source = match parameter {
            Some(path) if from.starts_with("arn:aws") => format!("ssm:/{path}"),
            _ if from.starts_with('/') => format!("ssm:{from}"),
            _ if from.starts_with("arn:aws:secretsmanager:") => {
                format!("secretsmanager:{}", from.trim_end_matches("::"))
            }
            _ => {
                notes.push(format!("{name}: {key} becomes a parameter of this app's: give its value to the job once"));
                "ssm".to_owned()
            }
        };
        out.insert(key.to_owned(), source);
    }
    out
}

/// The region that its logs or ARNs name.
fn region(text: &str) -> Option<String> {
    let after = |mark: &str, end: char| {
        let (_, rest) = text.split_once(mark)?;
        let region = rest.split(end).next()?.trim_matches(|c: char| c == '"' || c == ':' || c.is_whitespace());
        let shaped = region.split('-').count() >= 3 && region.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
        shaped.then(|| region.to_owned())
    };
    after("\"awslogs-region\"", ',')
        .or_else(|| after("\"awslogs-region\"", '}'))
        .or_else(|| after(".dkr.ecr.", '.'))
        .or_else(|| after("arn:aws:ssm:", ':'))
        .or_else(|| after("arn:aws:secretsmanager:", ':'))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::init::file;

    #[test]
    fn a_task_definition_is_drafted() {
        let definition = ("task-definition.json".to_owned(), include_str!("testdata/task-definition.json").to_owned());
        let build = Build { context: "./app".to_owned(), ..Build::default() };
        let draft = read(&[definition], Some(&build)).unwrap();
        let written = file::text(&draft, &file::Answers::default());
        crate::cli::init::expect("taskdef.expected.yml", &written);
        assert!(!written.contains("hunter2"));
        let notes = draft.notes.join("\n");
        for part in [
            "app: it gets a task role of its own",
            "app: its volumes were left out; `task-definition: task-definition.json`",
        ] {
            assert!(notes.contains(part), "{part} is not in\n{notes}");
        }
    }
}
