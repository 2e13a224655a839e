//! Sending one blob: asked for first, mounted where that is possible, else one POST and one PUT of known length.
//! ECR keeps only the first part of a blob sent in several PATCH requests, so there is one PUT, streamed.

use std::io;
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderValue, Method, StatusCode, header};
use http_body::{Frame, SizeHint};
use runner_core::plan::Fault;
use sha2::{Digest as _, Sha256};
use tokio::sync::mpsc;

use super::client::percent;
use super::retry::{Tries, Trouble};
use super::{Origin, Repository};
use crate::image::Digest;
use crate::image::source::Place;

/// Big enough that a thread switch costs nothing beside it, small enough to hold a few for each of four layers.
const CHUNK: usize = 256 << 10;
const CHUNKS_AHEAD: usize = 3;
/// An upload of which no byte moves for this long is cut. After its last byte a registry may have to copy it.
const STALLED: Duration = Duration::from_secs(120);

/// How a blob came to be in the registry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sent {
    /// It was there.
    Found,
    /// It was taken over from another repository.
    Mounted,
    /// It was sent.
    Uploaded,
}

/// The body of a request.
pub(super) struct Body {
    from: From,
    left: u64,
    /// Counts what the connection has taken.
    taken: Option<Arc<AtomicU64>>,
}

enum From {
    Memory(Bytes),
    Reader(mpsc::Receiver<io::Result<Bytes>>),
}

impl Body {
    /// Bytes at hand.
    pub fn whole(bytes: Bytes) -> Self {
        Self { left: bytes.len() as u64, from: From::Memory(bytes), taken: None }
    }

    /// Reads `place` on a thread of its own, a few chunks ahead of the network. The last chunk is held back until
    /// the whole is known to have the digest it should; otherwise the body breaks off and `spoiled` says why.
    fn stream(place: Place, expected: Digest, spoiled: Arc<OnceLock<String>>) -> Self {
        let left = place.len();
        let (sender, receiver) = mpsc::channel(CHUNKS_AHEAD);
        tokio::task::spawn_blocking(move || {
            let mut hasher = Sha256::new();
            let mut at = 0;
            let end = place.len();
            while at < end {
                let mut chunk = vec![0; CHUNK.min((end - at) as usize)];
                let read = place.read_at(&mut chunk, at).and_then(|n| match n {
                    0 => Err(io::ErrorKind::UnexpectedEof.into()),
                    n => Ok(n),
                });
                let read = read.map_err(|e| format!("reading it: {e}")).and_then(|n| {
                    chunk.truncate(n);
                    hasher.update(&chunk);
                    at += n as u64;
                    let whole = at < end || Digest::from_hasher(hasher.clone()) == expected;
                    whole.then_some(()).ok_or_else(|| "its content is not what its digest says".to_owned())
                });
                let item = read.map(|()| Bytes::from(chunk)).map_err(|why| {
                    let error = io::Error::other(why.clone());
                    spoiled.get_or_init(|| why);
                    error
                });
                let failed = item.is_err();
                // Nobody listens any more: the connection was cut, or the push was given up.
                if sender.blocking_send(item).is_err() || failed {
                    return;
                }
            }
        });
        Self { from: From::Reader(receiver), left, taken: None }
    }
}

impl http_body::Body for Body {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        let this = self.get_mut();
        let next = match &mut this.from {
            From::Memory(bytes) => (!bytes.is_empty()).then(|| Ok(std::mem::take(bytes))),
            From::Reader(reader) => std::task::ready!(reader.poll_recv(cx)),
        };
        Poll::Ready(next.map(|chunk| {
            chunk.map(|chunk| {
                this.left = this.left.saturating_sub(chunk.len() as u64);
                if let Some(taken) = &this.taken {
                    taken.fetch_add(chunk.len() as u64, Ordering::Relaxed);
                }
                Frame::data(chunk)
            })
        }))
    }

    fn is_end_stream(&self) -> bool {
        self.left == 0
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.left)
    }
}

