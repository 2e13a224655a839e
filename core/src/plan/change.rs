//! `Change`: one property that will differ.

use serde::Serialize;
use serde_json::Value as Json;

use crate::{infra::Holds, text::Span};

/// Whether a change replaces the resource.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Replacement {
    /// It changes in place.
    No,
    /// The service decides when it sees the value.
    Maybe,
    /// A new one is made and the old one deleted.
    Yes,
}

/// One property of one resource, before and after. A resource that appears or disappears is one change with an
/// empty property.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Change {
    /// The stack's key, or the service's name for what ECS owns.
    pub scope: String,
    /// The logical id, or `task definition`, `service`, `listener rule`, `autoscaling`.
    pub subject: String,
    /// `AWS::EC2::VPC`; empty for what ECS owns.
    pub kind: String,
    /// The property's path; empty when the whole appears or disappears.
    pub property: String,
    /// The value before; `None` where there was none.
    pub before: Option<Json>,
    /// The value after; `None` where there will be none.
    pub after: Option<Json>,
    /// Whether it replaces the resource.
    pub replacement: Replacement,
    /// What hangs on the resource.
    #[serde(skip)]
    pub holds: Holds,
    /// Where the file says so.
    pub span: Option<Span>,
}

impl Change {
    /// The same with every text passed through `clean`.
    pub fn cleaned(&self, clean: &impl Fn(&str) -> String) -> Self {
        let value = |value: &Option<Json>| value.as_ref().map(|value| cleaned(value, clean));
        Self { before: value(&self.before), after: value(&self.after), ..self.clone() }
    }

    /// The whole appears.
    pub fn is_creation(&self) -> bool {
        self.property.is_empty() && self.before.is_none()
    }

    /// The whole disappears.
    pub fn is_removal(&self) -> bool {
        self.property.is_empty() && self.after.is_none()
    }
}

fn cleaned(value: &Json, clean: &impl Fn(&str) -> String) -> Json {
    match value {
        Json::String(text) => Json::String(clean(text)),
        Json::Array(all) => all.iter().map(|value| cleaned(value, clean)).collect(),
        Json::Object(map) => map.iter().map(|(key, value)| (key.clone(), cleaned(value, clean))).collect(),
        other => other.clone(),
    }
}
