//! Names as CloudFormation's logical ids take them.

/// The name of a service in logical ids and outputs, which take letters and digits only: `nightly-report` is
/// `NightlyReport`.
pub fn pascal(name: &str) -> String {
    name.split(|c: char| !c.is_ascii_alphanumeric())
        .filter_map(|word| {
            let mut letters = word.chars();
            letters.next().map(|first| first.to_ascii_uppercase().to_string() + letters.as_str())
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_services_become_logical_ids() {
        assert_eq!(pascal("api"), "Api");
        assert_eq!(pascal("nightly-report"), "NightlyReport");
        assert_eq!(pascal("web-2"), "Web2");
    }
}
