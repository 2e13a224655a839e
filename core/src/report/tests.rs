//! Golden reports. The snapshots beside this file are what people and workflows see.

mod every_card;

use serde_json::json;

use super::*;
use crate::{
    infra::Holds,
    judge::{Pause, stack_events::DnsRecord},
    plan::{
        Action, Change, Exit, Fault, Node, NodeId, Plan, Planned, PutParameter, PutService, PutStack, Refusal,
        RegisterTaskDefinition, Replacement, StackMove,
    },
    text::{Foreign, Span},
};

mod users;
mod waiting;

const PLAIN: Style = Style { color: false, unicode: true, details: false };

const LOG: &str = "https://github.com/acme/shop/actions/runs/100";

fn logged() -> Header {
    Header { log: Some(LOG.into()), ..header() }
}

fn header() -> Header {
    Header {
        app: "finance-app".into(),
        environment: "staging".into(),
        region: "us-east-1".into(),
        file: ".github/finance-infra.yml".into(),
        commit: Some("3f9c2e1aa0b1c2d3e4f5061728394a5b6c7d8e9f".into()),
        started_at: "2026-03-04T14:02:00Z".parse().unwrap(),
        log: None,
        words: vec!["run".into()],
        flags: vec!["-e".into(), "staging".into()],
    }
}

fn node(text: &str) -> NodeId {
    match text.split_once(' ') {
        Some((stage, scope)) => NodeId::scoped(stage, scope),
        None => NodeId::of(text),
    }
}

fn fold(events: Vec<(u64, &str, Fact)>) -> Fold {
    let mut fold = Fold::default();
    for (at_ms, name, fact) in events {
        fold.apply(&Event { at_ms, node: (!name.is_empty()).then(|| node(name)), fact });
    }
    fold
}

fn planned(names: &[&str]) -> Fact {
    Fact::Planned { id: "c20d4e11".into(), nodes: names.iter().map(|name| node(name)).collect() }
}

fn stack(verb: &'static str, name: &str, created: usize) -> Fact {
    let mut changed = Changed::new(verb, format!("stack finance-app-staging-{name}"));
    changed.resources.insert("created", created);
    Fact::Changed(changed)
}

fn service(name: &str, revision: u32, tasks: u32, after: Option<u64>) -> Fact {
    Fact::Service(ServiceState {
        name: name.into(),
        revision,
        running: tasks,
        desired: tasks,
        healthy_targets: Some(tasks),
        healthy_after: after,
        url: Some(format!("https://{name}.staging.finance-app.com")),
        probe: None,
        attached: None,
    })
}

fn fresh() -> Fold {
    let mut left_out = Changed::new("created", "stack finance-app-staging-network");
    left_out.resources.insert("created", 19);
    left_out.left_out = vec!["AWS::EC2::FlowLog".into()];
    let mut pushed = Changed::new("pushed", "finance-app/api:in-0123456789abcdef");
    pushed.bytes = 212_000_000;
    fold(vec![
        (
            10,
            "",
            planned(&[
                "bootstrap-registry",
                "bootstrap-network",
                "push-image api",
                "push-image web",
                "bootstrap-database",
                "deploy-service api",
                "wait-healthy api",
            ]),
        ),
        (20, "bootstrap-registry", Fact::Started),
        (11_000, "bootstrap-registry", stack("created", "registry", 2)),
        (11_020, "bootstrap-registry", Fact::Finished),
        (20, "bootstrap-network", Fact::Started),
        (128_000, "bootstrap-network", Fact::Changed(left_out)),
        (128_020, "bootstrap-network", Fact::Finished),
        (11_020, "push-image api", Fact::Started),
        (11_020, "push-image web", Fact::Started),
        (60_000, "push-image web", Fact::Progress("34 of 96 MB".into())),
        (63_000, "push-image api", Fact::Changed(pushed)),
        (63_000, "push-image api", Fact::Finished),
        (128_020, "bootstrap-database", Fact::Started),
        (130_000, "bootstrap-database", Fact::Progress("creating Database (RDS), usually 6–9 min".into())),
    ])
}

