//! What stands around the services: the CDN and its rule, records, backups in a second region, another password, and
//! infrastructure that is there already.

use aws_sdk_cloudformation::types::Stack;
use aws_sdk_elasticloadbalancingv2::types::Rule;
use runner::aws::{Calls, Clients, Setup};

use super::NOTHING;
use crate::support::app::{App, EXAMPLE, Ran};

const ZONE: &str = r#"{ "Resources": { "Zone": { "Type": "AWS::Route53::HostedZone", "Properties": { "Name": "finance-app.com" } } },
  "Outputs": { "Id": { "Value": { "Ref": "Zone" } } } }"#;

/// Clients of a region, beside the proxy.
async fn clients(app: &App, region: &str) -> Clients {
    let setup = Setup::Local { url: app.sandbox.endpoint.clone(), account: app.sandbox.account.clone() };
    Clients::new(&setup, region, Calls::default()).await
}

async fn stack(app: &App, region: &str, name: &str) -> Option<Stack> {
    let clients = clients(app, region).await;
    let answer = clients.cloudformation().describe_stacks().stack_name(name).send().await.ok()?;
    answer.stacks().first().cloned()
}

fn output(stack: &Stack, key: &str) -> Option<String> {
    stack.outputs().iter().find(|output| output.output_key() == Some(key))?.output_value().map(str::to_owned)
}

/// A stack that is not the runner's.
async fn theirs(app: &App, region: &str, name: &str, template: &str) -> Stack {
    let clients = clients(app, region).await;
    clients.cloudformation().create_stack().stack_name(name).template_body(template).send().await.unwrap();
    for _ in 0..100 {
        let seen = stack(app, region, name).await.unwrap();
        match seen.stack_status().unwrap().as_str() {
            "CREATE_COMPLETE" => return seen,
            "CREATE_IN_PROGRESS" => tokio::time::sleep(std::time::Duration::from_millis(50)).await,
            status => panic!("{status}: {:?}", seen.stack_status_reason()),
        }
    }
    panic!("{name} was not made in time");
}

/// The example in a region, in a local AWS that has its hosted zone.
async fn with_zone(region: &str) -> App {
    let mut app = App::new(EXAMPLE).await;
    app.edit("region: us-east-1", &format!("region: {region}"));
    let zone = theirs(&app, region, "zone", ZONE).await;
    app.edit("Z0123EXAMPLE", &output(&zone, "Id").unwrap());
    app
}

/// Runs to a good end; the same again writes nothing.
async fn run_twice(app: &App, environment: &str) -> Ran {
    let ran = app.run(environment).await;
    assert_eq!(ran.troubles(), NOTHING);
    let again = app.run(environment).await;
    assert_eq!((again.troubles(), app.proxy.writes()), (Vec::new(), Vec::new()));
    ran
}

/// The rule that leads to the web service.
async fn web_rule(app: &App, region: &str) -> Rule {
    let edge = stack(app, region, "finance-app-production-edge").await.unwrap();
    let clients = clients(app, region).await;
    let listener = output(&edge, "ListenerArn").unwrap();
    let rules = clients.elbv2().describe_rules().listener_arn(listener).send().await.unwrap();
    let leads = |rule: &&Rule| {
        rule.actions().iter().all(|action| action.redirect_config().is_none())
            && rule.conditions().iter().any(|condition| {
                condition.host_header_config().is_some_and(|config| config.values() == ["www.finance-app.com"])
            })
    };
    rules.rules().iter().find(leads).unwrap_or_else(|| panic!("{rules:?}")).clone()
}

/// The value of the header that a rule asks for.
fn header(rule: &Rule) -> Option<String> {
    let config = rule.conditions().iter().find_map(|condition| condition.http_header_config())?;
    assert_eq!(config.http_header_name(), Some("x-origin-secret"));
    config.values().first().cloned()
}

#[tokio::test]
async fn r16_the_cdn_stands_in_its_own_region_and_its_rule_is_closed_in_the_same_run() {
    for region in ["us-east-1", "eu-west-1"] {
        let app = with_zone(region).await;
        let ran = run_twice(&app, "production").await;
        let cdn = stack(&app, "us-east-1", "finance-app-production-cdn").await.expect("a stack in CloudFront's region");
        assert_eq!(stack(&app, region, "finance-app-production-cdn").await.is_some(), region == "us-east-1");
        let dns = stack(&app, region, "finance-app-production-dns").await.unwrap();
        assert_eq!(output(&dns, "CdnTarget"), output(&cdn, "DistributionDomainName"));

        let secret = header(&web_rule(&app, region).await).expect("the rule asks for the header");
        assert_eq!((secret.len(), secret.chars().all(|c| c.is_ascii_alphanumeric())), (secret.len().max(32), true));
        let said = format!("{:?}{:?}", ran.events, ran.ended.plan);
        assert!(!said.contains(&secret), "the secret was said");
        let clients = clients(&app, region).await;
        for key in ["edge", "cdn"] {
            let in_region = if key == "cdn" { "us-east-1" } else { region };
            let seen = stack(&app, in_region, &format!("finance-app-production-{key}")).await.unwrap();
            assert!(!format!("{seen:?}").contains(&secret), "{key} tells the secret");
        }
        let of_stacks = clients.cloudformation().describe_stacks().send().await.unwrap();
        assert!(!format!("{of_stacks:?}").contains(&secret));
    }
}

