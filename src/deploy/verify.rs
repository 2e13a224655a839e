//! What target groups and log groups say of themselves.

use std::collections::{BTreeMap, BTreeSet};

use runner_core::{judge::verify::GroupFacts, plan::Fault};

use super::means;
use crate::aws::{Clients, Code, fault};

/// <https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_DescribeTargetGroups.html>
const GROUPS_A_CALL: usize = 20;

/// How target groups ask for health, by ARN; one that is gone is left out.
pub async fn target_group_facts(clients: &Clients, arns: &[String]) -> Result<BTreeMap<String, GroupFacts>, Fault> {
    let mut found = BTreeMap::new();
    for chunk in arns.chunks(GROUPS_A_CALL) {
        let request = clients.elbv2().describe_target_groups().set_target_group_arns(Some(chunk.to_vec()));
        let answer = match request.send().await {
            Ok(answer) => answer,
            Err(error) => {
                let fault = fault("looking at the target groups", &error);
                if means(&fault, Code::NotFound) {
                    continue;
                }
                return Err(fault);
            }
        };
        for group in answer.target_groups.unwrap_or_default() {
            let codes = group.matcher.and_then(|matcher| matcher.http_code).unwrap_or_default();
            let facts = GroupFacts { path: group.health_check_path.unwrap_or_default(), codes };
            found.insert(group.target_group_arn.unwrap_or_default(), facts);
        }
    }
    Ok(found)
}

/// The names of the log groups with this prefix.
pub async fn log_groups(clients: &Clients, prefix: &str) -> Result<BTreeSet<String>, Fault> {
    let mut names = BTreeSet::new();
    let mut token = None;
    loop {
        let request = clients.logs().describe_log_groups().log_group_name_prefix(prefix).set_next_token(token);
        let answer =
            request.send().await.map_err(|error| fault(format!("looking for the log groups {prefix}"), &error))?;
        names.extend(answer.log_groups.unwrap_or_default().into_iter().filter_map(|group| group.log_group_name));
        token = answer.next_token;
        if token.is_none() {
            return Ok(names);
        }
    }
}
