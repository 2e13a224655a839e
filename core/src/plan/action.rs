//! `Action`: everything the runner can do, closed and serialisable.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;
use serde_json::Value as Json;

use super::{Change, Import, PassedOver};
use crate::workflow::Value;

/// One act. Whatever a value in it waits for is known by the time the driver acts: a node is decided again when it
/// is ready.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Action {
    /// Makes or changes a stack, or finishes what another run began.
    PutStack(Box<PutStack>),
    /// Writes a SecureString parameter.
    PutParameter(PutParameter),
    /// Builds or reads an image and pushes it.
    PushImage(PushImage),
    /// Registers a task-definition revision.
    RegisterTaskDefinition(Box<RegisterTaskDefinition>),
    /// Runs a one-off task to its end.
    RunTask(Box<RunTask>),
    /// Creates or changes a service's listener rules.
    PutRule(PutRule),
    /// Creates or updates an ECS service.
    PutService(Box<PutService>),
    /// Registers, changes or removes a service's autoscaling.
    PutScaling(Box<PutScaling>),
    /// Marks a service as made from exactly this: the last step, so that a run that died before it is finished by the
    /// next.
    MarkService(MarkService),
    /// Sets when a scheduled task runs.
    PutSchedule(Box<PutSchedule>),
    /// Removes the schedule of a task that is no longer scheduled.
    RemoveSchedule(RemoveSchedule),
    /// Follows a deployment to a verdict.
    Follow(Follow),
    /// Turns a deployment in flight around.
    TurnBack(TurnBack),
    /// Answers a paused deployment.
    Answer(Answer),
    /// Follows a deployment that shall go back to what was before: only a rollback that ended well is good.
    FollowBack(Follow),
    /// Runs a command of the user's.
    RunCommand(RunCommand),
    /// Takes an ECS service down to no tasks and deletes it.
    RemoveService(RemoveService),
    /// Deletes listener rules.
    DeleteRules(DeleteRules),
    /// Stops what still runs of a family, and deletes its revisions.
    DeleteRevisions(DeleteRevisions),
    /// Deletes parameters.
    DeleteParameters(DeleteParameters),
    /// Deletes images, or takes the tags of an environment from them.
    DeleteImages(DeleteImages),
}

/// How a stack gets to where it shall be, from the state it was found in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum StackMove {
    /// It is not there, or was never more than a review: a CREATE change set.
    Create,
    /// Its first create was rolled back: delete it, then create.
    Recreate,
    /// An UPDATE change set.
    Update,
    /// Something is in progress: follow it to its end, then decide again.
    Attach,
    /// Turns termination protection on.
    Protect,
    /// Turns termination protection off.
    Unprotect,
    /// Takes what exists into it, by an IMPORT change set.
    Import,
    /// Deletes it.
    Delete,
}

impl StackMove {
    /// Whether it sends a template.
    pub const fn has_template(self) -> bool {
        matches!(self, Self::Create | Self::Recreate | Self::Update)
    }
}

/// See [`Action::PutStack`].
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct PutStack {
    /// The stack's key: `network`, `service-api`.
    pub key: String,
    /// Its physical name.
    pub name: String,
    /// The region it lives in.
    pub region: String,
    /// How.
    pub step: StackMove,
    /// The template's text, its hash among the outputs. Empty when only following.
    pub body: String,
    /// Parameters by name.
    pub parameters: BTreeMap<String, Value>,
    /// Constant tags: app, environment, stage.
    pub tags: BTreeMap<String, String>,
    /// SHA-256 of the rendered template and its parameters.
    pub hash: String,
    /// Resource types of the template that hold data or traffic, by logical id, for the guard over the change set.
    #[serde(skip)]
    pub holds: BTreeMap<String, crate::infra::Holds>,
    /// What exists and is taken; of [`StackMove::Import`] alone.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub imports: Vec<Import>,
    /// What differs.
    pub changes: Vec<Change>,
}

