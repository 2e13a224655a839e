//! The health check of one task, a load balancer's or its container's own: what is asked, what is made of the answer, and
//! the words for it.
//! <https://docs.aws.amazon.com/elasticloadbalancing/latest/application/target-group-health-checks.html>,
//! <https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_HealthCheck.html>

use std::{
    io::ErrorKind,
    net::{IpAddr, SocketAddr},
    sync::Arc,
    time::Duration,
};

use runner::aws::Clients;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::{Instant, timeout},
};

use super::{Engine, compressed};

/// Two processors are everybody's: a check may take so long even where its compressed time-out is shorter. Else a busy
/// machine would be taken for a task that ails.
const LEAST: Duration = Duration::from_secs(1);
/// Where there is nothing to ask.
const AT_ONCE: Duration = Duration::from_millis(150);

/// How the tasks of a service are asked.
pub(super) struct Check {
    how: How,
    interval: Duration,
    timeout: Duration,
    /// Bad checks of a task that is younger do not count.
    start: Duration,
    healthy: u32,
    unhealthy: u32,
}

enum How {
    /// By a target group; the port is the target's own where it is `traffic-port`.
    Http { group: String, path: String, port: Option<u16>, codes: String },
    /// By a command in the container of this name.
    Command { container: String, words: Vec<String> },
    /// What runs is healthy.
    Nothing,
}

