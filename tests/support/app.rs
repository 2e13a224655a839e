//! The finance example in a local AWS of the test's own.

use std::{collections::BTreeMap, path::PathBuf, process::Stdio, time::Duration};

use runner::{
    aws::{Calls, Clients, Setup},
    run::{Endpoint, Options, Variables, local_account},
    sandbox::{self, Private, Sandbox},
};
use runner_core::{
    plan::Plan,
    stages::Removal,
    text::Secret,
    workflow::{Environment, Given, load},
};
use serde_json::Value as Json;
use tokio::process::Command;

pub use super::ran::{Ran, run};
use super::{
    health::Engine,
    proxy::{Call, Effect, Proxy},
};

/// The example's file.
pub const EXAMPLE: &str = include_str!("../../workflows-examples/finance-app/finance-infra.yml");

/// A local AWS behind a proxy, and an app to bring into it.
pub struct App {
    /// The local AWS itself: what is looked at here is not counted.
    pub sandbox: Sandbox,
    /// What runs speak to.
    pub proxy: Proxy,
    /// The workflow file.
    pub file: String,
    /// The job's variables.
    pub variables: BTreeMap<String, String>,
    /// Paths in the file are relative to this.
    pub root: PathBuf,
    pub timeout: Duration,
    /// `--allow-replace`.
    pub allow_replace: Vec<String>,
    /// `--prune`, or `destroy`.
    pub removal: Option<Removal>,
    settings: sandbox::Settings,
    _private: Private,
    dir: tempfile::TempDir,
}

fn environment(file: &str, name: &str) -> Environment {
    let workflow = load("app.yml", file.as_bytes()).unwrap_or_else(|problems| panic!("{problems}"));
    let given = Given { git_sha: Some("3f9c2e1".into()) };
    match workflow.environment(name, &given, &BTreeMap::new()) {
        Ok((env, _)) => env,
        Err(problems) => panic!("{problems}"),
    }
}

impl App {
    /// An empty local AWS without an engine, and a file.
    pub async fn new(file: &str) -> Self {
        Self::start(file, |settings| settings).await
    }

    /// The same, which checks who asks.
    pub async fn with_auth(file: &str) -> Self {
        Self::start(file, sandbox::Settings::with_auth).await
    }

    /// The same with tasks that are containers; says so where no Docker engine answers.
    #[allow(clippy::print_stderr)]
    pub async fn with_engine(file: &str) -> Option<Self> {
        for host in sandbox::Settings::from_process().unwrap().docker_hosts {
            if sandbox::engine_answers(&host).await {
                let with_engine = |settings| sandbox::Settings { docker_hosts: vec![host], ..settings };
                return Some(Self::start(file, with_engine).await);
            }
        }
        #[allow(clippy::print_stderr)]
        {
            eprintln!("skipped: no Docker engine answers");
        }
        None
    }

    async fn start(file: &str, more: impl FnOnce(sandbox::Settings) -> sandbox::Settings) -> Self {
        let dir = tempfile::tempdir().unwrap();
        // Where a process of the user's looks for it, below XDG_CACHE_HOME.
        let account = local_account(&environment(file, "staging"));
        let state = dir.path().join("cache/finance-infra-action/sandbox").join(&account);
        let settings = more(sandbox::Settings { account, ..crate::sandbox::settings(&state) });
        let private = sandbox::start_private(&state, &settings).await.unwrap();
        let proxy = Proxy::start(&private.endpoint).await;
        let record = std::fs::read_to_string(state.join("state.json")).unwrap();
        let mut record: Json = serde_json::from_str(&record).unwrap();
        record["port"] = proxy.port.into();
        std::fs::write(state.join("state.json"), record.to_string()).unwrap();
        let root = dir.path().join("root");
        std::fs::create_dir(&root).unwrap();
        Self {
            sandbox: private.clone(),
            proxy,
            file: file.to_owned(),
            variables: BTreeMap::new(),
            root,
            timeout: Duration::from_secs(120),
            allow_replace: Vec::new(),
            removal: None,
            settings,
            _private: private,
            dir,
        }
    }

    pub fn environment(&self, name: &str) -> Environment {
        environment(&self.file, name)
    }

    pub fn options(&self, env: &Environment) -> Options {
        Options {
            endpoint: Endpoint::Sandbox {
                url: self.proxy.url.clone(),
                account: self.sandbox.account.clone(),
                engine: self.sandbox.engine,
                build: false,
            },
            credentials: Default::default(),
            work: Default::default(),
            root: self.root.clone(),
            services: Default::default(),
            stage: None,
            from: None,
            allow_replace: self.allow_replace.iter().cloned().collect(),
            expect: None,
            rebuild: false,
            images: Default::default(),
            adopts: None,
            removal: self.removal,
            variables: Variables::of(env, true, |name| self.variables.get(name).map(Secret::new)),
            timeout: self.timeout,
        }
    }

    /// Plans, runs, and holds that both see the same plan.
    pub async fn run(&self, name: &str) -> Ran {
        self.run_under(name, |_| Effect::Pass).await
    }

