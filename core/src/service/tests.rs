//! What ECS gets for the finance app, as files and requirement by requirement.

use serde_json::{Value as Json, json};

use super::*;
use crate::{
    plan::{Known, World},
    testing::{environment, example, hold},
    workflow::Environment,
};

fn rendered(env: &Environment, name: &str) -> Json {
    let world = World::default();
    let known = Known { env, world: &world };
    let service = &env.services[name];
    json!({
        "definition": definition(env, service, &known).json,
        "service": settings(env, service, &known).json,
        "rules": rules(env, service, &known).json,
        "autoscaling": autoscaling(env, service, &known),
    })
}

#[test]
fn the_finance_app_is_the_golden_one() {
    for (environment, name) in [("staging", "api"), ("staging", "web"), ("production", "api")] {
        let json = rendered(&example(environment), name);
        hold(&format!("service/golden/{environment}-{name}.json"), &format!("{json:#}\n"));
    }
}

#[test]
fn r7_r8_the_task_definitions_are_as_the_requirements_say() {
    let env = example("production");
    for (name, cpu, memory, plain) in [("api", "512", "1024", "RAILS_ENV"), ("web", "256", "512", "NODE_ENV")] {
        let json = rendered(&env, name);
        let it = &json["definition"];
        assert_eq!((&it["cpu"], &it["memory"]), (&json!(cpu), &json!(memory)));
        assert_eq!((&it["networkMode"], &it["requiresCompatibilities"]), (&json!("awsvpc"), &json!(["FARGATE"])));
        let container = &it["containerDefinitions"][0];
        assert_eq!((&container["name"], &container["portMappings"][0]["containerPort"]), (&json!(name), &json!(3000)));
        let environment = container["environment"].as_array().unwrap();
        assert!(environment.contains(&json!({ "name": plain, "value": "production" })), "{environment:?}");
    }
    let web = rendered(&env, "web");
    let environment = web["definition"]["containerDefinitions"][0]["environment"].as_array().unwrap().clone();
    assert!(environment.contains(&json!({ "name": "API_URL", "value": "https://api.finance-app.com" })));
}

#[test]
fn r13_secrets_are_references_and_never_plain() {
    let api = rendered(&example("staging"), "api");
    let container = &api["definition"]["containerDefinitions"][0];
    let secrets = container["secrets"].as_array().unwrap();
    let names: Vec<&str> = secrets.iter().map(|secret| secret["name"].as_str().unwrap()).collect();
    assert_eq!(
        names,
        ["DATABASE_URL", "DEVISE_JWT_SECRET_KEY", "JWT_SECRET_KEY", "SUPABASE_SERVICE_ROLE_KEY", "SUPABASE_URL"]
    );
    assert_eq!(secrets[1]["valueFrom"], "/finance-app/staging/DEVISE_JWT_SECRET_KEY");
    for variable in container["environment"].as_array().unwrap() {
        assert!(!names.contains(&variable["name"].as_str().unwrap()));
    }
}

const ODD: &str = r#"
app: odd
region: us-east-1
environments: { test: {} }
services:
  api: { image: { reference: "a.example/api@sha256:0000000000000000000000000000000000000000000000000000000000000000" }, port: 8080, desired-count: 3 }
  worker:
    image: { reference: "a.example/w@sha256:0000000000000000000000000000000000000000000000000000000000000000" }
    capacity: fargate-spot
    execute-command: true
    health-check: { command: ["test -f /tmp/alive"] }
    sidecars:
      proxy: { image: "a.example/p@sha256:0000000000000000000000000000000000000000000000000000000000000000", health-check: ["true"] }
"#;

