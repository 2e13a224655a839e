//! `CostChange`: what an environment costs before a plan and after it.
//!
//! Before is read from what is there: the template of each stack that the plan would change (the plan has read it, to
//! compare it), and the definition and number of tasks of each service that it would change. What the plan leaves alone
//! costs the same before and after. Where something is there that was not read, before is not known, and nothing is
//! guessed.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;
use serde_json::Value as Json;

use super::{
    Estimate, Money,
    estimate::{Sheet, tasks_of},
    tasks::Size,
};
use crate::{
    infra::{self, StackDesired},
    plan::{Action, Plan, PutStack, StackMove, World},
    workflow::{Capacity, Environment, Service},
};

/// An item whose cost a plan changes.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ItemChange {
    /// The key of the stack, or the service.
    pub scope: String,
    /// What.
    pub what: String,
    /// USD a month before; none where it is not there.
    pub before: Option<Money>,
    /// USD a month after; none where it goes away.
    pub after: Option<Money>,
}

/// The sums of a change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct CostSum {
    /// USD a month before; none where something that is there was not read.
    pub before: Option<Money>,
    /// USD a month after.
    pub after: Money,
    /// The same with tasks at the most that autoscaling runs.
    pub after_most: Money,
    /// What it changes by; none where before is not known.
    pub change: Option<Money>,
    /// Whether something is paid by use, on top.
    pub usage: bool,
    /// How many things have no price in the table.
    pub not_priced: usize,
}

/// What an environment costs before a plan and after it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct CostChange {
    /// The sums.
    #[serde(flatten)]
    pub sum: CostSum,
    /// The items that change.
    pub changes: Vec<ItemChange>,
    /// What is there and was not read, in words.
    pub unknown: Vec<String>,
    /// Everything as it will be.
    pub estimate: Estimate,
}

impl CostChange {
    /// From a plan and the world it was drawn from.
    pub fn of(env: &Environment, plan: &Plan, world: &World) -> Self {
        let mut before = Before { env, world, estimate: Estimate::default(), unknown: Vec::new(), unread: Vec::new() };
        let puts = puts(plan);
        for stack in infra::stacks(env) {
            before.stack(&stack, puts.get(stack.key.as_str()).copied());
        }
        let touched = touched(plan);
        for service in env.services.values() {
            before.service(service, touched.contains(service.name.as_str()));
        }
        before.tell_of_unread();
        let Before { estimate, unknown, .. } = before;
        let (before, estimate) = (estimate.finish(), Estimate::of(env));
        let known = unknown.is_empty().then_some(before.monthly);
        let sum = CostSum {
            before: known,
            after: estimate.monthly,
            after_most: estimate.monthly_most,
            change: known.map(|known| estimate.monthly - known),
            usage: estimate.usage,
            not_priced: estimate.not_priced.len(),
        };
        Self { sum, changes: differences(&before, &estimate), unknown, estimate }
    }
}

impl CostSum {
    /// Whether a run would raise the cost by more than this a month. Where before is not known, all that will be paid
    /// counts: a limit that lets through what it cannot see is none.
    pub fn rises_over(&self, limit: Money) -> bool {
        self.change.unwrap_or(self.after) > limit
    }

    /// `cost +$36.04/month ($154.17 → $190.21) + usage`.
    pub fn line(&self) -> String {
        let text = match (self.before, self.change) {
            (Some(before), Some(change)) if change == Money::ZERO => format!("cost {before}/month, unchanged"),
            (Some(before), Some(change)) => format!("cost {}/month ({before} → {})", change.signed(), self.after),
            _ => format!("cost {}/month after, before not known", self.after),
        };
        text + &self.beside()
    }

    /// `$138.73/month + usage`: as it will be.
    pub fn after_words(&self) -> String {
        format!("{}/month{}", self.after, self.beside())
    }

    /// What comes on top of a sum.
    fn beside(&self) -> String {
        let mut text = String::new();
        if self.usage {
            text.push_str(" + usage");
        }
        if self.not_priced > 0 {
            text.push_str(&format!(" + {} not priced", self.not_priced));
        }
        text
    }
}

/// What a plan does to each stack: the last word about it that has a template.
fn puts(plan: &Plan) -> BTreeMap<&str, &PutStack> {
    let mut puts = BTreeMap::new();
    for (_, action) in plan.actions() {
        if let Action::PutStack(put) = action
            && put.step != StackMove::Protect
        {
            puts.entry(put.key.as_str()).or_insert(put.as_ref());
        }
    }
    puts
}

/// The services whose tasks a plan touches: their definition, settings or scaling.
fn touched(plan: &Plan) -> BTreeSet<&str> {
    plan.actions()
        .filter_map(|(_, action)| match action {
            Action::RegisterTaskDefinition(it) => Some(it.service.as_str()),
            Action::PutService(it) => Some(it.service.as_str()),
            Action::PutScaling(it) => Some(it.service.as_str()),
            _ => None,
        })
        .collect()
}

struct Before<'a> {
    env: &'a Environment,
    world: &'a World,
    estimate: Estimate,
    unknown: Vec<String>,
    /// Services whose revision was not read.
    unread: Vec<String>,
}

