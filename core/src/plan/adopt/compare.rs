//! What exists against its template, property by property; and the template by which it is taken as it is.

use serde_json::{Map, Value as Json};

use super::resolve::{Resolver, Told, plain};
use crate::{
    infra::{Holds, is_intrinsic, is_write_only},
    plan::{Change, Replacement, replacement},
};

/// A resource of the template beside what exists.
pub(super) struct Pair<'a> {
    /// The stack's key.
    pub(super) scope: &'a str,
    /// Its logical id.
    pub(super) id: &'a str,
    /// Its type.
    pub(super) kind: &'a str,
    /// What hangs on it.
    pub(super) holds: Holds,
    /// Its properties as the service shows them.
    pub(super) live: Option<&'a Json>,
}

/// What came of it.
#[derive(Debug, Default)]
pub(super) struct Compared {
    /// What the next run would change, by property.
    pub(super) changes: Vec<Change>,
    /// Properties of the template that could not be compared.
    pub(super) unseen: Vec<String>,
}

impl Pair<'_> {
    /// Compares, and gives the properties with which it is taken: as the template writes them where they are so, as they
    /// are where they differ. What nobody can compare stays as the template has it, so that the next run leaves it alone.
    pub(super) fn compare(&self, properties: &Map<String, Json>, resolver: &Resolver<'_>) -> (Compared, Json) {
        let mut out = Compared::default();
        let taken = self.object("", properties, self.live, resolver, &mut out);
        (out, Json::Object(taken))
    }

    fn object(
        &self,
        path: &str,
        wanted: &Map<String, Json>,
        live: Option<&Json>,
        resolver: &Resolver<'_>,
        out: &mut Compared,
    ) -> Map<String, Json> {
        let mut taken = Map::new();
        for (key, value) in wanted {
            let path = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
            if let Some(value) = self.value(&path, value, live.map(|live| live.get(key)), resolver, out) {
                taken.insert(key.clone(), value);
            }
        }
        taken
    }

    /// `live` is none where nothing was read.
    fn value(
        &self,
        path: &str,
        wanted: &Json,
        live: Option<Option<&Json>>,
        resolver: &Resolver<'_>,
        out: &mut Compared,
    ) -> Option<Json> {
        let told = resolver.told(wanted);
        let hidden = is_write_only(self.kind, path);
        let Some(live) = live.filter(|_| !hidden) else {
            out.unseen.push(path.to_owned());
            return match &told {
                Told::Needs(_) => {
                    // Whatever it is, it is no resource that is yet to be made.
                    let new = replacement(self.kind, path, None, Some(wanted));
                    if new == Replacement::Yes && !hidden {
                        out.changes.push(self.change(path, None, Some(wanted), new));
                    }
                    None
                }
                _ => Some(wanted.clone()),
            };
        };
        match told {
            Told::Absent => Some(wanted.clone()),
            Told::Known(value) if live.is_some_and(|live| same(&value, live)) => Some(wanted.clone()),
            Told::Opaque => match (wanted, live) {
                (Json::Object(map), Some(Json::Object(_))) if !is_intrinsic(map) => {
                    Some(Json::Object(self.object(path, map, live, resolver, out)))
                }
                _ => {
                    out.unseen.push(path.to_owned());
                    Some(wanted.clone())
                }
            },
            Told::Known(_) | Told::Needs(_) => match (wanted, live) {
                (Json::Object(map), Some(Json::Object(_))) if !is_intrinsic(map) => {
                    Some(Json::Object(self.object(path, map, live, resolver, out)))
                }
                _ => {
                    let after = if let Told::Known(value) = &told { value } else { wanted };
                    // A value that is not shown may be the one that the service takes without being told.
                    let new = match replacement(self.kind, path, live, Some(after)) {
                        Replacement::Yes if live.is_none() => Replacement::Maybe,
                        new => new,
                    };
                    out.changes.push(self.change(path, live, Some(after), new));
                    live.cloned()
                }
            },
        }
    }

    fn change(&self, path: &str, before: Option<&Json>, after: Option<&Json>, replacement: Replacement) -> Change {
        Change {
            scope: self.scope.to_owned(),
            subject: self.id.to_owned(),
            kind: self.kind.to_owned(),
            property: path.to_owned(),
            before: before.cloned(),
            after: after.cloned(),
            replacement,
            holds: self.holds,
            span: None,
        }
    }
}

