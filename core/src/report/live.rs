//! The pipeline while it runs: the tree of a terminal, and the lines of a log.

use super::{Event, Fact, Fold, Header, NodeState, StageState, State, Style, words};

/// Stage lines a tree has at most: more would scroll out of a small terminal.
const STAGES: usize = 18;

/// The word of a state.
pub(super) fn word(state: State) -> &'static str {
    match state {
        State::Waiting => "waiting",
        State::Unchanged => "unchanged",
        State::Done => "done",
        State::Skipped => "skipped",
        State::Running => "running",
        State::Refused => "refused",
        State::Failed => "failed",
    }
}

fn glyph(state: State, style: Style, frame: usize) -> String {
    let (unicode, ascii, color) = match state {
        State::Waiting => ("·", ".", "2"),
        State::Unchanged => ("✔", "ok", "2"),
        State::Done => ("✔", "ok", "32"),
        State::Skipped => ("·", "-", "2"),
        State::Running => (spinner(frame), "..", "34"),
        State::Refused | State::Failed => ("✖", "x", "31"),
    };
    style.paint(color, if style.unicode { unicode } else { ascii })
}

fn spinner(frame: usize) -> &'static str {
    const FRAMES: [&str; 10] = ["⠋", "⠙", "⠹", "⠸", "⠼", "⠴", "⠦", "⠧", "⠇", "⠏"];
    FRAMES[frame % FRAMES.len()]
}

/// What a stage did or does, in a few words: "19 created", "1 registered · 212 MB sent", "creating Database".
pub(super) fn summary(stage: &StageState) -> String {
    let mut parts: Vec<String> = Vec::new();
    match stage.state {
        State::Running => {
            let several = stage.nodes.len() > 1;
            let running = stage.nodes.iter().filter(|node| node.state == State::Running);
            parts.extend(running.filter_map(|node| progress(node, several)));
        }
        State::Unchanged | State::Waiting => parts.push(word(stage.state).to_owned()),
        State::Refused | State::Failed => {
            let bad = stage.nodes.iter().filter(|node| node.state == stage.state);
            let names: Vec<&str> = bad.filter_map(|node| node.node.scope.as_deref()).collect();
            parts.push(format!("{} {}", names.join(", "), word(stage.state)).trim_start().to_owned());
        }
        State::Skipped => parts.extend(stage.nodes.iter().find_map(|node| progress(node, false))),
        State::Done => {}
    }
    if stage.state != State::Running || parts.is_empty() {
        parts.extend(stage.counts.iter().map(|(verb, number)| format!("{number} {verb}")));
        if stage.bytes > 0 {
            parts.push(format!("{} sent", words::bytes(stage.bytes)));
        }
    }
    parts.join(" · ")
}

fn progress(node: &NodeState, named: bool) -> Option<String> {
    let text = crate::text::Foreign::new(node.progress.clone()?).one_line();
    match &node.node.scope {
        Some(scope) if named => Some(format!("{scope} {text}")),
        _ => Some(text),
    }
}

/// The tree: the header, a line for each stage that has begun, and the waiting stages on one line. No line is wider
/// than `width`.
pub fn tree(header: &Header, fold: &Fold, now_ms: u64, width: usize, frame: usize, style: Style) -> String {
    let stages = fold.stages();
    let begun: Vec<&StageState> = stages.iter().filter(|stage| stage.state != State::Waiting).collect();
    let hidden = begun.len().saturating_sub(STAGES);
    let mut rows: Vec<[String; 3]> = Vec::new();
    for stage in begun.iter().skip(hidden) {
        let took = stage.started_ms.map(|from| stage.ended_ms.unwrap_or(now_ms).saturating_sub(from));
        let took = match stage.state {
            State::Unchanged | State::Skipped => String::new(),
            _ => took.map(words::duration).unwrap_or_default(),
        };
        rows.push([stage.stage.clone(), took, summary(stage)]);
    }
    let name = rows.iter().map(|row| row[0].len()).max().unwrap_or(0);
    let time = rows.iter().map(|row| row[1].len()).max().unwrap_or(0);
    let mut lines = vec![words::cut(&title(header, now_ms), width)];
    if hidden > 0 {
        lines.push(format!("  {} earlier", words::count(hidden, "stage")));
    }
    for (stage, [stage_name, took, summary]) in begun.iter().skip(hidden).zip(&rows) {
        let text = format!("{stage_name:name$}  {took:>time$}  {summary}");
        let text = words::cut(text.trim_end(), width.saturating_sub(5));
        lines.push(format!("  {} {text}", glyph(stage.state, style, frame)));
    }
    let waiting: Vec<&str> =
        stages.iter().filter(|stage| stage.state == State::Waiting).map(|stage| stage.stage.as_str()).collect();
    if !waiting.is_empty() {
        let text = words::cut(&format!("waiting  {}", waiting.join(" ")), width.saturating_sub(5));
        lines.push(format!("  {} {text}", glyph(State::Waiting, style, frame)));
    }
    style.fit(&lines.join("\n"))
}

