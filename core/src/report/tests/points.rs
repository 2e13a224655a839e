//! What every report promises, over a card of each state.

use super::*;
use crate::{
    cost::{CostChange, CostSum, Estimate},
    plan::NotChecked,
};

const LOG: &str = "https://github.com/acme/shop/actions/runs/100";

fn logged() -> Header {
    Header { log: Some(LOG.into()), ..header() }
}

fn ended(exit: Exit, change: impl FnOnce(&mut Failure)) -> Outcome {
    let mut failure = Failure::from(Fault::new("deploying service (api)", "it did not become healthy").with_exit(exit));
    change(&mut failure);
    let mut fold = fresh();
    fold.apply(&Event { at_ms: 9_000, node: Some(node("wait-healthy api")), fact: Fact::Failed(Box::new(failure)) });
    Outcome::of(&logged(), &fold, End { duration_ms: 242_000, ..End::default() })
}

fn paused() -> Outcome {
    paused_tried_at(None)
}

fn paused_tried_at(tried_at: Option<&str>) -> Outcome {
    let standing =
        |revision: &str, is_new, running| Standing { revision: revision.into(), is_new, running, desired: 2 };
    ended(Exit::Waiting, |failure| {
        failure.paused = Some(Box::new(Paused {
            strategy: "canary",
            pause: Pause {
                stage: "PRE_PRODUCTION_TRAFFIC_SHIFT".into(),
                until: Some("2026-03-04T15:02:00Z".parse::<jiff::Timestamp>().unwrap().as_second()),
                otherwise: "ROLLBACK".into(),
                hook: "before-traffic".into(),
            },
            revisions: vec![standing(":42", true, 2), standing(":41", false, 1)],
            tried_at: tried_at.map(str::to_owned),
        }));
    })
}

/// A run whose time was up while a certificate waited for its records.
fn waiting() -> (Fold, Outcome) {
    let mut fold = fresh();
    let certificate = node("bootstrap-certificate");
    let records = ["_a.example.com", "_b.example.com", "_c.example.com"].map(record);
    for fact in [Fact::Started].into_iter().chain(records) {
        fold.apply(&Event { at_ms: 80_000, node: Some(certificate.clone()), fact });
    }
    let outcome = Outcome::of(&logged(), &fold, End { timed_out: true, duration_ms: 242_000, ..End::default() });
    (fold, outcome)
}

fn priced(plan: &Plan) -> PlanReport {
    let money = |text: &str| text.parse().unwrap();
    let sum = CostSum {
        before: Some(money("138.73")),
        after: money("174.77"),
        after_most: money("174.77"),
        change: Some(money("36.04")),
        usage: true,
        not_priced: 0,
    };
    let cost = CostChange { sum, changes: vec![], unknown: vec![], estimate: Estimate::default() };
    PlanReport::of(&logged(), plan, [], false, 2_800).priced(cost, None)
}

fn replacing() -> Plan {
    let mut replaced = change("WebTargetGroup", "Protocol", "HTTP".into(), "HTTPS".into(), 61);
    replaced.replacement = Replacement::Yes;
    plan(vec![("bootstrap-edge", Ok(vec![put_stack(StackMove::Update, "", vec![replaced])]))])
}

fn refused() -> Plan {
    let refusal = Refusal::new("replacing WebTargetGroup in x", "web would drop traffic", "add `web-tls` beside `web`");
    plan(vec![("bootstrap-services web", Err(refusal)), ("render-taskdef api", Ok(vec![new_revision()]))])
}

fn drift(not_checked: usize) -> DriftReport {
    let unseen = (0..not_checked).map(|n| NotChecked { what: format!("stack {n}"), why: "no right".into() }).collect();
    DriftReport::of(&logged(), (vec![], unseen), (3, 2), 4_000)
}

