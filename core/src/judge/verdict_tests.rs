//! What each rollout is judged to be.

use super::*;
use crate::judge::Hook;
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

fn service(running: u32, mut deployments: Vec<Deployment>) -> Observation {
    for deployment in &mut deployments {
        deployment.running = running;
    }
    Observation {
        service: Some(Service {
            status: "ACTIVE".into(),
            arn: "arn:aws:ecs:us-east-1:111122223333:service/app-staging/api".into(),
            revision: Value::Known("api:2".into()),
            mark: None,
            definition: None,
            scales: false,
            test_rule: None,
            desired: 2,
            running,
            pending: 0,
            deployments,
            json: serde_json::Value::Null,
        }),
        ..Observation::default()
    }
}

fn told(status: &str) -> Told {
    Told::Seen(Box::new(ServiceDeployment { arn: "sd".into(), status: status.into(), ..Default::default() }))
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
fn a_way_back_that_begins_a_moment_after_the_failure_is_waited_for() {
    let old = |status| deployment("d1", status, OLD, Rollout::Completed, "");
    let failed = |status| Deployment { desired: 0, ..deployment("d2", status, NEW, Rollout::Failed, "tasks failed") };
    let mut watch = Watch::new(NEW, false);
    assert_eq!(verdict(&mut watch, &service(2, vec![failed("PRIMARY"), old("ACTIVE")])), None);
    let mut stays = watch.clone();
    let back = service(2, vec![old("PRIMARY"), failed("ACTIVE")]);
    assert_eq!(verdict(&mut watch, &back), Some(Verdict::RolledBack));

    let seen = service(2, vec![failed("PRIMARY"), old("ACTIVE")]);
    assert_eq!(verdict(&mut stays, &seen), Some(Verdict::Failed), "nothing brings it back");
}

#[test]
fn what_had_traffic_is_known_by_its_share_or_stage_and_not_by_an_alarm() {
    let look = |status: &str, stage: &str, share, alarms: &[&str]| {
        let told = ServiceDeployment {
            status: status.to_owned(),
            stage: stage.to_owned(),
            share,
            alarms: alarms.iter().map(|alarm| (*alarm).to_owned()).collect(),
            ..ServiceDeployment::default()
        };
        Observation { told: Told::Seen(Box::new(told)), ..Observation::default() }
    };
    let had = |looks: &[Observation]| {
        let mut watch = Watch::new(NEW, false);
        looks.iter().for_each(|look| drop(watch.observe(look)));
        watch.had_traffic()
    };
    assert_eq!(had(&[look("IN_PROGRESS", "SCALE_UP", Some(0.0), &[])]), Some(false));
    assert_eq!(had(&[look("IN_PROGRESS", "PRE_PRODUCTION_TRAFFIC_SHIFT", Some(10.0), &[])]), Some(true));
    let bake = look("IN_PROGRESS", "BAKE_TIME", None, &[]);
    assert_eq!(had(&[bake, look("ROLLBACK_SUCCESSFUL", "", None, &["5xx"])]), Some(true));
    let early = || look("IN_PROGRESS", "SCALE_UP", None, &[]);
    let back = look("ROLLBACK_IN_PROGRESS", "CLEAN_UP", None, &[]);
    assert_eq!(had(&[early(), back.clone()]), Some(false), "the stage is that of the way back");
    assert_eq!(had(&[back]), None, "what was before is not known");
    assert_eq!(had(&[look("ROLLBACK_IN_PROGRESS", "", None, &["5xx"])]), None);
}

#[test]
fn an_old_answer_that_does_not_show_the_deployment_decides_nothing() {
    let mut watch = Watch::new(NEW, false);
    assert_eq!(verdict(&mut watch, &service(2, vec![deployment("d1", "PRIMARY", OLD, Rollout::Completed, "")])), None);
    let nothing = Observation::default();
    for _ in 0..5 {
        assert_eq!(verdict(&mut watch, &nothing), None, "it may be late");
    }
    let done = service(2, vec![deployment("d2", "PRIMARY", NEW, Rollout::Completed, "")]);
    assert_eq!(verdict(&mut watch, &done), Some(Verdict::Succeeded));
    assert_eq!(verdict(&mut watch, &nothing), None, "one look may be behind");
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
    ];
    for (status, first, expected) in cases {
        let mut watch = Watch::new(NEW, first);
        // The counts alone would say that all is well.
        let mut seen = service(2, vec![deployment("d2", "PRIMARY", NEW, Rollout::Completed, "")]);
        seen.told = told(status);
        assert_eq!(verdict(&mut watch, &seen), expected, "{status}");
    }
}

