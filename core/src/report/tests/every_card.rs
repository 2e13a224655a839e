//! What every report promises, point by point, over one card of each kind; docs/github.md names each test.

use std::collections::BTreeMap;

use super::{
    waiting::{drift_unseen, paused, waiting},
    *,
};
use crate::{
    cost::{CostChange, CostSum, Estimate, Money},
    judge::{
        causes,
        verify::{Answer, Check},
    },
    plan::{self, Drifted},
    testing::example,
};

/// One card, what its first line has to say beside the environment, and its second of those it serves.
struct Shown {
    name: &'static str,
    card: Card,
    state: &'static str,
    users: &'static str,
    /// Nobody has to do anything.
    green: bool,
}

/// A run that ended so, after 4m 07s.
fn ended(exit: Exit, end: End) -> Outcome {
    let mut facts = vec![(10, "", planned(&["deploy-service api", "wait-healthy api"]))];
    if exit != Exit::Done {
        let failure = Failure::from(Fault::new("waiting for api", "it is so").with_exit(exit));
        let registered = Fact::Changed(Changed::new("registered", "finance-app-staging-api:42"));
        facts.extend([(20, "deploy-service api", Fact::Started), (40, "deploy-service api", registered)]);
        facts.push((247_000, "wait-healthy api", Fact::Failed(Box::new(failure))));
    }
    Outcome::of(&logged(), &fold(facts), End { duration_ms: 247_000, ..end })
}

fn healthy() -> Outcome {
    let made = Fact::Changed(Changed::new("deployed", "service api"));
    let facts = vec![
        (10, "", planned(&["deploy-service api", "wait-healthy api"])),
        (20, "deploy-service api", made),
        (30, "wait-healthy api", service("api", 7, 2, Some(91))),
    ];
    Outcome::of(&logged(), &fold(facts), End { duration_ms: 247_000, ..End::default() })
}

fn unchanged() -> Outcome {
    let facts = vec![
        (10, "", planned(&["bootstrap-network", "deploy-service api"])),
        (20, "bootstrap-network", Fact::Unchanged),
        (20, "deploy-service api", Fact::Unchanged),
        (20, "wait-healthy api", service("api", 7, 4, None)),
    ];
    Outcome::of(&logged(), &fold(facts), End { duration_ms: 247_000, ..End::default() })
}

fn replacing() -> Vec<Change> {
    let harmless = change("WebTargetGroup", "Matcher", "200".into(), "200-299".into(), 60);
    let mut forces = change("WebTargetGroup", "Protocol", "HTTP".into(), "HTTPS".into(), 61);
    forces.replacement = Replacement::Yes;
    vec![harmless, forces]
}

fn of_plan(decisions: Vec<(&str, Result<Vec<Action>, Refusal>)>) -> PlanReport {
    PlanReport::of(&logged(), &plan(decisions), [], false, 247_000)
}

fn changing() -> PlanReport {
    of_plan(vec![("render-taskdef api", Ok(vec![new_revision()]))])
}

fn hurting() -> PlanReport {
    of_plan(vec![("bootstrap-edge", Ok(vec![put_stack(StackMove::Update, "", replacing())]))])
}

fn refusing() -> Plan {
    let refusal = Refusal::new("replacing WebTargetGroup", "web would drop traffic", "add `web-tls` beside `web`");
    plan(vec![("bootstrap-services web", Err(refusal)), ("render-taskdef api", Ok(vec![new_revision()]))])
}

fn refused() -> PlanReport {
    PlanReport::of(&logged(), &refusing(), [], false, 247_000)
}

fn status(verdict: &'static str) -> Card {
    let running = u32::from(verdict != "absent") * 2;
    let service = ServiceNow {
        name: "api".into(),
        state: "steady".into(),
        revision: Some(41),
        running,
        pending: 0,
        desired: 2,
        since: None,
        note: None,
        history: None,
    };
    let (services, unsettled_stacks) = (vec![service], Vec::new());
    let header = logged();
    StatusReport { header, verdict, exit_code: 0, duration_ms: 247_000, services, stacks: 3, unsettled_stacks }.card()
}

fn drift(drifted: bool) -> Card {
    let finding = plan::Finding {
        what: "LogGroup in stack finance-app-staging-service-api".into(),
        drifted: Drifted::Changed,
        changes: replacing(),
        remedy: "runner run -e staging puts it back".into(),
    };
    let findings = if drifted { vec![finding] } else { Vec::new() };
    DriftReport::of(&logged(), (findings, Vec::new()), (3, 1), 247_000).card()
}

