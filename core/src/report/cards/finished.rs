//! The card of a run.

use super::users::{is_at_aws, is_rollback};
use crate::report::{
    Awaited, Failure, NodeState, Outcome, Paused, Said, ServiceState, State, Verdict,
    card::{Block, Card, Mark, Piece},
    live,
    outcome::worst_failure,
    waiting, words,
};

/// Lines of evidence a card quotes; all of it is in the details.
const QUOTED: usize = 3;

impl Outcome {
    /// The card of this outcome.
    pub fn card(&self) -> Card {
        match self.verdict {
            Verdict::Unchanged | Verdict::Succeeded if self.destroys => self.destroyed(),
            Verdict::Unchanged => self.unchanged(),
            Verdict::Succeeded => self.succeeded(),
            _ => self.stopped(),
        }
    }

    fn env(&self) -> &str {
        &self.header.environment
    }

    fn took(&self) -> String {
        words::duration(self.duration_ms)
    }

    fn small(&self) -> Vec<String> {
        self.header.small_print(self.plan_id.as_ref().map(|id| format!("plan `{id}`")), self.duration_ms)
    }

    fn unchanged(&self) -> Card {
        let (running, desired) = tasks(&self.services);
        let mut parts = Vec::new();
        if self.stacks.unchanged > 0 {
            parts.push(words::count(self.stacks.unchanged, "stack"));
        }
        if !self.services.is_empty() {
            parts.push(words::count(self.services.len(), "service"));
        }
        let what = if parts.is_empty() { "everything".to_owned() } else { parts.join(" and ") };
        let verb =
            if what == "everything" || (parts.len() == 1 && what.starts_with("1 ")) { "matches" } else { "match" };
        let mut safe = format!("{what} {verb} {}", self.header.commit_or("the file"));
        if desired > 0 {
            safe.push_str(&format!(", {running}/{desired} tasks healthy"));
        }
        safe.push_str("; 0 writes");
        let mut blocks = Vec::new();
        if let Some(first) = self.warnings.first() {
            let more = self.warnings.len() - 1;
            let more = if more > 0 { format!(" (and {more} more)") } else { String::new() };
            blocks.push(Block::Line(Piece::words(format!("warning: {}{more}", first.what.text))));
        }
        Card {
            mark: Mark::Good,
            headline: format!("{} is unchanged", self.env()),
            facts: vec![self.took()],
            title: format!("{}: unchanged", self.env()),
            safe,
            action: None,
            blocks,
            small: self.small(),
        }
    }

    fn succeeded(&self) -> Card {
        let healthy = !self.services.is_empty();
        let mut facts = vec![self.took()];
        if self.first_deploy {
            facts.push("first deploy".to_owned());
        }
        if self.services.iter().any(|service| service.attached.is_some()) {
            facts.push("attached to what was under way".to_owned());
        }
        let begun = !healthy && self.begun();
        let fails = self.services.iter().find_map(|service| {
            let answer = service.probe.as_deref()?;
            let code: u16 = answer.split(' ').next()?.parse().ok()?;
            (500..600).contains(&code).then_some(())?;
            Some(format!("tasks are healthy, but {} answered {answer}: look at its logs", service.name))
        });
        let safe = match fails {
            Some(fails) => fails,
            None if healthy && tasks(&self.services).1 == 0 => "no task is set to run; nothing to do".to_owned(),
            None if healthy => format!("users are served by {}; nothing to do", self.served_by()),
            None if begun => "a rollout was begun, and its end was not waited for".to_owned(),
            None if self.may_be_rolled_out() => "users: no rollout was begun; nothing to do".to_owned(),
            None => format!("{}; nothing to do", self.users(None)),
        };
        let mut blocks = Vec::new();
        if healthy {
            blocks.push(services_table(&self.services));
        }
        blocks.push(Block::Line(Piece::words(self.sums())));
        blocks.extend(self.beyond_lines().into_iter().map(|line| Block::Line(Piece::words(line))));
        blocks.extend(self.left_out_lines());
        blocks.extend(self.warnings.iter().map(|warning| {
            let node = warning.node.as_ref().map(|node| format!("{node}: ")).unwrap_or_default();
            Block::Line(Piece::words(format!("warning: {node}{}", warning.what.text)))
        }));
        blocks.push(Block::Line(Piece::Command(self.header.command(["status"]))));
        blocks.push(self.stages_details());
        blocks.push(self.journal_details());
        blocks.extend(self.beyond_details());
        let (state, word) = match (healthy, begun) {
            (true, _) => ("is healthy", "healthy"),
            (false, true) => ("has a rollout under way", "rollout begun"),
            (false, false) => ("is up to date", "up to date"),
        };
        let title = format!("{}: {word} in {}", self.env(), self.took());
        Card {
            mark: Mark::Good,
            headline: format!("{} {state}", self.env()),
            facts,
            title,
            safe,
            action: begun.then(|| Piece::Command(self.header.command(["stage", "wait-healthy"]))),
            blocks,
            small: self.small(),
        }
    }

