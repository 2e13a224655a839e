//! The network: VPC, subnets, egress, endpoints, flow logs, and the security groups that several stacks share.
//!
//! Over a VPC that is there already the stack holds the groups only and passes the ids through, so that no later
//! stack asks which of the two it is.

use serde_json::{Value as Json, json};

use super::export::joined;
use super::groups::{Rule, group};
use super::{
    Export, Holds, Keep, Resource, StackDesired, Template, attribute, pascal, reference, roles, substitute,
    test_listener,
};
use crate::iam::{Policy, Statement};
use crate::workflow::{Database, Egress, Environment, LoadBalancer, Network, SecretSource};

/// The stack's key.
pub const KEY: &str = "network";
/// The VPC.
pub const VPC_ID: Export = Export::one(KEY, "VpcId", "The VPC");
/// The public subnets, one a zone.
pub const PUBLIC_SUBNET_IDS: Export = Export::many(KEY, "PublicSubnetIds", "Subnets of the load balancer");
/// The private subnets, one a zone.
pub const PRIVATE_SUBNET_IDS: Export = Export::many(KEY, "PrivateSubnetIds", "Subnets of tasks and database");
/// The load balancer's group; only where a service is routed.
pub const LOAD_BALANCER_GROUP: Export =
    Export::one(KEY, "LoadBalancerSecurityGroupId", "Security group of the load balancer");
/// The group of our own database.
pub const DATABASE_GROUP: Export = Export::one(KEY, "DatabaseSecurityGroupId", "Security group of the database");
/// The group a task attaches to reach our own database.
pub const DATABASE_CLIENTS_GROUP: Export =
    Export::one(KEY, "DatabaseClientsSecurityGroupId", "Security group that the database lets in");
/// Our own addresses in the internet, as ranges; only where there are NAT gateways.
pub const NAT_ADDRESSES: Export = Export::many(KEY, "NatAddresses", "Addresses the tasks are seen with, as ranges");

/// The ids of our NAT gateways; only where there are some.
pub const NAT_GATEWAY_IDS: Export = Export::many(KEY, "NatGatewayIds", "The NAT gateways");

/// PostgreSQL's port.
pub const DATABASE_PORT: u16 = 5432;

/// The group a service attaches to reach those that name it in `allow-from`.
pub fn clients_group(caller: &str) -> Export {
    Export::named(KEY, format!("{}ClientsSecurityGroupId", pascal(caller)), "Security group of a caller")
}

/// Whether some service names this one in `allow-from`.
pub fn is_caller(env: &Environment, service: &str) -> bool {
    env.services.values().any(|callee| callee.allow_from.iter().any(|caller| caller == service))
}

/// Whether the private subnets reach the internet with addresses we know.
pub fn has_nat(env: &Environment) -> bool {
    matches!(&env.network, Network::Managed { egress: Egress::NatGateway | Egress::NatGatewayPerAz, .. })
}

/// Where everything else is put.
struct Place {
    vpc: Json,
    range: Json,
    public: Vec<Json>,
    private: Vec<Json>,
}

/// The network's stack.
pub fn stacks(env: &Environment) -> Vec<StackDesired> {
    let mut template = Template::new(format!("{}: network", env.prefix()));
    let place = match &env.network {
        Network::Managed { cidr, public_subnets, private_subnets, egress } => {
            let place = Place {
                vpc: vpc(&mut template, cidr),
                range: json!(cidr),
                public: public(&mut template, public_subnets),
                private: private(&mut template, private_subnets),
            };
            gateways(&mut template, *egress, &place);
            endpoints(&mut template, env, *egress, &place);
            flow_logs(&mut template, env);
            place
        }
        Network::Existing { vpc, public_subnets, private_subnets } => Place {
            vpc: json!(vpc),
            range: json!("0.0.0.0/0"),
            public: public_subnets.iter().map(|id| json!(id)).collect(),
            private: private_subnets.iter().map(|id| json!(id)).collect(),
        },
    };
    load_balancer_group(&mut template, env, &place);
    database_groups(&mut template, env, &place);
    callers_groups(&mut template, env, &place);

    template.export(&VPC_ID, place.vpc);
    template.export(&PUBLIC_SUBNET_IDS, joined(&place.public));
    template.export(&PRIVATE_SUBNET_IDS, joined(&place.private));
    if template.resources.is_empty() {
        // CloudFormation refuses a template without resources; this one makes nothing.
        template.add("Nothing", Resource::new("AWS::CloudFormation::WaitConditionHandle", json!({})));
    }
    vec![StackDesired::new(KEY, template)]
}

