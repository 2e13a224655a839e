//! `Environment` → CloudFormation templates: one file a stack, one list.
//!
//! A stack's file renders its template and names its outputs ([`Export`]); what holds data or traffic is said on the
//! resource ([`Holds`]), and guard, deletion policies and documentation read it there. A new stack is one new file and
//! one line in [`STACKS`]; [`network`] is the one to copy.

pub mod access;
mod alarms;
pub mod backup;
pub mod cdn;
pub mod certificate;
pub mod cluster;
mod create_only;
mod dashboard;
pub mod database;
pub mod dns;
pub mod edge;
mod export;
pub mod extra;
mod firewall;
mod groups;
mod identifiers;
pub mod identity;
mod instance_class;
mod leave_out;
pub mod monitoring;
pub mod network;
mod references;
pub mod registry;
mod roles;
mod service_roles;
pub mod services;
mod template;
pub mod test_listener;
mod ways;

pub use alarms::physical_names as alarm_names;
pub use create_only::{CreateOnly, create_only, holds};
#[cfg(test)]
mod golden;
#[cfg(test)]
pub(crate) mod matrix;
#[cfg(test)]
pub(crate) mod testing;

use std::collections::{BTreeMap, BTreeSet};

pub use export::Export;
pub use identifiers::{Marks, identifier, is_write_only, marks_of};
pub use leave_out::leave_out;
pub use references::references;
pub(crate) use references::{is_intrinsic, next_placeholder};
use serde_json::Value as Json;
pub use template::{Holds, Keep, Output, Parameter, Resource, Source, Template, attribute, reference, substitute};
pub use ways::{usual_seconds, way};

pub use crate::text::pascal;
use crate::workflow::{Database, Environment, Service, Text};

/// A stack the runner knows how to make.
pub struct StackKind {
    /// The stage that owns it: `bootstrap-network`.
    pub stage: &'static str,
    /// What it makes, in a few words.
    pub makes: &'static str,
    /// The stacks of this kind that an environment has.
    pub stacks: fn(&Environment) -> Vec<StackDesired>,
    /// The stack of one service, where each service has one: so that nobody renders them all to find it.
    pub of_service: Option<fn(&Environment, &Service) -> StackDesired>,
}

/// A stack as it shall be.
#[derive(Debug, Clone, PartialEq)]
pub struct StackDesired {
    /// Its key: `network`, `service-api`; `${stacks.KEY.OUTPUT}` in the file.
    pub key: String,
    /// The service it belongs to, where it belongs to one.
    pub service: Option<String>,
    /// Another region than the environment's.
    pub region: Option<String>,
    /// Keys of the stacks that must be made before, beyond those whose outputs it takes.
    pub after: Vec<String>,
    /// Services whose rollout must have begun before.
    pub after_services: Vec<String>,
    /// What it is made of.
    pub body: Body,
}

/// What a stack is made of.
#[derive(Debug, Clone, PartialEq)]
pub enum Body {
    /// A template of ours.
    Rendered(Template),
    /// A template of the user's, sent as it is.
    Own {
        /// The template.
        template: Json,
        /// Its parameters by name.
        parameters: BTreeMap<String, Text>,
    },
}

/// Every kind of stack, in the order in which people read them.
pub const STACKS: &[StackKind] = &[
    StackKind {
        stage: "bootstrap-identity",
        makes: "OIDC provider, permissions boundary, roles of the jobs and of CloudFormation; by an administrator, in no run",
        stacks: identity::stacks,
        of_service: None,
    },
    StackKind { stage: "bootstrap-registry", makes: "ECR repositories", stacks: registry::stacks, of_service: None },
    StackKind {
        stage: "bootstrap-network",
        makes: "VPC, subnets, egress, security groups",
        stacks: network::stacks,
        of_service: None,
    },
    StackKind {
        stage: "bootstrap-certificate",
        makes: "ACM certificate",
        stacks: certificate::stacks,
        of_service: None,
    },
    StackKind {
        stage: "bootstrap-cluster",
        makes: "ECS cluster, private DNS namespace, alarm topic",
        stacks: cluster::stacks,
        of_service: None,
    },
    StackKind {
        stage: "bootstrap-backup",
        makes: "the second region's key for replicated backups",
        stacks: backup::stacks,
        of_service: None,
    },
    StackKind {
        stage: "bootstrap-database",
        makes: "RDS instance and its secrets",
        stacks: database::stacks,
        of_service: None,
    },
    StackKind {
        stage: "bootstrap-edge",
        makes: "load balancer, listeners, WAF",
        stacks: edge::stacks,
        of_service: None,
    },
    StackKind {
        stage: "bootstrap-test-listener",
        makes: "the listener on which a new version is tried before it has traffic",
        stacks: test_listener::stacks,
        of_service: None,
    },
    StackKind {
        stage: "bootstrap-services",
        makes: "security group, target groups, logs, roles and discovery of each service",
        stacks: services::stacks,
        of_service: Some(services::stack),
    },
    StackKind {
        stage: "bootstrap-cdn",
        makes: "CloudFront, its certificate and web ACL, in us-east-1",
        stacks: cdn::stacks,
        of_service: None,
    },
    StackKind {
        stage: "bootstrap-dns",
        makes: "alias records of the hosts; without a hosted zone it shows the records to make",
        stacks: dns::stacks,
        of_service: None,
    },
    StackKind {
        stage: "bootstrap-monitoring",
        makes: "alarms of what is shared, a dashboard",
        stacks: monitoring::stacks,
        of_service: None,
    },
    StackKind { stage: "extra-stacks", makes: "templates of the file's own", stacks: extra::stacks, of_service: None },
];

