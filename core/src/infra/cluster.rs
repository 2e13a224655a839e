//! The cluster, the private DNS namespace its services are found in, and the topic that alarms go to.

use serde_json::{Value as Json, json};

use super::{Export, Holds, Resource, StackDesired, Template, attribute, network, reference, substitute};
use crate::workflow::Environment;

/// The stack's key.
pub const KEY: &str = "cluster";
/// The cluster's name.
pub const CLUSTER_NAME: Export = Export::one(KEY, "ClusterName", "The cluster");
/// The cluster's ARN.
pub const CLUSTER_ARN: Export = Export::one(KEY, "ClusterArn", "ARN of the cluster");
/// The namespace's id.
pub const NAMESPACE_ID: Export = Export::one(KEY, "NamespaceId", "The private DNS namespace");
/// The namespace's name.
pub const NAMESPACE_NAME: Export = Export::one(KEY, "NamespaceName", "Name of the private DNS namespace");
/// The alarms' topic.
pub const ALARM_TOPIC_ARN: Export = Export::one(KEY, "AlarmTopicArn", "Topic that alarms go to");

/// The cluster's stack.
pub fn stacks(env: &Environment) -> Vec<StackDesired> {
    let mut template = Template::new(format!("{}: cluster, discovery and alarm topic", env.prefix()));
    cluster(&mut template, env);
    namespace(&mut template, env);
    let topic = topic(&mut template, env);
    template.export(&ALARM_TOPIC_ARN, topic);
    vec![StackDesired::new(KEY, template)]
}

fn cluster(template: &mut Template, env: &Environment) {
    if let Some(name) = &env.cluster.existing {
        template.export(&CLUSTER_NAME, json!(name));
        let arn = format!("arn:${{AWS::Partition}}:ecs:${{AWS::Region}}:${{AWS::AccountId}}:cluster/{name}");
        template.export(&CLUSTER_ARN, substitute(&arn));
        return;
    }
    let insights = if env.cluster.container_insights { "enabled" } else { "disabled" };
    template.add(
        "Cluster",
        Resource::new(
            "AWS::ECS::Cluster",
            json!({
                "ClusterName": env.cluster_name(),
                "CapacityProviders": ["FARGATE", "FARGATE_SPOT"],
                "DefaultCapacityProviderStrategy": [{ "CapacityProvider": "FARGATE", "Weight": 1 }],
                "ClusterSettings": [{ "Name": "containerInsights", "Value": insights }],
            }),
        )
        .holds(Holds::Traffic)
        .origin("cluster")
        .origin_of("ClusterSettings", "cluster.container-insights"),
    );
    template.export(&CLUSTER_NAME, reference("Cluster"));
    template.export(&CLUSTER_ARN, attribute("Cluster", "Arn"));
}

fn namespace(template: &mut Template, env: &Environment) {
    let vpc = template.import(&network::VPC_ID);
    template.add(
        "Namespace",
        Resource::new("AWS::ServiceDiscovery::PrivateDnsNamespace", json!({ "Name": env.namespace(), "Vpc": vpc }))
            .holds(Holds::Traffic),
    );
    template.export(&NAMESPACE_ID, attribute("Namespace", "Id"));
    template.export(&NAMESPACE_NAME, json!(env.namespace()));
}

/// Adds a topic, with a mail to whom the file names, and gives its ARN.
///
/// The topic is not encrypted: alarms cannot publish under the key that AWS keeps for SNS, and carry no secrets.
/// <https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/Notify_Users_Alarm_Changes.html>
pub(super) fn topic(template: &mut Template, env: &Environment) -> Json {
    template.add("AlarmTopic", Resource::new("AWS::SNS::Topic", json!({})));
    if let Some(address) = &env.monitoring.notify {
        template.add(
            "AlarmMail",
            Resource::new(
                "AWS::SNS::Subscription",
                json!({ "TopicArn": reference("AlarmTopic"), "Protocol": "email", "Endpoint": address }),
            )
            .origin("monitoring.notify"),
        );
    }
    reference("AlarmTopic")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::infra::testing::{environment, only};

    #[test]
    fn r4_one_cluster_an_environment_on_fargate_and_fargate_spot_with_insights() {
        for (name, cluster) in [("staging", "finance-app-staging"), ("production", "finance-app-production")] {
            let it = only(stacks(&environment(name))).resources["Cluster"].properties.clone();
            assert_eq!(it["ClusterName"], cluster);
            assert_eq!(it["CapacityProviders"], json!(["FARGATE", "FARGATE_SPOT"]));
            assert_eq!(it["ClusterSettings"], json!([{ "Name": "containerInsights", "Value": "enabled" }]));
        }
        let mut env = environment("staging");
        env.cluster.container_insights = false;
        assert_eq!(only(stacks(&env)).resources["Cluster"].properties["ClusterSettings"][0]["Value"], "disabled");
    }

    #[test]
    fn r11_the_namespace_is_private_to_the_vpc() {
        let template = only(stacks(&environment("staging")));
        let it = &template.resources["Namespace"];
        assert_eq!(it.kind, "AWS::ServiceDiscovery::PrivateDnsNamespace");
        assert_eq!(it.properties["Name"], "finance-app.local");
        assert_eq!(it.properties["Vpc"], reference("VpcId"));
    }

    #[test]
    fn r19_alarms_go_to_a_topic_and_by_mail_where_an_address_is_given() {
        let mut env = environment("staging");
        assert_eq!(only(stacks(&env)).resources["AlarmMail"].properties["Endpoint"], "ops@finance-app.com");
        env.monitoring.notify = None;
        let template = only(stacks(&env));
        assert!(template.outputs.contains_key("AlarmTopicArn") && !template.resources.contains_key("AlarmMail"));
    }

    #[test]
    fn an_existing_cluster_is_passed_through() {
        let mut env = environment("staging");
        env.cluster.existing = Some("shared".into());
        let template = only(stacks(&env));
        assert!(!template.resources.contains_key("Cluster"));
        assert_eq!(template.outputs["ClusterName"].value, "shared");
    }
}
