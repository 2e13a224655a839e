//! `explain`: a cause, a stage, a command, a key of the file or an exit code; with `-`, causes for evidence on stdin.

use std::{collections::BTreeMap, io::BufRead};

use clap::{CommandFactory, builder::StyledStr};
use runner_core::{plan::Exit, text::nearest};
use serde::Deserialize;
use serde_json::{Value as Json, json};

use super::{
    args::{Cli, Format},
    connect,
    settings::Settings,
    sink,
    stop::{Done, Stop},
    usage,
};

/// Arguments of `explain`.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  runner explain exit-3\n  runner explain deploy-service\n  runner explain services.api.scaling\n  echo '{\"where\":\"stoppedReason\",\"text\":\"CannotPullContainerError: …\"}' | runner explain -"
)]
pub struct Args {
    /// A name, or - for JSON lines {"where","text","exit_code"} on stdin
    name: String,
}

/// The exit codes: name, what it means, what to do.
const EXITS: [(Exit, &str, &str); 8] = [
    (Exit::Done, "Done: what was asked for is so, or there was nothing to do.", "nothing"),
    (
        Exit::Failed,
        "Failed. Also: a plan that a run would refuse, and what was found by a command that looks for differences.",
        "read the cause and what to do in the report; the same command may be run again at any time",
    ),
    (
        Exit::Usage,
        "The command line or the workflow file is wrong, or the job is not the one that may do this. Nothing was changed.",
        "correct what the message names; runner validate shows everything that is wrong with the file",
    ),
    (
        Exit::RolledBack,
        "The new revision did not become healthy and was turned back; users are served by the one before.",
        "repair what the cause names, then deploy again",
    ),
    (
        Exit::StillRunning,
        "Time was up before there was a verdict. AWS goes on with what was asked of it.",
        "run the same command again: it attaches to what is under way; or give it a longer --timeout",
    ),
    (
        Exit::Waiting,
        "It waits for a person: a DNS record to be made, or a paused deployment to be decided.",
        "do what the report names, then run the same command again",
    ),
    (Exit::Superseded, "A newer run took over this deployment.", "look at the newer run; nothing else is to be done"),
    (
        Exit::Cancelled,
        "A person or the machine stopped the command. AWS goes on with what was asked of it.",
        "run the same command again: it attaches to what is under way",
    ),
];

/// What stands before an input's name.
const INPUT: &str = "input-";
/// The action, which says what its inputs mean.
const ACTION: &str = include_str!("../../action.yml");

#[derive(Deserialize)]
struct Action {
    inputs: BTreeMap<String, Input>,
}

#[derive(Deserialize)]
struct Input {
    description: String,
    #[serde(default)]
    default: String,
}

/// A line of stdin. A field that is null says nothing: ECS gives a container that never ran no reason and no code.
#[derive(Debug, Deserialize)]
struct Evidence {
    #[serde(default, rename = "where")]
    at: Option<String>,
    #[serde(deserialize_with = "Option::deserialize")]
    text: Option<String>,
    #[serde(default)]
    exit_code: Option<i32>,
}

/// Explains.
pub fn run(settings: &Settings, args: &Args) -> Done {
    if args.name == "-" {
        return evidence(settings);
    }
    let page = exit_page(&args.name).or_else(|| stage_page(&args.name)).or_else(|| connect::page(&args.name));
    let page = page.or_else(|| input_page(args.name.strip_prefix(INPUT).unwrap_or(&args.name)));
    let page = page.or_else(|| command_page(&args.name));
    let Some(page) = page else {
        let mut names = connect::pages();
        names.extend(connect::stages().into_iter().map(|(stage, _)| stage));
        names.extend(Cli::command().get_subcommands().map(|command| command.get_name().to_owned()));
        names.extend(inputs().keys().map(|input| format!("{INPUT}{input}")));
        names.extend(EXITS.iter().map(|(exit, ..)| format!("exit-{}", exit.code())));
        let hint = match nearest(&args.name, names.iter().map(String::as_str)) {
            Some(near) => format!("did you mean {near}?"),
            None => "name a cause, a stage (runner stage), a command, a key of the file, an input of the action (input-role) or an exit code (exit-3)".to_owned(),
        };
        return Err(usage("explaining", format!("there is no page about `{}`", args.name), hint).into());
    };
    match settings.format {
        Format::Json => sink::json(&json!({ "name": args.name, "page": page })),
        _ => sink::out(&format!("{}\n", page.trim_end())),
    }
    Ok(0)
}

fn exit_page(name: &str) -> Option<String> {
    let code: u8 = name.strip_prefix("exit-").unwrap_or(name).parse().ok()?;
    let (_, meaning, remedy) = EXITS.iter().find(|(exit, ..)| exit.code() == code)?;
    Some(format!("exit code {code}\n\n{meaning}\n\ndo  {remedy}\n"))
}

/// What an input of the action means, in the words of the action itself. Where it has the name of a key of the file, that
/// page is `input-NAME`.
fn input_page(name: &str) -> Option<String> {
    let inputs = inputs();
    let input = inputs.get(name)?;
    let default = match input.default.as_str() {
        "" => "nothing".to_owned(),
        given => format!("`{given}`"),
    };
    Some(format!("input {name} of the action\n\n{}\n\ndefault  {default}\n", input.description))
}