fn title(header: &Header, now_ms: u64) -> String {
    let commit = header.commit.as_deref().map(|commit| format!(" · {}", words::short(commit))).unwrap_or_default();
    format!("{} → {} · {}{commit}  {}", header.app, header.environment, header.region, words::duration(now_ms))
}

/// The first line of a log.
pub fn opening(header: &Header, style: Style) -> String {
    let commit = header.commit.as_deref().map(|commit| format!(" · {}", words::short(commit))).unwrap_or_default();
    style.fit(&format!("{} → {} · {}{commit}", header.app, header.environment, header.region))
}

/// The line of a log for an event, after the fold has taken it in; none for what is not worth one.
pub fn line(fold: &Fold, event: &Event, style: Style) -> Option<String> {
    let node = event.node.as_ref();
    let name = node.map(ToString::to_string).unwrap_or_default();
    let known = node.and_then(|node| fold.nodes.iter().find(|known| known.node == *node));
    let took = known
        .and_then(|node| Some(node.ended_ms?.saturating_sub(node.started_ms?)))
        .map(|ms| format!("  {}", words::duration(ms)))
        .unwrap_or_default();
    let state = |state: State, rest: String| Some(format!("{} {name}{took}{rest}", glyph(state, style, 0)));
    let said = match &event.fact {
        Fact::Started => Some(format!("{} {name} started", glyph(State::Waiting, style, 0))),
        Fact::Finished => {
            let stage = node.and_then(|node| own_summary(fold, node)).map(|text| format!("  {text}"));
            state(State::Done, stage.unwrap_or_default())
        }
        Fact::Refused(refusal) => state(State::Refused, format!("  refused: {}", refusal.what)),
        Fact::Failed(failure) => {
            state(State::Failed, format!("  failed: {}", words::cut(&failure.fault.headline(), 160)))
        }
        Fact::Skipped { because } => state(State::Skipped, format!("  skipped, needs {because}")),
        Fact::Awaits(awaited) => Some(warning(&name, &awaited.words())),
        Fact::Warning(text) => Some(warning(&name, text)),
        Fact::Line { from, line } => {
            Some(line.lines().map(|line| format!("{from} │ {line}")).collect::<Vec<_>>().join("\n"))
        }
        _ => None,
    }?;
    (!said.is_empty()).then(|| style.fit(&said))
}

fn warning(name: &str, text: &str) -> String {
    let text = crate::text::Foreign::new(text.to_owned()).one_line();
    format!("warning: {}{text}", if name.is_empty() { String::new() } else { format!("{name}: ") })
}

fn own_summary(fold: &Fold, node: &crate::plan::NodeId) -> Option<String> {
    let entries = fold.changed.iter().filter(|entry| entry.node.as_ref() == Some(node));
    let mut parts: Vec<String> = Vec::new();
    for entry in entries {
        let changed = &entry.what;
        if changed.resources.is_empty() {
            parts.push(format!("{} {}", changed.what, changed.verb));
        }
        parts.extend(changed.resources.iter().map(|(verb, number)| format!("{number} {verb}")));
        if changed.bytes > 0 {
            parts.push(format!("{} sent", words::bytes(changed.bytes)));
        }
    }
    (!parts.is_empty()).then(|| words::cut(&parts.join(" · "), 120))
}

/// What a log says when it was silent for long: every node at work, and what it said last.
pub fn sign_of_life(fold: &Fold, now_ms: u64, style: Style) -> String {
    let running = fold.nodes.iter().filter(|node| node.state == State::Running);
    let parts: Vec<String> = running
        .map(|node| match &node.progress {
            Some(_) => format!("{}: {}", node.node, progress(node, false).unwrap_or_default()),
            None => node.node.to_string(),
        })
        .collect();
    let what = if parts.is_empty() { "reading what is there".to_owned() } else { parts.join(" · ") };
    style.fit(&format!("… {} {}", words::duration(now_ms), words::cut(&what, 200)))
}
