//! The HTTP probe: one request to a healthy service, as a user's browser would send it. It never decides a verdict.

use std::{
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    sync::Arc,
    time::Duration,
};

use bytes::Bytes;
use http::{Request, header};
use http_body_util::{BodyExt, Empty, Limited};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::TokioExecutor,
};
use tokio::time::Instant;

/// Longest wait for the answer.
const TIMEOUT: Duration = Duration::from_secs(5);
/// Most bytes of the answer that are read.
const LIMIT: usize = 64 * 1024;

/// How the load balancer is reached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ProbeVia {
    /// By its own DNS name, with the service's host in Host and SNI: the service's DNS record may not be there yet.
    LoadBalancer {
        /// The load balancer's DNS name.
        dns_name: String,
    },
    /// Through a local AWS, which serves load balancers under a path of its own.
    Local {
        /// `http://127.0.0.1:PORT`.
        url: String,
        /// The load balancer's name.
        name: String,
        /// The account it belongs to.
        account: String,
        /// The region it is in.
        region: String,
    },
}

/// What is asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Probe {
    /// The way to the load balancer.
    pub via: ProbeVia,
    /// The service's host; none where it is the load balancer's default.
    pub host: Option<String>,
    /// Whether the listener speaks TLS.
    pub tls: bool,
    /// `/health`.
    pub path: String,
    /// Whether addresses of the machine itself and of its cloud are refused: on a shared runner a name that leads
    /// there is an attack.
    pub refuse_local: bool,
}

impl Probe {
    /// Asks once and says what came: "200 in 12 ms", or why there was no answer.
    pub async fn ask(&self) -> Result<String, String> {
        let began = Instant::now();
        let answer = tokio::time::timeout(TIMEOUT, self.send()).await;
        match answer {
            Ok(Ok(status)) => Ok(format!("{status} in {} ms", began.elapsed().as_millis())),
            Ok(Err(words)) => Err(words),
            Err(_) => Err(format!("no answer within {} s", TIMEOUT.as_secs())),
        }
    }

    /// Host and Authorization for a local AWS: the port in Host picks the listener, the credential's account and region
    /// are the load balancer's.
    pub fn local_headers(&self) -> (String, String) {
        let port = if self.tls { 443 } else { 80 };
        let credential = match &self.via {
            ProbeVia::Local { account, region, .. } => format!("{account}/20260101/{region}/execute-api/aws4_request"),
            ProbeVia::LoadBalancer { .. } => String::new(),
        };
        (
            format!("{}:{port}", self.host.as_deref().unwrap_or("localhost")),
            format!("AWS4-HMAC-SHA256 Credential={credential}"),
        )
    }

    async fn send(&self) -> Result<u16, String> {
        let (request, addresses) = match &self.via {
            ProbeVia::Local { url, name, .. } => {
                let (host, authorization) = self.local_headers();
                let request = Request::get(format!("{url}/_alb/{name}{}", self.path))
                    .header(header::HOST, host)
                    .header(header::AUTHORIZATION, authorization);
                (request, None)
            }
            ProbeVia::LoadBalancer { dns_name } => {
                let host = self.host.as_deref().unwrap_or(dns_name);
                let scheme = if self.tls { "https" } else { "http" };
                let port = if self.tls { 443 } else { 80 };
                (Request::get(format!("{scheme}://{host}{}", self.path)), Some(self.resolve(dns_name, port).await?))
            }
        };
        let request = request
            .header(header::USER_AGENT, concat!("finance-infra-action/", env!("CARGO_PKG_VERSION")))
            .body(Empty::<Bytes>::new())
            .map_err(|error| error.to_string())?;
        let answer = match addresses {
            None => Client::builder(TokioExecutor::new()).build(HttpConnector::new()).request(request).await,
            Some(addresses) => {
                let resolver = tower_of(addresses);
                let mut connector = HttpConnector::new_with_resolver(resolver);
                connector.enforce_http(false);
                if self.tls {
                    let connector = hyper_rustls::HttpsConnectorBuilder::new()
                        .with_provider_and_native_roots(rustls::crypto::ring::default_provider())
                        .map_err(|error| error.to_string())?
                        .https_only()
                        .enable_http1()
                        .wrap_connector(connector);
                    Client::builder(TokioExecutor::new()).build(connector).request(request).await
                } else {
                    Client::builder(TokioExecutor::new()).build(connector).request(request).await
                }
            }
        };
        let answer = answer.map_err(|error| chain(&error))?;
        let status = answer.status().as_u16();
        // The body is read so that the connection ends well, but no further than this.
        let _ = Limited::new(answer.into_body(), LIMIT).collect().await;
        Ok(status)
    }