fn verified(answer: Answer) -> Card {
    VerifyReport::of(&logged(), vec![Check { about: "api".into(), what: "image", answer }], 247_000).card()
}

/// Cards of [`all`] after which nobody has to do anything.
const GREEN: [&str; 11] = [
    "unchanged",
    "healthy",
    "up to date",
    "plan, same",
    "plan",
    "merge, same",
    "merge",
    "fork",
    "status",
    "drift, none",
    "verify",
];

/// One of each kind and state.
fn all() -> Vec<Shown> {
    let shown = |name, card, state, users| Shown { name, card, state, users, green: GREEN.contains(&name) };
    let run = |exit| ended(exit, End::default()).card();
    let gone = |end: End| ended(Exit::Done, end).card();
    let same = || of_plan(vec![("bootstrap-network", Ok(vec![]))]);
    let finding = Answer::Finding("no such tag".into(), "push it".into());
    let cost = CostReport::of(&logged(), &example("staging"), 247_000);
    let fault = Fault::new("checking the account", "another one");
    let (fold, waits) = waiting();
    let turned_down = refusing();
    let stopped = |stopped: Stopped| Stopped { duration_ms: Some(247_000), ..stopped.about(&logged()) }.card();
    let offline = Card::offline(&logged(), &[], "2 services", "the pull request is a fork's", &cost);
    vec![
        shown("unchanged", unchanged().card(), "unchanged", "tasks healthy; 0 writes"),
        shown("healthy", healthy().card(), "healthy", "users are served by 3f9c2e1"),
        shown("failed", run(Exit::Failed), "failed", "users: "),
        shown("bad usage", run(Exit::Usage), "failed", "users: "),
        shown("rolled back", run(Exit::RolledBack), "rolled back", "users: served by the revision before"),
        shown("superseded", run(Exit::Superseded), "superseded", "users: "),
        shown("paused", run(Exit::Waiting), "paused", "users: "),
        shown("unwatched", run(Exit::StillRunning), "watched", "users: "),
        shown("late", gone(End { timed_out: true, ..End::default() }), "still running", "users: unaffected"),
        shown("cancelled", gone(End { cancelled: true, ..End::default() }), "cancelled", "users: unaffected"),
        shown(
            "under way",
            Card::running(&logged(), &fresh(), 247_000),
            "deploying",
            "users: served by what ran before",
        ),
        shown(
            "up to date",
            Outcome::of(&logged(), &fresh(), End { duration_ms: 247_000, ..End::default() }).card(),
            "up to date",
            "users: unaffected, nothing was rolled out",
        ),
        shown(
            "before the plan",
            Outcome::of(
                &logged(),
                &Fold::default(),
                End { fault: Some(&fault), duration_ms: 247_000, ..End::default() },
            )
            .card(),
            "failed",
            "users: ",
        ),
        shown("paused, known", paused().card(), "paused", "users: "),
        shown("waiting", waits.card(), "waiting for you", "users: "),
        shown("waiting, under way", Card::running(&logged(), &fold, 247_000), "waiting for you", "users: "),
        shown(
            "run, refused",
            Outcome::of(
                &logged(),
                &Fold::default(),
                End { plan: Some(&turned_down), duration_ms: 247_000, ..End::default() },
            )
            .card(),
            "refused",
            "users: ",
        ),
        shown("stopped", stopped(Stopped::by(Fault::new("listing stacks", "no"))), "failed", "users: "),
        shown("stopped, cancelled", stopped(Stopped::cancelled("planning")), "cancelled", "users: "),
        shown("plan, same", same().card(), "no changes", "a run would write nothing"),
        shown("plan", changing().card(), "1 change", "safe: nothing that exists goes away"),
        shown("plan, hurts", hurting().card(), "1 replaced", "it holds no data and no traffic"),
        shown("plan, refused", refused().card(), "refused", "not safe: web would drop traffic"),
        shown("merge, same", same().merge_card(), "no changes", "Safe to merge; merging changes nothing here"),
        shown("merge", changing().merge_card(), "1 change", "Safe to merge; merging deploys it"),
        shown("merge, hurts", hurting().merge_card(), "1 replaced", "Look before you merge"),
        shown(
            "merge, refused",
            refused().merge_card(),
            "refused",
            "Do not merge yet; not safe: web would drop traffic",
        ),
        shown("fork", offline, "AWS was not read", "users: unaffected"),
        shown("status", status("healthy"), "healthy", "users are served"),
        shown("status, change", status("deploying"), "deploying", "users are served while a change is under way"),
        shown("status, bad", status("degraded"), "degraded", "users may be affected"),
        shown("status, none", status("absent"), "absent", "users: none"),
        shown("drift, none", drift(false), "not drifted", "as they were made"),
        shown("drift, in part", drift_unseen(2).card(), "no drift", "users: unaffected"),
        shown("drift", drift(true), "drifted: 1 difference", "users may be affected"),
        shown("verify", verified(Answer::Fits), "fits together", "a task can start"),
        shown("verify, bad", verified(finding), "1 finding", "a new task may not start or serve"),
    ]
}

