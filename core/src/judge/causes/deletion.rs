//! What keeps a resource from being deleted.
//!
//! Vaults: <https://docs.aws.amazon.com/aws-backup/latest/devguide/deleting-backup-vault.html>, zones:
//! <https://docs.aws.amazon.com/Route53/latest/APIReference/API_DeleteHostedZone.html>, repositories:
//! <https://docs.aws.amazon.com/AmazonECR/latest/APIReference/API_DeleteRepository.html>.

use super::{
    cause::{Cause, Family, Rank},
    rule::{
        Rule::{Certain, Likely},
        When::{All, Any, Has, InOrder},
    },
};

pub(super) static CAUSES: &[Cause] = &[
    Cause {
        name: "vault-holds-recovery-points",
        family: Family::CloudFormation,
        rank: Rank::Root,
        title: "backup vault holds recovery points",
        meaning: "A backup vault can be deleted only when no recovery point is left in it, and a locked vault gives none away \
         before its time.",
        remedy: "Delete its recovery points (aws backup list-recovery-points-by-backup-vault, then delete-recovery-point), or \
         keep the vault and delete the stack with --retain-resources",
        rules: &[
            Certain(InOrder(&["vault", "cannot be deleted", "recovery points"])),
            Likely(InOrder(&["vault", "contains recovery points"])),
            Likely(InOrder(&["vault", "not empty"])),
        ],
    },
    Cause {
        name: "hosted-zone-holds-records",
        family: Family::CloudFormation,
        rank: Rank::Root,
        title: "hosted zone holds records of others",
        meaning: "A hosted zone can be deleted only when nothing but its own NS and SOA records is left in it.",
        remedy: "Delete the records that others made (aws route53 list-resource-record-sets), or keep the zone and delete the \
         stack with --retain-resources",
        rules: &[
            Certain(Has("hostedzonenotempty")),
            Certain(InOrder(&["hosted zone contains non-required resource record sets"])),
            Likely(InOrder(&["hosted zone", "not empty"])),
        ],
    },
    Cause {
        name: "repository-holds-images",
        family: Family::CloudFormation,
        rank: Rank::Root,
        title: "repository holds images",
        meaning: "An ECR repository is deleted only when it is empty, unless it was made to be emptied.",
        remedy: "Take the images away too: runner destroy --purge; or keep the repository and delete the stack with \
         --retain-resources",
        rules: &[
            Certain(Has("repositorynotemptyexception")),
            Certain(InOrder(&["repository", "cannot be deleted because it still contains images"])),
        ],
    },
    Cause {
        name: "deletion-protected",
        family: Family::CloudFormation,
        rank: Rank::Root,
        title: "protected from deletion",
        meaning: "Deletion or termination protection is on, turned on again or by somebody else since this run looked.",
        remedy: "Run the same command again: protection that is ours is turned off first; turn off by hand what another turned on",
        rules: &[
            Certain(InOrder(&["cannot be deleted while terminationprotection is enabled"])),
            Certain(InOrder(&["cannot delete protected db"])),
            Certain(InOrder(&["load balancer", "cannot be deleted because deletion protection is enabled"])),
            Likely(Has("deletion protection is enabled")),
            Likely(Has("disable deletion pro")),
        ],
    },
    Cause {
        name: "cluster-holds-services",
        family: Family::CloudFormation,
        rank: Rank::Root,
        title: "cluster holds services or tasks",
        meaning: "A cluster is deleted only when no service and no task is left in it; these were not made by this environment's \
         file.",
        remedy: "Delete what others run there (aws ecs list-services, list-tasks), then run the same command again",
        rules: &[
            Certain(Has("clustercontainsservicesexception")),
            Certain(Has("clustercontainstasksexception")),
            Likely(InOrder(&["cluster", "cannot be deleted while"])),
        ],
    },
    Cause {
        name: "namespace-holds-services",
        family: Family::CloudFormation,
        rank: Rank::Root,
        title: "namespace holds services",
        meaning: "A private DNS namespace is deleted only when no discovery service is left in it, and a discovery service only \
         when no instance is registered.",
        remedy: "Delete what others registered there (aws servicediscovery list-services), then run the same command again",
        rules: &[
            Certain(InOrder(&["namespace", "has associated services"])),
            Certain(InOrder(&["service contains registered instances"])),
        ],
    },
    Cause {
        name: "target-group-in-use",
        family: Family::CloudFormation,
        rank: Rank::Root,
        title: "a listener still leads to it",
        meaning: "A target group is deleted only when no listener and no rule forwards to it; a rule that this file did not make \
         still does.",
        remedy: "Delete that rule (aws elbv2 describe-rules), then run the same command again",
        rules: &[
            Certain(InOrder(&["target group", "is currently in use by a listener or a rule"])),
            Likely(All(&[Has("target group"), Any(&[Has("resourceinuse"), Has("in use by a listener")])])),
        ],
    },
];
