//! The identity that deploys: what it may do, how it signs in.

use super::{
    cause::{Cause, Family, Rank},
    rule::{
        Rule::{Certain, Likely},
        Text,
        When::{self, All, Any, At, Has, InOrder, Not, Test, Together, Word},
    },
};

/// Whose task reads its secrets itself asks with its own role, not the deployer's.
const READS_SECRETS: When = Any(&[Has("secretsmanager:getsecretvalue"), Has("ssm:getparameters")]);

/// A program has tokens and sessions of its own.
const OF_AWS: When = Any(&[
    Not(&At("log")),
    Word("sso"),
    Word("sts"),
    Word("ecr"),
    Has("security token"),
    Has("amazonaws.com"),
    Has("when calling the"),
]);

/// The session has the name that ECS gives it, the task's id: the program asked, not who deploys.
/// <https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task-iam-roles.html>
fn asked_by_a_task(text: &Text) -> bool {
    let Some((_, role)) = text.flat().split_once(":assumed-role/") else { return false };
    let session = role.split_once('/').map(|(_, session)| session).unwrap_or_default();
    let id: Vec<char> = session.chars().take_while(char::is_ascii_alphanumeric).collect();
    id.len() == 32 && id.iter().all(char::is_ascii_hexdigit)
}

pub(super) static CAUSES: &[Cause] = &[
    Cause {
        name: "deployer-passrole-denied",
        family: Family::Caller,
        rank: Rank::Root,
        title: "deployer may not hand this role to a service",
        meaning: "Who deploys needs iam:PassRole on every role that a task or service is given, and lacks it here.",
        remedy: "Allow the deployer iam:PassRole on that role, with iam:PassedToService ecs-tasks.amazonaws.com (and ecs)",
        rules: &[
            Certain(InOrder(&["not authorized to perform", "iam:passrole"])),
            Certain(Any(&[Has("cross-account pass role is not allowed"), Has("cannot pass role")])),
            Likely(All(&[
                Has("passrole"),
                Any(&[Has("denied"), Has("not authorized"), Has("unauthorized"), Has("not allowed")]),
            ])),
        ],
    },
    Cause {
        name: "oidc-trust-mismatch",
        family: Family::Caller,
        rank: Rank::Root,
        title: "role does not trust this workflow",
        meaning: "AWS refused the job's OIDC token: the role's trust names another repository, branch, environment or \
                  audience (case counts), or the account has no provider for GitHub.",
        remedy: "Compare the trust policy's sub and aud with the job's token; the job needs `id-token: write`",
        rules: &[
            Certain(Has("not authorized to perform: sts:assumerolewithwebidentity")),
            Certain(InOrder(&["not authorized to perform", "sts:assumerolewithwebidentity"])),
            Certain(Has("no openidconnect provider found")),
            Certain(Any(&[Has("incorrect token audience"), Has("couldn't retrieve verification key")])),
            Likely(All(&[
                Any(&[
                    Has("assumerolewithwebidentity"),
                    Has("oidc"),
                    Has("openidconnect"),
                    Has("openid connect"),
                    Has("web identity"),
                    Has("invalididentitytoken"),
                ]),
                Any(&[
                    Has("could not assume"),
                    Has("not authorized"),
                    Has("denied"),
                    Has("doesn't match"),
                    Has("does not match"),
                    Has("unable to get"),
                    Has("invalid"),
                    Has("failed"),
                ]),
                Not(&Has("expired")),
            ])),
            // What configure-aws-credentials says where the job may not have a token.
            Likely(Any(&[Has("actions_id_token_request_url"), Has("'id-token' permission")])),
        ],
    },
    Cause {
        name: "token-expired",
        family: Family::Caller,
        rank: Rank::Root,
        title: "credentials expired",
        meaning: "The credentials ran out while the run was under way or before it began. What AWS had begun goes on.",
        remedy: "Sign in again and attach to the run; give the role a session as long as a deployment takes",
        rules: &[
            Certain(Any(&[Has("expiredtoken"), Has("expired token")])),
            Certain(Has("security token included in the request is expired")),
            Certain(Has("authorization token has expired")),
            Certain(Has("token has expired and refresh failed")),
            Likely(Together(&[
                OF_AWS,
                Any(&[
                    InOrder(&["token", "expired"]),
                    InOrder(&["session", "expired"]),
                    InOrder(&["credentials", "expired"]),
                ]),
            ])),
            Likely(Has("requestexpired")),
        ],
    },
    Cause {
        name: "deployer-access-denied",
        family: Family::Caller,
        rank: Rank::Root,
        title: "deployer may not do this",
        meaning: "The identity that deploys (or the role CloudFormation uses for it) lacks a permission, or a boundary or \
                  organisation policy denies it.",
        remedy: "Allow the action that the message names on that resource, or use the role made for deploying",
        rules: &[
            Certain(All(&[
                Any(&[At("apiError"), At("stackEvent")]),
                Has("is not authorized to perform"),
                Not(&READS_SECRETS),
            ])),
            Certain(All(&[
                Any(&[At("apiError"), At("stackEvent")]),
                Not(&READS_SECRETS),
                Any(&[
                    Has("(accessdenied)"),
                    Has("accessdenied:"),
                    Has("accessdeniedexception"),
                    Has("unauthorizedoperation"),
                    Has("error code: accessdenied"),
                    Has("handlererrorcode: accessdenied"),
                    Has("handlererrorcode: unauthorizedtaggingoperation"),
                ]),
            ])),
            Likely(All(&[
                Not(&Any(&[At("stoppedReason"), At("containerReason"), At("serviceEvent"), At("targetHealth")])),
                Not(&Test(asked_by_a_task)),
                Any(&[
                    Has("not authorized to perform"),
                    Has("accessdenied"),
                    Has("access denied"),
                    Has("unauthorizedoperation"),
                    Has("unauthorized operation"),
                    Has("you are not authorized"),
                    Has("does not have permission"),
                    Has("don't have permission"),
                    Word("unrecognizedclientexception"),
                    Word("invalidclienttokenid"),
                    Has("encoded authorization failure message"),
                    Has("explicit deny"),
                    Has("no basic auth credentials"),
                    InOrder(&["user:", "not authorized"]),
                ]),
            ])),
        ],
    },
];
