//! The records that `bootstrap-dns` does not make: a person's, where the file names no hosted zone or a name is outside
//! it. Each is shown until the name is seen to lead where it shall.

use super::stack_node;
use crate::{
    infra::{
        cdn,
        dns::{self, Lead},
        edge,
    },
    plan::{Ask, Node, NodeId, World},
    workflow::{Environment, Value},
};

/// The node that shows them, where no stack makes any record.
pub(super) fn node(env: &Environment) -> Option<Node> {
    if by_hand(env).is_empty() {
        return None;
    }
    let services = env.routed().filter(|service| service.is_running());
    let mut needs: Vec<NodeId> = services.map(|service| NodeId::scoped("deploy-service", &service.name)).collect();
    needs.extend([stack_node(env, edge::KEY), stack_node(env, cdn::KEY)]);
    Some(Node { id: stack_node(env, dns::KEY), needs, service: None })
}

/// Whether the names lead there yet; and, of an endpoint that may lack things, whether it has the zone.
pub(super) fn asks(env: &Environment, world: &World) -> Vec<Ask> {
    let mut asks = Vec::new();
    if let (true, Some(id)) = (world.abilities.may_leave_out, &env.hosted_zone) {
        asks.push(Ask::HostedZone { id: id.clone() });
    }
    let by_hand = by_hand(env);
    if !by_hand.is_empty() {
        asks.push(Ask::Stacks { region: env.region.clone() });
    }
    if by_hand.iter().any(|lead| lead.to == Some(cdn::DISTRIBUTION_DOMAIN_NAME)) {
        asks.push(Ask::Stacks { region: cdn::REGION.to_owned() });
    }
    if world.abilities.resolves_names {
        let known = by_hand.into_iter().filter_map(|lead| match target(env, world, &lead) {
            Some(Value::Known(target)) => Some(Ask::LeadsTo { host: lead.host, target }),
            _ => None,
        });
        asks.extend(known);
    }
    asks
}

/// Whether the endpoint was asked for the zone and does not have it. AWS itself is not asked: there a zone that is
/// missing is the file's fault, and fails.
pub(super) fn lacks_zone(env: &Environment, world: &World) -> bool {
    env.hosted_zone.as_ref().is_some_and(|zone| world.hosted_zones.get(zone) == Some(&false))
}

/// What a person is to do, a line a name.
pub(super) fn notes(env: &Environment, world: &World) -> Vec<String> {
    let mut notes = Vec::new();
    if lacks_zone(env, world) {
        let zone = env.hosted_zone.as_deref().unwrap_or_default();
        notes.push(format!("DNS records were left out: this endpoint has no hosted zone {zone}"));
    }
    if world.abilities.resolves_names {
        notes.extend(by_hand(env).iter().filter_map(|lead| note(env, world, lead)));
    }
    notes
}

fn by_hand(env: &Environment) -> Vec<Lead> {
    dns::leads(env).into_iter().filter(|lead| !dns::is_ours(env, lead)).collect()
}

fn target(env: &Environment, world: &World, lead: &Lead) -> Option<Value> {
    lead.to.as_ref().map(|export| world.output(env, &export.stack, &export.name))
}

fn note(env: &Environment, world: &World, lead: &Lead) -> Option<String> {
    // A CNAME cannot stand at the top of a zone, where its other records are.
    // https://docs.aws.amazon.com/Route53/latest/DeveloperGuide/resource-record-sets-choosing-alias-non-alias.html
    let kind = if env.domain.as_deref() == Some(&lead.host) {
        "an ALIAS or ANAME (a CNAME where the name is not the top of its zone)"
    } else {
        "a CNAME"
    };
    let to = match target(env, world, lead) {
        None => "your load balancer".to_owned(),
        Some(Value::Known(target)) => {
            let asked = (lead.host.clone(), target);
            if world.leads.get(&asked).copied().unwrap_or_default() {
                return None;
            }
            asked.1
        }
        Some(Value::Pending(_)) => match &lead.to {
            Some(export) if *export == cdn::DISTRIBUTION_DOMAIN_NAME => "the CDN, once it is made".to_owned(),
            _ => "the load balancer, once it is made".to_owned(),
        },
    };
    Some(format!("make this DNS record: {} as {kind} to {to}", lead.host))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::{Stack, StackStatus};
    use crate::testing::{EXAMPLE, environment};
    use crate::text::Foreign;

    fn without_zone() -> Environment {
        environment(&EXAMPLE.replace("dns: { hosted-zone: Z0123EXAMPLE }", "dns: {}"), "production")
    }

    #[test]
    fn r5_without_a_zone_the_records_to_make_are_shown_until_they_are_there() {
        let env = without_zone();
        assert_eq!(node(&env).unwrap().id.to_string(), "bootstrap-dns");
        let mut world = World::default();
        let first = notes(&env, &world);
        assert_eq!(first.len(), 3);
        assert!(first[0].contains("api.finance-app.com as a CNAME to the load balancer, once it is made"), "{first:?}");
        assert!(first[1].contains("finance-app.com as an ALIAS or ANAME") && first[1].contains("to the CDN"));
        let stack = Stack {
            name: env.stack_name("edge"),
            region: env.region.clone(),
            status: StackStatus("CREATE_COMPLETE".into()),
            reason: Foreign::default(),
            outputs: [("LoadBalancerDnsName".to_owned(), "lb.elb.amazonaws.com".into())].into(),
            parameters: Default::default(),
            tags: Default::default(),
            protected: false,
        };
        world.stacks.insert(stack.name.clone(), stack);
        assert!(notes(&env, &world)[0].ends_with("api.finance-app.com as a CNAME to lb.elb.amazonaws.com"));
        let ask = Ask::LeadsTo { host: "api.finance-app.com".into(), target: "lb.elb.amazonaws.com".into() };
        assert!(asks(&env, &world).contains(&ask));
        world.leads.insert(("api.finance-app.com".into(), "lb.elb.amazonaws.com".into()), true);
        assert_eq!(notes(&env, &world).len(), 2);
        world.abilities.resolves_names = false;
        assert_eq!(notes(&env, &world), Vec::<String>::new());
    }

    #[test]
    fn r5_with_a_zone_nothing_is_left_to_a_person() {
        let env = environment(EXAMPLE, "production");
        assert_eq!(notes(&env, &World::default()), Vec::<String>::new());
        assert!(asks(&env, &World::default()).is_empty());
    }
}
