//! The price table: AWS's list prices on demand, by service, with the page to check each against and the day it was
//! noted. Beside them stands where each comes from: the public source that it was compared with, the rule by which it
//! follows from one that was, or that it was compared with nothing ([`Prices::is_compared`]): docs/cost.md.
//!
//! [`prices.json`](prices.json) is the data. A price that is not in it is not guessed: what it would price is named as
//! not priced. A key is `NAME/UNIT`; a price that is the same in every region stands under `global`.

use std::{collections::BTreeMap, sync::LazyLock};

use serde::Deserialize;

use super::Money;

/// The whole table.
#[derive(Debug, Default, Deserialize)]
pub struct Prices {
    /// Hours a month, as AWS's own calculator counts them.
    /// <https://docs.aws.amazon.com/pricing-calculator/latest/userguide/what-is-pricing-calculator.html>
    #[serde(rename = "hours-a-month")]
    pub hours: u32,
    /// By service.
    pub services: BTreeMap<String, ServicePrices>,
}

/// The prices of a service.
#[derive(Debug, Deserialize)]
pub struct ServicePrices {
    /// AWS's page.
    pub source: String,
    /// The day it was noted: `2026-11-25`.
    pub noted: String,
    /// What some of its prices were held against.
    #[serde(default)]
    pub compared: Vec<Comparison>,
    /// What follows from a price that was compared.
    #[serde(default)]
    pub derived: Vec<Derivation>,
    /// What was only noted: `NAME/UNIT` → regions. Every price is in one of the three.
    #[serde(default)]
    pub uncompared: BTreeMap<String, Vec<String>>,
    /// `NAME/UNIT` → region → amount.
    prices: BTreeMap<String, BTreeMap<String, String>>,
}

/// Prices of the table that a public source has too, and alike.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Comparison {
    /// The source's address.
    pub with: String,
    /// The day the source's figures are of, where it says.
    pub published: Option<String>,
    /// The day of the comparison.
    pub on: String,
    /// What the comparison does not show by itself: another engine, a sum rounded to cents.
    pub note: Option<String>,
    /// `NAME/UNIT` → regions.
    pub prices: BTreeMap<String, Vec<String>>,
}

/// Prices that follow from others of the table.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Derivation {
    /// How.
    pub rule: Rule,
    /// The page that says so.
    pub page: String,
    /// `NAME/UNIT` → regions.
    pub prices: BTreeMap<String, Vec<String>>,
}

/// How a price follows from another, to a tenth of a cent, to which AWS rounds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Rule {
    /// Twice the price in one zone: the standby is paid for like what it stands by for.
    TwoZones,
    /// Twice the next smaller size of the family.
    NextSize,
}

/// The table of the repository.
pub fn prices() -> &'static Prices {
    static PRICES: LazyLock<Prices> =
        LazyLock::new(|| serde_json::from_str(include_str!("prices.json")).unwrap_or_default());
    &PRICES
}

impl Prices {
    /// What one unit costs in this region; none where the table does not say.
    pub fn find(&self, service: &str, key: &str, region: &str) -> Option<Money> {
        let by_region = self.services.get(service)?.prices.get(key)?;
        by_region.get("global").or_else(|| by_region.get(region))?.parse().ok()
    }

    /// Whether that price was compared with a public source, or follows from one that was.
    pub fn is_compared(&self, service: &str, key: &str, region: &str) -> bool {
        self.services.get(service).is_some_and(|service| {
            let uncompared = service.uncompared.get(key);
            service.prices.contains_key(key) && !uncompared.is_some_and(|all| all.iter().any(|it| it == region))
        })
    }

    /// Whether the region is in the table at all.
    pub fn knows(&self, region: &str) -> bool {
        self.services.get("fargate").is_some_and(|fargate| fargate.prices.values().any(|it| it.contains_key(region)))
    }

    /// The regions that are in the table.
    pub fn regions(&self) -> Vec<&str> {
        let fargate = self.services.get("fargate").and_then(|fargate| fargate.prices.values().next());
        fargate.into_iter().flat_map(BTreeMap::keys).map(String::as_str).collect()
    }