/// A card of each state, with the word that says which, and whether it is green.
fn cards() -> Vec<(&'static str, bool, Card)> {
    let run = |fold: &Fold, end: End<'_>| Outcome::of(&logged(), fold, End { duration_ms: 242_000, ..end }).card();
    let fault = Fault::new("checking the account", "another one");
    let mut healthy = fresh();
    let api = Event { at_ms: 90_000, node: Some(node("wait-healthy api")), fact: service("api", 1, 2, Some(91)) };
    healthy.apply(&api);
    let unchanged = fold(vec![(20, "bootstrap-network", Fact::Unchanged), (30, "", api.fact.clone())]);
    let changes = plan(vec![("render-taskdef api", Ok(vec![new_revision()]))]);
    let (fold, waits) = waiting();
    let none = Fold::default();
    vec![
        ("unchanged", true, run(&unchanged, End::default())),
        ("healthy", true, run(&healthy, End::default())),
        ("up to date", true, run(&fresh(), End::default())),
        ("failed", false, ended(Exit::Failed, |_| {}).card()),
        ("failed", false, run(&none, End { fault: Some(&fault), ..End::default() })),
        ("rolled back", false, ended(Exit::RolledBack, |_| {}).card()),
        ("superseded", false, ended(Exit::Superseded, |_| {}).card()),
        ("paused", false, paused().card()),
        ("paused", false, ended(Exit::Waiting, |_| {}).card()),
        ("waiting for you", false, waits.card()),
        ("waiting for you", false, Card::running(&logged(), &fold, 242_000)),
        ("deploying", false, Card::running(&logged(), &fresh(), 242_000)),
        ("cancelled", false, run(&fresh(), End { cancelled: true, ..End::default() })),
        ("still running", false, run(&fresh(), End { timed_out: true, ..End::default() })),
        ("refused", false, run(&none, End { plan: Some(&refused()), ..End::default() })),
        ("no changes", true, priced(&plan(vec![("bootstrap-network", Ok(vec![]))])).card()),
        ("no changes", true, priced(&plan(vec![("bootstrap-network", Ok(vec![]))])).merge_card()),
        ("nothing replaced or deleted", true, priced(&changes).merge_card()),
        ("nothing replaced or deleted", true, priced(&changes).card()),
        ("1 replaced, 0 deleted", false, priced(&replacing()).merge_card()),
        ("refused", false, priced(&refused()).merge_card()),
        ("drift", true, drift(0).card()),
        ("drift", false, drift(2).card()),
        (
            "failed",
            false,
            Stopped { duration_ms: Some(400), ..Stopped::by(Fault::new("listing stacks", "no")).about(&logged()) }
                .card(),
        ),
        (
            "cancelled",
            false,
            Stopped { duration_ms: Some(400), ..Stopped::cancelled("planning").about(&logged()) }.card(),
        ),
    ]
}

fn first(card: &Card) -> String {
    text(card, PLAIN).lines().next().unwrap().to_owned()
}

/// The lines of Markdown that are not folded away.
fn outside(page: &str) -> usize {
    let mut folded = false;
    let shown = page.lines().filter(|line| {
        folded |= line.starts_with("<details>");
        let counts = !folded;
        folded &= *line != "</details>";
        counts
    });
    shown.count()
}

#[test]
fn point_01_the_first_line_says_environment_state_and_duration() {
    for (state, _, card) in cards() {
        let line = first(&card);
        assert!(line.contains("staging") && line.contains(state), "{state}: {line}");
        let took = line.rsplit(' ').find(|word| word.ends_with('s') && word.starts_with(|c: char| c.is_ascii_digit()));
        assert!(took.is_some(), "no duration: {line}");
        let page = markdown(&card);
        let title = page.lines().next().unwrap();
        assert!(title.starts_with("### ") && title.contains("staging"), "{title}");
        assert!(
            [title, page.trim_end().lines().last().unwrap()]
                .iter()
                .any(|line| { ["4m 02s", "2.8s", "4.0s", "0.4s"].iter().any(|took| line.contains(took)) }),
            "{page}"
        );
    }
}

#[test]
fn point_02_the_second_line_says_whether_users_are_affected() {
    for (state, _, card) in cards() {
        let line = text(&card, PLAIN).lines().nth(1).unwrap().trim().to_owned();
        let said = ["users", "safe", "merge", "healthy", "as in", "as they were made"];
        assert!(said.iter().any(|word| line.contains(word)), "{state}: {line}");
        let page = markdown(&card);
        let second = page.lines().nth(1).unwrap();
        assert!(second.starts_with("**") && second.trim_end().ends_with("**"), "{second}");
    }
}

#[test]
fn point_03_every_state_that_is_not_green_names_an_action() {
    for (state, green, card) in cards() {
        let third = text(&card, PLAIN).lines().nth(2).unwrap_or_default().to_owned();
        assert!(green || third.starts_with("  do: ") && third.len() > 10, "{state}: {third}");
        let marked = matches!(card.mark, Mark::Good | Mark::Change);
        assert_eq!(marked, green, "{state}");
    }
}

#[test]
fn point_04_at_most_25_lines_stand_outside_of_details() {
    for (state, _, mut card) in cards() {
        let page = markdown(&card);
        assert!(outside(&page) <= 25, "{state}: {page}");
        let rows = (0..200).map(|n| vec![format!("service-{n}"), ":1".into()]).collect();
        card.blocks.insert(0, Block::Table(vec!["service".into(), "revision".into()], rows));
        let label = |n: usize| (format!("fact {n}"), vec![Piece::Quote(String::new(), Foreign::new("a\nb\nc"))]);
        card.blocks.push(Block::Facts((0..60).map(label).collect()));
        let page = markdown(&card);
        assert!(outside(&page) <= 25, "{state}: {page}");
        assert!(page.contains("service-199") && page.contains("fact 59"), "nothing is lost: {page}");
    }
}

