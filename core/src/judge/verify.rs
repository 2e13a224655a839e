//! `verify`: does what is there fit together? What exists was asked by metadata; what a role may do is judged from the
//! policies that we render, without taking the role.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;
use serde_json::{Map, Value as Json};

use crate::{
    iam::{Document, Principal, Request, evaluate, partition, trusts},
    infra::{Body, Source, StackDesired, services},
    plan::{Ask, Known, World},
    service::{secret_references, stack_key},
    workflow::{Environment, Service},
};

/// What came of one check.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Answer {
    /// It fits.
    Fits,
    /// It does not: what is wrong, and what to do.
    Finding(String, String),
    /// It could not be checked, and why.
    NotChecked(String),
}

/// One check.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Check {
    /// The service, or what else it is about.
    pub about: String,
    /// What was checked: `image`, `secrets`.
    pub what: &'static str,
    /// What came of it.
    pub answer: Answer,
}

/// What an image says of itself.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ImageFacts {
    /// `linux/amd64`.
    pub platform: String,
    /// The TCP ports of its `EXPOSE`.
    pub ports: BTreeSet<u16>,
}

/// How a target group asks for health.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct GroupFacts {
    /// The path.
    pub path: String,
    /// The codes that are good.
    pub codes: String,
}

/// What was asked beside the world.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Found {
    /// Images of ours by reference; `None`: the registry has none of that digest.
    pub images: BTreeMap<String, Option<ImageFacts>>,
    /// Target groups by ARN.
    pub groups: BTreeMap<String, GroupFacts>,
    /// Log groups that exist.
    pub log_groups: BTreeSet<String>,
}

/// What the checks need of the world.
pub fn asks(env: &Environment, world: &World) -> BTreeSet<Ask> {
    let mut asks = BTreeSet::from([Ask::Stacks { region: env.region.clone() }]);
    for service in env.services.values() {
        asks.insert(Ask::TaskDefinition { family: env.family(&service.name) });
        for (name, _) in secret_references(env, service, &Known { env, world }) {
            let Some(name) = name.known().map(str::to_owned) else { continue };
            asks.insert(match name.starts_with("arn:") {
                true => Ask::SecretVersion { arn: name },
                false => Ask::Parameter { name, variable: None },
            });
        }
    }
    asks
}

/// The images of the newest revisions, as their containers name them, with the service each is of.
pub fn images(env: &Environment, world: &World) -> BTreeSet<String> {
    let containers = env.services.values().flat_map(|service| containers(env, service, world));
    containers.filter_map(|container| container["image"].as_str().map(str::to_owned)).collect()
}

/// The target groups of the services.
pub fn target_groups(env: &Environment, world: &World) -> Vec<String> {
    let outputs = |service: &Service| {
        let key = stack_key(&service.name);
        ["TargetGroupArn", "AlternateTargetGroupArn"]
            .map(|name| world.output(env, &key, name).known().map(str::to_owned))
    };
    env.routed().flat_map(outputs).flatten().collect()
}

/// Every check of an environment.
pub fn verify(env: &Environment, world: &World, found: &Found) -> Vec<Check> {
    env.services.values().flat_map(|service| of_service(env, service, world, found)).collect()
}

fn of_service(env: &Environment, service: &Service, world: &World, found: &Found) -> Vec<Check> {
    let check = |what, answer| Check { about: service.name.clone(), what, answer };
    if containers(env, service, world).is_empty() {
        let why = "it was never deployed: there is no revision of it".to_owned();
        return vec![check("revision", Answer::NotChecked(why))];
    }
    let may = May::new(env, service, world);
    let mut checks = vec![
        check("image", image(env, service, world, found)),
        check("port", port(env, service, world, found)),
        check("pull", pull(env, service, &may)),
        check("logs", logs(env, service, world, found, &may)),
    ];
    if !secret_references(env, service, &Known { env, world }).is_empty() {
        checks.push(check("secrets", secrets(env, service, world, &may)));
    }
    if service.is_routed() {
        checks.push(check("health-check", health_check(env, service, world, found)));
    }
    checks
}

