//! From a scenario's short words to the shapes of the APIs. Whatever is written in the API's own words goes through.
//! <https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_ServiceDeployment.html>,
//! <https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_Service.html>,
//! <https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_Task.html>

use serde_json::{Map, Value as Json, json};

/// The moment at which every scenario begins, in seconds since 1970.
const BEGIN: f64 = 1_790_000_000.0;

/// What things are called.
#[derive(Debug, Clone)]
pub struct Names {
    pub account: String,
    pub cluster: String,
    pub service: String,
    pub family: String,
}

impl Names {
    fn arn(&self, kind: &str, id: &str) -> String {
        format!("arn:aws:ecs:us-east-1:{}:{kind}/{id}", self.account)
    }

    fn of_service(&self, kind: &str, id: &str) -> String {
        self.arn(kind, &format!("{}/{}/{id}", self.cluster, self.service))
    }

    pub fn revision(&self, number: u64) -> String {
        self.arn("task-definition", &format!("{}:{number}", self.family))
    }

    pub fn deployment(&self, id: &str) -> String {
        self.of_service("service-deployment", id)
    }

    pub(super) fn service_revision(&self, number: u64) -> String {
        self.of_service("service-revision", &(9_000_000_000_000_000_000 + number).to_string())
    }

    pub(super) fn task(&self, id: &str) -> String {
        self.arn("task", &format!("{}/{id}", self.cluster))
    }

    pub(super) fn target_group(&self, number: u32) -> String {
        format!("arn:aws:elasticloadbalancing:us-east-1:{}:targetgroup/{}/{number}", self.account, self.service)
    }

    pub(super) fn log_group(&self) -> String {
        format!("/ecs/{}", self.family)
    }
}

/// The last part of an ARN.
pub(super) fn id(arn: &str) -> &str {
    arn.rsplit('/').next().unwrap_or(arn)
}

fn number(json: &Json, key: &str) -> u64 {
    json[key].as_u64().unwrap_or_default()
}

fn entries<'a>(state: &'a Json, key: &str) -> impl Iterator<Item = (&'a String, &'a Json)> {
    state[key].as_object().into_iter().flatten()
}

/// Fields that are not short words go over those that were made of them; times become the API's.
fn over(mut made: Json, own: &Json, short: &[&str]) -> Json {
    if let (Json::Object(made), Json::Object(own)) = (&mut made, own) {
        for (key, value) in own.iter().filter(|(key, _)| !short.contains(&key.as_str())) {
            made.insert(key.clone(), value.clone());
        }
    }
    dated(&mut made);
    made
}

/// Seconds of the scenario, and the dates that the AWS CLI prints, become seconds since 1970.
fn dated(json: &mut Json) {
    match json {
        Json::Object(map) => {
            for (key, value) in map.iter_mut() {
                if key.ends_with("At") {
                    let seconds = match &*value {
                        Json::String(text) => text.parse::<jiff::Timestamp>().ok().map(|at| at.as_second() as f64),
                        value => value.as_f64(),
                    };
                    if let Some(seconds) = seconds {
                        *value = json!(if seconds < 1e9 { BEGIN + seconds } else { seconds });
                    }
                } else {
                    dated(value);
                }
            }
        }
        Json::Array(items) => items.iter_mut().for_each(dated),
        _ => {}
    }
}

/// One of DescribeServices' `services`; none where it is gone.
pub fn service(state: &Json, names: &Names, tags: &Json) -> Option<Json> {
    let own = &state["service"];
    if own.is_null() {
        return None;
    }
    let mut rollouts: Vec<Json> = entries(state, "rollouts").map(|(key, own)| rollout(key, own, names)).collect();
    rollouts.sort_by_key(|rollout| rollout["status"] != "PRIMARY");
    let sum = |key: &str| rollouts.iter().map(|rollout| number(rollout, key)).sum::<u64>();
    let primary = rollouts.iter().find(|rollout| rollout["status"] == "PRIMARY");
    // Not yet told of a new one, it tells of the one before.
    let current = entries(state, "deployments").max_by(|a, b| {
        a.1["createdAt"].as_f64().unwrap_or_default().total_cmp(&b.1["createdAt"].as_f64().unwrap_or_default())
    });
    let events = state["events"].as_array().cloned().unwrap_or_default();
    let events: Vec<Json> = events
        .into_iter()
        .enumerate()
        .map(|(at, own)| over(json!({ "id": format!("event-{at}") }), &own, &[]))
        .collect();
    let mut made = json!({
        "serviceName": names.service,
        "serviceArn": names.arn("service", &format!("{}/{}", names.cluster, names.service)),
        "clusterArn": names.arn("cluster", &names.cluster),
        "status": "ACTIVE",
        "desiredCount": number(own, "desired"),
        "runningCount": sum("runningCount"),
        "pendingCount": sum("pendingCount"),
        "taskDefinition": primary.map_or(Json::Null, |primary| primary["taskDefinition"].clone()),
        "deployments": rollouts,
        "events": events,
        "tags": tags,
    });
    if let Some((key, _)) = current {
        made["currentServiceDeployment"] = names.deployment(key).into();
    }
    Some(over(made, own, &["desired"]))
}

