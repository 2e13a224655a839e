//! The registry: one ECR repository for each service with an image of its own. One stack an account and region, shared
//! by the environments in it.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value as Json, json};

use super::{Export, Holds, Keep, Resource, StackDesired, Template, attribute, pascal};
use crate::workflow::Environment;

/// The stack's key.
pub const KEY: &str = "registry";

/// Live images that are kept for a protected environment, and for another.
const LIVE_PROTECTED: u32 = 50;
const LIVE: u32 = 20;

/// The URI of a service's repository.
pub fn repository_uri(service: &str) -> Export {
    Export::named(KEY, format!("{}RepositoryUri", pascal(service)), "URI of the repository")
}

/// The ARN of a service's repository.
pub fn repository_arn(service: &str) -> Export {
    Export::named(KEY, format!("{}RepositoryArn", pascal(service)), "ARN of the repository")
}

/// The registry's stack, where a service pushes an image.
pub fn stacks(env: &Environment) -> Vec<StackDesired> {
    let mut services: BTreeSet<&str> = env.pushed().map(|service| service.name.as_str()).collect();
    if services.is_empty() {
        return Vec::new();
    }
    // The same template whichever environment makes it. Those of another account have a stack of their own there; a
    // rule or repository for them costs nothing here.
    let mut live = BTreeMap::from([(env.name.as_str(), env.protected)]);
    for (name, sibling) in &env.siblings {
        live.insert(name, sibling.protected);
        services.extend(sibling.pushed.iter().map(String::as_str));
    }
    let mut template = Template::new(format!("{}: image repositories", env.app));
    for service in services {
        let id = format!("{}Repository", pascal(service));
        let uri = attribute(&id, "RepositoryUri");
        let arn = attribute(&id, "Arn");
        template.add(id, repository(&env.repository(service), &live).origin(format!("services.{service}")));
        template.export(&repository_uri(service), uri);
        template.export(&repository_arn(service), arn);
    }
    vec![StackDesired::new(KEY, template)]
}

fn repository(name: &str, live: &BTreeMap<&str, bool>) -> Resource {
    Resource::new(
        "AWS::ECR::Repository",
        json!({
            "RepositoryName": name,
            "ImageScanningConfiguration": { "ScanOnPush": true },
            // A build cache is written over and over, and is never deployed.
            // https://docs.aws.amazon.com/AmazonECR/latest/userguide/image-tag-mutability.html
            "ImageTagMutability": "IMMUTABLE_WITH_EXCLUSION",
            "ImageTagMutabilityExclusionFilters": [{
                "ImageTagMutabilityExclusionFilterType": "WILDCARD",
                "ImageTagMutabilityExclusionFilterValue": "cache-*",
            }],
            // All alike: a blob is mounted from one repository into another only under the same encryption.
            // https://docs.aws.amazon.com/AmazonECR/latest/userguide/blob-mounting.html
            "EncryptionConfiguration": { "EncryptionType": "AES256" },
            "LifecyclePolicy": { "LifecyclePolicyText": lifecycle(live).to_string() },
        }),
    )
    .keep(Keep::RetainExceptOnCreate)
    .holds(Holds::Data)
}

