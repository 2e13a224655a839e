//! A GitHub job that uses the action: its step is taken from action.yml and started as GitHub's runner starts it.
//!
//! <https://docs.github.com/en/actions/reference/workflows-and-actions/workflow-syntax#jobsjob_idstepsshell>: `shell: sh`
//! is `sh -e` on a file with the text of `run`. The environment of the job comes first, then the step's `env`, then
//! GitHub's own variables, which nothing overrides.

use std::{
    collections::BTreeMap,
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
};

use serde_json::Value as Json;
use sha2::{Digest, Sha256};

use super::releases::Releases;

/// The version of the release in these tests.
pub const VERSION: &str = "1.2.3";
/// The file of this machine.
pub const ASSET: &str = "runner-1.2.3-x86_64-unknown-linux-musl";
/// Where GitHub has it.
pub const ADDRESS: &str = "/org/finance-infra-action/releases/download/v1.2.3/runner-1.2.3-x86_64-unknown-linux-musl";
/// What the job's token is.
pub const TOKEN: &str = "ghs_16C7e42F292c6912E7710c838347Ae178B4a";

/// A job on a machine of its own.
pub struct Job {
    folder: tempfile::TempDir,
    inputs: BTreeMap<&'static str, String>,
    own: BTreeMap<String, String>,
    github: BTreeMap<&'static str, String>,
}

/// SHA-256 in hexadecimal digits.
pub fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

impl Job {
    /// The action is unpacked, with the hashes of these programs; no release where there are none.
    pub fn new(server: &Releases, sums: &[(&str, String)]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let path = |name: &str| folder.path().join(name);
        let action = path("work/_actions/org/finance-infra-action/0123abcd");
        for made in ["work/_temp", "work/app/app", "tools", "home"] {
            fs::create_dir_all(path(made)).unwrap();
        }
        fs::create_dir_all(action.join("action")).unwrap();
        for file in ["action.yml", "action/start.sh"] {
            fs::copy(root.join(file), action.join(file)).unwrap();
        }
        if !sums.is_empty() {
            let lines: String = sums.iter().map(|(name, sum)| format!("{sum}  {name}\n")).collect();
            fs::write(action.join("action/SHA256SUMS"), format!("# A release's\n{lines}")).unwrap();
        }
        let text = |path: PathBuf| path.to_str().unwrap().to_owned();
        let github = BTreeMap::from([
            ("CI", "true".to_owned()),
            ("GITHUB_ACTIONS", "true".to_owned()),
            ("GITHUB_ACTION", "runner".to_owned()),
            ("GITHUB_ACTION_PATH", text(action)),
            // Both are empty in the steps of a composite action.
            ("GITHUB_ACTION_REF", String::new()),
            ("GITHUB_ACTION_REPOSITORY", String::new()),
            ("GITHUB_API_URL", format!("{}/api/v3", server.url)),
            ("GITHUB_EVENT_NAME", "push".to_owned()),
            ("GITHUB_EVENT_PATH", text(path("work/_temp/event.json"))),
            ("GITHUB_OUTPUT", text(path("work/_temp/output"))),
            ("GITHUB_REF", "refs/heads/main".to_owned()),
            ("GITHUB_REPOSITORY", "org/app".to_owned()),
            ("GITHUB_RUN_ATTEMPT", "1".to_owned()),
            ("GITHUB_RUN_ID", "1".to_owned()),
            ("GITHUB_SERVER_URL", server.url.clone()),
            ("GITHUB_SHA", "3f9c2e1000000000000000000000000000000000".to_owned()),
            ("GITHUB_STEP_SUMMARY", text(path("work/_temp/summary"))),
            ("GITHUB_WORKSPACE", text(path("work/app/app"))),
            ("RUNNER_ARCH", "X64".to_owned()),
            ("RUNNER_ENVIRONMENT", "github-hosted".to_owned()),
            ("RUNNER_NAME", "GitHub Actions 1".to_owned()),
            ("RUNNER_OS", "Linux".to_owned()),
            ("RUNNER_TEMP", text(path("work/_temp"))),
            ("RUNNER_TOOL_CACHE", text(path("tools"))),
        ]);
        let own = BTreeMap::from([
            ("HOME".to_owned(), text(path("home"))),
            ("PATH".to_owned(), std::env::var("PATH").unwrap()),
            ("OUT".to_owned(), text(path("home"))),
        ]);
        let event = r#"{"ref":"refs/heads/main","deleted":false,"repository":{"id":1,"full_name":"org/app"}}"#;
        fs::write(path("work/_temp/event.json"), event).unwrap();
        for file in ["output", "summary"] {
            fs::write(path("work/_temp").join(file), "").unwrap();
        }
        Self { folder, inputs: BTreeMap::new(), own, github }
    }

