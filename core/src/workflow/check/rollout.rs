//! How revisions are rolled out.

use crate::workflow::section::{Reader, ServiceKeys};
use crate::workflow::{Service, Strategy};

pub(super) fn check(service: &Service, reader: &mut Reader<'_>) {
    if service.schedule.is_some() {
        return;
    }
    let path = |key: &str| ServiceKeys::path(&service.name, key);
    let deploy = &service.deploy;
    let shifts = deploy.strategy != Strategy::Rolling;
    if !reader.clean(&path("deploy")) {
        return;
    }
    if shifts && !service.is_routed() && reader.clean(&format!("services.{}", service.name)) {
        let message =
            format!("`services.{}` has no traffic from the load balancer that could be shifted", service.name);
        reader.refuse(&path("deploy.strategy"), message, "give it a `host`, or take `strategy: rolling`");
    }
    if shifts && service.scaling.as_ref().is_some_and(|scaling| scaling.requests.is_some()) {
        let message = "`scaling.requests` counts one target group, and this strategy has two";
        reader.refuse(&path("scaling.requests"), message, "scale by `cpu` or `memory`, or take `strategy: rolling`");
    }
    for (key, used) in [
        ("canary-percent", matches!(deploy.strategy, Strategy::Canary { .. })),
        ("canary-bake-time", matches!(deploy.strategy, Strategy::Canary { .. })),
        ("step-percent", matches!(deploy.strategy, Strategy::Linear { .. })),
        ("step-bake-time", matches!(deploy.strategy, Strategy::Linear { .. })),
    ] {
        let path = path(&format!("deploy.{key}"));
        if reader.has(&path) && !used {
            let strategy = if key.starts_with("canary") { "canary" } else { "linear" };
            let message = format!("`{key}` has no effect without `strategy: {strategy}`");
            reader.warn(&path, message, "take it away, or change the strategy");
        }
    }
    // https://docs.aws.amazon.com/AmazonECS/latest/developerguide/deployment-lifecycle-hooks.html
    for (key, there) in [("pause", !deploy.pause.is_empty()), ("hooks", !deploy.hooks.is_empty())] {
        if there && !shifts {
            let message = format!("`deploy.{key}` needs a strategy that shifts traffic");
            reader.refuse(&path(&format!("deploy.{key}")), message, "take `blue-green`, `canary` or `linear`");
        }
    }
    if deploy.alternate_target_group && !service.is_routed() && reader.clean(&format!("services.{}", service.name)) {
        let message = format!("`services.{}` has no traffic from the load balancer", service.name);
        reader.refuse(&path("deploy.alternate-target-group"), message, "give it a `host`, or take it away");
    }
    if reader.has(&path("deploy.pause-timeout")) && deploy.pause.is_empty() {
        let message = "`pause-timeout` has no effect without `pause`";
        reader.warn(&path("deploy.pause-timeout"), message, "take it away, or name a point in `pause`");
    }
    for (index, stage) in deploy.pause.iter().enumerate() {
        if deploy.pause[..index].contains(stage) {
            reader.error(&path(&format!("deploy.pause.{index}")), format!("`{stage}` is named twice"), None);
        }
    }
    if !shifts {
        stuck(service, reader);
    }
}

/// A rolling deployment moves only where more tasks may run than must stay.
fn stuck(service: &Service, reader: &mut Reader<'_>) {
    let tasks = service.scaling.as_ref().map_or(service.desired_count, |scaling| scaling.min).max(1);
    let (minimum, maximum) = (service.deploy.minimum_healthy_percent, service.deploy.maximum_percent);
    // ECS rounds the lower bound up and the upper one down.
    // https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_DeploymentConfiguration.html
    let (stay, run) = ((tasks * minimum).div_ceil(100), tasks * maximum / 100);
    if run > stay || (run == stay && stay < tasks) {
        return;
    }
    let key = |key: &str| ServiceKeys::path(&service.name, &format!("deploy.{key}"));
    let path =
        if reader.has(&key("maximum-percent")) { key("maximum-percent") } else { key("minimum-healthy-percent") };
    let message = format!(
        "with {tasks} task{} at least {stay} must stay and at most {run} may run: no deployment could move",
        if tasks == 1 { "" } else { "s" }
    );
    reader.refuse(&path, message, "raise `maximum-percent`, or lower `minimum-healthy-percent`");
}
