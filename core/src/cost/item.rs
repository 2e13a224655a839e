//! `Line` and `Item`: one thing that costs, by the hour it stands or by what is used of it.

use serde::Serialize;

use super::{Money, Quantity, prices};

/// How something is paid for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Basis {
    /// By the hour or month that it stands.
    Fixed,
    /// By what is used of it, which nobody knows beforehand.
    Metered,
}

/// What a resource or a task is charged for: a key of the price table, and how much of it.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Line {
    /// In words: "NAT gateway".
    pub what: String,
    /// The service of the table.
    pub service: &'static str,
    /// The key of the table: `NAT gateway/hour`.
    pub key: String,
    /// How it is paid for.
    pub basis: Basis,
    /// How much of it a month has; one unit where it is metered.
    pub least: Quantity,
    /// The same at the most that autoscaling may run.
    pub most: Quantity,
    /// Another region than the place's.
    pub region: Option<String>,
    /// What should be known beside it.
    pub note: Option<&'static str>,
}

impl Line {
    /// So much of it, every month.
    pub fn fixed(what: impl Into<String>, service: &'static str, key: impl Into<String>, quantity: Quantity) -> Self {
        Self {
            what: what.into(),
            service,
            key: key.into(),
            basis: Basis::Fixed,
            least: quantity,
            most: quantity,
            region: None,
            note: None,
        }
    }

    /// As much of it as is used.
    pub fn metered(what: impl Into<String>, service: &'static str, key: impl Into<String>) -> Self {
        Self { basis: Basis::Metered, ..Self::fixed(what, service, key, Quantity::of(1)) }
    }

    /// All hours of a month, for so many of it.
    pub fn hours(what: impl Into<String>, service: &'static str, key: impl Into<String>, number: u32) -> Self {
        Self::fixed(what, service, key, Quantity::of(prices().hours).times(number))
    }

    pub fn note(mut self, note: &'static str) -> Self {
        self.note = Some(note);
        self
    }

    pub fn up_to(mut self, most: Quantity) -> Self {
        self.most = most;
        self
    }
}

/// One line of an estimate.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Item {
    /// The key of the stack it is in, or the service whose tasks it is.
    pub scope: String,
    /// What: "NAT gateway".
    pub what: String,
    /// The logical ids of its resources; none for tasks.
    pub resources: Vec<String>,
    /// How it is paid for.
    pub basis: Basis,
    /// How much of it a month has; one unit where it is metered.
    pub quantity: Quantity,
    /// Of what: `hour`, `GB-month`, `vCPU-hour`.
    pub unit: String,
    /// What one unit costs, in USD; none where the table has no price.
    pub unit_price: Option<Money>,
    /// What it costs a month, in USD; none where it is metered or has no price.
    pub monthly: Option<Money>,
    /// The same at the most that autoscaling may run.
    pub monthly_most: Option<Money>,
    /// The region whose price it is.
    pub region: String,
    /// AWS's page with the price.
    pub source: Option<String>,
    /// Whether the price was compared with a public source, or follows from one that was; what was not is to be checked
    /// against AWS's page before anybody relies on it.
    pub compared: bool,
    /// What should be known beside it.
    pub note: Option<String>,
}

impl Item {
    /// The line at the place's prices.
    pub(super) fn of(scope: &str, resource: Option<&str>, region: &str, line: Line) -> Self {
        let region = line.region.as_deref().unwrap_or(region);
        let price = prices().find(line.service, &line.key, region);
        let fixed = |quantity: Quantity| price.filter(|_| line.basis == Basis::Fixed).map(|it| it.times(quantity));
        let unit = line.key.rsplit_once('/').map_or(line.key.as_str(), |(_, unit)| unit);
        Self {
            scope: scope.to_owned(),
            what: line.what.clone(),
            resources: resource.map(str::to_owned).into_iter().collect(),
            basis: line.basis,
            quantity: line.least,
            unit: unit.to_owned(),
            unit_price: price,
            monthly: fixed(line.least),
            monthly_most: fixed(line.most),
            region: region.to_owned(),
            source: prices().services.get(line.service).map(|service| service.source.clone()),
            compared: prices().is_compared(line.service, &line.key, region),
            note: line.note.map(str::to_owned),
        }
    }

    /// Whether both are charged alike, in the same place.
    fn is_like(&self, other: &Self) -> bool {
        self.scope == other.scope
            && self.what == other.what
            && self.basis == other.basis
            && self.unit == other.unit
            && self.unit_price == other.unit_price
            && self.note == other.note
            && self.region == other.region
    }

    /// Takes what is charged alike into one: six alarms are one item.
    pub(super) fn join(&mut self, other: &Self) -> bool {
        if !self.is_like(other) {
            return false;
        }
        if self.basis == Basis::Fixed {
            let sum = |one: Option<Money>, two: Option<Money>| one.zip(two).map(|(one, two)| one + two);
            self.quantity = self.quantity + other.quantity;
            self.monthly = sum(self.monthly, other.monthly);
            self.monthly_most = sum(self.monthly_most, other.monthly_most);
        }
        self.resources.extend(other.resources.iter().cloned());
        true
    }
}
