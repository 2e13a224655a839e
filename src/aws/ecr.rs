//! ECR: which digest a tag has, the password for the registry, and the tag that keeps a deployed image.

use aws_sdk_ecr::types::ImageIdentifier;
use base64::{Engine, engine::general_purpose::STANDARD};
use runner_core::{plan::Fault, text::Secret};

use super::{Clients, Code, code_of, fault};

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

fn identifier(tag_or_digest: &str) -> ImageIdentifier {
    let builder = ImageIdentifier::builder();
    if tag_or_digest.starts_with("sha256:") {
        builder.image_digest(tag_or_digest).build()
    } else {
        builder.image_tag(tag_or_digest).build()
    }
}
