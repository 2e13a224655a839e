//! Requests and answers: one connection pool, Authorization for the registry's own origin alone, answers capped.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, Request, StatusCode, Uri, header};
use http_body_util::{BodyExt, Limited};
use hyper_rustls::HttpsConnector;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use runner_core::plan::Fault;
use runner_core::text::Secret;
use serde::Deserialize;

use super::auth::{self, Auth};
use super::retry::Trouble;
use super::upload::Body;
use super::{Backoff, Exponential, Origin};
use crate::image::manifest::MAX_DOCUMENT;

/// A registry answers a question within this, or is asked again.
const ANSWER: Duration = Duration::from_secs(60);
const CONNECT: Duration = Duration::from_secs(10);
const MAX_REDIRECTS: usize = 3;

/// A registry and our credentials for it.
#[derive(Debug)]
pub struct Registry {
    pub(super) origin: Origin,
    pub(super) auth: Auth,
    pub(super) backoff: Arc<dyn Backoff>,
    plain: OnceLock<Client<HttpConnector, Body>>,
    tls: OnceLock<Client<HttpsConnector<HttpConnector>, Body>>,
}

/// An answer, read whole.
pub(super) struct Answer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: Bytes,
    /// The address that gave it, after redirects.
    pub uri: Uri,
}

impl Registry {
    /// A registry at `address`, with `user:password` where it wants one (for ECR: `AWS:` and the password of its
    /// authorization token).
    ///
    /// # Errors
    /// A [`Fault`] where the address is refused; see [`Origin::parse`].
    pub fn new(address: &str, user_and_password: Option<Secret>) -> Result<Self, Fault> {
        Self::with_realms(address, user_and_password, Vec::new())
    }

    /// The same, for a registry whose token service is another host: it sees the credentials only if it is named.
    ///
    /// # Errors
    /// As [`Registry::new`].
    pub fn with_realms(address: &str, user_and_password: Option<Secret>, realms: Vec<Origin>) -> Result<Self, Fault> {
        Ok(Self {
            origin: Origin::parse(address)?,
            auth: Auth::new(user_and_password, realms),
            backoff: Arc::new(Exponential),
            plain: OnceLock::new(),
            tls: OnceLock::new(),
        })
    }

    /// The same registry with another patience.
    pub fn with_backoff(mut self, backoff: Arc<dyn Backoff>) -> Self {
        self.backoff = backoff;
        self
    }

    /// Where it is.
    pub fn origin(&self) -> &Origin {
        &self.origin
    }

    /// A request without a body, or with a small one: signed in, a token fetched where one is asked for, redirects
    /// of reads followed. Answers of every status are given back but 429 and 5xx, which are [`Trouble::Again`].
    pub(super) async fn ask(
        &self,
        doing: &str,
        scope: &str,
        method: Method,
        path: &str,
        headers: &[(header::HeaderName, HeaderValue)],
        body: &Bytes,
    ) -> Result<Answer, Trouble> {
        let start = self.origin.at(path).map_err(|why| Fault::new(doing, why))?;
        let mut signed_in = false;
        loop {
            let answer = self.walk(doing, scope, &method, start.clone(), headers, body).await?;
            let challenge = match answer.status {
                StatusCode::UNAUTHORIZED if !signed_in => auth::challenge(&answer.headers),
                _ => None,
            };
            let Some(challenge) = challenge else { return Ok(answer) };
            self.auth.forget(scope);
            self.sign_in(doing, scope, &challenge).await?;
            signed_in = true;
        }
    }

    async fn walk(
        &self,
        doing: &str,
        scope: &str,
        method: &Method,
        start: Uri,
        headers: &[(header::HeaderName, HeaderValue)],
        body: &Bytes,
    ) -> Result<Answer, Trouble> {
        let mut uri = start;
        for _ in 0..=MAX_REDIRECTS {
            let mut request = self.request(scope, method.clone(), &uri, Body::whole(body.clone()));
            request.headers_mut().extend(headers.iter().cloned());
            let answer = tokio::time::timeout(ANSWER, self.send(doing, request)).await.unwrap_or_else(|_| {
                let waited = format!("no answer within {} s", ANSWER.as_secs());
                Err(Trouble::Again(Fault::new(doing, waited), None))
            })?;
            let moved = answer.status.is_redirection() && (method == Method::GET || method == Method::HEAD);
            let Some(location) = answer.headers.get(header::LOCATION).filter(|_| moved) else { return Ok(answer) };
            let location = location.to_str().map_err(|_| Fault::new(doing, "a redirect to no address"))?;
            uri = Origin::follow(&uri, location).map_err(|why| Fault::new(doing, why))?.1;
        }
        Err(Fault::new(doing, format!("more than {MAX_REDIRECTS} redirects")).into())
    }

