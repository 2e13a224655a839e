//! Every command that a report tells people to run is one that there is.

use clap::Parser;
use runner_core::{
    plan::{Exit, Fault, NodeId, Plan, Planned, Refusal},
    report::{
        Card, Changed, Checked, End, Event, Fact, Failure, Finding, Fold, Header, Outcome, PlanReport, Stopped, text,
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

/// The commands of a card, and those within its words.
fn check(card: &Card, green: bool) {
    assert!(green || card.action.is_some(), "{} names nothing to do", card.headline);
    card.commands().iter().for_each(|command| parses(command));
    let words = text(card, Default::default());
    words.split('`').skip(1).step_by(2).filter(|word| word.starts_with("runner ")).for_each(parses);
}

#[test]
fn of_runs() {
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
fn of_plans_files_and_faults() {
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
