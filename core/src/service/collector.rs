//! Tracing: the collector beside a service's own containers, and the variables that lead an OpenTelemetry SDK to it.
//!
//! AWS's distribution of the OpenTelemetry collector takes OTLP and gives it to X-Ray; the X-Ray daemon is near the end of
//! its support. <https://docs.aws.amazon.com/xray/latest/devguide/xray-daemon-eos.html>

use serde_json::{Value as Json, json};

use crate::workflow::{Environment, Service};

/// The container's name. A sidecar of the file's under this name takes its place.
pub const NAME: &str = "aws-otel-collector";

/// Version 0.48.0, for both architectures.
/// <https://gallery.ecr.aws/aws-observability/aws-otel-collector>
pub const IMAGE: &str = "public.ecr.aws/aws-observability/aws-otel-collector@sha256:9b28046359054b414f4ba76056ba4e8cffda2d53fbcee06171d7eeecd71326c3";

/// MiB after which the collector is stopped: it must not take the program's.
const MEMORY: u32 = 256;
/// MiB after which it refuses traces, long before.
const REFUSES: u32 = 180;

/// Whether a service has the collector. A definition of the user's own is rendered as it is.
pub(super) fn wanted(env: &Environment, service: &Service) -> bool {
    env.monitoring.tracing && service.task_definition.is_none() && !service.sidecars.contains_key(NAME)
}

/// The container. Not essential, and started again when it ends: the program must not stop for it.
pub(super) fn container(env: &Environment, log_configuration: Json) -> Json {
    // Only from inside the task, whose containers share an address.
    let config = json!({
        "receivers": { "otlp": { "protocols": {
            "grpc": { "endpoint": "127.0.0.1:4317" },
            "http": { "endpoint": "127.0.0.1:4318" },
        } } },
        "processors": {
            "memory_limiter": { "check_interval": "1s", "limit_mib": REFUSES },
            "resourcedetection": { "detectors": ["env", "ecs"] },
            "batch": { "timeout": "1s", "send_batch_size": 50 },
        },
        "exporters": { "awsxray": { "region": env.region } },
        "service": { "pipelines": { "traces": {
            "receivers": ["otlp"],
            "processors": ["memory_limiter", "resourcedetection", "batch"],
            "exporters": ["awsxray"],
        } } },
    });
    json!({
        "name": NAME,
        "image": IMAGE,
        "essential": false,
        "memory": MEMORY,
        // https://docs.aws.amazon.com/AmazonECS/latest/developerguide/container-restart-policy.html
        "restartPolicy": { "enabled": true, "restartAttemptPeriod": 60 },
        // https://aws-otel.github.io/docs/setup/ecs/config-through-ssm
        "environment": [{ "name": "AOT_CONFIG_CONTENT", "value": config.to_string() }],
        "secrets": [],
        "logConfiguration": log_configuration,
    })
}

/// The variables of the program, but for those that the file sets. HTTP, which every language's SDK speaks; traces
/// alone; a tenth of them, unless the caller has decided.
/// <https://opentelemetry.io/docs/specs/otel/configuration/sdk-environment-variables/>
pub(super) fn variables(env: &Environment, service: &Service) -> Vec<Json> {
    let attributes = format!("service.namespace={},deployment.environment.name={}", env.app, env.name);
    let all = [
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:4318"),
        ("OTEL_EXPORTER_OTLP_PROTOCOL", "http/protobuf"),
        ("OTEL_LOGS_EXPORTER", "none"),
        ("OTEL_METRICS_EXPORTER", "none"),
        ("OTEL_RESOURCE_ATTRIBUTES", attributes.as_str()),
        ("OTEL_SERVICE_NAME", service.name.as_str()),
        ("OTEL_TRACES_SAMPLER", "parentbased_traceidratio"),
        ("OTEL_TRACES_SAMPLER_ARG", "0.1"),
    ];
    let free = |name: &str| !service.environment.contains_key(name) && !service.secrets.contains_key(name);
    all.into_iter()
        .filter(|(name, _)| free(name))
        .map(|(name, value)| json!({ "name": name, "value": value }))
        .collect()
}

#[cfg(test)]
#[path = "collector_tests.rs"]
mod tests;
