//! `init`: writes the file and the workflows from what stands in the repository.

mod compose;
mod copilot;
mod detect;
mod dockerfile;
mod draft;
mod file;
mod schedule;
mod taskdef;
mod values;
mod workflows;
mod yaml;

use std::{
    fs,
    io::{BufRead, IsTerminal},
    path::{Path, PathBuf},
    time::Instant,
};

use runner_core::{
    plan::Fault,
    report::{Block, Card, Checked, Mark, Piece, words},
};
use serde::Serialize;

use self::{detect::From, draft::Draft, file::Answers};
use super::{
    commit, connect,
    load::{DEFAULT, Found},
    paths::Workspace,
    settings::{Settings, variable},
    sink,
    stop::{Done, answer},
    usage,
};

/// Arguments of `init`.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "What is there is not overwritten, unless you agree. Without a terminal nothing is asked: what cannot be\ndetected is said by a flag.\n\nExamples:\n  runner init\n  runner init --from compose --region eu-west-1 --domain example.com\n  runner init --environments test,production --yes"
)]
pub struct Args {
    /// Read only the files of this tool: compose, copilot or taskdef
    #[arg(long, value_enum, value_name = "TOOL", hide_possible_values = true)]
    from: Option<From>,
    /// The app's name [default: the tool's, else the folder's]
    #[arg(long, value_name = "NAME")]
    app: Option<String>,
    /// The AWS region [default: AWS_REGION, else what the files name]
    #[arg(long, value_name = "REGION")]
    region: Option<String>,
    /// The domain of production; other environments are below it
    #[arg(long, value_name = "DOMAIN")]
    domain: Option<String>,
    /// The environments, the one that is deployed last at the end [default: the tool's, else staging,production]
    #[arg(long, value_name = "NAMES", value_delimiter = ',')]
    environments: Vec<String>,
}

/// What was done.
#[derive(Debug, Serialize)]
struct Initialised {
    verdict: &'static str,
    exit_code: u8,
    from: String,
    written: Vec<String>,
    overwritten: Vec<String>,
    kept: Vec<String>,
    notes: Vec<String>,
    todo: Vec<String>,
    #[serde(skip)]
    first: String,
    #[serde(skip)]
    errors: usize,
}

/// Writes them.
pub fn run(settings: &Settings, args: &Args) -> Done {
    if settings.file.is_some() {
        let message = format!("it writes {DEFAULT} of this repository, and takes no --file");
        return Err(usage("choosing where to write", message, "leave -f and INFRA_FILE out").into());
    }
    let workspace = Workspace { root: root()? };
    let found = detect::look(&workspace);
    let (mut draft, from) = read(&found, &workspace, args)?;
    let answers = complete(&mut draft, &found, &workspace, args)?;
    let text = file::text(&draft, &answers);
    let environments = file::environments(&draft, &answers);
    let secrets = file::job_secrets(&draft);

    let mut files = vec![(DEFAULT.to_owned(), text.clone())];
    let workflows = workflows::texts(&environments, &secrets);
    files.extend(workflows.into_iter().map(|(name, text)| (format!(".github/workflows/{name}"), text)));
    let (written, overwritten, kept) = write(settings, &workspace, &files)?;

    let (errors, shown) = check(settings, workspace, text)?;
    sink::err(&shown);
    let first = environments.first().cloned().unwrap_or_default();
    let done = Initialised {
        verdict: if errors == 0 { "initialised" } else { "incomplete" },
        exit_code: if errors == 0 { 0 } else { 2 },
        from,
        written,
        overwritten,
        kept,
        notes: draft.notes.clone(),
        todo: todo(&draft, &answers, &environments, &secrets),
        first,
        errors,
    };
    answer(settings, &done.card(), &done);
    Ok(done.exit_code)
}

/// The repository's first folder, or this one.
fn root() -> Result<PathBuf, Fault> {
    let here = std::env::current_dir().map_err(|error| Fault::new("finding this folder", error.to_string()))?;
    let root = here.ancestors().find(|folder| folder.join(".git").exists()).unwrap_or(&here);
    Ok(root.to_owned())
}

fn read(found: &detect::Found, workspace: &Workspace, args: &Args) -> Result<(Draft, String), Fault> {
    let tools = found.tools(workspace);
    let Some(from) = args.from.or_else(|| tools.first().copied()) else {
        return Err(usage(
            "looking for what the app is made of",
            "there is no Dockerfile, compose file, Copilot manifest or task definition here",
            "add a Dockerfile to each program, or write the file yourself: runner explain services",
        ));
    };
    let read = found.draft(workspace, from);
    let (mut draft, name) =
        read.map_err(|error| usage("reading what the app is made of", error, "runner init --help"))?;
    let others: Vec<&str> =
        tools.iter().filter(|tool| **tool != from && **tool != From::Dockerfiles).map(word).collect();
    if !others.is_empty() && args.from.is_none() {
        draft.notes.push(format!("there is also what --from {} would read", others.join(" or --from ")));
    }
    Ok((draft, name))
}