    /// Resolves once; the connection goes to these addresses and no others.
    async fn resolve(&self, name: &str, port: u16) -> Result<Vec<SocketAddr>, String> {
        let found = tokio::net::lookup_host((name, port)).await.map_err(|error| format!("{name}: {error}"))?;
        let addresses: Vec<SocketAddr> =
            found.filter(|address| !self.refuse_local || !is_local(address.ip())).collect();
        if addresses.is_empty() {
            return Err(format!("{name} leads to no address that may be asked"));
        }
        Ok(addresses)
    }
}

/// Azure's wire server, on whose machines GitHub's own runners are: a public address that answers the machine alone.
/// <https://learn.microsoft.com/en-us/azure/virtual-network/what-is-ip-address-168-63-129-16>
const WIRE_SERVER: Ipv4Addr = Ipv4Addr::new(168, 63, 129, 16);

/// Loopback, link-local (the metadata service among them) and unspecified addresses, those of the cloud's own services,
/// and each of them written as an IPv6 address.
fn is_local(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => {
            // The whole of 0.0.0.0/8 is this machine.
            v4.octets()[0] == 0 || v4.is_loopback() || v4.is_link_local() || v4.is_broadcast() || v4 == WIRE_SERVER
        }
        IpAddr::V6(v6) => {
            v6.is_loopback()
                || v6.is_unspecified()
                || v6.is_unicast_link_local()
                // Metadata, DNS, time and credentials of AWS over IPv6 are all in fd00:ec2::/32.
                || v6.segments()[..2] == [0xfd00, 0xec2]
                || inner(v6).is_some_and(|v4| is_local(IpAddr::V4(v4)))
        }
    }
}

/// The IPv4 address that an IPv6 address leads to: mapped, compatible, by NAT64 (RFC 6052) or 6to4 (RFC 3056).
fn inner(v6: Ipv6Addr) -> Option<Ipv4Addr> {
    let of = |high: u16, low: u16| Ipv4Addr::from((u32::from(high) << 16) | u32::from(low));
    match v6.segments() {
        [0, 0, 0, 0, 0, 0 | 0xffff, high, low] | [0x64, 0xff9b, 0, 0, 0, 0, high, low] | [0x2002, high, low, ..] => {
            Some(of(high, low))
        }
        _ => None,
    }
}

/// A resolver that knows one answer.
fn tower_of(
    addresses: Vec<SocketAddr>,
) -> impl tower_service::Service<
    hyper_util::client::legacy::connect::dns::Name,
    Response = std::vec::IntoIter<SocketAddr>,
    Error = std::io::Error,
    Future = std::future::Ready<Result<std::vec::IntoIter<SocketAddr>, std::io::Error>>,
> + Clone
+ Send
+ 'static {
    Fixed(Arc::new(addresses))
}

#[derive(Clone)]
struct Fixed(Arc<Vec<SocketAddr>>);

impl tower_service::Service<hyper_util::client::legacy::connect::dns::Name> for Fixed {
    type Response = std::vec::IntoIter<SocketAddr>;
    type Error = std::io::Error;
    type Future = std::future::Ready<Result<Self::Response, Self::Error>>;

    fn poll_ready(&mut self, _: &mut std::task::Context<'_>) -> std::task::Poll<Result<(), Self::Error>> {
        std::task::Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: hyper_util::client::legacy::connect::dns::Name) -> Self::Future {
        std::future::ready(Ok(self.0.as_ref().clone().into_iter()))
    }
}

