//! `MadeFrom`: what a service's tag tells of the definition that it runs, without reading it.

use serde_json::{Value as Json, json};

use super::{DesiredService, World, digest, seen::said_of_revision, timeless_definition};
use crate::{
    service::SECRET_VERSIONS_LABEL,
    workflow::{Environment, Service},
};

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
    /// From the definition that the file and the world make.
    pub fn of(env: &Environment, service: &Service, world: &World, desired: &DesiredService) -> Self {
        Self {
            whole: desired.definition_digest.clone(),
            timeless: digest(&unversioned_definition(env, service, world)),
            size: size_of(&desired.definition.json),
        }
    }

    /// As a tag's value, of a revision by its number: digests and sizes between slashes, at most the 256 characters that ECS
    /// takes. <https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_Tag.html>
    pub fn tag(&self, revision: &str) -> String {
        let sizes = SIZE.iter().map(|path| match self.size.pointer(path) {
            Some(Json::String(text)) => text.clone(),
            Some(number) => number.to_string(),
            None => String::new(),
        });
        let parts: Vec<String> = [self.whole.clone(), self.timeless.clone()].into_iter().chain(sizes).collect();
        format!("{}@{revision}", parts.join("/"))
    }

    /// From a tag's value, where it is about this revision.
    pub fn read(tag: &str, revision: &str) -> Option<Self> {
        let mut parts = said_of_revision(tag, revision)?.split('/');
        let (whole, timeless) = (parts.next()?.to_owned(), parts.next()?.to_owned());
        let size = SIZE.iter().zip(parts).filter(|(_, part)| !part.is_empty());
        let mut definition = json!({});
        for (path, part) in size {
            put(&mut definition, path, part);
        }
        Some(Self { whole, timeless, size: definition })
    }
}

/// The definition without anything that images and secrets have a say in: their versions, and the label that is made of all
/// secrets' names and versions.
pub fn unversioned_definition(env: &Environment, service: &Service, world: &World) -> Json {
    let mut definition = timeless_definition(env, service, world);
    take_label(&mut definition);
    definition
}

/// Takes the label of the secrets' versions from each container.
pub(super) fn take_label(definition: &mut Json) {
    for container in definition.get_mut("containerDefinitions").and_then(Json::as_array_mut).into_iter().flatten() {
        let Some(container) = container.as_object_mut() else { continue };
        if let Some(Json::Object(labels)) = container.get_mut("dockerLabels") {
            labels.remove(SECRET_VERSIONS_LABEL);
            if labels.is_empty() {
                container.remove("dockerLabels");
            }
        }
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
            let tag = made_from.tag("1234567");
            assert!(tag.len() <= 256, "{tag}");
            assert_eq!(MadeFrom::read(&tag, "arn:aws:ecs:us-east-1:1:task-definition/a:1234567"), Some(made_from));
            assert_eq!(MadeFrom::read(&tag, "arn:aws:ecs:us-east-1:1:task-definition/a:1234568"), None);
        }
    }

    #[test]
    fn a_tag_without_sizes_is_read_and_one_without_digests_is_not() {
        assert_eq!(
            MadeFrom::read("a/b@1", "a:1"),
            Some(MadeFrom { whole: "a".into(), timeless: "b".into(), size: json!({}) })
        );
        assert_eq!(MadeFrom::read("a@1", "a:1"), None);
    }
}
