//! The finance example in a local AWS of the test's own.

use std::{collections::BTreeMap, path::PathBuf, time::Duration};

use runner::{
    run::{Ended, Endpoint, Options, Variables},
    sandbox::{self, Private},
};
use runner_core::{
    plan::Plan,
    report::{Event, Fact},
    workflow::{Environment, Given, load},
};
use tokio_util::sync::CancellationToken;

/// The example's file.
pub const EXAMPLE: &str = include_str!("../../workflows-examples/finance-app/finance-infra.yml");

/// A local AWS and an app to bring into it.
pub struct App {
    pub sandbox: Private,
    _dir: tempfile::TempDir,
    pub file: String,
}

impl App {
    /// An empty local AWS without an engine, and a file.
    pub async fn new(file: &str) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let mut settings = crate::sandbox::settings(dir.path());
        settings.docker_hosts.clear();
        let sandbox = sandbox::start_private(&dir.path().join("state"), &settings).await.unwrap();
        Self { sandbox, _dir: dir, file: file.to_owned() }
    }

    pub fn environment(&self, name: &str) -> Environment {
        let workflow = load("app.yml", self.file.as_bytes()).unwrap_or_else(|problems| panic!("{problems}"));
        let given = Given { git_sha: Some("3f9c2e1".into()) };
        match workflow.environment(name, &given, &BTreeMap::new()) {
            Ok((env, _)) => env,
            Err(problems) => panic!("{problems}"),
        }
    }

    pub fn options(&self, env: &Environment) -> Options {
        self.options_at(env, self.sandbox.endpoint.clone())
    }

    pub fn options_at(&self, env: &Environment, url: String) -> Options {
        Options {
            endpoint: Endpoint::Sandbox { url, account: self.sandbox.account.clone(), engine: false, build: false },
            root: PathBuf::from(env!("CARGO_TARGET_TMPDIR")),
            services: Default::default(),
            stage: None,
            from: None,
            allow_replace: Default::default(),
            expect: None,
            rebuild: false,
            images: Default::default(),
            variables: Variables::of_job(env, true),
            timeout: Duration::from_secs(120),
        }
    }

    pub async fn run(&self, name: &str) -> Ran {
        let env = self.environment(name);
        let options = self.options(&env);
        run(&env, &options).await
    }

    pub async fn plan(&self, name: &str) -> Plan {
        let env = self.environment(name);
        runner::run::plan(&env, &self.options(&env)).await.unwrap()
    }
}

/// What a run said, and how it ended.
#[derive(Debug)]
pub struct Ran {
    pub events: Vec<Event>,
    pub ended: Ended,
}

/// Runs to the end.
pub async fn run(env: &Environment, options: &Options) -> Ran {
    let (sender, mut receiver) = tokio::sync::mpsc::unbounded_channel();
    let ended = runner::run::run(env, options, sender, CancellationToken::new()).await;
    let mut events = Vec::new();
    while let Ok(event) = receiver.try_recv() {
        events.push(event);
    }
    Ran { events, ended }
}

impl Ran {
    /// Everything that was changed, in order of its text.
    pub fn changed(&self) -> Vec<String> {
        let mut all: Vec<String> = self
            .events
            .iter()
            .filter_map(|event| match &event.fact {
                Fact::Changed(changed) => Some(format!("{} {}", changed.verb, changed.what)),
                _ => None,
            })
            .collect();
        all.sort();
        all
    }

    /// What went wrong, in words; empty where nothing did.
    pub fn troubles(&self) -> Vec<String> {
        let mut all: Vec<String> = self
            .events
            .iter()
            .filter_map(|event| match &event.fact {
                Fact::Failed(failure) => Some(failure.fault.headline()),
                Fact::Refused(refusal) => Some(format!("{}: {}", refusal.what, refusal.why)),
                _ => None,
            })
            .collect();
        all.extend(self.ended.fault.iter().map(|fault| fault.headline()));
        all
    }

    /// The services at the verdict: name, running, desired.
    pub fn services(&self) -> Vec<(String, u32, u32)> {
        let mut all: Vec<_> = self
            .events
            .iter()
            .filter_map(|event| match &event.fact {
                Fact::Service(state) => Some((state.name.clone(), state.running, state.desired)),
                _ => None,
            })
            .collect();
        all.sort();
        all
    }
}
