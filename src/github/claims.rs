//! What an OIDC token says of the job, for the words of a refusal: the token's own `sub` beside the trusted ones.
//! <https://docs.github.com/en/actions/reference/security/oidc>

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use runner_core::{
    plan::{Exit, Fault},
    text::{Foreign, Secret},
};
use serde_json::Value as Json;

/// The claims of a token, read without checking its signature: AWS does that.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Claims {
    /// Who the job is: `repo:acme/shop:environment:staging`.
    pub sub: String,
    /// For whom it is.
    pub aud: String,
    /// The repository's number.
    pub repository_id: String,
    /// The branch or tag.
    pub git_ref: String,
}

impl Claims {
    /// The claims of a token; empty ones where it is none.
    pub fn of(token: &Secret) -> Self {
        let payload = token.expose().split('.').nth(1).unwrap_or_default();
        let bytes = URL_SAFE_NO_PAD.decode(payload.trim_end_matches('=')).unwrap_or_default();
        let json: Json = serde_json::from_slice(&bytes).unwrap_or_default();
        let text = |name: &str| match &json[name] {
            Json::String(text) => Foreign::new(text.clone()).one_line(),
            Json::Number(number) => number.to_string(),
            _ => String::new(),
        };
        Self { sub: text("sub"), aud: text("aud"), repository_id: text("repository_id"), git_ref: text("ref") }
    }
}

/// What AWS's refusal of a token means: what the token says, what the role trusts, and where they differ.
pub fn refused(role: &str, claims: &Claims, trusted: &[String], said: Fault) -> Fault {
    let mut words = format!("{}; the job's token says sub `{}`", said.message.raw(), claims.sub);
    let expected: Vec<String> = trusted.iter().map(|sub| format!("`{sub}`")).collect();
    if !expected.is_empty() {
        words.push_str(&format!(", and {role} trusts {}", expected.join(" or ")));
    }
    let hint = match trusted.iter().min_by_key(|sub| differing(&claims.sub, sub).len()) {
        Some(nearest) if *nearest != claims.sub => {
            format!("{}; {}", differing(&claims.sub, nearest).join("; "), remedy(&claims.sub, nearest))
        }
        Some(_) => format!(
            "the `sub` is right: see whether the role is there, and whether its trust names this `aud` ({}), \
             `repository_id` ({}) and `ref` ({}); make it anew with `runner stage bootstrap-identity`",
            claims.aud, claims.repository_id, claims.git_ref
        ),
        None => format!("let the trust of {role} name exactly this `sub`"),
    };
    Fault { message: Foreign::new(words), hint: Some(hint), exit: Exit::Failed, ..said }
}

/// `repo:acme/shop:environment:staging` → [`acme/shop`, `environment:staging`].
fn parts(sub: &str) -> Vec<&str> {
    match sub.strip_prefix("repo:").and_then(|rest| rest.split_once(':')) {
        Some((repository, rest)) => vec![repository, rest],
        None => vec![sub],
    }
}

fn differing(own: &str, trusted: &str) -> Vec<String> {
    let (own, trusted) = (parts(own), parts(trusted));
    if own.len() != trusted.len() {
        return vec!["the forms differ".to_owned()];
    }
    let names = ["repository", "job"];
    let pairs = own.iter().zip(&trusted).zip(names);
    pairs
        .filter(|((own, trusted), _)| own != trusted)
        .map(|((own, trusted), name)| format!("the {name} differs: `{own}`, trusted is `{trusted}`"))
        .collect()
}

fn remedy(own: &str, trusted: &str) -> String {
    let (own, trusted) = (parts(own), parts(trusted));
    if own.first().is_some_and(|own| own.contains('@')) != trusted.first().is_some_and(|trusted| trusted.contains('@'))
    {
        return "the repository's name has its number in one and not in the other: make the trust anew with `runner \
                stage bootstrap-identity`"
            .to_owned();
    }
    match trusted.last().and_then(|job| job.strip_prefix("environment:")) {
        Some(environment) => format!("give the job `environment: {environment}`"),
        None => "run it in the job that the trust names, or make the trust anew with `runner stage bootstrap-identity`"
            .to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn token(json: &Json) -> Secret {
        Secret::new(format!("e30.{}.sig", URL_SAFE_NO_PAD.encode(json.to_string())))
    }

    fn told(sub: &str, trusted: &[&str]) -> Fault {
        let token = token(&serde_json::json!({ "sub": sub, "aud": "sts.amazonaws.com", "repository_id": "74" }));
        let trusted: Vec<String> = trusted.iter().map(|sub| (*sub).to_owned()).collect();
        let said = Fault::new("assuming role (r)", "Not authorized").with_code("AccessDenied");
        refused("shop-staging-deploy", &Claims::of(&token), &trusted, said)
    }

    #[test]
    fn the_difference_of_a_sub_is_named() {
        let fault = told("repo:acme/shop:ref:refs/heads/main", &["repo:acme/shop:environment:staging"]);
        let line = fault.headline();
        assert!(line.contains("`repo:acme/shop:ref:refs/heads/main`"), "{line}");
        assert!(line.contains("trusts `repo:acme/shop:environment:staging`"), "{line}");
        let hint = fault.hint.unwrap();
        assert!(hint.contains("the job differs: `ref:refs/heads/main`, trusted is `environment:staging`"), "{hint}");
        assert!(hint.contains("give the job `environment: staging`"), "{hint}");
        assert!(!hint.contains("the repository differs"), "{hint}");
        let ids = told("repo:acme@1/shop@74:environment:staging", &["repo:acme/shop:environment:staging"]);
        assert!(ids.hint.unwrap().contains("number in one and not in the other"));
        let same = told("repo:acme/shop:environment:staging", &["repo:acme/shop:environment:staging"]);
        assert!(same.hint.unwrap().contains("`repository_id` (74)"));
        assert!(told("repo:a/b:pull_request", &[]).hint.unwrap().contains("exactly this `sub`"));
    }

    #[test]
    fn what_is_no_token_has_no_claims() {
        for text in ["", "a", "a.b.c", "a.e30.c", "..", "a.bnVsbA.c"] {
            assert_eq!(Claims::of(&Secret::new(text)), Claims::default(), "{text}");
        }
    }
}
