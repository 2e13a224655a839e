//! One service.

use std::collections::BTreeMap;

use sha2::{Digest, Sha256};

use crate::text::nearest;
use crate::workflow::merge::SOURCES;
use crate::workflow::section::{
    BuildKeys, DeployKeys, ImageKeys, Reader, ScalingKeys, ServiceKeys, SidecarKeys, StrategyName, TaskKeys, listed,
};
use crate::workflow::{
    Build, Deploy, HealthCheck, ImageSource, LambdaHook, OneOffTask, Scaling, Service, Sidecar, Strategy,
    TaskDefinitionFile, TaskRole,
};

/// The service of these keys; nothing where it does not say what it runs.
pub(super) fn service(
    name: &str,
    keys: ServiceKeys,
    task_definition: Option<TaskDefinitionFile>,
    per_environment: bool,
    reader: &mut Reader<'_>,
) -> Option<Service> {
    let image = image(name, &keys, per_environment, reader)?;
    if keys.task_definition.is_some() && task_definition.is_none() {
        return None;
    }
    let size = |key: &str| task_definition.as_ref().and_then(|file| units(&file.json[key]));
    let (cpu, memory) = (size("cpu").unwrap_or(keys.cpu.0), size("memory").unwrap_or(keys.memory.0));
    let path = |key: &str| ServiceKeys::path(name, key);
    let priority = keys.priority.map_or_else(|| derived_priority(name), |priority| priority.0);
    if keys.host.is_some() && keys.priority.is_none() {
        reader.defaulted(&path("priority"), priority.to_string());
    }
    let health = keys.health_check.0;
    let interval = health.interval.0;
    let timeout = health.timeout.map_or_else(
        || {
            let timeout = interval.saturating_sub(1).min(5);
            reader.defaulted(&path("health-check.timeout"), format!("{timeout}s"));
            timeout
        },
        |timeout| timeout.0,
    );
    Some(Service {
        name: name.to_owned(),
        image,
        task_definition,
        platform: keys.platform,
        cpu,
        memory,
        port: keys.port.and_then(|port| u16::try_from(port.0).ok()),
        host: keys.host.map(|host| host.0),
        redirect_from: keys.redirect_from.into_iter().map(|host| host.0).collect(),
        default_route: false,
        priority,
        tls: keys.tls,
        health_check: HealthCheck {
            path: health.path.0,
            interval,
            timeout,
            healthy_threshold: health.healthy_threshold.0,
            unhealthy_threshold: health.unhealthy_threshold.0,
            grace_period: health.grace_period.0,
            codes: health.codes.0,
            command: health.command.map(|command| command.0),
        },
        command: keys.command.map(|command| command.0),
        environment: keys.environment.0,
        secrets: keys.secrets.0,
        depends_on: keys.depends_on.into_iter().map(|name| name.0).collect(),
        allow_from: keys.allow_from.into_iter().map(|name| name.0).collect(),
        before_deploy: keys.before_deploy.map(task),
        after_deploy: keys.after_deploy.map(task),
        scaling: keys.scaling.map(|keys| scaling(&path("scaling"), &keys, reader)),
        desired_count: keys.desired_count.0,
        deploy: deploy(&path("deploy"), keys.deploy, reader),
        sidecars: keys.sidecars.0.into_iter().map(|(name, keys)| (name, sidecar(keys))).collect(),
        stop_timeout: keys.stop_timeout.0,
        ephemeral_storage: keys.ephemeral_storage.map(|size| size.0),
        capacity: keys.capacity,
        execute_command: keys.execute_command,
        task_role: TaskRole {
            policies: keys.task_role.policies.into_iter().map(|arn| arn.0).collect(),
            statements: keys.task_role.statements.into_iter().map(|statement| statement.0).collect(),
        },
        schedule: keys.schedule.map(|schedule| schedule.0),
    })
}

