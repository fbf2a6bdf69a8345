//! "Did you mean": the known name that is closest to a misspelled one.

/// The known name that is closest to a misspelled one, if any is close.
pub fn closest<'a>(wrong: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    // A long key is nobody's misspelling, and distances cost the product of both lengths.
    if wrong.len() > 64 {
        return None;
    }
    let most = (wrong.len() / 3).clamp(1, 3);
    let flat = |name: &str| name.replace('-', "_").to_ascii_lowercase();
    known
        .into_iter()
        .map(|name| (strsim::damerau_levenshtein(&flat(wrong), &flat(name)), name))
        .filter(|(distance, _)| *distance <= most)
        .min()
        .map(|(_, name)| name)
}

/// Names in backquotes, joined by commas.
pub fn listed<T: AsRef<str>>(names: &[T]) -> String {
    let quoted: Vec<String> = names.iter().map(|name| format!("`{}`", name.as_ref())).collect();
    quoted.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_misspelling_is_close_and_another_word_is_not() {
        let known = ["timeout", "concurrency", "one_at_a_time"];
        assert_eq!(closest("timeuot", known), Some("timeout"));
        assert_eq!(closest("one-at-a-time", known), Some("one_at_a_time"));
        assert_eq!(closest("colour", known), None);
        assert_eq!(closest(&"t".repeat(1_000_000), known), None);
    }
}