fn vpc(template: &mut Template, cidr: &str) -> Json {
    template.add(
        "Vpc",
        // Both for private DNS: the namespace's names and the endpoints'.
        Resource::new(
            "AWS::EC2::VPC",
            json!({ "CidrBlock": cidr, "EnableDnsSupport": true, "EnableDnsHostnames": true }),
        )
        .holds(Holds::Traffic)
        .origin("network.cidr"),
    );
    template.add("InternetGateway", Resource::new("AWS::EC2::InternetGateway", json!({})).holds(Holds::Traffic));
    template.add(
        "InternetGatewayAttachment",
        Resource::new(
            "AWS::EC2::VPCGatewayAttachment",
            json!({ "VpcId": reference("Vpc"), "InternetGatewayId": reference("InternetGateway") }),
        )
        .holds(Holds::Traffic),
    );
    reference("Vpc")
}

/// Public subnets, one a zone, with one way out for all. Nothing in them gets a public address by itself: the load
/// balancer and the NAT gateways bring their own.
fn public(template: &mut Template, ranges: &[String]) -> Vec<Json> {
    template.add("PublicRouteTable", route_table());
    template.add(
        "PublicRoute",
        Resource::new(
            "AWS::EC2::Route",
            json!({
                "RouteTableId": reference("PublicRouteTable"),
                "DestinationCidrBlock": "0.0.0.0/0",
                "GatewayId": reference("InternetGateway"),
            }),
        )
        .after("InternetGatewayAttachment"),
    );
    numbered(ranges)
        .map(|(zone, range)| {
            let id = format!("PublicSubnet{zone}");
            template.add(&id, subnet(zone, range, "network.public-subnets"));
            template.add(format!("{id}RouteTable"), route_table_of(&id, "PublicRouteTable"));
            reference(&id)
        })
        .collect()
}

/// Private subnets, one a zone, each with a route table of its own, so that another kind of egress moves routes only.
fn private(template: &mut Template, ranges: &[String]) -> Vec<Json> {
    numbered(ranges)
        .map(|(zone, range)| {
            let id = format!("PrivateSubnet{zone}");
            let table = format!("PrivateRouteTable{zone}");
            template.add(&id, subnet(zone, range, "network.private-subnets"));
            template.add(&table, route_table());
            template.add(format!("{id}RouteTable"), route_table_of(&id, &table));
            reference(&id)
        })
        .collect()
}

/// How many NAT gateways we make.
pub fn gateways_of(env: &Environment) -> usize {
    match &env.network {
        Network::Managed { egress, public_subnets, private_subnets, .. } => {
            count(*egress, public_subnets.len(), private_subnets.len())
        }
        Network::Existing { .. } => 0,
    }
}

fn count(egress: Egress, public: usize, private: usize) -> usize {
    match egress {
        Egress::VpcEndpoints => 0,
        Egress::NatGateway => 1,
        Egress::NatGatewayPerAz => public.min(private),
    }
}

/// NAT gateways, and the private subnets' routes to them.
fn gateways(template: &mut Template, egress: Egress, place: &Place) {
    let zones = place.private.len();
    let gateways = count(egress, place.public.len(), zones);
    if gateways == 0 {
        return;
    }
    for (zone, subnet) in numbered(&place.public).take(gateways) {
        template.add(
            format!("NatAddress{zone}"),
            // An address of a VPC can be made only once the VPC has its gateway.
            // https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-ec2-eip.html
            Resource::new("AWS::EC2::EIP", json!({ "Domain": "vpc" }))
                .after("InternetGatewayAttachment")
                .holds(Holds::Traffic)
                .origin("network.egress"),
        );
        template.add(
            format!("NatGateway{zone}"),
            Resource::new(
                "AWS::EC2::NatGateway",
                json!({ "AllocationId": attribute(&format!("NatAddress{zone}"), "AllocationId"), "SubnetId": subnet }),
            )
            .after("PublicRoute")
            .holds(Holds::Traffic)
            .origin("network.egress"),
        );
    }
    for zone in 1..=zones {
        template.add(
            format!("PrivateRoute{zone}"),
            Resource::new(
                "AWS::EC2::Route",
                json!({
                    "RouteTableId": reference(&format!("PrivateRouteTable{zone}")),
                    "DestinationCidrBlock": "0.0.0.0/0",
                    "NatGatewayId": reference(&format!("NatGateway{}", zone.min(gateways))),
                }),
            )
            .origin("network.egress"),
        );
    }
    let addresses: Vec<Json> =
        (1..=gateways).map(|zone| substitute(&format!("${{NatAddress{zone}.PublicIp}}/32"))).collect();
    template.export(&NAT_ADDRESSES, joined(&addresses));
    let ids: Vec<Json> = (1..=gateways).map(|zone| reference(&format!("NatGateway{zone}"))).collect();
    template.export(&NAT_GATEWAY_IDS, joined(&ids));
}