fn containers<'a>(env: &Environment, service: &Service, world: &'a World) -> &'a [Json] {
    let newest = world.task_definitions.get(&env.family(&service.name)).and_then(Option::as_ref);
    newest.and_then(|seen| seen.json["containerDefinitions"].as_array()).map(Vec::as_slice).unwrap_or_default()
}

/// The container that is the service's own.
fn own<'a>(env: &Environment, service: &Service, world: &'a World) -> Option<&'a Json> {
    containers(env, service, world).iter().find(|container| container["name"] == service.name.as_str())
}

fn image(env: &Environment, service: &Service, world: &World, found: &Found) -> Answer {
    let mut elsewhere = Vec::new();
    for container in containers(env, service, world) {
        let reference = container["image"].as_str().unwrap_or_default();
        match found.images.get(reference) {
            None => elsewhere.push(reference.to_owned()),
            Some(None) => {
                return Answer::Finding(
                    format!("the registry has no {reference} any more: no task of it can start"),
                    format!("push it anew: runner run {} --rebuild -e {}", service.name, env.name),
                );
            }
            Some(Some(facts)) if facts.platform != service.platform.as_str() => {
                return Answer::Finding(
                    format!("{reference} is built for {}, the file says {}", facts.platform, service.platform.as_str()),
                    format!("build it for that platform, or mend services.{}.platform", service.name),
                );
            }
            Some(Some(_)) => {}
        }
    }
    match elsewhere.is_empty() {
        true => Answer::Fits,
        false => Answer::NotChecked(format!("{}: in a registry that is not ours", elsewhere.join(", "))),
    }
}

fn port(env: &Environment, service: &Service, world: &World, found: &Found) -> Answer {
    let Some(port) = service.port else { return Answer::Fits };
    let Some(container) = own(env, service, world) else {
        return Answer::NotChecked("the task definition has no container of the service's name".to_owned());
    };
    let mapped: Vec<u64> = container["portMappings"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|mapping| mapping["containerPort"].as_u64())
        .collect();
    if !mapped.contains(&u64::from(port)) {
        return Answer::Finding(
            format!("the newest revision opens {mapped:?}, the file says port {port}"),
            format!("bring it out: runner run {} -e {}", service.name, env.name),
        );
    }
    let exposed = container["image"].as_str().and_then(|image| found.images.get(image)).and_then(Option::as_ref);
    match exposed {
        // An image need not say it.
        Some(facts) if !facts.ports.is_empty() && !facts.ports.contains(&port) => Answer::Finding(
            format!("the image exposes {}, the file says port {port}", joined(&facts.ports)),
            format!("mend services.{}.port, or EXPOSE in the Dockerfile", service.name),
        ),
        _ => Answer::Fits,
    }
}

fn joined(ports: &BTreeSet<u16>) -> String {
    ports.iter().map(u16::to_string).collect::<Vec<_>>().join(", ")
}

fn health_check(env: &Environment, service: &Service, world: &World, found: &Found) -> Answer {
    let key = stack_key(&service.name);
    let groups = ["TargetGroupArn", "AlternateTargetGroupArn"].map(|name| world.output(env, &key, name));
    let seen: Vec<&GroupFacts> = groups.iter().filter_map(|arn| found.groups.get(arn.known()?)).collect();
    if seen.is_empty() {
        return Answer::NotChecked("its target group is not there yet".to_owned());
    }
    let wanted = &service.health_check;
    match seen.iter().find(|group| group.path != wanted.path || group.codes != wanted.codes) {
        None => Answer::Fits,
        Some(group) => Answer::Finding(
            format!(
                "the target group asks {} for {}, the file says {} for {}",
                group.path, group.codes, wanted.path, wanted.codes
            ),
            format!("bring it out: runner run {} -e {}", service.name, env.name),
        ),
    }
}

