//! `Service`: one service, worker or scheduled task of an environment, and all that hangs on it.
//!
//! Units are those of `Environment`: seconds, MiB, GiB, Fargate's CPU units.

use std::collections::BTreeMap;

use serde_json::Value as Json;

use super::Text;

/// A service, a worker (no port) or a scheduled task.
#[derive(Debug, Clone, PartialEq)]
pub struct Service {
    /// Its name in the file.
    pub name: String,
    /// Where its image comes from.
    pub image: ImageSource,
    /// A task definition of the user's own, rendered as it is with image, environment and secrets put in.
    pub task_definition: Option<TaskDefinitionFile>,
    /// Build, task definition and cost follow it.
    pub platform: Platform,
    /// Fargate CPU units.
    pub cpu: u32,
    /// MiB.
    pub memory: u32,
    /// The container's port; a worker has none.
    pub port: Option<u16>,
    /// The host it answers for behind the load balancer.
    pub host: Option<String>,
    /// Hosts that are redirected to `host`.
    pub redirect_from: Vec<String>,
    /// It is the load balancer's default: the only service with a port, and no service has a host.
    pub default_route: bool,
    /// The listener rule's priority, from the file or derived from the name.
    pub priority: u32,
    /// TLS from the load balancer to the task.
    pub tls: bool,
    /// How its health is asked.
    pub health_check: HealthCheck,
    /// Overrides the image's command.
    pub command: Option<Vec<Text>>,
    /// Plain environment.
    pub environment: BTreeMap<String, Text>,
    /// Environment from secrets, by variable.
    pub secrets: BTreeMap<String, SecretSource>,
    /// Services that are deployed before this one.
    pub depends_on: Vec<String>,
    /// Services that may reach its port through discovery.
    pub allow_from: Vec<String>,
    /// A one-off task before the rollout.
    pub before_deploy: Option<OneOffTask>,
    /// A one-off task after a good verdict.
    pub after_deploy: Option<OneOffTask>,
    /// Autoscaling; without it `desired_count` holds.
    pub scaling: Option<Scaling>,
    /// How many tasks, where there is no autoscaling.
    pub desired_count: u32,
    /// How a new revision is rolled out.
    pub deploy: Deploy,
    /// Containers beside the service's own, by name.
    pub sidecars: BTreeMap<String, Sidecar>,
    /// Seconds between SIGTERM and SIGKILL.
    pub stop_timeout: u32,
    /// GiB, 21–200; Fargate gives 20 by itself.
    pub ephemeral_storage: Option<u32>,
    /// Fargate or Fargate Spot.
    pub capacity: Capacity,
    /// ECS Exec.
    pub execute_command: bool,
    /// What the task's code may call.
    pub task_role: TaskRole,
    /// A scheduled task, not a service that runs: an EventBridge Scheduler expression.
    pub schedule: Option<String>,
}

impl Service {
    /// Whether it has traffic from the load balancer.
    pub fn is_routed(&self) -> bool {
        self.host.is_some() || self.default_route
    }

    /// Whether it has a second target group: one that ECS shifts traffic to, or that a shift before may have left live.
    pub fn has_alternate(&self) -> bool {
        self.is_routed() && (self.deploy.strategy != Strategy::Rolling || self.deploy.alternate_target_group)
    }

    /// Whether it runs all the time (a scheduled task does not).
    pub fn is_running(&self) -> bool {
        self.schedule.is_none()
    }

    /// The service whose image this one runs: itself, or the one `from` names.
    pub fn image_owner(&self) -> &str {
        match &self.image {
            ImageSource::From(service) => service,
            _ => &self.name,
        }
    }
}

/// Where an image comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ImageSource {
    /// `build`.
    Build(Build),
    /// `image.layout`: an OCI layout directory.
    Layout(String),
    /// `image.archive`: a docker-archive or OCI archive file.
    Archive(String),
    /// `image.reference`: `NAME@sha256:…`, pulled as it is and never pushed.
    Reference(String),
    /// `from`: the image of another service.
    From(String),
    /// The images stand in the service's own task-definition file.
    TaskDefinition,
}

/// `build`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Build {
    /// The context directory, relative to the repository's root.
    pub context: String,
    /// The Dockerfile, relative to the context.
    pub dockerfile: String,
    /// The stage to build.
    pub target: Option<String>,
    /// Build arguments.
    pub args: BTreeMap<String, String>,
    /// Variables of the job given as BuildKit secrets.
    pub secrets: Vec<String>,
    /// A registry cache (`cache-*` tags).
    pub cache: bool,
    /// Whether an argument differs between environments: such an image is built per environment, never promoted.
    pub per_environment: bool,
}

/// A task definition of the user's own.
#[derive(Debug, Clone, PartialEq)]
pub struct TaskDefinitionFile {
    /// Its path as the file names it.
    pub path: String,
    /// Its content, in the shape of RegisterTaskDefinition.
    pub json: Json,
}

