//! The exit codes: a contract with scripts and workflows.

use serde::{Deserialize, Serialize};

/// How the process ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Exit {
    /// 0: done.
    Done,
    /// 1: failed; also a plan that run would refuse, and findings of drift and verify.
    Failed,
    /// 2: bad usage or a bad file; nothing was done.
    Usage,
    /// 3: rolled back.
    RolledBack,
    /// 4: still running when time was up.
    StillRunning,
    /// 5: waits for a person.
    Waiting,
    /// 6: superseded by a newer run.
    Superseded,
    /// 130: cancelled.
    Cancelled,
}

impl Exit {
    /// The number the process exits with.
    pub const fn code(self) -> u8 {
        match self {
            Self::Done => 0,
            Self::Failed => 1,
            Self::Usage => 2,
            Self::RolledBack => 3,
            Self::StillRunning => 4,
            Self::Waiting => 5,
            Self::Superseded => 6,
            Self::Cancelled => 130,
        }
    }
}
