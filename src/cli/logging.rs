//! Log lines, to stderr through the redactor.

use std::io::Write;

use tracing::{Level, Metadata};
use tracing_subscriber::{EnvFilter, filter::filter_fn, fmt, layer::SubscriberExt, util::SubscriberInitExt};

use super::{
    settings::{LOG, Settings, variable},
    sink,
};

/// Targets whose debug lines hold requests, headers or credentials: never below a warning, whatever `INFRA_LOG` says.
const CAPPED: [&str; 8] = ["aws_", "hyper", "h2", "rustls", "tower", "reqwest", "want", "mio"];

/// Log lines as `INFRA_LOG` says; without it warnings, and with `-v` what the runner itself does.
pub fn init(settings: &Settings) {
    // A provider of credentials that has none warns, and the next one is asked: the fault at the end says it all.
    let default = if settings.verbose { "warn,runner=info,runner_core=info" } else { "warn,aws_config=error" };
    let asked = variable(LOG).unwrap_or_else(|| default.to_owned());
    let filter = EnvFilter::try_new(&asked).unwrap_or_else(|_| {
        sink::err_line(&format!("warning: {LOG} is not a log filter (try `info` or `runner=debug`)"));
        EnvFilter::new(default)
    });
    let lines = fmt::layer().with_ansi(settings.err.color).with_target(true).without_time().with_writer(|| Line);
    let _ = tracing_subscriber::registry().with(filter).with(filter_fn(allowed)).with(lines).try_init();
}

fn allowed(metadata: &Metadata<'_>) -> bool {
    *metadata.level() <= Level::WARN || !CAPPED.iter().any(|capped| metadata.target().starts_with(capped))
}

/// Each event comes as one piece, so that no secret is cut in two.
struct Line;

impl Write for Line {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        sink::err(&String::from_utf8_lossy(bytes));
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::CAPPED;

    #[test]
    fn the_sdk_and_its_transport_are_capped() {
        for target in ["aws_sdk_ssm::operation", "aws_smithy_runtime", "hyper_util::client", "h2::codec", "rustls"] {
            assert!(CAPPED.iter().any(|capped| target.starts_with(capped)), "{target}");
        }
        assert!(!CAPPED.iter().any(|capped| "runner::deploy".starts_with(capped)));
    }
}
