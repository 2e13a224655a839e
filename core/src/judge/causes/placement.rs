//! Where a task runs: sizes, quotas, zones, addresses, hosts, the roles ECS takes to place it.
//!
//! AWS's wordings: <https://docs.aws.amazon.com/AmazonECS/latest/developerguide/service-event-messages-list.html>,
//! <https://docs.aws.amazon.com/AmazonECS/latest/developerguide/api_failures_messages.html>.

use super::{
    cause::{Cause, Family, Rank},
    rule::{
        Rule::{Certain, Likely},
        Text,
        When::{self, All, Any, At, Has, InOrder, Not, Test, Together, Word},
    },
};

/// A registry that is asked too often has a cause of its own.
const NOT_A_PULL: When = Not(&Any(&[Has("cannotpull"), Has("toomanyrequests:"), Has("error while pulling")]));

/// RunTask's `failures` give the reason `ATTRIBUTE`, in capitals, of a host that lacks one.
fn lacks_attribute(text: &Text) -> bool {
    ["\"ATTRIBUTE\"", "'ATTRIBUTE'"].iter().any(|reason| text.raw.contains(reason)) && text.has("container-instance")
}

pub(super) static CAUSES: &[Cause] = &[
    Cause {
        name: "fargate-cpu-memory-invalid",
        family: Family::Placement,
        rank: Rank::Root,
        title: "no such size on Fargate",
        meaning: "Fargate has only certain pairs of cpu and memory, and this is none of them.",
        remedy: "Choose a pair that Fargate offers, such as cpu 512 with memory 1024 to 4096",
        rules: &[
            Certain(Has("no fargate configuration exists for given values")),
            Certain(Any(&[Has("invalid 'cpu' setting for task"), Has("invalid 'memory' setting for task")])),
            Certain(Has("invalid cpu or memory value specified")),
            Certain(InOrder(&["fargate resource requirements", "not valid"])),
            Likely(All(&[
                Has("fargate"),
                Any(&[InOrder(&["cpu", "memory", "not supported"]), InOrder(&["invalid", "cpu", "memory"])]),
            ])),
        ],
    },
    Cause {
        name: "fargate-capacity-unavailable",
        family: Family::Placement,
        rank: Rank::Root,
        title: "Fargate has no capacity here",
        meaning: "AWS has no room for a task of this size, processor or spot kind in these zones at the moment.",
        remedy: "Wait and try again; allow more availability zones, or on-demand beside spot",
        rules: &[
            Certain(Has("capacity is unavailable at this time")),
            Certain(InOrder(&["unable to place a task", "capacity is unavailable"])),
            Likely(All(&[
                Has("fargate"),
                Any(&[Has("insufficient capacity"), Has("no capacity"), Has("capacity unavailable")]),
            ])),
            Likely(Word("resource:fargate")),
        ],
    },
    Cause {
        name: "fargate-vcpu-quota",
        family: Family::Placement,
        rank: Rank::Root,
        title: "quota of Fargate vCPUs reached",
        meaning: "The account's quota of vCPUs on Fargate (on-demand or spot, by region) does not allow another task.",
        remedy: "Ask for a higher Fargate vCPU quota in Service Quotas, or stop tasks",
        rules: &[
            Certain(Has("requested cpu configuration is above your limit")),
            Certain(Has("limit on the number of vcpus")),
            Likely(All(&[Has("fargate"), Any(&[Has("vcpu limit"), Has("vcpu quota"), Has("vcpu resource count")])])),
        ],
    },
    Cause {
        name: "fargate-memory-quota",
        family: Family::Placement,
        rank: Rank::Root,
        title: "quota of Fargate memory reached",
        meaning: "The account may not run a task with this much memory on Fargate yet.",
        remedy: "Ask AWS support for a higher limit, or give the task less memory",
        rules: &[Certain(Has("requested memory configuration is above your limit"))],
    },
    Cause {
        name: "fargate-task-quota",
        family: Family::Placement,
        rank: Rank::Root,
        title: "quota of Fargate tasks reached",
        meaning: "The account's quota of tasks that run at the same time on Fargate is used up.",
        remedy: "Ask for a higher Fargate quota in Service Quotas, or stop tasks",
        rules: &[
            Certain(Has("limit on the number of tasks you can run concurrently")),
            Certain(Has("limit on the number of fargate tasks")),
            Likely(InOrder(&["limit on the number of tasks", "concurrently"])),
        ],
    },
    Cause {
        name: "service-task-quota",
        family: Family::Placement,
        rank: Rank::Root,
        title: "quota of tasks in a service or cluster reached",
        meaning: "A service may have a certain number of tasks, and a cluster a certain number being provisioned; that \
                  number is reached.",
        remedy: "Ask for a higher quota of tasks per service in Service Quotas, or split the service",
        rules: &[
            Certain(Any(&[
                Has("limit on the number of tasks in a service"),
                Has("limit on the number of tasks per service"),
            ])),
            Certain(InOrder(&["limit on the number of tasks", "provisioning"])),
            Likely(InOrder(&["maximum number of tasks", "service"])),
            Likely(InOrder(&["limit", "tasks per service"])),
            Likely(InOrder(&["tasks per service", "limit"])),
            Likely(Together(&[
                InOrder(&["desired count", "exceed"]),
                Any(&[Has("limit"), Has("quota"), Has("maximum")]),
            ])),
            Likely(InOrder(&["desired", "tasks", "service", "quota"])),
            Likely(InOrder(&["limit", "tasks", "for a service"])),
            Likely(InOrder(&["limit", "number of tasks", "service"])),
        ],
    },
    Cause {
        name: "subnet-ips-exhausted",
        family: Family::Placement,
        rank: Rank::Root,
        title: "subnet has no free addresses",
        meaning: "Every task takes an address of its subnet, and the subnet has none left.",
        remedy: "Use larger or further subnets, or remove what holds addresses in them",
        rules: &[
            Certain(Has("insufficientfreeaddressesinsubnet")),
            Certain(Has("insufficient free addresses")),
            Certain(InOrder(&["not have enough free", "addresses"])),
            Certain(InOrder(&["not enough", "free", "addresses"])),
            Certain(Has("not enough ip space available")),
            Likely(InOrder(&["subnet", "no free", "address"])),
            Likely(InOrder(&["subnet", "out of", "addresses"])),
        ],
    },
    Cause {
        name: "subnet-az-unsupported",
        family: Family::Placement,
        rank: Rank::Root,
        title: "Fargate is not in this zone",
        meaning: "The subnet lies in an availability zone where Fargate does not run; ECS only says `Internal error`.",
        remedy: "Use subnets in other availability zones",
        rules: &[
            Likely(InOrder(&["unable to place a task", "reason: internal error"])),
            Certain(InOrder(&["subnet", "in an unsupported availability zone"])),
            Certain(Has("fargate is not supported in the requested availability zone")),
            Likely(All(&[Any(&[Has("fargate"), Has("ecs")]), InOrder(&["availability zone", "not supported"])])),
        ],
    },
    Cause {
        name: "eni-provisioning-timeout",
        family: Family::Placement,
        rank: Rank::Root,
        title: "network interface came too late",
        meaning: "The task's network interface was not ready in time, mostly a passing fault of AWS or many tasks at once.",
        remedy: "Let it be tried again; if it stays, start fewer tasks at once and check the VPC's interface quota",
        rules: &[
            Certain(Has("timeout waiting for network interface provisioning")),
            Certain(InOrder(&["network interface", "provision", "timed out"])),
            Likely(Any(&[
                Has("failed to configure eni"),
                Has("failed to setup regular eni"),
                Has("timeout waiting for eni"),
            ])),
            Likely(InOrder(&["network interface", "attach", "timeout"])),
            Likely(Has("resource:eni")),
        ],
    },
    Cause {
        name: "infra-role-not-assumable",
        family: Family::Placement,
        rank: Rank::Root,
        title: "ECS may not use the infrastructure role",
        meaning: "ECS could not assume the role by which it manages load balancers or volumes: its trust is wrong, or the \
                  role was made a moment ago.",
        remedy: "Let the role trust ecs.amazonaws.com; if it was just made, try again in a minute",
        rules: &[
            Certain(InOrder(&["unable to assume", "infrastructure role"])),
            Likely(All(&[Has("infrastructure role"), Any(&[Has("assume"), Has("trust")])])),
        ],
    },
    Cause {
        name: "exec-role-not-assumable",
        family: Family::Placement,
        rank: Rank::Root,
        title: "ECS may not use the task's role",
        meaning: "ECS could not assume the execution or task role: it does not exist, does not trust \
                  ecs-tasks.amazonaws.com, or was made a moment ago.",
        remedy: "Check that the role exists and trusts ecs-tasks.amazonaws.com",
        rules: &[
            Certain(InOrder(&["ecs was unable to assume the role", "provided for this task"])),
            Certain(Has("ecs was unable to assume the role")),
            Likely(InOrder(&["clientexception", "role is not valid"])),
            Likely(All(&[Has("unable to assume"), Has("role"), Any(&[Has("ecs-tasks"), Has("for this task")])])),
        ],
    },
    Cause {
        name: "service-linked-role-missing",
        family: Family::Placement,
        rank: Rank::Root,
        title: "service-linked role missing",
        meaning: "The account lacks the role by which a service of AWS acts for it, as in a new account. Making it takes a \
                  moment, and the first attempt fails.",
        remedy: "Try again; if it stays: aws iam create-service-linked-role --aws-service-name ecs.amazonaws.com",
        rules: &[
            Certain(Has("unable to assume the service linked role")),
            Certain(All(&[
                Has("service linked role"),
                Any(&[Has("does not exist"), Has("exists."), Has("not found"), Has("verify that")]),
            ])),
            Likely(All(&[
                Any(&[Has("service-linked role"), Has("awsservicerolefor")]),
                Any(&[Has("does not exist"), Has("not exist"), Has("missing"), Has("create")]),
            ])),
            Likely(Has("unable to assume role and validate the")),
        ],
    },
    Cause {
        name: "network-mode-mismatch",
        family: Family::Placement,
        rank: Rank::Root,
        title: "network mode does not fit",
        meaning: "The task definition's network mode and the network settings of the service or launch type contradict \
                  each other. Fargate knows only awsvpc.",
        remedy: "Set networkMode awsvpc, and give the service subnets and security groups",
        rules: &[
            Certain(Has("fargate only supports network mode")),
            Certain(Has("network configuration must be provided when networkmode")),
            Certain(Has("network configuration is not valid for the given networkmode")),
            Likely(All(&[
                Any(&[Has("networkmode"), Has("network mode")]),
                Any(&[
                    Has("not valid"),
                    Has("not supported"),
                    Has("only supported"),
                    Has("doesn't support"),
                    Has("does not support"),
                ]),
                Not(&Any(&[Has("target type"), Has("host port")])),
            ])),
        ],
    },
    Cause {
        name: "container-instance-deregistered",
        family: Family::Placement,
        rank: Rank::Root,
        title: "host left the cluster",
        meaning: "The EC2 host on which the task ran was deregistered from the cluster.",
        remedy: "Check who deregistered it (scale-in, an operator) and that hosts are drained before they go",
        rules: &[
            Certain(InOrder(&["container instance", "deregistered"])),
            Certain(InOrder(&["container instance deregistration", "forced"])),
            Likely(InOrder(&["container-instance", "deregistered"])),
            Likely(InOrder(&["deregistered", "container instance"])),
        ],
    },
    Cause {
        name: "host-terminated",
        family: Family::Placement,
        rank: Rank::Root,
        title: "host was terminated",
        meaning: "The machine under the task was terminated or taken out of service.",
        remedy: "Let the service start the task anew; look at the auto-scaling group's history for who ended the host",
        rules: &[
            Certain(InOrder(&["host ec2", "terminated"])),
            Certain(InOrder(&["host ec2", "stopped"])),
            Likely(Any(&[Word("terminationnotice"), Word("infrastructurehealth")])),
            Likely(InOrder(&["underlying infrastructure", "task"])),
            Likely(InOrder(&["host", "instance", "terminated"])),
        ],
    },
    Cause {
        name: "no-container-instance",
        family: Family::Placement,
        rank: Rank::Root,
        title: "no host fits the task",
        meaning: "The service asks for EC2 hosts, and the cluster has none with enough free cpu, memory, ports, the right \
                  attributes and a connected agent.",
        remedy: "Use launch type FARGATE, or add hosts with room for the task",
        rules: &[
            Certain(Has("no container instance met all of its requirements")),
            Certain(Has("no container instances were found in your")),
            Certain(Any(&[Has("no container instances found"), Has("no container instances")])),
            Certain(Any(&[Has("taskfailedtostart: no active instances"), Has("placement constraint unsatisfied")])),
            Certain(Has("empty capacity provider")),
            Likely(InOrder(&["unable to place a task because", "resources could not be found"])),
            Likely(All(&[Has("closest matching"), Has("container-instance")])),
            Likely(Test(lacks_attribute)),
            Likely(Any(&[Word("resource:memory"), Word("resource:cpu"), Word("resource:ports"), Word("resource:gpu")])),
        ],
    },
    Cause {
        name: "throttled",
        family: Family::Placement,
        rank: Rank::Root,
        title: "too many calls to AWS",
        meaning: "An API of AWS was called more often than it allows; AWS asks to wait. What was under way goes on.",
        remedy: "Wait and try again; start fewer things at once",
        rules: &[
            Certain(All(&[
                Any(&[
                    Has("throttlingexception"),
                    Has("throttling:"),
                    Has("throttledexception"),
                    Has("throttledclientexception"),
                ]),
                NOT_A_PULL,
            ])),
            Certain(All(&[Has("rate exceeded"), NOT_A_PULL])),
            Certain(Has("operations are being throttled")),
            Certain(Any(&[
                Has("requestlimitexceeded"),
                Has("request limit exceeded"),
                Has("toomanyrequestsexception"),
                Has("requestthrottled"),
            ])),
            Certain(Has("handlererrorcode: throttling")),
            Likely(All(&[Has("throttl"), Not(&At("log"))])),
            Likely(InOrder(&["throttling", "exception"])),
            Likely(InOrder(&["please reduce your request rate"])),
        ],
    },
];
