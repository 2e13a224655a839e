//! The certificate, alone in its stack: it may wait for a DNS record that a person makes, and that must hold up nothing
//! else.

use std::collections::BTreeSet;

use serde_json::{Value as Json, json};

use super::{Export, Keep, Resource, StackDesired, Template, reference};
use crate::workflow::Environment;

/// The stack's key.
pub const KEY: &str = "certificate";
/// The certificate.
pub const CERTIFICATE_ARN: Export = Export::one(KEY, "CertificateArn", "The certificate");

/// The certificate's stack, where there is a domain.
pub fn stacks(env: &Environment) -> Vec<StackDesired> {
    let Some(domain) = &env.domain else { return Vec::new() };
    let mut template = Template::new(format!("{}: certificate", env.prefix()));
    // Another name is another certificate. The old one stays while the listener still has it, or its deletion would be
    // tried until the update times out.
    // https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-certificatemanager-certificate.html
    template.add(
        "Certificate",
        Resource::new("AWS::CertificateManager::Certificate", certificate(env, domain))
            .keep(Keep::OnReplacement)
            .origin("domain"),
    );
    template.export(&CERTIFICATE_ARN, reference("Certificate"));
    vec![StackDesired::new(KEY, template)]
}

fn certificate(env: &Environment, domain: &str) -> Json {
    let hosts = env.routed().flat_map(|service| service.host.iter().chain(&service.redirect_from));
    properties(env, domain, hosts.map(String::as_str))
}

/// A certificate's properties for a name and others beside it.
pub(super) fn properties<'a>(env: &Environment, name: &'a str, others: impl Iterator<Item = &'a str>) -> Json {
    let others: BTreeSet<&str> = others.filter(|other| *other != name).collect();
    let mut properties = json!({ "DomainName": name, "ValidationMethod": "DNS" });
    if !others.is_empty() {
        properties["SubjectAlternativeNames"] = json!(others);
    }
    if let Some(zone) = &env.hosted_zone {
        // A name outside the zone has no record there: its record is shown to the user.
        let options: Vec<Json> = std::iter::once(name)
            .chain(others)
            .filter(|name| in_zone(env, name))
            .map(|name| json!({ "DomainName": name, "HostedZoneId": zone }))
            .collect();
        properties["DomainValidationOptions"] = options.into();
    }
    properties
}

/// Whether the hosted zone of the file has the records of this name: it holds those of the domain and below.
pub(super) fn in_zone(env: &Environment, name: &str) -> bool {
    let Some(domain) = env.domain.as_deref().filter(|_| env.hosted_zone.is_some()) else { return false };
    name == domain || name.strip_suffix(domain).is_some_and(|rest| rest.ends_with('.'))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::infra::testing::{environment, only};

    fn certificate_of(env: &Environment) -> Resource {
        only(stacks(env)).resources["Certificate"].clone()
    }

    #[test]
    fn r6_the_certificate_names_the_domain_and_every_host() {
        let it = certificate_of(&environment("production")).properties;
        assert_eq!(it["DomainName"], "finance-app.com");
        assert_eq!(it["SubjectAlternativeNames"], json!(["api.finance-app.com", "www.finance-app.com"]));
        assert_eq!(it["ValidationMethod"], "DNS");
    }

    #[test]
    fn r6_a_zone_makes_validation_automatic_for_the_names_in_it() {
        let mut env = environment("staging");
        env.services.get_mut("web").unwrap().redirect_from = vec!["finance.example".into()];
        let validated: Vec<Json> = certificate_of(&env).properties["DomainValidationOptions"]
            .as_array()
            .unwrap()
            .iter()
            .map(|option| option["DomainName"].clone())
            .collect();
        assert_eq!(
            validated,
            ["staging.finance-app.com", "api.staging.finance-app.com", "www.staging.finance-app.com"]
        );
        env.hosted_zone = None;
        assert!(!certificate_of(&env).properties.contains_key("DomainValidationOptions"));
    }

    #[test]
    fn r6_another_name_leaves_the_certificate_that_is_in_use() {
        assert_eq!(certificate_of(&environment("staging")).keep, Keep::OnReplacement);
    }

    #[test]
    fn without_a_domain_there_is_no_certificate() {
        let mut env = environment("staging");
        env.domain = None;
        assert_eq!(stacks(&env), []);
    }
}
