//! `MadeFrom`: what a service's tag tells of the definition that it runs, without reading it.

use std::fmt;

use serde_json::{Value as Json, json};

use super::{World, digest, timeless_definition};
use crate::workflow::{Environment, Service};

/// Of the definition that a service's revision was registered from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MadeFrom {
    /// The digest of all of it.
    pub whole: String,
    /// The digest of it without image and secret versions.
    pub timeless: String,
    /// The fields by which Fargate is paid, as the definition has them.
    pub size: Json,
}

impl MadeFrom {
    /// From the definition that the file and the world make, and its digest.
    pub fn of(env: &Environment, service: &Service, world: &World, definition: &Json, whole: &str) -> Self {
        let timeless = digest(&timeless_definition(env, service, world));
        Self { whole: whole.to_owned(), timeless, size: size_of(definition) }
    }

    /// From a tag's value.
    pub fn read(tag: &str) -> Option<Self> {
        let mut parts = tag.split('/');
        let (whole, timeless) = (parts.next()?.to_owned(), parts.next()?.to_owned());
        let size = SIZE.iter().zip(parts).filter(|(_, part)| !part.is_empty());
        let mut definition = json!({});
        for (path, part) in size {
            put(&mut definition, path, part);
        }
        Some(Self { whole, timeless, size: definition })
    }
}

/// As a tag's value: digests and sizes between slashes, of which ECS takes 256 characters.
/// <https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_Tag.html>
impl fmt::Display for MadeFrom {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.whole, self.timeless)?;
        SIZE.iter().try_for_each(|path| match self.size.pointer(path) {
            Some(Json::String(text)) => write!(f, "/{text}"),
            Some(number) => write!(f, "/{number}"),
            None => write!(f, "/"),
        })
    }
}

/// What a task is paid by, in the order of the tag.
const SIZE: [&str; 5] = [
    "/cpu",
    "/memory",
    "/ephemeralStorage/sizeInGiB",
    "/runtimePlatform/cpuArchitecture",
    "/runtimePlatform/operatingSystemFamily",
];

/// A definition's fields by which Fargate is paid.
pub fn size_of(definition: &Json) -> Json {
    let mut size = json!({});
    for path in SIZE {
        if let Some(value) = definition.pointer(path) {
            let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            put(&mut size, path, &text);
        }
    }
    size
}

/// Storage is a number, all else is text.
fn put(definition: &mut Json, path: &str, text: &str) {
    let value = match text.parse::<u64>() {
        Ok(number) if path.ends_with("GiB") => Json::from(number),
        _ => Json::from(text),
    };
    match path.trim_start_matches('/').split_once('/') {
        Some((outer, inner)) => definition[outer][inner] = value,
        None => definition[path.trim_start_matches('/')] = value,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tag_is_read_as_it_was_written() {
        let definition = json!({
            "cpu": "512", "memory": "1024", "family": "a", "ephemeralStorage": { "sizeInGiB": 40 },
            "runtimePlatform": { "cpuArchitecture": "ARM64", "operatingSystemFamily": "LINUX" },
        });
        for definition in [definition, json!({ "cpu": ".5 vCPU" }), json!({})] {
            let made_from = MadeFrom { whole: "a".repeat(64), timeless: "b".repeat(64), size: size_of(&definition) };
            let tag = made_from.to_string();
            assert!(tag.len() <= 256, "{tag}");
            assert_eq!(MadeFrom::read(&tag), Some(made_from));
        }
    }

    #[test]
    fn a_tag_without_sizes_is_read_and_one_without_digests_is_not() {
        assert_eq!(MadeFrom::read("a/b"), Some(MadeFrom { whole: "a".into(), timeless: "b".into(), size: json!({}) }));
        assert_eq!(MadeFrom::read("a"), None);
    }
}
