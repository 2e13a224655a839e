//! Keys of a service that need or exclude each other.

use std::collections::BTreeMap;

use crate::workflow::section::{Reader, ServiceKeys, listed};
use crate::workflow::{Environment, ImageSource, SecretSource, Service};

/// Containers that a task may have.
/// <https://docs.aws.amazon.com/AmazonECS/latest/developerguide/service-quotas.html>
const CONTAINERS: usize = 10;
/// Security groups that a network interface may have.
const GROUPS: usize = 5;

pub(super) fn check(env: &Environment, service: &Service, reader: &mut Reader<'_>) {
    let path = |key: &str| ServiceKeys::path(&service.name, key);
    if service.schedule.is_some() {
        scheduled(service, reader);
    }
    if service.port.is_none() {
        for key in ["host", "redirect-from", "priority", "tls", "allow-from", "health-check.path"] {
            let (path, port) = (path(key), path("port"));
            if service.schedule.is_none() && reader.has(&path) && reader.clean(&path) && reader.clean(&port) {
                let message = format!("`services.{}` has no `port`, so `{key}` means nothing", service.name);
                reader.refuse(&path, message, "give it a `port`, or take the key away");
            }
        }
    } else if service.host.is_none() && !service.redirect_from.is_empty() && reader.clean(&path("host")) {
        let message = format!("`services.{}` has `redirect-from` but no `host` to redirect to", service.name);
        reader.refuse(&path("redirect-from"), message, "give it a `host`");
    }
    if service.redirect_from.len() > 5 {
        let message =
            format!("`redirect-from` names {} hosts; a listener rule takes five", service.redirect_from.len());
        reader.error(&path("redirect-from"), message, None);
    }
    let check = &service.health_check;
    if check.timeout >= check.interval && reader.clean(&path("health-check")) {
        let message = format!(
            "the health check's timeout of {}s is not shorter than its interval of {}s",
            check.timeout, check.interval
        );
        let key =
            if reader.has(&path("health-check.timeout")) { "health-check.timeout" } else { "health-check.interval" };
        reader.refuse(&path(key), message, "the load balancer wants it shorter");
    }
    if let Some(scaling) = &service.scaling
        && scaling.min > scaling.max
        && reader.clean(&path("scaling"))
    {
        let message = format!("`scaling.min` {} is more than `scaling.max` {}", scaling.min, scaling.max);
        let key = if reader.has(&path("scaling.min")) { "scaling.min" } else { "scaling.max" };
        reader.error(&path(key), message, None);
    }
    if let Some(scaling) = &service.scaling
        && scaling.requests.is_some()
        && !service.is_routed()
        && service.schedule.is_none()
        && reader.clean(&format!("services.{}", service.name))
    {
        let message = format!("`services.{}` gets no requests from the load balancer", service.name);
        reader.refuse(&path("scaling.requests"), message, "scale by `cpu` or `memory`");
    }
    if service.scaling.is_some() && reader.has(&path("desired-count")) {
        let message = "`desired-count` stands beside `scaling`, which decides it";
        reader.refuse(&path("desired-count"), message, "take one of them away; in an environment with `null`");
    }
    if let ImageSource::From(owner) = &service.image
        && let Some(other) = env.services.get(owner)
        && other.platform != service.platform
        && reader.clean(&path("platform"))
    {
        let message =
            format!("`services.{}` takes its image from `{owner}`, which is {}", service.name, other.platform.as_str());
        reader.refuse(&path("platform"), message, "take `platform` away");
    }
    own_checks(service, reader);
    own_definition(service, reader);
    sidecars(service, reader);
    groups(env, service, reader);
}

/// A scheduled task has nothing that is rolled out or reached.
fn scheduled(service: &Service, reader: &mut Reader<'_>) {
    for key in [
        "port",
        "host",
        "redirect-from",
        "priority",
        "tls",
        "scaling",
        "desired-count",
        "deploy",
        "allow-from",
        "before-deploy",
        "after-deploy",
        "health-check",
        "execute-command",
    ] {
        let path = ServiceKeys::path(&service.name, key);
        if reader.has(&path) {
            let message = format!("`services.{}` is a scheduled task, for which `{key}` means nothing", service.name);
            reader.refuse(&path, message, "take `schedule` or this key away");
        }
    }
}

