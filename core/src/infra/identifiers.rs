//! By which properties CloudFormation knows a resource that exists, and by which a person would.
//!
//! `primaryIdentifier` and `writeOnlyProperties` are from the resource types' schemas, for the types of
//! [`super::create_only`].
//! <https://docs.aws.amazon.com/cloudformation-cli/latest/userguide/resource-type-schema.html>

/// A type, the properties that identify it in their order, and those that are never shown again (nested ones with dots).
type Row = (&'static str, &'static [&'static str], &'static [&'static str]);

/// The properties whose values identify a resource of this type; none where the table does not know the type.
pub fn identifier(kind: &str) -> Option<&'static [&'static str]> {
    row(kind).map(|(_, identifier, _)| *identifier)
}

/// Whether the property at `path`, or the whole that holds it, is one that no service shows again once it was set.
pub fn is_write_only(kind: &str, path: &str) -> bool {
    let plain: Vec<&str> = path.split('.').filter(|part| part.parse::<usize>().is_err()).collect();
    let path = plain.join(".");
    let within = |hidden: &str| path == hidden || path.starts_with(&format!("{hidden}."));
    row(kind).is_some_and(|(_, _, hidden)| hidden.iter().any(|hidden| within(hidden)))
}

fn row(kind: &str) -> Option<&'static Row> {
    TABLE.binary_search_by(|row| row.0.cmp(kind)).ok().map(|at| &TABLE[at])
}

/// How a resource is found that has no name of its own in a template.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Marks {
    /// Properties that must be what the template says; of one of these it can be but one or few.
    pub all: &'static [&'static str],
    /// Whether those determine it: no two resources can, or would, have the same.
    pub alone: bool,
    /// The property that names it, where the template leaves the name to CloudFormation.
    pub name: Option<&'static str>,
    /// Properties without which the type cannot be listed.
    pub listed_by: &'static [&'static str],
}

const fn marks(all: &'static [&'static str], alone: bool, name: Option<&'static str>) -> Marks {
    Marks { all, alone, name, listed_by: &[] }
}

/// By what a resource of this type is found; none where it is only known by its name or by an identifier that is given.
pub fn marks_of(kind: &str) -> Option<Marks> {
    Some(match kind {
        "AWS::CertificateManager::Certificate" => marks(&["DomainName"], true, None),
        "AWS::CloudFront::Distribution" => marks(&["DistributionConfig.Aliases"], true, None),
        "AWS::EC2::VPC" => marks(&["CidrBlock"], false, None),
        "AWS::EC2::Subnet" => marks(&["VpcId", "CidrBlock"], true, None),
        "AWS::EC2::RouteTable" => marks(&["VpcId"], false, None),
        "AWS::EC2::SecurityGroup" => marks(&["VpcId"], false, Some("GroupName")),
        "AWS::EC2::VPCEndpoint" => marks(&["VpcId", "ServiceName"], true, None),
        "AWS::EC2::NatGateway" => marks(&["SubnetId"], true, None),
        "AWS::EC2::FlowLog" => marks(&["ResourceId", "LogGroupName"], true, None),
        "AWS::EC2::InternetGateway" | "AWS::EC2::EIP" | "AWS::KMS::Key" => marks(&[], false, None),
        "AWS::ElasticLoadBalancingV2::LoadBalancer" => marks(&[], false, Some("Name")),
        "AWS::ElasticLoadBalancingV2::TargetGroup" => marks(&["VpcId"], false, Some("Name")),
        // One listener has a port, and listeners are listed for a load balancer only.
        // https://docs.aws.amazon.com/cloudcontrolapi/latest/userguide/resource-operations-list.html
        "AWS::ElasticLoadBalancingV2::Listener" => {
            Marks { listed_by: &["LoadBalancerArn"], ..marks(&["LoadBalancerArn", "Port"], true, None) }
        }
        "AWS::IAM::OIDCProvider" => marks(&["Url"], true, None),
        "AWS::RDS::DBInstance" => marks(&[], false, Some("DBInstanceIdentifier")),
        "AWS::RDS::DBParameterGroup" => marks(&["Family"], false, Some("DBParameterGroupName")),
        "AWS::RDS::DBSubnetGroup" => marks(&[], false, Some("DBSubnetGroupName")),
        "AWS::Route53::HostedZone" => marks(&["Name"], true, None),
        "AWS::S3::Bucket" => marks(&[], false, Some("BucketName")),
        "AWS::SNS::Topic" => marks(&[], false, Some("TopicName")),
        "AWS::SecretsManager::Secret" => marks(&[], false, Some("Name")),
        // Each environment has a namespace of the same name, in a VPC that no service shows.
        "AWS::ServiceDiscovery::PrivateDnsNamespace" => marks(&["Name"], false, None),
        "AWS::ServiceDiscovery::Service" => marks(&["NamespaceId", "Name"], true, None),
        "AWS::WAFv2::IPSet" | "AWS::WAFv2::WebACL" => {
            Marks { listed_by: &["Scope"], ..marks(&["Scope"], false, Some("Name")) }
        }
        _ => return None,
    })
}

