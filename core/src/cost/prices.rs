//! The price table: AWS's list prices on demand, by service, with the page to check each against and the day it was
//! noted. Which of them were compared with a public source, and with which, stands beside them; the others were only
//! noted: docs/cost.md.
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
    /// What some of its prices were held against; a price that none names was only noted.
    #[serde(default)]
    pub compared: Vec<Comparison>,
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
    use super::*;

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

    #[test]
    fn r21_what_was_compared_is_in_the_table_with_an_address_and_days() {
        let mut compared = 0;
        for (name, service) in &prices().services {
            for it in &service.compared {
                assert!(it.with.starts_with("https://"), "{name}: {}", it.with);
                for day in it.published.iter().chain([&it.on]) {
                    assert!(day.parse::<jiff::civil::Date>().is_ok(), "{name}: {day}");
                }
                assert!(it.published.as_ref() <= Some(&it.on), "{name}: {} is of a later day", it.with);
                assert!(!it.prices.is_empty(), "{name}: {} compares nothing", it.with);
                for (key, regions) in &it.prices {
                    assert!(!regions.is_empty(), "{name}: {key} in no region");
                    for region in regions {
                        let price = service.prices.get(key).and_then(|by_region| by_region.get(region));
                        assert!(price.is_some(), "{name} {key} {region}: compared, but not in the table");
                        compared += 1;
                    }
                }
            }
        }
        assert!(compared > 0);
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
                assert!(apart <= Money::millionths(1_000) && -apart <= Money::millionths(1_000), "{key} {region}");
            }
        }
    }
}
