//! Plays a scenario to the runner: `wait-healthy` of a service whose revision is registered and being deployed.

use std::{collections::BTreeMap, time::Duration};

use runner::run::{Endpoint, Options, Variables};
use runner_core::{
    plan::{DesiredService, TaskDefinition},
    report::{Style, text},
    workflow::{Environment, Given, load},
};
use serde_json::{Value as Json, json};

use crate::support::{
    ecs::{Ecs, Names, Scenario},
    ran::{Ran, run},
};

const ACCOUNT: &str = "111122223333";

const FILE: &str = "
app: shop
region: us-east-1
environments: { staging: {} }
services:
  api:
    image: { reference: \"111122223333.dkr.ecr.us-east-1.amazonaws.com/shop/api@sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef\" }
    port: 3000
";

/// Every scenario by name.
pub fn scenarios() -> BTreeMap<String, Scenario> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/verdict/scenarios");
    let mut all = BTreeMap::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|extension| extension == "json") {
            let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
            let text = std::fs::read_to_string(&path).unwrap();
            let scenario = serde_json::from_str(&text).unwrap_or_else(|error| panic!("{name}: {error}"));
            all.insert(name, scenario);
        }
    }
    assert!(!all.is_empty());
    all
}

pub fn names() -> Names {
    Names {
        account: ACCOUNT.to_owned(),
        cluster: "shop-staging".to_owned(),
        service: "api".to_owned(),
        family: "shop-staging-api".to_owned(),
    }
}

/// The environment of the file; `tested`: with a test listener.
pub fn environment(tested: bool) -> Environment {
    let file = match tested {
        false => FILE.to_owned(),
        true => FILE
            .replace("staging: {}", "staging: { domain: shop.example }")
            .replace("services:", "load-balancer: { test-listener: { allow-from: [203.0.113.0/24] } }\nservices:")
            .replace("port: 3000", "port: 3000\n    host: \"api.${domain}\"\n    deploy: { strategy: blue-green }"),
    };
    let workflow = load("app.yml", file.as_bytes()).unwrap_or_else(|problems| panic!("{problems}"));
    let given = Given { git_sha: Some("3f9c2e1".into()) };
    workflow.environment("staging", &given, &BTreeMap::new()).unwrap_or_else(|problems| panic!("{problems}")).0
}

/// A scenario that is ready to be followed.
pub struct Play {
    pub ecs: Ecs,
    env: Environment,
    options: Options,
}

impl Play {
    /// The endpoint knows the revision as the one that the file makes.
    pub async fn new(scenario: Scenario) -> Self {
        let timeout = scenario.timeout().map_or(Duration::from_secs(60), Duration::from_secs_f64);
        let env = environment(scenario.tested);
        let ecs = Ecs::start(scenario, names()).await;
        let options = Options {
            work: Default::default(),
            endpoint: Endpoint::Sandbox {
                url: ecs.url.clone(),
                account: ACCOUNT.to_owned(),
                engine: true,
                build: false,
            },
            credentials: Default::default(),
            root: std::env::temp_dir(),
            services: Default::default(),
            stage: Some("wait-healthy".to_owned()),
            from: None,
            allow_replace: Default::default(),
            expect: None,
            rebuild: false,
            images: Default::default(),
            adopts: None,
            removal: None,
            variables: Variables::of(&env, true, |_| None),
            timeout,
        };
        let (world, _) = runner::run::status(&env, &options, false).await.unwrap();
        let digest = DesiredService::of(&env, &env.services["api"], &world).definition_digest;
        ecs.tag(json!([{ "key": TaskDefinition::FINGERPRINT, "value": digest }]), Json::Array(Vec::new()));
        ecs.rewind();
        Self { ecs, env, options }
    }

    /// Follows it to the end.
    pub async fn run(&self) -> Ran {
        run(&self.env, &self.options).await
    }
}

/// The card as a terminal without colour shows it.
pub fn card(ran: &Ran) -> String {
    text(&ran.outcome.card(), Style { color: false, unicode: true, details: false })
}

/// What the scenario wants said and was not.
pub fn wrong(expect: &Json, ran: &Ran) -> Vec<String> {
    let mut wrong = Vec::new();
    let told = card(ran);
    let mut differ = |what: &str, seen: String, wanted: &Json| {
        if !wanted.is_null() && *wanted != seen {
            wrong.push(format!("{what}: {seen}, not {wanted}"));
        }
    };
    differ(
        "exit",
        ran.outcome.exit_code.to_string(),
        &expect["exit"].as_u64().map_or(Json::Null, |code| code.to_string().into()),
    );
    let verdict = serde_json::to_value(ran.outcome.verdict).unwrap();
    differ("verdict", verdict.as_str().unwrap().to_owned(), &expect["verdict"]);
    differ("cause", ran.outcome.cause.clone().unwrap_or_default(), &expect["cause"]);
    differ("certainty", ran.outcome.certainty.clone().unwrap_or_default(), &expect["certainty"]);
    let users = told.lines().nth(1).unwrap_or_default().trim().trim_start_matches("users: ").to_owned();
    differ("users", users, &expect["users"]);
    for words in expect["says"].as_array().into_iter().flatten() {
        if !told.contains(words.as_str().unwrap()) {
            wrong.push(format!("not said: {words}"));
        }
    }
    for words in expect["never"].as_array().into_iter().flatten() {
        if told.contains(words.as_str().unwrap()) {
            wrong.push(format!("said: {words}"));
        }
    }
    if ran.outcome.exit_code != 0 && told.lines().filter(|line| !line.is_empty()).count() > 12 {
        wrong.push("the card is longer than 12 lines".to_owned());
    }
    if !wrong.is_empty() {
        wrong.push(told);
    }
    wrong
}
