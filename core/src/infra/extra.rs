//! The user's own templates, as stacks among ours.

use super::{Body, StackDesired};
use crate::workflow::Environment;

/// One stack for each of `extra-stacks`, under its name.
pub fn stacks(env: &Environment) -> Vec<StackDesired> {
    env.extra_stacks
        .iter()
        .map(|(name, stack)| StackDesired {
            key: name.clone(),
            service: None,
            region: None,
            after: Vec::new(),
            after_services: Vec::new(),
            body: Body::Own { template: stack.body.clone(), parameters: stack.parameters.clone() },
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use serde_json::json;

    use super::*;
    use crate::infra::testing::environment;
    use crate::workflow::{ExtraStack, Part, Text};

    #[test]
    fn a_template_of_the_users_is_sent_as_it_is_after_the_stacks_it_takes_from() {
        let mut env = environment("staging");
        let body = json!({ "Resources": { "Topic": { "Type": "AWS::SNS::Topic" } } });
        let vpc = Text(vec![Part::Output { stack: "network".into(), output: "VpcId".into() }]);
        env.extra_stacks = BTreeMap::from([(
            "cache".to_owned(),
            ExtraStack {
                template: "infra/redis.yml".into(),
                body: body.clone(),
                parameters: BTreeMap::from([("VpcId".into(), vpc), ("Size".into(), Text::literal("1"))]),
            },
        )]);
        let stack = stacks(&env).remove(0);
        assert_eq!((stack.key.as_str(), stack.to_json()), ("cache", body));
        assert_eq!(stack.needs(), BTreeSet::from(["network".to_owned()]));
    }
}
