//! What is in a local AWS, without what differs from one making to the next: names, states and counts.

use aws_sdk_ecs::types::TaskDefinitionStatus;
use runner::aws::Clients;
use serde_json::Value as Json;

/// One line for each thing, sorted.
pub async fn inventory(clients: &Clients) -> Vec<String> {
    let mut all = Vec::new();
    let stacks = clients.cloudformation().describe_stacks().send().await.unwrap();
    for stack in stacks.stacks() {
        // Created and then protected, or made by an update: both are whole.
        let whole = ["CREATE_COMPLETE", "UPDATE_COMPLETE"].contains(&stack.stack_status().unwrap().as_str());
        let status = if whole { "whole" } else { stack.stack_status().unwrap().as_str() };
        all.push(format!("stack {} {status}", stack.stack_name().unwrap()));
    }
    let ecs = clients.ecs();
    for cluster in ecs.list_clusters().send().await.unwrap().cluster_arns() {
        let name = last(cluster);
        all.push(format!("cluster {name}"));
        let services = ecs.list_services().cluster(name).send().await.unwrap();
        if services.service_arns().is_empty() {
            continue;
        }
        let services = ecs.describe_services().cluster(name).set_services(services.service_arns).send().await.unwrap();
        for service in services.services() {
            all.push(format!(
                "service {} {} {}/{} in {} deployments",
                service.service_name().unwrap(),
                last(service.task_definition().unwrap()),
                service.running_count(),
                service.desired_count(),
                service.deployments().len()
            ));
        }
    }
    for revision in ecs.list_task_definitions().send().await.unwrap().task_definition_arns() {
        all.push(format!("revision {}", last(revision)));
    }
    let inactive = ecs.list_task_definitions().status(TaskDefinitionStatus::Inactive);
    for revision in inactive.send().await.unwrap().task_definition_arns() {
        all.push(format!("inactive revision {}", last(revision)));
    }
    for group in clients.logs().describe_log_groups().send().await.unwrap().log_groups() {
        all.push(format!("log group {}", group.log_group_name().unwrap()));
    }
    for parameter in clients.ssm().describe_parameters().send().await.unwrap().parameters() {
        all.push(format!("parameter {} version {}", parameter.name().unwrap(), parameter.version()));
    }
    let ecr = clients.ecr();
    for repository in ecr.describe_repositories().send().await.unwrap().repositories() {
        let name = repository.repository_name().unwrap();
        all.push(format!("repository {name}"));
        for image in ecr.describe_images().repository_name(name).send().await.unwrap().image_details() {
            let mut tags = image.image_tags().to_vec();
            tags.sort();
            all.push(format!("image {name} {}", tags.join(" ")));
        }
    }
    let elb = clients.elbv2();
    for balancer in elb.describe_load_balancers().send().await.unwrap().load_balancers() {
        let arn = balancer.load_balancer_arn().unwrap();
        all.push(format!("load balancer {}", balancer.load_balancer_name().unwrap()));
        for listener in elb.describe_listeners().load_balancer_arn(arn).send().await.unwrap().listeners() {
            let rules = elb.describe_rules().listener_arn(listener.listener_arn().unwrap()).send().await.unwrap();
            for rule in rules.rules() {
                all.push(format!("rule {} on {}", rule.priority().unwrap(), listener.port().unwrap()));
            }
        }
    }
    all.sort();
    all
}

fn last(arn: &str) -> &str {
    arn.rsplit('/').next().unwrap_or(arn)
}

/// The whole JSON that a command printed.
pub fn whole(stdout: &[u8]) -> Json {
    serde_json::from_slice(stdout).unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(stdout)))
}
