//! What an environment costs: from rendered templates and services' definitions to monthly items.
//!
//! Only list prices of the table in this folder ([`prices`]) are used, in integers ([`Money`]). What is paid by the hour
//! or month is summed; what is paid by use is named with its price and left out of the sum; what has no price is named as
//! not priced. A new kind of resource is one arm in `resources.rs` and its price in `prices.json`.

mod change;
mod estimate;
mod item;
mod money;
mod prices;
mod resources;
mod tasks;

pub use change::{CostChange, CostSum, ItemChange};
pub use estimate::{Estimate, NotPriced};
pub use item::{Basis, Item};
pub use money::{Money, Quantity};
pub use prices::{Comparison, Derivation, Prices, Rule, ServicePrices, prices};
