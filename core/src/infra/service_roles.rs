//! The roles of a service: what starts its tasks, what its code may do, what shifts its traffic, what keeps its schedule.

use std::collections::BTreeSet;

use serde_json::{Value as Json, json};

use super::roles::role;
use super::{Resource, Template, attribute, cluster, database, edge, reference, registry, substitute};
use crate::iam::{Policy, Statement};
use crate::workflow::{Database, Environment, ImageSource, LoadBalancer, SecretSource, Service};

const TASKS: &str = "ecs-tasks.amazonaws.com";

/// The last part of the name of a service's role.
fn named(service: &Service, what: &str) -> String {
    format!("{}-{what}", service.name)
}

/// What ECS itself needs to start a task: pull these images, write to this log group, read these secrets.
/// <https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task_execution_IAM_role.html>
pub fn execution(template: &mut Template, env: &Environment, service: &Service) -> Resource {
    let mut statements = Vec::new();
    let repositories = repositories(template, env, service);
    if !repositories.is_empty() {
        // The one action of ECR's that takes no resource.
        // https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonelasticcontainerregistry.html
        statements.push(Statement::allow("Token", &["ecr:GetAuthorizationToken"], vec![json!("*")]));
        let actions = ["ecr:BatchCheckLayerAvailability", "ecr:GetDownloadUrlForLayer", "ecr:BatchGetImage"];
        statements.push(Statement::allow("Pull", &actions, repositories));
    }
    let actions = ["logs:CreateLogStream", "logs:PutLogEvents"];
    statements.push(Statement::allow("Logs", &actions, vec![attribute("LogGroup", "Arn")]));
    let (parameters, secrets) = secrets(template, env, service);
    if !parameters.is_empty() {
        statements.push(Statement::allow("Parameters", &["ssm:GetParameters"], parameters));
    }
    if !secrets.is_empty() {
        statements.push(Statement::allow("Secrets", &["secretsmanager:GetSecretValue"], secrets));
    }
    role(env, &named(service, "execution"), TASKS, &[("start", Policy::new(statements))])
}

/// What the service's code may do: what the file says, and what a switch of the file's needs.
pub fn task(env: &Environment, service: &Service) -> Resource {
    let mut statements = Vec::new();
    if service.execute_command {
        // https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task-iam-roles.html#ecs-exec-required-iam-permissions
        let actions = [
            "ssmmessages:CreateControlChannel",
            "ssmmessages:CreateDataChannel",
            "ssmmessages:OpenControlChannel",
            "ssmmessages:OpenDataChannel",
        ];
        statements.push(Statement::allow("ExecuteCommand", &actions, vec![json!("*")]));
    }
    if env.monitoring.tracing {
        // None of X-Ray's writing actions takes a resource.
        // https://docs.aws.amazon.com/service-authorization/latest/reference/list_awsx-ray.html
        let actions =
            ["xray:PutTraceSegments", "xray:PutTelemetryRecords", "xray:GetSamplingRules", "xray:GetSamplingTargets"];
        statements.push(Statement::allow("Tracing", &actions, vec![json!("*")]));
    }
    let mut role = role(env, &named(service, "task"), TASKS, &[("runner", Policy::new(statements))]);
    let own = &service.task_role;
    if !own.statements.is_empty() {
        let document = json!({ "Version": "2012-10-17", "Statement": own.statements });
        let policy = json!({ "PolicyName": "own", "PolicyDocument": document });
        match role.properties.get_mut("Policies").and_then(Json::as_array_mut) {
            Some(policies) => policies.push(policy),
            None => {
                role.properties.insert("Policies".into(), json!([policy]));
            }
        }
    }
    if !own.policies.is_empty() {
        role.properties.insert("ManagedPolicyArns".into(), json!(own.policies));
    }
    role
}