fn word(from: &From) -> &'static str {
    match from {
        From::Compose => "compose",
        From::Copilot => "copilot",
        From::Taskdef => "taskdef",
        From::Dockerfiles => "Dockerfiles",
    }
}

/// What the files do not say: from flags, from the surroundings, else from a person.
fn complete(draft: &mut Draft, found: &detect::Found, workspace: &Workspace, args: &Args) -> Result<Answers, Fault> {
    let folder = workspace.root.file_name().and_then(|name| name.to_str()).and_then(|name| draft::name(name, 24));
    let app = args.app.clone().or(draft.app.take()).or(folder);
    draft.app = Some(known(app, "--app", "The app's name (lower-case letters, digits, hyphens)")?);
    let surroundings = || ["AWS_REGION", "AWS_DEFAULT_REGION"].into_iter().find_map(variable);
    let region = args.region.clone().or_else(surroundings).or(draft.region.take()).or(found.region.clone());
    draft.region = Some(known(region, "--region", "The AWS region (eu-west-1, …)")?);
    let mut domain = args.domain.clone().or_else(|| file::domain_of_hosts(draft));
    if domain.is_none() && file::needs_domain(draft) {
        let public: Vec<&str> =
            draft.services.iter().filter(|(_, service)| service.public).map(|(name, _)| name.as_str()).collect();
        let question = format!("The domain that {} are below (example.com)", public.join(" and "));
        domain = Some(known(None, "--domain", &question)?);
    }
    Ok(Answers { domain, environments: args.environments.clone(), repository: found.repository.clone() })
}

fn known(value: Option<String>, flag: &str, question: &str) -> Result<String, Fault> {
    if let Some(value) = value {
        return Ok(value);
    }
    let asked = ask(question).filter(|answer| !answer.is_empty());
    asked.ok_or_else(|| {
        usage(
            "completing what was found",
            format!("{flag} is missing: {question}"),
            format!("runner init {flag} VALUE"),
        )
    })
}

/// A person's answer; none without a terminal.
fn ask(question: &str) -> Option<String> {
    if !std::io::stdin().is_terminal() || !std::io::stderr().is_terminal() {
        return None;
    }
    sink::err_line(&format!("{question}:"));
    let mut line = String::new();
    std::io::stdin().lock().read_line(&mut line).ok()?;
    Some(line.trim().to_owned())
}

type Lists = (Vec<String>, Vec<String>, Vec<String>);

/// Written, overwritten, kept. The workflow file itself is what was asked for: without leave to replace it nothing is
/// written at all.
fn write(settings: &Settings, workspace: &Workspace, files: &[(String, String)]) -> Result<Lists, Fault> {
    let (mut written, mut overwritten, mut kept) = (Vec::new(), Vec::new(), Vec::new());
    for (path, text) in files {
        let whole = workspace.root.join(path);
        let there = fs::symlink_metadata(&whole).is_ok();
        let same = there && fs::read(&whole).is_ok_and(|bytes| bytes == text.as_bytes());
        if same {
            kept.push(path.clone());
            continue;
        }
        if there && !settings.yes {
            let yes = ask(&format!("{path} is there already. Replace it? [y/N]"))
                .is_some_and(|it| it.eq_ignore_ascii_case("y"));
            if !yes && path == DEFAULT {
                let message = format!("{path} is there already; nothing was written");
                return Err(usage("writing the workflow file", message, "runner init --yes replaces it"));
            }
            if !yes {
                kept.push(path.clone());
                continue;
            }
        }
        put(&whole, text).map_err(|error| {
            let done = if written.is_empty() {
                "nothing was written".to_owned()
            } else {
                format!("written: {}", written.join(", "))
            };
            Fault::new(format!("writing {path}"), format!("{error}; {done}"))
        })?;
        if there { overwritten.push(path.clone()) } else { written.push(path.clone()) }
    }
    Ok((written, overwritten, kept))
}

