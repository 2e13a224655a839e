//! What a GitHub job is about, read from its variables and the event's payload. A pure function: nothing is asked.
//! <https://docs.github.com/en/webhooks/webhook-events-and-payloads>

use runner_core::{
    plan::{Exit, Fault},
    report::comment::Run,
    text::Foreign,
};
use serde_json::Value as Json;

/// A repository's owner and name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Repository {
    /// The owner.
    pub owner: String,
    /// The name.
    pub name: String,
}

impl Repository {
    fn parse(text: &str) -> Option<Self> {
        let (owner, name) = text.split_once('/')?;
        let plain = |part: &str| {
            !part.is_empty()
                && part != "."
                && part != ".."
                && part.chars().all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c))
        };
        (plain(owner) && plain(name)).then(|| Self { owner: owner.to_owned(), name: name.to_owned() })
    }
}

impl std::fmt::Display for Repository {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}", self.owner, self.name)
    }
}

/// What a comment would stand on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// This pull request.
    PullRequest(u64),
    /// The merged pull request that this commit came by: GitHub has to be asked.
    MergedBy(String),
    /// An open pull request whose head is this commit: GitHub has to be asked.
    HeadOf(String),
    /// There is none.
    Nowhere,
}

/// Whose code the event is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// The repository's own.
    Own,
    /// Another repository's, or one that is gone: nothing of ours is asked for with it.
    Fork(Option<String>),
}

/// What a job is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Context {
    /// `pull_request`, `push`, …
    pub event: String,
    /// The repository.
    pub repository: Repository,
    /// Where the REST API is; of a GitHub Enterprise Server with a path.
    pub api: String,
    /// Where the GraphQL API is.
    pub graphql: String,
    /// The run.
    pub run: Run,
    /// What a comment would stand on.
    pub place: Place,
    /// Whose code it is about.
    pub origin: Origin,
}

impl Context {
    /// The context of a job; none outside of GitHub Actions. `payload` is the text of the file that
    /// `GITHUB_EVENT_PATH` names.
    ///
    /// # Errors
    /// A [`Fault`] in words where a variable or the payload is missing or not what GitHub documents.
    pub fn read(variable: impl Fn(&str) -> Option<String>, payload: Option<&str>) -> Result<Option<Self>, Fault> {
        if variable("GITHUB_ACTIONS").as_deref() != Some("true") {
            return Ok(None);
        }
        let event = variable("GITHUB_EVENT_NAME").ok_or_else(|| odd("GITHUB_EVENT_NAME is not set"))?;
        let repository = variable("GITHUB_REPOSITORY").ok_or_else(|| odd("GITHUB_REPOSITORY is not set"))?;
        let repository = Repository::parse(&repository)
            .ok_or_else(|| odd(format!("GITHUB_REPOSITORY is `{}`, not OWNER/NAME", Foreign::new(repository))))?;
        let number = |name: &str| variable(name).and_then(|text| text.parse().ok());
        let run = Run {
            id: number("GITHUB_RUN_ID").unwrap_or_default(),
            attempt: number("GITHUB_RUN_ATTEMPT").and_then(|attempt| attempt.try_into().ok()).unwrap_or(1),
        };
        let address = |name: &str, otherwise: &str| {
            let address = variable(name).unwrap_or_else(|| otherwise.to_owned());
            let address = address.trim_end_matches('/').to_owned();
            if is_safe(&address) {
                Ok(address)
            } else {
                Err(odd(format!("{name} is neither https nor on this machine")))
            }
        };
        let api = address("GITHUB_API_URL", "https://api.github.com")?;
        let graphql = address("GITHUB_GRAPHQL_URL", "https://api.github.com/graphql")?;
        let payload = match payload {
            Some(text) => serde_json::from_str(text)
                .map_err(|error| odd(format!("the event's payload (GITHUB_EVENT_PATH) is no JSON: {error}")))?,
            None => Json::Null,
        };
        let sha = variable("GITHUB_SHA").filter(|sha| is_commit(sha));
        let (place, origin) = about(&event, &payload, &repository, sha)?;
        Ok(Some(Self { event, repository, api, graphql, run, place, origin }))
    }

