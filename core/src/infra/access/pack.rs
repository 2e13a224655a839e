//! Statements in as few managed policies as they fit in.

use crate::iam::{Policy, Statement};

/// The most characters of a managed policy; white space does not count.
/// <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html>
const LONGEST: usize = 6_144;

/// What a policy has beside its statements.
const FRAME: usize = 50;

/// The statements as policies, each short enough for IAM. A statement that is too long by itself is split over its
/// resources, or its actions.
pub fn pack(statements: &[Statement]) -> Vec<Policy> {
    let mut policies: Vec<(usize, Policy)> = Vec::new();
    for statement in statements.iter().flat_map(split) {
        let length = length(&statement);
        // The first that has room: policies stay few.
        match policies.iter_mut().find(|(used, _)| used + length <= LONGEST) {
            Some((used, policy)) => {
                *used += length;
                policy.statements.push(statement);
            }
            None => policies.push((FRAME + length, Policy::new([statement]))),
        }
    }
    policies.into_iter().map(|(_, policy)| policy).collect()
}

/// In characters, with the comma behind it. Intrinsics are longer as text than what they become.
fn length(statement: &Statement) -> usize {
    statement.to_json().to_string().len() + 1
}

fn split(statement: &Statement) -> Vec<Statement> {
    if length(statement) + FRAME <= LONGEST {
        return vec![statement.clone()];
    }
    let halve = |part: usize, cut: fn(&mut Statement, usize)| {
        let mut half = statement.clone();
        cut(&mut half, part);
        half.sid = format!("{}{}", statement.sid, if part == 0 { "A" } else { "B" }).into();
        half
    };
    // Two halves of "all but these" would be about everything.
    let halves = if statement.resources.len() > 1 && !statement.not_resources {
        [0, 1].map(|part| halve(part, |half, part| half.resources = cut(&half.resources, part)))
    } else if statement.actions.len() > 1 && !statement.not_actions {
        [0, 1].map(|part| halve(part, |half, part| half.actions = cut(&half.actions, part)))
    } else {
        return vec![statement.clone()];
    };
    halves.iter().flat_map(split).collect()
}

fn cut<T: Clone>(all: &[T], part: usize) -> Vec<T> {
    let middle = all.len().div_ceil(2);
    if part == 0 { all[..middle].to_vec() } else { all[middle..].to_vec() }
}
