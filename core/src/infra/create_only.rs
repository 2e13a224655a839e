//! Which properties can only be set when a resource is made: changing one replaces the resource.
//!
//! From `createOnlyProperties` and `conditionalCreateOnlyProperties` of the resource types' schemas, for the types we
//! render and those that users' own templates are likely to hold.
//! <https://docs.aws.amazon.com/cloudformation-cli/latest/userguide/resource-type-schema.html>

use super::Holds;

/// A type, its create-only properties (nested ones with dots), and those whose change may replace it.
type Row = (&'static str, &'static [&'static str], &'static [&'static str]);

/// What a change of a property does to its resource.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CreateOnly {
    /// The table does not know the type.
    Unknown,
    /// It changes in place.
    No,
    /// The service decides when it sees the value.
    Maybe,
    /// A new one is made.
    Yes,
}

/// What a change of the property at `path` (`EncryptionConfiguration.KmsKey`; numbers are places in a list) does to a
/// resource of this type.
pub fn create_only(kind: &str, path: &str) -> CreateOnly {
    let Ok(at) = TABLE.binary_search_by(|row| row.0.cmp(kind)) else {
        return CreateOnly::Unknown;
    };
    let (_, always, maybe) = TABLE[at];
    if always.iter().any(|known| touches(known, path)) {
        CreateOnly::Yes
    } else if maybe.iter().any(|known| touches(known, path)) {
        CreateOnly::Maybe
    } else {
        CreateOnly::No
    }
}

/// Whether a change at `path` is a change of `known`, or of something in it, or of what it is in.
fn touches(known: &str, path: &str) -> bool {
    let mut known = known.split('.');
    let mut path = path.split('.').filter(|part| part.parse::<usize>().is_err());
    loop {
        match (known.next(), path.next()) {
            (Some(one), Some(other)) if one == other => {}
            (Some(_), Some(_)) => return false,
            _ => return true,
        }
    }
}

/// What hangs on a resource of this type, where its template does not say so: in templates of the user's own, and on
/// resources that are no longer in a template.
pub fn holds(kind: &str) -> Holds {
    match kind {
        "AWS::RDS::DBInstance"
        | "AWS::RDS::DBCluster"
        | "AWS::ECR::Repository"
        | "AWS::KMS::Key"
        | "AWS::Backup::BackupVault"
        | "AWS::S3::Bucket"
        | "AWS::Route53::HostedZone"
        | "AWS::SecretsManager::Secret"
        | "AWS::DynamoDB::Table"
        | "AWS::EFS::FileSystem"
        | "AWS::SQS::Queue"
        | "AWS::ElastiCache::ReplicationGroup" => Holds::Data,
        "AWS::EC2::VPC"
        | "AWS::EC2::Subnet"
        | "AWS::EC2::SecurityGroup"
        | "AWS::ElasticLoadBalancingV2::LoadBalancer"
        | "AWS::ElasticLoadBalancingV2::Listener"
        | "AWS::ElasticLoadBalancingV2::TargetGroup"
        | "AWS::IAM::Role"
        | "AWS::ServiceDiscovery::Service"
        | "AWS::ServiceDiscovery::PrivateDnsNamespace"
        | "AWS::Logs::LogGroup"
        | "AWS::ECS::Cluster"
        | "AWS::RDS::DBSubnetGroup"
        | "AWS::CloudFront::Distribution" => Holds::Traffic,
        _ => Holds::Nothing,
    }
}

#[rustfmt::skip]
const TABLE: &[Row] = &[
    ("AWS::ApplicationAutoScaling::ScalableTarget", &["ResourceId", "ScalableDimension", "ServiceNamespace"], &[]),
    ("AWS::ApplicationAutoScaling::ScalingPolicy", &["PolicyName", "ResourceId", "ScalableDimension", "ScalingTargetId", "ServiceNamespace"], &[]),
    ("AWS::Backup::BackupPlan", &[], &[]),
    ("AWS::Backup::BackupSelection", &["BackupPlanId", "BackupSelection"], &[]),
    ("AWS::Backup::BackupVault", &["BackupVaultName", "EncryptionKeyArn"], &[]),
    ("AWS::CertificateManager::Certificate", &["CertificateAuthorityArn", "CertificateExport", "DomainName", "DomainValidationOptions", "KeyAlgorithm", "SubjectAlternativeNames"], &[]),
    ("AWS::CloudFront::CachePolicy", &[], &[]),
    ("AWS::CloudFront::Distribution", &[], &[]),
    ("AWS::CloudFront::Function", &["Name"], &[]),
    ("AWS::CloudFront::OriginAccessControl", &[], &[]),
    ("AWS::CloudFront::OriginRequestPolicy", &[], &[]),
    ("AWS::CloudFront::ResponseHeadersPolicy", &[], &[]),
    ("AWS::CloudWatch::Alarm", &["AlarmName"], &[]),
    ("AWS::CloudWatch::CompositeAlarm", &["AlarmName"], &[]),
    ("AWS::CloudWatch::Dashboard", &["DashboardName"], &[]),
    ("AWS::DynamoDB::Table", &["ImportSourceSpecification", "TableName"], &["KeySchema"]),
    ("AWS::EC2::EIP", &["Address", "IpamPoolId", "NetworkBorderGroup", "TransferAddress"], &[]),
    ("AWS::EC2::FlowLog", &["DeliverCrossAccountRole", "DeliverLogsPermissionArn", "DestinationOptions", "LogDestination", "LogDestinationType", "LogFormat", "LogGroupName", "MaxAggregationInterval", "ResourceId", "ResourceType", "TagFieldSpecifications", "TrafficType"], &[]),
    ("AWS::EC2::InternetGateway", &[], &[]),
    ("AWS::EC2::NatGateway", &["AllocationId", "AvailabilityMode", "ConnectivityType", "PrivateIpAddress", "SubnetId", "VpcId"], &[]),
    ("AWS::EC2::Route", &["DestinationCidrBlock", "DestinationIpv6CidrBlock", "DestinationPrefixListId", "RouteTableId"], &[]),
    ("AWS::EC2::RouteTable", &["VpcId"], &[]),
    ("AWS::EC2::SecurityGroup", &["GroupDescription", "GroupName", "VpcId"], &[]),
    ("AWS::EC2::SecurityGroupEgress", &["CidrIp", "CidrIpv6", "DestinationPrefixListId", "DestinationSecurityGroupId", "FromPort", "GroupId", "IpProtocol", "ToPort"], &[]),
    ("AWS::EC2::SecurityGroupIngress", &["CidrIp", "CidrIpv6", "FromPort", "GroupId", "GroupName", "IpProtocol", "SourcePrefixListId", "SourceSecurityGroupId", "SourceSecurityGroupName", "SourceSecurityGroupOwnerId", "ToPort"], &[]),
    ("AWS::EC2::Subnet", &["AvailabilityZone", "AvailabilityZoneId", "CidrBlock", "Ipv4IpamPoolId", "Ipv4NetmaskLength", "Ipv6IpamPoolId", "Ipv6Native", "Ipv6NetmaskLength", "OutpostArn", "VpcId"], &["Ipv6CidrBlock"]),
    ("AWS::EC2::SubnetRouteTableAssociation", &["RouteTableId", "SubnetId"], &[]),
    ("AWS::EC2::VPC", &["CidrBlock", "Ipv4IpamPoolId", "Ipv4NetmaskLength", "VpcEncryptionControl"], &["InstanceTenancy"]),
    ("AWS::EC2::VPCEndpoint", &["DnsOptions.PrivateDnsPreference", "DnsOptions.PrivateDnsSpecifiedDomains", "ResourceConfigurationArn", "ServiceName", "ServiceNetworkArn", "ServiceRegion", "VpcEndpointType", "VpcId"], &[]),
    ("AWS::EC2::VPCGatewayAttachment", &["VpcId"], &[]),
    ("AWS::ECR::Repository", &["EncryptionConfiguration", "RepositoryName"], &[]),
    ("AWS::ECR::RepositoryCreationTemplate", &["Prefix"], &[]),
    ("AWS::ECS::CapacityProvider", &["AutoScalingGroupProvider.AutoScalingGroupArn", "ClusterName", "Name"], &[]),
    ("AWS::ECS::Cluster", &["ClusterName"], &[]),
    ("AWS::ECS::ClusterCapacityProviderAssociations", &["Cluster"], &[]),
    ("AWS::ECS::Service", &["Cluster", "Role", "SchedulingStrategy", "ServiceName"], &["LaunchType"]),
    ("AWS::ECS::TaskDefinition", &["ContainerDefinitions", "Cpu", "EnableFaultInjection", "EphemeralStorage", "ExecutionRoleArn", "Family", "InferenceAccelerators", "IpcMode", "Memory", "NetworkMode", "PidMode", "PlacementConstraints", "ProxyConfiguration", "RequiresCompatibilities", "RuntimePlatform", "TaskRoleArn", "Volumes"], &[]),
    ("AWS::EFS::FileSystem", &["AvailabilityZoneName", "Encrypted", "KmsKeyId", "PerformanceMode"], &[]),
    ("AWS::ElastiCache::ReplicationGroup", &["AtRestEncryptionEnabled", "CacheSubnetGroupName", "DataTieringEnabled", "GlobalReplicationGroupId", "KmsKeyId", "NetworkType", "Port", "PreferredCacheClusterAZs", "ReplicationGroupId", "SnapshotArns", "SnapshotName"], &["AuthToken", "NodeGroupConfiguration"]),
    ("AWS::ElasticLoadBalancingV2::Listener", &["LoadBalancerArn"], &[]),
    ("AWS::ElasticLoadBalancingV2::ListenerCertificate", &["ListenerArn"], &[]),
    ("AWS::ElasticLoadBalancingV2::ListenerRule", &["ListenerArn"], &[]),
    ("AWS::ElasticLoadBalancingV2::LoadBalancer", &["Name", "Scheme", "Type"], &[]),
    ("AWS::ElasticLoadBalancingV2::TargetGroup", &["IpAddressType", "Name", "Port", "Protocol", "ProtocolVersion", "TargetType", "VpcId"], &[]),
    ("AWS::Events::Rule", &["Name"], &["EventBusName"]),
    ("AWS::IAM::InstanceProfile", &["InstanceProfileName", "Path"], &[]),
    ("AWS::IAM::ManagedPolicy", &["Description", "ManagedPolicyName", "Path"], &[]),
    ("AWS::IAM::OIDCProvider", &["Url"], &[]),
    ("AWS::IAM::Policy", &[], &[]),
    ("AWS::IAM::Role", &["Path", "RoleName"], &[]),
    ("AWS::IAM::RolePolicy", &["PolicyName", "RoleName"], &[]),
    ("AWS::IAM::ServiceLinkedRole", &["AWSServiceName", "CustomSuffix"], &[]),
    ("AWS::KMS::Alias", &["AliasName"], &[]),
    ("AWS::KMS::Key", &[], &[]),
    ("AWS::Lambda::Function", &["FunctionName", "PackageType", "TenancyConfig"], &["DurableConfig"]),
    ("AWS::Logs::LogGroup", &["LogGroupName"], &[]),
    ("AWS::Logs::MetricFilter", &["FilterName", "LogGroupName"], &[]),
    ("AWS::RDS::DBCluster", &["ClusterScalabilityType", "DBClusterIdentifier", "DBSubnetGroupName", "DBSystemId", "DatabaseName", "EngineMode", "KmsKeyId", "PubliclyAccessible", "RestoreToTime", "RestoreType", "SnapshotIdentifier", "SourceDBClusterIdentifier", "SourceDbClusterResourceId", "SourceRegion", "StorageEncrypted", "UseLatestRestorableTime"], &["AvailabilityZones", "Engine", "GlobalClusterIdentifier", "MasterUsername"]),
    ("AWS::RDS::DBInstance", &["BackupTarget", "CharacterSetName", "CustomIAMInstanceProfile", "DBClusterIdentifier", "DBInstanceIdentifier", "DBName", "DBSubnetGroupName", "DBSystemId", "KmsKeyId", "MasterUsername", "NcharCharacterSetName", "SourceRegion", "StorageEncrypted", "Timezone"], &["AutoMinorVersionUpgrade", "AvailabilityZone", "BackupRetentionPeriod", "DBClusterSnapshotIdentifier", "DBParameterGroupName", "DBSnapshotIdentifier", "Engine", "MultiAZ", "PerformanceInsightsKMSKeyId", "PreferredMaintenanceWindow", "RestoreTime", "SourceDBClusterIdentifier", "SourceDBInstanceAutomatedBackupsArn", "SourceDBInstanceIdentifier", "SourceDbiResourceId", "UseLatestRestorableTime"]),
    ("AWS::RDS::DBParameterGroup", &["DBParameterGroupName", "Description", "Family"], &[]),
    ("AWS::RDS::DBSubnetGroup", &["DBSubnetGroupName"], &[]),
    ("AWS::Route53::HostedZone", &["DelegationSetId", "Name"], &[]),
    ("AWS::Route53::RecordSet", &["HostedZoneId", "HostedZoneName"], &[]),
    ("AWS::S3::Bucket", &["BucketName", "BucketNamePrefix", "BucketNamespace"], &[]),
    ("AWS::S3::BucketPolicy", &["Bucket"], &[]),
    ("AWS::SNS::Subscription", &["Endpoint", "Protocol", "TopicArn"], &["Region"]),
    ("AWS::SNS::Topic", &["FifoTopic", "TopicName"], &[]),
    ("AWS::SNS::TopicPolicy", &[], &[]),
    ("AWS::SQS::Queue", &["FifoQueue", "QueueName"], &[]),
    ("AWS::SSM::Parameter", &["Name"], &[]),
    ("AWS::Scheduler::Schedule", &["Name"], &[]),
    ("AWS::Scheduler::ScheduleGroup", &["Name"], &[]),
    ("AWS::SecretsManager::ResourcePolicy", &["SecretId"], &[]),
    ("AWS::SecretsManager::RotationSchedule", &["SecretId"], &[]),
    ("AWS::SecretsManager::Secret", &["Name"], &[]),
    ("AWS::SecretsManager::SecretTargetAttachment", &["SecretId"], &[]),
    ("AWS::ServiceDiscovery::PrivateDnsNamespace", &["Name", "Vpc"], &[]),
    ("AWS::ServiceDiscovery::Service", &["HealthCheckCustomConfig", "Name", "NamespaceId", "Type"], &[]),
    ("AWS::WAFv2::IPSet", &["Name", "Scope"], &[]),
    ("AWS::WAFv2::LoggingConfiguration", &["ResourceArn"], &[]),
    ("AWS::WAFv2::WebACL", &["Name", "Scope"], &[]),
    ("AWS::WAFv2::WebACLAssociation", &["ResourceArn", "WebACLArn"], &[]),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_sorted_as_its_search_needs() {
        assert!(TABLE.windows(2).all(|pair| pair[0].0 < pair[1].0));
    }

    #[test]
    fn nested_paths_meet_from_both_sides() {
        assert_eq!(create_only("AWS::ECR::Repository", "EncryptionConfiguration.KmsKey"), CreateOnly::Yes);
        assert_eq!(create_only("AWS::EC2::VPCEndpoint", "DnsOptions"), CreateOnly::Yes);
        assert_eq!(create_only("AWS::EC2::VPCEndpoint", "DnsOptions.DnsRecordIpType"), CreateOnly::No);
        assert_eq!(create_only("AWS::RDS::DBInstance", "BackupRetentionPeriod"), CreateOnly::Maybe);
        assert_eq!(create_only("AWS::Unheard::Of", "Name"), CreateOnly::Unknown);
        assert_eq!(
            create_only("AWS::CertificateManager::Certificate", "DomainValidationOptions.0.HostedZoneId"),
            CreateOnly::Yes
        );
    }
}
