//! Drift: what was changed behind CloudFormation's and the runner's back. It compares what is there with what was
//! deployed, not with a newer file: that is a plan's to show.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::Value as Json;

use super::{
    DesiredService, Known, ListenerRule, Replacement, Service as Seen, World, definition_changes, service_changes,
};
use crate::{
    infra::Holds,
    plan::Change,
    service::{self, SECRET_VERSIONS_LABEL, stack_key},
    workflow::{Environment, LoadBalancer, SecretSource, Service},
};

/// What happened to a thing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Drifted {
    /// It has other properties.
    Changed,
    /// It is gone.
    Absent,
    /// Another made it.
    Foreign,
}

/// One thing that is not as it was made.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Finding {
    /// What: "LogGroup (AWS::Logs::LogGroup) in stack finance-app-staging-service-api".
    pub what: String,
    /// What happened to it.
    pub drifted: Drifted,
    /// Its properties: before is what was made, after is what is there.
    pub changes: Vec<Change>,
    /// What to do.
    #[serde(rename = "do")]
    pub remedy: String,
}

/// What could not be looked at.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct NotChecked {
    /// What.
    pub what: String,
    /// Why: the permission that is missing, or what stands in the way.
    pub why: String,
}

/// A parameter's metadata.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ParameterSeen {
    /// Its version.
    pub version: u64,
    /// When it was last written, in seconds since 1970.
    pub modified: i64,
    /// Who wrote it: an ARN.
    pub by: String,
}

/// A service's autoscaling as it was seen.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ScalingSeen {
    /// Fewest and most tasks; none where there is no scalable target.
    pub bounds: Option<(u32, u32)>,
    /// Target-tracking configurations by policy name.
    pub policies: BTreeMap<String, Json>,
}

/// What was observed beside the world.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Observed {
    /// What CloudFormation found in the stacks.
    pub stacks: Vec<Finding>,
    /// Autoscaling by service, of those that could be asked.
    pub scaling: BTreeMap<String, ScalingSeen>,
    /// Parameters by name; none where they could not be asked.
    pub parameters: Option<BTreeMap<String, ParameterSeen>>,
    /// What could not be looked at.
    pub not_checked: Vec<NotChecked>,
}

/// How to let a run put a service back: without its mark it is compared property by property.
fn put_back(seen: &Seen) -> String {
    format!(
        "to put it back: aws ecs untag-resource --resource-arn {} --tag-keys {}, then `runner run`; to keep it, write it \
         into the file",
        seen.arn,
        Seen::MARK
    )
}

/// Everything that drifted, and what could not be looked at.
pub fn drift(env: &Environment, world: &World, observed: &Observed) -> (Vec<Finding>, Vec<NotChecked>) {
    let mut found =
        Found { env, world, observed, findings: observed.stacks.clone(), not_checked: observed.not_checked.clone() };
    for service in env.services.values() {
        found.service(service);
    }
    found.parameters();
    found.foreign_rules();
    found.not_checked.sort();
    found.not_checked.dedup();
    (found.findings, found.not_checked)
}

struct Found<'a> {
    env: &'a Environment,
    world: &'a World,
    observed: &'a Observed,
    findings: Vec<Finding>,
    not_checked: Vec<NotChecked>,
}

