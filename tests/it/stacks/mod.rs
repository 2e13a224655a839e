//! Stacks: what is put, followed, refused and mended, against the emulator, and a scripted endpoint for the rest.

mod imports;
mod moves;
mod recoveries;
mod replacements;
mod scripted;
mod system;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Mutex,
};

use runner::{
    aws::{Calls, Clients, Setup},
    stacks::{Acting, Stop, describe},
};
use runner_core::{
    plan::{PutStack, Refusal, Stack, StackMove},
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
    role_arn: Option<&'static str>,
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
            role_arn: None,
        }
    }

    fn acting<'a>(&'a self, emit: &'a (dyn Fn(Fact) + Sync)) -> Acting<'a> {
        Acting {
            clients: &self.clients,
            role_arn: self.role_arn,
            allow_replace: &self.allow_replace,
            may_leave_out: self.may_leave_out,
            asks_by_name: false,
            emit,
        }
    }

    async fn put(&self, put: &PutStack) -> Result<Option<Stack>, Stop> {
        self.acting(&|fact| self.facts.lock().unwrap().push(fact)).put(put).await
    }

    async fn done(&self, put: &PutStack) -> Stack {
        self.put(put).await.unwrap().unwrap()
    }

    async fn refused(&self, put: &PutStack) -> Refusal {
        match self.put(put).await {
            Err(Stop::Refused(refusal)) => refusal,
            other => panic!("it was not refused: {other:?}"),
        }
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
        imports: Vec::new(),
        changes: Vec::new(),
    }
}

fn parameter(value: &str) -> Json {
    json!({ "P": { "Type": "AWS::SSM::Parameter", "Properties": { "Type": "String", "Value": value } } })
}
