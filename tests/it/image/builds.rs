//! Builds: what the builder is told and what it is not, with a scripted `docker`, and a real build where an engine
//! answers.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Mutex;

use runner::image::{Build, Docker, Image, Platform};
use runner_core::plan::Fault;
use runner_core::text::Secret;

use super::images::{self, layer};
use super::scripted::Scripted;
use super::{amd64, push_to, registry};

pub fn engine_answers() -> bool {
    let mut command = Command::new("docker");
    let answers = command.arg("info").stdout(Stdio::null()).stderr(Stdio::null()).status();
    let answers = answers.is_ok_and(|status| status.success());
    if !answers {
        println!("left out: no Docker engine answers");
    }
    answers
}

struct Fake {
    dir: tempfile::TempDir,
    secrets: BTreeMap<String, Secret>,
    args: BTreeMap<String, String>,
    lines: Mutex<Vec<String>>,
}

impl Fake {
    /// A `docker` that writes its arguments and environment down, then does `script`.
    fn new(script: &str) -> Self {
        let dir = tempfile::tempdir().unwrap();
        images::archive(&dir.path().join("image.tar"), &[&layer(1, 1000)]);
        let here = dir.path().display();
        let script = format!("#!/bin/sh\n{{ echo \"$*\"; env; }} >> {here}/called\ncd {here}\n{script}\n");
        fs::write(dir.path().join("docker"), script).unwrap();
        fs::set_permissions(dir.path().join("docker"), fs::Permissions::from_mode(0o755)).unwrap();
        Self { dir, secrets: BTreeMap::new(), args: BTreeMap::new(), lines: Mutex::default() }
    }

    fn called(&self) -> String {
        fs::read_to_string(self.dir.path().join("called")).unwrap()
    }

    async fn build(&self, environment: &[(&str, &str)]) -> Result<Image, Fault> {
        let path = format!("{}:/usr/bin:/bin", self.dir.path().display());
        let path = [("PATH", path.as_str())];
        let environment = path.iter().chain(environment);
        let environment = environment.map(|(name, value)| (OsString::from(name), OsString::from(value)));
        let (platform, labels) = (amd64(), BTreeMap::from([("commit".to_owned(), "$(touch x)".to_owned())]));
        let build = Build {
            context: Path::new("/the/context"),
            dockerfile: Path::new("docker/web"),
            args: &self.args,
            target: Some("web"),
            platform: &platform,
            secrets: &self.secrets,
            cache_from: &["type=registry,ref=x".to_owned()],
            cache_to: &[],
            labels: &labels,
        };
        Docker::with(environment).build(&build, &|line| self.lines.lock().unwrap().push(line.to_owned())).await
    }
}

const BUILDX: &str = r#"case "$2" in
  inspect) echo "Driver:        docker-container" ;;
  build) echo "step 1" >&2; cat image.tar ;;
esac"#;

