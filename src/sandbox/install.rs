//! Installing the emulator, once, into a virtual environment in the user's cache.
//!
//! It is built beside its place and renamed into it when it is whole, so an installer that was killed leaves nothing
//! that could be mistaken for an installation, and what it still writes goes where nobody looks.

use std::{
    path::{Path, PathBuf},
    process::Stdio,
    time::Duration,
};

use runner_core::{plan::Fault, text::Foreign};
use sha2::{Digest, Sha256};
use tokio::process::Command;

use super::{
    VERSION, files,
    python::{self, ISOLATED},
    settings::Settings,
};

/// Every package with the hashes of its wheels.
const REQUIREMENTS: &str = include_str!("requirements.txt");
/// Written last.
const COMPLETE: &str = "complete";
/// What is being built has this in front of its name.
const BUILDING: &str = "building-";
/// Making an environment takes 2 s.
const VENV_PATIENCE: Duration = Duration::from_secs(180);
/// 25 packages, 25 MB: 3 s on a good line.
const PIP_PATIENCE: Duration = Duration::from_secs(900);

/// Which installation this binary wants: another version or another pin is another directory.
pub(super) fn build_id() -> String {
    let digest = Sha256::digest(REQUIREMENTS.as_bytes());
    let short: String = digest.iter().take(6).map(|byte| format!("{byte:02x}")).collect();
    format!("{VERSION}-{short}")
}

/// The interpreter of the installed emulator; installs it where it is not there or not whole.
pub(super) async fn ensure(settings: &Settings, progress: &(dyn Fn(&str) + Sync)) -> Result<PathBuf, Fault> {
    files::private_dir(&settings.cache_dir)?;
    let place = settings.cache_dir.join(build_id());
    let python = place.join("bin").join("python3");
    let lock = settings.cache_dir.join("install.lock");
    let _held = files::lock(&lock, || progress("waiting for another command that installs the local AWS")).await?;
    if place.join(COMPLETE).is_file() && works(&python).await {
        return Ok(python);
    }
    remove_litter(&settings.cache_dir);
    remove(&place)?;
    let base = python::find(settings).await?;
    progress(&format!("installing the local AWS (MiniStack {VERSION}, once, about 90 MB)"));
    let building = tempfile::Builder::new()
        .prefix(BUILDING)
        .tempdir_in(&settings.cache_dir)
        .map_err(|e| files::unusable("making a directory in", &settings.cache_dir, &e))?;
    build(settings, &base, building.path()).await?;
    let built = building.keep();
    std::fs::write(built.join(COMPLETE), VERSION).map_err(|e| files::unusable("writing in", &built, &e))?;
    std::fs::rename(&built, &place).map_err(|e| files::unusable("making", &place, &e))?;
    Ok(python)
}

/// Whether the interpreter still runs and still finds the packages: an upgrade of the system's Python breaks both.
async fn works(python: &Path) -> bool {
    let look = "import importlib.util as u; raise SystemExit(not (u.find_spec('ministack') and u.find_spec('docker')))";
    let status = Command::new(python)
        .args([ISOLATED, "-c", look])
        .env_clear()
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .status();
    matches!(tokio::time::timeout(VENV_PATIENCE, status).await, Ok(Ok(status)) if status.success())
}

async fn build(settings: &Settings, base: &Path, dir: &Path) -> Result<(), Fault> {
    let list = dir.join("requirements.txt");
    std::fs::write(&list, REQUIREMENTS).map_err(|e| files::unusable("writing", &list, &e))?;

    let mut venv = Command::new(base);
    venv.args([ISOLATED, "-m", "venv"]).arg(dir);
    run(settings, venv, VENV_PATIENCE).await.map_err(|said| {
        Fault::new(format!("making a virtual environment with {}", base.display()), said).with_hint(
            "Python's venv module is incomplete here (Debian and Ubuntu: apt-get install python3-venv), or the disk \
             is full.",
        )
    })?;

    let mut pip = Command::new(dir.join("bin").join("python3"));
    // No dependencies beside the listed ones, nothing without a pinned hash, no package's own build script.
    pip.args([ISOLATED, "-m", "pip", "install", "--no-input", "--quiet", "--no-compile", "--no-deps"])
        .args(["--disable-pip-version-check", "--only-binary", ":all:", "--require-hashes", "--requirement"])
        .arg(&list)
        // A `user = true` in pip.conf is refused inside a virtual environment.
        .env("PIP_USER", "0");
    run(settings, pip, PIP_PATIENCE).await.map_err(|said| {
        let hint = pip_hint(said.raw());
        Fault::new("installing the local AWS with pip", said).with_hint(hint)
    })
}

