//! Contexts from payloads of the shapes that GitHub documents, and from odd ones.

use std::collections::BTreeMap;

use proptest::prelude::*;
use serde_json::{Value as Json, json};

use super::{Context, Origin, Place};

const SHA: &str = "3f9c2e1aa0b1c2d3e4f5061728394a5b6c7d8e9f";

fn variables(event: &str) -> BTreeMap<&'static str, String> {
    [
        ("GITHUB_ACTIONS", "true"),
        ("GITHUB_EVENT_NAME", event),
        ("GITHUB_REPOSITORY", "acme/shop"),
        ("GITHUB_RUN_ID", "30433642"),
        ("GITHUB_RUN_ATTEMPT", "2"),
        ("GITHUB_SHA", SHA),
    ]
    .map(|(name, value)| (name, value.to_owned()))
    .into()
}

fn read(event: &str, payload: &Json) -> Result<Context, String> {
    let variables = variables(event);
    let read = Context::read(|name| variables.get(name).cloned(), Some(&payload.to_string()));
    read.map(Option::unwrap).map_err(|fault| fault.headline())
}

fn pull_request(repo: Json) -> Json {
    json!({
        "action": "synchronize", "number": 12,
        "pull_request": {
            "number": 12, "state": "open", "merged": false,
            "head": { "ref": "cpu", "sha": SHA, "repo": repo },
            "base": { "ref": "main", "repo": { "full_name": "acme/shop", "fork": false } },
        },
    })
}

#[test]
fn events_say_what_a_comment_stands_on() {
    let own = json!({ "id": 1, "full_name": "acme/shop", "fork": false });
    let shop = json!({ "full_name": "acme/shop" });
    for (event, payload, place) in [
        ("pull_request", pull_request(own.clone()), Place::PullRequest(12)),
        ("pull_request_target", pull_request(own.clone()), Place::PullRequest(12)),
        ("pull_request_review", pull_request(own), Place::PullRequest(12)),
        ("push", json!({ "ref": "refs/heads/main", "deleted": false }), Place::MergedBy(SHA.into())),
        ("push", json!({ "ref": "refs/tags/v1" }), Place::Nowhere),
        ("push", json!({ "ref": "refs/heads/old", "deleted": true }), Place::Nowhere),
        (
            "merge_group",
            json!({ "merge_group": { "head_ref": format!("refs/heads/gh-readonly-queue/release/1.2/pr-104-{SHA}") } }),
            Place::PullRequest(104),
        ),
        ("merge_group", json!({ "merge_group": { "head_ref": "refs/heads/main" } }), Place::Nowhere),
        (
            "workflow_run",
            json!({ "workflow_run": { "event": "pull_request", "pull_requests": [{ "number": 7 }], "head_repository": shop } }),
            Place::PullRequest(7),
        ),
        (
            "workflow_run",
            json!({ "workflow_run": { "event": "push", "pull_requests": [], "head_sha": SHA, "head_repository": shop } }),
            Place::MergedBy(SHA.into()),
        ),
        (
            "workflow_run",
            json!({ "workflow_run": { "event": "pull_request", "pull_requests": [], "head_sha": SHA, "head_repository": shop } }),
            Place::HeadOf(SHA.into()),
        ),
        ("issue_comment", json!({ "issue": { "number": 5, "pull_request": { "url": "…" } } }), Place::PullRequest(5)),
        ("issue_comment", json!({ "issue": { "number": 5 } }), Place::Nowhere),
        ("workflow_dispatch", json!({ "inputs": {}, "ref": "refs/heads/main" }), Place::Nowhere),
        ("schedule", json!({ "schedule": "0 4 * * *" }), Place::Nowhere),
    ] {
        let context = read(event, &payload).unwrap();
        assert_eq!(context.place, place, "{event} {payload}");
        assert_eq!(context.origin, Origin::Own, "{event} {payload}");
        assert_eq!((context.run.id, context.run.attempt), (30_433_642, 2));
        assert_eq!(context.api, "https://api.github.com");
    }
}

