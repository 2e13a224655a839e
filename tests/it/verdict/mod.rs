//! Every way in which a deployment ends, played by a scripted ECS: exit code, verdict, words and cause; the same however
//! answers lag and whichever connection is cut; and what it costs in calls.

mod orders;
mod play;

use std::time::Duration;

use futures_util::{StreamExt, stream};
use play::{Play, card, scenarios, wrong};
use runner::aws::{Calls, Clients, Setup};
use runner_core::report::{Fact, Verdict};

use serde_json::json;

use crate::support::ecs::{Call, Disturbance, Scenario};

/// Scenarios played at the same time by one test: they wait more than they work.
const AT_ONCE: usize = 20;
/// Seconds of the clock for a second of a scenario of which words are expected that only tell on the way.
const SLOWLY: f64 = 0.05;

#[tokio::test]
async fn every_ending_is_told_as_it_is() {
    let played = scenarios().into_iter().map(|(name, scenario)| async move {
        // Slow enough to be seen on the way, however busy the machine is.
        let pace = if scenario.timeout().is_some() { scenario.pace() } else { scenario.pace().max(SLOWLY) };
        let scenario = scenario.at_pace(pace);
        assert!(scenario.about.contains("https://"), "{name} does not say where AWS tells of it");
        let expect = scenario.expect.clone();
        let ran = Play::new(scenario).await.run().await;
        wrong(&expect, &ran).into_iter().map(|words| format!("{name}: {words}")).collect::<Vec<_>>()
    });
    let wrong: Vec<String> = stream::iter(played).buffer_unordered(AT_ONCE).flat_map(stream::iter).collect().await;
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[tokio::test]
async fn a_cut_at_any_call_changes_no_verdict() {
    // Each call is cut in one of three runs, so that the same call asked again comes through.
    let played = scenarios().into_iter().flat_map(|(name, scenario)| {
        (0..3).map(move |phase| {
            let (name, scenario) = (name.clone(), scenario.clone());
            async move {
                // The time that the runner is given is part of what these show.
                let (expect, timed) = (scenario.expect.clone(), scenario.timeout().is_some());
                let play = Play::new(scenario).await;
                let mut calls = 0;
                play.ecs.disturb(move |_: &Call| {
                    calls += 1;
                    (calls % 3 == phase).then_some(Disturbance::Cut)
                });
                let ran = play.run().await;
                let verdict = match ran.outcome.verdict {
                    // All was over before the first look came through.
                    Verdict::Unchanged => Verdict::Succeeded,
                    verdict => verdict,
                };
                let verdict = serde_json::to_value(verdict).unwrap();
                assert!(timed || play.ecs.calls().len() > 3, "{name}: nothing was cut");
                // Ours was overtaken before it was found: the newest of the same revision is attached to.
                let newest = name == "superseded-by-the-same-revision" && verdict == "still-running";
                (verdict != expect["verdict"] && !newest)
                    .then(|| format!("{name}, phase {phase}: {verdict}\n{}", card(&ran)))
            }
        })
    });
    let wrong: Vec<String> =
        stream::iter(played).buffer_unordered(AT_ONCE).filter_map(|wrong| async { wrong }).collect().await;
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// A run of a scenario and the calls that it made.
async fn calls_of(name: &str) -> Vec<Call> {
    let play = Play::new(scenarios().remove(name).unwrap()).await;
    play.run().await;
    play.ecs.calls()
}

#[tokio::test]
async fn calls_are_few_and_tasks_are_listed_only_when_something_is_wrong() {
    for name in ["succeeded", "canary-succeeded", "scaled-out", "lagging", "throttled"] {
        let calls = calls_of(name).await;
        let of = |action: &str| calls.iter().filter(|call| call.action == action).collect::<Vec<_>>();
        assert!(of("ListTasks").is_empty() && of("GetLogEvents").is_empty(), "{name}: {calls:?}");
        let looks = of("DescribeServices");
        // The first is the plan's, and no look of the follower's.
        for pair in looks[1..].windows(2) {
            let between = pair[1].when - pair[0].when;
            assert!(
                between >= Duration::from_millis(800),
                "{name}: two looks within (a second, less what they took to arrive) {between:?}"
            );
        }
        assert!(of("DescribeServiceDeployments").len() <= looks.len(), "{name}: {calls:?}");
    }
    // Each stopped task is read once, and each container's lines from its own stream.
    let calls = calls_of("rolled-back-by-circuit-breaker").await;
    let mut streams: Vec<&str> = calls.iter().filter_map(|call| call.body["logStreamName"].as_str()).collect();
    streams.sort_unstable();
    assert_eq!(streams, ["api/api/t1", "api/api/t2", "api/api/t3"]);
}

/// The updates and tags that a scenario's run wrote, and its card, where the service has our tags.
async fn written(scenario: Scenario) -> (Vec<Call>, String) {
    let play = Play::new(scenario).await;
    play.ecs.tag_service(json!([
        { "key": "finance-infra:app", "value": "shop" }, { "key": "finance-infra:environment", "value": "staging" },
    ]));
    let ran = play.run().await;
    let writes = |call: &Call| ["UpdateService", "TagResource"].contains(&call.action.as_str());
    (play.ecs.calls().into_iter().filter(writes).collect(), card(&ran))
}

#[tokio::test]
async fn a_first_deployment_that_failed_is_set_to_no_tasks_and_no_other() {
    for name in ["first-deployment-failed", "first-deployment-rolled-back-to-nothing"] {
        let scenario = scenarios().remove(name).unwrap();
        let (written, card) = written(scenario.clone()).await;
        let [mark, update] = written.as_slice() else { panic!("{name}: {written:?}") };
        assert!(mark.body.to_string().contains("given-up@2"), "{mark:?}");
        assert_eq!(update.body["desiredCount"], 0, "{update:?}");
        assert!(card.contains("set to 0 tasks: nothing of it runs or costs"), "{card}");

        // It was healthy once, long ago.
        let mut older = scenario;
        older.state["deployments"]["sd1"] =
            json!({ "revision": 1, "status": "SUCCESSFUL", "createdAt": -9000, "finishedAt": -8900 });
        let (written, card) = self::written(older).await;
        assert!(written.is_empty() && !card.contains("set to 0 tasks"), "{name}: {written:?} {card}");
    }
    for name in ["rolled-back-by-circuit-breaker", "crash-after-success", "superseded", "stopped-by-a-person"] {
        let (written, _) = written(scenarios().remove(name).unwrap()).await;
        assert!(written.is_empty(), "{name}: {written:?}");
    }
    // Not ours by its tags.
    let play = Play::new(scenarios().remove("first-deployment-failed").unwrap()).await;
    play.run().await;
    assert!(play.ecs.calls().iter().all(|call| call.action != "UpdateService"));
}

#[tokio::test]
async fn a_pause_is_left_and_found_again() {
    for (action, exit, says) in [("CONTINUE", 0, "staging is healthy"), ("ROLLBACK", 3, "api was rolled back")] {
        let play = Play::new(scenarios().remove("paused").unwrap()).await;
        assert_eq!(play.run().await.outcome.exit_code, 5);
        let setup = Setup::Local { url: play.ecs.url.clone(), account: play::names().account };
        let clients = Clients::new(&setup, "us-east-1", Calls::default()).await;
        clients
            .ecs()
            .continue_service_deployment()
            .service_deployment_arn(play::names().deployment("sd2"))
            .hook_id("before-traffic")
            .action(action.into())
            .send()
            .await
            .unwrap();
        let ran = play.run().await;
        assert_eq!(ran.outcome.exit_code, exit, "{}", card(&ran));
        assert!(card(&ran).contains(says), "{}", card(&ran));
    }
}

#[tokio::test]
async fn where_a_new_revision_is_tried_is_said_once_it_has_test_traffic() {
    let play = Play::new(scenarios().remove("tested-succeeded").unwrap().at_pace(SLOWLY)).await;
    let ran = play.run().await;
    assert_eq!(ran.outcome.exit_code, 0, "{}", card(&ran));
    let progress = ran.events.iter().filter_map(|event| match &event.fact {
        Fact::Progress(text) => Some(text.contains(", to be tried at https://api.shop.example:9443")),
        _ => None,
    });
    let said: Vec<bool> = progress.collect();
    assert!(said.contains(&true) && said.first() == Some(&false), "{:#?}", ran.events);
}

#[tokio::test]
async fn a_run_that_was_killed_in_the_wait_is_attached_to() {
    let play = Play::new(scenarios().remove("succeeded").unwrap()).await;
    // Killed: the future is dropped in the middle.
    let killed = tokio::time::timeout(Duration::from_millis(600), play.run()).await;
    assert!(killed.is_err(), "it ended before it was killed");
    let ran = play.run().await;
    assert_eq!(ran.outcome.exit_code, 0, "{}", card(&ran));
    let said = |words: &str| {
        ran.events.iter().any(|event| matches!(&event.fact, Fact::Progress(text) if text.contains(words)))
    };
    assert!(said("attached to deployment sd2"), "{:#?}", ran.events);
    assert!(card(&ran).contains("attached to what was under way"), "{}", card(&ran));
    assert!(play.ecs.calls().iter().all(|call| !call.action.starts_with("Update")));
}
