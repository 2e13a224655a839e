//! The dashboard: everything the environment is made of, on one page.
//! <https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/CloudWatch-Dashboard-Body-Structure.html>

use serde_json::{Map, Value as Json, json};

use super::services::Of;
use super::{Resource, Template, cdn, database, edge, monitoring, pascal, substitute};
use crate::workflow::{Database, Environment, Service, Strategy};

/// So many services are named one by one.
const NAMED: usize = 50;

/// Adds the dashboard, named like the environment.
pub(super) fn add(template: &mut Template, env: &Environment) {
    let mut page = Page { template, values: Map::new(), widgets: Vec::new(), env };
    page.load_balancer();
    page.services();
    page.database();
    page.gateways();
    page.cdn();
    let body = json!({ "widgets": page.widgets }).to_string();
    let body = match (page.values.is_empty(), body.contains("${")) {
        (false, _) => json!({ "Fn::Sub": [body, page.values] }),
        (true, true) => substitute(&body),
        (true, false) => json!(body),
    };
    template.add(
        "Dashboard",
        Resource::new("AWS::CloudWatch::Dashboard", json!({ "DashboardName": env.prefix(), "DashboardBody": body }))
            .origin("monitoring"),
    );
}

struct Page<'a> {
    template: &'a mut Template,
    /// What the body takes from parameters, by the name it stands under there.
    values: Map<String, Json>,
    widgets: Vec<Json>,
    env: &'a Environment,
}

impl Page<'_> {
    /// The place of a value in the body.
    fn value(&mut self, name: &str, value: Json) -> String {
        self.values.insert(name.to_owned(), value);
        format!("${{{name}}}")
    }

    fn widget(&mut self, title: &str, statistic: &str, metrics: Vec<Json>) {
        let region = self.env.region.clone();
        self.widget_in(&region, title, statistic, metrics);
    }

    fn widget_in(&mut self, region: &str, title: &str, statistic: &str, metrics: Vec<Json>) {
        if metrics.is_empty() {
            return;
        }
        self.widgets.push(json!({
            "type": "metric",
            "width": 8,
            "height": 6,
            "properties": {
                "title": title,
                "region": region,
                "stat": statistic,
                "period": 60,
                "view": "timeSeries",
                "metrics": metrics,
            },
        }));
    }

    fn balancer(&mut self) -> String {
        match self.env.load_balancer.existing_full_name() {
            Some(name) => name.to_owned(),
            None => {
                let name = self.template.import(&edge::LOAD_BALANCER_FULL_NAME);
                self.value("Balancer", name)
            }
        }
    }

    fn load_balancer(&mut self) {
        if self.env.routed().next().is_none() {
            return;
        }
        let balancer = self.balancer();
        let of = |metric: &str| json!(["AWS/ApplicationELB", metric, "LoadBalancer", balancer]);
        self.widget("Load balancer: requests", "Sum", vec![of("RequestCount")]);
        let errors = ["HTTPCode_ELB_5XX_Count", "HTTPCode_Target_5XX_Count", "HTTPCode_Target_4XX_Count"];
        self.widget("Load balancer: errors", "Sum", errors.iter().map(|metric| of(metric)).collect());
        self.widget("Load balancer: seconds to answer, p95", "p95", vec![of("TargetResponseTime")]);
    }

    /// One line a service; each of two target groups where traffic is shifted. Where they are many, a search finds them:
    /// a template that names each of two hundred would be too large to send.
    fn services(&mut self) {
        let env = self.env;
        let many = env.services.len() > NAMED;
        let cluster = env.cluster_name();
        for (title, metric) in
            [("Services: CPU, percent", "CPUUtilization"), ("Services: memory, percent", "MemoryUtilization")]
        {
            let metrics = if many {
                vec![search("AWS/ECS,ClusterName,ServiceName", ("ClusterName", &cluster), metric, "Average")]
            } else {
                let of =
                    |service: &Service| json!(["AWS/ECS", metric, "ClusterName", cluster, "ServiceName", service.name]);
                shortened(env.services.values().filter(|service| service.is_running()).map(of))
            };
            self.widget(title, "Average", metrics);
        }
        if env.routed().next().is_none() {
            return;
        }
        let balancer = self.balancer();
        let groups = if many { Vec::new() } else { self.target_groups() };
        for (title, metric, statistic) in [
            ("Target groups: healthy", "HealthyHostCount", "Minimum"),
            ("Target groups: unhealthy", "UnHealthyHostCount", "Maximum"),
            ("Target groups: requests", "RequestCount", "Sum"),
            ("Target groups: 5xx", "HTTPCode_Target_5XX_Count", "Sum"),
        ] {
            let metrics = if many {
                let of = "AWS/ApplicationELB,LoadBalancer,TargetGroup";
                vec![search(of, ("LoadBalancer", &balancer), metric, statistic)]
            } else {
                let of = |(label, group): &(String, String)| {
                    json!([
                        "AWS/ApplicationELB", metric, "LoadBalancer", balancer, "TargetGroup", group,
                        { "label": label },
                    ])
                };
                shortened(groups.iter().map(of))
            };
            self.widget(title, statistic, metrics);
        }
    }

    /// Label and place of each target group's name.
    fn target_groups(&mut self) -> Vec<(String, String)> {
        let env = self.env;
        let mut groups = Vec::new();
        for service in env.routed() {
            let mut take = |output: Of, label: String, kind: &str| {
                let export = output.service(&service.name);
                let name = format!("{}{kind}", pascal(&service.name));
                self.template.take(&name, "String", &export.stack, &export.name);
                groups.push((label, format!("${{{name}}}")));
            };
            take(Of::TargetGroupFullName, service.name.clone(), "Targets");
            if service.deploy.strategy != Strategy::Rolling {
                take(Of::AlternateTargetGroupFullName, format!("{} (alternate)", service.name), "AlternateTargets");
            }
        }
        groups
    }

    fn database(&mut self) {
        let Some(Database::Managed(_)) = &self.env.database else { return };
        let instance = self.template.import(&database::DATABASE_INSTANCE_ID);
        let instance = self.value("Instance", instance);
        let of = |metric: &str| json!(["AWS/RDS", metric, "DBInstanceIdentifier", instance]);
        self.widget("Database: CPU, percent", "Average", vec![of("CPUUtilization")]);
        self.widget("Database: connections", "Maximum", vec![of("DatabaseConnections")]);
        self.widget("Database: bytes free", "Minimum", vec![of("FreeStorageSpace"), of("FreeableMemory")]);
        self.widget("Database: seconds a read and a write", "Average", vec![of("ReadLatency"), of("WriteLatency")]);
    }

    fn gateways(&mut self) {
        let gateways = monitoring::gateways(self.template, self.env);
        let mut metrics = Vec::new();
        for (number, id) in gateways {
            let id = self.value(&format!("Nat{number}"), id);
            for metric in ["BytesOutToDestination", "ErrorPortAllocation", "PacketsDropCount"] {
                metrics.push(json!([
                    "AWS/NATGateway", metric, "NatGatewayId", id, { "label": format!("{metric} {number}") },
                ]));
            }
        }
        self.widget("NAT gateways", "Sum", metrics);
    }

    fn cdn(&mut self) {
        if cdn::wanted(self.env).is_none() {
            return;
        }
        let id = self.template.import(&cdn::DISTRIBUTION_ID);
        let id = self.value("Cdn", id);
        let of = |metric: &str| json!(["AWS/CloudFront", metric, "Region", "Global", "DistributionId", id]);
        self.widget_in(cdn::REGION, "CDN: requests", "Sum", vec![of("Requests")]);
        self.widget_in(cdn::REGION, "CDN: errors, percent", "Average", vec![of("4xxErrorRate"), of("5xxErrorRate")]);
    }
}

