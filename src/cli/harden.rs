//! What other processes may take from this one: neither a core dump nor, on Linux, its memory.

/// No core dumps, and no process of the same user reads our memory or environment. Where the system has no such
/// switch, the run goes on: it is a second wall, not the first.
pub fn harden() {
    use rustix::process::{Resource, Rlimit, setrlimit};
    let _ = setrlimit(Resource::Core, Rlimit { current: Some(0), maximum: Some(0) });
    #[cfg(target_os = "linux")]
    let _ = rustix::process::set_dumpable_behavior(rustix::process::DumpableBehavior::NotDumpable);
}
