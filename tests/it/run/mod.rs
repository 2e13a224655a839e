//! The pipeline on a real emulator: from nothing to healthy, and again.

use crate::support::app::{App, EXAMPLE};

#[tokio::test]
async fn from_nothing_to_healthy_and_then_unchanged() {
    for name in ["staging", "production"] {
        let app = App::new(EXAMPLE).await;
        let planned = app.plan(name).await;
        let first = app.run(name).await;
        assert_eq!(first.troubles(), Vec::<String>::new());
        let plan = first.ended.plan.as_ref().unwrap();
        assert_eq!(plan.id(), planned.id(), "plan and run differ");
        assert!(
            first.services().iter().all(|(_, running, desired)| running == desired && *desired > 0),
            "{:?}",
            first.services()
        );
        assert_eq!(first.services().len(), 2);

        let second = app.run(name).await;
        assert_eq!(second.troubles(), Vec::<String>::new());
        assert_eq!(second.changed(), Vec::<String>::new());
        assert_eq!(second.services(), first.services());
        assert!(second.ended.calls <= 10, "{} calls", second.ended.calls);
        let again = app.plan(name).await;
        assert!(again.is_empty(), "{:#?}", again.actions().collect::<Vec<_>>());
    }
}