/// CPU and memory stand as texts in a task definition: `"512"`, `"1 vCPU"`, `"2 GB"`.
fn units(value: &serde_json::Value) -> Option<u32> {
    if let Some(number) = value.as_u64() {
        return u32::try_from(number).ok();
    }
    let text = value.as_str()?.trim().to_ascii_lowercase();
    for unit in ["vcpu", "gb"] {
        if let Some(number) = text.strip_suffix(unit) {
            let number: f64 = number.trim().parse().ok()?;
            // The cast saturates, and Fargate knows no such size.
            return Some((number * 1024.0) as u32);
        }
    }
    text.parse().ok()
}

/// The rule's priority by the service's name, so that a service added in the middle moves nothing: an odd number from 1
/// to 39,999 out of the name's SHA-256. The even number after it is the redirect rule's.
fn derived_priority(name: &str) -> u32 {
    let hash = Sha256::digest(name.as_bytes());
    let number = u32::from_be_bytes([hash[0], hash[1], hash[2], hash[3]]);
    2 * (number % 20_000) + 1
}

fn image(name: &str, keys: &ServiceKeys, per_environment: bool, reader: &mut Reader<'_>) -> Option<ImageSource> {
    let path = format!("services.{name}");
    // What the file has, not what could be read: a source that is itself wrong has had its error.
    let there: Vec<&str> = SOURCES.into_iter().filter(|key| reader.has(&format!("{path}.{key}"))).collect();
    match there.as_slice() {
        [_] => {}
        [] => {
            if !reader.has(&format!("{path}.<<")) {
                let message = format!("`{path}` does not say what it runs");
                reader.refuse(&path, message, meant(name, reader));
            }
            return None;
        }
        [_, second, ..] => {
            let message = format!("`{path}` has {}; exactly one of them says what runs", listed(&there));
            reader.error(&format!("{path}.{second}"), message, None);
            return None;
        }
    }
    if let Some(from) = &keys.from {
        return Some(ImageSource::From(from.0.clone()));
    }
    if keys.task_definition.is_some() {
        return Some(ImageSource::TaskDefinition);
    }
    if let Some(BuildKeys(build)) = &keys.build {
        return Some(ImageSource::Build(Build {
            context: build.context.0.clone(),
            dockerfile: build.dockerfile.0.clone(),
            target: build.target.as_ref().map(|target| target.0.clone()),
            args: build.args.0.clone(),
            secrets: build.secrets.iter().map(|name| name.0.clone()).collect(),
            cache: build.cache,
            per_environment,
        }));
    }
    let ImageKeys { layout, archive, reference } = keys.image.as_ref()?;
    let path = format!("{path}.image");
    match (layout, archive, reference) {
        (Some(layout), None, None) => Some(ImageSource::Layout(layout.0.clone())),
        (None, Some(archive), None) => Some(ImageSource::Archive(archive.0.clone())),
        (None, None, Some(reference)) => Some(ImageSource::Reference(reference.0.clone())),
        (None, None, None) => {
            if reader.clean(&path) {
                reader.refuse(&path, format!("`{path}` names no image"), "give it `layout`, `archive` or `reference`");
            }
            None
        }
        _ => {
            reader.error(&path, format!("`{path}` names more than one of `layout`, `archive` and `reference`"), None);
            None
        }
    }
}

/// A service that only an environment has is often another's name, misspelt.
fn meant(name: &str, reader: &Reader<'_>) -> String {
    let services = reader.spans.values.keys().filter_map(|path| path.strip_prefix("services."));
    let others = services.filter(|other| !other.contains('.') && *other != name);
    match nearest(name, others) {
        Some(near) => format!("give it `build`, `image`, `from` or `task-definition`; or did you mean `{near}`?"),
        None => "give it `build`, `image`, `from` or `task-definition`".to_owned(),
    }
}

fn task(keys: TaskKeys) -> OneOffTask {
    OneOffTask { command: keys.command.0, timeout: keys.timeout.0 }
}

