//! The card of a plan.

use crate::{
    plan::SecretNow,
    report::{
        PlanReport, PlanVerdict, Usually, by_item,
        card::{Block, Card, ChangeLine, Mark, Piece},
        planned::{Row, property},
        words,
    },
};

impl PlanReport {
    /// The card of this plan.
    pub fn card(&self) -> Card {
        let env = &self.header.environment;
        let id = &self.plan_id;
        let took = words::duration(self.duration_ms);
        let number = words::count(self.changes.len(), "change");
        if self.destroys {
            return self.destruction();
        }
        let (mark, head, title) = match self.verdict {
            PlanVerdict::Unchanged => {
                (Mark::Good, format!("{env} plan {id}: no changes"), format!("{env} plan: no changes"))
            }
            PlanVerdict::Changes => {
                let hurt = self.hurt();
                let mark = if self.replaced + self.deleted > 0 { Mark::Waiting } else { Mark::Change };
                (mark, format!("{env} plan {id}: {number}, {hurt}"), format!("{env} plan: {number}, {hurt}"))
            }
            PlanVerdict::Refused => {
                let refused = self.refused();
                (Mark::Bad, format!("{env} plan {id}: {refused}"), format!("{env} plan: {refused}"))
            }
        };
        let mut small = vec![format!("plan `{id}`")];
        small.extend(self.header.small_print(None, self.duration_ms));
        Card {
            mark,
            headline: head,
            facts: vec![took],
            title,
            safe: self.safe(),
            action: self.action(),
            blocks: self.blocks(),
            small,
        }
    }

    /// What goes with the environment.
    fn destruction(&self) -> Card {
        let env = &self.header.environment;
        let id = &self.plan_id;
        let gone = self.verdict == PlanVerdict::Unchanged;
        let (mark, what) = match self.verdict {
            PlanVerdict::Unchanged => (Mark::Good, "nothing of it is there".to_owned()),
            PlanVerdict::Refused => (Mark::Bad, self.refused()),
            PlanVerdict::Changes => (Mark::Waiting, format!("{} deleted", self.deleted)),
        };
        let stacks = self.changes.iter().filter(|row| row.what.starts_with("stack ")).count();
        let services = self.changes.iter().filter(|row| row.what.starts_with("service ")).count();
        let safe = if gone {
            "a destroy would write nothing".to_owned()
        } else {
            format!(
                "not safe: {env} ends, with {} and {}; what is kept is named below",
                words::count(services, "service"),
                words::count(stacks, "stack")
            )
        };
        let mut small = vec![format!("plan `{id}`")];
        small.extend(self.header.small_print(None, self.duration_ms));
        Card {
            mark,
            headline: format!("{env} destroy {id}: {what}"),
            facts: vec![words::duration(self.duration_ms)],
            title: format!("{env} destroy: {what}"),
            safe,
            action: (!gone).then(|| Piece::Command(self.header.again())),
            blocks: self.blocks(),
            small,
        }
    }

    fn refused(&self) -> String {
        let replacements = self.refusals.iter().filter(|refusal| refusal.what.what.starts_with("replacing")).count();
        let noun = if replacements == self.refusals.len() { "replacement" } else { "change" };
        format!("{} refused", words::count(self.refusals.len(), noun))
    }

    fn hurt(&self) -> String {
        match (self.replaced, self.deleted) {
            (0, 0) => "nothing replaced or deleted".to_owned(),
            (replaced, deleted) => format!("{replaced} replaced, {deleted} deleted"),
        }
    }

    fn safe(&self) -> String {
        match self.verdict {
            PlanVerdict::Unchanged => {
                let mut parts = Vec::new();
                if self.stacks_unchanged > 0 {
                    parts.push(words::count(self.stacks_unchanged, "stack"));
                }
                if self.services_unchanged > 0 {
                    parts.push(words::count(self.services_unchanged, "service"));
                }
                let what = if parts.is_empty() { "everything".to_owned() } else { parts.join(" and ") };
                format!("{what} as in {}; a run would write nothing", self.header.commit_or("the file"))
            }
            PlanVerdict::Changes if self.replaced + self.deleted > 0 => {
                "look twice: something that exists goes away; it holds no data and no traffic".to_owned()
            }
            PlanVerdict::Changes if self.may_replace > 0 => {
                format!("probably safe: AWS decides on {}", words::count(self.may_replace, "replacement"))
            }
            PlanVerdict::Changes => "safe: nothing that exists goes away".to_owned(),
            PlanVerdict::Refused => {
                let why = self.refusals.first().map(|refusal| refusal.what.why.as_str()).unwrap_or_default();
                format!("not safe: {why}")
            }
        }
    }

