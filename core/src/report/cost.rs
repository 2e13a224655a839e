//! `CostReport`: what an environment costs, and how costs are told.

use std::collections::BTreeMap;

use serde::Serialize;

use super::{
    Header,
    card::{Block, Card, Mark, Piece},
    words,
};
use crate::{
    cost::{Basis, CostChange, Estimate, Item, NotPriced, prices},
    workflow::Environment,
};

/// What an environment costs a month.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct CostReport {
    /// What it is about.
    #[serde(flatten)]
    pub header: Header,
    /// The process's exit code: 0 whenever there is an answer.
    pub exit_code: u8,
    /// Milliseconds it took.
    pub duration_ms: u64,
    /// The currency of all amounts.
    pub currency: &'static str,
    /// The day on which the prices were read.
    pub prices_noted: &'static str,
    /// Whether the table has prices for the region at all.
    pub region_known: bool,
    /// What it costs.
    #[serde(flatten)]
    pub estimate: Estimate,
}

impl CostReport {
    /// What the file says, priced.
    pub fn of(header: &Header, env: &Environment, duration_ms: u64) -> Self {
        Self {
            header: header.clone(),
            exit_code: 0,
            duration_ms,
            currency: "USD",
            prices_noted: prices().noted(),
            region_known: Estimate::knows(env),
            estimate: Estimate::of(env),
        }
    }

    /// The card of it.
    pub fn card(&self) -> Card {
        let (env, region) = (&self.header.environment, &self.header.region);
        let estimate = &self.estimate;
        let (mark, head) = match self.region_known {
            true => (Mark::Neutral, format!("{env} costs {}", estimate.sum())),
            false => (Mark::Waiting, format!("{env}: there are no prices for {region}")),
        };
        let mut safe =
            format!("list prices on demand, noted {}; free tiers, discounts and taxes left out", self.prices_noted);
        if estimate.not_compared > 0 {
            safe.push_str(&format!("; prices compared with no source: {}, marked below", estimate.not_compared));
        }
        if estimate.monthly_most > estimate.monthly {
            safe.push_str(&format!("; up to {}/month when scaled out", estimate.monthly_most));
        }
        let mut blocks = Vec::new();
        let fixed: Vec<&Item> = estimate.items.iter().filter(|item| item.basis == Basis::Fixed).collect();
        if !fixed.is_empty() {
            let head = ["what", "where", "a month", "", ""].map(str::to_owned).to_vec();
            blocks.push(Block::Table(head, fixed.into_iter().map(fixed_row).collect()));
        }
        let metered = metered_rows(&estimate.items);
        if !metered.is_empty() {
            let head = ["by use", "where", "price", ""].map(str::to_owned).to_vec();
            blocks.push(Block::Table(head, metered));
        }
        blocks.extend(estimate.not_priced.iter().map(|it| Block::Line(Piece::Words(not_priced(it)))));
        Card {
            mark,
            headline: head.clone(),
            facts: vec![region.clone()],
            title: head,
            safe,
            action: (!self.region_known).then(|| {
                let known = prices().regions().join(", ");
                Piece::Words(format!("the table has {known}; other prices are on {}", sources(&["fargate", "vpc"])))
            }),
            blocks,
            small: self.header.small_print(None, self.duration_ms),
        }
    }
}

/// Said of a price of the table that was held against nothing: docs/cost.md.
pub(super) const NOT_COMPARED: &str = "price not compared";

/// AWS's pages with the prices of these services.
fn sources(services: &[&str]) -> String {
    let pages = services.iter().filter_map(|name| prices().services.get(*name)).map(|service| service.source.as_str());
    pages.collect::<Vec<_>>().join(", ")
}

/// What is said beside an item: its note, and whether its price is to be checked first.
fn beside(item: &Item) -> Vec<String> {
    let unchecked = (!item.compared).then(|| NOT_COMPARED.to_owned());
    item.note.clone().into_iter().chain(unchecked).collect()
}

fn fixed_row(item: &Item) -> Vec<String> {
    let price = item.unit_price.unwrap_or_default().exact();
    let monthly = item.monthly.unwrap_or_default().to_string();
    let mut beside = beside(item);
    if let Some(most) = item.monthly_most.filter(|most| Some(*most) > item.monthly) {
        beside.insert(0, format!("up to {most}"));
    }
    let times = format!("{} × {price}/{}", item.quantity, item.unit);
    vec![item.what.clone(), item.scope.clone(), monthly, times, beside.join("; ")]
}

