//! The task definition, as RegisterTaskDefinition takes it.
//! <https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_RegisterTaskDefinition.html>

use std::collections::BTreeMap;

use serde_json::{Map, Value as Json, json};
use sha2::{Digest, Sha256};

use super::{Facts, Rendered, Writer, collector, own_definition, secret_reference, secret_references, stack_key};
use crate::workflow::{Environment, Platform, SecretSource, Service, Sidecar, Text};

/// The label that carries a digest of every secret's name and version. ECS reads a secret only when a container
/// starts, so a new version has to be a new revision to reach running tasks.
pub const SECRET_VERSIONS_LABEL: &str = "finance-infra.secret-versions";

/// The task definition of a service.
pub fn definition(env: &Environment, service: &Service, facts: &impl Facts) -> Rendered {
    let mut writer = Writer::new(facts);
    let json = match &service.task_definition {
        Some(file) => own_definition::render(env, service, &file.json, &mut writer),
        None => render(env, service, &mut writer),
    };
    writer.rendered(json)
}

fn render<F: Facts>(env: &Environment, service: &Service, writer: &mut Writer<'_, F>) -> Json {
    let stack = stack_key(&service.name);
    let mut containers = vec![main_container(env, service, writer)];
    containers
        .extend(service.sidecars.iter().map(|(name, sidecar)| sidecar_container(env, service, name, sidecar, writer)));
    if collector::wanted(env, service) {
        containers.push(collector::container(env, log_configuration(env, service, writer)));
    }
    let mut out = json!({
        "family": env.family(&service.name),
        "networkMode": "awsvpc",
        "requiresCompatibilities": ["FARGATE"],
        "cpu": service.cpu.to_string(),
        "memory": service.memory.to_string(),
        "runtimePlatform": {
            "operatingSystemFamily": "LINUX",
            "cpuArchitecture": match service.platform {
                Platform::LinuxAmd64 => "X86_64",
                Platform::LinuxArm64 => "ARM64",
            },
        },
        "executionRoleArn": writer.output(&stack, "ExecutionRoleArn"),
        "taskRoleArn": writer.output(&stack, "TaskRoleArn"),
        "containerDefinitions": containers,
    });
    if let Some(size) = service.ephemeral_storage {
        out["ephemeralStorage"] = json!({ "sizeInGiB": size });
    }
    out
}

fn main_container<F: Facts>(env: &Environment, service: &Service, writer: &mut Writer<'_, F>) -> Json {
    let image = writer.facts.image(service.image_owner());
    let image = match &service.image {
        crate::workflow::ImageSource::Reference(reference) => reference.clone(),
        _ => writer.value(image),
    };
    let mut variables = environment(&service.environment, writer);
    if collector::wanted(env, service) {
        variables.extend(collector::variables(env, service));
    }
    let mut out = json!({
        "name": service.name,
        "image": image,
        "essential": true,
        "environment": variables,
        "secrets": secrets(env, &service.secrets, writer),
        "stopTimeout": service.stop_timeout,
        "logConfiguration": log_configuration(env, service, writer),
    });
    if let Some(port) = service.port {
        out["portMappings"] = json!([{ "containerPort": port, "protocol": "tcp" }]);
    }
    if let Some(command) = &service.command {
        out["command"] = command.iter().map(|word| Json::from(writer.text(word))).collect();
    }
    if let Some(command) = &service.health_check.command {
        out["healthCheck"] = container_check(command);
    }
    if service.execute_command {
        // The agent that ECS Exec starts in the container leaves children behind for an init to reap.
        // https://docs.aws.amazon.com/AmazonECS/latest/developerguide/ecs-exec.html
        out["linuxParameters"] = json!({ "initProcessEnabled": true });
    }
    let waits: Vec<Json> = service
        .sidecars
        .iter()
        .filter(|(_, sidecar)| sidecar.health_check.is_some())
        .map(|(name, _)| json!({ "containerName": name, "condition": "HEALTHY" }))
        .collect();
    if !waits.is_empty() {
        out["dependsOn"] = waits.into();
    }
    if let Some(versions) = secret_versions(env, service, writer) {
        out["dockerLabels"] = json!({ SECRET_VERSIONS_LABEL: versions });
    }
    out
}

