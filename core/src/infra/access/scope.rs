//! The environment as its policies see it: names, regions, roles, types.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value as Json, json};

use super::handlers::{handlers, prefix};
use crate::{
    iam::{account_arn, role_name},
    infra::{self, Body, identity},
    workflow::{Database, Environment},
};

/// See the module.
pub struct Scope<'a> {
    /// The environment.
    pub env: &'a Environment,
    /// Every region that a stack or a copy of a backup is in.
    pub regions: BTreeSet<String>,
    /// Types of its templates, but for those of the identity itself.
    pub kinds: BTreeSet<String>,
    /// Names of the roles that its templates make, by the service that takes them.
    pub roles: BTreeMap<String, BTreeSet<String>>,
}

impl<'a> Scope<'a> {
    /// Of an environment.
    pub fn of(env: &'a Environment) -> Self {
        let mut scope =
            Self { env, regions: BTreeSet::from([env.region.clone()]), kinds: BTreeSet::new(), roles: BTreeMap::new() };
        if let Some(Database::Managed(database)) = &env.database {
            scope.regions.extend(database.replicate_backups_to.clone());
        }
        for kind in infra::STACKS.iter().filter(|kind| kind.stage != identity::STAGE) {
            for stack in (kind.stacks)(env) {
                scope.regions.extend(stack.region.clone());
                scope.read(&stack.body);
            }
        }
        scope
    }

    fn read(&mut self, body: &Body) {
        match body {
            Body::Rendered(template) => {
                for resource in template.resources.values() {
                    self.kinds.insert(resource.kind.to_owned());
                    let service = resource.properties.get("AssumeRolePolicyDocument");
                    let service = service.and_then(|it| it.pointer("/Statement/0/Principal/Service"));
                    let name = resource.properties.get("RoleName");
                    if let (Some(service), Some(name)) = (service.and_then(Json::as_str), name.and_then(Json::as_str)) {
                        self.roles.entry(service.to_owned()).or_default().insert(name.to_owned());
                    }
                }
            }
            Body::Own { template, .. } => {
                let resources = template.get("Resources").and_then(Json::as_object).into_iter().flatten();
                let kinds = resources.filter_map(|(_, resource)| resource.get("Type")?.as_str());
                self.kinds.extend(kinds.map(str::to_owned));
            }
        }
    }

    /// Types whose handlers' calls are not known: CloudFormation makes them only where something else allows it.
    pub fn unknown_kinds(&self) -> impl Iterator<Item = &String> {
        self.kinds.iter().filter(|kind| handlers(kind).is_none() && !kind.starts_with("AWS::CloudFormation::"))
    }

    /// Prefixes of the services that its types are of.
    pub(super) fn services(&self) -> BTreeSet<String> {
        self.kinds.iter().map(|kind| prefix(kind)).collect()
    }

    /// ARNs of these roles.
    pub fn role_arns<'n>(names: impl IntoIterator<Item = &'n String>) -> Vec<Json> {
        names.into_iter().map(|name| sub(&account_arn("iam", "", &format!("role/{name}")))).collect()
    }

    /// The ARN of one of the identity's roles.
    pub fn own_role(&self, what: &str) -> Json {
        sub(&account_arn("iam", "", &format!("role/{}", role_name(self.env, what))))
    }

    /// The ARN of the permissions boundary.
    pub fn boundary(&self) -> Json {
        sub(&account_arn(
            "iam",
            "",
            &format!("policy{}{}", identity::path(self.env), identity::boundary_name(self.env)),
        ))
    }

    /// Everything that only an administrator may change: the identity's roles, its policies, the OIDC provider.
    pub fn identity(&self) -> Vec<Json> {
        let mut all: Vec<Json> = identity::ROLES.iter().map(|role| self.own_role(role)).collect();
        all.push(sub(&account_arn("iam", "", &format!("policy{}*", identity::path(self.env)))));
        all.push(sub(&account_arn("iam", "", "oidc-provider/*")));
        all
    }

    /// Environments of the file whose names begin as this one's does: `prod-eu` beside `prod`. A pattern over the names
    /// of this one's stacks and tasks would take in theirs.
    pub fn shadowed(&self) -> impl Iterator<Item = &String> {
        let begins = format!("{}-", self.env.name);
        self.env.siblings.keys().filter(move |name| name.starts_with(&begins))
    }
}

/// A text with CloudFormation's own variables in it.
pub(super) fn sub(text: &str) -> Json {
    if text.contains("${") { json!({ "Fn::Sub": text }) } else { json!(text) }
}
