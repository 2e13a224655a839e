//! The policies of both environments, judged: what each role may do, and every escalation that must come to nothing.

use std::collections::BTreeMap;

use serde_json::Value as Json;

use super::*;
use crate::{
    iam::{Decision, Document, Principal, Request, evaluate, trusts},
    infra::{Body, StackDesired, identity, testing::environment},
};

const ACCOUNT: &str = "111122223333";

/// The value as IAM is given it: CloudFormation's functions resolved.
fn resolved(json: &Json) -> Json {
    written(&environment("staging"), json)
}

/// The roles of an environment as its rendered templates have them: policies and trust by the role's name.
struct Rendered {
    policies: BTreeMap<String, Vec<Document>>,
    trusts: BTreeMap<String, Document>,
    boundary: Document,
}

fn rendered(env: &Environment) -> Rendered {
    let stack = identity::stacks(env).into_iter().find(|stack| stack.key == identity::KEY).unwrap();
    let Body::Rendered(template) = stack.body else { panic!("it is ours") };
    let document = |id: &str| Document::read(&resolved(&template.resources[id].properties["PolicyDocument"])).unwrap();
    let (mut policies, mut trusts) = (BTreeMap::new(), BTreeMap::new());
    for resource in template.resources.values().filter(|resource| resource.kind == "AWS::IAM::Role") {
        let name = resource.properties["RoleName"].as_str().unwrap().to_owned();
        let attached = resource.properties["ManagedPolicyArns"].as_array().unwrap();
        assert!(attached.len() <= 10, "IAM attaches ten");
        policies.insert(name.clone(), attached.iter().map(|it| document(it["Ref"].as_str().unwrap())).collect());
        trusts.insert(name, Document::read(&resolved(&resource.properties["AssumeRolePolicyDocument"])).unwrap());
    }
    Rendered { policies, trusts, boundary: document("Boundary") }
}

impl Rendered {
    fn of(&self, role: &str, request: &Request) -> Decision {
        evaluate(&self.policies[role], &[], request).unwrap_or_else(|error| panic!("{role}: {error}"))
    }
}

/// One request of the corpus: `{"role", "action", "resource", "context", "why"}`.
fn corpus() -> Vec<(String, Request, String)> {
    let text = include_str!("escalations.jsonl");
    text.lines()
        .map(|line| {
            let json: Json = serde_json::from_str(line).unwrap_or_else(|error| panic!("{line}: {error}"));
            let text = |key: &str| json[key].as_str().unwrap_or_else(|| panic!("{line} has no {key}")).to_owned();
            let mut request = Request::new(text("action"), text("resource"));
            for (key, value) in json["context"].as_object().into_iter().flatten() {
                request = request.with(key, value.as_str().unwrap());
            }
            (text("role"), request, text("why"))
        })
        .collect()
}

/// A name that AWS makes: the logical id, and letters that nobody knows before.
#[test]
fn r10_the_version_of_the_databases_url_may_be_asked_for_and_its_value_not() {
    let rendered = rendered(&environment("staging"));
    let arn = |id: &str| format!("arn:aws:secretsmanager:us-east-1:{ACCOUNT}:secret:{id}-a1b2c3d4e5f6-AbCdEf");
    for role in ["finance-app-staging-plan", "finance-app-staging-deploy"] {
        let may = |action: &str, id: &str| rendered.of(role, &Request::new(action, arn(id))).is_allowed();
        assert!(may("secretsmanager:DescribeSecret", "UrlSecret"), "{role}");
        assert!(!may("secretsmanager:GetSecretValue", "UrlSecret"), "{role}");
    }
    // The plan role describes every secret, to find drift.
    let deploy = rendered
        .of("finance-app-staging-deploy", &Request::new("secretsmanager:DescribeSecret", arn("PasswordSecret")));
    assert!(!deploy.is_allowed());
}

#[test]
fn r10_every_escalation_is_refused() {
    let mut staging = environment("staging");
    // Both environments of one account, and one whose name begins with this one's.
    staging.siblings = ["production", "staging-eu"].map(|name| (name.to_owned(), Default::default())).into();
    let rendered = rendered(&staging);
    let corpus = corpus();
    assert!(corpus.len() > 50);
    for (role, request, why) in corpus {
        let decision = match role.as_str() {
            // What a task's role could at most do: everything its own policies say.
            "task" => evaluate(std::slice::from_ref(&rendered.boundary), &[], &request).unwrap(),
            role => rendered.of(&format!("finance-app-staging-{role}"), &request),
        };
        assert!(!decision.is_allowed(), "{role} may {} on {} ({why})", request.action, request.resource);
    }
}