/// Every metric of this name with this dimension.
/// <https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/search-expression-syntax.html>
fn search(schema: &str, (dimension, value): (&str, &str), metric: &str, statistic: &str) -> Json {
    let expression =
        format!("SEARCH('{{{schema}}} {dimension}=\"{value}\" MetricName=\"{metric}\"', '{statistic}', 60)");
    json!([{ "expression": expression, "label": "" }])
}

/// A dot stands for what the line before has at that place.
fn shortened(lines: impl Iterator<Item = Json>) -> Vec<Json> {
    let mut before: Option<Vec<Json>> = None;
    let mut out = Vec::new();
    for line in lines {
        let Json::Array(line) = line else { continue };
        let short = line.iter().enumerate().map(|(place, part)| {
            let same = part.is_string() && before.as_ref().and_then(|before| before.get(place)) == Some(part);
            if same { json!(".") } else { part.clone() }
        });
        out.push(Json::Array(short.collect()));
        before = Some(line);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::infra::testing::{environment, only, service};

    fn body(env: &Environment) -> String {
        let template = only(monitoring::stacks(env));
        template.resources["Dashboard"].properties["DashboardBody"]["Fn::Sub"][0].as_str().unwrap().to_owned()
    }

    #[test]
    fn r19_every_resource_is_on_the_one_dashboard() {
        let body = body(&environment("production"));
        let page: Json = serde_json::from_str(&body).unwrap();
        let all: String = page["widgets"].as_array().unwrap().iter().map(Json::to_string).collect();
        for part in [
            r#""LoadBalancer","${Balancer}""#,
            r#""ServiceName","api""#,
            r#"".","web""#,
            "${ApiTargets}",
            "${ApiAlternateTargets}",
            "${WebTargets}",
            r#""DBInstanceIdentifier","${Instance}""#,
            r#""NatGatewayId","${Nat1}""#,
            r#""DistributionId","${Cdn}""#,
        ] {
            assert!(all.contains(part), "{part} is not in {all}");
        }
        // CloudFront's metrics are in one region only.
        let cdn = page["widgets"].as_array().unwrap().last().unwrap();
        assert_eq!(cdn["properties"]["region"], "us-east-1");
    }

    /// This many routed services with long names, and as many workers.
    fn body_of(count: usize) -> (String, Template) {
        let mut env = environment("production");
        let shape = env.services["web"].clone();
        env.services.clear();
        env.cdn = None;
        for number in 0..count {
            let mut routed = shape.clone();
            routed.name = format!("service-with-a-long-name-{number}");
            routed.host = Some(format!("host-{number}.finance-app.com"));
            routed.redirect_from.clear();
            routed.deploy.strategy = Strategy::BlueGreen;
            env.services.insert(routed.name.clone(), routed);
            let worker = service(&format!("worker-with-a-long-name-{number}"), 256, 512, ".");
            env.services.insert(worker.name.clone(), worker);
        }
        (body(&env), only(monitoring::stacks(&env)))
    }

    #[test]
    fn any_number_of_services_fits_on_it() {
        for count in [25, 100] {
            let (body, template) = body_of(count);
            let size = template.to_json().to_string().len();
            assert!(size < 51_200, "{count}: {size} bytes");
            assert!(template.parameters.len() <= 200, "{}", template.parameters.len());
            assert_eq!(body.contains("worker-with-a-long-name-24"), count == 25);
            assert_eq!(body.contains("SEARCH('{AWS/ECS"), count == 100);
        }
    }
}
