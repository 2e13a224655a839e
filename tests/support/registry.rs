//! A registry in this process: it stores what it is sent, keeps a list of what it was asked, and misbehaves as told.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use http::{Method, Request, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use sha2::{Digest as _, Sha256};
use tokio::net::TcpListener;

/// One request as it came.
#[derive(Debug, Clone)]
pub struct Seen {
    pub method: Method,
    /// With its query.
    pub path: String,
    pub authorization: Option<String>,
}

/// What a test wants instead of the registry's own answer.
pub enum Act {
    Answer(Response<Full<Bytes>>),
    /// The connection is cut after so many bytes of the body.
    Cut(u64),
}

type Script = Box<dyn Fn(&Seen) -> Option<Act> + Send + Sync>;

#[derive(Default)]
struct State {
    seen: Vec<Seen>,
    blobs: HashMap<(String, String), Bytes>,
    manifests: HashMap<(String, String), (String, Bytes)>,
    immutable: bool,
    keep_bytes: bool,
}

/// A running registry; it ends with the runtime of its test.
#[derive(Clone)]
pub struct Scripted {
    pub address: SocketAddr,
    state: Arc<Mutex<State>>,
}

impl Scripted {
    pub async fn start() -> Self {
        Self::with(|_| None).await
    }

    /// `script` is asked before every answer.
    pub async fn with(script: impl Fn(&Seen) -> Option<Act> + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("its address");
        let state = Arc::new(Mutex::new(State { keep_bytes: true, ..State::default() }));
        let script: Arc<Script> = Arc::new(Box::new(script));
        let registry = Self { address, state };
        let served = registry.clone();
        tokio::spawn(async move {
            loop {
                let Ok((stream, _)) = listener.accept().await else { return };
                let (registry, script) = (served.clone(), script.clone());
                tokio::spawn(async move {
                    let service = service_fn(move |request| answer(registry.clone(), script.clone(), request));
                    drop(http1::Builder::new().serve_connection(TokioIo::new(stream), service).await);
                });
            }
        });
        registry
    }

    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Tags may not be moved from now on.
    pub fn immutable(self) -> Self {
        self.state().immutable = true;
        self
    }

    /// Blobs are hashed and forgotten, for what is too big to keep.
    pub fn forgetful(self) -> Self {
        self.state().keep_bytes = false;
        self
    }

    /// What came since the last call.
    pub fn take_seen(&self) -> Vec<Seen> {
        std::mem::take(&mut self.state().seen)
    }

    pub fn put_blob(&self, repository: &str, digest: &str) {
        self.state().blobs.insert((repository.into(), digest.into()), Bytes::new());
    }

    pub fn blob(&self, repository: &str, digest: &str) -> Option<Bytes> {
        self.state().blobs.get(&(repository.into(), digest.into())).cloned()
    }

    pub fn manifest(&self, repository: &str, reference: &str) -> Option<(String, Bytes)> {
        self.state().manifests.get(&(repository.into(), reference.into())).cloned()
    }

    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().expect("no test panics with it")
    }
}

/// An answer with a body.
pub fn reply(status: u16, headers: &[(&str, &str)], body: &str) -> Response<Full<Bytes>> {
    let mut builder = Response::builder().status(status);
    for (name, value) in headers {
        builder = builder.header(*name, *value);
    }
    builder.body(Full::new(Bytes::from(body.to_owned()))).expect("a good answer")
}

