//! Builds: `docker buildx build`, or `docker build` where buildx is missing, as a process with the user's own
//! builder and credentials. What comes out is an archive in a file without a name, read like any other.

use std::collections::{BTreeMap, VecDeque};
use std::ffi::{OsStr, OsString};
use std::path::Path;
use std::process::{ExitStatus, Stdio};

use runner_core::plan::Fault;
use runner_core::text::Secret;
use tokio::io::{AsyncBufReadExt, AsyncRead, BufReader};
use tokio::process::Command;

use super::{Image, Platform, scratch};

/// What a builder may know of us. No AWS, Actions or GitHub variable is here, nor anything that makes a program
/// load code.
const PASSED: [&str; 27] = [
    "PATH",
    "HOME",
    "USER",
    "LANG",
    "LC_ALL",
    "TMPDIR",
    "XDG_RUNTIME_DIR",
    "XDG_CONFIG_HOME",
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "NO_PROXY",
    "http_proxy",
    "https_proxy",
    "no_proxy",
    "DOCKER_HOST",
    "DOCKER_CONFIG",
    "DOCKER_CONTEXT",
    "DOCKER_CERT_PATH",
    "DOCKER_TLS_VERIFY",
    "DOCKER_TLS",
    "DOCKER_API_VERSION",
    "BUILDX_BUILDER",
    "BUILDX_CONFIG",
    "BUILDKIT_HOST",
    "BUILDKIT_NO_CLIENT_TOKEN",
];
/// A build secret becomes a variable of the builder's, so it may not have a name that means something to it.
const RESERVED: [&str; 13] = [
    "AWS_",
    "ACTIONS_",
    "GITHUB_",
    "RUNNER_",
    "DOCKER_",
    "BUILDX_",
    "BUILDKIT_",
    "LD_",
    "DYLD_",
    "GIT_",
    "NODE_",
    "BASH_",
    "SSL_",
];
/// The lines of a failed build that its fault shows.
const LAST: usize = 12;
/// A longer line is cut: it is shown, not kept.
const MAX_LINE: usize = 8 << 10;

/// What to build. The content tag's [`super::Inputs`] are of the same fields.
#[derive(Debug, Clone)]
pub struct Build<'a> {
    /// The directory that is sent to the builder.
    pub context: &'a Path,
    /// Relative to the context.
    pub dockerfile: &'a Path,
    /// Build arguments, visible in the image's history: never secrets.
    pub args: &'a BTreeMap<String, String>,
    /// The stage to build.
    pub target: Option<&'a str>,
    /// What to build for.
    pub platform: &'a Platform,
    /// For `RUN --mount=type=secret,id=NAME`; only BuildKit has it.
    pub secrets: &'a BTreeMap<String, Secret>,
    /// As for `--cache-from`.
    pub cache_from: &'a [String],
    /// As for `--cache-to`.
    pub cache_to: &'a [String],
    /// Such as the commit; they are no input of the content tag.
    pub labels: &'a BTreeMap<String, String>,
}

/// The `docker` command and what it may know of our environment.
#[derive(Debug, Clone)]
pub struct Docker {
    environment: Vec<(OsString, OsString)>,
}

/// What `docker` has to build with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// buildx with a builder of its own, which writes an archive.
    Container,
    /// buildx with the engine as builder: the image is in the engine afterwards.
    Engine,
    /// No buildx: the engine's old builder.
    Plain,
}

impl Docker {
    /// The `docker` of this process's PATH.
    pub fn new() -> Self {
        Self::with(std::env::vars_os())
    }

    /// The same with an environment from elsewhere; what is not on the list of passed variables is dropped.
    pub fn with(environment: impl IntoIterator<Item = (OsString, OsString)>) -> Self {
        let passed = |name: &OsStr| PASSED.iter().any(|passed| name == *passed);
        Self { environment: environment.into_iter().filter(|(name, _)| passed(name)).collect() }
    }