/// See [`Action::PutParameter`]. The value is not in here: the act takes it from the job's environment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PutParameter {
    /// `/finance-app/staging/JWT_SECRET_KEY`.
    pub name: String,
    /// `JWT_SECRET_KEY`.
    pub variable: String,
    /// The version that is there; 0 where there is none.
    pub version: u64,
}

/// See [`Action::PushImage`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PushImage {
    /// The service whose image it is.
    pub service: String,
    /// `finance-app/api`.
    pub repository: String,
    /// `in-0123456789abcdef`: of the content.
    pub tag: String,
    /// A stand-in for the build (the sandbox).
    pub stand_in: bool,
}

/// See [`Action::RegisterTaskDefinition`].
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct RegisterTaskDefinition {
    /// The service.
    pub service: String,
    /// The family.
    pub family: String,
    /// RegisterTaskDefinition's input.
    pub definition: Json,
    /// The digest of `definition`, kept as a tag of the revision.
    pub fingerprint: String,
    /// What `definition` waits for; empty when it can be sent.
    pub pending: Vec<String>,
    /// What differs from the newest revision.
    pub changes: Vec<Change>,
    /// Where the newest revision was not read: what `changes` is made from.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub passed_over: Option<PassedOver>,
}

/// See [`Action::RunTask`].
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct RunTask {
    /// The service whose image, environment and roles it takes.
    pub service: String,
    /// The stage of the file it stands for: `before-deploy`.
    pub purpose: String,
    /// The revision's ARN.
    pub revision: Value,
    /// RunTask's input without cluster and revision.
    pub input: Json,
    /// The client tokens by which it is started again where it never began: those that another run would take then, so that
    /// ECS starts one task for both.
    #[serde(skip)]
    pub again: Vec<String>,
    /// The container whose exit code decides.
    pub container: String,
    /// The command, for reports.
    pub command: Vec<String>,
    /// The log group its container writes to.
    pub log_group: String,
    /// Seconds it may take.
    pub timeout: u32,
    /// A task of ours that is under way already: followed instead of run again.
    pub task: Option<String>,
}

/// See [`Action::PutRule`].
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct PutRule {
    /// The service.
    pub service: String,
    /// CreateRule's inputs: the service's own rule, then its redirects, then the one on the test listener.
    pub rules: Vec<Json>,
    /// The service's target groups. After a shift either may be the live one, so a rule to either is its rule.
    pub groups: Vec<String>,
    /// Seconds to wait before: names lead to where they led for as long as resolvers keep them.
    pub after: u32,
}

/// See [`Action::PutService`].
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct PutService {
    /// The service.
    pub service: String,
    /// Whether it is created or updated.
    pub create: bool,
    /// CreateService's or UpdateService's input.
    pub input: Json,
    /// The revision's ARN.
    pub revision: Value,
    /// Whether the update starts a deployment.
    pub deploys: bool,
    /// What differs.
    pub changes: Vec<Change>,
}

/// See [`Action::MarkService`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct MarkService {
    /// The service.
    pub service: String,
    /// `<fingerprint>@<revision>`.
    pub mark: String,
    /// What the service's tag tells of its definition; `None` where that which is there stays.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub definition: Option<String>,
    /// Whether it has autoscaling.
    pub scales: bool,
    /// Its rule on the test listener, empty once it has none any more; `None` where it never had one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub test_rule: Option<Value>,
}

/// See [`Action::PutScaling`].
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct PutScaling {
    /// The service.
    pub service: String,
    /// `service/CLUSTER/NAME`.
    pub resource: String,
    /// RegisterScalableTarget's bounds; `None` deregisters it.
    pub bounds: Option<(u32, u32)>,
    /// PutScalingPolicy's inputs by policy name.
    pub policies: BTreeMap<String, Json>,
}

/// See [`Action::Follow`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Follow {
    /// The service.
    pub service: String,
    /// The revision's ARN.
    pub revision: Value,
    /// Whether there was nothing before to roll back to.
    pub first: bool,
}