    /// What `with:` says.
    pub fn with(mut self, input: &'static str, value: &str) -> Self {
        self.inputs.insert(input, value.to_owned());
        self
    }

    /// What the job's `env:` says.
    pub fn env(mut self, name: &str, value: &str) -> Self {
        self.own.insert(name.to_owned(), value.to_owned());
        self
    }

    /// What GitHub itself says.
    pub fn github(mut self, name: &'static str, value: &str) -> Self {
        self.github.insert(name, value.to_owned());
        self
    }

    /// A folder or file of this machine: `work/app/app`, `work/_temp`, `tools`, `home`.
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Where the tool cache has the program with this hash.
    pub fn kept(&self, sum: &str) -> PathBuf {
        let target = "x86_64-unknown-linux-musl";
        self.path(&format!("tools/finance-infra-action/{VERSION}/{target}/runner-{}", &sum[..16]))
    }

    /// A program that is found before all others.
    pub fn program(self, name: &str, text: &str) -> Self {
        let folder = self.path("programs");
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join(name), text).unwrap();
        fs::set_permissions(folder.join(name), fs::Permissions::from_mode(0o755)).unwrap();
        let path = format!("{}:{}", folder.display(), std::env::var("PATH").unwrap());
        self.env("PATH", &path)
    }

    /// The step's process.
    pub fn start(&self) -> Child {
        let text = fs::read_to_string(self.path("work/_actions/org/finance-infra-action/0123abcd/action.yml")).unwrap();
        let action: Json = serde_yaml::from_str(&text).unwrap();
        let [step] = action["runs"]["steps"].as_array().unwrap().as_slice() else { panic!("not one step") };
        assert_eq!(step["shell"], "sh");
        let script = self.path("work/_temp/step.sh");
        let run = step["run"].as_str().unwrap();
        assert!(!run.contains("${{"), "an expression within the script: {run}");
        fs::write(&script, format!("{run}\n")).unwrap();
        let mut command = Command::new("sh");
        // A careless machine: what must be private is made so.
        command
            .args(["-c", "umask 0; exec sh -e \"$1\"", "sh"])
            .arg(script)
            .current_dir(self.path("work/app/app"))
            .env_clear()
            .envs(&self.own);
        for (name, value) in step["env"].as_object().unwrap() {
            command.env(name, self.expression(&action, value.as_str().unwrap()));
        }
        command.envs(&self.github).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        hand_down_interrupts();
        command.spawn().unwrap()
    }

    /// The step, to its end.
    pub fn run(&self) -> Output {
        self.start().wait_with_output().unwrap()
    }

    fn expression(&self, action: &Json, text: &str) -> String {
        let Some(name) = text.strip_prefix("${{ ").and_then(|rest| rest.strip_suffix(" }}")) else {
            return text.to_owned();
        };
        match name {
            "github.token" => TOKEN.to_owned(),
            "github.action_repository" => "org/finance-infra-action".to_owned(),
            _ => {
                let input = name.strip_prefix("inputs.").unwrap_or_else(|| panic!("what is {name}?"));
                match self.inputs.get(input) {
                    Some(value) => value.clone(),
                    None => {
                        let default = action["inputs"][input]["default"].as_str();
                        self.expression(action, default.unwrap_or_else(|| panic!("no default for {input}")))
                    }
                }
            }
        }
    }
}

/// A step hears SIGINT. Where these tests were started in the background SIGINT is ignored, which children take over, and
/// no shell can undo; a signal with a handler is at its default in them.
fn hand_down_interrupts() {
    static ONCE: std::sync::Once = std::sync::Once::new();
    ONCE.call_once(|| {
        let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
        let ignored = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
        let ignored = ignored.map(|mask| u64::from_str_radix(mask.trim(), 16).unwrap()).unwrap_or_default();
        let interrupt = tokio::signal::unix::SignalKind::interrupt();
        if ignored & (1 << (interrupt.as_raw_value() - 1)) != 0 {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            let _entered = runtime.enter();
            drop(tokio::signal::unix::signal(interrupt).unwrap());
        }
    });
}