fn rollout(key: &str, own: &Json, names: &Names) -> Json {
    let made = json!({
        "id": format!("ecs-svc/{key}"),
        "status": "PRIMARY",
        "taskDefinition": names.revision(number(own, "revision")),
        "desiredCount": number(own, "desired"),
        "runningCount": number(own, "running"),
        "pendingCount": number(own, "pending"),
        "failedTasks": number(own, "failed"),
        "rolloutState": own["rollout"].as_str().unwrap_or("IN_PROGRESS"),
        "rolloutStateReason": own["reason"].as_str().unwrap_or_default(),
        "createdAt": 0,
    });
    over(made, own, &["revision", "desired", "running", "pending", "failed", "rollout", "reason"])
}

/// Every service deployment, newest first.
pub fn deployments(state: &Json, names: &Names) -> Vec<Json> {
    let mut all: Vec<Json> = entries(state, "deployments").map(|(key, own)| deployment(key, own, names)).collect();
    all.sort_by(|a, b| {
        b["createdAt"].as_f64().unwrap_or_default().total_cmp(&a["createdAt"].as_f64().unwrap_or_default())
    });
    all
}

fn deployment(key: &str, own: &Json, names: &Names) -> Json {
    let summary = |revision: u64, counts: bool| {
        let count = |key: &str| if counts { number(own, key) } else { 0 };
        json!({
            "arn": names.service_revision(revision),
            "requestedTaskCount": count("requested"),
            "runningTaskCount": count("running"),
            "pendingTaskCount": count("pending"),
        })
    };
    let mut made = json!({
        "serviceDeploymentArn": names.deployment(key),
        "serviceArn": names.arn("service", &format!("{}/{}", names.cluster, names.service)),
        "clusterArn": names.arn("cluster", &names.cluster),
        "createdAt": 0,
        "startedAt": own.get("createdAt").cloned().unwrap_or_else(|| 0.into()),
        "updatedAt": own.get("touched").or(own.get("createdAt")).cloned().unwrap_or_else(|| 0.into()),
        "targetServiceRevision": summary(number(own, "revision"), true),
        "sourceServiceRevisions": [],
        "status": "IN_PROGRESS",
        "deploymentCircuitBreaker": { "status": "MONITORING", "failureCount": 0, "threshold": 3 },
        "alarms": { "status": "DISABLED", "alarmNames": [], "triggeredAlarmNames": [] },
    });
    if let Some(share) = own["share"].as_f64() {
        made["targetServiceRevision"]["requestedProductionTrafficWeight"] = share.into();
    }
    if let Some(from) = own["from"].as_u64() {
        made["sourceServiceRevisions"] = json!([summary(from, false)]);
    }
    for (short, long) in [("reason", "statusReason"), ("stage", "lifecycleStage"), ("hooks", "lifecycleHookDetails")] {
        if !own[short].is_null() {
            made[long] = own[short].clone();
        }
    }
    let mut own = own.clone();
    // The rollback names a service revision.
    if let Some(back) = own["rollback"]["to"].as_u64() {
        own["rollback"]["serviceRevisionArn"] = names.service_revision(back).into();
        own["rollback"].as_object_mut().map(|rollback| rollback.remove("to"));
    }
    over(made, &own, &["revision", "from", "requested", "running", "pending", "reason", "stage", "hooks", "touched"])
}

/// What ListServiceDeployments tells of one.
pub(super) fn brief(deployment: &Json) -> Json {
    const KEYS: [&str; 9] = [
        "serviceDeploymentArn",
        "serviceArn",
        "clusterArn",
        "startedAt",
        "createdAt",
        "finishedAt",
        "status",
        "statusReason",
        "stoppedAt",
    ];
    let mut brief: Map<String, Json> =
        KEYS.iter().filter_map(|key| Some(((*key).to_owned(), deployment.get(*key)?.clone()))).collect();
    brief.remove("stoppedAt");
    brief.insert("targetServiceRevisionArn".to_owned(), deployment["targetServiceRevision"]["arn"].clone());
    Json::Object(brief)
}

/// Every task.
pub fn tasks(state: &Json, names: &Names) -> Vec<Json> {
    entries(state, "tasks").map(|(key, own)| task(key, own, names)).collect()
}

fn task(key: &str, own: &Json, names: &Names) -> Json {
    let mut made = json!({
        "taskArn": names.task(key),
        "clusterArn": names.arn("cluster", &names.cluster),
        "group": format!("service:{}", names.service),
        "taskDefinitionArn": names.revision(number(own, "revision")),
        "lastStatus": "RUNNING",
        "desiredStatus": "RUNNING",
        "startedBy": format!("ecs-svc/{}", own["by"].as_str().unwrap_or_default()),
        "containers": [],
    });
    if own["lastStatus"] == "STOPPED" {
        made["desiredStatus"] = "STOPPED".into();
    }
    over(made, own, &["revision", "by"])
}

/// DescribeTargetHealth's members, those of one target group.
pub(super) fn targets(state: &Json, alternate: bool) -> String {
    let of_group = entries(state, "targets").filter(|(_, own)| (own["group"] == "alternate") == alternate);
    let member = |(address, own): (&String, &Json)| {
        let field = |key: &str, name: &str| match own[key].as_str() {
            Some(text) => format!("<{name}>{}</{name}>", text.replace('&', "&amp;").replace('<', "&lt;")),
            None => String::new(),
        };
        format!(
            "<member><Target><Id>{address}</Id><Port>3000</Port></Target><HealthCheckPort>3000</HealthCheckPort>\
             <TargetHealth>{}{}{}</TargetHealth></member>",
            field("state", "State"),
            field("reason", "Reason"),
            field("description", "Description"),
        )
    };
    of_group.map(member).collect()
}
