//! What a card claims of users: only what the run knows.

use super::*;

/// How a run of these nodes ended, after what happened.
fn ran(nodes: &[&str], facts: Vec<(&str, Fact)>, end: End) -> Outcome {
    let facts = facts.into_iter().map(|(node, fact)| (20, node, fact));
    let facts = [(10, "", planned(nodes))].into_iter().chain(facts).collect();
    Outcome::of(&logged(), &fold(facts), End { duration_ms: 247_000, ..end })
}

fn failed(exit: Exit, users: Option<&str>) -> Fact {
    let mut failure = Failure::from(Fault::new("following it", "it did not go well").with_exit(exit));
    failure.users = users.map(str::to_owned);
    Fact::Failed(Box::new(failure))
}

fn changed(verb: &'static str, what: &str) -> Fact {
    Fact::Changed(Changed::new(verb, what))
}

/// The first two lines.
fn lines(outcome: &Outcome) -> [String; 2] {
    let shown = text(&outcome.card(), PLAIN);
    let mut lines = shown.lines().map(|line| line.trim().to_owned());
    [lines.next().unwrap(), lines.next().unwrap()]
}

fn users(outcome: &Outcome) -> String {
    lines(outcome)[1].clone()
}

const ROLLOUT: [&str; 3] = ["deploy-service api", "wait-healthy api", "finish-service api"];

#[test]
fn what_an_earlier_run_rolled_out_is_not_called_nothing() {
    for node in ["wait-healthy api", "finish-service api"] {
        let attached = ran(&ROLLOUT, vec![(node, failed(Exit::Failed, None))], End::default());
        assert_eq!(users(&attached), "users: not known, look at the status");
        assert!(!markdown(&attached.card()).contains("nothing was rolled out"));
    }
    for node in ["rollback api", "approve api"] {
        let late = ran(&[node], vec![(node, failed(Exit::Failed, None))], End::default());
        assert_eq!(users(&late), "users: not known, look at the status");
        assert!(!markdown(&late.card()).contains("nothing was rolled out"));
    }
    let stack = ran(&["bootstrap-network"], vec![("bootstrap-network", failed(Exit::Failed, None))], End::default());
    assert_eq!(users(&stack), "users: unaffected, nothing was rolled out");
    assert!(markdown(&stack.card()).contains("failed after 4m 07s, nothing was rolled out"));
}

#[test]
fn a_stack_that_is_in_use_was_updated() {
    let facts = vec![
        ("bootstrap-edge", changed("updated", "stack shop-staging-edge")),
        ("deploy-service api", failed(Exit::Failed, None)),
    ];
    let outcome = ran(&["bootstrap-edge", "deploy-service api"], facts, End::default());
    assert_eq!(users(&outcome), "users: nothing was rolled out, but stacks that are in use were updated");
    // One that is made is protected then, and may be updated for it: nobody uses it yet.
    let facts = vec![
        ("bootstrap-edge", changed("created", "stack shop-staging-edge")),
        ("bootstrap-edge", changed("updated", "stack shop-staging-edge")),
        ("bootstrap-edge", changed("updated", "termination protection of stack shop-staging-edge: on")),
        ("push-image api", failed(Exit::Failed, None)),
    ];
    let outcome = ran(&["bootstrap-edge", "push-image api"], facts, End::default());
    assert_eq!(users(&outcome), "users: unaffected, nothing was rolled out");
}

#[test]
fn a_rollback_that_ecs_turned_back_is_no_success() {
    let back = failed(Exit::RolledBack, Some("unaffected, served by :42 (2/2)"));
    let outcome = ran(&["rollback api"], vec![("rollback api", back)], End::default());
    assert_eq!(lines(&outcome), ["↩ api could not be rolled back on staging · 4m 07s", "users: served by :42 (2/2)"]);
}

#[test]
fn what_goes_on_when_nobody_watches_is_not_nothing() {
    for end in [End { cancelled: true, ..End::default() }, End { timed_out: true, ..End::default() }] {
        let begun = ran(&["bootstrap-database"], vec![("bootstrap-database", Fact::Started)], end);
        assert_eq!(users(&begun), "users: AWS goes on with what was asked of it");
        let shown = text(&begun.card(), PLAIN);
        assert!(shown.contains("nothing that has ended yet"), "{shown}");
        let turned = ran(&["rollback api"], vec![("rollback api", Fact::Started)], end);
        assert!(text(&turned.card(), PLAIN).contains("AWS goes on  rollback api"), "{:?}", lines(&turned));
        // A push is ours, and ends with us.
        let pushes = ran(&["push-image api"], vec![("push-image api", Fact::Started)], end);
        assert_eq!(users(&pushes), "users: unaffected, nothing was changed");
        assert!(!markdown(&pushes.card()).contains("AWS goes on"), "{}", markdown(&pushes.card()));
    }
}

