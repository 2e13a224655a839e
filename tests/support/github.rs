//! A GitHub that keeps state: comments with their authors, pull requests of commits, environments, whose token it is and
//! what it may; its REST API in the shapes of its own documentation, <https://docs.github.com/en/rest>. It can be told to
//! fail, before or after it has done what was asked.

use std::{
    collections::BTreeMap,
    convert::Infallible,
    sync::{Arc, Mutex},
    time::Instant,
};

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::{Response, body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use serde_json::{Value as Json, json};
use tokio::{net::TcpListener, task::AbortHandle};

/// A user or an app.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct User {
    pub id: u64,
    pub login: String,
    pub kind: String,
}

impl User {
    pub fn new(id: u64, login: &str, kind: &str) -> Self {
        Self { id, login: login.to_owned(), kind: kind.to_owned() }
    }

    /// The author of what a job's own token writes.
    pub fn actions() -> Self {
        Self::new(41_898_282, "github-actions[bot]", "Bot")
    }

    fn json(&self) -> Json {
        json!({ "id": self.id, "login": self.login, "type": self.kind })
    }
}

/// A comment.
#[derive(Debug, Clone)]
pub struct Comment {
    pub id: u64,
    pub number: u64,
    pub user: User,
    pub body: String,
    /// How often it was edited.
    pub edits: usize,
}

/// A request as it came.
#[derive(Debug, Clone)]
pub struct Asked {
    pub method: String,
    /// Without the API's own path, with the query.
    pub path: String,
    pub body: Json,
    pub authorization: Option<String>,
    pub at: Instant,
}

impl Asked {
    pub fn writes(&self) -> bool {
        self.method != "GET" && self.path != "/graphql"
    }
}

