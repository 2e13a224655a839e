//! The picture of a run in the step summary: a mermaid gantt of its stages, beside a table of the same.

use super::{StageState, State, live, words};

/// A run that took less needs no picture.
const SHORTEST_MS: u64 = 60_000;
/// GitHub draws no diagram that is too large.
const NODES: usize = 48;

/// The picture and the table, as Markdown; nothing for a short run.
pub fn gantt(stages: &[StageState], duration_ms: u64) -> String {
    let begun: Vec<&StageState> =
        stages.iter().filter(|stage| stage.started_ms.is_some() && stage.state != State::Unchanged).collect();
    if duration_ms <= SHORTEST_MS || begun.is_empty() {
        return String::new();
    }
    let mut out = String::from("\n```mermaid\ngantt\n  dateFormat x\n  axisFormat %M:%S\n");
    for (at, stage) in begun.iter().take(NODES).enumerate() {
        let (from, to) = (stage.started_ms.unwrap_or_default(), stage.ended_ms.unwrap_or(duration_ms));
        let tag = match stage.state {
            State::Failed | State::Refused => "crit, ",
            State::Done => "done, ",
            _ => "active, ",
        };
        // A bar of no width is not drawn.
        out.push_str(&format!("  {} :{tag}s{at}, {from}, {}\n", plain(&stage.stage), to.max(from + 500)));
    }
    out.push_str("```\n\n| stage | state | from | took | |\n|---|---|---|---|---|\n");
    for stage in &begun {
        let (from, to) = (stage.started_ms.unwrap_or_default(), stage.ended_ms.unwrap_or(duration_ms));
        out.push_str(&format!(
            "| {} | {} | {} | {} | {} |\n",
            plain(&stage.stage),
            live::word(stage.state),
            words::duration(from),
            words::duration(to.saturating_sub(from)),
            plain(&live::summary(stage)),
        ));
    }
    out
}

/// Characters that are markup neither to mermaid nor to a table.
fn plain(text: &str) -> String {
    let text = words::cut(text, 80);
    text.chars().map(|c| if c.is_alphanumeric() || " -–_.·…/".contains(c) { c } else { ' ' }).collect()
}
