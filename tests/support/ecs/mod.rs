//! A scripted ECS: an HTTP endpoint that plays a timeline of one service's deployments, tasks, targets, events and
//! logs, as the APIs' documentation shapes them, with pages, throttles, delays and answers that lag behind.
//!
//! A timeline is a [`Scenario`]: a JSON file, times in seconds and played faster. So what a user saw can be written
//! down as a file and played again: fields of the API's own are taken as they are, also with the dates that the AWS CLI
//! prints. `README.md` beside the scenarios says what may stand in one.

mod answers;
mod scenario;
pub mod shapes;

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Instant,
};

use serde_json::Value as Json;

pub use self::{scenario::Scenario, shapes::Names};
use super::scripted::{Answer, Request, Scripted, listen};

/// A call that came, with its place in the scenario's time.
#[derive(Debug, Clone)]
pub struct Call {
    /// The operation: `DescribeServices`.
    pub action: String,
    /// The body as JSON; of a query protocol its fields.
    pub body: Json,
    /// Seconds of the scenario; 0 before it began.
    pub at: f64,
    /// When it came.
    pub when: Instant,
}

/// What is done to a call instead of answering it; `None`: the timeline answers.
pub type Disturb = Box<dyn FnMut(&Call) -> Option<Disturbance> + Send>;

/// What happens to a call.
pub enum Disturbance {
    /// The connection is cut.
    Cut,
    /// An error of the service.
    Error(u16, String, String),
}

/// A timeline that is being played.
pub struct Timeline {
    scenario: Scenario,
    names: Names,
    /// Tags of the newest revision: by them the runner knows what it registered.
    tags: Json,
    /// Tags of the service.
    service_tags: Json,
    began: Option<Instant>,
    calls: Vec<Call>,
    disturb: Disturb,
}

impl Timeline {
    /// Nothing has happened yet; it begins with the first call that the scenario names (`begins`).
    pub fn new(scenario: Scenario, names: Names) -> Self {
        Self {
            scenario,
            names,
            tags: Json::Array(Vec::new()),
            service_tags: Json::Array(Vec::new()),
            began: None,
            calls: Vec::new(),
            disturb: Box::new(|_| None),
        }
    }

    /// The answer to an operation with this body; `None` cuts the connection.
    pub fn answer(&mut self, action: &str, body: Json) -> Option<Answer> {
        if self.began.is_none() && self.scenario.begins(action) {
            self.began = Some(Instant::now());
        }
        let call = Call { action: action.to_owned(), body, at: self.now(), when: Instant::now() };
        self.calls.push(call.clone());
        match (self.disturb)(&call).or_else(|| self.scenario.fault(&call, &self.calls)) {
            Some(Disturbance::Cut) => None,
            Some(Disturbance::Error(status, code, message)) => Some(match answers::is_query(action) {
                true => Answer::xml_error(&code, &message),
                false => Answer::json_error(status, &code, &message),
            }),
            None => Some(answers::answer(self, &call)),
        }
    }

    /// Seconds of the scenario that have passed.
    fn now(&self) -> f64 {
        self.began.map_or(0.0, |began| began.elapsed().as_secs_f64() / self.scenario.pace())
    }

    /// The moment at which so many seconds of the scenario have passed.
    pub fn moment(&self, at: f64) -> Option<Instant> {
        self.began.map(|began| began + std::time::Duration::from_secs_f64(at.max(0.0) * self.scenario.pace()))
    }

    /// The calls that came.
    pub fn calls(&self) -> &[Call] {
        &self.calls
    }
}

/// A timeline that listens.
pub struct Ecs {
    /// Its address.
    pub url: String,
    timeline: Arc<Mutex<Timeline>>,
    _scripted: Scripted,
}

impl Ecs {
    /// Plays a scenario for whoever calls.
    pub async fn start(scenario: Scenario, names: Names) -> Self {
        let timeline = Arc::new(Mutex::new(Timeline::new(scenario, names)));
        let played = timeline.clone();
        let scripted = listen(move |request: &Request| {
            let mut timeline = played.lock().unwrap_or_else(PoisonError::into_inner);
            timeline.answer(&request.action(), answers::body(request))
        })
        .await;
        Self { url: scripted.url.clone(), timeline, _scripted: scripted }
    }

    /// The timeline.
    pub fn timeline(&self) -> MutexGuard<'_, Timeline> {
        self.timeline.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The calls that came so far.
    pub fn calls(&self) -> Vec<Call> {
        self.timeline().calls.clone()
    }

    /// From now on calls are disturbed so.
    pub fn disturb(&self, disturb: impl FnMut(&Call) -> Option<Disturbance> + Send + 'static) {
        self.timeline().disturb = Box::new(disturb);
    }

    /// The next call is the first.
    pub fn rewind(&self) {
        let mut timeline = self.timeline();
        timeline.began = None;
        timeline.calls.clear();
    }

    /// The tags of the service.
    pub fn tag_service(&self, tags: Json) {
        self.timeline().service_tags = tags;
    }

    /// The tags of the newest revision and of the service.
    pub fn tag(&self, revision: Json, service: Json) {
        let mut timeline = self.timeline();
        timeline.tags = revision;
        timeline.service_tags = service;
    }
}