fn scaling(path: &str, keys: &ScalingKeys, reader: &mut Reader<'_>) -> Scaling {
    let number = |number: Option<u32>| number;
    let (memory, requests) = (number(keys.memory.map(|n| n.0)), number(keys.requests.map(|n| n.0)));
    let mut cpu = keys.cpu.map(|n| n.0);
    if cpu.is_none() && memory.is_none() && requests.is_none() {
        reader.defaulted(&format!("{path}.cpu"), "60");
        cpu = Some(60);
    }
    Scaling { min: keys.min.0, max: keys.max.0, cpu, memory, requests }
}

fn deploy(path: &str, keys: DeployKeys, reader: &mut Reader<'_>) -> Deploy {
    let mut minutes = |key: &str, given: Option<u32>, default: u32, used: bool| {
        if given.is_none() && used {
            reader.defaulted(&format!("{path}.{key}"), format!("{default}m"));
        }
        given.map_or(default, |seconds| seconds / 60)
    };
    let (canary, linear) = (keys.strategy == StrategyName::Canary, keys.strategy == StrategyName::Linear);
    let canary_bake = minutes("canary-bake-time", keys.canary_bake_time.map(|time| time.0), 10, canary);
    let step_bake = minutes("step-bake-time", keys.step_bake_time.map(|time| time.0), 6, linear);
    let shifts = keys.strategy != StrategyName::Rolling;
    let bake_time_minutes = minutes("bake-time", keys.bake_time.map(|time| time.0), if shifts { 5 } else { 0 }, shifts);
    let pauses = !keys.pause.is_empty();
    let pause_timeout_minutes = minutes("pause-timeout", keys.pause_timeout.map(|time| time.0), 1440, pauses);
    let mut percent = |key: &str, given: Option<f64>, default: f64, used: bool| {
        if given.is_none() && used {
            reader.defaulted(&format!("{path}.{key}"), default.to_string());
        }
        given.unwrap_or(default)
    };
    let canary_percent = percent("canary-percent", keys.canary_percent.map(|share| share.0), 5.0, canary);
    let step_percent = percent("step-percent", keys.step_percent.map(|share| share.0), 10.0, linear);
    let strategy = match keys.strategy {
        StrategyName::Rolling => Strategy::Rolling,
        StrategyName::BlueGreen => Strategy::BlueGreen,
        StrategyName::Canary => Strategy::Canary { percent: canary_percent, bake_minutes: canary_bake },
        StrategyName::Linear => Strategy::Linear { percent: step_percent, bake_minutes: step_bake },
    };
    Deploy {
        strategy,
        bake_time_minutes,
        minimum_healthy_percent: keys.minimum_healthy_percent.0,
        maximum_percent: keys.maximum_percent.0,
        alarms: keys.alarms.into_iter().map(|name| name.0).collect(),
        alternate_target_group: keys.alternate_target_group,
        test_listener: keys.test_listener.unwrap_or(true),
        pause: keys.pause.into_iter().map(|stage| stage.0.to_owned()).collect(),
        pause_timeout_minutes,
        hooks: keys
            .hooks
            .into_iter()
            .map(|hook| LambdaHook {
                function: hook.function.0,
                role: hook.role.0,
                stages: hook.stages.0.into_iter().map(|stage| stage.0.to_owned()).collect(),
            })
            .collect(),
    }
}

fn sidecar(keys: SidecarKeys) -> Sidecar {
    Sidecar {
        image: keys.image.0,
        essential: keys.essential,
        command: keys.command.map(|command| command.0),
        environment: keys.environment.0,
        secrets: keys.secrets.0.into_iter().collect::<BTreeMap<_, _>>(),
        port: keys.port.and_then(|port| u16::try_from(port.0).ok()),
        cpu: keys.cpu.map(|cpu| cpu.0),
        memory: keys.memory.map(|memory| memory.0),
        health_check: keys.health_check.map(|command| command.0),
    }
}
