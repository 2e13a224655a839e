//! The job's OIDC token: asked of GitHub anew for every attempt, since it lives five minutes. The request's own token goes
//! to the address that GitHub gave and to no other; no redirect is followed.
//! <https://docs.github.com/en/actions/reference/security/oidc#methods-for-requesting-the-oidc-token>

use std::time::Duration;

use bytes::Bytes;
use http::{Request, header};
use http_body_util::{BodyExt, Empty, Limited};
use hyper_util::{client::legacy::Client, rt::TokioExecutor};
use runner_core::{
    plan::Fault,
    text::{Foreign, Secret},
};
use serde_json::Value as Json;

use super::context::is_safe;

/// For whom the token is.
const AUDIENCE: &str = "sts.amazonaws.com";
const ANSWER: Duration = Duration::from_secs(20);
const ATTEMPTS: u32 = 3;

/// How a job asks for its token.
#[derive(Clone)]
pub struct TokenRequest {
    url: String,
    token: Secret,
}

impl TokenRequest {
    /// What the job may ask with; none where it has no `id-token: write`.
    ///
    /// # Errors
    /// A [`Fault`] where the address is neither https nor on this machine.
    pub fn of(variable: impl Fn(&str) -> Option<String>) -> Result<Option<Self>, Fault> {
        let (Some(url), Some(token)) =
            (variable("ACTIONS_ID_TOKEN_REQUEST_URL"), variable("ACTIONS_ID_TOKEN_REQUEST_TOKEN"))
        else {
            return Ok(None);
        };
        if !is_safe(&url) {
            return Err(Fault::new(DOING, "ACTIONS_ID_TOKEN_REQUEST_URL is neither https nor on this machine"));
        }
        Ok(Some(Self { url, token: Secret::new(token) }))
    }

    /// A new token.
    ///
    /// # Errors
    /// A [`Fault`] with GitHub's words.
    pub async fn fetch(&self) -> Result<Secret, Fault> {
        let mut wait = Duration::from_millis(500);
        for _ in 1..ATTEMPTS {
            match tokio::time::timeout(ANSWER, self.once()).await {
                Ok(Ok(token)) => return Ok(token),
                Ok(Err((fault, false))) => return Err(fault),
                Ok(Err((_, true))) | Err(_) => tokio::time::sleep(wait).await,
            }
            wait *= 2;
        }
        match tokio::time::timeout(ANSWER, self.once()).await {
            Ok(done) => done.map_err(|(fault, _)| fault),
            Err(_) => Err(Fault::new(DOING, "no answer in time").with_hint("run the job again")),
        }
    }

    /// One attempt; whether another may help.
    async fn once(&self) -> Result<Secret, (Fault, bool)> {
        let fail = |words: String, again: bool| {
            let hint = "see https://www.githubstatus.com, and run the job again";
            (Fault::new(DOING, Foreign::new(words)).with_hint(hint), again)
        };
        let gap = if self.url.contains('?') { '&' } else { '?' };
        let request = Request::get(format!("{}{gap}audience={AUDIENCE}", self.url))
            .header(header::AUTHORIZATION, format!("Bearer {}", self.token.expose()))
            .header(header::ACCEPT, "application/json")
            .body(Empty::<Bytes>::new())
            .map_err(|error| fail(error.to_string(), false))?;
        let connector = hyper_rustls::HttpsConnectorBuilder::new()
            .with_provider_and_native_roots(rustls::crypto::ring::default_provider())
            .map_err(|error| fail(error.to_string(), false))?
            .https_or_http()
            .enable_http1()
            .build();
        let client = Client::builder(TokioExecutor::new()).build(connector);
        let answer = client.request(request).await.map_err(|error| fail(error.to_string(), true))?;
        let status = answer.status();
        let body = Limited::new(answer.into_body(), 64 * 1024).collect().await;
        let body = body.map_err(|error| fail(error.to_string(), true))?.to_bytes();
        if !status.is_success() {
            return Err(fail(format!("GitHub answered {}", status.as_u16()), status.is_server_error()));
        }
        let json: Json = serde_json::from_slice(&body).unwrap_or_default();
        let token = json["value"].as_str().filter(|token| !token.is_empty());
        token.map(Secret::new).ok_or_else(|| fail("GitHub's answer has no token".to_owned(), true))
    }
}

const DOING: &str = "asking GitHub for the job's OIDC token";