/// Whether what exists is as the template says. A service shows more than it was told (defaults), in an order of its own,
/// numbers as texts, and a document as text.
pub(super) fn same(wanted: &Json, live: &Json) -> bool {
    match (wanted, live) {
        (Json::Object(wanted), Json::Object(live)) => {
            wanted.iter().all(|(key, value)| live.get(key).is_some_and(|live| same(value, live)))
        }
        (Json::Array(wanted), Json::Array(live)) => {
            let tags = wanted.iter().all(|one| one.get("Key").is_some());
            (tags || wanted.len() == live.len()) && each_once(wanted, live)
        }
        (Json::Array(wanted), live) if wanted.len() == 1 => same(&wanted[0], live),
        (wanted, Json::Array(live)) if live.len() == 1 => same(wanted, &live[0]),
        (Json::Object(_), Json::String(text)) | (Json::String(text), Json::Object(_)) => {
            let document: Option<Json> = serde_json::from_str(text).ok();
            let (wanted, live) =
                if wanted.is_object() { (Some(wanted), document.as_ref()) } else { (document.as_ref(), Some(live)) };
            wanted.zip(live).is_some_and(|(wanted, live)| wanted.is_object() && live.is_object() && same(wanted, live))
        }
        (Json::Null, Json::Null) => true,
        _ => plain(wanted).is_some_and(|wanted| Some(wanted) == plain(live)),
    }
}