    /// The oldest day on which a price of the table was noted.
    pub fn noted(&self) -> &str {
        self.services.values().map(|service| service.noted.as_str()).min().unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::{
        cost::{Basis, Estimate},
        testing::example,
    };

    /// To which AWS rounds an hour of a database.
    const TENTH_OF_A_CENT: Money = Money::millionths(1_000);

    #[test]
    fn r21_every_price_is_an_amount_with_a_source_and_a_day() {
        let prices = prices();
        assert_eq!(prices.hours, 730);
        for (name, service) in &prices.services {
            assert!(service.source.starts_with("https://aws.amazon.com/"), "{name}");
            assert!(service.noted.parse::<jiff::civil::Date>().is_ok(), "{name}: {}", service.noted);
            for (key, by_region) in &service.prices {
                assert!(key.contains('/') && !by_region.is_empty(), "{name}: {key}");
                for (region, price) in by_region {
                    let amount: Money = price.parse().unwrap_or_else(|why| panic!("{name} {key} {region}: {why}"));
                    assert!(amount > Money::ZERO && amount < Money::dollars(10), "{name} {key} {region}: {amount}");
                    assert!(region == "global" || prices.knows(region), "{name} {key}: {region}");
                }
            }
        }
    }

    /// The cells of the table, as `(key, region)`.
    fn cells<'a>(lists: impl IntoIterator<Item = &'a BTreeMap<String, Vec<String>>>) -> Vec<(&'a str, &'a str)> {
        let each = |(key, regions): (&'a String, &'a Vec<String>)| {
            assert!(!regions.is_empty(), "{key} in no region");
            regions.iter().map(|region| (key.as_str(), region.as_str())).collect::<Vec<_>>()
        };
        lists.into_iter().flat_map(|list| list.iter().flat_map(each)).collect()
    }

    #[test]
    fn r21_what_was_compared_has_an_address_and_days() {
        for (name, service) in &prices().services {
            for it in &service.compared {
                assert!(it.with.starts_with("https://"), "{name}: {}", it.with);
                for day in it.published.iter().chain([&it.on]) {
                    assert!(day.parse::<jiff::civil::Date>().is_ok(), "{name}: {day}");
                }
                assert!(it.published.as_ref() <= Some(&it.on), "{name}: {} is of a later day", it.with);
                assert!(!it.prices.is_empty(), "{name}: {} compares nothing", it.with);
            }
            for it in &service.derived {
                assert!(it.page.starts_with("https://") && it.page.contains("aws.amazon.com/"), "{name}: {}", it.page);
            }
        }
    }

    /// Each price is compared, derived or named as neither, and as one of these only; docs/cost.md has the numbers.
    #[test]
    fn r21_every_price_names_its_source_or_is_listed_as_compared_with_none() {
        let docs = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/cost.md");
        let docs = std::fs::read_to_string(docs).unwrap();
        let mut sums = [0; 4];
        for (name, service) in &prices().services {
            let all: BTreeSet<(&str, &str)> = service
                .prices
                .iter()
                .flat_map(|(key, by_region)| by_region.keys().map(|region| (key.as_str(), region.as_str())))
                .collect();
            let compared: BTreeSet<_> = cells(service.compared.iter().map(|it| &it.prices)).into_iter().collect();
            let derived: BTreeSet<_> = cells(service.derived.iter().map(|it| &it.prices)).into_iter().collect();
            let uncompared: BTreeSet<_> = cells([&service.uncompared]).into_iter().collect();
            let named: BTreeSet<_> = compared.iter().chain(&derived).chain(&uncompared).copied().collect();
            assert_eq!(named, all, "{name}: a price with no source that is not listed, or a list of what is not there");
            let numbers = [all.len(), compared.len(), derived.len(), uncompared.len()];
            assert_eq!(numbers[1..].iter().sum::<usize>(), numbers[0], "{name}: a price stands in two lists");
            for (key, region) in all {
                let listed = uncompared.contains(&(key, region));
                assert_eq!(prices().is_compared(name, key, region), !listed, "{name} {key} {region}");
            }
            let [whole, compared, derived, uncompared] = numbers;
            let row = format!("| `{name}` | {whole} | {compared} | {derived} | {uncompared} |");
            assert!(docs.contains(&row), "docs/cost.md lacks {row}");
            sums.iter_mut().zip(numbers).for_each(|(sum, number)| *sum += number);
        }
        let [whole, compared, derived, uncompared] = sums;
        let row = format!("| all | {whole} | {compared} | {derived} | {uncompared} |");
        assert!(docs.contains(&row), "docs/cost.md lacks {row}");
    }