/// Beside its place first, so that a full disk leaves no half file; a link is replaced, not followed.
fn put(path: &Path, text: &str) -> std::io::Result<()> {
    let folder = path.parent().unwrap_or(Path::new("."));
    fs::create_dir_all(folder)?;
    let mut file = tempfile::NamedTempFile::new_in(folder)?;
    std::io::Write::write_all(&mut file, text.as_bytes())?;
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o644);
    file.as_file().set_permissions(mode)?;
    file.persist(path).map_err(|error| error.error)?;
    Ok(())
}

/// How many errors the written file has, and what a terminal shows of them.
fn check(settings: &Settings, workspace: Workspace, text: String) -> Result<(usize, String), Fault> {
    let commit = commit::find(&workspace.root);
    let found = Found { name: DEFAULT.to_owned(), bytes: text.into_bytes(), workspace, commit };
    let checked: Checked = match connect::check(&found, settings.err, Instant::now()) {
        Ok(checked) => checked,
        Err(super::stop::Stop::Bad(checked)) => *checked,
        Err(super::stop::Stop::Stopped(_)) => return Err(Fault::new("checking the file", "it could not be read back")),
    };
    let shown = if checked.errors.is_empty() { String::new() } else { checked.text(settings.err) };
    Ok((checked.errors.len(), shown))
}

/// What only people can do.
fn todo(draft: &Draft, answers: &Answers, environments: &[String], secrets: &[String]) -> Vec<String> {
    let mut todo = Vec::new();
    let repository = answers.repository.as_deref().unwrap_or("OWNER/NAME");
    todo.push(format!(
        "in {DEFAULT}: `account` of each environment, and `identity` (the id: `gh api repos/{repository} --jq .id`)"
    ));
    if answers.domain.is_none() && draft.services.values().any(|service| service.public) {
        todo.push("`domain` of each environment; without it the load balancer listens on HTTP only".to_owned());
    } else if answers.domain.is_some() {
        todo.push(
            "`dns: { hosted-zone: … }` where Route 53 has the domain; else a run shows the records to make".to_owned(),
        );
    }
    todo.push(
        "in the workflows: the commit of a release in place of the forty zeros \
         (`gh api repos/org/finance-infra-action/commits/v0.1.0 --jq .sha` with the newest version)"
            .to_owned(),
    );
    todo.push(format!("on GitHub: the environments {}, with `main` as the only branch", environments.join(", ")));
    if !secrets.is_empty() {
        todo.push(format!("on GitHub: in each environment the secrets {}; no value was copied", secrets.join(", ")));
    }
    todo.push("in AWS: the roles, by the workflow `identity` or `runner stage bootstrap-identity`".to_owned());
    todo
}

impl Initialised {
    fn card(&self) -> Card {
        let count = self.written.len() + self.overwritten.len();
        let made = format!("{} from {}", words::count(count, "file"), self.from);
        let headline =
            if self.errors == 0 { format!("wrote {made}") } else { format!("wrote {made}, which is not valid yet") };
        let safe = match (self.overwritten.len(), self.kept.len()) {
            (0, 0) => "safe: nothing was there before; AWS was not contacted".to_owned(),
            (0, kept) => format!("safe: {} kept as they were; AWS was not contacted", words::count(kept, "file")),
            (over, _) => {
                format!("{} overwritten: git diff shows what; AWS was not contacted", words::count(over, "file"))
            }
        };
        let action = if self.errors == 0 {
            Piece::Command(format!("runner plan --sandbox -e {}", self.first))
        } else {
            Piece::words(format!("mend the {} above, then `runner validate`", words::count(self.errors, "error")))
        };
        let list = |label: &str, items: &[String]| {
            items
                .iter()
                .enumerate()
                .map(|(at, item)| {
                    (if at == 0 { label.to_owned() } else { String::new() }, vec![Piece::words(item.clone())])
                })
                .collect::<Vec<_>>()
        };
        let mut facts = list("written", &self.written);
        facts.extend(list("replaced", &self.overwritten));
        facts.extend(list("kept", &self.kept));
        facts.extend(list("look at", &self.notes));
        facts.extend(list("to do", &self.todo));
        Card {
            mark: if self.errors == 0 { Mark::Good } else { Mark::Bad },
            headline: headline.clone(),
            facts: Vec::new(),
            title: headline,
            safe,
            action: Some(action),
            blocks: vec![Block::Facts(facts)],
            small: Vec::new(),
        }
    }
}

/// Compares with a file in testdata. `UPDATE_CASES=1` writes it anew.
#[cfg(test)]
fn expect(name: &str, written: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/cli/init/testdata").join(name);
    if std::env::var_os("UPDATE_CASES").is_some() {
        fs::write(&path, written).unwrap();
    }
    assert_eq!(written, fs::read_to_string(&path).unwrap(), "\n{written}");
}
