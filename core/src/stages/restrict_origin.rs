//! `restrict-origin`: once the names of the service behind the CDN lead to the CDN, its listener rule asks for the CDN's
//! secret header, so that nobody walks around it.
//!
//! After the records and the verdict. Before that the rule is open, whatever the file says, or users whose resolvers
//! still lead to the load balancer would find nothing there. When the CDN leaves the file, `deploy-service` opens the
//! rule, and the records come after.

use super::{
    Stage,
    deploy_service::{mark, put_rule},
    facts_asked, stack_node,
};
use crate::{
    infra::{cdn, dns},
    plan::{Action, Ask, DesiredService, Known, Node, NodeId, Refusal, World},
    service::Facts,
    workflow::{Environment, Service},
};

/// Seconds after which resolvers have let go of where a name led: an alias record takes the 60 of a load balancer's.
/// <https://docs.aws.amazon.com/Route53/latest/DeveloperGuide/resource-record-sets-choosing-alias-non-alias.html>
const LET_GO: u32 = 75;

/// See the module.
pub struct RestrictOrigin;

impl Stage for RestrictOrigin {
    fn name(&self) -> &'static str {
        "restrict-origin"
    }

    fn makes(&self) -> &'static str {
        "the listener rule behind the CDN, closed to all others once names lead to the CDN"
    }

    fn nodes(&self, env: &Environment) -> Vec<Node> {
        let behind = behind(env);
        behind
            .map(|service| Node {
                id: NodeId::scoped(self.name(), &service.name),
                service: Some(service.name.clone()),
                needs: vec![
                    NodeId::scoped("wait-healthy", &service.name),
                    stack_node(env, cdn::KEY),
                    stack_node(env, dns::KEY),
                ],
            })
            .into_iter()
            .collect()
    }

    fn asks(&self, env: &Environment, _: &Node, world: &World) -> Vec<Ask> {
        behind(env).map(|service| facts_asked(env, service, world)).unwrap_or_default()
    }

    fn decide(&self, env: &Environment, _: &Node, world: &World) -> Result<Vec<Action>, Refusal> {
        let Some(service) = behind(env) else { return Ok(Vec::new()) };
        let desired = DesiredService::of(env, service, world);
        let closed = Known { env, world }.origin(&service.name).is_some();
        let Some(seen) = world.service(&service.name).filter(|_| closed && !desired.is_deployed(world)) else {
            return Ok(Vec::new());
        };
        // What is rolled out must be what the file says but for the rule; anything else is deploy-service's.
        if !DesiredService::of(env, service, &open(env, world)).is_deployed(world) {
            return Ok(Vec::new());
        }
        // A record that this very run made led nowhere before.
        let moved = world.stacks.get(&env.stack_name(dns::KEY)).is_none_or(|seen| seen.status.0 != "CREATE_COMPLETE");
        let after = if moved && world.abilities.resolves_names { LET_GO } else { 0 };
        let mut actions: Vec<Action> =
            put_rule(env, service, &desired, world, after).map(Action::PutRule).into_iter().collect();
        actions.push(Action::MarkService(mark(env, service, &desired, &seen.revision, world)));
        Ok(actions)
    }
}

/// The service behind the CDN, where one runs.
fn behind(env: &Environment) -> Option<&Service> {
    cdn::wanted(env).map(|(_, service)| service).filter(|service| service.is_running())
}

