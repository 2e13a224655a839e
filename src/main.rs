//! The `runner` binary: parse, run, exit code.

use std::process::ExitCode;

fn main() -> ExitCode {
    runner::cli::main(std::env::args_os())
}