    /// Whether a service was created, or updated by more than its settings.
    fn begun(&self) -> bool {
        let mut changed = self.changed.iter().filter(|entry| entry.what.what.starts_with("ECS service"));
        self.rolls_out && changed.any(|entry| matches!(entry.what.verb, "created" | "updated"))
    }

    fn destroyed(&self) -> Card {
        let env = self.env();
        let (headline, safe) = match self.verdict {
            Verdict::Unchanged => (format!("nothing of {env} is there"), "0 writes".to_owned()),
            _ => (format!("{env} was destroyed"), "nobody is served by it any more".to_owned()),
        };
        let mut blocks = vec![Block::Line(Piece::words(self.sums()))];
        blocks.extend(self.kept.iter().map(|kept| Block::Line(Piece::words(format!("kept: {kept}")))));
        blocks.push(self.stages_details());
        blocks.push(self.journal_details());
        Card {
            mark: Mark::Good,
            title: format!("{env}: {headline}"),
            headline,
            facts: vec![self.took()],
            safe,
            action: None,
            blocks,
            small: self.small(),
        }
    }

    /// The commit that was brought out; a command that brings out none leaves the services' revisions.
    fn served_by(&self) -> String {
        let turned = self.header.words.first().is_some_and(|word| word == "rollback" || word == "approve");
        if !turned {
            return self.header.commit_or("what the file says").to_owned();
        }
        let revisions = self.services.iter().map(|service| format!("{} :{}", service.name, service.revision));
        revisions.collect::<Vec<_>>().join(", ")
    }

    /// `10 stacks, 74 resources created · 0 replaced · 0 deleted`
    fn sums(&self) -> String {
        let mut parts = Vec::new();
        if self.stacks.created > 0 {
            let resources = words::count(self.resources.created, "resource");
            parts.push(format!("{}, {resources} created", words::count(self.stacks.created, "stack")));
        } else if self.resources.created > 0 {
            parts.push(format!("{} created", words::count(self.resources.created, "resource")));
        }
        if self.stacks.changed > 0 {
            parts.push(format!("{} changed", words::count(self.stacks.changed, "stack")));
        }
        if self.stacks.deleted > 0 {
            parts.push(format!("{} deleted", words::count(self.stacks.deleted, "stack")));
        }
        parts.push(format!("{} replaced", self.resources.replaced));
        parts.push(format!("{} deleted", self.resources.deleted));
        if self.stacks.unchanged > 0 {
            parts.push(format!("{} unchanged", words::count(self.stacks.unchanged, "stack")));
        }
        parts.push(words::count(self.writes, "write"));
        parts.extend(self.cost.map(|cost| cost.after_words()));
        parts.join(" · ")
    }

