//! What AWS does between placing a task and running its program: the task definition, volumes, ports, the command.
//!
//! AWS's wordings: <https://docs.aws.amazon.com/AmazonECS/latest/developerguide/stopped-task-error-codes.html>.

use super::{
    cause::{Cause, Family, Rank},
    rule::{
        Rule::{Certain, Likely},
        When::{self, All, Any, At, Exit, Has, InOrder, Not, Word},
    },
};

const EFS: When = Any(&[Word("efs"), Has("mount.nfs"), Has("mount.efs")]);

/// Docker was asked how a container fares and was too busy to answer: the container may even have ended well.
const INSPECTING: When = Any(&[Has("cannotinspectcontainer"), Has("transition to inspecting")]);

/// The runtime failed between unpacking the image and starting the program.
const RUNTIME: When = Any(&[
    Has("oci runtime create failed"),
    Has("runc create failed"),
    Has("starting container process"),
    Has("start container process"),
    Has("container init"),
    Has("exec user process"),
    Has("cannotstartcontainer"),
    Has("failed to create shim"),
]);

const TASK_DEFINITION: When = Any(&[
    Has("task definition"),
    Has("taskdefinition"),
    Has("task-definition"),
    Has("container definition"),
    Has("containerdefinition"),
]);

pub(super) static CAUSES: &[Cause] = &[
    Cause {
        name: "port-binding-failed",
        family: Family::Placement,
        rank: Rank::Root,
        title: "port already taken or not allowed",
        meaning: "The program or the host could not open the port: something else has it (two containers of a task share \
                  one network), or a low port needs rights.",
        remedy: "Give each container of the task its own port; let the program listen above 1024",
        rules: &[
            Certain(Has("port is already allocated")),
            Certain(InOrder(&["bind", "address already in use"])),
            Likely(Any(&[Has("address already in use"), Has("eaddrinuse"), Has("address in use")])),
            Likely(InOrder(&["bind for", "failed"])),
            Likely(Any(&[
                Has("bind: permission denied"),
                InOrder(&["bind()", "permission denied"]),
                InOrder(&["listen", "eacces"]),
                InOrder(&["bind", "cannot assign requested address"]),
                // Gunicorn.
                Has("connection in use: ("),
                // Spring Boot, Puma.
                All(&[InOrder(&["port ", "already in use"]), Not(&Has("listener port"))]),
                Has("driver failed programming external connectivity"),
                InOrder(&["failed to create endpoint", "on network"]),
            ])),
        ],
    },
    Cause {
        name: "container-start-timeout",
        family: Family::Placement,
        rank: Rank::Root,
        title: "container did not start in time",
        meaning: "The container's runtime did not get the container to its next state in time: the host is overloaded, \
                  the image is very large, or a container it depends on did not become ready.",
        remedy: "Let it be tried again; if it stays, raise startTimeout and check the containers it waits for",
        rules: &[
            Certain(Any(&[Has("dockertimeouterror"), Has("containerruntimetimeouterror")])),
            Certain(All(&[InOrder(&["could not tran", "timed out after waiting"]), Not(&INSPECTING)])),
            Likely(InOrder(&["dependency", "timed out"])),
            Likely(InOrder(&["container", "failed to start within"])),
            Likely(Has("could not transition to")),
        ],
    },
    Cause {
        name: "efs-dns-unresolvable",
        family: Family::Placement,
        rank: Rank::Root,
        title: "file system's name not resolvable",
        meaning: "The name of the EFS file system has no address in this VPC: it has no mount target in the task's zone \
                  (yet), or the VPC has no DNS. What the text says of botocore is nothing to act on.",
        remedy: "Make a mount target in each zone the task runs in, and switch on DNS support and hostnames in the VPC",
        rules: &[
            Certain(All(&[EFS, Has("failed to resolve")])),
            Certain(All(&[
                EFS,
                Any(&[Has("name or service not known"), Has("failed to locate an available mount target")]),
            ])),
            Likely(All(&[EFS, Has("check that your file system id is correct")])),
            Certain(InOrder(&["bad address 'fs-", ".efs."])),
        ],
    },
    Cause {
        name: "efs-path-missing",
        family: Family::Placement,
        rank: Rank::Root,
        title: "directory missing on the file system",
        meaning: "The root directory to be mounted does not exist on the EFS file system.",
        remedy: "Mount / or use an access point that creates the directory",
        rules: &[
            Certain(All(&[
                EFS,
                Any(&[Has("mount"), Has("efs utils")]),
                Has("no such file or directory"),
                Not(&Has("exec:")),
            ])),
            Likely(All(&[EFS, Has("no such file or direct"), Has("reason given by server")])),
        ],
    },
    Cause {
        name: "efs-transient",
        family: Family::Placement,
        rank: Rank::Root,
        title: "mounting the file system: passing fault",
        meaning: "The connection to the EFS file system broke while mounting; the next task mostly succeeds.",
        remedy: "Let it be tried again; if it stays, let port 2049 through from the task to the mount target",
        rules: &[Likely(All(&[
            EFS,
            Any(&[
                Has("connection reset"),
                Has("broken pipe"),
                Has("resource temporarily unavailable"),
                Has("try again"),
                Has("remote i/o error"),
                Has("stale file handle"),
            ]),
        ]))],
    },
    Cause {
        name: "efs-mount-related",
        family: Family::Placement,
        rank: Rank::Root,
        title: "volume not mounted",
        meaning: "Mounting a volume into the container failed, and the text does not say why: access denied by the file \
                  system's policy, port 2049 closed, or a mount on something that is no directory.",
        remedy: "Check the volume's security group (port 2049), access point and policy, and the mount path",
        rules: &[
            Likely(Has("failed to invoke efs utils commands")),
            Likely(Any(&[Has("mount.nfs4"), Has("unsuccessful efs utils command")])),
            Likely(All(&[
                RUNTIME,
                Any(&[Has("rootfs_linux.go"), Has("mknod"), InOrder(&["mounting", "rootfs"]), Has("error mounting")]),
            ])),
            Likely(InOrder(&["cannotcreatecontainer", "failed to chown"])),
            Likely(Any(&[InOrder(&["unable to mount", "nfs"]), InOrder(&["cannotcreatevolume", "mount"])])),
        ],
    },
    Cause {
        name: "command-not-found",
        family: Family::Placement,
        rank: Rank::Root,
        title: "program not in the image",
        meaning: "The command, entry point or its interpreter is not in the image, is not executable, or is not in the \
                  PATH. A script with Windows line ends looks the same: its interpreter is not found.",
        remedy: "Run the image locally with the same command; give the command as a list, and an existing, executable path",
        rules: &[
            Certain(InOrder(&["executable file not found in", "path"])),
            Certain(InOrder(&["container command '", "not found or does not exist"])),
            // Cut off before it is said that nothing is there.
            Likely(All(&[RUNTIME, InOrder(&["exec: \"", "\": stat /"])])),
            Likely(All(&[
                RUNTIME,
                Any(&[
                    Has("no such file or dir"),
                    Has("permission denied"),
                    Has("executable file not found"),
                    Has("is a directory"),
                ]),
            ])),
            Likely(InOrder(&["exec", "stat", "no such file or"])),
            Likely(All(&[Exit(127), Not(&Has("loading shared librar"))])),
            Likely(All(&[
                Exit(126),
                Any(&[Not(&At("log")), Has("permission denied"), Has("cannot execute"), Has("is a directory")]),
            ])),
            Likely(Any(&[
                Has("command not found"),
                InOrder(&["sh: ", ": not found"]),
                InOrder(&["exec: ", ": not found"]),
                InOrder(&["exec ", ": no such file or directory"]),
                InOrder(&["exec ", ": permission denied"]),
                InOrder(&["can't open '", "': no such file or directory"]),
                InOrder(&["can't open file '", "no such file or directory"]),
                InOrder(&["tini", "exec", "failed"]),
                InOrder(&["/usr/bin/env:", "no such file or directory"]),
                InOrder(&["sh: ", "cannot open"]),
                Has("bad interpreter"),
            ])),
        ],
    },
    Cause {
        name: "task-definition-invalid",
        family: Family::Placement,
        rank: Rank::Root,
        title: "task definition refused",
        meaning: "ECS refused the task definition, or it does not fit the way it is to be run.",
        remedy: "Correct what the message names in the service's section, then deploy again",
        rules: &[
            Certain(InOrder(&["setting for container", "is greater than for the task"])),
            Certain(InOrder(&["host port '", "is mapped multiple times in task"])),
            Certain(InOrder(&["invalid setting for container"])),
            Certain(InOrder(&["at least one of 'memory' or 'memoryreservation'"])),
            Certain(Has("host ports and container ports in port mappings must match")),
            Certain(Has("fargate requires task definition to have execution role")),
            Certain(Has("fargate requires that 'cpu'")),
            Certain(InOrder(&["task definition", "at least one essential container"])),
            Certain(InOrder(&["task definition does not support launch_type"])),
            Certain(InOrder(&["task definition is not active"])),
            Likely(Has("unable to describe task definition")),
            Likely(InOrder(&["unexpected key", "found in params"])),
            Certain(Any(&[
                Has("taskdefinition is inactive"),
                Has("taskdefinition not found"),
                Has("task definition not found"),
            ])),
            Likely(Any(&[Has("create taskdefinition:"), Has("registertaskdefinition operation")])),
            Certain(Has("unable to get awslogs driver arguments")),
            Likely(All(&[
                Has("clientexception"),
                Any(&[
                    TASK_DEFINITION,
                    Has("container.name"),
                    Has("port mapping"),
                    Has("portmapping"),
                    Has("essential"),
                    Has("for container"),
                    Has("container '"),
                    Has("volume"),
                    Has("log driver"),
                    Has("logdriver"),
                    Has("environment"),
                    Has("fargate"),
                    Has("memory"),
                    Has("family"),
                    Has("secrets"),
                ]),
            ])),
            Likely(Any(&[
                Has("failed to register task definition"),
                Has("error registering task definition"),
                Has("creating ecs task definition"),
            ])),
            Likely(All(&[
                TASK_DEFINITION,
                Any(&[
                    Has("unexpected key"),
                    Has("missing required"),
                    Has("is invalid"),
                    Has("invalid json"),
                    Has("parameter validation failed"),
                    Has("unknown parameter"),
                ]),
            ])),
            Likely(Any(&[Has("platformtaskdefinitionincompatibility"), Has("does not satisfy the task definition")])),
            Likely(InOrder(&["unknown volume", "referenced by mount point"])),
            Likely(InOrder(&["no such volume", "task definition"])),
        ],
    },
    Cause {
        name: "task-start-impaired-unspecified",
        family: Family::Placement,
        rank: Rank::Cascade,
        title: "tasks do not start, reason elsewhere",
        meaning: "ECS gave up starting tasks quickly because they failed again and again. The reason stands with the \
                  stopped tasks.",
        remedy: "Read the stoppedReason of the stopped tasks and their log: runner logs SERVICE --failed",
        rules: &[
            Certain(Has("unable to consistently start tasks successfully")),
            Certain(Word("service_task_start_impaired")),
            Likely(Any(&[Word("taskfailedtostart"), Has("task failed to start")])),
            Likely(Has("failed to launch a task with (error")),
        ],
    },
];
