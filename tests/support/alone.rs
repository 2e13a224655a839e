//! A test in a process of its own, for what belongs to a whole process: its memory, its environment.

use std::process::Command;

const MARK: &str = "TEST_ALONE";

/// Runs the test of that name again in another process and fails if it fails there. `true` in that process.
pub fn alone(test: &str, variables: &[(&str, &str)]) -> bool {
    if std::env::var_os(MARK).is_some() {
        return true;
    }
    let me = std::env::current_exe().expect("this test binary");
    let mut command = Command::new(me);
    command.args(["--exact", test, "--nocapture"]).env(MARK, "1").envs(variables.iter().copied());
    let output = command.output().expect("this test binary runs");
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && said.contains("1 passed"), "{said}{}", String::from_utf8_lossy(&output.stderr));
    false
}

/// The most memory this process has had at once, in KiB.
pub fn peak() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").expect("Linux");
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).expect("Linux");
    line.trim().trim_end_matches(" kB").parse().expect("a number")
}