    fn left_out_lines(&self) -> Vec<Block> {
        self.left_out
            .iter()
            .map(|(stack, kinds)| {
                Block::Line(Piece::words(format!("left out, unknown to this AWS: {} ({stack})", kinds.join(", "))))
            })
            .collect()
    }

    fn stages_details(&self) -> Block {
        let lines = self
            .stages
            .iter()
            .map(|stage| {
                let summary = live::summary(stage);
                let took = match (stage.started_ms, stage.ended_ms) {
                    (Some(from), Some(to)) => words::duration(to.saturating_sub(from)),
                    _ => "-".to_owned(),
                };
                vec![stage.stage.clone(), live::word(stage.state).to_owned(), took, summary]
            })
            .collect::<Vec<_>>();
        Block::Details("Stages".to_owned(), words::columns(&lines))
    }

    fn journal_details(&self) -> Block {
        let lines = self.changed.iter().map(|entry| format!("{} {}", entry.what.verb, entry.what.what)).collect();
        Block::Details("What was changed".to_owned(), lines)
    }

    /// Everything that did not end well, or not yet.
    fn stopped(&self) -> Card {
        let worst = worst_failure(&self.failures, self.exit);
        let (headline, title) = self.stopped_headline(worst);
        // A cause takes twelve lines: what else there is to say takes them from the evidence, which the details have whole.
        let tells = self.failures.is_empty() && self.fault.is_none();
        let refused = self.refusals.len().min(if tells { 4 } else { 1 });
        let mut beyond = self.beyond_lines();
        if !tells {
            beyond.truncate(QUOTED - 1 - refused);
        }
        let quoted = QUOTED.saturating_sub(refused + beyond.len()).max(1);
        let mut facts: Vec<(String, Vec<Piece>)> = Vec::new();
        let mut details = Vec::new();
        match worst {
            // Nothing is wrong: there is no cause to be named.
            Some(failure) if paused(failure).is_some() => {
                facts.extend(paused(failure).into_iter().flat_map(|(paused, _)| paused.facts()));
            }
            Some(failure) if matches!(self.verdict, Verdict::Paused | Verdict::Superseded) => {
                facts.push(("why".to_owned(), vec![Piece::Quote(String::new(), said(&failure.what))]));
            }
            Some(failure) if self.verdict != Verdict::Cancelled => {
                facts.extend(cause_facts(&failure.what, quoted));
                details.push(evidence_details(&failure.what));
            }
            _ => {}
        }
        if let (Some(fault), None) = (&self.fault, worst) {
            facts.push(("cause".to_owned(), vec![Piece::words(fault.code.as_deref().unwrap_or("unknown"))]));
            let said = vec![Piece::Quote(request(fault.request_id.as_deref()), fault.message.clone())];
            facts.push(("evidence".to_owned(), said));
        }
        for refusal in self.refusals.iter().take(refused) {
            let text = format!("{}: {}", refusal.what.what, refusal.what.why);
            facts.push(("refused".to_owned(), vec![Piece::words(text)]));
        }
        if !beyond.is_empty() {
            facts.push(("beyond plan".to_owned(), beyond.into_iter().map(Piece::Words).collect()));
        }
        // Time was up: what was seen to go wrong by then.
        if self.verdict == Verdict::StillRunning && worst.is_none() {
            let seen =
                self.warnings.iter().rev().take(2).map(|warning| Piece::words(words::cut(&warning.what.text, 160)));
            let seen: Vec<Piece> = seen.collect();
            if !seen.is_empty() {
                facts.push(("so far".to_owned(), seen));
            }
        }
        facts.push(("changed".to_owned(), vec![Piece::words(self.changed_line())]));
        if matches!(self.verdict, Verdict::Cancelled | Verdict::StillRunning) {
            let (goes_on, stopped) = self.under_way();
            let said =
                [("AWS goes on", goes_on), ("stopped", stopped)].into_iter().filter(|(_, nodes)| !nodes.is_empty());
            facts.extend(said.map(|(label, nodes)| (label.to_owned(), vec![Piece::words(nodes.join(" · "))])));
        }
        if !self.not_undone.is_empty() {
            facts.push(("not undone".to_owned(), vec![Piece::words(self.not_undone.join(" · "))]));
        }
        let others = self.failures.iter().filter(|other| worst.is_none_or(|worst| *other != worst));
        let (wait, failed): (Vec<_>, Vec<_>) = others.partition(|other| paused(other).is_some());
        if !failed.is_empty() {
            let names: Vec<String> = failed.into_iter().map(node_name).collect();
            facts.push(("also failed".to_owned(), vec![Piece::words(words::cut(&names.join(", "), 90))]));
        }
        if !wait.is_empty() {
            let approve = |(_, service)| self.header.command(["approve", service]);
            let commands: Vec<String> = wait.into_iter().filter_map(paused).map(approve).collect();
            facts.push(("also paused".to_owned(), vec![Piece::Command(commands.join("; "))]));
        }
        if let Some(command) = self.more(worst.map(|said| &said.what)) {
            facts.push(("more".to_owned(), vec![Piece::Command(command)]));
        }
        let mut blocks = Vec::new();
        blocks.extend(worst.and_then(paused).and_then(|(paused, _)| paused.table()));
        if self.verdict == Verdict::Waiting && !self.awaits.is_empty() {
            blocks.extend(waiting::blocks(&self.awaits(), true));
        }
        blocks.push(Block::Facts(facts));
        blocks.extend(details);
        blocks.push(self.stages_details());
        blocks.push(self.journal_details());
        blocks.extend(self.beyond_details());
        Card {
            mark: self.mark(),
            headline,
            facts: vec![self.took()],
            title,
            safe: self.users(worst),
            action: Some(self.remedy(worst.map(|said| &said.what))),
            blocks,
            small: self.small(),
        }
    }

