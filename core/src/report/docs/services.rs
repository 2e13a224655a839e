//! Services, and what they are started with: settings and secrets by name.

use serde_json::Value as Json;

use super::{
    Whole,
    page::{Page, code, list, plain, shown},
};
use crate::workflow::{Environment, Service, Strategy};

/// Writes the services, their settings and their secrets.
pub(super) fn write(page: &mut Page, whole: &Whole<'_>) {
    let env = whole.env;
    page.line("### Services");
    let rows = env.services.values().zip(&whole.definitions).map(|(service, definition)| {
        let text = |key: &str| definition[key].as_str().unwrap_or("?").to_owned();
        let tasks = match (&service.schedule, &service.scaling) {
            (Some(schedule), _) => code(schedule),
            (None, Some(scaling)) => format!("{}–{}", scaling.min, scaling.max),
            (None, None) => service.desired_count.to_string(),
        };
        vec![
            code(&service.name),
            format!("{} CPU, {} MiB, {}", text("cpu"), text("memory"), service.platform.as_str()),
            tasks,
            reached(env, service),
            health(service),
            rollout(service).to_owned(),
        ]
    });
    page.table(&["service", "a task", "tasks", "reached at", "health check", "rollout"], rows.collect());

    page.line("### Settings");
    page.paragraph("Plain environment of each container.");
    page.table(&["service", "container", "variable", "value"], variables(whole, "environment", "value"));

    page.line("### Secrets");
    page.paragraph(
        "By name; ECS reads the values with the execution role when a container starts. No value is kept here.",
    );
    page.table(&["service", "container", "variable", "from"], variables(whole, "secrets", "valueFrom"));
}

fn reached(env: &Environment, service: &Service) -> String {
    let mut places: Vec<String> = service.host.iter().map(|host| code(host)).collect();
    places.extend(service.redirect_from.iter().map(|host| format!("{} (redirect)", code(host))));
    if service.default_route {
        places.push("the load balancer's own name".to_owned());
    }
    if env.is_tested(service) {
        places.push(match env.test_listener() {
            Some(test) => format!("port {} (new versions, before traffic)", test.port),
            None => "the test listener (new versions, before traffic)".to_owned(),
        });
    }
    if let (Some(port), true) = (service.port, service.is_running()) {
        places.push(code(&format!("{}.{}:{port}", service.name, env.namespace())));
    }
    if places.is_empty() { "not reached".to_owned() } else { places.join(", ") }
}

fn health(service: &Service) -> String {
    let check = &service.health_check;
    let mut parts = Vec::new();
    if service.is_routed() {
        let times =
            format!("{} s × {} healthy, {} not", check.interval, check.healthy_threshold, check.unhealthy_threshold);
        parts.push(format!("{} {}, every {times}", code(&check.path), plain(&check.codes)));
    }
    parts.extend(check.command.iter().map(|command| code(&command.join(" "))));
    if parts.is_empty() { "none".to_owned() } else { parts.join("; ") }
}

fn rollout(service: &Service) -> &'static str {
    match service.deploy.strategy {
        _ if !service.is_running() => "by its schedule",
        Strategy::Rolling => "rolling",
        Strategy::BlueGreen => "blue/green",
        Strategy::Canary { .. } => "canary",
        Strategy::Linear { .. } => "linear",
    }
}

/// The variables of every container, as ECS gets them.
fn variables(whole: &Whole<'_>, key: &str, value: &str) -> Vec<Vec<String>> {
    let mut rows = Vec::new();
    for (service, definition) in whole.env.services.values().zip(&whole.definitions) {
        for container in list(&definition["containerDefinitions"]) {
            for variable in list(&container[key]) {
                let name = |json: &Json| code(json.as_str().unwrap_or_default());
                rows.push(vec![
                    code(&service.name),
                    name(&container["name"]),
                    name(&variable["name"]),
                    code(&shown(&variable[value])),
                ]);
            }
        }
    }
    rows
}