/// See [`Action::PutSchedule`].
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct PutSchedule {
    /// The schedule's name: the service's.
    pub name: String,
    /// The family of its task definition.
    pub family: String,
    /// The revision's ARN.
    pub revision: Value,
    /// Whether there is one of that name already.
    pub exists: bool,
    /// `cron(0 3 * * ? *)`, for reports.
    pub expression: String,
    /// CreateSchedule's or UpdateSchedule's body.
    pub input: Json,
    /// What `input` waits for; empty when it can be sent.
    pub pending: Vec<String>,
    /// The digest of `input`, kept as a tag of the revision.
    pub fingerprint: String,
}

/// See [`Action::RemoveSchedule`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RemoveSchedule {
    /// Its name.
    pub name: String,
    /// Its group.
    pub group: String,
}

/// See [`Action::TurnBack`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct TurnBack {
    /// The service.
    pub service: String,
    /// The service deployment's ARN.
    pub deployment: String,
}

/// See [`Action::Answer`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Answer {
    /// The service.
    pub service: String,
    /// The service deployment's ARN.
    pub deployment: String,
    /// The hook that waits.
    pub hook: String,
    /// Whether it goes on, or back.
    pub proceed: bool,
}

/// See [`Action::RunCommand`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RunCommand {
    /// The stage's name in the file.
    pub stage: String,
    /// Program and arguments.
    pub argv: Vec<String>,
    /// Seconds it may take.
    pub timeout: u32,
}

/// See [`Action::RemoveService`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RemoveService {
    /// The service.
    pub service: String,
    /// It drains already: its end is waited for.
    pub draining: bool,
}

/// See [`Action::DeleteRules`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct DeleteRules {
    /// The service they lead to.
    pub service: String,
    /// The listener's ARN.
    pub listener: String,
    /// It is the test listener.
    pub tests: bool,
    /// The rules' ARNs: redirects first, since they are known by the rule that leads to the service.
    pub rules: Vec<String>,
}

/// See [`Action::DeleteRevisions`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct DeleteRevisions {
    /// The service.
    pub service: String,
    /// The family.
    pub family: String,
    /// The revisions' ARNs.
    pub revisions: Vec<String>,
}

/// See [`Action::DeleteParameters`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct DeleteParameters {
    /// The path beneath which all are.
    pub path: String,
    /// Their names.
    pub names: Vec<String>,
}

/// See [`Action::DeleteImages`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct DeleteImages {
    /// The repository.
    pub repository: String,
    /// Only these tags are taken away; without them every image goes.
    pub tags: Option<BTreeSet<String>>,
    /// How many images that is.
    pub images: usize,
}

impl PutRule {
    /// The listener that leads users to the service.
    pub fn listener(&self) -> &str {
        self.rules.first().and_then(|rule| rule["ListenerArn"].as_str()).unwrap_or_default()
    }

    /// Whether one of its rules is on the test listener: on another than the first.
    pub fn is_for_tests(&self, rule: &Json) -> bool {
        rule["ListenerArn"] != self.listener()
    }
}

impl Action {
    /// What differs through it, property by property.
    pub fn changes(&self) -> &[Change] {
        match self {
            Self::PutStack(put) => &put.changes,
            Self::RegisterTaskDefinition(register) => &register.changes,
            Self::PutService(put) => &put.changes,
            _ => &[],
        }
    }

    /// Whether it takes something away that no [`Change`] tells of.
    pub fn removes(&self) -> bool {
        matches!(
            self,
            Self::RemoveService(_)
                | Self::DeleteRules(_)
                | Self::DeleteRevisions(_)
                | Self::DeleteParameters(_)
                | Self::DeleteImages(_)
        )
    }

    /// Whether it writes to AWS. Following and attaching only look.
    pub fn writes(&self) -> bool {
        match self {
            Self::Follow(_) | Self::FollowBack(_) | Self::RunCommand(_) => false,
            Self::PutStack(put) => put.step != StackMove::Attach,
            Self::RunTask(run) => run.task.is_none(),
            _ => true,
        }
    }
}
