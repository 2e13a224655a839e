//! What AWS has of an environment, each as it was seen: stacks, services, revisions, images, parameters, one-off tasks.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;
use serde_json::Value as Json;

use super::{MadeFrom, StackStatus};
use crate::{
    text::Foreign,
    workflow::{Environment, Value},
};

/// A stack as it was seen.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Stack {
    /// Its physical name.
    pub name: String,
    /// The region it lives in.
    pub region: String,
    /// Its status.
    pub status: StackStatus,
    /// Why it has that status, in AWS's words.
    pub reason: Foreign,
    /// Outputs by name; those a plan assumes are pending.
    pub outputs: BTreeMap<String, Value>,
    /// Parameters by name.
    pub parameters: BTreeMap<String, String>,
    /// Tags.
    pub tags: BTreeMap<String, String>,
    /// Termination protection.
    pub protected: bool,
}

impl Stack {
    /// The constant tag that carries the app's name.
    pub const APP: &'static str = "finance-infra:app";
    /// The constant tag that carries the environment's name; a stack that environments share has none.
    pub const ENVIRONMENT: &'static str = "finance-infra:environment";
    /// The constant tag that carries the stage's name.
    pub const STAGE: &'static str = "finance-infra:stage";
    /// The output that carries the hash of template and parameters.
    pub const HASH: &'static str = "TemplateHash";
    /// The output that names the resource types the endpoint did not know, joined by commas.
    pub const LEFT_OUT: &'static str = "LeftOut";

    /// The hash of the template and parameters it was last made from.
    pub fn hash(&self) -> Option<&str> {
        self.outputs.get(Self::HASH)?.known()
    }

    /// Resource types that the endpoint did not know.
    pub fn left_out(&self) -> BTreeSet<String> {
        let joined = self.outputs.get(Self::LEFT_OUT).and_then(Value::known).unwrap_or_default();
        joined.split(',').filter(|kind| !kind.is_empty()).map(str::to_owned).collect()
    }
}

/// How far a deployment is, as ECS says it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Rollout {
    /// Under way.
    InProgress,
    /// Its tasks are there and were steady.
    Completed,
    /// Given up.
    Failed,
}

/// A deployment of a service.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Deployment {
    /// `ecs-svc/…`.
    pub id: String,
    /// PRIMARY, ACTIVE, INACTIVE.
    pub status: String,
    /// The revision's ARN.
    pub revision: String,
    /// How far it is.
    pub rollout: Rollout,
    /// Why, in ECS's words.
    pub reason: Foreign,
    /// Tasks wanted.
    pub desired: u32,
    /// Tasks starting.
    pub pending: u32,
    /// Tasks running.
    pub running: u32,
    /// Tasks that failed.
    pub failed: u32,
}

/// An ECS service as it was seen.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Service {
    /// ACTIVE, DRAINING, INACTIVE.
    pub status: String,
    /// The service's ARN.
    pub arn: String,
    /// The revision's ARN it is set to.
    pub revision: Value,
    /// `<fingerprint>@<revision>`, our mark; none on a service we did not make.
    pub mark: Option<String>,
    /// What is told of the definition it was made from, by a tag; see [`Self::made_from`].
    pub definition: Option<String>,
    /// We gave it autoscaling, by a tag: Application Auto Scaling is asked only where there may be some.
    pub scales: bool,
    /// The rule on the test listener that we gave it, by a tag: known also when the service names it no more and it is
    /// still to be deleted.
    pub test_rule: Option<String>,
    /// Tasks wanted.
    pub desired: u32,
    /// Tasks running.
    pub running: u32,
    /// Tasks starting.
    pub pending: u32,
    /// Its deployments, newest first.
    pub deployments: Vec<Deployment>,
    /// All of DescribeServices' answer about it, to compare settings with.
    #[serde(skip)]
    pub json: Json,
}

impl Service {
    /// The key of the tag that carries our mark.
    pub const MARK: &'static str = "finance-infra:mark";
    /// The key of the tag that tells of the definition: digests and size.
    pub const DEFINITION: &'static str = "finance-infra:definition";
    /// In the mark's fingerprint's place: its first deployment failed, and it was set to no tasks.
    pub const GIVEN_UP: &'static str = "given-up";
    /// The key of the tag that says whether we gave it autoscaling: `true` or `false`.
    pub const SCALES: &'static str = "finance-infra:scales";
    /// The key of the tag that carries the ARN of its rule on the test listener; empty once that was deleted.
    pub const TEST_RULE: &'static str = "finance-infra:test-rule";

    /// Its rules on a test listener: the one that it names, and the one that we gave it.
    pub fn test_rules(&self) -> BTreeSet<String> {
        let named = &self.json["loadBalancers"][0]["advancedConfiguration"]["testListenerRule"];
        named
            .as_str()
            .map(str::to_owned)
            .into_iter()
            .chain(self.test_rule.clone())
            .filter(|arn| !arn.is_empty())
            .collect()
    }

