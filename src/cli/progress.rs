//! What is seen while a run lasts, on stderr: a tree on a terminal, lines elsewhere, or nothing.

use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use runner_core::report::{Event, Fact, Fold, Header, Style, live};

use super::{args::Progress, settings::Settings, sink};

/// How long a log may be silent. GitHub and people take silence for a hang.
const SILENCE_MS: u64 = 30_000;

/// How often the tree is drawn.
pub const FRAME: Duration = Duration::from_millis(120);

/// What is seen.
pub enum View {
    /// A tree that is drawn anew.
    Tree {
        /// The bar whose message the tree is.
        bar: ProgressBar,
        /// Which picture of the spinner.
        frame: usize,
        /// How its text is made.
        style: Style,
    },
    /// Lines.
    Lines {
        /// When the last one was written.
        at_ms: u64,
        /// How they are made.
        style: Style,
    },
    /// Nothing.
    Off,
}

impl View {
    /// Begins.
    pub fn open(settings: &Settings, header: &Header) -> Self {
        let style = settings.err;
        match settings.progress {
            Progress::Off => Self::Off,
            Progress::Tree => {
                let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
                if let Ok(template) = ProgressStyle::with_template("{msg}") {
                    bar.set_style(template);
                }
                Self::Tree { bar, frame: 0, style }
            }
            _ => {
                sink::err_line(&live::opening(header, style));
                Self::Lines { at_ms: 0, style }
            }
        }
    }

    /// An event that the fold has taken in.
    pub fn event(&mut self, fold: &Fold, event: &Event) {
        match self {
            Self::Off => {}
            Self::Lines { at_ms, style } => {
                if let Some(line) = live::line(fold, event, *style) {
                    sink::err_line(&line);
                    *at_ms = event.at_ms;
                }
            }
            // The tree shows states; what containers say and what should be known stands above it.
            Self::Tree { bar, style, .. } => {
                if matches!(event.fact, Fact::Line { .. } | Fact::Warning(_) | Fact::Awaits(_))
                    && let Some(line) = live::line(fold, event, *style)
                {
                    bar.println(sink::redact(&line));
                }
            }
        }
    }

    /// Time has passed.
    pub fn tick(&mut self, header: &Header, fold: &Fold, now_ms: u64) {
        match self {
            Self::Off => {}
            Self::Lines { at_ms, style } => {
                if now_ms.saturating_sub(*at_ms) >= SILENCE_MS {
                    sink::err_line(&live::sign_of_life(fold, now_ms, *style));
                    *at_ms = now_ms;
                }
            }
            Self::Tree { bar, frame, style } => {
                bar.set_message(sink::redact(&live::tree(header, fold, now_ms, width(), *frame, *style)));
                *frame += 1;
            }
        }
    }

    /// Something a person did.
    pub fn say(&mut self, text: &str) {
        match self {
            Self::Tree { bar, .. } => bar.println(text),
            _ => sink::err_line(text),
        }
    }

    /// Ends. The tree stays where it tells what was done, and goes where nothing was.
    pub fn close(self, header: &Header, fold: &Fold, now_ms: u64) {
        if let Self::Tree { bar, style, .. } = self {
            bar.finish_and_clear();
            if !fold.changed.is_empty() || !fold.failures.is_empty() {
                sink::err_line(&live::tree(header, fold, now_ms, width(), 0, style));
                sink::err_line("");
            }
        }
    }
}

/// Columns of the terminal, as wide as it is now.
fn width() -> usize {
    let size = rustix::termios::tcgetwinsize(std::io::stderr());
    // A terminal that does not know its size says 0.
    size.ok().map(|size| usize::from(size.ws_col)).filter(|columns| *columns > 0).unwrap_or(100).max(40)
}
