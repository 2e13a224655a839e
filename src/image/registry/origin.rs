//! Scheme, host and port: what an Authorization header is given for, and goes to alone.

use std::net::IpAddr;

use http::Uri;
use runner_core::plan::Fault;

/// Where a request goes. Plain http is taken only to a literal loopback address: a name could resolve to anything.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origin {
    https: bool,
    host: String,
    port: u16,
}

impl Origin {
    /// Reads an address such as `https://registry.example.com` or `http://127.0.0.1:5000`.
    ///
    /// # Errors
    /// A [`Fault`] where it is no absolute address, carries credentials, or is http to another machine.
    pub fn parse(address: &str) -> Result<Self, Fault> {
        let refused = |why: &str| Fault::new(format!("reading the registry's address {address}"), why);
        let uri: Uri = address.parse().map_err(|_| refused("it is not an address"))?;
        Self::of(&uri).map_err(|why| refused(&why))
    }

    pub(crate) fn of(uri: &Uri) -> Result<Self, String> {
        let authority = uri.authority().ok_or("it has no host")?;
        if authority.as_str().contains('@') {
            return Err("it has credentials in it".into());
        }
        let host = authority.host().to_ascii_lowercase();
        let https = match uri.scheme_str() {
            Some("https") => true,
            Some("http") if is_loopback(&host) => false,
            Some("http") => return Err("http is taken only to 127.0.0.1 or [::1]; use https".into()),
            _ => return Err("it is neither https nor http".into()),
        };
        let port = authority.port_u16().unwrap_or(if https { 443 } else { 80 });
        Ok(Self { https, host, port })
    }

    /// Whether the connection is encrypted.
    pub fn is_https(&self) -> bool {
        self.https
    }

    /// An address at this origin.
    pub(crate) fn at(&self, path_and_query: &str) -> Result<Uri, String> {
        format!("{self}{path_and_query}").parse().map_err(|e| format!("'{path_and_query}' is no path: {e}"))
    }

    /// Resolves a `Location` against the address it answered: absolute, or a path at the same origin. It may not
    /// lead from https to http.
    pub(crate) fn follow(from: &Uri, location: &str) -> Result<(Self, Uri), String> {
        let base = Self::of(from)?;
        let uri: Uri = match location.starts_with('/') && !location.starts_with("//") {
            true => base.at(location)?,
            false => location.parse().map_err(|_| format!("'{location}' is no address"))?,
        };
        let origin = Self::of(&uri).map_err(|why| format!("'{location}' is refused: {why}"))?;
        if base.https && !origin.https {
            return Err(format!("'{location}' is refused: it leads from https to http"));
        }
        Ok((origin, uri))
    }
}

fn is_loopback(host: &str) -> bool {
    let host = host.trim_start_matches('[').trim_end_matches(']');
    host.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

impl std::fmt::Display for Origin {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let scheme = if self.https { "https" } else { "http" };
        write!(f, "{scheme}://{}", self.host)?;
        match (self.https, self.port) {
            (true, 443) | (false, 80) => Ok(()),
            (_, port) => write!(f, ":{port}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Origin;

    #[test]
    fn http_goes_to_a_literal_loopback_only() {
        for good in ["https://r.example", "http://127.0.0.1:5000", "http://127.9.9.9", "http://[::1]:5000/"] {
            assert!(Origin::parse(good).is_ok(), "{good}");
        }
        for bad in [
            "http://r.example",
            "http://localhost:5000",
            "http://127.0.0.1.r.example",
            "http://0.0.0.0",
            "http://169.254.169.254",
            "https://user:pass@r.example",
            "r.example",
            "ftp://127.0.0.1",
            "",
        ] {
            assert!(Origin::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_location_leads_to_its_own_origin() {
        let from = "https://r.example/v2/".parse().unwrap();
        let led = |location| Origin::follow(&from, location).map(|(origin, uri)| (origin.to_string(), uri.to_string()));
        let pair = |a: &str, b: &str| Ok((a.to_owned(), b.to_owned()));
        assert_eq!(led("/v2/x?y=z"), pair("https://r.example", "https://r.example/v2/x?y=z"));
        assert_eq!(led("https://R.example:443/x"), pair("https://r.example", "https://R.example:443/x"));
        assert_eq!(led("https://s.example/x"), pair("https://s.example", "https://s.example/x"));
        assert!(led("http://127.0.0.1/x").is_err());
        assert!(led("//s.example/x").is_err());
        assert!(led("x").is_err());
    }
}
