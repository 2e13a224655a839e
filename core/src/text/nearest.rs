//! The name that was meant.

/// The candidate nearest to `word`, where one is near enough to be what was meant: at most a third of its
/// letters may differ, a swap of neighbours counting once.
pub fn nearest<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let limit = (word.chars().count() / 3).max(1);
    candidates
        .into_iter()
        .map(|candidate| (strsim::damerau_levenshtein(word, candidate), candidate))
        .filter(|(distance, _)| *distance <= limit)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

#[cfg(test)]
mod tests {
    use super::nearest;

    #[test]
    fn finds_what_was_meant_and_nothing_far_away() {
        let keys = ["cpu", "memory", "command"];
        assert_eq!(nearest("cup", keys), Some("cpu"));
        assert_eq!(nearest("memroy", keys), Some("memory"));
        assert_eq!(nearest("replicas", keys), None);
    }
}
