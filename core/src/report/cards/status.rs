//! What runs now, and its card.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::Serialize;

use crate::{
    plan::{Rollout, Service, World},
    report::{
        Header, ServiceHistory, ToldBy,
        card::{Block, Card, Mark, Piece},
        service_history::{number, since},
        words,
    },
    text::utc,
    workflow::Environment,
};

/// A service as it runs now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ServiceNow {
    /// Its name in the file.
    pub name: String,
    /// `steady`, `deploying`, `degraded`, `absent`, or ECS's word where it is not ACTIVE.
    pub state: String,
    /// The revision's number.
    pub revision: Option<u32>,
    /// Tasks running.
    pub running: u32,
    /// Tasks starting.
    pub pending: u32,
    /// Tasks wanted.
    pub desired: u32,
    /// When the deployment began.
    pub since: Option<Timestamp>,
    /// What is in flight, or ECS's reason.
    pub note: Option<String>,
    /// Its last deployments, where they were asked for and the service is there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub history: Option<ServiceHistory>,
}

/// What runs now.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct StatusReport {
    /// What it is about.
    #[serde(flatten)]
    pub header: Header,
    /// `healthy`, `deploying`, `degraded`, `absent`.
    pub verdict: &'static str,
    /// The process's exit code: 0 whenever there is an answer.
    pub exit_code: u8,
    /// Milliseconds it took.
    pub duration_ms: u64,
    /// The services.
    pub services: Vec<ServiceNow>,
    /// How many stacks the environment has.
    pub stacks: usize,
    /// Stacks that are not settled, with their status.
    pub unsettled_stacks: Vec<(String, String)>,
}

impl StatusReport {
    /// What the world says of this environment's services (all that `only` names, or all) and stacks.
    pub fn of(header: &Header, env: &Environment, world: &World, only: &[String], duration_ms: u64) -> Self {
        let wanted = |name: &String| only.is_empty() || only.contains(name);
        let services: Vec<ServiceNow> = env
            .services
            .values()
            .filter(|service| service.is_running() && wanted(&service.name))
            .map(|service| now(&service.name, world.service(&service.name)))
            .collect();
        let prefix = format!("{}-", env.prefix());
        let own = || world.stacks.values().filter(|stack| stack.name.starts_with(&prefix));
        let unsettled: Vec<(String, String)> = own()
            .filter(|stack| !stack.status.is_settled())
            .map(|stack| (stack.name.clone(), stack.status.0.clone()))
            .collect();
        let any = |state: &str| services.iter().any(|service| service.state == state);
        let verdict = if services.iter().all(|service| service.state == "absent") && own().next().is_none() {
            "absent"
        } else if any("deploying") || unsettled.iter().any(|(_, status)| status.ends_with("_IN_PROGRESS")) {
            "deploying"
        } else if services.iter().all(|service| service.state == "steady") && unsettled.is_empty() {
            "healthy"
        } else {
            "degraded"
        };
        Self {
            header: header.clone(),
            verdict,
            exit_code: 0,
            duration_ms,
            services,
            stacks: own().count(),
            unsettled_stacks: unsettled,
        }
    }

    /// The same with the last deployments of services, by the services' names.
    #[must_use]
    pub fn with_histories(mut self, mut histories: BTreeMap<String, ServiceHistory>) -> Self {
        for service in &mut self.services {
            service.history = histories.remove(&service.name);
        }
        self
    }

