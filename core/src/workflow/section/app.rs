//! The sections that are the app's as a whole.

use super::leaf::choice;
use super::service::ServiceKeys;
use super::*;
use crate::workflow::{Egress, Text};

section! {
    /// One app in all its environments.
    FileKeys {
        /// The app's name; part of every physical name.
        app: AppName,
        /// The AWS region.
        region: Region,
        /// The account every call must go to; checked before any call.
        /// Without it, plan and run warn.
        account: Option<Account>,
        /// The domain of the environment. Without it the load balancer listens on HTTP only.
        domain: Option<Host>,
        /// Termination and deletion protection, longer image retention.
        /// Left out, it is `true` for the environment named `production`.
        protected: Option<bool>,
        /// Whom AWS shall trust, for bootstrap-identity.
        identity: Option<IdentityKeys>,
        /// VPC and subnets.
        network: NetworkKeys = "{}",
        /// The ECS cluster.
        cluster: ClusterKeys = "{}",
        /// Where DNS records are made.
        dns: DnsKeys = "{}",
        /// The database, where the app has one.
        database: Option<DatabaseKeys>,
        /// The Application Load Balancer.
        load_balancer: LoadBalancerKeys = "{}",
        /// CloudFront, where it is wanted.
        cdn: Option<CdnKeys>,
        /// Logs, alarms, tracing.
        monitoring: MonitoringKeys = "{}",
        /// Services, workers and scheduled tasks, by name.
        services: Named<Name, ServiceKeys>,
        /// CloudFormation templates of your own, by name; each is a stage, and its outputs are `${stacks.NAME.OUTPUT}`.
        extra_stacks: Named<Name, ExtraStackKeys> = "{}",
        /// Stages of your own, beside the default ones, by name.
        stages: Named<Name, StageKeys> = "{}",
    }
}

section! {
    /// Whom AWS shall trust: the repository whose workflows may take the roles.
    IdentityKeys {
        /// The repository, OWNER/NAME.
        repository: Repository,
        /// The repository's numeric id, which survives a rename and cannot be taken over.
        /// `gh api repos/OWNER/NAME --jq .id` shows it.
        repository_id: NumericId,
        /// The numeric id of its owner. Repositories made, renamed or moved since July 2026 name themselves by both ids in
        /// the token that AWS checks; for those it must be given.
        /// `gh api repos/OWNER/NAME --jq .owner.id` shows it.
        owner_id: Option<NumericId>,
        /// The branch that deploys; a job on any other ref gets no deploy role.
        branch: BranchName = "main",
        /// The account's OIDC provider for GitHub, where it has one already.
        oidc_provider: Option<OidcArn>,
    }
}

section! {
    /// VPC and subnets.
    NetworkKeys {
        /// The VPC's range, /16 to /28.
        cidr: Option<Cidr>,
        /// One range a zone, at least two. Left out, they are cut from `cidr`.
        /// Example: [10.0.1.0/24, 10.0.2.0/24]
        public_subnets: Option<Vec<Cidr>>,
        /// One range a zone, as many as public ones. Left out, they are cut from `cidr`.
        /// Example: [10.0.3.0/24, 10.0.4.0/24]
        private_subnets: Option<Vec<Cidr>>,
        /// How private subnets reach the internet; `vpc-endpoints`: only the AWS services that tasks need.
        egress: Option<Egress>,
        /// A VPC that is there already; nothing else is said then.
        existing: Option<ExistingNetworkKeys>,
    }
}

section! {
    /// A VPC that is there already.
    ExistingNetworkKeys {
        /// The VPC.
        vpc: VpcId,
        /// Subnets of the load balancer, at least two, in two zones.
        public_subnets: Vec<SubnetId>,
        /// Subnets of tasks and database, at least two, in two zones.
        private_subnets: Vec<SubnetId>,
    }
}

choice! {
    Egress {
        "nat-gateway" => Egress::NatGateway,
        "nat-gateway-per-az" => Egress::NatGatewayPerAz,
        "vpc-endpoints" => Egress::VpcEndpoints,
    }
}

section! {
    /// The ECS cluster.
    ClusterKeys {
        /// The name of a cluster that is there already.
        existing: Option<ClusterName>,
        /// Container Insights.
        container_insights: bool = "true",
    }
}

section! {
    /// Where DNS records are made.
    DnsKeys {
        /// The Route 53 zone. Left out, the records to make are shown.
        hosted_zone: Option<HostedZone>,
    }
}

/// `database.engine`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::workflow) enum Engine {
    /// PostgreSQL.
    Postgres,
}

choice! {
    Engine {
        "postgres" => Engine::Postgres,
    }
}

