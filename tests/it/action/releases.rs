//! How a release is made, and that the action at its tag takes just that: the steps of the release workflow's last job,
//! in a repository of this machine.

use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::Path,
    process::{Command, Output},
    sync::Arc,
};

use serde_json::Value as Json;

use super::{NOTES, err};
use crate::support::{
    job::{ADDRESS, ASSET, Job, VERSION},
    releases::{Releases, Reply},
};

/// Notes what it is asked.
const GH: &str = "#!/bin/sh\nprintf '%s\\n' \"$*\" >>\"$OUT/asked\"\n";

fn git(folder: &Path, arguments: &[&str]) -> String {
    let identity = ["-c", "user.name=a", "-c", "user.email=a@b.example", "-c", "init.defaultBranch=main"];
    let output = Command::new("git").current_dir(folder).args(identity).args(arguments).output().unwrap();
    assert!(output.status.success(), "git {arguments:?}: {}", err(&output));
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

/// The steps of the job that have a `run`, by name.
fn steps() -> Vec<(String, String)> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(".github/workflows/release.yml");
    let workflow: Json = serde_yaml::from_str(&fs::read_to_string(path).unwrap()).unwrap();
    let steps = workflow["jobs"]["publish"]["steps"].as_array().unwrap().clone();
    let text = |step: &Json, key: &str| step[key].as_str().map(str::to_owned);
    steps.iter().filter_map(|step| Some((text(step, "name")?, text(step, "run")?))).collect()
}

fn step(folder: &Path, tools: &Path, name: &str) -> Output {
    let (_, run) = steps().into_iter().find(|(step, _)| step == name).unwrap();
    let path = format!("{}:{}", tools.display(), std::env::var("PATH").unwrap());
    let mut command = Command::new("bash");
    command.args(["-e", "-c", &run]).current_dir(folder).env_clear().env("PATH", path).env("HOME", tools);
    command.env("OUT", tools).env("VERSION", VERSION).env("REPOSITORY", "org/finance-infra-action");
    command.output().unwrap()
}

#[test]
fn a_release_is_hashed_tagged_and_published_in_this_order_and_the_action_takes_it() {
    let names: Vec<String> = steps().into_iter().map(|(name, _)| name).collect();
    let order = ["What was signed is what is here", "The hashes, in a commit and its tag", "The release"];
    assert_eq!(names[..3], order);

    let all = tempfile::tempdir().unwrap();
    let (origin, folder, tools) = (all.path().join("origin"), all.path().join("work"), all.path().join("tools"));
    for made in [&origin, &folder, &tools] {
        fs::create_dir(made).unwrap();
    }
    fs::write(tools.join("gh"), GH).unwrap();
    fs::set_permissions(tools.join("gh"), fs::Permissions::from_mode(0o755)).unwrap();
    git(&origin, &["init", "-q", "--bare"]);
    git(&folder, &["init", "-q"]);
    git(&folder, &["remote", "add", "origin", origin.to_str().unwrap()]);
    fs::create_dir(folder.join("action")).unwrap();
    fs::write(folder.join("action/start.sh"), "").unwrap();
    fs::write(folder.join(".gitignore"), "/out\n").unwrap();
    git(&folder, &["add", "-A"]);
    git(&folder, &["commit", "-qm", "main"]);
    git(&folder, &["push", "-q", "origin", "main"]);
    let main = git(&origin, &["rev-parse", "main"]);

    fs::create_dir(folder.join("out")).unwrap();
    let targets = ["x86_64-unknown-linux-musl", "aarch64-unknown-linux-musl", "aarch64-apple-darwin"];
    for target in targets {
        fs::write(folder.join(format!("out/runner-{VERSION}-{target}")), format!("{NOTES}# {target}\n")).unwrap();
    }
    for name in &names {
        let output = step(&folder, &tools, name);
        assert!(output.status.success(), "{name}: {}", err(&output));
    }

    // One commit upon main, which main itself does not get; both tags name it.
    let tag = git(&origin, &["rev-parse", "v1.2.3^{commit}"]);
    assert_eq!(git(&origin, &["rev-parse", "v1^{commit}"]), tag);
    assert_eq!(git(&origin, &["rev-parse", "v1.2.3~1"]), main);
    assert_eq!(git(&origin, &["rev-parse", "main"]), main);
    assert_eq!(git(&origin, &["diff", "--name-only", "main", "v1.2.3"]), "action/SHA256SUMS");
    let asked = fs::read_to_string(tools.join("asked")).unwrap();
    let asked: Vec<&str> = asked.lines().collect();
    let begins = |at: usize, words: &str| assert!(asked[at].starts_with(words), "{asked:#?}");
    for at in 0..3 {
        begins(at, "attestation verify out/runner-1.2.3-");
    }
    begins(3, "auth setup-git");
    begins(4, "release create v1.2.3 --repo org/finance-infra-action --verify-tag --draft");
    begins(5, "release edit v1.2.3 --repo org/finance-infra-action --draft=false");
    assert_eq!(asked.len(), 6);

    // The action at the tag starts what was published.
    let sums = git(&origin, &["show", "v1.2.3:action/SHA256SUMS"]);
    let pairs: Vec<(&str, String)> =
        sums.lines().filter_map(|line| line.split_once("  ")).map(|(sum, name)| (name, sum.to_owned())).collect();
    assert_eq!(pairs.len(), 3);
    let server = Releases::start();
    server.on(ADDRESS, Reply::Bytes(Arc::new(fs::read(folder.join("out").join(ASSET)).unwrap())));
    let output = Job::new(&server, &pairs).run();
    assert!(output.status.success(), "{}", err(&output));

    // A second release of the version is refused by the tag that is there.
    fs::write(folder.join(format!("out/{ASSET}")), "other").unwrap();
    let again = step(&folder, &tools, "The hashes, in a commit and its tag");
    assert!(!again.status.success());
    assert_eq!(git(&origin, &["rev-parse", "v1.2.3^{commit}"]), tag);
}