    /// A request that carries our credentials if, and only if, it goes to the registry's own origin.
    pub(super) fn request(&self, scope: &str, method: Method, uri: &Uri, body: Body) -> Request<Body> {
        let mut request = Request::new(body);
        *request.method_mut() = method;
        *request.uri_mut() = uri.clone();
        let agent = HeaderValue::from_static(concat!("runner/", env!("CARGO_PKG_VERSION")));
        request.headers_mut().insert(header::USER_AGENT, agent);
        if Origin::of(uri).is_ok_and(|origin| origin == self.origin)
            && let Some(value) = self.auth.header(scope)
        {
            request.headers_mut().insert(header::AUTHORIZATION, value);
        }
        request
    }

    /// Sends one request and reads the answer; what may pass is [`Trouble::Again`].
    pub(super) async fn send(&self, doing: &str, request: Request<Body>) -> Result<Answer, Trouble> {
        let uri = request.uri().clone();
        let origin = Origin::of(&uri).map_err(|why| Fault::new(doing, why))?;
        let sent = match origin.is_https() {
            true => self.tls(doing)?.request(request).await,
            false => self.plain().request(request).await,
        };
        let answer = sent.map_err(|e| broken(doing, &e))?;
        let (parts, body) = answer.into_parts();
        let body = Limited::new(body, MAX_DOCUMENT as usize).collect().await;
        let body = body.map_err(|e| Trouble::Again(Fault::new(doing, format!("the answer broke off: {e}")), None))?;
        let answer = Answer { status: parts.status, headers: parts.headers, body: body.to_bytes(), uri };
        let passing = answer.status.is_server_error()
            || matches!(answer.status, StatusCode::TOO_MANY_REQUESTS | StatusCode::REQUEST_TIMEOUT);
        if passing {
            let asked = answer.headers.get(header::RETRY_AFTER).and_then(|v| v.to_str().ok()?.parse().ok());
            return Err(Trouble::Again(answer.fault(doing), asked.map(Duration::from_secs)));
        }
        Ok(answer)
    }

    async fn sign_in(&self, doing: &str, scope: &str, challenge: &auth::Challenge) -> Result<(), Trouble> {
        let refused = |why: String| Fault::new(doing, format!("signing in at '{}': {why}", challenge.realm));
        let realm: Uri = challenge.realm.parse().map_err(|_| refused("it is no address".into()))?;
        let origin = Origin::of(&realm).map_err(refused)?;
        if !self.auth.trusts(&origin, &self.origin) {
            return Err(refused(format!("the registry is {}, and credentials go to no other host", self.origin))
                .with_hint("name that token service for this registry if it is the right one")
                .into());
        }
        let mut query = Vec::new();
        query.extend(challenge.service.as_deref().map(|service| format!("service={}", percent(service))));
        query.extend(scope.split(' ').map(|scope| format!("scope={}", percent(scope))));
        let joint = if realm.query().is_some() { '&' } else { '?' };
        let path = realm.path_and_query().map_or("/", |path| path.as_str());
        let address = origin.at(&format!("{path}{joint}{}", query.join("&"))).map_err(refused)?;
        let mut request = Request::new(Body::whole(Bytes::new()));
        *request.uri_mut() = address;
        if let Some(value) = self.auth.basic() {
            request.headers_mut().insert(header::AUTHORIZATION, value);
        }
        let answer = self.send(doing, request).await?;
        if answer.status != StatusCode::OK {
            return Err(answer.fault(doing).into());
        }
        let token = auth::token(&answer.body).ok_or_else(|| refused("the answer has no token".into()))?;
        self.auth.keep(scope, &token);
        Ok(())
    }