impl Before<'_> {
    /// They may be hundreds, and are one thing.
    fn tell_of_unread(&mut self) {
        const NAMED: usize = 3;
        let names = self.unread.iter().take(NAMED).cloned().collect::<Vec<_>>().join(", ");
        self.unknown.extend(match self.unread.len() {
            0 => None,
            1 => Some(format!("the revision that {names} runs was not read")),
            2..=NAMED => Some(format!("the revisions that {names} run were not read")),
            all => Some(format!("the revisions that {names} and {} more run were not read", all - NAMED)),
        });
    }

    fn stack(&mut self, desired: &StackDesired, put: Option<&PutStack>) {
        let name = self.env.stack_name(&desired.key);
        let Some(seen) = self.world.stacks.get(&name) else { return };
        match put.map(|put| put.step) {
            // What a run makes anew is not there, or is nothing that works.
            Some(StackMove::Create | StackMove::Recreate) => {}
            Some(StackMove::Attach) => self.unknown.push(format!("stack {name} is {}", seen.status.0)),
            Some(StackMove::Update) => match self.world.templates.get(&name).and_then(Option::as_ref) {
                Some(template) => {
                    let template = with_what_was_left_out(template, desired, &seen.left_out());
                    let region = desired.region.as_deref().unwrap_or(&self.env.region);
                    let parameters = &seen.parameters;
                    self.estimate
                        .sheet(self.env, Sheet { scope: &desired.key, region, template: &template, parameters });
                }
                None => self.unknown.push(format!("the template of stack {name} could not be read")),
            },
            Some(StackMove::Protect | StackMove::Unprotect | StackMove::Import | StackMove::Delete) | None
                if seen.status.is_settled() =>
            {
                self.estimate.stack(self.env, desired)
            }
            // A refused node has no action; what stands there is whatever it was left as.
            Some(StackMove::Protect | StackMove::Unprotect | StackMove::Import | StackMove::Delete) | None => {
                self.unknown.push(format!("stack {name} is {}", seen.status.0))
            }
        }
    }

    fn service(&mut self, service: &Service, touched: bool) {
        let Some(seen) = self.world.service(&service.name) else {
            // A scheduled task is no service of ECS's; what it costs is by use, before and after.
            if !service.is_running() {
                self.estimate.service(self.env, service);
            }
            return;
        };
        if !touched {
            return self.estimate.service(self.env, service);
        }
        let name = &service.name;
        let newest = self.world.task_definitions.get(&self.env.family(name)).and_then(Option::as_ref);
        let running = newest.filter(|newest| newest.arn == seen.revision);
        let told = || Size::of(&seen.made_from()?.size);
        let Some(size) = running.and_then(|running| Size::of(&running.json)).or_else(told) else {
            self.unread.push(name.clone());
            return;
        };
        // The bounds of autoscaling are not read by a plan, and how many tasks run right now is the load's to say.
        let (fewest, most) = match seen.scales {
            true if service.scaling.is_some() => tasks_of(service),
            _ => (seen.desired, seen.desired),
        };
        let spot = seen.json["capacityProviderStrategy"][0]["capacityProvider"] == "FARGATE_SPOT";
        let capacity = if spot { Capacity::FargateSpot } else { Capacity::Fargate };
        self.estimate.tasks(name, &self.env.region, size.running(capacity, fewest, most));
    }
}

/// The template, with the resources of types that the endpoint did not know: they are not there, but no change either.
fn with_what_was_left_out(template: &Json, desired: &StackDesired, left_out: &BTreeSet<String>) -> Json {
    let mut template = template.clone();
    if left_out.is_empty() {
        return template;
    }
    let wanted = desired.to_json();
    if let (Some(have), Some(wanted)) = (template["Resources"].as_object_mut(), wanted["Resources"].as_object()) {
        for (id, resource) in wanted {
            if resource["Type"].as_str().is_some_and(|kind| left_out.contains(kind)) {
                have.entry(id.clone()).or_insert_with(|| resource.clone());
            }
        }
    }
    template
}

/// The items that differ by what they cost.
fn differences(before: &Estimate, after: &Estimate) -> Vec<ItemChange> {
    type Key<'a> = (&'a str, &'a str);
    let mut all: BTreeMap<Key<'_>, (Option<Money>, Option<Money>)> = BTreeMap::new();
    let add = |sum: &mut Option<Money>, more: Money| *sum = Some(sum.unwrap_or_default() + more);
    for item in &before.items {
        if let Some(monthly) = item.monthly {
            add(&mut all.entry((&item.scope, &item.what)).or_default().0, monthly);
        }
    }
    for item in &after.items {
        if let Some(monthly) = item.monthly {
            add(&mut all.entry((&item.scope, &item.what)).or_default().1, monthly);
        }
    }
    all.into_iter()
        .filter(|(_, (before, after))| before != after)
        .map(|((scope, what), (before, after))| ItemChange {
            scope: scope.to_owned(),
            what: what.to_owned(),
            before,
            after,
        })
        .collect()
}

#[cfg(test)]
#[path = "change_tests.rs"]
mod tests;
