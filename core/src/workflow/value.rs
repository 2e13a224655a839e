//! Leaves of the file: texts that may wait for another stage's output.

use serde::Serialize;

/// A text that is known, or waits for what another stage makes.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Value {
    /// The text itself.
    Known(String),
    /// What it waits for, written as in the file: `${stacks.network.VpcId}`.
    Pending(String),
}

impl Value {
    /// The text where it is known.
    pub fn known(&self) -> Option<&str> {
        match self {
            Self::Known(text) => Some(text),
            Self::Pending(_) => None,
        }
    }

    /// The text, or the reference that stands for it.
    pub fn shown(&self) -> &str {
        match self {
            Self::Known(text) | Self::Pending(text) => text,
        }
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::Known(text.to_owned())
    }
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        Self::Known(text)
    }
}

/// Looks up what other stages made: an output of a stack by the stack's key and the output's name.
pub trait Outputs {
    /// The output, known or pending; `None` where that stack has no such output.
    fn output(&self, stack: &str, output: &str) -> Option<Value>;
}

/// A text of the file, interpolated but for the outputs of stacks.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Text(pub Vec<Part>);

/// A piece of a [`Text`].
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Part {
    /// Literal text.
    Literal(String),
    /// `${stacks.NAME.OUTPUT}`.
    Output {
        /// The stack's key, e.g. `network` or the name of an extra stack.
        stack: String,
        /// The output's name.
        output: String,
    },
}

impl Text {
    /// A literal text.
    pub fn literal(text: impl Into<String>) -> Self {
        Self(vec![Part::Literal(text.into())])
    }

    /// The text with every output put in; pending as long as one of them is.
    pub fn resolve(&self, outputs: &impl Outputs) -> Value {
        let mut text = String::new();
        let mut pending = false;
        for part in &self.0 {
            match part {
                Part::Literal(literal) => text.push_str(literal),
                Part::Output { stack, output } => match outputs.output(stack, output) {
                    Some(Value::Known(value)) => text.push_str(&value),
                    Some(Value::Pending(reference)) => {
                        pending = true;
                        text.push_str(&reference);
                    }
                    None => {
                        pending = true;
                        text.push_str(&format!("${{stacks.{stack}.{output}}}"));
                    }
                },
            }
        }
        if pending { Value::Pending(text) } else { Value::Known(text) }
    }

    /// The keys of the stacks whose outputs it uses.
    pub fn stacks(&self) -> impl Iterator<Item = &str> {
        self.0.iter().filter_map(|part| match part {
            Part::Output { stack, .. } => Some(stack.as_str()),
            Part::Literal(_) => None,
        })
    }
}