#[test]
fn forks_and_heads_that_are_gone_are_strangers() {
    let fork = json!({ "full_name": "mallory/shop", "fork": true });
    for event in ["pull_request", "pull_request_target"] {
        let context = read(event, &pull_request(fork.clone())).unwrap();
        assert_eq!(context.origin, Origin::Fork(Some("mallory/shop".into())));
        assert!(context.is_fork());
        assert_eq!(read(event, &pull_request(Json::Null)).unwrap().origin, Origin::Fork(None));
    }
    let run = json!({ "workflow_run": { "event": "pull_request", "head_sha": SHA, "pull_requests": [], "head_repository": fork } });
    assert_eq!(read("workflow_run", &run).unwrap().origin, Origin::Fork(Some("mallory/shop".into())));
}

#[test]
fn an_enterprise_server_is_spoken_to_where_it_is() {
    let mut variables = variables("push");
    variables.insert("GITHUB_API_URL", "https://github.acme.example/api/v3/".into());
    variables.insert("GITHUB_GRAPHQL_URL", "https://github.acme.example/api/graphql".into());
    let read = |variables: &BTreeMap<&str, String>| Context::read(|name| variables.get(name).cloned(), Some("{}"));
    let context = read(&variables).unwrap().unwrap();
    assert_eq!(context.api, "https://github.acme.example/api/v3");
    assert_eq!(context.graphql, "https://github.acme.example/api/graphql");
    for wrong in ["http://github.acme.example/api/v3", "http://localhost.acme.example", "file:///x", "nonsense"] {
        variables.insert("GITHUB_API_URL", wrong.into());
        assert!(read(&variables).unwrap_err().headline().contains("GITHUB_API_URL"), "{wrong}");
    }
}

#[test]
fn what_is_missing_or_odd_is_said_in_words() {
    for (event, payload, words) in [
        ("pull_request", json!({}), "has no `pull_request`"),
        ("pull_request", json!([1, 2]), "has no `pull_request`"),
        ("pull_request_target", json!({ "pull_request": { "number": "12" } }), "has no number"),
    ] {
        assert!(read(event, &payload).unwrap_err().contains(words), "{event} {payload}");
    }
    let mut some = variables("pull_request");
    let broken = Context::read(|name| some.get(name).cloned(), Some("{\"pull_request\":")).unwrap_err();
    assert!(broken.headline().contains("GITHUB_EVENT_PATH"), "{broken}");
    assert!(Context::read(|name| some.get(name).cloned(), None).is_err());
    some.insert("GITHUB_REPOSITORY", "acme/shop/../../user".into());
    assert!(Context::read(|name| some.get(name).cloned(), None).unwrap_err().headline().contains("OWNER/NAME"));
    some.remove("GITHUB_ACTIONS");
    assert_eq!(Context::read(|name| some.get(name).cloned(), None).unwrap(), None);
}

fn any_json() -> impl Strategy<Value = Json> {
    let keys =
        "(pull_request|number|head|repo|full_name|ref|workflow_run|head_ref|merge_group|issue|head_sha|[a-z]{1,4})";
    let leaf = prop_oneof![
        Just(Json::Null),
        any::<bool>().prop_map(Json::from),
        any::<i64>().prop_map(Json::from),
        "(refs/heads/gh-readonly-queue/|pr-|refs/heads/|/|-|é|[ -~]){0,12}".prop_map(Json::from),
    ];
    leaf.prop_recursive(4, 32, 6, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Json::from),
            prop::collection::hash_map(keys, inner, 0..6).prop_map(|map| Json::Object(map.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn no_payload_is_a_panic(payload in any_json(), event in "(push|pull_request|pull_request_target|merge_group|workflow_run|issue_comment)") {
        let _ = read(&event, &payload);
    }
}
