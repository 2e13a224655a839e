//! The calls to AWS that the tests made, each once, for who asks to keep them: `.ci/run` holds the jobs' roles against them.

use std::{
    collections::BTreeSet,
    io::Write,
    sync::{Mutex, OnceLock},
};

/// Names a folder; each process of the tests writes a file of its own there.
const FOLDER: &str = "CALLS";

/// Region and service that a request to AWS was signed for, by its Authorization.
pub fn scope(authorization: &str) -> Option<(String, String)> {
    let authorization = authorization.strip_prefix("AWS4-HMAC-SHA256 ")?;
    let mut parts = authorization.split("Credential=").nth(1)?.split(',').next()?.split('/').skip(2);
    Some((parts.next()?.to_owned(), parts.next()?.to_owned()))
}

/// The file, and what is in it already.
type Record = Mutex<(std::fs::File, BTreeSet<String>)>;

/// Notes that a service was asked for an operation, which of a REST API is a method and a path.
pub fn call(service: &str, operation: &str) {
    let operation = if service == "scheduler" { scheduled(operation) } else { operation };
    static FILE: OnceLock<Option<Record>> = OnceLock::new();
    let file = FILE.get_or_init(|| {
        let folder = std::env::var_os(FOLDER)?;
        std::fs::create_dir_all(&folder).unwrap();
        let path = std::path::Path::new(&folder).join(std::process::id().to_string());
        Some(Mutex::new((std::fs::File::create(path).unwrap(), BTreeSet::new())))
    });
    if let Some(file) = file {
        let (file, known) = &mut *file.lock().unwrap();
        let line = format!("{service} {operation}\n");
        if known.insert(line.clone()) {
            file.write_all(line.as_bytes()).unwrap();
        }
    }
}

/// <https://docs.aws.amazon.com/scheduler/latest/APIReference/API_Operations.html>
fn scheduled(operation: &str) -> &str {
    let path = operation.split('?').next().unwrap();
    match path.split(['/', ' ']).filter(|part| !part.is_empty()).collect::<Vec<_>>()[..] {
        ["GET", "schedules"] => "ListSchedules",
        ["GET", "schedules", _] => "GetSchedule",
        ["POST", "schedules", _] => "CreateSchedule",
        ["PUT", "schedules", _] => "UpdateSchedule",
        ["DELETE", "schedules", _] => "DeleteSchedule",
        ["GET", "schedule-groups", _] => "GetScheduleGroup",
        ["POST", "schedule-groups", _] => "CreateScheduleGroup",
        ["DELETE", "schedule-groups", _] => "DeleteScheduleGroup",
        _ => operation,
    }
}