impl Found<'_> {
    fn say(&mut self, what: String, drifted: Drifted, changes: Vec<Change>, remedy: impl Into<String>) {
        self.findings.push(Finding { what, drifted, changes, remedy: remedy.into() });
    }

    fn service(&mut self, service: &Service) {
        let (env, world) = (self.env, self.world);
        let what = format!("ECS service {} in {}", service.name, env.cluster_name());
        // Never deployed: a plan's to show.
        if !world.stacks.contains_key(&env.stack_name(&stack_key(&service.name))) || !service.is_running() {
            return;
        }
        let Some(seen) = world.service(&service.name) else {
            return self.say(what, Drifted::Absent, Vec::new(), "`runner run` makes it again");
        };
        let Some((fingerprint, marked)) = seen.mark.as_deref().and_then(|mark| mark.split_once('@')) else {
            let why = "it has no mark of a finished run: `runner run` sets it".to_owned();
            return self.not_checked.push(NotChecked { what, why });
        };
        let running = seen.revision.shown().rsplit(':').next().unwrap_or_default();
        if running != marked {
            let change = change(&service.name, "taskDefinition", Some(marked.into()), Some(running.into()));
            let remedy = "a rollback or another's deployment: `runner run` deploys what the file says";
            self.say(what.clone(), Drifted::Changed, vec![change], remedy);
        }
        let newest = world.task_definitions.get(&env.family(&service.name)).and_then(Option::as_ref);
        if let Some(newest) = newest.filter(|newest| newest.fingerprint.is_none()) {
            let remedy = "another registered it; `runner run` registers its own over it";
            let revision = newest.arn.shown().rsplit('/').next().unwrap_or_default();
            self.say(format!("task definition {revision}"), Drifted::Foreign, Vec::new(), remedy);
        }
        let desired = DesiredService::of(env, service, world);
        if fingerprint != desired.fingerprint {
            let secrets_only = newest.filter(|newest| newest.arn == seen.revision).is_some_and(|newest| {
                let all = definition_changes(env, service, Some(&newest.json), &desired.definition.json);
                !all.is_empty() && all.iter().all(|change| change.property.ends_with(SECRET_VERSIONS_LABEL))
            });
            let why = match secrets_only {
                true => "a secret has a version that it was not deployed with (below)",
                false => "the file, its images or the stacks say something else than what was deployed: `runner plan`",
            };
            return self.not_checked.push(NotChecked { what: format!("settings of {what}"), why: why.to_owned() });
        }
        self.settings(service, seen, what);
        self.rules(service, &desired);
        self.scaling(service, seen, &desired);
    }

    fn settings(&mut self, service: &Service, seen: &Seen, what: String) {
        let known = Known { env: self.env, world: self.world };
        let settings = service::settings(self.env, service, &known).json;
        let wanted = service::update_of(service, &settings, &seen.json);
        let changes: Vec<Change> = service_changes(self.env, service, Some(&seen.json), &wanted)
            .into_iter()
            .filter(|change| !change.property.starts_with("taskDefinition"))
            .map(turned)
            .collect();
        if !changes.is_empty() {
            self.say(what, Drifted::Changed, changes, put_back(seen));
        }
    }

    fn groups(&self, service: &str) -> Vec<String> {
        let output = |name: &str| self.world.output(self.env, &stack_key(service), name).known().map(str::to_owned);
        ["TargetGroupArn", "AlternateTargetGroupArn"].into_iter().filter_map(output).collect()
    }

    /// Conditions and priorities; which of two groups gets how much is ECS's.
    fn rules(&mut self, service: &Service, desired: &DesiredService) {
        let groups = self.groups(&service.name);
        let wanted = desired.rules.json.as_array().cloned().unwrap_or_default();
        for rule in &wanted {
            let listener = rule["ListenerArn"].as_str().unwrap_or_default();
            let Some(all) = self.world.listener_rules.get(listener) else { continue };
            let own = ListenerRule::of_service(all, &groups);
            let redirects = rule.pointer("/Actions/0/Type").is_some_and(|kind| kind == "redirect");
            let seen = own.iter().find(|seen| seen.redirect.is_some() == redirects);
            let priority = rule["Priority"].as_u64().unwrap_or_default();
            let kind = if self.world.listener(self.env).as_deref() == Some(listener) { "" } else { "test " };
            let what = format!("{kind}listener rule for {} (priority {priority})", service.name);
            let remedy = self.world.service(&service.name).map(put_back).unwrap_or_default();
            let Some(seen) = seen else {
                self.say(what, Drifted::Absent, Vec::new(), remedy);
                continue;
            };
            let values = |field: &str, config: &str| {
                let conditions = rule["Conditions"].as_array().cloned().unwrap_or_default();
                let of_field = conditions.into_iter().filter(|condition| condition["Field"] == field);
                let mut all: Vec<String> = of_field
                    .flat_map(|condition| condition[config]["Values"].as_array().cloned().unwrap_or_default())
                    .filter_map(|value| value.as_str().map(str::to_owned))
                    .collect();
                all.sort();
                all
            };
            let mut changes = Vec::new();
            let mut differs = |property: &str, before: Json, after: Json| {
                if before != after {
                    changes.push(change(&service.name, property, Some(before), Some(after)));
                }
            };
            differs("priority", priority.into(), seen.priority.into());
            differs("hosts", values("host-header", "HostHeaderConfig").into(), seen.hosts.clone().into());
            differs("paths", values("path-pattern", "PathPatternConfig").into(), seen.paths.clone().into());
            if !redirects {
                self.more_conditions(service, seen, rule, &mut changes);
            }
            if !changes.is_empty() {
                self.say(what, Drifted::Changed, changes, remedy);
            }
        }
    }

    /// Conditions of kinds that the file never asked for.
    fn more_conditions(&self, service: &Service, seen: &ListenerRule, rule: &Json, changes: &mut Vec<Change>) {
        let conditions = rule["Conditions"].as_array().map(Vec::as_slice).unwrap_or_default();
        let wanted = |field: &String| conditions.iter().any(|condition| condition["Field"] == *field.as_str());
        for field in seen.other_conditions.iter().filter(|field| !wanted(field)) {
            changes.push(change(&service.name, field, None, Some("a condition".into())));
        }
    }

    /// On a listener of ours everything is the file's.
    fn foreign_rules(&mut self) {
        if !matches!(self.env.load_balancer, LoadBalancer::Managed { .. }) {
            return;
        }
        let listeners = self.world.listeners(self.env);
        let rules = listeners.iter().filter_map(|listener| self.world.listener_rules.get(listener));
        let all: Vec<ListenerRule> = rules.flatten().cloned().collect();
        let groups: Vec<String> = self.env.services.keys().flat_map(|service| self.groups(service)).collect();
        let ours: Vec<&ListenerRule> = ListenerRule::of_service(&all, &groups);
        let foreign = all.iter().filter(|rule| rule.priority.is_some() && !ours.contains(rule));
        for rule in foreign.cloned().collect::<Vec<_>>() {
            let what = format!("listener rule {} (priority {})", rule.arn, rule.priority.unwrap_or_default());
            let remedy = "another made it on this environment's listener: delete it (aws elbv2 delete-rule), or let it \
                          be; `runner run` leaves it alone";
            self.say(what, Drifted::Foreign, Vec::new(), remedy);
        }
    }

    fn scaling(&mut self, service: &Service, service_seen: &Seen, desired: &DesiredService) {
        let Some(seen) = self.observed.scaling.get(&service.name) else { return };
        let wanted = &desired.autoscaling;
        let mut changes = Vec::new();
        let bounds = |bounds: Option<(u32, u32)>| bounds.map(|(min, max)| Json::from(format!("{min}–{max}")));
        if wanted.bounds != seen.bounds {
            changes.push(change(&service.name, "tasks", bounds(wanted.bounds), bounds(seen.bounds)));
        }
        for (name, configuration) in &wanted.policies {
            match seen.policies.get(name) {
                None => changes.push(change(&service.name, name, Some(configuration.clone()), None)),
                Some(seen) if !covers(seen, configuration) => {
                    changes.push(change(&service.name, name, Some(configuration.clone()), Some(seen.clone())));
                }
                Some(_) => {}
            }
        }
        for (name, configuration) in seen.policies.iter().filter(|(name, _)| !wanted.policies.contains_key(*name)) {
            changes.push(change(&service.name, name, None, Some(configuration.clone())));
        }
        if !changes.is_empty() {
            self.say(format!("autoscaling of {}", service.name), Drifted::Changed, changes, put_back(service_seen));
        }
    }

    fn parameters(&mut self) {
        let Some(parameters) = &self.observed.parameters else { return };
        for service in self.env.services.values() {
            let secrets = service.secrets.iter();
            let sources = secrets.chain(service.sidecars.values().flat_map(|sidecar| &sidecar.secrets));
            for (variable, source) in sources {
                let name = match source {
                    SecretSource::Ssm => self.env.parameter(variable),
                    SecretSource::SsmExisting(name) => name.clone(),
                    SecretSource::Database | SecretSource::SecretsManager { .. } => continue,
                };
                self.parameter(service, &name, parameters.get(&name));
            }
        }
    }

    fn parameter(&mut self, service: &Service, name: &str, seen: Option<&ParameterSeen>) {
        let what = format!("parameter {name}");
        if self.findings.iter().any(|finding| finding.what == what) {
            return;
        }
        // Without a revision nothing was ever made with it.
        let family = self.env.family(&service.name);
        let Some(newest) = self.world.task_definitions.get(&family).and_then(Option::as_ref) else { return };
        let Some(seen) = seen else {
            let remedy = "tasks that start now fail: set its variable and `runner run`, or create it again";
            return self.say(what, Drifted::Absent, Vec::new(), remedy);
        };
        let registered = newest.json["registeredAt"].as_f64().unwrap_or(f64::MAX);
        #[allow(clippy::cast_precision_loss)]
        let newer = seen.modified as f64 > registered + 1.0;
        if newer {
            let by = if seen.by.is_empty() { "unknown".to_owned() } else { seen.by.clone() };
            let changes = vec![
                change(&service.name, "version", None, Some(seen.version.into())),
                change(&service.name, "written by", None, Some(by.into())),
            ];
            let remedy = "running tasks have the value before; `runner run` brings the new one to them";
            self.say(what, Drifted::Changed, changes, remedy);
        }
    }
}

fn change(scope: &str, property: &str, before: Option<Json>, after: Option<Json>) -> Change {
    Change {
        scope: scope.to_owned(),
        subject: String::new(),
        kind: String::new(),
        property: property.to_owned(),
        before,
        after,
        replacement: Replacement::No,
        holds: Holds::Nothing,
        span: None,
    }
}

/// A change that would put it back, told as what became of it.
fn turned(mut change: Change) -> Change {
    std::mem::swap(&mut change.before, &mut change.after);
    change
}

/// Whether what was seen holds all of what is wanted; numbers are compared as numbers.
fn covers(seen: &Json, wanted: &Json) -> bool {
    match (seen, wanted) {
        (Json::Object(seen), Json::Object(wanted)) => {
            wanted.iter().all(|(key, value)| seen.get(key).is_some_and(|seen| covers(seen, value)))
        }
        (seen, wanted) => seen == wanted || (seen.as_f64().is_some() && seen.as_f64() == wanted.as_f64()),
    }
}
