//! Scheduled tasks: their schedule names the revision that was found good, is written only where it differs, and goes
//! with the task.

use aws_sdk_scheduler::operation::get_schedule::GetScheduleOutput;

use super::NOTHING;
use crate::support::{app::App, program};

const SHOP: &str = "
app: shop
region: us-east-1
environments: { staging: {} }
services:
  api: { image: { layout: image }, environment: { LEVEL: one } }
  nightly: { from: api, command: [report], schedule: \"cron(0 3 * * ? *)\" }
";

const NIGHTLY: &str = "  nightly: { from: api, command: [report], schedule: \"cron(0 3 * * ? *)\" }\n";

async fn healthy() -> App {
    let app = App::new(SHOP).await;
    std::fs::create_dir(app.root.join("image")).unwrap();
    program::layout(&app.root.join("image"), "serving", 0);
    let ran = app.run("staging").await;
    assert_eq!(ran.troubles(), NOTHING);
    assert!(ran.changed().contains(&"created schedule of nightly".to_owned()), "{:?}", ran.changed());
    app
}

async fn seen(app: &App) -> Option<GetScheduleOutput> {
    let clients = app.clients().await;
    clients.scheduler().get_schedule().name("nightly").group_name("shop-staging").send().await.ok()
}

fn revision(schedule: &GetScheduleOutput) -> String {
    let parameters = schedule.target().unwrap().ecs_parameters().unwrap();
    parameters.task_definition_arn().rsplit('/').next().unwrap().to_owned()
}

#[tokio::test]
async fn a_schedule_names_the_revision_and_an_unchanged_one_is_one_look() {
    let app = healthy().await;
    let schedule = seen(&app).await.unwrap();
    assert_eq!(schedule.schedule_expression(), Some("cron(0 3 * * ? *)"));
    assert_eq!(revision(&schedule), "shop-staging-nightly:1");
    let target = schedule.target().unwrap();
    assert!(target.arn().ends_with(":cluster/shop-staging"), "{}", target.arn());
    assert!(target.role_arn().ends_with(":role/shop-staging-nightly-scheduler"), "{}", target.role_arn());
    let network = target.ecs_parameters().unwrap().network_configuration().unwrap().awsvpc_configuration().unwrap();
    assert_eq!((network.subnets().len(), network.security_groups().len()), (2, 1));

    assert_eq!(app.run("staging").await.changed(), NOTHING);
    assert_eq!(app.proxy.writes(), NOTHING);
    let looks = app.proxy.calls().iter().filter(|call| call.action.contains("/schedule")).count();
    assert_eq!(looks, 1, "{:?}", app.proxy.calls());
}

#[tokio::test]
async fn only_what_differs_is_written() {
    let mut app = healthy().await;
    app.edit("cron(0 3 * * ? *)", "rate(2 hours)");
    let ran = app.run("staging").await;
    assert_eq!((ran.troubles(), ran.changed()), (Vec::new(), vec!["updated schedule of nightly".to_owned()]));
    assert_eq!(seen(&app).await.unwrap().schedule_expression(), Some("rate(2 hours)"));

    app.edit("LEVEL: one", "LEVEL: two");
    let ran = app.run("staging").await;
    assert_eq!(ran.troubles(), NOTHING);
    assert!(ran.changed().contains(&"updated schedule of nightly".to_owned()), "{:?}", ran.changed());
    assert_eq!(revision(&seen(&app).await.unwrap()), "shop-staging-nightly:2");
    assert_eq!(app.run("staging").await.changed(), NOTHING);

    // Taken away by hand.
    let clients = app.clients().await;
    clients.scheduler().delete_schedule().name("nightly").group_name("shop-staging").send().await.unwrap();
    let ran = app.run("staging").await;
    assert_eq!((ran.troubles(), ran.changed()), (Vec::new(), vec!["created schedule of nightly".to_owned()]));
}

#[tokio::test]
async fn a_schedule_goes_with_its_task() {
    let mut app = healthy().await;
    app.edit(NIGHTLY, "");
    let ran = app.run("staging").await;
    assert_eq!((ran.troubles(), ran.changed()), (Vec::new(), vec!["removed schedule of nightly".to_owned()]));
    let group = app.clients().await.scheduler().get_schedule_group().name("shop-staging").send().await;
    assert!(group.is_err_and(|error| error.into_service_error().is_resource_not_found_exception()), "the group stays");
    assert!(seen(&app).await.is_none());
    assert_eq!(app.run("staging").await.changed(), NOTHING);
    assert_eq!(app.proxy.writes(), NOTHING);
}

#[tokio::test]
async fn the_schedule_waits_for_the_verdict_on_the_image_it_shares() {
    let app = healthy().await;
    let plan = app.plan("staging").await;
    let node = plan.nodes.iter().find(|planned| planned.node.id.to_string() == "finish-service nightly").unwrap();
    assert!(node.node.needs.iter().any(|need| need.to_string() == "wait-healthy api"), "{:?}", node.node.needs);
}