section! {
    /// The database.
    DatabaseKeys {
        /// The engine.
        engine: Option<Engine>,
        /// The major version, in quotes; RDS upgrades minors by itself.
        version: Option<MajorVersion>,
        /// The instance class.
        instance_class: Option<InstanceClass>,
        /// Its storage in GiB. It can grow later, never shrink.
        allocated_storage: Option<Int<20, 65536>>,
        /// A standby in a second zone.
        multi_az: Option<bool>,
        /// How long automated backups are kept; `0d` turns them off.
        backup_retention: Option<Lasting<86400, 0, 3024000>>,
        /// A second region for the backups.
        replicate_backups_to: Option<Region>,
        /// Parameters of the engine, over the tuned defaults.
        /// Example: { work_mem: "8192" }
        parameters: Option<Named<EngineParameter, Text>>,
        /// Which password the database has: one more makes another password, and the next run moves database, URL and
        /// services to it.
        password_generation: Option<Int<1, 9999>>,
        /// A database that is there already; nothing else is said then.
        existing: Option<ExistingDatabaseKeys>,
    }
}

section! {
    /// A database that is there already.
    ExistingDatabaseKeys {
        /// ARN of the secret that holds the whole URL.
        url: SecretArn,
        /// The security group a task attaches to reach it.
        client_security_group: SecurityGroupId,
    }
}

section! {
    /// The Application Load Balancer. There is one where a service is reached through it.
    LoadBalancerKeys {
        /// WAF in front of it.
        waf: Option<WafKeys>,
        /// A second listener on which a new version is reached before it has traffic of users, for services that shift traffic.
        test_listener: Option<TestListenerKeys>,
        /// A listener that is there already; nothing else is said then.
        existing: Option<ExistingLoadBalancerKeys>,
    }
}

/// `load-balancer.waf.mode`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::workflow) enum WafMode {
    /// The managed rules count.
    Count,
    /// The managed rules block.
    Block,
}

choice! {
    WafMode {
        "count" => WafMode::Count,
        "block" => WafMode::Block,
    }
}

section! {
    /// WAF in front of the load balancer.
    WafKeys {
        /// Whether the managed rules only count, or block. Begin with `count` and read what they would have blocked.
        mode: WafMode = "count",
        /// Requests from one address in five minutes, above which it is blocked.
        rate_limit: Int<10, 2000000000> = "2000",
    }
}

section! {
    /// The listener of a new version. Each service that shifts traffic answers there under its host, unless it says
    /// `test-listener: false` in `deploy`.
    TestListenerKeys {
        /// Its port; 80 and 443 are taken.
        port: Int<1, 65535> = "9443",
        /// Ranges of addresses that may reach it; nobody else does. What answers there is not released, and no CDN is before it.
        /// Example: [203.0.113.0/24]
        allow_from: Some1<Callers>,
    }
}

section! {
    /// A listener that is there already.
    ExistingLoadBalancerKeys {
        /// ARN of the (HTTPS) listener.
        listener: ListenerArn,
        /// ARN of another listener of the same load balancer, on which a new version is reached before it has traffic of
        /// users. Who reaches it is said by your security group.
        test_listener: Option<ListenerArn>,
        /// The load balancer's security group: tasks let it in.
        security_group: SecurityGroupId,
    }
}

section! {
    /// CloudFront in front of one service.
    CdnKeys {
        /// The service behind it.
        service: Name,
        /// Path patterns that are cached; everything else passes through.
        /// Example: ["/assets/*"]
        cache: Vec<PathPattern> = "[]",
    }
}

section! {
    /// Logs, alarms, tracing.
    MonitoringKeys {
        /// Mail address for alarms.
        notify: Option<Mail>,
        /// How long logs are kept: one of CloudWatch Logs' values.
        log_retention: Lasting<86400, 86400, 315619200> = "30d",
        /// Traces to X-Ray: AWS's OpenTelemetry collector as a sidecar of every service, and the variables that lead an
        /// OpenTelemetry SDK to it. A sidecar of yours called `aws-otel-collector` takes its place.
        tracing: bool = "false",
    }
}

section! {
    /// A CloudFormation template of your own.
    ExtraStackKeys {
        /// The template's path, YAML or JSON.
        template: Inside,
        /// Its parameters.
        /// Example: { VpcId: "${stacks.network.VpcId}" }
        parameters: Named<TemplateParameter, Text> = "{}",
    }
}

section! {
    /// A stage of your own.
    StageKeys {
        /// The command: split at spaces, started without a shell; nothing is put in. Outputs of earlier stages come in its environment.
        run: CommandLine,
        /// Stages that come before, default ones or your own.
        /// Example: [wait-healthy]
        needs: Vec<StageName> = "[]",
        /// Environments it runs in; left out: all.
        /// Example: [staging]
        only: Vec<EnvironmentName> = "[]",
        /// How long it may take.
        timeout: Lasting<1, 1, 86400> = "10m",
    }
}
