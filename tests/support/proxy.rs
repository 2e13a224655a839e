//! A proxy in front of the local AWS: it writes down every call, and does to calls what networks and AWS do to them:
//! cuts them before or after they arrive, holds them, answers in another's place.

use std::{
    convert::Infallible,
    sync::{Arc, Mutex},
};

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::{
    Request, Response,
    body::Incoming,
    header::{AUTHORIZATION, CONTENT_LENGTH, HOST},
    server::conn::http1,
    service::service_fn,
};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::{TokioExecutor, TokioIo},
};
use serde_json::Value as Json;
use tokio::{net::TcpListener, sync::watch, task::AbortHandle};

use super::{
    iam::RoleKeys,
    recorded::{self, scope},
    scripted::field,
};

/// A call as it came.
#[derive(Debug, Clone)]
pub struct Call {
    /// The operation, or method and path where none is named: `CreateStack`, `PUT /v2/api/manifests/x`.
    pub action: String,
    /// The body, as text.
    pub body: String,
}

impl Call {
    /// Whether it changes something.
    pub fn writes(&self) -> bool {
        const READS: &[&str] =
            &["Describe", "List", "Get", "BatchGet", "Validate", "Estimate", "Detect", "GET ", "HEAD "];
        !READS.iter().any(|read| self.action.starts_with(read)) && self.action != "BatchCheckLayerAvailability"
    }
}

/// What is done to a call.
pub enum Effect {
    /// It goes through.
    Pass,
    /// It never arrives, and the connection is cut.
    Cut,
    /// It arrives and is done, and the connection is cut before the answer.
    Lose,
    /// It never arrives and is never answered.
    Hold,
    /// It arrives and is done, and is never answered.
    HoldAnswer,
    /// Something else answers.
    Answer(u16, Json),
    /// Something else answers, in XML: what is within the operation's result.
    Say(String),
    /// It is changed and goes through.
    Send(Box<dyn FnOnce(&mut Json) + Send>),
    /// Something else refuses, in the query protocol's XML.
    Xml(u16, String),
    /// It goes through, and the answer's text is changed.
    Rewrite(Box<dyn FnOnce(String) -> String + Send>),
    /// It goes through, and the answer is changed.
    Change(Box<dyn FnOnce(&mut Json) + Send>),
}

type Decide = Box<dyn FnMut(&Call) -> Effect + Send>;

struct State {
    calls: Vec<Call>,
    /// Calls from here on came since it was last told what to do.
    since: usize,
    decide: Decide,
    /// What is done to what else would pass, whatever it is told.
    always: Option<Decide>,
    /// In whose name calls to AWS are signed anew; none: as they came.
    role: Option<RoleKeys>,
    /// Whether calls are the runner's, and so recorded.
    recorded: bool,
}

/// A listening proxy.
pub struct Proxy {
    /// Its address.
    pub url: String,
    /// Its port on 127.0.0.1.
    pub port: u16,
    state: Arc<Mutex<State>>,
    held: watch::Receiver<usize>,
    task: AbortHandle,
}

impl Proxy {
    /// In front of `http://127.0.0.1:PORT`.
    pub async fn start(upstream: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let state = Arc::new(Mutex::new(State {
            calls: Vec::new(),
            since: 0,
            decide: Box::new(|_: &Call| Effect::Pass),
            always: None,
            role: None,
            recorded: true,
        }));
        let (hold, held) = watch::channel(0);
        let behind = Behind {
            client: Client::builder(TokioExecutor::new()).build(HttpConnector::new()),
            upstream: upstream.to_owned(),
            state: state.clone(),
            hold: Arc::new(hold),
        };
        let task = tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let behind = behind.clone();
                tokio::spawn(async move {
                    let serve = service_fn(move |request| {
                        let behind = behind.clone();
                        async move { behind.serve(request).await }
                    });
                    // A cut is an error here, and so is a client that went away.
                    let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), serve).await;
                });
            }
        });
        Self { url: format!("http://127.0.0.1:{port}"), port, state, held, task: task.abort_handle() }
    }

    /// From now on this is done to calls, and `calls` begins anew.
    pub fn set(&self, decide: impl FnMut(&Call) -> Effect + Send + 'static) {
        let mut state = self.state.lock().unwrap();
        state.since = state.calls.len();
        state.decide = Box::new(decide);
    }

    /// From now on all calls go through, and `calls` begins anew.
    pub fn pass(&self) {
        self.set(|_| Effect::Pass);
    }

    /// From now on this is done to calls that would go through, until the end.
    pub fn always(&self, decide: impl FnMut(&Call) -> Effect + Send + 'static) {
        self.state.lock().unwrap().always = Some(Box::new(decide));
    }

    /// Calls through it are a test's own.
    pub fn unrecorded(self) -> Self {
        self.state.lock().unwrap().recorded = false;
        self
    }

    /// From now on calls to AWS are this role's.
    pub fn act_as(&self, role: RoleKeys) {
        self.state.lock().unwrap().role = Some(role);
    }

    /// Calls go on as they came again: an administrator's.
    pub fn act_as_nobody(&self) {
        self.state.lock().unwrap().role = None;
    }

    /// The calls since it was last told what to do.
    pub fn calls(&self) -> Vec<Call> {
        let state = self.state.lock().unwrap();
        state.calls[state.since..].to_vec()
    }

    /// How many of them are this operation.
    pub fn count(&self, action: &str) -> usize {
        self.calls().iter().filter(|call| call.action == action).count()
    }

    /// The operations among them that change something.
    pub fn writes(&self) -> Vec<String> {
        self.calls().into_iter().filter(Call::writes).map(|call| call.action).collect()
    }

    /// Waits until a call is held.
    pub async fn holds(&self) {
        let mut held = self.held.clone();
        held.wait_for(|held| *held > 0).await.unwrap();
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.task.abort();
    }
}

