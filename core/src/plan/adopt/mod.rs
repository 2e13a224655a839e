//! `adopt`: what exists is taken into a stage's stacks, as it is, by change sets that import and do nothing else.
//!
//! [`Looking`] says what has to be asked of AWS until each resource of a template is found, or is not; [`Looking::end`]
//! makes of that what is shown and what is done. The import's template has the properties as they are, so that the next
//! plan shows what the file would change, and the next run changes it under the guard.
//! <https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/import-resources.html>

mod compare;
mod ending;
mod find;
mod looking;
mod resolve;

use std::collections::BTreeMap;

pub use looking::{Existing, Looking, Lookup, Pick};
use serde::Serialize;
use serde_json::{Value as Json, json};

use super::{Change, PutStack, Refusal};

/// A resource that exists, as a change set that imports names it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Import {
    /// Its logical id.
    pub id: String,
    /// `AWS::Logs::LogGroup`.
    pub kind: String,
    /// The properties that identify it, and their values.
    pub identifier: BTreeMap<String, String>,
}

/// A resource of a stage's stacks that is taken.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Adopted {
    /// The stack's physical name.
    pub stack: String,
    /// Its logical id.
    pub id: String,
    /// `AWS::Logs::LogGroup`.
    pub kind: String,
    /// What it is called in AWS: the values that identify it, in the order of the type's, with `|` between them.
    pub name: String,
    /// How it was found: "its name", "VpcId and CidrBlock".
    pub how: String,
    /// What the next run would change of it, by property.
    pub differences: Vec<Change>,
    /// Properties of the template that could not be compared.
    pub not_compared: Vec<String>,
}

/// A resource that is not taken.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Left {
    /// The stack's physical name.
    pub stack: String,
    /// Its logical id.
    pub id: String,
    /// `AWS::EC2::VPC`.
    pub kind: String,
    /// Why it was not found; empty where nothing is to be said of it.
    pub why: String,
    /// What could be it, each by its identifier, where more than one fits.
    pub candidates: Vec<String>,
    /// The flag that says which it is; empty where CloudFormation imports none of the type.
    pub flag: String,
}

/// What a stage would take.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Adoption {
    /// What exists and is taken, as it is.
    pub adopts: Vec<Adopted>,
    /// Of which more than one thing that exists could be it: a person says which.
    pub ambiguous: Vec<Left>,
    /// What does not exist, or was not found, and is made by a run.
    pub creates: Vec<Left>,
    /// What is refused: the next run would replace what was taken.
    pub refusals: Vec<Refusal>,
    /// What is done for it.
    #[serde(skip)]
    pub puts: Vec<PutStack>,
}

impl Adoption {
    /// Adds another stack's.
    pub fn add(&mut self, more: Self) {
        self.adopts.extend(more.adopts);
        self.ambiguous.extend(more.ambiguous);
        self.creates.extend(more.creates);
        self.refusals.extend(more.refusals);
        self.puts.extend(more.puts);
    }

    /// Whether it may be done: something is taken, nothing is open, nothing is refused.
    pub fn may_go(&self) -> bool {
        !self.puts.is_empty() && self.ambiguous.is_empty() && self.refusals.is_empty()
    }
}

impl PutStack {
    /// The same, asking which resources of its template exist under their names: that takes only what the stack would
    /// keep.
    /// <https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/import-resources-automatically.html>
    #[must_use]
    pub fn asking_by_name(&self) -> Self {
        let mut put = self.clone();
        let Ok(Json::Object(mut template)) = serde_json::from_str(&self.body) else { return put };
        for (_, resource) in template.get_mut("Resources").and_then(Json::as_object_mut).into_iter().flatten() {
            if resource["DeletionPolicy"] != "Retain" {
                resource["DeletionPolicy"] = json!("RetainExceptOnCreate");
            }
        }
        put.body = Json::Object(template).to_string();
        put
    }
}

#[cfg(test)]
mod tests;
