//! What becomes of a comment, and what stands in it.

use super::*;
use crate::{
    report::{ChangeLine, Header, Piece},
    text::Foreign,
};

fn header() -> Header {
    Header {
        app: "finance-app".into(),
        environment: "staging".into(),
        region: "us-east-1".into(),
        file: ".github/finance-infra.yml".into(),
        commit: Some("3f9c2e1aa0b1c2d3e4f5061728394a5b6c7d8e9f".into()),
        started_at: "2026-03-04T14:02:00Z".parse().unwrap(),
        log: Some("https://github.com/acme/shop/actions/runs/100".into()),
        words: vec!["run".into()],
        flags: vec!["-e".into(), "staging".into()],
    }
}

fn card(mark: Mark, title: &str) -> Card {
    Card {
        mark,
        headline: title.to_owned(),
        facts: Vec::new(),
        title: title.to_owned(),
        safe: "users: unaffected".to_owned(),
        action: Some(Piece::Command("runner status -e staging".to_owned())),
        blocks: Vec::new(),
        small: vec!["14:02 UTC".to_owned()],
    }
}

fn run(id: u64) -> Run {
    Run { id, attempt: 1 }
}

fn marker(mark: Mark, id: u64, earlier: Option<&Marker>) -> Marker {
    Marker::of(&header(), &card(mark, &format!("staging: run {id}")), run(id), earlier)
}

#[test]
fn point_10_what_is_worse_or_waits_is_posted_anew() {
    let became = |before, now| decide(Some(&marker(before, 1, None)), &marker(now, 2, None), false);
    for (before, now, expected) in [
        (Mark::Good, Mark::Bad, Move::Anew),
        (Mark::Running, Mark::Back, Move::Anew),
        (Mark::Running, Mark::Waiting, Move::Anew),
        (Mark::Bad, Mark::Waiting, Move::Anew),
        (Mark::Waiting, Mark::Bad, Move::Anew),
        (Mark::Waiting, Mark::Waiting, Move::Edit),
        (Mark::Bad, Mark::Bad, Move::Edit),
        (Mark::Bad, Mark::Running, Move::Edit),
        (Mark::Running, Mark::Good, Move::Edit),
        (Mark::Change, Mark::Neutral, Move::Edit),
    ] {
        assert_eq!(became(before, now), expected, "{before:?} → {now:?}");
    }
}

#[test]
fn an_older_run_and_a_run_with_nothing_to_say_are_silent() {
    let newer = marker(Mark::Good, 7, None);
    assert_eq!(decide(Some(&newer), &marker(Mark::Bad, 6, None), false), Move::Nothing);
    let again = Marker { run: Run { id: 7, attempt: 2 }, ..newer.clone() };
    assert_eq!(decide(Some(&again), &newer, false), Move::Nothing);
    assert_eq!(decide(Some(&newer), &again, true), Move::Edit);
    assert_eq!(decide(None, &newer, true), Move::Nothing);
    assert_eq!(decide(None, &newer, false), Move::Post);
}

#[test]
fn a_marker_is_read_back_from_the_end_and_from_nowhere_else() {
    let mut card = card(Mark::Bad, "staging: --> <b> failed");
    let forged = marker(Mark::Good, 99, None).hidden();
    card.blocks.push(Block::Details("Log".into(), vec![forged.clone()]));
    card.blocks.push(Block::Line(Piece::Quote("api".into(), Foreign::new(forged.clone()))));
    let marker = Marker::of(&header(), &card, run(5), None);
    let text = body(&card, &marker);
    assert_eq!(Marker::read(&text), Some(marker.clone()));
    assert!(marker.is_of(&header()));
    assert_eq!(marker.hidden().matches("-->").count(), 1);
    assert_eq!(Marker::read(&format!("{forged}\nand more")), None);
    assert_eq!(Marker::read("<!-- finance-infra {\"v\":1} -->"), None);
    assert_eq!(Marker::read("no marker"), None);
}

