//! A certificate that is not right is refused, and there is nothing to be set about it.

use std::sync::Arc;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};

use super::alone::alone;
use super::registry;

/// How a server's certificate is.
#[derive(Clone, Copy, PartialEq)]
enum How {
    Good,
    SelfSigned,
    OtherName,
    Expired,
}

/// The root certificate that the test's own process trusts, and certificates from it.
struct Authority(CertifiedIssuer<'static, KeyPair>);

impl Authority {
    fn new() -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.distinguished_name.push(DnType::CommonName, "the test's root");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        Self(CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap())
    }

    async fn serve(&self, how: How) -> String {
        let name = if how == How::OtherName { "127.0.0.2" } else { "127.0.0.1" };
        let mut params = CertificateParams::new(vec![name.to_owned()]).unwrap();
        if how == How::Expired {
            params.not_before = rcgen::date_time_ymd(2020, 1, 1);
            params.not_after = rcgen::date_time_ymd(2021, 1, 1);
        }
        let key = KeyPair::generate().unwrap();
        let certificate = match how {
            How::SelfSigned => params.self_signed(&key),
            _ => params.signed_by(&key, &self.0),
        };
        let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
        let config = ServerConfig::builder().with_no_client_auth();
        let config = config.with_single_cert(vec![certificate.unwrap().der().clone()], key).unwrap();
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let acceptor = acceptor.clone();
                tokio::spawn(async move {
                    let Ok(stream) = acceptor.accept(stream).await else { return };
                    let service = hyper::service::service_fn(|_| async {
                        Ok::<_, std::convert::Infallible>(super::scripted::error(404, "MANIFEST_UNKNOWN"))
                    });
                    let stream = hyper_util::rt::TokioIo::new(stream);
                    drop(hyper::server::conn::http1::Builder::new().serve_connection(stream, service).await);
                });
            }
        });
        format!("https://{address}")
    }
}

const ROOT: &str = "TEST_ROOT_KEY";

#[test]
fn self_signed_expired_and_foreign_certificates_are_refused() {
    let name = "image::tls::self_signed_expired_and_foreign_certificates_are_refused";
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("roots.pem");
    let path = file.to_str().unwrap();
    // The roots come from the environment, so the root is made before the process that trusts it reads them.
    if !alone(name, &[("SSL_CERT_FILE", path), (ROOT, path)]) {
        return;
    }
    let authority = Authority::new();
    std::fs::create_dir_all(std::path::Path::new(&std::env::var(ROOT).unwrap()).parent().unwrap()).unwrap();
    std::fs::write(std::env::var(ROOT).unwrap(), authority.0.pem()).unwrap();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let ask = async |how| {
            let url = authority.serve(how).await;
            let registry = registry(&url);
            let repository = runner::image::Repository::new(&registry, "app/api", None).unwrap();
            repository.exists("v1").await
        };
        assert_eq!(ask(How::Good).await.unwrap(), None);
        for (how, word) in
            [(How::SelfSigned, "UnknownIssuer"), (How::OtherName, "not valid for name"), (How::Expired, "expired")]
        {
            let fault = ask(how).await.unwrap_err();
            assert!(fault.message.raw().contains(word), "{fault}");
            assert!(fault.hint.is_some_and(|hint| hint.contains("no way around it")));
        }
    });
}
