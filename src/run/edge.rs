//! Everything a run speaks through: clients, the job's variables, one poller for all that is followed.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex, PoisonError},
};

use bytes::Bytes;
use http_body_util::Empty;
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::TokioExecutor,
};
use runner_core::{
    plan::{Abilities, Exit, Fault, World},
    workflow::Environment,
};

use super::{Credentials, Endpoint, Options};
use crate::{
    aws::{Calls, Clients, Setup},
    deploy::{Poller, ProbeVia},
    image::Compression,
};

/// See the module.
pub(super) struct Edge<'a> {
    pub(super) env: &'a Environment,
    pub(super) options: &'a Options,
    /// Clients of the environment's region.
    pub(super) clients: Arc<Clients>,
    pub(super) poller: Poller,
    pub(super) calls: Calls,
    setup: Setup,
    others: Mutex<BTreeMap<String, Arc<Clients>>>,
}

impl<'a> Edge<'a> {
    pub(super) async fn new(env: &'a Environment, options: &'a Options) -> Self {
        let setup = match &options.endpoint {
            Endpoint::Aws => match &options.credentials {
                Credentials::Ambient => Setup::Ambient,
                Credentials::Variables => Setup::Variables,
                Credentials::Web(web) => Setup::Web(web.clone()),
            },
            Endpoint::Sandbox { url, account, .. } => Setup::Local { url: url.clone(), account: account.clone() },
        };
        let calls = Calls::default();
        let clients = Arc::new(Clients::new(&setup, &env.region, calls.clone()).await);
        let poller = Poller::new(&clients, env.cluster_name());
        Self { env, options, clients, poller, calls, setup, others: Mutex::default() }
    }

    /// Clients of a region.
    pub(super) async fn region(&self, region: &str) -> Arc<Clients> {
        if region == self.env.region {
            return self.clients.clone();
        }
        let known = |others: &Mutex<BTreeMap<String, Arc<Clients>>>| {
            others.lock().unwrap_or_else(PoisonError::into_inner).get(region).cloned()
        };
        if let Some(clients) = known(&self.others) {
            return clients;
        }
        let clients = Arc::new(Clients::new(&self.setup, region, self.calls.clone()).await);
        self.others.lock().unwrap_or_else(PoisonError::into_inner).insert(region.to_owned(), clients.clone());
        clients
    }

    /// What the endpoint can do.
    pub(super) fn abilities(&self) -> Abilities {
        match &self.options.endpoint {
            Endpoint::Aws => Abilities::default(),
            Endpoint::Sandbox { url, engine, build, .. } => Abilities {
                runs_tasks: *engine,
                may_leave_out: true,
                stand_ins: !build,
                resolves_names: false,
                registry: url.strip_prefix("http://").map(str::to_owned),
            },
        }
    }

    /// Where the registry is: ECR's own address, or the local AWS, which answers with the address AWS would have.
    pub(super) fn registry_address(&self, told: String) -> String {
        match &self.options.endpoint {
            Endpoint::Aws => told,
            Endpoint::Sandbox { url, .. } => url.clone(),
        }
    }

    /// How bare layers are compressed. Fargate pulls zstd; an engine of before 2023, which may be the local one, does not.
    pub(super) fn compression(&self) -> Compression {
        match &self.options.endpoint {
            Endpoint::Aws => Compression::Zstd,
            Endpoint::Sandbox { .. } => Compression::Gzip,
        }
    }

    /// How a load balancer is reached.
    pub(super) fn probe_via(&self, dns_name: String, name: String) -> ProbeVia {
        match &self.options.endpoint {
            Endpoint::Aws => ProbeVia::LoadBalancer { dns_name },
            Endpoint::Sandbox { url, account, .. } => {
                ProbeVia::Local { url: url.clone(), name, account: account.clone(), region: self.env.region.clone() }
            }
        }
    }

    /// Whether the local AWS has a hosted zone; of AWS itself it is not asked. One small call, for which an SDK more would
    /// be too much.
    pub(super) async fn has_hosted_zone(&self, id: &str) -> Result<bool, Fault> {
        let Endpoint::Sandbox { url, account, .. } = &self.options.endpoint else { return Ok(true) };
        let doing = || format!("looking for hosted zone {id}");
        let credential = format!("AWS4-HMAC-SHA256 Credential={account}/20260101/us-east-1/route53/aws4_request");
        let request = http::Request::get(format!("{url}/2013-04-01/hostedzone/{id}"))
            .header(http::header::AUTHORIZATION, credential)
            .body(Empty::<Bytes>::new())
            .map_err(|error| Fault::new(doing(), error.to_string()))?;
        self.calls.add(1);
        let client = Client::builder(TokioExecutor::new()).build(HttpConnector::new());
        let answer = client.request(request).await.map_err(|error| Fault::new(doing(), error.to_string()))?;
        match answer.status().as_u16() {
            200 => Ok(true),
            404 => Ok(false),
            status => Err(Fault::new(doing(), format!("HTTP {status}"))),
        }
    }

    /// A world in which nothing was asked yet but who we are. The account must be the environment's, before any other
    /// call; a local AWS has but one, made up.
    pub(super) async fn world(&self, reads_variables: bool) -> Result<World, Fault> {
        let caller = match &self.options.endpoint {
            Endpoint::Sandbox { account, .. } => {
                runner_core::plan::Caller { account: account.clone(), arn: format!("arn:aws:iam::{account}:root") }
            }
            Endpoint::Aws => self.clients.caller().await?,
        };
        if let (Endpoint::Aws, Some(account)) = (&self.options.endpoint, &self.env.account)
            && caller.account != *account
        {
            let words =
                format!("these credentials belong to account {}, {} is in {account}", caller.account, self.env.name);
            return Err(Fault::new(format!("checking the account of {}", self.env.name), words)
                .with_hint("use credentials of that account, or mend `account` in the file; nothing was done")
                .with_exit(Exit::Usage));
        }
        Ok(World {
            abilities: self.abilities(),
            caller: Some(caller),
            reads_variables,
            allow_replace: self.options.allow_replace.iter().cloned().collect::<BTreeSet<_>>(),
            ..World::default()
        })
    }
}