#[test]
fn a_hook_that_awaits_action_is_a_pause() {
    let mut watch = Watch::new(NEW, false);
    let mut seen = service(2, vec![deployment("d2", "PRIMARY", NEW, Rollout::InProgress, "")]);
    let hook = |status: &str| Hook {
        id: "h".into(),
        status: status.into(),
        expires: Some(1_790_000_000.0),
        timeout_action: "ROLLBACK".into(),
        ..Hook::default()
    };
    let paused = |status: &str, updated| {
        let stage = "PRE_PRODUCTION_TRAFFIC_SHIFT".into();
        let (arn, status, hooks) = ("sd".into(), "IN_PROGRESS".into(), vec![hook(status)]);
        Told::Seen(Box::new(ServiceDeployment { arn, status, hooks, updated, stage, ..Default::default() }))
    };
    seen.told = paused("AWAITING_ACTION", 1.0);
    let ending = watch.clone().observe(&seen).unwrap();
    assert_eq!(ending.verdict, Verdict::Paused);
    assert_eq!(
        ending.reason,
        "decide by 2026-09-21 14:13 UTC, else it is turned back: hook h at PRE_PRODUCTION_TRAFFIC_SHIFT"
    );
    // Once it was continued, an old answer does not pause it again, nor one that hides its age.
    seen.told = paused("SUCCEEDED", 2.0);
    assert_eq!(verdict(&mut watch, &seen), None);
    for updated in [1.0, 2.0] {
        seen.told = paused("AWAITING_ACTION", updated);
        assert_eq!(verdict(&mut watch, &seen), None);
    }
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
    let mut back = service(2, vec![first(OLD)]);
    back.told = told("ROLLBACK_SUCCESSFUL");
    assert_eq!(verdict(&mut watch, &back), Some(Verdict::RolledBack));
}

#[test]
fn a_stop_is_a_failure_unless_something_newer_took_its_place() {
    let mut stopped = service(2, vec![deployment("d2", "PRIMARY", NEW, Rollout::InProgress, "")]);
    stopped.told = told("STOPPED");
    let mut watch = Watch::new(NEW, false);
    assert_eq!(verdict(&mut watch, &stopped), None, "a newer one may not be visible yet");
    let mut newer = watch.clone();
    assert_eq!(verdict(&mut watch, &stopped), Some(Verdict::Failed));
    stopped.newer = Some("arn:aws:ecs:us-east-1:111122223333:service-deployment/c/api/sd3".into());
    let ending = newer.observe(&stopped).unwrap();
    assert_eq!((ending.verdict, ending.reason.as_str()), (Verdict::Superseded, "deployment sd3 took its place"));
    // A monitor that ended it is the cause, whatever came after.
    let failed = ServiceDeployment { status: "STOPPED".into(), alarms: vec!["api-5xx".into()], ..Default::default() };
    stopped.told = Told::Seen(Box::new(failed));
    assert_eq!(verdict(&mut Watch::new(NEW, false), &stopped), Some(Verdict::Failed));
}

#[test]
fn an_end_is_final_whatever_old_answers_say() {
    let mut watch = Watch::new(NEW, false);
    // Told to be well, and not all serve yet.
    let mut seen = service(1, vec![deployment("d2", "PRIMARY", NEW, Rollout::InProgress, "")]);
    seen.told = told("SUCCESSFUL");
    assert_eq!(verdict(&mut watch, &seen), None);
    seen.told = told("IN_PROGRESS");
    assert_eq!(verdict(&mut watch, &seen), None);
    let mut all = service(2, vec![deployment("d2", "PRIMARY", NEW, Rollout::Completed, "")]);
    all.told = told("IN_PROGRESS");
    assert_eq!(verdict(&mut watch, &all), Some(Verdict::Succeeded));
}

