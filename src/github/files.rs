//! The files that GitHub reads after a step: summary and outputs; and the whole report as JSON for later steps.
//! GITHUB_ENV and GITHUB_PATH are never written: what stands there reaches every later step.
//! <https://docs.github.com/en/actions/reference/workflows-and-actions/workflow-commands#environment-files>

use std::{
    fs::{self, OpenOptions},
    io::{self, Write},
    os::unix::fs::{OpenOptionsExt, PermissionsExt},
    path::{Path, PathBuf},
};

use runner_core::report::file_command;

/// GitHub drops a step's summary that is larger.
const SUMMARY: u64 = 1024 * 1024;

/// Where they are.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct StepFiles {
    /// GITHUB_STEP_SUMMARY.
    pub summary: Option<PathBuf>,
    /// GITHUB_OUTPUT.
    pub output: Option<PathBuf>,
    /// RUNNER_TEMP.
    pub temporary: Option<PathBuf>,
}

impl StepFiles {
    /// The files of the job.
    pub fn of(variable: impl Fn(&str) -> Option<String>) -> Self {
        let path = |name: &str| variable(name).map(PathBuf::from);
        Self { summary: path("GITHUB_STEP_SUMMARY"), output: path("GITHUB_OUTPUT"), temporary: path("RUNNER_TEMP") }
    }

    /// Adds to the summary, unless that would be too much for GitHub.
    ///
    /// # Errors
    /// As the system says.
    pub fn summarise(&self, text: &str) -> io::Result<()> {
        let Some(path) = &self.summary else { return Ok(()) };
        let there = fs::metadata(path).map(|file| file.len()).unwrap_or_default();
        if there + text.len() as u64 + 1 >= SUMMARY {
            return Err(io::Error::other("it would be larger than GitHub's 1 MiB"));
        }
        append(path, &format!("{text}\n"))
    }

    /// Adds outputs, all or none.
    ///
    /// # Errors
    /// As the system says; where there is no randomness for the delimiters; where a value has one in it.
    pub fn put_out(&self, outputs: &[(&str, String)]) -> io::Result<()> {
        let Some(path) = &self.output else { return Ok(()) };
        let mut text = String::new();
        for (name, value) in outputs {
            let delimiter = format!("ghadelimiter_{}", random_word()?);
            let entry = file_command(name, value, &delimiter)
                .ok_or_else(|| io::Error::other(format!("the output {name} has its delimiter in it")))?;
            text.push_str(&entry);
        }
        append(path, &text)
    }

    /// Keeps a report in a new folder that nobody else may enter, and gives its path; none without RUNNER_TEMP.
    ///
    /// # Errors
    /// As the system says.
    pub fn keep(&self, json: &str) -> io::Result<Option<PathBuf>> {
        let Some(temporary) = &self.temporary else { return Ok(None) };
        // Made anew, under a name that was not there.
        let mode = fs::Permissions::from_mode(0o700);
        let folder = tempfile::Builder::new().prefix("finance-infra-").permissions(mode).tempdir_in(temporary)?;
        let path = folder.path().join("report.json");
        let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path)?;
        file.write_all(json.as_bytes())?;
        let _ = folder.keep();
        Ok(Some(path))
    }
}

fn append(path: &Path, text: &str) -> io::Result<()> {
    OpenOptions::new().append(true).create(true).mode(0o600).open(path)?.write_all(text.as_bytes())
}

/// A word that nobody can guess.
///
/// # Errors
/// Where the machine has no randomness.
pub fn random_word() -> io::Result<String> {
    let mut bytes = [0u8; 16];
    let random = rustls::crypto::ring::default_provider().secure_random;
    random.fill(&mut bytes).map_err(|_| io::Error::other("this machine has no randomness"))?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn files(folder: &Path) -> StepFiles {
        let path = |name: &str| Some(folder.join(name).display().to_string());
        StepFiles::of(|name| match name {
            "GITHUB_ENV" | "GITHUB_PATH" => path("never"),
            name => path(name),
        })
    }

    #[test]
    fn summary_and_outputs_are_added_and_bounded() {
        let folder = tempfile::tempdir().unwrap();
        let files = files(folder.path());
        files.summarise("one").unwrap();
        files.summarise("two").unwrap();
        assert_eq!(fs::read_to_string(folder.path().join("GITHUB_STEP_SUMMARY")).unwrap(), "one\ntwo\n");
        assert!(files.summarise(&"x".repeat(1024 * 1024 - 8)).is_err());
        assert_eq!(fs::read_to_string(folder.path().join("GITHUB_STEP_SUMMARY")).unwrap(), "one\ntwo\n");
        files.put_out(&[("verdict", "failed".into()), ("cause", "a\nverdict=succeeded".into())]).unwrap();
        files.put_out(&[("url", "https://x".into())]).unwrap();
        let text = fs::read_to_string(folder.path().join("GITHUB_OUTPUT")).unwrap();
        let delimiters: std::collections::BTreeSet<&str> =
            text.lines().filter_map(|line| Some(line.split_once("<<")?.1)).collect();
        assert_eq!(delimiters.len(), 3, "{text}");
        assert!(!folder.path().join("never").exists());
        StepFiles::default().put_out(&[("verdict", "failed".into())]).unwrap();
    }

    #[test]
    fn a_report_is_kept_where_nobody_else_reads() {
        let folder = tempfile::tempdir().unwrap();
        let files = StepFiles { temporary: Some(folder.path().to_owned()), ..StepFiles::default() };
        let (first, second) = (files.keep("{}").unwrap().unwrap(), files.keep("{}").unwrap().unwrap());
        assert_ne!(first, second);
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!((mode(&first), mode(first.parent().unwrap())), (0o600, 0o700));
        assert_eq!(StepFiles::default().keep("{}").unwrap(), None);
    }
}
