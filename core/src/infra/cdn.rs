//! The CDN: CloudFront in front of one service, with its certificate, its web ACL and its alarm, in us-east-1, where
//! CloudFront takes those from.
//!
//! Whatever asks the load balancer itself walks around the CDN. So the CDN sends a secret header, which the deployment
//! puts into the service's listener rule once the service's name leads to the CDN.

use serde_json::{Value as Json, json};

use super::{
    Export, Holds, Keep, Resource, StackDesired, Template, attribute, certificate, cluster, edge, firewall, monitoring,
    reference,
};
use crate::workflow::{Cdn, Environment, LoadBalancer, Service};

/// The stack's key.
pub const KEY: &str = "cdn";
/// CloudFront takes certificates and web ACLs from this region alone.
/// <https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/cnames-and-https-requirements.html>
pub const REGION: &str = "us-east-1";
/// The distribution's id.
pub const DISTRIBUTION_ID: Export = Export::one(KEY, "DistributionId", "The distribution");
/// The distribution's DNS name.
pub const DISTRIBUTION_DOMAIN_NAME: Export = Export::one(KEY, "DistributionDomainName", "DNS name of the distribution");
/// The header that shows the load balancer that a request came through the CDN.
pub const HEADER: &str = "x-origin-secret";
/// The logical id of its value's secret in the edge's stack.
pub const SECRET: &str = "OriginSecret";
/// The hosted zone of every distribution's DNS name, for alias records.
/// <https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-properties-route53-recordset-aliastarget.html>
pub const ALIAS_ZONE: &str = "Z2FDTNDATAQYW2";

/// AWS's policy that caches nothing.
/// <https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/using-managed-cache-policies.html>
const CACHING_DISABLED: &str = "4135ea2d-6df8-44a3-9df3-4b5a84be39ad";
/// AWS's policy that forwards all that the viewer sent, its Host too: the listener's rules and its certificate go by it.
/// <https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/using-managed-origin-request-policies.html>
const ALL_VIEWER: &str = "216adef6-5c7f-47e4-b989-5492eafa07d3";
/// Percent of requests answered with a server error.
const ERRORS: u32 = 5;

/// The CDN's stack, where one is wanted.
pub fn stacks(env: &Environment) -> Vec<StackDesired> {
    let Some((cdn, service)) = wanted(env) else { return Vec::new() };
    let mut template = Template::new(format!("{}: CDN", env.prefix()));
    let names = hosts(service);
    let Some(first) = names.first() else { return Vec::new() };
    template.add(
        "Certificate",
        Resource::new(
            "AWS::CertificateManager::Certificate",
            certificate::properties(env, first, names.iter().map(String::as_str)),
        )
        .keep(Keep::OnReplacement)
        .origin("cdn"),
    );
    let acl = web_acl(&mut template, env);
    if !cdn.cache.is_empty() {
        cache_policy(&mut template, env);
    }
    distribution(&mut template, env, cdn, &names, acl);
    alarm(&mut template, env);
    template.export(&DISTRIBUTION_ID, reference("Distribution"));
    template.export(&DISTRIBUTION_DOMAIN_NAME, attribute("Distribution", "DomainName"));
    vec![StackDesired::new(KEY, template).in_region(REGION)]
}

/// The CDN and the service behind it, where the load balancer is ours: of another's the DNS name is not known.
pub fn wanted(env: &Environment) -> Option<(&Cdn, &Service)> {
    let cdn = env.cdn.as_ref().filter(|_| matches!(env.load_balancer, LoadBalancer::Managed { .. }))?;
    Some((cdn, env.services.get(&cdn.service).filter(|service| service.host.is_some() && service.is_routed())?))
}

/// The names that the CDN answers for.
pub fn hosts(service: &Service) -> Vec<String> {
    service.host.iter().chain(&service.redirect_from).cloned().collect()
}