/// Ways to AWS's own services that do not cross the internet: S3, where ECR keeps layers, always, since its gateway is
/// free; the others where they are the only way.
/// <https://docs.aws.amazon.com/AmazonECR/latest/userguide/vpc-endpoints.html>
fn endpoints(template: &mut Template, env: &Environment, egress: Egress, place: &Place) {
    let tables: Vec<Json> =
        (1..=place.private.len()).map(|zone| reference(&format!("PrivateRouteTable{zone}"))).collect();
    template.add(
        "S3Endpoint",
        Resource::new(
            "AWS::EC2::VPCEndpoint",
            json!({
                "VpcEndpointType": "Gateway",
                "ServiceName": substitute("com.amazonaws.${AWS::Region}.s3"),
                "VpcId": place.vpc,
                "RouteTableIds": tables,
            }),
        ),
    );
    if egress != Egress::VpcEndpoints {
        return;
    }
    template.add(
        "EndpointSecurityGroup",
        group(&place.vpc, "VPC endpoints", &[Rule::range(place.range.clone(), 443, "HTTPS from inside the VPC")], &[]),
    );
    for service in endpoint_services(env) {
        template.add(
            format!("{}Endpoint", pascal(service)),
            Resource::new(
                "AWS::EC2::VPCEndpoint",
                json!({
                    "VpcEndpointType": "Interface",
                    "ServiceName": substitute(&format!("com.amazonaws.${{AWS::Region}}.{service}")),
                    "VpcId": place.vpc,
                    "SubnetIds": place.private,
                    "SecurityGroupIds": [reference("EndpointSecurityGroup")],
                    "PrivateDnsEnabled": true,
                }),
            )
            .holds(Holds::Traffic)
            .origin("network.egress"),
        );
    }
}

/// The services that the tasks of this environment call. Each endpoint costs by the hour, so none is made unasked.
fn endpoint_services(env: &Environment) -> Vec<&'static str> {
    let mut sources = env.services.values().flat_map(|service| {
        service.secrets.values().chain(service.sidecars.values().flat_map(|sidecar| sidecar.secrets.values()))
    });
    let of_parameter = |source: &SecretSource| match source {
        SecretSource::Ssm | SecretSource::SsmExisting(_) => true,
        SecretSource::SecretsManager { .. } => false,
        SecretSource::Database => {
            matches!(&env.database, Some(Database::Existing { url, .. }) if !url.contains(":secretsmanager:"))
        }
    };
    // What a definition of the user's own starts with is not read here.
    let any = env.services.values().any(|service| service.task_definition.is_some());
    let wanted = [
        ("ecr.api", true),
        ("ecr.dkr", true),
        ("logs", true),
        ("ssm", any || sources.clone().any(of_parameter)),
        ("secretsmanager", any || sources.any(|source| !of_parameter(source))),
        ("ssmmessages", env.services.values().any(|service| service.execute_command)),
        ("xray", env.monitoring.tracing),
    ];
    wanted.into_iter().filter(|(_, wanted)| *wanted).map(|(service, _)| service).collect()
}

/// What was refused, for whoever asks at night why nothing arrives. Accepted flows would cost by the gigabyte.
fn flow_logs(template: &mut Template, env: &Environment) {
    template.add(
        "FlowLogGroup",
        Resource::new(
            "AWS::Logs::LogGroup",
            json!({
                "LogGroupName": format!("/vpc/{}", env.prefix()),
                "RetentionInDays": env.monitoring.log_retention_days,
            }),
        )
        .keep(Keep::OnReplacement)
        .origin("monitoring.log-retention"),
    );
    let write = Statement::allow(
        "Write",
        &["logs:CreateLogStream", "logs:PutLogEvents", "logs:DescribeLogStreams"],
        vec![attribute("FlowLogGroup", "Arn")],
    );
    // The service looks the group up before it writes, and that takes no narrower resource.
    // https://docs.aws.amazon.com/vpc/latest/userguide/flow-logs-iam-role.html
    let look = Statement::allow("Look", &["logs:DescribeLogGroups"], vec![json!("*")]);
    template.add(
        "FlowLogRole",
        roles::role(env, "flow-logs", "vpc-flow-logs.amazonaws.com", &[("logs", Policy::new([write, look]))]),
    );
    template.add(
        "FlowLog",
        Resource::new(
            "AWS::EC2::FlowLog",
            json!({
                "ResourceType": "VPC",
                "ResourceId": reference("Vpc"),
                "TrafficType": "REJECT",
                "LogDestinationType": "cloud-watch-logs",
                "LogGroupName": reference("FlowLogGroup"),
                "DeliverLogsPermissionArn": attribute("FlowLogRole", "Arn"),
                "MaxAggregationInterval": 600,
            }),
        ),
    );
}