#[test]
fn counts_of_before_the_success_are_not_of_after_it() {
    let mut watch = Watch::new(NEW, false);
    let mut seen = service(2, vec![deployment("d2", "PRIMARY", NEW, Rollout::InProgress, "")]);
    seen.told = told("IN_PROGRESS");
    for _ in 0..5 {
        assert_eq!(verdict(&mut watch, &seen), None);
    }
    seen.told = told("SUCCESSFUL");
    for _ in 1..STEADY {
        assert_eq!(verdict(&mut watch, &seen), None);
    }
    assert_eq!(verdict(&mut watch, &seen), Some(Verdict::Succeeded), "the service may never say COMPLETED");
}

#[test]
fn what_came_and_went_before_the_first_look_is_not_waited_for_for_ever() {
    let back = "ECS deployment circuit breaker: rolling back to deploymentId d1.";
    for (reason, told, expected) in [
        (back, Told::Nothing, Verdict::RolledBack),
        ("", Told::Nothing, Verdict::Failed),
        ("", Told::NotYet, Verdict::Failed),
    ] {
        let mut watch = Watch::new(NEW, false);
        let mut seen = service(2, vec![deployment("d1", "PRIMARY", OLD, Rollout::Completed, reason)]);
        seen.told = told;
        for _ in 1..LATE {
            assert_eq!(verdict(&mut watch, &seen), None);
        }
        assert_eq!(verdict(&mut watch, &seen), Some(expected));
    }
}

#[test]
fn a_rollback_under_the_id_of_before_is_seen() {
    let mut watch = Watch::new(NEW, false);
    let old = |status: &str| deployment("d1", status, OLD, Rollout::Completed, "");
    let ours = |status: &str, rollout| deployment("d2", status, NEW, rollout, "tasks failed to start.");
    let seen = service(2, vec![ours("PRIMARY", Rollout::InProgress), old("ACTIVE")]);
    assert_eq!(verdict(&mut watch, &seen), None);
    let back = service(2, vec![old("PRIMARY"), ours("ACTIVE", Rollout::Failed)]);
    assert_eq!(verdict(&mut watch, &back), Some(Verdict::RolledBack));
}

#[test]
fn an_old_answer_does_not_supersede() {
    let mut watch = Watch::new(NEW, false);
    let old = || deployment("d1", "ACTIVE", OLD, Rollout::Completed, "");
    verdict(&mut watch, &service(2, vec![deployment("d2", "PRIMARY", NEW, Rollout::InProgress, ""), old()]));
    let before = service(2, vec![deployment("d1", "PRIMARY", OLD, Rollout::Completed, "")]);
    assert_eq!(verdict(&mut watch, &before), None);
}

#[test]
fn a_deployment_that_vanishes_has_failed() {
    let mut watch = Watch::new(NEW, false);
    let mut seen = service(2, vec![deployment("d2", "PRIMARY", NEW, Rollout::InProgress, "")]);
    seen.told = told("IN_PROGRESS");
    assert_eq!(verdict(&mut watch, &seen), None);
    seen.told = Told::Gone;
    assert_eq!(verdict(&mut watch, &seen), None);
    assert_eq!(verdict(&mut watch, &seen), None);
    assert_eq!(watch.observe(&seen).unwrap().reason, "the deployment is not there any more");
}

#[test]
fn until_ours_is_told_of_counts_decide_nothing() {
    let mut watch = Watch::new(NEW, false);
    let mut seen = service(2, vec![deployment("d2", "PRIMARY", NEW, Rollout::Completed, "")]);
    seen.told = Told::NotYet;
    assert_eq!(verdict(&mut watch, &seen), None);
}
