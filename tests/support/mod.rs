//! What the integration tests share.

pub mod app;
// The benchmark measures with what no test needs.
#[allow(dead_code)]
pub mod ecs;
mod emulator;
pub mod github;
pub mod health;
pub mod iam;
pub mod inventory;
pub mod job;
pub mod program;
pub mod proxy;
pub mod ran;
pub mod recorded;
pub mod releases;
pub mod scaling;
pub mod scripted;

use std::sync::atomic::{AtomicU64, Ordering};

pub use emulator::emulator;
pub use scripted::{Answer, Script, Scripted, field};

/// An account that no other test uses: tests run at the same time against one emulator, which keeps accounts apart.
pub fn account() -> String {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    format!("{:012}", 200_000_000_000 + NEXT.fetch_add(1, Ordering::Relaxed))
}
