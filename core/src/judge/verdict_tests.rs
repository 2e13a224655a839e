//! What each rollout is judged to be.

use super::*;
use crate::workflow::Value;

fn deployment(id: &str, status: &str, revision: &str, rollout: Rollout, reason: &str) -> Deployment {
    Deployment {
        id: id.into(),
        status: status.into(),
        revision: revision.into(),
        rollout,
        reason: reason.into(),
        desired: 2,
        pending: 0,
        running: 2,
        failed: 0,
    }
}

fn service(running: u32, deployments: Vec<Deployment>) -> Observation {
    Observation {
        service: Some(Service {
            status: "ACTIVE".into(),
            arn: "arn:aws:ecs:us-east-1:111122223333:service/app-staging/api".into(),
            revision: Value::Known("api:2".into()),
            mark: None,
            scales: false,
            desired: 2,
            running,
            pending: 0,
            deployments,
            json: serde_json::Value::Null,
        }),
        deployment: None,
        healthy_targets: None,
        ended_tasks: 0,
    }
}

fn verdict(watch: &mut Watch, seen: &Observation) -> Option<Verdict> {
    watch.observe(seen).map(|ending| ending.verdict)
}

const NEW: &str = "api:2";
const OLD: &str = "api:1";

#[test]
fn completed_counts_only_with_every_task_and_target() {
    let mut watch = Watch::new(NEW, false);
    let done = || vec![deployment("d2", "PRIMARY", NEW, Rollout::Completed, "")];
    assert_eq!(verdict(&mut watch, &service(0, done())), None);
    let mut unhealthy = service(2, done());
    unhealthy.healthy_targets = Some(1);
    assert_eq!(verdict(&mut watch, &unhealthy), None);
    assert_eq!(verdict(&mut watch, &service(2, done())), Some(Verdict::Succeeded));
}

#[test]
fn a_task_that_is_seen_running_once_and_ends_is_not_healthy() {
    let mut watch = Watch::new(NEW, true).twice();
    let done = || vec![deployment("d1", "PRIMARY", NEW, Rollout::Completed, "")];
    for _ in 0..2 {
        assert_eq!(verdict(&mut watch, &service(2, done())), None);
        assert_eq!(verdict(&mut watch, &service(1, done())), None);
    }
    let mut steady = watch.clone();
    assert_eq!(verdict(&mut steady, &service(2, done())), None);
    assert_eq!(verdict(&mut steady, &service(2, done())), Some(Verdict::Succeeded));

    let mut ended = service(0, done());
    ended.ended_tasks = 2;
    assert_eq!(verdict(&mut watch, &ended), None);
    ended.ended_tasks = 3;
    let ending = watch.observe(&ended).unwrap();
    assert_eq!(ending.verdict, Verdict::Failed);
    assert_eq!(ending.reason, "its tasks start and end again: 3 ended, 0 of 2 run");

    // While it is rolled out, ECS counts them itself.
    let mut watch = Watch::new(NEW, true).twice();
    let mut rolling = service(0, vec![deployment("d1", "PRIMARY", NEW, Rollout::InProgress, "")]);
    rolling.ended_tasks = 3;
    assert_eq!(verdict(&mut watch, &rolling), None);
}

#[test]
fn a_rollback_is_never_green_and_is_waited_for() {
    let mut watch = Watch::new(NEW, false);
    let old = || deployment("d1", "ACTIVE", OLD, Rollout::Completed, "");
    let start = service(2, vec![deployment("d2", "PRIMARY", NEW, Rollout::InProgress, ""), old()]);
    assert_eq!(verdict(&mut watch, &start), None);
    let back = |rollout| {
        vec![
            deployment(
                "d3",
                "PRIMARY",
                OLD,
                rollout,
                "ECS deployment circuit breaker: rolling back to deploymentId d1.",
            ),
            deployment("d2", "ACTIVE", NEW, Rollout::Failed, "ECS deployment circuit breaker: tasks failed to start."),
        ]
    };
    assert_eq!(verdict(&mut watch, &service(2, back(Rollout::InProgress))), None);
    let ending = watch.observe(&service(2, back(Rollout::Completed))).unwrap();
    assert_eq!(ending.verdict, Verdict::RolledBack);
    assert_eq!(ending.reason, "ECS deployment circuit breaker: tasks failed to start.");
    assert_eq!(ending.serving.as_deref(), Some(OLD));
}

#[test]
fn a_rollback_whose_failed_deployment_was_never_seen_is_no_newer_run() {
    let mut watch = Watch::new(NEW, false);
    verdict(&mut watch, &service(2, vec![deployment("d2", "PRIMARY", NEW, Rollout::InProgress, "")]));
    let back = deployment(
        "d3",
        "PRIMARY",
        OLD,
        Rollout::Completed,
        "ECS deployment circuit breaker: rolling back to deploymentId d1.",
    );
    assert_eq!(verdict(&mut watch, &service(2, vec![back])), Some(Verdict::RolledBack));
}

