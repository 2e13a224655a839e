//! Credentials go to the registry's own origin and to a token service that is trusted, and nowhere else.

use std::sync::Arc;

use http::Method;
use runner::image::{Image, Origin, Registry};
use runner_core::text::Secret;

use super::images::layer;
use super::scripted::{Act, Scripted, error, reply};
use super::{AtOnce, archive, push_to};

// base64 of `AWS:canary`.
const BASIC: &str = "Basic QVdTOmNhbmFyeQ==";

fn image() -> (tempfile::TempDir, Image) {
    let dir = tempfile::tempdir().unwrap();
    let image = archive(dir.path(), &[&layer(1, 1000)]);
    (dir, image)
}

fn registry(url: &str, realms: &[&Scripted]) -> Registry {
    let realms = realms.iter().map(|realm| Origin::parse(&realm.url()).unwrap()).collect();
    let secret = Some(Secret::new("AWS:canary"));
    Registry::with_realms(url, secret, realms).unwrap().with_backoff(Arc::new(AtOnce::default()))
}

#[tokio::test(flavor = "multi_thread")]
async fn uploads_and_redirects_elsewhere_go_without_authorization() {
    let (_dir, image) = image();
    let elsewhere = Scripted::with(|seen| match seen.method {
        Method::PUT => None,
        _ => Some(Act::Answer(error(404, "BLOB_UNKNOWN"))),
    })
    .await;
    let there = elsewhere.url();
    let home = Scripted::with(move |seen| {
        let blob = seen.path.contains("/blobs/sha256:");
        let to = |path: &str| [("location", format!("{there}{path}"))];
        let go = |status, path: &str| {
            let [(name, value)] = to(path);
            Some(Act::Answer(reply(status, &[(name, &value)], "")))
        };
        match seen.method {
            Method::HEAD if blob => go(307, "/elsewhere"),
            Method::POST => go(202, "/v2/app/api/blobs/uploads/1?_state=x"),
            _ => None,
        }
    })
    .await;
    push_to(&registry(&home.url(), &[]), &image, "v1", None).await.unwrap();
    assert!(home.take_seen().iter().all(|seen| seen.authorization.as_deref() == Some(BASIC)));
    let there = elsewhere.take_seen();
    assert_eq!(there.iter().filter(|seen| seen.method == Method::PUT).count(), 2);
    assert_eq!(there.iter().filter(|seen| seen.method == Method::HEAD).count(), 2);
    assert!(there.iter().all(|seen| seen.authorization.is_none()), "{there:?}");
}

fn bearer(realm: String) -> impl Fn(&super::scripted::Seen) -> Option<Act> + Send + Sync {
    move |seen| {
        let challenge = format!(r#"Bearer realm="{realm}/token",service="r",scope="ignored""#);
        let signed_in = seen.authorization.as_deref() == Some("Bearer abc");
        let refused = || Act::Answer(reply(401, &[("www-authenticate", &challenge)], ""));
        (!signed_in).then(refused)
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_is_fetched_once_from_a_service_that_is_trusted() {
    let (_dir, image) = image();
    let tokens = Scripted::with(|_| Some(Act::Answer(reply(200, &[], r#"{"token":"abc"}"#)))).await;
    let home = Scripted::with(bearer(tokens.url())).await;

    push_to(&registry(&home.url(), &[&tokens]), &image, "v1", None).await.unwrap();
    let asked = tokens.take_seen();
    assert_eq!(asked.len(), 1);
    assert_eq!(asked[0].path, "/token?service=r&scope=repository:app/api:pull%2Cpush");
    assert_eq!(asked[0].authorization.as_deref(), Some(BASIC));

    let fault = push_to(&registry(&home.url(), &[]), &image, "v2", None).await.unwrap_err();
    assert!(fault.message.raw().contains("credentials go to no other host"), "{fault}");
    assert!(tokens.take_seen().is_empty());
    assert!(!format!("{fault:?}").contains("canary"));
}

#[tokio::test(flavor = "multi_thread")]
async fn credentials_that_are_refused_are_a_fault_at_once() {
    let (_dir, image) = image();
    let home = Scripted::with(|_| Some(Act::Answer(error(401, "UNAUTHORIZED")))).await;
    let fault = push_to(&registry(&home.url(), &[]), &image, "v1", None).await.unwrap_err();
    assert_eq!(fault.code.as_deref(), Some("UNAUTHORIZED"));
    assert_eq!(home.take_seen().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_redirect_to_plain_http_elsewhere_is_refused() {
    let (_dir, image) = image();
    let home = Scripted::with(|seen| {
        let location = [("location", "http://registry.invalid/x")];
        (seen.method == Method::HEAD).then(|| Act::Answer(reply(307, &location, "")))
    })
    .await;
    let fault = push_to(&registry(&home.url(), &[]), &image, "v1", None).await.unwrap_err();
    assert!(fault.message.raw().contains("is refused"), "{fault}");
}
