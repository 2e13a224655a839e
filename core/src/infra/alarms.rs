//! The alarms of a service, in its own stack: what a deployment may be turned back by, and what wakes somebody.

use serde_json::{Value as Json, json};

use super::{Resource, Template, attribute, cluster, edge};
use crate::workflow::{Environment, LoadBalancer, Service};

/// Answers with a server error within a minute that are no accident.
const ERRORS_A_MINUTE: u32 = 10;
/// Percent of the task's CPU or memory, over five minutes.
const BUSY: u32 = 90;

/// An alarm of ours.
struct Alarm {
    id: &'static str,
    /// What comes after the service's name in the alarm's.
    subject: &'static str,
    about: &'static str,
    metric: &'static str,
    /// The target group it watches; none for an alarm about the tasks.
    group: Option<&'static str>,
}

/// After a shift either of two target groups may be the live one, so each has its alarms: docs/decisions/0015 says why
/// they are not one over the sum.
const ALL: [Alarm; 6] = [
    Alarm {
        id: "ErrorsAlarm",
        subject: "5xx",
        about: "its tasks answer with server errors",
        metric: "HTTPCode_Target_5XX_Count",
        group: Some("TargetGroup"),
    },
    Alarm {
        id: "AlternateErrorsAlarm",
        subject: "5xx-alternate",
        about: "its tasks answer with server errors",
        metric: "HTTPCode_Target_5XX_Count",
        group: Some("AlternateTargetGroup"),
    },
    Alarm {
        id: "UnhealthyAlarm",
        subject: "unhealthy",
        about: "targets fail their health checks",
        metric: "UnHealthyHostCount",
        group: Some("TargetGroup"),
    },
    Alarm {
        id: "AlternateUnhealthyAlarm",
        subject: "unhealthy-alternate",
        about: "targets fail their health checks",
        metric: "UnHealthyHostCount",
        group: Some("AlternateTargetGroup"),
    },
    Alarm { id: "CpuAlarm", subject: "cpu", about: "its CPU is nearly used up", metric: "CPUUtilization", group: None },
    Alarm {
        id: "MemoryAlarm",
        subject: "memory",
        about: "its memory is nearly used up",
        metric: "MemoryUtilization",
        group: None,
    },
];

/// The alarms a service has.
fn of(service: &Service) -> impl Iterator<Item = &'static Alarm> {
    let (running, routed) = (service.is_running(), service.is_routed());
    ALL.iter().filter(move |alarm| match alarm.group {
        None => running,
        Some("TargetGroup") => routed,
        Some(_) => service.has_alternate(),
    })
}

fn name(env: &Environment, service: &Service, alarm: &Alarm) -> String {
    format!("{}-{}-{}", env.prefix(), service.name, alarm.subject)
}

/// The physical names of the alarms that an entry of `deploy.alarms` means: `api-5xx` is ours where there is such a
/// service and subject (of both target groups where traffic shifts); any other is an alarm of the user's own.
pub fn physical_names(env: &Environment, entry: &str) -> Vec<String> {
    let ours = env.services.values().find_map(|service| {
        let subject = entry.strip_prefix(&service.name)?.strip_prefix('-')?;
        let names: Vec<String> = of(service)
            .filter(|alarm| alarm.subject == subject || alarm.subject.strip_suffix("-alternate") == Some(subject))
            .map(|alarm| name(env, service, alarm))
            .collect();
        (!names.is_empty()).then_some(names)
    });
    ours.unwrap_or_else(|| vec![entry.to_owned()])
}