    fn action(&self) -> Option<Piece> {
        match self.verdict {
            PlanVerdict::Unchanged => None,
            PlanVerdict::Changes => Some(Piece::Command(self.header.command(["run", "--expect", &self.plan_id]))),
            PlanVerdict::Refused => self.refusals.first().map(|refusal| Piece::words(refusal.what.remedy.clone())),
        }
    }

    fn blocks(&self) -> Vec<Block> {
        let mut blocks = Vec::new();
        let refused = self.refusals.iter().map(|refusal| ChangeLine {
            sign: "!",
            what: format!("refused: {}", refusal.what.what),
            detail: refusal.what.why.clone(),
            line: None,
        });
        let shown: Vec<ChangeLine> = refused.chain(self.changes.iter().map(line)).collect();
        if !shown.is_empty() {
            blocks.push(Block::Changes(self.header.file.clone(), shown));
        }
        // What hurts is counted even where there is none of it.
        if self.verdict != PlanVerdict::Unchanged {
            let mut sums = vec![format!("replaced {}", self.replaced), format!("deleted {}", self.deleted)];
            if self.may_replace > 0 {
                sums.insert(1, format!("may be replaced {}", self.may_replace));
            }
            sums.push(format!("{} unchanged", words::count(self.stacks_unchanged, "stack")));
            sums.extend(self.usually.map(Usually::words));
            blocks.push(Block::Line(Piece::Words(sums.join(" · "))));
        }
        if let Some(cost) = &self.cost {
            blocks.push(Block::Line(Piece::Words(cost.sum.line())));
        }
        let lines = self.kept.iter().map(|kept| format!("kept: {kept}"));
        let lines =
            lines.chain(self.orphans.iter().map(|orphan| {
                format!("no longer in the file, left alone: {orphan} (`runner run --prune` removes it)")
            }));
        let lines = lines.chain(self.warnings.iter().map(|warning| format!("warning: {}", warning.text)));
        blocks.extend(lines.map(|line| Block::Line(Piece::Words(line))));
        let full: Vec<String> = self.changes.iter().flat_map(full).collect();
        if !full.is_empty() {
            blocks.push(Block::Details("Full difference".to_owned(), full));
        }
        if !self.secrets.is_empty() && self.verdict != PlanVerdict::Unchanged {
            let rows: Vec<Vec<String>> = self.secrets.iter().map(secret).collect();
            blocks.push(Block::Details("Secrets, without values".to_owned(), words::columns(&rows)));
        }
        if let Some(cost) = &self.cost {
            blocks.push(Block::Details("Cost by item".to_owned(), by_item(cost)));
        }
        blocks
    }
}

/// Its name, version and the day of its last write.
fn secret(secret: &SecretNow) -> Vec<String> {
    let version = match secret.version {
        0 => "not there".to_owned(),
        version => format!("version {version}"),
    };
    let day = secret.modified.and_then(|seconds| jiff::Timestamp::from_second(seconds).ok());
    vec![secret.name.clone(), version, day.map(|day| day.strftime("%Y-%m-%d").to_string()).unwrap_or_default()]
}

fn line(row: &Row) -> ChangeLine {
    ChangeLine {
        sign: row.sign.glyph(),
        what: row.what.clone(),
        detail: row.detail(),
        line: row.span.map(|span| span.line),
    }
}

/// A row and all its properties, as `diff` colours them.
fn full(row: &Row) -> Vec<String> {
    let head = format!("{} {}", row.sign.glyph(), row.what);
    let rest = row.changes.iter().map(|change| match (change.is_creation(), change.is_removal()) {
        (true, _) => format!("+   {} {}", change.subject, change.kind),
        (_, true) => format!("-   {} {}", change.subject, change.kind),
        _ => format!("    {}", property(change, 400)),
    });
    std::iter::once(head).chain(rest).collect()
}
