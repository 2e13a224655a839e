//! The listener of new versions: who may reach it, and which services answer there.

use std::collections::BTreeSet;

use super::network::range;
use crate::workflow::section::{Reader, ServiceKeys};
use crate::workflow::{Environment, LoadBalancer, Service, Strategy, TestListener};

/// Where it is made.
const MADE: &str = "load-balancer.test-listener";
/// Where one that is there already is named.
const NAMED: &str = "load-balancer.existing.test-listener";

/// A security group takes 60 rules, and the load balancer's has two more.
/// <https://docs.aws.amazon.com/vpc/latest/userguide/amazon-vpc-limits.html>
const RANGES: usize = 58;

/// The points of a deployment that are about test traffic.
/// <https://docs.aws.amazon.com/AmazonECS/latest/developerguide/deployment-lifecycle-hooks.html>
const STAGES: [&str; 2] = ["test-traffic-shift", "post-test-traffic-shift"];

pub(super) fn check(env: &Environment, reader: &mut Reader<'_>) {
    let key = match &env.load_balancer {
        LoadBalancer::Managed { test_listener: Some(test), .. } => {
            made(test, reader);
            Some(MADE)
        }
        LoadBalancer::Existing { listener, test_listener: Some(test), .. } => {
            named(listener, test, reader);
            Some(NAMED)
        }
        _ => None,
    };
    for service in env.services.values().filter(|service| service.schedule.is_none()) {
        of_service(env, service, key.is_some(), reader);
    }
    let idle = !env.services.values().any(|service| env.is_tested(service));
    if let Some(key) = key.filter(|key| idle && reader.clean(key) && reader.clean("services")) {
        let message = format!("no service of environment `{}` answers on the test listener", env.name);
        let help = "it leads to nothing: give a service `strategy: blue-green`, `canary` or `linear`, or take it away";
        reader.warn(key, message, help);
    }
}

fn made(test: &TestListener, reader: &mut Reader<'_>) {
    if !reader.clean(MADE) {
        return;
    }
    // 443 also without a domain: one that is given later wants it.
    if [80, 443].contains(&test.port) {
        let message = format!("port {} is of the listener that users come to", test.port);
        let path = format!("{MADE}.port");
        reader.refuse(&path, message, "a listener has a port of its own: take another, such as `9443`");
    }
    let path = format!("{MADE}.allow-from");
    if test.allow_from.len() > RANGES {
        let message =
            format!("`{path}` names {} ranges; a security group takes {RANGES} of them", test.allow_from.len());
        reader.refuse(&path, message, "name fewer and wider ones");
    }
    let mut seen = BTreeSet::new();
    for (index, text) in test.allow_from.iter().enumerate() {
        let path = format!("{path}.{index}");
        let Some(net) = range(text, &path, reader) else { continue };
        if !seen.insert(net) {
            // EC2 refuses a rule that is there twice.
            reader.error(&path, format!("`{text}` is named twice"), None);
        } else if net.prefix_len() == 0 {
            let message = "the test listener is open to everybody: what is not released, and without the CDN before it";
            reader.warn(&path, message, "name the ranges of those who test");
        } else if net.network().is_private() && net.broadcast().is_private() {
            let message =
                format!("`{text}` is private, and who calls the load balancer by its name comes from a public one");
            reader.warn(
                &path,
                message,
                "name the address that they have in the internet: a NAT gateway's, an office's",
            );
        }
    }
}

fn named(listener: &str, test: &str, reader: &mut Reader<'_>) {
    if !reader.clean("load-balancer.existing") {
        return;
    }
    let balancer = |arn: &str| arn.rsplit_once('/').map(|(balancer, _)| balancer.to_owned());
    if listener == test {
        let message = "`test-listener` is the listener that users come to";
        reader.refuse(NAMED, message, "name another of that load balancer, on a port of its own");
    } else if balancer(listener) != balancer(test) {
        let message = "`test-listener` is of another load balancer than `listener`";
        reader.refuse(NAMED, message, "the target groups of a service are behind one: name a listener of that one");
    }
}

fn of_service(env: &Environment, service: &Service, there: bool, reader: &mut Reader<'_>) {
    let deploy = ServiceKeys::path(&service.name, "deploy");
    if !reader.clean(&deploy) {
        return;
    }
    let path = format!("{deploy}.test-listener");
    if reader.has(&path) && service.deploy.test_listener {
        if !service.has_alternate() && reader.clean(&format!("services.{}", service.name)) {
            let message = "`deploy.test-listener` needs a strategy that shifts traffic";
            reader.refuse(&path, message, "take `blue-green`, `canary` or `linear`");
        } else if !there && reader.clean("load-balancer") {
            let message = "`deploy.test-listener`: the load balancer has no test listener";
            reader.refuse(&path, message, "write `load-balancer: { test-listener: { allow-from: [203.0.113.0/24] } }`");
        }
    }
    if env.is_tested(service) || service.deploy.strategy == Strategy::Rolling {
        return;
    }
    let pauses = service.deploy.pause.iter().enumerate();
    let pauses = pauses.map(|(index, stage)| (format!("{deploy}.pause.{index}"), stage));
    let hooks = service.deploy.hooks.iter().enumerate().flat_map(|(hook, it)| {
        let stages = it.stages.iter().enumerate();
        stages.map(move |(index, stage)| (hook, index, stage))
    });
    let hooks = hooks.map(|(hook, index, stage)| (format!("{deploy}.hooks.{hook}.stages.{index}"), stage));
    for (path, stage) in pauses.chain(hooks).filter(|(_, stage)| STAGES.contains(&stage.as_str())) {
        let message =
            format!("`{stage}` without a test listener: there is no test traffic, the new version cannot be reached");
        reader.warn(&path, message, "write `load-balancer: { test-listener: { allow-from: [203.0.113.0/24] } }`");
    }
}
