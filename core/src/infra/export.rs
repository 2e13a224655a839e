//! `Export`: an output of one stack that others may take, named once.

use std::borrow::Cow;

use serde_json::{Value as Json, json};

use super::{Parameter, Source, Template, reference};

/// An output of a stack, as the stack that has it and those that take it both name it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Export {
    /// The key of the stack that has it.
    pub stack: Cow<'static, str>,
    /// The output's name, which is also the name of the parameter that takes it.
    pub name: Cow<'static, str>,
    /// Whether it is one value or several joined by commas.
    pub many: bool,
    /// What it is, for people.
    pub about: &'static str,
}

impl Export {
    /// An output of one value.
    pub const fn one(stack: &'static str, name: &'static str, about: &'static str) -> Self {
        Self { stack: Cow::Borrowed(stack), name: Cow::Borrowed(name), many: false, about }
    }

    /// An output of several values, joined by commas.
    pub const fn many(stack: &'static str, name: &'static str, about: &'static str) -> Self {
        Self { stack: Cow::Borrowed(stack), name: Cow::Borrowed(name), many: true, about }
    }

    /// An output of one value whose stack or name depends on the file.
    pub fn named(stack: impl Into<Cow<'static, str>>, name: impl Into<Cow<'static, str>>, about: &'static str) -> Self {
        Self { stack: stack.into(), name: name.into(), many: false, about }
    }
}

impl Template {
    /// Gives this output of the template a value.
    pub fn export(&mut self, export: &Export, value: Json) {
        self.output(export.name.clone(), value, export.about);
    }

    /// Takes this output of an earlier stack as a parameter, and gives the reference to it.
    pub fn import(&mut self, export: &Export) -> Json {
        // Not AWS::EC2::VPC::Id and the like: CloudFormation looks those up with the caller's rights, which the deploy
        // role does not have, and the values are our own stacks'.
        // https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/cloudformation-supplied-parameter-types.html
        let kind = if export.many { "CommaDelimitedList" } else { "String" };
        let source = Source::Output { stack: export.stack.clone().into(), output: export.name.clone().into() };
        self.parameters.insert(export.name.clone().into(), Parameter { kind, source });
        reference(&export.name)
    }
}

/// Several values as one output: outputs are texts.
pub fn joined(values: &[Json]) -> Json {
    json!({ "Fn::Join": [",", values] })
}