/// What is done with a request.
#[derive(Debug, Clone)]
pub enum Fate {
    /// It is answered.
    Pass,
    /// It is not done, and answered so.
    Refuse(u16, Vec<(&'static str, String)>, Json),
    /// It is done, and the connection is cut before the answer.
    DoAndCut,
    /// It is done, and the answer is a 502.
    DoAndFail,
}

impl Fate {
    /// 403, as for a token without the permission.
    pub fn denied() -> Self {
        Self::Refuse(403, Vec::new(), json!({ "message": "Resource not accessible by integration" }))
    }

    /// A secondary limit, as GitHub says it.
    pub fn limited(retry_after: Option<u64>) -> Self {
        let headers = retry_after.map(|seconds| ("retry-after", seconds.to_string())).into_iter().collect();
        let words = "You have exceeded a secondary rate limit. Please wait a few minutes before you try again.";
        Self::Refuse(403, headers, json!({ "message": words }))
    }
}

type Decide = Box<dyn FnMut(&Asked) -> Fate + Send>;

struct State {
    comments: Vec<Comment>,
    next: u64,
    /// Whose token it is.
    viewer: User,
    /// It is a person's, and may ask who it is.
    person: bool,
    /// GraphQL answers.
    graphql: bool,
    pulls: BTreeMap<String, Json>,
    environments: BTreeMap<String, Json>,
    asked: Vec<Asked>,
    decide: Decide,
}

/// See the module. Stops when it is dropped.
pub struct GitHub {
    /// Where its API is: with a path, as an Enterprise Server's.
    pub url: String,
    state: Arc<Mutex<State>>,
    task: AbortHandle,
}

impl GitHub {
    /// The owner's repository is `acme/shop`; the token is a job's own.
    pub async fn start() -> Self {
        let state = Arc::new(Mutex::new(State {
            comments: Vec::new(),
            next: 1_001,
            viewer: User::actions(),
            person: false,
            graphql: true,
            pulls: BTreeMap::new(),
            environments: BTreeMap::new(),
            asked: Vec::new(),
            decide: Box::new(|_| Fate::Pass),
        }));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/api/v3", listener.local_addr().unwrap());
        let shared = state.clone();
        let task = tokio::spawn(async move {
            loop {
                let Ok((stream, _)) = listener.accept().await else { return };
                let shared = shared.clone();
                tokio::spawn(async move {
                    let service = service_fn(|request| answer(&shared, request));
                    // A cut connection is what was asked for.
                    let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
                });
            }
        });
        Self { url, state, task: task.abort_handle() }
    }

    fn state<T>(&self, look: impl FnOnce(&mut State) -> T) -> T {
        look(&mut self.state.lock().unwrap())
    }

    /// The variables of a job that speaks to it.
    pub fn variables(&self, event: &str) -> BTreeMap<String, String> {
        let base = self.url.trim_end_matches("/v3");
        [
            ("GITHUB_ACTIONS", "true"),
            ("GITHUB_REPOSITORY", "acme/shop"),
            ("GITHUB_EVENT_NAME", event),
            ("GITHUB_RUN_ID", "100"),
            ("GITHUB_RUN_ATTEMPT", "1"),
            ("GITHUB_SHA", "3f9c2e1aa0b1c2d3e4f5061728394a5b6c7d8e9f"),
            ("GITHUB_SERVER_URL", "https://github.acme.example"),
            ("GITHUB_API_URL", &self.url),
            ("GITHUB_GRAPHQL_URL", &format!("{base}/graphql")),
            ("INFRA_GITHUB_TOKEN", "ghs_0123456789abcdefABCDEF"),
        ]
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .into()
    }

    pub fn decide(&self, decide: impl FnMut(&Asked) -> Fate + Send + 'static) {
        self.state(|state| state.decide = Box::new(decide));
    }

    pub fn comments(&self) -> Vec<Comment> {
        self.state(|state| state.comments.clone())
    }

    /// The only comment.
    pub fn comment(&self) -> Comment {
        let comments = self.comments();
        assert_eq!(comments.len(), 1, "{comments:#?}");
        comments.into_iter().next().unwrap()
    }

    /// A comment that someone wrote.
    pub fn add(&self, number: u64, user: User, body: &str) -> u64 {
        self.state(|state| state.add(number, user, body))
    }

    pub fn asked(&self) -> Vec<Asked> {
        self.state(|state| state.asked.clone())
    }

    /// Methods of the writes so far.
    pub fn writes(&self) -> Vec<String> {
        self.asked().iter().filter(|asked| asked.writes()).map(|asked| asked.method.clone()).collect()
    }

    pub fn forget(&self) {
        self.state(|state| state.asked.clear());
    }

    pub fn viewer(&self, viewer: User, person: bool, graphql: bool) {
        self.state(|state| (state.viewer, state.person, state.graphql) = (viewer, person, graphql));
    }

    pub fn pulls_of(&self, commit: &str, pulls: Json) {
        self.state(|state| state.pulls.insert(commit.to_owned(), pulls));
    }

    pub fn environment(&self, name: &str, environment: Json) {
        self.state(|state| state.environments.insert(name.to_owned(), environment));
    }
}

impl Drop for GitHub {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl State {
    fn add(&mut self, number: u64, user: User, body: &str) -> u64 {
        let id = self.next;
        self.next += 1;
        self.comments.push(Comment { id, number, user, body: body.to_owned(), edits: 0 });
        id
    }

    /// The answer, after it was done.
    fn done(&mut self, asked: &Asked) -> (u16, Json) {
        let (path, query) = asked.path.split_once('?').unwrap_or((&asked.path, ""));
        let parts: Vec<&str> = path.trim_start_matches('/').split('/').collect();
        let missing = || (404, json!({ "message": "Not Found", "status": "404" }));
        let denied = || (403, json!({ "message": "Resource not accessible by integration", "status": "403" }));
        match (asked.method.as_str(), parts.as_slice()) {
            ("GET", ["user"]) if self.person => (200, self.viewer.json()),
            ("GET", ["user"]) => denied(),
            ("GET", ["users", "github-actions%5Bbot%5D"]) => (200, User::actions().json()),
            ("POST", ["graphql"]) if self.graphql => {
                assert!(asked.body["query"].as_str().unwrap().contains("viewer"));
                let viewer = json!({ "login": self.viewer.login, "databaseId": self.viewer.id });
                (200, json!({ "data": { "viewer": viewer } }))
            }
            ("GET", ["repos", "acme", "shop", "issues", number, "comments"]) => {
                let number: u64 = number.parse().unwrap();
                let all = self.comments.iter().filter(|comment| comment.number == number);
                let value = |name: &str, otherwise: usize| {
                    let pair = query.split('&').find_map(|pair| pair.strip_prefix(name)?.strip_prefix('='));
                    pair.map_or(otherwise, |text| text.parse().unwrap())
                };
                let size = value("per_page", 30).min(100);
                let page = all.skip((value("page", 1) - 1) * size).take(size).map(shape);
                (200, Json::Array(page.collect()))
            }
            ("POST", ["repos", "acme", "shop", "issues", number, "comments"]) => {
                let body = asked.body["body"].as_str().unwrap();
                if body.chars().count() > 65_536 {
                    return (422, json!({ "message": "Validation Failed: body is too long" }));
                }
                let viewer = self.viewer.clone();
                self.add(number.parse().unwrap(), viewer, body);
                (201, shape(self.comments.last().unwrap()))
            }
            (method, ["repos", "acme", "shop", "issues", "comments", id]) => {
                let id: u64 = id.parse().unwrap();
                let Some(at) = self.comments.iter().position(|comment| comment.id == id) else { return missing() };
                match method {
                    "GET" => (200, shape(&self.comments[at])),
                    "PATCH" => {
                        self.comments[at].body = asked.body["body"].as_str().unwrap().to_owned();
                        self.comments[at].edits += 1;
                        (200, shape(&self.comments[at]))
                    }
                    "DELETE" => {
                        self.comments.remove(at);
                        (204, Json::Null)
                    }
                    _ => missing(),
                }
            }
            ("GET", ["repos", "acme", "shop", "commits", sha, "pulls"]) => {
                self.pulls.get(*sha).map_or_else(missing, |pulls| (200, pulls.clone()))
            }
            ("GET", ["repos", "acme", "shop", "environments", name]) => {
                self.environments.get(*name).map_or_else(missing, |environment| (200, environment.clone()))
            }
            _ => missing(),
        }
    }
}

fn shape(comment: &Comment) -> Json {
    json!({
        "id": comment.id,
        "html_url": format!("https://github.acme.example/acme/shop/pull/{}#issuecomment-{}", comment.number, comment.id),
        "user": comment.user.json(),
        "body": comment.body,
        "author_association": "NONE",
    })
}

async fn answer(
    state: &Mutex<State>,
    request: hyper::Request<Incoming>,
) -> Result<Response<Full<Bytes>>, Box<dyn std::error::Error + Send + Sync>> {
    let (parts, body) = request.into_parts();
    let body = body.collect().await?.to_bytes();
    let path = parts.uri.path_and_query().unwrap().as_str();
    let path = path.strip_prefix("/api/v3").or_else(|| path.strip_prefix("/api")).unwrap_or(path).to_owned();
    let authorization = parts.headers.get("authorization").map(|value| value.to_str().unwrap().to_owned());
    let body = serde_json::from_slice(&body).unwrap_or_default();
    let asked = Asked { method: parts.method.to_string(), path, body, authorization, at: Instant::now() };
    let mut state = state.lock().unwrap();
    state.asked.push(asked.clone());
    let fate = (state.decide)(&asked);
    if asked.authorization.as_deref() != Some("Bearer ghs_0123456789abcdefABCDEF") {
        return Ok(write(401, &[], &json!({ "message": "Bad credentials", "status": "401" })).unwrap());
    }
    let answered = match fate {
        Fate::Pass => {
            let (status, json) = state.done(&asked);
            write(status, &[], &json)
        }
        Fate::Refuse(status, headers, json) => write(status, &headers, &json),
        Fate::DoAndCut => {
            state.done(&asked);
            return Err("cut".into());
        }
        Fate::DoAndFail => {
            state.done(&asked);
            write(502, &[], &json!({ "message": "Server Error" }))
        }
    };
    Ok(answered.unwrap())
}

fn write(status: u16, headers: &[(&'static str, String)], json: &Json) -> Result<Response<Full<Bytes>>, Infallible> {
    let mut response = Response::builder().status(status).header("content-type", "application/json; charset=utf-8");
    for (name, value) in headers {
        response = response.header(*name, value);
    }
    let body = if json.is_null() { Bytes::new() } else { Bytes::from(json.to_string()) };
    Ok(response.body(Full::new(body)).unwrap())
}
