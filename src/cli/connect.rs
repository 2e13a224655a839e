//! Where the commands meet the rooms below: the file, the stages, the causes, the sandbox, the world.

use std::time::Instant;

use runner_core::{
    infra,
    judge::causes,
    plan::{Fault, World, timeless_definition},
    report::{self, Checked, Finding, Style},
    stages,
    text::Foreign,
    workflow::{self, Environment, Files, Given, Problem, Problems, Workflow},
};
use serde_json::{Value as Json, json};

use super::{args::Progress, load::Found, millis, paths::Workspace, sink, stop::Stop, usage};
use crate::{
    run::{Endpoint, local_account},
    sandbox::{self, Sandbox},
};

impl Files for Workspace {
    fn read(&self, path: &str) -> Result<Vec<u8>, String> {
        Workspace::read(self, path)
    }
}

impl Found {
    fn given(&self) -> Given {
        Given { git_sha: self.commit.clone() }
    }

    /// The file's name as it is from the folder that its paths are relative to, wherever it was called from.
    fn beneath_root(&self) -> String {
        let name = std::path::Path::new(&self.name);
        let file = name.file_name().unwrap_or(name.as_os_str()).to_string_lossy();
        let folder = name.parent().and_then(std::path::Path::file_name);
        if folder.is_some_and(|folder| folder == ".github") { format!(".github/{file}") } else { file.into_owned() }
    }
}

/// The file as it was parsed, or everything that is wrong with it.
fn parse(found: &Found, style: Style, started: Instant) -> Result<Workflow, Stop> {
    workflow::load(&found.name, &found.bytes)
        .map_err(|problems| checked(found, &problems, Vec::new(), style, started).into())
}

fn checked(found: &Found, problems: &Problems, names: Vec<String>, style: Style, started: Instant) -> Checked {
    let findings = |list: &[Problem]| list.iter().map(|problem| finding(&found.name, problem)).collect();
    let took = millis(started);
    let shown = problems.render(style.color);
    Checked::new(&found.name, names, findings(&problems.problems), findings(&problems.warnings), shown, took)
}

fn finding(file: &str, problem: &Problem) -> Finding {
    Finding {
        file: file.to_owned(),
        line: problem.span.map(|span| span.line),
        column: problem.span.map(|span| span.column),
        path: problem.path.clone(),
        message: problem.message.clone(),
        help: problem.help.clone(),
    }
}

/// The environments of the file.
pub fn names(found: &Found, style: Style) -> Result<Vec<String>, Stop> {
    let workflow = parse(found, style, Instant::now())?;
    Ok(workflow.names().into_iter().map(str::to_owned).collect())
}

/// One environment, and what should be known about it.
pub fn environment(found: &Found, name: &str, style: Style) -> Result<(Environment, Vec<String>), Stop> {
    let started = Instant::now();
    let workflow = parse(found, style, started)?;
    let read = workflow.environment(name, &found.given(), &found.workspace);
    let (environment, warnings) = read.map_err(|problems| checked(found, &problems, Vec::new(), style, started))?;
    let words = |warning: Problem| match warning.help {
        Some(help) => format!("{}: {help}", warning.message),
        None => warning.message,
    };
    Ok((environment, warnings.into_iter().map(words).collect()))
}

/// Everything that is wrong with the file.
pub fn check(found: &Found, style: Style, started: Instant) -> Result<Checked, Stop> {
    let workflow = parse(found, style, started)?;
    let problems = workflow.check(&found.given(), &found.workspace);
    let names = workflow.names().into_iter().map(str::to_owned).collect();
    Ok(checked(found, &problems, names, style, started))
}

/// What was left out of an environment, with the value it has.
pub fn defaults(environment: &Environment) -> Vec<(String, String)> {
    workflow::defaults(environment)
}

/// The JSON schema of the file.
pub fn schema() -> Json {
    workflow::schema()
}