/// What ECS needs to shift traffic: the rules of this load balancer only, and these two target groups.
/// <https://docs.aws.amazon.com/AmazonECS/latest/developerguide/AmazonECSInfrastructureRolePolicyForLoadBalancers.html>
pub fn infrastructure(template: &mut Template, env: &Environment, service: &Service) -> Resource {
    let look = Statement::allow(
        "Look",
        &[
            "elasticloadbalancing:DescribeListeners",
            "elasticloadbalancing:DescribeRules",
            "elasticloadbalancing:DescribeTargetGroups",
            "elasticloadbalancing:DescribeTargetHealth",
        ],
        vec![json!("*")],
    );
    let listeners = match &env.load_balancer {
        LoadBalancer::Existing { listener, test_listener, .. } => {
            let tested = test_listener.iter().filter(|_| env.is_tested(service));
            let with_rules = |listener: &String| {
                let rules = listener.replacen(":listener/", ":listener-rule/", 1);
                [json!(listener), json!(format!("{rules}/*"))]
            };
            std::iter::once(listener).chain(tested).flat_map(with_rules).collect()
        }
        LoadBalancer::Managed { .. } => {
            template.import(&edge::LOAD_BALANCER_FULL_NAME);
            let of = |kind: &str| {
                substitute(&format!(
                    "arn:${{AWS::Partition}}:elasticloadbalancing:${{AWS::Region}}:${{AWS::AccountId}}:{kind}/${{LoadBalancerFullName}}/*"
                ))
            };
            vec![of("listener"), of("listener-rule")]
        }
    };
    let shift = Statement::allow(
        "Shift",
        &["elasticloadbalancing:ModifyListener", "elasticloadbalancing:ModifyRule"],
        listeners,
    );
    let register = Statement::allow(
        "Register",
        &["elasticloadbalancing:RegisterTargets", "elasticloadbalancing:DeregisterTargets"],
        vec![reference("TargetGroup"), reference("AlternateTargetGroup")],
    );
    role(
        env,
        &named(service, "infrastructure"),
        "ecs.amazonaws.com",
        &[("shift", Policy::new([look, shift, register]))],
    )
}

/// What EventBridge Scheduler needs to start the task: any revision of this family, in this cluster, with these roles.
/// <https://docs.aws.amazon.com/AmazonECS/latest/developerguide/tasks-scheduled-eventbridge-scheduler.html>
pub fn scheduler(template: &mut Template, env: &Environment, service: &Service) -> Resource {
    let cluster = template.import(&cluster::CLUSTER_ARN);
    let ours =
        |rest: String| substitute(&format!("arn:${{AWS::Partition}}:ecs:${{AWS::Region}}:${{AWS::AccountId}}:{rest}"));
    let run = Statement::allow(
        "Run",
        &["ecs:RunTask"],
        vec![ours(format!("task-definition/{}:*", env.family(&service.name)))],
    )
    .when("ArnEquals", "ecs:cluster", cluster);
    let tag = Statement::allow("Tag", &["ecs:TagResource"], vec![ours(format!("task/{}/*", env.cluster_name()))]).when(
        "StringEquals",
        "ecs:CreateAction",
        json!("RunTask"),
    );
    let pass = Statement::allow(
        "Pass",
        &["iam:PassRole"],
        vec![attribute("ExecutionRole", "Arn"), attribute("TaskRole", "Arn")],
    )
    .when("StringEquals", "iam:PassedToService", json!(TASKS));
    role(env, &named(service, "scheduler"), "scheduler.amazonaws.com", &[("run", Policy::new([run, tag, pass]))])
}

/// ARNs of the ECR repositories that the service's images come from.
fn repositories(template: &mut Template, env: &Environment, service: &Service) -> Vec<Json> {
    let mut found = Vec::new();
    let owner = service.image_owner().to_owned();
    match env.services.get(&owner).map_or(&service.image, |owner| &owner.image) {
        ImageSource::Build(_) | ImageSource::Layout(_) | ImageSource::Archive(_) => {
            found.push(template.import(&registry::repository_arn(&owner)));
        }
        ImageSource::Reference(reference) => found.extend(ecr_repository(reference)),
        ImageSource::From(_) | ImageSource::TaskDefinition => {}
    }
    let sidecars = service.sidecars.values().map(|sidecar| sidecar.image.as_str());
    let own = containers(service).filter_map(|container| container["image"].as_str());
    for arn in sidecars.chain(own).filter_map(ecr_repository) {
        if !found.contains(&arn) {
            found.push(arn);
        }
    }
    found
}

/// The ARN of the repository of an image in somebody's ECR: `ACCOUNT.dkr.ecr.REGION.amazonaws.com/NAME…`.
fn ecr_repository(image: &str) -> Option<Json> {
    let (host, rest) = image.split_once('/')?;
    let (account, host) = host.split_once(".dkr.ecr.")?;
    let region = host.split_once(".amazonaws.com")?.0;
    let name = rest.split(['@', ':']).next()?;
    Some(substitute(&format!("arn:${{AWS::Partition}}:ecr:{region}:{account}:repository/{name}")))
}