    /// Whether the code is a stranger's.
    pub fn is_fork(&self) -> bool {
        self.origin != Origin::Own
    }
}

fn odd(message: impl Into<String>) -> Fault {
    Fault::new("reading what this GitHub job is about", message.into())
        .with_hint("run it in a GitHub job as it is, or without GITHUB_ACTIONS; nothing was done")
        .with_exit(Exit::Usage)
}

/// A token goes to https, or to a literal address of this machine.
pub(super) fn is_safe(address: &str) -> bool {
    let Ok(uri) = address.parse::<http::Uri>() else { return false };
    match uri.scheme_str() {
        Some("https") => uri.host().is_some(),
        Some("http") => matches!(uri.host(), Some("127.0.0.1" | "[::1]")),
        _ => false,
    }
}

fn is_commit(text: &str) -> bool {
    matches!(text.len(), 40 | 64) && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

fn about(event: &str, payload: &Json, own: &Repository, sha: Option<String>) -> Result<(Place, Origin), Fault> {
    let number = |json: &Json| json["number"].as_u64();
    if event.starts_with("pull_request") {
        let pull = &payload["pull_request"];
        if !pull.is_object() {
            return Err(odd(format!("the payload of `{event}` has no `pull_request`")));
        }
        let number = number(pull).ok_or_else(|| odd(format!("the pull request of `{event}` has no number")))?;
        return Ok((Place::PullRequest(number), origin(&pull["head"]["repo"], own)));
    }
    Ok(match event {
        "push" => {
            // A tag and a deleted branch were merged by nobody.
            let branch = payload["ref"].as_str().is_some_and(|name| name.starts_with("refs/heads/"));
            let gone = payload["deleted"].as_bool().unwrap_or_default();
            let place = sha.filter(|_| branch && !gone).map_or(Place::Nowhere, Place::MergedBy);
            (place, Origin::Own)
        }
        "merge_group" => {
            let place = payload["merge_group"]["head_ref"].as_str().and_then(queued);
            (place.map_or(Place::Nowhere, Place::PullRequest), Origin::Own)
        }
        "workflow_run" => {
            let run = &payload["workflow_run"];
            // Empty for forks, and often otherwise.
            let named = run["pull_requests"].as_array().and_then(|pulls| pulls.first()).and_then(number);
            let head = run["head_sha"].as_str().filter(|sha| is_commit(sha)).map(str::to_owned);
            let place = match (named, head, run["event"].as_str()) {
                (Some(number), _, _) => Place::PullRequest(number),
                (None, Some(head), Some("push")) => Place::MergedBy(head),
                (None, Some(head), _) => Place::HeadOf(head),
                (None, None, _) => Place::Nowhere,
            };
            (place, origin(&run["head_repository"], own))
        }
        "issue_comment" => {
            let issue = &payload["issue"];
            let place = number(issue).filter(|_| issue["pull_request"].is_object());
            (place.map_or(Place::Nowhere, Place::PullRequest), Origin::Own)
        }
        _ => (Place::Nowhere, Origin::Own),
    })
}

/// `head.repo` is null where the fork was deleted.
fn origin(repository: &Json, own: &Repository) -> Origin {
    match repository["full_name"].as_str() {
        Some(name) if name.eq_ignore_ascii_case(&own.to_string()) => Origin::Own,
        name => Origin::Fork(name.and_then(Repository::parse).map(|repository| repository.to_string())),
    }
}

/// `refs/heads/gh-readonly-queue/main/pr-104-929f9cb8…` → 104. A branch may have slashes in its name.
fn queued(head: &str) -> Option<u64> {
    let rest = head.strip_prefix("refs/heads/gh-readonly-queue/")?.rsplit('/').next()?;
    rest.strip_prefix("pr-")?.split('-').next()?.parse().ok()
}