fn change(subject: &str, property: &str, before: serde_json::Value, after: serde_json::Value, line: u32) -> Change {
    Change {
        scope: "api".into(),
        subject: subject.into(),
        kind: String::new(),
        property: property.into(),
        before: Some(before),
        after: Some(after),
        replacement: Replacement::No,
        holds: Holds::Nothing,
        span: Some(Span { line, column: 5, length: 3 }),
    }
}

fn plan(decisions: Vec<(&str, Result<Vec<Action>, Refusal>)>) -> Plan {
    let nodes = decisions
        .into_iter()
        .map(|(name, decision)| Planned { node: Node { id: node(name), service: None, needs: vec![] }, decision })
        .collect();
    Plan { environment: "staging".into(), nodes, ..Plan::default() }
}

fn new_revision() -> Action {
    Action::RegisterTaskDefinition(Box::new(RegisterTaskDefinition {
        service: "api".into(),
        family: "finance-app-staging-api".into(),
        definition: json!({}),
        fingerprint: "f".into(),
        pending: vec![],
        changes: vec![
            change("task definition", "cpu", 512.into(), 1024.into(), 19),
            change("task definition", "memory", 1024.into(), 2048.into(), 20),
        ],
        passed_over: None,
    }))
}

fn put_stack(step: StackMove, body: &str, changes: Vec<Change>) -> Action {
    Action::PutStack(Box::new(PutStack {
        key: "service-web".into(),
        name: "finance-app-staging-service-web".into(),
        region: "us-east-1".into(),
        step,
        body: body.into(),
        parameters: Default::default(),
        tags: Default::default(),
        hash: "h".into(),
        holds: Default::default(),
        imports: Vec::new(),
        changes,
    }))
}

fn report(plan: &Plan) -> PlanReport {
    PlanReport::of(&header(), plan, ["no `account` is given".to_owned()], false, 2_800)
}

/// Text and Markdown of one card, one below the other.
fn both(card: &Card) -> String {
    format!("{}\n{:=<20}\n{}", text(card, PLAIN), "", markdown(card))
}

/// An answer as JSON, keys only: the contract with those who read it.
fn shape(answer: &impl serde::Serialize) -> String {
    let json = serde_json::to_value(answer).unwrap();
    json.as_object().unwrap().keys().map(String::as_str).collect::<Vec<_>>().join(" ")
}

#[test]
fn a_fresh_run_while_it_runs() {
    insta::assert_snapshot!(live::tree(&header(), &fresh(), 242_000, 100, 2, PLAIN));
}

#[test]
fn a_fresh_run_at_its_end() {
    let mut fold = fresh();
    let rest = [
        (90_000, "push-image web", Fact::Finished),
        (400_000, "bootstrap-database", stack("created", "database", 7)),
        (400_000, "bootstrap-database", Fact::Finished),
        (400_001, "deploy-service api", Fact::Started),
        (401_000, "deploy-service api", Fact::Changed(Changed::new("created", "service api"))),
        (401_000, "deploy-service api", Fact::Finished),
        (401_001, "wait-healthy api", Fact::Started),
        (500_000, "wait-healthy api", service("api", 1, 2, Some(91))),
        (500_000, "wait-healthy api", Fact::Finished),
    ];
    for (at_ms, name, fact) in rest {
        fold.apply(&Event { at_ms, node: Some(node(name)), fact });
    }
    let create = Action::PutService(Box::new(PutService {
        service: "api".into(),
        create: true,
        input: json!({}),
        revision: "arn".into(),
        deploys: true,
        changes: vec![],
    }));
    let plan = plan(vec![("deploy-service api", Ok(vec![create]))]);
    let outcome =
        Outcome::of(&header(), &fold, End { plan: Some(&plan), duration_ms: 702_000, calls: 90, ..End::default() });
    assert_eq!((outcome.verdict, outcome.exit_code), (Verdict::Succeeded, 0));
    insta::assert_snapshot!(both(&outcome.card()));
}

