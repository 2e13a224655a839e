//! The sections of a service.

use super::leaf::choice;
use super::*;
use crate::workflow::parse::join;
use crate::workflow::tree::Node;
use crate::workflow::{Capacity, Platform, SecretSource, Text};

section! {
    /// A service; without `port` a worker, with `schedule` a task that runs at times.
    /// Exactly one of `build`, `image`, `from` and `task-definition` says what runs; setting one in an environment takes the others away.
    ServiceKeys {
        /// How its image is built.
        build: Option<BuildKeys>,
        /// An image that is there already.
        image: Option<ImageKeys>,
        /// Another service, whose image, environment, secrets and sidecars it takes; own keys merge over.
        from: Option<Name>,
        /// A task definition of your own (JSON), rendered as it is with image, environment and secrets put in.
        task_definition: Option<Inside>,
        /// What its image is built for; task definition and cost follow.
        platform: Platform = "linux/amd64",
        /// CPU units; 1024 are one vCPU. Fargate knows 256, 512, 1024, 2048, 4096, 8192 and 16384.
        cpu: Int<256, 16384> = "256",
        /// Memory in MiB; which values fit depends on `cpu`.
        memory: Int<512, 122880> = "512",
        /// The container's port. Without it: no load balancer and no discovery.
        port: Option<Int<1, 65535>>,
        /// The host it answers for behind the load balancer. A port alone is reached through discovery only.
        /// Example: api.${domain}
        host: Option<Host>,
        /// Hosts that are redirected to `host`.
        /// Example: ["${domain}"]
        redirect_from: Vec<Host> = "[]",
        /// The priority of its listener rule. Left out, it comes from the service's name.
        priority: Option<Int<1, 49999>>,
        /// TLS from the load balancer to the task; the task must listen with TLS.
        tls: bool = "false",
        /// How its health is asked: a path, or more.
        health_check: HealthCheckKeys = "{}",
        /// Overrides the image's command.
        /// Example: [bundle, exec, sidekiq]
        command: Option<Some1<Text>>,
        /// Plain environment.
        /// Example: { RAILS_ENV: production }
        environment: Named<Variable, Text> = "{}",
        /// Environment from secrets: `database`, `ssm`, `ssm:/NAME`, `secretsmanager:ARN[:KEY]`.
        /// Example: { DATABASE_URL: database, JWT_KEY: ssm }
        secrets: Named<Variable, SecretSource> = "{}",
        /// Services that are deployed before this one.
        /// Example: [api]
        depends_on: Vec<Name> = "[]",
        /// Services that may reach its port through discovery.
        /// Example: [web]
        allow_from: Vec<Name> = "[]",
        /// A one-off task before the rollout, such as a migration; its failure stops the line.
        before_deploy: Option<TaskKeys>,
        /// A one-off task after a good verdict.
        after_deploy: Option<TaskKeys>,
        /// Autoscaling. Without it `desired-count` holds.
        scaling: Option<ScalingKeys>,
        /// How many tasks, where there is no autoscaling.
        desired_count: Int<0, 5000> = "1",
        /// How a new revision is rolled out.
        deploy: DeployKeys = "{}",
        /// Containers beside the service's own, by name.
        sidecars: Named<Name, SidecarKeys> = "{}",
        /// Time between SIGTERM and SIGKILL; at least what the app needs to finish its work.
        stop_timeout: Lasting<1, 2, 120> = "30s",
        /// Disk in GiB, where Fargate's 20 are too few.
        ephemeral_storage: Option<Int<21, 200>>,
        /// Fargate, or Fargate Spot: cheaper, and stopped with two minutes' notice.
        capacity: Capacity = "fargate",
        /// ECS Exec: a shell in a running task.
        execute_command: bool = "false",
        /// What the task's code may call.
        task_role: TaskRoleKeys = "{}",
        /// When it runs: it is a scheduled task then, not a service that runs.
        /// Example: cron(0 3 * * ? *)
        schedule: Option<Schedule>,
    }
}

choice! {
    Platform {
        "linux/amd64" => Platform::LinuxAmd64,
        "linux/arm64" => Platform::LinuxArm64,
    }
}

choice! {
    Capacity {
        "fargate" => Capacity::Fargate,
        "fargate-spot" => Capacity::FargateSpot,
    }
}

