//! Where the sandbox lives and what its children may see of our environment.

use std::{
    ffi::{OsStr, OsString},
    path::{Path, PathBuf},
    time::Duration,
};

use runner_core::plan::{Exit, Fault};

/// What the installer's processes may see: where to find things and how to reach the package index. Never AWS_*,
/// GITHUB_*, PYTHON* or the loader's variables.
const INSTALLER: [&str; 20] = [
    "PATH",
    "HOME",
    "USER",
    "TMPDIR",
    "LANG",
    "LC_ALL",
    "XDG_CACHE_HOME",
    "XDG_CONFIG_HOME",
    "PYENV_ROOT",
    "PYENV_VERSION",
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
    "REQUESTS_CA_BUNDLE",
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "NO_PROXY",
    "ALL_PROXY",
    "http_proxy",
    "https_proxy",
    "no_proxy",
];

/// pip's variables that would send the packages elsewhere than into our environment, or undo what we ask of it.
const NOT_OF_PIP: [&str; 14] = [
    "PIP_TARGET",
    "PIP_PREFIX",
    "PIP_ROOT",
    "PIP_USER",
    "PIP_PYTHON",
    "PIP_DRY_RUN",
    "PIP_REQUIREMENT",
    "PIP_CONSTRAINT",
    "PIP_EDITABLE",
    "PIP_NO_BINARY",
    "PIP_ONLY_BINARY",
    "PIP_PLATFORM",
    "PIP_PYTHON_VERSION",
    "PIP_LOG",
];

/// Where the sandbox lives. [`Settings::from_process`] is the user's own; tests make others beside it.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Holds the installed emulator; may be shared by many sandboxes.
    pub cache_dir: PathBuf,
    /// Holds one sandbox: its record, locks, log and temporary files.
    pub state_dir: PathBuf,
    /// Where Python is looked for, as in `PATH`.
    pub search_path: OsString,
    /// What the installer's processes get as their environment. Nothing of it reaches the emulator.
    pub installer_env: Vec<(OsString, OsString)>,
    /// Addresses of Docker engines, as in `DOCKER_HOST`; the first that answers is the emulator's.
    pub docker_hosts: Vec<String>,
    /// The account of requests that name none, twelve digits: the engine's pulls from the emulated registry.
    pub account: String,
    /// Whether the emulator checks signatures, IAM policies and trust policies.
    pub auth: bool,
    /// How long a running emulator may be silent, or take to stop, before it is killed.
    pub patience: Duration,
}

impl Settings {
    /// The user's own sandbox, below `$XDG_CACHE_HOME` or `~/.cache`. This is the one place that reads the process
    /// environment: `DOCKER_HOST` from a workflow file never gets here.
    pub fn from_process() -> Result<Self, Fault> {
        Self::from_vars(std::env::vars_os().collect())
    }

    fn from_vars(vars: Vec<(OsString, OsString)>) -> Result<Self, Fault> {
        let var = |name: &str| {
            vars.iter().find(|(key, value)| key == name && !value.is_empty()).map(|(_, value)| value.as_os_str())
        };
        let absolute = |name: &str| var(name).map(Path::new).filter(|path| path.is_absolute());
        let caches = absolute("XDG_CACHE_HOME")
            .map(Path::to_owned)
            .or_else(|| absolute("HOME").map(|home| home.join(".cache")))
            .ok_or_else(|| {
                Fault::new("looking for a place for the local AWS", "neither HOME nor XDG_CACHE_HOME is set")
                    .with_hint("Set XDG_CACHE_HOME to a directory you may write to.")
                    .with_exit(Exit::Usage)
            })?;
        let cache_dir = caches.join("finance-infra-action").join("sandbox");
        Ok(Self {
            state_dir: cache_dir.join(super::ACCOUNT),
            cache_dir,
            search_path: var("PATH").map(OsStr::to_owned).unwrap_or_default(),
            docker_hosts: docker_hosts(var("DOCKER_HOST"), var("DOCKER_TLS_VERIFY").is_some(), &absolute),
            installer_env: vars.iter().filter(|(name, _)| is_for_installer(name)).cloned().collect(),
            account: super::ACCOUNT.to_owned(),
            auth: false,
            patience: Duration::from_secs(15),
        })
    }

    /// The same installation and surroundings with a sandbox of its own in this directory.
    pub fn with_state_dir(mut self, state_dir: impl Into<PathBuf>) -> Self {
        self.state_dir = state_dir.into();
        self
    }

    /// The same, with requests that name no account going to this one.
    pub fn with_account(mut self, account: impl Into<String>) -> Self {
        self.account = account.into();
        self
    }

