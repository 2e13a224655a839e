//! Stacks against the emulator: what is decided is put, and then there is nothing left to decide.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Mutex,
};

use runner::{
    aws::{Calls, Clients, Setup},
    stacks::{Acting, Stop, describe, template},
};
use runner_core::{
    infra::Holds,
    plan::{PutStack, Stack, StackMove},
    report::{Changed, Fact, Failure},
};
use serde_json::{Value as Json, json};

use crate::support::{account, emulator};

const REGION: &str = "us-east-1";

/// An account of its own, and the facts that were said.
struct Bench {
    clients: Clients,
    facts: Mutex<Vec<Fact>>,
    allow_replace: BTreeSet<String>,
    may_leave_out: bool,
}

impl Bench {
    async fn new() -> Self {
        Self::at(emulator()).await
    }

    async fn at(url: String) -> Self {
        let setup = Setup::Local { url, account: account() };
        Self {
            clients: Clients::new(&setup, REGION, Calls::default()).await,
            facts: Mutex::default(),
            allow_replace: BTreeSet::new(),
            may_leave_out: false,
        }
    }

    async fn put(&self, put: &PutStack) -> Result<Option<Stack>, Stop> {
        let emit = |fact| self.facts.lock().unwrap().push(fact);
        Acting {
            clients: &self.clients,
            role_arn: None,
            allow_replace: &self.allow_replace,
            may_leave_out: self.may_leave_out,
            emit: &emit,
        }
        .put(put)
        .await
    }

    async fn done(&self, put: &PutStack) -> Stack {
        self.put(put).await.unwrap().unwrap()
    }

    async fn failed(&self, put: &PutStack) -> Failure {
        match self.put(put).await {
            Err(Stop::Failed(failure)) => *failure,
            other => panic!("it did not fail: {other:?}"),
        }
    }

    async fn seen(&self, name: &str) -> Stack {
        describe(&self.clients, REGION).await.unwrap().remove(name).unwrap()
    }

    /// What was said since the last time.
    fn said(&self) -> Vec<Fact> {
        std::mem::take(&mut *self.facts.lock().unwrap())
    }

    fn changed(&self) -> Vec<Changed> {
        self.said()
            .into_iter()
            .filter_map(|fact| match fact {
                Fact::Changed(changed) => Some(changed),
                _ => None,
            })
            .collect()
    }
}

fn put(name: &str, step: StackMove, resources: Json) -> PutStack {
    let mut template = json!({ "Resources": resources });
    let hash = runner_core::plan::digest(&template);
    template["Outputs"] = json!({ "TemplateHash": { "Value": hash } });
    PutStack {
        key: name.to_owned(),
        name: format!("app-test-{name}"),
        region: REGION.to_owned(),
        step,
        body: template.to_string(),
        parameters: BTreeMap::new(),
        tags: BTreeMap::from([("app".to_owned(), "app".to_owned())]),
        hash,
        holds: BTreeMap::new(),
        changes: Vec::new(),
    }
}

fn parameter(value: &str) -> Json {
    json!({ "P": { "Type": "AWS::SSM::Parameter", "Properties": { "Type": "String", "Value": value } } })
}

#[tokio::test]
async fn a_stack_is_created_updated_and_its_template_read_back() {
    let bench = Bench::new().await;
    let first = put("net", StackMove::Create, parameter("one"));
    let stack = bench.done(&first).await;
    assert_eq!(stack.status.0, "CREATE_COMPLETE");
    assert_eq!(stack.hash(), Some(&*first.hash));
    assert_eq!(stack.tags["app"], "app");
    let facts = bench.said();
    assert!(facts.contains(&Fact::Progress("creating P (AWS::SSM::Parameter)".into())), "{facts:?}");
    let Some(Fact::Changed(changed)) = facts.last() else { panic!("{facts:?}") };
    assert_eq!((changed.verb, &*changed.what), ("created", "stack app-test-net"));
    assert_eq!(changed.resources, BTreeMap::from([("created", 1)]));

    let second = put("net", StackMove::Update, parameter("two"));
    let stack = bench.done(&second).await;
    assert_eq!((stack.status.0.as_str(), stack.hash()), ("UPDATE_COMPLETE", Some(&*second.hash)));
    assert_eq!(bench.changed()[0].resources, BTreeMap::from([("updated", 1)]));
    let read = template(&bench.clients, REGION, "app-test-net").await.unwrap().unwrap();
    assert_eq!(read.to_string(), second.body);
    assert_eq!(template(&bench.clients, REGION, "app-test-none").await.unwrap(), None);
    assert_eq!(bench.seen("app-test-net").await, stack);
}

#[tokio::test]
async fn a_failed_create_says_the_cause_and_is_made_anew_by_the_next_run() {
    let bench = Bench::new().await;
    let broken = json!({ "P": { "Type": "AWS::SSM::Parameter", "Properties": { "Type": "Nope", "Value": "x" } } });
    let failure = bench.failed(&put("net", StackMove::Create, broken)).await;
    assert_eq!(failure.fault.doing, "creating P (AWS::SSM::Parameter) in stack app-test-net in us-east-1");
    assert!(!failure.fault.message.is_empty());
    assert_eq!(bench.seen("app-test-net").await.status.0, "ROLLBACK_COMPLETE");

    let again = put("net", StackMove::Recreate, parameter("one"));
    assert_eq!(bench.done(&again).await.hash(), Some(&*again.hash));
    let verbs: Vec<_> = bench.changed().iter().map(|changed| changed.verb).collect();
    assert_eq!(verbs, ["deleted", "created"]);
}