section! {
    /// How an image is built.
    BuildLongKeys {
        /// The context directory, relative to the repository's root.
        context: Inside = ".",
        /// The Dockerfile, relative to the context.
        dockerfile: Inside = "Dockerfile",
        /// The stage to build.
        target: Option<BuildTarget>,
        /// Build arguments. One that differs between environments makes the image one per environment, never promoted.
        /// Example: { NEXT_PUBLIC_API_URL: "https://api.${domain}" }
        args: Named<Variable, String> = "{}",
        /// Variables of the job, given as BuildKit secrets of the same name.
        /// Example: [BUNDLE_TOKEN]
        secrets: Vec<Variable> = "[]",
        /// A cache in the registry, under `cache-*` tags.
        cache: bool = "false",
    }
}

/// `build`, long or short.
#[derive(Debug, Clone)]
pub(in crate::workflow) struct BuildKeys(pub BuildLongKeys);

impl Read for BuildKeys {
    fn read(node: &Node, path: &str, reader: &mut Reader<'_>) -> Option<Self> {
        // The short form was written out before environments were merged.
        BuildLongKeys::read(node, path, reader).map(Self)
    }

    fn shape() -> Shape {
        Shape::Any(vec![BuildLongKeys::shape(), Inside::shape()])
    }
}

section! {
    /// An image that is there already: one of these.
    ImageKeys {
        /// An OCI layout directory.
        layout: Option<Inside>,
        /// An archive file: of `docker save`, or an OCI archive.
        archive: Option<Inside>,
        /// An image in a registry with its digest; pulled as it is and never pushed.
        reference: Option<PinnedImage>,
    }
}

section! {
    /// How health is asked.
    HealthCheckLongKeys {
        /// The path the load balancer asks for.
        path: UrlPath = "/",
        /// Time between checks.
        interval: Lasting<1, 5, 300> = "10s",
        /// When a check counts as failed; shorter than `interval`. Left out: 5s, or a second less than a shorter interval.
        timeout: Option<Lasting<1, 2, 120>>,
        /// Good checks until healthy.
        healthy_threshold: Int<2, 10> = "2",
        /// Bad checks until unhealthy.
        unhealthy_threshold: Int<2, 10> = "3",
        /// Time in which a new task's bad checks do not count.
        grace_period: Lasting<1, 0, 86400> = "120s",
        /// HTTP codes that are good.
        codes: Codes = "200",
        /// The container's own check: started as it is; a single text is given to the shell. None unless given here: a generated `curl` fails in images without one.
        /// Example: [/app/health]
        command: Option<Some1<String>>,
    }
}

/// `health-check`, long or short.
#[derive(Debug, Clone)]
pub(in crate::workflow) struct HealthCheckKeys(pub HealthCheckLongKeys);

impl Read for HealthCheckKeys {
    fn read(node: &Node, path: &str, reader: &mut Reader<'_>) -> Option<Self> {
        HealthCheckLongKeys::read(node, path, reader).map(Self)
    }

    fn shape() -> Shape {
        Shape::Any(vec![UrlPath::shape(), HealthCheckLongKeys::shape()])
    }
}

section! {
    /// A one-off task with the service's image, environment and roles.
    TaskKeys {
        /// The command.
        /// Example: [bundle, exec, rails, "db:migrate"]
        command: Some1<Text>,
        /// How long it may take.
        timeout: Lasting<1, 1, 86400> = "15m",
    }
}

section! {
    /// Autoscaling. Without a target, `cpu: 60`.
    ScalingKeys {
        /// Fewest tasks.
        min: Int<0, 5000> = "1",
        /// Most tasks.
        max: Int<1, 5000>,
        /// Target: average CPU, percent.
        cpu: Option<Int<1, 100>>,
        /// Target: average memory, percent.
        memory: Option<Int<1, 100>>,
        /// Target: requests per task and minute; not with a strategy that shifts traffic.
        requests: Option<Int<1, 10000000>>,
    }
}

/// `deploy.strategy`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::workflow) enum StrategyName {
    /// Tasks are replaced step by step.
    Rolling,
    /// All traffic at once.
    BlueGreen,
    /// A small share first.
    Canary,
    /// Equal steps.
    Linear,
}

choice! {
    StrategyName {
        "rolling" => StrategyName::Rolling,
        "blue-green" => StrategyName::BlueGreen,
        "canary" => StrategyName::Canary,
        "linear" => StrategyName::Linear,
    }
}