/// The same requests, with what makes them harmless: a corpus in which everything is refused for a slip of the pen would
/// prove nothing.
#[test]
fn r10_what_an_escalation_differs_from_is_allowed() {
    let rendered = rendered(&environment("staging"));
    let arn = |service: &str, rest: &str| format!("arn:aws:{service}:us-east-1:{ACCOUNT}:{rest}");
    let role = |name: &str| format!("arn:aws:iam::{ACCOUNT}:role/finance-app-staging-{name}");
    let boundary = format!("arn:aws:iam::{ACCOUNT}:policy/finance-app/staging/identity/finance-app-staging-boundary");
    let stack = arn("cloudformation", "stack/finance-app-staging-network/0");
    for (who, request) in [
        (
            "deploy",
            Request::new("cloudformation:CreateChangeSet", &stack)
                .with("cloudformation:RoleArn", role("cloudformation")),
        ),
        (
            "deploy",
            Request::new("iam:PassRole", role("cloudformation"))
                .with("iam:PassedToService", "cloudformation.amazonaws.com"),
        ),
        (
            "deploy",
            Request::new("iam:PassRole", role("api-task")).with("iam:PassedToService", "ecs-tasks.amazonaws.com"),
        ),
        (
            "deploy",
            Request::new("iam:PassRole", role("api-execution")).with("iam:PassedToService", "ecs-tasks.amazonaws.com"),
        ),
        ("deploy", Request::new("ssm:PutParameter", arn("ssm", "parameter/finance-app/staging/JWT_SECRET_KEY"))),
        (
            "deploy",
            Request::new("ecs:RunTask", arn("ecs", "task-definition/finance-app-staging-api:1"))
                .with("ecs:cluster", arn("ecs", "cluster/finance-app-staging")),
        ),
        ("deploy", Request::new("ecs:ExecuteCommand", arn("ecs", "task/finance-app-staging/1"))),
        ("deploy", Request::new("ecs:ExecuteCommand", arn("ecs", "cluster/finance-app-staging"))),
        ("cloudformation", Request::new("iam:CreateRole", role("api-task")).with("iam:PermissionsBoundary", &boundary)),
        (
            "cloudformation",
            Request::new("iam:PutRolePolicy", role("api-task")).with("iam:PermissionsBoundary", &boundary),
        ),
        (
            "cloudformation",
            Request::new("iam:PassRole", role("flow-logs")).with("iam:PassedToService", "vpc-flow-logs.amazonaws.com"),
        ),
        (
            "cloudformation",
            Request::new(
                "iam:CreateServiceLinkedRole",
                format!("arn:aws:iam::{ACCOUNT}:role/aws-service-role/ecs.amazonaws.com/x"),
            )
            .with("iam:AWSServiceName", "ecs.amazonaws.com"),
        ),
        ("cloudformation", Request::new("ec2:CreateVpc", "*").with("aws:RequestedRegion", "us-east-1")),
        (
            "cloudformation",
            Request::new("rds:DeleteDBInstance", arn("rds", "db:a"))
                .with("aws:RequestedRegion", "us-east-1")
                .with("aws:ResourceTag/finance-infra:environment", "staging"),
        ),
        (
            "cloudformation",
            Request::new("secretsmanager:GetSecretValue", arn("secretsmanager", "secret:PasswordSecret-a"))
                .with("aws:ResourceTag/finance-infra:app", "finance-app")
                .with("aws:ResourceTag/finance-infra:environment", "staging"),
        ),
        ("plan", Request::new("cloudformation:GetTemplate", &stack)),
        ("plan", Request::new("ecs:DescribeServices", arn("ecs", "service/finance-app-staging/api"))),
        ("plan", Request::new("ssm:DescribeParameters", "*")),
        ("plan", Request::new("rds:DescribeDBInstances", "*")),
    ] {
        let decision = rendered.of(&format!("finance-app-staging-{who}"), &request);
        assert!(decision.is_allowed(), "{who} may not {} on {}: {decision:?}", request.action, request.resource);
    }
    let s3 = Request::new("s3:GetObject", "arn:aws:s3:::reports/a");
    assert!(evaluate(&[rendered.boundary], &[], &s3).unwrap().is_allowed());
}

