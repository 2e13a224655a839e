//! Every command that a report tells people to run is one that there is.

use clap::Parser;
use runner_core::{
    judge::{
        causes,
        verify::{Answer, Check},
    },
    plan::{self, Drifted, Exit, Fault, NodeId, Plan, Planned, Refusal},
    report::{
        Card, Changed, Checked, DriftReport, End, Event, Fact, Failure, Finding, Fold, Header, Outcome, PlanReport,
        StatusReport, Stopped, Style, VerifyReport, text,
    },
};

use super::args::Cli;

fn header() -> Header {
    Header {
        app: "finance-app".into(),
        environment: "staging".into(),
        region: "us-east-1".into(),
        file: "infra files/x.yml".into(),
        commit: None,
        started_at: jiff::Timestamp::UNIX_EPOCH,
        log: None,
        words: vec!["run".into(), "api".into()],
        flags: ["-e", "staging", "-f", "infra files/x.yml", "--sandbox", "--build"].map(str::to_owned).to_vec(),
    }
}

fn parses(command: &str) {
    let words = split(command);
    if let Err(error) = Cli::try_parse_from(&words) {
        panic!("`{command}` is no command: {error}");
    }
}

/// Words as a shell splits them, single quotes only.
fn split(command: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    for (at, part) in command.split('\'').enumerate() {
        for (number, piece) in if at % 2 == 1 { vec![part] } else { part.split(' ').collect() }.into_iter().enumerate()
        {
            if number > 0 {
                words.push(String::new());
            }
            words.last_mut().unwrap().push_str(piece);
        }
    }
    words
}

/// What is not green names an action; the commands of a card, and those within its words, are commands.
fn check(card: &Card, green: bool) {
    assert!(green || card.action.is_some(), "{} names nothing to do", card.headline);
    card.commands().iter().for_each(|command| parses(command));
    let words = text(card, Style { details: true, ..Style::default() });
    words.split('`').skip(1).step_by(2).filter(|word| word.starts_with("runner ")).for_each(parses);
}

#[test]
fn point_03_every_run_that_is_not_green_names_an_action_that_clap_parses() {
    let node = NodeId::scoped("wait-healthy", "api");
    let exits = [
        Exit::Failed,
        Exit::Usage,
        Exit::RolledBack,
        Exit::StillRunning,
        Exit::Waiting,
        Exit::Superseded,
        Exit::Cancelled,
    ];
    for exit in exits {
        for cause in [None, Some(("health-check-connection-failed".to_owned(), "likely".to_owned()))] {
            let mut failure = Failure::from(Fault::new("deploying", "no").with_exit(exit));
            failure.cause = cause;
            let mut fold = Fold::default();
            let fact = Fact::Failed(Box::new(failure));
            fold.apply(&Event { at_ms: 1, node: Some(node.clone()), fact });
            let outcome = Outcome::of(&header(), &fold, End::default());
            assert_eq!(outcome.exit_code, exit.code());
            check(&outcome.card(), false);
        }
    }
    for end in [End { cancelled: true, ..End::default() }, End { timed_out: true, ..End::default() }] {
        check(&Outcome::of(&header(), &Fold::default(), end).card(), false);
    }
    let fault = Fault::new("checking the account", "no");
    check(&Outcome::of(&header(), &Fold::default(), End { fault: Some(&fault), ..End::default() }).card(), false);
    let mut fold = Fold::default();
    check(&Outcome::of(&header(), &fold, End::default()).card(), true);
    fold.apply(&Event { at_ms: 1, node: Some(node), fact: Fact::Changed(Changed::new("created", "service api")) });
    check(&Outcome::of(&header(), &fold, End::default()).card(), true);
}

