//! `adopt`: a stack that takes what exists instead of making it. CloudFormation itself finds it: a change set can be
//! asked to import each resource whose name is written in the template and taken already, and says which it would.
//! <https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/import-resources-automatically.html>

use serde::Serialize;
use serde_json::{Value as Json, json};

use super::{PutStack, Stack};

/// What marks the hash of a stack that adopted: the next run differs from it, and puts the template itself.
const MARK: &str = "-adopted";

/// A resource of a stack's, as a change set that adopts names it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Adopted {
    /// The stack's physical name.
    pub stack: String,
    /// Its logical id.
    pub id: String,
    /// `AWS::Logs::LogGroup`.
    pub kind: String,
    /// What it is called in AWS; empty where it is yet to be made.
    pub name: String,
}

/// What a stage's change sets would do to what exists.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Adoption {
    /// What exists and is taken, as it is.
    pub adopts: Vec<Adopted>,
    /// What does not exist, or has no name to be found by, and is made anew.
    pub creates: Vec<Adopted>,
}

impl PutStack {
    /// The same, that adopts: everything is kept whatever becomes of the stack, as an import demands, but what a failed
    /// operation made itself; and with a hash of its own, so that the next run puts the policies that the template has.
    #[must_use]
    pub fn adopting(&self) -> Self {
        let mut put = self.clone();
        let Ok(Json::Object(mut template)) = serde_json::from_str(&self.body) else { return put };
        for (_, resource) in template.get_mut("Resources").and_then(Json::as_object_mut).into_iter().flatten() {
            if resource["DeletionPolicy"] != "Retain" {
                resource["DeletionPolicy"] = json!("RetainExceptOnCreate");
            }
        }
        put.hash = format!("{}{MARK}", self.hash);
        if let Some(output) = template.get_mut("Outputs").and_then(|outputs| outputs.get_mut(Stack::HASH)) {
            output["Value"] = json!(put.hash);
        }
        put.body = Json::Object(template).to_string();
        put
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::plan::StackMove;

    fn put(body: Json) -> PutStack {
        PutStack {
            key: "services".into(),
            name: "shop-staging-services".into(),
            region: "us-east-1".into(),
            step: StackMove::Create,
            body: body.to_string(),
            parameters: BTreeMap::new(),
            tags: BTreeMap::new(),
            hash: "abc".into(),
            holds: BTreeMap::new(),
            changes: Vec::new(),
        }
    }

    #[test]
    fn what_is_adopted_outlives_its_stack_and_the_next_run_differs() {
        let body = json!({
            "Resources": {
                "Logs": { "Type": "AWS::Logs::LogGroup", "Properties": { "LogGroupName": "/ecs/api" } },
                "Bucket": { "Type": "AWS::S3::Bucket", "DeletionPolicy": "Retain", "UpdateReplacePolicy": "Retain" },
                "Data": { "Type": "AWS::RDS::DBInstance", "DeletionPolicy": "Snapshot" },
            },
            "Outputs": { "TemplateHash": { "Value": "abc" }, "Name": { "Value": { "Ref": "Logs" } } },
        });
        let adopting = put(body).adopting();
        assert_eq!(adopting.hash, "abc-adopted");
        let sent: Json = serde_json::from_str(&adopting.body).unwrap();
        assert_eq!(
            sent,
            json!({
                "Resources": {
                    "Logs": {
                        "Type": "AWS::Logs::LogGroup",
                        "Properties": { "LogGroupName": "/ecs/api" },
                        "DeletionPolicy": "RetainExceptOnCreate",
                    },
                    "Bucket": { "Type": "AWS::S3::Bucket", "DeletionPolicy": "Retain", "UpdateReplacePolicy": "Retain" },
                    "Data": { "Type": "AWS::RDS::DBInstance", "DeletionPolicy": "RetainExceptOnCreate" },
                },
                "Outputs": { "TemplateHash": { "Value": "abc-adopted" }, "Name": { "Value": { "Ref": "Logs" } } },
            })
        );
    }

    #[test]
    fn a_move_without_a_template_stays_as_it_is() {
        let attach = PutStack { step: StackMove::Attach, body: String::new(), ..put(json!({})) };
        assert_eq!(attach.adopting(), attach);
    }
}