/// `platform`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Platform {
    /// `linux/amd64`.
    LinuxAmd64,
    /// `linux/arm64`.
    LinuxArm64,
}

impl Platform {
    /// As OCI writes it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::LinuxAmd64 => "linux/amd64",
            Self::LinuxArm64 => "linux/arm64",
        }
    }
}

/// `health-check`. Times in seconds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HealthCheck {
    /// The path asked by the load balancer.
    pub path: String,
    /// Seconds between checks.
    pub interval: u32,
    /// Seconds until a check counts as failed.
    pub timeout: u32,
    /// Good checks until healthy.
    pub healthy_threshold: u32,
    /// Bad checks until unhealthy.
    pub unhealthy_threshold: u32,
    /// Seconds in which a new task's bad checks do not count; sent where there is a load balancer or a command.
    pub grace_period: u32,
    /// HTTP codes that are good: `200`, `200-299`, `200,204`.
    pub codes: String,
    /// The container's own check; none unless the file gives it (a generated `curl` fails in images without one).
    pub command: Option<Vec<String>>,
}

/// Where a secret variable comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SecretSource {
    /// `database`: the URL of the environment's database.
    Database,
    /// `ssm`: the job's variable of that name, kept as `/<app>/<environment>/<variable>`.
    Ssm,
    /// `ssm:/an/existing/name`.
    SsmExisting(String),
    /// `secretsmanager:ARN[:key]`.
    SecretsManager {
        /// The secret's ARN.
        arn: String,
        /// A key of its JSON.
        key: Option<String>,
    },
}

/// `before-deploy`, `after-deploy`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OneOffTask {
    /// The command.
    pub command: Vec<Text>,
    /// Seconds it may take.
    pub timeout: u32,
}

/// `scaling`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scaling {
    /// Fewest tasks.
    pub min: u32,
    /// Most tasks.
    pub max: u32,
    /// Target: average CPU, percent.
    pub cpu: Option<u32>,
    /// Target: average memory, percent.
    pub memory: Option<u32>,
    /// Target: requests per target and minute.
    pub requests: Option<u32>,
}

/// `deploy`.
#[derive(Debug, Clone, PartialEq)]
pub struct Deploy {
    /// The strategy.
    pub strategy: Strategy,
    /// Minutes the new revision is watched after the shift.
    pub bake_time_minutes: u32,
    /// Percent of the desired count that must stay healthy.
    pub minimum_healthy_percent: u32,
    /// Percent of the desired count that may run.
    pub maximum_percent: u32,
    /// Names of alarms that turn the deployment back.
    pub alarms: Vec<String>,
    /// A second target group although the strategy is rolling.
    pub alternate_target_group: bool,
    /// Whether it answers on the load balancer's test listener, where there is one.
    pub test_listener: bool,
    /// Lifecycle stages at which a person is asked: `pre-production-traffic-shift`.
    pub pause: Vec<String>,
    /// Minutes a person has to answer; then the deployment is turned back.
    pub pause_timeout_minutes: u32,
    /// Lambda hooks of the user's, passed through.
    pub hooks: Vec<LambdaHook>,
}

/// A Lambda lifecycle hook of the user's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LambdaHook {
    /// The function's ARN.
    pub function: String,
    /// The role ECS calls it with.
    pub role: String,
    /// Lifecycle stages.
    pub stages: Vec<String>,
}

/// `deploy.strategy`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Strategy {
    /// Tasks are replaced step by step.
    Rolling,
    /// All traffic at once, after the new revision stands beside the old.
    BlueGreen,
    /// A small share first.
    Canary {
        /// Percent of the traffic, 0.1–100.
        percent: f64,
        /// Minutes before the rest follows.
        bake_minutes: u32,
    },
    /// Equal steps.
    Linear {
        /// Percent a step, 3–100.
        percent: f64,
        /// Minutes between steps.
        bake_minutes: u32,
    },
}

/// A container beside the service's own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sidecar {
    /// `NAME@sha256:…` or a tag.
    pub image: String,
    /// Whether the task ends with it.
    pub essential: bool,
    /// Overrides the image's command.
    pub command: Option<Vec<Text>>,
    /// Plain environment.
    pub environment: BTreeMap<String, Text>,
    /// Environment from secrets.
    pub secrets: BTreeMap<String, SecretSource>,
    /// Its port, where it listens.
    pub port: Option<u16>,
    /// CPU units of the task's reserved for it.
    pub cpu: Option<u32>,
    /// MiB of the task's it may use.
    pub memory: Option<u32>,
    /// Containers that wait for it: whether the service's own starts only when this one is healthy.
    pub health_check: Option<Vec<String>>,
}

/// `capacity`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Capacity {
    /// FARGATE.
    Fargate,
    /// FARGATE_SPOT.
    FargateSpot,
}

/// `task-role`.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct TaskRole {
    /// ARNs of managed policies.
    pub policies: Vec<String>,
    /// Statements of the policy language.
    pub statements: Vec<Json>,
}
