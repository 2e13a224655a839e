//! The conditions of a statement.
//! <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_condition_operators.html>

use serde_json::Value as Json;

use super::document::{Context, Unreadable, filled, glob, object, texts};

/// One key of one operator.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Test {
    set: Set,
    operator: Operator,
    if_exists: bool,
    key: String,
    values: Vec<String>,
}

/// How a key of several values is read.
/// <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-single-vs-multi-valued-context-keys.html>
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Set {
    One,
    Any,
    All,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Operator {
    Null,
    Match { how: How, negated: bool },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum How {
    Equal,
    EqualIgnoringCase,
    Like,
    Arn,
    Bool,
    Number(Order),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Order {
    Equal,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

/// Operators by name; what is not here is an error.
const OPERATORS: &[(&str, Operator)] = &[
    ("Null", Operator::Null),
    ("Bool", is(How::Bool)),
    ("StringEquals", is(How::Equal)),
    ("StringNotEquals", not(How::Equal)),
    ("StringEqualsIgnoreCase", is(How::EqualIgnoringCase)),
    ("StringNotEqualsIgnoreCase", not(How::EqualIgnoringCase)),
    ("StringLike", is(How::Like)),
    ("StringNotLike", not(How::Like)),
    // The two are the same.
    ("ArnEquals", is(How::Arn)),
    ("ArnLike", is(How::Arn)),
    ("ArnNotEquals", not(How::Arn)),
    ("ArnNotLike", not(How::Arn)),
    ("NumericEquals", is(How::Number(Order::Equal))),
    ("NumericNotEquals", not(How::Number(Order::Equal))),
    ("NumericLessThan", is(How::Number(Order::Less))),
    ("NumericLessThanEquals", is(How::Number(Order::LessOrEqual))),
    ("NumericGreaterThan", is(How::Number(Order::Greater))),
    ("NumericGreaterThanEquals", is(How::Number(Order::GreaterOrEqual))),
];

const fn is(how: How) -> Operator {
    Operator::Match { how, negated: false }
}

const fn not(how: How) -> Operator {
    Operator::Match { how, negated: true }
}

impl Test {
    /// Every test of a `Condition`; all must hold.
    pub(super) fn read_all(json: &Json) -> Result<Vec<Self>, Unreadable> {
        let mut all = Vec::new();
        for (name, keys) in object(json, "Condition")? {
            let (set, rest) = match name.split_once(':') {
                Some(("ForAnyValue", rest)) => (Set::Any, rest),
                Some(("ForAllValues", rest)) => (Set::All, rest),
                Some(_) => return Err(Unreadable::new(name, "the operator is not known")),
                None => (Set::One, name.as_str()),
            };
            let (rest, if_exists) = match rest.strip_suffix("IfExists") {
                Some(rest) if rest != "Null" => (rest, true),
                _ => (rest, false),
            };
            let operator = OPERATORS.iter().find(|(known, _)| *known == rest).map(|(_, operator)| *operator);
            let operator = operator.ok_or_else(|| Unreadable::new(name, "the operator is not known"))?;
            for (key, values) in object(keys, name)? {
                let values = texts(values, key)?;
                all.push(Self { set, operator, if_exists, key: key.to_ascii_lowercase(), values });
            }
        }
        Ok(all)
    }

    /// Whether it holds of a request.
    pub(super) fn holds(&self, context: &Context) -> Result<bool, Unreadable> {
        let found = context.get(&self.key).filter(|values| !values.is_empty());
        let Operator::Match { how, negated } = self.operator else {
            let absent = found.is_none();
            return Ok(self
                .values
                .iter()
                .any(|value| value.eq_ignore_ascii_case(if absent { "true" } else { "false" })));
        };
        let Some(found) = found else {
            return Ok(self.if_exists
                || match self.set {
                    Set::One => negated,
                    Set::Any => false,
                    Set::All => true,
                });
        };
        let one = |value: &String| {
            let hit = self.values.iter().any(|pattern| how.matches(pattern, value, context));
            hit != negated
        };
        match self.set {
            Set::Any => Ok(found.iter().any(one)),
            Set::All => Ok(found.iter().all(one)),
            Set::One if found.len() > 1 => {
                Err(Unreadable::new(&self.key, "it has several values, and the operator is for one"))
            }
            Set::One => Ok(found.iter().all(one)),
        }
    }
}

impl How {
    fn matches(self, pattern: &str, value: &str, context: &Context) -> bool {
        let Some(pattern) = filled(pattern, context) else { return false };
        match self {
            Self::Equal => pattern == value,
            Self::EqualIgnoringCase => pattern.eq_ignore_ascii_case(value),
            Self::Like => glob(&pattern, value),
            Self::Arn => arn_like(&pattern, value),
            Self::Bool => pattern.eq_ignore_ascii_case(value),
            Self::Number(order) => match (pattern.parse::<f64>(), value.parse::<f64>()) {
                (Ok(pattern), Ok(value)) => order.holds(value, pattern),
                _ => false,
            },
        }
    }
}

impl Order {
    fn holds(self, value: f64, limit: f64) -> bool {
        match self {
            Self::Equal => value == limit,
            Self::Less => value < limit,
            Self::LessOrEqual => value <= limit,
            Self::Greater => value > limit,
            Self::GreaterOrEqual => value >= limit,
        }
    }
}

/// Each of an ARN's six parts by itself, with wildcards.
fn arn_like(pattern: &str, value: &str) -> bool {
    let (pattern, value): (Vec<&str>, Vec<&str>) = (pattern.splitn(6, ':').collect(), value.splitn(6, ':').collect());
    pattern.len() == 6 && value.len() == 6 && pattern.iter().zip(&value).all(|(pattern, value)| glob(pattern, value))
}