#[tokio::test(flavor = "multi_thread")]
async fn the_builder_knows_what_it_needs_and_nothing_of_ours() {
    let mut fake = Fake::new(BUILDX);
    fake.secrets.insert("BUNDLE_TOKEN".into(), Secret::new("canary"));
    fake.args.insert("A".into(), "b c".into());
    let ours = [
        ("HOME", "/home/x"),
        ("DOCKER_HOST", "unix:///x"),
        ("AWS_SECRET_ACCESS_KEY", "leak"),
        ("AWS_SESSION_TOKEN", "leak"),
        ("ACTIONS_ID_TOKEN_REQUEST_TOKEN", "leak"),
        ("ACTIONS_RUNTIME_TOKEN", "leak"),
        ("GITHUB_TOKEN", "leak"),
        ("JWT_SECRET_KEY", "leak"),
        ("LD_PRELOAD", "leak"),
        ("BASH_ENV", "leak"),
        ("NODE_OPTIONS", "leak"),
        ("GIT_SSH_COMMAND", "leak"),
    ];
    let image = fake.build(&ours).await.unwrap();
    assert_eq!(*image.platform(), amd64());
    let called = fake.called();
    assert!(!called.contains("leak"), "{called}");
    assert!(called.contains("DOCKER_HOST=unix:///x") && called.contains("HOME=/home/x"));
    let told = called.lines().find(|line| line.starts_with("buildx build")).unwrap();
    assert_eq!(
        told,
        "buildx build --progress=plain --output=type=oci,dest=- --file=/the/context/docker/web \
         --platform=linux/amd64 --target=web --build-arg=A=b c --label=commit=$(touch x) \
         --secret=id=BUNDLE_TOKEN,env=BUNDLE_TOKEN --cache-from=type=registry,ref=x -- /the/context"
    );
    assert_eq!(called.matches("canary").count(), 1, "in the build's environment alone");
    assert_eq!(*fake.lines.lock().unwrap(), ["step 1"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_secret_may_not_be_named_like_something_that_means_something() {
    for name in ["LD_PRELOAD", "GITHUB_TOKEN", "AWS_X", "NODE_OPTIONS", "PATH", "docker_host", "a,env=b", "", "a=b"] {
        let mut fake = Fake::new(BUILDX);
        fake.secrets.insert(name.into(), Secret::new("x"));
        let fault = fake.build(&[]).await.unwrap_err();
        assert!(fault.message.raw().starts_with("a build secret may not be named"), "{name}: {fault}");
        assert!(!fake.dir.path().join("called").exists());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn without_buildx_secrets_are_refused_and_the_image_is_saved() {
    let plain = r#"case "$1" in
  buildx) echo "unknown command" >&2; exit 1 ;;
  build) for a in "$@"; do case "$a" in --iidfile=*) printf sha256:abc > "${a#--iidfile=}" ;; esac; done ;;
  save) [ "$*" = "save -- sha256:abc" ] && cat image.tar ;;
esac"#;
    let mut fake = Fake::new(plain);
    fake.build(&[]).await.unwrap();
    assert!(fake.lines.lock().unwrap()[0].starts_with("the build cache is left out"));
    assert!(!fake.called().contains("--cache-from"));
    fake.secrets.insert("BUNDLE_TOKEN".into(), Secret::new("canary"));
    let fault = fake.build(&[]).await.unwrap_err();
    assert!(fault.message.raw().contains("build secrets need BuildKit"), "{fault}");
    assert!(!fake.called().contains("canary"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failed_build_ends_with_the_builders_last_lines() {
    let failing = r#"case "$2" in
  inspect) echo "Driver: docker" ;;
  build) i=0; while [ $i -lt 30 ]; do echo "line $i"; i=$((i+1)); done; head -c 100000 /dev/zero | tr '\0' x; echo; exit 17 ;;
esac"#;
    let fake = Fake::new(failing);
    let fault = fake.build(&[]).await.unwrap_err();
    let message = fault.message.raw();
    assert!(message.starts_with("docker ended with exit code 17\nline 19\n"), "{message}");
    let lines = fake.lines.into_inner().unwrap();
    assert_eq!(lines.len(), 31);
    assert_eq!(lines[30].len(), 8192);
    let missing = Docker::with([(OsString::from("PATH"), OsString::from("/nonexistent"))]);
    let none = BTreeMap::new();
    let platform = amd64();
    let build = Build {
        context: Path::new("."),
        dockerfile: Path::new("Dockerfile"),
        args: &none,
        target: None,
        platform: &platform,
        secrets: &BTreeMap::new(),
        cache_from: &[],
        cache_to: &[],
        labels: &none,
    };
    let fault = missing.build(&build, &|_| ()).await.unwrap_err();
    assert_eq!(fault.message.raw(), "there is no `docker` on the PATH");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_engine_builds_and_the_image_is_pushed() {
    if !engine_answers() {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("Dockerfile"), "FROM scratch\nCOPY hello /hello\nARG A\nLABEL a=$A\n").unwrap();
    fs::write(dir.path().join("hello"), "hello").unwrap();
    let architecture = if cfg!(target_arch = "aarch64") { "arm64" } else { "amd64" };
    let platform = Platform::parse(&format!("linux/{architecture}")).unwrap();
    let args = BTreeMap::from([("A".to_owned(), "b".to_owned())]);
    let labels = BTreeMap::from([("commit".to_owned(), "abc".to_owned())]);
    let build = Build {
        context: dir.path(),
        dockerfile: Path::new("Dockerfile"),
        args: &args,
        target: None,
        platform: &platform,
        secrets: &BTreeMap::new(),
        cache_from: &[],
        cache_to: &[],
        labels: &labels,
    };
    let said = Mutex::new(Vec::new());
    let image = Docker::new().build(&build, &|line| said.lock().unwrap().push(line.to_owned())).await.unwrap();
    assert!(!said.lock().unwrap().is_empty());
    let server = Scripted::start().await;
    push_to(&registry(&server.url()), &image, "v1", None).await.unwrap();
    let manifest: serde_json::Value = serde_json::from_slice(&server.manifest("app/api", "v1").unwrap().1).unwrap();
    let config = server.blob("app/api", manifest["config"]["digest"].as_str().unwrap()).unwrap();
    let config: serde_json::Value = serde_json::from_slice(&config).unwrap();
    assert_eq!(config["config"]["Labels"], serde_json::json!({ "a": "b", "commit": "abc" }));
}