#[test]
fn what_is_taken_down_serves_nobody_for_sure() {
    let mut outcome =
        ran(&["bootstrap-network"], vec![("bootstrap-network", failed(Exit::Failed, None))], End::default());
    outcome.destroys = true;
    assert_eq!(users(&outcome), "users: not known: what serves them is being taken down");
    assert!(!markdown(&outcome.card()).contains("nothing was rolled out"));
}

#[test]
fn the_failure_that_affects_users_comes_first_and_a_pause_is_no_failure() {
    let nodes = ["run-task api", "wait-healthy web", "wait-healthy worker"];
    let facts = vec![
        ("run-task api", failed(Exit::Failed, Some("unaffected: nothing of api was rolled out"))),
        ("wait-healthy web", failed(Exit::Failed, Some("affected: nothing healthy may be serving"))),
    ];
    let mut outcome = ran(&nodes, facts, End::default());
    let mut paused = super::waiting::paused().failures.remove(0);
    paused.node = Some(node("wait-healthy worker"));
    outcome.failures.push(paused);
    assert_eq!(users(&outcome), "users: affected: nothing healthy may be serving");
    let shown = text(&outcome.card(), PLAIN);
    assert!(shown.contains("also failed  run-task api"), "{shown}");
    assert!(shown.contains("also paused  runner approve worker -e staging"), "{shown}");
}

#[test]
fn a_good_end_claims_no_more_than_was_looked_at() {
    let updated = || ("deploy-service api", changed("updated", "ECS service api in shop-staging"));
    let set = ran(&["deploy-service api"], vec![updated()], End::default());
    assert_eq!(users(&set), "users: no rollout was begun; nothing to do");
    let mut begun = set;
    begun.rolls_out = true;
    assert_eq!(
        lines(&begun),
        ["✔ staging has a rollout under way · 4m 07s", "a rollout was begun, and its end was not waited for"]
    );
    assert!(text(&begun.card(), PLAIN).contains("do: runner stage wait-healthy"), "{}", text(&begun.card(), PLAIN));

    let seen = |change: fn(&mut ServiceState)| {
        let Fact::Service(mut state) = service("api", 7, 2, Some(91)) else { panic!() };
        change(&mut state);
        users(&ran(&ROLLOUT, vec![updated(), ("wait-healthy api", Fact::Service(state))], End::default()))
    };
    assert_eq!(seen(|_| {}), "users are served by 3f9c2e1; nothing to do");
    let bad = seen(|state| state.probe = Some("503 in 12 ms".into()));
    assert_eq!(bad, "tasks are healthy, but api answered 503 in 12 ms: look at its logs");
    assert_eq!(seen(|state| state.probe = Some("401 in 12 ms".into())), "users are served by 3f9c2e1; nothing to do");
    assert_eq!(seen(|state| (state.running, state.desired) = (0, 0)), "no task is set to run; nothing to do");
}

#[test]
fn a_task_that_goes_on_is_not_called_nothing() {
    let stopped = Stopped::cancelled("watching the task").going_on("task 3f9c".into());
    let shown = text(&stopped.card(), PLAIN);
    assert!(shown.contains("task 3f9c goes on, and what it does is not undone"), "{shown}");
    assert!(!stopped.error.message.raw().contains("nothing was changed"), "{}", stopped.error.message.raw());
}

#[test]
fn a_status_names_the_services_that_serve_nobody() {
    let now = |name: &str, state: &str, running, desired| ServiceNow {
        name: name.into(),
        state: state.into(),
        revision: Some(41),
        running,
        pending: 0,
        desired,
        since: None,
        note: None,
        history: None,
    };
    let users = |verdict, services: Vec<ServiceNow>| {
        let (header, unsettled_stacks) = (logged(), Vec::new());
        let report =
            StatusReport { header, verdict, exit_code: 0, duration_ms: 247_000, services, stacks: 3, unsettled_stacks };
        text(&report.card(), PLAIN).lines().nth(1).unwrap().trim().to_owned()
    };
    let api_down = vec![now("api", "degraded", 0, 2), now("web", "deploying", 1, 1)];
    assert_eq!(
        users("deploying", api_down),
        "users are served, but not by api while a change is under way; 1/3 tasks running"
    );
    let api_lacks = vec![now("api", "degraded", 1, 2), now("web", "deploying", 1, 1)];
    assert_eq!(users("deploying", api_lacks), "users may be affected while a change is under way; 2/3 tasks running");
    assert_eq!(users("healthy", vec![now("api", "steady", 0, 0)]), "no task is set to run; 0/0 tasks running");
}
