//! Statements of the policy language under `task-role`.
//! <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements.html>

use serde_json::Value as Json;

use crate::text::nearest;
use crate::workflow::Service;
use crate::workflow::section::{Reader, ServiceKeys, listed};

const KEYS: [&str; 7] = ["Sid", "Effect", "Action", "NotAction", "Resource", "NotResource", "Condition"];

pub(super) fn check(service: &Service, reader: &mut Reader<'_>) {
    for (index, statement) in service.task_role.statements.iter().enumerate() {
        let path = ServiceKeys::path(&service.name, &format!("task-role.statements.{index}"));
        let Json::Object(keys) = statement else {
            reader.refuse(
                &path,
                "a statement must be a map",
                "such as `{ Effect: Allow, Action: \"s3:GetObject\", Resource: ARN }`",
            );
            continue;
        };
        for key in keys.keys().filter(|key| !KEYS.contains(&key.as_str())) {
            let help = match nearest(key, KEYS) {
                Some(near) => format!("did you mean `{near}`?"),
                None => format!("a role's statement has {}", listed(&KEYS)),
            };
            reader.refuse_name(&format!("{path}.{key}"), format!("unknown key `{key}` in a statement"), help);
        }
        if !reader.clean(&path) {
            continue;
        }
        if !matches!(keys.get("Effect").and_then(Json::as_str), Some("Allow" | "Deny")) {
            reader.refuse(&path, "a statement must have an `Effect`", "write `Effect: Allow`");
        }
        for (one, other) in [("Action", "NotAction"), ("Resource", "NotResource")] {
            if keys.contains_key(one) == keys.contains_key(other) {
                reader.error(&path, format!("a statement must have one of `{one}` and `{other}`"), None);
            }
        }
        if keys.get("Effect").is_some_and(|effect| effect == "Allow")
            && keys.get("Action").is_some_and(|all| all == "*" || *all == serde_json::json!(["*"]))
        {
            let message = format!("`{}` may call everything in the account", service.name);
            reader.warn(&path, message, "name the actions that its code calls");
        }
    }
}