fn pull(env: &Environment, service: &Service, may: &May) -> Answer {
    if !env.pushed().any(|pushed| pushed.name == service.image_owner()) {
        return Answer::Fits;
    }
    let repository = may.arn("ecr", &format!("repository/{}", env.repository(service.image_owner())));
    let pulls = ["ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer", "ecr:BatchCheckLayerAvailability"];
    let mut requests = vec![Request::new("ecr:GetAuthorizationToken", "*")];
    requests.extend(pulls.map(|action| Request::new(action, &repository)));
    may.all(&requests)
}

fn logs(env: &Environment, service: &Service, world: &World, found: &Found, may: &May) -> Answer {
    let group = world.output(env, &stack_key(&service.name), "LogGroupName");
    let Some(group) = group.known() else {
        return Answer::NotChecked("its log group is not there yet".to_owned());
    };
    if !found.log_groups.contains(group) {
        return Answer::Finding(
            format!("there is no log group {group}: no task can start"),
            format!("it was deleted by hand; make {group} anew, with the same name"),
        );
    }
    let stream = may.arn("logs", &format!("log-group:{group}:log-stream:{}/x", service.name));
    may.all(&["logs:CreateLogStream", "logs:PutLogEvents"].map(|action| Request::new(action, &stream)))
}

fn secrets(env: &Environment, service: &Service, world: &World, may: &May) -> Answer {
    let mut requests = Vec::new();
    for (name, _) in secret_references(env, service, &Known { env, world }) {
        let Some(name) = name.known() else {
            return Answer::NotChecked(format!("{} is not known yet", name.shown()));
        };
        let there = match name.starts_with("arn:") {
            true => world.secret_versions.get(name).is_some_and(Option::is_some),
            false => world.parameters.get(name).is_some_and(|parameter| parameter.version > 0),
        };
        if !there {
            return Answer::Finding(
                format!("there is no {name}: no task can start"),
                format!("set its variable and write it: runner stage sync-secrets -e {}", env.name),
            );
        }
        requests.push(match name.starts_with("arn:") {
            true => Request::new("secretsmanager:GetSecretValue", name),
            false => Request::new(
                "ssm:GetParameters",
                may.arn("ssm", &format!("parameter/{}", name.trim_start_matches('/'))),
            ),
        });
    }
    may.all(&requests)
}

/// What the service's execution role may do, by the policies we render for it.
struct May {
    place: [String; 3],
    policies: Result<Vec<Document>, String>,
    trusted: Result<bool, String>,
}

impl May {
    fn new(env: &Environment, service: &Service, world: &World) -> Self {
        let account = world.caller.as_ref().map(|caller| caller.account.clone()).unwrap_or_default();
        let place = [partition(&env.region).to_owned(), env.region.clone(), account.clone()];
        let stack = services::stack(env, service);
        let role = match &stack.body {
            Body::Rendered(template) => template.resources.get("ExecutionRole").map(|role| role.properties.clone()),
            Body::Own { .. } => None,
        };
        let role = Json::Object(role.unwrap_or_default());
        let values = Values { env, world, stack: &stack, place: &place };
        let read = |json: &Json| Document::read(&values.resolved(json)).map_err(|error| error.to_string());
        let policies = role["Policies"].as_array().into_iter().flatten().map(|policy| read(&policy["PolicyDocument"]));
        let tasks = Principal::Service("ecs-tasks.amazonaws.com");
        let assume = Request::new("sts:AssumeRole", "").with("aws:SourceAccount", &account);
        let trusted = read(&role["AssumeRolePolicyDocument"]).and_then(|trust| {
            trusts(&trust, tasks, &assume).map(|decision| decision.is_allowed()).map_err(|error| error.to_string())
        });
        Self { policies: policies.collect(), trusted, place: place.clone() }
    }