#[test]
fn r10_the_deploy_role_changes_rules_on_both_listeners_that_the_file_names_and_on_no_other() {
    let listener = |id: &str| format!("arn:aws:elasticloadbalancing:us-east-1:{ACCOUNT}:listener/app/shared/0/{id}");
    let rule = |id: &str| format!("arn:aws:elasticloadbalancing:us-east-1:{ACCOUNT}:listener-rule/app/shared/0/{id}/9");
    let mut env = environment("staging");
    env.cdn = None;
    env.load_balancer = crate::workflow::LoadBalancer::Existing {
        listener: listener("1"),
        security_group: "sg-1".into(),
        test_listener: Some(listener("2")),
    };
    let rendered = rendered(&env);
    for (id, may) in [("1", true), ("2", true), ("3", false)] {
        for (action, resource) in [
            ("CreateRule", listener(id)),
            ("ModifyRule", rule(id)),
            ("SetRulePriorities", rule(id)),
            ("DeleteRule", rule(id)),
        ] {
            let request = Request::new(format!("elasticloadbalancing:{action}"), &resource);
            let allowed = rendered.of("finance-app-staging-deploy", &request).is_allowed();
            assert_eq!(allowed, may, "{action} on {resource}");
            assert!(!rendered.of("finance-app-staging-plan", &request).is_allowed(), "{action} on {resource}");
        }
    }
}

/// What `--prune` asks for a service that left the file, of the deploy role and of CloudFormation's.
fn prune(service: &str, cluster: &str, stack: &StackDesired) -> Vec<(&'static str, Request)> {
    let arn = |service: &str, rest: String| format!("arn:aws:{service}:us-east-1:{ACCOUNT}:{rest}");
    let role = |name: &str| format!("arn:aws:iam::{ACCOUNT}:role/finance-app-staging-{name}");
    let own = |action: &str, resource: String| {
        Request::new(action, resource).with("aws:ResourceTag/finance-infra:environment", "staging")
    };
    let of_ecs = |action: &str| {
        own(action, arn("ecs", format!("service/{cluster}/{service}")))
            .with("ecs:cluster", arn("ecs", format!("cluster/{cluster}")))
    };
    let stack_arn = arn("cloudformation", format!("stack/finance-app-staging-service-{service}/1"));
    let of_stack = |action: &str| own(action, stack_arn.clone()).with("cloudformation:RoleArn", role("cloudformation"));
    let scaled = arn("application-autoscaling", "scalable-target/1".into());
    let mut all = vec![
        (
            "deploy",
            own("application-autoscaling:DeregisterScalableTarget", scaled)
                .with("application-autoscaling:service-namespace", "ecs"),
        ),
        ("deploy", of_ecs("ecs:UpdateService")),
        ("deploy", of_ecs("ecs:DescribeServices")),
        ("deploy", of_ecs("ecs:DeleteService")),
        (
            "deploy",
            own("elasticloadbalancing:DeleteRule", arn("elasticloadbalancing", "listener-rule/app/a/1/2/3".into())),
        ),
        ("deploy", Request::new("ecs:DeregisterTaskDefinition", "*")),
        (
            "deploy",
            own("ecs:DeleteTaskDefinitions", arn("ecs", format!("task-definition/finance-app-staging-{service}:1"))),
        ),
        ("deploy", own("cloudformation:UpdateTerminationProtection", stack_arn.clone())),
        ("deploy", of_stack("cloudformation:DeleteStack")),
        ("deploy", Request::new("iam:PassRole", role("cloudformation")).with("iam:PassedToService", SERVICE)),
    ];
    let Body::Rendered(template) = &stack.body else { panic!("it is ours") };
    let kinds: std::collections::BTreeSet<&str> = template.resources.values().map(|it| it.kind).collect();
    let boundary = format!("arn:aws:iam::{ACCOUNT}:policy/finance-app/staging/identity/finance-app-staging-boundary");
    for kind in kinds {
        let prefix = super::handlers::prefix(kind);
        let deletes = handlers(kind).unwrap().all.iter().filter(|action| {
            action.split_once(':').is_some_and(|(of, name)| of == prefix && name.starts_with("Delete"))
                && *action != "iam:DeleteRolePermissionsBoundary"
        });
        let before = all.len();
        all.extend(deletes.map(|action| {
            let resource = if prefix == "iam" { role(&format!("{service}-task")) } else { "*".to_owned() };
            let request = own(action, resource).with("aws:RequestedRegion", "us-east-1");
            ("cloudformation", request.with("iam:PermissionsBoundary", &boundary))
        }));
        assert!(all.len() > before, "{kind} is deleted by no call that is known");
    }
    all
}