    fn plain(&self) -> &Client<HttpConnector, Body> {
        self.plain.get_or_init(|| {
            let mut connector = HttpConnector::new();
            connector.set_nodelay(true);
            connector.set_connect_timeout(Some(CONNECT));
            Client::builder(TokioExecutor::new()).pool_timer(TokioTimer::new()).build(connector)
        })
    }

    /// Made at the first https request: reading the machine's root certificates takes longer than a local push.
    fn tls(&self, doing: &str) -> Result<&Client<HttpsConnector<HttpConnector>, Body>, Fault> {
        if let Some(client) = self.tls.get() {
            return Ok(client);
        }
        let mut connector = HttpConnector::new();
        connector.enforce_http(false);
        connector.set_nodelay(true);
        connector.set_connect_timeout(Some(CONNECT));
        let connector = hyper_rustls::HttpsConnectorBuilder::new()
            .with_native_roots()
            .map_err(|e| {
                Fault::new(doing, format!("this machine's root certificates cannot be read: {e}"))
                    .with_hint("install the package ca-certificates, or set SSL_CERT_FILE")
            })?
            .https_only()
            .enable_http1()
            .wrap_connector(connector);
        let client = Client::builder(TokioExecutor::new()).pool_timer(TokioTimer::new()).build(connector);
        Ok(self.tls.get_or_init(|| client))
    }
}

/// A connection that failed. A certificate that is refused stays refused, whatever else may pass.
fn broken(doing: &str, error: &hyper_util::client::legacy::Error) -> Trouble {
    let mut words = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(inner) = cause {
        words = format!("{words}: {inner}");
        cause = inner.source();
    }
    let fault = Fault::new(doing, words);
    match certificate_refused(error) {
        true => {
            Trouble::Stop(fault.with_hint("the registry's certificate must be valid here: there is no way around it"))
        }
        false => Trouble::Again(fault, None),
    }
}

fn certificate_refused(error: &(dyn std::error::Error + 'static)) -> bool {
    if let Some(tls) = error.downcast_ref::<rustls::Error>() {
        return matches!(tls, rustls::Error::InvalidCertificate(_));
    }
    // What an I/O error wraps is not among its sources.
    let wrapped = error.downcast_ref::<std::io::Error>().and_then(std::io::Error::get_ref);
    wrapped.is_some_and(|inner| certificate_refused(inner)) || error.source().is_some_and(certificate_refused)
}

/// How a registry says what is wrong.
#[derive(Deserialize)]
struct Errors {
    #[serde(default)]
    errors: Vec<ErrorEntry>,
}

#[derive(Deserialize)]
struct ErrorEntry {
    #[serde(default)]
    code: String,
    #[serde(default)]
    message: String,
}

impl Answer {
    /// A header as text.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// The registry's own code for what is wrong.
    pub fn code(&self) -> Option<String> {
        let errors: Errors = serde_json::from_slice(&self.body).ok()?;
        errors.errors.into_iter().map(|error| error.code).find(|code| !code.is_empty())
    }

    /// The answer as a fault, in the registry's own words.
    pub fn fault(&self, doing: &str) -> Fault {
        let errors = serde_json::from_slice::<Errors>(&self.body).map(|e| e.errors).unwrap_or_default();
        let words: Vec<_> = errors.iter().map(|error| error.message.as_str()).filter(|m| !m.is_empty()).collect();
        let message = if words.is_empty() { self.status.to_string() } else { words.join("; ") };
        let mut fault = Fault::new(doing, message);
        fault.code = self.code().or_else(|| Some(self.status.as_u16().to_string()));
        fault.request_id = self.header("x-amzn-requestid").map(str::to_owned);
        fault.hint = match (self.status, fault.code.as_deref()) {
            (_, Some("NAME_UNKNOWN")) => Some("the repository does not exist yet: bootstrap-registry makes it".into()),
            (StatusCode::UNAUTHORIZED, _) => Some("the registry does not take these credentials".into()),
            (StatusCode::FORBIDDEN, _) => Some("the role may not push to this repository".into()),
            _ => None,
        };
        fault
    }
}

/// Percent-encodes a query's value.
pub(super) fn percent(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b':' | b'/' => out.push(byte as char),
            byte => out.push_str(&format!("%{byte:02X}")),
        }
    }
    out
}
