//! What a service's stack holds: its groups, roles, logs and discovery.

use super::*;
use crate::infra::testing::{environment, service, sidecar, template};
use crate::workflow::{ImageSource, TaskDefinitionFile};

fn of(env: &Environment, name: &str) -> Template {
    let stack = stacks(env).into_iter().find(|it| it.service.as_deref() == Some(name)).unwrap();
    template(stack)
}

fn ingress(template: &Template) -> Json {
    template.resources["SecurityGroup"].properties.get("SecurityGroupIngress").cloned().unwrap_or(json!([]))
}

/// Sid → resources of a role's statements.
fn statements(template: &Template, role: &str) -> Vec<(String, Json, Json)> {
    let policies = template.resources[role].properties.get("Policies").cloned().unwrap_or(json!([]));
    policies
        .as_array()
        .unwrap()
        .iter()
        .flat_map(|policy| policy["PolicyDocument"]["Statement"].as_array().unwrap().clone())
        .map(|it| (it["Sid"].as_str().unwrap_or_default().to_owned(), it["Action"].clone(), it["Resource"].clone()))
        .collect()
}

fn resources(template: &Template, sid: &str) -> Json {
    let all = statements(template, "ExecutionRole");
    all.into_iter().find(|it| it.0 == sid).map_or(json!([]), |it| it.2)
}

fn ssm(name: &str) -> Json {
    substitute_arn(&format!("ssm:${{AWS::Region}}:${{AWS::AccountId}}:parameter/{name}"))
}

fn substitute_arn(rest: &str) -> Json {
    crate::infra::substitute(&format!("arn:${{AWS::Partition}}:{rest}"))
}

#[test]
fn r2_tasks_are_reached_by_the_load_balancer_only() {
    let template = of(&environment("staging"), "api");
    assert_eq!(
        ingress(&template),
        json!([{
            "IpProtocol": "tcp",
            "FromPort": 3000,
            "ToPort": 3000,
            "SourceSecurityGroupId": reference("LoadBalancerSecurityGroupId"),
            "Description": "load balancer",
        }])
    );
}

#[test]
fn r2_callers_that_the_file_names_are_let_in_and_attach_their_group() {
    let mut env = environment("staging");
    env.services.get_mut("api").unwrap().allow_from = vec!["web".into()];
    assert_eq!(ingress(&of(&env, "api"))[1]["SourceSecurityGroupId"], reference("WebClientsSecurityGroupId"));
    let own = attribute("SecurityGroup", "GroupId");
    assert_eq!(
        of(&env, "web").outputs["SecurityGroupIds"].value,
        joined(&[own, reference("WebClientsSecurityGroupId")])
    );
}

#[test]
fn r2_only_those_that_use_the_database_attach_its_clients_group() {
    let mut env = environment("staging");
    let own = attribute("SecurityGroup", "GroupId");
    let attached = |env: &Environment, name| of(env, name).outputs["SecurityGroupIds"].value.clone();
    assert_eq!(attached(&env, "api"), joined(&[own.clone(), reference("DatabaseClientsSecurityGroupId")]));
    assert_eq!(attached(&env, "web"), joined(std::slice::from_ref(&own)));

    env.database = Some(Database::Existing {
        url: "arn:aws:secretsmanager:us-east-1:1:secret:db".into(),
        client_security_group: "sg-1".into(),
    });
    assert_eq!(attached(&env, "api"), joined(&[own, json!("sg-1")]));
}

#[test]
fn r2_a_worker_is_reached_by_nobody() {
    let mut env = environment("staging");
    env.services.insert("worker".into(), service("worker", 256, 512, "."));
    let template = of(&env, "worker");
    assert_eq!(ingress(&template), json!([]));
    let ids: Vec<&str> = template.resources.keys().map(String::as_str).collect();
    assert_eq!(ids, ["CpuAlarm", "ExecutionRole", "LogGroup", "MemoryAlarm", "SecurityGroup", "TaskRole"]);
}

