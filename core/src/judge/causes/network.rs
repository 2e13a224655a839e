//! Load balancers, addresses, security groups, certificates.

use super::{
    cause::{Cause, Family, Rank},
    rule::{
        Rule::{Certain, Likely},
        When::{All, Any, Has, InOrder, Not, Word},
    },
};

pub(super) static CAUSES: &[Cause] = &[
    Cause {
        name: "alb-subnets-one-az",
        family: Family::Network,
        rank: Rank::Root,
        title: "load balancer needs two zones",
        meaning: "An application load balancer wants subnets in at least two availability zones, one in each.",
        remedy: "Give it one subnet in each of two or more zones",
        rules: &[
            Certain(Has("at least two subnets in two different availability zones")),
            Certain(InOrder(&["cannot be attached to multiple subnets in the same availability zone"])),
            Likely(InOrder(&["at least 2", "subnets in different availability zones"])),
            Likely(InOrder(&["at least two", "availability zones"])),
        ],
    },
    Cause {
        name: "alb-az-unsupported",
        family: Family::Network,
        rank: Rank::Root,
        title: "no load balancer in this zone",
        meaning: "The zone cannot host load balancers for this account.",
        remedy: "Leave that zone out and use another",
        rules: &[
            Certain(InOrder(&["availability zone", "cannot be associated with a load balancer"])),
            Certain(InOrder(&["load balancer", "not supported in", "availability zone"])),
            Certain(Has("load balancers do not support availability zone")),
            Likely(All(&[Has("load balanc"), InOrder(&["availability zone", "not supported"])])),
            Likely(Any(&[Has("availabilityzonenotsupported"), Has("invalidavailabilityzone")])),
        ],
    },
    Cause {
        name: "listener-rule-priority-in-use",
        family: Family::Network,
        rank: Rank::Root,
        title: "another rule has this priority",
        meaning: "Two rules of one listener cannot have the same priority, and another one has it.",
        remedy: "Choose a free priority, or remove the rule that holds it",
        rules: &[
            Certain(Has("priorityinuse")),
            Certain(InOrder(&["priority '", "is currently in use"])),
            Likely(InOrder(&["priority", "in use"])),
        ],
    },
    Cause {
        name: "listener-drift",
        family: Family::Network,
        rank: Rank::Root,
        title: "listener or rule was changed behind the stack",
        meaning: "A listener or rule that the stack knows was removed or changed elsewhere; CloudFormation may report it \
                  as existing.",
        remedy: "Look at what drifted (runner drift), undo it or let the stack make the rule anew under another name",
        rules: &[
            Certain(Has("one or more priorities not found")),
            Likely(Any(&[Has("one or more listeners not found"), Has("one or more rules not found")])),
            Likely(Any(&[
                Word("rulenotfound"),
                Word("listenernotfound"),
                Has("listenernotfoundexception"),
                Has("rulenotfoundexception"),
            ])),
        ],
    },
    Cause {
        name: "elbv2-validation-opaque",
        family: Family::Network,
        rank: Rank::Root,
        title: "load balancing refuses without saying why",
        meaning: "CloudFormation hides what the load balancer's API said. Causes seen: a missing permission, a wrong ARN \
                  of a certificate or listener, a value with a space.",
        remedy: "Find the call in CloudTrail for the real message; check the deployer's elasticloadbalancing permissions and each ARN",
        rules: &[
            Certain(InOrder(&["aws::elasticloadbalancingv2::", "validation exception"])),
            Likely(InOrder(&["elasticloadbalancingv2", "validation exception"])),
            Likely(All(&[Has("elasticloadbalancing"), Has("internalfailure")])),
        ],
    },
    Cause {
        name: "eip-limit",
        family: Family::Network,
        rank: Rank::Root,
        title: "quota of public addresses reached",
        meaning: "The account may hold a certain number of elastic IP addresses in the region (5 at first), and has them.",
        remedy: "Release unused addresses, ask for a higher quota, or use fewer NAT gateways",
        rules: &[Certain(Has("addresslimitexceeded")), Certain(Has("maximum number of addresses has been reached"))],
    },
    Cause {
        name: "sg-dependency-violation",
        family: Family::Network,
        rank: Rank::Root,
        title: "still used by something",
        meaning: "A security group (or another part of the network) cannot be deleted because a network interface or \
                  another group still uses it. Interfaces of stopped tasks can take minutes to go.",
        remedy: "Remove what uses it (network interfaces, rules of other groups) and try again in some minutes",
        rules: &[
            Certain(InOrder(&["sg-", "has a dependent object"])),
            Likely(Any(&[Has("has a dependent object"), Has("dependencyviolation")])),
            Likely(InOrder(&["security group", "is in use"])),
            Likely(InOrder(&["has dependencies and cannot be deleted"])),
        ],
    },
    Cause {
        name: "cert-pending-validation",
        family: Family::Network,
        rank: Rank::Root,
        title: "certificate not yet validated",
        meaning: "The certificate waits for its DNS record, and nothing that needs it can go on.",
        remedy: "Create the CNAME that ACM names in the domain's zone, or delegate the zone; then deploy again",
        rules: &[
            Certain(Has("resource is not in the state certificatevalidated")),
            Certain(Word("pending_validation")),
            Likely(All(&[
                Has("certificate"),
                Any(&[
                    Has("pending validation"),
                    Has("not validated"),
                    Has("not been validated"),
                    Has("not yet issued"),
                    Has("not in issued"),
                    Has("validation timed out"),
                    Has("validation_timed_out"),
                    Has("to register as valid"),
                ]),
            ])),
            Likely(InOrder(&["certificate", "must have a fully-qualified domain name"])),
            Likely(All(&[Has("unsupportedcertificate"), Not(&Has("key size is"))])),
            Likely(InOrder(&["content of dns record", "_acm"])),
            Likely(Has("content of dns record is")),
        ],
    },
];
