//! The program inside the container: how it ended, and what it said before.
//!
//! Exit codes above 128 are 128 plus a signal: <https://tldp.org/LDP/abs/html/exitcodes.html>. AWS on them:
//! <https://docs.aws.amazon.com/AmazonECS/latest/developerguide/stopped-task-error-codes.html>.

use super::{
    cause::{Cause, Family, Rank},
    rule::{
        Rule::{Certain, Likely},
        Text,
        When::{self, All, Any, At, Exit, Has, InOrder, Not, Test, Word},
    },
    vocabulary::{DENIED, KEPT_OF_CHECKS},
};

/// The two causes of a container that ends with 137.
pub(super) const OOM: &str = "oom";
pub(super) const SIGKILL: &str = "exit-sigkill-not-oom";
/// The cause of whatever exception a program ends with.
pub(super) const DEFECT: &str = "app-defect";

/// Words of programs count in a log, or in a field that is none of AWS's own.
const SAID_BY_PROGRAM: When = Not(&Any(&[
    At("stoppedReason"),
    At("containerReason"),
    At("serviceEvent"),
    At("stackEvent"),
    At("targetHealth"),
    At("apiError"),
]));

const KILLED_FOR_MEMORY: When = Any(&[
    Has("outofmemoryerror: container killed"),
    Has("killed due to memory usage"),
    Has("oomkilled"),
    Has("oom-kill"),
    Has("oom kill"),
    Has("out of memory: kill"),
    Has("memory cgroup out of memory"),
]);

const HEAP: When = Any(&[
    Has("javascript heap out of memory"),
    Has("reached heap limit"),
    Has("java.lang.outofmemoryerror"),
    Has("outofmemoryerror: java heap"),
    Has("gc overhead limit exceeded"),
    Has("insufficient memory for the java runtime"),
    InOrder(&["allowed memory size of", "exhausted"]),
    Has("system.outofmemoryexception"),
    Has("failed to allocate memory (nomemoryerror)"),
    Has("nomemoryerror"),
    Has("std::bad_alloc"),
    Has("fatal error: runtime: out of memory"),
    Has("runtime: out of memory"),
    InOrder(&["memory allocation of", "bytes failed"]),
    Has("err_worker_out_of_memory"),
    Has("outofmemoryerror: metaspace"),
    Has("fatal process out of memory"),
]);

/// 137 has a cause of its own; 143 (128 + SIGTERM) is how a program ends that was asked to.
fn ended_in_failure(text: &Text) -> bool {
    text.exit.is_some_and(|code| ![0, 137, 143].contains(&code))
}

fn failed(text: &Text) -> bool {
    text.exit.is_some_and(|code| code != 0)
}

/// ECS stopped the task for a reason of its own, so that its exit code tells nothing.
const STOPPED_BY_ECS: When =
    Any(&[Has("health check"), Has("scaling activity initiated by"), Has("stopped by user"), Word("userinitiated")]);

/// A module whose "name" is a path of a parameter store or file system: a reference was used as if it were the value.
fn path_as_module(text: &Text) -> bool {
    ["no module named '/", "no module named \"/", "no module named /"].iter().any(|lead| text.has(lead))
}

/// A line names a variable as the environment writes it, `STRIPE_KEY`, and says that it is missing or empty.
fn named_variable(text: &Text) -> bool {
    const LACKS: [&str; 17] = [
        "is not set",
        "not set",
        "must be set",
        "must be defined",
        "is required",
        "is missing",
        "is undefined",
        "is not defined",
        "not defined",
        "is not present",
        "is empty",
        "must not be empty",
        "cannot be empty",
        "can't be blank",
        "not provided",
        "notpresent",
        "missing value",
    ];
    let is_name = |word: &str| {
        let inner = |c: char| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_';
        word.len() > 4
            && word.contains('_')
            && word.chars().all(inner)
            && word.starts_with(|c: char| c.is_ascii_uppercase())
    };
    text.raw.lines().any(|line| {
        let words = line.split(|c: char| !(c.is_alphanumeric() || c == '_'));
        let Some(name) = words.into_iter().find(|word| is_name(word)) else { return false };
        let after = line.split_once(name).map(|(_, after)| after.to_ascii_lowercase()).unwrap_or_default();
        LACKS.iter().any(|lacks| after.find(lacks).is_some_and(|at| at < 24))
    })
}