/// Whether this name leads to the CDN.
pub fn has(env: &Environment, host: &str) -> bool {
    wanted(env).is_some_and(|(_, service)| hosts(service).iter().any(|known| known == host))
}

/// Adds the header's secret to the edge's template. Where CloudFront's region is another, it has a copy there.
pub(super) fn origin_secret(template: &mut Template, env: &Environment) {
    if wanted(env).is_none() {
        template.retire(SECRET);
        return;
    }
    let mut properties = json!({
        "Name": format!("{}-origin", env.prefix()),
        "Description": "Header that the CDN shows the load balancer",
        "GenerateSecretString": {
            "PasswordLength": 40,
            "ExcludePunctuation": true,
            "ExcludeCharacters": "!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~",
        },
    });
    if env.region != REGION {
        properties["ReplicaRegions"] = json!([{ "Region": REGION }]);
    }
    template.add(
        SECRET,
        Resource::new("AWS::SecretsManager::Secret", properties)
            .keep(Keep::OnReplacement)
            .holds(Holds::Traffic)
            .origin("cdn"),
    );
    template.export(&edge::ORIGIN_SECRET_ARN, attribute(SECRET, "Id"));
}

/// The secret's value where CloudFormation resolves it: it stands in no template and no parameter. A copy has the ARN of
/// the first but for the region, and the reference goes to the stack's own.
/// <https://docs.aws.amazon.com/secretsmanager/latest/userguide/create-manage-multi-region-secrets.html>
pub(super) fn secret_value(arn: &Json) -> Json {
    let name = json!({ "Fn::Select": ["6", { "Fn::Split": [":", arn] }] });
    let text = "{{resolve:secretsmanager:arn:${AWS::Partition}:secretsmanager:${AWS::Region}:${AWS::AccountId}:secret:${Name}}}";
    json!({ "Fn::Sub": [text, { "Name": name }] })
}

/// The rate limit where the client's own address is seen, and the list of addresses that behave badly. The other
/// managed rules look at the request at the load balancer.
fn web_acl(template: &mut Template, env: &Environment) -> Option<Json> {
    let LoadBalancer::Managed { waf: Some(waf), .. } = &env.load_balancer else { return None };
    let rules = vec![firewall::by_address(waf), firewall::managed("AWSManagedRulesAmazonIpReputationList", waf.block)];
    template.add(
        "WebAcl",
        Resource::new(
            "AWS::WAFv2::WebACL",
            json!({
                "Scope": "CLOUDFRONT",
                "DefaultAction": { "Allow": {} },
                "Rules": firewall::numbered(rules),
                "VisibilityConfig": firewall::visibility(&format!("{}-cdn", env.prefix())),
            }),
        )
        .origin("load-balancer.waf"),
    );
    Some(attribute("WebAcl", "Arn"))
}

/// Host is in the key, or two hosts would share files; so is the query, which chooses the picture in many frameworks.
/// What the server says of caching goes before the defaults here.
/// <https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/controlling-the-cache-key.html>
fn cache_policy(template: &mut Template, env: &Environment) {
    template.add(
        "AssetCachePolicy",
        Resource::new(
            "AWS::CloudFront::CachePolicy",
            json!({
                "CachePolicyConfig": {
                    "Name": format!("{}-assets", env.prefix()),
                    "MinTTL": 0,
                    "DefaultTTL": 86_400,
                    "MaxTTL": 31_536_000,
                    "ParametersInCacheKeyAndForwardedToOrigin": {
                        "EnableAcceptEncodingBrotli": true,
                        "EnableAcceptEncodingGzip": true,
                        "HeadersConfig": { "HeaderBehavior": "whitelist", "Headers": ["Host"] },
                        "QueryStringsConfig": { "QueryStringBehavior": "all" },
                        "CookiesConfig": { "CookieBehavior": "none" },
                    },
                },
            }),
        )
        .origin("cdn.cache"),
    );
}