    fn awaits(&self) -> Vec<&Said<Awaited>> {
        self.awaits.iter().collect()
    }

    /// What was at work at the end: what AWS goes on with, and what ended with us.
    fn under_way(&self) -> (Vec<String>, Vec<String>) {
        let (goes_on, stopped): (Vec<_>, Vec<_>) = self.nodes_in(State::Running).partition(|node| is_at_aws(node));
        let name = |node: &NodeState| {
            let progress = node.progress.as_deref().map(|text| format!(": {}", words::cut(text, 80)));
            format!("{}{}", node.node, progress.unwrap_or_default())
        };
        (goes_on.into_iter().map(name).collect(), stopped.into_iter().map(name).collect())
    }

    fn mark(&self) -> Mark {
        match self.verdict {
            Verdict::RolledBack => Mark::Back,
            Verdict::Waiting | Verdict::Paused => Mark::Waiting,
            Verdict::StillRunning => Mark::Running,
            Verdict::Superseded | Verdict::Cancelled => Mark::Neutral,
            _ => Mark::Bad,
        }
    }

    fn stopped_headline(&self, worst: Option<&Said<Failure>>) -> (String, String) {
        let (env, took) = (self.env(), self.took());
        let scope = worst.and_then(|failure| failure.node.as_ref()?.scope.clone());
        let who = scope.unwrap_or_else(|| worst.map(node_name).unwrap_or_else(|| env.to_owned()));
        match self.verdict {
            // ECS went back to what was to be left.
            Verdict::RolledBack if worst.is_some_and(is_rollback) => (
                format!("{who} could not be rolled back on {env}"),
                format!("{env}: rollback of {who} failed after {took}"),
            ),
            Verdict::RolledBack => {
                (format!("{who} was rolled back on {env}"), format!("{env}: {who} rolled back after {took}"))
            }
            Verdict::Superseded => (
                format!("{who} was superseded on {env} by a newer run"),
                format!("{env}: {who} superseded by a newer run"),
            ),
            Verdict::Paused if worst.and_then(paused).is_some() => {
                let words = worst.and_then(paused).map(|(paused, _)| paused.headline()).unwrap_or_default();
                (format!("{who} is paused on {env}: {words}"), format!("{env}: {who}, {words}"))
            }
            Verdict::Paused => {
                (format!("{who} is paused on {env}, waiting for you"), format!("{env}: {who} paused, waiting for you"))
            }
            Verdict::Waiting if !self.awaits.is_empty() => {
                let words = waiting::headline(&self.awaits());
                (format!("{env} is {words}"), format!("{env}: {words}"))
            }
            Verdict::Waiting => (format!("{env} is waiting for you"), format!("{env}: waiting for you")),
            Verdict::StillRunning if worst.is_some() => (
                format!("{who} could not be watched to its end on {env}"),
                format!("{env}: {who} goes on unwatched after {took}"),
            ),
            Verdict::StillRunning => {
                (format!("{env} is still running, time is up"), format!("{env}: still running after {took}"))
            }
            Verdict::Cancelled => (
                format!("{env} is no longer watched, cancelled"),
                match self.goes_on().next() {
                    Some(_) => format!("{env}: cancelled after {took}, AWS goes on"),
                    None => format!("{env}: cancelled after {took}"),
                },
            ),
            _ => match (worst, &self.fault) {
                (Some(failure), _) => {
                    let name = node_name(failure);
                    let rest = self.rest(&failure.what);
                    (format!("{name} failed on {env}"), format!("{env}: {name} failed after {took}{rest}"))
                }
                (None, Some(fault)) => {
                    (format!("{} failed for {env}", fault.doing), format!("{env}: {} failed", fault.doing))
                }
                (None, None) => {
                    let refused = words::count(self.refusals.len(), "change");
                    (format!("{refused} refused on {env}"), format!("{env}: {refused} refused"))
                }
            },
        }
    }