#[test]
fn point_19_an_unchanged_run_takes_three_lines_at_most() {
    let mut fold = fold(vec![
        (10, "", planned(&["bootstrap-network", "bootstrap-cluster", "deploy-service api"])),
        (20, "bootstrap-network", Fact::Unchanged),
        (20, "bootstrap-cluster", Fact::Unchanged),
        (20, "deploy-service api", Fact::Unchanged),
        (20, "wait-healthy api", service("api", 7, 4, None)),
    ]);
    for text in ["no `account` is given", "no `domain` is given"] {
        fold.apply(&Event { at_ms: 0, node: None, fact: Fact::Warning(text.into()) });
    }
    let outcome = Outcome::of(&header(), &fold, End { duration_ms: 1_900, ..End::default() });
    let shown = text(&outcome.card(), PLAIN);
    assert_eq!(
        shown,
        "✔ staging is unchanged · 1.9s\n  \
         2 stacks and 1 service match 3f9c2e1, 4/4 tasks healthy; 0 writes\n  \
         warning: no `account` is given (and 1 more)\n"
    );
    assert_eq!(outcome.verdict, Verdict::Unchanged);
}

fn record(name: &str) -> Fact {
    Fact::Awaits(Awaited {
        what: "Certificate (AWS::CertificateManager::Certificate)".into(),
        record: DnsRecord { kind: "CNAME".into(), name: name.into(), value: "_b.acm-validations.aws.".into() },
        asked: Some("2026-03-04T14:02:00Z".parse::<jiff::Timestamp>().unwrap().as_second()),
    })
}

fn rolled_back() -> Outcome {
    let failure = Failure {
        fault: Fault::new(
            "deploying service (api) in finance-app-staging",
            "3 of 3 tasks: Target.FailedHealthChecks on port 3000",
        ),
        exit: Exit::RolledBack,
        cause: Some(("health-check-connection-failed".into(), "likely".into())),
        consequences: Vec::new(),
        evidence: vec![
            ("api, 14:01:58Z".into(), Foreign::new("* Listening on http://127.0.0.1:3000\n::error::no")),
            ("api, 14:01:59Z".into(), Foreign::new("@team ```` look")),
            ("api, 14:02:00Z".into(), Foreign::new("a fourth line that a card has no room for")),
        ],
        users: Some("unaffected, served by :41 (2/2)".into()),
        not_undone: vec!["db:migrate ran (exit 0)".into()],
        remedy: Some("make the server listen on 0.0.0.0:3000, then push".into()),
        paused: None,
    };
    let fold = fold(vec![
        (10, "", planned(&["deploy-service api", "wait-healthy api", "finish-service api"])),
        (20, "deploy-service api", Fact::Started),
        (40, "deploy-service api", Fact::Changed(Changed::new("registered", "finance-app-staging-api:42"))),
        (50, "deploy-service api", Fact::Finished),
        (60, "wait-healthy api", Fact::Started),
        (247_000, "wait-healthy api", Fact::Failed(Box::new(failure))),
        (247_000, "finish-service api", Fact::Skipped { because: node("wait-healthy api") }),
    ]);
    Outcome::of(&header(), &fold, End { duration_ms: 247_000, ..End::default() })
}

#[test]
fn point_15_a_rolled_back_deploy_says_why_on_twelve_lines() {
    let outcome = rolled_back();
    assert_eq!((outcome.verdict, outcome.exit_code), (Verdict::RolledBack, 3));
    let shown = text(&outcome.card(), PLAIN);
    assert!(shown.lines().count() <= 12);
    for part in [
        "  do: make ",
        "  cause       health-check-connection-failed (likely)",
        "  evidence    │ ",
        "  changed     ",
        "  not undone  ",
    ] {
        assert!(shown.contains(&format!("\n{part}")), "{part}: {shown}");
    }
    insta::assert_snapshot!("a_rolled_back_deploy_says_why_on_twelve_lines", both(&outcome.card()));
}

