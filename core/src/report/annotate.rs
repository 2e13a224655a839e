//! Annotations: what GitHub shows at a line of the diff and on top of a run, as workflow commands.
//! <https://docs.github.com/en/actions/reference/workflows-and-actions/workflow-commands>

use super::{Checked, Finding, Outcome, PlanReport, Sign, Stopped, cards::node_name, words};

/// GitHub shows ten of a level for a step, and drops the rest without a word.
/// <https://docs.github.com/en/rest/checks/runs>
const SHOWN: usize = 10;
/// Columns of a message; GitHub cuts at 4,096 characters.
const COLUMNS: usize = 1_000;

/// How an annotation looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// Red.
    Error,
    /// Yellow.
    Warning,
}

impl Level {
    fn word(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warning => "warning",
        }
    }
}

/// A message, and the place it is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Annotation {
    /// How it looks.
    pub level: Level,
    /// The file, relative to the repository.
    pub file: Option<String>,
    /// The line, from 1.
    pub line: Option<u32>,
    /// The column, from 1.
    pub column: Option<u32>,
    /// Its first line.
    pub title: Option<String>,
    /// What it says.
    pub message: String,
}

impl Annotation {
    fn about(level: Level, title: &str, message: String) -> Self {
        Self { level, file: None, line: None, column: None, title: Some(title.to_owned()), message }
    }

    fn of(level: Level, finding: &Finding) -> Self {
        let help = finding.help.as_ref().map(|help| format!(": {help}")).unwrap_or_default();
        Self {
            level,
            file: Some(finding.file.clone()),
            line: finding.line,
            column: finding.column,
            title: None,
            message: format!("{}{help}", finding.message),
        }
    }

    /// As a workflow command, on one line.
    pub fn command(&self) -> String {
        let line = self.line.map(|line| line.to_string());
        let column = self.column.map(|column| column.to_string());
        let named = [("file", self.file.clone()), ("line", line), ("col", column), ("title", self.title.clone())];
        let named: Vec<String> =
            named.into_iter().filter_map(|(name, value)| Some(format!("{name}={}", property(&value?)))).collect();
        let gap = if named.is_empty() { "" } else { " " };
        format!("::{}{gap}{}::{}", self.level.word(), named.join(","), data(&words::cut(&self.message, COLUMNS)))
    }
}

/// The data of a workflow command: `%` first, or what follows would be read twice.
pub fn data(text: &str) -> String {
    text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}

/// The commands of as many as GitHub shows; the last one of a level says how many more there are.
pub fn commands(annotations: &[Annotation]) -> Vec<String> {
    let mut lines = Vec::new();
    for level in [Level::Error, Level::Warning] {
        let all: Vec<&Annotation> = annotations.iter().filter(|annotation| annotation.level == level).collect();
        let shown = if all.len() > SHOWN { SHOWN - 1 } else { all.len() };
        lines.extend(all.iter().take(shown).map(|annotation| annotation.command()));
        if shown < all.len() {
            let message = format!("{} more are in the log and the summary", all.len() - shown);
            lines.push(Annotation { title: None, ..Annotation::about(level, "", message) }.command());
        }
    }
    lines
}

impl Checked {
    /// Each finding at its line.
    pub fn annotations(&self) -> Vec<Annotation> {
        let errors = self.errors.iter().map(|finding| Annotation::of(Level::Error, finding));
        errors.chain(self.warnings.iter().map(|finding| Annotation::of(Level::Warning, finding))).collect()
    }
}

impl PlanReport {
    /// What is refused, and at the lines that force it what goes away.
    pub fn annotations(&self) -> Vec<Annotation> {
        let title = format!("{} plan", self.header.environment);
        let refused = self.refusals.iter().map(|refusal| {
            let what = &refusal.what;
            Annotation::about(Level::Error, &title, format!("{}: {}; do: {}", what.what, what.why, what.remedy))
        });
        let gone = self.changes.iter().filter(|row| matches!(row.sign, Sign::Replace | Sign::Delete)).map(|row| {
            let place = row.span.map(|span| (self.header.file.clone(), span.line));
            let (file, line) = place.unzip();
            let message = format!("{} {}", row.what, row.detail());
            Annotation { file, line, ..Annotation::about(Level::Warning, &title, message.trim_end().to_owned()) }
        });
        refused.chain(gone).collect()
    }
}

impl Outcome {
    /// What failed and what was refused, with what to do.
    pub fn annotations(&self) -> Vec<Annotation> {
        let env = &self.header.environment;
        let failed = self.failures.iter().map(|failure| {
            let remedy = failure.what.remedy.as_ref().map(|remedy| format!("; do: {remedy}")).unwrap_or_default();
            let title = format!("{} on {env}", node_name(failure));
            Annotation::about(Level::Error, &title, format!("{}{remedy}", failure.what.fault.headline()))
        });
        let refused = self.refusals.iter().map(|refusal| {
            let what = &refusal.what;
            let message = format!("{}: {}; do: {}", what.what, what.why, what.remedy);
            Annotation::about(Level::Error, &format!("refused on {env}"), message)
        });
        let fault = self.fault.iter().map(|fault| {
            let hint = fault.hint.as_ref().map(|hint| format!("; do: {hint}")).unwrap_or_default();
            Annotation::about(Level::Error, env, format!("{}{hint}", fault.headline()))
        });
        failed.chain(refused).chain(fault).collect()
    }
}

impl Stopped {
    /// Why there is no answer.
    pub fn annotations(&self) -> Vec<Annotation> {
        let hint = self.error.hint.as_ref().map(|hint| format!("; do: {hint}")).unwrap_or_default();
        let title = self.header.as_ref().map_or("runner", |header| &header.environment);
        vec![Annotation::about(Level::Error, title, format!("{}{hint}", self.error.headline()))]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn note(level: Level, message: &str) -> Annotation {
        Annotation::about(level, "a: b, 100%", message.to_owned())
    }

    #[test]
    fn commands_are_escaped_and_stay_on_their_line() {
        let at = Annotation {
            file: Some("a,b:c.yml".into()),
            line: Some(3),
            column: Some(5),
            ..note(Level::Error, "50%\r\n::error::x %0A")
        };
        assert_eq!(
            at.command(),
            "::error file=a%2Cb%3Ac.yml,line=3,col=5,title=a%3A b%2C 100%25::50%25%0D%0A::error::x %250A"
        );
        assert!(note(Level::Warning, &"é".repeat(9_000)).command().chars().count() < 4_096);
    }

    #[test]
    fn no_more_than_github_shows_and_the_rest_is_counted() {
        let many: Vec<Annotation> = (0..23).map(|n| note(Level::Error, &n.to_string())).collect();
        let lines = commands(&[many, vec![note(Level::Warning, "w")]].concat());
        assert_eq!(lines.len(), 11);
        assert_eq!(lines[9], "::error::14 more are in the log and the summary");
        assert!(lines[10].starts_with("::warning title="));
    }
}