    fn remedy(&self, failure: Option<&Failure>) -> Piece {
        if matches!(self.verdict, Verdict::Cancelled | Verdict::StillRunning) {
            return Piece::Command(self.again.clone());
        }
        if self.verdict == Verdict::Waiting && failure.is_none() && !self.awaits.is_empty() {
            return Piece::Words(format!("create the DNS records below, then run it again: `{}`", self.again));
        }
        if let Some((_, service)) = worst_failure(&self.failures, self.exit).and_then(paused) {
            let (go, back) =
                (self.header.command(["approve", service]), self.header.command(["approve", service, "--reject"]));
            return Piece::Words(format!("continue it: `{go}`, or turn it back: `{back}`"));
        }
        let refusal = self.refusals.iter().find(|refusal| refusal.what.exit == self.exit).or(self.refusals.first());
        let known = failure
            .and_then(|failure| failure.remedy.clone())
            .or_else(|| self.fault.as_ref().and_then(|fault| fault.hint.clone()))
            .or_else(|| refusal.map(|refusal| refusal.what.remedy.clone()));
        match (known, self.verdict) {
            (Some(remedy), _) => Piece::Words(remedy),
            (None, Verdict::Superseded) => Piece::Command(self.header.command(["status"])),
            (None, _) => Piece::Words(format!("see the evidence below, then run it again: `{}`", self.again)),
        }
    }

    fn more(&self, failure: Option<&Failure>) -> Option<String> {
        match failure.and_then(|failure| failure.cause.as_ref()) {
            Some((cause, certainty)) if certainty != "unknown" => {
                Some(format!("runner explain {}", words::shell(cause)))
            }
            _ if self.verdict == Verdict::Failed && self.fault.is_some() => {
                Some(format!("runner explain exit-{}", self.exit_code))
            }
            _ => Some(self.header.command(["status"])),
        }
    }