    fn arn(&self, of: &str, rest: &str) -> String {
        let [partition, region, account] = &self.place;
        format!("arn:{partition}:{of}:{region}:{account}:{rest}")
    }

    fn all(&self, requests: &[Request]) -> Answer {
        let policies = match &self.policies {
            Ok(policies) => policies,
            Err(why) => return Answer::NotChecked(format!("the execution role cannot be judged: {why}")),
        };
        match &self.trusted {
            Ok(true) => {}
            Ok(false) => {
                return Answer::Finding(
                    "ECS may not take the execution role".to_owned(),
                    "its trust policy must name ecs-tasks.amazonaws.com".to_owned(),
                );
            }
            Err(why) => return Answer::NotChecked(format!("the execution role cannot be judged: {why}")),
        }
        for request in requests {
            match evaluate(policies, &[], request) {
                Ok(decision) if decision.is_allowed() => {}
                Ok(_) => {
                    return Answer::Finding(
                        format!("the execution role may not call {} on {}", request.action, request.resource),
                        "the role the file describes lacks it: name the secret or image in the file".to_owned(),
                    );
                }
                Err(error) => return Answer::NotChecked(format!("the execution role cannot be judged: {error}")),
            }
        }
        Answer::Fits
    }
}

/// What references of a template stand for.
struct Values<'a> {
    env: &'a Environment,
    world: &'a World,
    stack: &'a StackDesired,
    place: &'a [String; 3],
}

impl Values<'_> {
    /// The same without intrinsics. What is not known stays as its reference, which no ARN is equal to.
    fn resolved(&self, json: &Json) -> Json {
        match json {
            Json::Object(map) if map.len() == 1 => {
                if let Some(Json::String(name)) = map.get("Ref") {
                    return self.value(name, "").into();
                }
                if let Some(Json::Array(parts)) = map.get("Fn::GetAtt") {
                    let part = |at: usize| parts.get(at).and_then(Json::as_str).unwrap_or_default();
                    return self.value(part(0), part(1)).into();
                }
                if let Some(Json::String(text)) = map.get("Fn::Sub") {
                    return self.filled(text).into();
                }
                self.object(map)
            }
            Json::Object(map) => self.object(map),
            Json::Array(items) => items.iter().map(|item| self.resolved(item)).collect(),
            other => other.clone(),
        }
    }

    fn object(&self, map: &Map<String, Json>) -> Json {
        Json::Object(map.iter().map(|(key, value)| (key.clone(), self.resolved(value))).collect())
    }

    fn filled(&self, text: &str) -> String {
        let mut out = String::new();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once("${") {
            out.push_str(before);
            let Some((name, after)) = after.split_once('}') else { return out };
            let (id, attribute) = name.split_once('.').unwrap_or((name, ""));
            out.push_str(&self.value(id, attribute));
            rest = after;
        }
        out.push_str(rest);
        out
    }

    fn value(&self, id: &str, attribute: &str) -> String {
        let [partition, region, account] = self.place;
        match (id, attribute) {
            ("AWS::Partition", _) => partition.clone(),
            ("AWS::Region", _) => region.clone(),
            ("AWS::AccountId", _) => account.clone(),
            // https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-logs-loggroup.html
            ("LogGroup", "Arn") => {
                let service = self.stack.service.as_deref().unwrap_or_default();
                format!("arn:{partition}:logs:{region}:{account}:log-group:/ecs/{}:*", self.env.family(service))
            }
            _ => match self.stack.parameters().get(id) {
                Some(Source::Output { stack, output }) => self.world.output(self.env, stack, output).shown().to_owned(),
                Some(Source::Literal(text)) => text.clone(),
                _ => format!("${{{id}.{attribute}}}"),
            },
        }
    }
}

#[cfg(test)]
#[path = "verify_tests.rs"]
mod tests;
