//! Monitoring of what the services share: alarms, with thresholds that follow from the sizes in the file, and the
//! dashboard. A service's own alarms are in its stack, the CDN's in the CDN's.

use serde_json::{Value as Json, json};

use super::{Resource, StackDesired, Template, cluster, dashboard, database, edge, instance_class, network};
use crate::workflow::{Database, Environment, LoadBalancer, ManagedDatabase};

/// The stack's key.
pub const KEY: &str = "monitoring";

/// Answers that the load balancer itself gives for a server that does not, within a minute, that are no accident.
const ERRORS_A_MINUTE: u32 = 10;
/// Percent of the database's CPU, over a quarter of an hour.
const BUSY: u32 = 80;
/// Percent of the database's connections in use. The memory that RDS divides by the size of one is somewhat less than
/// the class's.
const CONNECTIONS: u64 = 70;
const GIB: u64 = 1 << 30;

/// The stack of shared alarms and the dashboard.
pub fn stacks(env: &Environment) -> Vec<StackDesired> {
    let mut template = Template::new(format!("{}: alarms and dashboard", env.prefix()));
    let add = |id: &str, template: &mut Template, alarm: Alarm, origin: &str| {
        let topic = template.import(&cluster::ALARM_TOPIC_ARN);
        template.add(id, alarm.resource(env, &topic).origin(origin));
    };
    if matches!(env.load_balancer, LoadBalancer::Managed { .. }) && env.routed().next().is_some() {
        let balancer = template.import(&edge::LOAD_BALANCER_FULL_NAME);
        let of = |name, about, metric, threshold: u32, periods| Alarm {
            dimensions: vec![("LoadBalancer", balancer.clone())],
            statistic: "Sum",
            threshold: json!(threshold),
            periods,
            ..Alarm::above(name, about, "AWS/ApplicationELB", metric)
        };
        let errors = of(
            "load-balancer-5xx".into(),
            "the load balancer finds no server that answers",
            "HTTPCode_ELB_5XX_Count",
            ERRORS_A_MINUTE,
            3,
        );
        add("LoadBalancerErrorsAlarm", &mut template, errors, "load-balancer");
        let rejected = of(
            "load-balancer-rejected".into(),
            "the load balancer has more connections than it takes",
            "RejectedConnectionCount",
            0,
            1,
        );
        add("LoadBalancerRejectedAlarm", &mut template, rejected, "load-balancer");
    }
    if let Some(Database::Managed(database)) = &env.database {
        let instance = template.import(&database::DATABASE_INSTANCE_ID);
        for (id, alarm) in of_database(database, &instance) {
            add(id, &mut template, alarm, "database");
        }
    }
    for (number, gateway) in gateways(&mut template, env) {
        let alarm = Alarm {
            dimensions: vec![("NatGatewayId", gateway)],
            statistic: "Sum",
            threshold: json!(0),
            periods: 3,
            ..Alarm::above(
                format!("nat-{number}-ports"),
                "a NAT gateway has no free port left: connections out fail",
                "AWS/NATGateway",
                "ErrorPortAllocation",
            )
        };
        add(&format!("NatPorts{number}Alarm"), &mut template, alarm, "network.egress");
    }
    dashboard::add(&mut template, env);
    vec![StackDesired::new(KEY, template)]
}

/// The ids of our NAT gateways, from 1.
pub(super) fn gateways(template: &mut Template, env: &Environment) -> Vec<(usize, Json)> {
    let count = network::gateways_of(env);
    if count == 0 {
        return Vec::new();
    }
    let ids = template.import(&network::NAT_GATEWAY_IDS);
    (1..=count).map(|number| (number, json!({ "Fn::Select": [number - 1, ids] }))).collect()
}

fn of_database(database: &ManagedDatabase, instance: &Json) -> Vec<(&'static str, Alarm)> {
    let of = |name: &str, about, metric, threshold: Json| Alarm {
        dimensions: vec![("DBInstanceIdentifier", instance.clone())],
        threshold,
        period: 300,
        periods: 3,
        ..Alarm::above(name.to_owned(), about, "AWS/RDS", metric)
    };
    let mut all = vec![
        ("DatabaseCpuAlarm", of("database-cpu", "the database's CPU is nearly used up", "CPUUtilization", json!(BUSY))),
        (
            "DatabaseStorageAlarm",
            Alarm {
                below: true,
                // One look: a full disk stops the database.
                periods: 1,
                ..of(
                    "database-storage",
                    "the database's disk is nearly full",
                    "FreeStorageSpace",
                    json!(free_storage(database.allocated_storage)),
                )
            },
        ),
    ];
    if let Some(most) = connections(database) {
        let threshold = json!((most * CONNECTIONS / 100).max(1));
        let about = "the database has nearly no free connection";
        all.push(("DatabaseConnectionsAlarm", of("database-connections", about, "DatabaseConnections", threshold)));
    }
    if let Some(memory) = instance_class::memory(&database.instance_class) {
        let about = "the database's memory is nearly used up";
        let alarm = of("database-memory", about, "FreeableMemory", json!(memory / 20));
        all.push(("DatabaseMemoryAlarm", Alarm { below: true, ..alarm }));
    }
    all
}

/// A tenth of the disk, but never less than 2 GiB: what is left must last until somebody has made it larger.
fn free_storage(gib: u32) -> u64 {
    (u64::from(gib) * GIB / 10).max(2 * GIB)
}

