//! Images: finding, pulling, unpacking, running on this processor.
//!
//! AWS's wordings: <https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task_cannot_pull_image.html>.
//! Behind them stand those of containerd and Docker, cut off at about 255 characters.

use super::{
    cause::{Cause, Family, Rank},
    rule::{
        Rule::{Certain, Likely},
        Text,
        When::{self, All, Any, At, Has, InOrder, Not, Test, Together, Word},
    },
    vocabulary::{DENIED, NO_ANSWER, TOO_OFTEN},
};

/// An image is being pulled.
const PULLING: When = Any(&[
    Has("cannotpull"),
    Has("pull has been retried"),
    Has("inspect image has been retried"),
    Has("pull image manifest has been retried"),
    Has("failed to resolve ref"),
    Has("failed to pull"),
    Has("unable to pull image"),
    Has("error pulling image"),
    Has("pull command failed"),
    Has("pull access denied"),
    Has("httpreadseeker"),
    Has("httpreaderseeker"),
    Has("failed to copy"),
    Has("can't pull the image"),
    Has("cannot pull the image"),
    InOrder(&["the task cannot pull", "from the amazon ecr repository"]),
]);

/// Secrets and the registry's token are fetched in one step, under one heading.
const REGISTRY_AUTH: When = Any(&[
    Has("ecr registry auth"),
    Has("registry auth from amazon ecr"),
    Has("registry authentication from amazon ecr"),
    Has("getauthorizationtoken"),
    InOrder(&["unable to pull secrets or registry auth", "api.ecr."]),
]);

/// The AWS CLI or an SDK of it says so: no task, but who deploys, asked for the token.
const BY_CALLER: When =
    All(&[Any(&[At("log"), At("apiError")]), Has("when calling the getauthorizationtoken operation")]);

const ABSENT: When = Any(&[
    Has("not found"),
    Has("manifest unknown"),
    Has("manifestunknown"),
    Has("no such image"),
    Has("no such manifest"),
    Has("name unknown"),
    Has("does not exist"),
    Word("404"),
]);

/// A tag and digest, or a digest alone, and then the registry's complaint.
const BY_DIGEST: When = Any(&[
    Has("@sha256:"),
    Has("reading manifest sha256:"),
    Has("manifests/sha256:"),
    Has("content descriptor sha256:"),
]);

/// `docker.io/library` holds Docker's official images only, and those are public: a denial there means that a
/// name without its registry was given.
fn no_official_image(text: &Text) -> bool {
    text.has("docker.io/library/") && (text.has("denied") || text.has("authorization failed"))
}

/// `failed to resolve ref X: X: not found`: only of what is not there does containerd name the reference twice, so that
/// the end of the text may be cut off.
/// <https://github.com/containerd/containerd/blob/main/core/remotes/docker/resolver.go>
fn named_twice(text: &Text) -> bool {
    let Some((_, after)) = text.flat().split_once("failed to resolve ref ") else { return false };
    let name = after.split([' ', '"']).find(|word| !word.is_empty()).unwrap_or_default().trim_end_matches(':');
    let rest = after.split_once(name).map(|(_, rest)| rest).unwrap_or_default();
    name.len() > 8
        && rest.trim_start_matches(['"', ':', ' ']).strip_prefix(name).is_some_and(|end| end.starts_with(':'))
}

