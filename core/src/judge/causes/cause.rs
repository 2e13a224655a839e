//! What a cause is: a name a user can look up, what it means, and what to do.

use super::rule::Rule;

/// Part of the system in which a cause lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Family {
    /// Finding, pulling and unpacking images.
    Image,
    /// Secrets, environment files, log drivers.
    Secrets,
    /// Where tasks run and what starts them.
    Placement,
    /// The program inside the container.
    Program,
    /// Health checks and target groups.
    Health,
    /// Services and deployments.
    Rollout,
    /// Load balancers, addresses, certificates.
    Network,
    /// Stacks and templates.
    CloudFormation,
    /// The identity that deploys.
    Caller,
    /// No cause.
    None,
}

impl Family {
    /// The family's title, and where its evidence is found.
    pub fn describe(self) -> (&'static str, &'static str) {
        match self {
            Self::Image => {
                ("Image", "a stopped task's stoppedReason, a container's reason, the log of a build or push")
            }
            Self::Secrets => (
                "Secrets, environment files, logs",
                "the stoppedReason of a task that never started (ResourceInitializationError)",
            ),
            Self::Placement => (
                "Placement and start",
                "the service's events, a task's stopCode and stoppedReason, the answer of an API call",
            ),
            Self::Program => ("The program", "a container's exit code and reason, and its last log lines"),
            Self::Health => {
                ("Health", "the target's health (DescribeTargetHealth), the service's events, the program's log")
            }
            Self::Rollout => {
                ("Rollout", "the service's events, the deployment's statusReason, the answer of an API call")
            }
            Self::Network => ("Load balancer, network", "the stack's events, the answer of an API call"),
            Self::CloudFormation => ("CloudFormation", "the stack's events and status, the answer of an API call"),
            Self::Caller => ("Who asks", "the answer of an API call, the log of the job that deploys"),
            Self::None => ("None", "anywhere"),
        }
    }
}

/// How near to the root a cause lies. Where several were found, the first of these is named first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Rank {
    /// Explains what follows.
    Root,
    /// True, but most often the effect of something else: a program that ended, a port that does not answer.
    Symptom,
    /// Only repeats that something failed: the answer only when nothing better is found.
    Cascade,
    /// Not a failure.
    News,
    /// Nothing was recognised.
    Unknown,
}

/// A cause of failure: its name never changes, users look it up.
#[derive(Debug)]
pub struct Cause {
    /// In kebab-case, unique.
    pub name: &'static str,
    /// The part of the system.
    pub family: Family,
    /// How near to the root.
    pub rank: Rank,
    /// In a few words.
    pub title: &'static str,
    /// What it means.
    pub meaning: &'static str,
    /// What to do, one imperative line.
    pub remedy: &'static str,
    pub(super) rules: &'static [Rule],
}

impl Cause {
    /// Whether the name only repeats that something failed, so that the search for a cause goes on.
    pub fn is_cascade(&self) -> bool {
        self.rank == Rank::Cascade
    }
}

impl PartialEq for Cause {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

impl Eq for Cause {}
