//! Credentials of a role for a GitHub job's OIDC token, renewed before they expire: a wait may be longer than an hour.
//! <https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRoleWithWebIdentity.html>

use std::{
    future::Future,
    pin::Pin,
    sync::Arc,
    time::{Duration, SystemTime},
};

use aws_credential_types::{
    Credentials,
    provider::{ProvideCredentials, error::CredentialsError, future},
};
use aws_smithy_types::retry::RetryConfig;
use aws_types::SdkConfig;
use runner_core::{plan::Fault, text::Secret};
use tokio::sync::{Mutex, OnceCell};

use super::{code_of, fault};

/// A token on its way.
pub type Fetching = Pin<Box<dyn Future<Output = Result<Secret, Fault>> + Send>>;
/// Gives a new token.
pub type Fetch = Arc<dyn Fn() -> Fetching + Send + Sync>;
/// Makes of a refusal and the token that was refused what a person needs to know.
pub type Explain = Arc<dyn Fn(&Secret, Fault) -> Fault + Send + Sync>;
/// Learns what must never be shown.
pub type Learn = Arc<dyn Fn(Secret) + Send + Sync>;

/// Credentials are renewed when they have less left than this.
const EARLY: Duration = Duration::from_secs(5 * 60);
/// Attempts; each with a token of its own, since one lives five minutes.
const ATTEMPTS: u32 = 4;

/// See the module. Clones share what they hold.
#[derive(Clone)]
pub struct WebIdentity(Arc<Inner>);

struct Inner {
    role: String,
    session: String,
    fetch: Fetch,
    explain: Explain,
    learn: Learn,
    sts: OnceCell<aws_sdk_sts::Client>,
    held: Mutex<Option<Credentials>>,
}

impl WebIdentity {
    /// Credentials of this role.
    pub fn new(role: String, session: &str, fetch: Fetch, explain: Explain, learn: Learn) -> Self {
        // What a session's name may have, and how long it may be.
        let plain = |c: char| if c.is_ascii_alphanumeric() || "=,.@-".contains(c) { c } else { '-' };
        let session: String = session.chars().map(plain).take(64).collect();
        let (sts, held) = (OnceCell::new(), Mutex::new(None));
        Self(Arc::new(Inner { role, session, fetch, explain, learn, sts, held }))
    }

    /// The role's ARN.
    pub fn role(&self) -> &str {
        &self.0.role
    }

    /// The role is asked for in this region, without credentials.
    pub(super) fn ask_with(&self, config: &SdkConfig) {
        // The SDK would send the same token again.
        let once = RetryConfig::disabled();
        let config = aws_sdk_sts::config::Builder::from(config).allow_no_auth().retry_config(once).build();
        let _ = self.0.sts.set(aws_sdk_sts::Client::from_conf(config));
    }

    /// Credentials that are good for a while.
    pub(super) async fn credentials(&self) -> Result<Credentials, Fault> {
        let mut held = self.0.held.lock().await;
        if let Some(credentials) = held.as_ref()
            && credentials.expiry().is_none_or(|expiry| expiry > SystemTime::now() + EARLY)
        {
            return Ok(credentials.clone());
        }
        let credentials = self.assume().await?;
        *held = Some(credentials.clone());
        Ok(credentials)
    }

    async fn assume(&self) -> Result<Credentials, Fault> {
        let doing = format!("assuming role ({})", self.0.role);
        let sts = self.0.sts.get().ok_or_else(|| Fault::new(doing.clone(), "nobody to ask"))?;
        let mut wait = Duration::from_millis(500);
        let mut attempt = 1;
        loop {
            let token = (self.0.fetch)().await?;
            let request = sts
                .assume_role_with_web_identity()
                .role_arn(&self.0.role)
                .role_session_name(&self.0.session)
                .web_identity_token(token.expose());
            let error = match request.send().await {
                Ok(answer) => return self.keep(answer.credentials, &doing),
                Err(error) => error,
            };
            // Another attempt may help against these, and where nothing was said; who is denied stays denied.
            let again = code_of(&error).is_none_or(|code| {
                ["IDPCommunicationError", "InvalidIdentityToken", "ExpiredTokenException"].contains(&code.as_str())
                    || ["Throttling", "ServiceUnavailable", "Internal"].iter().any(|start| code.starts_with(start))
            });
            if !again || attempt == ATTEMPTS {
                return Err((self.0.explain)(&token, fault(doing, &error)));
            }
            attempt += 1;
            tokio::time::sleep(wait).await;
            wait *= 2;
        }
    }

    fn keep(&self, given: Option<aws_sdk_sts::types::Credentials>, doing: &str) -> Result<Credentials, Fault> {
        let given = given.ok_or_else(|| Fault::new(doing, "the answer has no credentials"))?;
        for secret in [&given.secret_access_key, &given.session_token] {
            (self.0.learn)(Secret::new(secret.clone()));
        }
        let expiry = SystemTime::try_from(given.expiration).ok();
        Ok(Credentials::new(
            given.access_key_id,
            given.secret_access_key,
            Some(given.session_token),
            expiry,
            "GitHubOidc",
        ))
    }
}

impl std::fmt::Debug for WebIdentity {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "WebIdentity({})", self.0.role)
    }
}

impl PartialEq for WebIdentity {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl Eq for WebIdentity {}

impl ProvideCredentials for WebIdentity {
    fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
    where
        Self: 'a,
    {
        future::ProvideCredentials::new(
            async move { self.credentials().await.map_err(CredentialsError::provider_error) },
        )
    }
}
