//! One stack a service: its security group, logs, roles, and where it has a port, what leads to it. Workers and
//! scheduled tasks have one as well.

use serde_json::{Value as Json, json};

use super::export::joined;
use super::groups::{Rule, group};
use super::{
    Export, Holds, Keep, Resource, StackDesired, Template, alarms, attribute, cluster, network, reference,
    service_roles,
};
use crate::workflow::{Database, Environment, SecretSource, Service};

/// The key of a service's stack.
pub fn key(service: &str) -> String {
    format!("service-{service}")
}

/// An output of a service's stack.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Of {
    /// Its own security group.
    SecurityGroupId,
    /// All the security groups its tasks attach, joined by commas.
    SecurityGroupIds,
    /// Its log group.
    LogGroupName,
    /// The role that starts its tasks.
    ExecutionRoleArn,
    /// The role its code has.
    TaskRoleArn,
    /// Its entry in the namespace; only where it has a port.
    DiscoveryServiceArn,
    /// Its target group; only where it is routed.
    TargetGroupArn,
    /// The same as metrics name it.
    TargetGroupFullName,
    /// The second target group; only where it has two.
    AlternateTargetGroupArn,
    /// The same as metrics name it.
    AlternateTargetGroupFullName,
    /// The role that shifts traffic; only where it has two.
    InfrastructureRoleArn,
    /// The role that starts a scheduled task.
    SchedulerRoleArn,
}

impl Of {
    /// This output of the service's stack.
    pub fn service(self, service: &str) -> Export {
        let (name, about) = match self {
            Self::SecurityGroupId => ("SecurityGroupId", "Security group of the service"),
            Self::SecurityGroupIds => ("SecurityGroupIds", "Security groups that a task attaches"),
            Self::LogGroupName => ("LogGroupName", "Log group"),
            Self::ExecutionRoleArn => ("ExecutionRoleArn", "Role that starts tasks"),
            Self::TaskRoleArn => ("TaskRoleArn", "Role of the code"),
            Self::DiscoveryServiceArn => ("DiscoveryServiceArn", "Entry in the namespace"),
            Self::TargetGroupArn => ("TargetGroupArn", "Target group"),
            Self::TargetGroupFullName => ("TargetGroupFullName", "Name of the target group in metrics"),
            Self::AlternateTargetGroupArn => ("AlternateTargetGroupArn", "Second target group"),
            Self::AlternateTargetGroupFullName => {
                ("AlternateTargetGroupFullName", "Name of the second target group in metrics")
            }
            Self::InfrastructureRoleArn => ("InfrastructureRoleArn", "Role that shifts traffic"),
            Self::SchedulerRoleArn => ("SchedulerRoleArn", "Role that starts the scheduled task"),
        };
        Export::named(key(service), name, about)
    }
}

/// Every service's stack.
pub fn stacks(env: &Environment) -> Vec<StackDesired> {
    env.services.values().map(|service| stack(env, service)).collect()
}

/// A service's stack.
pub fn stack(env: &Environment, service: &Service) -> StackDesired {
    let mut stack = Stack { template: Template::new(env.family(&service.name)), env, service };
    stack.security_group();
    stack.logs();
    stack.roles();
    stack.discovery();
    stack.target_groups();
    alarms::add(&mut stack.template, env, service);
    StackDesired::new(key(&service.name), stack.template).of_service(&service.name)
}

/// Whether a container of the service reads this kind of secret.
fn reads(service: &Service, wanted: &SecretSource) -> bool {
    service.secrets.values().chain(service.sidecars.values().flat_map(|it| it.secrets.values())).any(|it| it == wanted)
}

struct Stack<'a> {
    template: Template,
    env: &'a Environment,
    service: &'a Service,
}