/// The page about all environments of the file.
pub fn docs(found: &Found, style: Style) -> Result<String, Stop> {
    let started = Instant::now();
    let workflow = parse(found, style, started)?;
    // The page must not change with each commit, even where a value names it.
    let given = Given { git_sha: Some("COMMIT".to_owned()) };
    let mut environments = Vec::new();
    for name in workflow.names() {
        let read = workflow.environment(name, &given, &found.workspace);
        let (environment, _) = read.map_err(|problems| checked(found, &problems, Vec::new(), style, started))?;
        environments.push(environment);
    }
    Ok(report::docs(&found.beneath_root(), &environments))
}

/// The templates of an environment, by the stack's key.
pub fn templates(environment: &Environment) -> Vec<(String, Json)> {
    infra::stacks(environment).into_iter().map(|stack| (stack.key.clone(), stack.to_json())).collect()
}

/// The policies and trusts of the roles of an environment, by role.
pub fn policies(environment: &Environment) -> Result<Vec<(String, Json)>, Fault> {
    let identity = environment.identity.as_ref().ok_or_else(|| no_identity("rendering policies"))?;
    Ok(infra::access::documents(environment, identity))
}

/// Types in the user's own templates whose needs are not known.
pub fn unknown_kinds(environment: &Environment) -> Vec<String> {
    infra::access::unknown_kinds(environment)
}

/// What is missing where the file does not say whom to trust.
pub fn no_identity(doing: &str) -> Fault {
    usage(
        doing,
        "the file has no `identity`",
        "say whom AWS shall trust: identity: { repository: OWNER/NAME, repository-id: \"…\" }",
    )
}

/// The task definitions of an environment, by service, with references where a run puts digests and versions.
pub fn definitions(environment: &Environment) -> Vec<(String, Json)> {
    let world = World::default();
    let services = environment.services.values();
    services.map(|service| (service.name.clone(), timeless_definition(environment, service, &world))).collect()
}

/// The stages and what they make.
pub fn stages() -> Vec<(String, String)> {
    stages::stages().iter().map(|stage| (stage.name().to_owned(), stage.makes().to_owned())).collect()
}

/// The page of a cause or of a key of the file.
pub fn page(name: &str) -> Option<String> {
    causes::page(name).or_else(|| workflow::explain(name))
}

/// The names of the causes, for near misses.
pub fn pages() -> Vec<String> {
    causes::all().map(|cause| cause.name.to_owned()).collect()
}

/// What one piece of evidence says: `{"cause","certainty","do",…}`.
pub fn diagnose(at: &str, text: &str, exit_code: Option<i32>) -> Json {
    let at = causes::Where::from(std::borrow::Cow::Borrowed(at));
    let evidence = causes::Evidence { at, text: Foreign::new(text), exit_code };
    serde_json::to_value(causes::diagnose(&evidence)).unwrap_or_default()
}

/// The local AWS of the environment's account, started where it does not run.
pub async fn sandbox_endpoint(env: &Environment, build: bool, progress: Progress) -> Result<Endpoint, Fault> {
    let say = |line: &str| {
        if progress != Progress::Off {
            sink::err_line(line);
        }
    };
    let Sandbox { endpoint: url, account, engine, .. } = sandbox::ensure(&local_account(env), &say).await?;
    Ok(Endpoint::Sandbox { url, account, engine, build })
}

/// The local AWSs that run, as JSON.
pub async fn sandbox_status() -> Result<Vec<Json>, Fault> {
    let all = sandbox::status().await?.into_iter().map(|sandbox| {
        json!({
            "endpoint": sandbox.endpoint,
            "pid": sandbox.pid,
            "version": sandbox.version,
            "started": sandbox.started,
            "account": sandbox.account,
            "engine": sandbox.engine,
            "log": sandbox.log,
        })
    });
    Ok(all.collect())
}

/// Stops them; how many ran.
pub async fn sandbox_stop() -> Result<usize, Fault> {
    sandbox::stop().await
}

/// Makes them forget everything.
pub async fn sandbox_reset() -> Result<(), Fault> {
    sandbox::reset().await
}