/// Outside `<details>`.
fn open_lines(page: &str) -> usize {
    let (mut folded, mut open) = (false, 0);
    for line in page.lines() {
        folded |= line.starts_with("<details>");
        open += usize::from(!folded);
        folded &= !line.starts_with("</details>");
    }
    open
}

#[test]
fn point_01_the_first_line_says_environment_state_and_duration() {
    for Shown { name, card, state, .. } in all() {
        let (terminal, page) = (text(&card, PLAIN), markdown(&card));
        let first = terminal.lines().next().unwrap();
        assert!(first.contains("staging") && first.contains(state), "{name}: {first}");
        assert!(first.contains("4m 07s"), "{name}: {first}");
        // On GitHub the time may stand in the small print, beside the clock.
        let first = page.lines().next().unwrap();
        assert!(first.starts_with("### ") && first.contains("staging") && first.contains(state), "{name}: {first}");
        assert!(page.contains("4m 07s"), "{name}: {page}");
    }
}

#[test]
fn point_02_the_second_line_says_whether_users_are_affected() {
    for Shown { name, card, users, .. } in all() {
        let terminal = text(&card, PLAIN);
        assert!(terminal.lines().nth(1).unwrap().contains(users), "{name}: {terminal}");
        let page = markdown(&card);
        let second = page.lines().nth(1).unwrap();
        assert!(second.starts_with("**") && second.contains(users), "{name}: {page}");
    }
    let told = rolled_back();
    assert_eq!(text(&told.card(), PLAIN).lines().nth(1), Some("  users: unaffected, served by :41 (2/2)"));
}

#[test]
fn point_03_every_state_that_is_not_green_names_an_action() {
    for Shown { name, card, green, .. } in all() {
        let third = text(&card, PLAIN).lines().nth(2).unwrap_or_default().to_owned();
        assert!(green || third.starts_with("  do: ") && third.len() > 10, "{name}: {third}");
        assert!(card.mark == Mark::Neutral || matches!(card.mark, Mark::Good | Mark::Change) == green, "{name}");
    }
}

#[test]
fn point_04_at_most_25_lines_stand_outside_details() {
    let many: Vec<String> = (0..60).map(|n| format!("service-{n}")).collect();
    let mut facts = vec![(10, "", planned(&["bootstrap-network"]))];
    for name in &many {
        facts.push((20, "bootstrap-network", Fact::Changed(Changed::new("created", format!("service {name}")))));
        facts.push((20, "bootstrap-network", service(name, 1, 2, Some(1))));
        facts.push((20, "bootstrap-network", Fact::Warning(format!("{name} has no health check"))));
    }
    let crowd = Outcome::of(&logged(), &fold(facts.clone()), End::default());
    let mut failure = Failure::from(Fault::new("deploying", "no"));
    failure.evidence = (0..60).map(|n| (format!("api {n}"), Foreign::new("a\nb\nc\n".repeat(20)))).collect();
    failure.not_undone = many.clone();
    facts.push((30, "wait-healthy api", Fact::Failed(Box::new(failure))));
    let broken = Outcome::of(&logged(), &fold(facts), End::default());
    let long = PlanReport::of(
        &logged(),
        &plan(many.iter().map(|_| ("render-taskdef api", Ok(vec![new_revision()]))).collect()),
        many.clone(),
        false,
        1,
    );
    let crowded = [crowd.card(), broken.card(), long.card(), long.merge_card()];
    for card in all().into_iter().map(|shown| shown.card).chain(crowded) {
        let page = markdown(&card);
        assert!(open_lines(&page) <= 25, "{} lines\n{page}", open_lines(&page));
    }
    for Shown { name, mut card, .. } in all() {
        let rows = (0..200).map(|n| vec![format!("service-{n}"), ":1".into()]).collect();
        card.blocks.insert(0, Block::Table(vec!["service".into(), "revision".into()], rows));
        let label = |n: usize| (format!("fact {n}"), vec![Piece::Quote(String::new(), Foreign::new("a\nb\nc"))]);
        card.blocks.push(Block::Facts((0..60).map(label).collect()));
        let page = markdown(&card);
        assert!(open_lines(&page) <= 25, "{name}: {page}");
        assert!(page.contains("service-199") && page.contains("fact 59"), "nothing is lost of {name}: {page}");
    }
    // What had no room is folded, and not lost.
    assert!(markdown(&long.card()).contains("<details><summary>All 60"));
}

