//! What a change set lists beyond the plan. A plan makes no change sets: it compares templates. In a run CloudFormation
//! compares too, and sees more: what the plan could not read, and what it does not know of a type.

use super::{Change, Replacement};

/// The changes of a change set of which the plan says nothing, or less: a resource or a property that it does not have,
/// or a replacement where it has a change in place.
pub fn beyond(planned: &[Change], listed: &[Change]) -> Vec<Change> {
    let is_new = |change: &&Change| {
        let mut own = planned.iter().filter(|planned| planned.subject == change.subject);
        let replaces = change.replacement == Replacement::Yes;
        if replaces && own.clone().all(|planned| planned.replacement != Replacement::Yes) {
            return true;
        }
        !own.any(|planned| tells(planned, change))
    };
    listed.iter().filter(is_new).cloned().collect()
}

/// Whether the one tells of the other: the whole of a resource of each of its properties, a property of what is below
/// it and above it, since a plan goes as far down as the values differ and a change set often does not.
fn tells(planned: &Change, listed: &Change) -> bool {
    if listed.is_creation() || listed.is_removal() {
        return (planned.is_creation(), planned.is_removal()) == (listed.is_creation(), listed.is_removal());
    }
    let (one, other) = (planned.property.as_str(), listed.property.as_str());
    let within =
        |path: &str, of: &str| path.strip_prefix(of).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'));
    one.is_empty() || within(one, other) || within(other, one)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::infra::Holds;

    fn change(subject: &str, property: &str, replacement: Replacement) -> Change {
        Change {
            scope: "database".into(),
            subject: subject.into(),
            kind: "AWS::RDS::DBInstance".into(),
            property: property.into(),
            before: Some("a".into()),
            after: Some("b".into()),
            replacement,
            holds: Holds::Nothing,
            span: None,
        }
    }

    fn whole(subject: &str, appears: bool) -> Change {
        let mut change = change(subject, "", Replacement::No);
        if appears {
            change.before = None
        } else {
            change.after = None
        }
        change
    }

    fn names(changes: &[Change]) -> Vec<String> {
        changes.iter().map(|change| format!("{}.{}", change.subject, change.property)).collect()
    }

    #[test]
    fn what_the_plan_tells_of_is_not_said_again() {
        let planned = [
            change("Database", "Tags.0.Value", Replacement::No),
            change("Database", "Engine", Replacement::Yes),
            whole("New", true),
            whole("Old", false),
        ];
        let listed = [
            change("Database", "Tags", Replacement::No),
            change("Database", "Engine", Replacement::Yes),
            change("Database", "Engine.Deep", Replacement::Maybe),
            change("New", "Anything", Replacement::No),
            whole("New", true),
            whole("Old", false),
        ];
        assert_eq!(names(&beyond(&planned, &listed)), Vec::<String>::new());
        assert_eq!(beyond(&planned, &[]), []);
    }

    #[test]
    fn another_resource_another_property_and_a_replacement_are_more() {
        let planned = [change("Database", "Tags", Replacement::No), whole("Old", false)];
        let listed = [
            change("Database", "TagsOfAll", Replacement::No),
            change("Database", "Tags", Replacement::Yes),
            change("Group", "Tags", Replacement::No),
            whole("Database", false),
            whole("Old", true),
        ];
        assert_eq!(beyond(&planned, &listed), listed);
        // Nothing could be compared: all of it is more.
        assert_eq!(beyond(&[], &listed), listed);
    }
}
