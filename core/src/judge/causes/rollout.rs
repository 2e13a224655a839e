//! Services and their deployments.

use super::{
    cause::{Cause, Family, Rank},
    rule::{
        Rule::{Certain, Likely},
        Text,
        When::{All, Any, At, Has, InOrder, Not, Test, Word},
    },
};

/// DescribeServices reports what it did not find with the reason `MISSING`, in capitals.
fn reported_missing(text: &Text) -> bool {
    text.raw.contains("MISSING") && text.has("service")
}

/// The text names the type of a resource that is no ECS service: `AWS::RDS::DBInstance`.
fn names_another_resource(text: &Text) -> bool {
    text.has("aws::") && !text.has("aws::ecs::service")
}

pub(super) static CAUSES: &[Cause] = &[
    Cause {
        name: "deployment-configuration-blocks",
        family: Family::Rollout,
        rank: Rank::Root,
        title: "deployment may neither stop nor start a task",
        meaning: "minimumHealthyPercent forbids stopping an old task and maximumPercent forbids starting a new one, so \
                  the deployment stands still.",
        remedy: "Raise maximumPercent to 200, or lower minimumHealthyPercent",
        rules: &[
            Certain(Has("because of the service deployment configuration")),
            Certain(Has("update the minimumhealthypercent or maximumpercent")),
            Likely(All(&[Has("minimumhealthypercent"), Any(&[Has("maximumpercent"), Has("unable"), Has("invalid")])])),
        ],
    },
    Cause {
        name: "service-not-found",
        family: Family::Rollout,
        rank: Rank::Root,
        title: "no such service",
        meaning: "The cluster has no service of this name in this account and region.",
        remedy: "Check cluster, name and region; deploy it once if it is new",
        rules: &[
            Certain(Has("servicenotfoundexception")),
            Likely(Has("service not found")),
            Likely(InOrder(&["referenced service", "not"])),
            Likely(Test(reported_missing)),
        ],
    },
    Cause {
        name: "service-draining",
        family: Family::Rollout,
        rank: Rank::Root,
        title: "service is being deleted",
        meaning: "A service of this name is being deleted; until its tasks have stopped it can neither be changed nor \
                  made anew.",
        remedy: "Wait until it is INACTIVE, then deploy again",
        rules: &[
            Certain(Has("still draining")),
            Likely(InOrder(&["service", "is draining"])),
            Likely(Has("servicenotactiveexception")),
            Likely(InOrder(&["service was not active"])),
            Likely(InOrder(&["service", "is in draining"])),
            // A waiter that gave up.
            Likely(InOrder(&["'inactive'", "last state: 'draining'"])),
        ],
    },
    Cause {
        name: "service-name-conflict",
        family: Family::Rollout,
        rank: Rank::Root,
        title: "service of this name exists with other settings",
        meaning: "A service of this name is there, made by someone else or being deleted, and what is asked for differs.",
        remedy: "Take another name, adopt or delete the existing service, or wait until its deletion is done",
        rules: &[
            Certain(InOrder(&["creation of service was not idempotent"])),
            Likely(InOrder(&["was not idempotent"])),
            Likely(InOrder(&["service already exists"])),
        ],
    },
    Cause {
        name: "cluster-inactive",
        family: Family::Rollout,
        rank: Rank::Root,
        title: "cluster not there or not active",
        meaning: "The cluster does not exist in this account and region, was deleted, or is just changing.",
        remedy: "Check its name and region; if it is just being made or changed, try again in a minute",
        rules: &[
            Certain(Has("cluster was not active")),
            Certain(Has("clusternotfoundexception")),
            Certain(Any(&[
                Has("referenced cluster was inactive"),
                Has("cluster is inactive"),
                Has("cluster is not active"),
            ])),
            Likely(Has("cluster not found")),
            Likely(InOrder(&["cluster", "updateinprogressexception"])),
            Likely(InOrder(&["updateinprogressexception", "cluster"])),
        ],
    },
    Cause {
        name: "lb-container-changed",
        family: Family::Rollout,
        rank: Rank::Root,
        title: "load-balanced container or port changed",
        meaning: "The service was made with a container and port behind the load balancer, and the new task definition \
                  has no such container or port.",
        remedy: "Keep the container's name and port, or replace the service",
        rules: &[
            Certain(Has("load balancer container name or port changed")),
            Likely(InOrder(&["the container", "does not exist in the task definition"])),
            Likely(InOrder(&["the container", "did not have a container port", "defined"])),
        ],
    },
    Cause {
        name: "spot-interrupted",
        family: Family::Rollout,
        rank: Rank::Root,
        title: "spot capacity taken back",
        meaning: "AWS needed the spot capacity on which the task ran and stopped it with two minutes' notice.",
        remedy: "Nothing for a task or two; use on-demand capacity for what must not be interrupted",
        rules: &[
            Certain(Has("spot task was interrupted")),
            Certain(Word("spotinterruption")),
            Likely(InOrder(&["spot", "interrupt"])),
            Likely(InOrder(&["spot", "reclaim"])),
        ],
    },
    Cause {
        name: "service-before-listener",
        family: Family::Rollout,
        rank: Rank::Root,
        title: "target group has no load balancer yet",
        meaning: "A service can be made only once a listener or rule forwards to its target group, and none does (yet, \
                  or not any more).",
        remedy: "Create the listener rule before the service, and let the service depend on it",
        rules: &[
            Certain(Has("does not have an associated load balancer")),
            Likely(InOrder(&["target group", "not associated with", "load balancer"])),
        ],
    },
    Cause {
        name: "circuit-breaker",
        family: Family::Rollout,
        rank: Rank::Cascade,
        title: "deployment given up after failing tasks",
        meaning: "ECS's circuit breaker ended the deployment because its tasks failed again and again. Why they failed \
                  stands elsewhere.",
        remedy: "Read the stopped tasks' reasons and logs: runner logs SERVICE --failed",
        rules: &[
            Certain(Any(&[
                Has("circuit breaker was triggered"),
                Has("circuit breaker threshold was exceeded"),
                Has("ecs deployment circuit breaker: "),
            ])),
            // Programs have circuit breakers of their own.
            Likely(All(&[
                Has("circuit breaker"),
                Any(&[Not(&At("log")), Has("deployment")]),
                Not(&Any(&[Has("invalid"), Has("not supported")])),
            ])),
            Certain(InOrder(&["deployment failed", "tasks failed to start"])),
            Certain(Word("service_deployment_failed")),
            Likely(Any(&[
                InOrder(&["deployment", "rolling back to"]),
                Has("rolling back to deployment"),
                Has("circuit_breaker"),
                Has("circuitbreaker"),
            ])),
        ],
    },
    Cause {
        name: "service-did-not-stabilize",
        family: Family::Rollout,
        rank: Rank::Cascade,
        title: "service did not become stable",
        meaning: "CloudFormation waited for the service and gave up. It does not say what the tasks lacked.",
        remedy: "Read the service's events and the stopped tasks' reasons: runner logs SERVICE --failed",
        rules: &[
            // Every kind of resource is waited for in these words.
            Certain(All(&[
                Any(&[Has("ecs service"), Has("aws::ecs::service"), Has(":service/")]),
                Any(&[Has("did not stabilize"), Has("handlererrorcode: notstabilized")]),
            ])),
            Likely(All(&[
                Any(&[
                    Has("did not stabilize"),
                    Has("resource timed out waiting for com"),
                    Has("handlererrorcode: notstabilized"),
                    Has("exceeded attempts to wait"),
                    Has("failed to stabilize"),
                ]),
                Not(&Test(names_another_resource)),
            ])),
        ],
    },
    Cause {
        name: "stabilization-wait-timeout",
        family: Family::Rollout,
        rank: Rank::Cascade,
        title: "waiting for the service ended",
        meaning: "A tool stopped waiting. It says nothing about the service, which may still become healthy.",
        remedy: "Look at the service now (runner status), then at the reasons of its stopped tasks",
        rules: &[
            Certain(Has("resource is not in the state services")),
            Certain(Has("resource is not in the state tasks")),
            Certain(InOrder(&["waiter services", "failed"])),
            Certain(InOrder(&["waiter tasks", "failed"])),
            Likely(Any(&[
                InOrder(&["waiter", "max attempts exceeded"]),
                Has("exceeded wait attempts"),
                Has("exceeded max wait time"),
                Has("waiter has timed out"),
                InOrder(&["waiting for", "steady state", "timeout"]),
                InOrder(&["timeout", "waiting for", "steady state"]),
                InOrder(&["timed out", "waiting for", "stab"]),
                InOrder(&["waiting for service", "stab"]),
                InOrder(&["waiting for ecs service"]),
                InOrder(&["timeout", "wait", "deployment"]),
                InOrder(&["service", "did not reach", "steady state"]),
                InOrder(&["failed to reach", "steady state"]),
            ])),
        ],
    },
];