/// Every stack of an environment, in the order of [`STACKS`].
pub fn stacks(environment: &Environment) -> Vec<StackDesired> {
    STACKS.iter().flat_map(|kind| (kind.stacks)(environment)).collect()
}

/// The regions in which an environment may have stacks: its own, the CDN's (also once it left the file), and that of the
/// replicated backups.
pub fn regions(environment: &Environment) -> BTreeSet<String> {
    let replicated = match &environment.database {
        Some(Database::Managed(database)) => database.replicate_backups_to.clone(),
        _ => None,
    };
    [environment.region.clone(), cdn::REGION.to_owned()].into_iter().chain(replicated).collect()
}

impl StackDesired {
    /// A stack of the environment, in its region, from a template of ours.
    pub fn new(key: impl Into<String>, template: Template) -> Self {
        Self {
            key: key.into(),
            service: None,
            region: None,
            after: Vec::new(),
            after_services: Vec::new(),
            body: Body::Rendered(template),
        }
    }

    /// The same, in another region than the environment's.
    pub fn in_region(mut self, region: impl Into<String>) -> Self {
        self.region = Some(region.into());
        self
    }

    /// The same, belonging to a service.
    pub fn of_service(mut self, name: &str) -> Self {
        self.service = Some(name.to_owned());
        self
    }

    /// Where the value of each of its parameters comes from.
    pub fn parameters(&self) -> BTreeMap<&str, Source> {
        match &self.body {
            Body::Rendered(template) => {
                template.parameters.iter().map(|(name, parameter)| (name.as_str(), parameter.source.clone())).collect()
            }
            Body::Own { parameters, .. } => {
                parameters.iter().map(|(name, text)| (name.as_str(), Source::Text(text.clone()))).collect()
            }
        }
    }

    /// The keys of the stacks that must be made before it: those whose outputs it takes, and [`Self::after`].
    pub fn needs(&self) -> BTreeSet<String> {
        let mut needs: BTreeSet<String> = self.after.iter().cloned().collect();
        for source in self.parameters().values() {
            match source {
                Source::Output { stack, .. } | Source::IfMade { stack, .. } => {
                    needs.insert(stack.clone());
                }
                Source::Text(text) => needs.extend(text.stacks().map(str::to_owned)),
                Source::Literal(_) | Source::Protect => {}
            }
        }
        needs
    }

    /// The template as CloudFormation reads it.
    pub fn to_json(&self) -> Json {
        match &self.body {
            Body::Rendered(template) => template.to_json(),
            Body::Own { template, .. } => template.clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_file_of_a_stack_is_in_the_list_under_its_name() {
        let directory = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("src/infra");
        let mut files = BTreeSet::new();
        for entry in std::fs::read_dir(directory).unwrap() {
            let path = entry.unwrap().path();
            let text = std::fs::read_to_string(&path).unwrap_or_default();
            if text.contains("\npub fn stacks(env: &Environment)") {
                files.insert(path.file_stem().unwrap().to_str().unwrap().to_owned());
            }
        }
        let listed: BTreeSet<String> = STACKS
            .iter()
            .map(|kind| kind.stage.trim_start_matches("bootstrap-").trim_end_matches("-stacks").replace('-', "_"))
            .collect();
        assert_eq!(listed, files);
    }
}
