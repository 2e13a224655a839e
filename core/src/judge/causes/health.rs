//! Health checks of load balancers and containers, and the state of targets.
//!
//! Reason codes: <https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_TargetHealth.html>.
//! ECS events: <https://docs.aws.amazon.com/AmazonECS/latest/developerguide/service-unhealthy-event-messages.html>.

use super::{
    cause::{Cause, Family, Rank},
    rule::{
        Rule::{Certain, Likely},
        Text,
        When::{self, All, Any, At, Has, InOrder, Not, Test, Together, Word},
        number_at,
    },
    vocabulary::KEPT_OF_CHECKS,
};

const UNHEALTHY: When = Any(&[
    Has("is unhealthy in"),
    Has("health check"),
    Has("unhealthy"),
    Has("health-check"),
    Has("healthcheck"),
    At("targetHealth"),
]);

/// What the health check was answered with, where the text says so.
fn answer(text: &Text) -> Option<i32> {
    let flat = text.flat();
    for lead in ["health checks failed with these codes:", "failed with these codes:", "these codes:"] {
        if let Some((_, after)) = flat.split_once(lead) {
            return number_at(after.trim_start_matches([' ', '[', '"', '\'']));
        }
    }
    // An access log's line: "GET /up HTTP/1.1" 404 … "ELB-HealthChecker/2.0".
    if text.has("elb-healthchecker") {
        let after = flat.split_once("http/1.1\"").or_else(|| flat.split_once("http/1.0\""))?.1;
        return number_at(after.trim_start()).filter(|code| *code >= 300);
    }
    None
}

fn answered_404(text: &Text) -> bool {
    answer(text) == Some(404)
}

fn answered_400(text: &Text) -> bool {
    answer(text) == Some(400)
}

fn redirected(text: &Text) -> bool {
    answer(text).is_some_and(|code| (300..400).contains(&code) && code != 304)
}

fn answered_otherwise(text: &Text) -> bool {
    answer(text).is_some()
}

/// A server says that it listens on the loopback address. `next start` prints `- Local: http://localhost:3000` whatever it
/// listens on.
const LOOPBACK: When = Any(&[
    InOrder(&["listening on http://127.0.0.1"]),
    Has("listening on https://127.0.0.1"),
    Has("listening on tcp://127.0.0.1"),
    Has("listening on 127.0.0.1"),
    Has("listening on http://localhost"),
    Has("listening on tcp://localhost"),
    Has("listening at http://127.0.0.1"),
    Has("listening at: http://127.0.0.1"),
    Has("listening at http://localhost"),
    Has("running on http://127.0.0.1"),
    Has("running at http://127.0.0.1"),
    Has("server at http://127.0.0.1"),
    Has("started on 127.0.0.1"),
    Has("serving on http://127.0.0.1"),
    Has("bound to 127.0.0.1"),
]);