#[derive(Clone)]
struct Behind {
    client: Client<HttpConnector, Full<Bytes>>,
    upstream: String,
    state: Arc<Mutex<State>>,
    hold: Arc<watch::Sender<usize>>,
}

/// The connection is to be cut.
#[derive(Debug)]
struct Cut;

impl std::fmt::Display for Cut {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("cut")
    }
}

impl std::error::Error for Cut {}

impl From<Infallible> for Cut {
    fn from(never: Infallible) -> Self {
        match never {}
    }
}

/// As long as a call is held: until its client is gone.
struct Held<'a>(&'a watch::Sender<usize>);

impl<'a> Held<'a> {
    fn new(hold: &'a watch::Sender<usize>) -> Self {
        hold.send_modify(|held| *held += 1);
        Self(hold)
    }
}

impl Drop for Held<'_> {
    fn drop(&mut self) {
        self.0.send_modify(|held| *held -= 1);
    }
}

impl Behind {
    async fn serve(&self, request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Cut> {
        let (head, body) = request.into_parts();
        let body = body.collect().await.map_err(|_| Cut)?.to_bytes();
        let target = head.headers.get("x-amz-target").and_then(|target| target.to_str().ok());
        let text = String::from_utf8_lossy(&body).into_owned();
        let form =
            head.headers.get("content-type").is_some_and(|kind| kind.as_bytes().starts_with(b"application/x-www"));
        let action = match target {
            Some(target) => target.rsplit('.').next().unwrap_or(target).to_owned(),
            None => match form.then(|| field(&text, "Action")).flatten() {
                Some(action) => action,
                None => format!("{} {}", head.method, head.uri.path()),
            },
        };
        // The sandbox looks whether it is there; that is no call to AWS.
        let counted = !head.uri.path().starts_with("/_ministack/");
        let authorization = head.headers.get(AUTHORIZATION).and_then(|it| it.to_str().ok());
        if let Some((_, service)) = authorization.and_then(scope)
            && self.state.lock().unwrap().recorded
        {
            recorded::call(&service, &action);
        }
        let effect = if counted {
            let mut state = self.state.lock().unwrap();
            let call = Call { action: action.clone(), body: text };
            state.calls.push(call.clone());
            match ((state.decide)(&call), &mut state.always) {
                (Effect::Pass, Some(always)) => always(&call),
                (effect, _) => effect,
            }
        } else {
            Effect::Pass
        };
        match effect {
            Effect::Pass => self.forward(head, body).await,
            Effect::Cut => Err(Cut),
            Effect::Lose => {
                self.forward(head, body).await?;
                Err(Cut)
            }
            Effect::Hold => self.hold().await,
            Effect::HoldAnswer => {
                self.forward(head, body).await?;
                self.hold().await
            }
            Effect::Answer(status, json) => Ok(Response::builder()
                .status(status)
                .header("content-type", "application/x-amz-json-1.1")
                .header("x-amzn-requestid", "request-1")
                .body(Full::new(Bytes::from(json.to_string())))
                .unwrap()),
            Effect::Say(inner) => {
                let body = format!("<{action}Response><{action}Result>{inner}</{action}Result></{action}Response>");
                Ok(Response::builder().header("content-type", "text/xml").body(Full::new(body.into())).unwrap())
            }
            Effect::Send(change) => {
                let mut json = serde_json::from_slice(&body).unwrap();
                change(&mut json);
                let (mut head, body) = (head, Bytes::from(json.to_string()));
                head.headers.insert(CONTENT_LENGTH, body.len().into());
                self.forward(head, body).await
            }
            Effect::Xml(status, text) => Ok(Response::builder()
                .status(status)
                .header("content-type", "text/xml")
                .body(Full::new(Bytes::from(text)))
                .unwrap()),
            Effect::Rewrite(change) => {
                let (mut head, body) = self.forward(head, body).await?.into_parts();
                let text = String::from_utf8(body.collect().await?.to_bytes().into()).unwrap();
                let body = Bytes::from(change(text));
                head.headers.insert("content-length", body.len().into());
                Ok(Response::from_parts(head, Full::new(body)))
            }
            Effect::Change(change) => {
                let (mut head, body) = self.forward(head, body).await?.into_parts();
                let body = body.collect().await?.to_bytes();
                let mut json = serde_json::from_slice(&body).unwrap();
                change(&mut json);
                let body = Bytes::from(json.to_string());
                head.headers.insert(CONTENT_LENGTH, body.len().into());
                Ok(Response::from_parts(head, Full::new(body)))
            }
        }
    }

    async fn hold(&self) -> Result<Response<Full<Bytes>>, Cut> {
        let _held = Held::new(&self.hold);
        std::future::pending().await
    }

    async fn forward(&self, head: hyper::http::request::Parts, body: Bytes) -> Result<Response<Full<Bytes>>, Cut> {
        let path = head.uri.path_and_query().map_or("/", |path| path.as_str());
        let mut request = Request::builder()
            .method(head.method)
            .uri(format!("{}{path}", self.upstream))
            .body(Full::new(body.clone()))
            .unwrap();
        *request.headers_mut() = head.headers;
        debug_assert!(request.headers().contains_key(HOST));
        let role = self.state.lock().unwrap().role.clone();
        if let Some(role) = role {
            role.sign(&mut request, &body);
        }
        let (head, body) = self.client.request(request).await.map_err(|_| Cut)?.into_parts();
        let body = body.collect().await.map_err(|_| Cut)?.to_bytes();
        Ok(Response::from_parts(head, Full::new(body)))
    }
}
