//! Roles of the local AWS that checks them: taken with a token as a job takes them, and what is then signed in their name.
//!
//! The emulator judges a role's trust by `aud` and `sub` alone, so the trust is cut down to those two; the rest of it is
//! judged by the core's evaluator.

use std::time::SystemTime;

use aws_credential_types::Credentials;
use aws_sigv4::{
    http_request::{SignableBody, SignableRequest, SigningSettings, sign},
    sign::v4,
};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::{
    Request,
    header::{AUTHORIZATION, HOST},
};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::TokioExecutor,
};
use runner_core::workflow::Environment;
use serde_json::{Value as Json, json};

use super::{app::App, recorded::scope, scripted::escaped};

const ISSUER: &str = "token.actions.githubusercontent.com";

/// A role's session.
#[derive(Clone, Debug)]
pub struct RoleKeys(Credentials);

impl RoleKeys {
    /// Signs a request to AWS anew; one to a registry or to an app keeps what it has, and so do those that the sandbox
    /// makes beside a job's, which are signed by nobody.
    pub fn sign(&self, request: &mut Request<Full<Bytes>>, body: &[u8]) {
        let authorization = request.headers().get(AUTHORIZATION).and_then(|it| it.to_str().ok());
        let signed = authorization.filter(|it| it.contains("Signature="));
        let Some((region, service)) = signed.and_then(scope) else { return };
        for name in ["authorization", "x-amz-date", "x-amz-security-token", "x-amz-content-sha256"] {
            request.headers_mut().remove(name);
        }
        let identity = self.0.clone().into();
        let params = v4::SigningParams::builder()
            .identity(&identity)
            .region(&region)
            .name(&service)
            .time(SystemTime::now())
            .settings(SigningSettings::default())
            .build()
            .unwrap();
        let host = request.headers()[HOST].to_str().unwrap();
        let uri = format!("http://{host}{}", request.uri().path_and_query().unwrap());
        let headers = request.headers().iter().map(|(name, value)| (name.as_str(), value.to_str().unwrap()));
        let signable =
            SignableRequest::new(request.method().as_str(), uri, headers, SignableBody::Bytes(body)).unwrap();
        let (instructions, _) = sign(signable, &params.into()).unwrap().into_parts();
        instructions.apply_to_request_http1x(request);
    }
}

/// A job's token.
fn token(sub: &str) -> String {
    let claims = json!({
        "iss": format!("https://{ISSUER}"), "aud": "sts.amazonaws.com", "sub": sub, "exp": 4_102_444_800_u64,
    });
    let part = |json: &Json| URL_SAFE_NO_PAD.encode(json.to_string());
    format!("{}.{}.c2lnbmF0dXJl", part(&json!({ "alg": "RS256", "typ": "JWT" })), part(&claims))
}

/// What the account's root asks of IAM or STS; the answer's text, where it is a good one.
async fn root(app: &App, service: &str, fields: &[(&str, &str)]) -> Result<String, String> {
    let body: Vec<String> = fields.iter().map(|(name, value)| format!("{name}={}", escaped(value))).collect();
    let credential = format!(
        "AWS4-HMAC-SHA256 Credential={}/20260101/us-east-1/{service}/aws4_request, SignedHeaders=host, Signature=00",
        app.sandbox.account
    );
    let request = Request::post(format!("{}/", app.sandbox.endpoint))
        .header(AUTHORIZATION, credential)
        .header("x-amz-date", "20260101T000000Z")
        .header("content-type", "application/x-www-form-urlencoded")
        .body(Full::new(Bytes::from(body.join("&"))))
        .unwrap();
    let client: Client<HttpConnector, Full<Bytes>> = Client::builder(TokioExecutor::new()).build(HttpConnector::new());
    let (head, body) = client.request(request).await.unwrap().into_parts();
    let text = String::from_utf8_lossy(&body.collect().await.unwrap().to_bytes()).into_owned();
    if head.status.is_success() { Ok(text) } else { Err(text) }
}

/// What stands between two tags.
fn between<'a>(xml: &'a str, tag: &str) -> &'a str {
    let rest = xml.split_once(&format!("<{tag}>")).unwrap_or_else(|| panic!("no {tag} in {xml}")).1;
    rest.split_once(&format!("</{tag}>")).unwrap().0
}

/// Makes the account trust GitHub, as the emulator's CloudFormation cannot.
pub async fn trust_github(app: &App) {
    let (url, audience) = (format!("https://{ISSUER}"), "sts.amazonaws.com");
    root(
        app,
        "iam",
        &[
            ("Action", "CreateOpenIDConnectProvider"),
            ("Version", "2010-05-08"),
            ("Url", &url),
            ("ClientIDList.member.1", audience),
        ],
    )
    .await
    .unwrap();
}

