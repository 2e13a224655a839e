//! The platform an image is for, as in `linux/arm64`.

use serde::{Deserialize, Serialize};

/// Operating system, processor and its variant.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Deserialize, Serialize)]
pub struct Platform {
    /// `linux`.
    pub os: String,
    /// `amd64` or `arm64`.
    pub architecture: String,
    /// `v8`; what is absent here matches any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub variant: Option<String>,
}

impl Platform {
    /// Reads `os/architecture[/variant]`.
    pub fn parse(text: &str) -> Option<Self> {
        let mut parts = text.split('/');
        let mut part = || parts.next().map(str::to_owned);
        let (os, architecture, variant) = (part()?, part()?, part());
        let plain = |s: &String| !s.is_empty() && s.bytes().all(|b| b.is_ascii_alphanumeric());
        let fits = plain(&os) && plain(&architecture) && variant.as_ref().is_none_or(plain) && parts.next().is_none();
        fits.then_some(Self { os, architecture, variant })
    }

    /// Whether an image made for `made` runs where `self` is asked for.
    pub fn accepts(&self, made: &Self) -> bool {
        let variant = match (&self.variant, &made.variant) {
            (Some(wanted), Some(made)) => wanted == made,
            _ => true,
        };
        self.os == made.os && self.architecture == made.architecture && variant
    }
}

impl std::fmt::Display for Platform {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}", self.os, self.architecture)?;
        self.variant.as_ref().map_or(Ok(()), |variant| write!(f, "/{variant}"))
    }
}

#[cfg(test)]
mod tests {
    use super::Platform;

    #[test]
    fn an_absent_variant_matches_any() {
        let read = |text| Platform::parse(text).expect(text);
        assert!(read("linux/arm64").accepts(&read("linux/arm64/v8")));
        assert!(read("linux/arm64/v8").accepts(&read("linux/arm64")));
        assert!(!read("linux/arm64/v8").accepts(&read("linux/arm64/v9")));
        assert!(!read("linux/amd64").accepts(&read("linux/arm64")));
        assert_eq!(read("linux/arm64/v8").to_string(), "linux/arm64/v8");
        for bad in ["linux", "linux/", "/amd64", "linux/amd64/v8/x", "linux/--help"] {
            assert_eq!(Platform::parse(bad), None, "{bad}");
        }
    }
}