#[test]
fn a_run_that_was_cancelled_or_ran_out_of_time_names_the_way_back() {
    let mut fold = fresh();
    fold.apply(&Event { at_ms: 240_000, node: None, fact: Fact::Warning("x".into()) });
    let end = End { duration_ms: 242_000, ..End::default() };
    let cancelled = Outcome::of(&header(), &fold, End { cancelled: true, ..end });
    let late = Outcome::of(&header(), &fold, End { timed_out: true, ..end });
    assert_eq!((cancelled.exit_code, late.exit_code), (130, 4));
    for outcome in [&cancelled, &late] {
        assert!(outcome.card().commands().contains(&"runner run -e staging"));
    }
    insta::assert_snapshot!(format!("{}\n{}", text(&cancelled.card(), PLAIN), text(&late.card(), PLAIN)));
}

#[test]
fn a_run_that_never_began_says_so() {
    let fault = Fault::new("checking the account", "expected 111122223333, the credentials are of 444455556666")
        .with_exit(Exit::Usage)
        .with_hint("use the credentials of account 111122223333");
    let outcome =
        Outcome::of(&header(), &Fold::default(), End { fault: Some(&fault), duration_ms: 400, ..End::default() });
    assert_eq!((outcome.verdict, outcome.exit_code), (Verdict::Failed, 2));
    insta::assert_snapshot!(text(&outcome.card(), PLAIN));
}

#[test]
fn a_plan_with_changes() {
    let body = r#"{"Resources":{"A":{},"B":{}}}"#;
    let parameter = PutParameter { name: "/finance-app/staging/KEY".into(), variable: "KEY".into(), version: 0 };
    let plan = plan(vec![
        ("bootstrap-network", Ok(vec![])),
        ("bootstrap-services web", Ok(vec![put_stack(StackMove::Create, body, vec![])])),
        ("sync-secrets", Ok(vec![Action::PutParameter(parameter)])),
        ("render-taskdef api", Ok(vec![new_revision()])),
    ]);
    let report = report(&plan);
    assert_eq!((report.verdict, report.exit_code, report.stacks_unchanged), (PlanVerdict::Changes, 0, 1));
    insta::assert_snapshot!(both(&report.card()).replace(&report.plan_id, "c20d4e11"));
    assert_eq!(PlanReport::of(&header(), &plan, [], true, 0).exit_code, 1);
}

#[test]
fn a_plan_that_run_would_refuse() {
    let mut replaced = change("WebTargetGroup", "Protocol", "HTTP".into(), "HTTPS".into(), 61);
    replaced.replacement = Replacement::Yes;
    replaced.kind = "AWS::ElasticLoadBalancingV2::TargetGroup".into();
    let refusal = Refusal::new(
        "replacing WebTargetGroup in finance-app-staging-service-web",
        "web would drop traffic",
        "add `web-tls` beside `web`, merge, then remove `web`",
    );
    let plan = plan(vec![
        ("bootstrap-services web", Err(refusal)),
        ("bootstrap-edge", Ok(vec![put_stack(StackMove::Update, "", vec![replaced])])),
        ("render-taskdef api", Ok(vec![new_revision()])),
    ]);
    let report = report(&plan);
    assert_eq!((report.verdict, report.exit_code, report.replaced, report.deleted), (PlanVerdict::Refused, 1, 1, 0));
    let card = report.card();
    insta::assert_snapshot!(
        format!("{}\n{}", text(&card, PLAIN), markdown(&card)).replace(&report.plan_id, "7f3a91c2")
    );
    // The run of such a plan executes nothing and says the same.
    let outcome = Outcome::of(&header(), &Fold::default(), End { plan: Some(&plan), ..End::default() });
    assert_eq!((outcome.verdict, outcome.exit_code), (Verdict::Failed, 1));
    assert!(text(&outcome.card(), PLAIN).starts_with("✖ 1 change refused on staging"));
}

#[test]
fn a_plan_without_changes() {
    let plan = plan(vec![("bootstrap-network", Ok(vec![])), ("deploy-service api", Ok(vec![]))]);
    let report = report(&plan);
    assert_eq!(report.verdict, PlanVerdict::Unchanged);
    let shown = text(&report.card(), PLAIN).replace(&report.plan_id, "c20d4e11");
    assert_eq!(
        shown,
        "✔ staging plan c20d4e11: no changes · 2.8s\n  \
         1 stack and 1 service as in 3f9c2e1; a run would write nothing\n  \
         warning: no `account` is given\n"
    );
}

