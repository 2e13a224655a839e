//! The language as data: schema, pages, defaults.

use serde_json::Value as Json;

use super::*;
use crate::workflow::{Database, Network, Platform, SecretSource, Strategy, explain, schema};

/// The part of JSON Schema that ours uses, but for patterns.
fn fits(value: &Json, schema: &Json, root: &Json) -> Result<(), String> {
    if let Some(name) = schema["$ref"].as_str() {
        let name = name.trim_start_matches("#/$defs/");
        fits(value, &root["$defs"][name], root)?;
    }
    if let Some(any) = schema["anyOf"].as_array() {
        let errors: Vec<String> = any.iter().filter_map(|schema| fits(value, schema, root).err()).collect();
        if errors.len() == any.len() {
            return Err(errors.join(" / "));
        }
    }
    let kind = match value {
        Json::Null => "null",
        Json::Bool(_) => "boolean",
        Json::Number(number) if number.is_f64() => "number",
        Json::Number(_) => "integer",
        Json::String(_) => "string",
        Json::Array(_) => "array",
        Json::Object(_) => "object",
    };
    if let Some(wanted) = schema["type"].as_str()
        && wanted != kind
        && !(wanted == "number" && kind == "integer")
    {
        return Err(format!("{value} is no {wanted}"));
    }
    if let Some(words) = schema["enum"].as_array()
        && !words.contains(value)
    {
        return Err(format!("{value} is none of {words:?}"));
    }
    if let (Some(number), Some(least)) = (value.as_f64(), schema["minimum"].as_f64())
        && number < least
    {
        return Err(format!("{number} is less than {least}"));
    }
    for required in schema["required"].as_array().into_iter().flatten().filter_map(Json::as_str) {
        if value.get(required).is_none() {
            return Err(format!("{required} is missing"));
        }
    }
    for (key, item) in value.as_object().into_iter().flatten() {
        let known = schema["properties"].get(key);
        match (known, &schema["additionalProperties"]) {
            (Some(known), _) => fits(item, known, root).map_err(|error| format!("{key}: {error}"))?,
            (None, Json::Bool(false)) => return Err(format!("{key} is unknown")),
            (None, more @ Json::Object(_)) => fits(item, more, root).map_err(|error| format!("{key}: {error}"))?,
            _ => {}
        }
    }
    for item in value.as_array().into_iter().flatten() {
        fits(item, &schema["items"], root)?;
    }
    Ok(())
}

fn json(yaml: &str) -> Json {
    serde_yaml::from_str(yaml).expect("it is YAML")
}

#[test]
fn the_schema_takes_the_example_and_refuses_what_the_reader_refuses() {
    let schema = schema();
    for good in [example::EXAMPLE, example::SMALL] {
        assert_eq!(fits(&json(good), &schema, &schema), Ok(()));
    }
    for (from, to) in [
        ("    cpu: 512\n", "    cup: 512\n"),
        ("    cpu: 512\n", "    cpu: lots\n"),
        ("  egress: nat-gateway", "  egress: nat"),
        ("app: finance-app\n", ""),
        ("    database: { multi-az: true }", "    database: { multi-az: maybe }"),
    ] {
        assert!(example::EXAMPLE.contains(from), "{from}");
        let bad = example::EXAMPLE.replace(from, to);
        assert!(fits(&json(&bad), &schema, &schema).is_err(), "{to}");
        assert!(!problems(&bad).is_empty(), "{to}");
    }
}

#[test]
fn the_schema_is_closed_and_says_what_everything_is() {
    let schema = schema();
    assert_eq!(schema["$schema"], "https://json-schema.org/draft/2020-12/schema");
    let defs = schema["$defs"].as_object().expect("there are definitions");
    for (name, section) in std::iter::once((&"file".to_owned(), &schema)).chain(defs) {
        assert_eq!(section["additionalProperties"], false, "{name}");
        let properties = section["properties"].as_object().expect("a section has keys");
        for (key, property) in properties {
            assert!(property["description"].as_str().is_some_and(|text| text.len() > 5), "{name}.{key}");
            assert!(key.chars().all(|c| c.is_ascii_lowercase() || c == '-'), "{name}.{key}");
        }
    }
}

/// Every key of the schema, as `services.*.cpu`.
fn paths(schema: &Json, root: &Json, path: &str, out: &mut Vec<String>) {
    let schema = match schema["$ref"].as_str() {
        Some(name) => &root["$defs"][name.trim_start_matches("#/$defs/")],
        None => schema,
    };
    for inner in schema["anyOf"].as_array().into_iter().flatten() {
        paths(inner, root, path, out);
    }
    for (key, property) in schema["properties"].as_object().into_iter().flatten() {
        if path.is_empty() && key == "environments" {
            continue;
        }
        let path = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
        paths(property, root, &path, out);
        out.push(path);
    }
    if schema["additionalProperties"].is_object() {
        paths(&schema["additionalProperties"], root, &format!("{path}.*"), out);
    }
}