    /// Builds, and gives back the image. `line` gets every line the builder prints, as it prints it.
    ///
    /// # Errors
    /// A [`Fault`] with the builder's last lines, or with what the builder that is here cannot do.
    pub async fn build(&self, build: &Build<'_>, line: &(dyn Fn(&str) + Send + Sync)) -> Result<Image, Fault> {
        let doing = format!("building {}", build.context.display());
        refuse_reserved(&doing, build)?;
        let kind = self.kind(&doing).await?;
        if kind == Kind::Plain && !build.secrets.is_empty() {
            return Err(Fault::new(&doing, "build secrets need BuildKit, and `docker buildx` is not here")
                .with_hint("install the buildx plugin (in a workflow: docker/setup-buildx-action)"));
        }
        if kind == Kind::Plain && !(build.cache_from.is_empty() && build.cache_to.is_empty()) {
            line("the build cache is left out: `docker buildx` is not here");
        }
        let io = |e: std::io::Error| Fault::new(&doing, e.to_string());
        let directory = scratch::directory().map_err(io)?;
        let id = directory.path().join("id");
        let mut command = self.command(&arguments(build, kind, &id));
        command.envs(build.secrets.iter().map(|(name, value)| (name, value.expose())));
        let archive = scratch::file().map_err(io)?;
        if kind == Kind::Container {
            command.stdout(archive.try_clone().map_err(io)?);
            self.run(&doing, command, line).await?;
        } else {
            command.stdout(Stdio::piped());
            self.run(&doing, command, line).await?;
            let id = tokio::fs::read_to_string(&id).await.map_err(io)?;
            let mut save = self.command(&["save".into(), "--".into(), id.trim().into()]);
            save.stdout(archive.try_clone().map_err(io)?);
            self.run(&doing, save, line).await?;
        }
        Image::from_archive_file(&doing, archive, build.platform)
    }

    async fn kind(&self, doing: &str) -> Result<Kind, Fault> {
        let missing = |e: std::io::Error| {
            match e.kind() {
            std::io::ErrorKind::NotFound => Fault::new(doing, "there is no `docker` on the PATH").with_hint(
                "install Docker, or build elsewhere and give the image as `image: { archive: FILE }` or `{ layout: DIR }`",
            ),
            _ => Fault::new(doing, format!("starting docker: {e}")),
        }
        };
        let inspected = self.command(&["buildx".into(), "inspect".into()]).output().await.map_err(missing)?;
        if !inspected.status.success() {
            let version = self.command(&["buildx".into(), "version".into()]).output().await.map_err(missing)?;
            return match version.status.success() {
                true => Err(Fault::new(doing, String::from_utf8_lossy(&inspected.stderr).into_owned())
                    .with_hint("`docker buildx inspect` must answer: is the engine running?")),
                false => Ok(Kind::Plain),
            };
        }
        let text = String::from_utf8_lossy(&inspected.stdout);
        let driver = text.lines().find_map(|line| line.strip_prefix("Driver:")).unwrap_or_default();
        Ok(if driver.trim() == "docker" { Kind::Engine } else { Kind::Container })
    }

    fn command(&self, arguments: &[OsString]) -> Command {
        let mut command = Command::new("docker");
        command.args(arguments).env_clear().envs(self.environment.iter().map(|(name, value)| (name, value)));
        command.stdin(Stdio::null()).kill_on_drop(true);
        command
    }

