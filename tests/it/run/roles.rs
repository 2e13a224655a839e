//! The roles of the jobs, on a local AWS that checks them: taken with a token as a job takes them, each does its work and
//! nothing that is another's.
//!
//! The emulator judges signatures, a trust's `aud` and `sub`, and policies by action and resource, but of some
//! calls it knows the resource only roughly; its CloudFormation acts with nobody's rights. What that leaves open is judged by the core's
//! evaluator.

use aws_sdk_ssm::types::ParameterType;
use runner::{
    aws::{Calls, Clients, Setup, code_of},
    run::Options,
};
use runner_core::{iam::Job, infra::access, stages::Removal};

use super::{NOTHING, kills::SECRETS};
use crate::support::{
    app::{App, EXAMPLE, run},
    iam::{RoleKeys, assume, reduce_trust, trust_github, widen},
    proxy::Proxy,
};

/// The subject of a job that names the GitHub environment, and of a pull request's.
pub const JOB: &str = "repo:org/finance-app:environment:staging";
pub const PULL_REQUEST: &str = "repo:org/finance-app:pull_request";

/// An account in which an administrator made the identity, and nothing else is there.
pub async fn with_identity(file: &str) -> App {
    let mut app = App::with_auth(file).await;
    app.variables = SECRETS.map(|name| (name.to_owned(), format!("value of {name}"))).into();
    trust_github(&app).await;
    make_identity(&app).await;
    app
}

/// What an administrator does: the roles of the file as it is now.
async fn make_identity(app: &App) {
    let env = app.environment("staging");
    let ran = run(&env, &Options { stage: Some("bootstrap-identity".to_owned()), ..app.options(&env) }).await;
    assert_eq!(ran.troubles(), NOTHING);
    let identity = env.identity.as_ref().unwrap();
    for (job, name) in [(Job::Plan, "plan"), (Job::Deploy, "deploy")] {
        let role = format!("finance-app-staging-{name}");
        reduce_trust(app, &role, &access::github(&env, identity, job).to_json()).await;
        let documents = access::documents(&env, identity).into_iter();
        let policies = documents.filter(|(document, _)| document.starts_with(&format!("{name}-policy")));
        let policies: Vec<_> = policies.map(|(_, policy)| policy).collect();
        widen(app, &role, &env, &policies).await;
    }
}

pub async fn session(app: &App, role: &str, sub: &str) -> RoleKeys {
    assume(app, &format!("finance-app-staging-{role}"), sub).await.unwrap_or_else(|refusal| panic!("{refusal}"))
}

/// Clients whose calls are signed by a proxy in the role's name.
async fn as_role(app: &App, keys: RoleKeys) -> (Clients, Proxy) {
    let proxy = Proxy::start(&app.sandbox.endpoint).await.unrecorded();
    proxy.act_as(keys);
    let setup = Setup::Local { url: proxy.url.clone(), account: app.sandbox.account.clone() };
    (Clients::new(&setup, "us-east-1", Calls::default()).await, proxy)
}

#[tokio::test]
async fn r10_a_role_is_taken_with_its_own_subject_and_no_other() {
    let app = with_identity(EXAMPLE).await;
    session(&app, "plan", PULL_REQUEST).await;
    session(&app, "deploy", JOB).await;
    for (role, sub) in [
        ("deploy", PULL_REQUEST),
        ("deploy", "repo:org/finance-app:ref:refs/heads/main"),
        ("deploy", "repo:org/finance-app:environment:production"),
        ("deploy", "repo:stranger/finance-app:environment:staging"),
        ("deploy", "repo:org/finance-app:environment:staging2"),
        ("plan", "repo:org/finance-app-fork:pull_request"),
        ("plan", "repo:org/finance-app:ref:refs/heads/other"),
    ] {
        let refusal = assume(&app, &format!("finance-app-staging-{role}"), sub).await.unwrap_err();
        assert!(refusal.contains("AccessDenied"), "{role} for {sub}: {refusal}");
    }
}

#[tokio::test]
async fn r10_the_deploy_role_brings_an_environment_up_and_takes_it_down() {
    let mut app = with_identity(EXAMPLE).await;
    app.proxy.act_as(session(&app, "deploy", JOB).await);
    let first = app.run("staging").await;
    assert_eq!(first.troubles(), NOTHING);
    assert_eq!(first.outcome.exit_code, 0);
    let sets: Vec<_> = app.proxy.calls().into_iter().filter(|call| call.action == "CreateChangeSet").collect();
    assert!(sets.len() > 5 && sets.iter().all(|set| set.body.contains("role%2Ffinance-app-staging-cloudformation")));
    let second = app.run("staging").await;
    assert_eq!((second.troubles(), second.changed()), (vec![], vec![]));
    app.removal = Some(Removal::Everything { purge: true });
    let gone = app.run("staging").await;
    assert_eq!(gone.troubles(), NOTHING);
    assert!(gone.outcome.card().headline.ends_with("was destroyed"), "{}", gone.outcome.card().headline);
}