/// ARNs of the parameters and of the secrets that the service's containers start with.
fn secrets(template: &mut Template, env: &Environment, service: &Service) -> (Vec<Json>, Vec<Json>) {
    let mut parameters = BTreeSet::new();
    let mut secrets = BTreeSet::new();
    let mut url = None;
    let mut add = |arn: &str| match arn.contains(":secretsmanager:") {
        true => secrets.extend(secret_arns(arn)),
        false => parameters.extend([parameter_arn(arn)]),
    };
    let of_sidecars = service.sidecars.values().flat_map(|sidecar| &sidecar.secrets);
    for (variable, source) in service.secrets.iter().chain(of_sidecars) {
        match source {
            SecretSource::Ssm => add(&env.parameter(variable)),
            SecretSource::SsmExisting(name) => add(name),
            SecretSource::SecretsManager { arn, .. } => add(arn),
            SecretSource::Database => match &env.database {
                Some(Database::Managed(_)) => url = Some(template.import(&database::DATABASE_URL_SECRET_ARN)),
                Some(Database::Existing { url, .. }) => add(url),
                None => {}
            },
        }
    }
    for container in containers(service) {
        let values = container["secrets"].as_array().into_iter().flatten().map(|it| &it["valueFrom"]);
        let credentials = &container["repositoryCredentials"]["credentialsParameter"];
        values.chain([credentials]).filter_map(Json::as_str).for_each(&mut add);
    }
    let written = |arns: BTreeSet<String>| arns.into_iter().map(written);
    (written(parameters).collect(), url.into_iter().chain(written(secrets)).collect())
}

/// An ARN that may have CloudFormation's own variables in it.
fn written(arn: String) -> Json {
    if arn.contains("${") { substitute(&arn) } else { json!(arn) }
}

/// The containers of the user's own task definition.
fn containers(service: &Service) -> impl Iterator<Item = &Json> {
    let definition = service.task_definition.as_ref().map(|it| &it.json["containerDefinitions"]);
    definition.and_then(Json::as_array).into_iter().flatten()
}

/// A parameter may be given by its name, with or without a leading slash, or by its ARN.
fn parameter_arn(name: &str) -> String {
    if name.starts_with("arn:") {
        return name.to_owned();
    }
    let name = name.trim_start_matches('/');
    format!("arn:${{AWS::Partition}}:ssm:${{AWS::Region}}:${{AWS::AccountId}}:parameter/{name}")
}

/// A secret's ARN ends in six random characters, which people may leave out; what follows it in a container definition
/// (key, stage, version) is not of the ARN.
/// <https://docs.aws.amazon.com/secretsmanager/latest/userguide/reference_iam-permissions.html>
fn secret_arns(value: &str) -> [String; 2] {
    let arn = value.splitn(8, ':').take(7).collect::<Vec<_>>().join(":");
    [format!("{arn}-??????"), arn]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn images_in_somebodys_ecr_are_pulled_by_their_repository() {
        let arn = |account: &str| {
            Some(substitute(&format!("arn:${{AWS::Partition}}:ecr:eu-west-1:{account}:repository/team/proxy")))
        };
        assert_eq!(ecr_repository("1.dkr.ecr.eu-west-1.amazonaws.com/team/proxy@sha256:0"), arn("1"));
        assert_eq!(ecr_repository("2.dkr.ecr.eu-west-1.amazonaws.com/team/proxy:v1"), arn("2"));
        assert_eq!(ecr_repository("public.ecr.aws/nginx/nginx:1"), None);
        assert_eq!(ecr_repository("nginx"), None);
    }

    #[test]
    fn parameters_are_named_in_three_ways() {
        let arn = "arn:${AWS::Partition}:ssm:${AWS::Region}:${AWS::AccountId}:parameter/a/b";
        assert_eq!(parameter_arn("/a/b"), arn);
        assert_eq!(parameter_arn("a/b"), arn);
        assert_eq!(parameter_arn("arn:aws:ssm:eu-west-1:1:parameter/a"), "arn:aws:ssm:eu-west-1:1:parameter/a");
    }

    #[test]
    fn a_secret_is_found_with_and_without_its_random_end() {
        let arn = "arn:aws:secretsmanager:us-east-1:1:secret:stripe";
        let both = [format!("{arn}-??????"), arn.to_owned()];
        assert_eq!(secret_arns(arn), both);
        assert_eq!(secret_arns(&format!("{arn}:key::")), both);
    }
}
