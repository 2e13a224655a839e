//! The end of an environment: what goes, what stays, and that a destroy which was stopped is finished by the next.

use futures_util::{StreamExt, stream};
use runner::aws::Clients;
use runner_core::stages::Removal;

use super::{
    NOTHING,
    kills::{SMALL, fresh},
};
use crate::support::{
    app::{App, EXAMPLE, Ran},
    inventory::{inventory as everything, whole},
    proxy::Effect,
};

const KEEPING: Option<Removal> = Some(Removal::Everything { purge: false });
const PURGING: Option<Removal> = Some(Removal::Everything { purge: true });

/// What is there but for the identity, which is an administrator's and stays.
async fn inventory(clients: &Clients) -> Vec<String> {
    let mut all = everything(clients).await;
    all.retain(|line| !["-identity whole", "stack github-oidc-provider whole"].iter().any(|end| line.ends_with(end)));
    all
}

async fn brought_up(file: &str, name: &str) -> App {
    let app = fresh(file).await;
    let ran = app.run(name).await;
    assert_eq!(ran.troubles(), NOTHING);
    app
}

async fn destroyed(app: &mut App, name: &str, removal: Option<Removal>) -> Ran {
    app.removal = removal;
    let ran = app.run(name).await;
    assert_eq!(ran.troubles(), NOTHING);
    assert_eq!(ran.outcome.exit_code, 0);
    ran
}

#[tokio::test]
async fn a_purge_leaves_nothing_that_a_run_made_and_is_then_a_no_op() {
    for (file, name) in [(EXAMPLE, "staging"), (EXAMPLE, "production"), (SMALL, "staging")] {
        let mut app = fresh(file).await;
        let clients = app.clients().await;
        let before = inventory(&clients).await;
        assert_eq!(app.run(name).await.troubles(), NOTHING);
        assert!(inventory(&clients).await.len() > before.len() + 10);
        let ran = destroyed(&mut app, name, PURGING).await;
        assert_eq!(inventory(&clients).await, before, "{name}");
        assert_eq!(ran.outcome.kept, NOTHING);
        assert!(ran.outcome.stacks.deleted > 3, "{:?}", ran.outcome.stacks);
        assert!(ran.outcome.card().headline.ends_with("was destroyed"));

        let again = destroyed(&mut app, name, PURGING).await;
        assert_eq!((again.changed(), app.proxy.writes()), (vec![], vec![]));
        assert_eq!(again.outcome.card().headline, format!("nothing of {name} is there"));
    }
}

#[tokio::test]
async fn without_a_purge_images_stay_and_the_environment_comes_back() {
    let mut app = brought_up(EXAMPLE, "staging").await;
    let clients = app.clients().await;
    let up = inventory(&clients).await;
    let ran = destroyed(&mut app, "staging", KEEPING).await;
    let kept: Vec<String> = inventory(&clients).await;
    let is_registry = |line: &String| {
        line.starts_with("image ") || line.starts_with("repository ") || line.contains("stack finance-app-registry")
    };
    assert!(kept.iter().all(is_registry) && kept.len() > 4, "{kept:?}");
    assert!(ran.outcome.kept.iter().any(|kept| kept.contains("finance-app-registry with its images")));
    assert!(
        ran.outcome.kept.iter().any(|kept| kept.contains("a final snapshot of Database")),
        "{:?}",
        ran.outcome.kept
    );
    app.removal = None;
    assert_eq!(app.run("staging").await.troubles(), NOTHING);
    let lasting = |all: Vec<String>| {
        all.into_iter()
            .filter(|line| !line.starts_with("service ") && !line.contains("revision ") && !line.starts_with("image "))
            .collect::<Vec<_>>()
    };
    assert_eq!(lasting(inventory(&clients).await), lasting(up));
}

/// Kills destroys at so many writes, from the first to the last: one half never arrives, the other is done and never
/// answered. The next finishes, from whatever is left.
#[tokio::test]
async fn a_killed_destroy_is_finished_by_the_next() {
    const MOMENTS: usize = 7;
    let mut app = brought_up(SMALL, "staging").await;
    destroyed(&mut app, "staging", PURGING).await;
    let empty = inventory(&app.clients().await).await;
    let writes = app.proxy.calls().iter().filter(|call| call.writes()).count();
    assert!(writes > MOMENTS, "{writes}");
    let empty = &empty;
    stream::iter(0..MOMENTS)
        .for_each_concurrent(4, |moment| async move {
            let app = brought_up(SMALL, "staging").await;
            let arrives = moment % 2 == 0;
            let (nth, mut seen) = (moment * (writes - 1) / (MOMENTS - 1), 0);
            app.proxy.set(move |call| {
                let hit = call.writes() && seen == nth;
                seen += usize::from(call.writes());
                match (hit, arrives) {
                    (true, true) => Effect::HoldAnswer,
                    (true, false) => Effect::Hold,
                    (false, _) => Effect::Pass,
                }
            });
            let destroy = ["destroy", "--purge", "--yes", "--format", "json"];
            let mut child = app.command(&destroy).spawn().unwrap();
            tokio::select! {
                () = app.proxy.holds() => child.kill().await.unwrap(),
                status = child.wait() => panic!("it ended before moment {moment}: {status:?}"),
            }
            let killed_at = app.proxy.writes();
            app.proxy.pass();
            let output = app.command(&destroy).output().await.unwrap();
            let told = whole(&output.stdout);
            let context = format!("killed at {:?} (arrived: {arrives}): {told:#}", killed_at.last());
            assert_eq!(output.status.code(), Some(0), "{context}");
            assert_eq!(inventory(&app.clients().await).await, *empty, "{context}");
        })
        .await;
}