    #[test]
    fn r21_what_is_derived_follows_from_a_price_that_was_compared() {
        for (name, service) in &prices().services {
            for it in &service.derived {
                for (key, region) in cells([&it.prices]) {
                    let base = match it.rule {
                        Rule::TwoZones => key.replace(" multi-az/", " single-az/"),
                        Rule::NextSize => key.replace(".2xlarge ", ".xlarge "),
                    };
                    assert_ne!(base, key, "{name}: {:?} is no rule for it", it.rule);
                    assert!(prices().is_compared(name, &base, region), "{name} {key} {region}: {base} was not");
                    let amount = |key: &str| prices().find(name, key, region).unwrap();
                    let apart = amount(key) - amount(&base) - amount(&base);
                    assert!(apart <= TENTH_OF_A_CENT && -apart <= TENTH_OF_A_CENT, "{key} {region}: {apart}");
                }
            }
        }
    }

    /// Nothing that the example pays for by the month rests on a figure that was compared with nothing.
    #[test]
    fn r21_what_the_example_pays_by_the_month_was_compared() {
        for name in ["staging", "production"] {
            let estimate = Estimate::of(&example(name));
            let fixed = estimate.items.iter().filter(|item| item.basis == Basis::Fixed);
            let open: Vec<&str> = fixed.filter(|item| !item.compared).map(|item| item.what.as_str()).collect();
            assert!(open.is_empty(), "{name}: {open:?}");
        }
    }

    #[test]
    fn r21_four_regions_have_prices_and_another_has_none() {
        assert_eq!(prices().regions(), ["eu-west-1", "sa-east-1", "us-east-1", "us-west-2"]);
        assert!(!prices().knows("ap-south-1"));
        assert_eq!(prices().find("vpc", "NAT gateway/hour", "ap-south-1"), None);
        assert_eq!(prices().find("vpc", "NAT gateway/hour", "us-east-1"), "0.045".parse().ok());
        assert_eq!(prices().find("route53", "hosted zone/month", "ap-south-1"), "0.5".parse().ok());
    }

    /// Figures that people know by heart, against a slip of the pen.
    #[test]
    fn r21_known_prices_are_what_they_are() {
        for (service, key, price) in [
            ("fargate", "x86/vCPU-hour", "0.04048"),
            ("fargate", "x86/GB-hour", "0.004445"),
            ("load-balancer", "application/hour", "0.0225"),
            ("vpc", "public IPv4/hour", "0.005"),
            ("rds", "db.t3.micro single-az/hour", "0.018"),
            ("rds", "db.t3.micro multi-az/hour", "0.036"),
            ("rds", "gp2 single-az/GB-month", "0.115"),
            ("waf", "web ACL/month", "5"),
            ("secrets-manager", "secret/month", "0.4"),
        ] {
            assert_eq!(prices().find(service, key, "us-east-1"), price.parse().ok(), "{key}");
        }
    }

    /// A standby costs about as much as what it stands by for; rounding to a tenth of a cent is AWS's.
    #[test]
    fn r21_two_zones_cost_twice_as_much_as_one() {
        let rds = &prices().services["rds"].prices;
        for (key, by_region) in rds.iter().filter(|(key, _)| key.contains(" multi-az/")) {
            let single = &rds[&key.replace(" multi-az/", " single-az/")];
            for (region, price) in by_region {
                let (two, one): (Money, Money) = (price.parse().unwrap(), single[region].parse().unwrap());
                let apart = two - one - one;
                assert!(apart <= TENTH_OF_A_CENT && -apart <= TENTH_OF_A_CENT, "{key} {region}");
            }
        }
    }
}