/// A worker that left the file is in no list of the roles that are made now. Under those of the file before it goes, and
/// in a cluster of the environment's own under those made anew as well: what CloudFormation then may is the core's to judge.
#[tokio::test]
async fn r10_what_left_the_file_is_pruned_under_the_deploy_role() {
    const WORKER: &str = "  worker: { build: { context: ./worker }, command: [sidekiq], cpu: 256, memory: 512 }\n";
    let with_worker = EXAMPLE.replacen("  # A worker has no port", &format!("{WORKER}  # A worker has no port"), 1);
    for renewed in [false, true] {
        let mut app = with_identity(&with_worker).await;
        let keys = session(&app, "deploy", JOB).await;
        app.proxy.act_as(keys.clone());
        assert_eq!(app.run("staging").await.troubles(), NOTHING);
        app.edit(WORKER, "");
        app.allow_replace = vec!["WorkerRepository".to_owned()];
        let env = app.environment("staging");
        if renewed {
            app.proxy.act_as_nobody();
            let alone = Options { stage: Some("bootstrap-identity".to_owned()), ..app.options(&env) };
            let steps = runner::run::plan(&env, &alone).await.unwrap();
            let notes: Vec<&String> = steps.notes.iter().map(|(_, note)| note).collect();
            assert!(notes.iter().all(|note| note.contains("runner run --prune -e staging")), "{notes:?}");
            assert!(notes.iter().any(|note| note.starts_with("finance-app-staging-service-worker left")), "{notes:?}");
            make_identity(&app).await;
            app.proxy.act_as(keys);
        }
        app.removal = Some(Removal::Orphans);
        // As on AWS, where no run makes the identity.
        let work = Options { from: Some("bootstrap-registry".to_owned()), ..app.options(&env) };
        let ran = run(&env, &work).await;
        assert_eq!(ran.troubles(), NOTHING, "renewed: {renewed}");
        let changed = ran.changed();
        for gone in [
            "deleted ECS service worker in finance-app-staging",
            "deleted revisions of finance-app-staging-worker (1)",
            "deleted stack finance-app-staging-service-worker",
        ] {
            assert!(changed.iter().any(|changed| changed == gone), "renewed: {renewed}: {changed:?}");
        }
        let again = run(&env, &work).await;
        assert_eq!((again.troubles(), again.changed()), (vec![], vec![]));
    }
}

#[tokio::test]
async fn r10_the_plan_role_plans_and_is_denied_everything_else() {
    let app = with_identity(EXAMPLE).await;
    assert_eq!(app.run("staging").await.troubles(), NOTHING);
    let keys = session(&app, "plan", PULL_REQUEST).await;
    app.proxy.act_as(keys.clone());
    assert!(app.plan("staging").await.is_empty());

    let (clients, _proxy) = as_role(&app, keys).await;
    let (cluster, name) = ("finance-app-staging", "/finance-app/staging/JWT_SECRET_KEY");
    let role = |name: &str| format!("arn:aws:iam::{}:role/finance-app-staging-{name}", app.sandbox.account);
    let task = "0123456789abcdef0123456789abcdef";
    let mut answers = Vec::new();
    macro_rules! asks {
        ($($what:literal: $call:expr),* $(,)?) => {
            $(answers.push(($what, $call.send().await.map(drop).map_err(|error| code_of(&error)))));*
        };
    }
    let (ecs, ssm, stacks) = (clients.ecs(), clients.ssm(), clients.cloudformation());
    let (ecr, logs, elb) = (clients.ecr(), clients.logs(), clients.elbv2());
    asks! {
        "GetParameters": ssm.get_parameters().names(name).with_decryption(true),
        "GetParameter": ssm.get_parameter().name(name),
        "PutParameter": ssm.put_parameter().name(name).value("x").r#type(ParameterType::String).overwrite(true),
        "DeleteParameters": ssm.delete_parameters().names(name),
        "GetSecretValue": clients.secretsmanager().get_secret_value().secret_id("Database"),
        "FilterLogEvents": logs.filter_log_events().log_group_name("/ecs/finance-app-staging-api"),
        "GetLogEvents": logs.get_log_events().log_group_name("/ecs/finance-app-staging-api").log_stream_name("x"),
        "GetAuthorizationToken": ecr.get_authorization_token(),
        "BatchGetImage": ecr.batch_get_image().repository_name("finance-app/api").image_ids(
            aws_sdk_ecr::types::ImageIdentifier::builder().image_tag("x").build(),
        ),
        "PutImage": ecr.put_image().repository_name("finance-app/api").image_manifest("{}"),
        "AssumeRole": clients.sts().assume_role().role_arn(role("deploy")).role_session_name("x"),
        "RunTask": ecs.run_task().cluster(cluster).task_definition("finance-app-staging-api:1"),
        "StopTask": ecs.stop_task().cluster(cluster).task(task),
        "ExecuteCommand": ecs.execute_command().cluster(cluster).task(task).command("sh").interactive(true),
        "UpdateService": ecs.update_service().cluster(cluster).service("finance-app-staging-api").desired_count(0),
        "DeleteService": ecs.delete_service().cluster(cluster).service("finance-app-staging-api").force(true),
        "RegisterTaskDefinition": ecs.register_task_definition().family("finance-app-staging-api"),
        "CreateChangeSet": stacks.create_change_set().stack_name("finance-app-staging-network").change_set_name("x"),
        "ExecuteChangeSet": stacks.execute_change_set().stack_name("finance-app-staging-network").change_set_name("x"),
        "UpdateStack": stacks.update_stack().stack_name("finance-app-staging-network").use_previous_template(true),
        "DeleteStack": stacks.delete_stack().stack_name("finance-app-staging-network"),
        "CreateRule": elb.create_rule().listener_arn("arn:aws:elasticloadbalancing:us-east-1:1:listener/app/x/1/2"),
        "DeleteRule": elb.delete_rule().rule_arn("arn:aws:elasticloadbalancing:us-east-1:1:listener-rule/app/x/1/2/3"),
        "CreateSchedule": clients.scheduler().create_schedule().name("x").group_name("finance-app-staging")
            .schedule_expression("rate(1 day)"),
    }
    for (what, answer) in answers {
        let code = answer.err().unwrap_or_else(|| panic!("{what} was allowed")).unwrap_or_default();
        assert!(code.contains("AccessDenied") || code == "AccessDeniedException", "{what}: {code}");
    }
    // Nothing of it happened.
    assert!(app.plan("staging").await.is_empty());
}
