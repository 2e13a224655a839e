//! What a Dockerfile says of the container it makes.

/// What was read.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Seen {
    /// The first port of `EXPOSE`, in the last stage that has one.
    pub port: Option<u32>,
    /// The path that `HEALTHCHECK` asks for, where it asks over HTTP.
    pub health_path: Option<String>,
}

/// Reads it.
pub fn read(text: &str) -> Seen {
    let mut seen = Seen::default();
    let joined = text.replace("\\\r\n", " ").replace("\\\n", " ");
    for line in joined.lines().map(str::trim) {
        let (word, rest) = line.split_once(char::is_whitespace).unwrap_or((line, ""));
        match word.to_ascii_uppercase().as_str() {
            "EXPOSE" => seen.port = rest.split_whitespace().next().and_then(port).or(seen.port),
            "HEALTHCHECK" => seen.health_path = path(rest).or(seen.health_path),
            _ => {}
        }
    }
    seen
}

/// `3000`, `3000/tcp`; none for a variable or another protocol.
fn port(text: &str) -> Option<u32> {
    text.strip_suffix("/tcp").unwrap_or(text).parse().ok().filter(|port| (1..=65_535).contains(port))
}

/// The path of the first HTTP address of this machine in a command: `curl -f http://localhost:3000/health || exit 1`.
pub fn path(command: &str) -> Option<String> {
    let at = command.find("http://").or_else(|| command.find("https://"))?;
    let address = &command[at..];
    let end = address.find(|c: char| c.is_whitespace() || "\"'`|;)],".contains(c)).unwrap_or(address.len());
    let (_, rest) = address[..end].split_once("://")?;
    let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
    let host = authority.split(':').next().unwrap_or_default();
    let local = matches!(host, "localhost" | "127.0.0.1" | "0.0.0.0" | "[");
    let plain = path.split(['?', '#']).next().unwrap_or_default();
    (local && plain.bytes().all(|b| b.is_ascii_alphanumeric() || b"/-_.".contains(&b))).then(|| format!("/{plain}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ports_and_checks_are_read() {
        let text = "FROM a AS b\nEXPOSE 80\nFROM b\nexpose 3000/tcp 9090\n\
                    HEALTHCHECK --interval=5s \\\n  CMD curl -fsS \"http://localhost:3000/health?x=1\" || exit 1\n";
        assert_eq!(read(text), Seen { port: Some(3_000), health_path: Some("/health".to_owned()) });
        assert_eq!(read("FROM a\nEXPOSE $PORT\nEXPOSE 53/udp\nHEALTHCHECK NONE\n"), Seen::default());
    }

    #[test]
    fn only_this_machine_is_the_container() {
        assert_eq!(path("wget -qO- http://127.0.0.1:8080"), Some("/".to_owned()));
        assert_eq!(path("curl http://db:5432/x"), None);
        assert_eq!(path("pg_isready"), None);
    }
}
