//! From the sections as read to `Environment`: defaults that depend on other keys, and keys of which one excludes
//! another.

mod service;

use std::collections::BTreeMap;

use super::files::{read_task_definition, read_template};
use super::load::Files;
use super::section::{
    DatabaseKeys, ExtraStackKeys, FileKeys, IdentityKeys, LoadBalancerKeys, NetworkKeys, Reader, WafMode, listed,
};
use super::{
    Cdn, Cluster, Database, Egress, Environment, ExtraStack, Identity, LoadBalancer, ManagedDatabase, Monitoring,
    Network, Origins, OwnStage, TestListener, Text, Waf,
};

/// The environment of these keys.
pub(super) fn lower(
    keys: FileKeys,
    name: &str,
    differs: &[String],
    files: &dyn Files,
    reader: &mut Reader<'_>,
) -> Environment {
    let protected = keys.protected.unwrap_or_else(|| {
        let protected = name == "production";
        reader.defaulted("protected", protected.to_string());
        protected
    });
    let services = keys
        .services
        .0
        .into_iter()
        .filter_map(|(name, keys)| {
            let definition = keys.task_definition.as_ref().and_then(|path| {
                let key = format!("services.{name}.task-definition");
                read_task_definition(&path.0, &key, files, reader)
            });
            let service = service::service(&name, keys, definition, differs.contains(&name), reader)?;
            Some((name, service))
        })
        .collect();
    Environment {
        siblings: BTreeMap::new(),
        app: keys.app.0,
        name: name.to_owned(),
        region: keys.region.0,
        account: keys.account.map(|account| account.0),
        domain: keys.domain.map(|domain| domain.0),
        protected,
        identity: keys.identity.map(identity),
        network: network(keys.network, reader),
        cluster: Cluster {
            existing: keys.cluster.existing.map(|name| name.0),
            container_insights: keys.cluster.container_insights,
        },
        hosted_zone: keys.dns.hosted_zone.map(|zone| zone.0),
        database: keys.database.and_then(|keys| database(keys, reader)),
        load_balancer: load_balancer(keys.load_balancer, reader),
        cdn: keys.cdn.map(|keys| Cdn {
            service: keys.service.0,
            cache: keys.cache.into_iter().map(|pattern| pattern.0).collect(),
        }),
        monitoring: Monitoring {
            notify: keys.monitoring.notify.map(|mail| mail.0),
            log_retention_days: keys.monitoring.log_retention.0 / 86_400,
            tracing: keys.monitoring.tracing,
        },
        services,
        extra_stacks: keys
            .extra_stacks
            .0
            .into_iter()
            .filter_map(|(name, keys)| extra_stack(&name, keys, files, reader).map(|stack| (name, stack)))
            .collect(),
        stages: keys
            .stages
            .0
            .into_iter()
            .map(|(name, keys)| {
                let stage = OwnStage {
                    run: keys.run.0,
                    needs: keys.needs.into_iter().map(|need| need.0).collect(),
                    only: keys.only.into_iter().map(|only| only.0).collect(),
                    timeout: keys.timeout.0,
                };
                (name, stage)
            })
            .collect(),
        origins: Origins::default(),
    }
}

fn identity(keys: IdentityKeys) -> Identity {
    Identity {
        repository: keys.repository.0,
        repository_id: keys.repository_id.0,
        owner_id: keys.owner_id.map(|id| id.0),
        branch: keys.branch.0,
        oidc_provider: keys.oidc_provider.map(|arn| arn.0),
    }
}

/// Refuses what stands beside `existing`.
fn alone(path: &str, others: &[(&str, bool)], reader: &mut Reader<'_>) {
    let beside: Vec<&str> = others.iter().filter(|(_, there)| *there).map(|(key, _)| *key).collect();
    if let Some(first) = beside.first() {
        let message = format!("`{path}.existing` stands beside {}", listed(&beside));
        let help = "what exists is taken as it is; in an environment `KEY: null` takes a key away";
        reader.refuse(&format!("{path}.{first}"), message, help);
    }
}

fn network(keys: NetworkKeys, reader: &mut Reader<'_>) -> Network {
    if let Some(existing) = keys.existing {
        let others = [
            ("cidr", keys.cidr.is_some()),
            ("public-subnets", keys.public_subnets.is_some()),
            ("private-subnets", keys.private_subnets.is_some()),
            ("egress", keys.egress.is_some()),
        ];
        alone("network", &others, reader);
        let ids = |subnets: Vec<super::section::SubnetId>| subnets.into_iter().map(|subnet| subnet.0).collect();
        return Network::Existing {
            vpc: existing.vpc.0,
            public_subnets: ids(existing.public_subnets),
            private_subnets: ids(existing.private_subnets),
        };
    }
    let cidr = keys.cidr.map_or_else(
        || {
            reader.defaulted("network.cidr", "10.0.0.0/16");
            "10.0.0.0/16".to_owned()
        },
        |cidr| cidr.0,
    );
    let mut subnets = |given: Option<Vec<super::section::Cidr>>, key: &str, first: usize| match given {
        Some(given) => given.into_iter().map(|cidr| cidr.0).collect(),
        None => {
            let cut = cut(&cidr, first);
            if cut.is_empty() {
                if reader.clean("network") {
                    let message = format!("`network.cidr` is too small to cut `{key}` from");
                    reader.refuse("network.cidr", message, "take a /16 to /25, or name the subnets");
                }
            } else {
                reader.defaulted(&format!("network.{key}"), format!("[{}]", cut.join(", ")));
            }
            cut
        }
    };
    let public_subnets = subnets(keys.public_subnets, "public-subnets", 1);
    let private_subnets = subnets(keys.private_subnets, "private-subnets", 3);
    let egress = keys.egress.unwrap_or_else(|| {
        reader.defaulted("network.egress", "nat-gateway");
        Egress::NatGateway
    });
    Network::Managed { cidr, public_subnets, private_subnets, egress }
}