#[test]
fn point_12_commit_plan_or_revision_time_and_log_are_in_each() {
    for Shown { name, card, .. } in all() {
        let page = markdown(&card);
        for part in ["3f9c2e1", "14:02 UTC", &format!("<a href=\"{LOG}\">log</a>")] {
            assert!(page.lines().last().unwrap().contains(part), "{name} lacks {part}: {page}");
        }
    }
    let id = changing().plan_id;
    for card in [changing().card(), changing().merge_card()] {
        assert!(
            markdown(&card).contains(&format!("<sub>plan <code>{id}</code> · 3f9c2e1"))
                || markdown(&card).contains(&format!("<sub>plan `{id}` · 3f9c2e1"))
        );
    }
    let of_runs =
        [ended(Exit::Failed, End::default()), healthy(), unchanged(), waiting().1].map(|outcome| outcome.card());
    for card in of_runs.into_iter().chain([Card::running(&logged(), &fresh(), 1)]) {
        assert!(markdown(&card).contains("plan `c20d4e11`"), "{}", markdown(&card));
    }
    assert!(markdown(&status("healthy")).contains(":41"));
    for json in [serde_json::to_value(healthy()).unwrap(), serde_json::to_value(changing()).unwrap()] {
        assert_eq!((&json["log"], &json["started_at"]), (&json!(LOG), &json!("2026-03-04T14:02:00Z")));
        assert!(json["commit"].as_str().unwrap().starts_with("3f9c2e1") && json["plan_id"].is_string());
    }
}

#[test]
fn point_13_replaced_and_deleted_are_counted_at_0_too_and_name_their_line() {
    for (report, replaced) in [(changing(), 0), (hurting(), 1)] {
        let sums = format!("replaced {replaced} · deleted 0 · ");
        let card = report.card();
        assert!(text(&card, PLAIN).contains(&sums) && markdown(&card).contains(&sums), "{}", text(&card, PLAIN));
        let json = serde_json::to_value(&report).unwrap();
        assert_eq!((&json["replaced"], &json["deleted"]), (&json!(replaced), &json!(0)));
        assert!(report.outputs().contains(&("replaced", replaced.to_string())));
    }
    // The property that forces it is blamed, not the first one.
    let (report, row) = (hurting(), "replace WebTargetGroup");
    for page in [markdown(&report.card()), markdown(&report.merge_card())] {
        assert!(page.contains("replaced 1 · deleted 0"), "{page}");
        assert!(page.lines().any(|line| line.contains(row) && line.ends_with("| L61 |")), "{page}");
    }
    let none = changing().merge_card();
    assert!(
        markdown(&none).contains("replaced 0 · deleted 0") && text(&none, PLAIN).contains("replaced 0 · deleted 0")
    );
    let terminal = text(&report.card(), PLAIN);
    let place = "(.github/finance-infra.yml:61)";
    assert!(terminal.lines().any(|line| line.contains(row) && line.ends_with(place)), "{terminal}");
    let json = serde_json::to_value(&report).unwrap();
    assert_eq!(json["changes"][0]["span"]["line"], 61);
    let done = healthy();
    for shown in [text(&done.card(), PLAIN), markdown(&done.card())] {
        assert!(shown.contains("0 replaced · 0 deleted"), "{shown}");
    }
    let json = serde_json::to_value(ended(Exit::Failed, End::default())).unwrap();
    assert_eq!((&json["resources"]["replaced"], &json["resources"]["deleted"]), (&json!(0), &json!(0)));
}

