//! `World`: what was observed, as data.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;
use serde_json::Value as Json;

use super::{History, Image, ListenerRule, Parameter, PutStack, Revision, Service, Stack, TaskDefinition, TaskRun};
use crate::workflow::{Environment, Outputs, Value};

/// A question a stage has for the world. The driver batches the questions of all nodes and asks each once.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Ask {
    /// Every stack of the account and region: status, outputs, parameters, tags.
    Stacks {
        /// The region.
        region: String,
    },
    /// The template of a stack, by its physical name.
    Template {
        /// The region.
        region: String,
        /// The stack's physical name.
        stack: String,
    },
    /// A service in the environment's cluster, by its name in the file.
    Service {
        /// The service.
        service: String,
    },
    /// The newest active revision of a family.
    TaskDefinition {
        /// The family.
        family: String,
    },
    /// The families that begin so and have an active revision.
    Families {
        /// `finance-app-staging-`.
        prefix: String,
    },
    /// The image that the file's content makes, and whether the registry has it.
    Image {
        /// The service whose image it is.
        service: String,
    },
    /// A parameter's version and whether it equals the job's variable.
    Parameter {
        /// `/finance-app/staging/JWT_SECRET_KEY`.
        name: String,
        /// The variable of the job it is kept from; none for an existing parameter.
        variable: Option<String>,
    },
    /// The current version of a Secrets Manager secret.
    SecretVersion {
        /// Its ARN.
        arn: String,
    },
    /// The names of the environment's schedules.
    Schedules,
    /// What ECS remembers of a service's deployments.
    History {
        /// The service.
        service: String,
    },
    /// Whether a task-definition revision can still be deployed.
    Revision {
        /// Its ARN.
        arn: String,
    },
    /// Whether a name leads where another one does.
    LeadsTo {
        /// The name.
        host: String,
        /// The other: a load balancer's or a distribution's DNS name.
        target: String,
    },
    /// Whether a hosted zone is there.
    HostedZone {
        /// Its id.
        id: String,
    },
    /// One-off tasks of ours that run or ran, by their mark.
    TaskRuns {
        /// `startedBy`.
        started_by: String,
        /// The container whose exit code decides.
        container: String,
    },
    /// The names of the services in the environment's cluster.
    ClusterServices,
    /// The rules of a listener.
    ListenerRules {
        /// The listener's ARN.
        listener: String,
    },
    /// Every revision of a family that is not deleted.
    Revisions {
        /// The family.
        family: String,
    },
    /// The names of the parameters beneath a path.
    ParametersUnder {
        /// `/finance-app/staging/`.
        path: String,
    },
    /// The tags of a repository's images.
    Repository {
        /// `finance-app/api`.
        repository: String,
    },
}

/// Who asks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Caller {
    /// The account.
    pub account: String,
    /// The caller's ARN.
    pub arn: String,
}

/// What the endpoint can do. No stage asks which AWS it speaks to; it asks whether this is to be had.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Abilities {
    /// One-off tasks run and end, and targets are registered.
    pub runs_tasks: bool,
    /// Resource types the endpoint does not know may be left out of templates.
    pub may_leave_out: bool,
    /// A `build` is replaced by a stand-in image.
    pub stand_ins: bool,
    /// Host names lead somewhere: records made here are seen by resolvers.
    pub resolves_names: bool,
    /// Where images are pulled from, where that is not ECR's own name: `127.0.0.1:4566`.
    pub registry: Option<String>,
}

impl Default for Abilities {
    fn default() -> Self {
        Self { runs_tasks: true, may_leave_out: false, stand_ins: false, resolves_names: true, registry: None }
    }
}

/// What a person asked `rollback` or `approve` for, beside the service.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct Wish {
    /// `rollback SERVICE`: one was named, so that it must have something to go back to.
    pub named: bool,
    /// `--to`: the revision's number.
    pub to: Option<u32>,
    /// `--reject`.
    pub reject: bool,
}