    /// The sandbox of an account, beside those of others.
    pub fn of_account(self, account: &str) -> Self {
        let state_dir = self.cache_dir.join(account);
        self.with_state_dir(state_dir).with_account(account)
    }

    /// The sandboxes there are or were, by their directories.
    pub fn accounts(&self) -> Vec<Self> {
        let entries = std::fs::read_dir(&self.cache_dir).into_iter().flatten().flatten();
        let mut names: Vec<String> = entries.filter_map(|entry| entry.file_name().into_string().ok()).collect();
        names.retain(|name| name.len() == 12 && name.bytes().all(|digit| digit.is_ascii_digit()));
        names.sort();
        names.iter().map(|account| self.clone().of_account(account)).collect()
    }

    /// The same, with the emulator checking signatures and policies.
    pub fn with_auth(mut self) -> Self {
        self.auth = true;
        self
    }
}

fn is_for_installer(name: &OsStr) -> bool {
    let Some(name) = name.to_str() else { return false };
    INSTALLER.contains(&name) || (name.starts_with("PIP_") && !NOT_OF_PIP.contains(&name))
}

/// `DOCKER_HOST` alone where it is set; otherwise the places where engines listen: the default, a rootless engine,
/// Docker Desktop. An engine behind TLS is left out, since we do not speak to it.
fn docker_hosts<'a>(
    docker_host: Option<&OsStr>,
    tls: bool,
    absolute: &dyn Fn(&str) -> Option<&'a Path>,
) -> Vec<String> {
    if let Some(host) = docker_host {
        return host
            .to_str()
            .filter(|host| !tls || host.starts_with("unix://"))
            .map(str::to_owned)
            .into_iter()
            .collect();
    }
    let mut sockets = vec![PathBuf::from("/var/run/docker.sock")];
    sockets.extend(absolute("XDG_RUNTIME_DIR").map(|dir| dir.join("docker.sock")));
    for socket in [".docker/run/docker.sock", ".docker/desktop/docker.sock"] {
        sockets.extend(absolute("HOME").map(|home| home.join(socket)));
    }
    sockets.iter().map(|socket| format!("unix://{}", socket.display())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn from(vars: &[(&str, &str)]) -> Result<Settings, Fault> {
        Settings::from_vars(vars.iter().map(|(name, value)| (name.into(), value.into())).collect())
    }

    #[test]
    fn the_cache_is_the_users_and_a_relative_one_is_ignored() {
        let settings = from(&[("HOME", "/home/me"), ("XDG_CACHE_HOME", "cache")]).unwrap();
        assert_eq!(settings.cache_dir, Path::new("/home/me/.cache/finance-infra-action/sandbox"));
        let settings = from(&[("HOME", "/home/me"), ("XDG_CACHE_HOME", "/c")]).unwrap();
        assert_eq!(settings.state_dir, Path::new("/c/finance-infra-action/sandbox/000000000000"));
        assert_eq!(from(&[("HOME", "")]).unwrap_err().exit, Exit::Usage);
    }

    #[test]
    fn the_installer_sees_the_index_and_no_credentials() {
        let settings = from(&[
            ("HOME", "/home/me"),
            ("PIP_INDEX_URL", "https://mirror.example/simple"),
            ("PIP_TARGET", "/elsewhere"),
            ("https_proxy", "http://proxy:1"),
            ("AWS_SECRET_ACCESS_KEY", "s"),
            ("GITHUB_TOKEN", "t"),
            ("LD_PRELOAD", "/x.so"),
            ("PYTHONPATH", "/x"),
            ("DOCKER_HOST", "unix:///d.sock"),
        ])
        .unwrap();
        let names: Vec<_> = settings.installer_env.iter().map(|(name, _)| name.to_str().unwrap()).collect();
        assert_eq!(names, ["HOME", "PIP_INDEX_URL", "https_proxy"]);
    }

    #[test]
    fn engines_are_where_the_docker_client_looks() {
        let hosts = |vars: &[(&str, &str)]| from(vars).unwrap().docker_hosts;
        assert_eq!(hosts(&[("HOME", "/h"), ("DOCKER_HOST", "tcp://e:1")]), ["tcp://e:1"]);
        assert_eq!(hosts(&[("HOME", "/h"), ("DOCKER_HOST", "tcp://e:1"), ("DOCKER_TLS_VERIFY", "1")]), [""; 0]);
        assert_eq!(
            hosts(&[("HOME", "/h"), ("XDG_RUNTIME_DIR", "/run/user/1")]),
            [
                "unix:///var/run/docker.sock",
                "unix:///run/user/1/docker.sock",
                "unix:///h/.docker/run/docker.sock",
                "unix:///h/.docker/desktop/docker.sock"
            ]
        );
    }
}