pub(super) static CAUSES: &[Cause] = &[
    Cause {
        name: "health-check-400-host-header",
        family: Family::Health,
        rank: Rank::Root,
        title: "program refuses the health check's host",
        meaning: "Health checks come with the task's IP address as Host, and the framework refuses hosts it does not know \
                  (Django's ALLOWED_HOSTS, Rails' host authorization).",
        remedy: "Let the health-check path through the host check, or admit the VPC's addresses as hosts",
        rules: &[
            Likely(Has("invalid http_host header")),
            Likely(Has("disallowedhost")),
            Likely(InOrder(&["you may need to add", "allowed_hosts"])),
            Likely(Any(&[
                Has("blocked host"),
                Has("hostauthorization"),
                Has("invalid host header"),
                Has("host header is not allowed"),
            ])),
        ],
    },
    Cause {
        name: "health-check-404",
        family: Family::Health,
        rank: Rank::Root,
        title: "health-check path not found",
        meaning: "The program answers, but has nothing under the health-check path.",
        remedy: "Set the health check's path to one that answers 200, or add that path to the program",
        rules: &[
            Certain(Test(answered_404)),
            Likely(Together(&[UNHEALTHY, Any(&[Word("404"), InOrder(&["not found", "path"])])])),
        ],
    },
    Cause {
        name: "health-check-400",
        family: Family::Health,
        rank: Rank::Root,
        title: "health check answered 400",
        meaning: "The program calls the health check a bad request: it does not accept the task's address as Host, or \
                  expects HTTPS on that port.",
        remedy: "Let the health-check path through the host check; check protocol and port of the target group",
        rules: &[
            Certain(Test(answered_400)),
            Likely(Together(&[UNHEALTHY, Any(&[Has("code 400"), Has("400 bad request"), Has("[400]")])])),
        ],
    },
    Cause {
        name: "health-check-redirect",
        family: Family::Health,
        rank: Rank::Root,
        title: "health check answered with a redirect",
        meaning: "The program redirects the health check (to HTTPS or a login page), and a redirect counts as failed.",
        remedy: "Leave the health-check path out of the redirect (Rails: ssl_options redirect exclude)",
        rules: &[
            Certain(Test(redirected)),
            Likely(Together(&[
                UNHEALTHY,
                Any(&[Word("301"), Word("302"), Word("307"), Word("308"), Has("redirect"), Has("3xx")]),
            ])),
        ],
    },
    Cause {
        name: "health-check-code-mismatch",
        family: Family::Health,
        rank: Rank::Root,
        title: "health check answered with another code",
        meaning: "The program answers the health check, with a code that does not count as healthy.",
        remedy: "Make the health-check path answer 200 without login or database, or accept the code it gives",
        rules: &[
            Certain(Has("target.responsecodemismatch")),
            Certain(Test(answered_otherwise)),
            Likely(Any(&[Has("failed with these codes"), Has("responsecodemismatch")])),
            Likely(Together(&[UNHEALTHY, Any(&[Word("401"), Word("403"), Word("500"), Word("502"), Word("503")])])),
        ],
    },
    Cause {
        name: "health-check-timeout",
        family: Family::Health,
        rank: Rank::Symptom,
        title: "health check not answered in time",
        meaning: "The load balancer's check got no answer in time: a security group drops it, or the program is busy or \
                  still starting.",
        remedy: "Admit the load balancer's security group on the port; give a slow start more grace period",
        rules: &[
            Certain(Has("target.timeout")),
            Certain(All(&[UNHEALTHY, Has("request timed out")])),
            Likely(Together(&[UNHEALTHY, Any(&[Has("timed out"), Has("timeout")]), Not(&At("log"))])),
        ],
    },
    Cause {
        name: "health-check-connection-failed",
        family: Family::Health,
        rank: Rank::Symptom,
        title: "nothing answers on the port",
        meaning: "The load balancer could not connect, or got no HTTP answer: the program listens on another port, only \
                  on 127.0.0.1, speaks another protocol, or has ended.",
        remedy: "Make the program listen on 0.0.0.0 and the service's port",
        rules: &[
            Likely(Has("target.failedhealthchecks")),
            // How the load balancer describes that code, and how ECS repeats it.
            Likely(Has("(reason health checks failed)")),
            Likely(All(&[At("targetHealth"), Has("health checks failed"), Not(&Has("with these codes"))])),
            Likely(All(&[
                KEPT_OF_CHECKS,
                Any(&[
                    Has("failed to connect"),
                    Has("connection refused"),
                    Has("can't connect"),
                    Has("unable to connect"),
                ]),
            ])),
            // Only the task itself reaches it there.
            Likely(All(&[At("log"), LOOPBACK, Not(&Any(&[Has("0.0.0.0"), Has("[::]"), Has("all addresses")]))])),
            Likely(Together(&[
                UNHEALTHY,
                Any(&[
                    Has("connection refused"),
                    Has("connection reset"),
                    Has("failed to connect"),
                    Has("connection to the target"),
                    Has("unable to connect"),
                    Has("connection closed"),
                    Has("tcp connection"),
                    Has("connection failed"),
                ]),
                Not(&At("log")),
            ])),
        ],
    },
    Cause {
        name: "target-group-not-in-use",
        family: Family::Health,
        rank: Rank::Root,
        title: "target group gets no traffic",
        meaning: "No listener or rule forwards to the target group, or the target lies in a zone that the load balancer \
                  does not serve; so it is not checked.",
        remedy: "Forward to the target group by a listener rule, and enable the target's zone on the load balancer",
        rules: &[
            Certain(Has("target.notinuse")),
            Certain(Has("not configured to receive traffic from the load balancer")),
            Certain(InOrder(&["availability zone that is not enabled for", "load balancer"])),
        ],
    },
    Cause {
        name: "target-deregistered",
        family: Family::Health,
        rank: Rank::Symptom,
        title: "target leaves or has left",
        meaning: "The target was taken out of the target group and is draining, or is not in it: it is not sick.",
        remedy: "Look for why its task is stopping; after a deployment this is normal for the old tasks",
        rules: &[
            Certain(Any(&[Has("target.deregistrationinprogress"), Has("target.notregistered")])),
            Certain(Has("target deregistration is in progress")),
            Certain(Has("target is not registered to the target group")),
            Likely(All(&[Has("targets are not registered")])),
        ],
    },
    Cause {
        name: "target-type-mismatch",
        family: Family::Health,
        rank: Rank::Root,
        title: "target group of the wrong type",
        meaning: "Tasks in awsvpc mode are registered by IP address, and the target group was made for instances.",
        remedy: "Make a target group of type ip (the type cannot be changed) and let the service use it",
        rules: &[
            Certain(InOrder(&["has target type", "incompatible with the", "network mode"])),
            Certain(InOrder(&["target type", "incompatible"])),
            Likely(InOrder(&["target group", "invalid target type"])),
            Likely(InOrder(&["target type", "not supported"])),
            Likely(InOrder(&["target group", "target type", "must be"])),
            Likely(Has("target.ipunusable")),
        ],
    },
    Cause {
        name: "health-check-unspecified",
        family: Family::Health,
        rank: Rank::Cascade,
        title: "health check failed, reason elsewhere",
        meaning: "A health check failed, and the text does not say how. The target's health or the program's log does.",
        remedy: "Read the target's health (DescribeTargetHealth) and the log: runner logs SERVICE --failed",
        rules: &[
            Certain(Has("failed elb health checks")),
            Certain(Has("failed container health checks")),
            Certain(All(&[InOrder(&["is unhealthy in", "due to"]), Not(&Has("(reason health checks failed)"))])),
            Certain(Has("unhealthythreshold number of health checks")),
            Likely(Any(&[
                Has("health checks failed"),
                Has("failed health check"),
                Has("health check failed"),
                Has("failing health check"),
                Has("is unhealthy"),
            ])),
            Likely(All(&[At("targetHealth"), Has("unhealthy")])),
        ],
    },
];