/// The world in which no name leads to the CDN.
fn open(env: &Environment, world: &World) -> World {
    let mut open = world.clone();
    open.stacks.remove(&env.stack_name(dns::KEY));
    open.leads.clear();
    open
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stages::deploy_service::revision_number;
    use crate::{
        plan::{Stack, StackStatus},
        stages::{Step, contract_tests, draw, pipeline},
        testing::{EXAMPLE, environment},
        workflow::Value,
    };

    fn settled() -> (Environment, World) {
        let env = environment(EXAMPLE, "production");
        let steps = pipeline(&env);
        let world = contract_tests::settled(&env, &steps.iter().collect::<Vec<_>>());
        (env, world)
    }

    fn asks_for_the_header(env: &Environment, world: &World) -> bool {
        let desired = DesiredService::of(env, &env.services["web"], world);
        desired.rules.json[0]["Conditions"][1]["HttpHeaderConfig"]["HttpHeaderName"] == cdn::HEADER
    }

    fn dns_stack<'a>(env: &Environment, world: &'a mut World) -> &'a mut Stack {
        world.stacks.get_mut(&env.stack_name("dns")).unwrap()
    }

    fn closes(env: &Environment, world: &World) -> Vec<Action> {
        let node = RestrictOrigin.nodes(env).remove(0);
        RestrictOrigin.decide(env, &node, world).unwrap()
    }

    /// The mark of a rollout before the records.
    fn rolled_out_open(env: &Environment, world: &mut World) {
        let before = DesiredService::of(env, &env.services["web"], &open(env, world));
        let web = world.services.get_mut("web").unwrap().as_mut().unwrap();
        web.mark = Some(format!("{}@{}", before.fingerprint, revision_number(&web.revision)));
    }

    #[test]
    fn r16_the_web_rule_asks_for_the_header_once_the_record_leads_to_the_cdn() {
        let (env, mut world) = settled();
        assert!(asks_for_the_header(&env, &world));
        assert!(!DesiredService::of(&env, &env.services["api"], &world).rules.json.to_string().contains(cdn::HEADER));
        dns_stack(&env, &mut world).outputs.insert("CdnTarget".into(), "other.cloudfront.net".into());
        assert!(!asks_for_the_header(&env, &world));
        let (env, mut world) = settled();
        dns_stack(&env, &mut world).status = StackStatus("UPDATE_IN_PROGRESS".into());
        assert!(!asks_for_the_header(&env, &world));
    }

    #[test]
    fn r16_the_rule_is_closed_after_the_records_and_once() {
        let (env, mut world) = settled();
        assert_eq!(closes(&env, &world), []);
        rolled_out_open(&env, &mut world);
        let actions = closes(&env, &world);
        let Action::PutRule(put) = &actions[0] else { panic!("{actions:?}") };
        assert_eq!((put.service.as_str(), put.after), ("web", 0));
        actions.iter().for_each(|action| world.assume(&env, action));
        assert_eq!(closes(&env, &world), []);
    }

    #[test]
    fn r16_a_name_that_moved_is_given_time() {
        let (env, mut world) = settled();
        rolled_out_open(&env, &mut world);
        dns_stack(&env, &mut world).status = StackStatus("UPDATE_COMPLETE".into());
        let wait = |world: &World| match closes(&env, world).first() {
            Some(Action::PutRule(put)) => put.after,
            other => panic!("{other:?}"),
        };
        assert_eq!(wait(&world), LET_GO);
        world.abilities.resolves_names = false;
        assert_eq!(wait(&world), 0);
    }

    #[test]
    fn r16_what_was_rolled_out_of_an_older_file_is_not_marked_as_this_one() {
        let (env, mut world) = settled();
        world.services.get_mut("web").unwrap().as_mut().unwrap().mark = Some("0000@1".into());
        assert_eq!(closes(&env, &world), []);
    }

    #[test]
    fn r16_records_made_by_hand_are_looked_up() {
        let text = EXAMPLE.replace("dns: { hosted-zone: Z0123EXAMPLE }", "dns: {}");
        let env = environment(&text, "production");
        let (_, mut world) = settled();
        world.stacks.remove(&env.stack_name("dns"));
        assert!(!asks_for_the_header(&env, &world));
        let Value::Known(target) = world.output(&env, "cdn", "DistributionDomainName") else { panic!() };
        world.leads.insert(("www.finance-app.com".into(), target.clone()), true);
        assert!(asks_for_the_header(&env, &world));
        let asked = facts_asked(&env, &env.services["web"], &world);
        assert!(asked.contains(&Ask::LeadsTo { host: "www.finance-app.com".into(), target }), "{asked:?}");
    }

    #[test]
    fn r16_turning_the_cdn_off_opens_the_rule_before_the_records_move() {
        let (_, world) = settled();
        let off = EXAMPLE.replace("    cdn: { service: web, cache: [\"/_next/static/*\"] }\n", "");
        let env = environment(&off, "production");
        assert!(env.cdn.is_none());
        let steps = pipeline(&env);
        let steps: Vec<&Step> = steps.iter().collect();
        let plan = draw(&env, &steps, &world);
        let order: Vec<String> = plan.actions().map(|(node, _)| node.to_string()).collect();
        let at = |name: &str| order.iter().position(|node| node == name).unwrap_or_else(|| panic!("{name}: {order:?}"));
        assert!(at("deploy-service web") < at("bootstrap-dns"), "{order:?}");
        assert_eq!(plan.refusals().count(), 0);
    }
}
