//! Requests to GitHub's REST API by octocrab: relative to the API's address, paced, each write sent once. Whether a
//! write is sent again is for whoever knows whether it is safe.
//! <https://docs.github.com/en/rest/using-the-rest-api/best-practices-for-using-the-rest-api>

use std::time::Duration;

use http::{HeaderMap, Method, StatusCode};
use octocrab::{Octocrab, service::middleware::retry::RetryConfig};
use runner_core::text::{Foreign, Secret};
use serde_json::Value as Json;
use tokio::{sync::Mutex, time::Instant};

use super::{Context, Repository};

/// Attempts of a read.
const READS: u32 = 3;
/// An answer comes within this, or is asked for again.
const ANSWER: Duration = Duration::from_secs(20);

/// How much is asked of GitHub in how much time.
#[derive(Debug, Clone, Copy)]
pub struct Pace {
    /// Between two writes: GitHub asks for a second, and takes no more than 80 a minute.
    pub between_writes: Duration,
    /// Between two updates of a comment while a run lasts, unless its state changes.
    pub between_updates: Duration,
    /// After a limit whose answer does not say how long it lasts; doubled each time.
    pub after_limit: Duration,
    /// After a lost answer or a 5xx; doubled each time.
    pub after_trouble: Duration,
}

impl Default for Pace {
    fn default() -> Self {
        Self {
            between_writes: Duration::from_secs(1),
            between_updates: Duration::from_secs(15),
            after_limit: Duration::from_secs(60),
            after_trouble: Duration::from_secs(1),
        }
    }
}

/// Why a request came to nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Trouble {
    /// GitHub does not let us, or does not take it: asking again is of no use.
    Refused(String),
    /// There is no such thing, or we may not see it.
    Gone,
    /// Too much was asked; how long it lasts where GitHub says so.
    Limited(Option<Duration>),
    /// No answer, or a 5xx: it may have been done.
    Unclear(String),
}

impl std::fmt::Display for Trouble {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Refused(words) => f.write_str(words),
            Self::Gone => f.write_str("GitHub answered 404: it is not there, or the token may not see it"),
            Self::Limited(_) => f.write_str("GitHub's rate limit was reached"),
            Self::Unclear(words) => write!(f, "no clear answer from GitHub: {words}"),
        }
    }
}

/// A repository's API.
pub struct Api {
    crab: Octocrab,
    graphql: Option<Octocrab>,
    /// The repository.
    pub repository: Repository,
    /// How much is asked in how much time.
    pub pace: Pace,
    last_write: Mutex<Option<Instant>>,
}

impl Api {
    /// The API of the job's repository. Call it within a runtime.
    ///
    /// # Errors
    /// Words, where the address cannot be used.
    pub fn new(context: &Context, token: &Secret, pace: Pace) -> Result<Self, String> {
        let graphql = context.graphql.strip_suffix("/graphql").and_then(|base| client(base, token).ok());
        Ok(Self {
            crab: client(&context.api, token)?,
            graphql,
            repository: context.repository.clone(),
            pace,
            last_write: Mutex::new(None),
        })
    }

    /// A path of the repository: `/repos/OWNER/NAME/…`.
    pub fn path(&self, rest: &str) -> String {
        format!("/repos/{}/{}/{rest}", self.repository.owner, self.repository.name)
    }

    /// Reads; asked again where there was no clear answer.
    ///
    /// # Errors
    /// What stood in the way the last time.
    pub async fn get(&self, path: &str) -> Result<Json, Trouble> {
        let mut wait = self.pace.after_trouble;
        for _ in 1..READS {
            match self.send(&self.crab, Method::GET, path, None).await {
                Err(Trouble::Unclear(_)) => tokio::time::sleep(wait).await,
                other => return other,
            }
            wait *= 2;
        }
        self.send(&self.crab, Method::GET, path, None).await
    }

    /// All items of a list.
    ///
    /// # Errors
    /// As [`Api::get`].
    pub async fn list(&self, path: &str) -> Result<Vec<Json>, Trouble> {
        const PAGE: usize = 100;
        let mut items = Vec::new();
        // 50 pages are 5,000 comments: what lies behind is given up rather than asked for forever.
        for page in 1..=50 {
            let gap = if path.contains('?') { '&' } else { '?' };
            let answer = self.get(&format!("{path}{gap}per_page={PAGE}&page={page}")).await?;
            let Json::Array(mut more) = answer else {
                return Err(Trouble::Refused("GitHub's answer is no list".to_owned()));
            };
            let last = more.len() < PAGE;
            items.append(&mut more);
            if last {
                break;
            }
        }
        Ok(items)
    }

