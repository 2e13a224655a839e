//! An HTTP endpoint that answers as it is told, for what no emulator shows: throttling, slow and broken answers, states
//! that only AWS has. Usable for every service: the query and the JSON protocols, and plain paths.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
};

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::{Response, body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use tokio::{net::TcpListener, task::AbortHandle};

use super::recorded::{self, scope};

/// A request as it came.
#[derive(Debug, Clone)]
pub struct Request {
    /// `GET`.
    pub method: String,
    /// With the query.
    pub path: String,
    /// By name in lower case.
    pub headers: BTreeMap<String, String>,
    /// The body's text.
    pub body: String,
}

impl Request {
    /// The operation: the query protocol's `Action`, else the last part of `X-Amz-Target`, else method and path.
    pub fn action(&self) -> String {
        if let Some(action) = self.field("Action") {
            return action;
        }
        match self.headers.get("x-amz-target") {
            Some(target) => target.rsplit('.').next().unwrap_or(target).to_owned(),
            None => format!("{} {}", self.method, self.path),
        }
    }

    /// A field of a query-protocol body, decoded.
    pub fn field(&self, name: &str) -> Option<String> {
        field(&self.body, name)
    }
}

/// A field of a form, decoded.
pub fn field(body: &str, name: &str) -> Option<String> {
    fields(body).find(|(key, _)| key == name).map(|(_, value)| value)
}

/// The fields of a form, decoded.
pub(super) fn fields(body: &str) -> impl Iterator<Item = (String, String)> + '_ {
    body.split('&').filter_map(|pair| {
        let (key, value) = pair.split_once('=')?;
        Some((decode(key), decode(value)))
    })
}

/// A field's name or value as a form has it.
pub(super) fn escaped(text: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    text.bytes().map(|byte| if plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") }).collect()
}

fn decode(text: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = text.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        rest = after;
        match first {
            b'+' => bytes.push(b' '),
            b'%' if after.len() >= 2 => {
                let hex = std::str::from_utf8(&after[..2]).unwrap();
                bytes.push(u8::from_str_radix(hex, 16).unwrap());
                rest = &after[2..];
            }
            other => bytes.push(*other),
        }
    }
    String::from_utf8(bytes).unwrap()
}

/// An answer.
#[derive(Debug, Clone)]
pub struct Answer {
    status: u16,
    kind: &'static str,
    body: String,
}

impl Answer {
    /// A query-protocol answer: what is within `<ActionResult>`.
    pub fn xml(action: &str, inner: &str) -> Self {
        let body = format!("<{action}Response><{action}Result>{inner}</{action}Result></{action}Response>");
        Self { status: 200, kind: "text/xml", body }
    }

    /// A query-protocol error.
    pub fn xml_error(code: &str, message: &str) -> Self {
        let body = format!(
            "<ErrorResponse><Error><Type>Sender</Type><Code>{code}</Code><Message>{message}</Message></Error>\
             <RequestId>request-1</RequestId></ErrorResponse>"
        );
        Self { status: 400, kind: "text/xml", body }
    }

    /// A JSON-protocol answer.
    pub fn json(json: &serde_json::Value) -> Self {
        Self { status: 200, kind: "application/x-amz-json-1.1", body: json.to_string() }
    }

    /// A JSON-protocol error.
    pub fn json_error(status: u16, code: &str, message: &str) -> Self {
        let body = serde_json::json!({ "__type": code, "message": message }).to_string();
        Self { status, kind: "application/x-amz-json-1.1", body }
    }
}

struct Rule {
    action: &'static str,
    answers: Vec<Answer>,
    used: usize,
}

/// What is answered to what. The first rule that matches answers: each of its answers once, the last for ever.
#[derive(Default)]
pub struct Script(Vec<Rule>);

impl Script {
    /// Answers an operation.
    pub fn on(mut self, action: &'static str, answers: impl IntoIterator<Item = Answer>) -> Self {
        self.0.push(Rule { action, answers: answers.into_iter().collect(), used: 0 });
        self
    }

    fn answer(&mut self, request: &Request) -> Answer {
        let action = request.action();
        let rule = self.0.iter_mut().find(|rule| rule.action == action);
        match rule {
            Some(rule) => {
                let at = rule.used.min(rule.answers.len() - 1);
                rule.used += 1;
                rule.answers[at].clone()
            }
            // A client error, which no SDK tries again.
            None => Answer::xml_error("Unscripted", &format!("no answer is scripted for {action}")),
        }
    }

    /// Listens.
    pub async fn start(mut self) -> Scripted {
        listen(move |request| Some(self.answer(request))).await
    }
}

/// Listens, and answers as `decide` says; where it has no answer the connection is cut.
pub(super) async fn listen(decide: impl FnMut(&Request) -> Option<Answer> + Send + 'static) -> Scripted {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let decide: Decide = Arc::new(Mutex::new(decide));
    let requests = Arc::new(Mutex::new(Vec::new()));
    let seen = requests.clone();
    let task = tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            let (decide, seen) = (decide.clone(), seen.clone());
            tokio::spawn(async move {
                let serve = service_fn(move |request| answer(request, decide.clone(), seen.clone()));
                // A client that goes away is no error of ours, and a cut is none here.
                let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), serve).await;
            });
        }
    });
    Scripted { url, requests, task: task.abort_handle() }
}

type Decide = Arc<Mutex<dyn FnMut(&Request) -> Option<Answer> + Send>>;

/// The connection is to be cut.
#[derive(Debug)]
struct Cut;

impl std::fmt::Display for Cut {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("cut")
    }
}

impl std::error::Error for Cut {}

async fn answer(
    request: hyper::Request<Incoming>,
    decide: Decide,
    seen: Arc<Mutex<Vec<Request>>>,
) -> Result<Response<Full<Bytes>>, Cut> {
    let (head, body) = request.into_parts();
    let body = body.collect().await.map(|body| body.to_bytes()).unwrap_or_default();
    let request = Request {
        method: head.method.to_string(),
        path: head.uri.to_string(),
        headers: head
            .headers
            .iter()
            .map(|(name, value)| (name.to_string(), String::from_utf8_lossy(value.as_bytes()).into_owned()))
            .collect(),
        body: String::from_utf8_lossy(&body).into_owned(),
    };
    if let Some((_, service)) = request.headers.get("authorization").and_then(|it| scope(it)) {
        recorded::call(&service, &request.action());
    }
    let answer = (*decide.lock().unwrap())(&request);
    seen.lock().unwrap().push(request);
    let answer = answer.ok_or(Cut)?;
    let response = Response::builder()
        .status(answer.status)
        .header("content-type", answer.kind)
        .body(Full::new(Bytes::from(answer.body)))
        .unwrap();
    Ok(response)
}

/// A listening endpoint.
pub struct Scripted {
    /// Its address.
    pub url: String,
    requests: Arc<Mutex<Vec<Request>>>,
    task: AbortHandle,
}

impl Scripted {
    /// What came, in order.
    pub fn requests(&self) -> Vec<Request> {
        self.requests.lock().unwrap().clone()
    }

    /// The operations that came, in order.
    pub fn actions(&self) -> Vec<String> {
        self.requests().iter().map(Request::action).collect()
    }

    /// The first request for an operation.
    pub fn first(&self, action: &str) -> Request {
        self.requests().into_iter().find(|request| request.action() == action).unwrap()
    }
}

impl Drop for Scripted {
    fn drop(&mut self) {
        self.task.abort();
    }
}
