//! Texts of one form: names, ids, ranges, hosts, ARNs. Each says what it is, shows one, and knows what fits.

use super::leaf::text_of;
use super::reader::{Read, Reader};
use super::shape::Shape;
use crate::workflow::tree::{Kind, Node};

/// Declares a text of one form. `literal`: no `${…}` is put in, and the pattern goes into the schema. `number`: it may
/// stand there without quotes.
macro_rules! word {
    ($(#[doc = $doc:expr])+ $name:ident literal $what:literal, $example:literal, $pattern:literal, $fits:expr) => {
        word!(@type $(#[doc = $doc])+ $name, $what, $example, Some($pattern), false, $fits);
    };
    ($(#[doc = $doc:expr])+ $name:ident $what:literal, $example:literal, $fits:expr) => {
        word!(@type $(#[doc = $doc])+ $name, $what, $example, None, false, $fits);
    };
    ($(#[doc = $doc:expr])+ $name:ident number $what:literal, $example:literal, $fits:expr) => {
        word!(@type $(#[doc = $doc])+ $name, $what, $example, None, true, $fits);
    };
    (@type $(#[doc = $doc:expr])+ $name:ident, $what:literal, $example:literal, $pattern:expr, $number:literal, $fits:expr) => {
        $(#[doc = $doc])+
        #[derive(Debug, Clone, PartialEq, Eq)]
        pub(in crate::workflow) struct $name(pub String);

        impl Read for $name {
            fn read(node: &Node, path: &str, reader: &mut Reader<'_>) -> Option<Self> {
                let pattern: Option<&'static str> = $pattern;
                let text = match &node.kind {
                    Kind::Number(raw) if $number => raw.clone(),
                    _ => text_of(node, path, $what, reader)?,
                };
                let text = if pattern.is_some() { text } else { reader.known(node, &text, path)? };
                let fits: fn(&str) -> bool = $fits;
                if fits(&text) {
                    return Some(Self(text));
                }
                reader.expected(node, path, $what, Some(concat!("such as `", $example, "`").to_owned()));
                None
            }

            fn shape() -> Shape {
                let text = Shape::Text { what: $what, pattern: $pattern, example: $example };
                if $number {
                    return Shape::Any(vec![text, Shape::Number { min: 0.0, max: f64::from(u32::MAX), whole: true }]);
                }
                text
            }
        }
    };
}

pub(super) use word;

/// Lower-case words joined by single hyphens: fits ECR, ECS, CloudFormation, DNS and SSM alike.
pub(in crate::workflow) fn is_name(text: &str, longest: usize) -> bool {
    text.len() <= longest
        && text.starts_with(|c: char| c.is_ascii_lowercase())
        && text
            .split('-')
            .all(|part| !part.is_empty() && part.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit()))
}

word! {
    /// The app's name.
    AppName literal "a name of at most 24 lower-case letters, digits and single hyphens, beginning with a letter",
    "finance-app", "^[a-z][a-z0-9]*(-[a-z0-9]+)*$", |text| is_name(text, 24)
}

word! {
    /// The name of an environment.
    EnvironmentName literal "a name of at most 20 lower-case letters, digits and single hyphens, beginning with a letter",
    "staging", "^[a-z][a-z0-9]*(-[a-z0-9]+)*$", |text| is_name(text, 20)
}

word! {
    /// The name of a service, a stage, a stack or a container.
    Name literal "a name of at most 24 lower-case letters, digits and single hyphens, beginning with a letter",
    "api", "^[a-z][a-z0-9]*(-[a-z0-9]+)*$", |text| is_name(text, 24)
}

word! {
    /// A region, by strict pattern: it becomes part of the host that gets our token.
    Region literal "an AWS region", "us-east-1", "^[a-z]{2}(-[a-z]+){1,2}-[0-9]$", is_region
}

pub(super) fn is_region(text: &str) -> bool {
    let parts: Vec<&str> = text.split('-').collect();
    let lower = |part: &str| (3..=10).contains(&part.len()) && part.bytes().all(|b| b.is_ascii_lowercase());
    match parts.as_slice() {
        [country, rest @ .., number] => {
            country.len() == 2
                && country.bytes().all(|b| b.is_ascii_lowercase())
                && (1..=2).contains(&rest.len())
                && rest.iter().all(|part| lower(part))
                && number.len() == 1
                && number.bytes().all(|b| b.is_ascii_digit() && b != b'0')
        }
        _ => false,
    }
}

word! {
    /// An account's id.
    Account literal "an account id of 12 digits, in quotes", "\"111122223333\"", "^[0-9]{12}$",
    |text| text.len() == 12 && all_digits(text)
}

word! {
    /// A repository on GitHub.
    Repository literal "a repository as OWNER/NAME", "org/finance-app", "^[A-Za-z0-9-]+/[A-Za-z0-9._-]+$", |text| {
        let good = |part: &str, more: &str| {
            (1..=100).contains(&part.len()) && part.chars().all(|c| c.is_ascii_alphanumeric() || more.contains(c))
        };
        text.split_once('/').is_some_and(|(owner, name)| {
            good(owner, "-") && good(name, "-._") && name != "." && name != ".."
        })
    }
}

word! {
    /// A numeric id, as text.
    NumericId literal "a number in quotes", "\"123456789\"", "^[0-9]{1,20}$",
    |text| (1..=20).contains(&text.len()) && all_digits(text)
}

word! {
    /// A branch.
    BranchName literal "the name of a branch", "main", "^[A-Za-z0-9_][A-Za-z0-9._/-]{0,199}$", is_branch
}

fn is_branch(text: &str) -> bool {
    let first = text.bytes().next().is_some_and(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    first && text.len() <= 200 && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._/-".contains(&byte))
}

word! {
    /// A domain or host name.
    Host "a host name in lower case", "api.example.com", is_host
}

fn is_host(text: &str) -> bool {
    text.len() <= 253
        && text.split('.').count() >= 2
        && text.split('.').all(|label| {
            (1..=63).contains(&label.len())
                && !label.starts_with('-')
                && !label.ends_with('-')
                && label.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
        })
        && !text.rsplit('.').next().is_some_and(all_digits)
}

word! {
    /// A Route 53 zone.
    HostedZone "the id of a Route 53 hosted zone", "Z0123EXAMPLE", |text| {
        text.starts_with('Z')
            && (4..=32).contains(&text.len())
            && text.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit())
    }
}

word! {
    /// An address range. What is wrong with it inside is said by the network's checks.
    Cidr "an address range", "10.0.0.0/16", |text| text.parse::<ipnet::Ipv4Net>().is_ok()
}

word! {
    /// Addresses in the internet that something is open to.
    Callers "a range of IPv4 addresses (a single one ends in `/32`)", "203.0.113.0/24",
    |text| text.parse::<ipnet::Ipv4Net>().is_ok()
}

word! {
    /// A cluster.
    ClusterName "the name of an ECS cluster", "main", |text| {
        (1..=255).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
    }
}

word! {
    /// A mail address; SNS checks the rest by writing to it.
    Mail "a mail address", "ops@example.com", |text| {
        text.len() <= 254
            && !text.contains(|c: char| c.is_whitespace() || c.is_control())
            && text.split_once('@').is_some_and(|(name, host)| !name.is_empty() && host.contains('.') && !host.contains('@'))
    }
}

word! {
    /// An instance class of RDS.
    InstanceClass "an instance class of RDS", "db.t3.micro", |text| {
        let parts: Vec<&str> = text.split('.').collect();
        parts.len() == 3
            && parts[0] == "db"
            && parts[1..].iter().all(|part| {
                !part.is_empty() && part.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
            })
    }
}

word! {
    /// A database version: the major only.
    MajorVersion "a major version in quotes (RDS upgrades minors by itself)", "\"17\"",
    |text| (1..=2).contains(&text.len()) && all_digits(text) && !text.starts_with('0')
}

word! {
    /// A name of a parameter of the database engine.
    EngineParameter literal "the name of a PostgreSQL parameter", "work_mem", "^[a-z][a-z0-9_.]*$",
    |text| {
        text.starts_with(|c: char| c.is_ascii_lowercase())
            && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_' || b == b'.')
    }
}

word! {
    /// A name of an environment variable.
    Variable literal "the name of a variable: letters, digits and `_`, not beginning with a digit", "API_URL",
    "^[A-Za-z_][A-Za-z0-9_]*$", is_variable
}

fn is_variable(text: &str) -> bool {
    (1..=255).contains(&text.len())
        && !text.starts_with(|c: char| c.is_ascii_digit())
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
}

word! {
    /// A parameter of a CloudFormation template.
    TemplateParameter literal "the name of a template's parameter: letters and digits", "VpcId", "^[A-Za-z0-9]{1,255}$",
    |text| (1..=255).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_alphanumeric())
}

word! {
    /// A path that the load balancer asks for.
    UrlPath "a path that begins with `/`", "/health", |text| {
        text.starts_with('/') && text.len() <= 1024 && text.bytes().all(|b| b.is_ascii_graphic())
    }
}

word! {
    /// A path pattern of CloudFront.
    PathPattern "a path pattern that begins with `/`", "/assets/*", |text| {
        text.starts_with('/')
            && text.len() <= 255
            && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"_-.*$/~\"'@:+&?".contains(&b))
    }
}

word! {
    /// HTTP codes that count as healthy.
    Codes number "HTTP codes from 200 to 499", "200-299", |text| {
        let code = |text: &str| text.len() == 3 && text.parse::<u16>().is_ok_and(|code| (200..=499).contains(&code));
        !text.is_empty()
            && text.split(',').all(|part| match part.split_once('-') {
                Some((from, to)) => code(from) && code(to) && from <= to,
                None => code(part),
            })
    }
}

word! {
    /// A path beneath the workspace.
    Inside "a path inside the repository, relative to its root, without `..`", "./backend", |text| {
        !text.is_empty()
            && text.len() <= 1024
            && !text.starts_with(['/', '~'])
            && !text.contains(['\\', '\0', '\n', '\r'])
            && text.as_bytes().get(1) != Some(&b':')
            && text.split('/').all(|part| part != "..")
    }
}

word! {
    /// A stage of a Dockerfile.
    BuildTarget "the name of a stage of the Dockerfile", "runtime", |text| {
        (1..=128).contains(&text.len())
            && text.starts_with(|c: char| c.is_ascii_alphanumeric())
            && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"_.-".contains(&b))
    }
}

word! {
    /// An image that is named with its digest.
    PinnedImage "an image with its digest, NAME@sha256:64 hexadecimal digits",
    "nginx@sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef",
    |text| {
        text.split_once('@').is_some_and(|(name, digest)| {
            is_image(name)
                && digest.strip_prefix("sha256:").is_some_and(|hex| {
                    hex.len() == 64 && hex.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b))
                })
        })
    }
}

word! {
    /// An image, by tag or digest.
    Image "an image, NAME:TAG or NAME@sha256:DIGEST", "redis:8", |text| match text.split_once('@') {
        Some((name, digest)) => {
            is_image(name)
                && digest.strip_prefix("sha256:").is_some_and(|hex| {
                    hex.len() == 64 && hex.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b))
                })
        }
        None => is_image(text),
    }
}

fn is_image(text: &str) -> bool {
    (1..=255).contains(&text.len())
        && text.starts_with(|c: char| c.is_ascii_alphanumeric())
        && !text.ends_with(['/', ':'])
        && !text.contains("//")
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"._-/:".contains(&b))
}

word! {
    /// The name of an alarm.
    AlarmName "the name of an alarm", "api-5xx", |text| {
        (1..=255).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_graphic())
    }
}

word! {
    /// When a task runs.
    Schedule literal "`cron(…)` with six fields, `rate(…)` or `at(…)`", "cron(0 3 * * ? *)",
    "^(cron|rate|at)\\(.+\\)$", is_schedule
}

/// <https://docs.aws.amazon.com/scheduler/latest/UserGuide/schedule-types.html>
fn is_schedule(text: &str) -> bool {
    let inner = |name: &str| text.strip_prefix(name)?.strip_prefix('(')?.strip_suffix(')');
    if let Some(cron) = inner("cron") {
        let fields: Vec<&str> = cron.split(' ').collect();
        let good = |field: &&str| {
            !field.is_empty() && field.bytes().all(|b| b.is_ascii_alphanumeric() || b"*?,-/#".contains(&b))
        };
        // One of day-of-month and day-of-week must be `?`: EventBridge refuses both.
        return fields.len() == 6 && fields.iter().all(good) && (fields[2] == "?") != (fields[4] == "?");
    }
    if let Some(rate) = inner("rate") {
        return rate.split_once(' ').is_some_and(|(number, unit)| {
            number.parse::<u32>().is_ok_and(|number| number > 0)
                && matches!(unit, "minute" | "minutes" | "hour" | "hours" | "day" | "days")
        });
    }
    inner("at").is_some_and(|at| at.len() == 19 && at.parse::<jiff::civil::DateTime>().is_ok())
}

word! {
    /// A command line, split at spaces and started without a shell; nothing is put in.
    CommandLine literal "a command", "./bin/smoke", "^\\S", |text| {
        !text.trim().is_empty() && text.len() <= 4096 && !text.contains(['\n', '\r', '\0'])
    }
}

word! {
    /// The name of a stage, ours or the user's.
    StageName literal "the name of a stage", "wait-healthy", "^[a-z][a-z0-9]*(-[a-z0-9]+)*$", |text| is_name(text, 40)
}

pub(super) fn all_digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit())
}