#[test]
fn point_14_cost_is_told_before_after_and_by_how_much() {
    let money = |text: &str| text.parse::<Money>().unwrap();
    let (before, after, delta) = (money("138.73"), money("174.77"), money("36.04"));
    let sum =
        CostSum { before: Some(before), after, after_most: after, change: Some(delta), usage: true, not_priced: 0 };
    let cost = |sum| CostChange { sum, changes: Vec::new(), unknown: Vec::new(), estimate: Estimate::default() };
    let report = changing().priced(cost(sum), None);
    let told = "cost +$36.04/month ($138.73 → $174.77) + usage";
    for card in [report.card(), report.merge_card()] {
        assert!(text(&card, PLAIN).contains(told), "{}", text(&card, PLAIN));
        assert!(markdown(&card).contains("+$36.04/month ($138.73 → $174.77) + usage"), "{}", markdown(&card));
    }
    let page = markdown(&report.merge_card());
    assert_eq!(page.lines().nth(1).unwrap(), format!("**Safe to merge; merging deploys it; {told}**"));
    assert_eq!(page.matches(told).count(), 1, "{page}");
    let json = serde_json::to_value(&report).unwrap();
    let named = ["before", "after", "change"].map(|name| json["cost"][name].as_str().unwrap().to_owned());
    assert_eq!(named, ["138.73", "174.77", "36.04"]);
    assert_eq!(json["cost"]["usage"], true);
    let outputs: BTreeMap<&str, String> = report.outputs().into_iter().collect();
    assert_eq!((outputs["cost-monthly"].as_str(), outputs["cost-delta"].as_str()), ("174.77", "36.04"));
    // Nothing is paid by use: nothing says so.
    let fixed = changing().priced(cost(CostSum { usage: false, ..sum }), None);
    assert!(!text(&fixed.card(), PLAIN).contains("usage"));
    let end = End { cost: Some(sum), ..End::default() };
    let made = Outcome::of(&logged(), &fresh(), end);
    assert!(text(&made.card(), PLAIN).contains("$174.77/month + usage"), "{}", text(&made.card(), PLAIN));
}

#[test]
fn point_15_a_cause_takes_twelve_lines_however_much_is_known() {
    let shown = text(&rolled_back().card(), PLAIN);
    assert!(shown.lines().count() <= 12, "{shown}");
    let at = |begins: &str| {
        let found = shown.lines().position(|line| line.trim_start().starts_with(begins));
        found.unwrap_or_else(|| panic!("no `{begins}` in\n{shown}"))
    };
    assert_eq!(at("do: make the server listen on 0.0.0.0:3000, then push"), 2);
    let parts = [
        at("cause       health-check-connection-failed (likely)"),
        at("evidence    │ 3 of 3 tasks: Target.FailedHealthChecks"),
        at("│ * Listening on http://127.0.0.1:3000      (api, 14:01:58Z)"),
        at("changed     finance-app-staging-api:42 registered"),
        at("not undone  db:migrate ran (exit 0)"),
    ];
    assert!(parts.is_sorted(), "{shown}");
    // Two failed, one was refused, change sets listed more, and a container wrote a lot.
    let mut worst = rolled_back();
    for failure in &mut worst.failures {
        let lines = |n: usize| (format!("api {n}"), Foreign::new("at a.rb:1\nat b.rb:2\n".repeat(30)));
        failure.what.evidence = (0..30).map(lines).collect();
        failure.what.not_undone = (0..30).map(|n| format!("task {n} ran")).collect();
    }
    let mut other = worst.failures[0].clone();
    other.node = Some(node("wait-healthy web"));
    worst.failures.push(other);
    let refusal = Refusal::new("replacing X", "y", "z");
    worst.refusals = (0..5).map(|_| Said { node: None, what: refusal.clone() }).collect();
    let listed = |n: usize| Change { scope: format!("stack-{n}"), ..replacing().remove(0) };
    worst.beyond_plan = (0..9).map(|n| Said { node: None, what: listed(n) }).collect();
    let shown = text(&worst.card(), PLAIN);
    assert!(shown.lines().count() <= 12, "{}\n{shown}", shown.lines().count());
    for part in ["cause ", "evidence ", "changed ", "not undone ", "do: ", "refused ", "also failed ", "beyond plan "] {
        assert!(shown.contains(part), "{part} is lost:\n{shown}");
    }
}

