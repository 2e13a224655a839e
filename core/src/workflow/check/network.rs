//! Address ranges, and ids of what is there already.

use std::collections::BTreeSet;

use ipnet::Ipv4Net;

use crate::workflow::section::Reader;
use crate::workflow::{Environment, LoadBalancer, Network};

pub(super) fn check(env: &Environment, reader: &mut Reader<'_>) {
    match &env.network {
        Network::Managed { cidr, public_subnets, private_subnets, .. } => {
            if ["cidr", "public-subnets", "private-subnets"].iter().all(|key| reader.clean(&format!("network.{key}"))) {
                managed(cidr, public_subnets, private_subnets, reader);
            }
        }
        Network::Existing { public_subnets, private_subnets, .. } => {
            if reader.clean("network.existing") {
                existing(public_subnets, private_subnets, reader);
            }
        }
    }
    if let LoadBalancer::Existing { listener, test_listener, .. } = &env.load_balancer {
        belongs(listener, "load-balancer.existing.listener", true, env, reader);
        if let Some(test) = test_listener {
            belongs(test, "load-balancer.existing.test-listener", true, env, reader);
        }
    }
    if let Some(arn) = env.identity.as_ref().and_then(|identity| identity.oidc_provider.as_ref()) {
        belongs(arn, "identity.oidc-provider", false, env, reader);
    }
}

/// An ARN of another account or region than the environment's.
fn belongs(arn: &str, path: &str, regional: bool, env: &Environment, reader: &mut Reader<'_>) {
    let parts: Vec<&str> = arn.split(':').collect();
    let (Some(region), Some(account)) = (parts.get(3), parts.get(4)) else { return };
    if regional && *region != env.region {
        let message = format!("`{path}` is in {region}, the environment in {}", env.region);
        reader.error(path, message, None);
    }
    if let Some(own) = &env.account
        && account != own
    {
        let message = format!("`{path}` is in account {account}, the environment in {own}");
        reader.refuse(path, message, "write it under `environments` where accounts differ");
    }
}

fn existing(public: &[String], private: &[String], reader: &mut Reader<'_>) {
    let mut seen = BTreeSet::new();
    for (key, subnets) in [("public-subnets", public), ("private-subnets", private)] {
        let path = format!("network.existing.{key}");
        if subnets.len() < 2 {
            let message = format!("`{path}` must name at least two subnets, in two zones");
            reader.refuse(&path, message, "load balancer and database want two zones");
        }
        for (index, subnet) in subnets.iter().enumerate() {
            if !seen.insert(subnet.as_str()) {
                reader.error(&format!("{path}.{index}"), format!("`{subnet}` is named twice"), None);
            }
        }
    }
}

fn managed(cidr: &str, public: &[String], private: &[String], reader: &mut Reader<'_>) {
    let Some(vpc) = range(cidr, "network.cidr", reader) else { return };
    // https://docs.aws.amazon.com/vpc/latest/userguide/vpc-cidr-blocks.html
    if !(16..=28).contains(&vpc.prefix_len()) {
        let message = format!("`network.cidr` must be from /16 to /28, found /{}", vpc.prefix_len());
        reader.refuse("network.cidr", message, "such as `10.0.0.0/16`");
    }
    let private_ranges = ["10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10"];
    if !private_ranges.iter().filter_map(|range| range.parse::<Ipv4Net>().ok()).any(|range| range.contains(&vpc)) {
        let message = format!("`network.cidr` {cidr} is public: tasks could not reach whom it belongs to");
        reader.refuse("network.cidr", message, "take a range within 10.0.0.0/8, 172.16.0.0/12 or 192.168.0.0/16");
    }
    let mut seen: Vec<(String, Ipv4Net)> = Vec::new();
    for (key, subnets) in [("public-subnets", public), ("private-subnets", private)] {
        let path = format!("network.{key}");
        if !(2..=6).contains(&subnets.len()) {
            let message = format!("`{path}` must name two to six ranges, one a zone; found {}", subnets.len());
            reader.refuse(&path, message, "load balancer and database want two zones");
        }
        for (index, subnet) in subnets.iter().enumerate() {
            let path = format!("{path}.{index}");
            let Some(net) = range(subnet, &path, reader) else { continue };
            if !vpc.contains(&net) {
                reader.error(&path, format!("{net} is not within `network.cidr` {vpc}"), None);
            } else if let Some((_, other)) = seen.iter().find(|(_, o)| o.contains(&net) || net.contains(o)) {
                reader.error(&path, format!("{net} overlaps {other}"), None);
            }
            if net.prefix_len() > 28 {
                let message = format!("a subnet must be at least a /28, found /{}", net.prefix_len());
                reader.refuse(&path, message, "AWS keeps five addresses of each for itself");
            }
            seen.push((path, net));
        }
    }
    if public.len() != private.len() && reader.clean("network") {
        let message = format!("{} public but {} private subnets", public.len(), private.len());
        reader.refuse("network.private-subnets", message, "each zone has one of both");
    }
}

/// The range, where it is written as AWS writes it: `10.0.1.5/24` is an address within 10.0.1.0/24.
pub(super) fn range(text: &str, path: &str, reader: &mut Reader<'_>) -> Option<Ipv4Net> {
    let net: Ipv4Net = text.parse().ok()?;
    if net.trunc() != net {
        reader.refuse(path, format!("{text} is an address inside a range"), format!("write `{}`", net.trunc()));
        return None;
    }
    Some(net)
}
