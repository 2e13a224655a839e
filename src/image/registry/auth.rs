//! Who we are to a registry: Basic, or a Bearer token from the service its challenge names.
//! <https://distribution.github.io/distribution/spec/auth/token/>

use std::collections::HashMap;
use std::sync::Mutex;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::{HeaderMap, HeaderValue, header};
use runner_core::text::Secret;
use serde::Deserialize;

use super::Origin;

/// Credentials and the tokens had for them, one a scope.
#[derive(Debug)]
pub(crate) struct Auth {
    basic: Option<Secret>,
    realms: Vec<Origin>,
    tokens: Mutex<HashMap<String, Secret>>,
}

/// A challenge of the Bearer kind.
#[derive(Debug, PartialEq)]
pub(crate) struct Challenge {
    pub realm: String,
    pub service: Option<String>,
}

impl Auth {
    pub fn new(user_and_password: Option<Secret>, realms: Vec<Origin>) -> Self {
        let basic = user_and_password.map(|pair| Secret::new(format!("Basic {}", STANDARD.encode(pair.expose()))));
        Self { basic, realms, tokens: Mutex::default() }
    }

    /// The header for a request to the registry itself.
    pub fn header(&self, scope: &str) -> Option<HeaderValue> {
        let token = self.tokens().get(scope).cloned();
        sensitive(token.as_ref().or(self.basic.as_ref())?)
    }

    /// The header for a request to the token service.
    pub fn basic(&self) -> Option<HeaderValue> {
        sensitive(self.basic.as_ref()?)
    }

    /// Whether a token service at `realm` may see the credentials of the registry at `registry`.
    pub fn trusts(&self, realm: &Origin, registry: &Origin) -> bool {
        realm == registry || self.realms.contains(realm)
    }

    pub fn keep(&self, scope: &str, token: &Secret) {
        self.tokens().insert(scope.to_owned(), Secret::new(format!("Bearer {}", token.expose())));
    }

    /// Forgets a token that was refused; whether there was one.
    pub fn forget(&self, scope: &str) -> bool {
        self.tokens().remove(scope).is_some()
    }

    fn tokens(&self) -> std::sync::MutexGuard<'_, HashMap<String, Secret>> {
        self.tokens.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

fn sensitive(value: &Secret) -> Option<HeaderValue> {
    let mut value = HeaderValue::from_str(value.expose()).ok()?;
    value.set_sensitive(true);
    Some(value)
}

/// The Bearer challenge of a 401, if it has one.
pub(crate) fn challenge(headers: &HeaderMap) -> Option<Challenge> {
    headers.get_all(header::WWW_AUTHENTICATE).iter().filter_map(|value| value.to_str().ok()).find_map(bearer)
}

fn bearer(value: &str) -> Option<Challenge> {
    let (scheme, mut rest) = value.trim().split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("bearer") {
        return None;
    }
    let mut parameters = HashMap::new();
    while let Some((name, after)) = rest.split_once('=') {
        let name = name.trim_matches([',', ' ']).to_ascii_lowercase();
        let (value, after) = match after.strip_prefix('"') {
            Some(quoted) => quoted.split_once('"')?,
            None => after.split_once(',').unwrap_or((after, "")),
        };
        parameters.insert(name, value.to_owned());
        rest = after;
    }
    Some(Challenge { realm: parameters.remove("realm")?, service: parameters.remove("service") })
}

/// The answer of a token service.
#[derive(Deserialize)]
struct Token {
    token: Option<String>,
    access_token: Option<String>,
}

/// Reads the answer of a token service.
pub(crate) fn token(body: &[u8]) -> Option<Secret> {
    let token: Token = serde_json::from_slice(body).ok()?;
    token.token.or(token.access_token).filter(|token| !token.is_empty()).map(Secret::new)
}

#[cfg(test)]
mod tests {
    use super::{Challenge, bearer};

    #[test]
    fn challenges_are_read_whatever_their_order() {
        let read = bearer(r#"Bearer service="r, s",realm="https://t.example/token", scope="a:b:c,d""#);
        let expected = Challenge { realm: "https://t.example/token".into(), service: Some("r, s".into()) };
        assert_eq!(read, Some(expected));
        assert_eq!(bearer(r#"Basic realm="x""#), None);
        assert_eq!(bearer(r#"Bearer realm="x"#), None);
    }
}