    /// The mark's fingerprint, where the service still runs the revision that the mark names: after a rollback it does
    /// not, though the tag stays.
    pub fn fingerprint(&self) -> Option<&str> {
        said_of_revision(self.mark.as_deref()?, self.revision.shown())
    }

    /// What is told of the definition that it runs, under the condition of [`Self::fingerprint`].
    pub fn made_from(&self) -> Option<MadeFrom> {
        self.fingerprint().filter(|fingerprint| *fingerprint != Self::GIVEN_UP)?;
        MadeFrom::read(self.definition.as_deref()?, self.revision.shown())
    }

    /// Whether a run set it to no tasks because its first deployment failed. The mark was written before the count was, so
    /// the count may be anything.
    pub fn is_given_up(&self) -> bool {
        self.mark.as_deref().and_then(|mark| mark.split_once('@')).is_some_and(|(mark, _)| mark == Self::GIVEN_UP)
    }

    /// Whether a deployment of this revision has none before it to go back to: every other that is there has failed.
    pub fn is_first(&self) -> bool {
        self.deployments.iter().all(|other| other.status == "PRIMARY" || other.rollout == Rollout::Failed)
    }

    /// What it had before the deployment that it is set to is known to have failed, whatever is told of it.
    pub fn mark_older_failed(&mut self) {
        for older in self.deployments.iter_mut().filter(|older| older.status != "PRIMARY") {
            older.rollout = Rollout::Failed;
        }
    }

    /// Whether we made it or took it over for this environment: by its tags.
    pub fn is_of(&self, env: &Environment) -> bool {
        let tags = self.json["tags"].as_array().map(Vec::as_slice).unwrap_or_default();
        let has = |key: &str, value: &str| tags.iter().any(|tag| tag["key"] == key && tag["value"] == value);
        has(Stack::APP, &env.app) && has(Stack::ENVIRONMENT, &env.name)
    }

    /// The deployment ECS is working towards.
    pub fn primary(&self) -> Option<&Deployment> {
        self.deployments.iter().find(|deployment| deployment.status == "PRIMARY")
    }

    /// Whether every task that shall run does, by one finished deployment.
    pub fn is_steady(&self) -> bool {
        self.status == "ACTIVE"
            && self.running >= self.desired
            && self.primary().is_some_and(|primary| primary.rollout == Rollout::Completed)
    }
}

/// What a tag's value, `SAID@NUMBER`, says where its number is that of this revision: whoever deploys another one may leave
/// the tag as it is.
pub(super) fn said_of_revision<'a>(tag: &'a str, revision: &str) -> Option<&'a str> {
    let (said, number) = tag.rsplit_once('@')?;
    (revision.rsplit(':').next() == Some(number)).then_some(said)
}

/// A task-definition revision as it was seen.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct TaskDefinition {
    /// Its ARN; pending where a plan assumes that it will be registered.
    pub arn: Value,
    /// The digest of the definition it was registered from, kept as a tag.
    pub fingerprint: Option<String>,
    /// The digest of the schedule that was set with it, kept as a tag.
    pub schedule: Option<String>,
    /// Purposes of the one-off tasks that ended well with it, kept as tags.
    pub done: BTreeSet<String>,
    /// DescribeTaskDefinition's answer.
    #[serde(skip)]
    pub json: Json,
}

impl TaskDefinition {
    /// The key of the tag that carries the fingerprint.
    pub const FINGERPRINT: &'static str = "finance-infra:fingerprint";
    /// The key of the tag that carries the schedule's digest.
    pub const SCHEDULE: &'static str = "finance-infra:schedule";
    /// The prefix of the tags that say which one-off tasks are done.
    pub const DONE: &'static str = "finance-infra:done:";
}

/// The image a service's content makes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Image {
    /// The content's tag.
    pub tag: String,
    /// The digest in the registry; `None` where it is not there yet, pending where a plan assumes it.
    pub digest: Option<Value>,
    /// A stand-in for the build (the sandbox).
    pub stand_in: bool,
}

/// A variable of the job.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Variable {
    /// Set, and equal to what the parameter holds.
    Same,
    /// Set, and the parameter holds something else or nothing.
    Differs,
    /// Set to the empty text.
    Empty,
    /// Not set.
    Unset,
    /// Not looked at: a plan looks at none.
    NotRead,
}

/// A parameter as it was seen.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Parameter {
    /// Its version; 0 where it is not there.
    pub version: u64,
    /// How the job's variable compares.
    pub variable: Variable,
    /// When it was last written, in seconds since 1970; none where only its version was asked for.
    pub modified: Option<i64>,
}

/// A one-off task of ours.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct TaskRun {
    /// The task's ARN.
    pub arn: String,
    /// Whether it has stopped.
    pub stopped: bool,
    /// The named container's exit code, once it has stopped; null is failure, and so is 0 of a task that was stopped.
    pub exit_code: Option<i32>,
}