#[test]
fn r5_r12_target_groups_are_of_addresses_and_ask_the_path_of_the_file() {
    for (name, path) in [("api", "/health"), ("web", "/api/health")] {
        let it = of(&environment("staging"), name).resources["TargetGroup"].properties.clone();
        assert_eq!((&it["TargetType"], &it["Protocol"]), (&json!("ip"), &json!("HTTP")));
        assert_eq!(it["HealthCheckPath"], path);
        assert_eq!((&it["HealthCheckIntervalSeconds"], &it["HealthyThresholdCount"]), (&json!(10), &json!(2)));
        assert_eq!(it["Matcher"], json!({ "HttpCode": "200" }));
        assert_eq!(it["TargetGroupAttributes"][0]["Value"], "30");
    }
}

#[test]
fn a_changed_port_replaces_no_target_group() {
    let mut env = environment("staging");
    let before = of(&env, "api").resources["TargetGroup"].clone();
    env.services.get_mut("api").unwrap().port = Some(8080);
    assert_eq!(of(&env, "api").resources["TargetGroup"], before);
}

#[test]
fn r18_tls_reaches_to_the_task_where_the_file_says_so() {
    let mut env = environment("staging");
    env.services.get_mut("api").unwrap().tls = true;
    let it = of(&env, "api").resources["TargetGroup"].properties.clone();
    assert_eq!((&it["Protocol"], &it["HealthCheckProtocol"]), (&json!("HTTPS"), &json!("HTTPS")));
}

#[test]
fn a_shift_of_traffic_has_a_second_target_group_and_a_role_for_these_only() {
    let template = of(&environment("production"), "api");
    assert_eq!(template.resources["AlternateTargetGroup"].properties, template.resources["TargetGroup"].properties);
    let register = statements(&template, "InfrastructureRole").pop().unwrap();
    assert_eq!(register.2, json!([reference("TargetGroup"), reference("AlternateTargetGroup")]));
    let trust = &template.resources["InfrastructureRole"].properties["AssumeRolePolicyDocument"]["Statement"][0];
    assert_eq!(trust["Principal"], json!({ "Service": "ecs.amazonaws.com" }));
    assert!(!of(&environment("production"), "web").resources.contains_key("AlternateTargetGroup"));
}

#[test]
fn a_shift_behind_a_listener_of_the_users_may_touch_its_rules_only() {
    let mut env = environment("production");
    let listener = "arn:aws:elasticloadbalancing:us-east-1:1:listener/app/shared/0/1";
    env.load_balancer = crate::workflow::LoadBalancer::Existing {
        listener: listener.into(),
        security_group: "sg-1".into(),
        test_listener: None,
    };
    let shift = statements(&of(&env, "api"), "InfrastructureRole").remove(1);
    assert_eq!(shift.2, json!([listener, "arn:aws:elasticloadbalancing:us-east-1:1:listener-rule/app/shared/0/1/*"]));
}

#[test]
fn a_shift_of_test_traffic_may_touch_the_rules_of_the_test_listener_too() {
    let listener = |id: &str| format!("arn:aws:elasticloadbalancing:us-east-1:1:listener/app/shared/0/{id}");
    let rules = |id: &str| format!("arn:aws:elasticloadbalancing:us-east-1:1:listener-rule/app/shared/0/{id}/*");
    let mut env = environment("production");
    env.load_balancer = crate::workflow::LoadBalancer::Existing {
        listener: listener("1"),
        security_group: "sg-1".into(),
        test_listener: Some(listener("2")),
    };
    let shift = |env: &Environment| statements(&of(env, "api"), "InfrastructureRole").remove(1).2;
    assert_eq!(shift(&env), json!([listener("1"), rules("1"), listener("2"), rules("2")]));
    env.services.get_mut("api").unwrap().deploy.test_listener = false;
    assert_eq!(shift(&env), json!([listener("1"), rules("1")]));
}