const FULL: &str = include_str!("../testdata/full.yml");
const EXISTING: &str = include_str!("../testdata/existing.yml");
const BESIDE: [(&str, &str); 2] = [
    ("infra/legacy.json", r#"{"containerDefinitions": [{"name": "legacy"}], "cpu": "256", "memory": "512"}"#),
    ("infra/redis.yml", "Parameters: { VpcId: { Type: String } }\nResources: { A: { Type: 'AWS::SQS::Queue' } }\n"),
];

/// The keys that a file uses, as the schema names them.
fn used(value: &Json, schema: &Json, root: &Json, path: &str, out: &mut Vec<String>) {
    let schema = match schema["$ref"].as_str() {
        Some(name) => &root["$defs"][name.trim_start_matches("#/$defs/")],
        None => schema,
    };
    for inner in schema["anyOf"].as_array().into_iter().flatten() {
        used(value, inner, root, path, out);
    }
    for (key, item) in value.as_object().into_iter().flatten() {
        let more = &schema["additionalProperties"];
        if let Some(known) = schema["properties"].get(key) {
            let path = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
            used(item, known, root, &path, out);
            out.push(path);
        } else if more.is_object() {
            used(item, more, root, &format!("{path}.*"), out);
        }
    }
}

#[test]
fn every_key_can_be_written_and_nothing_is_said_of_it() {
    let schema = schema();
    let mut written = Vec::new();
    for file in [FULL, EXISTING] {
        let workflow = read(file);
        let problems = workflow.check(&given(), &in_memory(&BESIDE));
        assert_eq!(problems.render(false), "");
        assert_eq!(fits(&json(file), &schema, &schema), Ok(()));
        used(&json(file), &schema, &schema, "", &mut written);
    }
    // These stand in the environment.
    written.extend(["account", "domain", "protected"].map(str::to_owned));
    let mut all = Vec::new();
    paths(&schema, &schema, "", &mut all);
    let missing: Vec<&String> = all.iter().filter(|path| !written.contains(path)).collect();
    assert_eq!(missing, Vec::<&String>::new());
}

#[test]
fn what_is_written_reaches_the_environment() {
    let full = environment_with(FULL, "staging", &BESIDE);
    let api = &full.services["api"];
    assert_eq!(api.deploy.strategy, Strategy::Canary { percent: 12.5, bake_minutes: 20 });
    assert_eq!((api.priority, api.tls, api.ephemeral_storage), (10, true, Some(50)));
    assert_eq!(api.secrets["SHARED"], SecretSource::SsmExisting("/an/existing/name".to_owned()));
    let arn = "arn:aws:secretsmanager:eu-central-1:111122223333:secret:shop/x-AbCdEf".to_owned();
    let key = Some("password".to_owned());
    assert_eq!(api.secrets["PART"], SecretSource::SecretsManager { arn: arn.clone(), key });
    assert_eq!(api.secrets["WHOLE"], SecretSource::SecretsManager { arn, key: None });
    assert_eq!(full.services["linear"].deploy.strategy, Strategy::Linear { percent: 20.0, bake_minutes: 3 });
    assert_eq!(full.services["nightly-report"].image_owner(), "api");
    assert_eq!(full.services["nightly-report"].platform, Platform::LinuxArm64);
    assert!(!full.services["nightly-report"].is_running());
    let Some(Database::Managed(database)) = &full.database else { panic!("a database of our own") };
    assert_eq!(database.parameters["rds.force_ssl"], "1");
    let existing = environment(EXISTING, "staging");
    assert!(matches!(existing.network, Network::Existing { .. }));
    assert_eq!(existing.cluster_name(), "main");
}

#[test]
fn every_key_has_a_page() {
    let schema = schema();
    let mut all = Vec::new();
    paths(&schema, &schema, "", &mut all);
    assert!(all.len() > 100, "{}", all.len());
    for path in all {
        assert!(explain(&path).is_some(), "{path}");
    }
    assert_eq!(explain("services.api.cup"), None);
    assert_eq!(explain("service"), None);
}

#[test]
fn a_page_says_meaning_value_default_and_example() {
    assert_eq!(
        explain("services.api.cpu").as_deref(),
        Some(
            "services.NAME.cpu\n\n  CPU units; 1024 are one vCPU. Fargate knows 256, 512, 1024, 2048, 4096, 8192 and 16384.\n\n  \
             value     a whole number from 256 to 16384\n  default   256\n  example   cpu: 256\n"
        )
    );
    assert_eq!(explain("environments.staging.services.api.cpu"), explain("services.*.cpu"));
    let scaling = explain("services.api.scaling").unwrap_or_default();
    assert!(scaling.contains("\n  max       Most tasks.\n"), "{scaling}");
    assert!(
        explain("services.api")
            .unwrap_or_default()
            .starts_with("services.NAME\n\n  A service; without `port` a worker")
    );
    assert!(explain("file").unwrap_or_default().contains("  services"));
}

#[test]
fn every_default_is_read_without_an_error() {
    // Each optional section, so that the defaults inside it are read as well.
    let text = "app: shop
region: eu-central-1
environments: { staging: { domain: shop.example } }
identity: { repository: a/b, repository-id: \"1\" }
database: {}
cdn: { service: web }
load-balancer: { waf: {} }
services:
  web:
    build: {}
    port: 80
    host: \"www.${domain}\"
    before-deploy: { command: [a] }
    scaling: { max: 2 }
    sidecars: { cache: { image: \"redis:8\" } }
stages: { smoke: { run: ./smoke } }
";
    let staging = environment(text, "staging");
    let defaults = crate::workflow::defaults(&staging);
    for (path, value) in [
        ("database.version", "17"),
        ("load-balancer.waf.mode", "count"),
        ("network.public-subnets", "[10.0.1.0/24, 10.0.2.0/24]"),
        ("protected", "false"),
        ("services.web.before-deploy.timeout", "15m"),
        ("services.web.build.context", "."),
        ("services.web.health-check.grace-period", "120s"),
        ("services.web.scaling.cpu", "60"),
        ("services.web.sidecars.cache.essential", "false"),
        ("stages.smoke.timeout", "10m"),
    ] {
        assert!(defaults.contains(&(path.to_owned(), value.to_owned())), "{path}: {defaults:?}");
    }
}