/// An exception's name and what it says, as an uncaught one is printed: `alembic.util.exc.CommandError: …`. Programs also
/// log what they have dealt with, so that within a line it counts only where the program then failed.
fn names_an_exception(text: &Text) -> bool {
    let failed = failed(text);
    let is_exception = |name: &str| {
        let class = name.rsplit(['.', ':', '$']).next().unwrap_or_default();
        name.chars().all(|c| c.is_alphanumeric() || "._:$".contains(c))
            && (class.ends_with("Error") || class.ends_with("Exception"))
            && name.len() > 9
            && class.starts_with(|c: char| c.is_ascii_uppercase())
    };
    text.raw.lines().any(|line| {
        line.match_indices(": ").any(|(at, _)| {
            let before = line.get(..at).unwrap_or_default();
            let name = before.rsplit(' ').next().unwrap_or_default();
            (failed || name.len() == before.trim_start().len()) && is_exception(name)
        })
    })
}

pub(super) static CAUSES: &[Cause] = &[
    Cause {
        name: OOM,
        family: Family::Program,
        rank: Rank::Root,
        title: "killed for using too much memory",
        meaning: "The container used more memory than its limit, and the kernel killed it.",
        remedy: "Give the service more memory, or make the program use less (fewer workers, a heap limit below the task's)",
        rules: &[
            Certain(KILLED_FOR_MEMORY),
            Likely(Any(&[
                InOrder(&["was sent sigkill", "perhaps out of memory"]),
                Has("container init was oom-killed"),
                Has("died due to oom"),
                InOrder(&["exceeded", "memory limit", "killed"]),
                Has("cannot allocate memory"),
            ])),
            Likely(All(&[Not(&HEAP), Not(&At("log")), Any(&[Has("outofmemory"), Has("out of memory")])])),
        ],
    },
    Cause {
        name: "app-heap-exhausted",
        family: Family::Program,
        rank: Rank::Root,
        title: "the language's own heap is full",
        meaning: "The program reached the memory limit of its own runtime, not the container's: a default heap may be \
                  smaller than the task.",
        remedy: "Raise the runtime's limit (--max-old-space-size, -XX:MaxRAMPercentage, memory_limit) with the task's memory, or find the leak",
        rules: &[
            Likely(HEAP),
            Likely(All(&[At("log"), Any(&[Word("memoryerror"), Has("heap out of memory"), Has("outofmemoryerror")])])),
        ],
    },
    Cause {
        name: "exit-segfault",
        family: Family::Program,
        rank: Rank::Root,
        title: "program crashed (segmentation fault)",
        meaning: "The program touched memory that is not its own and was killed with SIGSEGV (139 = 128 + 11): a fault \
                  in native code, or a library built for another C library or processor.",
        remedy: "Check native extensions against the base image (musl or glibc, architecture) and update them",
        rules: &[
            // .NET may end so for an exception that nobody caught, and says which.
            Certain(All(&[Exit(139), Not(&Has("unhandled exception. "))])),
            // Go turns a nil pointer into a panic of its own, and says which signal it was.
            Likely(All(&[
                Any(&[Has("segmentation fault"), Has("sigsegv"), Has("segfault"), Has("signal 11")]),
                Not(&Has("panic: runtime error")),
            ])),
        ],
    },
    Cause {
        name: "app-misconfigured-env",
        family: Family::Program,
        rank: Rank::Root,
        title: "program lacks a setting, or it is wrong",
        meaning: "The program said that a setting, mostly an environment variable, is missing or cannot be right: a name \
                  instead of the value, a wrong password, a database that is not there.",
        remedy: "Set what the log names in the service's environment or secrets",
        rules: &[
            Likely(All(&[SAID_BY_PROGRAM, Any(&[Test(path_as_module), Test(named_variable)])])),
            Likely(All(&[
                SAID_BY_PROGRAM,
                Any(&[
                    InOrder(&["environment variable", "not set"]),
                    InOrder(&["environment variable", "not found"]),
                    InOrder(&["environment variable", "missing"]),
                    InOrder(&["environment variable", "required"]),
                    InOrder(&["environment variable", "not defined"]),
                    InOrder(&["environment variable", "must be"]),
                    InOrder(&["environment variable", "empty"]),
                    InOrder(&["environment variable", "undefined"]),
                    InOrder(&["environment variable", "invalid"]),
                    InOrder(&["missing", "environment variable"]),
                    InOrder(&["required environment"]),
                    InOrder(&["set the", "environment variable"]),
                    InOrder(&["env var", "not set"]),
                    InOrder(&["missing", "env var"]),
                    // Which one is not said in words that are known, but it ended of it.
                    All(&[Test(failed), Has("environment variable")]),
                    Has("missing environment"),
                    Has("invalid scheme, expected connection string"),
                    Has("could not parse sqlalchemy url"),
                    Has("invalid username-password pair"),
                    Has("error validating datasource"),
                    InOrder(&["missing", "api key"]),
                    InOrder(&["api key", "is required"]),
                    Has("invalid environment variables"),
                    Has("improperlyconfigured"),
                    Has("secret_key_base"),
                    Has("unbound variable"),
                    Has("secret_key setting must not be empty"),
                    Has("activesupport::messageencryptor::invalidmessage"),
                    Has("activesupport::messageverifier::invalidsignature"),
                    Has("missing encryption key"),
                    Has("missingappkeyexception"),
                    Has("no application encryption key has been specified"),
                    InOrder(&["value cannot be null", "connectionstring"]),
                    Has("format of the initialization string does not conform"),
                    InOrder(&["key not found: \"", "(keyerror)"]),
                    InOrder(&["`fetch': key not found"]),
                    InOrder(&["'fetch': key not found"]),
                    Has("keyerror: key not found"),
                    InOrder(&["keyerror: '"]),
                    InOrder(&["os.environ", "keyerror"]),
                    Has("password authentication failed"),
                    InOrder(&["access denied for user", "using password"]),
                    InOrder(&["fatal:", "database \"", "does not exist"]),
                    InOrder(&["fatal:", "role \"", "does not exist"]),
                    Has("unknown database"),
                    Has("no pg_hba.conf entry"),
                    Has("err_invalid_url"),
                    Has("invalid url"),
                    Has("unable to locate credentials"),
                    Has("could not load default credentials"),
                    Has("could not load credentials from any providers"),
                    Has("you must specify a region"),
                    Has("missing region in config"),
                    Has("aws::errors::missingregionerror"),
                    Has("wrongpass"),
                    Has("noauth authentication required"),
                    Has("err auth"),
                    Has("authentication failed"),
                    Has("p1000: authentication"),
                    Has("p1012"),
                    InOrder(&["pydantic", "validation error"]),
                    Has("declare it as envvar"),
                    Has("client password must be a string"),
                    Has("with your username/password"),
                    InOrder(&["validation error", "settings", "field required"]),
                    Has("[no_secret]"),
                    Has("nodatabaseerror"),
                    Has("secretorprivatekey must have a value"),
                    Has("supabaseurl is required"),
                    Has("supabasekey is required"),
                    Has("failed to determine a suitable driver class"),
                    Has("failed to bind properties under"),
                    Has("no configuration setting found for key"),
                    Has("unable to load aws credentials"),
                    Has("unable to load credentials from any of the providers"),
                    InOrder(&["database url", "invalid"]),
                    Has("adapternotspecified"),
                    InOrder(&["could not resolve placeholder"]),
                    Has("connectionstring property has not been initialized"),
                    InOrder(&["failed to configure a datasource"]),
                    InOrder(&["required", "is missing", "config"]),
                    InOrder(&["config", "is required"]),
                    InOrder(&["database is uninitialized and superuser password is not specified"]),
                    InOrder(&["database is uninitialized and password option is not specified"]),
                ]),
            ])),
        ],
    },
    Cause {
        name: "app-dependency-unreachable",
        family: Family::Program,
        rank: Rank::Root,
        title: "what the program needs does not answer",
        meaning: "The program could not reach a database, cache or another service: wrong host (localhost means the task \
                  itself), a security group, a name that does not resolve, or it is not up yet.",
        remedy: "Check host and port in the environment, and that the other side's security group admits the service",
        rules: &[Likely(All(&[
            SAID_BY_PROGRAM,
            Not(&KEPT_OF_CHECKS),
            Any(&[
                Has("econnrefused"),
                Has("connection refused"),
                Word("enotfound"),
                Has("getaddrinfo"),
                Has("eai_again"),
                Has("etimedout"),
                Has("ehostunreach"),
                Has("econnreset"),
                Has("no route to host"),
                Has("network is unreachable"),
                Has("name or service not known"),
                Has("temporary failure in name resolution"),
                Has("nodename nor servname"),
                Has("no such host"),
                Has("unknownhostexception"),
                Has("could not connect to server"),
                Has("could not translate host name"),
                Has("could not connect to"),
                Has("couldn't connect to"),
                Has("can't connect to"),
                Has("cannot connect to"),
                Has("unable to connect to"),
                Has("failed to connect to"),
                Has("can't reach database server"),
                Has("communications link failure"),
                Has("connection timed out"),
                Has("connect timed out"),
                Has("connecttimeout"),
                Has("connection timeout"),
                Has("connectionerror"),
                Has("connectionbad"),
                Has("cannotconnecterror"),
                Has("connectexception"),
                Has("mongoserverselectionerror"),
                Has("server selection timed out"),
                Has("name does not resolve"),
                Has("bad address '"),
                Has("socket hang up"),
                Has("socket disconnected before secure tls"),
                Has("timeout expired"),
                Has("timeout acquiring a connection"),
                Has("pool timed out"),
                Has("unable to obtain connection from database"),
                Has("nobrokersavailable"),
                Has("brokerunreachableexception"),
                // Clients of Elasticsearch.
                Has("no living connections"),
                Has("unable to revive connection"),
                Has("noconnectionavailableerror"),
                Has("mongonetworkerror"),
                Has("serverselectiontimeouterror"),
                Has("server closed the connection unexpectedly"),
                Has("dial tcp"),
                Has("host not found in upstream"),
                Has("connection to server at"),
                Has("connectionnotestablished"),
                Has("connection reset by peer"),
                Has("max retries exceeded with url"),
                Has("lost connection to mysql server"),
                Has("could not open jdbc connection"),
                Has("econnaborted"),
                Has("broker may not be available"),
                Has("connection is not available, request timed out"),
                InOrder(&["connection to ", ":", " refused"]),
                Has("p1001"),
                Has("sqlstate[hy000] [2002]"),
            ]),
        ]))],
    },
    Cause {
        name: DEFECT,
        family: Family::Program,
        rank: Rank::Root,
        title: "fault in the program or its image",
        meaning: "The program ended with an error of its own: an exception nobody caught, a module or file that is not in \
                  the image, code that does not parse.",
        remedy: "Run the same image locally with the same environment, and mend what the log names",
        rules: &[Likely(All(&[
            SAID_BY_PROGRAM,
            Any(&[
                Has("modulenotfounderror"),
                Has("no module named"),
                Has("importerror"),
                Has("cannot find module"),
                Has("err_module_not_found"),
                Has("cannot find package"),
                Has("module_not_found"),
                Has("syntaxerror"),
                Has("indentationerror"),
                Has("typeerror"),
                Has("referenceerror"),
                Has("rangeerror"),
                Has("nameerror"),
                Has("attributeerror"),
                Has("valueerror"),
                Has("indexerror"),
                Has("assertionerror"),
                Has("filenotfounderror"),
                Has("permissionerror"),
                Has("runtimeerror"),
                Has("argumenterror"),
                Has("nomethoderror"),
                Has("undefined method"),
                Has("uninitialized constant"),
                Has("loaderror"),
                Has("cannot load such file"),
                Has("gemnotfound"),
                Has("could not find gem"),
                InOrder(&["could not find", "in any of the sources"]),
                InOrder(&["could not find", "in locally installed gems"]),
                Has("pendingmigrationerror"),
                Has("statementinvalid"),
                Has("nullpointerexception"),
                Has("classnotfoundexception"),
                Has("noclassdeffounderror"),
                Has("could not find or load main class"),
                Has("no main manifest attribute"),
                Has("unsupportedclassversionerror"),
                Has("illegalstateexception"),
                Has("beancreationexception"),
                Has("unable to access jarfile"),
                Has("application run failed"),
                Has("panic:"),
                Has("panicked at"),
                Has("fatal error: all goroutines are asleep"),
                Has("traceback (most recent call last)"),
                Has("unhandledpromiserejection"),
                Has("unhandled promise rejection"),
                Has("unhandled rejection"),
                Has("uncaught exception"),
                Has("uncaughtexception"),
                Has("unhandled exception"),
                Has("uncaught error"),
                Has("php fatal error"),
                Has("php parse error"),
                Has("error while loading shared libraries"),
                InOrder(&["error loading shared library"]),
                InOrder(&["/lib/", "version `glibc_", "not found"]),
                InOrder(&["version 'glibc_", "not found"]),
                Has("err_require_esm"),
                Has("eacces: permission denied"),
                Has("enoent: no such file"),
                Has("permission denied @"),
                Has("no such file or directory @"),
                Has("erofs: read-only"),
                Has("read-only file system"),
                Has("missing script:"),
                Has("could not find a production build"),
                Has("this and all later migrations canceled"),
                Has("migrate found failed migrations"),
                Has("migration checksum mismatch"),
                Has("pg::undefinedtable"),
                Has("pg::undefinedcolumn"),
                Has("pg::duplicate"),
                Has("programmingerror"),
                Has("nosuchmethoderror"),
                Has("stackoverflowerror"),
                Has("exception in thread \"main\""),
                Has("application failed to start"),
                Has("a server is already running"),
                Has("failed to find attribute"),
                Has("nginx: [emerg]"),
                InOrder(&["relation \"", "does not exist"]),
                InOrder(&["relation \"", "already exists"]),
                InOrder(&["error: column ", "does not exist"]),
                InOrder(&["table '", "doesn't exist"]),
                InOrder(&["table '", "already exists"]),
                InOrder(&["unknown column '", "in '"]),
                Has("no such table"),
                Has("syntax error at or near"),
                Has("could not import module"),
                Has("failed to find application object"),
                Has("could not locate gemfile"),
                Has("invalid or corrupt jarfile"),
                Has("could not create the java virtual machine"),
                InOrder(&["error relocating", "symbol not found"]),
                InOrder(&["fatal error:", "goroutine "]),
                Has("inconsistentmigrationhistory"),
                All(&[Test(names_an_exception), Not(&DENIED)]),
                Has("exited due to exception"),
                Has("core dumped"),
                Exit(134),
            ]),
        ]))],
    },
    Cause {
        name: SIGKILL,
        family: Family::Program,
        rank: Rank::Symptom,
        title: "killed while stopping",
        meaning: "The container ended with SIGKILL (137 = 128 + 9) and nothing says memory: the program did not end \
                  within stopTimeout after SIGTERM, most often because a shell as first process does not pass it on.",
        remedy: "Start the program with `exec` or an init process, end on SIGTERM, and give stopTimeout room for its drain",
        rules: &[
            Likely(All(&[Exit(137), Not(&Any(&[Has("memory"), Has("oom"), Has("health check")]))])),
            Likely(All(&[
                Any(&[Has("sigkill"), Has("signal 9"), Has("signal: killed")]),
                Not(&Any(&[Has("memory"), Has("oom"), Has("pull"), Has("resourceinitialization")])),
            ])),
        ],
    },
    Cause {
        name: "exit-nonzero",
        family: Family::Program,
        rank: Rank::Symptom,
        title: "program ended with an error",
        meaning: "The program ended by itself with a code that means failure. What went wrong stands in its log.",
        remedy: "Read the last lines of its log: runner logs SERVICE --failed",
        rules: &[
            Certain(All(&[Has("essential container"), Test(ended_in_failure)])),
            Likely(All(&[Test(ended_in_failure), Not(&STOPPED_BY_ECS), Not(&KEPT_OF_CHECKS)])),
            Likely(All(&[Has("essential container"), Has("exited"), Not(&Any(&[Exit(0), Exit(137)]))])),
            Likely(Word("essentialcontainerexited")),
            // Gunicorn, of whatever the application ended with.
            Likely(Has("worker failed to boot")),
        ],
    },
];
