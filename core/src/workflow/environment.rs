//! `Environment`: one environment of the file, merged, interpolated, defaulted and checked.
//!
//! Everything downstream reads this and nothing else of the file. Durations are in seconds, memory in MiB, disk in
//! GiB, CPU in Fargate's units (1024 = one vCPU).

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value as Json;

use super::Text;
use crate::text::Span;

/// One environment.
#[derive(Debug, Clone, PartialEq)]
pub struct Environment {
    /// The app's name: letters, digits and hyphens; part of every physical name.
    pub app: String,
    /// The environment's name.
    pub name: String,
    /// The other environments of the file, by name.
    pub siblings: BTreeMap<String, Sibling>,
    /// The AWS region.
    pub region: String,
    /// The account every call must go to; checked before any call where it is given.
    pub account: Option<String>,
    /// The apex domain of this environment.
    pub domain: Option<String>,
    /// Termination and deletion protection, longer image retention.
    pub protected: bool,
    /// Whom AWS shall trust, for bootstrap-identity.
    pub identity: Option<Identity>,
    /// VPC and subnets.
    pub network: Network,
    /// The cluster.
    pub cluster: Cluster,
    /// The Route 53 zone, where there is one.
    pub hosted_zone: Option<String>,
    /// The database, where the app has one.
    pub database: Option<Database>,
    /// The load balancer; there is one where a service is reached through it.
    pub load_balancer: LoadBalancer,
    /// CloudFront, where it is wanted.
    pub cdn: Option<Cdn>,
    /// Logs, alarms, tracing.
    pub monitoring: Monitoring,
    /// Services, workers and scheduled tasks, by name.
    pub services: BTreeMap<String, Service>,
    /// The user's own templates, by name.
    pub extra_stacks: BTreeMap<String, ExtraStack>,
    /// The user's own stages, by name.
    pub stages: BTreeMap<String, OwnStage>,
    /// Where each key of the file stands.
    pub origins: Origins,
}

/// What an environment knows of another of its file: they may share an account, and so the repositories in it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Sibling {
    /// Whether it is protected.
    pub protected: bool,
    /// Services that push an image of their own in it.
    pub pushed: BTreeSet<String>,
}

/// Where each key stands in the file, by its path in this environment (`services.api.cpu`): the span is that of the
/// value that won the merge.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Origins {
    /// The file as the user named it.
    pub file: String,
    /// Path → span.
    pub spans: BTreeMap<String, Span>,
    /// What the file left out, with the value it then has, written as in the file.
    pub defaults: BTreeMap<String, String>,
}

impl Origins {
    /// Where `path` stands, or the nearest key above it that is in the file.
    pub fn find(&self, path: &str) -> Option<Span> {
        let mut path = path;
        loop {
            if let Some(span) = self.spans.get(path) {
                return Some(*span);
            }
            path = &path[..path.rfind('.')?];
        }
    }
}

/// `identity`: whom AWS shall trust.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// `OWNER/NAME`.
    pub repository: String,
    /// The repository's numeric id, which survives a rename and cannot be recycled.
    pub repository_id: String,
    /// The account's OIDC provider where it has one already.
    pub oidc_provider: Option<String>,
}

/// `network`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Network {
    /// A VPC of our own.
    Managed {
        /// The VPC's range.
        cidr: String,
        /// One range a zone, in the order of the zones.
        public_subnets: Vec<String>,
        /// One range a zone, in the order of the zones.
        private_subnets: Vec<String>,
        /// How private subnets reach the internet.
        egress: Egress,
    },
    /// A VPC that is there already.
    Existing {
        /// `vpc-…`.
        vpc: String,
        /// `subnet-…`, at least two in two zones.
        public_subnets: Vec<String>,
        /// `subnet-…`, at least two in two zones.
        private_subnets: Vec<String>,
    },
}

/// `network.egress`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Egress {
    /// One NAT gateway for all zones.
    NatGateway,
    /// One NAT gateway in each zone.
    NatGatewayPerAz,
    /// No way out but to the AWS services the tasks need.
    VpcEndpoints,
}

/// `cluster`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cluster {
    /// The name of a cluster that is there already; without it we make `<app>-<environment>`.
    pub existing: Option<String>,
    /// Container Insights (default on).
    pub container_insights: bool,
}

/// `database`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Database {
    /// An RDS instance of our own.
    Managed(ManagedDatabase),
    /// A database that is there already.
    Existing {
        /// ARN of the Secrets Manager secret (or SSM parameter) that holds the whole URL.
        url: String,
        /// The security group a task attaches to reach it.
        client_security_group: String,
    },
}