/// What is paid by use, with everything that is charged alike in one row.
fn metered_rows(items: &[Item]) -> Vec<Vec<String>> {
    let mut order: Vec<Vec<String>> = Vec::new();
    let mut scopes: BTreeMap<Vec<String>, Vec<&str>> = BTreeMap::new();
    for item in items.iter().filter(|item| item.basis == Basis::Metered) {
        let price = format!("{}/{}", item.unit_price.unwrap_or_default().exact(), item.unit);
        let row = vec![item.what.clone(), price, beside(item).join("; ")];
        if !scopes.contains_key(&row) {
            order.push(row.clone());
        }
        scopes.entry(row).or_default().push(&item.scope);
    }
    let scope = |row: &Vec<String>| {
        let named = scopes.get(row).map(|all| all.join(", ")).unwrap_or_default();
        words::cut(&named, 40)
    };
    order
        .iter()
        .filter_map(|row| match row.as_slice() {
            [what, price, note] => Some(vec![what.clone(), scope(row), price.clone(), note.clone()]),
            _ => None,
        })
        .collect()
}

fn not_priced(it: &NotPriced) -> String {
    let resources = if it.resources.is_empty() { String::new() } else { format!(" ({})", it.resources.join(", ")) };
    format!("not priced: {} in {}{resources}", it.what, it.scope)
}

