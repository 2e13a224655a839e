//! How a resource that holds data or traffic gets to another form without an outage, and how long AWS usually takes for
//! a resource of its type.

/// The way without an outage, for each type that [`super::holds`] names. It takes the place of a replacement that is
/// refused.
pub fn way(kind: &str) -> &'static str {
    match kind {
        "AWS::RDS::DBInstance" | "AWS::RDS::DBCluster" => {
            "take a snapshot, restore it as a second database beside this one (`database.existing` names it), move the \
             services, then let this one go"
        }
        "AWS::ECR::Repository" => {
            "copy the images to a repository of another name first (the service under a new name has one), deploy from \
             there, then let this one go"
        }
        "AWS::KMS::Key" => {
            "keep the key as long as anything is encrypted with it: make a second one, encrypt anew, then let this one go"
        }
        "AWS::Backup::BackupVault" => {
            "make a second vault, copy the recovery points that are still needed, then let this one go"
        }
        "AWS::S3::Bucket" => {
            "make a bucket of another name, copy the objects, move the readers and writers, then let this one go"
        }
        "AWS::Route53::HostedZone" => {
            "make the zone anew beside this one, copy its records, change the NS records at the registrar, wait for two \
             days (their time to live), then let this one go"
        }
        "AWS::SecretsManager::Secret" => {
            "add a secret under another name, let the services read that one, then let this one go: a value is lost with \
             its secret"
        }
        "AWS::DynamoDB::Table" => {
            "restore a backup as a table of another name, let the services write to it, then let this one go"
        }
        "AWS::EFS::FileSystem" => "make a second file system, copy the files, mount that one, then let this one go",
        "AWS::SQS::Queue" => {
            "make a queue of another name, let the senders move first and the receivers when the old one is empty"
        }
        "AWS::ElastiCache::ReplicationGroup" => {
            "make a second group beside this one (from its snapshot, where the content matters), move the services, then \
             let this one go"
        }
        "AWS::EC2::VPC" | "AWS::EC2::Subnet" => {
            "nothing moves between networks: bring the app up as another environment with the new network, move the DNS \
             record, then destroy this one; more addresses need no replacement: add subnets to the list's end"
        }
        "AWS::EC2::InternetGateway" | "AWS::EC2::VPCGatewayAttachment" => {
            "a network has one gateway to the internet: bring the app up as another environment with a network of its own, \
             move the DNS record, then destroy this one"
        }
        "AWS::EC2::NatGateway" | "AWS::EC2::EIP" => {
            "add a gateway in another zone and lead the routes there, then let this one go; whoever lists its address has \
             to list the new one first"
        }
        "AWS::EC2::VPCEndpoint" => {
            "give the services another way out first (`network.egress`), then make the endpoint anew"
        }
        "AWS::EC2::SecurityGroup" => {
            "add a second group, let the services run with both and then with the new one alone, then let this one go: a \
             group is not deleted while a network interface has it"
        }
        "AWS::ElasticLoadBalancingV2::LoadBalancer" => {
            "make a second load balancer beside this one (another environment, or `load-balancer.existing`), move the DNS \
             record, wait for its time to live, then let this one go"
        }
        "AWS::ElasticLoadBalancingV2::Listener" => {
            "add a listener on another port or load balancer, move the clients, then let this one go"
        }
        "AWS::ElasticLoadBalancingV2::TargetGroup" => {
            "add the service a second time under another name with the new setting, let it take over the host, then \
             remove the old one and `run --prune`"
        }
        "AWS::IAM::Role" => {
            "make a role of another name, deploy the services with it, then let this one go: running tasks lose their \
             rights with their role"
        }
        "AWS::IAM::ManagedPolicy" => {
            "attach a policy of another name beside this one, then let this one go: what has it as its boundary may do \
             nothing without it"
        }
        "AWS::IAM::OIDCProvider" => {
            "an account has one for GitHub, which others may trust: keep it, and give its ARN as \
             `identity.oidc-provider`"
        }
        "AWS::ServiceDiscovery::Service" | "AWS::ServiceDiscovery::PrivateDnsNamespace" => {
            "add the new name beside this one, let the callers use it, then let this one go: callers find nothing while \
             it is made anew"
        }
        "AWS::Logs::LogGroup" => {
            "export the logs that are still needed, add a group of another name, deploy, then let this one go: a task \
             does not start without its group"
        }
        "AWS::ECS::Cluster" => {
            "bring the app up as another environment with the new cluster, move the DNS record, then destroy this one"
        }
        "AWS::RDS::DBSubnetGroup" => {
            "restore a snapshot of the database into a group of another name, move the services, then let this one go"
        }
        "AWS::CloudFront::Distribution" => {
            "make a second distribution, test it under its own name, move the alias and the DNS record, then let this one go"
        }
        _ => "add the new one under another name, move, then remove the old one",
    }
}

/// The seconds AWS usually takes to create, replace or delete one resource of this type: from, to. What takes less than
/// a minute is taken as that. Orders of magnitude, for people who wait; nothing depends on them.
///
/// RDS: <https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/USER_CreateDBInstance.html>, CloudFront:
/// <https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/HowToUpdateDistribution.html>, certificates:
/// <https://docs.aws.amazon.com/acm/latest/userguide/dns-validation.html>
pub fn usual_seconds(kind: &str) -> (u64, u64) {
    match kind {
        "AWS::RDS::DBInstance" | "AWS::RDS::DBCluster" => (360, 900),
        "AWS::ElastiCache::ReplicationGroup" => (300, 900),
        "AWS::CloudFront::Distribution" => (180, 600),
        "AWS::CertificateManager::Certificate" => (60, 600),
        "AWS::ElasticLoadBalancingV2::LoadBalancer" => (120, 240),
        "AWS::EC2::NatGateway" => (90, 180),
        "AWS::EC2::VPCEndpoint" => (60, 180),
        "AWS::ServiceDiscovery::PrivateDnsNamespace" => (45, 120),
        "AWS::WAFv2::WebACL" | "AWS::WAFv2::WebACLAssociation" => (15, 60),
        "AWS::IAM::Role" | "AWS::IAM::ManagedPolicy" => (15, 40),
        "AWS::SecretsManager::RotationSchedule" => (60, 180),
        _ => (5, 30),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::infra::{Holds, holds, testing::environment};

    #[test]
    fn every_type_that_holds_data_or_traffic_has_a_way_of_its_own() {
        let other = way("AWS::Unheard::Of");
        let text = include_str!("create_only.rs");
        let named = text.split('"').filter(|word| word.starts_with("AWS::") && holds(word) != Holds::Nothing);
        let mut seen = 0;
        for kind in named {
            assert_ne!(way(kind), other, "{kind}");
            seen += 1;
        }
        assert!(seen > 20, "{seen}");
        for name in ["staging", "production"] {
            for stack in crate::infra::stacks(&environment(name)) {
                let crate::infra::Body::Rendered(template) = stack.body else { continue };
                for (id, resource) in template.resources.iter().filter(|(_, it)| it.holds != Holds::Nothing) {
                    assert_ne!(way(resource.kind), other, "{id} ({})", resource.kind);
                }
            }
        }
    }

    #[test]
    fn nothing_usually_ends_before_it_began() {
        for kind in include_str!("ways.rs").split('"').filter(|word| word.starts_with("AWS::")) {
            let (from, to) = usual_seconds(kind);
            assert!(from > 0 && from < to, "{kind}");
        }
    }
}
