//! One repository of a registry: its manifests by tag.

use bytes::Bytes;
use http::{HeaderValue, Method, StatusCode, header};
use runner_core::plan::Fault;
use serde_json::Value as Json;

use super::Registry;
use super::client::Answer;
use super::retry::{Tries, Trouble};
use crate::image::Digest;
use crate::image::manifest::{DOCKER_INDEX, DOCKER_MANIFEST, Descriptor, Index, Manifest, OCI_INDEX, OCI_MANIFEST};

/// The codes with which registries refuse to move a tag that may not be moved.
const IMMUTABLE: [&str; 4] = ["TAG_INVALID", "TAG_IMMUTABLE", "ImageTagAlreadyExistsException", "TAG_ALREADY_EXISTS"];

/// A repository, and the scope under which we are known there.
#[derive(Debug)]
pub struct Repository<'a> {
    pub(super) registry: &'a Registry,
    pub(super) name: String,
    pub(super) scope: String,
}

/// What a tag names.
pub(crate) struct Tagged {
    pub digest: Digest,
    /// Of the configuration, where the tag names one image.
    pub config: Option<Digest>,
}

impl<'a> Repository<'a> {
    /// A repository by name; `mount_from` is another of the same registry from which blobs may be taken over.
    ///
    /// # Errors
    /// A [`Fault`] where a name is none.
    /// <https://github.com/opencontainers/distribution-spec/blob/main/spec.md#pulling-manifests>
    pub fn new(registry: &'a Registry, name: &str, mount_from: Option<&str>) -> Result<Self, Fault> {
        for name in [Some(name), mount_from].into_iter().flatten() {
            if !is_name(name) {
                return Err(Fault::new(format!("reading the repository's name '{name}'"), "it is not a name")
                    .with_hint("lowercase letters, digits and single . _ - between them, parts separated by /"));
            }
        }
        let mut scope = format!("repository:{name}:pull,push");
        if let Some(from) = mount_from {
            scope.push_str(&format!(" repository:{from}:pull"));
        }
        Ok(Self { registry, name: name.to_owned(), scope })
    }

    /// The digest a tag names, or `None` where there is no such tag or no such repository. One request.
    ///
    /// # Errors
    /// A [`Fault`] where the registry cannot be asked.
    pub async fn exists(&self, tag: &str) -> Result<Option<Digest>, Fault> {
        let doing = format!("looking for the tag {tag} in {self}");
        let Some(answer) = self.manifest(&doing, Method::HEAD, tag).await? else { return Ok(None) };
        match answer.header("docker-content-digest").and_then(Digest::parse) {
            Some(digest) => Ok(Some(digest)),
            None => Ok(self.tagged(tag).await?.map(|tagged| tagged.digest)),
        }
    }

    /// What a tag names, by the manifest's own bytes. One request.
    pub(crate) async fn tagged(&self, tag: &str) -> Result<Option<Tagged>, Fault> {
        let doing = format!("looking for the tag {tag} in {self}");
        let answer = self.manifest(&doing, Method::GET, tag).await?;
        Ok(answer.map(|answer| Tagged {
            digest: Digest::of(&answer.body),
            config: serde_json::from_slice::<Manifest>(&answer.body).ok().map(|manifest| manifest.config.digest),
        }))
    }

    /// The configuration of an image by its digest, or `None` where the registry has no such image. Of an index the first
    /// image's. Two or three requests.
    ///
    /// # Errors
    /// A [`Fault`] where the registry cannot be asked or the documents are none.
    pub async fn configuration(&self, digest: &Digest) -> Result<Option<Json>, Fault> {
        let doing = format!("reading the image {digest} in {self}");
        let unread = |error: serde_json::Error| Fault::new(&doing, error.to_string());
        let Some(mut answer) = self.document(&doing, Method::GET, &format!("manifests/{digest}")).await? else {
            return Ok(None);
        };
        if let Ok(index) = serde_json::from_slice::<Index>(&answer.body)
            && let Some(first) = index.manifests.first()
        {
            let path = format!("manifests/{}", first.digest);
            let Some(image) = self.document(&doing, Method::GET, &path).await? else { return Ok(None) };
            answer = image;
        }
        let manifest: Manifest = serde_json::from_slice(&answer.body).map_err(unread)?;
        let path = format!("blobs/{}", manifest.config.digest);
        let Some(configuration) = self.document(&doing, Method::GET, &path).await? else { return Ok(None) };
        serde_json::from_slice(&configuration.body).map(Some).map_err(unread)
    }

    async fn manifest(&self, doing: &str, method: Method, tag: &str) -> Result<Option<Answer>, Fault> {
        self.document(doing, method, &format!("manifests/{}", checked(doing, tag)?)).await
    }