/// A plan's costs, item by item: what changes first, as `diff` colours it, then everything.
pub fn by_item(cost: &CostChange) -> Vec<String> {
    let mut lines: Vec<String> = cost
        .changes
        .iter()
        .map(|change| {
            let what = format!("{} ({})", change.what, change.scope);
            match (change.before, change.after) {
                (None, Some(after)) => format!("+ {what} {after}"),
                (Some(before), None) => format!("- {what} {before}"),
                (before, after) => {
                    format!("! {what} {} → {}", before.unwrap_or_default(), after.unwrap_or_default())
                }
            }
        })
        .collect();
    let rows: Vec<Vec<String>> = cost
        .estimate
        .items
        .iter()
        .filter(|item| item.basis == Basis::Fixed)
        .map(|item| {
            let row = fixed_row(item);
            let indented = row.first().map(|what| format!("  {what}"));
            indented.into_iter().chain(row.into_iter().skip(1)).collect()
        })
        .chain(metered_rows(&cost.estimate.items).into_iter().map(|row| match row.as_slice() {
            [what, scope, price, note] => {
                vec![format!("  {what}"), scope.clone(), "by use".to_owned(), price.clone(), note.clone()]
            }
            _ => row,
        }))
        .collect();
    lines.extend(words::columns(&rows));
    lines.extend(cost.estimate.not_priced.iter().map(not_priced));
    lines
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use jiff::Timestamp;

    use super::*;
    use crate::{
        cost::Money,
        infra,
        plan::{Action, Node, NodeId, Plan, Planned, PutStack, StackMove, World},
        report::{PlanReport, Style, markdown, text},
        testing::example,
    };

    const PLAIN: Style = Style { color: false, unicode: true, details: true };

    fn header(env: &Environment) -> Header {
        Header::of(env, Timestamp::UNIX_EPOCH)
    }

    /// A plan that makes every stack of an environment.
    fn first(env: &Environment) -> Plan {
        let put = |key: &str| {
            Action::PutStack(Box::new(PutStack {
                key: key.into(),
                name: env.stack_name(key),
                region: env.region.clone(),
                step: StackMove::Create,
                body: "{}".into(),
                parameters: BTreeMap::new(),
                tags: BTreeMap::new(),
                hash: String::new(),
                holds: BTreeMap::new(),
                imports: Vec::new(),
                changes: Vec::new(),
            }))
        };
        let node = Node { id: NodeId::of("test"), needs: Vec::new(), service: None };
        let decision = Ok(infra::stacks(env).iter().map(|stack| put(&stack.key)).collect());
        Plan { environment: env.name.clone(), nodes: vec![Planned { node, decision }], ..Plan::default() }
    }

    fn plan_report(limit: Option<&str>) -> PlanReport {
        let env = example("staging");
        let plan = first(&env);
        let cost = CostChange::of(&env, &plan, &World::default());
        let limit: Option<Money> = limit.map(|limit| limit.parse().unwrap());
        PlanReport::of(&header(&env), &plan, [], false, 1).priced(cost, limit)
    }

    #[test]
    fn r21_the_estimate_of_staging_as_people_read_it() {
        let env = example("staging");
        let report = CostReport::of(&header(&env), &env, 3);
        let shown = text(&report.card(), PLAIN);
        let lines: Vec<String> =
            shown.lines().map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ")).collect();
        assert_eq!(lines[0], format!("· staging costs {} · us-east-1", report.estimate.sum()));
        let (noted, most) = (report.prices_noted, report.estimate.monthly_most);
        assert_eq!(
            lines[1],
            format!(
                "list prices on demand, noted {noted}; free tiers, discounts and taxes left out; prices \
                 compared with no source: 2, marked below; up to {most}/month when scaled out"
            )
        );
        for line in [
            "what where a month",
            "NAT gateway network $32.85 730 × $0.045/hour",
            "public IPv4 address of the load balancer edge $7.30 1460 × $0.005/hour",
            "RDS storage, gp2 single-az database $2.30 20 × $0.115/GB-month",
            "Fargate CPU, x86 api $14.78 365 × $0.04048/vCPU-hour up to $29.55",
            "by use where price",
            "NAT gateway, what goes through it network $0.045/GB",
            "WAF, requests looked at edge $0.60/million requests",
            "RDS backups, kept database $0.095/GB-month as much as the database's own storage is free",
            "RDS backups, kept in us-west-2 database $0.095/GB-month price not compared",
        ] {
            assert!(lines.iter().any(|shown| shown == line), "{line} in\n{shown}");
        }
    }

    #[test]
    fn r21_an_estimate_in_markdown_names_the_sum_first() {
        let env = example("production");
        let report = CostReport::of(&header(&env), &env, 3);
        let page = markdown(&report.card());
        assert!(page.starts_with("### ⚪ production costs $"), "{page}");
        assert!(page.contains("/month + usage"), "{page}");
    }

    #[test]
    fn r21_a_region_without_prices_is_said_in_the_first_line() {
        let mut env = example("staging");
        env.region = "ap-south-1".into();
        let report = CostReport::of(&header(&env), &env, 3);
        assert!(!report.region_known && report.exit_code == 0);
        let shown = text(&report.card(), PLAIN);
        assert!(shown.starts_with("◷ staging: there are no prices for ap-south-1"), "{shown}");
        assert!(shown.contains("do: the table has eu-west-1, sa-east-1, us-east-1, us-west-2"), "{shown}");
        assert!(shown.contains("not priced: NAT gateway: no price for ap-south-1 in network (NatGateway1)"), "{shown}");
    }

    #[test]
    fn r21_a_plan_shows_cost_before_after_and_change() {
        let report = plan_report(None);
        let shown = text(&report.card(), PLAIN);
        let sum = report.cost.as_ref().unwrap().sum;
        assert!(shown.contains(&format!("  cost +{}/month ($0.00 → {}) + usage\n", sum.after, sum.after)), "{shown}");
        assert!(shown.contains("+ NAT gateway (network) $32.85"), "{shown}");
        assert_eq!(report.exit_code, 0);
        let json = serde_json::to_value(&report).unwrap();
        assert_eq!(json["cost"]["before"], "0.00");
        assert_eq!(json["cost"]["change"], json["cost"]["after"]);
        assert_eq!(json["cost"]["usage"], true);
    }

    #[test]
    fn r21_a_plan_that_costs_too_much_ends_with_1_and_keeps_its_id() {
        let (free, held, dear) = (plan_report(None), plan_report(Some("500")), plan_report(Some("50")));
        assert_eq!((held.exit_code, dear.exit_code), (0, 1));
        assert_eq!(free.plan_id, dear.plan_id, "what it costs is no part of the id");
        let shown = text(&dear.card(), PLAIN);
        assert!(shown.contains("warning: the cost would rise by $"), "{shown}");
        assert!(shown.contains(" a month, and $50.00 are allowed"), "{shown}");
    }

    #[test]
    fn r21_json_names_are_a_contract() {
        let env = example("staging");
        let json = serde_json::to_value(CostReport::of(&header(&env), &env, 3)).unwrap();
        let keys = |json: &serde_json::Value| json.as_object().unwrap().keys().cloned().collect::<Vec<_>>().join(" ");
        assert_eq!(
            keys(&json),
            "app commit currency duration_ms environment exit_code file items log monthly monthly_most not_compared \
             not_priced prices_noted region region_known started_at usage"
        );
        assert_eq!(
            keys(&json["items"][0]),
            "basis compared monthly monthly_most note quantity region resources scope source unit unit_price what"
        );
    }
}