#[test]
fn json_names_are_a_contract() {
    let outcome = rolled_back();
    assert_eq!(
        shape(&outcome),
        "again app awaits beyond_plan calls cause certainty changed commit cost deployments destroys do duration_ms environment exit_code failures \
         fault file first_deploy images kept left_out log not_undone plan_id refusals region resources services stacks stages \
         started_at \
         tasks verdict warnings writes"
    );
    let json = serde_json::to_value(&outcome).unwrap();
    assert_eq!(json["verdict"], "rolled-back");
    assert_eq!((&json["cause"], &json["certainty"]), (&json!("health-check-connection-failed"), &json!("likely")));
    assert_eq!(json["do"], "make the server listen on 0.0.0.0:3000, then push");
    assert_eq!(json["changed"][0]["what"], "finance-app-staging-api:42");
    assert_eq!(json["stages"][0]["nodes"][0]["node"], "deploy-service api");
    assert_eq!(
        shape(&report(&plan(vec![]))),
        "app calls changes commit cost deleted destroys duration_ms environment exit_code file kept log may_replace orphans plan_id \
         refusals region replaced secrets services_unchanged stacks_unchanged started_at usually verdict warnings"
    );
    assert_eq!(
        shape(&Checked::new("f.yml", vec![], vec![], vec![], String::new(), 1)),
        "duration_ms environments errors exit_code file verdict warnings"
    );
    assert_eq!(shape(&Stopped::cancelled("planning")), "again error exit_code verdict");
}

#[test]
fn the_worst_end_wins() {
    use Exit::*;
    assert_eq!(worst([Done, Waiting, RolledBack]), RolledBack);
    assert_eq!(worst([RolledBack, Failed, Superseded]), Failed);
    assert_eq!(worst([Failed, Cancelled]), Cancelled);
    assert_eq!(worst([]), Done);
}

#[test]
fn meaning_survives_without_colour_and_unicode() {
    let ascii = Style { unicode: false, ..PLAIN };
    let shown = text(&rolled_back().card(), ascii);
    assert!(shown.starts_with("x api was rolled back on staging - 4m 07s\n"), "{shown}");
    let tree = live::tree(&header(), &fresh(), 242_000, 100, 0, ascii);
    assert!(!tree.contains('\u{1b}'));
    assert!(tree.lines().any(|line| line.starts_with("  ok bootstrap-network")), "{tree}");
    let colored = text(&rolled_back().card(), Style { color: true, ..PLAIN });
    assert!(colored.contains("\u{1b}[31m"));
}

#[test]
fn a_log_has_a_line_at_each_start_and_end() {
    let mut fold = Fold::default();
    let mut lines = vec![live::opening(&header(), PLAIN)];
    let mut see = |at_ms, name: &str, fact| {
        let event = Event { at_ms, node: Some(node(name)), fact };
        fold.apply(&event);
        lines.extend(live::line(&fold, &event, PLAIN));
    };
    see(0, "bootstrap-network", Fact::Started);
    see(90_000, "bootstrap-network", stack("created", "network", 19));
    see(100_000, "bootstrap-network", Fact::Finished);
    see(100_000, "bootstrap-cluster", Fact::Unchanged);
    see(100_001, "run-task api", Fact::Started);
    see(101_000, "run-task api", Fact::Line { from: "api".into(), line: Foreign::new("::error::x\n##[group]y") });
    see(102_000, "run-task api", Fact::Failed(Box::new(Fault::new("running the task", "exit code 1").into())));
    see(102_000, "deploy-service api", Fact::Skipped { because: node("run-task api") });
    lines.push(live::sign_of_life(&fresh(), 242_000, PLAIN));
    insta::assert_snapshot!(lines.join("\n"));
}