/// Adds the service's alarms to its template.
pub(super) fn add(template: &mut Template, env: &Environment, service: &Service) {
    for alarm in of(service) {
        let topic = template.import(&cluster::ALARM_TOPIC_ARN);
        let mut properties = json!({
            "AlarmName": name(env, service, alarm),
            "AlarmDescription": format!("{} in {}: {}", service.name, env.prefix(), alarm.about),
            "AlarmActions": [topic],
            "OKActions": [topic],
            "MetricName": alarm.metric,
            "ComparisonOperator": "GreaterThanThreshold",
            "Period": 60,
            // A quiet service sends no metric, and is not in alarm for it.
            "TreatMissingData": "notBreaching",
        });
        let more = match alarm.group {
            Some(group) => json!({
                "Namespace": "AWS/ApplicationELB",
                "Dimensions": [
                    { "Name": "LoadBalancer", "Value": balancer(template, env) },
                    { "Name": "TargetGroup", "Value": attribute(group, "TargetGroupFullName") },
                ],
                "Statistic": if alarm.metric == "UnHealthyHostCount" { "Maximum" } else { "Sum" },
                "Threshold": if alarm.metric == "UnHealthyHostCount" { 0 } else { ERRORS_A_MINUTE },
                "EvaluationPeriods": 2,
            }),
            None => json!({
                "Namespace": "AWS/ECS",
                "Dimensions": [
                    { "Name": "ClusterName", "Value": env.cluster_name() },
                    { "Name": "ServiceName", "Value": service.name },
                ],
                "Statistic": "Average",
                "Threshold": BUSY,
                "EvaluationPeriods": 5,
            }),
        };
        if let (Json::Object(properties), Json::Object(more)) = (&mut properties, more) {
            properties.extend(more);
        }
        let resource = Resource::new("AWS::CloudWatch::Alarm", properties);
        template.add(alarm.id, resource.origin(format!("services.{}", service.name)));
    }
}

fn balancer(template: &mut Template, env: &Environment) -> Json {
    match env.load_balancer.existing_full_name() {
        Some(name) => name.into(),
        None => template.import(&edge::LOAD_BALANCER_FULL_NAME),
    }
}

impl LoadBalancer {
    /// The full name (`app/NAME/ID`) of a load balancer that is there already, as metrics name it: its listener's ARN
    /// has it.
    pub fn existing_full_name(&self) -> Option<&str> {
        let Self::Existing { listener, .. } = self else { return None };
        let tail = listener.split_once(":listener/").map_or(listener.as_str(), |(_, tail)| tail);
        Some(tail.rsplit_once('/').map_or(tail, |(balancer, _)| balancer))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::infra::testing::{environment, template};

    #[test]
    fn a_deployment_is_turned_back_by_the_alarms_of_both_target_groups() {
        let env = environment("production");
        assert_eq!(
            physical_names(&env, "api-5xx"),
            ["finance-app-production-api-5xx", "finance-app-production-api-5xx-alternate"]
        );
        assert_eq!(physical_names(&env, "web-5xx"), ["finance-app-production-web-5xx"]);
        assert_eq!(physical_names(&env, "billing-errors"), ["billing-errors"]);
    }

    #[test]
    fn every_alarm_that_can_be_named_is_made() {
        let env = environment("production");
        for stack in super::super::services::stacks(&env) {
            let service = env.services[stack.service.as_ref().unwrap()].clone();
            let template = template(stack);
            let made: Vec<&str> = template
                .resources
                .values()
                .filter(|resource| resource.kind == "AWS::CloudWatch::Alarm")
                .filter_map(|resource| resource.properties["AlarmName"].as_str())
                .collect();
            for alarm in of(&service) {
                assert!(made.contains(&name(&env, &service, alarm).as_str()), "{}", alarm.subject);
            }
        }
    }

    #[test]
    fn a_listener_names_its_load_balancer() {
        let listener =
            "arn:aws:elasticloadbalancing:us-east-1:111122223333:listener/app/main/50dc6c49/f2f7dc8e".to_owned();
        let balancer = LoadBalancer::Existing { listener, security_group: "sg-0abc".into(), test_listener: None };
        assert_eq!(balancer.existing_full_name(), Some("app/main/50dc6c49"));
    }
}
