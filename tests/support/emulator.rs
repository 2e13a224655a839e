//! The local AWS that the tests talk to, started once for the test binary and gone with it.

use std::sync::OnceLock;

use runner::sandbox::{Private, start_private};

/// The emulator's address.
pub fn emulator() -> String {
    static RUNNING: OnceLock<Private> = OnceLock::new();
    RUNNING.get_or_init(|| std::thread::spawn(start).join().unwrap()).endpoint.clone()
}

/// On a thread with a runtime of its own: the tests' runtimes end with the test that came first.
fn start() -> Private {
    let dir = std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join("emulator");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(start_private(&dir, &crate::sandbox::settings(&dir))).unwrap()
}