/// The roles are an administrator's and know of the services that the file had when they were made. As long as they are
/// those of the file before, what left it can be taken away under them; made anew before that, they may lack it.
#[test]
fn r10_what_left_the_file_is_taken_away_by_the_roles_of_the_file_before() {
    let mut before = environment("staging");
    // The only service with a port leaves: types that nothing else has go with it.
    let mut worker = before.services["web"].clone();
    (worker.name, worker.port, worker.host, worker.redirect_from) = ("worker".into(), None, None, Vec::new());
    worker.depends_on.clear();
    before.services.insert("worker".into(), worker);
    before.services.remove("web");
    let mut after = before.clone();
    after.services.remove("api");
    let stack = crate::infra::services::stack(&before, &before.services["api"]);
    let refused = |env: &Environment, cluster: &str| {
        let rendered = rendered(env);
        let asked = prune("api", cluster, &stack).into_iter();
        let refused =
            asked.filter(|(who, request)| !rendered.of(&format!("finance-app-staging-{who}"), request).is_allowed());
        refused.map(|(who, request)| format!("{who} {}", request.action)).collect::<Vec<_>>()
    };
    assert_eq!(refused(&before, "finance-app-staging"), Vec::<String>::new());
    let lost = refused(&after, "finance-app-staging");
    assert!(lost.contains(&"cloudformation servicediscovery:DeleteService".to_owned()), "{lost:?}");
    assert!(lost.iter().all(|lost| lost.starts_with("cloudformation ")), "{lost:?}");

    // In a cluster that others use too the services are named one by one.
    before.cluster.existing = Some("shared".into());
    after.cluster.existing = Some("shared".into());
    assert_eq!(refused(&before, "shared"), Vec::<String>::new());
    let lost = refused(&after, "shared");
    assert!(lost.contains(&"deploy ecs:DeleteService".to_owned()), "{lost:?}");
}

fn token(sub: &str, repository_id: &str, of: &str) -> Request {
    Request::new("sts:AssumeRoleWithWebIdentity", "*")
        .with("token.actions.githubusercontent.com:aud", "sts.amazonaws.com")
        .with("token.actions.githubusercontent.com:sub", sub)
        .with("token.actions.githubusercontent.com:repository_id", repository_id)
        .with("token.actions.githubusercontent.com:ref", of)
}

#[test]
fn r10_only_the_repositorys_own_jobs_may_take_the_roles() {
    let rendered = rendered(&environment("staging"));
    let provider = format!("arn:aws:iam::{ACCOUNT}:oidc-provider/token.actions.githubusercontent.com");
    let may = |role: &str, request: &Request| {
        let trust = &rendered.trusts[&format!("finance-app-staging-{role}")];
        trusts(trust, Principal::Federated(&provider), request).unwrap().is_allowed()
    };
    let (main, pull) = ("refs/heads/main", "refs/pull/7/merge");
    let deploy = token("repo:org/finance-app:environment:staging", "123456789", main);
    assert!(may("deploy", &deploy));
    for (sub, id, of) in [
        ("repo:org/finance-app:environment:production", "123456789", main),
        ("repo:org/finance-app:environment:staging2", "123456789", main),
        ("repo:org/finance-app2:environment:staging", "123456789", main),
        ("repo:org/finance-app:pull_request", "123456789", pull),
        ("repo:org/finance-app:ref:refs/heads/main", "123456789", main),
        // The name was given up and taken by somebody else.
        ("repo:org/finance-app:environment:staging", "987654321", main),
        // A branch's job that names the environment, where GitHub lets it.
        ("repo:org/finance-app:environment:staging", "123456789", pull),
        ("repo:org/finance-app:environment:staging", "123456789", "refs/heads/feature"),
    ] {
        assert!(!may("deploy", &token(sub, id, of)), "{sub} {id} {of}");
    }
    assert!(may("plan", &token("repo:org/finance-app:pull_request", "123456789", pull)));
    assert!(may("plan", &token("repo:org/finance-app:ref:refs/heads/main", "123456789", main)));
    assert!(!may("plan", &token("repo:org/finance-app:ref:refs/heads/feature", "123456789", "refs/heads/feature")));
    assert!(!may("plan", &token("repo:fork/finance-app:pull_request", "987654321", pull)));
    assert!(!may("deploy", &deploy.clone().with("token.actions.githubusercontent.com:aud", "sts.example.com")));
    let mut without = deploy;
    without.context.remove("token.actions.githubusercontent.com:repository_id");
    assert!(!may("deploy", &without), "a token that does not say it is none of ours");
}