#[tokio::test]
async fn r16_the_cdn_is_turned_on_and_off_under_traffic() {
    const CDN: &str = "    cdn: { service: web, cache: [\"/_next/static/*\"] }\n";
    let mut app = with_zone("us-east-1").await;
    app.edit(CDN, "");
    run_twice(&app, "production").await;
    assert_eq!(header(&web_rule(&app, "us-east-1").await), None);

    app.edit("    database: { multi-az: true }\n", &format!("    database: {{ multi-az: true }}\n{CDN}"));
    run_twice(&app, "production").await;
    assert!(header(&web_rule(&app, "us-east-1").await).is_some());

    app.edit(CDN, "");
    let plan = app.plan("production").await;
    let order: Vec<String> = plan.actions().map(|(node, _)| node.to_string()).collect();
    let at = |name: &str| order.iter().position(|node| node == name);
    assert!(at("deploy-service web").unwrap() < at("bootstrap-dns").unwrap(), "{order:?}");
    assert_eq!(plan.orphans, ["stack finance-app-production-cdn"]);
    run_twice(&app, "production").await;
    assert_eq!(header(&web_rule(&app, "us-east-1").await), None);
}

#[tokio::test]
async fn r20_backups_go_to_a_second_region_under_a_key_made_first() {
    let app = App::new(EXAMPLE).await;
    run_twice(&app, "staging").await;
    let backup = stack(&app, "us-west-2", "finance-app-staging-backup").await.expect("a stack in the second region");
    let key = output(&backup, "BackupKeyArn").unwrap();
    assert!(key.starts_with("arn:aws:kms:us-west-2:"), "{key}");
    let database = stack(&app, "us-east-1", "finance-app-staging-database").await.unwrap();
    let given = database.parameters().iter().find(|given| given.parameter_key() == Some("BackupKeyArn")).unwrap();
    assert_eq!(given.parameter_value(), Some(key.as_str()));
}

#[tokio::test]
async fn r20_another_password_generation_moves_database_url_and_services_in_one_run() {
    let mut app = App::new(EXAMPLE).await;
    run_twice(&app, "staging").await;
    let clients = clients(&app, "us-east-1").await;
    async fn url(app: &App, clients: &Clients) -> (String, String) {
        let database = stack(app, "us-east-1", "finance-app-staging-database").await.unwrap();
        let arn = output(&database, "DatabaseUrlSecretArn").unwrap();
        let value = clients.secretsmanager().get_secret_value().secret_id(&arn).send().await.unwrap();
        (arn, value.secret_string.unwrap())
    }
    let before = url(&app, &clients).await;
    app.edit("  backup-retention: 7d\n", "  backup-retention: 7d\n  password-generation: 2\n");
    let ran = run_twice(&app, "staging").await;
    assert_eq!(
        ran.changed(),
        [
            "registered finance-app-staging-api:2",
            "updated ECS service api in finance-app-staging",
            "updated stack finance-app-staging-database",
        ]
    );
    let after = url(&app, &clients).await;
    assert_eq!(before.0, after.0, "the URL's secret stays the one the roles may read");
    assert_ne!(before.1, after.1);
}

