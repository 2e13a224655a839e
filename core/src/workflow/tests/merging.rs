//! Environments over the base, `from`, and images per environment.

use super::*;
use crate::workflow::*;

const BASE: &str = "app: shop
region: eu-central-1
environments:
  staging: {}
  production:
    services:
      web:
        build: null
        image: { reference: \"nginx@sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef\" }
        health-check: { interval: 20s }
        command: [b]
        environment: { A: null, C: \"3\" }
      job: null
services:
  web:
    build: ./web
    port: 80
    health-check: /up
    command: [a, a]
    environment: { A: \"1\", B: \"2\" }
    secrets: { KEY: ssm }
    sidecars: { cache: { image: \"redis:8\" } }
  worker: { from: web, command: [work], environment: { B: other, D: \"4\" } }
  second: { from: worker, secrets: { KEY: null, OTHER: ssm } }
  job: { build: ., schedule: rate(1 day) }
";

fn plain(environment: &BTreeMap<String, Text>) -> Vec<String> {
    environment
        .iter()
        .map(|(name, text)| match text.0.as_slice() {
            [Part::Literal(literal)] => format!("{name}={literal}"),
            parts => format!("{name}={parts:?}"),
        })
        .collect()
}

#[test]
fn maps_merge_lists_and_scalars_replace_null_takes_away() {
    let production = environment(BASE, "production");
    let web = &production.services["web"];
    assert!(matches!(web.image, ImageSource::Reference(_)));
    assert_eq!((web.health_check.path.as_str(), web.health_check.interval), ("/up", 20));
    assert_eq!(web.command.as_ref().map(Vec::len), Some(1));
    assert_eq!(plain(&web.environment), ["B=2", "C=3"]);
    assert!(!production.services.contains_key("job"));
    let staging = environment(BASE, "staging");
    assert!(matches!(&staging.services["web"].image, ImageSource::Build(build) if build.context == "./web"));
    assert!(staging.services.contains_key("job"));
}

#[test]
fn setting_one_source_takes_the_others_away() {
    let text = BASE.replace("        build: null\n", "");
    assert!(matches!(environment(&text, "production").services["web"].image, ImageSource::Reference(_)));
}

#[test]
fn from_takes_image_environment_secrets_and_sidecars() {
    let staging = environment(BASE, "staging");
    let worker = &staging.services["worker"];
    assert_eq!(worker.image, ImageSource::From("web".to_owned()));
    assert_eq!(worker.image_owner(), "web");
    assert_eq!(plain(&worker.environment), ["A=1", "B=other", "D=4"]);
    assert_eq!(worker.secrets.keys().collect::<Vec<_>>(), ["KEY"]);
    assert!(worker.sidecars.contains_key("cache"));
    assert_eq!((worker.port, worker.health_check.path.as_str()), (None, "/"));
    let second = &staging.services["second"];
    assert_eq!(second.image_owner(), "web", "the end of the chain has the image");
    assert_eq!(second.secrets.keys().collect::<Vec<_>>(), ["OTHER"]);
    assert_eq!(plain(&second.environment), ["A=1", "B=other", "D=4"]);
}

#[test]
fn an_environment_over_the_base_reaches_those_who_take_from_it() {
    let production = environment(BASE, "production");
    assert_eq!(plain(&production.services["worker"].environment), ["B=other", "C=3", "D=4"]);
}

fn per_environment(build: &str, over: &str) -> bool {
    let text = format!(
        "app: shop\nregion: eu-central-1\nenvironments:\n  staging: {{ domain: s.example }}\n  production: {{ domain: p.example, services: {{ web: {over} }} }}\nservices: {{ web: {{ build: {build}, port: 80 }} }}\n"
    );
    match &environment(&text, "staging").services["web"].image {
        ImageSource::Build(build) => build.per_environment,
        other => panic!("{other:?}"),
    }
}

#[test]
fn an_image_is_per_environment_where_its_build_differs() {
    assert!(!per_environment("{ args: { A: \"1\", B: \"${git.sha}\", C: \"${app}-${region}\" } }", "{}"));
    assert!(per_environment("{ args: { A: \"https://${domain}\" } }", "{}"));
    assert!(per_environment("{ args: { A: \"1\" } }", "{ build: { args: { A: \"2\" } } }"));
    assert!(per_environment("{ target: dev }", "{ build: { target: release } }"));
    assert!(!per_environment("{ args: { A: \"$${domain}\" } }", "{ cpu: 512, memory: 1024 }"));
}

#[test]
fn names_are_put_in_and_outputs_stay() {
    let text = "app: shop
region: eu-central-1
environments: { staging: { domain: \"${environment}.${app}.example\", account: \"111122223333\" } }
services:
  web:
    build: .
    port: 80
    command: [\"${app}/${environment}/${region}/${account}/${domain}/${git.sha}\", \"$${app} $5 $$\"]
    environment: { VPC: \"in ${stacks.network.VpcId}!\", PORT: 3000, RATE: 0.50 }
    task-role: { statements: [{ Effect: Allow, Action: \"s3:*\", Resource: \"arn:aws:s3:::${app}-${environment}/${aws:username}\" }] }
";
    let staging = environment(text, "staging");
    assert_eq!(staging.domain.as_deref(), Some("staging.shop.example"));
    let web = &staging.services["web"];
    let command = web.command.clone().unwrap_or_default();
    assert_eq!(command[0], Text::literal("shop/staging/eu-central-1/111122223333/staging.shop.example/3f9c2e1"));
    assert_eq!(command[1], Text::literal("${app} $5 $$"));
    assert_eq!(
        web.environment["VPC"].0,
        [
            Part::Literal("in ".to_owned()),
            Part::Output { stack: "network".to_owned(), output: "VpcId".to_owned() },
            Part::Literal("!".to_owned()),
        ]
    );
    assert_eq!((&web.environment["PORT"], &web.environment["RATE"]), (&Text::literal("3000"), &Text::literal("0.50")));
    assert_eq!(web.task_role.statements[0]["Resource"], "arn:aws:s3:::shop-staging/${aws:username}");
}

#[test]
fn an_unknown_environment_is_named_with_what_was_meant() {
    let Err(problems) = read(BASE).environment("stagin", &given(), &()) else { panic!("there is none") };
    let [only] = problems.problems.as_slice() else { panic!("{problems}") };
    assert_eq!(only.message, "there is no environment `stagin`");
    assert_eq!(only.help.as_deref(), Some("did you mean `staging`?"));
}

#[test]
fn a_template_of_ones_own_is_read_with_its_short_forms() {
    let text = "app: shop
region: eu-central-1
environments: { staging: {} }
services: { web: { build: ., port: 80, environment: { URL: \"${stacks.cache.Endpoint}\" } } }
extra-stacks: { cache: { template: infra/cache.yml, parameters: { VpcId: \"${stacks.network.VpcId}\", Nodes: 2 } } }
";
    let template = "Parameters: { VpcId: { Type: 'AWS::EC2::VPC::Id' }, Nodes: { Type: Number } }
Outputs: { Endpoint: { Value: x } }
Resources:
  Group:
    Type: AWS::EC2::SecurityGroup
    Condition: Wanted
    Properties:
      VpcId: !Ref VpcId
      GroupDescription: !Sub 'of ${AWS::StackName}'
      Tags: [{ Key: a, Value: !Join ['-', [!Ref 'AWS::Region', !GetAtt Other.Name.Deep]] }]
      Flag: !If [Wanted, 012, 1e3]
Conditions: { Wanted: !Not [!Equals [a, b]], Same: !Condition Wanted }
";
    let staging = environment_with(text, "staging", &[("infra/cache.yml", template)]);
    assert_eq!(
        staging.extra_stacks["cache"].body,
        serde_json::json!({
            "Parameters": { "VpcId": { "Type": "AWS::EC2::VPC::Id" }, "Nodes": { "Type": "Number" } },
            "Outputs": { "Endpoint": { "Value": "x" } },
            "Resources": { "Group": {
                "Type": "AWS::EC2::SecurityGroup",
                "Condition": "Wanted",
                "Properties": {
                    "VpcId": { "Ref": "VpcId" },
                    "GroupDescription": { "Fn::Sub": "of ${AWS::StackName}" },
                    "Tags": [{ "Key": "a", "Value": {
                        "Fn::Join": ["-", [{ "Ref": "AWS::Region" }, { "Fn::GetAtt": ["Other", "Name.Deep"] }]],
                    } }],
                    "Flag": { "Fn::If": ["Wanted", "012", 1000.0] },
                },
            } },
            "Conditions": {
                "Wanted": { "Fn::Not": [{ "Fn::Equals": ["a", "b"] }] },
                "Same": { "Condition": "Wanted" },
            },
        })
    );
    assert_eq!(staging.extra_stacks["cache"].parameters["Nodes"], Text::literal("2"));
    let template = r#"{
        "Parameters": { "VpcId": {}, "Nodes": {} },
        "Resources": { "A": { "Type": "B::C::D" } },
        "Outputs": { "Endpoint": {} }
    }"#;
    let json = environment_with(text, "staging", &[("infra/cache.yml", template)]);
    assert_eq!(json.extra_stacks["cache"].body["Resources"]["A"]["Type"], "B::C::D");
}

#[test]
fn a_task_definition_of_ones_own_says_its_size() {
    let text = "app: shop
region: eu-central-1
environments: { staging: {} }
services: { web: { task-definition: ./task.json, port: 80 } }
";
    let file = "{ \"taskDefinition\": { \"containerDefinitions\": [{ \"name\": \"web\" }], \"cpu\": \"1 vCPU\", \"memory\": \"2048\" } }";
    let staging = environment_with(text, "staging", &[("./task.json", file)]);
    let web = &staging.services["web"];
    assert_eq!((web.cpu, web.memory), (1024, 2048));
    assert_eq!(web.image, ImageSource::TaskDefinition);
    let definition = web.task_definition.as_ref().map(|file| file.json["containerDefinitions"][0]["name"].clone());
    assert_eq!(definition, Some("web".into()));
}