/// The load balancer's group. It may reach every port inside: what a task lets in is the task's group's to say, and a
/// service that moves to another port must be reached on both while it moves.
fn load_balancer_group(template: &mut Template, env: &Environment, place: &Place) {
    if env.routed().next().is_none() {
        return;
    }
    let id = match &env.load_balancer {
        LoadBalancer::Existing { security_group, .. } => json!(security_group),
        LoadBalancer::Managed { .. } => {
            let internet = || json!("0.0.0.0/0");
            let mut ingress = vec![Rule::range(internet(), 80, "HTTP from the internet")];
            if env.domain.is_some() {
                ingress.push(Rule::range(internet(), 443, "HTTPS from the internet"));
            }
            ingress.extend(test_listener::ingress(env));
            let egress = [Rule::all_ports(place.range.clone(), "tasks")];
            template.add(
                "LoadBalancerSecurityGroup",
                group(&place.vpc, "Load balancer", &ingress, &egress).origin("load-balancer"),
            );
            attribute("LoadBalancerSecurityGroup", "GroupId")
        }
    };
    template.export(&LOAD_BALANCER_GROUP, id);
}

/// The database's group, and the one its clients attach: membership is all that the second says.
fn database_groups(template: &mut Template, env: &Environment, place: &Place) {
    let Some(Database::Managed(_)) = &env.database else { return };
    template.add("DatabaseClientsSecurityGroup", group(&place.vpc, "Database clients", &[], &[]).origin("database"));
    let clients = attribute("DatabaseClientsSecurityGroup", "GroupId");
    template.add(
        "DatabaseSecurityGroup",
        group(
            &place.vpc,
            "Database",
            &[Rule::group(clients.clone(), DATABASE_PORT, "PostgreSQL from its clients")],
            &[],
        )
        .origin("database"),
    );
    template.export(&DATABASE_GROUP, attribute("DatabaseSecurityGroup", "GroupId"));
    template.export(&DATABASE_CLIENTS_GROUP, clients);
}

/// One group for each service that some `allow-from` names. They stand here and not in the services' stacks, where two
/// services that call each other would need each other's stack first.
fn callers_groups(template: &mut Template, env: &Environment, place: &Place) {
    for caller in env.services.keys().filter(|name| is_caller(env, name)) {
        let id = format!("{}ClientsSecurityGroup", pascal(caller));
        template.add(&id, group(&place.vpc, "Caller of other services", &[], &[]).origin(format!("services.{caller}")));
        template.export(&clients_group(caller), attribute(&id, "GroupId"));
    }
}

fn subnet(zone: usize, range: &str, origin: &str) -> Resource {
    Resource::new(
        "AWS::EC2::Subnet",
        json!({
            "VpcId": reference("Vpc"),
            "CidrBlock": range,
            "AvailabilityZone": { "Fn::Select": [zone - 1, { "Fn::GetAZs": "" }] },
            "MapPublicIpOnLaunch": false,
        }),
    )
    .holds(Holds::Traffic)
    .origin(origin)
}

fn route_table() -> Resource {
    Resource::new("AWS::EC2::RouteTable", json!({ "VpcId": reference("Vpc") }))
}

fn route_table_of(subnet: &str, table: &str) -> Resource {
    Resource::new(
        "AWS::EC2::SubnetRouteTableAssociation",
        json!({ "SubnetId": reference(subnet), "RouteTableId": reference(table) }),
    )
}

/// Zones count from 1.
fn numbered<T>(items: &[T]) -> impl Iterator<Item = (usize, &T)> {
    items.iter().enumerate().map(|(index, item)| (index + 1, item))
}

#[cfg(test)]
#[path = "network_tests.rs"]
mod tests;