/// Whether each member of one list is a member of its own in the other.
fn each_once(wanted: &[Json], live: &[Json]) -> bool {
    let mut free: Vec<&Json> = live.iter().collect();
    wanted.iter().all(|one| free.iter().position(|other| same(one, other)).map(|at| free.swap_remove(at)).is_some())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use serde_json::json;

    use super::*;
    use crate::plan::adopt::resolve::There;

    #[test]
    fn a_service_shows_the_same_in_many_ways() {
        for (wanted, live, is) in [
            (json!("5432"), json!(5432), true),
            (json!(true), json!("true"), true),
            (json!(["a", "b"]), json!(["b", "a"]), true),
            (json!(["a", "a"]), json!(["a", "b"]), false),
            (json!({ "A": 1 }), json!({ "A": 1, "Default": true }), true),
            (json!({ "A": 1 }), json!({}), false),
            (
                json!([{ "Key": "a", "Value": "1" }]),
                json!([{ "Key": "x", "Value": "2" }, { "Key": "a", "Value": "1" }]),
                true,
            ),
            (json!({ "Action": "sts:AssumeRole" }), json!({ "Action": ["sts:AssumeRole"] }), true),
            (json!({ "Statement": [{ "Effect": "Allow" }] }), json!(r#"{"Statement":[{"Effect":"Allow"}]}"#), true),
            (json!("a"), json!({ "A": 1 }), false),
            (json!(null), json!(0), false),
        ] {
            assert_eq!(same(&wanted, &live), is, "{wanted} {live}");
        }
    }

    #[test]
    fn what_differs_is_taken_as_it_is_and_named() {
        let template = json!({ "Resources": { "Vpc": {}, "Parameters": {}, "Database": {} } });
        let there = BTreeMap::from([("Vpc".to_owned(), There { physical: Some("vpc-1".into()), properties: None })]);
        let resolver = Resolver { template: &template, parameters: &BTreeMap::new(), there: &there };
        let live = json!({
            "VpcId": "vpc-1", "CidrBlock": "10.9.0.0/24", "MapPublicIpOnLaunch": false, "SubnetId": "subnet-1",
            "PrivateDnsNameOptionsOnLaunch": { "HostnameType": "ip-name", "EnableResourceNameDnsARecord": false },
        });
        let pair =
            Pair { scope: "network", id: "Subnet", kind: "AWS::EC2::Subnet", holds: Holds::Traffic, live: Some(&live) };
        let wanted = json!({
            "VpcId": { "Ref": "Vpc" }, "CidrBlock": "10.0.1.0/24", "MapPublicIpOnLaunch": true,
            "AvailabilityZone": { "Fn::Select": ["0", { "Fn::GetAZs": "" }] },
            "PrivateDnsNameOptionsOnLaunch": { "HostnameType": "resource-name" },
            "AssignIpv6AddressOnCreation": { "Ref": "AWS::NoValue" },
            "Tags": [{ "Key": "a", "Value": "b" }],
        });
        let (compared, taken) = pair.compare(wanted.as_object().unwrap(), &resolver);
        let told: Vec<_> =
            compared.changes.iter().map(|it| (&*it.property, it.before.clone(), it.replacement)).collect();
        assert_eq!(
            told,
            [
                ("CidrBlock", Some(json!("10.9.0.0/24")), Replacement::Yes),
                ("MapPublicIpOnLaunch", Some(json!(false)), Replacement::No),
                ("PrivateDnsNameOptionsOnLaunch.HostnameType", Some(json!("ip-name")), Replacement::No),
                ("Tags", None, Replacement::No),
            ]
        );
        assert_eq!(compared.unseen, ["AvailabilityZone"]);
        assert_eq!(
            taken,
            json!({
                "VpcId": { "Ref": "Vpc" }, "CidrBlock": "10.9.0.0/24", "MapPublicIpOnLaunch": false,
                "AvailabilityZone": { "Fn::Select": ["0", { "Fn::GetAZs": "" }] },
                "PrivateDnsNameOptionsOnLaunch": { "HostnameType": "ip-name" },
                "AssignIpv6AddressOnCreation": { "Ref": "AWS::NoValue" },
            })
        );
    }

    #[test]
    fn a_secret_value_is_left_to_the_template_and_what_is_yet_to_be_made_is_left_out() {
        let template = json!({ "Resources": { "Secret": {}, "Parameters": {}, "Database": {} } });
        let resolver = Resolver { template: &template, parameters: &BTreeMap::new(), there: &BTreeMap::new() };
        let live = json!({ "DBParameterGroupName": "default.postgres15", "MultiAZ": true });
        let pair = Pair {
            scope: "database",
            id: "Database",
            kind: "AWS::RDS::DBInstance",
            holds: Holds::Data,
            live: Some(&live),
        };
        let wanted = json!({
            "MasterUserPassword": { "Fn::Sub": "{{resolve:secretsmanager:${Secret}}}" },
            "AllowMajorVersionUpgrade": true,
            "DBParameterGroupName": { "Ref": "Parameters" },
            "MultiAZ": true,
        });
        let (compared, taken) = pair.compare(wanted.as_object().unwrap(), &resolver);
        assert_eq!(compared.unseen, ["AllowMajorVersionUpgrade", "MasterUserPassword"]);
        assert_eq!(compared.changes.len(), 1);
        assert_eq!(compared.changes[0].after, Some(json!({ "Ref": "Parameters" })));
        assert_eq!(
            taken,
            json!({ "AllowMajorVersionUpgrade": true, "DBParameterGroupName": "default.postgres15", "MultiAZ": true })
        );
        // Nothing of it was read: a property that cannot change in place and stands on what is yet to be made is no match.
        let pair = Pair { kind: "AWS::EC2::Subnet", live: None, ..pair };
        let wanted = json!({ "VpcId": { "Ref": "Secret" }, "CidrBlock": "10.0.1.0/24" });
        let (compared, taken) = pair.compare(wanted.as_object().unwrap(), &resolver);
        assert_eq!((compared.changes.len(), compared.changes[0].replacement), (1, Replacement::Yes));
        assert_eq!(taken, json!({ "CidrBlock": "10.0.1.0/24" }));
    }
}
