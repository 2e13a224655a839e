//! Names of variables: what may not be taken from the job, and what would do nothing.

use crate::workflow::section::{Reader, ServiceKeys};
use crate::workflow::{Environment, ImageSource, SecretSource, Service};

/// Variables that steer the job, its tools or our own children: they are no app's secrets, and a file that names one is
/// an attempt to read or to set it.
pub fn reserved(name: &str) -> bool {
    const PREFIXES: [&str; 9] = ["GITHUB_", "ACTIONS_", "AWS_", "RUNNER_", "INPUT_", "LD_", "DYLD_", "GIT_", "INFRA_"];
    const NAMES: [&str; 17] = [
        "PATH",
        "HOME",
        "SHELL",
        "ENV",
        "BASH_ENV",
        "IFS",
        "CDPATH",
        "PROMPT_COMMAND",
        "SHELLOPTS",
        "BASHOPTS",
        "NODE_OPTIONS",
        "RUBYOPT",
        "PERL5OPT",
        "PYTHONSTARTUP",
        "JAVA_TOOL_OPTIONS",
        "DOCKER_HOST",
        "DOCKER_CONFIG",
    ];
    let name = name.to_ascii_uppercase();
    NAMES.contains(&name.as_str()) || PREFIXES.iter().any(|prefix| name.starts_with(prefix))
}

/// Variables that would take the place of the task role's own credentials.
fn credentials(name: &str) -> bool {
    matches!(name, "AWS_ACCESS_KEY_ID" | "AWS_SECRET_ACCESS_KEY" | "AWS_SESSION_TOKEN")
        || name.starts_with("AWS_CONTAINER_")
        || name.starts_with("ECS_CONTAINER_METADATA_")
}

pub(super) fn check(env: &Environment, service: &Service, reader: &mut Reader<'_>) {
    let own = format!("services.{}", service.name);
    let plain: Vec<&String> = service.environment.keys().collect();
    variables(env, &own, &plain, &service.secrets, reader);
    for (name, sidecar) in &service.sidecars {
        let path = ServiceKeys::path(&service.name, &format!("sidecars.{name}"));
        let plain: Vec<&String> = sidecar.environment.keys().collect();
        variables(env, &path, &plain, &sidecar.secrets, reader);
    }
    if let ImageSource::Build(build) = &service.image {
        for (index, name) in build.secrets.iter().enumerate() {
            if reserved(name) {
                let path = format!("{own}.build.secrets.{index}");
                let message = format!("`{name}` cannot be a build secret: it belongs to the job");
                reader.refuse(&path, message, "give the value to the job under a name of your own");
            }
        }
        for name in build.args.keys().filter(|name| sounds_secret(name)) {
            let message = format!("the build argument `{name}` can be read in the image by everyone who has it");
            reader.warn_name(
                &format!("{own}.build.args.{name}"),
                message,
                "if it is a secret, name it in `build.secrets`",
            );
        }
    }
}

/// Whether a variable of this name holds a secret, as far as a name tells.
pub fn sounds_secret(name: &str) -> bool {
    let public = name.starts_with("NEXT_PUBLIC_");
    !public && ["_TOKEN", "_PASSWORD", "_SECRET", "_PRIVATE_KEY"].iter().any(|end| name.ends_with(end))
}

fn variables(
    env: &Environment,
    path: &str,
    plain: &[&String],
    secrets: &std::collections::BTreeMap<String, SecretSource>,
    reader: &mut Reader<'_>,
) {
    for name in plain {
        let at = format!("{path}.environment.{name}");
        if credentials(name) {
            let message = format!("`{name}` would take the place of the task role");
            reader.refuse_name(&at, message, "say under `task-role` what the code may call");
        }
        inlined(name, &at, reader);
        if secrets.contains_key(*name) {
            let message = format!("`{name}` is under `environment` and under `secrets`");
            reader.refuse_name(&format!("{path}.secrets.{name}"), message, "take one away");
        }
    }
    for (name, source) in secrets {
        let at = format!("{path}.secrets.{name}");
        if reserved(name) {
            let message = format!("`{name}` cannot be a secret: it belongs to the job");
            reader.refuse_name(&at, message, "give the value to the job under a name of your own");
        }
        inlined(name, &at, reader);
        if *source == SecretSource::Database && env.database.is_none() && reader.clean("database") {
            let message = format!("`{at}`: there is no database");
            reader.refuse(&at, message, "write `database: {}`, or take the URL from elsewhere");
        }
        if let SecretSource::SsmExisting(parameter) = source {
            let others = format!("/{}/", env.app);
            let own = format!("/{}/{}/", env.app, env.name);
            if parameter.starts_with(&others) && !parameter.starts_with(&own) {
                let message = format!("`{parameter}` belongs to another environment");
                reader.refuse(&at, message, format!("write `ssm:/{}/${{environment}}/…`", env.app));
            }
        }
    }
}

/// Next.js puts `NEXT_PUBLIC_*` into the bundle when it is built; at run time they do nothing.
/// <https://nextjs.org/docs/app/guides/environment-variables>
fn inlined(name: &str, path: &str, reader: &mut Reader<'_>) {
    if name.starts_with("NEXT_PUBLIC_") {
        let message = format!("`{name}` does nothing at run time: Next.js puts it in when it is built");
        reader.refuse_name(path, message, "write it under `build.args`");
    }
}
