//! `Estimate`: what an environment costs a month, from its rendered templates and its services' definitions.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::{Map, Value as Json};

use super::{Basis, Item, Money, item::Line, prices, resources, tasks, tasks::Size};
use crate::{
    infra::{self, Body, StackDesired},
    plan::{World, timeless_definition},
    workflow::{Environment, Network, Outputs, Service, Value},
};

/// What is not in the sum because the table has no price for it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct NotPriced {
    /// The key of the stack it is in, or the service whose tasks it is.
    pub scope: String,
    /// What: a type, or what has no price in the region.
    pub what: String,
    /// The logical ids of its resources.
    pub resources: Vec<String>,
}

/// What an environment costs a month: AWS's list prices, on demand.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
pub struct Estimate {
    /// What is paid whatever happens, in USD; tasks at the fewest that autoscaling runs.
    pub monthly: Money,
    /// The same with tasks at the most that autoscaling runs.
    pub monthly_most: Money,
    /// Whether something is paid by use, on top.
    pub usage: bool,
    /// Everything with a price, in the order of the stacks, then the services.
    pub items: Vec<Item>,
    /// How many of the items have a price that was compared with no public source.
    pub not_compared: usize,
    /// What the table has no price for.
    pub not_priced: Vec<NotPriced>,
}

/// A template with the values its parameters have.
#[derive(Clone, Copy)]
pub(super) struct Sheet<'a> {
    /// The stack's key.
    pub scope: &'a str,
    /// The region it lives in.
    pub region: &'a str,
    /// As CloudFormation reads it.
    pub template: &'a Json,
    /// Values by name; what is not known is absent, or stands as `${…}`.
    pub parameters: &'a BTreeMap<String, String>,
}

impl Estimate {
    /// The whole environment as the file wants it.
    pub fn of(env: &Environment) -> Self {
        let mut out = Self::default();
        for stack in infra::stacks(env) {
            out.stack(env, &stack);
        }
        for service in env.services.values() {
            out.service(env, service);
        }
        out.finish()
    }

    /// A stack as the file wants it.
    pub(super) fn stack(&mut self, env: &Environment, stack: &StackDesired) {
        let template = stack.to_json();
        let parameters = match &stack.body {
            Body::Rendered(_) => BTreeMap::new(),
            Body::Own { parameters, .. } => parameters
                .iter()
                .filter_map(|(name, text)| Some((name.clone(), text.resolve(&Nothing).known()?.to_owned())))
                .collect(),
        };
        let region = stack.region.as_deref().unwrap_or(&env.region);
        self.sheet(env, Sheet { scope: &stack.key, region, template: &template, parameters: &parameters });
    }

    /// The resources of a template.
    pub(super) fn sheet(&mut self, env: &Environment, sheet: Sheet<'_>) {
        let defaults = &sheet.template["Parameters"];
        let parameters = |name: &str| {
            let default = defaults[name]["Default"].as_str().map(str::to_owned);
            sheet.parameters.get(name).cloned().or(default)
        };
        let count = |name: &str| subnets(env, name);
        let place = resources::Place { parameters: &parameters, count: &count };
        let none = Map::new();
        for (id, resource) in sheet.template["Resources"].as_object().unwrap_or(&none) {
            let kind = resource["Type"].as_str().unwrap_or_default();
            let properties = resource["Properties"].as_object().unwrap_or(&none);
            match resources::lines(kind, properties, &place) {
                Ok(lines) => lines.into_iter().for_each(|line| self.line(sheet.scope, Some(id), sheet.region, line)),
                Err(what) => self.unpriced(sheet.scope, what, Some(id)),
            }
        }
    }

    /// The tasks of a service as the file wants them.
    pub(super) fn service(&mut self, env: &Environment, service: &Service) {
        let name = &service.name;
        let definition = timeless_definition(env, service, &World::default());
        let Some(size) = Size::of(&definition) else {
            return self.unpriced(name, "tasks that are no Linux tasks of Fargate's".to_owned(), None);
        };
        let mut lines = Vec::new();
        if service.is_running() {
            let (fewest, most) = tasks_of(service);
            lines.extend(size.running(service.capacity, fewest, most));
        } else {
            lines.extend(tasks::metered("scheduled task".to_owned(), size));
        }
        if service.before_deploy.is_some() || service.after_deploy.is_some() {
            lines.extend(tasks::metered("one-off task".to_owned(), size));
        }
        lines.into_iter().for_each(|line| self.line(name, None, &env.region, line));
    }

    /// The tasks of a size.
    pub(super) fn tasks(&mut self, scope: &str, region: &str, lines: Vec<Line>) {
        lines.into_iter().for_each(|line| self.line(scope, None, region, line));
    }

    fn line(&mut self, scope: &str, resource: Option<&str>, region: &str, line: Line) {
        let item = Item::of(scope, resource, region, line);
        if item.unit_price.is_none() {
            let what = format!("{}: no price for {}", item.what, item.region);
            return self.unpriced(scope, what, resource);
        }
        if !self.items.iter_mut().any(|other| other.join(&item)) {
            self.items.push(item);
        }
    }

    pub(super) fn unpriced(&mut self, scope: &str, what: String, resource: Option<&str>) {
        let resource = resource.map(str::to_owned);
        match self.not_priced.iter_mut().find(|it| it.scope == scope && it.what == what) {
            Some(known) => known.resources.extend(resource),
            None => {
                let resources = resource.into_iter().collect();
                self.not_priced.push(NotPriced { scope: scope.to_owned(), what, resources });
            }
        }
    }

    /// With its sums.
    pub(super) fn finish(mut self) -> Self {
        self.monthly = self.items.iter().filter_map(|item| item.monthly).sum();
        self.monthly_most = self.items.iter().filter_map(|item| item.monthly_most).sum();
        self.usage = self.items.iter().any(|item| item.basis == Basis::Metered);
        self.not_compared = self.items.iter().filter(|item| !item.compared).count();
        self
    }

    /// `$138.73/month + usage`; what is not priced is said too, since the sum is too low by it.
    pub fn sum(&self) -> String {
        let mut text = format!("{}/month", self.monthly);
        if self.usage {
            text.push_str(" + usage");
        }
        if !self.not_priced.is_empty() {
            text.push_str(&format!(" + {} not priced", self.not_priced.len()));
        }
        text
    }

    /// Whether the table has prices for the environment's region at all.
    pub fn knows(env: &Environment) -> bool {
        prices().knows(&env.region)
    }
}

/// The fewest and the most tasks that run of a service.
pub(super) fn tasks_of(service: &Service) -> (u32, u32) {
    let scaling = service.scaling.as_ref().map(|scaling| (scaling.min, scaling.max));
    scaling.unwrap_or((service.desired_count, service.desired_count))
}

/// How many subnets the network passes on under this name.
fn subnets(env: &Environment, parameter: &str) -> Option<u32> {
    let (Network::Managed { public_subnets, private_subnets, .. }
    | Network::Existing { public_subnets, private_subnets, .. }) = &env.network;
    let of = |export: &infra::Export, list: &[String]| (export.name == parameter).then_some(list.len());
    let number = of(&infra::network::PUBLIC_SUBNET_IDS, public_subnets)
        .or_else(|| of(&infra::network::PRIVATE_SUBNET_IDS, private_subnets))?;
    u32::try_from(number).ok()
}

/// No stack was looked at.
struct Nothing;

impl Outputs for Nothing {
    fn output(&self, _stack: &str, _output: &str) -> Option<Value> {
        None
    }
}

#[cfg(test)]
#[path = "estimate_tests.rs"]
mod tests;