#[rustfmt::skip]
const TABLE: &[Row] = &[
    ("AWS::ApplicationAutoScaling::ScalableTarget", &["ResourceId", "ScalableDimension", "ServiceNamespace"], &["RoleARN"]),
    ("AWS::ApplicationAutoScaling::ScalingPolicy", &["Arn", "ScalableDimension"], &["ScalingTargetId", "TargetTrackingScalingPolicyConfiguration.PredefinedMetricSpecification.ResourceLabel"]),
    ("AWS::Backup::BackupPlan", &["BackupPlanId"], &[]),
    ("AWS::Backup::BackupSelection", &["Id"], &[]),
    ("AWS::Backup::BackupVault", &["BackupVaultName"], &["LockConfiguration.ChangeableForDays"]),
    ("AWS::CertificateManager::Certificate", &["CertificateArn"], &["DomainValidationOptions.HostedZoneId", "ValidationMethod"]),
    ("AWS::CloudFront::CachePolicy", &["Id"], &[]),
    ("AWS::CloudFront::Distribution", &["Id"], &[]),
    ("AWS::CloudFront::Function", &["FunctionARN"], &["AutoPublish"]),
    ("AWS::CloudFront::OriginAccessControl", &["Id"], &[]),
    ("AWS::CloudFront::OriginRequestPolicy", &["Id"], &[]),
    ("AWS::CloudFront::ResponseHeadersPolicy", &["Id"], &[]),
    ("AWS::CloudWatch::Alarm", &["AlarmName"], &[]),
    ("AWS::CloudWatch::CompositeAlarm", &["AlarmName"], &[]),
    ("AWS::CloudWatch::Dashboard", &["DashboardName"], &[]),
    ("AWS::DynamoDB::Table", &["TableName"], &["ImportSourceSpecification"]),
    ("AWS::EC2::EIP", &["PublicIp", "AllocationId"], &["Address", "IpamPoolId", "TransferAddress"]),
    ("AWS::EC2::FlowLog", &["Id"], &[]),
    ("AWS::EC2::InternetGateway", &["InternetGatewayId"], &[]),
    ("AWS::EC2::NatGateway", &["NatGatewayId"], &["MaxDrainDurationSeconds"]),
    ("AWS::EC2::Route", &["RouteTableId", "CidrBlock"], &[]),
    ("AWS::EC2::RouteTable", &["RouteTableId"], &[]),
    ("AWS::EC2::SecurityGroup", &["Id"], &["SecurityGroupIngress.SourceSecurityGroupName"]),
    ("AWS::EC2::SecurityGroupEgress", &["Id"], &[]),
    ("AWS::EC2::SecurityGroupIngress", &["Id"], &[]),
    ("AWS::EC2::Subnet", &["SubnetId"], &["EnableLniAtDeviceIndex", "Ipv4IpamPoolId", "Ipv4NetmaskLength", "Ipv6IpamPoolId", "Ipv6NetmaskLength"]),
    ("AWS::EC2::SubnetRouteTableAssociation", &["Id"], &[]),
    ("AWS::EC2::VPC", &["VpcId"], &["Ipv4IpamPoolId", "Ipv4NetmaskLength"]),
    ("AWS::EC2::VPCEndpoint", &["Id"], &[]),
    ("AWS::EC2::VPCGatewayAttachment", &["AttachmentType", "VpcId"], &[]),
    ("AWS::ECR::Repository", &["RepositoryName"], &["EmptyOnDelete"]),
    ("AWS::ECR::RepositoryCreationTemplate", &["Prefix"], &[]),
    ("AWS::ECS::CapacityProvider", &["Name"], &[]),
    ("AWS::ECS::Cluster", &["ClusterName"], &["ServiceConnectDefaults"]),
    ("AWS::ECS::ClusterCapacityProviderAssociations", &["Cluster"], &[]),
    ("AWS::ECS::Service", &["ServiceArn", "Cluster"], &["ForceNewDeployment", "GatewayConnectors", "Monitoring", "ServiceConnectConfiguration", "VolumeConfigurations"]),
    ("AWS::ECS::TaskDefinition", &["TaskDefinitionArn"], &[]),
    ("AWS::EFS::FileSystem", &["FileSystemId"], &["BypassPolicyLockoutSafetyCheck", "ReplicationConfiguration.Destinations.AvailabilityZoneName", "ReplicationConfiguration.Destinations.KmsKeyId"]),
    ("AWS::ElastiCache::ReplicationGroup", &["ReplicationGroupId"], &["AuthToken", "CacheParameterGroupName", "CacheSecurityGroupNames", "CacheSubnetGroupName", "EngineVersion", "KmsKeyId", "NodeGroupConfiguration", "NotificationTopicArn", "NumNodeGroups", "PreferredCacheClusterAZs", "PreferredMaintenanceWindow", "PrimaryClusterId", "SecurityGroupIds", "SnapshotArns", "SnapshotName"]),
    ("AWS::ElasticLoadBalancingV2::Listener", &["ListenerArn"], &["DefaultActions.AuthenticateOidcConfig.ClientSecret"]),
    ("AWS::ElasticLoadBalancingV2::ListenerCertificate", &["Id"], &[]),
    ("AWS::ElasticLoadBalancingV2::ListenerRule", &["RuleArn"], &["Actions.AuthenticateOidcConfig.ClientSecret", "ListenerArn"]),
    ("AWS::ElasticLoadBalancingV2::LoadBalancer", &["LoadBalancerArn"], &["EnableCapacityReservationProvisionStabilize"]),
    ("AWS::ElasticLoadBalancingV2::TargetGroup", &["TargetGroupArn"], &[]),
    ("AWS::Events::Rule", &["Arn"], &[]),
    ("AWS::IAM::InstanceProfile", &["InstanceProfileName"], &[]),
    ("AWS::IAM::ManagedPolicy", &["PolicyArn"], &[]),
    ("AWS::IAM::OIDCProvider", &["Arn"], &[]),
    ("AWS::IAM::Policy", &["Id"], &[]),
    ("AWS::IAM::Role", &["RoleName"], &[]),
    ("AWS::IAM::RolePolicy", &["PolicyName", "RoleName"], &[]),
    ("AWS::IAM::ServiceLinkedRole", &["RoleName"], &["AWSServiceName", "CustomSuffix"]),
    ("AWS::KMS::Alias", &["AliasName"], &[]),
    ("AWS::KMS::Key", &["KeyId"], &["BypassPolicyLockoutSafetyCheck", "PendingWindowInDays", "RotationPeriodInDays"]),
    ("AWS::Lambda::Function", &["FunctionName"], &["Code.ImageUri", "Code.S3Bucket", "Code.S3Key", "Code.S3ObjectStorageMode", "Code.S3ObjectVersion", "Code.SourceKMSKeyArn", "Code.ZipFile", "PublishToLatestPublished", "SnapStart"]),
    ("AWS::Logs::LogGroup", &["LogGroupName"], &[]),
    ("AWS::Logs::MetricFilter", &["LogGroupName", "FilterName"], &[]),
    ("AWS::RDS::DBCluster", &["DBClusterIdentifier"], &["ClusterScalabilityType", "DBInstanceParameterGroupName", "DeleteAutomatedBackups", "MasterUserAuthenticationType", "MasterUserPassword", "RestoreToTime", "RestoreType", "SnapshotIdentifier", "SourceDBClusterIdentifier", "SourceDbClusterResourceId", "SourceRegion", "UseLatestRestorableTime"]),
    ("AWS::RDS::DBInstance", &["DBInstanceIdentifier"], &["AllowMajorVersionUpgrade", "ApplyImmediately", "AutomaticBackupReplicationKmsKeyId", "CertificateRotationRestart", "DBSnapshotIdentifier", "DeleteAutomatedBackups", "MasterUserAuthenticationType", "MasterUserPassword", "RestoreTime", "SourceDBInstanceAutomatedBackupsArn", "SourceDBInstanceIdentifier", "SourceDbiResourceId", "SourceRegion", "TdeCredentialPassword", "UseDefaultProcessorFeatures", "UseLatestRestorableTime"]),
    ("AWS::RDS::DBParameterGroup", &["DBParameterGroupName"], &[]),
    ("AWS::RDS::DBSubnetGroup", &["DBSubnetGroupName"], &[]),
    ("AWS::Route53::HostedZone", &["Id"], &[]),
    ("AWS::Route53::RecordSet", &["Name", "HostedZoneId", "Type", "SetIdentifier"], &["Comment", "HostedZoneName"]),
    ("AWS::S3::Bucket", &["BucketName"], &["AccessControl", "BucketNamePrefix", "BucketNamespace", "LifecycleConfiguration.Rules.ExpiredObjectDeleteMarker", "LifecycleConfiguration.Rules.NoncurrentVersionExpirationInDays", "LifecycleConfiguration.Rules.NoncurrentVersionTransition", "LifecycleConfiguration.Rules.Transition", "MetadataConfiguration.AnnotationTableConfiguration.EncryptionConfiguration", "MetadataConfiguration.InventoryTableConfiguration.EncryptionConfiguration", "MetadataConfiguration.JournalTableConfiguration.EncryptionConfiguration", "ReplicationConfiguration.Rules.Prefix"]),
    ("AWS::S3::BucketPolicy", &["Bucket"], &[]),
    ("AWS::SNS::Subscription", &["Arn"], &["Region"]),
    ("AWS::SNS::Topic", &["TopicArn"], &[]),
    ("AWS::SNS::TopicPolicy", &["Id"], &[]),
    ("AWS::SQS::Queue", &["QueueUrl"], &[]),
    ("AWS::SSM::Parameter", &["Name"], &["AllowedPattern", "Description", "Policies", "Tier"]),
    ("AWS::Scheduler::Schedule", &["Name"], &[]),
    ("AWS::Scheduler::ScheduleGroup", &["Name"], &[]),
    ("AWS::SecretsManager::ResourcePolicy", &["Id"], &["BlockPublicPolicy"]),
    ("AWS::SecretsManager::RotationSchedule", &["Id"], &["HostedRotationLambda", "RotateImmediatelyOnUpdate"]),
    ("AWS::SecretsManager::Secret", &["Id"], &["GenerateSecretString", "SecretString"]),
    ("AWS::SecretsManager::SecretTargetAttachment", &["Id"], &[]),
    ("AWS::ServiceDiscovery::PrivateDnsNamespace", &["Id"], &["Vpc"]),
    ("AWS::ServiceDiscovery::Service", &["Id"], &[]),
    ("AWS::WAFv2::IPSet", &["Name", "Id", "Scope"], &[]),
    ("AWS::WAFv2::LoggingConfiguration", &["ResourceArn"], &[]),
    ("AWS::WAFv2::WebACL", &["Name", "Id", "Scope"], &[]),
    ("AWS::WAFv2::WebACLAssociation", &["ResourceArn", "WebACLArn"], &[]),
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::infra::{CreateOnly, create_only};

    #[test]
    fn the_table_is_sorted_and_has_the_types_of_the_other() {
        assert!(TABLE.windows(2).all(|pair| pair[0].0 < pair[1].0));
        for (kind, identifier, _) in TABLE {
            assert_ne!(create_only(kind, "Name"), CreateOnly::Unknown, "{kind}");
            assert!(!identifier.is_empty(), "{kind}");
        }
    }

    #[test]
    fn what_is_found_by_its_attributes_has_an_identifier() {
        let kinds = TABLE.iter().filter(|(kind, ..)| marks_of(kind).is_some());
        assert!(kinds.count() > 20);
        assert_eq!(identifier("AWS::EC2::EIP"), Some(&["PublicIp", "AllocationId"][..]));
        assert_eq!(identifier("AWS::Unheard::Of"), None);
    }

    #[test]
    fn what_no_service_shows_again_is_known() {
        assert!(is_write_only("AWS::RDS::DBInstance", "MasterUserPassword"));
        assert!(is_write_only("AWS::CertificateManager::Certificate", "DomainValidationOptions.0.HostedZoneId"));
        assert!(!is_write_only("AWS::CertificateManager::Certificate", "DomainValidationOptions"));
        assert!(is_write_only("AWS::SecretsManager::Secret", "GenerateSecretString.PasswordLength"));
        assert!(!is_write_only("AWS::EC2::VPC", "CidrBlock"));
    }
}
