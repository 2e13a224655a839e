//! What can go wrong before there is an emulator, each with a stand-in for the part that is missing.

use std::{
    ffi::OsString,
    os::unix::fs::symlink,
    path::{Path, PathBuf},
    time::Duration,
};

use runner::sandbox::{Settings, VERSION, ensure_in};
use runner_core::plan::{Exit, Fault};

/// A machine of its own: an empty cache and nothing but `bin` on the search path.
struct Machine {
    root: tempfile::TempDir,
    settings: Settings,
}

/// Answers as Python does where it is asked for its version, and makes environments whose interpreter is another
/// such script, `$1`.
const PYTHON: &str = r#"#!/bin/sh
env > "$(dirname "$0")/env"
case "$*" in
  *sys.version_info*) echo "3 11 $0" ;;
  *"-m venv"*) shift 3; mkdir -p "$1/bin" && cp "$(dirname "$0")/inner" "$1/bin/python3" ;;
  *) echo "unexpected: $*" >&2; exit 9 ;;
esac
"#;

/// The interpreter of an environment in which everything is in order, but which runs no emulator.
const INNER: &str = r#"#!/bin/sh
case "$*" in
  *"-m pip"*) exit 0 ;;
  *find_spec*) exit 0 ;;
  *) echo "this is no emulator" >&2; exit 3 ;;
esac
"#;

impl Machine {
    fn new() -> Self {
        let root = tempfile::tempdir().unwrap();
        let bin = root.path().join("bin");
        std::fs::create_dir(&bin).unwrap();
        let mut settings = super::settings(&root.path().join("state"));
        settings.cache_dir = root.path().join("cache");
        settings.search_path = bin.into();
        Self { root, settings }
    }

    /// With these as `python3` and as the interpreter it puts into environments.
    fn with(python: &str, inner: &str) -> Self {
        let machine = Self::new();
        machine.script("python3", python);
        machine.script("inner", inner);
        machine
    }

    fn script(&self, name: &str, text: &str) -> PathBuf {
        let path = self.root.path().join("bin").join(name);
        let draft = self.root.path().join(name);
        std::fs::write(&draft, text).unwrap();
        // Written by another process: a child that another test starts meanwhile would hold our writing end, and
        // the script would be "text file busy".
        let installed = std::process::Command::new("install").args(["-m", "755"]).args([&draft, &path]).status();
        assert!(installed.unwrap().success());
        path
    }

    /// With the real Python, and this of pip's variables alone.
    fn with_pip(mut self, vars: &[(&str, &str)]) -> Self {
        let is_pip = |name: &OsString| name.to_string_lossy().starts_with("PIP_");
        self.settings.search_path = Settings::from_process().unwrap().search_path;
        self.settings.installer_env.retain(|(name, _)| !is_pip(name));
        self.settings.installer_env.push(("PIP_CONFIG_FILE".into(), "/dev/null".into()));
        self.settings.installer_env.extend(vars.iter().map(|(name, value)| (name.into(), value.into())));
        self
    }

    async fn fault(&self) -> (Fault, String) {
        let fault = ensure_in(&self.settings, &|_| {}).await.unwrap_err();
        let hint = fault.hint.clone().unwrap_or_default();
        (fault, hint)
    }

    /// What is in the cache that could be taken for an installation, or for the litter of one.
    fn cached(&self) -> Vec<PathBuf> {
        let entries = std::fs::read_dir(&self.settings.cache_dir).unwrap();
        entries.map(|entry| entry.unwrap().path()).filter(|path| path.is_dir()).collect()
    }
}

#[tokio::test]
async fn without_python() {
    let (fault, hint) = Machine::new().fault().await;
    assert_eq!(fault.exit, Exit::Usage);
    assert_eq!(fault.message.raw(), "no working python3 on PATH");
    assert!(hint.contains("python3-venv"));
}

#[tokio::test]
async fn with_a_python_that_is_too_old_or_broken() {
    let machine = Machine::with("#!/bin/sh\necho 3 9 $0\n", INNER);
    machine.script("python3.12", "#!/bin/sh\necho command not found >&2; exit 127\n");
    let (fault, _) = machine.fault().await;
    assert!(fault.message.raw().ends_with("bin/python3 is 3.9"), "{fault}");
    // A newer one beside it is taken.
    machine.script("python3.13", PYTHON);
    let (fault, _) = machine.fault().await;
    assert!(fault.message.raw().contains("this is no emulator"), "{fault}");
}

#[tokio::test]
async fn without_the_venv_module() {
    let python = PYTHON.replace("shift 3;", "echo 'ensurepip is not available'; exit 1;");
    let machine = Machine::with(&python, INNER);
    let (fault, hint) = machine.fault().await;
    assert_eq!(fault.message.raw(), "ensurepip is not available");
    assert!(hint.contains("python3-venv"), "{hint}");
    assert_eq!(machine.cached(), [""; 0].map(PathBuf::from));
}

