//! Hosts, listener rules and their priorities, and the load balancer's quotas.

use std::collections::BTreeMap;

use crate::workflow::Environment;
use crate::workflow::section::{Reader, ServiceKeys};

/// <https://docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-limits.html>
const TARGET_GROUPS: usize = 100;
const RULES: usize = 100;
/// ACM's default; more on request.
/// <https://docs.aws.amazon.com/acm/latest/userguide/acm-limits.html>
const CERTIFICATE_NAMES: usize = 10;

/// If exactly one service has a port and none a host, it is what the load balancer shows.
pub(super) fn default_route(environment: &mut Environment) {
    if environment.services.values().any(|service| service.host.is_some()) {
        return;
    }
    let mut with_port =
        environment.services.values_mut().filter(|service| service.port.is_some() && service.schedule.is_none());
    if let (Some(only), None) = (with_port.next(), with_port.next()) {
        only.default_route = true;
    }
}

pub(super) fn check(env: &Environment, reader: &mut Reader<'_>) {
    hosts(env, reader);
    priorities(env, reader);
    quotas(env, reader);
}

fn hosts(env: &Environment, reader: &mut Reader<'_>) {
    // Hosts first: a redirect from a service's host is the redirect's fault.
    let mut all: Vec<(&str, String)> = Vec::new();
    for service in env.services.values() {
        all.extend(service.host.as_deref().map(|host| (host, ServiceKeys::path(&service.name, "host"))));
    }
    for service in env.services.values() {
        for (index, host) in service.redirect_from.iter().enumerate() {
            all.push((host, ServiceKeys::path(&service.name, &format!("redirect-from.{index}"))));
        }
    }
    let mut taken: BTreeMap<&str, String> = BTreeMap::new();
    for (host, path) in all {
        if let Some(other) = taken.get(host) {
            let message = format!("`{host}` is taken by `{other}`");
            reader.refuse(&path, message, "the load balancer sends a host to one place");
        } else {
            taken.insert(host, path);
        }
    }
    if let Some(domain) = &env.domain {
        let names = taken.keys().filter(|host| *host != domain).count() + 1;
        if names > CERTIFICATE_NAMES {
            let message = format!(
                "the certificate of `{}` needs {names} names; ACM gives {CERTIFICATE_NAMES} unless asked for more",
                env.name
            );
            reader.warn("domain", message, "ask for a higher quota, or use fewer hosts");
        }
    }
}

fn priorities(env: &Environment, reader: &mut Reader<'_>) {
    let mut taken: BTreeMap<u32, &str> = BTreeMap::new();
    let explicit = |name: &str, reader: &Reader<'_>| reader.has(&ServiceKeys::path(name, "priority"));
    // Those from the file first, so that a derived one is what is said to collide.
    let mut services: Vec<_> = env.routed().collect();
    services.sort_by_key(|service| !explicit(&service.name, reader));
    for service in services {
        let redirect = (!service.redirect_from.is_empty()).then_some(service.priority + 1);
        for priority in std::iter::once(service.priority).chain(redirect) {
            let Some(other) = taken.insert(priority, &service.name) else { continue };
            let derived = if explicit(&service.name, reader) { "" } else { ", which comes from its name" };
            let message = format!("`{}` and `{other}` both have a rule of priority {priority}{derived}", service.name);
            let path = if explicit(&service.name, reader) {
                ServiceKeys::path(&service.name, "priority")
            } else {
                format!("services.{}", service.name)
            };
            reader.refuse(&path, message, "give one of them another `priority`; a redirect takes the one after it");
        }
    }
}

fn quotas(env: &Environment, reader: &mut Reader<'_>) {
    let groups: usize = env.routed().map(|service| if service.has_alternate() { 2 } else { 1 }).sum();
    if groups > TARGET_GROUPS {
        let message =
            format!("the services behind the load balancer need {groups} target groups; it takes {TARGET_GROUPS}");
        reader.refuse("services", message, "a strategy that shifts traffic needs two for each service");
    }
    let redirects = env.routed().filter(|service| !service.redirect_from.is_empty()).count();
    let tested = env.routed().filter(|service| env.is_tested(service)).count();
    let rules = env.routed().count() + redirects + tested;
    if rules > RULES {
        let message = format!("the services behind the load balancer need {rules} listener rules; it takes {RULES}");
        reader.refuse(
            "services",
            message,
            "each service needs one, one more with `redirect-from`, and one on the test listener",
        );
    }
}