fn sidecar_container<F: Facts>(
    env: &Environment,
    service: &Service,
    name: &str,
    sidecar: &Sidecar,
    writer: &mut Writer<'_, F>,
) -> Json {
    let mut out = json!({
        "name": name,
        "image": sidecar.image,
        "essential": sidecar.essential,
        "environment": environment(&sidecar.environment, writer),
        "secrets": secrets(env, &sidecar.secrets, writer),
        "logConfiguration": log_configuration(env, service, writer),
    });
    if let Some(port) = sidecar.port {
        out["portMappings"] = json!([{ "containerPort": port, "protocol": "tcp" }]);
    }
    if let Some(command) = &sidecar.command {
        out["command"] = command.iter().map(|word| Json::from(writer.text(word))).collect();
    }
    if let Some(cpu) = sidecar.cpu {
        out["cpu"] = cpu.into();
    }
    if let Some(memory) = sidecar.memory {
        out["memory"] = memory.into();
    }
    if let Some(command) = &sidecar.health_check {
        out["healthCheck"] = container_check(command);
    }
    out
}

/// Interval, retries and start period are the ones a deploy of a minute can bear.
fn container_check(command: &[String]) -> Json {
    let command: Vec<&str> = match command {
        [shell] => vec!["CMD-SHELL", shell],
        words => std::iter::once("CMD").chain(words.iter().map(String::as_str)).collect(),
    };
    json!({ "command": command, "interval": 10, "timeout": 5, "retries": 3, "startPeriod": 30 })
}

pub(super) fn environment<F: Facts>(variables: &BTreeMap<String, Text>, writer: &mut Writer<'_, F>) -> Vec<Json> {
    variables.iter().map(|(name, text)| json!({ "name": name, "value": writer.text(text) })).collect()
}

pub(super) fn secrets<F: Facts>(
    env: &Environment,
    secrets: &BTreeMap<String, SecretSource>,
    writer: &mut Writer<'_, F>,
) -> Vec<Json> {
    secrets
        .iter()
        .map(|(variable, source)| {
            let (_, from) = secret_reference(env, variable, source, writer.facts);
            json!({ "name": variable, "valueFrom": writer.value(from) })
        })
        .collect()
}

pub(super) fn log_configuration<F: Facts>(env: &Environment, service: &Service, writer: &mut Writer<'_, F>) -> Json {
    let mut options = Map::new();
    options.insert("awslogs-group".into(), writer.output(&stack_key(&service.name), "LogGroupName").into());
    options.insert("awslogs-region".into(), env.region.clone().into());
    options.insert("awslogs-stream-prefix".into(), service.name.clone().into());
    // A full log queue must not stop the program.
    // https://docs.aws.amazon.com/AmazonECS/latest/developerguide/using_awslogs.html
    options.insert("mode".into(), "non-blocking".into());
    options.insert("max-buffer-size".into(), "25m".into());
    json!({ "logDriver": "awslogs", "options": options })
}

/// A digest over (name, version) of every secret; none where there is no secret.
pub(super) fn secret_versions<F: Facts>(
    env: &Environment,
    service: &Service,
    writer: &mut Writer<'_, F>,
) -> Option<String> {
    let references = secret_references(env, service, writer.facts);
    if references.is_empty() {
        return None;
    }
    let mut hash = Sha256::new();
    for (name, _) in references {
        let version = name.known().map(|name| writer.facts.secret_version(name));
        let name = writer.value(name);
        let version = version.map(|version| writer.value(version)).unwrap_or_default();
        hash.update(format!("{name}\0{version}\n"));
    }
    Some(hash.finalize().iter().take(16).map(|byte| format!("{byte:02x}")).collect())
}
