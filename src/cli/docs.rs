//! `docs`: writes the documentation of infrastructure and settings, or says whether what is there is current.

use std::{
    io::Write,
    path::{Path, PathBuf},
};

use runner_core::plan::{Exit, Fault};
use serde_json::json;

use super::{
    args::Format,
    connect, load,
    settings::Settings,
    sink,
    stop::{Done, Stop},
};

/// Where the page is written: beneath the folder that paths of the file are relative to.
const PAGE: &str = "INFRASTRUCTURE.md";
/// Lines of a difference that are shown.
const SHOWN: usize = 40;

/// Arguments of `docs`.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "The page is about all environments. It is written as INFRASTRUCTURE.md beside the workflow file, or in the\nrepository's root where the file is in .github.\n\nExamples:\n  runner docs\n  runner docs --check\n  runner docs --output docs/infrastructure.md"
)]
pub struct Args {
    /// Write nothing; end with 1 where the page is not what would be written
    #[arg(long)]
    check: bool,
    /// Another place for the page
    #[arg(long, value_name = "FILE")]
    output: Option<PathBuf>,
}

/// Writes or checks.
pub fn run(settings: &Settings, args: &Args) -> Done {
    let found = load::find(settings)?;
    let wanted = sink::redact(&connect::docs(&found, settings.err)?);
    let path = args.output.clone().unwrap_or_else(|| {
        let path = found.workspace.root.join(PAGE);
        path.strip_prefix(".").map(Path::to_owned).unwrap_or(path)
    });
    let there = read(&path)?;
    let current = there.as_ref() == Some(&wanted);
    let difference = if current { Vec::new() } else { difference(there.as_deref().unwrap_or_default(), &wanted) };
    let verdict = match (current, args.check) {
        (true, _) => "current",
        (false, true) => "stale",
        (false, false) => "written",
    };
    if verdict == "written" {
        write(&path, &wanted)?;
    }
    let code = if verdict == "stale" { Exit::Failed.code() } else { 0 };
    tell(settings, &path, verdict, &difference, code);
    Ok(code)
}

fn tell(settings: &Settings, path: &Path, verdict: &str, difference: &[String], code: u8) {
    let file = path.display().to_string();
    let head = match verdict {
        "stale" => format!("{file} is stale\n  do: runner docs"),
        "written" => format!("wrote {file}"),
        _ => format!("{file} is current"),
    };
    match settings.format {
        Format::Json => sink::json(&json!({
            "file": file, "verdict": verdict, "difference": difference, "exit_code": code,
        })),
        _ if verdict == "stale" => sink::out(&format!("{head}\n\n{}\n", difference.join("\n"))),
        _ => sink::out(&format!("{head}\n")),
    }
}

fn read(path: &Path) -> Result<Option<String>, Stop> {
    match std::fs::read(path) {
        Ok(bytes) => Ok(Some(String::from_utf8_lossy(&bytes).into_owned())),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(Fault::new(format!("reading {}", path.display()), error.to_string()).into()),
    }
}

/// A new file in its place: a link that stands there is not followed.
fn write(path: &Path, text: &str) -> Result<(), Fault> {
    let fault = |error: &std::io::Error| Fault::new(format!("writing {}", path.display()), error.to_string());
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    std::fs::create_dir_all(folder).map_err(|error| fault(&error))?;
    let mut file = tempfile::NamedTempFile::new_in(folder).map_err(|error| fault(&error))?;
    file.write_all(text.as_bytes()).map_err(|error| fault(&error))?;
    readable(file.as_file()).map_err(|error| fault(&error))?;
    file.persist(path).map_err(|error| fault(&error.error))?;
    Ok(())
}

/// Scratch files are for their owner alone; this one is for everyone who reads the repository.
#[cfg(unix)]
fn readable(file: &std::fs::File) -> std::io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    file.set_permissions(std::fs::Permissions::from_mode(0o644))
}

#[cfg(not(unix))]
fn readable(_file: &std::fs::File) -> std::io::Result<()> {
    Ok(())
}

/// What differs between the first and the last line that do, as `diff` marks it.
fn difference(before: &str, after: &str) -> Vec<String> {
    let (old, new): (Vec<&str>, Vec<&str>) = (before.lines().collect(), after.lines().collect());
    let first = old.iter().zip(&new).take_while(|(one, other)| one == other).count();
    let rest = old.len().min(new.len()) - first;
    let last = old.iter().rev().zip(new.iter().rev()).take(rest).take_while(|(one, other)| one == other).count();
    let part = |sign: &str, lines: &[&str]| -> Vec<String> {
        let changed = lines.get(first..lines.len() - last).unwrap_or_default();
        let mut shown: Vec<String> = changed.iter().take(SHOWN / 2).map(|line| format!("{sign} {line}")).collect();
        if changed.len() > shown.len() {
            shown.push(format!("{sign} … and {} lines more", changed.len() - shown.len()));
        }
        shown
    };
    let head = format!("@ line {}", first + 1);
    std::iter::once(head).chain(part("-", &old)).chain(part("+", &new)).collect()
}

#[cfg(test)]
mod tests {
    use super::difference;

    #[test]
    fn a_difference_is_what_lies_between_what_is_alike() {
        assert_eq!(difference("a\nb\nc\n", "a\nB\nx\nc\n"), ["@ line 2", "- b", "+ B", "+ x"]);
        assert_eq!(difference("", "a\n"), ["@ line 1", "+ a"]);
        assert_eq!(difference("a\na\n", "a\n"), ["@ line 2", "- a"]);
        let long: String = (0..100).map(|n| format!("{n}\n")).collect();
        assert_eq!(difference("", &long).last().unwrap(), "+ … and 80 lines more");
    }
}