#[test]
fn a_newer_deployment_supersedes() {
    let mut watch = Watch::new(NEW, false);
    verdict(&mut watch, &service(2, vec![deployment("d2", "PRIMARY", NEW, Rollout::InProgress, "")]));
    let newer = service(
        2,
        vec![
            deployment("d3", "PRIMARY", "api:3", Rollout::InProgress, "ECS deployment ecs-svc/3 in progress."),
            deployment("d2", "ACTIVE", NEW, Rollout::InProgress, ""),
        ],
    );
    assert_eq!(verdict(&mut watch, &newer), Some(Verdict::Superseded));
}

#[test]
fn a_first_deployment_that_fails_has_failed() {
    let mut watch = Watch::new(NEW, true);
    let failed =
        deployment("d1", "PRIMARY", NEW, Rollout::Failed, "ECS deployment circuit breaker: tasks failed to start.");
    assert_eq!(verdict(&mut watch, &service(0, vec![failed])), Some(Verdict::Failed));
}

#[test]
fn an_old_answer_that_does_not_show_the_deployment_decides_nothing() {
    let mut watch = Watch::new(NEW, false);
    assert_eq!(verdict(&mut watch, &service(2, vec![deployment("d1", "PRIMARY", OLD, Rollout::Completed, "")])), None);
    let nothing = Observation { service: None, deployment: None, healthy_targets: None, ended_tasks: 0 };
    assert_eq!(verdict(&mut watch, &nothing), None);
    let done = service(2, vec![deployment("d2", "PRIMARY", NEW, Rollout::Completed, "")]);
    assert_eq!(verdict(&mut watch, &done), Some(Verdict::Succeeded));
    assert_eq!(verdict(&mut watch, &nothing), Some(Verdict::Failed));
}

#[test]
fn service_deployments_decide_where_they_are_told() {
    let cases = [
        ("IN_PROGRESS", false, None),
        ("SUCCESSFUL", false, Some(Verdict::Succeeded)),
        ("ROLLBACK_IN_PROGRESS", false, None),
        ("ROLLBACK_SUCCESSFUL", false, Some(Verdict::RolledBack)),
        ("ROLLBACK_SUCCESSFUL", true, Some(Verdict::Failed)),
        ("ROLLBACK_FAILED", false, Some(Verdict::Failed)),
        ("STOPPED", false, Some(Verdict::Failed)),
    ];
    for (status, first, expected) in cases {
        let mut watch = Watch::new(NEW, first);
        // The counts alone would say that all is well.
        let mut seen = service(2, vec![deployment("d2", "PRIMARY", NEW, Rollout::Completed, "")]);
        seen.deployment = Some(ServiceDeployment {
            arn: "sd".into(),
            status: status.into(),
            reason: String::new(),
            hooks: Vec::new(),
        });
        assert_eq!(verdict(&mut watch, &seen), expected, "{status}");
    }
}

#[test]
fn a_hook_that_awaits_action_is_a_pause() {
    let mut watch = Watch::new(NEW, false);
    let mut seen = service(2, vec![deployment("d2", "PRIMARY", NEW, Rollout::InProgress, "")]);
    let hooks = vec![Hook { id: "h".into(), status: "AWAITING_ACTION".into() }];
    seen.deployment =
        Some(ServiceDeployment { arn: "sd".into(), status: "IN_PROGRESS".into(), reason: String::new(), hooks });
    assert_eq!(verdict(&mut watch, &seen), Some(Verdict::Paused));
}

#[test]
fn what_happened_before_the_first_look_is_seen() {
    let ours = |rollout| deployment("d2", "ACTIVE", NEW, rollout, "tasks failed to start.");
    let first = |revision| deployment("d3", "PRIMARY", revision, Rollout::Completed, "rolling back");
    let mut watch = Watch::new(NEW, true);
    let turned_back = service(2, vec![first(OLD), ours(Rollout::Failed)]);
    assert_eq!(verdict(&mut watch, &turned_back), Some(Verdict::RolledBack));
    let mut watch = Watch::new(NEW, false);
    let newer = deployment("d3", "PRIMARY", "api:3", Rollout::InProgress, "");
    assert_eq!(verdict(&mut watch, &service(2, vec![newer, ours(Rollout::InProgress)])), Some(Verdict::Superseded));
    // An older deployment of the same revision that drains is not ours.
    let mut watch = Watch::new(NEW, false);
    let stale = service(2, vec![first(OLD), ours(Rollout::Completed)]);
    assert_eq!(verdict(&mut watch, &stale), None);

    let mut watch = Watch::new(NEW, true);
    let mut told = service(2, vec![first(OLD)]);
    told.deployment = Some(ServiceDeployment {
        arn: "sd".into(),
        status: "ROLLBACK_SUCCESSFUL".into(),
        reason: String::new(),
        hooks: Vec::new(),
    });
    assert_eq!(verdict(&mut watch, &told), Some(Verdict::RolledBack));
}