/// Why a check failed: the reason's code and its words; a command has none.
pub(super) type Failed = (&'static str, String);

/// What an HTTP request came to.
pub(super) enum Got {
    Code(u16),
    Late,
    /// No connection, or no HTTP.
    Broken,
}

#[derive(Clone, PartialEq)]
enum Health {
    Registering,
    Checking,
    Healthy,
    /// The reason's code and its words.
    Unhealthy(&'static str, String),
}

/// A registered task.
pub(super) struct Target {
    pub(super) service: String,
    pub(super) check: Arc<Check>,
    pub(super) address: SocketAddr,
    pub(super) revision: String,
    /// When it is asked next.
    pub(super) next: Instant,
    pub(super) since: Instant,
    /// ECS takes it out.
    pub(super) stopping: bool,
    /// That it is unhealthy was told.
    pub(super) told_unhealthy: bool,
    health: Health,
    /// Checks in a row.
    good: u32,
    bad: u32,
}

impl Check {
    /// By a target group; `None` where it is not there.
    pub(super) async fn of_group(clients: &Clients, arn: &str) -> Option<Self> {
        let answer = clients.elbv2().describe_target_groups().target_group_arns(arn).send().await.ok()?;
        let it = answer.target_groups().first()?;
        let count = |count: Option<i32>| u32::try_from(count.unwrap_or_default()).unwrap_or_default();
        let how = How::Http {
            group: arn.to_owned(),
            path: it.health_check_path().unwrap_or("/").to_owned(),
            port: it.health_check_port().and_then(|port| port.parse().ok()),
            codes: it.matcher().and_then(|matcher| matcher.http_code()).unwrap_or("200").to_owned(),
        };
        Some(Self {
            how,
            start: Duration::ZERO,
            interval: compressed(it.health_check_interval_seconds().unwrap_or_default()),
            timeout: compressed(it.health_check_timeout_seconds().unwrap_or_default()).max(LEAST),
            healthy: count(it.healthy_threshold_count()),
            unhealthy: count(it.unhealthy_threshold_count()),
        })
    }

    /// By the check of a revision's own container, where it has one.
    pub(super) async fn of_revision(clients: &Clients, revision: &str) -> Option<Self> {
        let answer = clients.ecs().describe_task_definition().task_definition(revision).send().await.ok()?;
        let containers = answer.task_definition()?.container_definitions();
        let checked = containers.iter().find_map(|container| Some((container.name()?, container.health_check()?)));
        let Some((name, it)) = checked else {
            let (interval, timeout, start) = (AT_ONCE, AT_ONCE, Duration::ZERO);
            return Some(Self { how: How::Nothing, interval, timeout, start, healthy: 1, unhealthy: 1 });
        };
        let words = match it.command().split_first() {
            Some((kind, command)) if kind == "CMD" => command.to_vec(),
            _ => panic!("no shell is in these images: {:?}", it.command()),
        };
        Some(Self {
            how: How::Command { container: name.to_owned(), words },
            interval: compressed(it.interval().unwrap_or(30)),
            // A process is to be started for it.
            timeout: compressed(it.timeout().unwrap_or(5)).max(LEAST * 5),
            start: compressed(it.start_period().unwrap_or_default()),
            healthy: 1,
            unhealthy: it.retries().and_then(|retries| retries.try_into().ok()).unwrap_or(3),
        })
    }

    /// The target group that asks.
    pub(super) fn group(&self) -> Option<&str> {
        match &self.how {
            How::Http { group, .. } => Some(group),
            _ => None,
        }
    }

    /// The container that is asked itself.
    pub(super) fn container(&self) -> Option<&str> {
        match &self.how {
            How::Command { container, .. } => Some(container),
            _ => None,
        }
    }

    /// Why ECS ends a task that fails it.
    pub(super) fn ended(&self) -> String {
        match self.group() {
            Some(group) => format!("Task failed ELB health checks in (target-group {group})"),
            None => "Task failed container health checks".to_owned(),
        }
    }

    /// Asks a task; `container` is the engine's name of the one that is asked itself.
    pub(super) async fn ask(&self, target: &SocketAddr, container: &str, engine: &Engine) -> Result<(), Failed> {
        match &self.how {
            How::Http { path, port, codes, .. } => {
                let address = SocketAddr::new(target.ip(), port.unwrap_or(target.port()));
                match get(&address, path, self.timeout).await {
                    Got::Code(code) if takes(codes, code) => Ok(()),
                    Got::Code(code) => {
                        let words = format!("Health checks failed with these codes: [{code}]");
                        Err(("Target.ResponseCodeMismatch", words))
                    }
                    Got::Late => Err(("Target.Timeout", "Request timed out".to_owned())),
                    Got::Broken => Err(("Target.FailedHealthChecks", "Health checks failed".to_owned())),
                }
            }
            How::Command { words, .. } => match timeout(self.timeout, engine.exec(container, words)).await {
                Ok(true) => Ok(()),
                _ => Err(("", String::new())),
            },
            How::Nothing => Ok(()),
        }
    }
}

/// Whether a code is among those that are good: `200`, `200,301`, `200-399`.
fn takes(codes: &str, code: u16) -> bool {
    codes.split(',').any(|part| {
        let (from, to) = part.split_once('-').unwrap_or((part, part));
        matches!((from.trim().parse(), to.trim().parse()), (Ok(from), Ok(to)) if (from..=to).contains(&code))
    })
}

/// One request, and the code of its answer.
pub(super) async fn get(address: &SocketAddr, path: &str, patience: Duration) -> Got {
    let ask = async {
        let mut stream = TcpStream::connect(address).await?;
        let agent = "User-Agent: ELB-HealthChecker/2.0\r\nConnection: close";
        stream.write_all(format!("GET {path} HTTP/1.1\r\nHost: {address}\r\n{agent}\r\n\r\n").as_bytes()).await?;
        let mut line = [0; 12];
        stream.read_exact(&mut line).await?;
        let line =
            std::str::from_utf8(&line).ok().and_then(|line| line.strip_prefix("HTTP/1.")?.get(2..)?.parse().ok());
        line.ok_or(std::io::Error::from(ErrorKind::InvalidData))
    };
    match timeout(patience, ask).await {
        Ok(Ok(code)) => Got::Code(code),
        Ok(Err(_)) => Got::Broken,
        Err(_) => Got::Late,
    }
}

impl Target {
    /// A task that has just been registered.
    pub(super) fn new(service: &str, check: Arc<Check>, ip: IpAddr, port: i32, revision: &str) -> Self {
        let port = u16::try_from(port).unwrap_or_default();
        Self {
            service: service.to_owned(),
            check,
            address: SocketAddr::new(ip, port),
            revision: revision.to_owned(),
            next: Instant::now(),
            since: Instant::now(),
            stopping: false,
            told_unhealthy: false,
            health: Health::Registering,
            good: 0,
            bad: 0,
        }
    }

    pub(super) fn is_healthy(&self) -> bool {
        self.health == Health::Healthy && !self.stopping
    }

    /// Nothing is known of it yet.
    pub(super) fn is_new(&self) -> bool {
        matches!(self.health, Health::Registering | Health::Checking)
    }

    pub(super) fn is_unhealthy(&self) -> bool {
        matches!(self.health, Health::Unhealthy(..))
    }

    /// Counts a check; why it is unhealthy where it has just become so. A new target is healthy after one good check.
    pub(super) fn saw(&mut self, outcome: Result<(), Failed>) -> Option<String> {
        self.next = Instant::now() + self.check.interval;
        let Err((code, words)) = outcome else {
            (self.good, self.bad) = (self.good + 1, 0);
            if self.good >= self.check.healthy || !self.is_unhealthy() {
                self.health = Health::Healthy;
            }
            return None;
        };
        if self.since.elapsed() < self.check.start {
            return None;
        }
        (self.good, self.bad) = (0, self.bad + 1);
        let was = self.is_unhealthy();
        if self.bad >= self.check.unhealthy {
            self.health = Health::Unhealthy(code, words.clone());
        } else if self.health == Health::Registering {
            self.health = Health::Checking;
        }
        (!was && self.is_unhealthy()).then_some(words)
    }

    /// State, reason and description, as DescribeTargetHealth has them.
    /// <https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_TargetHealth.html>
    pub(super) fn told(&self) -> (&'static str, &str, &str) {
        match &self.health {
            _ if self.stopping => {
                ("draining", "Target.DeregistrationInProgress", "Target deregistration is in progress")
            }
            Health::Registering => ("initial", "Elb.RegistrationInProgress", "Target registration is in progress"),
            Health::Checking => ("initial", "Elb.InitialHealthChecking", "Initial health checks in progress"),
            Health::Healthy => ("healthy", "", ""),
            Health::Unhealthy(reason, words) => ("unhealthy", reason, words),
        }
    }
}
