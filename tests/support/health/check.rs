//! A load balancer's health check of one target: what it asks, what it makes of the answer, and its words for it.
//! <https://docs.aws.amazon.com/elasticloadbalancing/latest/application/target-group-health-checks.html>

use std::{
    io::ErrorKind,
    net::{IpAddr, SocketAddr},
    time::Duration,
};

use runner::aws::Clients;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::{Instant, timeout},
};

use super::compressed;

/// Two processors are everybody's: a check may take so long even where its compressed time-out is shorter.
const LEAST: Duration = Duration::from_millis(150);

/// A target group's settings.
pub(super) struct Group {
    pub(super) arn: String,
    path: String,
    /// The target's own where it is `traffic-port`.
    port: Option<u16>,
    interval: Duration,
    timeout: Duration,
    healthy: u32,
    unhealthy: u32,
    codes: String,
}

/// What a check came to.
#[derive(Clone)]
pub(super) enum Outcome {
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
    pub(super) group: String,
    pub(super) address: SocketAddr,
    pub(super) revision: String,
    /// When it is asked next.
    pub(super) next: Instant,
    pub(super) since: Instant,
    /// ECS takes it out.
    pub(super) stopping: bool,
    health: Health,
    /// Checks in a row.
    good: u32,
    bad: u32,
}

impl Group {
    /// As it is set now; `None` where it is not there.
    pub(super) async fn read(clients: &Clients, arn: &str) -> Option<Self> {
        let answer = clients.elbv2().describe_target_groups().target_group_arns(arn).send().await.ok()?;
        let it = answer.target_groups().first()?;
        let count = |count: Option<i32>| u32::try_from(count.unwrap_or_default()).unwrap_or_default();
        Some(Self {
            arn: arn.to_owned(),
            path: it.health_check_path().unwrap_or("/").to_owned(),
            port: it.health_check_port().and_then(|port| port.parse().ok()),
            interval: compressed(it.health_check_interval_seconds().unwrap_or_default()),
            timeout: compressed(it.health_check_timeout_seconds().unwrap_or_default()).max(LEAST),
            healthy: count(it.healthy_threshold_count()),
            unhealthy: count(it.unhealthy_threshold_count()),
            codes: it.matcher().and_then(|matcher| matcher.http_code()).unwrap_or("200").to_owned(),
        })
    }

    /// Asks a target.
    pub(super) async fn ask(&self, target: &SocketAddr) -> Outcome {
        let address = SocketAddr::new(target.ip(), self.port.unwrap_or(target.port()));
        get(&address, &self.path, self.timeout).await
    }

    /// Whether a code is good: `200`, `200,301`, `200-399`.
    fn takes(&self, code: u16) -> bool {
        self.codes.split(',').any(|part| {
            let (from, to) = part.split_once('-').unwrap_or((part, part));
            matches!((from.trim().parse(), to.trim().parse()), (Ok(from), Ok(to)) if (from..=to).contains(&code))
        })
    }
}

/// One request, and the code of its answer.
pub(super) async fn get(address: &SocketAddr, path: &str, patience: Duration) -> Outcome {
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
        Ok(Ok(code)) => Outcome::Code(code),
        Ok(Err(_)) => Outcome::Broken,
        Err(_) => Outcome::Late,
    }
}

impl Target {
    /// A task that has just been registered.
    pub(super) fn new(group: &Group, ip: IpAddr, port: i32, revision: &str) -> Self {
        let port = u16::try_from(port).unwrap_or_default();
        Self {
            group: group.arn.clone(),
            address: SocketAddr::new(ip, port),
            revision: revision.to_owned(),
            next: Instant::now(),
            since: Instant::now(),
            stopping: false,
            health: Health::Registering,
            good: 0,
            bad: 0,
        }
    }

    pub(super) fn is_healthy(&self) -> bool {
        self.health == Health::Healthy && !self.stopping
    }

    pub(super) fn is_unhealthy(&self) -> bool {
        matches!(self.health, Health::Unhealthy(..))
    }

    /// Counts a check; why it is unhealthy where it has just become so. A new target is healthy after one good check.
    pub(super) fn saw(&mut self, group: &Group, outcome: Outcome) -> Option<String> {
        self.next = Instant::now() + group.interval;
        let failed = match outcome {
            Outcome::Code(code) if group.takes(code) => None,
            Outcome::Code(code) => {
                Some(("Target.ResponseCodeMismatch", format!("Health checks failed with these codes: [{code}]")))
            }
            Outcome::Late => Some(("Target.Timeout", "Request timed out".to_owned())),
            Outcome::Broken => Some(("Target.FailedHealthChecks", "Health checks failed".to_owned())),
        };
        let Some((code, words)) = failed else {
            (self.good, self.bad) = (self.good + 1, 0);
            if self.good >= group.healthy || !self.is_unhealthy() {
                self.health = Health::Healthy;
            }
            return None;
        };
        (self.good, self.bad) = (0, self.bad + 1);
        let was = self.is_unhealthy();
        if self.bad >= group.unhealthy {
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