#[test]
fn r10_the_execution_role_reaches_what_its_tasks_start_with_and_no_more() {
    let template = of(&environment("staging"), "web");
    assert_eq!(
        statements(&template, "ExecutionRole"),
        [
            ("Token".to_owned(), json!(["ecr:GetAuthorizationToken"]), json!(["*"])),
            (
                "Pull".to_owned(),
                json!(["ecr:BatchCheckLayerAvailability", "ecr:GetDownloadUrlForLayer", "ecr:BatchGetImage"]),
                json!([reference("WebRepositoryArn")])
            ),
            (
                "Logs".to_owned(),
                json!(["logs:CreateLogStream", "logs:PutLogEvents"]),
                json!([attribute("LogGroup", "Arn")])
            ),
            (
                "Parameters".to_owned(),
                json!(["ssm:GetParameters"]),
                json!([ssm("finance-app/staging/NEXTAUTH_SECRET")])
            ),
        ]
    );
}

#[test]
fn r10_r13_every_secret_of_the_api_can_be_fetched_by_its_execution_role() {
    let template = of(&environment("staging"), "api");
    let variables = ["DEVISE_JWT_SECRET_KEY", "JWT_SECRET_KEY", "SUPABASE_SERVICE_ROLE_KEY", "SUPABASE_URL"];
    let expected: Vec<Json> = variables.iter().map(|it| ssm(&format!("finance-app/staging/{it}"))).collect();
    assert_eq!(resources(&template, "Parameters"), json!(expected));
    assert_eq!(resources(&template, "Secrets"), json!([reference("DatabaseUrlSecretArn")]));
}

#[test]
fn r10_sidecars_and_a_task_definition_of_the_users_count_as_well() {
    let mut env = environment("staging");
    let web = env.services.get_mut("web").unwrap();
    let mut proxy = sidecar("9.dkr.ecr.us-east-1.amazonaws.com/proxy:1");
    proxy.secrets.insert("TOKEN".into(), SecretSource::SsmExisting("/shared/token".into()));
    web.sidecars.insert("proxy".into(), proxy);
    let template = of(&env, "web");
    let proxy = substitute_arn("ecr:us-east-1:9:repository/proxy");
    assert_eq!(resources(&template, "Pull"), json!([reference("WebRepositoryArn"), proxy]));
    assert_eq!(
        resources(&template, "Parameters"),
        json!([ssm("finance-app/staging/NEXTAUTH_SECRET"), ssm("shared/token")])
    );

    let web = env.services.get_mut("web").unwrap();
    web.image = ImageSource::TaskDefinition;
    web.sidecars.clear();
    web.secrets.clear();
    let secret = "arn:aws:secretsmanager:us-east-1:1:secret:key";
    web.task_definition = Some(TaskDefinitionFile {
        path: "task.json".into(),
        json: json!({ "containerDefinitions": [{
            "image": "9.dkr.ecr.us-east-1.amazonaws.com/web@sha256:0",
            "secrets": [{ "name": "KEY", "valueFrom": format!("{secret}:json::") }],
        }] }),
    });
    let template = of(&env, "web");
    assert_eq!(resources(&template, "Pull"), json!([substitute_arn("ecr:us-east-1:9:repository/web")]));
    assert_eq!(resources(&template, "Secrets"), json!([secret, format!("{secret}-??????")]));
}

#[test]
fn r10_an_image_of_another_service_is_pulled_from_that_services_repository() {
    let mut env = environment("staging");
    let mut worker = service("worker", 256, 512, ".");
    worker.image = ImageSource::From("api".into());
    env.services.insert("worker".into(), worker);
    assert_eq!(resources(&of(&env, "worker"), "Pull"), json!([reference("ApiRepositoryArn")]));
}

