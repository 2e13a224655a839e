//! The GitHub job a command runs in: its context, its files, whom it may be at AWS.

use std::{io::Read, sync::Arc};

use runner_core::{
    iam,
    infra::access,
    judge::verify::Answer,
    plan::Fault,
    report::Header,
    text::Secret,
    workflow::{Environment, Identity},
};

use super::{settings::variable, sink, usage};
use crate::{
    aws::WebIdentity,
    github::{Api, Claims, Context, Pace, StepFiles, Thread, TokenRequest, protection, refused},
    run::Credentials,
};

/// `auto`, the ARN of a role, or `ambient`; the action's input.
pub const ROLE: &str = "INFRA_ROLE";
/// `auto` or `off`; the action's input.
pub const COMMENT: &str = "INFRA_COMMENT";
/// The token for comments; the action's input.
pub const TOKEN: &str = "INFRA_GITHUB_TOKEN";

/// A payload is larger than a comment or two and smaller than this.
const PAYLOAD: u64 = 32 * 1024 * 1024;

/// See the module.
#[derive(Debug, Clone)]
pub struct Job {
    /// What it is about.
    pub context: Context,
    /// What GitHub reads after the step.
    pub files: StepFiles,
    token: Option<Secret>,
    comments: bool,
}

impl Job {
    /// The job; none outside of GitHub Actions.
    pub fn find() -> Result<Option<Self>, Fault> {
        let payload = match variable("GITHUB_EVENT_PATH") {
            Some(path) if variable(super::settings::ACTIONS).is_some_and(|value| value == "true") => {
                let mut text = String::new();
                let read = std::fs::File::open(&path).and_then(|file| file.take(PAYLOAD).read_to_string(&mut text));
                read.map_err(|error| {
                    let words = format!("the event's payload (GITHUB_EVENT_PATH, {path}): {error}");
                    usage("reading what this GitHub job is about", words, "see whether an earlier step removed it")
                })?;
                Some(text)
            }
            _ => None,
        };
        let context = Context::read(variable, payload.as_deref())?;
        let comments = variable(COMMENT).is_none_or(|comment| comment != "off");
        let token = [TOKEN, "GITHUB_TOKEN"].into_iter().find_map(variable).map(Secret::new);
        let files = StepFiles::of(variable);
        Ok(context.map(|context| Self { context, files, token, comments }))
    }

    /// Whether a role may trust the name of a GitHub environment of the job's repository: any job may name one that is
    /// not there, and GitHub makes it, without rules.
    pub async fn protects(&self, environment: &str, trusted: Option<&Identity>) -> Answer {
        let own = self.context.repository.to_string();
        if let Some(identity) = trusted.filter(|identity| !identity.repository.eq_ignore_ascii_case(&own)) {
            return Answer::NotChecked(format!("the file trusts {}, and this job is {own}'s", identity.repository));
        }
        let Some(token) = &self.token else {
            return Answer::NotChecked("the job has no token to ask GitHub with".to_owned());
        };
        let asked = match Api::new(&self.context, token, Pace::default()) {
            Ok(api) => protection(&api, environment).await.map_err(|trouble| trouble.to_string()),
            Err(words) => Err(words),
        };
        match asked.map(|protection| protection.refusal(environment)) {
            Ok(None) => Answer::Fits,
            Ok(Some((words, hint))) => Answer::Finding(words, hint),
            Err(words) => Answer::NotChecked(format!("{words}; the job's token needs `actions: read`")),
        }
    }

    /// The comment about an environment; none where it is not wanted, or there is nothing to write it with. A fork's
    /// job may write nothing.
    pub fn thread(&self, header: &Header) -> Option<Result<Thread, String>> {
        if !self.comments || self.context.is_fork() {
            return None;
        }
        let token = self.token.as_ref()?;
        let Context { place, run, .. } = &self.context;
        let api = Api::new(&self.context, token, Pace::default());
        Some(api.map(|api| Thread::new(api, place.clone(), *run, header, sink::redact)))
    }
}

/// Whether a command only looks: it takes the role that may not write, nor read logs and secrets.
fn looks(words: &[String]) -> bool {
    matches!(words.first().map(String::as_str), Some("plan" | "status" | "drift"))
}

/// Whom the command is at AWS.
pub fn credentials(job: Option<&Arc<Job>>, env: &Environment, header: &Header) -> Result<Credentials, Fault> {
    let Some(job) = job else { return Ok(Credentials::Ambient) };
    let doing = "finding AWS credentials for this job";
    if job.context.is_fork() {
        let words = "the code is another repository's, and gets none";
        return Err(usage(doing, words, "run it for a branch of this repository"));
    }
    let role = variable(ROLE).unwrap_or_default();
    let role = match role.as_str() {
        "ambient" => return Ok(Credentials::Ambient),
        // The binary without the action: what an earlier step put into the job's variables, and nothing else.
        "" => return Ok(Credentials::Variables),
        "auto" => {
            let kind = if looks(&header.words) { iam::Job::Plan } else { iam::Job::Deploy };
            iam::role_arn(env, kind).ok_or_else(|| {
                let words = format!("`role: auto` needs the account, and {} does not say it", header.file);
                usage(doing, words, "add `account` to the file, or give the role's ARN")
            })?
        }
        arn if arn.starts_with("arn:") && arn.contains(":role/") => arn.to_owned(),
        other => {
            let words = format!("the role is `{other}`");
            return Err(usage(doing, words, "write auto, ambient, or the ARN of a role"));
        }
    };
    let request = TokenRequest::of(variable)?.ok_or_else(|| {
        usage(
            doing,
            "the job may not ask GitHub for a token",
            "add `id-token: write` to its `permissions`, or say `role: ambient`",
        )
    })?;
    let trusted = trusted(job, env, &role);
    let fetch = Arc::new(move || {
        let request = request.clone();
        let future: crate::aws::Fetching = Box::pin(async move {
            let token = request.fetch().await?;
            sink::learn([token.clone()]);
            Ok(token)
        });
        future
    });
    let name = role.rsplit('/').next().unwrap_or_default().to_owned();
    let explain = Arc::new(move |token: &Secret, fault: Fault| refused(&name, &Claims::of(token), &trusted, fault));
    let session = format!("{}-{}-{}", header.app, header.environment, job.context.run.id);
    let learn = Arc::new(|secret: Secret| sink::learn([secret]));
    Ok(Credentials::Web(WebIdentity::new(role, &session, fetch, explain, learn)))
}

/// The subjects that the trust of a role of ours names; none where the role is not ours. A file without `identity` says
/// nothing of the trust: then it is what ours would be for the job's own repository.
fn trusted(job: &Job, env: &Environment, role: &str) -> Vec<String> {
    let identity = env.identity.clone().unwrap_or_else(|| Identity {
        repository: job.context.repository.to_string(),
        repository_id: String::new(),
        owner_id: None,
        branch: "main".to_owned(),
        oidc_provider: None,
    });
    let ours = [iam::Job::Deploy, iam::Job::Plan];
    let kind = ours.into_iter().find(|kind| iam::role_arn(env, *kind).is_some_and(|arn| arn == role));
    kind.map(|kind| access::subjects(env, &identity, kind)).unwrap_or_default()
}
