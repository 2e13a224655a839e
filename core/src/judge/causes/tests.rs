//! Every cause against its fixture, and the laws that hold for any text.

use std::collections::HashSet;

use proptest::prelude::*;

use super::*;

#[derive(Deserialize)]
struct Fixture {
    cause: String,
    certainty: Certainty,
    #[serde(flatten)]
    evidence: Evidence,
}

fn fixtures() -> Vec<Fixture> {
    include_str!("fixtures.jsonl").lines().map(|line| serde_json::from_str(line).expect("a fixture")).collect()
}

fn evidence(at: Where, text: &str, exit_code: Option<i32>) -> Evidence {
    Evidence { at, text: text.into(), exit_code }
}

#[test]
fn every_fixture_gets_its_name_and_certainty() {
    let failed: Vec<String> = fixtures()
        .iter()
        .filter_map(|fixture| {
            let found = diagnose(&fixture.evidence);
            let right = found.cause.name == fixture.cause && found.certainty == fixture.certainty;
            (!right).then(|| {
                let (name, sure, text) = (found.cause.name, found.certainty, fixture.evidence.text.one_line());
                format!("{} {:?}, not {name} {sure:?}: {text}", fixture.cause, fixture.certainty)
            })
        })
        .collect();
    assert!(failed.is_empty(), "{failed:#?}");
}

