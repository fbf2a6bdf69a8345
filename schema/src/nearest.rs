//! "Did you mean": the known name that is nearest to a wrong one. Nothing else says how near is near enough.

/// Longer texts are nobody's misspelling, and distances cost the product of both lengths.
const LONGEST_BYTES: usize = 64;

/// The known name that a wrong one is a misspelling of, if it is one: of several that are as near the first by alphabet. Case
/// does not count, and a hyphen is an underscore.
pub fn nearest<'a>(wrong: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    if wrong.len() > LONGEST_BYTES {
        return None;
    }
    let most = (wrong.len() / 3).clamp(1, 3);
    let flat = |name: &str| name.replace('-', "_").to_ascii_lowercase();
    let meant = flat(wrong);
    known
        .into_iter()
        // What is that much longer or shorter is that far away.
        .filter(|name| *name != wrong && name.len().abs_diff(wrong.len()) <= most)
        .map(|name| (strsim::damerau_levenshtein(&meant, &flat(name)), name))
        .filter(|(distance, _)| *distance <= most)
        .min()
        .map(|(_, name)| name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_misspelling_is_near_and_another_word_is_not() {
        let known = ["timeout", "concurrency", "one_at_a_time"];
        assert_eq!(nearest("timeuot", known), Some("timeout"));
        assert_eq!(nearest("one-at-a-time", known), Some("one_at_a_time"));
        assert_eq!(nearest("colour", known), None);
        assert_eq!(nearest("timeout", known), None, "what it is itself is not advice");
        assert_eq!(nearest("helpdsk", ["shop", "helpdesk"]), Some("helpdesk"));
        assert_eq!(nearest("ab", ["ac", "aa"]), Some("aa"), "the same each time");
        assert_eq!(nearest(&"t".repeat(1_000_000), known), None);
    }
}