pub(super) static CAUSES: &[Cause] = &[
    Cause {
        name: "registry-rate-limited",
        family: Family::Image,
        rank: Rank::Root,
        title: "the registry limits pulls",
        meaning: "The registry refused the pull because too many were made from this address or account. Docker Hub \
                  counts anonymous pulls by address, and a NAT gateway's address is shared.",
        remedy: "Pull base images from ECR Public or through an ECR pull-through cache, or authenticate to the registry",
        rules: &[
            Certain(Has("toomanyrequests:")),
            Certain(Has("pull rate limit")),
            Certain(Any(&[Has("increase-rate-limit"), Has("unauthenticated pull")])),
            Likely(All(&[PULLING, TOO_OFTEN])),
            Likely(All(&[Any(&[Has("/manifests/"), Has("/blobs/"), Has("registry")]), Has("429 too many requests")])),
        ],
    },
    Cause {
        name: "image-layers-mixed-compression",
        family: Family::Image,
        rank: Rank::Root,
        title: "layers of mixed compression",
        meaning: "The image has layers compressed in different ways (gzip and zstd), which Fargate cannot unpack: it \
                  counts fewer layers than the image lists.",
        remedy: "Build with one compression for all layers: compression=zstd or gzip, with force-compression=true",
        rules: &[
            Certain(Has("number of layers and diffids don't match")),
            Certain(InOrder(&["layers and diffids", "match"])),
            Likely(Has("mismatched image rootfs and manifest layers")),
        ],
    },
    Cause {
        name: "ephemeral-storage-full",
        family: Family::Image,
        rank: Rank::Root,
        title: "no space left on the task's disk",
        meaning: "The unpacked image and what the containers write do not fit into the task's ephemeral storage (20 \
                  GiB unless the task definition says more), or the disk of the host is full.",
        remedy: "Make the image smaller, or give the task more ephemeral storage (21 to 200 GiB)",
        rules: &[
            Certain(Has("no space left on device")),
            Certain(Has("not enough space on the disk")),
            Likely(Any(&[
                Has("disk quota exceeded"),
                Has("insufficient disk space"),
                Has("no usable temporary directory"),
            ])),
            // Docker's device mapper on an EC2 host.
            Certain(InOrder(&["thin pool has", "free data blocks"])),
        ],
    },
    Cause {
        name: "platform-mismatch",
        family: Family::Image,
        rank: Rank::Root,
        title: "image for another processor",
        meaning: "The image was built for another processor or system than the task runs on, for example on an Apple \
                  silicon machine (arm64) for an x86_64 task.",
        remedy: "Build with --platform linux/amd64 (or linux/arm64), matching the service's architecture",
        rules: &[
            // A script without a first line that names its interpreter is refused in the same words.
            Certain(All(&[Has("exec format error"), Not(&Has(".sh"))])),
            Likely(Has("exec format error")),
            Certain(Any(&[Has("descriptor matching platform"), Has("a descriptor for platform")])),
            Certain(Has("no match for platform in manifest")),
            Certain(Has("no matching manifest for")),
            Certain(Has("does not match the specified platform")),
            Likely(Has("does not match the detected host platform")),
            Likely(All(&[PULLING, Has("cannot be used on this platform")])),
            Likely(All(&[Has("image operating system"), Has("cannot be used")])),
            Likely(Any(&[
                Has("rosetta error"),
                Has("qemu: uncaught target signal"),
                Has("ld-linux-x86-64.so.2: no such file"),
            ])),
            // A shell says so too of a program that it is given as a script.
            Likely(All(&[Has("cannot execute binary file"), Not(&Has("sh: cannot execute binary file"))])),
        ],
    },
    Cause {
        name: "image-reference-invalid",
        family: Family::Image,
        rank: Rank::Root,
        title: "not the name of an image",
        meaning: "What the container definition gives as image cannot be read as registry/repository:tag or @digest: \
                  a variable was empty, the registry is missing, or there are capitals or spaces in it.",
        remedy: "Give the whole reference, registry/repository@sha256:…, in lower case, and check the variable it comes from",
        rules: &[
            Certain(Has("invalid reference format")),
            Certain(InOrder(&["container.image", "invalid characters"])),
            Certain(InOrder(&["container.image", "should not be null or empty"])),
            Certain(InOrder(&["container.image", "must be"])),
            Certain(InOrder(&["container.image", "should be"])),
            Certain(Has("repository name must be lowercase")),
            Certain(Any(&[
                Has("couldn't parse image reference"),
                Has("could not parse reference"),
                Has("invalid image name"),
            ])),
            Certain(Any(&[Has("failed to parse image reference"), Has("failed to normalize image reference")])),
            Likely(All(&[
                PULLING,
                Any(&[
                    Has("invalid reference"),
                    Has("invalid tag"),
                    Has("object required"),
                    Has("invalid repository name"),
                ]),
            ])),
            Likely(InOrder(&["invalid argument", "for \"-t, --tag\" flag"])),
            Likely(InOrder(&["source image", "is not valid", "provide a valid source image"])),
            Likely(All(&[PULLING, Has("docker.io/library/sha256:")])),
            Likely(All(&[PULLING, Test(no_official_image)])),
        ],
    },
    Cause {
        name: "ecr-tag-immutable",
        family: Family::Image,
        rank: Rank::Root,
        title: "tag exists and is immutable",
        meaning: "The repository does not allow a tag to be moved, and an image with this tag is already there.",
        remedy: "Push under a new tag (the commit), or use the image that is there",
        rules: &[
            Certain(Has("imagetagalreadyexists")),
            Certain(Has("repository is immutable")),
            Certain(InOrder(&["the image tag", "already exists", "cannot be overwritten"])),
            Likely(InOrder(&["tag invalid", "already exists"])),
            Likely(All(&[Has("immutable"), Has("tag"), Has("already exists")])),
        ],
    },
    Cause {
        name: "registry-auth-unreachable",
        family: Family::Image,
        rank: Rank::Root,
        title: "registry's token service not reachable",
        meaning: "Before it pulls, the task asks ECR for a token, and nothing answered: its subnet has no way to the \
                  ECR API.",
        remedy: "Give the task a way out: a public IP in a public subnet, a NAT gateway, or endpoints for ecr.api, ecr.dkr and S3",
        rules: &[
            Certain(All(&[REGISTRY_AUTH, Has("connection issue between the task")])),
            Likely(All(&[REGISTRY_AUTH, NO_ANSWER, Not(&DENIED)])),
            Likely(All(&[REGISTRY_AUTH, Has("retried 5 time")])),
            Likely(Together(&[
                Any(&[Has("//api.ecr."), Has("//ecr.")]),
                Has(".amazonaws.com"),
                NO_ANSWER,
                Not(&DENIED),
            ])),
            // Other registries have token services too.
            Likely(All(&[
                Any(&[Has("failed to fetch anonymous token"), Has("failed to fetch oauth token")]),
                Any(&[NO_ANSWER, Has(": eof"), Has("connection reset")]),
            ])),
            Likely(All(&[REGISTRY_AUTH, Any(&[Has("requesterror"), Has("send request failed")])])),
            // Without a word about secrets the step is the token's.
            Likely(All(&[
                Has("unable to pull secrets or registry auth"),
                Not(&Any(&[
                    Has("unable to retrieve secret"),
                    Has("secretsmanager"),
                    Has("secrets manager"),
                    Has("from ssm"),
                    Has("from asm"),
                    Has("parameter"),
                    DENIED,
                    Has("assume"),
                    Has("invalid"),
                ])),
            ])),
        ],
    },
    Cause {
        name: "ecr-pull-denied",
        family: Family::Image,
        rank: Rank::Root,
        title: "registry refuses the pull",
        meaning: "The registry answered that this role may not pull: the execution role lacks the ECR actions, the \
                  repository's policy does not admit the account, or there were no credentials.",
        remedy: "Allow the execution role ecr:GetAuthorizationToken, BatchGetImage and GetDownloadUrlForLayer on the repository",
        rules: &[
            Certain(All(&[PULLING, Has("accessdeniedexception")])),
            Certain(All(&[PULLING, Has("not authorized to perform")])),
            Certain(All(&[
                REGISTRY_AUTH,
                Any(&[Has("accessdenied"), Has("not authorized to perform")]),
                Not(&BY_CALLER),
            ])),
            Certain(Has("does not have permission to access the ecr image")),
            Certain(All(&[
                Any(&[At("stoppedReason"), At("containerReason"), At("serviceEvent")]),
                Has("not authorized to perform: ecr:"),
            ])),
            Likely(All(&[
                PULLING,
                Any(&[
                    DENIED,
                    Has("no basic auth credentials"),
                    Has("authorization failed"),
                    Has("unauthorized"),
                    Has("authentication required"),
                    Has("denied:"),
                    Has("verify that the role"),
                    Has("check that the role"),
                    Has("may require 'docker login'"),
                    Word("403"),
                    Word("401"),
                ]),
            ])),
            Likely(Any(&[
                Has("not authorized to perform: ecr:batchgetimage"),
                Has("not authorized to perform: ecr:getdownloadurlforlayer"),
            ])),
        ],
    },
    Cause {
        name: "image-digest-not-found",
        family: Family::Image,
        rank: Rank::Root,
        title: "no image with this digest",
        meaning: "The reference names a digest that the repository does not hold (any more): the image was deleted, a \
                  lifecycle policy expired it, or it was pushed elsewhere. A running service keeps the digest it \
                  started with, so this can begin without a deployment.",
        remedy: "Push the image again and deploy its digest; keep deployed images out of the lifecycle policy",
        rules: &[
            Certain(All(&[PULLING, BY_DIGEST, ABSENT, Not(&Any(&[NO_ANSWER, Has("denied")]))])),
            Certain(InOrder(&["the image with imageid {", "imagedigest:'sha256:", "does not exist"])),
            Likely(Together(&[BY_DIGEST, ABSENT, Not(&Has("denied"))])),
        ],
    },
    Cause {
        name: "ecr-repository-not-found",
        family: Family::Image,
        rank: Rank::Root,
        title: "no such repository in ECR",
        meaning: "The registry of this account and region has no repository of this name. Often the whole URL was \
                  given where the name alone belongs.",
        remedy: "Create the repository, or correct name, account and region; give the repository's name without the registry",
        rules: &[
            Certain(Has("repositorynotfoundexception")),
            Certain(InOrder(&["the repository with name", "does not exist in the registry"])),
            Likely(InOrder(&["name unknown", "repository"])),
        ],
    },
    Cause {
        name: "image-manifest-unsupported",
        family: Family::Image,
        rank: Rank::Root,
        title: "manifest not understood",
        meaning: "The registry holds something else than a plain image under this reference: an attestation, an index \
                  without an image, or a media type that the reader does not know.",
        remedy: "Build with --provenance=false --sbom=false, and deploy the digest of the image, not of an attestation",
        rules: &[
            Likely(All(&[PULLING, Has("400 bad request")])),
            Certain(All(&[
                PULLING,
                Any(&[Has("unsupported media type"), Has("unsupported manifest"), Has("manifest invalid")]),
            ])),
            Certain(InOrder(&["media type", "is not supported"])),
            Certain(Has("unsupportedimagelayerdetected")),
            // What a registry says to a push of a manifest it does not take, such as a build cache's.
            Likely(Together(&[
                InOrder(&["put request to", "/manifests/"]),
                Any(&[Has("400 bad request"), Has("405 method not allowed"), Has("415 unsupported media type")]),
            ])),
            Likely(All(&[
                PULLING,
                Any(&[
                    Has("mediatype"),
                    Has("media type"),
                    Has("attestation"),
                    Has("unknown/unknown"),
                    Has("invalid rootfs"),
                ]),
            ])),
            Likely(Any(&[
                Has("encountered unknown type application/vnd."),
                Has("unsupported schema version"),
                Has("manifest type"),
                Has("invalidlayerpart"),
                Has("unexpected media type"),
                Has("unsupported mediatype"),
                Has("schema 1 support has been removed"),
                Has("missing signature key"),
                Has("application/vnd.in-toto"),
            ])),
        ],
    },
    Cause {
        name: "image-tag-not-found",
        family: Family::Image,
        rank: Rank::Root,
        title: "no image with this tag",
        meaning: "The repository exists, or may exist, but has no image under this name and tag: it was never pushed, \
                  pushed elsewhere, or expired.",
        remedy: "Push the image, or correct repository and tag; deploy by digest so that what is deployed exists",
        rules: &[
            Certain(All(&[PULLING, Any(&[Has("manifest unknown"), Has("manifestunknown")])])),
            Likely(Test(named_twice)),
            Likely(All(&[PULLING, ABSENT, Not(&NO_ANSWER), Not(&Has("repository does not exist or may require"))])),
            Certain(InOrder(&["the image with imageid {", "imagetag:", "does not exist"])),
            Certain(All(&[Any(&[Has("imagenotfoundexception"), Has("requested image not found")]), Not(&BY_DIGEST)])),
            Likely(Has("imagenotfoundexception")),
            Likely(Any(&[Has("manifest unknown"), Has("no such manifest"), InOrder(&["manifest for", "not found"])])),
            Likely(InOrder(&["repository", "not found: does not exist or no pull access"])),
            Likely(InOrder(&["no such image", ":"])),
            Likely(InOrder(&["source image", "does not exist", "provide a valid source image"])),
        ],
    },
    Cause {
        name: "ecr-pull-timeout-no-egress",
        family: Family::Image,
        rank: Rank::Root,
        title: "registry not reachable",
        meaning: "The registry did not answer: the task's subnet has no route to it. A task in a private subnet needs a \
                  NAT gateway or endpoints; one in a public subnet needs a public IP; its security group must let \
                  port 443 out.",
        remedy: "Give the task a way out: a public IP in a public subnet, a NAT gateway, or endpoints for ecr.api, ecr.dkr and S3",
        rules: &[
            Certain(All(&[PULLING, Has("connection issue between the task")])),
            Certain(All(&[PULLING, Has("request canceled while waiting for connection")])),
            Likely(All(&[PULLING, Any(&[NO_ANSWER, Has("could not reach any registry endpoint")])])),
            Likely(All(&[InOrder(&["error response from daemon: get \"https://", "/v2/"]), NO_ANSWER])),
            Likely(InOrder(&[".dkr.ecr.", "net/http: request canceled"])),
        ],
    },
    Cause {
        name: "pull-interrupted",
        family: Family::Image,
        rank: Rank::Root,
        title: "pull broken off",
        meaning: "The download began and was broken off: the connection was reset, ended early, or the task was stopped \
                  while pulling. A route that lacks the S3 endpoint, where ECR keeps the layers, looks the same.",
        remedy: "Let it be tried again; if it stays, check the route to S3 from the task's subnet",
        rules: &[
            Likely(All(&[
                PULLING,
                Any(&[
                    // The text may be cut within the word `canceled`.
                    Has("context ca"),
                    Has("unexpected eof"),
                    Has(": eof"),
                    Has("connection reset by peer"),
                    Has("broken pipe"),
                    Has("stream error"),
                    Has("use of closed network connection"),
                    Has("pull was interrupted"),
                    Has("unexpected commit digest"),
                    Has("server misbehaving"),
                    Has("500 internal server error"),
                    Has("502 bad gateway"),
                    Has("503 service unavailable"),
                ]),
            ])),
            Likely(All(&[Has("image"), Has("pull interrupted")])),
            Likely(Has("not continuing with pull after error")),
            Likely(Together(&[
                Has("pulling image"),
                Any(&[Has("because of no progress in"), Has("inactivity time exceeded")]),
            ])),
        ],
    },
    Cause {
        name: "image-copy-failed",
        family: Family::Image,
        rank: Rank::Symptom,
        title: "pull failed, reason cut off",
        meaning: "The pull broke and the text ends before the reason: ECS cuts reasons at about 255 characters. Denied \
                  access, a pull limit and a missing route are all possible.",
        remedy: "Pull the same digest with the execution role to see the whole message; move Docker Hub images to ECR",
        rules: &[
            Likely(All(&[
                PULLING,
                Any(&[
                    Has("failed to copy"),
                    Has("failed open"),
                    Has("unexpected status"),
                    Has("error pulling image conf"),
                ]),
            ])),
            Likely(Has("cannotpull")),
            Likely(Any(&[
                Has("inspect image has been retried"),
                Has("pull image manifest has been retried"),
                Has("ref pull has been retried"),
            ])),
        ],
    },
];
