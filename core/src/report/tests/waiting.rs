//! What waits for a person, and what was looked at in part.

use super::*;
use crate::plan::NotChecked;

fn ended(exit: Exit, change: impl FnOnce(&mut Failure)) -> Outcome {
    let mut failure = Failure::from(Fault::new("deploying service (api)", "it did not become healthy").with_exit(exit));
    change(&mut failure);
    let mut fold = fresh();
    fold.apply(&Event { at_ms: 9_000, node: Some(node("wait-healthy api")), fact: Fact::Failed(Box::new(failure)) });
    Outcome::of(&logged(), &fold, End { duration_ms: 247_000, ..End::default() })
}

pub(super) fn paused() -> Outcome {
    paused_tried_at(None)
}

fn paused_tried_at(tried_at: Option<&str>) -> Outcome {
    let standing =
        |revision: &str, is_new, running| Standing { revision: revision.into(), is_new, running, desired: 2 };
    ended(Exit::Waiting, |failure| {
        failure.users = Some("served by :42 for 10 % of the traffic, else by :41".into());
        failure.paused = Some(Box::new(Paused {
            strategy: "canary",
            pause: Pause {
                stage: "PRE_PRODUCTION_TRAFFIC_SHIFT".into(),
                until: Some("2026-03-04T15:02:00Z".parse::<jiff::Timestamp>().unwrap().as_second()),
                otherwise: "ROLLBACK".into(),
                hook: "before-traffic".into(),
                share: None,
            },
            revisions: vec![standing(":42", true, 2), standing(":41", false, 1)],
            tried_at: tried_at.map(str::to_owned),
        }));
    })
}

/// A run whose time was up while a certificate waited for its records.
pub(super) fn waiting() -> (Fold, Outcome) {
    let mut fold = fresh();
    let certificate = node("bootstrap-certificate");
    let records = ["_a.example.com", "_b.example.com", "_c.example.com"].map(record);
    for fact in [Fact::Started].into_iter().chain(records) {
        fold.apply(&Event { at_ms: 80_000, node: Some(certificate.clone()), fact });
    }
    let outcome = Outcome::of(&logged(), &fold, End { timed_out: true, duration_ms: 247_000, ..End::default() });
    (fold, outcome)
}

pub(super) fn drift_unseen(not_checked: usize) -> DriftReport {
    let unseen = (0..not_checked).map(|n| NotChecked { what: format!("stack {n}"), why: "no right".into() }).collect();
    DriftReport::of(&logged(), (vec![], unseen), (3, 2), 247_000)
}

#[test]
fn a_paused_deployment_says_where_the_new_revision_is_tried() {
    let paused = paused_tried_at(Some("https://api.staging.finance-app.com:9443"));
    let plain = text(&paused.card(), PLAIN);
    assert!(plain.lines().count() <= 12, "{plain}");
    let line = plain.lines().find(|line| line.trim().starts_with("new ")).unwrap();
    assert!(line.contains("new") && line.ends_with("https://api.staging.finance-app.com:9443"), "{plain}");
    let old = plain.lines().find(|line| line.trim().starts_with("old ")).unwrap();
    assert!(!old.contains("https"), "{plain}");
    let json = serde_json::to_value(&paused).unwrap().to_string();
    assert!(json.contains(r#""test":"https://api.staging.finance-app.com:9443""#), "{json}");
}

#[test]
fn point_22_what_waits_says_for_what_until_when_and_what_then() {
    let (fold, ended) = waiting();
    assert_eq!((ended.verdict, ended.exit_code), (Verdict::Waiting, 5));
    let title = "### 🟡 staging: waiting for you, 3 DNS records by Sat 14:02 UTC\n";
    let page = markdown(&ended.card());
    assert!(page.starts_with(title), "{page}");
    assert!(page.contains("| CNAME | \\_b.example.com | \\_b.acm-validations.aws. |"), "{page}");
    assert!(page.contains("**until** Sat 2026-03-07 14:02 UTC\n"), "{page}");
    assert!(page.contains("**else** ACM gives up on the certificate"), "{page}");
    assert!(page.contains("**this job** has ended"), "{page}");
    assert!(page.contains("then run it again: `runner run -e staging`"), "{page}");
    let under_way = markdown(&Card::running(&logged(), &fold, 90_000));
    assert!(under_way.starts_with(title) && under_way.contains("**this job** looks on"), "{under_way}");
    insta::assert_snapshot!("waiting_for_dns_records", both(&ended.card()));
    let paused = paused();
    assert_eq!((paused.verdict, paused.exit_code), (Verdict::Paused, 5));
    let page = markdown(&paused.card());
    assert!(page.starts_with("### 🟡 staging: api, canary paused before traffic, decide by Wed 15:02 UTC\n"), "{page}");
    assert!(page.contains("| new | :42 | 2/2 |\n| old | :41 | 1/2 |"), "{page}");
    assert!(
        page.contains("**until** Wed 2026-03-04 15:02 UTC, else it is turned back (hook before-traffic)\n"),
        "{page}"
    );
    assert!(page.contains("**this job** has ended"), "{page}");
    assert!(text(&paused.card(), PLAIN).lines().count() <= 12);
    for command in ["runner approve api -e staging", "runner approve api --reject -e staging"] {
        assert!(page.lines().nth(2).unwrap().contains(&format!("`{command}`")), "{page}");
    }
    insta::assert_snapshot!("a_paused_canary", both(&paused.card()));
}

#[test]
fn drift_that_was_looked_at_in_part_is_not_denied() {
    let outputs = |report: &DriftReport| report.outputs().into_iter().collect::<std::collections::BTreeMap<_, _>>();
    let (whole, part) = (drift_unseen(0), drift_unseen(2));
    assert_eq!((outputs(&whole)["drift"].as_str(), outputs(&whole)["verdict"].as_str()), ("false", "unchanged"));
    assert_eq!((outputs(&part)["drift"].as_str(), outputs(&part).get("verdict")), ("unknown", None));
    assert_eq!((part.verdict, part.exit_code), ("incomplete", 0));
    assert!(
        text(&part.card(), PLAIN).starts_with("· no drift of staging in what was checked"),
        "{}",
        text(&part.card(), PLAIN)
    );
}
