//! `Money` and `Quantity`: integers, so that sums are exact. No float is near them.

use std::{
    fmt,
    iter::Sum,
    ops::{Add, Neg, Sub},
    str::FromStr,
};

use serde::{Serialize, Serializer};

/// US dollars, in millionths.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Money(i64);

/// How much of something a month has, in thousandths.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Quantity(i64);

/// Millionths in a dollar.
const DOLLAR: i64 = 1_000_000;
/// Millionths in a cent.
const CENT: i64 = 10_000;

impl Money {
    /// Nothing.
    pub const ZERO: Self = Self(0);

    /// Whole dollars.
    pub const fn dollars(dollars: i64) -> Self {
        Self(dollars.saturating_mul(DOLLAR))
    }

    /// Millionths of a dollar.
    pub const fn millionths(millionths: i64) -> Self {
        Self(millionths)
    }

    /// This price for so much, to the nearest millionth.
    pub fn times(self, quantity: Quantity) -> Self {
        let exact = i128::from(self.0) * i128::from(quantity.0);
        let half = if exact < 0 { -500 } else { 500 };
        Self(i64::try_from((exact + half) / 1000).unwrap_or(i64::MAX))
    }

    /// As a price: `$0.045`, `$0.004445`; never fewer than two digits after the point.
    pub fn exact(self) -> String {
        format!("{}${}", if self.0 < 0 { "−" } else { "" }, decimal(self.0.unsigned_abs(), 6, 2))
    }

    /// As a change: `+$36.04`, `−$1.00`, `±$0.00`.
    pub fn signed(self) -> String {
        match cents(self.0) {
            0 => "±$0.00".to_owned(),
            1.. => format!("+{self}"),
            _ => self.to_string(),
        }
    }
}

impl Quantity {
    /// So many.
    pub fn of(number: u32) -> Self {
        Self(i64::from(number) * 1000)
    }

    /// So many thousandths.
    pub const fn thousandths(thousandths: i64) -> Self {
        Self(thousandths)
    }

    /// The same so many times.
    pub fn times(self, number: u32) -> Self {
        Self(self.0.saturating_mul(i64::from(number)))
    }
}

/// The nearest number of cents.
fn cents(millionths: i64) -> i64 {
    let half = if millionths < 0 { -CENT / 2 } else { CENT / 2 };
    millionths.saturating_add(half) / CENT
}

/// A number of `10^-places`, with at least `least` digits after the point.
fn decimal(number: u64, places: usize, least: usize) -> String {
    let digits = format!("{number:0>width$}", width = places + 1);
    let (whole, rest) = digits.split_at(digits.len() - places);
    let rest = rest.trim_end_matches('0');
    match rest.len().max(least) {
        0 => whole.to_owned(),
        width => format!("{whole}.{rest:0<width$}"),
    }
}

/// `$138.73`, to the cent; `−$1.00`.
impl fmt::Display for Money {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let cents = cents(self.0);
        let sign = if cents < 0 { "−" } else { "" };
        write!(f, "{sign}${}", decimal(cents.unsigned_abs(), 2, 2))
    }
}

/// `730`, `182.5`.
impl fmt::Display for Quantity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.0 < 0 { "−" } else { "" };
        write!(f, "{sign}{}", decimal(self.0.unsigned_abs(), 3, 0))
    }
}

impl FromStr for Money {
    type Err = String;

    /// `0.04048`, `50`: digits, and at most six after the point.
    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("`{text}` is no amount: write 50 or 12.50");
        let (whole, rest) = text.split_once('.').unwrap_or((text, ""));
        let is_number = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
        if whole.is_empty() || !is_number(whole) || !is_number(rest) || rest.len() > 6 || text.ends_with('.') {
            return Err(wrong());
        }
        let number: i64 = format!("{whole}{rest:0<6}").parse().map_err(|_| wrong())?;
        Ok(Self(number))
    }
}

/// In JSON an amount is a decimal text, since a float would round it: `"138.7316"`.
impl Serialize for Money {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let sign = if self.0 < 0 { "-" } else { "" };
        serializer.serialize_str(&format!("{sign}{}", decimal(self.0.unsigned_abs(), 6, 2)))
    }
}

/// The same as [`Money`].
impl Serialize for Quantity {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let sign = if self.0 < 0 { "-" } else { "" };
        serializer.serialize_str(&format!("{sign}{}", decimal(self.0.unsigned_abs(), 3, 0)))
    }
}

impl Add for Money {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }
}

impl Sub for Money {
    type Output = Self;

    fn sub(self, other: Self) -> Self {
        Self(self.0.saturating_sub(other.0))
    }
}

impl Neg for Money {
    type Output = Self;

    fn neg(self) -> Self {
        Self(self.0.saturating_neg())
    }
}

impl Sum for Money {
    fn sum<I: Iterator<Item = Self>>(all: I) -> Self {
        all.fold(Self::ZERO, Add::add)
    }
}

impl Add for Quantity {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn money(text: &str) -> Money {
        text.parse().unwrap()
    }

    #[test]
    fn amounts_are_read_exactly_or_not_at_all() {
        assert_eq!(money("0.004445"), Money(4_445));
        assert_eq!(money("50"), Money::dollars(50));
        for wrong in ["", ".5", "5.", "-1", "1e3", "0.0000001", "12,5", "$5", "99999999999999999999"] {
            assert!(wrong.parse::<Money>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn what_floats_would_round_is_exact() {
        // 0.1 + 0.2, and a sum of a thousand tenths of a cent.
        assert_eq!(money("0.1") + money("0.2"), money("0.3"));
        assert_eq!((0..1000).map(|_| money("0.001")).sum::<Money>(), money("1"));
        // 182.5 vCPU-hours.
        assert_eq!(money("0.04048").times(Quantity::thousandths(182_500)), money("7.3876"));
        // Half a millionth goes up, on both sides of nothing.
        assert_eq!(Money(1).times(Quantity::thousandths(500)), Money(1));
        assert_eq!((-Money(1)).times(Quantity::thousandths(500)), -Money(1));
    }

    #[test]
    fn people_see_cents_and_prices_whole() {
        assert_eq!(money("138.7349").to_string(), "$138.73");
        assert_eq!(money("138.735").to_string(), "$138.74");
        assert_eq!(money("0.004445").exact(), "$0.004445");
        assert_eq!((money("0.1").exact(), money("5").exact()), ("$0.10".into(), "$5.00".into()));
        let signed = [money("36.04"), -money("36.04"), money("0.001")].map(Money::signed);
        assert_eq!(signed, ["+$36.04", "−$36.04", "±$0.00"]);
        assert_eq!(Quantity::thousandths(182_500).to_string(), "182.5");
        assert_eq!(Quantity::of(730).to_string(), "730");
    }

    #[test]
    fn programs_see_decimal_texts() {
        assert_eq!(serde_json::to_string(&money("138.7316")).unwrap(), "\"138.7316\"");
        assert_eq!(serde_json::to_string(&-money("36")).unwrap(), "\"-36.00\"");
        assert_eq!(serde_json::to_string(&Quantity::thousandths(-1_500)).unwrap(), "\"-1.5\"");
    }
}