fn inputs() -> BTreeMap<String, Input> {
    serde_yaml::from_str::<Action>(ACTION).map(|action| action.inputs).unwrap_or_default()
}

fn stage_page(name: &str) -> Option<String> {
    let (stage, makes) = connect::stages().into_iter().find(|(stage, _)| stage == name)?;
    Some(format!("{stage}: {makes}\n\nrun it alone  runner stage {stage}\nwith the rest  runner run\n"))
}

/// What a command does, in the words of its help, and how it ends.
fn command_page(name: &str) -> Option<String> {
    let mut cli = Cli::command();
    cli.build();
    let command = cli.find_subcommand(name)?;
    let text = |text: Option<&StyledStr>| text.map(ToString::to_string).unwrap_or_default();
    let (about, more) = (text(command.get_about()), text(command.get_after_help()));
    let flags: Vec<String> = command
        .get_arguments()
        .filter(|argument| !argument.is_global_set() && argument.get_id() != "help")
        .map(|argument| format!("  {argument}  {}", text(argument.get_help())))
        .collect();
    let flags = if flags.is_empty() { String::new() } else { format!("{}\n\n", flags.join("\n")) };
    Some(format!(
        "command {name}: {about}\n\n{more}\n\n{flags}how it ends  runner explain exit-0 (and 1, 2, 3, 4, 5, 6, 130)\n"
    ))
}

fn evidence(settings: &Settings) -> Done {
    let mut code = 0;
    for (at, line) in std::io::stdin().lock().split(b'\n').enumerate() {
        let number = at + 1;
        let line = line.map_err(|error| {
            Stop::from(usage("reading stdin", format!("line {number}: {error}"), "give JSON lines in UTF-8"))
        })?;
        // Logs hold any bytes: one that is no UTF-8 costs no other line its answer.
        let line = String::from_utf8_lossy(&line);
        if line.trim().is_empty() {
            continue;
        }
        let answer = match serde_json::from_str::<Evidence>(&line) {
            Ok(Evidence { at, text, exit_code }) => {
                connect::diagnose(&at.unwrap_or_default(), &text.unwrap_or_default(), exit_code)
            }
            Err(error) => {
                code = Exit::Usage.code();
                let remedy = "write one object a line: {\"where\":…,\"text\":…,\"exit_code\":…}";
                let error = format!("line {number}: {error}");
                json!({ "cause": "unknown", "certainty": "unknown", "do": remedy, "error": error })
            }
        };
        match settings.format {
            Format::Json => sink::json_line(&answer),
            _ => {
                let word = |key: &str| answer.get(key).and_then(Json::as_str).unwrap_or_default().to_owned();
                let error = answer.get("error").and_then(Json::as_str).map(|e| format!("  {e}\n")).unwrap_or_default();
                sink::out(&format!("{} ({})\n{error}  do: {}\n", word("cause"), word("certainty"), word("do")));
            }
        }
    }
    Ok(code)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn point_25_every_cause_stage_exit_code_and_input_has_a_page() {
        let action = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/action.yml")).unwrap();
        let section = action.split("\ninputs:\n").nth(1).unwrap().split("\noutputs:\n").next().unwrap();
        let named = section.lines().filter_map(|line| line.strip_prefix("  ")?.strip_suffix(':'));
        let named: Vec<&str> = named.filter(|name| !name.starts_with(' ')).collect();
        assert!(named.len() > 9, "{named:?}");
        for name in &named {
            let page = input_page(name).unwrap_or_default();
            assert!(page.starts_with(&format!("input {name} of the action\n\n")), "{name}: {page}");
            assert!(page.lines().nth(2).is_some_and(|says| says.len() > 10) && page.contains("\ndefault  "), "{page}");
        }
        let (stages, causes) = (connect::stages(), connect::pages());
        assert!(stages.len() > 10 && causes.len() > 50, "{} {}", stages.len(), causes.len());
        for (stage, _) in &stages {
            assert!(stage_page(stage).is_some_and(|page| page.contains(&format!("runner stage {stage}"))), "{stage}");
        }
        for cause in &causes {
            assert!(
                connect::page(cause).is_some_and(|page| page.contains(cause.as_str()) && page.len() > 60),
                "{cause}"
            );
        }
        for command in Cli::command().get_subcommands() {
            let name = command.get_name();
            let page = command_page(name).unwrap_or_default();
            assert!(page.starts_with(&format!("command {name}: ")) && page.len() > 80, "{page}");
        }
        let page = command_page("adopt").unwrap_or_default();
        assert!(
            page.contains("--resource <ID=IDENTIFIER>") && page.contains("runner adopt bootstrap-network"),
            "{page}"
        );
        for code in [0, 1, 2, 3, 4, 5, 6, 130] {
            let page = exit_page(&format!("exit-{code}")).unwrap_or_default();
            assert!(page.starts_with(&format!("exit code {code}\n")) && page.contains("\ndo  "), "{page}");
            assert_eq!(exit_page(&code.to_string()), Some(page));
        }
        assert_eq!(exit_page("exit-7"), None);
    }
}
