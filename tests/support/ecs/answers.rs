//! What is answered to which operation.

use serde_json::{Map, Value as Json, json};

use super::{Call, Timeline, shapes};
use crate::support::scripted::{Answer, Request, fields};

/// The operations of the query protocol that are known here.
pub(super) fn is_query(action: &str) -> bool {
    matches!(action, "DescribeTargetHealth" | "DescribeStacks")
}

/// A request's body: JSON, or the fields of a form.
pub(super) fn body(request: &Request) -> Json {
    match serde_json::from_str(&request.body) {
        Ok(json) => json,
        Err(_) => {
            Json::Object(fields(&request.body).map(|(key, value)| (key, Json::String(value))).collect::<Map<_, _>>())
        }
    }
}

fn text<'a>(call: &'a Call, key: &str) -> &'a str {
    call.body[key].as_str().unwrap_or_default()
}

fn asked<'a>(call: &'a Call, key: &str) -> Vec<&'a str> {
    call.body[key].as_array().into_iter().flatten().filter_map(Json::as_str).collect()
}

/// See the module.
pub(super) fn answer(timeline: &Timeline, call: &Call) -> Answer {
    let (scenario, names) = (&timeline.scenario, &timeline.names);
    // What a call brings about is not there yet when it is answered.
    let before = &timeline.calls[..timeline.calls.len() - 1];
    let state = scenario.state_at(call.at - scenario.lag(&call.action), before);
    match call.action.as_str() {
        "DescribeServices" => {
            let seen = shapes::service(&state, names, &timeline.service_tags);
            let mut services = Vec::new();
            let mut failures = Vec::new();
            for name in asked(call, "services") {
                match &seen {
                    Some(service) if shapes::id(name) == names.service => services.push(service.clone()),
                    _ => failures.push(json!({ "arn": name, "reason": "MISSING" })),
                }
            }
            Answer::json(&json!({ "services": services, "failures": failures }))
        }
        "UpdateService" => match shapes::service(&state, names, &timeline.service_tags) {
            Some(service) => Answer::json(&json!({ "service": service })),
            None => Answer::json_error(400, "ServiceNotFoundException", "Service not found."),
        },
        "TagResource" => Answer::json(&json!({})),
        "ListServiceDeployments" => {
            let briefs: Vec<Json> = shapes::deployments(&state, names).iter().map(shapes::brief).collect();
            let wanted = asked(call, "status");
            let briefs = briefs.into_iter().filter(|brief| {
                wanted.is_empty() || brief["status"].as_str().is_some_and(|status| wanted.contains(&status))
            });
            paged(scenario.page, call, "serviceDeployments", briefs.collect())
        }
        "DescribeServiceDeployments" => {
            let all = shapes::deployments(&state, names);
            described(call, "serviceDeploymentArns", "serviceDeployments", |arn| {
                all.iter().find(|seen| seen["serviceDeploymentArn"] == *arn).cloned()
            })
        }
        "DescribeServiceRevisions" => described(call, "serviceRevisionArns", "serviceRevisions", |arn| {
            let number = shapes::id(arn).parse::<u64>().ok()? - 9_000_000_000_000_000_000;
            (names.service_revision(number) == *arn)
                .then(|| json!({ "serviceRevisionArn": arn, "taskDefinition": names.revision(number) }))
        }),
        "ContinueServiceDeployment" => {
            let all = shapes::deployments(&state, names);
            let arn = text(call, "serviceDeploymentArn");
            let Some(seen) = all.iter().find(|seen| seen["serviceDeploymentArn"] == arn) else {
                return no_deployment();
            };
            let hooks = seen["lifecycleHookDetails"].as_array().cloned().unwrap_or_default();
            let waits = |hook: &Json| hook["hookId"] == call.body["hookId"] && hook["status"] == "AWAITING_ACTION";
            if !hooks.iter().any(waits) {
                let words = "The lifecycle hook is not awaiting action.";
                return Answer::json_error(400, "InvalidParameterException", words);
            }
            Answer::json(&json!({ "serviceDeploymentArn": arn }))
        }
        "StopServiceDeployment" => {
            let all = shapes::deployments(&state, names);
            let arn = text(call, "serviceDeploymentArn");
            let Some(seen) = all.iter().find(|seen| seen["serviceDeploymentArn"] == arn) else {
                return no_deployment();
            };
            match seen["status"].as_str() {
                Some("PENDING" | "IN_PROGRESS") => Answer::json(&json!({ "serviceDeploymentArn": arn })),
                _ => Answer::json_error(400, "ConflictException", "The service deployment is not in progress."),
            }
        }
        "ListTasks" => {
            let status = call.body["desiredStatus"].as_str().unwrap_or("RUNNING");
            let started_by = call.body["startedBy"].as_str();
            let tasks = shapes::tasks(&state, names);
            let listed = tasks.iter().filter(|task| {
                task["desiredStatus"] == status && started_by.is_none_or(|started_by| task["startedBy"] == started_by)
            });
            paged(scenario.page, call, "taskArns", listed.map(|task| task["taskArn"].clone()).collect())
        }
        "DescribeTasks" => {
            let all = shapes::tasks(&state, names);
            described(call, "tasks", "tasks", |arn| all.iter().find(|task| task["taskArn"] == *arn).cloned())
        }
        "DescribeTaskDefinition" => {
            let named = text(call, "taskDefinition").rsplit(':').next().and_then(|number| number.parse::<u64>().ok());
            let number = named.unwrap_or(u64::from(scenario.revision));
            let containers =
                scenario.containers.clone().unwrap_or_else(|| json!([{ "name": names.service, "essential": true }]));
            Answer::json(&json!({
                "taskDefinition": {
                    "taskDefinitionArn": names.revision(number), "family": names.family, "revision": number,
                    "status": "ACTIVE", "containerDefinitions": containers,
                },
                "tags": timeline.tags,
            }))
        }
        "GetLogEvents" => log_events(&state, call),
        "DescribeTargetHealth" => {
            let alternate = text(call, "TargetGroupArn") != names.target_group(1);
            let members = shapes::targets(&state, alternate);
            let inner = format!("<TargetHealthDescriptions>{members}</TargetHealthDescriptions>");
            Answer::xml(&call.action, &inner)
        }
        "DescribeStacks" => stacks(timeline),
        other => Answer::json_error(
            400,
            "UnknownOperationException",
            &format!("no answer to {other} is known to the scripted ECS"),
        ),
    }
}