    /// The card.
    pub fn card(&self) -> Card {
        let env = &self.header.environment;
        let sum = |of: fn(&ServiceNow) -> u32| self.services.iter().map(of).sum::<u32>();
        let tasks = format!("{}/{} tasks running", sum(|service| service.running), sum(|service| service.desired));
        let down = self.services.iter().filter(|service| service.desired > 0 && service.running == 0);
        let down: Vec<&str> = down.map(|service| service.name.as_str()).collect();
        let lacks = self.services.iter().any(|service| service.state == "degraded");
        let (mark, safe, action) = match self.verdict {
            "healthy" if sum(|service| service.desired) == 0 => {
                (Mark::Good, format!("no task is set to run; {tasks}"), None)
            }
            "healthy" => (Mark::Good, format!("users are served; {tasks}"), None),
            "deploying" => {
                let attach = Piece::Command(self.header.command(["run"]));
                let users = match (sum(|service| service.running), down.as_slice()) {
                    (0, _) => "nobody is served yet".to_owned(),
                    (_, []) if lacks => "users may be affected".to_owned(),
                    (_, []) => "users are served".to_owned(),
                    (_, down) => format!("users are served, but not by {}", words::cut(&down.join(", "), 60)),
                };
                (Mark::Running, format!("{users} while a change is under way; {tasks}"), Some(attach))
            }
            "absent" => {
                let make = Piece::Command(self.header.command(["plan"]));
                (Mark::Neutral, "users: none, nothing of it is there yet".to_owned(), Some(make))
            }
            _ => {
                let plan = Piece::Command(self.header.command(["plan"]));
                (Mark::Bad, format!("users may be affected; {tasks}"), Some(plan))
            }
        };
        let rows = self.services.iter().map(|service| {
            vec![
                service.name.clone(),
                service.revision.map(|revision| format!(":{revision}")).unwrap_or_default(),
                format!("{}/{}", service.running, service.desired),
                service.state.clone(),
                service.since.map(utc).unwrap_or_default(),
                service.note.clone().unwrap_or_default(),
            ]
        });
        let head = ["service", "revision", "tasks", "state", "since", ""].map(str::to_owned).to_vec();
        // First, since Markdown leaves out lines behind a long table.
        let mut blocks: Vec<Block> = self.short_memory().into_iter().collect();
        blocks.push(Block::Table(head, rows.collect()));
        let stacks = self.unsettled_stacks.iter();
        blocks.extend(stacks.map(|(name, status)| Block::Line(Piece::words(format!("stack {name} is {status}")))));
        let settled = self.stacks - self.unsettled_stacks.len();
        blocks.push(Block::Line(Piece::words(format!("{} settled", words::count(settled, "stack")))));
        blocks.extend(self.past());
        Card {
            mark,
            headline: format!("{env} is {}", self.verdict),
            facts: vec![words::duration(self.duration_ms)],
            title: format!("{env}: {}", self.verdict),
            safe,
            action,
            blocks,
            small: self.header.small_print(None, self.duration_ms),
        }
    }
}

impl StatusReport {
    /// Services whose last deployments are shown.
    fn remembered(&self) -> impl Iterator<Item = (&str, &ServiceHistory)> {
        self.services.iter().filter_map(|service| Some((service.name.as_str(), service.history.as_ref()?)))
    }

    /// Where a history is only as long as the service itself remembers.
    fn short_memory(&self) -> Option<Block> {
        let short = self.remembered().filter(|(_, history)| history.told_by == ToldBy::DescribeServices);
        let names: Vec<&str> = short.map(|(name, _)| name).collect();
        (!names.is_empty()).then(|| {
            Block::Line(Piece::words(format!(
                "history of {}: from DescribeServices, which forgets what is over; ECS tells of no service deployments",
                names.join(", ")
            )))
        })
    }

    /// The last deployments of all services in one table.
    fn past(&self) -> Option<Block> {
        let rows: Vec<Vec<String>> = self.remembered().flat_map(|(name, history)| history.rows(name)).collect();
        (!rows.is_empty()).then(|| Block::Table(ServiceHistory::head(), rows))
    }
}

fn now(name: &str, service: Option<&Service>) -> ServiceNow {
    let Some(service) = service else {
        return ServiceNow {
            name: name.to_owned(),
            state: "absent".to_owned(),
            revision: None,
            running: 0,
            pending: 0,
            desired: 0,
            since: None,
            note: None,
            history: None,
        };
    };
    let primary = service.primary();
    let rollout = primary.map(|primary| primary.rollout);
    let state = if service.status != "ACTIVE" {
        service.status.to_lowercase()
    } else if service.is_steady() {
        "steady".to_owned()
    } else if rollout == Some(Rollout::InProgress) {
        "deploying".to_owned()
    } else {
        "degraded".to_owned()
    };
    let note = primary.filter(|_| state != "steady").map(|primary| {
        let counts = format!("{} of {} tasks, {} failed", primary.running, primary.desired, primary.failed);
        let reason = words::cut(&primary.reason.one_line(), 80);
        if reason.is_empty() { counts } else { format!("{counts}: {reason}") }
    });
    ServiceNow {
        name: name.to_owned(),
        state,
        revision: service.revision.known().and_then(number),
        running: service.running,
        pending: service.pending,
        desired: service.desired,
        since: primary.and_then(|primary| since(&service.json, &primary.id)),
        note: note.filter(|note| !note.is_empty()),
        history: None,
    }
}
