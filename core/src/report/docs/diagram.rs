//! The picture: who reaches what.

use super::{Whole, page::Page};
use crate::workflow::{Database, Egress, LoadBalancer, Network, SecretSource};

/// Services that have a node of their own; GitHub draws no large picture, so the rest share one.
const SERVICES: usize = 36;

/// Writes the diagram; the tables below it say the same in words.
pub(super) fn write(page: &mut Page, whole: &Whole<'_>) {
    let lines: Vec<String> = draw(whole);
    page.paragraph(&format!("```mermaid\nflowchart LR\n{}\n```", lines.join("\n")));
}

/// A label of the file's words, closed in itself.
fn label(text: &str) -> String {
    let text: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    text.replace('#', "#35;").replace('"', "#quot;").replace('<', "#lt;").replace('>', "#gt;")
}

fn draw(whole: &Whole<'_>) -> Vec<String> {
    let env = whole.env;
    let mut lines = vec!["  internet((internet))".to_owned()];
    let names: Vec<&String> = env.services.keys().collect();
    let node = |name: &str| match names.iter().position(|known| *known == name) {
        Some(at) if at < SERVICES => format!("s{at}"),
        _ => "more".to_owned(),
    };
    let mut edges: Vec<String> = Vec::new();
    let mut edge = |line: String| {
        if !edges.contains(&line) {
            edges.push(line);
        }
    };
    let routed = env.routed().next().is_some();
    if routed {
        let wall = matches!(&env.load_balancer, LoadBalancer::Managed { waf: Some(_), .. });
        let what = if wall { "WAF, load balancer" } else { "load balancer" };
        lines.push(format!("  balancer[{what}]"));
        edge(format!("  internet -->|{}| balancer", if env.domain.is_some() { "443" } else { "80" }));
    }
    if let Some(test) = env.test_listener() {
        lines.push("  testers((testers))".to_owned());
        edge(format!("  testers -->|{}| balancer", test.port));
    }
    if let Some(cdn) = &env.cdn {
        lines.push("  cdn[CloudFront]".to_owned());
        edge("  internet --> cdn".to_owned());
        edge(format!("  cdn -->|{}| balancer", label(&cdn.service)));
    }
    for (at, service) in env.services.values().enumerate() {
        let of = node(&service.name);
        if at < SERVICES {
            let what = if service.is_running() { "" } else { "<br>scheduled" };
            lines.push(format!("  {of}[\"{}{what}\"]", label(&service.name)));
        }
        if service.is_routed() {
            let port = service.port.map(|port| format!("|{port}|")).unwrap_or_default();
            edge(format!("  balancer -->{port} {of}"));
        }
        for caller in &service.allow_from {
            edge(format!("  {} --> {of}", node(caller)));
        }
        if env.database.is_some() && service.secrets.values().any(|source| *source == SecretSource::Database) {
            edge(format!("  {of} -->|5432| database"));
        }
    }
    if names.len() > SERVICES {
        lines.push(format!("  more[\"{} more services\"]", names.len() - SERVICES));
    }
    match &env.database {
        Some(Database::Managed(database)) => {
            lines.push(format!("  database[(\"{} {}\")]", label(&database.engine), label(&database.version)));
        }
        Some(Database::Existing { .. }) => lines.push("  database[(existing database)]".to_owned()),
        None => {}
    }
    match &env.network {
        Network::Managed { egress: Egress::VpcEndpoints, .. } => {
            lines.push("  out[VPC endpoints]".to_owned());
            lines.push("  aws((AWS services))".to_owned());
            edge("  out --> aws".to_owned());
        }
        Network::Managed { .. } => {
            lines.push("  out[NAT gateway]".to_owned());
            edge("  out --> internet".to_owned());
        }
        Network::Existing { .. } => lines.push("  out[the VPC's own way out]".to_owned()),
    }
    for name in &names {
        edge(format!("  {} -.-> out", node(name)));
    }
    lines.extend(edges);
    lines
}