#[test]
fn a_worker_has_no_load_balancer_and_waits_for_its_sidecar() {
    let env = environment(ODD, "test");
    let worker = rendered(&env, "worker");
    let service = &worker["service"];
    for absent in ["loadBalancers", "serviceRegistries"] {
        assert_eq!(service.get(absent), None, "{absent}");
    }
    assert_eq!(service["capacityProviderStrategy"][0]["capacityProvider"], "FARGATE_SPOT");
    assert_eq!(service["healthCheckGracePeriodSeconds"], 120);
    let container = &worker["definition"]["containerDefinitions"][0];
    assert_eq!(container["dependsOn"], json!([{ "containerName": "proxy", "condition": "HEALTHY" }]));
    assert_eq!(container["linuxParameters"]["initProcessEnabled"], true);
    assert_eq!(container["healthCheck"]["command"], json!(["CMD-SHELL", "test -f /tmp/alive"]));
    assert_eq!(worker["rules"], json!([]));
}

#[test]
fn an_update_leaves_out_what_only_a_create_takes() {
    let env = environment(ODD, "test");
    let settings = rendered(&env, "api")["service"].clone();
    let update = update_of(&env.services["api"], &settings, &json!({}));
    assert_eq!(update["service"], "api");
    assert_eq!(update["desiredCount"], 3);
    for create_only in ["serviceName", "schedulingStrategy", "deploymentController"] {
        assert_eq!(update.get(create_only), None, "{create_only}");
    }
    let worker = rendered(&env, "worker")["service"].clone();
    let seen = json!({ "loadBalancers": [{ "targetGroupArn": "arn" }] });
    assert_eq!(update_of(&env.services["worker"], &worker, &seen)["loadBalancers"], json!([]));
    assert_eq!(update_of(&env.services["worker"], &worker, &json!({})).get("loadBalancers"), None);
    // The count is autoscaling's.
    let production = example("production");
    let scaled = rendered(&production, "api")["service"].clone();
    assert_eq!(update_of(&production.services["api"], &scaled, &json!({})).get("desiredCount"), None);
}

#[test]
fn a_task_definition_of_the_users_own_is_rendered_as_it_is() {
    let mut env = environment(ODD, "test");
    let file = json!({ "taskDefinition": {
        "taskDefinitionArn": "arn:aws:ecs:us-east-1:1:task-definition/old:3", "revision": 3, "status": "ACTIVE",
        "family": "old", "cpu": "1024", "memory": "2048", "executionRoleArn": "arn:aws:iam::1:role/mine",
        "volumes": [{ "name": "data" }],
        "containerDefinitions": [
            { "name": "api", "image": "x", "environment": [{ "name": "KEPT", "value": "1" }] },
            { "name": "other", "image": "y" },
        ],
    }});
    let api = env.services.get_mut("api").unwrap();
    api.task_definition = Some(crate::workflow::TaskDefinitionFile { path: "td.json".into(), json: file });
    api.image = crate::workflow::ImageSource::TaskDefinition;
    api.environment.insert("ADDED".into(), Text::literal("2"));
    let it = rendered(&env, "api")["definition"].clone();
    assert_eq!(
        (&it["family"], &it["cpu"], &it["volumes"]),
        (&json!("odd-test-api"), &json!("1024"), &json!([{ "name": "data" }]))
    );
    assert_eq!(it["executionRoleArn"], "arn:aws:iam::1:role/mine");
    assert_eq!(it["taskRoleArn"], "${stacks.service-api.TaskRoleArn}");
    assert_eq!((it.get("revision"), it.get("status")), (None, None));
    let containers = it["containerDefinitions"].as_array().unwrap();
    assert_eq!(containers[0]["image"], "x");
    assert_eq!(
        containers[0]["environment"],
        json!([{ "name": "ADDED", "value": "2" }, { "name": "KEPT", "value": "1" }])
    );
    assert_eq!(containers[1].get("environment"), None);
    assert_eq!(containers[1]["logConfiguration"]["logDriver"], "awslogs");
}