/// Runs one step of the installation; what it said where it failed.
async fn run(settings: &Settings, mut command: Command, patience: Duration) -> Result<(), Foreign> {
    let explicit: Vec<_> = command.as_std().get_envs().map(|(k, v)| (k.to_owned(), v.map(ToOwned::to_owned))).collect();
    command
        .env_clear()
        .envs(settings.installer_env.iter().map(|(name, value)| (name, value)))
        .envs(explicit.into_iter().filter_map(|(name, value)| Some((name, value?))))
        .stdin(Stdio::null())
        .kill_on_drop(true);
    match tokio::time::timeout(patience, command.output()).await {
        Ok(Ok(output)) if output.status.success() => Ok(()),
        Ok(Ok(output)) => {
            // venv explains itself on stdout, pip on stderr.
            let said = [output.stderr, output.stdout].concat();
            let said = tail(&String::from_utf8_lossy(&said), 12);
            Err(Foreign::new(if said.is_empty() { output.status.to_string() } else { said }))
        }
        Ok(Err(e)) => Err(Foreign::new(e.to_string())),
        Err(_) => Err(Foreign::new(format!("it was not done after {} s", patience.as_secs()))),
    }
}

/// What to do about it, by what pip said.
fn pip_hint(said: &str) -> &'static str {
    let has = |needles: &[&str]| needles.iter().any(|needle| said.contains(needle));
    if has(&["No module named pip", "No module named 'pip'"]) {
        "Python has no pip here (Debian and Ubuntu: apt-get install python3-venv python3-pip)."
    } else if has(&["DO NOT MATCH THE HASHES"]) {
        "The package index served other files than the pinned ones. Nothing was installed. Ask whoever runs the index \
         or mirror; do not go around it."
    } else if has(&["No space left"]) {
        "The disk is full: the local AWS takes about 90 MB."
    } else if has(&["Connection", "connection", "Retrying", "resolve", "timed out", "SSL", "Proxy", "proxy"]) {
        "pip did not reach its package index. Check the network or proxy, or name a mirror with PIP_INDEX_URL."
    } else {
        "pip found no fitting package: this needs CPython 3.11 to 3.14 on Linux (x64, arm64) or macOS, and an index \
         with these releases (PIP_INDEX_URL)."
    }
}

/// The last lines that say something.
pub(super) fn tail(text: &str, count: usize) -> String {
    let lines: Vec<_> = text.lines().filter(|line| !line.trim().is_empty()).collect();
    lines[lines.len().saturating_sub(count)..].join("\n")
}

/// What killed installers left. Best effort: one of them may still be writing there.
fn remove_litter(cache_dir: &Path) {
    for entry in std::fs::read_dir(cache_dir).into_iter().flatten().flatten() {
        if entry.file_name().to_string_lossy().starts_with(BUILDING) {
            let _ = std::fs::remove_dir_all(entry.path());
        }
    }
}

fn remove(place: &Path) -> Result<(), Fault> {
    match std::fs::remove_dir_all(place) {
        Err(e) if e.kind() != std::io::ErrorKind::NotFound => Err(files::unusable("removing", place, &e)),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_requirement_is_one_release_with_hashes_and_the_emulators_is_ours() {
        let joined = REQUIREMENTS.replace("\\\n", " ");
        let mut names = Vec::new();
        for line in joined.lines().filter(|line| !line.starts_with('#') && !line.is_empty()) {
            let (name, rest) = line.split_once("==").unwrap_or_else(|| panic!("{line} has no exact version"));
            assert!(rest.contains("--hash=sha256:"), "{name} has no hash");
            names.push(name);
        }
        assert!(names.contains(&"docker") && names.len() > 20, "{names:?}");
        assert!(REQUIREMENTS.contains(&format!("\nministack=={VERSION} ")));
    }

    #[test]
    fn a_hint_fits_what_pip_said() {
        assert!(pip_hint("/v/bin/python3: No module named pip").contains("no pip"));
        assert!(pip_hint("ERROR: THESE PACKAGES DO NOT MATCH THE HASHES FROM …").contains("other files"));
        assert!(
            pip_hint("WARNING: Retrying (Retry(total=4)) … Failed to establish a new connection").contains("reach")
        );
        assert!(pip_hint("ERROR: No matching distribution found for cffi==2.1.1").contains("CPython"));
    }

    #[test]
    fn the_tail_is_of_lines_that_say_something() {
        assert_eq!(tail("a\n\nb\n  \nc\n", 2), "b\nc");
        assert_eq!(tail("", 3), "");
    }
}