section! {
    /// How a new revision is rolled out.
    DeployKeys {
        /// `rolling` replaces tasks step by step; the others let the new revision stand beside the old and shift the traffic.
        strategy: StrategyName = "rolling",
        /// How long the new revision is watched after the shift. Left out: 5m where traffic is shifted, else none.
        bake_time: Option<Lasting<60, 0, 86400>>,
        /// With `canary`: the first share of the traffic. Left out: 5.
        canary_percent: Option<Percent<1, 1000>>,
        /// With `canary`: how long before the rest follows. Left out: 10m.
        canary_bake_time: Option<Lasting<60, 0, 86400>>,
        /// With `linear`: the share of a step. Left out: 10.
        step_percent: Option<Percent<30, 1000>>,
        /// With `linear`: how long between steps. Left out: 6m.
        step_bake_time: Option<Lasting<60, 0, 86400>>,
        /// Percent of the tasks that must stay healthy.
        minimum_healthy_percent: Int<0, 100> = "100",
        /// Percent of the tasks that may run.
        maximum_percent: Int<100, 200> = "200",
        /// Alarms that turn the deployment back.
        /// Example: [api-5xx]
        alarms: Vec<AlarmName> = "[]",
        /// A second target group, which a strategy that shifts traffic has anyway. Say it with `rolling` after such a
        /// strategy: the second group may be the one that serves, for good. Said before, the change of strategy deploys nothing.
        alternate_target_group: bool = "false",
        /// Whether a new version is reached on the load balancer's test listener. Left out: where there is one and the
        /// service has a second target group.
        test_listener: Option<bool>,
        /// Points at which a person is asked.
        /// Example: [pre-production-traffic-shift]
        pause: Vec<PauseStage> = "[]",
        /// With `pause`: how long a person has to answer before the deployment is turned back. Left out: 1d.
        pause_timeout: Option<Lasting<60, 60, 1209600>>,
        /// Lambda functions of your own, called by ECS.
        hooks: Vec<HookKeys> = "[]",
    }
}

/// A point of a deployment at which it can pause.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::workflow) struct PauseStage(pub &'static str);

choice! {
    PauseStage {
        "reconcile-service" => PauseStage("reconcile-service"),
        "pre-scale-up" => PauseStage("pre-scale-up"),
        "post-scale-up" => PauseStage("post-scale-up"),
        "post-test-traffic-shift" => PauseStage("post-test-traffic-shift"),
        "pre-production-traffic-shift" => PauseStage("pre-production-traffic-shift"),
        "post-production-traffic-shift" => PauseStage("post-production-traffic-shift"),
    }
}

/// A point of a deployment at which a function can be called.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::workflow) struct HookStage(pub &'static str);

choice! {
    HookStage {
        "reconcile-service" => HookStage("reconcile-service"),
        "pre-scale-up" => HookStage("pre-scale-up"),
        "post-scale-up" => HookStage("post-scale-up"),
        "test-traffic-shift" => HookStage("test-traffic-shift"),
        "post-test-traffic-shift" => HookStage("post-test-traffic-shift"),
        "pre-production-traffic-shift" => HookStage("pre-production-traffic-shift"),
        "production-traffic-shift" => HookStage("production-traffic-shift"),
        "post-production-traffic-shift" => HookStage("post-production-traffic-shift"),
    }
}

section! {
    /// A Lambda function that ECS calls during a deployment.
    HookKeys {
        /// The function.
        function: FunctionArn,
        /// The role ECS calls it with.
        role: RoleArn,
        /// When it is called.
        /// Example: [post-test-traffic-shift]
        stages: Some1<HookStage>,
    }
}

section! {
    /// A container beside the service's own.
    SidecarKeys {
        /// Its image.
        image: Image,
        /// Whether the task ends with it.
        essential: bool = "false",
        /// Overrides the image's command.
        command: Option<Some1<Text>>,
        /// Plain environment.
        environment: Named<Variable, Text> = "{}",
        /// Environment from secrets, as in a service.
        secrets: Named<Variable, SecretSource> = "{}",
        /// Its port, where it listens.
        port: Option<Int<1, 65535>>,
        /// CPU units of the task's that are reserved for it.
        cpu: Option<Int<1, 16384>>,
        /// MiB of the task's that it may use.
        memory: Option<Int<6, 122880>>,
        /// Its check, written as a service's; the service's own container starts when it is healthy.
        /// Example: [redis-cli, ping]
        health_check: Option<Some1<String>>,
    }
}

section! {
    /// What the task's code may call.
    TaskRoleKeys {
        /// ARNs of managed policies.
        /// Example: ["arn:aws:iam::aws:policy/AmazonS3ReadOnlyAccess"]
        policies: Vec<PolicyArn> = "[]",
        /// Statements of the policy language.
        /// Example: [{ Effect: Allow, Action: "s3:GetObject", Resource: "arn:aws:s3:::uploads-${environment}/*" }]
        statements: Vec<Free> = "[]",
    }
}

impl ServiceKeys {
    /// The path of one of its keys.
    pub fn path(name: &str, key: &str) -> String {
        join(&join("services", name), key)
    }
}