#[test]
fn point_16_without_evidence_the_cause_is_unknown() {
    let bare = ended(Exit::Failed, End::default());
    let shown = text(&bare.card(), PLAIN);
    assert!(shown.lines().any(|line| line.split_whitespace().eq(["cause", "unknown"])), "{shown}");
    assert!(!shown.contains("likely") && !shown.contains("certain"), "{shown}");
    let json = serde_json::to_value(&bare).unwrap();
    assert_eq!((&json["cause"], &json["certainty"]), (&json!("unknown"), &json!("unknown")));
    assert!(bare.outputs().contains(&("cause", "unknown".to_owned())));
    // A judge that names a cause and knows no certainty names none.
    let mut guessed = rolled_back();
    guessed.failures[0].what.cause = Some(("health-check-connection-failed".into(), "unknown".into()));
    assert!(!text(&guessed.card(), PLAIN).contains("health-check-connection-failed"));
    assert!(causes::diagnose_all(&[]).iter().all(|found| found.certainty == causes::Certainty::Unknown));
}

#[test]
fn point_17_without_colour_no_byte_is_an_escape() {
    let mut outcome = rolled_back();
    outcome.failures[0].what.evidence[0].1 = Foreign::new("\u{1b}[31mred\u{1b}[0m \u{1b}]0;title\u{7}");
    let foreign = outcome.card();
    for card in all().into_iter().map(|shown| shown.card).chain([foreign.clone()]) {
        let colored = text(&card, Style { color: true, details: true, ..PLAIN });
        assert!(colored.contains("\u{1b}["), "{colored}");
        for style in [PLAIN, Style { details: true, ..PLAIN }, Style { unicode: false, ..PLAIN }] {
            assert!(!text(&card, style).contains(['\u{1b}', '\u{7}']), "{:?}", text(&card, style));
        }
        assert!(!markdown(&card).contains(['\u{1b}', '\u{7}']), "{:?}", markdown(&card));
    }
    // The words stay, and with colour only our own escapes are there.
    assert!(text(&foreign, PLAIN).contains("red"));
    assert!(!text(&foreign, Style { color: true, ..PLAIN }).contains("\u{1b}]0;"));
}

#[test]
fn point_19_an_unchanged_run_takes_three_lines_and_says_0_writes() {
    let mut outcome = unchanged();
    for warned in 0..10 {
        let shown = text(&outcome.card(), PLAIN);
        assert!(shown.lines().count() <= 3 && shown.contains("0 writes"), "{warned} warnings\n{shown}");
        assert!(warned == 0 || shown.contains("warning: one is missing"), "{shown}");
        let page = markdown(&outcome.card());
        let said = page.lines().filter(|line| !line.is_empty() && !line.starts_with("<sub>"));
        assert!(said.count() <= 3 && page.contains("0 writes"), "{page}");
        outcome.warnings.push(Said { node: None, what: Warning { text: "one is missing".into() } });
    }
    assert_eq!((outcome.verdict, outcome.writes, outcome.exit_code), (Verdict::Unchanged, 0, 0));
}

#[test]
fn point_21_the_words_alone_say_the_state() {
    let words = |line: &str| line.chars().filter(|c| c.is_ascii()).collect::<String>();
    let ascii = Style { color: false, unicode: false, details: false };
    let mut first_lines = BTreeMap::new();
    for Shown { name, card, state, .. } in all() {
        let bare = Card { mark: Mark::Neutral, ..card.clone() };
        let terminal = text(&bare, ascii);
        assert!(terminal.lines().next().unwrap().contains(state), "{name}: {terminal}");
        let page = words(&markdown(&bare));
        assert!(page.lines().next().unwrap().contains(state), "{name}: {page}");
        let (line, title) = (text(&card, ascii), markdown(&card).replace(card.mark.emoji(), ""));
        assert!([&line, &title].iter().all(|said| said.lines().next().unwrap().is_ascii()), "{line}{title}");
        let colored = text(&card, Style { color: true, ..PLAIN });
        assert!(colored.len() > text(&card, PLAIN).len() && colored.contains("\u{1b}["), "{name}");
        // The sign of a change is a character, not a colour.
        for sign in card.blocks.iter().flat_map(|block| match block {
            Block::Changes(_, lines) => lines.iter().map(|line| line.sign).collect(),
            _ => Vec::new(),
        }) {
            assert!(terminal.lines().any(|line| line.starts_with(&format!("  {sign}  "))), "{name}: {terminal}");
        }
        first_lines.entry(terminal.lines().next().unwrap().to_owned()).or_insert_with(Vec::new).push(card.mark);
    }
    // Two states never share their words.
    for (line, marks) in first_lines {
        assert!(marks.iter().all(|mark| *mark == marks[0]), "{line}: {marks:?}");
    }
}
