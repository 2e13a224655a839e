//! Moments as AWS tells them, seconds since 1970, and as people read them.

use jiff::Timestamp;

/// The moment, to the second.
pub fn moment(seconds: f64) -> Option<Timestamp> {
    #[allow(clippy::cast_possible_truncation)]
    Timestamp::from_second(seconds as i64).ok()
}

/// `2026-11-25 14:02 UTC`.
pub fn utc(at: Timestamp) -> String {
    at.strftime("%Y-%m-%d %H:%M UTC").to_string()
}
