//! What a resource of a template is charged for, by its type. A type that is in neither list is named as not priced.

use serde_json::{Map, Value as Json};

use super::{Quantity, item::Line};

/// Types that cost nothing by themselves; what is paid for is another resource, or what runs.
const FREE: &[&str] = &[
    "AWS::ApplicationAutoScaling::ScalableTarget",
    "AWS::ApplicationAutoScaling::ScalingPolicy",
    "AWS::Backup::BackupPlan",
    "AWS::Backup::BackupSelection",
    "AWS::CertificateManager::Certificate",
    "AWS::CloudFormation::WaitCondition",
    "AWS::CloudFormation::WaitConditionHandle",
    "AWS::CloudFront::CachePolicy",
    "AWS::CloudFront::OriginAccessControl",
    "AWS::CloudFront::OriginRequestPolicy",
    "AWS::CloudFront::ResponseHeadersPolicy",
    "AWS::EC2::InternetGateway",
    "AWS::EC2::Route",
    "AWS::EC2::RouteTable",
    "AWS::EC2::SecurityGroup",
    "AWS::EC2::SecurityGroupEgress",
    "AWS::EC2::SecurityGroupIngress",
    "AWS::EC2::Subnet",
    "AWS::EC2::SubnetRouteTableAssociation",
    "AWS::EC2::VPCGatewayAttachment",
    // What it writes is paid for by its log group.
    "AWS::EC2::FlowLog",
    "AWS::ECR::RegistryPolicy",
    "AWS::ECR::RepositoryCreationTemplate",
    "AWS::ECS::CapacityProvider",
    "AWS::ECS::ClusterCapacityProviderAssociations",
    "AWS::ECS::TaskDefinition",
    "AWS::ElasticLoadBalancingV2::Listener",
    "AWS::ElasticLoadBalancingV2::ListenerCertificate",
    "AWS::ElasticLoadBalancingV2::ListenerRule",
    "AWS::ElasticLoadBalancingV2::TargetGroup",
    "AWS::ElastiCache::ParameterGroup",
    "AWS::ElastiCache::SubnetGroup",
    "AWS::IAM::ManagedPolicy",
    "AWS::IAM::OIDCProvider",
    "AWS::IAM::Policy",
    "AWS::IAM::Role",
    "AWS::IAM::RolePolicy",
    "AWS::IAM::ServiceLinkedRole",
    "AWS::KMS::Alias",
    "AWS::Logs::MetricFilter",
    "AWS::Logs::ResourcePolicy",
    "AWS::RDS::DBParameterGroup",
    "AWS::RDS::DBSubnetGroup",
    "AWS::RDS::EventSubscription",
    // Alias records to AWS's own resources are answered for nothing.
    // https://aws.amazon.com/route53/pricing/
    "AWS::Route53::RecordSet",
    "AWS::Route53::RecordSetGroup",
    "AWS::S3::BucketPolicy",
    "AWS::SNS::Subscription",
    "AWS::SNS::TopicPolicy",
    "AWS::SQS::QueuePolicy",
    // Standard parameters are free.
    // https://aws.amazon.com/systems-manager/pricing/
    "AWS::SSM::Parameter",
    "AWS::Scheduler::ScheduleGroup",
    "AWS::SecretsManager::ResourcePolicy",
    "AWS::SecretsManager::SecretTargetAttachment",
    // Found through ECS: paid for by the namespace's hosted zone and its queries.
    // https://docs.aws.amazon.com/AmazonECS/latest/developerguide/service-discovery.html
    "AWS::ServiceDiscovery::Service",
    // A thousand mails a month are free, and an alarm is one.
    // https://aws.amazon.com/sns/pricing/
    "AWS::SNS::Topic",
    "AWS::WAFv2::IPSet",
    "AWS::WAFv2::LoggingConfiguration",
    "AWS::WAFv2::RegexPatternSet",
    "AWS::WAFv2::WebACLAssociation",
];

/// Where a resource stands: what its properties refer to, as far as it is known.
pub(super) struct Place<'a> {
    /// The value of a parameter of its template.
    pub parameters: &'a dyn Fn(&str) -> Option<String>,
    /// How many values a list parameter has that is not known yet.
    pub count: &'a dyn Fn(&str) -> Option<u32>,
}

/// Why a resource could not be priced.
pub(super) type Unpriced = String;

