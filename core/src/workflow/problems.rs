//! What is wrong with a file: every error at once, each with its place, and how it is shown.

use annotate_snippets::{AnnotationKind, Level, Renderer, Snippet, renderer::DecorStyle};
use serde::{Serialize, Serializer, ser::SerializeStruct};

use crate::text::Span;

/// Everything that is wrong with a workflow file, in the order of the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problems {
    /// The file as the user named it.
    pub file: String,
    /// The errors: by line and column; those without a place come first.
    pub problems: Vec<Problem>,
    /// What does not stop anything, but should be known.
    pub warnings: Vec<Problem>,
    /// The file's text, for the source lines.
    source: String,
}

/// One error or warning.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Problem {
    /// Where it is, where it is in one place.
    pub span: Option<Span>,
    /// The key it is about, by its path in an environment: `services.api.cpu`.
    pub path: String,
    /// What is wrong.
    pub message: String,
    /// What to do about it: `did you mean \`cpu\`?`
    pub help: Option<String>,
}

/// Something that does not stop anything, but should be known.
pub type Warning = Problem;

impl Problems {
    /// Problems of this file: sorted, and each said once however many environments show it.
    pub(super) fn new(file: &str, source: &str, problems: Vec<Problem>, warnings: Vec<Warning>) -> Self {
        Self { file: file.to_owned(), problems: once(problems), warnings: once(warnings), source: source.to_owned() }
    }

    /// Whether nothing is wrong; there may be warnings.
    pub fn is_empty(&self) -> bool {
        self.problems.is_empty()
    }

    /// Every error, then every warning, with its source line; ends with a line end where there is anything to say.
    pub fn render(&self, color: bool) -> String {
        let errors = self.problems.iter().map(|problem| self.render_one(Level::ERROR, problem, color));
        let warnings = self.warnings.iter().map(|problem| self.render_one(Level::WARNING, problem, color));
        errors.chain(warnings).collect()
    }

    fn render_one(&self, level: Level<'_>, problem: &Problem, color: bool) -> String {
        let renderer = if color { Renderer::styled() } else { Renderer::plain() };
        let renderer = renderer.decor_style(DecorStyle::Ascii);
        let title = level.primary_title(&problem.message);
        let place = problem.span.and_then(|span| {
            let range = byte_range(&self.source, span)?;
            // The renderer looks through all that it is given, for each problem anew: it gets the one line.
            let start = self.source[..range.start].rfind('\n').map_or(0, |at| at + 1);
            let line = self.source[start..].lines().next()?;
            Some((line, span.line as usize, range.start - start..range.end - start))
        });
        let group = match place {
            Some((line, number, range)) => {
                let mark = AnnotationKind::Primary.span(range);
                let mark = match &problem.help {
                    Some(help) => mark.label(help),
                    None => mark,
                };
                let snippet = Snippet::source(line).line_start(number).path(&self.file);
                title.element(snippet.annotation(mark))
            }
            None => {
                let group = title.element(annotate_snippets::Origin::path(&self.file));
                match &problem.help {
                    Some(help) => group.element(Level::HELP.message(help)),
                    None => group,
                }
            }
        };
        let mut text = renderer.render(&[group]);
        text.push('\n');
        text
    }
}

fn once(mut problems: Vec<Problem>) -> Vec<Problem> {
    problems.sort();
    problems.dedup_by(|a, b| a.span == b.span && a.message == b.message);
    problems
}

/// The bytes that a span covers; lines and columns count characters.
pub(super) fn byte_range(source: &str, span: Span) -> Option<std::ops::Range<usize>> {
    let line = usize::try_from(span.line).ok()?.checked_sub(1)?;
    let mut start = 0;
    for _ in 0..line {
        start += source.get(start..)?.find('\n')? + 1;
    }
    let text = source.get(start..)?.split('\n').next()?.trim_end_matches('\r');
    let at = |column: usize| text.char_indices().nth(column).map_or(text.len(), |(at, _)| at);
    let from = at(span.column.saturating_sub(1) as usize);
    let to = at((span.column.saturating_sub(1) + span.length) as usize);
    Some(start + from..start + to.max(from))
}

/// For JSON and GitHub annotations: `{file, line, column, message, help}` each.
impl Serialize for Problems {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        struct Placed<'a>(&'a str, &'a Problem);
        impl Serialize for Placed<'_> {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                let Self(file, problem) = self;
                let mut out = serializer.serialize_struct("Problem", 6)?;
                out.serialize_field("file", file)?;
                out.serialize_field("line", &problem.span.map(|span| span.line))?;
                out.serialize_field("column", &problem.span.map(|span| span.column))?;
                out.serialize_field("path", &problem.path)?;
                out.serialize_field("message", &problem.message)?;
                out.serialize_field("help", &problem.help)?;
                out.end()
            }
        }
        let errors: Vec<_> = self.problems.iter().map(|problem| Placed(&self.file, problem)).collect();
        let warnings: Vec<_> = self.warnings.iter().map(|problem| Placed(&self.file, problem)).collect();
        let mut out = serializer.serialize_struct("Problems", 2)?;
        out.serialize_field("errors", &errors)?;
        out.serialize_field("warnings", &warnings)?;
        out.end()
    }
}

impl std::fmt::Display for Problems {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.render(false))
    }
}

impl std::error::Error for Problems {}