    /// The same, with this done to the calls of the run.
    pub async fn run_under(&self, name: &str, decide: impl FnMut(&Call) -> Effect + Send + 'static) -> Ran {
        let planned = self.plan(name).await;
        self.proxy.set(decide);
        let env = self.environment(name);
        let ran = run(&env, &self.options(&env)).await;
        if let Some(plan) = &ran.ended.plan {
            assert_eq!(
                plan.id(),
                planned.id(),
                "plan and run differ: {:#?}, {:#?}",
                timeless(&planned),
                timeless(plan)
            );
        }
        ran
    }

    /// Plans, and holds that nothing is written by it.
    pub async fn plan(&self, name: &str) -> Plan {
        self.proxy.pass();
        let env = self.environment(name);
        let plan = runner::run::plan(&env, &self.options(&env)).await.unwrap();
        assert_eq!(self.proxy.writes(), Vec::<String>::new(), "a plan wrote");
        plan
    }

    /// The same app with something else in the file.
    pub fn edit(&mut self, from: &str, to: &str) {
        assert!(self.file.contains(from), "the file has no {from}");
        self.file = self.file.replace(from, to);
    }

    /// The binary itself, for the same local AWS behind the same proxy: `run -e staging --sandbox` and the like.
    pub fn command(&self, arguments: &[&str]) -> Command {
        std::fs::write(self.root.join("app.yml"), &self.file).unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_runner"));
        command.env_clear().current_dir(&self.root).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command.envs(std::env::var_os("PATH").map(|path| ("PATH", path)));
        command.env("HOME", self.dir.path()).env("XDG_CACHE_HOME", self.dir.path().join("cache"));
        command.envs(&self.variables).kill_on_drop(true);
        command.args(arguments).args(["--sandbox", "-f", "app.yml", "-e", "staging", "--progress", "lines"]);
        command
    }

    /// The binary at a terminal of its own, with a line typed when it asks: its exit code, and what stood there.
    pub async fn at_a_terminal(&self, arguments: &[&str], line: &str) -> (Option<i32>, String) {
        const TERMINAL: &str = "import os, pty, sys\n\
            pid, master = pty.fork()\n\
            if pid == 0: os.execv(sys.argv[2], sys.argv[2:])\n\
            said, asked = b'', False\n\
            while True:\n\
            \x20   try: more = os.read(master, 65536)\n\
            \x20   except OSError: break\n\
            \x20   if not more: break\n\
            \x20   said += more\n\
            \x20   if not asked and b'to go on: ' in said:\n\
            \x20       asked = True\n\
            \x20       os.write(master, sys.argv[1].encode() + b'\\n')\n\
            sys.stdout.buffer.write(said)\n\
            sys.exit(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))\n";
        let own = self.command(arguments);
        let own = own.as_std();
        let mut command = Command::new("python3");
        command.env_clear().current_dir(&self.root).stdin(Stdio::null()).kill_on_drop(true);
        command.envs(own.get_envs().filter_map(|(name, value)| Some((name, value?))));
        command.args(["-c", TERMINAL, line]).arg(own.get_program()).args(own.get_args());
        let output = command.output().await.unwrap();
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        (output.status.code(), said + &String::from_utf8_lossy(&output.stderr))
    }

    /// The engine of this app's containers, which it must have.
    pub fn engine(&self) -> Engine {
        let record = std::fs::read_to_string(self.settings.state_dir.join("state.json")).unwrap();
        let record: Json = serde_json::from_str(&record).unwrap();
        let port = self.sandbox.endpoint.rsplit(':').next().unwrap();
        Engine {
            host: self.settings.docker_hosts[0].clone(),
            label: format!("ministack.instance={}:{port}", record["instance"].as_str().unwrap()),
            home: self.dir.path().to_owned(),
        }
    }

    /// Clients for a look beside the proxy.
    pub async fn clients(&self) -> Clients {
        let setup = Setup::Local { url: self.sandbox.endpoint.clone(), account: self.sandbox.account.clone() };
        Clients::new(&setup, "us-east-1", Calls::default()).await
    }
}

/// Containers and images are the engine's, and stay unless they are taken away.
impl Drop for App {
    fn drop(&mut self) {
        if !self.sandbox.engine {
            return;
        }
        let settings = self.settings.clone();
        let stop = move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            let _ = runtime.block_on(sandbox::stop_in(&settings));
        };
        let _ = std::thread::spawn(stop).join();
        let docker = |arguments: &[&str]| std::process::Command::new("docker").args(arguments).output();
        let pulled = format!("reference=127.0.0.1:{}/*/*", self.proxy.port);
        if let Ok(images) = docker(&["images", "--quiet", "--filter", &pulled]) {
            for image in String::from_utf8_lossy(&images.stdout).lines() {
                let _ = docker(&["rmi", "--force", image]);
            }
        }
    }
}

/// The changes that a plan's id is made of.
fn timeless(plan: &Plan) -> Vec<String> {
    let changes = plan.changes().filter(|(_, change)| !change.is_version());
    changes.map(|(node, change)| format!("{node}: {change:?}")).collect()
}
