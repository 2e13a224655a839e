//! `man`: the manual.

use clap::CommandFactory;
use runner_core::plan::Fault;

use super::{args::Cli, sink, stop::Done, usage};

/// Arguments of `man`.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  runner man | man -l -\n  runner man run > runner-run.1")]
pub struct Args {
    /// The page of one command
    command: Option<String>,
}

/// Prints a page.
pub fn run(args: &Args) -> Done {
    let mut cli = Cli::command();
    cli.build();
    let command = match &args.command {
        None => cli,
        Some(name) => cli
            .find_subcommand(name)
            .cloned()
            .ok_or_else(|| usage("choosing the page", format!("there is no command `{name}`"), "see runner --help"))?,
    };
    let mut page = Vec::new();
    clap_mangen::Man::new(command)
        .render(&mut page)
        .map_err(|error| Fault::new("writing the manual page", error.to_string()))?;
    sink::out(&String::from_utf8_lossy(&page));
    Ok(0)
}
