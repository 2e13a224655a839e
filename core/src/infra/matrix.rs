//! What must hold of the templates over all the switches of the file.

use std::collections::BTreeSet;
use std::path::PathBuf;

use serde_json::json;

use super::testing::{environment, service, sidecar};
use super::{Body, Source, StackDesired, references, stacks};
use crate::workflow::*;

/// What is turned, and how.
type Switch = (&'static str, fn(&mut Environment));

/// Every switch by itself, over both environments.
const SWITCHES: &[Switch] = &[
    ("plain", |_| {}),
    ("nat-per-az", |env| egress(env, Egress::NatGatewayPerAz)),
    ("vpc-endpoints", |env| {
        egress(env, Egress::VpcEndpoints);
        env.monitoring.tracing = true;
        api(env).execute_command = true;
    }),
    ("existing-network", |env| {
        env.network = Network::Existing {
            vpc: "vpc-0123456789abcdef0".into(),
            public_subnets: vec!["subnet-0123456789abcdef0".into(), "subnet-0123456789abcdef1".into()],
            private_subnets: vec!["subnet-0123456789abcdef2".into(), "subnet-0123456789abcdef3".into()],
        };
    }),
    ("no-domain", |env| {
        env.domain = None;
        env.services.remove("api");
        let web = env.services.get_mut("web").unwrap();
        (web.host, web.default_route, web.redirect_from) = (None, true, Vec::new());
        web.depends_on.clear();
    }),
    ("no-zone", |env| env.hosted_zone = None),
    ("existing-cluster", |env| env.cluster.existing = Some("shared".into())),
    ("existing-listener", |env| {
        env.load_balancer = LoadBalancer::Existing {
            listener: "arn:aws:elasticloadbalancing:us-east-1:111122223333:listener/app/shared/50dc6c495c0c9188/f2f7dc8efc522ab2"
                .into(),
            security_group: "sg-0123456789abcdef0".into(),
            test_listener: None,
        };
    }),
    ("existing-database", |env| {
        env.database = Some(Database::Existing {
            url: "arn:aws:secretsmanager:us-east-1:111122223333:secret:db-AbCdEf".into(),
            client_security_group: "sg-0123456789abcdef1".into(),
        });
    }),
    ("no-database", |env| {
        env.database = None;
        api(env).secrets.remove("DATABASE_URL");
    }),
    ("database-tuned", |env| {
        if let Some(Database::Managed(database)) = &mut env.database {
            database.version = "16".into();
            database.multi_az = true;
            database.parameters = [("work_mem".to_owned(), "8192".to_owned())].into();
        }
    }),
    ("blue-green", |env| api(env).deploy.strategy = Strategy::BlueGreen),
    ("test-listener", |env| {
        api(env).deploy.strategy = Strategy::BlueGreen;
        tested(env);
    }),
    ("test-listener-without-domain", |env| {
        env.domain = None;
        env.services.remove("api");
        let web = env.services.get_mut("web").unwrap();
        (web.host, web.default_route, web.redirect_from) = (None, true, Vec::new());
        web.deploy.strategy = Strategy::Canary { percent: 5.0, bake_minutes: 10 };
        web.depends_on.clear();
        env.cdn = None;
        tested(env);
    }),
    ("existing-test-listener", |env| {
        api(env).deploy.strategy = Strategy::BlueGreen;
        let listener = |id: &str| {
            format!("arn:aws:elasticloadbalancing:us-east-1:111122223333:listener/app/shared/50dc6c495c0c9188/{id}")
        };
        env.load_balancer = LoadBalancer::Existing {
            listener: listener("f2f7dc8efc522ab2"),
            security_group: "sg-0123456789abcdef0".into(),
            test_listener: Some(listener("0467ef3c8400ae65")),
        };
    }),
    ("linear", |env| api(env).deploy.strategy = Strategy::Linear { percent: 10.0, bake_minutes: 5 }),
    ("known-provider-and-ids", |env| {
        let identity = env.identity.as_mut().unwrap();
        identity.oidc_provider =
            Some("arn:aws:iam::111122223333:oidc-provider/token.actions.githubusercontent.com".into());
        (identity.owner_id, identity.branch) = (Some("42".into()), "trunk".into());
        env.siblings.insert(format!("{}-eu", env.name), Sibling::default());
    }),
    ("no-identity", |env| {
        env.identity = None;
        // Nothing to be bounded by.
        env.services.retain(|name, _| name == "none");
        (env.database, env.cdn) = (None, None);
        env.network = Network::Existing {
            vpc: "vpc-0123456789abcdef0".into(),
            public_subnets: vec!["subnet-0123456789abcdef0".into(), "subnet-0123456789abcdef1".into()],
            private_subnets: vec!["subnet-0123456789abcdef2".into(), "subnet-0123456789abcdef3".into()],
        };
    }),
    ("tls-arm64", |env| {
        api(env).tls = true;
        api(env).platform = Platform::LinuxArm64;
    }),
    ("waf-blocks", |env| {
        env.load_balancer =
            LoadBalancer::Managed { waf: Some(Waf { block: true, rate_limit: 500 }), test_listener: None }
    }),
    ("no-waf", |env| env.load_balancer = LoadBalancer::Managed { waf: None, test_listener: None }),
    ("another-region", |env| {
        env.region = "eu-west-1".into();
        if let Some(cdn) = &mut env.cdn {
            cdn.cache.clear();
        }
    }),
    ("cdn-without-waf", |env| {
        env.load_balancer = LoadBalancer::Managed { waf: None, test_listener: None };
        env.cdn = Some(Cdn { service: "web".into(), cache: vec!["/assets/*".into(), "/_next/static/*".into()] });
    }),
    ("cdn-without-zone", |env| {
        env.hosted_zone = None;
        env.cdn = Some(Cdn { service: "web".into(), cache: Vec::new() });
    }),
    ("tracing", |env| env.monitoring.tracing = true),
    ("second-password", |env| {
        if let Some(Database::Managed(database)) = &mut env.database {
            database.password_generation = 2;
            database.replicate_backups_to = None;
        }
    }),
    ("large-database", |env| {
        if let Some(Database::Managed(database)) = &mut env.database {
            (database.instance_class, database.allocated_storage) = ("db.r6g.4xlarge".into(), 500);
        }
    }),
    ("all-existing", |env| {
        env.network = Network::Existing {
            vpc: "vpc-0123456789abcdef0".into(),
            public_subnets: vec!["subnet-0123456789abcdef0".into(), "subnet-0123456789abcdef1".into()],
            private_subnets: vec!["subnet-0123456789abcdef2".into(), "subnet-0123456789abcdef3".into()],
        };
        env.cluster.existing = Some("shared".into());
        env.load_balancer = LoadBalancer::Existing {
            listener: "arn:aws:elasticloadbalancing:us-east-1:111122223333:listener/app/shared/50dc6c495c0c9188/f2f7dc8efc522ab2"
                .into(),
            security_group: "sg-0123456789abcdef0".into(),
            test_listener: None,
        };
        env.database = Some(Database::Existing {
            url: "arn:aws:secretsmanager:us-east-1:111122223333:secret:db-AbCdEf".into(),
            client_security_group: "sg-0123456789abcdef1".into(),
        });
    }),
    ("extra-stacks", |env| {
        let body = json!({
            "Parameters": { "VpcId": { "Type": "AWS::EC2::VPC::Id" } },
            "Resources": {
                "Group": {
                    "Type": "AWS::EC2::SecurityGroup",
                    "Properties": { "GroupDescription": "cache", "VpcId": { "Ref": "VpcId" } },
                },
            },
            "Outputs": { "GroupId": { "Value": { "Fn::GetAtt": ["Group", "GroupId"] } } },
        });
        let vpc = Text(vec![Part::Output { stack: "network".into(), output: "VpcId".into() }]);
        let parameters = [("VpcId".to_owned(), vpc)].into();
        env.extra_stacks =
            [("cache".to_owned(), ExtraStack { template: "infra/cache.yml".into(), body, parameters })].into();
    }),
    ("allow-from", |env| {
        api(env).allow_from = vec!["web".into()];
        env.services.get_mut("web").unwrap().allow_from = vec!["api".into()];
    }),
    ("workers-only", |env| {
        env.services = [("worker".to_owned(), service("worker", 256, 512, "."))].into();
        env.database = None;
        env.cdn = None;
    }),
    ("many-kinds", |env| {
        let mut worker = service("mail-worker", 256, 512, ".");
        worker.image = ImageSource::From("api".into());
        worker.secrets = [("DATABASE_URL".to_owned(), SecretSource::Database)].into();
        let mut nightly = service("nightly-report", 256, 512, ".");
        nightly.schedule = Some("cron(0 3 * * ? *)".into());
        nightly.task_role.policies = vec!["arn:aws:iam::aws:policy/AmazonS3ReadOnlyAccess".into()];
        nightly.task_role.statements =
            vec![json!({ "Effect": "Allow", "Action": ["s3:PutObject"], "Resource": ["arn:aws:s3:::reports/*"] })];
        let mut proxy = sidecar("111122223333.dkr.ecr.us-east-1.amazonaws.com/proxy:1");
        proxy.secrets = [
            ("A".to_owned(), SecretSource::SsmExisting("/shared/a".into())),
            (
                "B".to_owned(),
                SecretSource::SecretsManager {
                    arn: "arn:aws:secretsmanager:us-east-1:111122223333:secret:b".into(),
                    key: Some("k".into()),
                },
            ),
        ]
        .into();
        api(env).sidecars.insert("proxy".into(), proxy);
        env.services.insert(worker.name.clone(), worker);
        env.services.insert(nightly.name.clone(), nightly);
    }),
];

fn api(env: &mut Environment) -> &mut Service {
    env.services.get_mut("api").unwrap()
}

fn tested(env: &mut Environment) {
    if let LoadBalancer::Managed { test_listener, .. } = &mut env.load_balancer {
        *test_listener = Some(TestListener { port: 9443, allow_from: vec!["203.0.113.0/24".into()] });
    }
}

fn egress(env: &mut Environment, egress: Egress) {
    if let Network::Managed { egress: it, .. } = &mut env.network {
        *it = egress;
    }
}

/// Every combination's name and stacks.
pub(crate) fn matrix() -> Vec<(String, Vec<StackDesired>)> {
    let mut all = Vec::new();
    for name in ["staging", "production"] {
        for (switch, turn) in SWITCHES {
            let mut env = environment(name);
            turn(&mut env);
            all.push((format!("{name}-{switch}"), stacks(&env)));
        }
    }
    all
}

#[test]
fn every_reference_is_to_something_in_the_template_and_every_parameter_is_used() {
    for (case, stacks) in matrix() {
        for stack in stacks {
            let Body::Rendered(template) = &stack.body else { continue };
            let mut missing = references(&template.to_json());
            missing.retain(|name| {
                !name.starts_with("AWS::")
                    && !template.resources.contains_key(name)
                    && !template.parameters.contains_key(name)
            });
            assert!(missing.is_empty(), "{case}/{}: {missing:?}", stack.key);
            let used = references(&template.to_json());
            let idle: Vec<&String> = template.parameters.keys().filter(|name| !used.contains(*name)).collect();
            assert!(idle.is_empty(), "{case}/{}: {idle:?}", stack.key);
        }
    }
}

#[test]
fn every_parameter_takes_an_output_that_an_earlier_stack_has() {
    for (case, stacks) in matrix() {
        let mut outputs: BTreeSet<(String, String)> = BTreeSet::new();
        for stack in stacks {
            for (name, source) in stack.parameters() {
                if let Source::Output { stack: from, output } = source {
                    assert!(outputs.contains(&(from, output)), "{case}/{}: {name} comes from nowhere", stack.key);
                }
            }
            let Body::Rendered(template) = stack.body else { continue };
            outputs.extend(template.outputs.into_keys().map(|output| (stack.key.clone(), output)));
        }
    }
}

/// <https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/cloudformation-limits.html>
#[test]
fn every_template_is_small_enough_to_be_sent_inline_and_makes_something() {
    for (case, stacks) in matrix() {
        let mut keys = BTreeSet::new();
        for stack in stacks {
            let size = stack.to_json().to_string().len();
            assert!(size < 51_200, "{case}/{}: {size} bytes", stack.key);
            assert!(stack.to_json()["Resources"].as_object().is_some_and(|it| !it.is_empty()), "{case}/{}", stack.key);
            assert!(keys.insert(stack.key.clone()), "{case}: {} twice", stack.key);
        }
    }
}

#[test]
fn everything_that_holds_data_outlives_its_replacement() {
    for (case, stacks) in matrix() {
        for stack in stacks {
            let Body::Rendered(template) = &stack.body else { continue };
            for (id, resource) in &template.resources {
                let kept = resource.keep != super::Keep::Delete;
                assert!(kept || resource.holds != super::Holds::Data, "{case}/{}/{id}", stack.key);
            }
        }
    }
}

#[test]
fn r10_every_role_of_every_template_is_bounded_and_has_a_name_that_says_whose_it_is() {
    let mut names = BTreeSet::new();
    for (case, stacks) in matrix() {
        let by_administrator = [super::identity::KEY, super::identity::PROVIDER];
        for stack in stacks.into_iter().filter(|stack| !by_administrator.contains(&stack.key.as_str())) {
            let Body::Rendered(template) = &stack.body else { continue };
            for (id, role) in template.resources.iter().filter(|(_, it)| it.kind.starts_with("AWS::IAM::")) {
                let place = format!("{case}/{}/{id}", stack.key);
                assert_eq!(
                    role.kind, "AWS::IAM::Role",
                    "{place}: a policy beside a role escapes what is said of roles"
                );
                assert_eq!(
                    role.properties["PermissionsBoundary"]["Fn::If"][1],
                    json!({ "Ref": "PermissionsBoundary" }),
                    "{place}"
                );
                let source = &template.parameters["PermissionsBoundary"].source;
                assert!(matches!(source, Source::IfMade { stack, .. } if stack == "identity"), "{place}");
                let name = role.properties["RoleName"].as_str().unwrap();
                let environment = case.split('-').next().unwrap();
                assert!(
                    name.starts_with(&format!("finance-app-{environment}-")) && name.len() <= 64,
                    "{place}: {name}"
                );
                names.insert(name.to_owned());
            }
        }
    }
    assert!(names.len() > 10);
}

/// For linters that read files: `TEMPLATES=DIR cargo test -p runner-core infra::matrix` writes every template.
#[test]
fn every_template_can_be_written_and_read_back() {
    let directory = std::env::var_os("TEMPLATES").map(PathBuf::from);
    for (case, stacks) in matrix() {
        for (position, stack) in stacks.iter().enumerate() {
            let text = serde_json::to_string_pretty(&stack.to_json()).unwrap();
            assert_eq!(
                serde_json::from_str::<serde_json::Value>(&text).unwrap(),
                stack.to_json(),
                "{case}/{}",
                stack.key
            );
            let Some(directory) = directory.as_ref().map(|it| it.join(&case)) else { continue };
            std::fs::create_dir_all(&directory).unwrap();
            std::fs::write(directory.join(format!("{position}-{}.json", stack.key)), text).unwrap();
        }
    }
}
