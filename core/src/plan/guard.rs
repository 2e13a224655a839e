//! The guard: which changes hurt, and are refused unless they are named.

use std::collections::BTreeSet;

use super::{Change, Refusal, Replacement};
use crate::infra::{self, Holds};

/// One refusal for each resource that would be replaced or removed while data or traffic hangs on it, unless its
/// logical id is among `allowed` (`--allow-replace`). It does not matter who says so: the plan's own comparison
/// or CloudFormation's change set.
pub fn guard(stack: &str, changes: &[Change], allowed: &BTreeSet<String>) -> Vec<Refusal> {
    let mut seen = BTreeSet::new();
    let mut refusals = Vec::new();
    for change in changes {
        let removed = change.is_removal();
        let replaced = change.replacement == Replacement::Yes;
        if change.holds == Holds::Nothing || !(removed || replaced) || allowed.contains(&change.subject) {
            continue;
        }
        if !seen.insert(change.subject.clone()) {
            continue;
        }
        let verb = if removed { "removing" } else { "replacing" };
        let because = if removed {
            "it is no longer in the file".to_owned()
        } else {
            let line = change.span.map(|span| format!(" (line {} of the file)", span.line)).unwrap_or_default();
            format!("{} changes{line} and AWS can only make a new one", change.property)
        };
        let harm = match change.holds {
            Holds::Data => "its data would be lost",
            _ => "running tasks or traffic depend on it until the services have moved",
        };
        refusals.push(Refusal::new(
            format!("{verb} {} ({}) in {stack}", change.subject, change.kind),
            format!("{because}; {harm}"),
            format!("{}; or accept the loss with --allow-replace {}", infra::way(&change.kind), change.subject),
        ));
    }
    refusals
}

#[cfg(test)]
mod tests {
    use super::*;

    fn change(property: &str, replacement: Replacement, holds: Holds) -> Change {
        Change {
            scope: "database".into(),
            subject: "Database".into(),
            kind: "AWS::RDS::DBInstance".into(),
            property: property.into(),
            before: Some("a".into()),
            after: (!property.is_empty()).then(|| "b".into()),
            replacement,
            holds,
            span: None,
        }
    }

    #[test]
    fn a_replacement_of_data_is_refused_once_and_can_be_allowed() {
        let changes =
            [change("Engine", Replacement::Yes, Holds::Data), change("KmsKeyId", Replacement::Yes, Holds::Data)];
        let refusals = guard("app-staging-database", &changes, &BTreeSet::new());
        assert_eq!(refusals.len(), 1);
        assert_eq!(refusals[0].what, "replacing Database (AWS::RDS::DBInstance) in app-staging-database");
        assert!(refusals[0].remedy.starts_with("take a snapshot"), "{}", refusals[0].remedy);
        assert!(guard("x", &changes, &BTreeSet::from(["Database".to_owned()])).is_empty());
    }

    #[test]
    fn the_line_of_the_file_that_forces_a_replacement_is_named() {
        let mut change = change("DBName", Replacement::Yes, Holds::Data);
        change.span = Some(crate::text::Span { line: 12, column: 3, length: 1 });
        let refusals = guard("x", &[change], &BTreeSet::new());
        assert!(refusals[0].why.starts_with("DBName changes (line 12 of the file)"), "{}", refusals[0].why);
    }

    #[test]
    fn a_removal_is_refused_and_changes_in_place_are_not() {
        assert_eq!(guard("x", &[change("", Replacement::No, Holds::Traffic)], &BTreeSet::new()).len(), 1);
        assert!(guard("x", &[change("Tags", Replacement::No, Holds::Data)], &BTreeSet::new()).is_empty());
        assert!(guard("x", &[change("Tags", Replacement::Yes, Holds::Nothing)], &BTreeSet::new()).is_empty());
    }
}