/// Two subnets cut from a VPC's range: its blocks of /24, or of an eighth of it where it is small; the first block
/// stays free. Empty where it is too small.
fn cut(cidr: &str, first: usize) -> Vec<String> {
    let Ok(net) = cidr.parse::<ipnet::Ipv4Net>() else { return Vec::new() };
    let prefix = (net.prefix_len() + 3).max(24);
    if prefix > 28 {
        return Vec::new();
    }
    match net.subnets(prefix) {
        Ok(subnets) => subnets.skip(first).take(2).map(|subnet| subnet.to_string()).collect(),
        Err(_) => Vec::new(),
    }
}

fn database(keys: DatabaseKeys, reader: &mut Reader<'_>) -> Option<Database> {
    if let Some(existing) = keys.existing {
        let others = [
            ("engine", keys.engine.is_some()),
            ("version", keys.version.is_some()),
            ("instance-class", keys.instance_class.is_some()),
            ("allocated-storage", keys.allocated_storage.is_some()),
            ("multi-az", keys.multi_az.is_some()),
            ("backup-retention", keys.backup_retention.is_some()),
            ("replicate-backups-to", keys.replicate_backups_to.is_some()),
            ("parameters", keys.parameters.is_some()),
            ("password-generation", keys.password_generation.is_some()),
        ];
        alone("database", &others, reader);
        return Some(Database::Existing {
            url: existing.url.0,
            client_security_group: existing.client_security_group.0,
        });
    }
    let mut or = |there: bool, key: &str, default: &str| {
        if !there {
            reader.defaulted(&format!("database.{key}"), default);
        }
    };
    or(keys.engine.is_some(), "engine", "postgres");
    or(keys.version.is_some(), "version", DATABASE_VERSION);
    or(keys.instance_class.is_some(), "instance-class", "db.t3.micro");
    or(keys.allocated_storage.is_some(), "allocated-storage", "20");
    or(keys.multi_az.is_some(), "multi-az", "false");
    or(keys.backup_retention.is_some(), "backup-retention", "7d");
    or(keys.password_generation.is_some(), "password-generation", "1");
    let parameters = keys.parameters.map(|map| map.0).unwrap_or_default();
    let parameters = parameters
        .into_iter()
        .filter_map(|(name, value)| {
            let known = literal(&value);
            if known.is_none() {
                let path = format!("database.parameters.{name}");
                reader.error(&path, "outputs of stacks cannot stand in the database's parameters", None);
            }
            known.map(|value| (name, value))
        })
        .collect();
    Some(Database::Managed(ManagedDatabase {
        engine: "postgres".to_owned(),
        version: keys.version.map_or_else(|| DATABASE_VERSION.to_owned(), |version| version.0),
        instance_class: keys.instance_class.map_or_else(|| "db.t3.micro".to_owned(), |class| class.0),
        allocated_storage: keys.allocated_storage.map_or(20, |size| size.0),
        multi_az: keys.multi_az.unwrap_or(false),
        backup_retention_days: keys.backup_retention.map_or(7, |retention| retention.0 / 86_400),
        replicate_backups_to: keys.replicate_backups_to.map(|region| region.0),
        parameters,
        password_generation: keys.password_generation.map_or(1, |generation| generation.0),
    }))
}

/// Never raised once released: a later default would upgrade the databases of those who named none.
const DATABASE_VERSION: &str = "17";

fn literal(text: &Text) -> Option<String> {
    match text.0.as_slice() {
        [super::Part::Literal(literal)] => Some(literal.clone()),
        [] => Some(String::new()),
        _ => None,
    }
}

fn load_balancer(keys: LoadBalancerKeys, reader: &mut Reader<'_>) -> LoadBalancer {
    if let Some(existing) = keys.existing {
        alone("load-balancer", &[("waf", keys.waf.is_some())], reader);
        if keys.test_listener.is_some() {
            let message =
                "`load-balancer.existing` stands beside `test-listener`: listeners of yours are not made here";
            let help = "make it yourself, and name its ARN in `load-balancer.existing.test-listener`";
            reader.refuse_name("load-balancer.test-listener", message, help);
        }
        return LoadBalancer::Existing {
            listener: existing.listener.0,
            security_group: existing.security_group.0,
            test_listener: existing.test_listener.map(|listener| listener.0),
        };
    }
    LoadBalancer::Managed {
        waf: keys.waf.map(|waf| Waf { block: waf.mode == WafMode::Block, rate_limit: waf.rate_limit.0 }),
        test_listener: keys.test_listener.and_then(|keys| {
            let allow_from = keys.allow_from.0.into_iter().map(|range| range.0).collect();
            Some(TestListener { port: u16::try_from(keys.port.0).ok()?, allow_from })
        }),
    }
}

fn extra_stack(name: &str, keys: ExtraStackKeys, files: &dyn Files, reader: &mut Reader<'_>) -> Option<ExtraStack> {
    let path = format!("extra-stacks.{name}.template");
    let body = read_template(&keys.template.0, &path, files, reader)?;
    let parameters: BTreeMap<_, _> = keys.parameters.0;
    Some(ExtraStack { template: keys.template.0, body, parameters })
}
