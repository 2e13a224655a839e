//! One small HTTP/1.1 exchange over TCP or a Unix socket: the emulator's own paths and the Docker engine's.

use std::{path::PathBuf, time::Duration};

use bytes::Bytes;
use http_body_util::{BodyExt, Empty, Limited};
use hyper::{Method, Request};
use hyper_util::rt::TokioIo;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpStream, UnixStream},
};

/// Answers beyond this are not read: the longest we ask for is a list of containers.
const LONGEST: usize = 8 << 20;

/// Where a server listens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Door {
    /// `host:port`
    Tcp(String),
    /// A Unix socket.
    Unix(PathBuf),
}

/// One exchange: status and body, or in words why there was none within that time.
pub(super) async fn ask(
    door: &Door,
    method: Method,
    path_and_query: &str,
    within: Duration,
) -> Result<(u16, Bytes), String> {
    let exchange = async {
        match door {
            Door::Tcp(authority) => {
                let stream = TcpStream::connect(authority.as_str()).await.map_err(|e| e.to_string())?;
                over(stream, authority, method, path_and_query).await
            }
            Door::Unix(path) => {
                let stream = UnixStream::connect(path).await.map_err(|e| e.to_string())?;
                over(stream, "localhost", method, path_and_query).await
            }
        }
    };
    tokio::time::timeout(within, exchange).await.unwrap_or_else(|_| Err(format!("no answer within {within:?}")))
}

async fn over<S>(stream: S, host: &str, method: Method, path_and_query: &str) -> Result<(u16, Bytes), String>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let (mut sender, connection) =
        hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.map_err(|e| e.to_string())?;
    let request = Request::builder()
        .method(method)
        .uri(path_and_query)
        .header(hyper::header::HOST, host)
        .body(Empty::<Bytes>::new())
        .map_err(|e| e.to_string())?;
    let exchange = async {
        let response = sender.send_request(request).await.map_err(|e| e.to_string())?;
        let status = response.status().as_u16();
        let body = Limited::new(response.into_body(), LONGEST).collect().await.map_err(|e| e.to_string())?;
        Ok((status, body.to_bytes()))
    };
    // The connection is driven here and not in a task of its own, so that nothing outlives a time-out.
    let mut exchange = std::pin::pin!(exchange);
    let mut connection = std::pin::pin!(connection);
    tokio::select! {
        biased;
        answer = &mut exchange => return answer,
        ended = &mut connection => ended.map_err(|e| e.to_string())?,
    }
    exchange.await
}
