//! Where the commands meet the rooms below: the file, the stages, the causes, the sandbox, the world.

use runner_core::{
    plan::{Fault, World},
    report::{Checked, Style},
    workflow::Environment,
};
use serde_json::{Value as Json, json};

use super::{args::Progress, load::Found, stop::Stop};
use crate::run::{Endpoint, Options};

fn missing(doing: &str) -> Fault {
    Fault::new(doing, "this part is not connected")
}

/// The environments of the file.
pub fn names(_found: &Found, _style: Style) -> Result<Vec<String>, Stop> {
    Err(missing("reading the workflow file").into())
}

/// One environment, and what should be known about it.
pub fn environment(_found: &Found, _name: &str, _style: Style) -> Result<(Environment, Vec<String>), Stop> {
    Err(missing("reading the workflow file").into())
}

/// Everything that is wrong with the file.
pub fn check(_found: &Found, _style: Style, _started: std::time::Instant) -> Result<Checked, Stop> {
    Err(missing("checking the workflow file").into())
}

/// What was left out of an environment, with the value it has.
pub fn defaults(_environment: &Environment) -> Vec<(String, String)> {
    Vec::new()
}

/// The JSON schema of the file.
pub fn schema() -> Json {
    json!({})
}

/// The templates of an environment, by the stack's key.
pub fn templates(_environment: &Environment) -> Vec<(String, Json)> {
    Vec::new()
}

/// The task definitions of an environment, by service.
pub fn definitions(_environment: &Environment) -> Vec<(String, Json)> {
    Vec::new()
}

/// The stages and what they make.
pub fn stages() -> Vec<(String, String)> {
    Vec::new()
}

/// The page of a cause or of a key of the file.
pub fn page(_name: &str) -> Option<String> {
    None
}

/// The names that have a page, for near misses.
pub fn pages() -> Vec<String> {
    Vec::new()
}

/// What one piece of evidence says: `{"cause","certainty","do",…}`.
pub fn diagnose(_at: &str, _text: &str, _exit_code: Option<i32>) -> Json {
    json!({ "cause": "unknown", "certainty": "unknown", "do": "" })
}

/// What is there now.
pub async fn world(_environment: &Environment, _options: &Options) -> Result<World, Fault> {
    Err(missing("reading what is there"))
}

/// The local AWS, started where it does not run.
pub async fn sandbox_endpoint(_build: bool, _progress: Progress) -> Result<Endpoint, Fault> {
    Err(missing("starting the sandbox"))
}

/// The local AWS as JSON, where it runs.
pub async fn sandbox_status() -> Result<Option<Json>, Fault> {
    Err(missing("asking the sandbox"))
}

/// Stops it; false where there was none.
pub async fn sandbox_stop() -> Result<bool, Fault> {
    Err(missing("stopping the sandbox"))
}

/// Makes it forget everything.
pub async fn sandbox_reset() -> Result<(), Fault> {
    Err(missing("resetting the sandbox"))
}