    async fn document(&self, doing: &str, method: Method, rest: &str) -> Result<Option<Answer>, Fault> {
        let path = self.path(rest);
        let accept = [OCI_MANIFEST, DOCKER_MANIFEST, OCI_INDEX, DOCKER_INDEX].join(", ");
        let accept = HeaderValue::from_str(&accept).map_err(|e| Fault::new(doing, e.to_string()))?;
        let mut tries = Tries::new(&self.registry.backoff);
        loop {
            match self.ask(doing, method.clone(), &path, &[(header::ACCEPT, accept.clone())], &Bytes::new()).await {
                Ok(answer) if answer.status == StatusCode::OK => return Ok(Some(answer)),
                Ok(answer) if answer.status == StatusCode::NOT_FOUND => return Ok(None),
                Ok(answer) => return Err(answer.fault(doing)),
                Err(trouble) => tries.next(trouble).await?,
            }
        }
    }

    /// Puts a manifest under a tag. `false` where the tag may not be moved and names this very manifest already.
    pub(crate) async fn put(&self, tag: &str, descriptor: &Descriptor, bytes: &Bytes) -> Result<bool, Fault> {
        let doing = format!("tagging {} as {tag} in {self}", descriptor.digest);
        let path = self.path(&format!("manifests/{}", checked(&doing, tag)?));
        let kind = HeaderValue::from_str(&descriptor.media_type)
            .map_err(|_| Fault::new(&doing, format!("'{}' is no media type", descriptor.media_type)))?;
        let mut tries = Tries::new(&self.registry.backoff);
        let answer = loop {
            match self.ask(&doing, Method::PUT, &path, &[(header::CONTENT_TYPE, kind.clone())], bytes).await {
                Ok(answer) => break answer,
                Err(trouble) => tries.next(trouble).await?,
            }
        };
        if answer.status.is_success() {
            return match answer.header("docker-content-digest") {
                Some(digest) if digest != descriptor.digest.as_str() => {
                    Err(Fault::new(&doing, format!("the registry stored it as {digest}")))
                }
                _ => Ok(true),
            };
        }
        let refused = answer.code().is_some_and(|code| IMMUTABLE.contains(&code.as_str()));
        let there = if refused { self.exists(tag).await? } else { None };
        match there {
            Some(there) if there == descriptor.digest => Ok(false),
            Some(there) => Err(answer
                .fault(&doing)
                .with_hint(format!("the tag names {there} and may not be moved; give this image another tag"))),
            None => Err(answer.fault(&doing)),
        }
    }

    pub(super) fn path(&self, rest: &str) -> String {
        format!("/v2/{}/{rest}", self.name)
    }

    pub(super) async fn ask(
        &self,
        doing: &str,
        method: Method,
        path: &str,
        headers: &[(header::HeaderName, HeaderValue)],
        body: &Bytes,
    ) -> Result<Answer, Trouble> {
        self.registry.ask(doing, &self.scope, method, path, headers, body).await
    }
}

impl std::fmt::Display for Repository<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.name)
    }
}

fn checked<'t>(doing: &str, tag: &'t str) -> Result<&'t str, Fault> {
    let word = |b: u8| b.is_ascii_alphanumeric() || b == b'_';
    let fits = (1..=128).contains(&tag.len())
        && word(tag.as_bytes()[0])
        && tag.bytes().all(|b| word(b) || b == b'.' || b == b'-');
    if fits { Ok(tag) } else { Err(Fault::new(doing, "it is not a tag: letters, digits, _ . -, at most 128")) }
}

fn is_name(name: &str) -> bool {
    let word = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit();
    let part = |part: &str| {
        let bytes = part.as_bytes();
        matches!((bytes.first(), bytes.last()), (Some(a), Some(z)) if word(*a) && word(*z))
            && bytes.iter().all(|b| word(*b) || matches!(b, b'.' | b'_' | b'-'))
            && !part.contains("..")
    };
    name.len() <= 256 && name.split('/').all(part)
}

#[cfg(test)]
mod tests {
    use super::{checked, is_name};

    #[test]
    fn names_and_tags_cannot_leave_their_place_in_the_address() {
        for good in ["a", "finance-app/api", "a/b/c", "a__b", "a.b"] {
            assert!(is_name(good), "{good}");
        }
        for bad in ["", "/", "a/", "A", "a/../b", "..", "a?b", "a#b", "a%2e", "-a"] {
            assert!(!is_name(bad), "{bad}");
        }
        for bad in ["", "-a", "a/b", "a?b", "a b", "sha256:x", &"a".repeat(129)] {
            assert!(checked("", bad).is_err(), "{bad}");
        }
    }
}
