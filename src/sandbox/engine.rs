//! The Docker engine: whether one answers, and the containers of ours it still holds.
//!
//! The emulator labels each container it starts with `ministack.instance=<instance>:<port>` and removes them when it
//! is stopped or reset in order. What it leaves behind is what was running when it was killed, and a task that was
//! just being started when it stopped; those are found by that label and removed here.
//! <https://docs.docker.com/reference/api/engine/>

use std::{collections::HashMap, time::Duration};

use futures_util::future::join_all;
use hyper::Method;
use serde::Deserialize;

use super::http::{Door, ask};

/// A local engine answers a ping in milliseconds; one that is starting up may accept and say nothing.
const PING: Duration = Duration::from_secs(2);
/// Killing and removing a container takes the engine up to some seconds.
const REMOVE: Duration = Duration::from_secs(30);
/// The label by which the emulator marks its containers.
const LABEL: &str = "ministack.instance";

/// Whether a Docker engine answers at this `DOCKER_HOST`: `unix://` or plain `tcp://`. Others (ssh, TLS) are not
/// spoken here and count as absent.
pub async fn engine_answers(docker_host: &str) -> bool {
    let Some(door) = door(docker_host) else { return false };
    // /_ping needs no version and answers "OK".
    matches!(ask(&door, Method::GET, "/_ping", PING).await, Ok((200, body)) if body.as_ref() == b"OK")
}

/// The first of these that answers.
pub(super) async fn first_that_answers(docker_hosts: &[String]) -> Option<&String> {
    for host in docker_hosts {
        if engine_answers(host).await {
            return Some(host);
        }
    }
    None
}

/// Removes, with their anonymous volumes, the containers of this instance, whatever port it had. Returns how many
/// went; an engine that does not answer has none.
pub(super) async fn sweep(docker_host: &str, instance: &str) -> usize {
    let Some(door) = door(docker_host) else { return 0 };
    let list = format!("/containers/json?all=true&filters=%7B%22label%22%3A%5B%22{LABEL}%22%5D%7D");
    let Ok((200, body)) = ask(&door, Method::GET, &list, PING).await else { return 0 };
    let containers: Vec<Container> = serde_json::from_slice(&body).unwrap_or_default();
    let removals = containers.iter().filter(|container| container.is_of(instance)).map(async |container| {
        let path = format!("/containers/{}?force=true&v=true", container.id);
        matches!(ask(&door, Method::DELETE, &path, REMOVE).await, Ok((204, _)))
    });
    join_all(removals).await.into_iter().filter(|removed| *removed).count()
}

#[derive(Deserialize)]
struct Container {
    #[serde(rename = "Id")]
    id: String,
    #[serde(rename = "Labels")]
    labels: Option<HashMap<String, String>>,
}

impl Container {
    fn is_of(&self, instance: &str) -> bool {
        let owner = self.labels.as_ref().and_then(|labels| labels.get(LABEL));
        owner.and_then(|owner| owner.rsplit_once(':')).is_some_and(|(name, _port)| name == instance)
    }
}

fn door(docker_host: &str) -> Option<Door> {
    if let Some(path) = docker_host.strip_prefix("unix://") {
        return Some(Door::Unix(path.into()));
    }
    let authority = docker_host.strip_prefix("tcp://")?.trim_end_matches('/');
    Some(Door::Tcp(if authority.contains(':') { authority.to_owned() } else { format!("{authority}:2375") }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn docker_host_is_read_as_the_docker_client_reads_it() {
        assert_eq!(door("unix:///run/d.sock"), Some(Door::Unix("/run/d.sock".into())));
        assert_eq!(door("tcp://10.0.0.2:2376"), Some(Door::Tcp("10.0.0.2:2376".into())));
        assert_eq!(door("tcp://build"), Some(Door::Tcp("build:2375".into())));
        assert_eq!(door("ssh://me@there"), None);
        assert_eq!(door(""), None);
    }

    #[test]
    fn only_containers_of_the_same_instance_are_ours() {
        let container = |owner: Option<&str>| Container {
            id: "1".into(),
            labels: owner.map(|owner| HashMap::from([(LABEL.to_owned(), owner.to_owned())])),
        };
        assert!(container(Some("runner-1:4566")).is_of("runner-1"));
        assert!(!container(Some("runner-12:4566")).is_of("runner-1"));
        assert!(!container(Some("runner-1")).is_of("runner-1"));
        assert!(!container(None).is_of("runner-1"));
    }

    #[tokio::test]
    async fn a_socket_that_is_silent_or_absent_is_no_engine() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("docker.sock");
        let host = format!("unix://{}", path.display());
        assert!(!engine_answers(&host).await);
        let listener = tokio::net::UnixListener::bind(&path).unwrap();
        let (answer, ()) = tokio::join!(engine_answers(&host), async {
            // Whoever hangs up without an answer is no engine either.
            drop(listener.accept().await);
        });
        assert!(!answer);
    }
}