/// A container's check is written without the `CMD` that ECS puts before it.
fn own_checks(service: &Service, reader: &mut Reader<'_>) {
    let own = service.health_check.command.as_ref().map(|command| ("health-check.command".to_owned(), command));
    let sidecars = service.sidecars.iter().filter_map(|(name, sidecar)| {
        sidecar.health_check.as_ref().map(|command| (format!("sidecars.{name}.health-check"), command))
    });
    for (key, command) in own.into_iter().chain(sidecars) {
        if command.first().is_some_and(|word| matches!(word.as_str(), "CMD" | "CMD-SHELL" | "NONE")) {
            let path = ServiceKeys::path(&service.name, &format!("{key}.0"));
            let help = "a list is started as it is, a list of one text is given to the shell";
            reader.refuse(&path, format!("`{}` is put there by itself", command[0]), help);
        }
    }
}

/// What stands in a task definition of the user's own is not said beside it.
fn own_definition(service: &Service, reader: &mut Reader<'_>) {
    let Some(file) = &service.task_definition else { return };
    for key in [
        "platform",
        "cpu",
        "memory",
        "command",
        "sidecars",
        "stop-timeout",
        "ephemeral-storage",
        "health-check.command",
    ] {
        let path = ServiceKeys::path(&service.name, key);
        if reader.has(&path) {
            let message = format!("`{key}` stands beside `task-definition`, whose file says it");
            reader.refuse(&path, message, format!("write it in `{}`", file.path));
        }
    }
    let names: Vec<&str> = file.json["containerDefinitions"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|container| container["name"].as_str())
        .collect();
    if names.len() > 1 && !names.contains(&service.name.as_str()) {
        let message = format!("`{}` has no container `{}`", file.path, service.name);
        let help = format!("environment and secrets are put into that one; its containers are {}", listed(&names));
        reader.refuse(&ServiceKeys::path(&service.name, "task-definition"), message, help);
    }
}

fn sidecars(service: &Service, reader: &mut Reader<'_>) {
    let path = |name: &str, key: &str| format!("services.{}.sidecars.{name}{key}", service.name);
    if service.sidecars.len() >= CONTAINERS {
        let message = format!("a task has at most {CONTAINERS} containers, found {}", service.sidecars.len() + 1);
        reader.error(&ServiceKeys::path(&service.name, "sidecars"), message, None);
    }
    let mut ports: BTreeMap<u16, &str> = service.port.map(|port| (port, service.name.as_str())).into_iter().collect();
    for (name, sidecar) in &service.sidecars {
        if *name == service.name {
            let message = format!("a sidecar cannot be called `{name}`: that is the service's own container");
            reader.refuse(&path(name, ""), message, "take another name");
        }
        if let Some(port) = sidecar.port
            && let Some(other) = ports.insert(port, name)
        {
            let message = format!(
                "`{name}` and `{other}` both listen on port {port}; the containers of a task share one address"
            );
            reader.error(&path(name, ".port"), message, None);
        }
    }
    let sum = |of: fn(&crate::workflow::Sidecar) -> Option<u32>| -> u32 {
        service.sidecars.values().filter_map(of).fold(0, u32::saturating_add)
    };
    for (key, used, all) in [("cpu", sum(|s| s.cpu), service.cpu), ("memory", sum(|s| s.memory), service.memory)] {
        if used >= all && reader.clean(&ServiceKeys::path(&service.name, key)) {
            let message =
                format!("the sidecars take {used} of the task's {all} `{key}`; nothing is left for `{}`", service.name);
            reader.error(&ServiceKeys::path(&service.name, "sidecars"), message, None);
        }
    }
}

/// A task attaches its own group, the database's client group, and one for each service that lets it in.
fn groups(env: &Environment, service: &Service, reader: &mut Reader<'_>) {
    let secrets =
        service.secrets.values().chain(service.sidecars.values().flat_map(|sidecar| sidecar.secrets.values()));
    let database = env.database.is_some() && secrets.into_iter().any(|source| *source == SecretSource::Database);
    let callees: Vec<&str> = env
        .services
        .values()
        .filter(|other| other.allow_from.contains(&service.name))
        .map(|other| other.name.as_str())
        .collect();
    let count = 1 + usize::from(database) + callees.len();
    if count > GROUPS {
        let message = format!("tasks of `{}` would need {count} security groups; AWS allows {GROUPS}", service.name);
        let help = format!(
            "its own{}, and one each for {}: let fewer services name it in `allow-from`",
            if database { ", the database's" } else { "" },
            listed(&callees)
        );
        reader.refuse(&format!("services.{}", service.name), message, help);
    }
}
