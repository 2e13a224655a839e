//! `StackStatus`: the states CloudFormation names, and what each means for who wants to change the stack.

use serde::{Deserialize, Serialize};

use super::{Refusal, Stack};

/// A stack's status, as CloudFormation names it.
/// <https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/view-stack-events.html>
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct StackStatus(pub String);

/// What a status means for who wants to change the stack.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// It stands as some template says.
    Settled,
    /// Something is being done to it, by us or by another.
    Moving,
    /// A change set was made and never executed.
    Review,
    /// Its first create was rolled back: it can only be deleted.
    RolledBackCreate,
    /// It is deleted; only its id still finds it.
    Gone,
    /// Nothing can be done to it before a person has.
    Stuck(WayOut),
}

/// What a person does to a stack that is stuck.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WayOut {
    /// ContinueUpdateRollback.
    /// <https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/using-cfn-updating-stacks-continueupdaterollback.html>
    ContinueRollback,
    /// RollbackStack: another made or changed it with its rollback turned off.
    /// <https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_RollbackStack.html>
    Rollback,
    /// The rollback of an import, in the console.
    ImportRollback,
    /// DeleteStack once more, which then may retain what cannot be deleted.
    DeleteRetaining,
    /// DeleteStack: nothing of the first create is of use.
    Delete,
    /// A status that is not in the list: a person looks.
    Look,
}

/// Every status of a stack.
pub const STATUSES: &[(&str, Standing)] = &[
    ("CREATE_COMPLETE", Standing::Settled),
    ("CREATE_FAILED", Standing::Stuck(WayOut::Rollback)),
    ("CREATE_IN_PROGRESS", Standing::Moving),
    ("DELETE_COMPLETE", Standing::Gone),
    ("DELETE_FAILED", Standing::Stuck(WayOut::DeleteRetaining)),
    ("DELETE_IN_PROGRESS", Standing::Moving),
    ("IMPORT_COMPLETE", Standing::Settled),
    ("IMPORT_IN_PROGRESS", Standing::Moving),
    ("IMPORT_ROLLBACK_COMPLETE", Standing::Settled),
    ("IMPORT_ROLLBACK_FAILED", Standing::Stuck(WayOut::ImportRollback)),
    ("IMPORT_ROLLBACK_IN_PROGRESS", Standing::Moving),
    ("REVIEW_IN_PROGRESS", Standing::Review),
    ("ROLLBACK_COMPLETE", Standing::RolledBackCreate),
    ("ROLLBACK_FAILED", Standing::Stuck(WayOut::Delete)),
    ("ROLLBACK_IN_PROGRESS", Standing::Moving),
    ("UPDATE_COMPLETE", Standing::Settled),
    ("UPDATE_COMPLETE_CLEANUP_IN_PROGRESS", Standing::Moving),
    ("UPDATE_FAILED", Standing::Stuck(WayOut::Rollback)),
    ("UPDATE_IN_PROGRESS", Standing::Moving),
    ("UPDATE_ROLLBACK_COMPLETE", Standing::Settled),
    ("UPDATE_ROLLBACK_COMPLETE_CLEANUP_IN_PROGRESS", Standing::Moving),
    ("UPDATE_ROLLBACK_FAILED", Standing::Stuck(WayOut::ContinueRollback)),
    ("UPDATE_ROLLBACK_IN_PROGRESS", Standing::Moving),
];

impl StackStatus {
    /// What it means. One that came after the list was written is followed where its name says that something is in
    /// progress, and otherwise a person's to judge.
    pub fn standing(&self) -> Standing {
        let listed = STATUSES.iter().find(|(name, _)| *name == self.0).map(|(_, standing)| *standing);
        let in_progress = self.0.ends_with("_IN_PROGRESS");
        listed.unwrap_or(if in_progress { Standing::Moving } else { Standing::Stuck(WayOut::Look) })
    }

    /// See [`Standing::Moving`].
    pub fn is_in_progress(&self) -> bool {
        self.standing() == Standing::Moving
    }

    /// See [`Standing::Review`].
    pub fn is_review(&self) -> bool {
        self.standing() == Standing::Review
    }

    /// See [`Standing::Gone`].
    pub fn is_gone(&self) -> bool {
        self.standing() == Standing::Gone
    }

    /// See [`Standing::Settled`].
    pub fn is_settled(&self) -> bool {
        self.standing() == Standing::Settled
    }
}

impl Stack {
    /// Why nothing can be done to it, and the way out.
    pub fn stuck(&self, out: WayOut) -> Refusal {
        let status = &self.status.0;
        let reason = self.reason.one_line();
        let why = if reason.is_empty() { format!("it is {status}") } else { format!("it is {status}: {reason}") };
        let remedy = out.words(&format!("--stack-name {} --region {}", self.name, self.region));
        Refusal::new(format!("changing stack {}", self.name), why, remedy)
    }
}

impl WayOut {
    /// In words and commands; `stack` is what names the stack to the command line.
    fn words(self, stack: &str) -> String {
        match self {
            Self::ContinueRollback => format!(
                "mend what the reason names, then: aws cloudformation continue-update-rollback {stack} (with \
                 --resources-to-skip ID for what cannot be mended), and run again"
            ),
            Self::Rollback => format!(
                "it was left half-way with its rollback turned off; mend what the reason names, then: aws \
                 cloudformation rollback-stack {stack}, and run again"
            ),
            Self::ImportRollback => {
                "mend what the reason names, continue the rollback in the CloudFormation console, and run again"
                    .to_owned()
            }
            Self::DeleteRetaining => format!(
                "mend what the reason names, then: aws cloudformation delete-stack {stack} (with --retain-resources \
                 ID to keep what cannot be deleted), and run again"
            ),
            Self::Delete => {
                format!("look at what is left in it, then: aws cloudformation delete-stack {stack}, and run again")
            }
            Self::Look => format!(
                "this status is not known here: look at the stack (aws cloudformation describe-stacks {stack}), bring \
                 it to a state whose name ends in _COMPLETE, and run again"
            ),
        }
    }
}
