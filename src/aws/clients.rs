//! The SDK clients of one account and region, made when first asked for.

use std::{sync::OnceLock, time::Duration};

use aws_config::environment::EnvironmentVariableCredentialsProvider;
use aws_credential_types::Credentials;
use aws_smithy_http_client::{
    Builder,
    tls::{self, rustls_provider::CryptoMode},
};
use aws_smithy_types::{retry::RetryConfig, timeout::TimeoutConfig};
use aws_types::{SdkConfig, region::Region};

use super::{Calls, WebIdentity};

/// Which AWS, and as whom.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Setup {
    /// The user's AWS, by the SDK's own chain of environment, profile and role.
    Ambient,
    /// The user's AWS, with the keys in the process's variables and no others: no profile, no process, no metadata
    /// service is asked.
    Variables,
    /// The user's AWS, as a role taken with a GitHub job's OIDC token. Nothing else is asked, as above.
    Web(WebIdentity),
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
    web: Option<WebIdentity>,
    cloudcontrol: OnceLock<aws_sdk_cloudcontrol::Client>,
    cloudformation: OnceLock<aws_sdk_cloudformation::Client>,
    ecs: OnceLock<aws_sdk_ecs::Client>,
    ecr: OnceLock<aws_sdk_ecr::Client>,
    ssm: OnceLock<aws_sdk_ssm::Client>,
    elbv2: OnceLock<aws_sdk_elasticloadbalancingv2::Client>,
    logs: OnceLock<aws_sdk_cloudwatchlogs::Client>,
    autoscaling: OnceLock<aws_sdk_applicationautoscaling::Client>,
    scheduler: OnceLock<aws_sdk_scheduler::Client>,
    sts: OnceLock<aws_sdk_sts::Client>,
    secretsmanager: OnceLock<aws_sdk_secretsmanager::Client>,
}

/// Attempts of one call: AWS's throttles are short, and a run that waits a few seconds beats one that fails.
const ATTEMPTS: u32 = 6;
/// What is looked at again in a second anyway waits no longer than that for an attempt, nor for an answer that hangs:
/// the SDK doubles its pauses up to 20 s, and a verdict would be known that much later.
const BRIEF_BACKOFF: Duration = Duration::from_millis(500);
const BRIEF_BACKOFF_AT_MOST: Duration = Duration::from_secs(1);
const BRIEF_ANSWER: Duration = Duration::from_secs(10);
const CONNECT: Duration = Duration::from_secs(5);

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
            .connect_timeout(CONNECT)
            .operation_attempt_timeout(Duration::from_secs(60))
            .build();
        let loader = || {
            let plain = std::env::var("AWS_ENDPOINT_URL").is_ok_and(|url| url.starts_with("http://"));
            aws_config::defaults(aws_config::BehaviorVersion::latest())
                .region(region.clone())
                .http_client(http_client(plain))
                .retry_config(retry.clone())
                .timeout_config(timeout.clone())
        };
        // A profile may name a process, an address or a metadata service: an earlier step of the job may have written it.
        let without_files = || loader().profile_files(no_profile());
        let config = match setup {
            Setup::Ambient => loader().load().await,
            Setup::Variables => {
                let keys = EnvironmentVariableCredentialsProvider::new();
                without_files().credentials_provider(keys).load().await
            }
            Setup::Web(web) => {
                let config = without_files().credentials_provider(web.clone()).load().await;
                web.ask_with(&config);
                config
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
        let web = if let Setup::Web(web) = setup { Some(web.clone()) } else { None };
        Self::of(config, calls, web)
    }

    /// The same account and region, for what is asked again and again: so many attempts a call, with short pauses.
    #[must_use]
    pub fn brief(&self, attempts: u32) -> Self {
        let retry = RetryConfig::standard()
            .with_max_attempts(attempts)
            .with_initial_backoff(BRIEF_BACKOFF)
            .with_max_backoff(BRIEF_BACKOFF_AT_MOST);
        let timeout = TimeoutConfig::builder().connect_timeout(CONNECT).operation_attempt_timeout(BRIEF_ANSWER).build();
        let config = self.config.to_builder().retry_config(retry).timeout_config(timeout).build();
        Self::of(config, self.calls.clone(), self.web.clone())
    }

    fn of(config: SdkConfig, calls: Calls, web: Option<WebIdentity>) -> Self {
        Self {
            config,
            calls,
            web,
            cloudcontrol: OnceLock::new(),
            cloudformation: OnceLock::new(),
            ecs: OnceLock::new(),
            ecr: OnceLock::new(),
            ssm: OnceLock::new(),
            elbv2: OnceLock::new(),
            logs: OnceLock::new(),
            autoscaling: OnceLock::new(),
            scheduler: OnceLock::new(),
            sts: OnceLock::new(),
            secretsmanager: OnceLock::new(),
        }
    }

    client!(
        /// Cloud Control.
        cloudcontrol: aws_sdk_cloudcontrol
    );
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
        /// EventBridge Scheduler.
        scheduler: aws_sdk_scheduler
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
        if let Some(web) = &self.web {
            // Asked here, a refusal keeps its words; behind the SDK it would be "failed to load credentials".
            web.credentials().await?;
        }
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

/// A profile file with nothing in it.
#[allow(deprecated)] // What should be taken instead is in a crate that is not made for users.
fn no_profile() -> aws_config::profile::profile_file::ProfileFiles {
    use aws_config::profile::profile_file::{ProfileFileKind, ProfileFiles};
    ProfileFiles::builder().with_contents(ProfileFileKind::Config, "").build()
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
