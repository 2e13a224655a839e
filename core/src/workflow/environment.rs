//! `Environment`: one environment of the file, merged, interpolated, defaulted and checked.
//!
//! Everything downstream reads this and nothing else of the file. Durations are in seconds, memory in MiB, disk in
//! GiB, CPU in Fargate's units (1024 = one vCPU).

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value as Json;

use super::{ImageSource, Service, Text};
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
    /// The owner's numeric id, where the repository's tokens carry both ids.
    pub owner_id: Option<String>,
    /// The branch that deploys.
    pub branch: String,
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
    /// Which password it has, from 1; one more makes another password.
    pub password_generation: u32,
}

/// `load-balancer`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LoadBalancer {
    /// An Application Load Balancer of our own.
    Managed {
        /// WAF in front of it, where wanted.
        waf: Option<Waf>,
        /// The listener of new versions, where wanted.
        test_listener: Option<TestListener>,
    },
    /// A listener that is there already.
    Existing {
        /// ARN of the (HTTPS) listener.
        listener: String,
        /// The load balancer's security group: tasks let it in.
        security_group: String,
        /// ARN of the listener of new versions, where wanted.
        test_listener: Option<String>,
    },
}

/// `load-balancer.test-listener`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TestListener {
    /// Its port.
    pub port: u16,
    /// Ranges of addresses that may reach it.
    pub allow_from: Vec<String>,
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

    /// The physical name of the stack with this key. The registry's is shared by the environments of an account,
    /// the OIDC provider's by all apps in it.
    pub fn stack_name(&self, key: &str) -> String {
        match key {
            "registry" => format!("{}-registry", self.app),
            key if self.is_of_account(key) => format!("github-{key}"),
            key => format!("{}-{key}", self.prefix()),
        }
    }

    /// Whether an account has one stack with this key, whatever apps are in it.
    pub fn is_of_account(&self, key: &str) -> bool {
        key == "oidc-provider"
    }

    /// The ECS cluster's name.
    pub fn cluster_name(&self) -> String {
        self.cluster.existing.clone().unwrap_or_else(|| self.prefix())
    }

    /// The task definition family of a service, and the physical name of its log group's last part.
    pub fn family(&self, service: &str) -> String {
        format!("{}-{service}", self.prefix())
    }

    /// The log group of a service's containers.
    pub fn log_group(&self, service: &str) -> String {
        format!("/ecs/{}", self.family(service))
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

    /// Whether a new version of the service is reached on the test listener: wherever it has a second target group, so that
    /// a strategy that changes does not change who leads to it.
    pub fn is_tested(&self, service: &Service) -> bool {
        let there = match &self.load_balancer {
            LoadBalancer::Managed { test_listener, .. } => test_listener.is_some(),
            LoadBalancer::Existing { test_listener, .. } => test_listener.is_some(),
        };
        there && service.deploy.test_listener && service.has_alternate() && service.is_running()
    }

    /// The test listener to make: none where no service would answer there.
    pub fn test_listener(&self) -> Option<&TestListener> {
        let LoadBalancer::Managed { test_listener: Some(test), .. } = &self.load_balancer else { return None };
        self.services.values().any(|service| self.is_tested(service)).then_some(test)
    }

    /// Services that push an image of their own.
    pub fn pushed(&self) -> impl Iterator<Item = &Service> {
        self.services.values().filter(|service| {
            matches!(service.image, ImageSource::Build(_) | ImageSource::Layout(_) | ImageSource::Archive(_))
        })
    }
}