#[tokio::test]
async fn looks_that_are_throttled_end_no_destroy() {
    let mut app = brought_up(SMALL, "staging").await;
    app.removal = PURGING;
    let (mut updated, mut left) = (false, 4);
    let ran = app
        .run_under("staging", move |call| {
            updated |= call.action == "UpdateService";
            if updated && call.action == "DescribeServices" && left > 0 {
                left -= 1;
                let refused = serde_json::json!({ "__type": "ThrottlingException", "message": "Rate exceeded" });
                return Effect::Answer(400, refused);
            }
            Effect::Pass
        })
        .await;
    assert_eq!((ran.troubles(), ran.outcome.exit_code), (Vec::new(), 0));
}

#[tokio::test]
async fn nobody_is_asked_without_a_terminal() {
    let app = fresh(SMALL).await;
    let output = app.command(&["destroy"]).output().await.unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(2), "{said}");
    assert!(said.contains("--yes") && said.contains("nothing was done"), "{said}");
    assert!(app.proxy.calls().is_empty());
}

/// A person at a terminal: the plan first, then the environment's name, and nothing for any other word.
#[tokio::test]
async fn a_person_types_the_name_of_what_ends() {
    let mut app = brought_up(SMALL, "staging").await;
    for (typed, code) in [("production", 2), ("staging", 0)] {
        let before = inventory(&app.clients().await).await;
        app.proxy.pass();
        let (status, said) = app.at_a_terminal(&["destroy", "--purge"], typed).await;
        assert_eq!(status, Some(code), "{said}");
        let asked = said.find("type staging to go on").unwrap_or_else(|| panic!("{said}"));
        let plan = &said[..asked];
        assert!(plan.contains("staging destroy") && plan.contains("shop-staging-network"), "{said}");
        if code == 2 {
            assert_eq!(app.proxy.writes(), NOTHING);
            assert_eq!(inventory(&app.clients().await).await, before);
        } else {
            assert!(said.contains("staging was destroyed"), "{said}");
        }
    }
    app.removal = PURGING;
    assert!(app.plan("staging").await.is_empty());
}

/// A service under a new name serves before the old one goes, and what went leaves nothing but its images.
#[tokio::test]
async fn a_prune_takes_what_left_the_file_and_nothing_else() {
    let mut app = brought_up(SMALL, "staging").await;
    let clients = app.clients().await;
    app.edit("  worker: { build", "  jobs: { build");
    app.allow_replace = vec!["WorkerRepository".to_owned()];
    let kept = app.run("staging").await;
    assert_eq!(kept.troubles(), NOTHING);
    let plan = app.plan("staging").await;
    assert_eq!(plan.orphans, ["service worker", "stack shop-staging-service-worker"]);
    assert!(plan.is_empty());

    app.removal = Some(Removal::Orphans);
    let ran = app.run("staging").await;
    assert_eq!(ran.troubles(), NOTHING);
    assert_eq!(
        ran.changed(),
        [
            "deleted ECS service worker in shop-staging",
            "deleted revisions of shop-staging-worker (1)",
            "deleted stack shop-staging-service-worker",
            "set ECS service worker in shop-staging to 0 tasks",
        ]
    );
    let left: Vec<String> = inventory(&clients).await;
    let of_worker: Vec<&String> = left
        .iter()
        .filter(|line| line.contains("worker") && !line.starts_with("image ") && !line.starts_with("repository "))
        .collect();
    assert!(of_worker.is_empty(), "{of_worker:?}");
    let again = app.run("staging").await;
    assert_eq!((again.changed(), app.proxy.writes()), (vec![], vec![]));
    app.removal = None;
    assert_eq!(app.plan("staging").await.orphans, NOTHING);
}

/// The second region of the backups is no longer in the file: the plan that changes it still sees what is there.
#[tokio::test]
async fn what_is_in_a_region_that_left_the_file_is_named_and_pruned() {
    let mut app = brought_up(EXAMPLE, "staging").await;
    app.edit("  replicate-backups-to: us-west-2\n", "");
    let plan = app.plan("staging").await;
    assert_eq!(plan.orphans, ["stack finance-app-staging-backup"]);
    app.removal = Some(Removal::Orphans);
    let ran = app.run("staging").await;
    assert_eq!(ran.troubles(), NOTHING);
    assert!(ran.changed().contains(&"deleted stack finance-app-staging-backup".to_owned()), "{:?}", ran.changed());
    // The backups that are there are read with it.
    let key = "the whole of BackupKey (AWS::KMS::Key) in stack finance-app-staging-backup";
    assert!(ran.outcome.kept.contains(&key.to_owned()), "{:?}", ran.outcome.kept);
    app.removal = None;
    assert_eq!(app.plan("staging").await.orphans, NOTHING);
}