impl Stack<'_> {
    fn origin(&self, key: &str) -> String {
        format!("services.{}.{key}", self.service.name)
    }

    fn export(&mut self, output: Of, value: Json) {
        self.template.export(&output.service(&self.service.name), value);
    }

    /// The port is open to the load balancer where a rule leads here, and to the callers that `allow-from` names.
    fn security_group(&mut self) {
        let vpc = self.template.import(&network::VPC_ID);
        let mut ingress = Vec::new();
        if let Some(port) = self.service.port {
            if self.service.is_routed() {
                let from = self.template.import(&network::LOAD_BALANCER_GROUP);
                ingress.push(Rule::group(from, port, "load balancer"));
            }
            for caller in &self.service.allow_from {
                let from = self.template.import(&network::clients_group(caller));
                ingress.push(Rule::group(from, port, "caller"));
            }
        }
        let out = [Rule::anything("images, logs, secrets, database, the internet")];
        let own = group(&vpc, "Tasks of a service", &ingress, &out).origin(self.origin("port"));
        self.template.add("SecurityGroup", own);

        let own = attribute("SecurityGroup", "GroupId");
        let mut attached = vec![own.clone()];
        if reads(self.service, &SecretSource::Database) {
            match &self.env.database {
                Some(Database::Managed(_)) => attached.push(self.template.import(&network::DATABASE_CLIENTS_GROUP)),
                Some(Database::Existing { client_security_group, .. }) => attached.push(json!(client_security_group)),
                None => {}
            }
        }
        if network::is_caller(self.env, &self.service.name) {
            attached.push(self.template.import(&network::clients_group(&self.service.name)));
        }
        self.export(Of::SecurityGroupId, own);
        self.export(Of::SecurityGroupIds, joined(&attached));
    }

    fn logs(&mut self) {
        self.template.add(
            "LogGroup",
            Resource::new(
                "AWS::Logs::LogGroup",
                json!({
                    "LogGroupName": self.env.log_group(&self.service.name),
                    "RetentionInDays": self.env.monitoring.log_retention_days,
                }),
            )
            .keep(Keep::OnReplacement)
            .holds(Holds::Traffic)
            .origin("monitoring.log-retention"),
        );
        self.export(Of::LogGroupName, reference("LogGroup"));
    }

    fn roles(&mut self) {
        let execution = service_roles::execution(&mut self.template, self.env, self.service);
        self.template.add("ExecutionRole", execution.origin(self.origin("secrets")));
        self.export(Of::ExecutionRoleArn, attribute("ExecutionRole", "Arn"));

        let task = service_roles::task(self.env, self.service).origin(self.origin("task-role"));
        self.template.add("TaskRole", task);
        self.export(Of::TaskRoleArn, attribute("TaskRole", "Arn"));

        if self.service.has_alternate() {
            let role = service_roles::infrastructure(&mut self.template, self.env, self.service);
            self.template.add("InfrastructureRole", role.origin(self.origin("deploy.strategy")));
            self.export(Of::InfrastructureRoleArn, attribute("InfrastructureRole", "Arn"));
        }
        if !self.service.is_running() {
            let role = service_roles::scheduler(&mut self.template, self.env, self.service);
            self.template.add("SchedulerRole", role.origin(self.origin("schedule")));
            self.export(Of::SchedulerRoleArn, attribute("SchedulerRole", "Arn"));
        }
    }

    fn discovery(&mut self) {
        if self.service.port.is_none() || !self.service.is_running() {
            return;
        }
        let namespace = self.template.import(&cluster::NAMESPACE_ID);
        self.template.add(
            "Discovery",
            Resource::new(
                "AWS::ServiceDiscovery::Service",
                json!({
                    "Name": self.service.name,
                    "NamespaceId": namespace,
                    "DnsConfig": {
                        "RoutingPolicy": "MULTIVALUE",
                        "DnsRecords": [{ "Type": "A", "TTL": 10 }],
                    },
                    // ECS reports a task's health here; Route 53 cannot ask a private address.
                    // https://docs.aws.amazon.com/AmazonECS/latest/developerguide/service-discovery.html
                    "HealthCheckCustomConfig": { "FailureThreshold": 1 },
                }),
            )
            .holds(Holds::Traffic)
            .origin(self.origin("port")),
        );
        self.export(Of::DiscoveryServiceArn, attribute("Discovery", "Arn"));
    }

    fn target_groups(&mut self) {
        if !self.service.is_routed() {
            return;
        }
        let vpc = self.template.import(&network::VPC_ID);
        let group = target_group(self.service, &vpc).origin(self.origin("health-check"));
        let group =
            group.origin_of("Protocol", self.origin("tls")).origin_of("HealthCheckProtocol", self.origin("tls"));
        self.template.add("TargetGroup", group.clone());
        self.export(Of::TargetGroupArn, reference("TargetGroup"));
        self.export(Of::TargetGroupFullName, attribute("TargetGroup", "TargetGroupFullName"));
        if self.service.has_alternate() {
            self.template.add("AlternateTargetGroup", group);
            self.export(Of::AlternateTargetGroupArn, reference("AlternateTargetGroup"));
            let name = attribute("AlternateTargetGroup", "TargetGroupFullName");
            self.export(Of::AlternateTargetGroupFullName, name);
        }
    }
}

fn target_group(service: &Service, vpc: &Json) -> Resource {
    let check = &service.health_check;
    let protocol = if service.tls { "HTTPS" } else { "HTTP" };
    Resource::new(
        "AWS::ElasticLoadBalancingV2::TargetGroup",
        json!({
            "TargetType": "ip",
            "VpcId": vpc,
            "Protocol": protocol,
            // Never the service's: ECS registers each target with its container's port, and another port here would
            // replace the group.
            // https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_CreateTargetGroup.html
            "Port": 80,
            "HealthCheckEnabled": true,
            "HealthCheckProtocol": protocol,
            "HealthCheckPath": check.path,
            "HealthCheckIntervalSeconds": check.interval,
            "HealthCheckTimeoutSeconds": check.timeout,
            "HealthyThresholdCount": check.healthy_threshold,
            "UnhealthyThresholdCount": check.unhealthy_threshold,
            "Matcher": { "HttpCode": check.codes },
            // 300 seconds by default, which every deployment would wait for.
            "TargetGroupAttributes": [{ "Key": "deregistration_delay.timeout_seconds", "Value": "30" }],
        }),
    )
    .holds(Holds::Traffic)
}

#[cfg(test)]
#[path = "services_tests.rs"]
mod tests;
