//! A session in a container: opened through ECS, carried by AWS's Session Manager plugin, which gets the terminal.

use std::process::{ExitStatus, Stdio};

use runner_core::{
    iam::partition,
    judge::exec::{self, Target, Wanted},
    plan::{Exit, Fault},
    workflow::{Environment, Service},
};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::json;
use tokio::{
    process::{Child, Command},
    signal::unix::{SignalKind, signal},
};

use super::{Credentials, Endpoint, Options, command::PASSED, edge::Edge};
use crate::deploy::{self, Session};

/// The program that speaks Session Manager's protocol.
const PLUGIN: &str = "session-manager-plugin";
/// The first release that takes the session from a variable: on the command line every user of the machine reads it.
/// <https://docs.aws.amazon.com/systems-manager/latest/userguide/plugin-version-history.html>
const OLDEST: [u32; 4] = [1, 2, 536, 0];
/// That variable; its name stands where the session would.
const RESPONSE: &str = "AWS_SSM_START_SESSION_RESPONSE";
const INSTALL: &str =
    "https://docs.aws.amazon.com/systems-manager/latest/userguide/session-manager-working-with-install-plugin.html";

/// By which way the plugin reaches AWS, beside what every child may know.
const NETWORK: &[&str] = &[
    "HTTPS_PROXY",
    "HTTP_PROXY",
    "NO_PROXY",
    "https_proxy",
    "http_proxy",
    "no_proxy",
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
    "AWS_CA_BUNDLE",
];
/// Who the person at the terminal is to AWS; newer releases of the plugin sign with it, as under AWS's own command line.
const PERSON: &[&str] = &[
    "AWS_PROFILE",
    "AWS_CONFIG_FILE",
    "AWS_SHARED_CREDENTIALS_FILE",
    "AWS_ACCESS_KEY_ID",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
];

/// A session and where it leads.
#[derive(Debug)]
pub struct Opened {
    /// The container.
    pub target: Target,
    /// The session.
    pub session: Session,
}

/// The plugin, found on PATH and new enough.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Plugin(());

/// What the plugin reads and writes.
#[derive(Debug)]
pub struct Streams {
    /// Our stdin is a terminal, and becomes the plugin's.
    pub terminal: bool,
    /// Where what the container writes goes.
    pub out: Stdio,
}

/// Opens a session with a command, or says what is missing for it.
pub async fn open(
    env: &Environment,
    options: &Options,
    service: &Service,
    wanted: &Wanted,
    command: &[String],
) -> Result<Opened, Fault> {
    let edge = Edge::new(env, options).await;
    edge.world(false).await?;
    let (cluster, name) = (env.cluster_name(), &service.name);
    let names = [name.clone()];
    let (services, tasks) = tokio::try_join!(
        deploy::describe_services(&edge.clients, &cluster, &names),
        deploy::running_tasks(&edge.clients, &cluster, name)
    )?;
    let seen = services.get(name).and_then(Option::as_ref);
    let revision = seen.and_then(|seen| seen.revision.known());
    let target = exec::target(env, service, revision, &tasks, wanted)?;
    if let Endpoint::Sandbox { engine, .. } = &options.endpoint {
        return Err(local(env, &target, *engine, command));
    }
    exec::reachable(env, service, &tasks, &target)?;
    let session = deploy::execute(&edge.clients, &cluster, &target, &exec::command_line(command)).await?;
    Ok(Opened { target, session })
}

/// A local AWS answers with a session at AWS's own hosts, which know nothing of it.
fn local(env: &Environment, target: &Target, engine: bool, command: &[String]) -> Fault {
    let doing = format!("opening a session in {} in {}", target.container, env.cluster_name());
    let hint = match engine && !target.runtime.is_empty() {
        true => format!("docker exec -it {} {}", target.runtime, exec::command_line(command)),
        false => "without a Docker engine no container runs here either: try it at AWS".to_owned(),
    };
    Fault::new(doing, "the local AWS has no Session Manager").with_hint(hint)
}

