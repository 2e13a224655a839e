//! Names that are taken, and names that would be read as another's.

use std::collections::BTreeMap;

use crate::text::pascal;
use crate::workflow::Environment;
use crate::workflow::load::STACKS;
use crate::workflow::section::Reader;

/// The stages that are there by default, in their order.
pub const STAGES: [&str; 21] = [
    "bootstrap-identity",
    "bootstrap-registry",
    "bootstrap-network",
    "bootstrap-certificate",
    "bootstrap-cluster",
    "bootstrap-backup",
    "bootstrap-database",
    "bootstrap-edge",
    "bootstrap-test-listener",
    "bootstrap-services",
    "bootstrap-cdn",
    "bootstrap-dns",
    "bootstrap-monitoring",
    "sync-secrets",
    "push-image",
    "render-taskdef",
    "run-task",
    "deploy-service",
    "wait-healthy",
    "finish-service",
    "restrict-origin",
];

pub(super) fn check(env: &Environment, reader: &mut Reader<'_>) {
    // https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_PutParameter.html
    if (env.app.starts_with("aws") || env.app.starts_with("ssm")) && reader.clean("app") {
        let message = format!("`app: {}` begins with `aws` or `ssm`, which AWS keeps for itself", env.app);
        reader.refuse("app", message, "no parameter may be called so; take another name");
    }
    if matches!(env.name.as_str(), "registry" | "identity") {
        let message = format!("an environment cannot be called `{}`", env.name);
        reader.refuse(&format!("environments.{}", env.name), message, "a stack of the app has that name");
    }
    for service in env.services.keys() {
        let path = format!("services.{service}");
        taken(service, &path, "a service", reader);
        if env.stages.contains_key(service) {
            reader.error(&path, format!("`{service}` is a service and a stage"), Some("rename one".to_owned()));
        }
    }
    meeting(env, reader);
    for stack in env.extra_stacks.keys() {
        let path = format!("extra-stacks.{stack}");
        taken(stack, &path, "a stack", reader);
        if STACKS.contains(&stack.as_str()) || stack.starts_with("service-") {
            let message = format!("`{stack}` is the name of a stack that is there by default");
            reader.refuse(&path, message, "take another name");
        }
        if env.services.contains_key(stack) || env.stages.contains_key(stack) {
            let what = if env.stages.contains_key(stack) { "stage" } else { "service" };
            reader.error(&path, format!("`{stack}` is a stack and a {what}"), Some("rename one".to_owned()));
        }
    }
    for (stage, own) in &env.stages {
        let path = format!("stages.{stage}");
        taken(stage, &path, "a stage of your own", reader);
        if own.run.contains("${") {
            let message = format!("nothing is put into `{path}.run`");
            let help = "the outputs of earlier stages come in the command's environment; read them there";
            reader.refuse(&format!("{path}.run"), message, help);
        }
    }
}

/// Names that are one in CloudFormation's logical ids, which take letters and digits only: `api-2` and `api2`.
fn meeting(env: &Environment, reader: &mut Reader<'_>) {
    let mut known: BTreeMap<String, &str> = BTreeMap::new();
    for service in env.services.keys() {
        if let Some(other) = known.insert(pascal(service), service) {
            let message = format!("services `{other}` and `{service}` have one name in CloudFormation");
            let help = "logical ids take letters and digits only; rename one";
            reader.refuse_name(&format!("services.{service}"), message, help);
        }
    }
}

fn taken(name: &str, path: &str, what: &str, reader: &mut Reader<'_>) {
    if STAGES.contains(&name) || matches!(name, "stages" | "extra-stacks") {
        reader.refuse(path, format!("{what} cannot be called `{name}`"), "a default stage has that name");
    }
}