/// hyper's own words say no more than "client error (Connect)".
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(source) = next {
        text = format!("{text}: {source}");
        next = source.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use tokio::{
        io::{AsyncReadExt, AsyncWriteExt},
        net::TcpListener,
    };

    use super::{LIMIT, Probe, ProbeVia, is_local};

    fn probe(via: ProbeVia, refuse_local: bool) -> Probe {
        Probe { via, host: None, tls: false, path: "/health".to_owned(), refuse_local }
    }

    fn local(url: String) -> ProbeVia {
        let text = str::to_owned;
        ProbeVia::Local { url, name: text("alb"), account: text("111122223333"), region: text("us-east-1") }
    }

    #[tokio::test]
    async fn a_name_that_leads_to_the_machine_itself_is_not_asked_where_that_is_refused() {
        for name in ["localhost", "127.0.0.1", "169.254.169.254", "::ffff:169.254.169.254"] {
            let asked = probe(ProbeVia::LoadBalancer { dns_name: name.to_owned() }, true).ask().await;
            assert_eq!(asked.unwrap_err(), format!("{name} leads to no address that may be asked"));
        }
    }

    #[tokio::test]
    async fn a_redirect_is_an_answer_and_not_followed() {
        let (first, second) =
            (TcpListener::bind("127.0.0.1:0").await.unwrap(), TcpListener::bind("127.0.0.1:0").await.unwrap());
        let url = format!("http://{}", first.local_addr().unwrap());
        let elsewhere = second.local_addr().unwrap();
        let answer = async {
            let (mut stream, _) = first.accept().await.unwrap();
            let mut request = [0; 4096];
            let read = stream.read(&mut request).await.unwrap();
            let text = format!("HTTP/1.1 302 Found\r\nLocation: http://{elsewhere}/\r\nContent-Length: 0\r\n\r\n");
            stream.write_all(text.as_bytes()).await.unwrap();
            String::from_utf8_lossy(&request[..read]).into_owned()
        };
        let probe = probe(local(url), false);
        let (asked, request) = tokio::join!(probe.ask(), answer);
        assert!(request.starts_with("GET /_alb/alb/health "), "{request}");
        assert!(asked.unwrap().starts_with("302 "));
        // Whoever followed it would be waiting to be let in.
        let came = std::future::poll_fn(|context| std::task::Poll::Ready(second.poll_accept(context).is_ready()));
        assert!(!came.await);
    }

    #[tokio::test]
    async fn no_more_of_an_answer_is_read_than_its_first_64_kib() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let answer = async {
            let (mut stream, _) = listener.accept().await.unwrap();
            let _ = stream.read(&mut [0; 4096]).await.unwrap();
            stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000000000\r\n\r\n").await.unwrap();
            // Until the other side hangs up: it would never be done.
            let mut sent = 0;
            while stream.write_all(&[b'x'; 1 << 12]).await.is_ok() {
                sent += 1 << 12;
            }
            sent
        };
        let probe = probe(local(url), false);
        let (asked, sent) = tokio::join!(probe.ask(), answer);
        assert!(asked.unwrap().starts_with("200 "));
        // What the sockets themselves hold comes on top.
        assert!(sent < LIMIT + (32 << 20), "{sent}");
    }

    #[test]
    fn addresses_of_the_machine_and_its_cloud_are_local() {
        for address in [
            "127.0.0.1",
            "169.254.169.254",
            "168.63.129.16",
            "0.0.0.0",
            "0.1.2.3",
            "::1",
            "fe80::1",
            "fd00:ec2::254",
            "fd00:ec2::23",
            "::ffff:127.0.0.1",
            "::169.254.169.254",
            "64:ff9b::a9fe:a9fe",
            "2002:a9fe:a9fe::1",
        ] {
            assert!(is_local(address.parse().unwrap()), "{address}");
        }
        for address in ["10.0.1.7", "52.1.2.3", "2600:1f18::1", "64:ff9b::3401:203"] {
            assert!(!is_local(address.parse().unwrap()), "{address}");
        }
    }
}