#[test]
fn every_cause_is_documented_and_has_four_fixtures() {
    let shown: Vec<String> = fixtures().into_iter().map(|fixture| fixture.cause).collect();
    let mut seen = HashSet::new();
    for cause in all() {
        let name = cause.name;
        assert!(seen.insert(name), "{name} stands twice");
        assert!(name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-'), "{name}");
        let count = shown.iter().filter(|shown| *shown == name).count();
        assert!(count >= 4 || name == "unknown", "{name} has {count} fixtures");
        assert!(!cause.remedy.contains('\n') && !cause.remedy.ends_with('.'), "{name}: {}", cause.remedy);
        assert!(cause.meaning.ends_with('.') && !cause.meaning.contains("  "), "{name}: {}", cause.meaning);
        assert!(cause.title.len() <= 60, "{name}: {}", cause.title);
    }
    assert!(shown.iter().all(|name| seen.contains(&**name)));
}

#[test]
fn needles_are_written_as_the_text_is_prepared() {
    fn check(name: &str, when: &rule::When) {
        let needle = |needle: &str| assert_eq!(needle.to_ascii_lowercase(), needle, "{name} can never match");
        match when {
            rule::When::Has(text) | rule::When::Word(text) => needle(text),
            rule::When::InOrder(parts) => parts.iter().for_each(|part| needle(part)),
            rule::When::All(list) | rule::When::Together(list) | rule::When::Any(list) => {
                list.iter().for_each(|when| check(name, when))
            }
            rule::When::Not(when) => check(name, when),
            rule::When::At(_) | rule::When::Exit(_) | rule::When::Test(_) => {}
        }
    }
    for cause in all() {
        for Rule::Certain(when) | Rule::Likely(when) in cause.rules {
            check(cause.name, when);
        }
    }
}

#[test]
fn the_root_is_named_before_what_follows_from_it() {
    let found = diagnose_all(&[
        evidence(
            Where::StackEvent,
            "Error occurred during operation 'ECS Deployment Circuit Breaker was triggered'.",
            None,
        ),
        evidence(Where::ServiceEvent, "(service api) has started 1 tasks: (task 1).", None),
        evidence(Where::StoppedReason, "Essential container in task exited", Some(1)),
        evidence(Where::Log, "Booting\nKeyError: 'DATABASE_URL'\nbye", Some(1)),
        evidence(Where::Log, "something else", None),
        evidence(Where::StoppedReason, "Essential container in task exited", Some(1)),
    ]);
    let names: Vec<&str> = found.iter().map(|diagnosis| diagnosis.cause.name).collect();
    assert_eq!(names, ["app-misconfigured-env", "exit-nonzero", "circuit-breaker"]);
    assert_eq!(found[0].quote.raw(), "KeyError: 'DATABASE_URL'");
    assert!(found[2].cause.is_cascade());
}

/// A program that does not end on SIGTERM ends with 137 whenever its task is stopped; that is not why it was stopped.
#[test]
fn what_a_task_was_stopped_for_is_named_before_how_it_was_killed() {
    let failed =
        "Task failed ELB health checks in (target-group arn:aws:elasticloadbalancing:us-east-1:1:targetgroup/x/y)";
    let killed = evidence(Where::ContainerReason, "exit code 137", Some(137));
    let names = |found: Vec<Diagnosis>| found.iter().map(|diagnosis| diagnosis.cause.name).collect::<Vec<_>>();
    let stopped = evidence(Where::StoppedReason, failed, None);
    let target = evidence(Where::TargetHealth, "Target.FailedHealthChecks: Health checks failed", None);
    let found = names(diagnose_all(&[stopped.clone(), killed.clone(), target]));
    assert_eq!(found, ["health-check-connection-failed", "exit-sigkill-not-oom", "health-check-unspecified"]);
    assert_eq!(names(diagnose_all(&[stopped, killed.clone()])), ["exit-sigkill-not-oom", "health-check-unspecified"]);
    let memory = "OutOfMemoryError: Container killed due to memory usage (exit code 137)";
    let memory = evidence(Where::ContainerReason, memory, Some(137));
    let exited = evidence(Where::StoppedReason, "Essential container in task exited", Some(137));
    assert_eq!(names(diagnose_all(&[exited.clone(), memory])), ["oom"]);
    assert_eq!(names(diagnose_all(&[exited, killed])), ["exit-sigkill-not-oom"]);
}

#[test]
fn without_evidence_the_answer_is_unknown() {
    assert_eq!(diagnose_all(&[])[0].cause.name, "unknown");
    let news = evidence(Where::ServiceEvent, "(service api) has reached a steady state.", None);
    assert_eq!(diagnose_all(&[news])[0].cause.name, "not-a-failure");
}

#[test]
fn a_log_never_makes_certain() {
    let text = "CannotPullContainerError: number of layers and diffIDs don't match: 2 != 9";
    assert_eq!(diagnose(&evidence(Where::Log, text, None)).certainty, Certainty::Likely);
    assert_eq!(diagnose(&evidence(Where::StoppedReason, text, None)).certainty, Certainty::Certain);
}

#[test]
fn a_log_ends_of_its_error_and_not_of_its_warnings() {
    let warned = "WARN connect ECONNREFUSED 127.0.0.1:6379, retrying\n";
    let named = |text: &str, exit_code| diagnose(&evidence(Where::Log, text, exit_code)).cause.name;
    assert_eq!(named(&format!("{warned}TypeError: x is not a function"), Some(1)), "app-defect");
    assert_eq!(named(warned, Some(1)), "app-dependency-unreachable", "there is nothing else to go by");
    assert_eq!(named(warned, Some(0)), "unknown", "it ended well");
}

#[test]
fn who_was_told_to_stop_did_not_fail() {
    for (at, text) in [(Where::Log, "received SIGTERM, bye"), (Where::StoppedReason, "Scaling activity initiated by x")]
    {
        assert!(diagnose(&evidence(at, text, Some(143))).cause.rank >= Rank::News, "{text}");
    }
    let sick = evidence(Where::StoppedReason, "Task failed ELB health checks in (target-group x)", Some(137));
    assert_eq!(diagnose(&sick).cause.name, "health-check-unspecified");
}

#[test]
fn evidence_and_answer_travel_as_json() {
    let asked: Evidence = serde_json::from_str(r#"{"where":"stopCode","text":"SpotInterruption"}"#).expect("evidence");
    assert_eq!(asked.at, Where::Other("stopCode".to_owned()));
    let answer = serde_json::to_value(diagnose(&asked)).expect("JSON");
    assert_eq!(answer["cause"], "spot-interrupted");
    assert_eq!(answer["certainty"], "certain");
    assert_eq!(answer["evidence"], "SpotInterruption");
    assert!(answer["do"].as_str().is_some_and(|text| !text.is_empty()));
    let bare: Evidence = serde_json::from_str(r#"{"where":"log","text":null,"exit_code":139}"#).expect("evidence");
    assert_eq!(diagnose(&bare).cause.name, "exit-segfault");
}

#[test]
fn every_cause_has_a_page() {
    for cause in all() {
        let page = page(cause.name).expect("a page");
        assert!(page.contains(cause.title) && page.contains(cause.meaning) && page.contains(cause.remedy));
    }
    assert!(page("no-such-cause").is_none());
    insta::assert_snapshot!(page("health-check-connection-failed").expect("a page"), @r"
    health-check-connection-failed: nothing answers on the port

    The load balancer could not connect, or got no HTTP answer: the program listens on another port, only on 127.0.0.1, speaks another protocol, or has ended.
    Often the effect of something else: a cause nearer to the root is named first.

    do         Make the program listen on 0.0.0.0 and the service's port
    certainty  likely at most: read from texts, logs or conventions
    found in   the target's health (DescribeTargetHealth), the service's events, the program's log
    family     Health
    ");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_text_is_answered(text in "(?s).{0,300}", place in "[a-zA-Z]{0,16}", exit_code in any::<Option<i32>>()) {
        let found = diagnose(&evidence(place.parse().expect("any name"), &text, exit_code));
        prop_assert_eq!(found.certainty == Certainty::Unknown, found.cause.name == "unknown");
    }

    #[test]
    fn a_text_torn_and_joined_is_answered(one in 0..fixtures().len(), two in 0..fixtures().len(), cut in 0..200usize) {
        let texts = fixtures();
        let torn: String = texts[one].evidence.text.raw().chars().take(cut).collect();
        let text = format!("{torn}\u{1b}[31m\n{}", texts[two].evidence.text.raw());
        let found = diagnose(&evidence(Where::Log, &text, None));
        prop_assert!(found.certainty != Certainty::Certain);
    }

}

proptest! {
    // Each case goes through all fixtures.
    #![proptest_config(ProptestConfig::with_cases(4))]

    #[test]
    fn space_names_and_ids_around_do_not_matter(
        space in "[ \t\n]{0,3}",
        account in "[0-9]{12}",
        task in "[0-9a-f]{32}",
        request in "[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}",
    ) {
        for fixture in fixtures() {
            let text = fixture.evidence.text.raw();
            let around = format!(
                "{space}arn:aws:ecs:us-east-1:{account}:task/{task}:{space} {text}{space} (RequestToken: {request}){space}"
            );
            let found = diagnose(&Evidence { text: around.into(), ..fixture.evidence.clone() });
            prop_assert_eq!(found.cause.name, &fixture.cause, "{}", text);
            prop_assert_eq!(found.certainty, fixture.certainty, "{}", text);
        }
    }
}