#[test]
fn r10_a_repository_whose_tokens_carry_ids_is_named_by_them() {
    let mut env = environment("staging");
    let identity = env.identity.as_mut().unwrap();
    (identity.owner_id, identity.branch) = (Some("42".into()), "trunk".into());
    let trust = resolved(&github(&env, &env.identity.clone().unwrap(), Job::Deploy).to_json());
    let equals = &trust["Statement"][0]["Condition"]["StringEquals"];
    assert_eq!(
        equals[format!("{ISSUER}:sub")],
        serde_json::json!(["repo:org@42/finance-app@123456789:environment:staging"])
    );
    assert_eq!(equals[format!("{ISSUER}:ref")], "refs/heads/trunk");
}

#[test]
fn r10_trust_compares_whole_values() {
    for name in ["staging", "production"] {
        let env = environment(name);
        for job in [Job::Plan, Job::Deploy] {
            let trust = github(&env, env.identity.as_ref().unwrap(), job).to_json();
            let statement = &trust["Statement"][0];
            let operators: Vec<&String> = statement["Condition"].as_object().unwrap().keys().collect();
            assert_eq!(operators, ["StringEquals"]);
            assert!(!statement["Condition"].to_string().contains(['*', '?']));
        }
    }
}

#[test]
fn what_the_file_trusts_instead_of_our_provider_is_taken_as_it_is() {
    let mut env = environment("staging");
    let arn = "arn:aws:iam::111122223333:oidc-provider/token.actions.githubusercontent.com";
    env.identity.as_mut().unwrap().oidc_provider = Some(arn.into());
    let stacks = identity::stacks(&env);
    assert_eq!(stacks.len(), 1, "the provider is not made");
    assert!(stacks[0].to_json().to_string().contains(arn));
    env.identity = None;
    assert!(identity::stacks(&env).is_empty());
}

#[test]
fn environments_of_one_account_make_one_provider_and_share_nothing_else() {
    let (staging, mut production) = (environment("staging"), environment("production"));
    production.region = "eu-west-1".into();
    let place = |env: &Environment| {
        identity::stacks(env)
            .into_iter()
            .map(|stack| {
                let region = stack.region.clone().unwrap_or_else(|| env.region.clone());
                (env.stack_name(&stack.key), region, stack.to_json())
            })
            .collect::<Vec<_>>()
    };
    let (one, other) = (place(&staging), place(&production));
    assert_eq!(one[0], other[0], "the same stack in the same place, whichever makes it");
    assert_ne!(one[1].0, other[1].0);
    let mut shop = environment("staging");
    shop.app = "shop".into();
    assert_eq!(place(&shop)[0], one[0], "and whichever app");
}

#[test]
fn every_type_of_ours_has_its_handlers() {
    for name in ["staging", "production"] {
        let env = environment(name);
        let scope = Scope::of(&env);
        assert_eq!(scope.unknown_kinds().collect::<Vec<_>>(), Vec::<&String>::new(), "renew handlers.json");
    }
}

#[test]
fn policies_stay_short_enough_whatever_the_number_of_services() {
    let mut env = environment("production");
    for number in 0..60 {
        let mut service = env.services["web"].clone();
        service.name = format!("service-with-a-name-{number}");
        env.services.insert(service.name.clone(), service);
    }
    let all = rendered(&env);
    for job in [Job::Plan, Job::Deploy] {
        for policy in pack(&super::job(&env, job)) {
            assert!(policy.to_json().to_string().len() <= 6_144);
        }
    }
    let task = format!("arn:aws:iam::{ACCOUNT}:role/{}", crate::iam::role_name(&env, "service-with-a-name-59-task"));
    let pass = Request::new("iam:PassRole", task).with("iam:PassedToService", "ecs-tasks.amazonaws.com");
    assert!(all.of("finance-app-production-deploy", &pass).is_allowed());
}
