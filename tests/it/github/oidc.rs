//! Credentials by OIDC: which host sees which token, when a new one is asked for, what a refusal says.

use std::{process::Output, time::Duration};

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use jiff::Timestamp;
use serde_json::json;
use tokio::process::Command;

use crate::{
    run::kills::SMALL,
    support::{Answer, Script, Scripted, github::GitHub},
};

const REQUEST_TOKEN: &str = "request-token-0123456789";

fn token(sub: &str) -> String {
    let claims = json!({ "sub": sub, "aud": "sts.amazonaws.com", "repository_id": "74", "ref": "refs/heads/main" });
    format!("e30.{}.c2lnbmF0dXJl", URL_SAFE_NO_PAD.encode(claims.to_string()))
}

fn credentials(lives: Duration) -> Answer {
    let expires = Timestamp::now() + lives;
    Answer::xml(
        "AssumeRoleWithWebIdentity",
        &format!(
            "<Credentials><AccessKeyId>ASIAEXAMPLE</AccessKeyId><SecretAccessKey>key-that-is-secret-01</SecretAccessKey>\
             <SessionToken>session-that-is-secret-02</SessionToken><Expiration>{}</Expiration></Credentials>",
            expires.strftime("%Y-%m-%dT%H:%M:%SZ")
        ),
    )
}

fn identity() -> Answer {
    let inner =
        "<Account>111122223333</Account><Arn>arn:aws:sts::111122223333:assumed-role/r/s</Arn><UserId>A</UserId>";
    Answer::xml("GetCallerIdentity", inner)
}

async fn github_tokens(sub: &str) -> Scripted {
    let answer = Answer::json(&json!({ "count": 1_234, "value": token(sub) }));
    Script::default().on("GET /token?x=1&audience=sts.amazonaws.com", std::iter::repeat_n(answer, 9)).start().await
}

async fn run(aws: &Scripted, tokens: &Scripted, arguments: &[&str], extra: &[(&str, &str)]) -> Output {
    let github = GitHub::start().await;
    let folder = tempfile::tempdir().unwrap();
    let file = SMALL.replace("region: us-east-1", "region: us-east-1\naccount: \"111122223333\"");
    std::fs::write(folder.path().join("app.yml"), file).unwrap();
    std::fs::write(folder.path().join("event"), r#"{"ref":"refs/heads/main"}"#).unwrap();
    let mut runner = Command::new(env!("CARGO_BIN_EXE_runner"));
    runner.env_clear().current_dir(folder.path()).env("HOME", folder.path()).envs(github.variables("push"));
    runner.env("GITHUB_EVENT_PATH", folder.path().join("event"));
    runner.env("AWS_ENDPOINT_URL", &aws.url).env("AWS_MAX_ATTEMPTS", "1");
    runner.env("ACTIONS_ID_TOKEN_REQUEST_URL", format!("{}/token?x=1", tokens.url));
    runner.env("ACTIONS_ID_TOKEN_REQUEST_TOKEN", REQUEST_TOKEN).env("INFRA_ROLE", "auto");
    runner.envs(extra.iter().copied());
    runner.args(arguments).args(["-f", "app.yml"]).output().await.unwrap()
}

fn said(output: &Output) -> String {
    let text = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    text.lines().filter(|line| !line.starts_with("::add-mask::")).map(|line| format!("{line}\n")).collect()
}

#[tokio::test]
async fn the_derived_role_is_taken_with_a_token_that_only_sts_sees() {
    for (command, role) in [("run", "shop-staging-deploy"), ("plan", "shop-staging-plan")] {
        let tokens = github_tokens("repo:acme/shop:environment:staging").await;
        let aws = Script::default()
            .on("AssumeRoleWithWebIdentity", [credentials(Duration::from_secs(3_600))])
            .on("GetCallerIdentity", [identity()])
            .start()
            .await;
        let output = run(&aws, &tokens, &[command], &[]).await;
        let asked = aws.first("AssumeRoleWithWebIdentity");
        assert_eq!(asked.field("RoleArn").unwrap(), format!("arn:aws:iam::111122223333:role/{role}"));
        assert_eq!(asked.field("WebIdentityToken").unwrap(), token("repo:acme/shop:environment:staging"));
        assert_eq!(asked.field("RoleSessionName").unwrap(), "shop-staging-100");
        assert!(!asked.headers.contains_key("authorization"), "{asked:?}");
        assert!(aws.first("GetCallerIdentity").headers["authorization"].contains("ASIAEXAMPLE"));
        assert!(aws.requests().iter().all(|request| !format!("{request:?}").contains(REQUEST_TOKEN)));
        let request = &tokens.requests()[0];
        assert_eq!(request.headers["authorization"], format!("Bearer {REQUEST_TOKEN}"));
        assert_eq!(tokens.requests().len(), 1);
        let said = said(&output);
        for secret in [REQUEST_TOKEN, "is-secret-0", "c2lnbmF0dXJl"] {
            assert!(!said.contains(secret), "{secret} in {said}");
        }
    }
}

#[tokio::test]
async fn a_refusal_shows_the_tokens_sub_beside_the_trusted_one() {
    let tokens = github_tokens("repo:acme/shop:ref:refs/heads/main").await;
    let denied = Answer::xml_error("AccessDenied", "Not authorized to perform sts:AssumeRoleWithWebIdentity");
    let aws = Script::default().on("AssumeRoleWithWebIdentity", [denied]).start().await;
    let output = run(&aws, &tokens, &["run"], &[]).await;
    let said = said(&output);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("AccessDenied"), "{said}");
    assert!(said.contains("repo:acme/shop:ref:refs/heads/main"), "{said}");
    assert!(said.contains("repo:acme/shop:environment:staging"), "{said}");
    assert!(said.contains("give the job `environment: staging`"), "{said}");
    // Who is denied stays denied.
    assert_eq!(aws.actions(), ["AssumeRoleWithWebIdentity"]);
}

