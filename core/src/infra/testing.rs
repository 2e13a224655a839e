//! Environments for tests: the finance app, built by hand.

use std::collections::BTreeMap;

use super::{Body, StackDesired, Template};
use crate::workflow::*;

/// One of the finance app's environments: `staging` or `production`.
pub fn environment(name: &str) -> Environment {
    let production = name == "production";
    let domain = if production { "finance-app.com" } else { "staging.finance-app.com" };
    let mut api = service("api", 512, 1024, "./backend");
    api.port = Some(3000);
    api.host = Some(format!("api.{domain}"));
    api.priority = 100;
    api.environment = BTreeMap::from([("RAILS_ENV".to_owned(), Text::literal("production"))]);
    api.secrets = ["JWT_SECRET_KEY", "DEVISE_JWT_SECRET_KEY", "SUPABASE_URL", "SUPABASE_SERVICE_ROLE_KEY"]
        .into_iter()
        .map(|variable| (variable.to_owned(), SecretSource::Ssm))
        .chain([("DATABASE_URL".to_owned(), SecretSource::Database)])
        .collect();
    api.before_deploy = Some(OneOffTask {
        command: ["bundle", "exec", "rails", "db:migrate"].map(Text::literal).to_vec(),
        timeout: 900,
    });
    let mut web = service("web", 256, 512, "./frontend");
    web.port = Some(3000);
    web.host = Some(format!("www.{domain}"));
    web.redirect_from = vec![domain.to_owned()];
    web.priority = 200;
    web.health_check.path = "/api/health".into();
    web.environment = BTreeMap::from([
        ("NODE_ENV".to_owned(), Text::literal("production")),
        ("API_URL".to_owned(), Text::literal(format!("https://api.{domain}"))),
    ]);
    web.secrets = BTreeMap::from([("NEXTAUTH_SECRET".to_owned(), SecretSource::Ssm)]);
    web.depends_on = vec!["api".into()];
    if production {
        api.deploy.strategy = Strategy::Canary { percent: 10.0, bake_minutes: 10 };
        api.deploy.pause = vec!["pre-production-traffic-shift".into()];
        api.deploy.alarms = vec!["api-5xx".into()];
    }
    Environment {
        siblings: BTreeMap::new(),
        app: "finance-app".into(),
        name: name.into(),
        region: "us-east-1".into(),
        account: Some(if production { "444455556666" } else { "111122223333" }.into()),
        domain: Some(domain.into()),
        protected: production,
        identity: Some(Identity {
            repository: "org/finance-app".into(),
            repository_id: "123456789".into(),
            owner_id: None,
            branch: "main".into(),
            oidc_provider: None,
        }),
        network: Network::Managed {
            cidr: "10.0.0.0/16".into(),
            public_subnets: vec!["10.0.1.0/24".into(), "10.0.2.0/24".into()],
            private_subnets: vec!["10.0.3.0/24".into(), "10.0.4.0/24".into()],
            egress: Egress::NatGateway,
        },
        cluster: Cluster { existing: None, container_insights: true },
        hosted_zone: Some("Z0123EXAMPLE".into()),
        database: Some(Database::Managed(ManagedDatabase {
            engine: "postgres".into(),
            version: "15".into(),
            instance_class: "db.t3.micro".into(),
            allocated_storage: 20,
            multi_az: production,
            backup_retention_days: 7,
            replicate_backups_to: Some("us-west-2".into()),
            parameters: BTreeMap::new(),
            password_generation: 1,
        })),
        load_balancer: LoadBalancer::Managed { waf: Some(Waf { block: false, rate_limit: 2000 }), test_listener: None },
        cdn: production.then(|| Cdn { service: "web".into(), cache: vec!["/_next/static/*".into()] }),
        monitoring: Monitoring { notify: Some("ops@finance-app.com".into()), log_retention_days: 30, tracing: false },
        services: [api, web].into_iter().map(|service| (service.name.clone(), service)).collect(),
        extra_stacks: BTreeMap::new(),
        stages: BTreeMap::new(),
        origins: Origins::default(),
    }
}

/// A service with a build and nothing else: no port, no secrets.
pub fn service(name: &str, cpu: u32, memory: u32, context: &str) -> Service {
    Service {
        name: name.into(),
        image: ImageSource::Build(Build {
            context: context.into(),
            dockerfile: "Dockerfile".into(),
            target: None,
            args: BTreeMap::new(),
            secrets: Vec::new(),
            cache: false,
            per_environment: false,
        }),
        task_definition: None,
        platform: Platform::LinuxAmd64,
        cpu,
        memory,
        port: None,
        host: None,
        redirect_from: Vec::new(),
        default_route: false,
        priority: 1,
        tls: false,
        health_check: HealthCheck {
            path: "/health".into(),
            interval: 10,
            timeout: 5,
            healthy_threshold: 2,
            unhealthy_threshold: 3,
            grace_period: 120,
            codes: "200".into(),
            command: None,
        },
        command: None,
        environment: BTreeMap::new(),
        secrets: BTreeMap::new(),
        depends_on: Vec::new(),
        allow_from: Vec::new(),
        before_deploy: None,
        after_deploy: None,
        scaling: None,
        desired_count: 1,
        deploy: Deploy {
            strategy: Strategy::Rolling,
            bake_time_minutes: 0,
            minimum_healthy_percent: 100,
            maximum_percent: 200,
            alarms: Vec::new(),
            alternate_target_group: false,
            test_listener: true,
            pause: Vec::new(),
            pause_timeout_minutes: 1440,
            hooks: Vec::new(),
        },
        sidecars: BTreeMap::new(),
        stop_timeout: 30,
        ephemeral_storage: None,
        capacity: Capacity::Fargate,
        execute_command: false,
        task_role: TaskRole::default(),
        schedule: None,
    }
}

/// A sidecar with an image and nothing else.
pub fn sidecar(image: &str) -> Sidecar {
    Sidecar {
        image: image.into(),
        essential: false,
        command: None,
        environment: BTreeMap::new(),
        secrets: BTreeMap::new(),
        port: None,
        cpu: None,
        memory: None,
        health_check: None,
    }
}

/// The template of the only stack there is.
pub fn only(stacks: Vec<StackDesired>) -> Template {
    assert_eq!(stacks.len(), 1, "one stack was expected");
    stacks.into_iter().map(template).next().unwrap()
}

/// The template of ours that a stack is made of.
pub fn template(stack: StackDesired) -> Template {
    match stack.body {
        Body::Rendered(template) => template,
        Body::Own { .. } => panic!("{} is not a template of ours", stack.key),
    }
}

/// The environment with a test listener, on which its api answers.
pub fn tested(mut env: Environment) -> Environment {
    env.services.get_mut("api").unwrap().deploy.strategy = Strategy::BlueGreen;
    if let LoadBalancer::Managed { test_listener, .. } = &mut env.load_balancer {
        let allow_from = vec!["203.0.113.0/24".into(), "198.51.100.7/32".into()];
        *test_listener = Some(TestListener { port: 9443, allow_from });
    }
    env
}