#[test]
fn r15_a_service_scales_on_cpu_memory_and_requests_between_its_bounds() {
    let mut env = example("production");
    let api = env.services.get_mut("api").unwrap();
    api.scaling =
        Some(crate::workflow::Scaling { min: 2, max: 6, cpu: Some(60), memory: Some(70), requests: Some(500) });
    let it = &rendered(&env, "api")["autoscaling"];
    assert_eq!((&it["resource"], &it["bounds"]), (&json!("service/finance-app-production/api"), &json!([2, 6])));
    for (name, metric, target) in [
        ("cpu", "ECSServiceAverageCPUUtilization", 60),
        ("memory", "ECSServiceAverageMemoryUtilization", 70),
        ("requests", "ALBRequestCountPerTarget", 500),
    ] {
        let policy = &it["policies"][format!("finance-app-production-api-{name}")];
        assert_eq!(policy["PredefinedMetricSpecification"]["PredefinedMetricType"], metric);
        assert_eq!(policy["TargetValue"], target);
    }
    env.services.get_mut("api").unwrap().scaling = None;
    let none = &rendered(&env, "api")["autoscaling"];
    assert_eq!((&none["bounds"], &none["policies"]), (&Json::Null, &json!({})));
}

const TESTED: &str = r#"
app: shop
region: us-east-1
environments: { test: { domain: shop.example } }
load-balancer: { test-listener: { allow-from: [203.0.113.0/24] } }
cdn: { service: web }
services:
  web: { build: ., port: 80, host: "www.${domain}", redirect-from: ["${domain}"], priority: 5, deploy: { strategy: blue-green } }
  old: { build: ., port: 80, host: "old.${domain}", deploy: { strategy: linear, test-listener: false } }
"#;

#[test]
fn the_rule_on_the_test_listener_is_the_users_without_what_only_the_cdn_can_show() {
    /// Facts of a world in which names lead to the CDN.
    struct Closed<'a>(Known<'a>);
    impl Outputs for Closed<'_> {
        fn output(&self, stack: &str, output: &str) -> Option<Value> {
            self.0.output(stack, output)
        }
    }
    impl Facts for Closed<'_> {
        fn image(&self, service: &str) -> Value {
            self.0.image(service)
        }
        fn secret_version(&self, reference: &str) -> Value {
            self.0.secret_version(reference)
        }
        fn revision(&self, service: &str) -> Value {
            self.0.revision(service)
        }
        fn rule(&self, service: &str) -> Value {
            self.0.rule(service)
        }
        fn test_rule(&self, service: &str) -> Value {
            self.0.test_rule(service)
        }
        fn origin(&self, _: &str) -> Option<Origin> {
            Some(Origin { header: "x-origin", secret: "arn".into(), version: "1".into() })
        }
    }
    let env = environment(TESTED, "test");
    let world = World::default();
    let facts = Closed(Known { env: &env, world: &world });
    let rendered = rules(&env, &env.services["web"], &facts).json;
    let [users, redirect, test] = rendered.as_array().unwrap().as_slice() else { panic!("{rendered:#}") };
    assert_eq!((&users["Priority"], &redirect["Priority"], &test["Priority"]), (&json!(5), &json!(6), &json!(5)));
    assert_eq!(users["Conditions"].as_array().unwrap().len(), 2);
    assert_eq!(test["Conditions"], json!([users["Conditions"][0]]));
    assert_eq!(test["Actions"], users["Actions"]);
    assert_eq!(users["ListenerArn"], "${stacks.edge.ListenerArn}");
    assert_eq!(test["ListenerArn"], "${stacks.test-listener.TestListenerArn}");
    assert_eq!(rules(&env, &env.services["old"], &facts).json.as_array().unwrap().len(), 1);
}

#[test]
fn a_service_names_its_test_rule_only_where_it_answers_on_the_test_listener() {
    let env = environment(TESTED, "test");
    let advanced = |name: &str| rendered(&env, name)["service"]["loadBalancers"][0]["advancedConfiguration"].clone();
    assert_eq!(advanced("web")["testListenerRule"], "${test-rule.web}");
    assert_eq!(advanced("old").get("testListenerRule"), None);
}
