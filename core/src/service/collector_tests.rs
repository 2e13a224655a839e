//! The collector beside a service's containers.

use super::*;
use crate::plan::{Known, World};
use crate::service::definition;
use crate::testing::{EXAMPLE, environment};

fn containers(env: &Environment, name: &str) -> Vec<Json> {
    let world = World::default();
    let rendered = definition(env, &env.services[name], &Known { env, world: &world });
    rendered.json["containerDefinitions"].as_array().unwrap().clone()
}

fn traced() -> Environment {
    environment(&EXAMPLE.replace("tracing: false", "tracing: true"), "staging")
}

#[test]
fn r19_the_switch_adds_a_collector_that_the_program_does_not_depend_on() {
    let env = traced();
    for service in ["api", "web"] {
        let containers = containers(&env, service);
        let [main, collector] = containers.as_slice() else { panic!("{containers:?}") };
        assert_eq!((&collector["name"], &collector["essential"]), (&json!(NAME), &json!(false)));
        let digest = collector["image"].as_str().unwrap().split_once("@sha256:").unwrap().1;
        assert!(digest.len() == 64 && digest.chars().all(|c| c.is_ascii_hexdigit()));
        assert_eq!(collector["restartPolicy"]["enabled"], true);
        let config: Json = serde_json::from_str(collector["environment"][0]["value"].as_str().unwrap()).unwrap();
        assert_eq!(config["service"]["pipelines"]["traces"]["exporters"], json!(["awsxray"]));
        let endpoint = json!({ "name": "OTEL_EXPORTER_OTLP_ENDPOINT", "value": "http://127.0.0.1:4318" });
        assert!(main["environment"].as_array().unwrap().contains(&endpoint), "{main}");
    }
    assert_eq!(containers(&environment(EXAMPLE, "staging"), "api").len(), 1);
}

#[test]
fn r19_what_the_file_says_goes_before() {
    let mut env = traced();
    let api = env.services.get_mut("api").unwrap();
    api.environment.insert("OTEL_TRACES_SAMPLER_ARG".into(), crate::workflow::Text::literal("1"));
    let main = containers(&env, "api").remove(0);
    let values: Vec<&Json> = main["environment"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|variable| variable["name"] == "OTEL_TRACES_SAMPLER_ARG")
        .map(|variable| &variable["value"])
        .collect();
    assert_eq!(values, [&json!("1")]);
}
