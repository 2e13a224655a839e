//! What a task is given before its program starts: secrets, environment files, a place for its log.
//!
//! AWS's wordings: <https://docs.aws.amazon.com/AmazonECS/latest/developerguide/resource-initialization-error.html>.

use super::{
    cause::{Cause, Family, Rank},
    rule::{
        Rule::{Certain, Likely},
        Text,
        When::{self, All, Any, At, Has, InOrder, Not, Test, Together, Word},
    },
    vocabulary::{DENIED, NO_ANSWER},
};

/// A secret or parameter is being fetched for a container.
const FETCHING: When = Any(&[
    Has("unable to retrieve secret"),
    Has("failed to fetch secret"),
    Has("fetching secret data from"),
    Has("can't pull secrets"),
    Has("can't pull the secret"),
    Has("cannot pull secrets"),
    Has("can't retrieve secret"),
    Has("from secrets manager"),
    Has("retrieve asm secret"),
    Has("from aws secrets manager"),
    Has("retrieve secrets from ssm"),
    Has("from aws systems manager parameter store"),
    Has("fetching parameter data from ssm"),
    Has("secretsmanager:getsecretvalue"),
    Has("ssm:getparameters"),
    InOrder(&["unable to pull secrets or registry auth", "secretsmanager"]),
    InOrder(&["unable to pull secrets or registry auth", "ssm."]),
    Has("secrets manager can't find"),
]);

const ENVFILE: When = Any(&[
    Has("env file"),
    Has("envfile"),
    Has("environment file"),
    Has("environment variable file"),
    Has("file download command"),
    Has("environmentfiles"),
]);

const LOGGING: When = Any(&[
    Has("logging driver"),
    Has("logger args"),
    Has("cloudwatch log stream"),
    Has("cloudwatch log group"),
    Has("cloudwatch logs"),
    Has("logs:createlogstream"),
    Has("logs:putlogevents"),
    Has("logs:createloggroup"),
    Has("awslogs"),
]);

/// Nobody who deploys is meant: the fetch was the task's.
const NOT_BY_CALLER: When = Not(&Any(&[At("apiError"), At("stackEvent")]));

/// Whether the ARN of the secret ends without the six characters that Secrets Manager appends. Such an ARN is
/// found only where the hyphens of the name do not look like a suffix.
/// <https://docs.aws.amazon.com/secretsmanager/latest/userguide/troubleshoot.html#ARN_secretnamehyphen>
fn arn_lacks_suffix(text: &Text) -> bool {
    let Some((_, after)) = text.raw.split_once(":secret:") else { return false };
    let name: &str = after.split([':', ' ', '"', '\'', '\n', ',', ')', ']']).next().unwrap_or_default();
    if name.is_empty() || name.contains(['*', '<', '>', '?', '.', '…', '[', '{', '$']) || name.contains("xxx") {
        return false;
    }
    let suffix = name.rsplit('-').next().unwrap_or_default();
    let random = suffix.len() == 6
        && suffix.chars().all(|c| c.is_ascii_alphanumeric())
        // Six lower-case letters are a word ("secret"), not a suffix: one in two hundred is wrong.
        && !suffix.chars().all(|c| c.is_ascii_lowercase());
    !(name.contains('-') && (random || suffix.eq_ignore_ascii_case("xxxxxx") || suffix == "abcdef"))
}