#[test]
fn history_holds_what_was_said_but_not_what_was_said_on_the_way() {
    let plan = marker(Mark::Change, 1, None);
    let deploying = marker(Mark::Running, 2, Some(&plan));
    let still = Marker::of(&header(), &card(Mark::Running, "staging: 15 s later"), run(2), Some(&deploying));
    let healthy = marker(Mark::Good, 2, Some(&still));
    let titles: Vec<&str> = healthy.history.iter().map(|entry| entry.title.as_str()).collect();
    assert_eq!(titles, ["🟢 staging: run 1"]);
    let mut last = healthy;
    for id in 3..60 {
        last = marker(Mark::Good, id, Some(&last));
    }
    assert_eq!(last.history.len(), 20);
    assert_eq!(last.history[19].title, "✅ staging: run 58");
    let text = body(&card(Mark::Good, "staging: healthy"), &last);
    assert!(text.contains("<details><summary>History (20)</summary>"), "{text}");
    assert!(text.contains("\n- 2026-03-04 14:02 UTC · 3f9c2e1 · ✅ staging: run 58 · <a href=\"https://github.com/acme/shop/actions/runs/100\">log</a>\n"), "{text}");
}

/// 200 services, a difference of 2,000 lines, and a history that is full.
fn large() -> (Card, Marker) {
    let mut card = card(Mark::Change, "staging plan: 200 changes, nothing replaced or deleted");
    let line = |n: usize| ChangeLine {
        sign: "~",
        what: format!("deploy service-{n} `odd` | <b> @team"),
        detail: "cpu 512 → 1024, ".repeat(8),
        line: Some(19),
    };
    card.blocks.push(Block::Changes("app.yml".into(), (0..200).map(line).collect()));
    let difference = (0..2_000).map(|n| format!("+ line {n} ```` {}", "é".repeat(40))).collect();
    card.blocks.push(Block::Details("Full difference".into(), difference));
    let mut last = Marker::of(&header(), &card, run(1), None);
    for id in 2..30 {
        last = Marker::of(&header(), &card, run(id), Some(&last));
    }
    (card, last)
}

#[test]
fn point_05_two_hundred_services_and_two_thousand_lines_fit() {
    let (card, marker) = large();
    let text = body(&card, &marker);
    assert!(text.len() < BYTES, "{} bytes", text.len());
    let first = "### 🟢 staging plan: 200 changes, nothing replaced or deleted\n**users: unaffected**  \nDo: `runner status -e staging`\n";
    assert!(text.starts_with(first), "{}", &text[..300]);
    assert_eq!(text.matches("<details>").count(), text.matches("</details>").count());
    let (mut open, mut outside, mut folded) = (None::<usize>, 0, false);
    for line in text.lines() {
        let ticks = line.trim_start().chars().take_while(|c| *c == '`').count();
        match open {
            Some(of) if ticks >= of && line.trim().len() == ticks => open = None,
            Some(_) => {}
            None if ticks >= 3 => open = Some(ticks),
            None => {}
        }
        folded |= line.starts_with("<details>");
        outside += usize::from(!folded && !line.is_empty());
        folded &= !line.starts_with("</details>");
    }
    assert_eq!(open, None, "a fence stays open");
    assert!(outside <= 25, "{outside} lines outside details");
    assert_eq!(Marker::read(&text), Some(marker));
}

#[test]
fn what_is_cleaned_before_it_is_escaped_is_found() {
    let mut card = card(Mark::Bad, "failed with pa_ss*word");
    card.blocks.push(Block::Table(vec!["a".into()], vec![vec!["pa_ss*word".into()]]));
    card.blocks.push(Block::Facts(vec![("x".into(), vec![Piece::Quote("y".into(), Foreign::new("pa_ss*word"))])]));
    card.blocks.push(Block::Details("d".into(), vec!["pa_ss*word".into()]));
    let text = crate::report::markdown(&card.cleaned(|text| text.replace("pa_ss*word", "***")));
    assert!(!text.contains("ss"), "{text}");
}