/// An error as registries write them.
pub fn error(status: u16, code: &str) -> Response<Full<Bytes>> {
    reply(status, &[], &format!(r#"{{"errors":[{{"code":"{code}","message":"{code} it is"}}]}}"#))
}

async fn answer(
    registry: Scripted,
    script: Arc<Script>,
    request: Request<Incoming>,
) -> Result<Response<Full<Bytes>>, std::io::Error> {
    let (parts, mut body) = request.into_parts();
    let header = |name: &str| parts.headers.get(name).and_then(|v| v.to_str().ok()).map(str::to_owned);
    let path = parts.uri.path_and_query().map(ToString::to_string).unwrap_or_default();
    let seen = Seen { method: parts.method.clone(), path, authorization: header("authorization") };
    registry.state().seen.push(seen.clone());
    let limit = match script(&seen) {
        Some(Act::Answer(answer)) => {
            drain(&registry, &mut body, None).await?;
            return Ok(answer);
        }
        Some(Act::Cut(limit)) => Some(limit),
        None => None,
    };
    let (digest, bytes) = drain(&registry, &mut body, limit).await?;
    let kind = header("content-type").unwrap_or_default();
    Ok(stored(&registry, &seen, &kind, &digest, bytes))
}

/// Reads a body, hashing it; an error, and so a cut, once `limit` bytes have come.
async fn drain(
    registry: &Scripted,
    body: &mut Incoming,
    limit: Option<u64>,
) -> Result<(String, Bytes), std::io::Error> {
    let keep = registry.state().keep_bytes;
    let (mut hasher, mut kept, mut came) = (Sha256::new(), Vec::new(), 0);
    if limit == Some(0) {
        return Err(std::io::Error::other("cut"));
    }
    while let Some(frame) = body.frame().await {
        let Ok(data) = frame.map_err(std::io::Error::other)?.into_data() else { continue };
        came += data.len() as u64;
        if limit.is_some_and(|limit| came >= limit) {
            return Err(std::io::Error::other("cut"));
        }
        hasher.update(&data);
        if keep || came < 1 << 20 {
            kept.extend_from_slice(&data);
        }
    }
    let hex: String = hasher.finalize().iter().map(|b| format!("{b:02x}")).collect();
    Ok((format!("sha256:{hex}"), Bytes::from(kept)))
}

fn stored(registry: &Scripted, seen: &Seen, kind: &str, digest: &str, body: Bytes) -> Response<Full<Bytes>> {
    let (path, query) = seen.path.split_once('?').unwrap_or((&seen.path, ""));
    let query: HashMap<_, _> = query.split('&').filter_map(|pair| pair.split_once('=')).collect();
    let path = path.strip_prefix("/v2/").unwrap_or_default();
    let mut state = registry.state();
    if let Some((name, reference)) = path.split_once("/manifests/") {
        let key = (name.to_owned(), reference.to_owned());
        if seen.method == Method::PUT {
            if state.immutable && state.manifests.contains_key(&key) {
                return error(400, "TAG_INVALID");
            }
            state.manifests.insert(key, (kind.to_owned(), body));
            return reply(201, &[("docker-content-digest", digest)], "");
        }
        let Some((kind, bytes)) = state.manifests.get(&key) else { return error(404, "MANIFEST_UNKNOWN") };
        let hex: String = Sha256::digest(bytes).iter().map(|b| format!("{b:02x}")).collect();
        let headers = [("content-type", kind.as_str()), ("docker-content-digest", &format!("sha256:{hex}"))];
        let text = if seen.method == Method::HEAD { "" } else { std::str::from_utf8(bytes).expect("JSON") };
        return reply(200, &headers, text);
    }
    if let Some((name, _)) = path.split_once("/blobs/uploads/") {
        if seen.method == Method::POST {
            let key = |repository: &str, digest: &str| (repository.to_owned(), digest.to_owned());
            if let (Some(mount), Some(from)) = (query.get("mount"), query.get("from"))
                && let Some(bytes) = state.blobs.get(&key(from, mount)).cloned()
            {
                state.blobs.insert(key(name, mount), bytes);
                return reply(201, &[], "");
            }
            let id = state.seen.len();
            return reply(202, &[("location", &format!("/v2/{name}/blobs/uploads/{id}?_state=x"))], "");
        }
        if query.get("digest") != Some(&digest) {
            return error(400, "DIGEST_INVALID");
        }
        state.blobs.insert((name.to_owned(), digest.to_owned()), body);
        return reply(201, &[], "");
    }
    if let Some((name, digest)) = path.split_once("/blobs/") {
        let there = state.blobs.contains_key(&(name.to_owned(), digest.to_owned()));
        return reply(if there { StatusCode::OK.as_u16() } else { 404 }, &[], "");
    }
    error(404, "NAME_UNKNOWN")
}
