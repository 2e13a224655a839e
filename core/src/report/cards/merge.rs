//! The card of a plan on a pull request: whether it may be merged, and what merging does. And that of a plan that could
//! not ask AWS, since the pull request comes from a fork.

use crate::report::{
    CostReport, Header, PlanReport, PlanVerdict,
    card::{Block, Card, Mark, Piece},
    words,
};

impl PlanReport {
    /// The card for the comment on a pull request.
    pub fn merge_card(&self) -> Card {
        let mut card = self.card();
        let hurts = self.replaced + self.deleted > 0;
        (card.safe, card.action) = match self.verdict {
            PlanVerdict::Unchanged => ("Safe to merge; merging changes nothing here".to_owned(), None),
            PlanVerdict::Refused => (format!("Do not merge yet; {}", card.safe), card.action),
            PlanVerdict::Changes if hurts => (
                format!("Look before you merge; merging deploys it; {}", card.safe),
                Some(Piece::words("read the rows marked `!` and `-` below; merge if you mean them")),
            ),
            PlanVerdict::Changes if self.may_replace > 0 => (
                format!("Probably safe to merge; merging deploys it; {}", card.safe),
                Some(Piece::words("read the rows marked `?` below; AWS decides when it sees the values")),
            ),
            PlanVerdict::Changes => ("Safe to merge; merging deploys it".to_owned(), None),
        };
        // Whoever merges sees the money beside the risk, and once.
        if let Some(cost) = &self.cost {
            let line = cost.sum.line();
            card.safe = format!("{}; {line}", card.safe);
            card.blocks.retain(|block| *block != Block::Line(Piece::Words(line.clone())));
        }
        card
    }
}

impl Card {
    /// A plan without AWS: the file is good, and this is what it describes. `why` it was not asked.
    pub fn offline(header: &Header, warnings: &[String], described: &str, why: &str, cost: &CostReport) -> Self {
        let env = &header.environment;
        let (duration_ms, costs) = (cost.duration_ms, cost.card());
        let mut blocks = vec![Block::Line(Piece::words(format!("{described}; {}", costs.title)))];
        blocks.extend(costs.blocks);
        blocks.extend(warnings.iter().map(|warning| Block::Line(Piece::words(format!("warning: {warning}")))));
        Self {
            mark: Mark::Neutral,
            headline: format!("{env}: the file is valid, AWS was not read"),
            facts: vec![words::duration(duration_ms)],
            title: format!("{env}: the file is valid, AWS was not read"),
            safe: format!("users: unaffected; what would change is not known: {why}"),
            action: Some(Piece::words("let someone with write access push the branch to this repository for a plan")),
            blocks,
            small: header.small_print(None, duration_ms),
        }
    }
}