#[test]
fn point_12_commit_plan_or_revision_time_and_log_stand_in_each() {
    for (state, _, card) in cards() {
        let page = markdown(&card);
        assert!(page.contains("3f9c2e1"), "{state}: no commit: {page}");
        assert!(page.contains("14:02 UTC"), "{state}: no time: {page}");
        assert!(page.contains(&format!("<a href=\"{LOG}\">log</a>")), "{state}: no log: {page}");
    }
    for card in [ended(Exit::Failed, |_| {}).card(), waiting().1.card(), Card::running(&logged(), &fresh(), 1)] {
        assert!(markdown(&card).contains("plan `c20d4e11`"), "{}", markdown(&card));
    }
    let report = priced(&replacing());
    assert!(markdown(&report.merge_card()).contains(&format!("plan `{}`", report.plan_id)));
}

#[test]
fn point_13_what_is_replaced_and_deleted_is_counted_even_at_0_with_the_line_that_forces_it() {
    let none = priced(&plan(vec![("render-taskdef api", Ok(vec![new_revision()]))])).merge_card();
    for page in [markdown(&none), text(&none, PLAIN)] {
        assert!(page.contains("replaced 0 · deleted 0"), "{page}");
    }
    let one = priced(&replacing());
    assert!(markdown(&one.merge_card()).contains("replaced 1 · deleted 0"));
    assert!(
        markdown(&one.merge_card())
            .lines()
            .any(|row| row.starts_with("| `!` | replace WebTargetGroup") && row.ends_with("| L61 |"))
    );
    assert!(text(&one.card(), PLAIN).contains("(.github/finance-infra.yml:61)"));
    let ran = Outcome::of(&logged(), &fresh(), End::default()).card();
    assert!(markdown(&ran).contains("0 replaced · 0 deleted"), "{}", markdown(&ran));
}

#[test]
fn point_14_the_cost_before_after_its_change_and_usage() {
    let report = priced(&plan(vec![("render-taskdef api", Ok(vec![new_revision()]))]));
    let cost = "cost +$36.04/month ($138.73 → $174.77) + usage";
    assert!(text(&report.card(), PLAIN).contains(cost), "{}", text(&report.card(), PLAIN));
    let page = markdown(&report.merge_card());
    assert_eq!(page.lines().nth(1).unwrap(), format!("**Safe to merge; merging deploys it; {cost}**"));
    assert_eq!(page.matches(cost).count(), 1, "{page}");
    let outputs: std::collections::BTreeMap<_, _> = report.outputs().into_iter().collect();
    assert_eq!((outputs["cost-monthly"].as_str(), outputs["cost-delta"].as_str()), ("174.77", "36.04"));
}

#[test]
fn point_16_without_evidence_the_cause_is_unknown() {
    let outcome = ended(Exit::Failed, |_| {});
    assert_eq!((outcome.cause.as_deref(), outcome.certainty.as_deref()), (Some("unknown"), Some("unknown")));
    let shown = text(&outcome.card(), PLAIN);
    assert!(shown.lines().any(|line| line.split_whitespace().eq(["cause", "unknown"])), "{shown}");
    // A guess without a ground is none.
    let guess = ended(Exit::Failed, |failure| failure.cause = Some(("out-of-memory".into(), "unknown".into())));
    assert!(!text(&guess.card(), PLAIN).contains("out-of-memory"));
}

#[test]
fn point_21_meaning_survives_without_colour_and_emoji() {
    let ascii = Style { unicode: false, ..PLAIN };
    for (state, _, card) in cards() {
        let line = text(&card, ascii).lines().next().unwrap().to_owned();
        assert!(line.is_ascii() && line.contains(state), "{line}");
        let title = markdown(&card).lines().next().unwrap().replace(card.mark.emoji(), "");
        assert!(title.is_ascii() && title.contains(state), "{title}");
        let colored = text(&card, Style { color: true, ..PLAIN });
        let bare = text(&card, PLAIN);
        assert!(colored.len() > bare.len() && colored.contains("\u{1b}["), "{state}");
    }
}

#[test]
fn a_paused_deployment_says_where_the_new_revision_is_tried() {
    let paused = paused_tried_at(Some("https://api.staging.finance-app.com:9443"));
    let plain = text(&paused.card(), PLAIN);
    assert!(plain.lines().count() <= 12, "{plain}");
    let line = plain.lines().find(|line| line.contains(":42")).unwrap();
    assert!(line.contains("new") && line.ends_with("https://api.staging.finance-app.com:9443"), "{plain}");
    let old = plain.lines().find(|line| line.contains(":41")).unwrap();
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
    let (whole, part) = (drift(0), drift(2));
    assert_eq!((outputs(&whole)["drift"].as_str(), outputs(&whole)["verdict"].as_str()), ("false", "unchanged"));
    assert_eq!((outputs(&part)["drift"].as_str(), outputs(&part).get("verdict")), ("unknown", None));
    assert_eq!((part.verdict, part.exit_code), ("incomplete", 0));
    assert!(first(&part.card()).starts_with("· no drift of staging in what was checked"), "{}", first(&part.card()));
}