impl Plugin {
    /// Looks for it; not for a local AWS, which opens no session that it could carry.
    pub async fn find(endpoint: &Endpoint) -> Result<Self, Fault> {
        if matches!(endpoint, Endpoint::Sandbox { .. }) {
            return Ok(Self(()));
        }
        let doing = format!("looking for {PLUGIN}");
        let mut command = Command::new(PLUGIN);
        command.arg("--version").env_clear().envs(passed(PASSED)).stdin(Stdio::null()).kill_on_drop(true);
        let output = command.output().await.map_err(|error| {
            let words = match error.kind() {
                std::io::ErrorKind::NotFound => "it is not on PATH".to_owned(),
                _ => error.to_string(),
            };
            Fault::new(&doing, words).with_hint(format!("install it: {INSTALL}")).with_exit(Exit::Usage)
        })?;
        let said = String::from_utf8_lossy(&output.stdout).trim().to_owned();
        match version(&said) {
            Some(version) if version >= OLDEST => Ok(Self(())),
            _ => {
                let said = if said.is_empty() { "one that tells no version".to_owned() } else { said };
                let words =
                    format!("it is {said}, and before 1.2.536.0 it takes the session's token on its command line");
                Err(Fault::new(doing, words).with_hint(format!("update it: {INSTALL}")).with_exit(Exit::Usage))
            }
        }
    }

    /// Hands the streams over until the session ends; the plugin's exit code. It has none of the command's: ECS tells
    /// none. What is typed, Ctrl-C too, is the container's; SIGTERM is handed on.
    pub async fn carry(
        self,
        env: &Environment,
        options: &Options,
        opened: &Opened,
        streams: Streams,
    ) -> Result<u8, Fault> {
        let doing = || format!("carrying session {}", opened.session.id);
        let fault = |error: std::io::Error| Fault::new(doing(), error.to_string());
        // Taken over before it starts: to it they are what they were, and it answers them itself.
        let mut typed = Vec::new();
        for number in [SignalKind::interrupt(), SignalKind::quit(), SignalKind::from_raw(Signal::TSTP.as_raw())] {
            typed.push(signal(number).map_err(fault)?);
        }
        let mut terminate = signal(SignalKind::terminate()).map_err(fault)?;
        // In a job that took a role by its token, such variables would be somebody else's.
        let person = if matches!(options.credentials, Credentials::Web(_)) { &[] } else { PERSON };
        let suffix = if partition(&env.region) == "aws-cn" { "amazonaws.com.cn" } else { "amazonaws.com" };
        let mut command = Command::new(PLUGIN);
        command
            .args([RESPONSE, &env.region, "StartSession"])
            .arg(
                passed(person).find(|(name, _)| *name == "AWS_PROFILE").map(|(_, profile)| profile).unwrap_or_default(),
            )
            .arg(json!({ "Target": opened.target.name(&env.cluster_name()) }).to_string())
            .arg(format!("https://ssm.{}.{suffix}", env.region))
            .env_clear()
            .envs([PASSED, NETWORK, person].into_iter().flat_map(passed))
            .env(RESPONSE, opened.session.json.expose())
            // Without a terminal nothing is typed; an end of what is typed would end the session before it began.
            .stdin(if streams.terminal { Stdio::inherit() } else { Stdio::piped() })
            .stdout(streams.out);
        let mut child = command.spawn().map_err(fault)?;
        let held_open = child.stdin.take();
        let status = loop {
            tokio::select! {
                status = child.wait() => break status.map_err(fault)?,
                _ = terminate.recv() => hand_on(&child),
            }
        };
        drop((held_open, typed));
        Ok(code(status))
    }
}

fn hand_on(child: &Child) {
    let pid = child.id().and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw);
    if let Some(pid) = pid {
        // It may have ended meanwhile.
        let _ = kill_process(pid, Signal::TERM);
    }
}

fn code(status: ExitStatus) -> u8 {
    use std::os::unix::process::ExitStatusExt;
    let code = status.code().or_else(|| status.signal().map(|signal| 128 + signal)).unwrap_or(1);
    u8::try_from(code).unwrap_or(1)
}

fn passed(names: &'static [&'static str]) -> impl Iterator<Item = (&'static str, std::ffi::OsString)> {
    names.iter().filter_map(|name| std::env::var_os(name).map(|value| (*name, value)))
}

fn version(said: &str) -> Option<[u32; 4]> {
    let mut parts = [0; 4];
    let mut words = said.split('.');
    for part in &mut parts {
        *part = words.next()?.parse().ok()?;
    }
    words.next().is_none().then_some(parts)
}

#[cfg(test)]
mod tests {
    use super::{OLDEST, version};

    #[test]
    fn versions_are_compared_as_numbers() {
        assert!(version("1.2.1000.0") > Some(OLDEST) && version("1.2.497.0") < Some(OLDEST));
        assert_eq!([version("1.2"), version("The plugin"), version("1.2.3.4.5")], [None; 3]);
    }
}
