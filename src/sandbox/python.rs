//! Finding a Python that can run the emulator.

use std::{
    ffi::OsStr,
    path::{Path, PathBuf},
    process::Stdio,
    time::Duration,
};

use runner_core::plan::{Exit, Fault};
use tokio::process::Command;

use super::settings::Settings;

/// The oldest that the pinned packages are hashed for.
const OLDEST: (u32, u32) = (3, 11);
/// In this order in every directory of the search path.
const NAMES: [&str; 6] = ["python3", "python3.14", "python3.13", "python3.12", "python3.11", "python"];
/// A version is told in milliseconds; a wrapper that asks something never ends.
const PATIENCE: Duration = Duration::from_secs(10);
/// The real executable behind wrappers and links, and its version.
const PROBE: &str = "import sys; print(*sys.version_info[:2], sys.executable)";

const HINT: &str = "Install Python 3.11 or newer with its venv module (Debian and Ubuntu: apt-get install python3 \
                    python3-venv; macOS: brew install python), or leave out --sandbox.";

/// What it takes for Python to run with nothing of the user's: no PYTHON* variables, no user site, no current
/// directory on the path.
pub(super) const ISOLATED: &str = "-I";

/// The first Python on the search path that is new enough.
pub(super) async fn find(settings: &Settings) -> Result<PathBuf, Fault> {
    let mut refused = Vec::new();
    for candidate in candidates(&settings.search_path) {
        match probe(&candidate, settings).await {
            Some((version, executable)) if version >= OLDEST => return Ok(executable),
            Some(((major, minor), _)) => refused.push(format!("{} is {major}.{minor}", candidate.display())),
            None => {}
        }
    }
    let message = if refused.is_empty() {
        "no working python3 on PATH".to_owned()
    } else {
        format!("no Python new enough on PATH: {}", refused.join(", "))
    };
    Err(Fault::new("looking for Python to run the local AWS", message).with_hint(HINT).with_exit(Exit::Usage))
}

fn candidates(search_path: &OsStr) -> Vec<PathBuf> {
    let directories: Vec<_> = std::env::split_paths(search_path).filter(|dir| dir.is_absolute()).collect();
    NAMES
        .iter()
        .flat_map(|name| directories.iter().map(move |dir| dir.join(name)))
        .filter(|path| path.is_file())
        .collect()
}

async fn probe(python: &Path, settings: &Settings) -> Option<((u32, u32), PathBuf)> {
    let output = Command::new(python)
        .args([ISOLATED, "-c", PROBE])
        .env_clear()
        .envs(settings.installer_env.iter().map(|(name, value)| (name, value)))
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .output();
    let output = tokio::time::timeout(PATIENCE, output).await.ok()?.ok()?;
    parse(std::str::from_utf8(&output.stdout).ok()?)
}

fn parse(told: &str) -> Option<((u32, u32), PathBuf)> {
    let mut parts = told.trim_end_matches('\n').splitn(3, ' ');
    let version = (parts.next()?.parse().ok()?, parts.next()?.parse().ok()?);
    let executable = PathBuf::from(parts.next()?);
    executable.is_absolute().then_some((version, executable))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_python_tells_of_itself_is_read_and_anything_else_is_not() {
        assert_eq!(parse("3 11 /usr/bin/python3\n"), Some(((3, 11), "/usr/bin/python3".into())));
        assert_eq!(parse("3 12 /a b/python\n"), Some(((3, 12), "/a b/python".into())));
        assert_eq!(parse("3 12 None\n"), None);
        assert_eq!(parse("Python was not found; run without arguments to install"), None);
        assert_eq!(parse(""), None);
    }
}
