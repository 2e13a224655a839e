//! Names fit and stay apart.

use super::*;
use crate::infra::testing::environment;

#[test]
fn a_job_finds_its_role_from_the_file_alone() {
    let env = environment("staging");
    assert_eq!(role_arn(&env, Job::Deploy).unwrap(), "arn:aws:iam::111122223333:role/finance-app-staging-deploy");
    assert_eq!(role_arn(&env, Job::Plan).unwrap(), "arn:aws:iam::111122223333:role/finance-app-staging-plan");
    let unknown = Environment { account: None, ..env.clone() };
    assert_eq!(role_arn(&unknown, Job::Plan), None);
    let china = Environment { region: "cn-north-1".into(), ..env };
    assert!(role_arn(&china, Job::Plan).unwrap().starts_with("arn:aws-cn:iam::"));
}

#[test]
fn a_name_that_is_too_long_is_cut_and_stays_its_own() {
    let env = Environment { app: "a".repeat(24), name: "e".repeat(20), ..environment("staging") };
    let names = ["reporting-worker-of-night-execution", "reporting-worker-of-night-task", "plan"];
    let found: std::collections::BTreeSet<String> = names.iter().map(|name| role_name(&env, name)).collect();
    assert_eq!(found.len(), 3);
    assert!(found.iter().all(|name| name.len() <= LONGEST), "{found:?}");
}