/// An RDS instance of our own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ManagedDatabase {
    /// `postgres`.
    pub engine: String,
    /// Major version only: a pinned minor fails after an automatic upgrade.
    pub version: String,
    /// `db.t3.micro`.
    pub instance_class: String,
    /// GiB.
    pub allocated_storage: u32,
    /// A standby in a second zone.
    pub multi_az: bool,
    /// Days that automated backups are kept.
    pub backup_retention_days: u32,
    /// A second region for the backups.
    pub replicate_backups_to: Option<String>,
    /// Extra parameters of the parameter group, over the tuned defaults.
    pub parameters: BTreeMap<String, String>,
}

/// `load-balancer`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LoadBalancer {
    /// An Application Load Balancer of our own.
    Managed {
        /// WAF in front of it, where wanted.
        waf: Option<Waf>,
    },
    /// A listener that is there already.
    Existing {
        /// ARN of the (HTTPS) listener.
        listener: String,
        /// The load balancer's security group: tasks let it in.
        security_group: String,
    },
}

/// `load-balancer.waf`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Waf {
    /// Whether the managed rules count only, or block.
    pub block: bool,
    /// Requests from one address in five minutes.
    pub rate_limit: u32,
}

/// `cdn`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cdn {
    /// The service behind it.
    pub service: String,
    /// Path patterns that are cached.
    pub cache: Vec<String>,
}

/// `monitoring`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Monitoring {
    /// Mail address for alarms.
    pub notify: Option<String>,
    /// Days that logs are kept: one of CloudWatch Logs' values.
    pub log_retention_days: u32,
    /// The OTLP collector as a sidecar.
    pub tracing: bool,
}

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
    /// Lifecycle stages at which a person is asked: `pre-production-traffic-shift`.
    pub pause: Vec<String>,
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

/// One of `extra-stacks`.
#[derive(Debug, Clone, PartialEq)]
pub struct ExtraStack {
    /// The template's path.
    pub template: String,
    /// The template, as JSON (YAML templates are read with their short forms).
    pub body: Json,
    /// Its parameters.
    pub parameters: BTreeMap<String, Text>,
}

/// One of `stages`: a command of the user's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OwnStage {
    /// The command: split at spaces, started without a shell.
    pub run: String,
    /// Stages that come before.
    pub needs: Vec<String>,
    /// Environments it runs in; empty: all.
    pub only: Vec<String>,
    /// Seconds it may take.
    pub timeout: u32,
}

impl Environment {
    /// The prefix of physical names: `<app>-<environment>`.
    pub fn prefix(&self) -> String {
        format!("{}-{}", self.app, self.name)
    }

    /// The physical name of the stack with this key. The registry's is shared by the environments of an account.
    pub fn stack_name(&self, key: &str) -> String {
        match key {
            "registry" => format!("{}-registry", self.app),
            key => format!("{}-{key}", self.prefix()),
        }
    }

    /// The ECS cluster's name.
    pub fn cluster_name(&self) -> String {
        self.cluster.existing.clone().unwrap_or_else(|| self.prefix())
    }

    /// The task definition family of a service, and the physical name of its log group's last part.
    pub fn family(&self, service: &str) -> String {
        format!("{}-{service}", self.prefix())
    }

    /// The ECR repository of a service: `finance-app/api`.
    pub fn repository(&self, service: &str) -> String {
        format!("{}/{service}", self.app)
    }

    /// The SSM parameter of a secret variable: `/finance-app/staging/JWT_SECRET_KEY`.
    pub fn parameter(&self, variable: &str) -> String {
        format!("/{}/{}/{variable}", self.app, self.name)
    }

    /// The private DNS namespace of the environment. Two environments in one account have two VPCs and so two
    /// namespaces of the same name.
    pub fn namespace(&self) -> String {
        format!("{}.local", self.app)
    }

    /// Services that have traffic from the load balancer.
    pub fn routed(&self) -> impl Iterator<Item = &Service> {
        self.services.values().filter(|service| service.is_routed())
    }

    /// Services that push an image of their own.
    pub fn pushed(&self) -> impl Iterator<Item = &Service> {
        self.services.values().filter(|service| {
            matches!(service.image, ImageSource::Build(_) | ImageSource::Layout(_) | ImageSource::Archive(_))
        })
    }
}