impl Repository<'_> {
    /// Brings a blob into the repository, with as many attempts as the registry's patience allows. Each attempt
    /// begins by asking whether the blob is there by now. `sent` counts its bytes, and goes back when one fails.
    pub(crate) async fn bring(
        &self,
        digest: &Digest,
        place: &Place,
        mount_from: Option<&str>,
        sent: &Arc<AtomicU64>,
    ) -> Result<Sent, Fault> {
        let doing = format!("sending {digest} ({} bytes) to {self}", place.len());
        let upload = Upload { repository: self, doing: &doing, digest, place, mount_from, sent };
        let mut tries = Tries::new(&self.registry.backoff);
        loop {
            sent.store(0, Ordering::Relaxed);
            match upload.attempt().await {
                Ok(how) => {
                    sent.store(place.len(), Ordering::Relaxed);
                    return Ok(how);
                }
                Err(trouble) => tries.next(trouble).await?,
            }
        }
    }
}

struct Upload<'a> {
    repository: &'a Repository<'a>,
    doing: &'a str,
    digest: &'a Digest,
    place: &'a Place,
    mount_from: Option<&'a str>,
    sent: &'a Arc<AtomicU64>,
}

impl Upload<'_> {
    async fn attempt(&self) -> Result<Sent, Trouble> {
        let (repository, doing, digest) = (self.repository, self.doing, self.digest);
        let path = repository.path(&format!("blobs/{digest}"));
        let found = repository.ask(doing, Method::HEAD, &path, &[], &Bytes::new()).await?;
        match found.status {
            StatusCode::OK => return Ok(Sent::Found),
            StatusCode::NOT_FOUND => {}
            _ => return Err(found.fault(doing).into()),
        }
        let query = self.mount_from.map(|from| format!("?mount={digest}&from={}", percent(from))).unwrap_or_default();
        let path = repository.path(&format!("blobs/uploads/{query}"));
        let opened = repository.ask(doing, Method::POST, &path, &[], &Bytes::new()).await?;
        match opened.status {
            StatusCode::CREATED if self.mount_from.is_some() => return Ok(Sent::Mounted),
            StatusCode::ACCEPTED => {}
            _ => return Err(opened.fault(doing).into()),
        }
        let location = opened.header("location").ok_or_else(|| Fault::new(doing, "the upload has no address"))?;
        let joint = if location.contains('?') { '&' } else { '?' };
        let (_, uri) = Origin::follow(&opened.uri, &format!("{location}{joint}digest={digest}"))
            .map_err(|why| Fault::new(doing, format!("the upload's address {why}")))?;
        self.put(&uri).await.map(|()| Sent::Uploaded)
    }

    async fn put(&self, uri: &http::Uri) -> Result<(), Trouble> {
        let (doing, registry) = (self.doing, self.repository.registry);
        let spoiled = Arc::new(OnceLock::new());
        let mut body = Body::stream(self.place.clone(), self.digest.clone(), spoiled.clone());
        body.taken = Some(self.sent.clone());
        let mut request = registry.request(&self.repository.scope, Method::PUT, uri, body);
        let headers = request.headers_mut();
        headers.insert(header::CONTENT_LENGTH, HeaderValue::from(self.place.len()));
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/octet-stream"));
        let answer = tokio::select! {
            answer = registry.send(doing, request) => answer,
            () = self.stalled() => {
                let idle = format!("nothing moved for {} s", STALLED.as_secs());
                Err(Trouble::Again(Fault::new(doing, idle), None))
            }
        };
        if let Some(why) = spoiled.get() {
            return Err(Fault::new(doing, why.as_str()).into());
        }
        let answer = answer?;
        match answer.status {
            StatusCode::CREATED | StatusCode::NO_CONTENT => Ok(()),
            // The token ran out while the bytes went: the next attempt gets another one.
            StatusCode::UNAUTHORIZED if registry.auth.forget(&self.repository.scope) => {
                Err(Trouble::Again(answer.fault(doing), None))
            }
            // The registry no longer knows the upload it opened.
            StatusCode::NOT_FOUND if answer.code().as_deref() == Some("BLOB_UPLOAD_UNKNOWN") => {
                Err(Trouble::Again(answer.fault(doing), None))
            }
            _ => Err(answer.fault(doing).into()),
        }
    }

    /// Returns when no byte has moved for a while.
    async fn stalled(&self) {
        let mut before = u64::MAX;
        loop {
            let now = self.sent.load(Ordering::Relaxed);
            if now == before {
                return;
            }
            before = now;
            tokio::time::sleep(STALLED).await;
        }
    }
}