/// The lifecycle rules over the environments that share the repository, with whether each is protected.
///
/// ECR does not know what ECS runs, so a deployment tags its digest `live-<environment>-<run>`. An image that a rule
/// matches cannot be expired by a later one: the live rules come first and so keep what they do not expire. One rule an
/// environment, since the entries of one list must all match.
/// <https://docs.aws.amazon.com/AmazonECR/latest/userguide/lifecycle_policy_parameters.html>
fn lifecycle(live: &BTreeMap<&str, bool>) -> Json {
    let mut environments: Vec<(&str, bool)> = live.iter().map(|(name, protected)| (*name, *protected)).collect();
    // `live-eu-` is the beginning of `live-eu-west-1`: the longer name claims its images first.
    environments.sort_by_key(|(name, _)| std::cmp::Reverse(name.len()));

    let mut selections: Vec<(String, Json)> = environments
        .into_iter()
        .map(|(name, protected)| {
            let keep = if protected { LIVE_PROTECTED } else { LIVE };
            let selection = json!({
                "tagStatus": "tagged",
                "tagPrefixList": [format!("live-{name}-")],
                "countType": "imageCountMoreThan",
                "countNumber": keep,
            });
            (format!("keep the last {keep} deployed to {name}"), selection)
        })
        .collect();
    let aged = |status: &str, days: u32| json!({ "tagStatus": status, "countType": "sinceImagePushed", "countUnit": "days", "countNumber": days });
    selections.push(("untagged after 7 days".to_owned(), aged("untagged", 7)));
    // By age, never by count: a count would expire what a quiet service runs when others push much. "any" must be last.
    selections.push(("anything else after 30 days".to_owned(), aged("any", 30)));

    let rules: Vec<Json> = selections
        .into_iter()
        .zip(1..)
        .map(|((description, selection), priority)| {
            json!({
                "rulePriority": priority,
                "description": description,
                "selection": selection,
                "action": { "type": "expire" },
            })
        })
        .collect();
    json!({ "rules": rules })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::infra::testing::{environment, only};

    fn rules(repository: &Resource) -> Json {
        let text = repository.properties["LifecyclePolicy"]["LifecyclePolicyText"].as_str().unwrap();
        serde_json::from_str::<Json>(text).unwrap()["rules"].clone()
    }

    #[test]
    fn r3_repositories_scan_on_push_are_immutable_but_for_caches_and_encrypted() {
        let template = only(stacks(&environment("staging")));
        let names: Vec<&str> =
            template.resources.values().map(|it| it.properties["RepositoryName"].as_str().unwrap()).collect();
        assert_eq!(names, ["finance-app/api", "finance-app/web"]);
        for repository in template.resources.values() {
            let it = &repository.properties;
            assert_eq!(it["ImageScanningConfiguration"]["ScanOnPush"], true);
            assert_eq!(it["ImageTagMutability"], "IMMUTABLE_WITH_EXCLUSION");
            assert_eq!(
                it["ImageTagMutabilityExclusionFilters"][0]["ImageTagMutabilityExclusionFilterValue"],
                "cache-*"
            );
            assert_eq!(it["EncryptionConfiguration"]["EncryptionType"], "AES256");
            assert_eq!((repository.keep, repository.holds), (Keep::RetainExceptOnCreate, Holds::Data));
        }
    }

    #[test]
    fn r3_what_is_deployed_is_kept_by_count_and_all_else_expires_by_age() {
        for (name, keep) in [("staging", 20), ("production", 50)] {
            let template = only(stacks(&environment(name)));
            let rules = rules(&template.resources["ApiRepository"]);
            assert_eq!(rules[0]["selection"]["tagPrefixList"], json!([format!("live-{name}-")]));
            assert_eq!(rules[0]["selection"]["countNumber"], keep);
            for rule in rules.as_array().unwrap().iter().skip(1) {
                assert_eq!(rule["selection"]["countType"], "sinceImagePushed");
            }
            let last = rules.as_array().unwrap().last().unwrap();
            assert_eq!(
                (&last["selection"]["tagStatus"], &last["selection"]["countNumber"]),
                (&json!("any"), &json!(30))
            );
        }
    }

    #[test]
    fn every_environment_of_the_file_makes_the_same_repositories() {
        let (mut staging, mut production) = (environment("staging"), environment("production"));
        let sibling = |env: &Environment, more: &str| crate::workflow::Sibling {
            protected: env.protected,
            pushed: env.pushed().map(|service| service.name.clone()).chain([more.to_owned()]).collect(),
        };
        let admin = production.services["web"].clone();
        production.services.insert("admin".into(), crate::workflow::Service { name: "admin".into(), ..admin });
        staging.siblings = BTreeMap::from([("production".to_owned(), sibling(&production, "admin"))]);
        production.siblings = BTreeMap::from([("staging".to_owned(), sibling(&staging, "api"))]);
        let [one, other] = [&staging, &production].map(|env| only(stacks(env)));
        assert_eq!(one.to_json(), other.to_json());
        assert!(one.resources.contains_key("AdminRepository"));
    }

    #[test]
    fn the_longer_of_two_names_claims_its_images_first() {
        let rules = lifecycle(&BTreeMap::from([("eu", false), ("eu-west", true)]))["rules"].clone();
        assert_eq!(rules[0]["selection"]["tagPrefixList"], json!(["live-eu-west-"]));
        assert_eq!(rules[1]["selection"]["tagPrefixList"], json!(["live-eu-"]));
    }

    #[test]
    fn images_that_are_only_pulled_need_no_repository() {
        let mut env = environment("staging");
        for service in env.services.values_mut() {
            service.image = crate::workflow::ImageSource::Reference("nginx@sha256:0".into());
        }
        assert_eq!(stacks(&env), []);
    }
}
