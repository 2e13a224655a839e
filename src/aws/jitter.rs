//! What keeps apart those who were refused together.

use std::time::{SystemTime, UNIX_EPOCH};

/// From 0 to 1, of the clock's last digits: no more chance than that is needed.
pub fn jitter() -> f64 {
    let digits = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |now| now.subsec_micros() % 1000);
    f64::from(digits) / 1000.0
}
