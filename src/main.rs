//! The `runner` binary: parse, run, exit code.

fn main() {}