#[test]
fn a_checked_file() {
    let finding = Finding {
        file: ".github/finance-infra.yml".into(),
        line: Some(19),
        column: Some(5),
        path: "services.api.cup".into(),
        message: "unknown key `cup` in services.api".into(),
        help: Some("did you mean `cpu`?".into()),
    };
    let environments = vec!["staging".to_owned(), "production".to_owned()];
    let bad = Checked::new("f.yml", vec![], vec![finding.clone()], vec![], "error: …\n".into(), 12);
    assert_eq!((bad.verdict, bad.exit_code), ("invalid", 2));
    assert_eq!(bad.text(PLAIN), "error: …\n1 error; AWS was not contacted · runner explain services.api\n");
    let good = Checked::new("f.yml", environments, vec![], vec![], String::new(), 12);
    assert_eq!(
        good.text(PLAIN),
        "✔ f.yml is valid · 12ms\n  2 environments: staging, production; AWS was not contacted\n  next: runner plan -e staging\n"
    );
    assert_eq!(
        commands(&bad.annotations()),
        [
            "::error file=.github/finance-infra.yml,line=19,col=5::unknown key `cup` in services.api: did you mean `cpu`?"
        ]
    );
    insta::assert_snapshot!(markdown(&bad.card()));
}

#[test]
fn an_answer_that_did_not_come() {
    let fault = Fault::new("listing stacks in us-east-1", "no credentials").with_code("AccessDenied");
    let stopped = Stopped::by(fault).about(&header());
    insta::assert_snapshot!(both(&stopped.card()));
    assert_eq!(
        serde_json::to_value(&stopped).unwrap()["error"],
        json!({
            "doing": "listing stacks in us-east-1", "code": "AccessDenied", "message": "no credentials",
            "request_id": null, "hint": null, "exit": "failed",
        })
    );
    assert_eq!(Stopped::cancelled("planning").exit_code, 130);
}

#[test]
fn time_that_was_up_while_a_person_was_waited_for_is_waiting() {
    let node = crate::plan::NodeId::of("bootstrap-certificate");
    let mut fold = Fold::default();
    for fact in [Fact::Started, record("_a.example.com")] {
        fold.apply(&Event { at_ms: 1_000, node: Some(node.clone()), fact });
    }
    let end = End { timed_out: true, ..End::default() };
    assert_eq!(Outcome::of(&header(), &fold, end).exit_code, 5);
    fold.apply(&Event { at_ms: 2_000, node: Some(node), fact: Fact::Finished });
    assert_eq!(Outcome::of(&header(), &fold, end).exit_code, 4);
}

#[test]
fn what_a_comment_says_of_a_plan_and_of_a_run_under_way() {
    let under_way = Card::running(&header(), &fresh(), 72_000);
    insta::assert_snapshot!(markdown(&under_way));
    let mut fold = fresh();
    let certificate = node("bootstrap-certificate");
    let dns = record("_a.example.com");
    for fact in [Fact::Started, dns] {
        fold.apply(&Event { at_ms: 80_000, node: Some(certificate.clone()), fact });
    }
    let waiting = Card::running(&header(), &fold, 90_000);
    assert_eq!(waiting.mark, Mark::Waiting);
    let text = markdown(&waiting);
    assert!(text.contains("### 🟡 staging: waiting for you, 1 DNS record by Sat 14:02 UTC"), "{text}");
    assert!(text.contains("CNAME"), "{text}");
}

#[test]
fn a_long_run_has_a_picture_and_a_table() {
    let fold = fresh();
    assert_eq!(gantt(&fold.stages(), 59_000), "");
    insta::assert_snapshot!(gantt(&fold.stages(), 242_000));
    let stage = |n: usize| StageState { stage: format!("own;stage:{n}"), ..fold.stages()[0].clone() };
    let many: Vec<StageState> = (0..120).map(stage).collect();
    let picture = gantt(&many, 242_000);
    let (drawn, table) = picture.split_once("\n```\n\n").unwrap();
    assert!(drawn.lines().filter(|line| line.contains(" :")).count() < 50);
    assert_eq!(table.lines().count(), 122);
    assert!(!picture.contains(';'), "{picture}");
}
