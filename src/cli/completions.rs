//! `completions`: for shells.

use clap::CommandFactory;

use super::{args::Cli, sink, stop::Done};

/// Arguments of `completions`.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  runner completions bash > ~/.local/share/bash-completion/completions/runner")]
pub struct Args {
    /// The shell
    shell: clap_complete::Shell,
}

/// Prints the completions.
pub fn run(args: &Args) -> Done {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "runner", &mut script);
    sink::out(&String::from_utf8_lossy(&script));
    Ok(0)
}