fn distribution(template: &mut Template, env: &Environment, cdn: &Cdn, hosts: &[String], acl: Option<Json>) {
    let origin = template.import(&edge::LOAD_BALANCER_DNS_NAME);
    let secret = template.import(&edge::ORIGIN_SECRET_ARN);
    let cached: Vec<Json> = cdn
        .cache
        .iter()
        .map(|pattern| {
            json!({
                "PathPattern": pattern,
                "TargetOriginId": "load-balancer",
                "ViewerProtocolPolicy": "redirect-to-https",
                "Compress": true,
                // Nothing but what is in the key reaches the server, so that no answer can be one viewer's own.
                "CachePolicyId": reference("AssetCachePolicy"),
            })
        })
        .collect();
    let mut config = json!({
        "Comment": env.prefix(),
        "Enabled": true,
        "HttpVersion": "http2and3",
        "IPV6Enabled": true,
        "Aliases": hosts,
        "ViewerCertificate": {
            "AcmCertificateArn": reference("Certificate"),
            "SslSupportMethod": "sni-only",
            "MinimumProtocolVersion": "TLSv1.2_2021",
        },
        "Origins": [{
            "Id": "load-balancer",
            "DomainName": origin,
            "CustomOriginConfig": {
                "OriginProtocolPolicy": "https-only",
                "HTTPSPort": 443,
                "OriginSSLProtocols": ["TLSv1.2"],
                // As long as the load balancer waits itself.
                "OriginReadTimeout": 60,
            },
            "OriginCustomHeaders": [{ "HeaderName": HEADER, "HeaderValue": secret_value(&secret) }],
        }],
        "DefaultCacheBehavior": {
            "TargetOriginId": "load-balancer",
            "ViewerProtocolPolicy": "redirect-to-https",
            "AllowedMethods": ["DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT"],
            "Compress": true,
            "CachePolicyId": CACHING_DISABLED,
            "OriginRequestPolicyId": ALL_VIEWER,
        },
    });
    if !cached.is_empty() {
        config["CacheBehaviors"] = cached.into();
    }
    if let Some(acl) = acl {
        config["WebACLId"] = acl;
    }
    template.add(
        "Distribution",
        Resource::new("AWS::CloudFront::Distribution", json!({ "DistributionConfig": config }))
            .holds(Holds::Traffic)
            .origin("cdn"),
    );
}