/// What a resource is charged for.
pub(super) fn lines(kind: &str, properties: &Map<String, Json>, place: &Place<'_>) -> Result<Vec<Line>, Unpriced> {
    let of = Of { properties, place };
    Ok(match kind {
        "AWS::EC2::NatGateway" => vec![
            Line::hours("NAT gateway", "vpc", "NAT gateway/hour", 1),
            Line::metered("NAT gateway, what goes through it", "vpc", "NAT gateway/GB"),
        ],
        "AWS::EC2::VPC" => vec![
            // Between the load balancer and its targets it is free.
            // https://aws.amazon.com/ec2/pricing/on-demand/#Data_Transfer
            Line::metered("data between zones, each way", "data-transfer", "between zones/GB")
                .note("a task and the database or NAT gateway of the other zone"),
        ],
        "AWS::EC2::EIP" => vec![Line::hours("public IPv4 address", "vpc", "public IPv4/hour", 1)],
        "AWS::EC2::VPCEndpoint" => of.endpoint()?,
        "AWS::ElasticLoadBalancingV2::LoadBalancer" => of.load_balancer()?,
        "AWS::RDS::DBInstance" => of.database()?,
        "AWS::ECR::Repository" => vec![Line::metered("ECR, images kept", "ecr", "storage/GB-month")],
        "AWS::Logs::LogGroup" => vec![
            Line::metered("CloudWatch Logs, written", "cloudwatch", "logs in/GB"),
            Line::metered("CloudWatch Logs, kept", "cloudwatch", "logs kept/GB-month"),
        ],
        "AWS::CloudWatch::Alarm" => {
            let (what, key) = match of.is_high_resolution() {
                true => ("CloudWatch alarm, looking more often than each minute", "high-resolution alarm/month"),
                false => ("CloudWatch alarm", "alarm/month"),
            };
            vec![Line::fixed(what, "cloudwatch", key, Quantity::of(of.alarm_metrics()))]
        }
        "AWS::CloudWatch::CompositeAlarm" => {
            vec![Line::fixed("CloudWatch composite alarm", "cloudwatch", "composite alarm/month", Quantity::of(1))]
        }
        "AWS::CloudWatch::Dashboard" => {
            vec![
                Line::fixed("CloudWatch dashboard", "cloudwatch", "dashboard/month", Quantity::of(1))
                    .note("three dashboards of an account are free"),
            ]
        }
        "AWS::ECS::Cluster" if of.insights() => {
            vec![
                Line::metered("Container Insights, metrics", "cloudwatch", "metric/month")
                    .note("a metric of every service and task family"),
            ]
        }
        "AWS::ECS::Cluster" => Vec::new(),
        "AWS::SecretsManager::Secret" => vec![
            Line::fixed("Secrets Manager secret", "secrets-manager", "secret/month", Quantity::of(1)),
            Line::metered("Secrets Manager, read", "secrets-manager", "calls/10,000 calls"),
        ],
        "AWS::KMS::Key" | "AWS::KMS::ReplicaKey" => {
            let key = Line::fixed("KMS key", "kms", "key/month", Quantity::of(1));
            // https://aws.amazon.com/kms/pricing/
            let key = match of.text("EnableKeyRotation").is_some_and(|is| is == "true") {
                true => key.note("each of its first two yearly rotations adds as much"),
                false => key,
            };
            vec![key, Line::metered("KMS, used", "kms", "calls/10,000 calls")]
        }
        "AWS::WAFv2::WebACL" => of.web_acl(),
        "AWS::ServiceDiscovery::PrivateDnsNamespace" => vec![
            Line::fixed("Route 53 zone of the private namespace", "route53", "hosted zone/month", Quantity::of(1)),
            Line::metered("Route 53, private queries", "route53", "queries/million queries"),
        ],
        "AWS::Route53::HostedZone" => vec![
            Line::fixed("Route 53 hosted zone", "route53", "hosted zone/month", Quantity::of(1)),
            Line::metered("Route 53, queries", "route53", "queries/million queries"),
        ],
        "AWS::CloudFront::Distribution" => vec![
            Line::metered("CloudFront, sent to viewers", "cloudfront", "internet out/GB")
                .note("North America and Europe; elsewhere more; the first TB a month is free"),
            Line::metered("CloudFront, requests", "cloudfront", "requests/10,000 HTTPS requests")
                .note("the first ten million a month are free"),
        ],
        "AWS::S3::Bucket" => vec![Line::metered("S3, kept", "s3", "storage/GB-month")],
        "AWS::SQS::Queue" => vec![Line::metered("SQS, requests", "sqs", "requests/million requests")],
        "AWS::ElastiCache::CacheCluster" => of.cache(of.number("NumCacheNodes", 1)?)?,
        "AWS::ElastiCache::ReplicationGroup" => of.cache(of.replicated_nodes()?)?,
        kind if FREE.contains(&kind) => Vec::new(),
        kind => return Err(kind.to_owned()),
    })
}

