//! How long a plan usually takes: the longest way through its nodes.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::Value as Json;

use super::words;
use crate::{
    infra::usual_seconds,
    plan::{Action, NodeId, Plan, PutStack, Replacement, StackMove},
};

/// Seconds: from, to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct Usually {
    /// At best.
    pub from_seconds: u64,
    /// At worst, as long as nothing is wrong and nobody has to act.
    pub to_seconds: u64,
}

impl Usually {
    const fn of((from_seconds, to_seconds): (u64, u64)) -> Self {
        Self { from_seconds, to_seconds }
    }

    fn most(self, other: Self) -> Self {
        Self {
            from_seconds: self.from_seconds.max(other.from_seconds),
            to_seconds: self.to_seconds.max(other.to_seconds),
        }
    }

    fn then(self, other: Self) -> Self {
        Self { from_seconds: self.from_seconds + other.from_seconds, to_seconds: self.to_seconds + other.to_seconds }
    }

    /// How long a plan usually takes; none where it does nothing.
    pub fn takes(plan: &Plan) -> Option<Self> {
        // Each node stands after those it needs.
        let mut ends: BTreeMap<&NodeId, Self> = BTreeMap::new();
        for planned in &plan.nodes {
            let own = planned.decision.iter().flatten().map(action).fold(Self::default(), Self::then);
            let begins = planned.node.needs.iter().filter_map(|need| ends.get(need).copied());
            let begins = begins.fold(Self::default(), Self::most);
            ends.insert(&planned.node.id, begins.then(own));
        }
        let whole = ends.into_values().fold(Self::default(), Self::most);
        (whole != Self::default()).then_some(whole)
    }

    /// `usually 8–14 min`.
    pub fn words(self) -> String {
        if self.to_seconds < 120 {
            return format!("usually under {}", words::duration(self.to_seconds.max(10) * 1000));
        }
        let (from, to) = ((self.from_seconds / 60).max(1), self.to_seconds.div_ceil(60));
        if from == to { format!("usually {to} min") } else { format!("usually {from}–{to} min") }
    }
}

fn action(action: &Action) -> Usually {
    Usually::of(match action {
        Action::PutStack(put) => return stack(put),
        Action::PushImage(push) if push.stand_in => (1, 3),
        Action::PushImage(_) => (30, 300),
        Action::RunTask(_) | Action::RunCommand(_) => (30, 180),
        Action::Follow(_) => (60, 240),
        Action::RemoveService(_) => (40, 180),
        Action::DeleteImages(_) | Action::DeleteRevisions(_) => (2, 20),
        _ => (1, 3),
    })
}

/// Resources of a stack are made side by side; the slowest tells.
fn stack(put: &PutStack) -> Usually {
    let base = Usually::of((5, 20));
    let kinds: Vec<String> = match put.step {
        StackMove::Protect | StackMove::Unprotect => return Usually::of((1, 3)),
        StackMove::Attach | StackMove::Import => return base,
        StackMove::Create | StackMove::Recreate => {
            let template: Json = serde_json::from_str(&put.body).unwrap_or_default();
            let resources = template["Resources"].as_object().cloned().unwrap_or_default();
            resources.values().filter_map(|it| it["Type"].as_str().map(str::to_owned)).collect()
        }
        StackMove::Delete => put.changes.iter().map(|change| change.kind.clone()).collect(),
        StackMove::Update => {
            let made = put
                .changes
                .iter()
                .filter(|change| change.replacement != Replacement::No || change.is_creation() || change.is_removal());
            made.map(|change| change.kind.clone()).collect()
        }
    };
    let slowest = kinds.iter().map(|kind| Usually::of(usual_seconds(kind))).fold(Usually::default(), Usually::most);
    base.then(slowest)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::{Follow, Node, Planned};

    #[test]
    fn the_longest_way_counts_and_not_the_sum() {
        let follow = |service: &str| {
            let revision = crate::workflow::Value::Known("x".into());
            Action::Follow(Follow { service: service.into(), revision, first: false })
        };
        let node = |name: &str, needs: &[&str]| Planned {
            node: Node {
                id: NodeId::of(name),
                needs: needs.iter().map(|need| NodeId::of(*need)).collect(),
                service: None,
            },
            decision: Ok(vec![follow(name)]),
        };
        let plan = Plan { nodes: vec![node("a", &[]), node("b", &[]), node("c", &["a"])], ..Plan::default() };
        let usually = Usually::takes(&plan).unwrap();
        assert_eq!((usually.from_seconds, usually.to_seconds), (120, 480));
        assert_eq!(usually.words(), "usually 2–8 min");
        assert_eq!(Usually::takes(&Plan::default()), None);
        assert_eq!(Usually::of((1, 3)).words(), "usually under 10s");
    }
}