/// CloudFront's metrics are in us-east-1, and an alarm tells only topics of its own region: the environment's where it is
/// there, else one of this stack.
/// <https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/monitoring-using-cloudwatch.html>
fn alarm(template: &mut Template, env: &Environment) {
    let topic =
        if env.region == REGION { template.import(&cluster::ALARM_TOPIC_ARN) } else { cluster::topic(template, env) };
    let alarm = monitoring::Alarm {
        name: "cdn-5xx".to_owned(),
        about: "the CDN answers with server errors",
        namespace: "AWS/CloudFront",
        metric: "5xxErrorRate",
        dimensions: vec![("DistributionId", reference("Distribution")), ("Region", json!("Global"))],
        statistic: "Average",
        below: false,
        threshold: json!(ERRORS),
        period: 60,
        periods: 5,
    };
    template.add("ErrorsAlarm", alarm.resource(env, &topic).origin("cdn"));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::infra::Source;
    use crate::infra::testing::{environment, only};

    fn config(env: &Environment) -> Json {
        only(stacks(env)).resources["Distribution"].properties["DistributionConfig"].clone()
    }

    #[test]
    fn r16_the_cdn_stands_in_us_east_1_and_answers_for_the_services_names() {
        let stack = stacks(&environment("production")).remove(0);
        assert_eq!(stack.region.as_deref(), Some("us-east-1"));
        let it = config(&environment("production"));
        assert_eq!(it["Aliases"], json!(["www.finance-app.com", "finance-app.com"]));
        assert_eq!(it["ViewerCertificate"]["AcmCertificateArn"], reference("Certificate"));
        assert_eq!(stacks(&environment("staging")), []);
    }

    #[test]
    fn r16_the_origin_is_asked_over_https_with_the_viewers_host_and_the_secret() {
        let it = config(&environment("production"));
        let origin = &it["Origins"][0];
        assert_eq!(origin["CustomOriginConfig"]["OriginProtocolPolicy"], "https-only");
        assert_eq!(origin["DomainName"], reference("LoadBalancerDnsName"));
        assert_eq!(origin["OriginCustomHeaders"][0]["HeaderName"], HEADER);
        assert_eq!(it["DefaultCacheBehavior"]["OriginRequestPolicyId"], ALL_VIEWER);
    }

    #[test]
    fn r16_only_the_listed_paths_are_cached_and_each_host_for_itself() {
        let mut env = environment("production");
        let it = config(&env);
        assert_eq!(it["DefaultCacheBehavior"]["CachePolicyId"], CACHING_DISABLED);
        assert_eq!(it["CacheBehaviors"].as_array().unwrap().len(), 1);
        assert_eq!(it["CacheBehaviors"][0]["PathPattern"], "/_next/static/*");
        let policy = only(stacks(&env)).resources["AssetCachePolicy"].properties["CachePolicyConfig"].clone();
        let key = &policy["ParametersInCacheKeyAndForwardedToOrigin"];
        assert_eq!(key["HeadersConfig"], json!({ "HeaderBehavior": "whitelist", "Headers": ["Host"] }));
        env.cdn.as_mut().unwrap().cache.clear();
        assert!(config(&env).get("CacheBehaviors").is_none());
        assert!(!only(stacks(&env)).resources.contains_key("AssetCachePolicy"));
    }

    #[test]
    fn r16_the_secret_is_in_no_template_and_no_parameter() {
        let env = environment("production");
        let edge = only(edge::stacks(&env));
        let secret = &edge.resources[SECRET].properties;
        assert!(secret.contains_key("GenerateSecretString") && !secret.contains_key("SecretString"));
        assert!(!secret.contains_key("ReplicaRegions"));
        let cdn = only(stacks(&env));
        let value =
            &cdn.resources["Distribution"].properties["DistributionConfig"]["Origins"][0]["OriginCustomHeaders"][0];
        assert!(value["HeaderValue"]["Fn::Sub"][0].as_str().unwrap().starts_with("{{resolve:secretsmanager:"));
        let given = &cdn.parameters["OriginSecretArn"].source;
        assert_eq!(*given, Source::Output { stack: "edge".into(), output: "OriginSecretArn".into() });
    }

    #[test]
    fn r16_another_region_has_a_copy_of_the_secret_in_cloudfronts_and_a_topic_there() {
        let mut env = environment("production");
        env.region = "eu-west-1".into();
        let edge = only(edge::stacks(&env));
        assert_eq!(edge.resources[SECRET].properties["ReplicaRegions"], json!([{ "Region": "us-east-1" }]));
        let cdn = only(stacks(&env));
        assert_eq!(cdn.resources["ErrorsAlarm"].properties["AlarmActions"], json!([reference("AlarmTopic")]));
        assert_eq!(cdn.resources["AlarmMail"].properties["Endpoint"], "ops@finance-app.com");
    }

    #[test]
    fn r17_the_cdn_counts_clients_itself() {
        let it = only(stacks(&environment("production"))).resources["WebAcl"].properties.clone();
        assert_eq!(it["Scope"], "CLOUDFRONT");
        let rate = &it["Rules"][0]["Statement"]["RateBasedStatement"];
        assert_eq!((&rate["AggregateKeyType"], &rate["Limit"]), (&json!("IP"), &json!(2000)));
        let mut env = environment("production");
        env.load_balancer = LoadBalancer::Managed { waf: None, test_listener: None };
        assert!(config(&env).get("WebACLId").is_none());
    }

    #[test]
    fn r16_without_a_cdn_its_secret_may_go() {
        assert!(only(edge::stacks(&environment("staging"))).retired.contains(SECRET));
    }
}