pub(super) static CAUSES: &[Cause] = &[
    Cause {
        name: "secret-arn-partial",
        family: Family::Secrets,
        rank: Rank::Root,
        title: "ARN of the secret lacks its suffix",
        meaning: "The secret may exist, but the ARN given ends without the six characters that Secrets Manager appends, \
                  and then a name with a hyphen is not found.",
        remedy: "Give the whole ARN as DescribeSecret shows it, or the secret's name",
        rules: &[
            Likely(All(&[FETCHING, Has("resourcenotfoundexception"), Test(arn_lacks_suffix)])),
            Likely(All(&[FETCHING, Has("can't find the specified secret"), Test(arn_lacks_suffix)])),
            Likely(All(&[FETCHING, Any(&[Has("unexpected arn format"), Has("invalid arn format")])])),
        ],
    },
    Cause {
        name: "secret-not-json",
        family: Family::Secrets,
        rank: Rank::Root,
        title: "secret is not the JSON that was expected",
        meaning: "The reference asks for a key of the secret, but the secret's text is no JSON object, or has no such key.",
        remedy: "Store a JSON object with that key, or refer to the secret without a key",
        rules: &[
            // The words of Go's JSON reader: https://go.dev/src/encoding/json/scanner.go.
            Certain(All(&[
                Any(&[FETCHING, Has("unable to pull secrets or registry auth")]),
                Any(&[Has("invalid character '"), Has("unexpected end of json")]),
            ])),
            Likely(All(&[FETCHING, Has("cannot unmarshal")])),
            Likely(InOrder(&["secret", "did not contain json key"])),
            Likely(InOrder(&["could not parse secretstring json"])),
            Likely(All(&[
                FETCHING,
                Any(&[Has("not valid json"), Has("not in json"), Has("parsing json"), Has("invalid json")]),
            ])),
        ],
    },
    Cause {
        name: "secret-kms-denied",
        family: Family::Secrets,
        rank: Rank::Root,
        title: "key of the secret may not be used",
        meaning: "The role may read the secret or parameter, but not decrypt it with its KMS key.",
        remedy: "Allow the execution role kms:Decrypt on the key, in its policy and in the key's policy",
        rules: &[
            Certain(Has("access to kms is not allowed")),
            Certain(All(&[FETCHING, Has("kms:decrypt")])),
            Certain(All(&[NOT_BY_CALLER, Has("not authorized to perform: kms:decrypt")])),
            Likely(All(&[FETCHING, Has("kms")])),
            Certain(Has("ciphertext refers to a customer master key")),
            Certain(InOrder(&["ciphertext refers to", "not allowed to access"])),
        ],
    },
    Cause {
        name: "secret-not-found",
        family: Family::Secrets,
        rank: Rank::Root,
        title: "no such secret or parameter",
        meaning: "Secrets Manager or Parameter Store of this account and region has nothing of this name, or no current value.",
        remedy: "Create it, or correct name, account and region in the container's secrets",
        rules: &[
            Certain(All(&[Has("secrets manager can't find the specified secret"), Not(&Test(arn_lacks_suffix))])),
            Certain(All(&[FETCHING, Has("resourcenotfoundexception"), Not(&Test(arn_lacks_suffix))])),
            Certain(All(&[
                FETCHING,
                Any(&[
                    Has("parameternotfound"),
                    Has("invalid parameters"),
                    Has("invalid ssm parameters"),
                    Has("invalidparameters"),
                ]),
            ])),
            Certain(All(&[
                FETCHING,
                Any(&[Has("can't be found"), Has("cannot be found"), Has("was not found in secrets manager")]),
            ])),
            Likely(All(&[FETCHING, Has("not found"), Not(&Has("resourcenotfound"))])),
            Certain(All(&[Has("secret"), Has("marked for deletion")])),
            Likely(Together(&[InOrder(&["secrets manager secret \"", "\" not found"])])),
            Likely(InOrder(&["unable to fetch parameters", "from parameter store"])),
            Likely(InOrder(&["parameters:", "[ssm:", "cannot be found"])),
            Likely(InOrder(&["invalid ssm parameters"])),
            Likely(All(&[Has("parameternotfound"), Not(&Has("cdk-bootstrap"))])),
        ],
    },
    Cause {
        name: "secret-access-denied",
        family: Family::Secrets,
        rank: Rank::Root,
        title: "secret may not be read",
        meaning: "The role that fetches the secret for the task may not read it.",
        remedy: "Allow the execution role secretsmanager:GetSecretValue or ssm:GetParameters on it",
        rules: &[
            // A policy with the whole ARN denies a partial one too.
            Certain(All(&[
                NOT_BY_CALLER,
                FETCHING,
                DENIED,
                Not(&Any(&[Has("ciphertext refers to"), Test(arn_lacks_suffix)])),
            ])),
            Likely(All(&[NOT_BY_CALLER, FETCHING, DENIED, Not(&Has("ciphertext refers to"))])),
            Likely(All(&[
                Any(&[
                    Has("not authorized to perform: secretsmanager:getsecretvalue"),
                    Has("not authorized to perform: ssm:getparameter"),
                ]),
                Not(&Has("cdk-bootstrap")),
            ])),
        ],
    },
    Cause {
        name: "secret-endpoint-unreachable",
        family: Family::Secrets,
        rank: Rank::Root,
        title: "secret store not reachable",
        meaning: "Secrets Manager or Parameter Store did not answer: the task's subnet has no way to it, or a security \
                  group stops port 443.",
        remedy: "Give the task a way out: a public IP, a NAT gateway, or an endpoint for secretsmanager or ssm that admits the task",
        rules: &[
            Certain(All(&[FETCHING, Has("connection issue between the task")])),
            Likely(All(&[FETCHING, NO_ANSWER])),
            // A program that reads its secrets itself.
            Likely(Together(&[
                InOrder(&["secretsmanager.", ".amazonaws.com"]),
                Any(&[
                    NO_ANSWER,
                    Has("connect timed out"),
                    Has("connect timeout"),
                    Has("etimedout"),
                    Has("econnrefused"),
                ]),
            ])),
            // A denial is not tried five times, silence is.
            Likely(All(&[FETCHING, Has("retried 5 time")])),
            Likely(All(&[FETCHING, Any(&[Has("requesterror"), Has("send request failed"), Has("timed out")])])),
        ],
    },
    Cause {
        name: "envfile-endpoint-unreachable",
        family: Family::Secrets,
        rank: Rank::Root,
        title: "environment file: S3 not reachable",
        meaning: "S3, where the environment file lies, did not answer: the task's subnet has no way to it.",
        remedy: "Add a gateway endpoint for S3 to the subnet's route table, or a NAT gateway or public IP",
        rules: &[
            Certain(All(&[ENVFILE, Has("connection issue between the task")])),
            // The same words stand when S3 was only slow, about one start in a hundred; so it is not certain.
            Likely(All(&[ENVFILE, NO_ANSWER, Not(&DENIED), Not(&Has("connection reset"))])),
            Likely(All(&[ENVFILE, Has("retried 5 time"), Not(&DENIED)])),
        ],
    },
    Cause {
        name: "envfile-access-denied",
        family: Family::Secrets,
        rank: Rank::Root,
        title: "environment file may not be read",
        meaning: "S3 refused the environment file: the execution role may not read it. S3 says the same of a file that is \
                  not there, to those who may not list the bucket.",
        remedy: "Check that the file is there, and allow the execution role s3:GetObject on it and s3:GetBucketLocation",
        rules: &[
            Certain(All(&[ENVFILE, DENIED])),
            Likely(All(&[ENVFILE, Any(&[Has("not authorized"), Has("permission")])])),
        ],
    },
    Cause {
        name: "envfile-transient",
        family: Family::Secrets,
        rank: Rank::Root,
        title: "environment file: passing fault",
        meaning: "The download of the environment file broke off or S3 was busy.",
        remedy: "Let it be tried again; nothing is to be changed if the next task starts",
        rules: &[Likely(All(&[
            ENVFILE,
            Any(&[
                Has("connection reset"),
                Has("eof"),
                Has("internal error"),
                Has("internalerror"),
                Has("slowdown"),
                Has("slow down"),
                Has("reduce your request rate"),
                Has("service unavailable"),
                Has("serviceunavailable"),
                Has("broken pipe"),
                Has("try again"),
                Word("500"),
                Word("502"),
                Word("503"),
            ]),
        ]))],
    },
    Cause {
        name: "log-group-missing",
        family: Family::Secrets,
        rank: Rank::Root,
        title: "no such log group",
        meaning: "The log group named in the container's log configuration does not exist, and a task does not start \
                  without its log.",
        remedy: "Create the log group in the region the configuration names, or correct its name",
        rules: &[
            Certain(Has("the specified log group does not exist")),
            Certain(All(&[LOGGING, Has("resourcenotfoundexc")])),
            // The same sentence opens the message where CloudWatch did not answer.
            Likely(All(&[Has("cannot find the amazon cloudwatch log group"), Not(&NO_ANSWER)])),
        ],
    },
    Cause {
        name: "log-endpoint-unreachable",
        family: Family::Secrets,
        rank: Rank::Root,
        title: "CloudWatch Logs not reachable",
        meaning: "CloudWatch Logs did not answer when the task's log was to be opened: its subnet has no way to it, or a \
                  security group stops port 443. AWS then also says that it cannot find the log group, which may well \
                  exist.",
        remedy: "Give the task a way out: a public IP, a NAT gateway, or an endpoint for logs that admits the task",
        rules: &[
            Likely(All(&[LOGGING, Has("connection issue between the task")])),
            Likely(All(&[LOGGING, NO_ANSWER, Not(&DENIED), Not(&Any(&[Has("credential"), At("log")]))])),
        ],
    },
    Cause {
        name: "log-access-denied",
        family: Family::Secrets,
        rank: Rank::Root,
        title: "log may not be written",
        meaning: "The execution role may not create the log stream or group.",
        remedy: "Allow the execution role logs:CreateLogStream and logs:PutLogEvents on the group's ARN with :* at its end",
        rules: &[
            Certain(All(&[NOT_BY_CALLER, LOGGING, DENIED])),
            Likely(All(&[LOGGING, Any(&[Has("log stream"), Has("log driver"), Has("logging driver")]), DENIED])),
            // A log router: the call by its name, beside the error.
            Likely(All(&[
                NOT_BY_CALLER,
                Any(&[Has("createlogstream api"), Has("putlogevents api"), Has("createloggroup api")]),
                DENIED,
            ])),
        ],
    },
    Cause {
        name: "log-driver-credentials",
        family: Family::Secrets,
        rank: Rank::Root,
        title: "log driver has no credentials",
        meaning: "The log driver found no AWS credentials to write with: the task has no execution role, or the host's \
                  credentials endpoint cannot be reached.",
        remedy: "Give the task definition an execution role; on EC2 also check the instance profile and ECS_ENABLE_AWSLOGS_EXECUTIONROLE_OVERRIDE",
        rules: &[
            Certain(All(&[
                LOGGING,
                Any(&[
                    Has("nocredentialproviders"),
                    Has("credentialsendpointerror"),
                    Has("no valid providers in chain"),
                    Has("failed to load credentials"),
                    Has("failed to refresh cached credentials"),
                    Has("no ec2 imds role found"),
                    Has("unable to locate credentials"),
                ]),
            ])),
            Likely(All(&[LOGGING, Has("credential")])),
        ],
    },
];
