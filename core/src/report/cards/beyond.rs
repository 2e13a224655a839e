//! What change sets list beyond the plan, in a run's card: a line for each stack, and all of it in the details.

use std::collections::BTreeMap;

use crate::{
    plan::{Change, Replacement},
    report::{Outcome, card::Block, planned::property, words},
};

/// Changes that a line names, and stacks that have a line.
const NAMED: usize = 2;

impl Outcome {
    /// `the change set of database also lists: Database EngineVersion 16.3 → 16.4`
    pub(super) fn beyond_lines(&self) -> Vec<String> {
        let mut by_stack: BTreeMap<&str, Vec<&Change>> = BTreeMap::new();
        for said in &self.beyond_plan {
            by_stack.entry(&said.what.scope).or_default().push(&said.what);
        }
        let more = by_stack.len().saturating_sub(NAMED);
        let mut lines: Vec<String> = by_stack
            .into_iter()
            .take(NAMED)
            .map(|(stack, changes)| {
                let mut named: Vec<String> = changes.iter().take(NAMED).map(|change| told(change, 24)).collect();
                let rest = changes.len().saturating_sub(NAMED);
                if rest > 0 {
                    named.push(format!("{rest} more"));
                }
                format!("the change set of {stack} also lists: {}", named.join(", "))
            })
            .collect();
        if more > 0 {
            lines.push(format!("so do those of {}", words::count(more, "stack")));
        }
        lines
    }

    /// All of it.
    pub(super) fn beyond_details(&self) -> Option<Block> {
        let line = |change: &Change| format!("{} {} ({})", change.scope, told(change, 60), change.kind);
        let lines: Vec<String> = self.beyond_plan.iter().map(|said| line(&said.what)).collect();
        (!lines.is_empty()).then(|| Block::Details("What change sets list beyond the plan".to_owned(), lines))
    }
}

/// `Group Description a → b, replaced`
fn told(change: &Change, limit: usize) -> String {
    let subject = &change.subject;
    if change.is_creation() {
        return format!("{subject} is created");
    }
    if change.is_removal() {
        return format!("{subject} is deleted");
    }
    let replaced = match change.replacement {
        Replacement::Yes => ", replaced",
        Replacement::Maybe => ", may be replaced",
        Replacement::No => "",
    };
    // An endpoint without the values names the property alone.
    let what = match (&change.before, &change.after) {
        (None, None) => change.property.clone(),
        _ => property(change, limit),
    };
    format!("{subject} {what}{replaced}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        infra::Holds,
        plan::{Fault, NodeId},
        report::{End, Event, Fact, Failure, Fold, Header, markdown, text},
    };

    fn change(stack: &str, subject: &str, property: &str, after: &str) -> Change {
        Change {
            scope: stack.into(),
            subject: subject.into(),
            kind: "AWS::RDS::DBInstance".into(),
            property: property.into(),
            before: Some("16.3".into()),
            after: Some(after.into()),
            replacement: Replacement::No,
            holds: Holds::Nothing,
            span: None,
        }
    }

    fn ended(facts: Vec<Fact>) -> Outcome {
        let mut fold = Fold::default();
        for fact in facts {
            let event = Event { at_ms: 1, node: Some(NodeId::of("bootstrap-database")), fact };
            fold.apply(&event.cleaned(|text| text.replace("s3cret", "***")));
        }
        let header = Header {
            app: "a".into(),
            environment: "staging".into(),
            region: "us-east-1".into(),
            file: "f.yml".into(),
            commit: None,
            started_at: "2026-03-04T14:02:00Z".parse().unwrap(),
            log: None,
            words: vec!["run".into()],
            flags: Vec::new(),
        };
        Outcome::of(&header, &fold, End::default())
    }

    #[test]
    fn a_run_shows_what_the_change_sets_list_beyond_the_plan() {
        let mut replaced = change("database", "Group", "Description", "s3cret");
        replaced.replacement = Replacement::Yes;
        let mut gone = change("database", "Old", "", "");
        gone.after = None;
        let listed = vec![change("database", "Database", "EngineVersion", "16.4"), replaced, gone];
        let changed = Fact::Changed(crate::report::Changed::new("updated", "stack a-staging-database"));
        // Compared again after a race, it is said once.
        let outcome = ended(vec![Fact::Beyond(listed.clone()), Fact::Beyond(listed), changed, Fact::Finished]);
        assert_eq!(outcome.beyond_plan.len(), 3);
        assert_eq!(
            outcome.beyond_lines(),
            ["the change set of database also lists: Database EngineVersion 16.3 → 16.4, \
              Group Description 16.3 → ***, replaced, 1 more"]
        );
        let shown = markdown(&outcome.card());
        assert!(shown.contains("also lists: Database EngineVersion 16.3"), "{shown}");
        assert!(shown.contains("database Old is deleted (AWS::RDS::DBInstance)"), "{shown}");
        let json = serde_json::to_value(&outcome).unwrap();
        assert_eq!(json["beyond_plan"][1]["property"], "Description");
        assert_eq!(json["beyond_plan"][1]["replacement"], "yes");
        assert_eq!(json["beyond_plan"][1]["node"], "bootstrap-database");
        assert!(!json.to_string().contains("s3cret"));
    }

    #[test]
    fn a_run_that_failed_shows_it_too_and_many_stacks_take_few_lines() {
        let stacks = ["a", "b", "c", "d"];
        let mut facts: Vec<Fact> =
            stacks.iter().map(|stack| Fact::Beyond(vec![change(stack, "X", "P", "1")])).collect();
        facts.push(Fact::Failed(Box::new(Failure::from(Fault::new("updating", "no")))));
        let outcome = ended(facts);
        assert_eq!(outcome.beyond_lines().len(), 3);
        assert_eq!(outcome.beyond_lines()[2], "so do those of 2 stacks");
        let plain = crate::report::Style { color: false, unicode: true, details: false };
        let shown = text(&outcome.card(), plain);
        assert!(
            shown.contains("beyond plan") && shown.contains("the change set of a also lists: X P 16.3 → 1"),
            "{shown}"
        );
    }

    #[test]
    fn what_has_no_values_names_its_property_alone() {
        let mut bare = change("a", "X", "Tags", "");
        (bare.before, bare.after) = (None, None);
        bare.replacement = Replacement::Maybe;
        assert_eq!(told(&bare, 10), "X Tags, may be replaced");
    }
}
