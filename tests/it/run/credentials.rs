//! Whose credentials are read, and what is asked before the account is known to be right.

use tokio::process::Command;

use super::kills::{SMALL, fresh};
use crate::support::{Answer, Script, app::EXAMPLE};

#[tokio::test]
async fn credentials_of_another_account_end_with_2_before_anything_else_is_asked() {
    let identity = "<Account>999999999999</Account><Arn>arn:aws:iam::999999999999:user/me</Arn><UserId>A</UserId>";
    let aws = Script::default().on("GetCallerIdentity", [Answer::xml("GetCallerIdentity", identity)]).start().await;
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("app.yml"), EXAMPLE).unwrap();
    for command in ["plan", "run"] {
        let output = Command::new(env!("CARGO_BIN_EXE_runner"))
            .env_clear()
            .env("HOME", dir.path())
            .env("AWS_ENDPOINT_URL", &aws.url)
            .env("AWS_ACCESS_KEY_ID", "AKIAIOSFODNN7EXAMPLE")
            .env("AWS_SECRET_ACCESS_KEY", "secret-of-the-user")
            .current_dir(dir.path())
            .args([command, "-f", "app.yml", "-e", "staging"])
            .output()
            .await
            .unwrap();
        let told = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(2), "{told}");
        assert!(told.contains("999999999999") && told.contains("111122223333"), "{told}");
        assert!(!told.contains("secret-of-the-user"), "{told}");
    }
    assert_eq!(aws.actions(), ["GetCallerIdentity", "GetCallerIdentity"]);
}

#[tokio::test]
async fn with_the_sandbox_no_profile_or_credential_of_the_user_is_read() {
    let app = fresh(SMALL).await;
    let dir = tempfile::tempdir().unwrap();
    let tripped = dir.path().join("tripped");
    let script = dir.path().join("credentials");
    std::fs::write(&script, format!("#!/bin/sh\ntouch {}\n", tripped.display())).unwrap();
    let config = dir.path().join("config");
    std::fs::write(&config, format!("[profile mine]\ncredential_process = sh {}\n", script.display())).unwrap();
    for command in ["plan", "run"] {
        let output = app
            .command(&[command])
            .env("AWS_CONFIG_FILE", &config)
            .env("AWS_PROFILE", "mine")
            .env("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
            .output()
            .await
            .unwrap();
        assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    }
    assert!(!tripped.exists(), "a credential process of the user's was started");
}