    /// Writes, once.
    ///
    /// # Errors
    /// What stood in the way. After [`Trouble::Unclear`] it may have been done.
    pub async fn write(&self, method: Method, path: &str, body: Option<&Json>) -> Result<Json, Trouble> {
        let mut last = self.last_write.lock().await;
        if let Some(last) = *last {
            tokio::time::sleep_until(last + self.pace.between_writes).await;
        }
        let answer = self.send(&self.crab, method, path, body).await;
        *last = Some(Instant::now());
        answer
    }

    /// Asks GraphQL, where the API has it.
    ///
    /// # Errors
    /// What stood in the way.
    pub async fn query(&self, query: &str) -> Result<Json, Trouble> {
        let Some(crab) = &self.graphql else { return Err(Trouble::Gone) };
        let body = serde_json::json!({ "query": query });
        self.send(crab, Method::POST, "/graphql", Some(&body)).await
    }

    async fn send(&self, crab: &Octocrab, method: Method, path: &str, body: Option<&Json>) -> Result<Json, Trouble> {
        let request = async {
            let builder = http::request::Builder::new().method(method).uri(path);
            let answer = crab.execute(crab.build_request(builder, body)?).await?;
            let (status, headers) = (answer.status(), answer.headers().clone());
            Ok::<_, octocrab::Error>((status, headers, crab.body_to_string(answer).await?))
        };
        match tokio::time::timeout(ANSWER, request).await {
            Err(_) => Err(Trouble::Unclear(format!("none within {} s", ANSWER.as_secs()))),
            Ok(Err(error)) => Err(Trouble::Unclear(chain(&error))),
            Ok(Ok((status, headers, text))) => judge(status, &headers, &text),
        }
    }
}

fn client(base: &str, token: &Secret) -> Result<Octocrab, String> {
    let builder = Octocrab::builder()
        .base_uri(base)
        .map_err(|error| chain(&error))?
        // Against a 502 octocrab's own retry posts one comment four times.
        .add_retry_config(RetryConfig::None)
        .set_connect_timeout(Some(Duration::from_secs(5)))
        .set_read_timeout(Some(ANSWER))
        .set_write_timeout(Some(ANSWER));
    builder.personal_token(token.expose().to_owned()).build().map_err(|error| chain(&error))
}

/// What an answer means.
/// <https://docs.github.com/en/rest/using-the-rest-api/rate-limits-for-the-rest-api>
fn judge(status: StatusCode, headers: &HeaderMap, text: &str) -> Result<Json, Trouble> {
    if status.is_success() {
        return match text {
            "" => Ok(Json::Null),
            text => serde_json::from_str(text).map_err(|_| Trouble::Unclear("an answer that is no JSON".to_owned())),
        };
    }
    let said: Json = serde_json::from_str(text).unwrap_or_default();
    let said = said["message"].as_str().unwrap_or_default();
    let number = |name: &str| headers.get(name)?.to_str().ok()?.trim().parse::<u64>().ok();
    let limited = status == StatusCode::TOO_MANY_REQUESTS
        || (status == StatusCode::FORBIDDEN
            && (number("retry-after").is_some()
                || number("x-ratelimit-remaining") == Some(0)
                || said.to_ascii_lowercase().contains("rate limit")));
    match status {
        _ if limited => {
            let reset = || {
                let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).ok()?.as_secs();
                Some(
                    number("x-ratelimit-reset")
                        .filter(|_| number("x-ratelimit-remaining") == Some(0))?
                        .saturating_sub(now),
                )
            };
            Err(Trouble::Limited(number("retry-after").or_else(reset).map(Duration::from_secs)))
        }
        StatusCode::NOT_FOUND | StatusCode::GONE => Err(Trouble::Gone),
        status if status.is_server_error() => Err(Trouble::Unclear(format!("HTTP {}", status.as_u16()))),
        status => {
            let words = Foreign::new(said.chars().take(300).collect::<String>()).one_line();
            Err(Trouble::Refused(format!("GitHub answered {}: {words}", status.as_u16())))
        }
    }
}

fn chain(error: &dyn std::error::Error) -> String {
    // octocrab's own texts end in a backtrace.
    let own = |error: &dyn std::error::Error| error.to_string().lines().next().unwrap_or_default().to_owned();
    let mut text = own(error);
    let mut next = error.source();
    while let Some(source) = next {
        let words = own(source);
        if !text.contains(&words) {
            text.push_str(": ");
            text.push_str(&words);
        }
        next = source.source();
    }
    Foreign::new(text).one_line()
}
