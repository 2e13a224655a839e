//! The SDK clients of one account and region, made when first asked for.

use std::{sync::OnceLock, time::Duration};

use aws_credential_types::Credentials;
use aws_smithy_http_client::{
    Builder,
    tls::{self, rustls_provider::CryptoMode},
};
use aws_smithy_types::{retry::RetryConfig, timeout::TimeoutConfig};
use aws_types::{SdkConfig, region::Region};

use super::Calls;

/// Which AWS, and as whom.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Setup {
    /// The user's AWS, by the SDK's own chain of environment, profile and role.
    Ambient,
    /// A local AWS: this address, made-up credentials whose access key is the account. Nothing of the user's is read.
    Local {
        /// `http://127.0.0.1:PORT`.
        url: String,
        /// Twelve digits.
        account: String,
    },
}

/// The clients of one account and region.
pub struct Clients {
    config: SdkConfig,
    /// How many calls were made with them.
    pub calls: Calls,
    cloudformation: OnceLock<aws_sdk_cloudformation::Client>,
    ecs: OnceLock<aws_sdk_ecs::Client>,
    ecr: OnceLock<aws_sdk_ecr::Client>,
    ssm: OnceLock<aws_sdk_ssm::Client>,
    elbv2: OnceLock<aws_sdk_elasticloadbalancingv2::Client>,
    logs: OnceLock<aws_sdk_cloudwatchlogs::Client>,
    autoscaling: OnceLock<aws_sdk_applicationautoscaling::Client>,
    sts: OnceLock<aws_sdk_sts::Client>,
    secretsmanager: OnceLock<aws_sdk_secretsmanager::Client>,
}

/// Attempts of one call: AWS's throttles are short, and a run that waits a few seconds beats one that fails.
const ATTEMPTS: u32 = 6;

macro_rules! client {
    ($(#[$doc:meta])* $name:ident: $sdk:ident) => {
        $(#[$doc])*
        pub fn $name(&self) -> &$sdk::Client {
            self.$name.get_or_init(|| {
                let config = $sdk::config::Builder::from(&self.config).interceptor(self.calls.clone()).build();
                $sdk::Client::from_conf(config)
            })
        }
    };
}

impl Clients {
    /// Clients for a region. Credentials are looked for when the first call is made.
    pub async fn new(setup: &Setup, region: &str, calls: Calls) -> Self {
        let region = Region::new(region.to_owned());
        let retry = RetryConfig::standard().with_max_attempts(ATTEMPTS);
        let timeout = TimeoutConfig::builder()
            .connect_timeout(Duration::from_secs(5))
            .operation_attempt_timeout(Duration::from_secs(60))
            .build();
        let config = match setup {
            Setup::Ambient => {
                let plain = std::env::var("AWS_ENDPOINT_URL").is_ok_and(|url| url.starts_with("http://"));
                aws_config::defaults(aws_config::BehaviorVersion::latest())
                    .region(region)
                    .http_client(http_client(plain))
                    .retry_config(retry)
                    .timeout_config(timeout)
                    .load()
                    .await
            }
            Setup::Local { url, account } => SdkConfig::builder()
                .behavior_version(aws_config::BehaviorVersion::latest())
                .region(region)
                .endpoint_url(url)
                .credentials_provider(aws_credential_types::provider::SharedCredentialsProvider::new(Credentials::new(
                    account, "local", None, None, "sandbox",
                )))
                .http_client(http_client(true))
                .retry_config(retry)
                .timeout_config(timeout)
                .sleep_impl(aws_smithy_async::rt::sleep::SharedAsyncSleep::new(
                    aws_smithy_async::rt::sleep::TokioSleep::new(),
                ))
                .time_source(aws_smithy_async::time::SystemTimeSource::new())
                .build(),
        };
        Self {
            config,
            calls,
            cloudformation: OnceLock::new(),
            ecs: OnceLock::new(),
            ecr: OnceLock::new(),
            ssm: OnceLock::new(),
            elbv2: OnceLock::new(),
            logs: OnceLock::new(),
            autoscaling: OnceLock::new(),
            sts: OnceLock::new(),
            secretsmanager: OnceLock::new(),
        }
    }

    client!(
        /// CloudFormation.
        cloudformation: aws_sdk_cloudformation
    );
    client!(
        /// ECS.
        ecs: aws_sdk_ecs
    );
    client!(
        /// ECR.
        ecr: aws_sdk_ecr
    );
    client!(
        /// Systems Manager.
        ssm: aws_sdk_ssm
    );
    client!(
        /// Elastic Load Balancing, version 2.
        elbv2: aws_sdk_elasticloadbalancingv2
    );
    client!(
        /// CloudWatch Logs.
        logs: aws_sdk_cloudwatchlogs
    );
    client!(
        /// Application Auto Scaling.
        autoscaling: aws_sdk_applicationautoscaling
    );
    client!(
        /// STS.
        sts: aws_sdk_sts
    );
    client!(
        /// Secrets Manager.
        secretsmanager: aws_sdk_secretsmanager
    );

    /// The account and ARN the credentials belong to.
    pub async fn caller(&self) -> Result<runner_core::plan::Caller, runner_core::plan::Fault> {
        let answer = self
            .sts()
            .get_caller_identity()
            .send()
            .await
            .map_err(|error| super::fault("asking AWS who we are (GetCallerIdentity)", &error))?;
        Ok(runner_core::plan::Caller {
            account: answer.account.unwrap_or_default(),
            arn: answer.arn.unwrap_or_default(),
        })
    }
}

/// One HTTP stack. A plain endpoint gets a connector without TLS: reading the machine's root certificates costs more
/// than a whole local run.
fn http_client(plain: bool) -> aws_smithy_runtime_api::client::http::SharedHttpClient {
    if plain {
        Builder::new().build_http()
    } else {
        Builder::new().tls_provider(tls::Provider::Rustls(CryptoMode::Ring)).build_https()
    }
}