struct Of<'a> {
    properties: &'a Map<String, Json>,
    place: &'a Place<'a>,
}

impl Of<'_> {
    /// A property as text, where it is known.
    fn text(&self, name: &str) -> Option<String> {
        match self.properties.get(name)? {
            Json::String(text) => Some(text.clone()),
            Json::Number(number) => Some(number.to_string()),
            Json::Bool(is) => Some(is.to_string()),
            Json::Object(map) => (self.place.parameters)(map.get("Ref")?.as_str()?),
            _ => None,
        }
    }

    /// How many entries a list has, where that is known.
    fn count(&self, name: &str) -> Option<u32> {
        match self.properties.get(name)? {
            Json::Array(list) => u32::try_from(list.len()).ok(),
            Json::Object(map) => {
                let name = map.get("Ref")?.as_str()?;
                let listed = (self.place.parameters)(name).filter(|text| !text.contains("${"));
                let listed = listed.and_then(|text| u32::try_from(text.split(',').count()).ok());
                listed.or_else(|| (self.place.count)(name))
            }
            _ => None,
        }
    }

    fn endpoint(&self) -> Result<Vec<Line>, Unpriced> {
        let kind = self.text("VpcEndpointType").unwrap_or_else(|| "Gateway".to_owned());
        match kind.as_str() {
            // Gateways to S3 and DynamoDB are free.
            // https://docs.aws.amazon.com/vpc/latest/privatelink/gateway-endpoints.html
            "Gateway" => Ok(Vec::new()),
            "Interface" => {
                let zones = self.count("SubnetIds").ok_or("VPC endpoint: how many subnets is not known")?;
                Ok(vec![
                    Line::hours("VPC endpoint, each zone", "privatelink", "interface endpoint/hour", zones),
                    Line::metered("VPC endpoint, what goes through it", "privatelink", "interface endpoint/GB"),
                ])
            }
            other => Err(format!("VPC endpoint of type {other}")),
        }
    }

    fn load_balancer(&self) -> Result<Vec<Line>, Unpriced> {
        let kind = self.text("Type").unwrap_or_else(|| "application".to_owned());
        if kind != "application" {
            return Err(format!("{kind} load balancer"));
        }
        let mut lines = vec![
            Line::hours("load balancer", "load-balancer", "application/hour", 1),
            Line::metered("load balancer, capacity units", "load-balancer", "application/LCU-hour"),
        ];
        if self.text("Scheme").is_none_or(|scheme| scheme == "internet-facing") {
            let zones = self.count("Subnets").ok_or("load balancer: how many subnets is not known")?;
            // One address in each zone, and more while it has much to do.
            lines.push(Line::hours("public IPv4 address of the load balancer", "vpc", "public IPv4/hour", zones));
            lines.push(Line::metered("data sent to the internet", "data-transfer", "internet out/GB"));
        }
        Ok(lines)
    }

    fn database(&self) -> Result<Vec<Line>, Unpriced> {
        let engine = self.text("Engine").unwrap_or_default();
        if engine != "postgres" {
            return Err(format!("RDS instance of engine {engine}"));
        }
        let class = self.text("DBInstanceClass").ok_or("RDS instance: its class is not known")?;
        let zones = if self.text("MultiAZ").is_some_and(|is| is == "true") { "multi-az" } else { "single-az" };
        let mut lines =
            vec![Line::hours(format!("RDS instance, {class} {zones}"), "rds", format!("{class} {zones}/hour"), 1)];
        // Both classes run on beyond their credits, and pay for it by the hour of a vCPU.
        // https://aws.amazon.com/rds/postgresql/pricing/
        if class.starts_with("db.t3.") || class.starts_with("db.t4g.") {
            lines.push(
                Line::metered("RDS, CPU beyond its credits", "rds", "CPU credit/vCPU-hour")
                    .note("while it works above its class's baseline for long"),
            );
        }
        let storage = self.text("StorageType").unwrap_or_else(|| "gp2".to_owned());
        let size: u32 = self
            .text("AllocatedStorage")
            .and_then(|size| size.parse().ok())
            .ok_or("RDS instance: its storage is not known")?;
        lines.push(Line::fixed(
            format!("RDS storage, {storage} {zones}"),
            "rds",
            format!("{storage} {zones}/GB-month"),
            Quantity::of(size),
        ));
        if self.text("BackupRetentionPeriod").is_none_or(|days| days != "0") {
            lines.push(
                Line::metered("RDS backups, kept", "rds", "backup/GB-month")
                    .note("as much as the database's own storage is free"),
            );
        }
        if let Some(region) = self.text("AutomaticBackupReplicationRegion") {
            let sent = "RDS backups, sent to another region";
            lines.push(Line::metered(sent, "data-transfer", "other region out/GB"));
            let kept = Line::metered(format!("RDS backups, kept in {region}"), "rds", "backup/GB-month");
            lines.push(Line { region: Some(region), ..kept });
        }
        Ok(lines)
    }

    /// One for each metric that an alarm looks at.
    /// <https://aws.amazon.com/cloudwatch/pricing/>
    fn alarm_metrics(&self) -> u32 {
        let metrics = self.properties.get("Metrics").and_then(Json::as_array);
        let counted = metrics.map(|all| all.iter().filter(|metric| metric.get("MetricStat").is_some()).count());
        counted.and_then(|number| u32::try_from(number).ok()).filter(|number| *number > 0).unwrap_or(1)
    }

    fn insights(&self) -> bool {
        let settings = self.properties.get("ClusterSettings").and_then(Json::as_array);
        settings.into_iter().flatten().any(|setting| {
            setting["Name"] == "containerInsights" && (setting["Value"] == "enabled" || setting["Value"] == "enhanced")
        })
    }

    fn web_acl(&self) -> Vec<Line> {
        let rules = self.count("Rules").unwrap_or_default();
        vec![
            Line::fixed("WAF web ACL", "waf", "web ACL/month", Quantity::of(1)),
            Line::fixed("WAF rule", "waf", "rule/month", Quantity::of(rules)),
            Line::metered("WAF, requests looked at", "waf", "requests/million requests"),
        ]
    }

    /// A period under a minute, of the alarm's own metric or of one in its expression, makes it one of high resolution.
    /// <https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/AlarmThatSendsEmail.html>
    fn is_high_resolution(&self) -> bool {
        let metrics = self.properties.get("Metrics").and_then(Json::as_array).into_iter().flatten();
        let periods = metrics.map(|metric| &metric["MetricStat"]["Period"]).chain(self.properties.get("Period"));
        periods.filter_map(|period| period.as_u64().or_else(|| period.as_str()?.parse().ok())).any(|period| period < 60)
    }

    /// A property that is a number, or what it is where it is left out.
    fn number(&self, name: &str, otherwise: u32) -> Result<u32, Unpriced> {
        match self.properties.contains_key(name) {
            true => {
                Ok(self.text(name).and_then(|text| text.parse().ok()).ok_or("ElastiCache: its nodes are not known")?)
            }
            false => Ok(otherwise),
        }
    }

    /// The nodes of a replication group: said as one number, or as groups of a primary and its replicas.
    /// <https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-elasticache-replicationgroup.html>
    fn replicated_nodes(&self) -> Result<u32, Unpriced> {
        if self.properties.contains_key("NumCacheClusters") {
            return self.number("NumCacheClusters", 1);
        }
        let (groups, replicas) = (self.number("NumNodeGroups", 1)?, self.number("ReplicasPerNodeGroup", 0)?);
        Ok(groups.saturating_mul(replicas.saturating_add(1)))
    }

    fn cache(&self, number: u32) -> Result<Vec<Line>, Unpriced> {
        let kind = self.text("CacheNodeType").ok_or("ElastiCache: its node type is not known")?;
        // A node of Valkey costs less than the table's, which are of Redis OSS and Memcached.
        // https://aws.amazon.com/elasticache/pricing/
        match self.text("Engine").as_deref() {
            None | Some("redis" | "memcached") => {}
            Some(engine) => return Err(format!("ElastiCache node of engine {engine}")),
        }
        Ok(vec![Line::hours(format!("ElastiCache node, {kind}"), "elasticache", format!("{kind}/hour"), number)])
    }
}

#[cfg(test)]
#[path = "resources_tests.rs"]
mod tests;
