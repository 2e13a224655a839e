//! `validate`: every error of every environment at once.

use std::time::Instant;

use super::{
    args::Format,
    connect, load,
    settings::Settings,
    sink,
    stop::{Done, Stop, leave, of_checked, show},
};

/// Arguments of `validate`.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  runner validate\n  runner validate -v -e staging     also what was left out, with the value it has\n  runner validate --format json"
)]
pub struct Args {}

/// Checks the file.
pub fn run(settings: &Settings, _args: &Args) -> Done {
    let started = Instant::now();
    let found = load::find(settings)?;
    let checked = connect::check(&found, settings.err, started)?;
    if !checked.errors.is_empty() {
        return Err(Stop::from(checked));
    }
    if settings.format == Format::Text {
        // The source lines of warnings are hints; the answer alone goes to stdout.
        sink::err(&checked.shown);
    }
    show(settings, &checked.card(), &checked);
    leave(settings, of_checked(&checked));
    if settings.verbose && settings.format == Format::Text {
        for name in
            checked.environments.iter().filter(|name| settings.environment.as_ref().is_none_or(|only| only == *name))
        {
            let (environment, _) = connect::environment(&found, name, settings.err)?;
            sink::out(&format!("\n{name}, what the file leaves out:\n"));
            let rows: Vec<Vec<String>> = connect::defaults(&environment)
                .into_iter()
                .map(|(key, value)| vec![format!("  {key}"), value])
                .collect();
            sink::out(
                &runner_core::report::words::columns(&rows).into_iter().map(|line| line + "\n").collect::<String>(),
            );
        }
    }
    Ok(checked.exit_code)
}