/// What was observed. A map without an entry was not asked; an entry of `None` was asked and is not there.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct World {
    /// What the endpoint can do.
    pub abilities: Abilities,
    /// Who asks.
    pub caller: Option<Caller>,
    /// Whether the variables of the job may be read: a plan reads none.
    pub reads_variables: bool,
    /// Logical ids whose replacement or removal the user accepts (`--allow-replace`).
    pub allow_replace: BTreeSet<String>,
    /// Stacks by physical name, of every region that was asked.
    pub stacks: BTreeMap<String, Stack>,
    /// Templates by the stack's physical name.
    pub templates: BTreeMap<String, Option<Json>>,
    /// Services by name in the file.
    pub services: BTreeMap<String, Option<Service>>,
    /// The newest active revision by family; of a family that was passed over, what is told of the one that its service runs.
    pub task_definitions: BTreeMap<String, Option<TaskDefinition>>,
    /// Families that a look at many passed over.
    pub passed_over: BTreeMap<String, PassedOver>,
    /// The names of the families that were found by what they begin with.
    pub families: BTreeSet<String>,
    /// Images by service.
    pub images: BTreeMap<String, Image>,
    /// Parameters by name.
    pub parameters: BTreeMap<String, Parameter>,
    /// Current version of secrets by ARN.
    pub secret_versions: BTreeMap<String, Option<String>>,
    /// The names of the environment's schedules.
    pub schedules: BTreeSet<String>,
    /// What ECS remembers by service; `None`: the endpoint tells of no service deployments.
    pub histories: BTreeMap<String, Option<History>>,
    /// Revisions by ARN; `None`: there is no such revision.
    pub old_revisions: BTreeMap<String, Option<Revision>>,
    /// What `rollback` or `approve` was asked for.
    pub wish: Wish,
    /// Whether names lead where another one does, by name and the other.
    pub leads: BTreeMap<(String, String), bool>,
    /// Whether hosted zones are there, by id.
    pub hosted_zones: BTreeMap<String, bool>,
    /// One-off tasks by their mark.
    pub task_runs: BTreeMap<String, Vec<TaskRun>>,
    /// Names of the services in the environment's cluster, whoever made them.
    pub cluster_services: BTreeSet<String>,
    /// Rules by the listener's ARN.
    pub listener_rules: BTreeMap<String, Vec<ListenerRule>>,
    /// Revisions' ARNs by family.
    pub revisions: BTreeMap<String, Vec<String>>,
    /// Names of parameters by the path beneath which they are.
    pub parameters_under: BTreeMap<String, BTreeSet<String>>,
    /// The tags of each image, by repository; none where there is no such repository.
    pub repositories: BTreeMap<String, Option<Vec<Vec<String>>>>,
    /// The ARN of the listener rule that leads to a service, by service.
    pub rules: BTreeMap<String, Value>,
    /// The ARN of the rule on the test listener, by service.
    pub test_rules: BTreeMap<String, Value>,
    /// What is taken into stacks, by their physical names, where that is all that is to be done (`adopt`).
    pub imports: Option<BTreeMap<String, PutStack>>,
    /// Nodes whose work is of this run alone and is done: commands of the user's.
    pub done: BTreeSet<String>,
    /// Questions that were answered.
    pub answered: BTreeSet<Ask>,
}

/// What a plan knows of a definition that it did not read, because it would have been one of very many.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum PassedOver {
    /// All of it, proven by its digest.
    Told,
    /// All but the versions of images and secrets, one of which differs.
    Versions,
    /// That something differs.
    Unknown,
}

/// The outputs of an environment's stacks, by key.
pub struct StackOutputs<'a> {
    env: &'a Environment,
    world: &'a World,
}

impl Outputs for StackOutputs<'_> {
    fn output(&self, stack: &str, output: &str) -> Option<Value> {
        let seen = self.world.stacks.get(&self.env.stack_name(stack));
        seen.and_then(|stack| stack.outputs.get(output).cloned())
    }
}

impl World {
    /// Whether a question still is one: it was neither answered nor passed over.
    pub fn is_open(&self, ask: &Ask) -> bool {
        let passed_over = matches!(ask, Ask::TaskDefinition { family } if self.passed_over.contains_key(family));
        !passed_over && !self.answered.contains(ask)
    }

    /// Lets go of what was told of definitions that a plan passed over: who acts reads them.
    pub fn forget_passed_over(&mut self) {
        for family in std::mem::take(&mut self.passed_over).keys() {
            self.task_definitions.remove(family);
        }
    }

    /// The outputs of this environment's stacks.
    pub fn outputs<'a>(&'a self, env: &'a Environment) -> StackOutputs<'a> {
        StackOutputs { env, world: self }
    }

    /// An output of a stack by its key, pending where nothing is known of it.
    pub fn output(&self, env: &Environment, stack: &str, output: &str) -> Value {
        self.outputs(env)
            .output(stack, output)
            .unwrap_or_else(|| Value::Pending(format!("${{stacks.{stack}.{output}}}")))
    }

    /// A service that was asked for and is there. ECS goes on telling of one that was deleted, as INACTIVE, for a while.
    pub fn service(&self, name: &str) -> Option<&Service> {
        self.services.get(name)?.as_ref().filter(|service| service.status != "INACTIVE")
    }
}
