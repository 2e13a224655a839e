//! The pipeline on a real emulator: from nothing to healthy and again, what a change touches, what a kill, a cut or a
//! bad image leaves.

mod adopts;
pub mod binary;
mod by_hand;
mod changes;
mod children;
mod containers;
mod credentials;
mod destroys;
mod drifts;
mod exec;
mod histories;
mod infrastructure;
pub mod kills;
mod readme;
mod replacements;
mod roles;
mod scaling;
mod schedules;
mod strategies;
mod test_listeners;
mod turns;
mod unhealthy;
mod verdicts;
mod verify;

use crate::support::app::{App, EXAMPLE};

const NOTHING: [&str; 0] = [];

#[tokio::test]
async fn r14_from_nothing_to_healthy_and_then_unchanged() {
    for name in ["staging", "production"] {
        let app = App::new(EXAMPLE).await;
        let first = app.run(name).await;
        assert_eq!(first.troubles(), NOTHING);
        assert_eq!(first.outcome.exit_code, 0);
        assert!(
            first.services().iter().all(|(_, running, desired)| running == desired && *desired > 0),
            "{:?}",
            first.services()
        );
        assert_eq!(first.services().len(), 2);

        let second = app.run(name).await;
        assert_eq!(second.troubles(), NOTHING);
        assert_eq!(second.changed(), NOTHING);
        assert_eq!(app.proxy.writes(), NOTHING);
        let calls: Vec<String> = app.proxy.calls().into_iter().map(|call| call.action).collect();
        assert!(calls.len() <= 10, "{calls:?}");
        assert_eq!(second.ended.calls, calls.len() as u64, "the runner's own count: {calls:?}");
        assert_eq!(second.services(), first.services());
        let again = app.plan(name).await;
        assert!(again.is_empty(), "{:#?}", again.actions().collect::<Vec<_>>());
    }
}

/// A tag may be moved after it was looked at; what ECS pulls must be what was pushed.
#[tokio::test]
async fn every_definition_names_its_images_by_digest() {
    let app = kills::fresh(EXAMPLE).await;
    assert_eq!(app.run("staging").await.troubles(), NOTHING);
    let clients = app.clients().await;
    for service in ["api", "web"] {
        let family = format!("finance-app-staging-{service}");
        let definition = clients.ecs().describe_task_definition().task_definition(family).send().await.unwrap();
        for container in definition.task_definition.unwrap().container_definitions() {
            let image = container.image().unwrap();
            assert!(image.contains("@sha256:"), "{image}");
        }
    }
}
