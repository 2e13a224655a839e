//! Database, CDN, logs, DNS; and what should be known of the environment as a whole.

use crate::workflow::section::Reader;
use crate::workflow::{Database, Egress, Environment, ImageSource, LoadBalancer, Network, Service};

/// The name under which a sidecar of the file's takes the place of the collector.
const COLLECTOR: &str = "aws-otel-collector";

/// Days that CloudWatch Logs can keep.
/// <https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_PutRetentionPolicy.html>
const RETENTION: [u32; 22] =
    [1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653];

pub(super) fn check(env: &Environment, reader: &mut Reader<'_>) {
    let days = env.monitoring.log_retention_days;
    if !RETENTION.contains(&days) && reader.clean("monitoring.log-retention") {
        let near = RETENTION.iter().find(|more| **more > days).unwrap_or(&3653);
        let values: Vec<String> = RETENTION.iter().map(|days| format!("{days}d")).collect();
        let message = format!("CloudWatch Logs cannot keep logs for {days} days");
        let help = format!("the next longer is `{near}d`; it knows {}", values.join(", "));
        reader.refuse("monitoring.log-retention", message, help);
    }
    database(env, reader);
    cdn(env, reader);
    if env.hosted_zone.is_some() && env.domain.is_none() && reader.clean("domain") {
        let message = "`dns.hosted-zone` without a `domain`: there is no name to make records for";
        reader.refuse("dns.hosted-zone", message, "give the environment a `domain`");
    }
    if env.account.is_none() && reader.clean("account") {
        let message = format!(
            "environment `{}` names no `account`: it goes to whichever account the credentials are of",
            env.name
        );
        reader.warn(&format!("environments.{}", env.name), message, "write `account: \"111122223333\"`");
    }
    let managed = matches!(env.load_balancer, LoadBalancer::Managed { .. });
    if env.domain.is_none() && managed && env.routed().next().is_some() && reader.clean("domain") {
        let message =
            format!("environment `{}` has no `domain`: the load balancer speaks HTTP only, without TLS", env.name);
        reader.warn(&format!("environments.{}", env.name), message, "write `domain: staging.example.com`");
    }
    without_a_way_out(env, reader);
}

/// Images of other registries cannot be pulled where there are only endpoints of AWS.
fn without_a_way_out(env: &Environment, reader: &mut Reader<'_>) {
    if !matches!(env.network, Network::Managed { egress: Egress::VpcEndpoints, .. }) {
        return;
    }
    let collected = |service: &Service| service.task_definition.is_some() || service.sidecars.contains_key(COLLECTOR);
    if env.monitoring.tracing && !env.services.values().all(collected) {
        let message = "`monitoring.tracing` with `egress: vpc-endpoints`: the collector's image cannot be pulled";
        let help = format!("copy it to ECR and name it as sidecar `{COLLECTOR}`, or take another `egress`");
        reader.refuse("monitoring.tracing", message, help);
    }
    for service in env.services.values() {
        let own = match &service.image {
            ImageSource::Reference(image) => Some((format!("services.{}.image.reference", service.name), image)),
            _ => None,
        };
        let sidecars = service
            .sidecars
            .iter()
            .map(|(name, sidecar)| (format!("services.{}.sidecars.{name}.image", service.name), &sidecar.image));
        for (path, image) in own.into_iter().chain(sidecars) {
            if !image.contains(".dkr.ecr.") {
                let message = format!(
                    "`{image}` cannot be pulled: with `egress: vpc-endpoints` only this account's ECR is reached"
                );
                reader.warn(&path, message, "copy it to ECR, or take another `egress`");
            }
        }
    }
}

fn database(env: &Environment, reader: &mut Reader<'_>) {
    let Some(Database::Managed(database)) = &env.database else { return };
    if let Some(region) = &database.replicate_backups_to {
        if *region == env.region {
            let message = format!("`database.replicate-backups-to` is the environment's own region {region}");
            reader.refuse("database.replicate-backups-to", message, "name a second one");
        }
        if database.backup_retention_days == 0 {
            let message = "`database.replicate-backups-to` with `backup-retention: 0d`: there are no backups";
            reader.refuse("database.replicate-backups-to", message, "keep backups for at least `1d`");
        }
    } else if database.backup_retention_days == 0 && env.protected && reader.clean("database") {
        let message = format!("environment `{}` is protected, but its database has no backups", env.name);
        reader.warn("database.backup-retention", message, "keep them for `7d`");
    }
    if let Some(value) = database.parameters.get("rds.force_ssl").filter(|value| *value != "1") {
        let message = format!("`rds.force_ssl: {value}` would let the database speak without TLS");
        reader.refuse("database.parameters.rds.force_ssl", message, "leave it out: it is always `1`");
    }
    // https://docs.aws.amazon.com/AmazonRDS/latest/PostgreSQLReleaseNotes/postgresql-release-calendar.html
    if let Ok(major) = database.version.parse::<u32>()
        && major < 11
        && reader.clean("database.version")
    {
        let message = format!("RDS no longer offers PostgreSQL {major}");
        reader.refuse("database.version", message, "take `\"17\"`");
    }
}

fn cdn(env: &Environment, reader: &mut Reader<'_>) {
    let Some(cdn) = &env.cdn else { return };
    if matches!(env.load_balancer, LoadBalancer::Existing { .. }) {
        let message = "`cdn` before a load balancer that is there already: its DNS name is not known";
        reader.refuse("cdn", message, "let the runner make the load balancer, or put your own CDN before yours");
    }
    if env.domain.is_none() && reader.clean("domain") {
        reader.refuse(
            "cdn",
            "`cdn` without a `domain`: CloudFront has no name to answer for",
            "give the environment a `domain`",
        );
    }
    // A service that is not there at all is the graph's to say.
    if let Some(service) = env.services.get(&cdn.service)
        && service.host.is_none()
        && reader.clean(&format!("services.{}", service.name))
    {
        let message = format!("`cdn.service`: `{}` has no `host`", cdn.service);
        reader.refuse("cdn.service", message, "CloudFront answers for a service's host; give it one");
    }
}