const EXISTING: &str = r#"{
  "Resources": {
    "Vpc": { "Type": "AWS::EC2::VPC", "Properties": { "CidrBlock": "10.9.0.0/16" } },
    "A": { "Type": "AWS::EC2::Subnet", "Properties": { "VpcId": { "Ref": "Vpc" }, "CidrBlock": "10.9.1.0/24" } },
    "B": { "Type": "AWS::EC2::Subnet", "Properties": { "VpcId": { "Ref": "Vpc" }, "CidrBlock": "10.9.2.0/24" } },
    "C": { "Type": "AWS::EC2::Subnet", "Properties": { "VpcId": { "Ref": "Vpc" }, "CidrBlock": "10.9.3.0/24" } },
    "D": { "Type": "AWS::EC2::Subnet", "Properties": { "VpcId": { "Ref": "Vpc" }, "CidrBlock": "10.9.4.0/24" } },
    "Group": { "Type": "AWS::EC2::SecurityGroup", "Properties": { "GroupDescription": "shared", "VpcId": { "Ref": "Vpc" } } },
    "Clients": { "Type": "AWS::EC2::SecurityGroup", "Properties": { "GroupDescription": "clients", "VpcId": { "Ref": "Vpc" } } },
    "Url": { "Type": "AWS::SecretsManager::Secret", "Properties": { "Name": "shared-database", "SecretString": "postgresql://shared" } },
    "Cluster": { "Type": "AWS::ECS::Cluster", "Properties": { "ClusterName": "shared" } },
    "Balancer": { "Type": "AWS::ElasticLoadBalancingV2::LoadBalancer", "Properties": {
      "Type": "application", "Subnets": [{ "Ref": "A" }, { "Ref": "B" }], "SecurityGroups": [{ "Ref": "Group" }] } },
    "Listener": { "Type": "AWS::ElasticLoadBalancingV2::Listener", "Properties": {
      "LoadBalancerArn": { "Ref": "Balancer" }, "Protocol": "HTTP", "Port": 80,
      "DefaultActions": [{ "Type": "fixed-response", "FixedResponseConfig": { "StatusCode": "404" } }] } }
  },
  "Outputs": {
    "Vpc": { "Value": { "Ref": "Vpc" } }, "A": { "Value": { "Ref": "A" } }, "B": { "Value": { "Ref": "B" } },
    "C": { "Value": { "Ref": "C" } }, "D": { "Value": { "Ref": "D" } },
    "Group": { "Value": { "Fn::GetAtt": ["Group", "GroupId"] } }, "Clients": { "Value": { "Fn::GetAtt": ["Clients", "GroupId"] } },
    "Url": { "Value": { "Fn::GetAtt": ["Url", "Id"] } }, "Listener": { "Value": { "Ref": "Listener" } }
  }
}"#;

#[tokio::test]
async fn what_is_there_already_is_used_and_not_made() {
    let app = App::new(&existing("A", "B", "C", "D", "vpc-0abc", "sg-0abc", "sg-0def", LISTENER, URL)).await;
    let there = theirs(&app, "us-east-1", "there", EXISTING).await;
    let of = |key: &str| output(&there, key).unwrap();
    let file = existing(
        &of("A"),
        &of("B"),
        &of("C"),
        &of("D"),
        &of("Vpc"),
        &of("Group"),
        &of("Clients"),
        &of("Listener"),
        &of("Url"),
    );
    let mut app = app;
    app.file = file;
    let ran = run_twice(&app, "staging").await;
    let made = ran.changed();
    for absent in ["database", "edge", "cdn", "dns", "backup"] {
        assert!(!made.contains(&format!("created stack shop-staging-{absent}")), "{made:?}");
    }
    assert!(made.contains(&"created ECS service web in shared".to_owned()), "{made:?}");
    let clients = clients(&app, "us-east-1").await;
    let rules = clients.elbv2().describe_rules().listener_arn(of("Listener")).send().await.unwrap();
    assert_eq!(rules.rules().iter().filter(|rule| rule.is_default() != Some(true)).count(), 1);
    let services = clients.ecs().describe_services().cluster("shared").services("web").send().await.unwrap();
    let config = services.services()[0].network_configuration().unwrap().awsvpc_configuration().unwrap();
    assert_eq!(config.subnets(), [of("C"), of("D")]);
    assert!(config.security_groups().contains(&of("Clients")), "{config:?}");
}

const LISTENER: &str =
    "arn:aws:elasticloadbalancing:us-east-1:111122223333:listener/app/main/50dc6c495c0c9188/f2f7dc8efc522ab2";
const URL: &str = "arn:aws:secretsmanager:us-east-1:111122223333:secret:shared-database-AbCdEf";

#[allow(clippy::too_many_arguments)]
fn existing(
    a: &str,
    b: &str,
    c: &str,
    d: &str,
    vpc: &str,
    group: &str,
    clients: &str,
    listener: &str,
    url: &str,
) -> String {
    let subnet =
        |id: &str| if id.starts_with("subnet-") { id.to_owned() } else { format!("subnet-0{id}").to_lowercase() };
    let (a, b, c, d) = (subnet(a), subnet(b), subnet(c), subnet(d));
    format!(
        r#"app: shop
region: us-east-1
environments: {{ staging: {{ account: "111122223333", domain: shop.example }} }}
network: {{ existing: {{ vpc: {vpc}, public-subnets: [{a}, {b}], private-subnets: [{c}, {d}] }} }}
cluster: {{ existing: shared }}
database: {{ existing: {{ url: "{url}", client-security-group: {clients} }} }}
load-balancer: {{ existing: {{ listener: "{listener}", security-group: {group} }} }}
services:
  web: {{ build: ., port: 80, host: "www.${{domain}}", secrets: {{ DATABASE_URL: database }} }}
"#
    )
}