fn no_deployment() -> Answer {
    Answer::json_error(400, "ServiceDeploymentNotFoundException", "The service deployment is not there.")
}

/// What is found of what was asked; the rest is MISSING.
/// <https://docs.aws.amazon.com/AmazonECS/latest/developerguide/api_failures_messages.html>
fn described(call: &Call, asked_by: &str, key: &str, find: impl Fn(&str) -> Option<Json>) -> Answer {
    let mut found = Vec::new();
    let mut failures = Vec::new();
    for arn in asked(call, asked_by) {
        match find(arn) {
            Some(one) => found.push(one),
            None => failures.push(json!({ "arn": arn, "reason": "MISSING" })),
        }
    }
    Answer::json(&json!({ (key): found, "failures": failures }))
}

/// One page; the token is where the next begins.
fn paged(page: Option<usize>, call: &Call, key: &str, all: Vec<Json>) -> Answer {
    let from = text(call, "nextToken").parse::<usize>().unwrap_or_default();
    let until = page.map_or(all.len(), |page| (from + page).min(all.len()));
    let mut answer = json!({ (key): all[from.min(until)..until] });
    if until < all.len() {
        answer["nextToken"] = until.to_string().into();
    }
    Answer::json(&answer)
}

/// The driver's stream is `<prefix>/<container>/<task id>`. A token that comes back unchanged is the end.
/// <https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_GetLogEvents.html>
fn log_events(state: &Json, call: &Call) -> Answer {
    let mut parts = text(call, "logStreamName").rsplit('/');
    let (task, container) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
    let Some(lines) = state["logs"][task][container].as_array() else {
        return Answer::json_error(400, "ResourceNotFoundException", "The specified log stream does not exist.");
    };
    let from_head = call.body["startFromHead"] == true;
    let limit = call.body["limit"].as_u64().map_or(lines.len(), |limit| usize::try_from(limit).unwrap());
    let from = match text(call, "nextToken").strip_prefix("f/") {
        Some(at) => at.parse().unwrap(),
        None if from_head => 0,
        None => lines.len().saturating_sub(limit),
    };
    let until = (from + limit).min(lines.len());
    let events: Vec<Json> = lines[from..until]
        .iter()
        .enumerate()
        .map(|(at, line)| json!({ "timestamp": 1_790_000_000_000_u64 + at as u64 * 100, "message": line, "ingestionTime": 1_790_000_000_000_u64 }))
        .collect();
    Answer::json(&json!({
        "events": events, "nextForwardToken": format!("f/{until}"), "nextBackwardToken": format!("b/{from}"),
    }))
}

/// The outputs that following a service asks of its stack.
fn stacks(timeline: &Timeline) -> Answer {
    let names = &timeline.names;
    let mut outputs = vec![("LogGroupName", names.log_group()), ("TargetGroupArn", names.target_group(1))];
    if timeline.scenario.alternate {
        outputs.push(("AlternateTargetGroupArn", names.target_group(2)));
    }
    let outputs: String = outputs
        .iter()
        .map(|(key, value)| format!("<member><OutputKey>{key}</OutputKey><OutputValue>{value}</OutputValue></member>"))
        .collect();
    let stack = format!(
        "<Stacks><member><StackName>{}-service-{}</StackName><StackStatus>CREATE_COMPLETE</StackStatus>\
         <CreationTime>2026-09-21T00:00:00Z</CreationTime><Outputs>{outputs}</Outputs></member></Stacks>",
        names.cluster, names.service
    );
    Answer::xml("DescribeStacks", &stack)
}