/// Leaves of a role's trust what the emulator can judge. `trust` is the one that was rendered.
pub async fn reduce_trust(app: &App, role: &str, trust: &Json) {
    let mut trust = trust.clone();
    let statement = &mut trust["Statement"][0];
    statement["Principal"]["Federated"] = json!(format!("arn:aws:iam::{}:oidc-provider/{ISSUER}", app.sandbox.account));
    let equal = statement["Condition"]["StringEquals"].as_object_mut().unwrap();
    equal.retain(|key, _| key.ends_with(":aud") || key.ends_with(":sub"));
    assert_eq!(equal.len(), 2);
    let document = trust.to_string();
    root(
        app,
        "iam",
        &[
            ("Action", "UpdateAssumeRolePolicy"),
            ("Version", "2010-05-08"),
            ("RoleName", role),
            ("PolicyDocument", &document),
        ],
    )
    .await
    .unwrap();
}

/// Lets a role do what its policies let it do where the emulator does not know the resource: to it the resource of a call
/// to ECS is the cluster where one is named, and of a list of parameters `*`. It names secrets as AWS does not, and does
/// not know with which role CloudFormation is told to act. The actions are as they were rendered.
pub async fn widen(app: &App, role: &str, env: &Environment, policies: &[Json]) {
    let statements = policies.iter().flat_map(|policy| policy["Statement"].as_array().unwrap());
    let allowed: Vec<&Json> = statements.filter(|statement| statement["Effect"] == "Allow").collect();
    let actions: Vec<&str> =
        allowed.iter().flat_map(|statement| statement["Action"].as_array().unwrap()).filter_map(Json::as_str).collect();
    let of = |known: fn(&str) -> bool, resource: &str| {
        let actions: Vec<&str> = actions.iter().copied().filter(|action| known(action)).collect();
        (!actions.is_empty()).then(|| json!({ "Effect": "Allow", "Action": actions, "Resource": resource }))
    };
    let arn = |service: &str, rest: String| format!("arn:aws:{service}:us-east-1:{}:{rest}", app.sandbox.account);
    let coarse = [
        of(|action| action.starts_with("ecs:"), &arn("ecs", format!("cluster/{}", env.cluster_name()))),
        of(
            |action| action.starts_with("ecs:") && (action.contains("TaskDefinition") || action == "ecs:TagResource"),
            "*",
        ),
        of(|action| action.starts_with("elasticloadbalancing:") && action.contains("Rule"), "*"),
        of(|action| action.starts_with("ssm:") && action.ends_with("Parameters"), "*"),
        of(
            |action| action == "secretsmanager:DescribeSecret",
            &arn("secretsmanager", format!("secret:{}-*", env.stack_name("database"))),
        ),
    ];
    let acting = allowed.iter().filter(|it| it["Condition"].to_string().contains("cloudformation:RoleArn"));
    let acting = acting.map(|it| json!({ "Effect": "Allow", "Action": it["Action"], "Resource": it["Resource"] }));
    let statements: Vec<Json> = coarse.into_iter().flatten().chain(acting).collect();
    let document = json!({ "Version": "2012-10-17", "Statement": statements }).to_string();
    root(
        app,
        "iam",
        &[
            ("Action", "PutRolePolicy"),
            ("Version", "2010-05-08"),
            ("RoleName", role),
            ("PolicyName", "Coarse"),
            ("PolicyDocument", &document),
        ],
    )
    .await
    .unwrap();
}

/// Takes a role with a token of this subject; the refusal's text otherwise.
pub async fn assume(app: &App, role: &str, sub: &str) -> Result<RoleKeys, String> {
    let arn = format!("arn:aws:iam::{}:role/{role}", app.sandbox.account);
    let token = token(sub);
    let answer = root(
        app,
        "sts",
        &[
            ("Action", "AssumeRoleWithWebIdentity"),
            ("Version", "2011-06-15"),
            ("RoleArn", &arn),
            ("RoleSessionName", "job"),
            ("WebIdentityToken", &token),
        ],
    )
    .await?;
    let field = |tag: &str| between(&answer, tag).to_owned();
    Ok(RoleKeys(Credentials::new(
        field("AccessKeyId"),
        field("SecretAccessKey"),
        Some(field("SessionToken")),
        None,
        "job",
    )))
}
