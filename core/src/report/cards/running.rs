//! The card of a run that is under way, for its comment.

use crate::report::{
    Fold, Header,
    card::{Block, Card, Mark, Piece},
    live, waiting, words,
};

impl Card {
    /// What a comment says of a run that is under way.
    pub fn running(header: &Header, fold: &Fold, now_ms: u64) -> Self {
        let (env, took) = (&header.environment, words::duration(now_ms));
        let waits = fold.awaits();
        let commit = header.commit_or("the file");
        let (mark, title) = match waits.is_empty() {
            false => (Mark::Waiting, format!("{env}: {}", waiting::headline(&waits))),
            true => {
                let doing = match header.words.first().map(String::as_str) {
                    Some("destroy") => "being destroyed".to_owned(),
                    Some("rollback") => "rolling back".to_owned(),
                    _ => format!("deploying {commit}"),
                };
                (Mark::Running, format!("{env}: {doing}, {took}"))
            }
        };
        let mut blocks = Vec::new();
        if !waits.is_empty() {
            blocks.extend(waiting::blocks(&waits, false));
        }
        let rows: Vec<Vec<String>> = fold
            .stages()
            .iter()
            .filter(|stage| stage.started_ms.is_some())
            .map(|stage| {
                let took = stage.started_ms.map(|from| stage.ended_ms.unwrap_or(now_ms).saturating_sub(from));
                let took = took.map(words::duration).unwrap_or_default();
                vec![stage.stage.clone(), live::word(stage.state).to_owned(), took, live::summary(stage)]
            })
            .collect();
        blocks.push(Block::Table(["stage", "state", "took", ""].map(str::to_owned).to_vec(), rows));
        Self {
            mark,
            headline: title.clone(),
            facts: vec![took],
            title,
            safe: "users: served by what ran before, until new tasks are healthy".to_owned(),
            action: Some(match waits.is_empty() {
                false => Piece::words("create the DNS records below; the run goes on by itself"),
                true => Piece::Command(header.command(["status"])),
            }),
            blocks,
            small: header.small_print(fold.plan_id.as_ref().map(|id| format!("plan `{id}`")), now_ms),
        }
    }
}