#[tokio::test]
async fn without_pip() {
    let inner = "#!/bin/sh\necho \"$0: No module named pip\" >&2; exit 1\n";
    let (fault, hint) = Machine::with(PYTHON, inner).fault().await;
    assert!(fault.headline().starts_with("installing the local AWS with pip: "), "{fault}");
    assert!(hint.contains("python3-pip"), "{hint}");
}

#[tokio::test]
async fn without_a_network() {
    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let index = format!("http://{closed}/simple");
    let machine = Machine::new().with_pip(&[("PIP_INDEX_URL", &index), ("PIP_RETRIES", "0")]);
    let (_, hint) = machine.fault().await;
    assert!(hint.contains("PIP_INDEX_URL"), "{hint}");
    assert_eq!(machine.cached(), [""; 0].map(PathBuf::from));
}

#[tokio::test]
async fn with_an_index_that_serves_other_files() {
    let machine = Machine::new();
    // The first of the list; pip compares the hash before it looks inside.
    let requirements = include_str!("../../../src/sandbox/requirements.txt");
    let first = requirements.lines().find_map(|line| line.strip_suffix(" \\").filter(|l| l.contains("=="))).unwrap();
    let wheel = format!("{}-py3-none-any.whl", first.replace("==", "-"));
    let wheels = machine.root.path().join("wheels");
    std::fs::create_dir(&wheels).unwrap();
    std::fs::write(wheels.join(wheel), "something else").unwrap();
    let machine = machine.with_pip(&[("PIP_NO_INDEX", "1"), ("PIP_FIND_LINKS", wheels.to_str().unwrap())]);
    let (_, hint) = machine.fault().await;
    assert!(hint.contains("other files than the pinned ones"), "{hint}");
}

#[tokio::test]
async fn with_a_half_written_or_outlived_installation() {
    let machine = Machine::with(PYTHON, INNER);
    let (fault, hint) = machine.fault().await;
    assert!(fault.message.raw().contains("this is no emulator"), "{fault}");
    assert!(hint.contains("emulator.log"), "{hint}");
    let [place] = machine.cached().try_into().unwrap();
    assert!(place.file_name().unwrap().to_str().unwrap().starts_with(VERSION));
    let env = std::fs::read_to_string(machine.root.path().join("bin/env")).unwrap();
    assert!(std::env::var_os("CARGO_MANIFEST_DIR").is_some() && !env.contains("CARGO_"), "{env}");

    // Whole: it is used as it is.
    let trace = place.join("trace");
    std::fs::write(&trace, "").unwrap();
    machine.fault().await;
    assert!(trace.exists());

    // Not whole: it is made anew, and what killed installers left goes.
    std::fs::remove_file(place.join("complete")).unwrap();
    std::fs::create_dir(machine.settings.cache_dir.join("building-old")).unwrap();
    machine.fault().await;
    assert!(!trace.exists() && place.join("complete").exists());
    assert_eq!(machine.cached(), std::slice::from_ref(&place));

    // The Python it was made with is gone.
    std::fs::write(&trace, "").unwrap();
    std::fs::remove_file(place.join("bin/python3")).unwrap();
    symlink("/nonexistent/python3", place.join("bin/python3")).unwrap();
    machine.fault().await;
    assert!(!trace.exists() && place.join("complete").exists());
}

#[tokio::test]
async fn cancelled_while_it_installs() {
    let inner = INNER.replace("*\"-m pip\"*) exit 0", "*\"-m pip\"*) mkfifo \"$0.fifo\"; read -r x < \"$0.fifo\"");
    let machine = Machine::with(PYTHON, &inner);
    {
        let installing = ensure_in(&machine.settings, &|_| {});
        let pip_runs = async {
            let cache = &machine.settings.cache_dir;
            while !find(cache, "python3.fifo") {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        tokio::select! {
            ended = installing => panic!("{ended:?}"),
            () = pip_runs => {}
        }
    }
    assert_eq!(machine.cached(), [""; 0].map(PathBuf::from));
    machine.script("inner", INNER);
    let (fault, _) = machine.fault().await;
    assert!(fault.message.raw().contains("this is no emulator"), "{fault}");
}

fn find(dir: &Path, name: &str) -> bool {
    std::fs::read_dir(dir).into_iter().flatten().flatten().any(|entry| {
        let path = entry.path();
        path.ends_with(name) || (path.is_dir() && !path.is_symlink() && find(&path, name))
    })
}

#[tokio::test]
async fn with_a_cache_that_cannot_be_written() {
    let mut machine = Machine::with(PYTHON, INNER);
    let file = machine.root.path().join("file");
    std::fs::write(&file, "").unwrap();
    // Below a file nobody can write, not even root.
    machine.settings.cache_dir = file.join("cache");
    machine.settings.state_dir = file.join("cache/default");
    let (fault, hint) = machine.fault().await;
    assert!(fault.headline().contains("making the directory"), "{fault}");
    assert!(hint.contains("XDG_CACHE_HOME"), "{hint}");
}
