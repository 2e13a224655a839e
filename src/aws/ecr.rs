//! ECR: which digest a tag has, the password for the registry, and the tag that keeps a deployed image.

use std::collections::BTreeSet;

use aws_sdk_ecr::types::ImageIdentifier;
use base64::{Engine, engine::general_purpose::STANDARD};
use runner_core::{plan::Fault, text::Secret};

use super::{Clients, Code, code_of, fault};

/// BatchDeleteImage takes a hundred.
const IMAGES_A_CALL: usize = 100;

/// The digest of an image by its tag, or whether a digest (`sha256:…`) is there; `None` where it is not, or where
/// there is no such repository yet.
pub async fn image_digest(clients: &Clients, repository: &str, tag_or_digest: &str) -> Result<Option<String>, Fault> {
    let id = identifier(tag_or_digest);
    match clients.ecr().describe_images().repository_name(repository).image_ids(id).send().await {
        Ok(answer) => {
            Ok(answer.image_details.unwrap_or_default().into_iter().next().and_then(|image| image.image_digest))
        }
        Err(error) if code_of(&error).as_deref().and_then(Code::of) == Some(Code::NotFound) => Ok(None),
        Err(error) => Err(fault(format!("looking for image ({repository}, {tag_or_digest})"), &error)),
    }
}

/// The registry's address and `user:password` for it, good for twelve hours.
/// <https://docs.aws.amazon.com/AmazonECR/latest/APIReference/API_GetAuthorizationToken.html>
pub async fn authorization(clients: &Clients) -> Result<(String, Secret), Fault> {
    let doing = "signing in to ECR (GetAuthorizationToken)";
    let answer = clients.ecr().get_authorization_token().send().await.map_err(|error| fault(doing, &error))?;
    let data = answer.authorization_data.unwrap_or_default().into_iter().next();
    let data = data.ok_or_else(|| Fault::new(doing, "the answer has no token"))?;
    let token = data.authorization_token.unwrap_or_default();
    let decoded = STANDARD.decode(token).ok().and_then(|bytes| String::from_utf8(bytes).ok());
    let decoded = decoded.ok_or_else(|| Fault::new(doing, "the token is not base64 of a text"))?;
    Ok((data.proxy_endpoint.unwrap_or_default(), Secret::new(decoded)))
}

/// Gives a digest another tag. ECR's lifecycle rules do not know what ECS runs: they keep what has such a tag.
/// A tag that is there already is left as it is.
pub async fn add_tag(clients: &Clients, repository: &str, digest: &str, tag: &str) -> Result<(), Fault> {
    let doing = || format!("tagging image ({repository}, {digest}) as {tag}");
    let answer = clients
        .ecr()
        .batch_get_image()
        .repository_name(repository)
        .image_ids(identifier(digest))
        .send()
        .await
        .map_err(|error| fault(doing(), &error))?;
    let image = answer.images.unwrap_or_default().into_iter().next();
    let image = image.ok_or_else(|| {
        Fault::new(doing(), "the registry has no image of this digest").with_hint("run again with --rebuild")
    })?;
    let put = clients
        .ecr()
        .put_image()
        .repository_name(repository)
        .set_image_manifest(image.image_manifest)
        .set_image_manifest_media_type(image.image_manifest_media_type)
        .image_tag(tag)
        .send()
        .await;
    match put {
        Ok(_) => Ok(()),
        Err(error) if code_of(&error).as_deref().and_then(Code::of) == Some(Code::AlreadyExists) => Ok(()),
        Err(error) => Err(fault(doing(), &error)),
    }
}

/// The tags of each image of a repository; `None` where there is no such repository.
pub async fn image_tags(clients: &Clients, repository: &str) -> Result<Option<Vec<Vec<String>>>, Fault> {
    let mut all = Vec::new();
    let mut pages = clients.ecr().describe_images().repository_name(repository).into_paginator().send();
    while let Some(page) = pages.next().await {
        match page {
            Ok(page) => all.extend(
                page.image_details.unwrap_or_default().into_iter().map(|image| image.image_tags.unwrap_or_default()),
            ),
            Err(error) if code_of(&error).as_deref().and_then(Code::of) == Some(Code::NotFound) => return Ok(None),
            Err(error) => return Err(fault(format!("looking at the images of {repository}"), &error)),
        }
    }
    Ok(Some(all))
}

/// Takes these tags from their images (an image that loses its last tag goes), or deletes every image; how many entries
/// went. <https://docs.aws.amazon.com/AmazonECR/latest/APIReference/API_BatchDeleteImage.html>
pub async fn delete_images(
    clients: &Clients,
    repository: &str,
    tags: Option<&BTreeSet<String>>,
) -> Result<usize, Fault> {
    let doing = || format!("deleting images of {repository}");
    let mut deleted = 0;
    loop {
        let ids: Vec<ImageIdentifier> = match tags {
            Some(tags) => tags.iter().map(|tag| identifier(tag)).collect(),
            None => {
                let answer = clients.ecr().list_images().repository_name(repository).send().await;
                let listed = answer.map_err(|error| fault(doing(), &error))?.image_ids.unwrap_or_default();
                let digests: BTreeSet<String> = listed.into_iter().filter_map(|id| id.image_digest).collect();
                digests.iter().map(|digest| identifier(digest)).collect()
            }
        };
        let mut went = 0;
        let mut failed = None;
        for chunk in ids.chunks(IMAGES_A_CALL) {
            let delete = clients.ecr().batch_delete_image().repository_name(repository);
            let answer = delete.set_image_ids(Some(chunk.to_vec())).send().await;
            let answer = answer.map_err(|error| fault(doing(), &error))?;
            went += answer.image_ids().len();
            failed = answer.failures.unwrap_or_default().into_iter().next().or(failed);
        }
        deleted += went;
        match (failed, went) {
            // What a manifest list refers to goes after the list.
            _ if tags.is_some() || ids.is_empty() => return Ok(deleted),
            (Some(failed), 0) => {
                let code = failed.failure_code.map(|code| code.as_str().to_owned()).unwrap_or_default();
                return Err(Fault::new(doing(), failed.failure_reason.unwrap_or_default()).with_code(code));
            }
            _ => {}
        }
    }
}

fn identifier(tag_or_digest: &str) -> ImageIdentifier {
    let builder = ImageIdentifier::builder();
    if tag_or_digest.starts_with("sha256:") {
        builder.image_digest(tag_or_digest).build()
    } else {
        builder.image_tag(tag_or_digest).build()
    }
}
