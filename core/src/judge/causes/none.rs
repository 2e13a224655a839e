//! What is no cause: normal news, and what nobody recognised.

use super::{
    cause::{Cause, Family, Rank},
    rule::{
        Rule::{Certain, Likely},
        When::{All, Any, At, Has, InOrder, Not, Word},
    },
};

/// Said when no rule matches.
pub(super) static UNKNOWN: Cause = unknown();

pub(super) static CAUSES: &[Cause] = &[
    Cause {
        name: "not-a-failure",
        family: Family::None,
        rank: Rank::News,
        title: "normal news",
        meaning: "Something went as it should, or is still under way: tasks started or stopped by a deployment, targets \
                  registered or being checked for the first time, a steady state.",
        remedy: "Nothing; look elsewhere if something did fail",
        rules: &[
            Certain(Has("has reached a steady state")),
            Certain(InOrder(&["has started ", " tasks"])),
            Certain(InOrder(&["has stopped ", " running tasks"])),
            Certain(InOrder(&["(service ", ") stopped ", " running tasks"])),
            Certain(InOrder(&["registered ", " targets in"])),
            Certain(InOrder(&["registered ", " instances in"])),
            Certain(InOrder(&["deregistered ", " targets"])),
            Certain(InOrder(&["begun draining connections"])),
            Certain(Has("deployment completed")),
            Likely(All(&[At("serviceEvent"), InOrder(&["deployment", "completed"]), Not(&Has("fail"))])),
            Certain(Any(&[Has("elb.initialhealthchecking"), Has("elb.registrationinprogress")])),
            Certain(Any(&[Has("initial health checks in progress"), Has("target registration is in progress")])),
            Certain(Any(&[Has("target.healthcheckdisabled"), Has("health checks are disabled")])),
            Certain(Any(&[
                Word("service_steady_state"),
                Word("taskset_steady_state"),
                Word("capacity_provider_steady_state"),
                Word("service_deployment_completed"),
                Word("service_deployment_in_progress"),
                Word("service_desired_count_updated"),
            ])),
            Certain(Any(&[Has("no updates are to be performed"), Has("didn't contain changes")])),
            Certain(Any(&[Has("resource creation initiated"), Has("eventual consistency check initiated")])),
            Certain(Has("scaling activity initiated by")),
            Certain(Has("requested update requires the creation of a new physical resource")),
            Likely(All(&[
                At("stackEvent"),
                Any(&[
                    Has("user initiated"),
                    Word("create_complete"),
                    Word("update_complete"),
                    Word("create_in_progress"),
                    Word("update_in_progress"),
                ]),
            ])),
            Likely(All(&[At("targetHealth"), Any(&[Word("healthy"), Word("initial")]), Not(&Has("unhealthy"))])),
            Likely(Any(&[
                InOrder(&["set desired count to"]),
                InOrder(&["successfully set desired"]),
                InOrder(&["(service", "updated computeddesiredcount"]),
            ])),
            Likely(Any(&[
                Word("userinitiated"),
                Word("serviceschedulerinitiated"),
                Has("task stopped by user"),
                Has("stopped by user"),
            ])),
            Likely(InOrder(&["deployment", "in progress"])),
            // What tools say of what went well, or is of no consequence.
            Likely(All(&[
                At("log"),
                Any(&[
                    Has("login succeeded"),
                    Has("exited successfully"),
                    Has("destruction complete"),
                    Has("creation complete after"),
                    Has("modifications complete after"),
                    Has("apply complete! resources:"),
                    Has("bootstrapped (no changes)"),
                    Has("but are for the right account. proceeding anyway"),
                    InOrder(&["ignoring property '", "in the task definition file"]),
                ]),
                Not(&Any(&[Has("error"), Has("fail"), Has("exception"), Has("denied"), Has("not found")])),
            ])),
            Likely(All(&[
                At("serviceEvent"),
                Any(&[Has("has started"), Has("has stopped"), Has("registered")]),
                Not(&Has("unable")),
            ])),
        ],
    },
    unknown(),
];

const fn unknown() -> Cause {
    Cause {
        name: "unknown",
        family: Family::None,
        rank: Rank::Unknown,
        title: "not recognised",
        meaning: "No rule knows this text. A wrong name would be worse than none.",
        remedy: "Read the text itself, the task's stoppedReason and the last lines of its log: runner logs SERVICE --failed",
        rules: &[],
    }
}