#[test]
fn r10_an_image_from_elsewhere_needs_no_right_on_ecr() {
    let mut env = environment("staging");
    env.services.get_mut("web").unwrap().image = ImageSource::Reference("nginx@sha256:0".into());
    let sids: Vec<String> = statements(&of(&env, "web"), "ExecutionRole").into_iter().map(|it| it.0).collect();
    assert_eq!(sids, ["Logs", "Parameters"]);
}

#[test]
fn r10_the_task_role_has_what_the_file_says_and_no_more() {
    let mut env = environment("staging");
    assert_eq!(statements(&of(&env, "api"), "TaskRole"), []);
    let api = env.services.get_mut("api").unwrap();
    api.execute_command = true;
    api.task_role.policies = vec!["arn:aws:iam::aws:policy/AmazonS3ReadOnlyAccess".into()];
    api.task_role.statements =
        vec![json!({ "Effect": "Allow", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::b/*" })];
    let template = of(&env, "api");
    let found = statements(&template, "TaskRole");
    assert!(found[0].1.as_array().unwrap().iter().all(|it| it.as_str().unwrap().starts_with("ssmmessages:")));
    assert_eq!(found[1].1, "s3:GetObject");
    assert_eq!(
        template.resources["TaskRole"].properties["ManagedPolicyArns"],
        json!(["arn:aws:iam::aws:policy/AmazonS3ReadOnlyAccess"])
    );
}

#[test]
fn r10_every_role_is_assumed_by_one_service_for_this_account_only() {
    let mut env = environment("production");
    let mut nightly = service("nightly", 256, 512, ".");
    nightly.schedule = Some("cron(0 3 * * ? *)".into());
    env.services.insert("nightly".into(), nightly);
    for stack in crate::infra::stacks(&env).into_iter().filter(|stack| stack.key != crate::infra::identity::KEY) {
        for (id, role) in template(stack).resources.iter().filter(|(_, it)| it.kind == "AWS::IAM::Role") {
            let trust = &role.properties["AssumeRolePolicyDocument"]["Statement"];
            assert_eq!(trust.as_array().unwrap().len(), 1, "{id}");
            assert!(trust[0]["Principal"]["Service"].is_string(), "{id}");
            assert_eq!(trust[0]["Condition"]["StringEquals"]["aws:SourceAccount"], reference("AWS::AccountId"), "{id}");
        }
    }
}

#[test]
fn a_scheduled_task_is_started_by_a_role_for_its_family_and_cluster_only() {
    let mut env = environment("staging");
    let mut nightly = service("nightly", 256, 512, ".");
    nightly.schedule = Some("cron(0 3 * * ? *)".into());
    env.services.insert("nightly".into(), nightly);
    let template = of(&env, "nightly");
    let found = statements(&template, "SchedulerRole");
    assert_eq!(
        found[0].2,
        json!([substitute_arn("ecs:${AWS::Region}:${AWS::AccountId}:task-definition/finance-app-staging-nightly:*")])
    );
    assert_eq!(found[2].2, json!([attribute("ExecutionRole", "Arn"), attribute("TaskRole", "Arn")]));
    assert!(!template.resources.contains_key("Discovery"));
}

#[test]
fn r11_a_service_with_a_port_is_found_under_its_name() {
    let template = of(&environment("staging"), "api");
    let it = &template.resources["Discovery"].properties;
    assert_eq!((&it["Name"], &it["NamespaceId"]), (&json!("api"), &reference("NamespaceId")));
    assert_eq!(it["DnsConfig"]["DnsRecords"], json!([{ "Type": "A", "TTL": 10 }]));
}

#[test]
fn r19_logs_are_kept_as_long_as_the_file_says() {
    let it = of(&environment("staging"), "api").resources["LogGroup"].properties.clone();
    assert_eq!((&it["LogGroupName"], &it["RetentionInDays"]), (&json!("/ecs/finance-app-staging-api"), &json!(30)));
}
