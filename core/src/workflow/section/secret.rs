//! Where a secret comes from, as the file writes it.

use super::arn::is_arn;
use super::reader::{Read, Reader};
use super::shape::Shape;
use crate::workflow::SecretSource;
use crate::workflow::tree::Node;

impl Read for SecretSource {
    fn read(node: &Node, path: &str, reader: &mut Reader<'_>) -> Option<Self> {
        const WHAT: &str = "`database`, `ssm`, `ssm:/NAME` or `secretsmanager:ARN[:KEY]`";
        // What stands here may be a secret by mistake, so no error shows it.
        let text = match node.text() {
            Some(text) => reader.known(node, text, path)?,
            None => String::new(),
        };
        let source = match text.split_once(':') {
            None if text == "database" => Some(Self::Database),
            None if text == "ssm" => Some(Self::Ssm),
            Some(("ssm", name)) if is_parameter(name) => Some(Self::SsmExisting(name.to_owned())),
            Some(("secretsmanager", arn)) => secret_of(arn),
            _ => None,
        };
        if source.is_none() {
            let help = match crate::text::nearest(&text, ["database", "ssm"]) {
                Some(near) => format!("did you mean `{near}`?"),
                None => "values never stand in the file: `ssm` takes the job's variable of that name".to_owned(),
            };
            reader.error_at(node, path, format!("`{path}` must be {WHAT}"), Some(help));
        }
        source
    }

    fn shape() -> Shape {
        Shape::Text {
            what: "`database`, `ssm`, `ssm:/NAME` or `secretsmanager:ARN[:KEY]`",
            pattern: Some("^(database|ssm|ssm:/.+|secretsmanager:arn:.+)$"),
            example: "ssm",
        }
    }
}

fn is_parameter(name: &str) -> bool {
    name.len() > 1
        && name.len() <= 1011
        && name.starts_with('/')
        && !name.ends_with('/')
        && !name.contains("//")
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || b"/_.-".contains(&b))
}

fn secret_of(text: &str) -> Option<SecretSource> {
    let parts: Vec<&str> = text.splitn(8, ':').collect();
    let arn = parts.get(..7)?.join(":");
    let key = parts.get(7).map(|key| (*key).to_owned());
    let good =
        is_arn(&arn, "secretsmanager", |resource| resource.len() > "secret:".len() && resource.starts_with("secret:"))
            && key.as_ref().is_none_or(|key| !key.is_empty() && !key.contains(':'));
    good.then_some(SecretSource::SecretsManager { arn, key })
}
