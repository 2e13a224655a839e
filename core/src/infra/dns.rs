//! DNS: an alias record for every name that the load balancer or the CDN answers for.
//!
//! Last of all stacks, after the services: a name leads to something that answers. One record a name, so that turning
//! the CDN on or off changes its target in place.

use serde_json::{Value as Json, json};

use super::{Export, Resource, StackDesired, Template, cdn, certificate, edge, pascal};
use crate::workflow::{Environment, LoadBalancer};

/// The stack's key.
pub const KEY: &str = "dns";
/// The CDN's DNS name, once the names of the service behind it lead there.
pub const CDN_TARGET: Export = Export::one(KEY, "CdnTarget", "DNS name of the distribution that names lead to");

/// A name, and the output of the stack that it shall lead to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lead {
    /// The name.
    pub host: String,
    /// Where to; none where the load balancer is the user's, whose DNS name is not known.
    pub to: Option<Export>,
}

/// The records' stack, where the file names a hosted zone and the load balancer is ours.
pub fn stacks(env: &Environment) -> Vec<StackDesired> {
    let Some(zone) = &env.hosted_zone else { return Vec::new() };
    let leads: Vec<Lead> = leads(env).into_iter().filter(|lead| is_ours(env, lead)).collect();
    if leads.is_empty() {
        return Vec::new();
    }
    let mut template = Template::new(format!("{}: DNS records", env.prefix()));
    for lead in leads {
        if cdn::has(env, &lead.host) {
            let target = template.import(&cdn::DISTRIBUTION_DOMAIN_NAME);
            for kind in ["A", "AAAA"] {
                record(&mut template, zone, &lead.host, kind, &target, json!(cdn::ALIAS_ZONE));
            }
            template.export(&CDN_TARGET, target);
        } else {
            let target = template.import(&edge::LOAD_BALANCER_DNS_NAME);
            let zone_of_target = template.import(&edge::LOAD_BALANCER_ZONE);
            // The load balancer has no IPv6 address.
            record(&mut template, zone, &lead.host, "A", &target, zone_of_target);
        }
    }
    let after_services = env.routed().filter(|service| service.is_running()).map(|service| service.name.clone());
    vec![StackDesired { after_services: after_services.collect(), ..StackDesired::new(KEY, template) }]
}

/// Every name and where it shall lead, in the order of names.
pub fn leads(env: &Environment) -> Vec<Lead> {
    if env.domain.is_none() {
        return Vec::new();
    }
    let mut hosts: Vec<&String> =
        env.routed().flat_map(|service| service.host.iter().chain(&service.redirect_from)).collect();
    hosts.sort();
    hosts
        .into_iter()
        .map(|host| {
            let to = match &env.load_balancer {
                _ if cdn::has(env, host) => Some(cdn::DISTRIBUTION_DOMAIN_NAME),
                LoadBalancer::Managed { .. } => Some(edge::LOAD_BALANCER_DNS_NAME),
                LoadBalancer::Existing { .. } => None,
            };
            Lead { host: host.clone(), to }
        })
        .collect()
}

/// Whether the stack makes this name's record; a person does otherwise.
pub fn is_ours(env: &Environment, lead: &Lead) -> bool {
    lead.to.is_some() && certificate::in_zone(env, &lead.host)
}

fn record(template: &mut Template, zone: &str, host: &str, kind: &str, target: &Json, zone_of_target: Json) {
    // Named by the host, so that another host moves no record; dots and hyphens are told apart.
    let id = format!("{}{}Record", pascal(&host.replace('.', "-dot-").replace('*', "any")), pascal(kind));
    template.add(
        id,
        Resource::new(
            "AWS::Route53::RecordSet",
            json!({
                "HostedZoneId": zone,
                "Name": host,
                "Type": kind,
                "AliasTarget": { "DNSName": target, "HostedZoneId": zone_of_target, "EvaluateTargetHealth": false },
            }),
        )
        .origin("dns"),
    );
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::infra::reference;
    use crate::infra::testing::{environment, only};

    fn targets(env: &Environment) -> Vec<(String, String, Json)> {
        let records = only(stacks(env)).resources.into_values();
        let told = records.map(|record| {
            let of = |key: &str| record.properties[key].as_str().unwrap().to_owned();
            (of("Name"), of("Type"), record.properties["AliasTarget"]["DNSName"].clone())
        });
        let mut told: Vec<_> = told.collect();
        told.sort_by(|one, other| (&one.0, &one.1).cmp(&(&other.0, &other.1)));
        told
    }

    #[test]
    fn r5_every_host_leads_to_the_load_balancer() {
        let balancer = reference("LoadBalancerDnsName");
        let hosts: Vec<_> = targets(&environment("staging"));
        let names: Vec<&str> = hosts.iter().map(|(name, ..)| name.as_str()).collect();
        assert_eq!(names, ["api.staging.finance-app.com", "staging.finance-app.com", "www.staging.finance-app.com"]);
        assert!(hosts.iter().all(|(_, kind, target)| kind == "A" && *target == balancer));
    }

    #[test]
    fn r16_turning_the_cdn_on_changes_targets_in_place() {
        let on = environment("production");
        let mut off = on.clone();
        off.cdn = None;
        let (on, off) = (only(stacks(&on)), only(stacks(&off)));
        for (id, record) in &off.resources {
            let after = &on.resources[id];
            assert_eq!(
                (&after.properties["Name"], &after.properties["Type"]),
                (&record.properties["Name"], &json!("A"))
            );
        }
        let www = &on.resources["WwwDotFinanceAppDotComARecord"].properties["AliasTarget"];
        assert_eq!(www["DNSName"], reference("DistributionDomainName"));
        assert_eq!(www["HostedZoneId"], cdn::ALIAS_ZONE);
        let api = &on.resources["ApiDotFinanceAppDotComARecord"].properties["AliasTarget"];
        assert_eq!(api["DNSName"], reference("LoadBalancerDnsName"));
        assert!(on.outputs.contains_key("CdnTarget") && !off.outputs.contains_key("CdnTarget"));
    }

    #[test]
    fn r5_names_outside_the_zone_are_a_persons_to_make() {
        let mut env = environment("staging");
        env.services.get_mut("web").unwrap().redirect_from = vec!["finance.example".into()];
        assert!(targets(&env).iter().all(|(name, ..)| name != "finance.example"));
        let by_hand: Vec<Lead> = leads(&env).into_iter().filter(|lead| !is_ours(&env, lead)).collect();
        assert_eq!(by_hand.len(), 1);
        env.hosted_zone = None;
        assert_eq!(stacks(&env), []);
        assert!(leads(&env).iter().all(|lead| !is_ours(&env, lead) && lead.to.is_some()));
    }

    #[test]
    fn r5_the_records_wait_for_the_services() {
        assert_eq!(stacks(&environment("staging"))[0].after_services, ["api", "web"]);
    }
}