    /// Runs a command to its end; its stderr becomes lines, and so does its stdout where that is not a file by now.
    async fn run(&self, doing: &str, mut command: Command, line: &(dyn Fn(&str) + Send + Sync)) -> Result<(), Fault> {
        let mut child =
            command.stderr(Stdio::piped()).spawn().map_err(|e| Fault::new(doing, format!("starting docker: {e}")))?;
        let last = std::sync::Mutex::new(VecDeque::with_capacity(LAST));
        let each = |text: &str| {
            line(text);
            let mut last = last.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
            if last.len() == LAST {
                last.pop_front();
            }
            last.push_back(text.to_owned());
        };
        let (out, err) = (child.stdout.take(), child.stderr.take());
        let (ended, (), ()) = tokio::join!(child.wait(), lines(out, &each), lines(err, &each));
        let ended = ended.map_err(|e| Fault::new(doing, e.to_string()))?;
        if ended.success() {
            return Ok(());
        }
        let last = last.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner);
        let said = last.into_iter().collect::<Vec<_>>().join("\n");
        Err(Fault::new(doing, format!("docker ended with {}\n{said}", how(ended)))
            .with_hint("the builder's own lines above say why; `docker build` in that directory shows the same"))
    }
}

impl Default for Docker {
    fn default() -> Self {
        Self::new()
    }
}

fn how(ended: ExitStatus) -> String {
    ended.code().map_or_else(|| ended.to_string(), |code| format!("exit code {code}"))
}

async fn lines(from: Option<impl AsyncRead + Unpin>, each: &(dyn Fn(&str) + Sync)) {
    let Some(from) = from else { return };
    let mut from = BufReader::new(from);
    let mut line = Vec::new();
    loop {
        let (taken, ended) = match from.fill_buf().await {
            Ok([]) | Err(_) => break,
            Ok(bytes) => {
                let end = bytes.iter().position(|b| *b == b'\n');
                let part = &bytes[..end.unwrap_or(bytes.len())];
                line.extend_from_slice(&part[..part.len().min(MAX_LINE - line.len())]);
                (end.map_or(bytes.len(), |end| end + 1), end.is_some())
            }
        };
        from.consume(taken);
        if ended {
            each(String::from_utf8_lossy(&line).trim_end_matches('\r'));
            line.clear();
        }
    }
    if !line.is_empty() {
        each(&String::from_utf8_lossy(&line));
    }
}

fn refuse_reserved(doing: &str, build: &Build<'_>) -> Result<(), Fault> {
    for name in build.secrets.keys() {
        let upper = name.to_ascii_uppercase();
        let plain = !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
        let reserved = RESERVED.iter().any(|prefix| upper.starts_with(prefix)) || PASSED.contains(&name.as_str());
        if !plain || reserved {
            return Err(Fault::new(doing, format!("a build secret may not be named '{name}'"))
                .with_hint("take a name of letters, digits and _ that means nothing to the builder"));
        }
    }
    Ok(())
}

fn arguments(build: &Build<'_>, kind: Kind, id: &Path) -> Vec<OsString> {
    let mut out: Vec<OsString> = Vec::new();
    let joined = |left: &str, right: &OsStr| {
        let mut text = OsString::from(left);
        text.push(right);
        text
    };
    match kind {
        Kind::Plain => out.push("build".into()),
        Kind::Engine | Kind::Container => out.extend(["buildx", "build", "--progress=plain"].map(Into::into)),
    }
    match kind {
        Kind::Plain => out.push(joined("--iidfile=", id.as_os_str())),
        Kind::Engine => out.extend(["--load".into(), joined("--iidfile=", id.as_os_str())]),
        Kind::Container => out.push("--output=type=oci,dest=-".into()),
    }
    out.push(joined("--file=", build.context.join(build.dockerfile).as_os_str()));
    out.push(format!("--platform={}", build.platform).into());
    out.extend(build.target.map(|target| format!("--target={target}").into()));
    out.extend(build.args.iter().map(|(name, value)| format!("--build-arg={name}={value}").into()));
    out.extend(build.labels.iter().map(|(name, value)| format!("--label={name}={value}").into()));
    if kind != Kind::Plain {
        out.extend(build.secrets.keys().map(|name| format!("--secret=id={name},env={name}").into()));
        out.extend(build.cache_from.iter().map(|from| format!("--cache-from={from}").into()));
        out.extend(build.cache_to.iter().map(|to| format!("--cache-to={to}").into()));
    }
    out.push("--".into());
    out.push(build.context.into());
    out
}