    fn changed_line(&self) -> String {
        if self.changed.is_empty() {
            let known = self.goes_on().next().is_none();
            return if known { "nothing" } else { "nothing that has ended yet" }.to_owned();
        }
        let entries: Vec<String> =
            self.changed.iter().rev().map(|entry| format!("{} {}", entry.what.what, entry.what.verb)).collect();
        let shown = entries.iter().take(3).cloned().collect::<Vec<_>>().join(" · ");
        match entries.len().saturating_sub(3) {
            0 => shown,
            more => format!("{shown} · {more} more"),
        }
    }
}

/// A paused deployment, and its service.
fn paused(failure: &Said<Failure>) -> Option<(&Paused, &str)> {
    Some((failure.what.paused.as_deref()?, failure.node.as_ref()?.scope.as_deref()?))
}

pub(crate) fn node_name(failure: &Said<Failure>) -> String {
    failure.node.as_ref().map_or_else(|| failure.what.fault.doing.clone(), ToString::to_string)
}

fn request(id: Option<&str>) -> String {
    id.map(|id| format!("request {id}")).unwrap_or_default()
}

fn cause_facts(failure: &Failure, quoted: usize) -> Vec<(String, Vec<Piece>)> {
    let cause = match &failure.cause {
        Some((cause, certainty)) if cause == "unknown" || certainty == "unknown" => "unknown".to_owned(),
        Some((cause, certainty)) => {
            let then = failure.consequences.iter().map(|name| format!(" → {name}")).collect::<String>();
            format!("{cause} ({certainty}){then}")
        }
        None => "unknown".to_owned(),
    };
    let mut pieces = vec![Piece::Quote(request(failure.fault.request_id.as_deref()), said(failure))];
    let mut left = quoted.saturating_sub(1);
    for (from, line) in &failure.evidence {
        // One line each: a card has no room for a stack trace, the details have.
        let Some(first) = line.lines().next().filter(|_| left > 0) else { continue };
        pieces.push(Piece::Quote(from.clone(), words::middle(&words::short_arns(&first), 100).into()));
        left -= 1;
    }
    vec![("cause".to_owned(), vec![Piece::Words(cause)]), ("evidence".to_owned(), pieces)]
}

/// What the service or we said, on one line.
fn said(failure: &Failure) -> crate::text::Foreign {
    let fault = &failure.fault;
    let code = fault.code.as_ref().map(|code| format!("{code}: ")).unwrap_or_default();
    format!("{code}{}", fault.message.one_line()).into()
}

fn evidence_details(failure: &Failure) -> Block {
    let head = std::iter::once(failure.fault.headline());
    let lines = failure
        .evidence
        .iter()
        .flat_map(|(from, text)| text.lines().map(|line| format!("{from} │ {line}")).collect::<Vec<_>>());
    Block::Details("Evidence".to_owned(), head.chain(lines).collect())
}

fn tasks(services: &[ServiceState]) -> (u32, u32) {
    services.iter().fold((0, 0), |(running, desired), service| (running + service.running, desired + service.desired))
}

/// The table of services, without the columns in which nothing is known.
fn services_table(services: &[ServiceState]) -> Block {
    let head = ["service", "revision", "tasks", "healthy after", "answers", "url"];
    let rows: Vec<[String; 6]> = services
        .iter()
        .map(|service| {
            [
                service.name.clone(),
                format!(":{}", service.revision),
                format!("{}/{}", service.running, service.desired),
                service.healthy_after.map(|seconds| words::duration(seconds * 1000)).unwrap_or_default(),
                service.probe.clone().unwrap_or_default(),
                service.url.clone().unwrap_or_default(),
            ]
        })
        .collect();
    let kept: Vec<usize> = (0..head.len()).filter(|at| rows.iter().any(|row| !row[*at].is_empty())).collect();
    let pick = |row: &[String; 6]| kept.iter().map(|at| row[*at].clone()).collect::<Vec<_>>();
    Block::Table(kept.iter().map(|at| head[*at].to_owned()).collect(), rows.iter().map(pick).collect())
}
