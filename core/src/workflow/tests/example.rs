//! The shipped example, and the smallest file.

use super::*;
use crate::workflow::*;

pub(super) const EXAMPLE: &str = include_str!("../../../../workflows-examples/finance-app/finance-infra.yml");

#[test]
fn the_example_has_nothing_wrong() {
    let workflow = read(EXAMPLE);
    assert_eq!(workflow.names(), ["staging", "production"]);
    let problems = workflow.check(&given(), &());
    assert_eq!(problems.render(false), "");
}

#[test]
fn staging_of_the_example() {
    let staging = environment(EXAMPLE, "staging");
    assert_eq!(staging.prefix(), "finance-app-staging");
    assert_eq!(staging.account.as_deref(), Some("111122223333"));
    assert!(!staging.protected);
    assert_eq!(staging.cdn, None);
    let api = &staging.services["api"];
    assert_eq!(api.host.as_deref(), Some("api.staging.finance-app.com"));
    assert_eq!((api.cpu, api.memory, api.port), (512, 1024, Some(3000)));
    assert_eq!(api.health_check.path, "/health");
    assert_eq!(api.secrets["DATABASE_URL"], SecretSource::Database);
    assert_eq!(api.deploy.strategy, Strategy::Rolling);
    assert_eq!(api.before_deploy.as_ref().map(|task| task.timeout), Some(900));
    let web = &staging.services["web"];
    assert_eq!(web.scaling, None);
    assert_eq!(web.redirect_from, ["staging.finance-app.com"]);
    let ImageSource::Build(build) = &web.image else { panic!("web is built") };
    assert_eq!(build.args["NEXT_PUBLIC_API_URL"], "https://api.staging.finance-app.com");
    assert!(build.per_environment);
    let ImageSource::Build(build) = &api.image else { panic!("api is built") };
    assert!(!build.per_environment);
    let note = "the image of `web` is built for `staging` alone and cannot be promoted: its build differs between environments";
    assert_eq!(notes(&staging), [note]);
}

#[test]
fn production_of_the_example() {
    let production = environment(EXAMPLE, "production");
    assert!(production.protected);
    let api = &production.services["api"];
    let scaling = Scaling { min: 2, max: 6, cpu: Some(60), memory: None, requests: None };
    assert_eq!(api.scaling, Some(scaling.clone()));
    assert_eq!(production.services["web"].scaling, Some(scaling));
    assert_eq!(api.deploy.strategy, Strategy::Canary { percent: 10.0, bake_minutes: 10 });
    assert_eq!(api.deploy.pause, ["pre-production-traffic-shift"]);
    let Some(Database::Managed(database)) = &production.database else { panic!("a database of our own") };
    assert!(database.multi_az);
    assert_eq!(database.backup_retention_days, 7);
    assert_eq!(production.cdn.as_ref().map(|cdn| cdn.service.as_str()), Some("web"));
    let origin = production.origins.find("services.api.scaling.max").expect("it is in the file");
    let line = EXAMPLE.lines().nth(origin.line as usize - 1).expect("the line is there");
    assert_eq!(line.trim(), "scaling: { min: 2, max: 6 }");
    assert_eq!(&line[origin.column as usize - 1..][..origin.length as usize], "6");
}

pub(super) const SMALL: &str =
    "app: shop\nregion: eu-central-1\nenvironments: { staging: {} }\nservices: { web: { build: {}, port: 8080 } }\n";

#[test]
fn a_short_interval_brings_a_shorter_timeout() {
    let text = SMALL.replace("port: 8080", "port: 8080, health-check: { interval: 5s }");
    let health = environment(&text, "staging").services["web"].health_check.clone();
    assert_eq!((health.interval, health.timeout), (5, 4));
}

#[test]
fn the_smallest_file_is_enough() {
    let staging = environment(SMALL, "staging");
    let web = &staging.services["web"];
    assert!(web.default_route && web.is_routed());
    assert_eq!((web.cpu, web.memory, web.stop_timeout), (256, 512, 30));
    assert_eq!((web.health_check.interval, web.health_check.healthy_threshold), (10, 2));
    assert_eq!(web.health_check.grace_period, 120);
    assert!(staging.cluster.container_insights);
    let Network::Managed { public_subnets, private_subnets, .. } = &staging.network else { panic!("a VPC of our own") };
    assert_eq!(public_subnets, &["10.0.1.0/24", "10.0.2.0/24"]);
    assert_eq!(private_subnets, &["10.0.3.0/24", "10.0.4.0/24"]);
    let defaults = defaults(&staging);
    let cpu = ("services.web.cpu".to_owned(), "256".to_owned());
    assert!(defaults.contains(&cpu), "{defaults:?}");
}