/// The most connections the database takes: the file's number, or what the class's memory gives by our formula; not
/// known of a class we do not know, or a formula of the file's.
fn connections(database: &ManagedDatabase) -> Option<u64> {
    match database.parameters.get(database::MAX_CONNECTIONS) {
        Some(own) => own.parse().ok(),
        None => {
            let memory = instance_class::memory(&database.instance_class)?;
            Some((memory / database::BYTES_A_CONNECTION).min(database::MOST_CONNECTIONS))
        }
    }
}

/// An alarm on one metric.
#[derive(Debug, Clone)]
pub(super) struct Alarm {
    /// What comes after the environment's prefix in its name.
    pub(super) name: String,
    /// What it says, in a few words.
    pub(super) about: &'static str,
    pub(super) namespace: &'static str,
    pub(super) metric: &'static str,
    pub(super) dimensions: Vec<(&'static str, Json)>,
    pub(super) statistic: &'static str,
    /// Whether it alarms below the threshold, else above.
    pub(super) below: bool,
    pub(super) threshold: Json,
    /// Seconds.
    pub(super) period: u32,
    pub(super) periods: u32,
}

impl Alarm {
    /// An alarm when a metric's average is above what is still to be said, for one minute.
    pub(super) fn above(name: String, about: &'static str, namespace: &'static str, metric: &'static str) -> Self {
        Self {
            name,
            about,
            namespace,
            metric,
            dimensions: Vec::new(),
            statistic: "Average",
            below: false,
            threshold: json!(0),
            period: 60,
            periods: 1,
        }
    }

    /// The alarm as a resource that tells this topic.
    pub(super) fn resource(&self, env: &Environment, topic: &Json) -> Resource {
        let dimensions: Vec<Json> =
            self.dimensions.iter().map(|(name, value)| json!({ "Name": name, "Value": value })).collect();
        let comparison = if self.below { "LessThanThreshold" } else { "GreaterThanThreshold" };
        Resource::new(
            "AWS::CloudWatch::Alarm",
            json!({
                "AlarmName": format!("{}-{}", env.prefix(), self.name),
                "AlarmDescription": format!("{}: {}", env.prefix(), self.about),
                "AlarmActions": [topic],
                "OKActions": [topic],
                "Namespace": self.namespace,
                "MetricName": self.metric,
                "Dimensions": dimensions,
                "Statistic": self.statistic,
                "ComparisonOperator": comparison,
                "Threshold": self.threshold,
                "Period": self.period,
                "EvaluationPeriods": self.periods,
                // What is quiet sends no metric, and is not in alarm for it.
                "TreatMissingData": "notBreaching",
            }),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::infra::testing::{environment, only};

    fn alarm(env: &Environment, id: &str) -> Json {
        Json::Object(only(stacks(env)).resources[id].properties.clone())
    }

    fn with(change: impl FnOnce(&mut ManagedDatabase)) -> Environment {
        let mut env = environment("staging");
        if let Some(Database::Managed(database)) = &mut env.database {
            change(database);
        }
        env
    }

    #[test]
    fn r19_thresholds_follow_from_the_databases_size() {
        let small = environment("staging");
        let threshold = |env: &Environment, id: &str| alarm(env, id)["Threshold"].as_u64().unwrap();
        // 1 GiB of memory is 102 connections of 10 MiB.
        assert_eq!(threshold(&small, "DatabaseConnectionsAlarm"), 71);
        assert_eq!(threshold(&small, "DatabaseStorageAlarm"), 2 * GIB);
        assert_eq!(threshold(&small, "DatabaseMemoryAlarm"), GIB / 20);
        let large = with(|database| {
            database.instance_class = "db.r6g.4xlarge".into();
            database.allocated_storage = 500;
        });
        assert_eq!(threshold(&large, "DatabaseConnectionsAlarm"), 3500);
        assert_eq!(threshold(&large, "DatabaseStorageAlarm"), 50 * GIB);
        assert_eq!(threshold(&large, "DatabaseMemoryAlarm"), 128 * GIB / 20);
        let own = with(|database| database.parameters = [("max_connections".into(), "50".into())].into());
        assert_eq!(threshold(&own, "DatabaseConnectionsAlarm"), 35);
    }

    #[test]
    fn r19_a_class_that_is_not_known_has_no_guessed_threshold() {
        let env = with(|database| database.instance_class = "db.zz9.odd".into());
        let template = only(stacks(&env));
        assert!(template.resources.contains_key("DatabaseCpuAlarm"));
        assert!(!template.resources.contains_key("DatabaseMemoryAlarm"));
        assert!(!template.resources.contains_key("DatabaseConnectionsAlarm"));
    }

    #[test]
    fn r19_what_is_shared_is_watched_and_tells_the_topic() {
        let template = only(stacks(&environment("production")));
        let alarms = template.resources.values().filter(|it| it.kind == "AWS::CloudWatch::Alarm");
        let mut watched: Vec<&str> = alarms
            .map(|it| {
                assert_eq!(it.properties["AlarmActions"], json!([{ "Ref": "AlarmTopicArn" }]));
                it.properties["MetricName"].as_str().unwrap()
            })
            .collect();
        watched.sort_unstable();
        assert_eq!(
            watched,
            [
                "CPUUtilization",
                "DatabaseConnections",
                "ErrorPortAllocation",
                "FreeStorageSpace",
                "FreeableMemory",
                "HTTPCode_ELB_5XX_Count",
                "RejectedConnectionCount"
            ]
        );
        assert_eq!(alarm(&environment("staging"), "DatabaseStorageAlarm")["ComparisonOperator"], "LessThanThreshold");
    }
}