#[tokio::test]
async fn a_token_that_was_not_taken_is_replaced_by_a_new_one() {
    let tokens = github_tokens("repo:acme/shop:environment:staging").await;
    let aws = Script::default()
        .on(
            "AssumeRoleWithWebIdentity",
            [
                Answer::xml_error("IDPCommunicationError", "try again"),
                Answer::xml_error("InvalidIdentityToken", "try again"),
                credentials(Duration::from_secs(3_600)),
            ],
        )
        .on("GetCallerIdentity", [identity()])
        .start()
        .await;
    run(&aws, &tokens, &["plan"], &[]).await;
    assert_eq!(tokens.requests().len(), 3);
    assert_eq!(
        aws.actions()[..4],
        ["AssumeRoleWithWebIdentity", "AssumeRoleWithWebIdentity", "AssumeRoleWithWebIdentity", "GetCallerIdentity"]
    );
}

#[tokio::test]
async fn what_is_missing_for_a_role_is_named() {
    let tokens = github_tokens("x").await;
    let aws = Script::default().start().await;
    for (extra, words) in [
        (vec![("ACTIONS_ID_TOKEN_REQUEST_URL", "")], "add `id-token: write` to its `permissions`"),
        (vec![("ACTIONS_ID_TOKEN_REQUEST_URL", "http://example.com/token")], "neither https nor on this machine"),
        (vec![("INFRA_ROLE", "deploy")], "write auto, ambient, or the ARN of a role"),
    ] {
        let output = run(&aws, &tokens, &["plan"], &extra).await;
        assert!(said(&output).contains(words), "{}", said(&output));
        assert!(matches!(output.status.code(), Some(1 | 2)));
    }
    assert_eq!((aws.requests().len(), tokens.requests().len()), (0, 0));
}

#[tokio::test]
async fn in_a_job_no_profile_process_or_metadata_service_is_asked() {
    let (tokens, trap) = (github_tokens("x").await, Script::default().start().await);
    let folder = tempfile::tempdir().unwrap();
    let tripped = folder.path().join("tripped");
    let script = folder.path().join("process");
    std::fs::write(&script, format!("touch {}\n", tripped.display())).unwrap();
    let config = folder.path().join("config");
    let text = format!("[default]\ncredential_process = sh {}\nendpoint_url = {}\n", script.display(), trap.url);
    std::fs::write(&config, text).unwrap();
    let aws = Script::default().on("GetCallerIdentity", [identity()]).start().await;
    let config = config.to_str().unwrap();
    let extra = [
        ("INFRA_ROLE", ""),
        ("AWS_CONFIG_FILE", config),
        ("AWS_EC2_METADATA_SERVICE_ENDPOINT", trap.url.as_str()),
        ("AWS_CONTAINER_CREDENTIALS_FULL_URI", trap.url.as_str()),
    ];
    let output = run(&aws, &tokens, &["plan"], &extra).await;
    assert_eq!(output.status.code(), Some(1), "{}", said(&output));
    assert!(!tripped.exists(), "a credential process was started");
    assert_eq!((trap.requests().len(), tokens.requests().len()), (0, 0));
    // The keys of an earlier step are taken.
    let keys = [("AWS_ACCESS_KEY_ID", "AKIAEARLIER"), ("AWS_SECRET_ACCESS_KEY", "secret-of-a-step")];
    run(&aws, &tokens, &["plan"], &[&extra[..], &keys[..]].concat()).await;
    assert!(aws.first("GetCallerIdentity").headers["authorization"].contains("AKIAEARLIER"));
    assert!(!tripped.exists());
}

#[tokio::test]
async fn credentials_are_renewed_before_they_expire_with_a_new_token_each() {
    let aws = Script::default()
        .on(
            "AssumeRoleWithWebIdentity",
            // The first has less left than a call may take; the second is good for an hour.
            [credentials(Duration::from_secs(60)), credentials(Duration::from_secs(3_600))],
        )
        .on("GetCallerIdentity", std::iter::repeat_n(identity(), 4))
        .start()
        .await;
    let tokens = github_tokens("repo:acme/shop:environment:staging").await;
    run(&aws, &tokens, &["plan"], &[]).await;
    assert_eq!(tokens.requests().len(), 2);
    assert_eq!(aws.actions()[..3], ["AssumeRoleWithWebIdentity", "AssumeRoleWithWebIdentity", "GetCallerIdentity"]);
    assert_eq!(aws.actions().iter().filter(|action| *action == "AssumeRoleWithWebIdentity").count(), 2);
}