#[test]
fn point_03_so_does_every_plan_file_and_fault() {
    let mut plan = Plan { environment: "staging".into(), ..Plan::default() };
    check(&PlanReport::of(&header(), &plan, [], false, 1).card(), true);
    let id = NodeId::of("bootstrap-network");
    let run = runner_core::plan::Action::PutParameter(runner_core::plan::PutParameter {
        name: "/a".into(),
        variable: "A".into(),
        version: 0,
    });
    let node = runner_core::plan::Node { id, service: None, needs: vec![] };
    plan.nodes.push(Planned { node: node.clone(), decision: Ok(vec![run]) });
    check(&PlanReport::of(&header(), &plan, [], false, 1).card(), false);
    plan.nodes.push(Planned { node, decision: Err(Refusal::new("replacing X", "y", "z")) });
    check(&PlanReport::of(&header(), &plan, [], false, 1).card(), false);
    let finding = |path: &str| Finding {
        file: "f".into(),
        line: None,
        column: None,
        path: path.into(),
        message: "m".into(),
        help: None,
    };
    for path in ["services.api.cup", "services", ""] {
        check(&Checked::new("f", vec![], vec![finding(path)], vec![], String::new(), 1).card(), false);
    }
    check(&Checked::new("f", vec!["a b".into()], vec![], vec![], String::new(), 1).card(), true);
    check(&Stopped::cancelled("planning").card(), false);
    check(&Stopped::by(Fault::new("planning", "no")).about(&header()).card(), false);
}

#[test]
fn point_03_so_does_every_answer_about_what_is_there() {
    for verdict in ["healthy", "deploying", "degraded", "absent"] {
        let (header, services, unsettled_stacks) = (header(), Vec::new(), Vec::new());
        let status =
            StatusReport { header, verdict, exit_code: 0, duration_ms: 1, services, stacks: 0, unsettled_stacks };
        check(&status.card(), verdict == "healthy");
    }
    let finding = plan::Finding {
        what: "LogGroup".into(),
        drifted: Drifted::Changed,
        changes: Vec::new(),
        remedy: "`runner run -e staging` puts it back".into(),
    };
    for findings in [vec![finding], Vec::new()] {
        let clean = findings.is_empty();
        check(&DriftReport::of(&header(), (findings, Vec::new()), (1, 1), 1).card(), clean);
    }
    for (answer, green) in [(Answer::Fits, true), (Answer::Finding("no tag".into(), "push it".into()), false)] {
        let checks = vec![Check { about: "api".into(), what: "image", answer }];
        check(&VerifyReport::of(&header(), checks, 1).card(), green);
    }
    check(&Card::running(&header(), &Fold::default(), 1), false);
}

/// What a cause tells people to do is shown with it.
#[test]
fn point_03_every_command_in_the_remedy_of_a_cause_is_one() {
    let mut found = 0;
    for cause in causes::all() {
        for after in cause.remedy.split("runner ").skip(1) {
            let end = after.find(|c: char| !(c.is_ascii_alphanumeric() || " -_".contains(c))).unwrap_or(after.len());
            // Where prose goes on, the command has ended: `runner drift` and what to do then.
            let words = after[..end].split(' ').take_while(|word| !["and", "then", "or", "to"].contains(word));
            parses(format!("runner {}", words.collect::<Vec<_>>().join(" ")).trim());
            found += 1;
        }
    }
    assert!(found >= 10, "{found} commands in all remedies");
}

/// The commands in a text: between backquotes, or to the end of a line that tells to run one.
fn commands(text: &str) -> Vec<String> {
    let quoted = text.split('`').skip(1).step_by(2).filter(|word| word.starts_with("runner ") && !word.contains('\n'));
    let bare = text.lines().filter_map(|line| {
        let at = ["do: runner ", "next: runner ", "more  ", "continue  ", "turn back  "].iter().find_map(|before| {
            Some(line.find(before)? + before.len() - if before.ends_with("runner ") { "runner ".len() } else { 0 })
        })?;
        line[at..].trim_start().strip_prefix("runner ").map(|rest| format!("runner {}", rest.trim_end()))
    });
    quoted.map(str::to_owned).chain(bare).collect()
}

#[test]
fn point_03_every_command_in_a_golden_report_parses() {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("core/src/report");
    let mut found = Vec::new();
    for folder in ["snapshots", "tests/snapshots"] {
        for file in std::fs::read_dir(root.join(folder)).unwrap() {
            found.extend(commands(&std::fs::read_to_string(file.unwrap().path()).unwrap()));
        }
    }
    assert!(found.len() > 20, "{found:?}");
    for word in ["approve", "run", "status", "explain"] {
        assert!(found.iter().any(|command| command.starts_with(&format!("runner {word} "))), "{word}: {found:?}");
    }
    found.iter().for_each(|command| parses(command));
}
